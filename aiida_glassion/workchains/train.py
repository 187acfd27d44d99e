"""TrainWorkChain: a committee of models that differ by their seed, tested on frames that none has seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.common import AttributeDict
from aiida.engine import ExitCode, ProcessBuilder, ProcessSpec, ToContext, WorkChain, if_, while_

from aiida_glassion.calculations.deepmd_test import DeepmdTestCalculation
from aiida_glassion.calculations.deepmd_warm import learned_by, why_cold
from aiida_glassion.data.dataset import DatasetData
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.formats.deepmd.input import cutoff_of
from aiida_glassion.functions.committee import compare_frames, report_committee
from aiida_glassion.functions.dataset import split_dataset
from aiida_glassion.functions.training import count_neighbours
from aiida_glassion.workchains import protocols
from aiida_glassion.workchains.train_inputs import (
    BOTH,
    TEST,
    TRAINING,
    assign_parts,
    check_inputs,
    check_settings,
    member_seed,
    systems_of,
    warm_parameters,
)
from aiida_glassion.workchains.train_member import TrainMemberWorkChain

_SET_HERE = ('training', 'validation', 'parameters', 'seed', 'backend', 'compress', 'warm_start', 'restart')
_HOPELESS = (TrainMemberWorkChain.exit_codes.ERROR_OUT_OF_MEMORY.status,)
"""Ends of a member that another seed does not change."""
_START = 'warm_start_seed_'
_LIKE_ALL = (TrainMemberWorkChain.exit_codes.ERROR_TRAINING_FAILED.status,)
"""Ends that another seed changes only where other members got through."""


class TrainWorkChain(WorkChain):
    """Train a committee of models on the same data from different seeds, and test it on frames held out.

    Where data say little, models that began differently end differently: their disagreement measures, without a label,
    what a committee does not know (H. S. Seung et al., COLT 1992; L. Zhang et al., Phys. Rev. Mater. 3, 023804 (2019)).
    A member that fails is trained again from another seed; one that fails for good is written into the ledger.
    """

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Declare ports, outline and exit codes."""
        super().define(spec)
        spec.expose_inputs(
            TrainMemberWorkChain,
            namespace='member',
            exclude=tuple(f'train.{name}' for name in _SET_HERE),
            namespace_options={'help': 'What every member has in common: the code and options of its jobs.'},
        )
        spec.inputs['member']['train'].validator = None
        spec.expose_inputs(
            DeepmdTestCalculation,
            namespace='test_job',
            exclude=('potential', 'datasets'),
            namespace_options={'help': 'The jobs that test; without a code, that of the training.', 'validator': None},
        )
        spec.input_namespace(
            'datasets', valid_type=DatasetData, dynamic=True, help='Labelled frames to learn from and to test on.'
        )
        for name, words in (
            ('test', 'Frames to test on, never learned from. Absent: some of the datasets, see settings.split.'),
            ('validation', 'Frames watched while learning. Absent: some of the datasets, see settings.split.'),
        ):
            spec.input_namespace(name, valid_type=DatasetData, dynamic=True, required=False, help=words)
        spec.input_namespace(
            'warm_start',
            valid_type=PotentialData,
            dynamic=True,
            required=False,
            help='Frozen, uncompressed models whose weights the members begin with, in the order of their names. One '
            'that does not fit the data (a new element, more neighbours) is left aside; the ledger says so.',
        )
        spec.input(
            'settings',
            valid_type=orm.Dict,
            serializer=orm.to_aiida_type,
            validator=check_settings,
            help='Settings of a protocol, see protocols/train.yaml; lengths Å, energies eV.',
        )
        spec.input(
            'seed',
            valid_type=orm.Int,
            serializer=orm.to_aiida_type,
            help='Seed of the committee; split and members derive theirs from it.',
        )
        spec.input(
            'max_concurrent',
            valid_type=orm.Int,
            serializer=orm.to_aiida_type,
            default=lambda: orm.Int(4),
            help='How many members are trained, or tested, at the same time.',
        )
        spec.inputs.validator = check_inputs
        spec.outline(
            cls.setup,
            cls.split,
            cls.compare,
            if_(cls.has_starts)(cls.check_starts),
            while_(cls.should_train)(cls.train_members, cls.inspect_members),
            cls.count_members,
            while_(cls.should_test)(cls.test_members),
            cls.inspect_tests,
            if_(cls.has_tests)(cls.report_errors),
            cls.results,
        )
        spec.output_namespace(
            'potentials',
            dynamic=True,
            valid_type=PotentialData,
            required=False,
            help='The models, by member; cutoff Å.',
        )
        spec.output_namespace(
            'frozen',
            dynamic=True,
            valid_type=PotentialData,
            required=False,
            help='The uncompressed models, by member, to begin the next training with.',
        )
        spec.output_namespace(
            'learning_curves',
            dynamic=True,
            valid_type=orm.ArrayData,
            required=False,
            help='By member: step, errors on batches in energy eV/atom, forces eV/Å, virial eV/atom.',
        )
        spec.output_namespace(
            'test_set',
            dynamic=True,
            valid_type=DatasetData,
            required=False,
            help='The frames held out of the datasets: the test of the next committee too.',
        )
        spec.output(
            'errors',
            valid_type=orm.Dict,
            required=False,
            help='Errors on the test set, mean and spread over the members with standard errors: energy meV/atom, '
            'forces meV/Å (by element and composition), virial meV/atom; deviation eV/Å; verdict.',
        )
        spec.output(
            'parity',
            valid_type=orm.ArrayData,
            required=False,
            help='Reference and mean prediction on the test set: energies eV, forces eV/Å, virials eV; of each frame '
            'the largest force deviation and error, eV/Å.',
        )
        spec.output('ledger', valid_type=orm.Dict, required=False, help='What failed, with which seed, and why.')
        spec.exit_code(
            500, 'ERROR_TOO_FEW_MEMBERS', message='{trained} of {wanted} models were trained, {fewest} needed: {reason}'
        )
        spec.exit_code(501, 'ERROR_NOT_TESTED', message='No model could be tested: {reason}')

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode,
        datasets: Mapping[str, DatasetData],
        protocol: str | None = None,
        overrides: Mapping[str, Any] | None = None,
        *,
        seed: int = 1,
        committee: int | None = None,
        test: Mapping[str, DatasetData] | None = None,
        validation: Mapping[str, DatasetData] | None = None,
        warm_start: Mapping[str, PotentialData] | None = None,
        options: Mapping[str, Any] | None = None,
        max_concurrent: int = 4,
    ) -> ProcessBuilder:
        """Builder with every choice of a protocol filled in.

        :param code: the ``dp`` program of DeePMD-kit.
        :param datasets: labelled frames, by any names.
        :param protocol: name, see ``protocols/train.yaml``.
        :param overrides: any setting of the protocol, nested.
        :param seed: seed of the committee.
        :param committee: number of models; None: that of the protocol.
        :param test: frames to test on; None: some of the datasets.
        :param validation: frames to watch; None: some of the datasets.
        :param warm_start: uncompressed models to begin with, one for each member.
        :param options: ``metadata.options`` of the training jobs (resources, walltime, queue …).
        :param max_concurrent: members at the same time.
        :raises ValueError: an unknown protocol or setting.
        """
        builder = cls.get_builder()
        changes = {**(overrides or {}), **({} if committee is None else {'committee': committee})}
        builder.settings = orm.Dict(protocols.load('train', protocol, changes))
        builder.seed = orm.Int(seed)
        builder.max_concurrent = orm.Int(max_concurrent)
        builder.datasets = dict(datasets)
        builder.member.train.code = code
        for name, nodes in (('test', test), ('validation', validation), ('warm_start', warm_start)):
            if nodes:
                builder[name] = dict(nodes)
        if options:
            builder.member.train.metadata.options = dict(options)
            builder.test_job.metadata.options = dict(options)
        return builder

    def setup(self) -> None:
        """Line the members up, and the models that they begin with."""
        self.ctx.settings = self.inputs.settings.get_dict()
        numbers = range(1, self.ctx.settings['committee'] + 1)
        self.ctx.queue = [(number, 0) for number in numbers]
        models = dict(self.inputs.get('warm_start', {}))
        self.ctx.starts = dict(zip(numbers, (models[name] for name in sorted(models)), strict=False))
        self.ctx.running, self.ctx.trained, self.ctx.ledger = [], {}, {}
        self.ctx.parameters = orm.Dict(self.ctx.settings['parameters']).store()
        if models:
            self.ctx.warm_parameters = orm.Dict(warm_parameters(self.ctx.settings)).store()

    def split(self) -> None:
        """Divide the datasets into frames to learn from, to watch and to test on."""
        split = self.ctx.settings['split']
        sets: dict[str, dict[str, DatasetData]] = {
            name: dict(self.inputs.get(name, {})) for name in ('test', 'validation')
        }
        training = dict(self.inputs.datasets)
        if not sets['test']:
            plan = assign_parts(systems_of(training), split)
            for name, part in plan.items():
                node = training.pop(name)
                parts = {TRAINING: node} if part == TRAINING else {TEST: node}
                if part == BOTH:
                    parts = self._divide(name, node, 'test')
                sets['test'].update({name: parts[TEST]} if TEST in parts else {})
                training.update({name: parts[TRAINING]} if TRAINING in parts else {})
            for name, node in sets['test'].items():
                self.out(f'test_set.{name}', node)
        if not sets['validation'] and split['validation_fraction']:
            for name, node in list(training.items()):
                if any(system['n_frames'] > 1 for system in node.systems):
                    parts = self._divide(name, node, 'validation')
                    training[name], sets['validation'][name] = parts[TRAINING], parts[TEST]
        self.ctx.training, self.ctx.test, self.ctx.validation = training, sets['test'], sets['validation']

    def _divide(self, name: str, node: DatasetData, kind: str) -> dict[str, DatasetData]:
        """Training and test part of a dataset, by the rule of the settings."""
        split = self.ctx.settings['split']
        held_out = sorted(set(split['test_formulas']) & set(node.formulas)) if kind == 'test' else []
        rule = {'fraction': split[f'{kind}_fraction'], 'seed': self.inputs.seed.value}
        link = {'call_link_label': f'split_{kind}_{name}'}
        parts = split_dataset(node, orm.Dict({'held_out': held_out} if held_out else rule), metadata=link)
        return {TRAINING: parts['train'], TEST: parts['test']}

    def compare(self) -> None:
        """Measure how near the test frames lie to those that are learned."""
        named = {f'training_{name}': node for name, node in self.ctx.training.items()}
        named |= {f'test_{name}': node for name, node in self.ctx.test.items()}
        self.ctx.nearest = compare_frames(**named, metadata={'call_link_label': 'compare_frames'})

    def has_starts(self) -> bool:
        """Whether members are to begin with given models."""
        return bool(self.ctx.starts)

    def check_starts(self) -> None:
        """Leave models aside that do not fit the data: their members begin from nothing, and the ledger says why."""
        parameters = self.ctx.warm_parameters.get_dict()
        elements = sorted({element for node in self.ctx.training.values() for element in node.elements})
        given = self.inputs.member.train.get('type_map', None)
        type_map = None if given is None else given.get_list()
        cutoff = cutoff_of(parameters)
        neighbours: dict[str, int] | None = None
        known = set.intersection(*(learned_by(model) for model in self.ctx.starts.values()))
        new = {f'training_{name}': node for name, node in self.ctx.training.items() if node.uuid not in known}
        for number, model in sorted(self.ctx.starts.items()):
            reason = why_cold(model, parameters, elements, type_map)
            if reason is None and cutoff and new and neighbours is None:
                link = {'call_link_label': 'count_neighbours'}
                neighbours = count_neighbours(orm.Float(cutoff), **new, metadata=link)['most']
            reason = reason or why_cold(model, parameters, elements, type_map, neighbours)
            if reason is None:
                continue
            del self.ctx.starts[number]
            self.report(f'seed_{number} does not begin with the model <{model.pk}>: {reason}')
            self.ctx.ledger[f'{_START}{number}'] = {
                'pk': model.pk, 'seed': member_seed(self.inputs.seed.value, number), 'exit_status': None,
                'reason': reason, 'then': 'trained from nothing',
            }  # fmt: skip

    def should_train(self) -> bool:
        """Whether members wait to be trained."""
        return bool(self.ctx.queue)

    def train_members(self) -> ToContext:
        """Train the next members, as many at a time as allowed."""
        many = self.inputs.max_concurrent.value
        self.ctx.running, self.ctx.queue = self.ctx.queue[:many], self.ctx.queue[many:]
        return ToContext(
            **{
                _label('train', *task): self.submit(TrainMemberWorkChain, **self._inputs_of(*task))
                for task in self.ctx.running
            }
        )

    def _inputs_of(self, number: int, attempt: int) -> AttributeDict:
        """Inputs of a member; only its seed, and the model it begins with, are its own."""
        inputs = AttributeDict(self.exposed_inputs(TrainMemberWorkChain, namespace='member'))
        settings = self.ctx.settings
        inputs.train.update(
            training=self.ctx.training,
            parameters=self.ctx.parameters,
            seed=orm.Int(member_seed(self.inputs.seed.value, number, attempt)),
            backend=orm.Str(settings['backend']),
            compress=orm.Bool(settings['compress']),
        )
        if self.ctx.validation:
            inputs.train.validation = self.ctx.validation
        if self._is_warm(number, attempt):
            inputs.train.warm_start = self.ctx.starts[number]
            inputs.train.parameters = self.ctx.warm_parameters
        inputs.metadata.call_link_label = _label('train', number, attempt)
        return inputs

    def _is_warm(self, number: int, attempt: int) -> bool:
        """Whether a member begins with a model; one that failed so begins from nothing."""
        return attempt == 0 and number in self.ctx.starts

    def inspect_members(self) -> None:
        """Keep the models; line a failed member up again, with another seed."""
        nodes = {task: self.ctx[_label('train', *task)] for task in self.ctx.running}
        good = {task for task, node in nodes.items() if node.is_finished_ok and 'potential' in node.outputs}
        self.ctx.trained.update({number: nodes[number, attempt] for number, attempt in good})
        for (number, attempt), node in nodes.items():
            if (number, attempt) in good:
                continue
            hopeless = (*_HOPELESS, *(() if self.ctx.trained else _LIKE_ALL))
            hopeful = node.exit_status not in hopeless or self._is_warm(number, attempt)
            again = attempt < self.ctx.settings['retries'] and hopeful
            if again:
                self.ctx.queue.append((number, attempt + 1))
            self._note('train', number, attempt, node, 'again with another seed' if again else 'left out')

    def _note(self, what: str, number: int, attempt: int, node: orm.ProcessNode, then: str) -> None:
        """Write a failure into the ledger."""
        reason = node.exit_message or (node.exception or str(node.process_state)).strip().splitlines()[-1]
        self.report(f'{_label(what, number, attempt)} <{node.pk}> failed: {reason}; {then}')
        self.ctx.ledger[_label(what, number, attempt)] = {
            'pk': node.pk,
            'seed': member_seed(self.inputs.seed.value, number, attempt),
            'exit_status': node.exit_status,
            'reason': reason,
            'then': then,
        }

    def count_members(self) -> ExitCode | None:
        """Hand the models out; stop if they are too few."""
        for number, node in sorted(self.ctx.trained.items()):
            for name, port in (
                ('potentials', 'potential'),
                ('frozen', 'frozen'),
                ('learning_curves', 'learning_curve'),
            ):
                # a model that is not compressed is its own start for the next training
                source = 'potential' if port == 'frozen' and port not in node.outputs else port
                if source in node.outputs:
                    self.out(f'{name}.seed_{number}', node.outputs[source])
        wanted = self.ctx.settings['committee']
        fewest = min(self.ctx.settings['fewest'], wanted)
        if len(self.ctx.trained) >= fewest:
            self.ctx.queue = sorted(self.ctx.trained)
            return None
        self._out_ledger()
        return self.exit_codes.ERROR_TOO_FEW_MEMBERS.format(
            trained=len(self.ctx.trained), wanted=wanted, fewest=fewest, reason=self._reasons()
        )

    def should_test(self) -> bool:
        """Whether models wait to be tested."""
        return bool(self.ctx.queue)

    def test_members(self) -> ToContext:
        """Test the next models, as many at a time as allowed."""
        many = self.inputs.max_concurrent.value
        numbers, self.ctx.queue = self.ctx.queue[:many], self.ctx.queue[many:]
        nodes = {}
        for number in numbers:
            inputs = AttributeDict(self.exposed_inputs(DeepmdTestCalculation, namespace='test_job'))
            inputs.setdefault('code', self.inputs.member.train.code)
            inputs.potential = self.ctx.trained[number].outputs.potential
            inputs.datasets = self.ctx.test
            inputs.metadata.call_link_label = _label('test', number)
            nodes[_label('test', number)] = self.submit(DeepmdTestCalculation, **inputs)
        return ToContext(**nodes)

    def inspect_tests(self) -> None:
        """Note which tests failed."""
        self.ctx.parities = {}
        for number in sorted(self.ctx.trained):
            node = self.ctx[_label('test', number)]
            if node.is_finished_ok and 'parity' in node.outputs:
                self.ctx.parities[number] = node.outputs.parity
            else:
                self._note('test', number, 0, node, 'its error is unknown')

    def has_tests(self) -> bool:
        """Whether any model was tested."""
        return bool(self.ctx.parities)

    def report_errors(self) -> None:
        """Errors of the committee, with a verdict."""
        members = {f'parity_seed_{number}': node for number, node in self.ctx.parities.items()}
        for number, node in self.ctx.trained.items():
            if 'learning_curve' in node.outputs:
                members[f'curve_seed_{number}'] = node.outputs.learning_curve
        report = report_committee(
            orm.Dict(self.ctx.settings['judge']),
            nearest=self.ctx.nearest,
            **members,
            metadata={'call_link_label': 'report_committee'},
        )
        self.out('errors', report['errors'])
        self.out('parity', report['parity'])
        verdict = report['errors']['verdict']
        self.report(' '.join([verdict['reason'], *verdict['warnings']]))

    def results(self) -> ExitCode | None:
        """Hand out the ledger; a committee whose error nobody knows is a failure."""
        self._out_ledger()
        if not self.ctx.parities:
            return self.exit_codes.ERROR_NOT_TESTED.format(reason=self._reasons())
        return None

    def _out_ledger(self) -> None:
        if self.ctx.ledger:
            self.out('ledger', orm.Dict(self.ctx.ledger).store())

    def _reasons(self) -> str:
        failures = {label: entry for label, entry in self.ctx.ledger.items() if not label.startswith(_START)}
        return '; '.join(f'{label}: {entry["reason"]}' for label, entry in failures.items())


def _label(what: str, number: int, attempt: int = 0) -> str:
    """Name of a link: ``train_seed_2``, and ``train_seed_2_again_1`` for a retry."""
    return f'{what}_seed_{number}' + (f'_again_{attempt}' if attempt else '')

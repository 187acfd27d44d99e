"""TrainWorkChain: a committee of models that differ by their seed, tested on frames that none has seen."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.engine import ExitCode, ProcessBuilder, ProcessSpec, ToContext, if_, while_

from aiida_glassion.calculations.deepmd_warm import learned_by, why_cold
from aiida_glassion.data.dataset import DatasetData
from aiida_glassion.formats.deepmd.input import cutoff_of
from aiida_glassion.functions.committee import compare_frames, report_committee
from aiida_glassion.functions.training import count_neighbours
from aiida_glassion.workchains.train_build import fill_builder
from aiida_glassion.workchains.train_inputs import BOTH, TEST, TRAINING, assign_parts, systems_of, warm_parameters
from aiida_glassion.workchains.train_member import TrainMemberWorkChain
from aiida_glassion.workchains.train_parts import TrainParts, member_label
from aiida_glassion.workchains.train_ports import define_inputs, define_outputs

_HOPELESS = (TrainMemberWorkChain.exit_codes.ERROR_OUT_OF_MEMORY.status,)
"""Ends of a member that another seed does not change."""
_LIKE_ALL = (TrainMemberWorkChain.exit_codes.ERROR_TRAINING_FAILED.status,)
"""Ends that another seed changes only where other members got through."""


class TrainWorkChain(TrainParts):
    """Train a committee of models on the same data from different seeds, and test it on frames held out.

    Where data say little, models that began differently end differently: their disagreement measures, without a label,
    what a committee does not know (H. S. Seung et al., COLT 1992; L. Zhang et al., Phys. Rev. Mater. 3, 023804 (2019)).
    A member that fails is trained again from another seed; one that fails for good is written into the ledger.
    """

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Declare ports, outline and exit codes."""
        super().define(spec)
        define_inputs(spec)
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
        define_outputs(spec)
        spec.exit_code(
            500, 'ERROR_TOO_FEW_MEMBERS', message='{trained} of {wanted} models were trained, {fewest} needed: {reason}'
        )
        spec.exit_code(501, 'ERROR_NOT_TESTED', message='No model could be tested: {reason}')

    @classmethod
    def get_builder_from_protocol(cls, *args: Any, **kwargs: Any) -> ProcessBuilder:
        """Builder with every choice of a protocol filled in.

        See :func:`~aiida_glassion.workchains.train_build.fill_builder` for its arguments.
        """
        return fill_builder(cls.get_builder(), *args, **kwargs)

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
            self._note_cold(number, model, reason)

    def should_train(self) -> bool:
        """Whether members wait to be trained."""
        return bool(self.ctx.queue)

    def train_members(self) -> ToContext:
        """Train the next members, as many at a time as allowed."""
        many = self.inputs.max_concurrent.value
        self.ctx.running, self.ctx.queue = self.ctx.queue[:many], self.ctx.queue[many:]
        return ToContext(**{member_label('train', *task): self.submit_member(*task) for task in self.ctx.running})

    def inspect_members(self) -> None:
        """Keep the models; line a failed member up again, with another seed."""
        nodes = {task: self.ctx[member_label('train', *task)] for task in self.ctx.running}
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
        return ToContext(**{member_label('test', number): self.submit_test(number) for number in numbers})

    def inspect_tests(self) -> None:
        """Note which tests failed."""
        self.ctx.parities = {}
        for number in sorted(self.ctx.trained):
            node = self.ctx[member_label('test', number)]
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

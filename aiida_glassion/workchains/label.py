"""LabelWorkChain: frames in, labelled frames out, whichever engine labels them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.engine import ExitCode, ProcessBuilder, ProcessSpec, ToContext, WorkChain, if_, while_

from aiida_glassion.calculations.md import CONFIGURATIONS
from aiida_glassion.data.dataset import DatasetData
from aiida_glassion.data.frames import FramesData
from aiida_glassion.data.label_method import differences
from aiida_glassion.functions.labels import collect_labels, plan_labels, select_refused, split_group
from aiida_glassion.label_engines import engines
from aiida_glassion.label_engines.engine import LabelEngine, Refused
from aiida_glassion.label_engines.grouping import counts_of, retries
from aiida_glassion.workchains import protocols
from aiida_glassion.workchains.label_inputs import check_inputs, chosen_engine, engine_called, fill, frames_per_job

_FRUITLESS_JOBS = 10
"""So many jobs without a single label: the labeller is broken, not the frames."""


class LabelWorkChain(WorkChain):
    """Label frames with energies, forces and virials, and let nothing into the data that cannot be trusted.

    Frames of the same atoms go into jobs together; so many jobs run at a time. What a failed job left without labels is
    tried again in smaller groups, at last each frame alone, so that one bad frame never costs its neighbours. The gate
    sorts out broken geometries before, and wrong, incomplete or outlying labels after the jobs; the ledger says which
    frames were refused, and why. Frames that a known dataset of the same method holds are not labelled again.
    """

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Declare ports, outline and exit codes."""
        super().define(spec)
        spec.input_namespace(
            'frames',
            dynamic=True,
            valid_type=CONFIGURATIONS,
            help='Configurations by name, any compositions, any number of frames in each: positions and cells, Å.',
        )
        for engine in engines().values():
            engine.expose(spec)
        spec.input(
            'settings',
            valid_type=orm.Dict,
            serializer=orm.to_aiida_type,
            help='Limits of the gate and frames in a job, see protocols/label.yaml; energies eV, forces eV/Å.',
        )
        spec.input(
            'engine_settings',
            valid_type=orm.Dict,
            serializer=orm.to_aiida_type,
            help='What the engine computes: everything that decides the physics, see protocols/label_<engine>.yaml.',
        )
        spec.input_namespace(
            'known',
            dynamic=True,
            valid_type=DatasetData,
            required=False,
            help='Datasets by name. Their frames are not labelled again, if they were labelled with the same method.',
        )
        spec.input(
            'max_concurrent',
            valid_type=orm.Int,
            serializer=orm.to_aiida_type,
            default=lambda: orm.Int(8),
            help='How many jobs run at the same time.',
        )
        spec.input(
            'tolerated_failures',
            valid_type=orm.Float,
            serializer=orm.to_aiida_type,
            default=lambda: orm.Float(0.1),
            help='Fraction of the frames that may be refused before the whole is a failure, 0 to 1.',
        )
        spec.inputs.validator = check_inputs
        spec.outline(
            cls.setup,
            cls.plan,
            while_(cls.should_run_jobs)(cls.run_jobs, cls.inspect_jobs),
            cls.collect,
            if_(cls.has_refused)(cls.show_refused),
            cls.results,
        )
        spec.output(
            'dataset',
            valid_type=DatasetData,
            required=False,
            help='The frames that were labelled now: energies eV, forces eV/Å, virials eV; absent if there are none.',
        )
        spec.output(
            'ledger',
            valid_type=orm.Dict,
            required=False,
            help='Frames that were refused, each with kind and reason; how many were labelled, known, given twice.',
        )
        spec.output_namespace(
            'refused',
            dynamic=True,
            valid_type=FramesData,
            required=False,
            help='The refused frames, under the names of the inputs that they come from: positions Å.',
        )
        spec.exit_code(
            500, 'ERROR_TOO_MANY_FRAMES_REFUSED', message='{refused} of {frames} frames got no label: {reason}'
        )
        spec.exit_code(501, 'ERROR_NO_FRAME_LABELLED', message='None of {frames} frames got a label: {reason}')

    @classmethod
    def get_builder_from_protocol(
        cls,
        engine: str,
        code: orm.AbstractCode,
        frames: orm.Data | Mapping[str, orm.Data],
        protocol: str | None = None,
        overrides: Mapping[str, Any] | None = None,
        *,
        gate: str | None = None,
        settings: Mapping[str, Any] | None = None,
        known: Mapping[str, DatasetData] | None = None,
        options: Mapping[str, Any] | None = None,
        max_concurrent: int = 8,
        tolerated_failures: float = 0.1,
        **engine_options: Any,
    ) -> ProcessBuilder:
        """Builder with every choice of the protocols filled in.

        :param engine: name of a label engine.
        :param code: its program.
        :param frames: configurations, or several of them by name.
        :param protocol: of the engine, see ``protocols/label_<engine>.yaml``.
        :param overrides: any setting of the engine's protocol, nested.
        :param gate: protocol of ``protocols/label.yaml``.
        :param settings: any setting of that, nested.
        :param known: datasets whose frames are not labelled again.
        :param options: ``metadata.options`` of the jobs (resources, walltime, queue …).
        :param max_concurrent: jobs that run at the same time.
        :param tolerated_failures: fraction of the frames that may be refused.
        :param engine_options: what only this engine needs, such as ``potential``, ``calculator``, ``pseudos``.
        :raises ValueError: an unknown engine, protocol or setting, or an option that is missing.
        """
        chosen = engine_called(engine)
        builder = cls.get_builder()
        builder.frames = {'frames': frames} if isinstance(frames, orm.Data) else dict(frames)
        builder.settings = orm.Dict(protocols.load('label', gate, settings))
        engine_settings = protocols.load(f'label_{engine}', protocol, overrides)
        builder.engine_settings = orm.Dict(engine_settings)
        if options:
            engine_options['options'] = dict(options)
        fill(builder[engine], chosen.inputs_from_settings(code, engine_settings, **engine_options))
        if known:
            builder.known = dict(known)
        builder.max_concurrent = orm.Int(max_concurrent)
        builder.tolerated_failures = orm.Float(tolerated_failures)
        return builder

    @property
    def _engine(self) -> type[LabelEngine]:
        return engines()[self.ctx.engine]

    def setup(self) -> None:
        """Find out which engine it is, and how it will label."""
        self.ctx.engine = chosen_engine(self.inputs)
        settings, engine_settings = self.inputs.settings.get_dict(), self.inputs.engine_settings.get_dict()
        self.ctx.method = self._engine.method(engine_settings, self.inputs[self.ctx.engine])
        self.ctx.settings = {
            'gate': settings['gate'],
            'frames_per_job': frames_per_job(self._engine, settings, engine_settings),
            'engine': engine_settings,
        }

    def plan(self) -> None:
        """Sort the frames into jobs; leave out what is known already."""
        known = dict(self.inputs.get('known', {}))
        other = sorted(name for name, dataset in known.items() if differences(dataset.method, self.ctx.method))
        if other:
            self.report(f'labelled with another method, so not taken as known: {", ".join(other)}')
        namespaces = {'frames': dict(self.inputs.frames)}
        if len(known) > len(other):
            namespaces['known'] = {name: dataset for name, dataset in known.items() if name not in other}
        settings = {key: self.ctx.settings[key] for key in ('gate', 'frames_per_job')}
        _, node = plan_labels.run_get_node(orm.Dict(settings), **namespaces, metadata=_link('plan_labels'))
        self.ctx.plan_pk = node.pk
        plan = node.outputs.plan.get_dict()
        self.ctx.n_asked = sum(len(members) for members in plan['groups'].values()) + len(plan['refused'])
        self.ctx.n_lost, self.ctx.n_labelled = len(plan['refused']), 0
        self.ctx.queue = [
            {'label': label, 'group': label, 'indices': list(range(len(members))), 'round': 0, 'from': node.pk}
            for label, members in plan['groups'].items()
        ]
        self.ctx.running = []
        self.ctx.records = {}
        counts = ', '.join(f'{name} {number}' for name, number in counts_of(plan).items())
        self.report(f'{self.ctx.engine}: {counts}')

    def should_run_jobs(self) -> bool:
        """Whether jobs run, or are left to be run while it is not certain already that too many fail."""
        return bool(self.ctx.running or (self.ctx.queue and not self._hopeless()))

    def _hopeless(self) -> bool:
        """Too many frames are lost, or the labeller itself is broken: not one of its first jobs gave a label."""
        if not self.ctx.n_labelled and len(self.ctx.records) >= _FRUITLESS_JOBS:
            return True
        return bool(self.ctx.n_lost > self.inputs.tolerated_failures.value * self.ctx.n_asked)

    def run_jobs(self) -> ToContext:
        """Fill the room that there is, and wait for the oldest job; those that ended meanwhile make room with it."""
        while self.ctx.queue and len(self.ctx.running) < self.inputs.max_concurrent.value and not self._hopeless():
            entry = self.ctx.queue.pop(0)
            process, inputs = self._engine.job(
                self._group(entry), self.ctx.settings['engine'], self.inputs[self.ctx.engine]
            )
            inputs.setdefault('metadata', {})['call_link_label'] = entry['label']
            self.ctx.running.append({**entry, 'pk': self.submit(process, **inputs).pk})
        return ToContext(oldest=orm.load_node(self.ctx.running[0]['pk']))

    def _group(self, entry: Mapping[str, Any]) -> FramesData:
        """Frames of a job, as the calcfunction made them."""
        outputs = orm.load_node(entry['from']).outputs
        frames: FramesData = outputs.groups[entry['label']] if entry['round'] == 0 else outputs[entry['label']]
        return frames

    def inspect_jobs(self) -> None:
        """Note how jobs ended; line up again what a failed group left without labels."""
        oldest = self.ctx.pop('oldest')
        still_running = []
        for entry in self.ctx.running:
            node = orm.load_node(entry['pk'])
            if node.pk != oldest.pk and not node.is_sealed:
                still_running.append(entry)
                continue
            self.ctx.records[entry['label']] = {
                **{key: entry[key] for key in ('pk', 'group', 'indices', 'round', 'from')},
                'exit_status': node.exit_status if node.exit_status is not None else -1,
                'reason': node.exit_message or str(node.process_state.value),
            }
            if node.is_finished_ok:
                self.ctx.n_labelled += self._group(entry).n_frames
            else:
                self._try_again(entry, node)
        self.ctx.running = still_running

    def _try_again(self, entry: dict[str, Any], node: orm.ProcessNode) -> None:
        group = self._group(entry)
        found = self._engine.read(group.frames, self._engine.outputs(node), self.ctx.settings['engine'])
        refused = {row: result for row, result in enumerate(found) if isinstance(result, Refused)}
        missing = [row for row, result in refused.items() if result.kind == 'failed']
        interrupted = node.exit_status in self._engine.interrupted
        smaller = retries(entry['label'], missing, group.n_frames, interrupted=interrupted)
        again = sum(len(rows) for rows in smaller.values())
        self.ctx.n_lost += len(refused) - again
        self.ctx.n_labelled += group.n_frames - len(refused)
        self.report(
            f'{entry["label"]} (pk {node.pk}) failed: {node.exit_message or node.process_state.value}; '
            f'{group.n_frames - len(refused)} of {group.n_frames} labelled, {again} tried again'
        )
        if not smaller:
            return
        _, split = split_group.run_get_node(group, orm.Dict(smaller), metadata=_link(f'split_{entry["label"]}'))
        self.ctx.queue += [
            {
                'label': label,
                'group': entry['group'],
                'indices': [entry['indices'][row] for row in rows],
                'round': entry['round'] + 1,
                'from': split.pk,
            }
            for label, rows in smaller.items()
        ]

    def collect(self) -> None:
        """Gather the labels and judge them."""
        jobs = {}
        for label, record in self.ctx.records.items():
            outputs = self._engine.outputs(orm.load_node(record['pk']))
            if outputs:
                jobs[label] = {'frames': self._group({**record, 'label': label}), **outputs}
        collected = collect_labels(
            orm.Str(self.ctx.engine),
            orm.Dict({'gate': self.ctx.settings['gate'], 'engine': self.ctx.settings['engine']}),
            orm.Dict(self.ctx.method),
            orm.load_node(self.ctx.plan_pk).outputs.plan,
            orm.Dict(self.ctx.records),
            **jobs,
            metadata=_link('collect_labels'),
        )
        self.ctx.ledger = collected['ledger']
        for name in ('ledger', 'dataset'):
            if name in collected:
                self.out(name, collected[name])

    def has_refused(self) -> bool:
        """Whether any frame was refused."""
        return bool(self.ctx.ledger['refused'])

    def show_refused(self) -> None:
        """Hand the refused frames out, to be looked at."""
        names = {entry['frames'] for entry in self.ctx.ledger['refused']}
        frames = {name: self.inputs.frames[name] for name in sorted(names)}
        refused = select_refused(self.ctx.ledger, **frames, metadata=_link('select_refused'))
        for name, node in refused.items():
            self.out(f'refused.{name}', node)

    def results(self) -> ExitCode | None:
        """Say whether enough frames got their labels."""
        ledger = self.ctx.ledger.get_dict()
        refused = len(ledger['refused'])
        if not refused:
            return None
        numbers = {'refused': refused, 'frames': self.ctx.n_asked, 'reason': _summary(ledger)}
        if not ledger['labelled']:
            return self.exit_codes.ERROR_NO_FRAME_LABELLED.format(**numbers)
        if refused > self.inputs.tolerated_failures.value * self.ctx.n_asked:
            return self.exit_codes.ERROR_TOO_MANY_FRAMES_REFUSED.format(**numbers)
        return None


def _link(label: str) -> dict[str, str]:
    return {'call_link_label': label}


def _summary(ledger: Mapping[str, Any]) -> str:
    """How many of each kind, and the first reason of the commonest."""
    kinds = ledger['by_kind']
    commonest = max(kinds, key=lambda kind: (kinds[kind], kind != 'not_tried'))
    first = next(entry for entry in ledger['refused'] if entry['kind'] == commonest)
    counts = ', '.join(f'{number} {kind}' for kind, number in kinds.items())
    return f'{counts}; {first["frames"]} {first["index"]}: {first["reason"]}'

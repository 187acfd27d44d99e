"""ExploreWorkChain: run where a committee of models may not be at home, and bring back how far it disagrees."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from aiida import orm
from aiida.common import AttributeDict
from aiida.engine import ExitCode, ProcessBuilder, ProcessSpec, ToContext, WorkChain, while_

from aiida_glassion.calculations.md import CONFIGURATIONS
from aiida_glassion.data.frames import FramesData
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.functions.initial_data import take_frame
from aiida_glassion.kernels.build.curriculum import Run, Stage, read_stage
from aiida_glassion.kernels.learning.levels import at_force
from aiida_glassion.workchains.explore_inputs import (
    check_inputs,
    check_levels,
    check_settings,
    check_stage,
    count_configurations,
    load_curriculum,
    load_settings,
    plan_runs,
)
from aiida_glassion.workchains.explore_record import STATES, reason_of, record_of, state_of
from aiida_glassion.workchains.label_inputs import fill
from aiida_glassion.workchains.md import MdWorkChain
from aiida_glassion.workchains.protocols import nearest

_SET_HERE = ('configuration', 'schedule', 'seed', 'potential', 'committee', 'deviation', 'keep_velocities')


class ExploreWorkChain(WorkChain):
    """Run the molecular dynamics of one round of a stage with a committee that says how far it disagrees.

    One model moves the atoms; the deviation of the forces between the models is recorded with every frame (L. Zhang
    et al., Phys. Rev. Mater. 3, 023804 (2019)). A run ends early where the deviation stays far above the upper level;
    one that explodes is retried with shorter steps. Both keep their frames and are what an exploration is for. Only a
    run that crashed is a failure: it is written into the report, and the others go on.
    """

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Declare ports, outline and exit codes."""
        super().define(spec)
        convert = {'serializer': orm.to_aiida_type}
        spec.input_namespace(
            'configurations',
            dynamic=True,
            valid_type=CONFIGURATIONS,
            help='Configurations to start from by the name of their set, any number in each: positions and cells, Å.',
        )
        spec.input('potential', valid_type=PotentialData, help='The model that moves the atoms.')
        spec.input_namespace(
            'committee',
            dynamic=True,
            valid_type=PotentialData,
            help='The other models, at least one; with the type map and cutoff of `potential`.',
        )
        spec.input(
            'stage',
            valid_type=orm.Dict,
            validator=check_stage,
            help='Stage of a curriculum (docs/howto/explore.md): temperatures K, pressures GPa, durations ps.',
            **convert,
        )
        spec.input('round', valid_type=orm.Int, help='Number of the round: other runs have their turn.', **convert)
        spec.input(
            'seed', valid_type=orm.Int, help='Seed of draws and velocities; every run derives its own.', **convert
        )
        spec.input(
            'levels',
            valid_type=orm.Dict,
            validator=check_levels,
            help='Trust levels of the largest force deviation, `lower` and `upper`, eV/Å.',
            **convert,
        )
        spec.input(
            'settings',
            valid_type=orm.Dict,
            validator=check_settings,
            default=lambda: orm.Dict(load_settings()),
            help='`stop_factor` (of the upper level), `stop_after` (records), `max_softer` (retries of a run that '
            'explodes), `keep_remote`; see `run` in protocols/explore.yaml.',
            **convert,
        )
        spec.expose_inputs(
            MdWorkChain,
            namespace='md',
            exclude=(*(f'md.{name}' for name in _SET_HERE), 'max_softer', 'clean_workdir'),
            namespace_options={'help': 'How every run is run, as for glassion.md: code, resources, limits.'},
        )
        spec.input(
            'max_concurrent',
            valid_type=orm.Int,
            default=lambda: orm.Int(8),
            help='How many runs run at the same time.',
            **convert,
        )
        spec.input(
            'tolerated_failures',
            valid_type=orm.Float,
            default=lambda: orm.Float(0.2),
            help='Fraction of the runs that may fail before the whole is a failure, 0 to 1.',
            **convert,
        )
        spec.inputs.validator = check_inputs
        spec.outline(
            cls.setup,
            while_(cls.should_run)(cls.run_jobs, cls.inspect_jobs),
            cls.collect,
            cls.results,
        )
        spec.output_namespace(
            'trajectories',
            dynamic=True,
            valid_type=FramesData,
            required=False,
            help='Frames of each run by its label: positions Å, cells Å, times ps.',
        )
        spec.output_namespace(
            'deviations',
            dynamic=True,
            valid_type=orm.ArrayData,
            required=False,
            help='Disagreement of the committee in each run by its label, as of glassion.md: forces eV/Å, virial '
            'eV/atom; `frame` is the index in the trajectory.',
        )
        spec.output(
            'report',
            valid_type=orm.Dict,
            required=False,
            help='Runs by label: how each ended and why, number of frames, ps wanted and reached; counts by state.',
        )
        spec.exit_code(
            500, 'ERROR_TOO_MANY_RUNS_FAILED', message='{failed} of {runs} runs failed, the first because: {reason}'
        )
        spec.exit_code(501, 'ERROR_NOTHING_EXPLORED', message='No run left a frame: {reason}')

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode,
        configurations: Mapping[str, orm.Data],
        potentials: Mapping[str, PotentialData],
        stage: str | Mapping[str, Any],
        levels: Mapping[str, float],
        protocol: str | None = None,
        overrides: Mapping[str, Any] | None = None,
        *,
        round: int = 1,
        seed: int = 1,
        options: Mapping[str, Any] | None = None,
        max_concurrent: int = 8,
        tolerated_failures: float = 0.2,
    ) -> ProcessBuilder:
        """Builder with every choice of a protocol filled in.

        :param code: the LAMMPS beside DeePMD-kit.
        :param configurations: starting configurations by the name of their set.
        :param potentials: the committee; the first by name moves the atoms.
        :param stage: a stage, or the name of one of the protocol's.
        :param levels: trust levels ``lower`` and ``upper``, eV/Å.
        :param protocol: see ``protocols/explore.yaml``.
        :param overrides: any setting of the protocol, nested.
        :param round: number of the round.
        :param seed: of draws and velocities.
        :param options: ``metadata.options`` of the jobs (resources, walltime, queue …).
        :param max_concurrent: runs at the same time.
        :param tolerated_failures: fraction of the runs that may fail.
        :raises ValueError: an unknown protocol, setting or stage.
        """
        builder = cls.get_builder()
        if isinstance(stage, str):
            stages = {content['name']: content for content in load_curriculum(protocol, overrides)}
            if stage not in stages:
                raise ValueError(f'stage {stage!r} is not in the curriculum{nearest(stage, stages)}')
            stage = stages[stage]
        builder.stage = orm.Dict(read_stage(stage).model_dump())
        builder.settings = orm.Dict(load_settings(protocol, overrides))
        builder.levels = orm.Dict(dict(levels))
        builder.configurations = dict(configurations)
        names = sorted(potentials)
        if names:
            builder.potential = potentials[names[0]]
        builder.committee = {name: potentials[name] for name in names[1:]}
        builder.md.md.code = code
        fill(builder.md.md.metadata.options, options or {})
        builder.round, builder.seed = orm.Int(round), orm.Int(seed)
        builder.max_concurrent = orm.Int(max_concurrent)
        builder.tolerated_failures = orm.Float(tolerated_failures)
        return builder

    @cached_property
    def _plan(self) -> list[Run]:
        """All runs of the round. Made anew from the inputs after a restart, so that checkpoints stay small."""
        return plan_runs(self.inputs)

    @cached_property
    def _stage(self) -> Stage:
        return read_stage(self.inputs.stage.get_dict())

    def setup(self) -> None:
        """Begin with the first run."""
        self.ctx.next, self.ctx.failed = 0, 0
        self.ctx.running, self.ctx.ended, self.ctx.starts = [], [], {}
        self.report(f'stage {self._stage.name}, round {self.inputs.round.value}: {len(self._plan)} runs')

    def should_run(self) -> bool:
        """Whether runs run, or are left to be run while it is not certain already that too many fail."""
        return bool(self.ctx.running or self._may_begin())

    def _may_begin(self) -> bool:
        return self.ctx.next < len(self._plan) and not self._too_many(self.ctx.failed)

    def _too_many(self, failed: int) -> bool:
        return bool(failed > self.inputs.tolerated_failures.value * len(self._plan))

    def run_jobs(self) -> ToContext:
        """Fill the room that there is, and wait for the oldest run; those that ended meanwhile make room with it."""
        while self._may_begin() and len(self.ctx.running) < self.inputs.max_concurrent.value:
            node = self.submit(MdWorkChain, **self._inputs_of(self._plan[self.ctx.next]))
            self.ctx.running.append((self.ctx.next, node.pk))
            self.ctx.next += 1
        return ToContext(oldest=orm.load_node(self.ctx.running[0][1]))

    def _inputs_of(self, run: Run) -> AttributeDict:
        """Inputs of a run: its start, schedule and seed are its own."""
        settings, inputs = (
            self.inputs.settings.get_dict(),
            AttributeDict(self.exposed_inputs(MdWorkChain, namespace='md')),
        )
        deviation: dict[str, Any] = {'every': self._stage.every, 'stop_after': settings['stop_after']}
        levels = self.inputs.levels.get_dict()
        relative = levels.get('relative')
        if settings['stop_factor'] is not None and (relative is None or levels.get('largest_force')):
            upper = at_force(levels['upper'], levels.get('largest_force') or 0.0, relative)
            deviation['stop_above'] = settings['stop_factor'] * upper
        inputs.md.update(
            configuration=self._start(run),
            potential=self.inputs.potential,
            committee=dict(self.inputs.committee),
            schedule=orm.Dict(run.schedule.model_dump(exclude_none=True)),
            deviation=orm.Dict(deviation),
            seed=orm.Int(run.seed),
            keep_velocities=orm.Bool(False),
        )
        kept = {'velocities': False} if relative is None else {'velocities': False, 'forces': True}
        inputs.md.setdefault('retrieve', orm.Dict(kept))
        inputs.max_softer = orm.Int(settings['max_softer'])
        inputs.clean_workdir = orm.Bool(not settings['keep_remote'])
        inputs.metadata.call_link_label = run.label
        return inputs

    def _start(self, run: Run) -> orm.Data:
        """The configuration that a run begins from; one that several begin from is taken out of its set once."""
        node = self.inputs.configurations[run.set]
        if count_configurations(node) == 1:
            return node
        name = f'{run.set}_{run.index}'
        if name not in self.ctx.starts:
            taken = take_frame(node, orm.Int(run.index), metadata={'call_link_label': f'start_{name}'})
            self.ctx.starts[name] = taken.pk
        return orm.load_node(self.ctx.starts[name])

    def inspect_jobs(self) -> None:
        """Note which runs ended."""
        oldest, still_running = self.ctx.pop('oldest'), []
        for number, pk in self.ctx.running:
            node = oldest if pk == oldest.pk else orm.load_node(pk)
            if not node.is_sealed and pk != oldest.pk:
                still_running.append((number, pk))
                continue
            self.ctx.ended.append((number, pk))
            if state_of(node) == 'failed':
                self.ctx.failed += 1
                self.report(f'{self._plan[number].label} <{pk}> failed: {reason_of(node)}')
        self.ctx.running = still_running

    def collect(self) -> None:
        """Hand out what every run left, with a report of how it ended."""
        ended, records = dict(self.ctx.ended), {}
        for number, run in enumerate(self._plan):
            node = orm.load_node(ended[number]) if number in ended else None
            record = records[run.label] = record_of(run, node)
            if record['n_frames'] and node is not None:
                self.out(f'trajectories.{run.label}', node.outputs.trajectory)
                self.out(f'deviations.{run.label}', node.outputs.deviations)
        counts = {state: sum(record['state'] == state for record in records.values()) for state in STATES}
        report = {'stage': self._stage.name, 'round': self.inputs.round.value, 'runs': records, 'counts': counts}
        self.ctx.found = orm.Dict(report).store()
        self.out('report', self.ctx.found)
        self.report(', '.join(f'{count} {state.replace("_", " ")}' for state, count in counts.items()))

    def results(self) -> ExitCode | None:
        """Say whether enough was explored."""
        runs = self.ctx.found['runs'].values()
        failed = [record for record in runs if record['state'] == 'failed']
        if not any(record['n_frames'] for record in runs):
            return self.exit_codes.ERROR_NOTHING_EXPLORED.format(reason=next(r['reason'] for r in (*failed, *runs)))
        if self._too_many(len(failed)):
            return self.exit_codes.ERROR_TOO_MANY_RUNS_FAILED.format(
                failed=len(failed), runs=len(runs), reason=failed[0]['reason']
            )
        return None

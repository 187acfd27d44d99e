"""MdWorkChain: a schedule of molecular dynamics that survives what happens to long runs."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.common import AttributeDict
from aiida.engine import (
    ExitCode,
    ProcessHandlerReport,
    ProcessSpec,
    process_handler,
    while_,
)

from aiida_glassion.calculations.md import MdCalculation
from aiida_glassion.functions.md import join_segments
from aiida_glassion.schedule import Schedule, read_schedule
from aiida_glassion.workchains.remote_folders import CleansFolders

_SCHEDULER_WALLTIME, _SCHEDULER_NODE_FAILURE = 120, 140
_SOFTER_TIMESTEP = 0.5
_MOST_WITHOUT_PROGRESS = 2
_SOFT_START = (
    {'kind': 'minimise', 'name': 'soft_minimise'},
    {'kind': 'hold', 'name': 'soft_start', 'ensemble': 'langevin', 'duration': 1.0, 'max_displacement': 0.05},
)
_MONITORS = {'runaway': {'entry_point': 'glassion.md', 'minimum_poll_interval': 30}}


class MdWorkChain(CleansFolders):
    """Run a schedule to its end.

    A run that broke off (walltime, kill, node failure) goes on from its newest whole restart file; one that exploded
    is retried with a shorter timestep, and keeps the frames before if that explodes too. The pieces are joined without
    lost or doubled frames.
    """

    _process_class = MdCalculation

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Declare ports, outline and exit codes."""
        super().define(spec)
        spec.expose_inputs(
            MdCalculation,
            namespace='md',
            exclude=('restart',),
            namespace_options={'help': 'The molecular dynamics to run, as for glassion.md.'},
        )
        spec.inputs['max_iterations'].default = lambda: orm.Int(50)
        spec.input(
            'max_softer',
            valid_type=orm.Int,
            serializer=orm.to_aiida_type,
            default=lambda: orm.Int(2),
            help='How often an exploded run is retried, each time with half the timestep.',
        )
        spec.outline(
            cls.setup,
            while_(cls.should_run_process)(cls.run_process, cls.inspect_process),
            cls.results,
        )
        spec.expose_outputs(MdCalculation)
        # a worker that is killed between upload and submission leaves a job that runs well and has no folder on record
        spec.outputs['remote_folder'].required = False
        spec.exit_code(
            410, 'ERROR_NO_PROGRESS', message='The run was stopped again and again without getting further: {reason}'
        )
        spec.exit_code(
            411, 'ERROR_EXPLODED', message='The run explodes, also with a timestep of {timestep:g} fs: {reason}'
        )
        spec.exit_code(
            413,
            'ERROR_LEFT_TRUSTED_REGION',
            message='The run ended with what came before: {reason}',
        )
        spec.exit_code(412, 'ERROR_MD_FAILED', message='Molecular dynamics failed: {reason}')

    def setup(self) -> None:
        """Prepare the first piece."""
        super().setup()
        self.ctx.inputs = AttributeDict(self.exposed_inputs(MdCalculation, namespace='md'))
        self.ctx.inputs.setdefault('monitors', {key: orm.Dict(value) for key, value in _MONITORS.items()})
        self.ctx.schedule = read_schedule(self.ctx.inputs.schedule.get_dict()).model_dump()
        self.ctx.offset = {'step': 0, 'time': 0.0, 'stages': list(range(len(self.ctx.schedule['stages'])))}
        self.ctx.reached = 0
        self.ctx.idle = 0
        self.ctx.softer = 0
        self.ctx.pieces = []
        self.ctx.abandoned = []

    def inspect_process(self) -> ExitCode | None:
        """Note the piece, let the handlers decide; what there is comes out even if the run fails."""
        node = self.ctx.children[self.ctx.iteration - 1]
        if 'results' in node.outputs:
            self.ctx.pieces.append({'pk': node.pk, **self.ctx.offset, 'until': None})
        code = super().inspect_process()
        if code is not None and code.status:
            if code.status == self.exit_codes.ERROR_EXPLODED.status:
                self._take_the_furthest()
            self._out_what_there_is()
        return code

    @process_handler(
        priority=30,
        exit_codes=[
            MdCalculation.exit_codes.ERROR_STOPPED_AT_WALLTIME,
            MdCalculation.exit_codes.ERROR_INCOMPLETE,
            MdCalculation.exit_codes.ERROR_NOT_STARTED,
            MdCalculation.exit_codes.ERROR_LOG_MISSING,
            ExitCode(_SCHEDULER_WALLTIME),
            ExitCode(_SCHEDULER_NODE_FAILURE),
        ],
    )
    def continue_from_newest_restart(self, node: orm.CalcJobNode) -> ProcessHandlerReport:
        """Go on with the same schedule from the newest whole restart file, else from where this piece began."""
        point = self._newest_restart(node)
        reached = 0 if point is None else self.ctx.offset['step'] + point['step']
        self.ctx.idle = 0 if reached > self.ctx.reached else self.ctx.idle + 1
        if self.ctx.idle > _MOST_WITHOUT_PROGRESS:
            return ProcessHandlerReport(True, self.exit_codes.ERROR_NO_PROGRESS.format(reason=node.exit_message))
        if point is None:
            self._forget_piece(node)
            self.ctx.inputs.setdefault('metadata', AttributeDict())['disable_cache'] = True
            self.report(f'{node.exit_message} No restart file yet: this piece begins again.')
            return ProcessHandlerReport(True)
        self.ctx.reached = max(reached, self.ctx.reached)
        self._end_piece(node, reached)
        self.ctx.inputs.restart = {'folder': node.outputs.remote_folder, 'point': orm.Dict(point)}
        self.report(f'{node.exit_message} Going on from step {reached}.')
        return ProcessHandlerReport(True)

    @process_handler(
        priority=20,
        exit_codes=[
            MdCalculation.exit_codes.ERROR_LOST_ATOMS,
            MdCalculation.exit_codes.ERROR_NOT_A_NUMBER,
            MdCalculation.exit_codes.ERROR_RUNAWAY,
        ],
    )
    def retry_softer(self, node: orm.CalcJobNode) -> ProcessHandlerReport:
        """Halve the timestep, first from the newest restart file, then from the start with a soft beginning.

        Atoms that meet at high energy move further in a step than the repulsion can turn them back; a shorter step
        conserves energy again. What the minimiser and a bath with limited moves let out at the start cannot explode.
        """
        schedule = Schedule.model_validate(self.ctx.schedule)
        if self.ctx.softer >= self.inputs.max_softer.value:
            code = self.exit_codes.ERROR_EXPLODED.format(timestep=schedule.timestep, reason=node.exit_message)
            return ProcessHandlerReport(True, code)
        self.ctx.softer += 1
        point = self._newest_restart(node) if self.ctx.softer == 1 else None
        if point is None or point['step'] >= schedule.last_step:
            self._begin_again_softly()
        else:
            self._end_piece(node, self.ctx.offset['step'] + point['step'])
            self._take_up_with(schedule, point, node)
        self.report(f'{node.exit_message} Retry {self.ctx.softer} with a timestep factor of {_SOFTER_TIMESTEP}.')
        return ProcessHandlerReport(True)

    @process_handler(
        priority=10,
        exit_codes=[
            MdCalculation.exit_codes.ERROR_LAMMPS,
            MdCalculation.exit_codes.ERROR_FRAMES_DAMAGED,
        ],
    )
    def give_up(self, node: orm.CalcJobNode) -> ProcessHandlerReport:
        """End with LAMMPS' own words: running the same again would end the same."""
        return ProcessHandlerReport(True, self.exit_codes.ERROR_MD_FAILED.format(reason=node.exit_message))

    @process_handler(priority=40, exit_codes=[MdCalculation.exit_codes.ERROR_LEFT_TRUSTED_REGION])
    def end_out_of_trust(self, node: orm.CalcJobNode) -> ProcessHandlerReport:
        """End with the frames before: no smaller timestep mends a potential that was never trained on such atoms."""
        code = self.exit_codes.ERROR_LEFT_TRUSTED_REGION.format(reason=node.exit_message)
        return ProcessHandlerReport(True, code)

    def _newest_restart(self, node: orm.CalcJobNode) -> dict[str, Any] | None:
        """The newest restart point of a piece whose file is still there."""
        point = node.outputs.results.get_dict().get('newest_restart') if 'results' in node.outputs else None
        if point is None or 'remote_folder' not in node.outputs:
            return None
        try:
            there = node.outputs.remote_folder.listdir()
        except OSError as error:
            self.report(f'the folder of {node.pk} cannot be read: {error}')
            return None
        return point if point['file'] in there else None

    def _end_piece(self, node: orm.CalcJobNode, until: int) -> None:
        """Count a piece only up to where the next one is taken up."""
        if self.ctx.pieces and self.ctx.pieces[-1]['pk'] == node.pk:
            self.ctx.pieces[-1]['until'] = until

    def _forget_piece(self, node: orm.CalcJobNode) -> None:
        if self.ctx.pieces and self.ctx.pieces[-1]['pk'] == node.pk:
            self.ctx.pieces.pop()

    def _take_up_with(self, schedule: Schedule, point: dict[str, Any], node: orm.CalcJobNode) -> None:
        """The rest of the schedule with shorter steps, from a restart file."""
        rest = schedule.remaining(point['stage'], point['step'], _SOFTER_TIMESTEP)
        stages = self.ctx.offset['stages']
        self.ctx.offset = {
            'step': self.ctx.offset['step'] + point['step'],
            'time': self.ctx.offset['time'] + schedule.plan()[point['stage']].time_at(point['step']),
            'stages': stages[len(stages) - len(rest.stages) :],
        }
        self.ctx.reached = self.ctx.offset['step']
        self._set_schedule(rest.model_dump())
        fresh = {**point, 'stage': 0, 'step': 0, 'fresh': True}
        self.ctx.inputs.restart = {'folder': node.outputs.remote_folder, 'point': orm.Dict(fresh)}

    def _begin_again_softly(self) -> None:
        """From the first configuration: minimise, let the atoms loose with limited moves, then the whole schedule."""
        content = read_schedule(self.inputs.md.schedule.get_dict()).model_dump()
        first = next(stage for stage in content['stages'] if stage['kind'] not in ('minimise', 'strain'))
        minimise, start = _SOFT_START
        held = {'frozen': any(stage.get('frozen') for stage in content['stages'])}
        start = start | {'temperature': first['temperature']} | held
        content['stages'] = [minimise | held, start, *content['stages']]
        factor = _SOFTER_TIMESTEP**self.ctx.softer
        content['timestep'] *= factor
        for stage in content['stages']:
            if stage.get('timestep') is not None:
                stage['timestep'] *= factor
        self.ctx.abandoned.append(self.ctx.pieces)
        self.ctx.pieces = []
        self.ctx.reached = 0
        self.ctx.offset = {'step': 0, 'time': 0.0, 'stages': [0, 0, *range(len(content['stages']) - 2)]}
        self._set_schedule(read_schedule(content).model_dump())
        self.ctx.inputs.pop('restart', None)
        self.ctx.inputs.keep_velocities = orm.Bool(False)

    def _take_the_furthest(self) -> None:
        """Of a run that explodes in every attempt, the one that left most frames, up to where it exploded."""
        most = 0
        for attempt in (self.ctx.pieces, *reversed(self.ctx.abandoned)):
            frames = [_n_frames(orm.load_node(piece['pk'])) for piece in attempt]
            if sum(frames) > most:
                most = sum(frames)
                last = max(i for i, number in enumerate(frames) if number)
                self.ctx.pieces = [*attempt[:last], {**attempt[last], 'until': None}]

    def _set_schedule(self, content: dict[str, Any]) -> None:
        self.ctx.schedule = content
        self.ctx.inputs.schedule = orm.Dict(content)

    def results(self) -> ExitCode | None:
        """Hand out the outputs of the whole run."""
        self._out_what_there_is()
        return None

    def _out_what_there_is(self) -> None:
        """Outputs of the only piece as they are; those of several pieces joined."""
        if not self.ctx.pieces:
            return
        nodes = [orm.load_node(piece['pk']) for piece in self.ctx.pieces]
        joined: dict[str, orm.Data] = {}
        if len(nodes) > 1:
            names = ('trajectory', 'thermo', 'deviations', 'results')
            pieces = {f'{n}_{i}': node.outputs[n] for i, node in enumerate(nodes) for n in names if n in node.outputs}
            keys = ('step', 'time', 'stages', 'until')
            bookkeeping = [{key: piece[key] for key in keys} for piece in self.ctx.pieces]
            joined = join_segments(orm.List(bookkeeping), **pieces, metadata={'call_link_label': 'join_segments'})
        last = {name: nodes[-1].outputs[name] for name in nodes[-1].outputs}
        for name in ('trajectory', 'thermo', 'deviations', 'results', 'final', 'remote_folder', 'retrieved'):
            if name in joined or name in last:
                self.out(name, joined.get(name, last.get(name)))


def _n_frames(node: orm.CalcJobNode) -> int:
    return int(node.outputs.trajectory.n_frames) if 'trajectory' in node.outputs else 0

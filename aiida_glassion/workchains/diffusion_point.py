"""DiffusionPointWorkChain: how fast the ions of one glass go at one temperature."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from aiida import orm
from aiida.common import AttributeDict
from aiida.engine import ExitCode, ProcessSpec, ToContext, WorkChain, while_

from aiida_glassion.calculations.analysis import AnalysisCalculation
from aiida_glassion.calculations.md import CONFIGURATIONS
from aiida_glassion.data.frames import FramesData
from aiida_glassion.functions.analysis import analyse_segments
from aiida_glassion.functions.transport import at_mean_cell, report_point, thin_segments
from aiida_glassion.kernels.transport.sweep_plan import SweepSettings, read_settings, seed_of
from aiida_glassion.kernels.transport.sweep_point import BUDGET, NOT_DIFFUSIVE, judge_run
from aiida_glassion.workchains.diffusion_inputs import (
    analysis_node,
    check_point,
    check_seed,
    check_settings,
    check_temperature,
    elements_of,
)
from aiida_glassion.workchains.explore_record import reason_of
from aiida_glassion.workchains.md import MdWorkChain
from aiida_glassion.workchains.md_pieces import parts_of, species_of

_SET_HERE = ('configuration', 'schedule', 'seed', 'retrieve', 'keep_velocities')
_ANALYSIS_OUTPUTS = ('numbers', 'curves', 'per_atom')
_WHOLE = (0, AnalysisCalculation.exit_codes.ERROR_SOME_FAILED.status)
"""Ends of an analysis that saw all frames."""


class DiffusionPointWorkChain(WorkChain):
    """Equilibrate a glass at a temperature, then run until its ions diffuse and D is as precise as wanted.

    Production is made in segments, every one as long as all before together, and analysed after each: the covariance of
    the mean squared displacement tells the error of D, so a run ends when it is small enough or the budget is spent.
    What there is then is given with its error, or with the word that it is no diffusion.
    """

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Declare ports, outline and exit codes."""
        super().define(spec)
        spec.input('configuration', valid_type=CONFIGURATIONS, help='The glass, positions and cell Å.')
        spec.expose_inputs(
            MdWorkChain,
            namespace='md',
            exclude=(*(f'md.{name}' for name in _SET_HERE), 'clean_workdir'),
            namespace_options={'help': 'How every molecular dynamics is run, as for glassion.md.'},
        )
        spec.expose_inputs(
            AnalysisCalculation,
            namespace='analysis',
            include=('code', 'metadata'),
            namespace_options={
                'required': False,
                'populate_defaults': False,
                'validator': None,
                'help': 'Python with aiida-glassion on the computer of LAMMPS: frames stay and are analysed there; '
                'absent: they come home.',
            },
        )
        spec.input(
            'settings',
            valid_type=orm.Dict,
            serializer=orm.to_aiida_type,
            validator=check_settings,
            help='Protocol: durations ps, pressures GPa, timestep fs (protocols/diffusion_sweep.yaml).',
        )
        spec.input(
            'temperature',
            valid_type=orm.Float,
            serializer=orm.to_aiida_type,
            validator=check_temperature,
            help='Temperature, K.',
        )
        spec.input(
            'seed',
            valid_type=orm.Int,
            serializer=orm.to_aiida_type,
            validator=check_seed,
            help='Seed of the velocities, 1 to 2147483647.',
        )
        spec.inputs.validator = check_point
        spec.outline(
            cls.setup,
            cls.run_equilibration,
            cls.inspect_equilibration,
            while_(cls.should_extend)(
                cls.run_segment,
                cls.inspect_segment,
                cls.analyse_progress,
                cls.inspect_progress,
            ),
            cls.analyse_all,
            cls.inspect_analysis,
            cls.results,
        )
        spec.output(
            'results',
            valid_type=orm.Dict,
            required=False,
            help='How the run ended: converged, budget or not_diffusive, and why; length ps, relative errors of D, '
            'volume Å³, density g/cm³.',
        )
        spec.output(
            'history', valid_type=orm.Dict, required=False, help='After each segment: length ps, D cm²/s, its error.'
        )
        spec.output(
            'numbers', valid_type=orm.Dict, required=False, help='Numbers of all analyses, with units and errors.'
        )
        spec.output(
            'curves',
            valid_type=orm.ArrayData,
            required=False,
            help='Curves of all analyses; the attribute `curves` names units and conventions.',
        )
        spec.output(
            'per_atom', valid_type=orm.ArrayData, required=False, help='Mobility of each atom; units as in `numbers`.'
        )
        spec.output(
            'trajectory',
            valid_type=FramesData,
            required=False,
            help='Some frames of the production (settings.copy_every), unwrapped, positions Å, times ps.',
        )
        spec.output('final', valid_type=FramesData, required=False, help='Last configuration, Å and Å/ps.')
        spec.exit_code(330, 'ERROR_EQUILIBRATION_FAILED', message='The glass could not be equilibrated: {reason}')
        spec.exit_code(331, 'ERROR_PRODUCTION_FAILED', message='Production ended early: {reason}')
        spec.exit_code(332, 'ERROR_ANALYSIS_FAILED', message='The frames could not be analysed: {reason}')
        spec.exit_code(430, 'ERROR_NOT_DIFFUSIVE', message='The budget is spent, and there is no diffusion: {reason}')
        spec.exit_code(
            431, 'ERROR_NOT_PRECISE', message='The budget is spent, and D is less precise than wanted: {reason}'
        )

    @cached_property
    def _settings(self) -> SweepSettings:
        return read_settings(self.inputs.settings.get_dict())

    @cached_property
    def _elements(self) -> list[str]:
        return list(elements_of(self.inputs.configuration))

    def setup(self) -> None:
        """Begin with nothing."""
        self.ctx.lengths, self.ctx.segments, self.ctx.progress = [], [], []
        self.ctx.reached, self.ctx.stopped, self.ctx.unanalysed, self.ctx.analysis = False, None, None, None

    def run_equilibration(self) -> ToContext:
        """Hold the glass at the temperature with velocities drawn anew."""
        schedule = self._settings.equilibration(self.inputs.temperature.value)
        inputs = self._md_inputs('equilibrate', self.inputs.configuration, schedule, frames=False)
        inputs.md.keep_velocities = orm.Bool(False)
        return ToContext(equilibration=self.submit(MdWorkChain, **inputs))

    def inspect_equilibration(self) -> ExitCode | None:
        """Take the equilibrated glass; where production keeps its cell, at the mean cell."""
        node = self.ctx.equilibration
        if not node.is_finished_ok:
            return self.exit_codes.ERROR_EQUILIBRATION_FAILED.format(reason=reason_of(node))
        self.ctx.configuration = node.outputs.final
        if self._settings.needs_mean_cell:
            self.ctx.configuration = at_mean_cell(
                node.outputs.final, node.outputs.thermo, metadata={'call_link_label': 'mean_cell'}
            )
        return None

    def should_extend(self) -> bool:
        """Whether D is not known well enough yet, and the budget allows more."""
        if self.ctx.reached or self.ctx.stopped is not None:
            return False
        return self._next_segment() > 0

    def _next_segment(self) -> float:
        length = self.ctx.lengths[-1] if self.ctx.lengths else 0.0
        return self._settings.next_segment(length, self.inputs.temperature.value)

    def run_segment(self) -> ToContext:
        """Run the next segment from where the last one ended."""
        schedule = self._settings.production(self.inputs.temperature.value, self._next_segment())
        self.ctx.duration = schedule.duration
        label = f'segment_{len(self.ctx.segments):02d}'
        inputs = self._md_inputs(label, self.ctx.configuration, schedule, frames='analysis' not in self.inputs)
        return ToContext(segment=self.submit(MdWorkChain, **inputs))

    def _md_inputs(self, label: str, configuration: orm.Data, schedule: Any, *, frames: bool) -> AttributeDict:
        inputs = AttributeDict(self.exposed_inputs(MdWorkChain, namespace='md'))
        inputs.md.update(
            configuration=configuration,
            schedule=orm.Dict(schedule.model_dump(exclude_none=True)),
            seed=orm.Int(seed_of(self.inputs.seed.value, label)),
            retrieve=orm.Dict({'trajectory': frames, 'velocities': False}),
        )
        inputs.metadata.call_link_label = label
        return inputs

    def inspect_segment(self) -> None:
        """Count the segment, or end production with those before."""
        node = self.ctx.segment
        if not node.is_finished_ok:
            self.ctx.stopped = reason_of(node)
            self.report(f'segment {len(self.ctx.segments)} failed: {self.ctx.stopped}')
            return
        start = self.ctx.lengths[-1] if self.ctx.lengths else 0.0
        self.ctx.segments.append({'pk': node.pk, 'start': start})
        self.ctx.lengths.append(start + self.ctx.duration)
        self.ctx.configuration = node.outputs.final

    def analyse_progress(self) -> ToContext | None:
        """Find D of all segments so far."""
        if self.ctx.stopped is not None:
            return None
        return self._analyse(f'analyse_progress_{len(self.ctx.segments) - 1:02d}', everything=False)

    def inspect_progress(self) -> None:
        """Judge whether the run may end."""
        if self.ctx.stopped is not None:
            return
        found = self._analysed()
        if self.ctx.unanalysed is not None:
            self.ctx.stopped = self.ctx.unanalysed
            return
        self.ctx.progress.append(found['numbers'].pk)
        verdict = judge_run(found['numbers'].get_dict(), self._settings.relative_error)
        self.ctx.reached = verdict.reached
        self.report(f'after {self.ctx.lengths[-1]:g} ps: {verdict.reason}')

    def analyse_all(self) -> ToContext | None:
        """Analyse all that was asked for."""
        return self._analyse('analyse', everything=True) if self.ctx.segments else None

    def inspect_analysis(self) -> None:
        """Hand out what the analyses found; failing that, what is known of the diffusion."""
        found = self._analysed() if self.ctx.segments else {}
        for name in (*_ANALYSIS_OUTPUTS, 'copied'):
            if name in found:
                self.out('trajectory' if name == 'copied' else name, found[name])
        if 'numbers' in found:
            self.ctx.whole = found['numbers'].pk
            failed = found['numbers'].get_dict().get('failed', {})
            if 'diffusion' in failed:
                self.report(f'diffusion: {failed["diffusion"]}')
        elif self.ctx.progress:
            self.out('numbers', orm.load_node(self.ctx.progress[-1]))
        if 'numbers' in found and 'analysis' not in self.inputs:
            _, starts, segments = self._home()
            every = orm.Int(self._settings.copy_every)
            link = {'call_link_label': 'copy_frames'}
            self.out('trajectory', thin_segments(every, starts, **segments, metadata=link))

    def _analyse(self, label: str, *, everything: bool) -> ToContext | None:
        """Analyse the segments so far: as a job where the frames are, or here."""
        temperature = self.inputs.temperature.value
        request = analysis_node(self._settings, self._elements, temperature, everything=everything)
        if 'analysis' not in self.inputs:
            _, starts, segments = self._home()
            _, self.ctx.analysis = analyse_segments.run_get_node(
                request, starts, **segments, metadata={'call_link_label': label}
            )
            return None
        inputs = AttributeDict(self.exposed_inputs(AnalysisCalculation, namespace='analysis'))
        try:
            inputs.update(request=request, **self._beside())
        except ValueError as error:
            self.ctx.analysis, self.ctx.unanalysed = None, str(error)
            return None
        if everything:
            inputs.copy_every = orm.Int(self._settings.copy_every)
        inputs.metadata.call_link_label = label
        return ToContext(analysis=self.submit(AnalysisCalculation, **inputs))

    def _home(self) -> tuple[list[str], orm.List, dict[str, FramesData]]:
        """Frames of the segments that came home, and when each began, ps."""
        names = [f'segment_{number:02d}' for number in range(len(self.ctx.segments))]
        nodes = [orm.load_node(segment['pk']).outputs.trajectory for segment in self.ctx.segments]
        starts = orm.List([segment['start'] for segment in self.ctx.segments])
        return names, starts, dict(zip(names, nodes, strict=True))

    def _beside(self) -> dict[str, Any]:
        """Where the frames of the segments lie."""
        remotes: dict[str, orm.RemoteData] = {}
        parts: list[dict[str, Any]] = []
        nodes = [orm.load_node(segment['pk']) for segment in self.ctx.segments]
        for number, (node, segment) in enumerate(zip(nodes, self.ctx.segments, strict=True)):
            more, of_segment = parts_of(node, f'segment_{number:02d}', segment['start'])
            remotes |= more
            parts += of_segment
        return {'remotes': remotes, 'parts': orm.List(parts), 'species': orm.Dict(species_of(nodes[0]))}

    def _analysed(self) -> dict[str, orm.Data]:
        """Outputs of the last analysis; where they are not whole, the reason is noted."""
        node = self.ctx.analysis
        if node is None:
            return {}
        found = {name: node.outputs[name] for name in (*_ANALYSIS_OUTPUTS, 'copied') if name in node.outputs}
        if 'numbers' not in found or node.exit_status not in _WHOLE:
            self.ctx.unanalysed = reason_of(node)
        return found

    def results(self) -> ExitCode | None:
        """Say how it ended."""
        if self.ctx.segments:
            self.out('final', orm.load_node(self.ctx.segments[-1]['pk']).outputs.final)
        numbers = {f'progress_{number:02d}': orm.load_node(pk) for number, pk in enumerate(self.ctx.progress)}
        if 'whole' in self.ctx:
            numbers['whole'] = orm.load_node(self.ctx.whole)
        about = {
            'temperature': self.inputs.temperature.value,
            'seed': self.inputs.seed.value,
            'relative_error': self._settings.relative_error,
            'lengths': list(self.ctx.lengths),
            'stopped': self.ctx.stopped,
        }
        found = report_point(orm.Dict(about), **numbers, metadata={'call_link_label': 'report'})
        self.out('results', found['results'])
        self.out('history', found['history'])
        status, reason = found['results']['status'], found['results']['reason']
        if self.ctx.unanalysed is not None:
            return self.exit_codes.ERROR_ANALYSIS_FAILED.format(reason=self.ctx.unanalysed)
        if self.ctx.stopped is not None:
            return self.exit_codes.ERROR_PRODUCTION_FAILED.format(reason=self.ctx.stopped)
        codes = {NOT_DIFFUSIVE: self.exit_codes.ERROR_NOT_DIFFUSIVE, BUDGET: self.exit_codes.ERROR_NOT_PRECISE}
        return codes[status].format(reason=reason) if status in codes else None

"""FracturePullWorkChain: one sample pulled along one axis until it is broken."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from aiida import orm
from aiida.common import AttributeDict
from aiida.engine import ExitCode, ProcessSpec, ToContext, WorkChain, if_, while_

from aiida_glassion.calculations.md import CONFIGURATIONS
from aiida_glassion.data.frames import FramesData
from aiida_glassion.functions.fracture import gather_snapshots, summarise_pull
from aiida_glassion.functions.mechanics import analyse_pull
from aiida_glassion.functions.mechanics_samples import cut_notch
from aiida_glassion.functions.transport import at_mean_cell
from aiida_glassion.kernels.mechanics import pull_plan
from aiida_glassion.kernels.mechanics.pull_curve import PullCurve, has_gone, is_broken, pull_curve
from aiida_glassion.kernels.mechanics.pull_settings import AXES, PullSettings, read_pull
from aiida_glassion.kernels.mechanics.pull_summary import is_separated
from aiida_glassion.kernels.transport.sweep_plan import seed_of
from aiida_glassion.workchains.diffusion_inputs import check_seed
from aiida_glassion.workchains.explore_record import reason_of
from aiida_glassion.workchains.fracture_inputs import check_axis, check_pull, check_pull_settings, notch_request
from aiida_glassion.workchains.md import MdWorkChain

SET_HERE = ('configuration', 'schedule', 'seed', 'retrieve', 'keep_velocities', 'frozen', 'committee', 'deviation')
_RELAXATIONS = ('whole', 'broken')


class FracturePullWorkChain(WorkChain):
    """Cut a notch if one is wanted, equilibrate, pull until the sample is broken, and say what that took.

    The pull goes in pieces of one job each, at a constant rate or in steps of the length at the start, and ends when
    the stress has been gone for a while. A job that is killed goes on from its newest restart file. Surfaces cost what
    the broken sample has more than the whole one, both minimised at no stress.
    """

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Declare ports, outline and exit codes."""
        super().define(spec)
        convert = {'serializer': orm.to_aiida_type}
        spec.input('configuration', valid_type=CONFIGURATIONS, help='The sample, positions and cell Å, right angles.')
        spec.expose_inputs(
            MdWorkChain,
            namespace='md',
            exclude=(*(f'md.{name}' for name in SET_HERE), 'clean_workdir'),
            namespace_options={'help': 'How every molecular dynamics is run, as for glassion.md.'},
        )
        spec.input(
            'settings',
            valid_type=orm.Dict,
            validator=check_pull_settings,
            help='Of protocols/fracture.yaml, with `kind` and `rate`: strains as fractions, rates 1/ps, durations ps, '
            'timestep fs, temperature K, pressure GPa.',
            **convert,
        )
        spec.input('axis', valid_type=orm.Str, validator=check_axis, help='Of the load: x, y or z.', **convert)
        spec.input(
            'seed', valid_type=orm.Int, validator=check_seed, help='Seed of velocities and notch, 1 to 2147483647.',
            **convert,
        )  # fmt: skip
        spec.input(
            'regions',
            valid_type=orm.ArrayData,
            required=False,
            help='Array `labels`, an index for each atom: 0 glass, 1 interface, 2 crystal. Analyses then tell them '
            'apart.',
        )
        spec.input(
            'charges',
            valid_type=orm.Dict,
            required=False,
            help='Charges by element, e, with which a notch keeps the sample neutral; absent: oxidation states.',
            **convert,
        )
        spec.inputs.validator = check_pull
        spec.outline(
            cls.setup,
            if_(cls.should_cut)(cls.cut),
            cls.run_equilibration,
            cls.inspect_equilibration,
            while_(cls.should_pull)(cls.run_piece, cls.inspect_piece),
            if_(cls.should_relax)(cls.run_relaxations, cls.inspect_relaxations),
            cls.gather,
            if_(cls.should_analyse)(cls.analyse),
            cls.results,
        )
        spec.output(
            'results',
            valid_type=orm.Dict,
            required=False,
            help='E GPa, strength GPa, strains, toughness J/m³, work and G_c J/m², γ_s J/m², whether it is broken, why '
            'it ended; units in `units`.',
        )
        spec.output(
            'curves',
            valid_type=orm.ArrayData,
            required=False,
            help='Over `strain`: stress GPa, positive in tension, lengths Å, areas Å², temperature K, time ps; units '
            'in the attribute `units`.',
        )
        spec.output(
            'snapshots',
            valid_type=FramesData,
            required=False,
            help='The unstrained sample and the strained ones, unwrapped, positions Å, times ps, single precision.',
        )
        spec.output(
            'reference', valid_type=FramesData, required=False, help='The sample at the beginning of the pull, Å, Å/ps.'
        )
        spec.output('final', valid_type=FramesData, required=False, help='Where the pull ended, Å and Å/ps.')
        spec.output(
            'notch', valid_type=orm.Dict, required=False, help='What was cut: areas Å², atoms, how they were chosen.'
        )
        spec.output('regions', valid_type=orm.ArrayData, required=False, help='Labels of the atoms that are left.')
        spec.output_namespace(
            'analysis',
            valid_type=(orm.Dict, orm.ArrayData),
            dynamic=True,
            required=False,
            help='Along the strain: numbers, curves and maps of bonds that switched, D²min Å², local strain, the '
            'crack; units within.',
        )
        spec.exit_code(210, 'ERROR_NOTCH_IMPOSSIBLE', message='The notch cannot be cut: {reason}')
        spec.exit_code(340, 'ERROR_EQUILIBRATION_FAILED', message='The sample could not be equilibrated: {reason}')
        spec.exit_code(341, 'ERROR_PULL_FAILED', message='The pull ended early: {reason}')
        spec.exit_code(342, 'ERROR_ANALYSIS_FAILED', message='Snapshots could not be analysed: {reason}')
        spec.exit_code(460, 'ERROR_NOT_BROKEN', message='Pulled to the end, G_c is a lower bound: {reason}')

    @cached_property
    def _settings(self) -> PullSettings:
        return read_pull(self.inputs.settings.get_dict())

    @property
    def _axis(self) -> Any:
        return self.inputs.axis.value

    def setup(self) -> None:
        """Begin with the sample as it is."""
        self.ctx.configuration = self.inputs.configuration
        self.ctx.regions = self.inputs.get('regions')
        self.ctx.pieces, self.ctx.broken, self.ctx.stopped, self.ctx.unanalysed = [], False, None, None
        self.ctx.crack_area, self.ctx.relaxed = 0.0, {}

    def should_cut(self) -> bool:
        """Whether there is to be a notch."""
        return self._settings.kind == 'notched'

    def cut(self) -> ExitCode | None:
        """Take the atoms of the notch out."""
        charges = self.inputs.charges.get_dict() if 'charges' in self.inputs else None
        request = notch_request(
            self.inputs.configuration, self._settings, self._axis, seed_of(self.inputs.seed.value, 'notch'), charges
        )
        inputs: dict[str, Any] = {'configuration': self.inputs.configuration, 'request': orm.Dict(request)}
        if self.ctx.regions is not None:
            inputs['regions'] = self.ctx.regions
        found, node = cut_notch.run_get_node(**inputs, metadata={'call_link_label': 'cut_notch'})
        if not node.is_finished_ok:
            return self.exit_codes.ERROR_NOTCH_IMPOSSIBLE.format(reason=node.exit_message)
        self.ctx.configuration, self.ctx.regions = found['sample'], found.get('regions')
        self.ctx.notched = found['record']
        self.out('notch', found['record'])
        return None

    def run_equilibration(self) -> ToContext:
        """Hold the sample at temperature and pressure with velocities drawn anew."""
        inputs = self._md_inputs('equilibrate', self.ctx.configuration, pull_plan.equilibration(self._settings))
        inputs.md.keep_velocities = orm.Bool(False)
        return ToContext(equilibration=self.submit(MdWorkChain, **inputs))

    def _md_inputs(self, label: str, configuration: orm.Data, schedule: Any, *, frames: bool = False) -> AttributeDict:
        inputs = AttributeDict(self.exposed_inputs(MdWorkChain, namespace='md'))
        inputs.md.update(
            configuration=configuration,
            schedule=orm.Dict(schedule.model_dump(exclude_none=True)),
            seed=orm.Int(seed_of(self.inputs.seed.value, label)),
            retrieve=orm.Dict({'trajectory': frames, 'velocities': False}),
        )
        inputs.metadata.call_link_label = label
        return inputs

    def inspect_equilibration(self) -> ExitCode | None:
        """Begin the pull with the mean cell of the later half."""
        node = self.ctx.equilibration
        if not node.is_finished_ok:
            return self.exit_codes.ERROR_EQUILIBRATION_FAILED.format(reason=reason_of(node))
        mean = at_mean_cell(node.outputs.final, node.outputs.thermo, metadata={'call_link_label': 'mean_cell'})
        self.ctx.reference = self.ctx.configuration = mean
        self.out('reference', mean)
        if self.ctx.regions is not None:
            self.out('regions', self.ctx.regions)
        if self.should_cut():
            self.ctx.crack_area = self._crack_area()
        return None

    def _crack_area(self) -> float:
        """Å², of the notch in the cell as it is now: it is strained with it."""
        lengths = pull_plan.cell_lengths(self.ctx.reference.frames.cells[-1])
        sides = [length for name, length in zip(AXES, lengths, strict=True) if name != self._axis]
        record = self.ctx.notched.get_dict()
        return float(record['crack_area'] / record['area'] * sides[0] * sides[1])

    def should_pull(self) -> bool:
        """Whether the sample still holds and may be pulled further."""
        return not self.ctx.broken and self.ctx.stopped is None and len(self.ctx.pieces) < self._settings.n_pieces

    def run_piece(self) -> ToContext:
        """Pull on from where the last piece ended."""
        number = len(self.ctx.pieces)
        schedule = pull_plan.piece(self._settings, self._axis, number)
        self.ctx.duration = schedule.duration
        inputs = self._md_inputs(f'piece_{number:03d}', self.ctx.configuration, schedule, frames=True)
        return ToContext(piece=self.submit(MdWorkChain, **inputs))

    def inspect_piece(self) -> None:
        """Take what it measured, and judge whether the sample is broken."""
        node, number = self.ctx.piece, len(self.ctx.pieces)
        if not node.is_finished_ok:
            self.ctx.stopped = reason_of(node)
            self.report(f'piece {number} failed: {self.ctx.stopped}')
        if 'thermo' in node.outputs:
            start = self.ctx.pieces[-1]['end'] if self.ctx.pieces else 0.0
            self.ctx.pieces.append({'pk': node.pk, 'start': start, 'end': start + self.ctx.duration})
        if self.ctx.stopped is not None:
            return
        self.ctx.configuration = node.outputs.final
        curve = self._curve()
        parted = has_gone(curve, self._settings) and is_separated(node.outputs.final.frames, self._axis)
        self.ctx.broken = is_broken(curve, self._settings, parted)
        told = 'broken' if self.ctx.broken else 'goes on' if self.should_pull() else 'not broken'
        self.report(f'strain {curve.strain[-1]:.3f}: stress {curve.stress[-1]:.2f} GPa; {told}')

    def _curve(self) -> PullCurve:
        tables = [orm.load_node(piece['pk']).outputs.thermo.arrays for piece in self.ctx.pieces]
        lengths = pull_plan.cell_lengths(self.ctx.reference.frames.cells[-1])
        return pull_curve(tables, self._settings, self._axis, lengths[AXES.index(self._axis)])

    def should_relax(self) -> bool:
        """Whether there are surfaces whose energy is wanted."""
        return bool(self.ctx.broken and self._settings.surface_energy)

    def run_relaxations(self) -> ToContext:
        """Minimise the whole sample and the broken one."""
        samples = {'whole': self.ctx.reference, 'broken': self.ctx.configuration}
        running = {}
        for name, sample in samples.items():
            schedule = pull_plan.relaxation(self._settings, self._axis, broken=name == 'broken')
            running[f'relax_{name}'] = self.submit(MdWorkChain, **self._md_inputs(f'relax_{name}', sample, schedule))
        return ToContext(**running)

    def inspect_relaxations(self) -> None:
        """Take the energies that there are."""
        for name in _RELAXATIONS:
            node = self.ctx[f'relax_{name}']
            if node.is_finished_ok:
                self.ctx.relaxed[f'relax_{name}'] = node.outputs.thermo
            else:
                self.report(f'no surface energy: minimising the {name} sample failed: {reason_of(node)}')

    def gather(self) -> None:
        """Put the pieces together and say what they mean."""
        nodes = [orm.load_node(piece['pk']) for piece in self.ctx.pieces]
        about = {
            'settings': self._settings.model_dump(),
            'axis': self._axis,
            'crack_area': self.ctx.crack_area,
            'stopped': self.ctx.stopped,
        }
        pieces: dict[str, orm.Data] = {f'thermo_{i:03d}': node.outputs.thermo for i, node in enumerate(nodes)}
        pieces |= self.ctx.relaxed
        if self.ctx.configuration.pk != self.ctx.reference.pk:
            pieces['final'] = self.ctx.configuration
            self.out('final', self.ctx.configuration)
        link = {'call_link_label': 'summarise'}
        found = summarise_pull(orm.Dict(about), self.ctx.reference, **pieces, metadata=link)
        for name, node in found.items():
            self.out(name, node)
        self.ctx.reason = found['results']['reason']
        frames = {f'piece_{i:03d}': n.outputs.trajectory for i, n in enumerate(nodes) if 'trajectory' in n.outputs}
        starts = [p['start'] for p, n in zip(self.ctx.pieces, nodes, strict=True) if 'trajectory' in n.outputs]
        link = {'call_link_label': 'gather_snapshots'}
        plan = orm.Dict({'axis': self._axis, 'starts': starts})
        self.ctx.snapshots = gather_snapshots(plan, self.ctx.reference, **frames, metadata=link)
        self.out('snapshots', self.ctx.snapshots)

    def should_analyse(self) -> bool:
        """Whether there are strained samples, and somebody wants to know about them."""
        return bool(self._settings.analyse and self.ctx.snapshots.n_frames > 1)

    def analyse(self) -> None:
        """See what bonds and atoms did."""
        request = {'across': self._settings.notch.along_for(self._axis), **self._settings.analysis, 'axis': self._axis}
        inputs: dict[str, Any] = {} if self.ctx.regions is None else {'regions': self.ctx.regions}
        inputs |= {'reference': self.ctx.reference, 'snapshots': self.ctx.snapshots, 'request': orm.Dict(request)}
        found, node = analyse_pull.run_get_node(**inputs, metadata={'call_link_label': 'analyse'})
        if not node.is_finished_ok:
            self.ctx.unanalysed = reason_of(node)
            return
        for name, output in found.items():
            self.out(f'analysis.{name}', output)

    def results(self) -> ExitCode | None:
        """Say how it ended."""
        if self.ctx.stopped is not None:
            return self.exit_codes.ERROR_PULL_FAILED.format(reason=self.ctx.stopped)
        if self.ctx.unanalysed is not None:
            return self.exit_codes.ERROR_ANALYSIS_FAILED.format(reason=self.ctx.unanalysed)
        if not self.ctx.broken:
            return self.exit_codes.ERROR_NOT_BROKEN.format(reason=self.ctx.reason)
        return None

"""The LAMMPS input script of a schedule.

Steps are counted through the whole schedule and every stage is run ``upto`` its last step with ``start``/``stop``
at its own ends, so that a ramp or a deformation continued from a restart file goes on exactly where it was.
What marks the stages in the log (lines that begin with ``GLASSION``) is read back by the parser.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aiida_glassion import units
from aiida_glassion.formats.lammps.cell_commands import change_cell, lengths
from aiida_glassion.formats.lammps.frozen_atoms import FROZEN, MOBILE, MOBILE_TEMPERATURE, groups
from aiida_glassion.schedule import (
    AnyStage,
    Deform,
    DynamicStage,
    Minimise,
    Ramp,
    Schedule,
    StagePlan,
    Strain,
    Timeless,
    duration_of,
)

DATA_FILE = 'start.data'
FINAL_FILE = 'final.bin'
STOPPED_RESTART = 'stopped.restart'
MINIMISER_STEPS = 10**12
"""Where the steps of a minimiser begin to count if its output must be told from that of dynamics."""
_LARGEST_BATH_SEED = 899_000_000
"""Marsaglia's generator takes seeds up to 900 000 000, to which a Langevin bath adds the rank."""
THERMO_COLUMNS = (
    'step', 'temp', 'press', 'pe', 'ke', 'etotal', 'econserve', 'vol', 'density',
    'pxx', 'pyy', 'pzz', 'pxy', 'pxz', 'pyz', 'lx', 'ly', 'lz', 'xy', 'xz', 'yz', 'spcpu',
)  # fmt: skip
PRESSURE_UNIT_GPA = {'metal': units.BAR_TO_GPA, 'real': units.ATM_TO_GPA}
TIME_UNIT_PS = {'metal': 1.0, 'real': units.FS_TO_PS}
ENERGY_UNIT_EV = {'metal': 1.0, 'real': units.KCAL_PER_MOL_TO_EV}


@dataclass(frozen=True)
class RestartPoint:
    """Where a run is taken up again.

    :param file: name of the LAMMPS restart file.
    :param stage: index of the stage to go on with.
    :param step: integration step of the file.
    :param fresh: count steps from 0 again: the schedule is a new one and only the atoms are carried over.
    """

    file: str
    stage: int
    step: int
    fresh: bool = False


def frames_file(index: int) -> str:
    """Name of the binary dump of a stage."""
    return f'stage_{index:02d}.bin'


def stage_end_restart(index: int) -> str:
    """Name of the restart file written when a stage is done."""
    return f'stage_{index:02d}_end.restart'


def interval_restarts(index: int) -> tuple[str, str]:
    """Names of the two restart files that a stage writes in turn."""
    return f'stage_{index:02d}_a.restart', f'stage_{index:02d}_b.restart'


def newest_interval_restart(plan: StagePlan, step_in_log: int, started_at: int) -> tuple[str, int] | None:
    """The newest restart file of a stage that is surely whole: a later step's line is in the log.

    LAMMPS writes in turn to two files at multiples of the interval, beginning with the first one after the step
    at which the run command started. It prints a step's thermodynamic line before it writes that step's restart file
    (``Output::write``), so only a line of a later step proves the file.

    :param step_in_log: last step of the stage whose thermodynamic line is complete.
    :param started_at: step at which this job began the stage.
    :returns: file name and its step, or None where none was written.
    """
    if plan.restart == 0:
        return None
    newest = (step_in_log - 1) // plan.restart * plan.restart
    written = newest // plan.restart - started_at // plan.restart
    if written < 1:
        return None
    return interval_restarts(plan.index)[(written - 1) % 2], newest


def write_script(
    schedule: Schedule,
    potential_commands: Sequence[str],
    *,
    lammps_units: str,
    atom_style: str,
    seed: int,
    create_velocities: bool = True,
    dump_velocities: bool = True,
    dump_forces: bool = False,
    restart: RestartPoint | None = None,
    walltime_seconds: int | None = None,
    mark_minimiser: bool = False,
    frozen: Sequence[int] = (),
) -> str:
    """Write the input script.

    :param schedule: what to do.
    :param potential_commands: pair and kspace commands, run once the atoms are there.
    :param lammps_units: `metal` or `real`.
    :param atom_style: `charge` or `atomic`.
    :param seed: for velocities and Langevin baths, a positive integer below 2³¹.
    :param create_velocities: draw them at the first dynamic stage's temperature; False: the data file has them.
    :param dump_velocities: store velocities with the frames.
    :param dump_forces: store the forces with the frames.
    :param restart: take up a run instead of reading a data file.
    :param walltime_seconds: LAMMPS stops itself in good order after this time, writing a restart file.
    :param mark_minimiser: count the steps of a minimiser from :data:`MINIMISER_STEPS`.
    :param frozen: indices (from 0) of the atoms that stay where they are in the stages that say so.
    :raises ValueError: units are not known, the restart point does not lie in the schedule, or a stage keeps atoms and
        none are given.
    """
    if lammps_units not in PRESSURE_UNIT_GPA:
        raise ValueError(f"units '{lammps_units}': expected one of {sorted(PRESSURE_UNIT_GPA)}")
    columns = 'id type xu yu zu' + ' vx vy vz' * dump_velocities + ' fx fy fz' * dump_forces
    writer = _Writer(schedule, lammps_units, seed, create_velocities, columns, restart, mark_minimiser)
    lines = ['# written by aiida-glassion', f'units {lammps_units}', f'atom_style {atom_style}', 'boundary p p p']
    if walltime_seconds is not None:
        hours, rest = divmod(walltime_seconds, 3600)
        lines.append(f'timer timeout {hours}:{rest // 60:02d}:{rest % 60:02d} every 10')
    lines += ['box tilt large', f'read_restart {restart.file}' if restart else f'read_data {DATA_FILE}']
    if restart and restart.fresh:
        lines.append('reset_timestep 0')
    if any(getattr(stage, 'coupling', None) == 'tri' or _tilts(stage) for stage in schedule.stages):
        lines.append('change_box all triclinic')
    lines += [*potential_commands, '']
    if any(getattr(stage, 'frozen', False) for stage in schedule.stages):
        lines += [*groups(frozen), '']
    lines += [f'thermo_style custom {" ".join(THERMO_COLUMNS)}']
    lines += ['thermo_modify flush yes norm no line one format float %.10g', '']
    for plan in schedule.plan()[writer.first_stage :]:
        lines += [*writer.stage(plan), '']
    lines += [f'write_dump all custom {FINAL_FILE} id type xu yu zu vx vy vz', 'print "GLASSION finished"', '']
    return '\n'.join(lines)


def _tilts(stage: AnyStage) -> bool:
    """Whether a cell may have tilts afterwards; a strain also has to carry along those that are there."""
    return isinstance(stage, Strain) or (isinstance(stage, Deform) and len(stage.mode) == 2)


_SET_VELOCITIES_ASIDE = ('fix velocities all store/state 0 vx vy vz', 'min_style fire')
_GIVE_VELOCITIES_BACK = (
    'min_style cg',
    *(f'variable former_v{axis} atom f_velocities[{column}]' for column, axis in enumerate('xyz', start=1)),
    'velocity all set v_former_vx v_former_vy v_former_vz sum no units box',
    *(f'variable former_v{axis} delete' for axis in 'xyz'),
    'unfix velocities',
)
"""FIRE is damped dynamics, which uses up the velocities; those of before are for the dynamics after it."""


@dataclass(frozen=True)
class _Writer:
    schedule: Schedule
    lammps_units: str
    seed: int
    create_velocities: bool
    columns: str
    restart: RestartPoint | None
    mark_minimiser: bool

    @property
    def first_stage(self) -> int:
        if self.restart is None or self.restart.fresh:
            return 0
        plans = self.schedule.plan()
        stage, step = self.restart.stage, self.restart.step
        if not 0 <= stage < len(plans) or not plans[stage].first <= step <= plans[stage].last:
            raise ValueError(f'restart at step {step} of stage {stage}: not in this schedule')
        return stage

    def pressure(self, gpa: float) -> str:
        return f'{gpa / PRESSURE_UNIT_GPA[self.lammps_units]:.10g}'

    def time(self, ps: float) -> str:
        return f'{ps / TIME_UNIT_PS[self.lammps_units]:.10g}'

    def begins(self, plan: StagePlan) -> bool:
        """Whether this job makes a stage from its beginning."""
        taken_up = self.restart is not None and not self.restart.fresh and plan.index == self.first_stage
        return not (taken_up and self.restart is not None and self.restart.step > plan.first)

    def stage(self, plan: StagePlan) -> Iterator[str]:
        yield f'print "GLASSION stage {plan.index} {plan.stage.name} from {plan.first} to {plan.last}"'
        if isinstance(plan.stage, Strain):
            yield change_cell(plan.stage)
        elif isinstance(plan.stage, Minimise):
            yield from self.minimise(plan, plan.stage)
        else:
            yield from self.dynamics(plan, plan.stage)
        yield f'write_restart {stage_end_restart(plan.index)}'
        yield f'print "GLASSION done {plan.index} at {plan.last}"'

    def minimise(self, plan: StagePlan, stage: Minimise) -> Iterator[str]:
        force = stage.force_tolerance / ENERGY_UNIT_EV[self.lammps_units]
        if self.mark_minimiser:
            yield f'reset_timestep {MINIMISER_STEPS}'
        if stage.pressure is not None:
            yield f'fix relax_cell all box/relax {lengths(stage.coupling, self.pressure(stage.pressure))}'
        if stage.frozen:
            yield f'fix hold_still {FROZEN} setforce 0 0 0'
        if stage.method == 'fire':
            yield from _SET_VELOCITIES_ASIDE
        yield f'thermo {plan.thermo}'
        yield f'minimize {stage.energy_tolerance:g} {force:.10g} {stage.max_steps} {10 * stage.max_steps}'
        if stage.pressure is not None:
            yield 'unfix relax_cell'
        if stage.frozen:
            yield 'unfix hold_still'
        if stage.method == 'fire':
            yield from _GIVE_VELOCITIES_BACK
        yield f'reset_timestep {plan.first}'

    def dynamics(self, plan: StagePlan, stage: DynamicStage) -> Iterator[str]:
        fixes = self.fixes(plan, stage)
        if self.draws_velocities and plan.index == self.first_dynamic_stage:
            yield f'velocity all create {stage.temperature:.10g} {self.seed} mom yes rot no dist gaussian loop all'
        if stage.frozen:
            yield f'velocity {FROZEN} set 0 0 0'
            yield f'thermo_modify temp {MOBILE_TEMPERATURE}'
        elif self.lets_go(plan) and self.begins(plan):
            yield f'velocity {FROZEN} create {stage.temperature:.10g} {self.seed} mom yes rot no dist gaussian loop all'
        yield f'timestep {self.time(plan.timestep * units.FS_TO_PS)}'
        for name, command in fixes.items():
            yield f'fix {name} {MOBILE if stage.frozen else "all"} {command}'
        yield f'thermo {plan.thermo}'
        if plan.frames:
            yield f'dump frames all custom {plan.frames} {frames_file(plan.index)} {self.columns}'
        first, second = interval_restarts(plan.index)
        yield f'restart {plan.restart} {first} {second}'
        yield f'run {plan.last} upto start {plan.first} stop {plan.last}'
        stop = f'"write_restart {STOPPED_RESTART}" "print \'GLASSION stopped {plan.index} at $(step)\'" quit'
        yield f'if "$(step) < {plan.last}" then {stop}'
        yield 'restart 0'
        if plan.frames:
            yield 'undump frames'
        for name in reversed(fixes):
            yield f'unfix {name}'
        if stage.frozen:
            yield 'thermo_modify temp thermo_temp'

    def lets_go(self, plan: StagePlan) -> bool:
        """Whether atoms that stood still in the dynamics before move in this one."""
        before = [p.stage for p in self.schedule.plan()[: plan.index] if not isinstance(p.stage, Timeless)]
        return bool(before) and before[-1].frozen and not getattr(plan.stage, 'frozen', False)

    @property
    def draws_velocities(self) -> bool:
        """Also from a restart file of step 0: it was written by a minimisation, no atom has moved yet."""
        unmoved = self.restart is None or (self.restart.step == 0 and not self.restart.fresh)
        return self.create_velocities and unmoved

    @property
    def first_dynamic_stage(self) -> int | None:
        return next((p.index for p in self.schedule.plan() if not isinstance(p.stage, Timeless)), None)

    def fixes(self, plan: StagePlan, stage: DynamicStage) -> dict[str, str]:
        """The fixes of a stage by name; a name of its own keeps a thermostat's memory within its stage."""
        end = stage.temperature_end if isinstance(stage, Ramp) else stage.temperature
        bath = f'{stage.temperature:.10g} {end:.10g} {self.time(stage.temperature_damping)}'
        label = f'{plan.index:02d}'
        if stage.ensemble == 'nvt':
            fixes = {f'ensemble_{label}': f'nvt temp {bath}'}
        elif stage.ensemble == 'npt':
            fixes = {f'ensemble_{label}': f'npt temp {bath} {self.barostat(stage)}'}
        else:
            limit = stage.max_displacement
            fixes = {f'ensemble_{label}': 'nve' if limit is None else f'nve/limit {limit:.10g}'}
        if stage.ensemble == 'langevin':
            seed = (self.seed - 1) % _LARGEST_BATH_SEED + 1
            fixes[f'bath_{label}'] = f'langevin {bath} {seed} zero yes'
        if isinstance(stage, Deform):
            fixes[f'strain_{label}'] = f'deform 1 {self.strain(stage)} remap x flip no'
        return fixes

    def barostat(self, stage: DynamicStage) -> str:
        end = stage.pressure if stage.pressure_end is None else stage.pressure_end
        target = f'{self.pressure(stage.pressure)} {self.pressure(end)} {self.time(stage.pressure_damping)}'
        keep_tilts = ' flip no' if stage.coupling == 'tri' else ''
        if not isinstance(stage, Deform):
            return f'{lengths(stage.coupling, target)}{keep_tilts}'
        if stage.coupling not in ('aniso', 'tri'):
            return lengths(stage.coupling, target)
        free = ['x', 'y', 'z'] + (['xy', 'xz', 'yz'] if stage.coupling == 'tri' else [])
        return ' '.join(f'{axis} {target}' for axis in free if axis != stage.mode) + keep_tilts

    def strain(self, stage: Deform) -> str:
        if stage.mode == 'volume':
            return ' '.join(f'{axis} scale {1 + stage.strain:.10g}' for axis in 'xyz')
        if len(stage.mode) == 1:
            return f'{stage.mode} scale {1 + stage.strain:.10g}'
        rate_per_ps = stage.strain / duration_of(stage)
        return f'{stage.mode} erate {rate_per_ps * TIME_UNIT_PS[self.lammps_units]:.10g}'

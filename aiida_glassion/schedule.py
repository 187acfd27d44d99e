"""Schedule: what an MD run does, as a validated list of stages. One schedule is one LAMMPS job.

Durations in ps, rates in K/ps, pressures in GPa, the timestep in fs. Integration steps are counted from 0 through
the whole schedule (a minimisation takes none), so that a step number says in which stage and at which time it lies,
and a run that was cut is continued by the very same commands.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from aiida_glassion import units

Ensemble = Literal['nve', 'nvt', 'npt', 'langevin']
Coupling = Literal['iso', 'aniso', 'tri', 'x', 'y', 'z', 'xy', 'xz', 'yz']
Mode = Literal['x', 'y', 'z', 'xy', 'xz', 'yz', 'volume']
_COUPLING = 'iso: the size; aniso: three lengths; tri: the shape too; x, yz …: these lengths, each for itself.'
_FROZEN = 'Keep the atoms of the input `frozen` where they are.'


class _Model(BaseModel):
    model_config = ConfigDict(extra='forbid', allow_inf_nan=False)


class Timeless(_Model):
    """What takes no time: no integration step is made."""


class Minimise(Timeless):
    """Move to the nearest energy minimum, optionally relaxing the cell at a pressure. Takes no time."""

    kind: Literal['minimise'] = 'minimise'
    name: str = Field('minimise', pattern=r'^[A-Za-z0-9_]+$')
    energy_tolerance: float = Field(0.0, ge=0, description='Relative energy change at which to stop (0: not used).')
    force_tolerance: float = Field(0.01, ge=0, description='Norm of the global force vector at which to stop, eV/Å.')
    max_steps: int = Field(2000, ge=1, description='Most minimiser iterations.')
    pressure: float | None = Field(None, description='Relax the cell at this pressure, GPa; absent: cell fixed.')
    coupling: Coupling = Field('iso', description=f'How the cell may change when a pressure is given. {_COUPLING}')
    method: Literal['cg', 'fire'] = Field(
        'cg',
        description='cg: conjugate gradients, which end early where the energy jumps at a cutoff; fire: damped '
        'dynamics by forces alone, in a fixed cell. Velocities are those of before afterwards.',
    )
    frozen: bool = Field(False, description=_FROZEN)

    @model_validator(mode='after')
    def _fire_in_a_fixed_cell(self) -> Minimise:
        if self.method == 'fire' and self.pressure is not None:
            raise ValueError("method: 'fire' cannot relax the cell; use 'cg', or leave the pressure out")
        return self

    @model_validator(mode='after')
    def _frozen_in_a_fixed_cell(self) -> Minimise:
        if self.frozen and self.pressure is not None:
            raise ValueError('frozen: atoms cannot stay where they are in a cell that changes; leave the pressure out')
        return self


class Strain(Timeless):
    """Change the cell at once and move the atoms along with it (affinely). Takes no time; minimise afterwards."""

    kind: Literal['strain'] = 'strain'
    name: str = Field('strain', pattern=r'^[A-Za-z0-9_]+$')
    mode: Mode = Field(
        description='A length, a shear (the strain is the tilt over the length it leans along), or all three lengths.'
    )
    strain: float = Field(gt=-0.9, description='Engineering strain, relative to the start of the stage.')

    @model_validator(mode='after')
    def _strains(self) -> Strain:
        if self.strain == 0:
            raise ValueError('strain: a strain of 0 changes nothing')
        return self


class _Dynamics(_Model):
    ensemble: Ensemble = Field('nvt', description='nve; nvt, npt: Nosé-Hoover; langevin: NVE with a Langevin bath.')
    pressure: float = Field(0.0, description='Target pressure of an npt stage, GPa.')
    pressure_end: float | None = Field(None, description='Ramp the pressure to this value, GPa.')
    coupling: Coupling = Field('iso', description=f'Which cell parameters an npt stage changes. {_COUPLING}')
    temperature_damping: float = Field(0.1, gt=0, description='Relaxation time of the thermostat, ps.')
    pressure_damping: float = Field(1.0, gt=0, description='Relaxation time of the barostat, ps.')
    timestep: float | None = Field(None, gt=0, description="This stage's timestep, fs; absent: the schedule's.")
    thermo_every: float | None = Field(None, gt=0, description='Interval of thermodynamic output, ps.')
    frames_every: float | None = Field(None, ge=0, description='Interval of stored frames, ps; 0: none.')
    max_displacement: float | None = Field(
        None, gt=0, description='Soft start: limit the move of an atom per step, Å (ensembles nve and langevin).'
    )
    frozen: bool = Field(False, description=f'{_FROZEN} Not with npt, not in a deform.')

    @model_validator(mode='after')
    def _limited_only_without_barostat(self) -> _Dynamics:
        if self.frozen and self.ensemble == 'npt':
            raise ValueError("frozen: atoms cannot stay where they are in a cell that changes; use 'nvt' or 'langevin'")
        if self.max_displacement is not None and self.ensemble not in ('nve', 'langevin'):
            raise ValueError(f"max_displacement needs ensemble 'nve' or 'langevin', not '{self.ensemble}'")
        if self.pressure_end is not None and self.ensemble != 'npt':
            raise ValueError(f"pressure_end needs ensemble 'npt', not '{self.ensemble}'")
        return self


class Hold(_Dynamics):
    """Stay at a temperature for a duration."""

    kind: Literal['hold'] = 'hold'
    name: str = Field('hold', pattern=r'^[A-Za-z0-9_]+$')
    temperature: float = Field(gt=0, description='K.')
    duration: float = Field(gt=0, description='ps.')


class Ramp(_Dynamics):
    """Heat or cool linearly in time, by a rate or within a duration."""

    kind: Literal['ramp'] = 'ramp'
    name: str = Field('ramp', pattern=r'^[A-Za-z0-9_]+$')
    temperature: float = Field(gt=0, description='K, at the start.')
    temperature_end: float = Field(gt=0, description='K, at the end.')
    rate: float | None = Field(None, gt=0, description='K/ps, its size; up or down follows from the temperatures.')
    duration: float | None = Field(None, gt=0, description='ps.')

    @model_validator(mode='after')
    def _rate_or_duration(self) -> Ramp:
        if (self.rate is None) == (self.duration is None):
            raise ValueError('give either rate (K/ps) or duration (ps)')
        if self.ensemble == 'nve':
            raise ValueError("a ramp needs a thermostat: ensemble 'nvt', 'npt' or 'langevin', not 'nve'")
        if self.rate is not None and self.temperature_end == self.temperature:
            raise ValueError('a ramp between equal temperatures has no rate: use a hold')
        return self


class Deform(_Dynamics):
    """Strain the cell at a constant engineering rate; with npt the directions not strained stay at the pressure."""

    kind: Literal['deform'] = 'deform'
    name: str = Field('deform', pattern=r'^[A-Za-z0-9_]+$')
    temperature: float = Field(gt=0, description='K.')
    mode: Mode = Field(
        description='A length, a shear (the strain is the tilt over the length it leans along), or all three lengths.'
    )
    strain: float = Field(gt=-0.9, description='Engineering strain at the end, relative to the start of the stage.')
    rate: float | None = Field(None, gt=0, description='Size of the strain rate, 1/ps.')
    duration: float | None = Field(None, gt=0, description='ps.')

    @model_validator(mode='after')
    def _consistent(self) -> Deform:
        if self.strain == 0:
            raise ValueError('strain: a deformation of 0 deforms nothing')
        if self.frozen:
            raise ValueError('frozen: atoms cannot stay where they are in a cell that is strained')
        if (self.rate is None) == (self.duration is None):
            raise ValueError('give either rate (1/ps) or duration (ps)')
        if self.ensemble == 'npt' and self.mode == 'volume':
            raise ValueError("mode 'volume' strains every direction, nothing is left to a barostat: use 'nvt'")
        if self.ensemble == 'npt' and self.coupling == 'iso':
            raise ValueError("a deform stage with 'npt' needs coupling 'aniso', 'tri' or the lengths that are free")
        if self.ensemble == 'npt' and self.coupling not in ('aniso', 'tri') and set(self.mode) & set(self.coupling):
            raise ValueError(f"coupling '{self.coupling}': {self.mode} is strained and cannot be free too")
        return self


AnyStage = Minimise | Strain | Hold | Ramp | Deform
Stage = Annotated[AnyStage, Field(discriminator='kind')]
DynamicStage = Hold | Ramp | Deform


@dataclass(frozen=True)
class StagePlan:
    """A stage in numbers of integration steps.

    :param first: step at its start.
    :param last: step at its end.
    :param timestep: fs.
    :param time: time at its start, ps.
    :param thermo, frames, restart: intervals in steps; 0: none.
    """

    index: int
    stage: AnyStage
    first: int
    last: int
    timestep: float
    time: float
    thermo: int
    frames: int
    restart: int

    @property
    def steps(self) -> int:
        """Integration steps of this stage."""
        return self.last - self.first

    def time_at(self, step: int) -> float:
        """Time of a step of this stage, ps."""
        return self.time + (step - self.first) * self.timestep * units.FS_TO_PS


class Schedule(_Model):
    """A validated list of stages with the intervals at which things are written."""

    stages: list[Stage] = Field(min_length=1)
    timestep: float = Field(1.0, gt=0, le=20, description='fs.')
    thermo_every: float = Field(0.1, gt=0, description='Interval of thermodynamic output, ps.')
    frames_every: float = Field(1.0, ge=0, description='Interval of stored frames, ps; 0: none.')
    restart_every: float = Field(10.0, gt=0, description='Interval of restart files, ps.')

    @model_validator(mode='after')
    def _stages_last_a_step(self) -> Schedule:
        for plan in self.plan():
            if not isinstance(plan.stage, Timeless) and plan.steps < 1:
                raise ValueError(f'stage {plan.index} ({plan.stage.name}) is shorter than one timestep')
        return self

    def plan(self) -> list[StagePlan]:
        """Every stage with its first and last step, timestep and intervals."""
        plans: list[StagePlan] = []
        step, time = 0, 0.0
        for index, stage in enumerate(self.stages):
            if isinstance(stage, Timeless):
                plans.append(StagePlan(index, stage, step, step, self.timestep, time, 10, 0, 0))
                continue
            timestep = stage.timestep or self.timestep
            ps_per_step = timestep * units.FS_TO_PS

            def steps_in(interval: float, ps_per_step: float = ps_per_step) -> int:
                return 0 if interval == 0 else max(1, round(interval / ps_per_step))

            thermo = steps_in(stage.thermo_every or self.thermo_every)
            frames = steps_in(self.frames_every if stage.frames_every is None else stage.frames_every)
            # a restart is known to be whole once a later thermo line is in the log
            restart = thermo * max(1, math.ceil(steps_in(self.restart_every) / thermo))
            steps = round(duration_of(stage) / ps_per_step)
            plans.append(StagePlan(index, stage, step, step + steps, timestep, time, thermo, frames, restart))
            step, time = step + steps, time + steps * ps_per_step
        return plans

    @property
    def last_step(self) -> int:
        """Integration steps of the whole schedule."""
        return self.plan()[-1].last

    @property
    def duration(self) -> float:
        """Time that the whole schedule covers, ps."""
        last = self.plan()[-1]
        return last.time_at(last.last)

    def stage_at(self, step: int) -> StagePlan:
        """The stage in which a step was made: a boundary belongs to the stage that it ends."""
        for plan in self.plan():
            if plan.first < step <= plan.last:
                return plan
        return self.plan()[0] if step <= 0 else self.plan()[-1]

    def remaining(self, stage: int, step: int, timestep_factor: float = 1.0) -> Schedule:
        """What is left, as a schedule that starts at step 0; ramps go on from where they are.

        :param stage: index of the stage reached; those before it are done.
        :param step: integration step reached, within that stage.
        :param timestep_factor: multiplies every timestep (a softer retry takes shorter steps).
        :raises ValueError: the step is not in the stage, or nothing is left.
        """
        plans = self.plan()
        if not 0 <= stage < len(plans) or not plans[stage].first <= step <= plans[stage].last:
            raise ValueError(f'step {step} does not lie in stage {stage} of this schedule')
        left: list[Any] = []
        for plan in plans[stage:]:
            kept: Any = plan.stage
            if plan.first < step and not isinstance(plan.stage, Timeless):
                if plan.last == step:
                    continue
                kept = _cut(plan.stage, plan, step)
            content = kept.model_dump()
            if content.get('timestep') is not None:
                content['timestep'] *= timestep_factor
            left.append(content)
        if not left:
            raise ValueError(f'nothing is left after step {step} of stage {stage}')
        settings = self.model_dump(exclude={'stages'}) | {'timestep': self.timestep * timestep_factor}
        return Schedule.model_validate(settings | {'stages': left})


def _cut(stage: DynamicStage, plan: StagePlan, step: int) -> DynamicStage:
    """The part of a stage after a step; what changes linearly goes on from its value there."""
    done = (step - plan.first) / plan.steps
    left = duration_of(stage) * (1 - done)
    changes: dict[str, Any] = {}
    if stage.pressure_end is not None:
        changes['pressure'] = stage.pressure + done * (stage.pressure_end - stage.pressure)
    if isinstance(stage, Ramp):
        changes |= {'temperature': stage.temperature + done * (stage.temperature_end - stage.temperature)}
        changes |= {'rate': None}
    if isinstance(stage, Deform):
        # a constant engineering rate of the length at the start; the rest is measured on the length reached
        changes |= {'strain': (1 + stage.strain) / (1 + done * stage.strain) - 1, 'rate': None}
        if len(stage.mode) == 2:
            changes |= {'strain': stage.strain * (1 - done)}
    return stage.model_copy(update=changes | {'duration': left})


def duration_of(stage: DynamicStage) -> float:
    """Duration of a dynamic stage, ps."""
    if stage.duration is not None:
        return stage.duration
    if isinstance(stage, Ramp) and stage.rate is not None:
        return abs(stage.temperature_end - stage.temperature) / stage.rate
    if isinstance(stage, Deform) and stage.rate is not None:
        return abs(stage.strain) / stage.rate
    raise ValueError(f'stage {stage.name} has neither a duration nor a rate')


def read_schedule(content: dict[str, Any]) -> Schedule:
    """Validate a schedule given as a dictionary.

    :raises ValueError: with every problem on its own line: where, what was given, what would be right.
    """
    try:
        return Schedule.model_validate(content)
    except ValidationError as error:
        raise ValueError('\n'.join(_explain(error, content))) from None


_KINDS = ('minimise', 'strain', 'hold', 'ramp', 'deform')


def _explain(error: ValidationError, content: dict[str, Any]) -> Iterator[str]:
    fields = {'stages', *Schedule.model_fields}
    for model in (Minimise, Strain, Hold, Ramp, Deform):
        fields |= set(model.model_fields)
    for problem in error.errors():
        path = '.'.join(str(part) for part in problem['loc'] if part not in _KINDS)
        message = problem['msg'].removeprefix('Value error, ')
        if problem['type'] == 'extra_forbidden':
            key = str(problem['loc'][-1])
            near = difflib.get_close_matches(key, sorted(fields), 1)
            message = 'unknown key' + (f"; did you mean '{near[0]}'?" if near else '')
        if problem['type'] in ('union_tag_invalid', 'union_tag_not_found'):
            message = f'kind must be one of {", ".join(map(repr, _KINDS))}'
        value = problem.get('input')
        given = '' if isinstance(value, dict) else f' (given: {value!r})'
        yield f'schedule: {path or "top level"}: {message}{given}'

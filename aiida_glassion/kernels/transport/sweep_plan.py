"""What a diffusion sweep is to do: its settings, the runs, their seeds, schedules and analyses."""

from __future__ import annotations

import difflib
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from aiida_glassion import units
from aiida_glassion.kernels.structure.elements import network_roles
from aiida_glassion.kernels.transport.conductivity import FORMAL_CHARGES, check_charges
from aiida_glassion.kernels.transport.sweep import temperature_label
from aiida_glassion.schedule import Coupling, Schedule, read_schedule

HOTTEST = 20000.0
_ENOUGH = 1e-6
"""Part of a frame that is rounding."""


class _Model(BaseModel):
    model_config = ConfigDict(extra='forbid', allow_inf_nan=False)


class Equilibrate(_Model):
    """Hold before production, with velocities drawn anew.

    :param duration: ps.
    """

    ensemble: Literal['nvt', 'npt', 'langevin'] = 'npt'
    duration: float = Field(gt=0)


class Budget(_Model):
    """Longest production of a run above a temperature.

    :param above: K.
    :param budget: ps.
    """

    above: float = Field(ge=0)
    budget: float = Field(gt=0)


class SweepSettings(_Model):
    """Settings of a sweep, see ``protocols/diffusion_sweep.yaml``.

    :param replicas: runs of each glass at each temperature, each with velocities of its own.
    :param temperatures: K, where none are given.
    :param timestep: fs.
    :param ensemble: of production.
    :param pressure: GPa.
    :param segment: length of the first segment of production, ps; every next one is as long as all before together.
    :param budget: longest production of one run, ps; or by ranges of temperature.
    :param relative_error: standard error of D over D at which a run is long enough.
    :param frames_every, thermo_every, restart_every: ps.
    :param copy_every: every so many of the frames come home.
    :param ions: what diffuses; None: the network modifiers.
    :param reference: what rests; None: all else.
    :param charges: e, by element; None: formal charges of the ions.
    :param method: of D, ``gls`` or ``window``.
    :param window: first and last lag of the fit, ps.
    :param analyses: further kinds of analysis of every run, with their settings; None leaves one out.
    """

    protocol: str = 'custom'
    replicas: int = Field(default=1, ge=1)
    temperatures: list[float] = Field(default_factory=list)
    timestep: float = Field(default=1.0, gt=0, le=20)
    ensemble: Literal['nve', 'nvt', 'npt', 'langevin'] = 'nvt'
    pressure: float = 0.0
    coupling: Coupling = 'iso'
    temperature_damping: float = Field(default=0.1, gt=0)
    pressure_damping: float = Field(default=1.0, gt=0)
    equilibrate: Equilibrate
    segment: float = Field(gt=0)
    budget: float | list[Budget]
    relative_error: float = Field(gt=0, lt=1)
    frames_every: float = Field(gt=0)
    thermo_every: float = Field(default=0.1, gt=0)
    restart_every: float = Field(default=20.0, gt=0)
    copy_every: int = Field(default=50, ge=1)
    ions: list[str] | None = None
    reference: list[str] | None = None
    charges: dict[str, float] | None = None
    method: Literal['gls', 'window'] = 'gls'
    window: tuple[float, float] | None = None
    analyses: dict[str, dict[str, Any] | None] = Field(default_factory=dict)

    @field_validator('budget')
    @classmethod
    def _ranges(cls, value: float | list[Budget]) -> float | list[Budget]:
        if isinstance(value, list) and len({entry.above for entry in value}) < max(1, len(value)):
            raise ValueError('expected ranges of temperature, {above: K, budget: ps}, each with an `above` of its own')
        if not isinstance(value, list) and not value > 0:
            raise ValueError('expected a length above 0 ps')
        return value

    @model_validator(mode='after')
    def _consistent(self) -> SweepSettings:
        budgets = [entry.budget for entry in self.budget] if isinstance(self.budget, list) else [self.budget]
        if min(budgets) < self.segment:
            raise ValueError(
                f'budget: {min(budgets):g} ps is shorter than the first segment, {self.segment:g} ps; '
                'shorten `segment` or allow more'
            )
        if self.segment < 20 * self.frames_every:
            raise ValueError(
                f'segment: {self.segment:g} ps holds fewer than 20 frames of {self.frames_every:g} ps; '
                f'at least {20 * self.frames_every:g} ps are needed to tell diffusion'
            )
        return self

    def budget_at(self, temperature: float) -> float:
        """Longest production at a temperature, ps.

        :raises ValueError: no range holds it.
        """
        if not isinstance(self.budget, list):
            return self.budget
        ranges = sorted((entry for entry in self.budget if entry.above < temperature), key=lambda one: one.above)
        if not ranges:
            lowest = min(entry.above for entry in self.budget)
            raise ValueError(f'budget: none for {temperature:g} K; the lowest range begins above {lowest:g} K')
        return ranges[-1].budget

    def next_segment(self, length: float, temperature: float) -> float:
        """How long the next segment is, ps; 0: the budget is spent.

        Lengths depend on the budget only where it cuts, so that a sweep with a larger one takes up the same segments.

        :param length: of all segments so far, ps.
        """
        wanted = length if length > 0 else self.segment
        frames = min(wanted, self.budget_at(temperature) - length) / self.frame_interval
        return int(frames + _ENOUGH) * self.frame_interval

    @property
    def frame_interval(self) -> float:
        """Time between frames, ps: whole timesteps. Segments are whole numbers of it, so that they join evenly."""
        step = self.timestep * units.FS_TO_PS
        return max(1, round(self.frames_every / step)) * step

    def equilibration(self, temperature: float) -> Schedule:
        """Hold at temperature and pressure, without frames."""
        hold = {**self._hold(temperature), **self.equilibrate.model_dump(), 'name': 'equilibrate', 'frames_every': 0.0}
        return self._schedule(hold)

    def production(self, temperature: float, duration: float) -> Schedule:
        """One segment of production."""
        hold = {**self._hold(temperature), 'ensemble': self.ensemble, 'duration': duration, 'name': 'production'}
        return self._schedule(hold)

    def _hold(self, temperature: float) -> dict[str, Any]:
        return {
            'kind': 'hold', 'temperature': temperature, 'pressure': self.pressure, 'coupling': self.coupling,
            'temperature_damping': self.temperature_damping, 'pressure_damping': self.pressure_damping,
        }  # fmt: skip

    def _schedule(self, hold: Mapping[str, Any]) -> Schedule:
        intervals = ('timestep', 'thermo_every', 'frames_every', 'restart_every')
        return read_schedule({'stages': [dict(hold)], **{name: getattr(self, name) for name in intervals}})

    @property
    def needs_mean_cell(self) -> bool:
        """Whether production has a fixed cell that the equilibration finds."""
        return self.equilibrate.ensemble == 'npt' and self.ensemble != 'npt'


def read_settings(mapping: Mapping[str, Any]) -> SweepSettings:
    """Validate settings.

    :raises ValueError: with the setting, what was given and what would be right.
    """
    try:
        return SweepSettings.model_validate(dict(mapping))
    except ValidationError as error:
        raise ValueError('; '.join(dict.fromkeys(_explain(problem) for problem in error.errors()))) from None


def _explain(problem: Any) -> str:
    where = '.'.join(str(part) for part in problem['loc'] if part not in ('float', 'list[Budget]'))
    message = problem['msg'].removeprefix('Value error, ')
    if problem['type'] == 'extra_forbidden':
        near = difflib.get_close_matches(where.rpartition('.')[2], SweepSettings.model_fields, 1)
        message = 'no such setting' + (f"; did you mean '{near[0]}'?" if near else '')
    if problem['type'] == 'missing':
        return f'{where}: missing; get complete settings from a protocol'
    given = '' if isinstance(problem['input'], Mapping) else f' (given: {problem["input"]!r})'
    return f'{where}: {message}{given}' if where else str(message)


def check_temperatures(values: Sequence[Any]) -> str | None:
    """Why these temperatures make no sweep; None: they do."""
    if not values:
        return 'temperatures: none given, expected at least two in K, e.g. [800, 900, 1000]'
    for value in values:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not 0 < value <= HOTTEST:
            return f'temperatures: {value!r} given, expected a temperature above 0 and up to {HOTTEST:g} K'
    labels = [temperature_label(value) for value in values]
    twice = [value for value, label in zip(values, labels, strict=True) if labels.count(label) > 1]
    if twice:
        return f'temperatures: {twice[0]:g} K is given twice; replicas of a temperature are set by settings.replicas'
    if len(values) == 1:
        return (
            f'temperatures: only {values[0]:g} K given; an energy of activation needs at least two: give more, '
            'or use glassion.diffusion_point'
        )
    return None


@dataclass(frozen=True)
class PlannedRun:
    """One run of a sweep.

    :param label: ``T0900_glass_00``.
    :param temperature: K.
    :param glass: label of the glass.
    :param number: of the run of this glass at this temperature, from 0.
    :param seed: its own.
    """

    label: str
    temperature: float
    glass: str
    number: int
    seed: int


def plan_runs(temperatures: Collection[float], glasses: Collection[str], replicas: int, seed: int) -> list[PlannedRun]:
    """All runs, the hottest first: they tell soonest. A seed depends on its own run alone, not on what else is run."""
    return [
        PlannedRun(label, float(temperature), glass, number, seed_of(seed, label))
        for temperature in sorted(temperatures, reverse=True)
        for glass in sorted(glasses)
        for number in range(replicas)
        for label in (f'{temperature_label(temperature)}_{glass}_{number:02d}',)
    ]


def seed_of(seed: int, label: str) -> int:
    """Seed of a run, 1 to 2147483646."""
    (state,) = np.random.SeedSequence([seed, zlib.crc32(label.encode())]).generate_state(1)
    return int(state % (2**31 - 2)) + 1


def ions_in(settings: SweepSettings, elements: Collection[str]) -> list[str]:
    """What diffuses in a glass.

    :raises ValueError: nothing does.
    """
    if settings.ions is not None:
        found = [element for element in settings.ions if element in elements]
        if not found:
            raise ValueError(f'ions: there is no {" or ".join(settings.ions) or "ion"} among {", ".join(elements)}')
        return found
    roles = network_roles(elements)
    found = [element for element in elements if roles[element] == 'modifier']
    if not found:
        raise ValueError(f'ions: none of {", ".join(elements)} is a network modifier; name what diffuses')
    return found


def check_elements(settings: SweepSettings, glasses: Mapping[str, Mapping[str, int]]) -> None:
    """Refuse elements that are in no glass, glasses without ions, and charges that do not sum to zero.

    :param glasses: atoms by element of each glass.
    :raises ValueError: names the setting and the glass.
    """
    present = sorted({element for counts in glasses.values() for element in counts})
    for name in ('ions', 'reference', 'charges'):
        for element in getattr(settings, name) or ():
            if element not in present:
                raise ValueError(f'{name}: there is no {element} in the glasses, which hold {", ".join(present)}')
    if settings.ions is not None and settings.reference is not None:
        both = sorted(set(settings.ions) & set(settings.reference))
        if both:
            raise ValueError(f'reference: {both[0]} is among the ions; what diffuses cannot rest')
    for name, counts in glasses.items():
        try:
            ions = ions_in(settings, list(counts))
            if settings.charges is not None:
                check_charges(counts, {e: q for e, q in settings.charges.items() if e in counts}, ions)
        except ValueError as error:
            raise ValueError(f'{error} (glass {name})') from None


def charges_in(settings: SweepSettings, elements: Collection[str]) -> dict[str, float] | None:
    """Charges of the elements of a glass, e; None: the analysis takes formal ones."""
    if settings.charges is None:
        return None
    return {element: charge for element, charge in settings.charges.items() if element in elements}


def has_charges(settings: SweepSettings, elements: Collection[str]) -> bool:
    """Whether there is a conductivity: charges are given, or formal ones known."""
    return settings.charges is not None or all(ion in FORMAL_CHARGES for ion in ions_in(settings, elements))

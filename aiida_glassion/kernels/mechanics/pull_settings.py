"""What a pull is to do: settings of one, and of many over kinds, axes, rates and sizes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from aiida_glassion.kernels.build.notch import Notch
from aiida_glassion.kernels.settings import Settings, read_model

Axis = Literal['x', 'y', 'z']
Kind = Literal['tension', 'notched']
AXES: tuple[Axis, ...] = ('x', 'y', 'z')
VECTORS = {'x': 'a', 'y': 'b', 'z': 'c'}
"""Cell vector along each axis: cells have right angles."""
_WHOLE = 1e-6


def _one_of(*known: str) -> BeforeValidator:
    """Say which words there are."""

    def check(value: Any) -> Any:
        if value not in known:
            raise ValueError(f'expected {" or ".join(", ".join(known).rsplit(", ", 1))}')
        return value

    return BeforeValidator(check)


class Equilibrate(Settings):
    """Before the pull, at its temperature and pressure; every length of the cell for itself.

    :param minimise: first move the atoms to the nearest minimum: of use where a notch was cut.
    :param duration: ps.
    """

    minimise: bool = True
    duration: float = Field(gt=0)


class Minimise(Settings):
    """How atoms are moved to the nearest minimum.

    :param force_tolerance: eV/Å.
    """

    force_tolerance: float = Field(default=0.01, gt=0)
    max_steps: int = Field(default=1000, ge=1)


class NotchSettings(Settings):
    """An elliptical notch through the thickness, in the middle of the cell.

    :param length: part of the cell along the way of the crack.
    :param opening: widest opening along the load, Å.
    :param along: axis along which the crack runs; None: the next one after that of the load (z: x).
    :param exact: ``formula``: whole formula units go; ``neutral``: exactly neutral, the composition as near as can be.
    :param shell: Å beneath the surface within which chance says which further atoms go.
    """

    length: float = Field(default=1 / 3, gt=0)
    opening: float = Field(default=10.0, gt=0)
    along: Axis | None = None
    exact: Literal['formula', 'neutral'] = 'formula'
    shell: float = Field(default=0.0, ge=0)

    @field_validator('length')
    @classmethod
    def _shorter_than_the_cell(cls, value: float) -> float:
        if value >= 1:
            raise ValueError('a notch as long as the cell cuts it in two; take a part below 1, usually a third: 0.333')
        return value

    def along_for(self, axis: Axis) -> Axis:
        """Axis along which the crack runs.

        :raises ValueError: it is that of the load.
        """
        if self.along == axis:
            raise ValueError(f'notch.along: {self.along} is the axis of the load too; a crack runs across it')
        return self.along or AXES[(AXES.index(axis) + 1) % 3]

    def notch(self, axis: Axis, lengths: tuple[float, float, float]) -> Notch:
        """The notch of a cell.

        :param axis: of the load.
        :param lengths: of the cell, Å.
        :raises ValueError: it does not fit.
        """
        along = self.along_for(axis)
        length = self.length * lengths[AXES.index(along)]
        return Notch(length, self.opening, load_axis=VECTORS[axis], length_axis=VECTORS[along])


class _Shared(Settings):
    """What one pull and many have in common, see ``protocols/fracture.yaml``.

    :param mode: ``continuous``: at a rate; ``steps``: by a part of the length at the start, then minimise and hold.
    :param lateral: ``free``: the two other lengths follow the pressure; ``fixed``: they stay.
    :param temperature: K.
    :param pressure: GPa, on the free sides and before the pull.
    :param timestep: fs.
    :param piece: strain of one job.
    :param max_strain: where a pull ends that did not break.
    :param step: strain of a step; ``hold``: ps after each.
    :param measure: stress of a step: mean over the hold from ``average_from`` of it on, or after minimising once more.
    :param bin: strain over which the stress of a continuous pull is averaged.
    :param snapshots_every: strain between two stored configurations.
    :param slope_to, failure_part, broken_part, window: see :mod:`.tension`; ``lasting``: strain for which the stress
        must have been gone for a pull to end.
    :param plane: of K_Ic.
    :param surface_energy: minimise the whole and the broken sample to get it.
    :param analyse: whether to look at bonds, atoms and crack along the strain; ``analysis``: settings of that.
    """

    protocol: str = 'custom'
    mode: Annotated[Literal['continuous', 'steps'], _one_of('continuous', 'steps')] = 'continuous'
    lateral: Annotated[Literal['free', 'fixed'], _one_of('free', 'fixed')] = 'free'
    temperature: float = Field(gt=0, le=20000)
    pressure: float = 0.0
    timestep: float = Field(default=1.0, gt=0, le=20)
    temperature_damping: float = Field(default=0.1, gt=0)
    pressure_damping: float = Field(default=1.0, gt=0)
    equilibrate: Equilibrate
    piece: float = Field(gt=0)
    max_strain: float = Field(gt=0)
    step: float = Field(default=0.01, gt=0, lt=1)
    hold: float = Field(default=10.0, gt=0)
    minimise: Minimise = Minimise()
    measure: Annotated[Literal['hold', 'minimised'], _one_of('hold', 'minimised')] = 'hold'
    average_from: float = Field(default=0.5, ge=0, lt=1)
    bin: float = Field(default=0.001, gt=0)
    snapshots_every: float = Field(gt=0)
    thermo_every: float = Field(default=0.02, gt=0)
    restart_every: float = Field(default=2.0, gt=0)
    notch: NotchSettings = NotchSettings()
    slope_to: float = Field(default=0.01, gt=0)
    failure_part: float = Field(default=0.5, gt=0, lt=1)
    broken_part: float = Field(default=0.05, gt=0, lt=1)
    lasting: float = Field(default=0.05, gt=0)
    window: float = Field(default=0.005, ge=0)
    plane: Annotated[Literal['strain', 'stress'], _one_of('strain', 'stress')] = 'strain'
    surface_energy: bool = True
    analyse: bool = True
    analysis: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode='after')
    def _fit_together(self) -> _Shared:
        unit, name = (self.step, 'step') if self.mode == 'steps' else (self.snapshots_every, 'snapshots_every')
        for other in ('piece', 'snapshots_every'):
            ratio = getattr(self, other) / unit
            if abs(ratio - round(ratio)) > _WHOLE * ratio or round(ratio) < 1:
                raise ValueError(f'{other}: {getattr(self, other):g} is no whole multiple of {name}, {unit:g}')
        if self.mode == 'continuous' and self.bin > self.slope_to:
            raise ValueError(f'bin: {self.bin:g} is wider than slope_to, {self.slope_to:g}: no slope can be told')
        if self.mode == 'steps' and self.step > self.slope_to * (1 + _WHOLE):
            raise ValueError(
                f'step: {self.step:g} is beyond slope_to, {self.slope_to:g}, up to which the slope is taken; smaller '
                'steps, or a larger slope_to'
            )
        return self


class PullSettings(_Shared):
    """Settings of one pull.

    :param kind: with a notch or without.
    :param rate: of the length at the start, 1/ps; None of steps, which have none.
    """

    kind: Annotated[Kind, _one_of('tension', 'notched')] = 'tension'
    rate: float | None = Field(default=None, gt=0)

    @model_validator(mode='after')
    def _has_its_rate(self) -> PullSettings:
        if (self.rate is None) == (self.mode == 'continuous'):
            told = 'missing; a continuous pull needs one, 1/ps' if self.rate is None else 'steps have no rate'
            raise ValueError(f'rate: {told}')
        return self

    @property
    def n_pieces(self) -> int:
        """Pieces until ``max_strain``."""
        return max(1, math.ceil(self.max_strain / self.piece - _WHOLE))

    def reach(self, number: int) -> tuple[float, float]:
        """Strain at which a piece begins and ends."""
        return number * self.piece, min((number + 1) * self.piece, self.max_strain)


class FractureSettings(_Shared):
    """Settings of many pulls.

    :param kinds, axes: of every sample.
    :param rates: 1/ps; none with steps.
    :param sizes: how often a sample is repeated along its cell vectors: ``1``, ``2`` or ``[2, 2, 1]``.
    """

    kinds: list[Annotated[Kind, _one_of('tension', 'notched')]]
    axes: list[Annotated[Axis, _one_of('x', 'y', 'z')]]
    rates: list[Annotated[float, Field(gt=0)]]
    sizes: list[tuple[int, int, int]]

    @field_validator('sizes', mode='before')
    @classmethod
    def _three_numbers(cls, value: Any) -> Any:
        return [[one] * 3 if isinstance(one, int) else one for one in value] if isinstance(value, list) else value

    @model_validator(mode='after')
    def _lists(self) -> FractureSettings:
        for name in ('kinds', 'axes', 'sizes'):
            entries = getattr(self, name)
            if not entries:
                raise ValueError(f'{name}: empty, expected at least one')
        if self.mode == 'continuous' and not self.rates:
            raise ValueError('rates: empty, expected at least one, 1/ps, e.g. [0.001]')
        if self.mode == 'steps' and self.rates:
            raise ValueError(f'rates: {self.rates} given, but steps have no rate: leave the list empty')
        for name in ('kinds', 'axes', 'rates', 'sizes'):
            entries = getattr(self, name)
            twice = [entry for entry in entries if entries.count(entry) > 1]
            if twice:
                told = 'x'.join(map(str, twice[0])) if name == 'sizes' else f'{twice[0]}'
                raise ValueError(f'{name}: {told} is given twice')
        for size in self.sizes:
            if min(size) < 1:
                raise ValueError(f'sizes: {list(size)} given, expected how often a cell is repeated, at least 1')
        return self

    def pull(self, kind: Kind, rate: float | None) -> dict[str, Any]:
        """Settings of one of the pulls."""
        shared = self.model_dump(exclude={'kinds', 'axes', 'rates', 'sizes'})
        return {**shared, 'kind': kind, 'rate': rate}


def read_pull(mapping: Mapping[str, Any]) -> PullSettings:
    """Validate settings of one pull.

    :raises ValueError: with the setting, what was given and what would be right.
    """
    return read_model(PullSettings, mapping)


def read_fracture(mapping: Mapping[str, Any]) -> FractureSettings:
    """Validate settings of many pulls.

    :raises ValueError: with the setting, what was given and what would be right.
    """
    return read_model(FractureSettings, mapping)

"""What a run of an exploration does with its atoms: programs, each a family of runs at several conditions.

Temperatures K, pressures GPa, durations ps, rates K/ps, strains as fractions. A pressure of null keeps the cell.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

NAME = r'^[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*$'
Positive = Annotated[float, Field(gt=0)]
Mode = Literal['volume', 'x', 'y', 'z', 'xy', 'xz', 'yz']
Coupling = Literal['iso', 'aniso', 'tri']


class StrictModel(BaseModel):
    """A model that knows its keys and takes finite numbers only."""

    model_config = ConfigDict(extra='forbid', allow_inf_nan=False)


@dataclass(frozen=True)
class Variant:
    """One run of a program, without the atoms.

    :param label: its conditions, as they stand in the name of a run, e.g. ``1000K_5GPa``.
    :param temperature: K; the highest of the run.
    :param pressure: GPa, at the end of the run; None: constant volume.
    :param stages: stages of its schedule.
    """

    label: str
    temperature: float
    pressure: float | None
    stages: tuple[dict[str, Any], ...]


class _Program(StrictModel):
    name: str | None = Field(None, pattern=NAME, description='Name in the labels of runs; absent: the kind.')


class _WithPressures(_Program):
    pressures: list[float | None] = Field(
        [None], min_length=1, description='GPa, a run for each; null: at constant volume.'
    )
    coupling: Coupling = Field('iso', description='How the cell changes under a pressure: its size, lengths, or shape.')


class Hold(_WithPressures):
    """Stay at each temperature and pressure."""

    kind: Literal['hold'] = 'hold'
    temperatures: list[Positive] = Field(min_length=1, description='K, a run for each.')
    duration: float = Field(gt=0, description='ps.')

    def variants(self) -> Iterator[Variant]:
        """A run for each temperature and pressure."""
        for temperature in self.temperatures:
            for pressure in self.pressures:
                stage = {'kind': 'hold', 'temperature': temperature, 'duration': self.duration}
                label = _join(f'{number(temperature)}K', _at(pressure))
                yield Variant(label, temperature, pressure, ({**stage, **_bath(pressure, self.coupling)},))


class _Ramp(_WithPressures):
    temperature: float = Field(gt=0, description='K, at the start.')
    temperature_end: float = Field(gt=0, description='K, at the end.')
    duration: float = Field(gt=0, description='ps.')

    def variants(self) -> Iterator[Variant]:
        """A run for each pressure."""
        start, end = self.temperature, self.temperature_end
        for pressure in self.pressures:
            stage = {'kind': 'ramp', 'temperature': start, 'temperature_end': end, 'duration': self.duration}
            label = _join(f'{number(start)}K_{number(end)}K', _at(pressure))
            yield Variant(label, max(start, end), pressure, ({**stage, **_bath(pressure, self.coupling)},))


class Heat(_Ramp):
    """Heat linearly in time."""

    kind: Literal['heat'] = 'heat'

    @model_validator(mode='after')
    def _up(self) -> Heat:
        if self.temperature_end <= self.temperature:
            raise ValueError(
                f'heats from {self.temperature:g} to {self.temperature_end:g} K; expected a temperature_end above '
                "temperature, or kind 'cool'"
            )
        return self


class Cool(_Ramp):
    """Cool linearly in time."""

    kind: Literal['cool'] = 'cool'

    @model_validator(mode='after')
    def _down(self) -> Cool:
        if self.temperature_end >= self.temperature:
            raise ValueError(
                f'cools from {self.temperature:g} to {self.temperature_end:g} K; expected a temperature_end below '
                "temperature, or kind 'heat'"
            )
        return self


class Compress(_Program):
    """Raise (or lower) the pressure linearly in time at each temperature."""

    kind: Literal['compress'] = 'compress'
    temperatures: list[Positive] = Field(min_length=1, description='K, a run for each.')
    pressure: float = Field(description='GPa, at the start.')
    pressure_end: float = Field(description='GPa, at the end.')
    duration: float = Field(gt=0, description='ps.')
    coupling: Coupling = Field('iso', description='How the cell changes under the pressure: size, lengths, or shape.')

    def variants(self) -> Iterator[Variant]:
        """A run for each temperature."""
        for temperature in self.temperatures:
            stage = {'kind': 'hold', 'temperature': temperature, 'duration': self.duration}
            bath = _bath(self.pressure, self.coupling) | {'pressure_end': self.pressure_end}
            label = f'{number(temperature)}K_{number(self.pressure)}GPa_{number(self.pressure_end)}GPa'
            yield Variant(label, temperature, self.pressure_end, ({**stage, **bath},))


class Deform(_Program):
    """Strain the cell at constant rate and given temperature, the other cell vectors kept.

    Mode ``volume`` strains all three lengths: a strain of 0.145 makes the volume 1.145³ = 1.5 times as large.
    """

    kind: Literal['deform'] = 'deform'
    modes: list[Mode] = Field(min_length=1, description='All lengths, one length, or a shear; a run for each.')
    strains: list[Annotated[float, Field(gt=-0.9, le=1.0)]] = Field(
        min_length=1, description='Engineering strain at the end, a fraction; a run for each. Not 0.'
    )
    temperatures: list[Positive] = Field(min_length=1, description='K, a run for each.')
    duration: float = Field(gt=0, description='ps.')

    def variants(self) -> Iterator[Variant]:
        """A run for each mode, strain and temperature."""
        for mode in self.modes:
            for strain in self.strains:
                for temperature in self.temperatures:
                    stage = {'kind': 'deform', 'mode': mode, 'strain': strain, 'temperature': temperature}
                    label = f'{mode}_{number(strain)}_{number(temperature)}K'
                    yield Variant(label, temperature, None, ({**stage, 'duration': self.duration},))


class MeltQuench(_WithPressures):
    """Hold a melt and quench it at constant volume, then let the glass relax at each pressure.

    Only the glass feels the pressure: a melt far above its glass transition would swell, or boil, without it.
    """

    kind: Literal['melt_quench'] = 'melt_quench'
    melt: float = Field(gt=0, description='Temperature of the melt, K.')
    room: float = Field(300.0, gt=0, description='Temperature of the glass, K.')
    hold: float = Field(gt=0, description='How long the melt is held, ps.')
    rate: float = Field(gt=0, description='Quench rate, K/ps.')
    relax: float = Field(gt=0, description='How long the glass relaxes, ps.')

    @model_validator(mode='after')
    def _down(self) -> MeltQuench:
        if self.melt <= self.room:
            raise ValueError(f'quenches from {self.melt:g} to {self.room:g} K; expected a melt hotter than room')
        return self

    def variants(self) -> Iterator[Variant]:
        """A run for each pressure."""
        for pressure in self.pressures:
            stages = (
                {'kind': 'hold', 'name': 'melt', 'temperature': self.melt, 'duration': self.hold},
                {
                    'kind': 'ramp',
                    'name': 'quench',
                    'temperature': self.melt,
                    'temperature_end': self.room,
                    'rate': self.rate,
                },
                {
                    'kind': 'hold',
                    'name': 'relax',
                    'temperature': self.room,
                    'duration': self.relax,
                    **_bath(pressure, self.coupling),
                },
            )
            label = _join(f'{number(self.melt)}K_{number(self.rate)}Kps', _at(pressure))
            yield Variant(label, self.melt, pressure, stages)


KINDS = (Hold, Heat, Cool, Compress, Deform, MeltQuench)
Program = Annotated[Hold | Heat | Cool | Compress | Deform | MeltQuench, Field(discriminator='kind')]


def number(value: float) -> str:
    """A number as it may stand in the name of a run: 0.5 is ``0p5``, -0.1 is ``m0p1``."""
    return f'{value:g}'.replace('.', 'p').replace('-', 'm').replace('+', '')


def _bath(pressure: float | None, coupling: str) -> dict[str, Any]:
    if pressure is None:
        return {'ensemble': 'nvt'}
    return {'ensemble': 'npt', 'pressure': pressure, 'coupling': coupling}


def _at(pressure: float | None) -> str:
    return '' if pressure is None else f'{number(pressure)}GPa'


def _join(*words: str) -> str:
    return '_'.join(word for word in words if word)

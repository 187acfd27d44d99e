"""Settings of elastic runs: what is strained, how far, how long, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from aiida_glassion.kernels.settings import Settings, read_model
from aiida_glassion.kernels.transport.sweep import temperature_label
from aiida_glassion.kernels.transport.sweep_plan import HOTTEST

Method = Literal['bulk', 'stiffness']
LARGEST_STRAIN = 0.1


class Relax(Settings):
    """How a sample is brought to a minimum.

    The cell follows the pressure in dynamics at next to no temperature and is then their mean: published potentials end
    at a cutoff, where the energy jumps, so that the cell of least energy is not the one without stress.

    :param temperature: of those dynamics, K; ``duration``: their length, ps.
    :param force_tolerance: norm of all forces at which a minimisation stops, eV/Å.
    :param max_steps: of each minimisation.
    """

    temperature: float = Field(default=1.0, gt=0, le=10)
    duration: float = Field(default=10.0, gt=0)
    force_tolerance: float = Field(default=1e-3, gt=0)
    max_steps: int = Field(default=20000, ge=1)


class ElasticSettings(Settings):
    """Settings of elastic runs, see ``protocols/elastic.yaml``.

    :param methods: ``bulk``: K from the pressure over the volume; ``stiffness``: all elastic constants.
    :param temperatures: K, where none are given; 0: minimised at each strain.
    :param strains: sizes of the strains of ``stiffness``, each as plus and minus, fractions.
    :param volume_strains: sizes of the change of volume of ``bulk``, each as plus and minus, fractions.
    :param pressure: at no strain, GPa.
    :param coupling: what of the cell follows that pressure before it is strained; ``none``: it stays as it is.
    :param jobs: ``sample``: one job strains in all components, one after the other; ``component``: one job for each.
    :param relax: at 0 K.
    :param equilibrate: at a temperature, before the first strain, ps; the cell is then the mean of the second half.
    :param settle: at a temperature, after each strain, ps.
    :param sample: at a temperature, over which the stress at each strain is averaged, ps.
    :param timestep: fs.
    """

    protocol: str = 'custom'
    methods: list[Method]
    temperatures: list[float] = Field(default_factory=lambda: [0.0])
    strains: list[float]
    volume_strains: list[float]
    pressure: float = 0.0
    coupling: Literal['none', 'iso', 'aniso', 'tri'] = 'tri'
    jobs: Literal['sample', 'component'] = 'sample'
    relax: Relax = Field(default_factory=Relax)
    equilibrate: float = Field(gt=0)
    settle: float = Field(gt=0)
    sample: float = Field(gt=0)
    timestep: float = Field(default=1.0, gt=0, le=20)
    thermo_every: float = Field(default=0.01, gt=0)
    restart_every: float = Field(default=20.0, gt=0)
    temperature_damping: float = Field(default=0.1, gt=0)
    pressure_damping: float = Field(default=1.0, gt=0)

    @field_validator('methods')
    @classmethod
    def _once(cls, value: list[Method]) -> list[Method]:
        if not value:
            raise ValueError("none given, expected 'bulk', 'stiffness' or both")
        if len(set(value)) < len(value):
            raise ValueError(f'{value[0]} is given twice')
        return value

    @field_validator('temperatures')
    @classmethod
    def _temperatures(cls, value: list[float]) -> list[float]:
        problem = check_temperatures(value)
        if problem:
            raise ValueError(problem.removeprefix('temperatures: '))
        return value

    @field_validator('strains', 'volume_strains')
    @classmethod
    def _small(cls, value: list[float]) -> list[float]:
        if not value:
            raise ValueError('none given, expected at least one, e.g. 0.005')
        for size in value:
            if not 0 < size <= LARGEST_STRAIN:
                raise ValueError(f'{size:g} is no size of a strain; expected one above 0 and up to {LARGEST_STRAIN:g}')
        if len(set(value)) < len(value):
            raise ValueError(f'{value} given, expected each size once; every one is taken as plus and as minus')
        return sorted(value)

    @model_validator(mode='after')
    def _enough_samples(self) -> ElasticSettings:
        if any(temperature > 0 for temperature in self.temperatures) and self.sample < 20 * self.thermo_every:
            raise ValueError(
                f'sample: {self.sample:g} ps holds fewer than 20 lines of {self.thermo_every:g} ps (thermo_every); '
                'at least so many tell an error'
            )
        return self


def read_settings(mapping: Mapping[str, Any]) -> ElasticSettings:
    """Validate settings.

    :raises ValueError: with the setting, what was given and what would be right.
    """
    return read_model(ElasticSettings, mapping)


def check_temperatures(values: Sequence[Any]) -> str | None:
    """Why these are no temperatures of elastic runs; None: they are."""
    if not values:
        return 'temperatures: none given, expected at least one in K; 0: relaxed'
    for value in values:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not (value == 0 or 1 <= value <= HOTTEST):
            return f'temperatures: {value!r} given, expected 0 (relaxed), or 1 to {HOTTEST:g} K'
    labels = [temperature_label(value) for value in values]
    twice = [value for value, label in zip(values, labels, strict=True) if labels.count(label) > 1]
    return f'temperatures: {twice[0]:g} K is given twice' if twice else None

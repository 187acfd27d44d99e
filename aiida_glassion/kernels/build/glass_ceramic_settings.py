"""What is done to make a glass-ceramic: its grains, the stages in which the interface heals, what is measured."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, Literal

from pydantic import Field, model_validator

from aiida_glassion.kernels.build.glass_ceramic import Grains
from aiida_glassion.kernels.build.glass_ceramic_order import LEAST_KEPT
from aiida_glassion.kernels.build.glass_ceramic_orientation import Orientation
from aiida_glassion.kernels.settings import Settings, read_model
from aiida_glassion.schedule import Schedule, read_schedule

SAMPLE_STAGE = 'sample'
_FREEZABLE = ('minimise', 'hold', 'ramp')
_TEMPERATURES = ('temperature', 'temperature_end')


class CrystalRun(Settings):
    """How the crystal is relaxed alone, before it is put into the glass.

    :param relax: False: it is taken as it is given.
    :param size: least height of the supercell, Å.
    :param equilibrate: ps; ``sample``: ps over which the mean cell is taken; ``frames_every``: ps.
    """

    relax: bool = True
    size: float = Field(default=15.0, gt=0, le=200)
    equilibrate: float = Field(default=5.0, gt=0)
    sample: float = Field(default=5.0, gt=0)
    frames_every: float = Field(default=0.25, gt=0)


class Heal(Settings):
    """Stages of molecular dynamics, as those of a schedule; temperatures may be called ``hot`` and ``room``.

    :param hot: the crystal frozen, the glass hot.
    :param cool: the crystal frozen, the glass cooled.
    :param free: all atoms free.
    """

    hot: list[dict[str, Any]] = Field(default_factory=list)
    cool: list[dict[str, Any]] = Field(default_factory=list)
    free: list[dict[str, Any]] = Field(default_factory=list)


class Sample(Settings):
    """The last hold, whose frames are measured.

    :param duration: ps.
    :param frames_every: ps.
    """

    duration: float = Field(gt=0)
    frames_every: float = Field(gt=0)

    @model_validator(mode='after')
    def _has_frames(self) -> Sample:
        if self.duration < self.frames_every:
            raise ValueError(f'frames_every: {self.frames_every:g} ps is longer than the hold, {self.duration:g} ps')
        return self


class Measure(Settings):
    """How the healed glass-ceramic is measured.

    :param bin_width: of the profiles, Å.
    :param shell: about how thick the shells are in which the degree of disorder is found, Å.
    :param layer: thickness of the layers of the same along a slab's normal, Å.
    :param most_frames: frames of the sampling that the degree of disorder is found in, evenly spaced.
    :param radius: of the surroundings of an atom whose local order is found, Å.
    :param reach: how far their repetition is looked for, Å.
    :param threshold: local order above which a centre is ordered.
    :param least_kept: share of a grain's order below which it is lost.
    """

    bin_width: float = Field(default=1.0, gt=0, le=20)
    shell: float = Field(default=2.0, gt=0, le=50)
    layer: float = Field(default=3.0, gt=0, le=50)
    most_frames: int = Field(default=10, ge=1)
    radius: float = Field(default=5.5, gt=2, le=12)
    reach: float = Field(default=9.0, gt=2, le=30)
    threshold: float = Field(default=0.4, gt=0, lt=1)
    least_kept: float = Field(default=LEAST_KEPT, ge=0, le=1)

    @property
    def of_order(self) -> dict[str, float]:
        """Settings of the local order."""
        return {'radius': self.radius, 'reach': self.reach, 'threshold': self.threshold}


class GlassCeramicSettings(Settings):
    """Settings of a glass-ceramic, see ``protocols/glass_ceramic.yaml``.

    :param grains: fields of :class:`.Grains`.
    :param hot_temperature: K, ``hot`` in the stages.
    :param room_temperature: K, ``room`` in the stages, and of the sampling.
    :param timestep: fs.
    :param pressure: GPa, of the stages at constant pressure.
    :param coupling: of their cell; None: ``aniso`` around a slab, else ``iso``.
    """

    protocol: str = 'custom'
    grains: dict[str, Any]
    hot_temperature: float = Field(gt=0)
    room_temperature: float = Field(gt=0)
    timestep: float = Field(default=1.0, gt=0, le=20)
    pressure: float = 0.0
    coupling: Literal['iso', 'aniso', 'tri'] | None = None
    thermo_every: float = Field(default=0.1, gt=0)
    restart_every: float = Field(default=20.0, gt=0)
    crystal: CrystalRun = Field(default_factory=CrystalRun)
    heal: Heal
    sample: Sample
    measure: Measure = Field(default_factory=Measure)

    @property
    def cell_coupling(self) -> str:
        """How the cell may change at constant pressure."""
        return self.coupling or ('aniso' if self.grains.get('shape') == 'slab' else 'iso')

    def crystal_run(self) -> Schedule | None:
        """The crystal alone at room temperature and constant pressure; None where it is taken as it is."""
        run = self.crystal
        if not run.relax:
            return None
        relax = {'kind': 'minimise', 'name': 'relax', 'pressure': self.pressure, 'coupling': 'tri', 'max_steps': 500}
        hold = {'kind': 'hold', 'ensemble': 'npt', 'temperature': 'room', 'coupling': 'tri'}
        equilibrate = {**hold, 'name': 'equilibrate', 'duration': run.equilibrate}
        sample = {**hold, 'name': SAMPLE_STAGE, 'duration': run.sample, 'frames_every': run.frames_every}
        return self._schedule([relax, equilibrate, sample], 'crystal')

    def healing(self) -> Schedule | None:
        """The stages with a frozen crystal; None where there are none.

        :raises ValueError: a stage is none, or cannot have frozen atoms.
        """
        stages = [{'frozen': True, **stage} for stage in (*self.heal.hot, *self.heal.cool)]
        for stage in stages:
            if stage.get('kind') not in _FREEZABLE:
                raise ValueError(
                    f'heal: a stage of kind {stage.get("kind")!r} given, but only {", ".join(_FREEZABLE)} can have a '
                    'frozen crystal; put it into heal.free'
                )
        return self._schedule(stages, 'heal') if stages else None

    def relaxation(self) -> Schedule:
        """The stages without, and the sampling.

        :raises ValueError: a stage is none, or has frozen atoms.
        """
        if any(stage.get('frozen') for stage in self.heal.free):
            raise ValueError('heal.free: a stage with frozen atoms; put it into heal.hot or heal.cool')
        sample = {
            'kind': 'hold', 'name': SAMPLE_STAGE, 'ensemble': 'npt', 'temperature': 'room', **self.sample.model_dump(),
        }  # fmt: skip
        return self._schedule([*self.heal.free, sample], 'heal.free')

    def _schedule(self, stages: Sequence[Mapping[str, Any]], where: str) -> Schedule:
        content = {
            'timestep': self.timestep,
            'thermo_every': self.thermo_every,
            'restart_every': self.restart_every,
            'frames_every': 0.0,
            'stages': [self._filled(stage, where) for stage in stages],
        }
        try:
            return read_schedule(content)
        except ValueError as error:
            raise ValueError(f'{where}: {str(error).replace("schedule: ", "")}') from None

    def _filled(self, stage: Mapping[str, Any], where: str) -> dict[str, Any]:
        """A stage with the temperatures, pressure and coupling that it does not give itself."""
        known = {'hot': self.hot_temperature, 'room': self.room_temperature}
        full = dict(stage)
        for key in _TEMPERATURES:
            if isinstance(full.get(key), str):
                if full[key] not in known:
                    raise ValueError(f"{where}: {key}: {full[key]!r} given, expected a number in K, 'hot' or 'room'")
                full[key] = known[full[key]]
        if full.get('ensemble') == 'npt':
            full = {'pressure': self.pressure, 'coupling': self.cell_coupling, **full}
        return full


def read_settings(mapping: Mapping[str, Any]) -> GlassCeramicSettings:
    """Validate settings, those of the grains too.

    :raises ValueError: with the setting, what was given and what would be right.
    """
    settings = read_model(GlassCeramicSettings, mapping)
    if settings.hot_temperature < settings.room_temperature:
        raise ValueError(
            f'hot_temperature: {settings.hot_temperature:g} K given, expected at least room_temperature, '
            f'{settings.room_temperature:g} K'
        )
    read_grains(settings.grains)
    settings.crystal_run()
    settings.healing()
    settings.relaxation()
    return settings


def read_grains(mapping: Mapping[str, Any]) -> Grains:
    """The grains of some settings.

    :raises ValueError: no such setting, or a value that cannot be; names it.
    """
    given = dict(mapping)
    orientation = given.pop('orientation', None)
    try:
        for name, chosen, known in (
            ('', given, [field.name for field in fields(Grains)]),
            ('orientation.', orientation or {}, [field.name for field in fields(Orientation)]),
        ):
            for key in chosen:
                if key not in known:
                    near = difflib.get_close_matches(str(key), known, 1)
                    hint = f"; did you mean '{near[0]}'?" if near else f'; known are {", ".join(known)}'
                    raise ValueError(f'{name}{key}: no such setting{hint}')
        for name in ('centre', 'miller'):
            if name in given:
                given[name] = _three(name, given[name])
        if not given.get('distances'):
            given['distances'] = None
        if 'fraction' not in given:
            raise ValueError('fraction: missing, expected the share of the volume to be crystal, e.g. 0.2')
        return Grains(**given, orientation=Orientation(**(orientation or {})))
    except (TypeError, ValueError) as error:
        raise ValueError(f'grains.{error}') from None


def _three(name: str, value: Any) -> tuple[Any, Any, Any]:
    if not isinstance(value, (list, tuple)) or len(value) != 3:
        raise ValueError(f'{name}: {value!r} given, expected three numbers')
    if any(isinstance(number, (bool, str)) or not isinstance(number, (int, float)) for number in value):
        raise ValueError(f'{name}: {value!r} given, expected three numbers')
    first, second, third = value
    return first, second, third

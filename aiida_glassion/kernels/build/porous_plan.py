"""What a porous glass is to be: its settings, where the pores are, and how it is relaxed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, field_validator, model_validator

from aiida_glassion.kernels.build.pores import Box, Cylinder, Slit, Sphere, shape_as_dict, shape_from_dict
from aiida_glassion.kernels.build.pores_place import DENSEST, place_spheres, spheres_for_porosity
from aiida_glassion.kernels.settings import Settings, read_model
from aiida_glassion.schedule import Coupling, Schedule, Timeless, read_schedule

FloatArray = npt.NDArray[np.float64]
Shape = Sphere | Cylinder | Slit | Box


class RandomSpheres(Settings):
    """Equal spheres at random places.

    :param diameter: Å.
    :param n: how many.
    :param gap: least distance between two surfaces, Å.
    """

    shape: Literal['sphere'] = 'sphere'
    diameter: float = Field(gt=0)
    n: int = Field(ge=1)
    gap: float = Field(default=0.0, ge=0)


class Porosity(Settings):
    """As many equal spheres at random places as fill a share of the cell.

    :param porosity: above 0 and below 0.74, what equal spheres can fill at most.
    :param diameter: Å.
    :param gap: least distance between two surfaces, Å.
    :param fit_diameter: change the diameter a little, so that the porosity is exact.
    """

    shape: Literal['sphere'] = 'sphere'
    porosity: float = Field(gt=0)
    diameter: float = Field(gt=0)
    gap: float = Field(default=0.0, ge=0)
    fit_diameter: bool = False

    @field_validator('porosity')
    @classmethod
    def _can_be_filled(cls, value: float) -> float:
        if value > DENSEST:
            raise ValueError(f'{value:g} given, but equal spheres fill at most 0.74 of any space')
        return value


Pores = list[Shape] | RandomSpheres | Porosity


class PorousSettings(Settings):
    """Settings of a porous glass, see ``protocols/porous_glass.yaml``.

    :param pores: a list of shapes; or ``{diameter, n, gap}``, or ``{porosity, diameter, gap, fit_diameter}``.
    :param exact: ``formula``: whole formula units stay; ``neutral``: exactly neutral, composition as near as it can be.
    :param unit: formula of one unit; None: the reduced formula of the cell.
    :param shell: atoms so far from the surface count as equally near, Å.
    :param most_changed: largest share of the atoms within that may go outside or stay within besides.
    :param keep_clusters: anion clusters (PS4, P2S7 …) go or stay whole.
    :param cutoffs: bonds within clusters, Å by pair; those of the ``anions`` analysis where none is given.
    :param temperature: of all stages that name none, K.
    :param pressure: of all npt stages that name none, GPa.
    :param coupling: of all npt stages that name none.
    :param relax: stages of a schedule; the density is the mean over the last.
    :param voids: settings of the ``voids`` analysis, before and after.
    :param closed_below: a pore is closed where its largest sphere has kept less than this share of what it was wider
        than the widest hole of the glass without pores.
    """

    protocol: str = 'custom'
    pores: list[dict[str, Any]] | dict[str, Any]
    exact: Literal['formula', 'neutral'] = 'formula'
    unit: str | None = None
    shell: float = Field(default=0.0, ge=0)
    most_changed: float = Field(default=0.5, gt=0)
    keep_clusters: bool = False
    cutoffs: dict[str, float] = Field(default_factory=dict)
    temperature: float = Field(default=300.0, gt=0, le=20000)
    pressure: float = 0.0
    coupling: Coupling = 'iso'
    timestep: float = Field(default=1.0, gt=0, le=20)
    thermo_every: float = Field(default=0.1, gt=0)
    restart_every: float = Field(default=20.0, gt=0)
    relax: list[dict[str, Any]] = Field(min_length=1)
    voids: dict[str, Any] = Field(default_factory=dict)
    closed_below: float = Field(default=0.25, gt=0, lt=1)

    @field_validator('pores', mode='before')
    @classmethod
    def _pores(cls, value: Any) -> Any:
        read_pores(value)
        return value

    @field_validator('cutoffs')
    @classmethod
    def _cutoffs(cls, value: dict[str, float]) -> dict[str, float]:
        for pair, cutoff in value.items():
            if not cutoff > 0:
                raise ValueError(f'{pair}: {cutoff:g} given, expected a length above 0 Å')
        return value

    @model_validator(mode='after')
    def _consistent(self) -> PorousSettings:
        if self.cutoffs and not self.keep_clusters:
            raise ValueError('cutoffs: they are bonds within clusters, which are not kept; set keep_clusters, or none')
        return self

    def schedule(self) -> Schedule:
        """How the carved glass is relaxed.

        :raises ValueError: the stages make no valid schedule, or the last makes no density.
        """
        shared = {'temperature': self.temperature, 'pressure': self.pressure, 'coupling': self.coupling}
        stages = []
        for stage in self.relax:
            known = {'temperature': shared['temperature']} if stage.get('kind') in ('hold', 'deform') else {}
            known |= shared if stage.get('ensemble') == 'npt' else {}
            stages.append({**known, **stage})
        intervals = ('timestep', 'thermo_every', 'restart_every')
        content = {'stages': stages, 'frames_every': 0.0, **{name: getattr(self, name) for name in intervals}}
        try:
            schedule = read_schedule(content)
        except ValueError as error:
            raise ValueError(str(error).replace('schedule: ', '').replace('stages.', 'relax.')) from None
        if isinstance(schedule.stages[-1], Timeless):
            raise ValueError(
                f'relax: the last stage is a {schedule.stages[-1].kind}, expected one with dynamics, e.g. a hold; the '
                'density is the mean over it'
            )
        return schedule


def read_settings(mapping: Mapping[str, Any]) -> PorousSettings:
    """Validate settings.

    :raises ValueError: with the setting, what was given and what would be right.
    """
    return read_model(PorousSettings, mapping)


def read_pores(value: Any) -> Pores:
    """What pores are wanted.

    :param value: as ``pores`` of :class:`PorousSettings`; one shape may stand without a list.
    :raises ValueError: says which setting of which pore is wrong.
    """
    if isinstance(value, Mapping):
        if 'porosity' in value:
            return read_model(Porosity, value)
        return read_model(RandomSpheres, value) if 'n' in value else [_shape(0, value)]
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        raise ValueError(
            f'{value!r} given, expected a list of pores, e.g. [{{shape: sphere, diameter: 14}}], or settings of '
            'several spheres, e.g. {diameter: 14, n: 3}, or {diameter: 14, porosity: 0.1}'
        )
    shapes = [_shape(number, entry) for number, entry in enumerate(value)]
    for number, shape in enumerate(shapes):
        if shape in shapes[:number]:
            raise ValueError(f'{number}: the same pore as {shapes.index(shape)} once more')
    return shapes


def _shape(number: int, entry: Any) -> Shape:
    if not isinstance(entry, Mapping):
        raise ValueError(
            f'{number}: {entry!r} given, expected settings of a pore, e.g. {{shape: sphere, diameter: 14}}'
        )
    try:
        return shape_from_dict(entry)
    except ValueError as error:
        raise ValueError(f'{number}.{error}') from None


def place_pores(settings: PorousSettings, cell: FloatArray, seed: int) -> list[Shape]:
    """The pores of a cell.

    :param cell: (3, 3), Å, rows are the cell vectors.
    :param seed: of random places.
    :raises ValueError: they do not fit.
    """
    wanted, box = read_pores(settings.pores), np.asarray(cell, dtype=np.float64)
    try:
        if isinstance(wanted, RandomSpheres):
            return list(place_spheres(box, wanted.diameter, wanted.n, seed, wanted.gap))
        if isinstance(wanted, Porosity):
            fit = wanted.fit_diameter
            return list(spheres_for_porosity(box, wanted.porosity, wanted.diameter, seed, wanted.gap, fit_diameter=fit))
        for shape in wanted:
            shape.volume(box)
    except ValueError as error:
        raise ValueError(f'pores.{error}') from None
    return wanted


def pores_in_words(shapes: Sequence[Shape]) -> str:
    """``3 spheres of 14 Å``; of shapes that differ each for itself."""
    words: dict[str, int] = {}
    for shape in shapes:
        about = shape_as_dict(shape)
        size = ' × '.join(f'{x:g}' for x in about['lengths']) if 'lengths' in about else ''
        size = f'{size} of the cell' if size else f'{about.get("diameter", about.get("width")):.4g} Å'
        where = {'cylinder': f' along {about.get("axis")}', 'slit': f' across {about.get("axis")}'}
        key = f'{about["shape"]}{{}} of {size}{where.get(about["shape"], "")}'
        words[key] = words.get(key, 0) + 1
    plural = {'box': 'es'}
    return ', '.join(
        f'{n} {key.format(plural.get(key.split("{")[0], "s") if n > 1 else "")}' for key, n in words.items()
    )

"""Glass, interface and crystal: a label for each atom."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from aiida_glassion.analysis.base import Analysis, AnalysisSettings
from aiida_glassion.analysis.block_numbers import BlockNumbers, elements_among, require_periodic
from aiida_glassion.analysis.result import Curve, Result
from aiida_glassion.analysis.system import Chunk, System, View
from aiida_glassion.kernels.block_sums import BlockSums
from aiida_glassion.kernels.space.regions import (
    REGIONS,
    distance_to_slab,
    distance_to_sphere,
    find_regions,
    regions_by_distance,
)


class Sphere(BaseModel):
    """A crystal that is a sphere.

    :param centre: in fractions of the cell vectors.
    :param radius: Å.
    """

    model_config = ConfigDict(extra='forbid', allow_inf_nan=False, frozen=True)
    shape: Literal['sphere']
    centre: tuple[float, float, float] = (0.5, 0.5, 0.5)
    radius: float = Field(gt=0, le=1000)


class Slab(BaseModel):
    """A crystal that is a slab across a cell vector.

    :param axis: the cell vector.
    :param low: where it begins, in fractions of that vector.
    :param high: where it ends.
    """

    model_config = ConfigDict(extra='forbid', allow_inf_nan=False, frozen=True)
    shape: Literal['slab']
    axis: Literal['a', 'b', 'c'] = 'c'
    low: float
    high: float


class RegionSettings(AnalysisSettings):
    """Settings of regions.

    :param crystal: where the crystal is, if labels are to follow from the place; default: by local order.
    :param width: of the interface around a given crystal, Å.
    :param centres: elements whose surroundings are judged; default: formers, or all where there is none.
    :param radius: of the surroundings, Å.
    :param reach: how far a repetition of them is looked for, Å; more than the shortest lattice vector of the crystal.
    :param threshold: order above which a centre is ordered.
    """

    crystal: Annotated[Sphere | Slab, Field(discriminator='shape')] | None = None
    width: float = Field(default=5.0, ge=0, le=100)
    centres: list[str] | None = None
    radius: float = Field(default=5.5, gt=2, le=12)
    reach: float = Field(default=9.0, gt=2, le=30)
    threshold: float = Field(default=0.4, gt=0, lt=1)


class RegionAnalysis(Analysis[RegionSettings]):
    """Labels by local order, without a reference crystal, or by the distance from a given sphere or slab."""

    Settings = RegionSettings

    def __init__(self, settings: RegionSettings, system: System) -> None:
        super().__init__(settings, system)
        require_periodic(system, 'regions')
        formers = [e for e in system.elements if system.roles[e] == 'former']
        self.centres = elements_among(system, settings.centres, 'centres') if settings.centres else formers
        self.centres = self.centres or list(system.elements)
        fixed = [e for e in system.elements if system.roles[e] != 'modifier'] if formers else list(system.elements)
        symbols = np.array(system.symbols)
        self.is_centre = np.isin(symbols, self.centres)
        self.is_framework = np.isin(symbols, [*fixed, *self.centres])
        if isinstance(settings.crystal, Slab) and not settings.crystal.low < settings.crystal.high:
            raise ValueError(f'crystal: a slab from {settings.crystal.low} to {settings.crystal.high} has no thickness')
        self.numbers, self.orders = BlockNumbers(), BlockSums()
        self.per_atom: dict[str, npt.NDArray[Any]] = {}
        self.unjudged = 0

    def add(self, chunk: Chunk) -> None:
        """Label the atoms of some frames."""
        for view in chunk.views:
            labels = self._by_place(view) if self.settings.crystal else self._by_order(view)
            self.per_atom['region'] = labels
            types, elements = self.system.types, self.system.elements
            record: dict[str, Any] = {
                'atoms': {name: float((labels == i).mean()) for i, name in enumerate(REGIONS)},
                'elements': {
                    e: {name: float((labels[types == t] == i).mean()) for i, name in enumerate(REGIONS)}
                    for t, e in enumerate(elements)
                },
            }
            self.numbers.add(record)

    def _by_place(self, view: View) -> npt.NDArray[np.int8]:
        crystal = self.settings.crystal
        if isinstance(crystal, Sphere):
            distance = distance_to_sphere(
                view.positions, view.cell, np.array(crystal.centre) @ view.cell, crystal.radius
            )
        else:
            assert crystal is not None
            distance = distance_to_slab(view.positions, view.cell, 'abc'.index(crystal.axis), crystal.low, crystal.high)
        self.per_atom['distance'] = distance
        return regions_by_distance(distance, self.settings.width)

    def _by_order(self, view: View) -> npt.NDArray[np.int8]:
        s = self.settings
        found = find_regions(
            view.positions, view.cell, self.system.types, self.is_centre, self.is_framework, s.radius, s.reach,
            threshold=s.threshold,
        )  # fmt: skip
        self.unjudged += not found.judged
        self.per_atom['order'] = found.order
        self.orders.add(np.histogram(found.order[self.is_centre], 50, (0, 1))[0])
        return found.labels

    def result(self) -> Result:
        """Share of the atoms in each region; per atom ``region`` (0 glass, 1 interface, 2 crystal), ``order``."""
        s = self.settings
        numbers = {**self.numbers.averages(), 'labels': {name: i for i, name in enumerate(REGIONS)}}
        curves, warnings = {}, []
        if s.crystal is None:
            mean, error = self.orders.mean(), self.orders.error()
            scale = 50 / int(self.is_centre.sum())
            curves['order'] = Curve(
                (np.arange(50) + 0.5) / 50, mean * scale, 'order', '', 'p(order)', '',
                None if error is None else error * scale,
                'second best overlap of surroundings, integral 1',
                {'centres': self.centres, 'radius': s.radius, 'reach': s.reach, 'threshold': s.threshold},
            )  # fmt: skip
            if self.unjudged:
                warnings.append(
                    f'{self.unjudged} of {self.orders.n} frames are narrower than `reach`, {s.reach:g} Å: their atoms '
                    'cannot be told from their images and count as glass'
                )
        return Result(numbers, {}, curves, self.per_atom, warnings)

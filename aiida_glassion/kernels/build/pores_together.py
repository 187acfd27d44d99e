"""Several regions of a periodic cell together: how far from the nearest surface, how much of the cell they fill."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.build.pores import Sphere
from aiida_glassion.kernels.build.pores_distance import distance_to_point

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
Positions = npt.NDArray[np.floating[Any]]

_GRID = 100
"""Points along each cell vector, where a volume has to be counted."""


class Region(Protocol):
    """A part of a periodic cell with a surface."""

    def distances(self, positions: Positions, cell: FloatArray) -> FloatArray:
        """Distance of each position from the surface, negative inside, (n,), Å."""
        ...

    def inside(self, positions: Positions, cell: FloatArray) -> BoolArray:
        """Which positions lie inside, (n,)."""
        ...

    def volume(self, cell: FloatArray) -> float:
        """Volume in one cell, Å³."""
        ...


def distance_to_regions(regions: Sequence[Region], positions: Positions, cell: FloatArray) -> FloatArray:
    """Distance of each position from the surface of the nearest region, negative inside any, (n,), Å.

    :raises ValueError: no region, or one that does not fit the cell.
    """
    if not regions:
        raise ValueError('regions: none given, expected at least one')
    nearest = regions[0].distances(positions, cell)
    for region in regions[1:]:
        np.minimum(nearest, region.distances(positions, cell), out=nearest)
    return nearest


def volume_fraction(regions: Sequence[Region], cell: FloatArray) -> float:
    """Share of the cell inside any of the regions: the porosity, if they are pores.

    The sum of their volumes if that is exact: one region, or spheres that do not overlap. Else counted on a grid of 10⁶
    points, within about 10⁻³.

    :raises ValueError: as :func:`distance_to_regions`.
    """
    box = np.asarray(cell, dtype=np.float64)
    total = abs(float(np.linalg.det(box)))
    spheres = [region for region in regions if isinstance(region, Sphere)]
    if len(regions) == 1 or (len(spheres) == len(regions) > 1 and not _overlap(spheres, box)):
        return sum(region.volume(box) for region in regions) / total
    steps = (np.arange(_GRID) + 0.5) / _GRID
    points = np.stack(np.meshgrid(steps, steps, steps, indexing='ij'), axis=-1).reshape(-1, 3) @ box
    return float((distance_to_regions(regions, points, box) < 0).mean())


def _overlap(spheres: Sequence[Sphere], cell: FloatArray) -> bool:
    centres = np.array([sphere.centre for sphere in spheres]) @ cell
    radii = np.array([sphere.diameter for sphere in spheres]) / 2
    return any(
        bool((distance_to_point(centres[i + 1 :], cell, centres[i]) < radii[i + 1 :] + radii[i]).any())
        for i in range(len(spheres) - 1)
    )

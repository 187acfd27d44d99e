"""Profiles across the surface of grains: density, elements, local order and degree of disorder over the distance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.build.glass_ceramic_order import Shape, distances
from aiida_glassion.kernels.build.pores import Slit
from aiida_glassion.kernels.space.disorder import degree_of_disorder
from aiida_glassion.kernels.space.disorder_groups import FEWEST, disorder_of_groups
from aiida_glassion.kernels.space.images import heights
from aiida_glassion.kernels.space.profiles import Profile

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_POINTS = 200_000
_SPACINGS = (0.3, 1.1)
_SHELL_ATOMS = 2 * FEWEST
"""A shell of so few atoms is still told from a glass; it is made wider until it has them."""


def bin_edges(distance: FloatArray, width: float) -> FloatArray:
    """Edges of bins of a width that hold every distance; the surface, 0, is one of them, (n_bins + 1,), Å."""
    low, high = np.floor(distance.min() / width), np.floor(distance.max() / width) + 1
    return np.arange(low, high + 1) * width


@dataclass(frozen=True, eq=False)
class EvenPoints:
    """Points that fill a cell evenly, with their distances from the grains.

    :param places: (n_points, 3), Å.
    :param distance: (n_points,), Å, negative inside.
    :param volume: of the cell behind each point, Å³.
    """

    places: FloatArray
    distance: FloatArray
    volume: float

    def volumes(self, edges: FloatArray) -> FloatArray:
        """Volume at each distance, (n_bins,), Å³; a bin of n points is known within about n^(-1/2) of it, or better."""
        return np.asarray(np.histogram(self.distance, edges)[0] * self.volume)


def even_points(shapes: Sequence[Shape], cell: FloatArray, spacing: float | None = None) -> EvenPoints:
    """Points on a grid over the cell.

    :param spacing: Å; None: 0.3 to 1.1 Å, so that a small cell has enough of them and a large one not too many.
    """
    volume = abs(float(np.linalg.det(cell)))
    step = spacing or float(np.clip((volume / _POINTS) ** (1 / 3), *_SPACINGS))
    numbers = np.maximum(8, np.ceil(np.linalg.norm(cell, axis=1) / step).astype(int))
    axes = [(np.arange(n) + 0.5) / n for n in numbers]
    places = np.stack(np.meshgrid(*axes, indexing='ij'), axis=-1).reshape(-1, 3) @ cell
    parts = np.array_split(places, max(1, len(places) // _POINTS))
    distance = np.concatenate([distances(shapes, part, cell) for part in parts])
    return EvenPoints(places, distance, volume / len(places))


def surface_profile(
    distance: FloatArray, types: npt.NDArray[np.integer[Any]], n_types: int, edges: FloatArray, volumes: FloatArray
) -> Profile:
    """Atoms of each element by their distance from the grains.

    :param distance: (n_atoms,), Å, negative inside.
    :param types: (n_atoms,), from 0.
    :param edges: (n_bins + 1,), Å.
    :param volumes: (n_bins,), Å³.
    """
    place = np.clip(np.searchsorted(edges, distance, side='right') - 1, 0, len(edges) - 2)
    n_bins = len(edges) - 1
    counts = np.bincount(np.asarray(types) * n_bins + place, minlength=n_types * n_bins).reshape(n_types, n_bins)
    return Profile(edges, counts, volumes)


def mean_by_bin(distance: FloatArray, values: FloatArray, edges: FloatArray) -> tuple[FloatArray, IntArray]:
    """Mean of a number of the atoms in each bin, NaN where none has one, and of how many, both (n_bins,)."""
    known = np.isfinite(values)
    place = np.clip(np.searchsorted(edges, distance[known], side='right') - 1, 0, len(edges) - 2)
    number = np.bincount(place, minlength=len(edges) - 1)
    total = np.bincount(place, values[known], minlength=len(edges) - 1)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan), number.astype(np.int64)


def shell_edges(distance: FloatArray, width: float, least: int = _SHELL_ATOMS) -> FloatArray:
    """Edges of shells about as wide as wanted, wider where else they would hold too few atoms; 0 is one, (n + 1,), Å.

    Made from the surface inwards and outwards; what is left over at either end goes to the shell before.

    :param width: Å.
    :param least: atoms in a shell.
    """
    ordered = np.sort(np.asarray(distance, dtype=np.float64))
    inner = _walk(-ordered[ordered < 0][::-1], width, least)
    outer = _walk(ordered[ordered >= 0], width, least)
    return np.array([*(-edge for edge in reversed(inner)), *([0.0] if inner and outer else []), *outer])


def _walk(away: FloatArray, width: float, least: int) -> list[float]:
    """Outer edges of shells over distances from a surface, ascending; none where the atoms do not fill one."""
    edges: list[float] = []
    start = 0
    while len(away) - start >= least:
        last = max(start + least - 1, int(np.searchsorted(away, (edges[-1] if edges else 0.0) + width)) - 1)
        edges.append(float(away[min(last, len(away) - 1)]) + 1e-9)
        start = last + 1
    if edges:
        edges[-1] = max(edges[-1], float(away[-1]) + 1e-9)
    elif len(away):
        edges.append(float(away[-1]) + 1e-9)
    return edges


def disorder_in_shells(
    positions: FloatArray, cell: FloatArray, distance: FloatArray, edges: FloatArray, points: EvenPoints
) -> tuple[FloatArray, IntArray]:
    """Degree of disorder of each shell around grains, and its atoms, both (n_shells,)."""
    groups, of_points = (_shell_of(values, edges) for values in (distance, points.distance))
    n = len(edges) - 1
    found = disorder_of_groups(positions, cell, groups, n, points.places, of_points)
    return found, np.bincount(groups[groups >= 0], minlength=n).astype(np.int64)


def _shell_of(distance: FloatArray, edges: FloatArray) -> IntArray:
    found = np.searchsorted(edges, distance, side='right') - 1
    return np.where((found < 0) | (found > len(edges) - 2), -1, found).astype(np.int64)


def disorder_along(
    positions: FloatArray, cell: FloatArray, slab: Slit, thickness: float
) -> tuple[FloatArray, FloatArray]:
    """Degree of disorder along the normal of a slab of crystal, layer by layer.

    :param slab: where it is; its middle is put at 0.
    :param thickness: of a layer, wanted, Å.
    :returns: distance of each layer from the slab's middle, ascending, Å; degree; both (n_layers,).
    """
    axis = 'abc'.index(slab.axis)
    centred = positions - (slab.centre[axis] - 0.5) * cell[axis]
    height = float(heights(cell)[axis])
    found = degree_of_disorder(centred, cell, axis, n_slabs=max(4, round(height / thickness)))
    return found.centres - height / 2, found.degree


def folded(along: FloatArray, values: FloatArray, width: float) -> tuple[FloatArray, FloatArray]:
    """A profile along the normal as one over the distance from the nearer face: both sides averaged.

    :param along: (n,), Å, from the middle, symmetrical about it.
    :param width: of the slab, Å.
    :returns: distances, ascending, negative within; values.
    """
    mean = (values + values[::-1]) / 2
    half = along >= -1e-9
    return along[half] - width / 2, mean[half]

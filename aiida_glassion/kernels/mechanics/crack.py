"""Where a sample opens: the crack's path and opening across the load, and whether it fell apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.space.images import check_periodic, heights
from aiida_glassion.kernels.structure.neighbours import neighbour_list

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Crack:
    """The void that leads across the load, seen along the load in columns of a grid.

    :param across: (n_across,), Å, middles of the columns along the way of the crack.
    :param opening: (n_across, n_thick), Å, longest stretch without an atom in each column, 0 where it is below the
        least that counts.
    :param middle: (n_across, n_thick), Å along the load from the cell's origin, middle of that stretch, NaN where there
        is none; near each other also where the crack meets the cell's boundary, so that some may lie outside.
    :param column_area: Å², of one column.
    """

    across: FloatArray
    opening: FloatArray
    middle: FloatArray
    column_area: float

    @property
    def open_area(self) -> float:
        """Å², projected along the load: the notch included, if there was one."""
        return float(np.count_nonzero(self.opening) * self.column_area)

    @property
    def open_share(self) -> float:
        """Share of the cross section that is open; 1 when the void leads all through."""
        return float(np.count_nonzero(self.opening) / self.opening.size)

    @property
    def path(self) -> FloatArray:
        """(n_across,), Å along the load: mean over the thickness of the middle of the void; NaN where it is closed."""
        return _mean_where(self.middle, ~np.isnan(self.middle))

    @property
    def profile(self) -> FloatArray:
        """(n_across,), Å: mean opening over the thickness, closed columns as 0."""
        return np.asarray(self.opening.mean(axis=1))

    @property
    def roughness(self) -> float | None:
        """Å, standard deviation of the middle of the void over open columns; None with fewer than two."""
        heights_ = self.middle[~np.isnan(self.middle)]
        return float(heights_.std(ddof=1)) if len(heights_) > 1 else None


def find_crack(
    positions: npt.NDArray[np.floating[Any]],
    cell: npt.NDArray[np.floating[Any]],
    load: int,
    across: int,
    spacing: float = 5.0,
    least: float = 8.0,
) -> Crack:
    """Look along the load through columns about ``spacing`` wide: the longest stretch without an atom is the opening.

    In a glass the longest stretch by chance is a few Å in a column of 5 Å; ``least`` is to be well above it. Look at
    the unstrained sample: nothing should be open there but the notch.

    :param positions: (n_atoms, 3), Å, wrapped or not.
    :param cell: (3, 3), Å, rows are the cell vectors; periodic along all.
    :param load: 0, 1 or 2, cell vector along which it is pulled.
    :param across: another, along which the crack goes; the third is the thickness.
    :param spacing: Å, width of a column.
    :param least: Å, shortest stretch that counts as open.
    :raises ValueError: as :func:`.check_periodic`, axes that are equal or none, or lengths not positive.
    """
    r, box = check_periodic(positions, cell)
    if load not in (0, 1, 2) or across not in (0, 1, 2) or load == across:
        raise ValueError(f'load, across: {load} and {across}, expected two different ones of 0, 1 and 2')
    for name, length in (('spacing', spacing), ('least', least)):
        if not 0 < length < np.inf:
            raise ValueError(f'{name}: {length}, expected a positive length in Å')
    thick = 3 - load - across
    lengths = np.linalg.norm(box, axis=1)
    shape = tuple(max(1, int(heights(box)[axis] / spacing)) for axis in (across, thick))
    fractions = r @ np.linalg.inv(box)
    fractions -= np.floor(fractions)
    fractions[fractions >= 1] = 0.0
    column = (fractions[:, across] * shape[0]).astype(np.int64) * shape[1]
    column += (fractions[:, thick] * shape[1]).astype(np.int64)
    order = np.lexsort((fractions[:, load], column))
    gaps, middles = _longest_gaps(column[order], fractions[order, load], shape[0] * shape[1])
    opening, middle = (array.reshape(shape) * lengths[load] for array in (gaps, middles))
    is_open = opening >= least
    middle = _unwrapped(middle, is_open, lengths[load])
    return Crack(
        (np.arange(shape[0]) + 0.5) / shape[0] * lengths[across],
        np.where(is_open, opening, 0.0),
        np.where(is_open, middle, np.nan),
        abs(float(np.linalg.det(box))) / lengths[load] / (shape[0] * shape[1]),
    )


@dataclass(frozen=True, eq=False)
class Separation:
    """Whether a sample fell apart.

    :param separated: no chain of atoms leads along the load through the cell to its own image.
    :param halves: (n_atoms,), int8: 0 in the lower half of the slab, whose face has the crack below it, 1 in the upper,
        −1 for debris; all −1 if not separated.
    """

    separated: bool
    halves: npt.NDArray[np.int8]


def separation(
    positions: npt.NDArray[np.floating[Any]],
    cell: npt.NDArray[np.floating[Any]],
    load: int,
    cutoff: float = 3.5,
    debris: float = 0.05,
) -> Separation:
    """Whether atoms nearer than the cutoff still hold a sample together along the load, and its two halves.

    A periodic sample that broke once is one slab, whose faces look at each other through the cell's boundary. Its
    halves are what lies behind each of the faces, cut in the middle of the slab.

    :param positions: (n_atoms, 3), Å, wrapped or not.
    :param cell: (3, 3), Å, rows are the cell vectors; periodic along all.
    :param load: 0, 1 or 2.
    :param cutoff: Å; above the distance of modifiers to their anions, below the width of a crack.
    :param debris: parts with a smaller share of the atoms than this are debris.
    :raises ValueError: as :func:`.neighbour_list`, or no such axis.
    """
    r, box = check_periodic(positions, cell)
    if load not in (0, 1, 2):
        raise ValueError(f'load: {load}, expected 0, 1 or 2')
    found = neighbour_list(r, box, cutoff)
    step = (found.vectors @ np.linalg.inv(box))[:, load]
    part, height, winds = _climb(found.offsets, found.second, np.ascontiguousarray(step))
    halves = np.full(len(r), -1, dtype=np.int8)
    if winds.any():
        return Separation(False, halves)
    for number in np.flatnonzero(np.bincount(part) >= debris * len(r)):
        atoms = part == number
        own = height[atoms]
        halves[atoms] = own > (own.min() + own.max()) / 2
    return Separation(True, halves)


@numba.njit(cache=True, nogil=True)
def _longest_gaps(column: npt.NDArray[np.int64], place: FloatArray, n_columns: int) -> tuple[FloatArray, FloatArray]:
    """Longest periodic gap of each column and its middle, in fractions; 1 of a column without atoms."""
    gaps, middles = np.ones(n_columns), np.full(n_columns, 0.5)
    start = 0
    while start < len(column):
        stop = start
        while stop < len(column) and column[stop] == column[start]:
            stop += 1
        longest = place[start] + 1 - place[stop - 1]
        begin = place[stop - 1]
        for k in range(start, stop - 1):
            gap = place[k + 1] - place[k]
            if gap > longest:
                longest, begin = gap, place[k]
        gaps[column[start]] = longest
        middles[column[start]] = (begin + longest / 2) % 1.0
        start = stop
    return gaps, middles


@numba.njit(cache=True, nogil=True)
def _climb(
    offsets: npt.NDArray[np.int64], second: npt.NDArray[np.int32], step: FloatArray
) -> tuple[npt.NDArray[np.int32], FloatArray, npt.NDArray[np.bool_]]:
    """Part of each atom, its height in it along chains of neighbours, and which parts lead back to their own image."""
    n_atoms = len(offsets) - 1
    part = np.full(n_atoms, -1, dtype=np.int32)
    height = np.zeros(n_atoms)
    winds = np.zeros(n_atoms, dtype=np.bool_)
    queue = np.empty(n_atoms, dtype=np.int64)
    n_parts = 0
    for seed in range(n_atoms):
        if part[seed] >= 0:
            continue
        part[seed] = n_parts
        queue[0] = seed
        read, written = 0, 1
        while read < written:
            atom = queue[read]
            read += 1
            for k in range(offsets[atom], offsets[atom + 1]):
                other = second[k]
                there = height[atom] + step[k]
                if part[other] < 0:
                    part[other], height[other] = n_parts, there
                    queue[written] = other
                    written += 1
                elif abs(height[other] - there) > 0.5:
                    winds[n_parts] = True
        n_parts += 1
    return part, height, winds[:n_parts]


def _unwrapped(middle: FloatArray, is_open: npt.NDArray[np.bool_], period: float) -> FloatArray:
    """The images that are nearest to the mean direction of all that are open."""
    if not is_open.any():
        return middle
    direction = np.exp(2j * np.pi * middle[is_open] / period).mean()
    centre = float(np.angle(direction)) / (2 * np.pi) % 1.0 * period
    return np.asarray(middle - period * np.round((middle - centre) / period))


def _mean_where(values: FloatArray, known: npt.NDArray[np.bool_]) -> FloatArray:
    """Mean along the second axis over what is known; NaN where nothing is."""
    counts = known.sum(axis=1)
    sums = np.where(known, values, 0.0).sum(axis=1)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)

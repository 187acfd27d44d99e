"""Atoms sorted into cells as wide as the cutoff: the fast way to few neighbours (bonds).

Columns (:mod:`._columns`) pay where an atom has dozens of neighbours; where it has four, what they cost per atom counts
for more than what they save per candidate.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]
Exact = npt.NDArray[np.float64]
Found = tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], Exact, Exact, npt.NDArray[np.int64]]

MOST_CANDIDATES = 200.0
"""Atoms in the 27 cells around one, on average, up to which this is the faster way (measured)."""
_MARGIN = 1e-6


def grid_of_cells(cell: FloatArray, cutoff: float, n_atoms: int) -> tuple[int, int, int] | None:
    """Cells along each vector, each at least the cutoff wide; None where this is not the way to go.

    :param cell: (3, 3), Å, periodic in all directions.
    """
    widths = [1 / math.hypot(*row) / (cutoff + _MARGIN) for row in np.linalg.inv(cell).T.tolist()]
    # a nearly empty cell does not deserve more than a few per atom
    shrink = min(1.0, (4 * (n_atoms + 16) / math.prod(widths)) ** (1 / 3))
    n_a, n_b, n_c = (min(int(width), max(3, int(width * shrink))) for width in widths)
    if min(n_a, n_b, n_c) < 3 or 27 * n_atoms > MOST_CANDIDATES * n_a * n_b * n_c:
        return None
    return n_a, n_b, n_c


def neighbours_by_cells(
    positions: FloatArray,
    cell: FloatArray,
    shape: tuple[int, int, int],
    types: npt.NDArray[np.int32],
    squares: FloatArray,
) -> Found:
    """Full neighbour list: first, second, vectors, distances, offsets, as :class:`.NeighbourList` has them.

    :param positions: (n_atoms, 3), Å, wrapped or not.
    :param cell: (3, 3), Å, periodic in all directions.
    :param shape: of :func:`grid_of_cells`.
    :param types: (n_atoms,), from 0.
    :param squares: (n_types, n_types), squared cut-offs, Å².
    """
    inverse = np.ascontiguousarray(np.linalg.inv(cell))
    ordered, starts, who = _sort_into_cells(positions, inverse, cell, shape)
    kinds = types[who]
    room = int(len(positions) * max(4.0, 3.5 * len(positions) / math.prod(shape))) + 64
    while True:
        ends, vectors = np.empty((room, 2), dtype=np.int32), np.empty((room, 3))
        found = _pairs(ordered, starts, kinds, shape, cell, squares, ends, vectors)
        if found >= 0:
            both: Found = _from_both_ends(ends[:found], vectors[:found], who)
            return both
        room *= 2


@numba.njit(cache=True, nogil=True)
def _sort_into_cells(
    positions: FloatArray, inverse: FloatArray, cell: FloatArray, shape: tuple[int, int, int]
) -> tuple[FloatArray, npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    """Wrapped positions in the order of the cells, where cells begin, and the atoms in that order."""
    n0, n1, n2 = shape
    n_atoms = len(positions)
    wrapped = np.empty((n_atoms, 3))
    place = np.empty(n_atoms, dtype=np.int32)
    starts = np.zeros(n0 * n1 * n2 + 1, dtype=np.int64)
    f = np.empty(3)
    for atom in range(n_atoms):
        for axis in range(3):
            value = 0.0
            for i in range(3):
                value += positions[atom, i] * inverse[i, axis]
            value -= np.floor(value)
            f[axis] = value if value < 1.0 else 0.0
        for i in range(3):
            wrapped[atom, i] = f[0] * cell[0, i] + f[1] * cell[1, i] + f[2] * cell[2, i]
        place[atom] = (int(f[0] * n0) * n1 + int(f[1] * n1)) * n2 + int(f[2] * n2)
        starts[place[atom] + 1] += 1
    for i in range(1, len(starts)):
        starts[i] += starts[i - 1]
    ordered = np.empty((n_atoms, 3))
    who = np.empty(n_atoms, dtype=np.int32)
    filled = starts.copy()
    for atom in range(n_atoms):
        slot = filled[place[atom]]
        filled[place[atom]] += 1
        who[slot] = atom
        for i in range(3):
            ordered[slot, i] = wrapped[atom, i]
    return ordered, starts, who


@numba.njit(cache=True, nogil=True)
def _pairs(
    ordered: FloatArray,
    starts: npt.NDArray[np.int64],
    kinds: npt.NDArray[np.int32],
    shape: tuple[int, int, int],
    cell: FloatArray,
    squares: FloatArray,
    ends: npt.NDArray[np.int32],
    vectors: FloatArray,
) -> int:
    """Write each pair once, as places in the order of the cells and the vector between; how many, -1 without room.

    A candidate that is too far is overwritten by the next: no branch to mispredict.
    """
    n0, n1, n2 = shape
    room = len(ends)
    most = 14 * _fullest(starts)
    slots, kind = np.empty(most, dtype=np.int32), np.empty(most, dtype=np.int32)
    xs, ys, zs = np.empty((3, most))
    found = 0
    for a in range(n0):
        for b in range(n1):
            for c in range(n2):
                here = (a * n1 + b) * n2 + c
                n_own = starts[here + 1] - starts[here]
                if n_own == 0:
                    continue
                # the rest of this row, and of the eight rows around it the four behind: 13 cells of 26
                n = 0
                for step in range(5):
                    da, db = (0, 0) if step == 0 else (0, 1) if step == 1 else (1, step - 3)
                    ia, ib = a + da, b + db
                    wa = 1 if ia >= n0 else 0
                    wb = -1 if ib < 0 else 1 if ib >= n1 else 0
                    row = ((ia - wa * n0) * n1 + ib - wb * n1) * n2
                    # the three cells of a row are neighbours in memory, but for those beyond its ends
                    for wc in range(-1 if c == 0 and step > 0 else 0, 2 if c == n2 - 1 else 1):
                        first = row + (n2 - 1 if wc == -1 else 0 if wc == 1 else c if step == 0 else max(0, c - 1))
                        last = row + (n2 if wc == -1 else 1 if wc == 1 else min(n2, c + 2))
                        sx = wa * cell[0, 0] + wb * cell[1, 0] + wc * cell[2, 0]
                        sy = wa * cell[0, 1] + wb * cell[1, 1] + wc * cell[2, 1]
                        sz = wa * cell[0, 2] + wb * cell[1, 2] + wc * cell[2, 2]
                        for slot in range(starts[first], starts[last]):
                            xs[n], ys[n], zs[n] = ordered[slot, 0] + sx, ordered[slot, 1] + sy, ordered[slot, 2] + sz
                            slots[n], kind[n] = slot, kinds[slot]
                            n += 1
                if found + n_own * n > room:
                    return -1
                for own in range(n_own):
                    x, y, z = xs[own], ys[own], zs[own]
                    limits = squares[kind[own]]
                    before = found
                    for k in range(own + 1, n):
                        u, v, w = xs[k] - x, ys[k] - y, zs[k] - z
                        ends[found, 1] = slots[k]
                        vectors[found, 0], vectors[found, 1], vectors[found, 2] = u, v, w
                        found += u * u + v * v + w * w < limits[kind[k]]
                    for pair in range(before, found):
                        ends[pair, 0] = slots[own]
    return found


@numba.njit(cache=True, nogil=True)
def _from_both_ends(
    ends: npt.NDArray[np.int32], half: FloatArray, who: npt.NDArray[np.int32]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], FloatArray, FloatArray, npt.NDArray[np.int64]]:
    """Each pair as both its atoms see it, sorted by the one that looks."""
    n_pairs = 2 * len(ends)
    offsets = np.zeros(len(who) + 1, dtype=np.int64)
    for pair in range(len(ends)):
        offsets[who[ends[pair, 0]] + 1] += 1
        offsets[who[ends[pair, 1]] + 1] += 1
    for atom in range(len(who)):
        offsets[atom + 1] += offsets[atom]
    filled = offsets[:-1].copy()
    first, second = np.empty(n_pairs, dtype=np.int32), np.empty(n_pairs, dtype=np.int32)
    vectors, distances = np.empty((n_pairs, 3)), np.empty(n_pairs)
    for pair in range(len(ends)):
        one, other = who[ends[pair, 0]], who[ends[pair, 1]]
        x, y, z = half[pair, 0], half[pair, 1], half[pair, 2]
        distance = np.sqrt(x * x + y * y + z * z)
        k = filled[one]
        filled[one] += 1
        first[k], second[k], distances[k] = one, other, distance
        vectors[k, 0], vectors[k, 1], vectors[k, 2] = x, y, z
        k = filled[other]
        filled[other] += 1
        first[k], second[k], distances[k] = other, one, distance
        vectors[k, 0], vectors[k, 1], vectors[k, 2] = -x, -y, -z
    return first, second, vectors, distances, offsets


@numba.njit(cache=True, nogil=True)
def _fullest(starts: npt.NDArray[np.int64]) -> int:
    """Most atoms in any cell."""
    most = 0
    for k in range(len(starts) - 1):
        most = max(most, starts[k + 1] - starts[k])
    return most

"""Atoms sorted into cells as wide as the cutoff: the fast way to few neighbours (bonds).

Columns (:mod:`._columns`) pay where an atom has dozens of neighbours; where it has four, what they cost per atom counts
for more than what they save per candidate.
"""

from __future__ import annotations

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
    widths = 1 / np.linalg.norm(np.linalg.inv(cell), axis=0) / (cutoff + _MARGIN)
    # a nearly empty cell does not deserve more than a few per atom
    shrink = min(1.0, (4 * (n_atoms + 16) / float(widths.prod())) ** (1 / 3))
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
    n_atoms = len(positions)
    inverse = np.linalg.inv(cell)
    wrapped, place, starts, who = _sort_into_cells(positions, np.ascontiguousarray(inverse), cell, shape)
    offsets = np.zeros(n_atoms + 1, dtype=np.int64)
    room = 8 * n_atoms + 64
    while True:
        first, second = np.empty(room, dtype=np.int32), np.empty(room, dtype=np.int32)
        vectors, distances = np.empty((room, 3)), np.empty(room)
        found = _list(
            wrapped, place, starts, who, shape, cell, types, squares, first, second, vectors, distances, offsets
        )
        if found <= room:
            if 3 * found > room:
                return first[:found], second[:found], vectors[:found], distances[:found], offsets
            return (
                first[:found].copy(),
                second[:found].copy(),
                vectors[:found].copy(),
                distances[:found].copy(),
                offsets,
            )
        room = found


@numba.njit(cache=True, nogil=True)
def _sort_into_cells(
    positions: FloatArray, inverse: FloatArray, cell: FloatArray, shape: tuple[int, int, int]
) -> tuple[FloatArray, npt.NDArray[np.int32], npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    """Wrapped positions in the order of the cells, the cell of each atom, where cells begin, and the atoms in order."""
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
    return ordered, place, starts, who


@numba.njit(cache=True, nogil=True)
def _list(
    ordered: FloatArray,
    place: npt.NDArray[np.int32],
    starts: npt.NDArray[np.int64],
    who: npt.NDArray[np.int32],
    shape: tuple[int, int, int],
    cell: FloatArray,
    types: npt.NDArray[np.int32],
    squares: FloatArray,
    first: npt.NDArray[np.int32],
    second: npt.NDArray[np.int32],
    vectors: FloatArray,
    distances: FloatArray,
    offsets: npt.NDArray[np.int64],
) -> int:
    """Write the neighbours atom by atom; return how many there are, also where they do not fit."""
    n0, n1, n2 = shape
    room = len(first)
    largest = squares.max()
    slots = np.empty(len(who), dtype=np.int64)
    for slot in range(len(who)):
        slots[who[slot]] = slot
    found = 0
    for atom in range(len(who)):
        x, y, z = ordered[slots[atom], 0], ordered[slots[atom], 1], ordered[slots[atom], 2]
        kind = types[atom]
        c = place[atom] % n2
        b = place[atom] // n2 % n1
        a = place[atom] // (n1 * n2)
        for da in range(-1, 2):
            ia = a + da
            wa = -1 if ia < 0 else 1 if ia >= n0 else 0
            for db in range(-1, 2):
                ib = b + db
                wb = -1 if ib < 0 else 1 if ib >= n1 else 0
                row = ((ia - wa * n0) * n1 + ib - wb * n1) * n2
                # the three cells of a row are neighbours in memory, but for those beyond its ends
                for wc in range(-1, 2):
                    if wc == -1:
                        if c > 0:
                            continue
                        low, high = n2 - 1, n2
                    elif wc == 1:
                        if c < n2 - 1:
                            continue
                        low, high = 0, 1
                    else:
                        low, high = max(0, c - 1), min(n2, c + 2)
                    sx = wa * cell[0, 0] + wb * cell[1, 0] + wc * cell[2, 0] - x
                    sy = wa * cell[0, 1] + wb * cell[1, 1] + wc * cell[2, 1] - y
                    sz = wa * cell[0, 2] + wb * cell[1, 2] + wc * cell[2, 2] - z
                    for slot in range(starts[row + low], starts[row + high]):
                        dx, dy, dz = ordered[slot, 0] + sx, ordered[slot, 1] + sy, ordered[slot, 2] + sz
                        square = dx * dx + dy * dy + dz * dz
                        if square >= largest:
                            continue
                        other = who[slot]
                        if other == atom or square >= squares[kind, types[other]]:
                            continue
                        if found < room:
                            first[found], second[found] = atom, other
                            vectors[found, 0], vectors[found, 1], vectors[found, 2] = dx, dy, dz
                            distances[found] = np.sqrt(square)
                        found += 1
        offsets[atom + 1] = found
    return found

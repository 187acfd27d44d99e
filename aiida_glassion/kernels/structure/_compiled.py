"""The compiled loops over columns: sort, find what is near by, count and list neighbours, histogram distances.

All in one file, since numba's cache sees a change in the file of a function but not in what it calls elsewhere.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]

SLICES_PER_GROUP = 3
"""Slices whose atoms share one search of what is near by."""


class Columns(NamedTuple):
    """Atoms in columns, images included.

    Flat index of a slice: ``column * (shape[2] + 2 * image_slices) + image_slices + slice``.
    """

    x: FloatArray
    y: FloatArray
    z: FloatArray
    """(n_stored,), Å, in the turned frame."""
    atoms: IntArray
    """(n_stored,), which atom each stored one is, or is an image of."""
    starts: IntArray
    """(n_columns * n_slices_with_images + 1,), first stored atom of each slice."""
    shape: tuple[int, int, int]
    """Columns along the first and second vector, slices along the third."""
    image_slices: int
    """Slices of images below, and above, the cell."""
    cell: FloatArray
    """(3, 3), turned: a = (ax, ay, az), b = (0, by, bz), c = (0, 0, cz)."""
    stencil: IntArray
    """(n_stencil, 2), which columns near by, as seen from a column; its own first."""
    reach: FloatArray
    """(n_stencil,), Å, how far up and down atoms of such a column can be within the cutoff."""
    max_candidates: int
    """No group of slices has more atoms near by than this."""


@numba.njit(cache=True, nogil=True)
def sort_into_columns(
    positions: FloatArray, frame: FloatArray, cell: FloatArray, shape: tuple[int, int, int], image_slices: int
) -> tuple[FloatArray, FloatArray, FloatArray, IntArray, IntArray]:
    """Wrap, find each atom's column and slice, and sort by counting, images of the slices included."""
    n_a, n_b, n_c = shape
    n_slices = n_c + 2 * image_slices
    n_atoms = len(positions)
    slices = np.empty(n_atoms, dtype=np.int64)
    wrapped = np.empty((n_atoms, 3))
    starts = np.zeros(n_a * n_b * n_slices + 1, dtype=np.int64)
    (ax, ay, az), (_, by, bz), (_, _, cz) = cell
    for i in range(n_atoms):
        p, q, r = positions[i, 0], positions[i, 1], positions[i, 2]
        x = frame[0, 0] * p + frame[0, 1] * q + frame[0, 2] * r
        y = frame[1, 0] * p + frame[1, 1] * q + frame[1, 2] * r
        z = frame[2, 0] * p + frame[2, 1] * q + frame[2, 2] * r
        turns = np.floor(x / ax)
        x -= turns * ax
        y -= turns * ay
        z -= turns * az
        fraction_a = x / ax
        y_in_tile = y - fraction_a * ay
        turns = np.floor(y_in_tile / by)
        y -= turns * by
        z -= turns * bz
        fraction_b = (y_in_tile - turns * by) / by
        z -= np.floor(z / cz) * cz
        # rounding can leave an atom on the far face: it stays there, in the last column or slice
        i_a = min(int(fraction_a * n_a), n_a - 1)
        i_b = min(int(fraction_b * n_b), n_b - 1)
        i_c = min(int(z / cz * n_c), n_c - 1)
        wrapped[i, 0], wrapped[i, 1], wrapped[i, 2] = x, y, z
        column = (i_a * n_b + i_b) * n_slices
        slices[i] = column + i_c
        for s in range(i_c + image_slices - (i_c + image_slices) // n_c * n_c, n_slices, n_c):
            starts[column + s + 1] += 1
    for s in range(len(starts) - 1):
        starts[s + 1] += starts[s]
    filled = starts[:-1].copy()
    x_stored, y_stored, z_stored = np.empty((3, starts[-1]))
    atoms = np.empty(starts[-1], dtype=np.int32)
    for i in range(n_atoms):
        i_c = slices[i] % n_slices
        column = slices[i] - i_c
        lowest = -((i_c + image_slices) // n_c)
        image = lowest
        for s in range(i_c + image_slices + lowest * n_c, n_slices, n_c):
            k = filled[column + s]
            filled[column + s] += 1
            x_stored[k], y_stored[k] = wrapped[i, 0], wrapped[i, 1]
            z_stored[k] = wrapped[i, 2] + image * cz
            atoms[k] = i
            image += 1
    return x_stored, y_stored, z_stored, atoms, starts


@numba.njit(cache=True, nogil=True)
def fullest_window(starts: IntArray, window: int) -> int:
    """Most atoms in any ``window`` consecutive slices."""
    most = 0
    last = len(starts) - 1
    for s in range(last):
        most = max(most, starts[min(s + window, last)] - starts[s])
    return most


@numba.njit(cache=True, nogil=True)
def _shifted(values: FloatArray, by: float, result: FloatArray) -> None:
    for k in range(len(values)):
        result[k] = values[k] + by


@numba.njit(cache=True, nogil=True)
def near_by(
    columns: Columns, column: int, low: int, high: int, half: bool, xyz: FloatArray, labels: IntArray, label: IntArray
) -> int:
    """Copy all atoms that can be within the cutoff of the slices [low, high) of a column; return how many.

    Positions are relative to the lower corner of the group, so that single precision suffices for a histogram.

    :param half: only atoms from the group on, in its own column; the group's own atoms then come first.
    :param xyz: (3, max_candidates), overwritten.
    :param labels: (max_candidates,), overwritten with the label of each atom.
    :param label: (n_atoms,), what to remember of an atom.
    """
    n_a, n_b, n_c = columns.shape
    n_slices = n_c + 2 * columns.image_slices
    (ax, ay, az), (_, by, bz), (_, _, cz) = columns.cell
    height = cz / n_c
    i_a, i_b = column // n_b, column % n_b
    x0, y0 = i_a * ax / n_a, i_a * ay / n_a + i_b * by / n_b
    z0 = low * height
    count = 0
    for k in range(len(columns.stencil)):
        j_a, j_b = i_a + columns.stencil[k, 0], i_b + columns.stencil[k, 1]
        turns_a, turns_b = j_a // n_a, j_b // n_b
        shift_z = turns_a * az + turns_b * bz
        # the height of the group as the other column, which lies in the cell, sees it
        seen = z0 - shift_z
        turns_c = np.floor(seen / cz)
        seen -= turns_c * cz
        dx = turns_a * ax - x0
        dy = turns_a * ay + turns_b * by - y0
        dz = shift_z + turns_c * cz - z0
        base = ((j_a - turns_a * n_a) * n_b + j_b - turns_b * n_b) * n_slices + columns.image_slices
        first = base + int(np.floor((seen - columns.reach[k]) / height))
        last = base + int(np.floor((seen + (high - low) * height + columns.reach[k]) / height)) + 1
        if half and k == 0:
            first = base + low
        run = slice(columns.starts[first], columns.starts[last])
        n = run.stop - run.start
        _shifted(columns.x[run], dx, xyz[0, count:])
        _shifted(columns.y[run], dy, xyz[1, count:])
        _shifted(columns.z[run], dz, xyz[2, count:])
        atoms, copied = columns.atoms[run], labels[count:]
        for j in range(n):
            copied[j] = label[atoms[j]]
        count += n
    return count


@numba.njit(cache=True, nogil=True, fastmath=True)
def _squared_distances(
    xs: FloatArray, ys: FloatArray, zs: FloatArray, x: float, y: float, z: float, result: FloatArray
) -> None:
    for k in range(len(xs)):
        dx, dy, dz = xs[k] - x, ys[k] - y, zs[k] - z
        result[k] = dx * dx + dy * dy + dz * dz


@numba.njit(cache=True, nogil=True)
def _own_atoms(columns: Columns, column: int, low: int, high: int) -> tuple[int, int]:
    """Range of the stored atoms in the slices [low, high) of a column."""
    base = column * (columns.shape[2] + 2 * columns.image_slices) + columns.image_slices
    return columns.starts[base + low], columns.starts[base + high]


@numba.njit(cache=True, nogil=True)
def _below(squared: FloatArray, limit: float) -> int:
    """How many values are below a limit."""
    found = 0
    for value in squared:
        found += value < limit
    return found


@numba.njit(cache=True, nogil=True)
def _select(squared: FloatArray, limit: float, chosen: IntArray) -> int:
    """Collect the indices of the values below a limit, without a branch to mispredict; return how many."""
    found = 0
    for k in range(len(squared)):
        chosen[np.uint32(found)] = k
        found += squared[k] < limit
    return found


@numba.njit(cache=True, nogil=True)
def _select_by_type(
    squared: FloatArray, limits: FloatArray, types: IntArray, who: IntArray, chosen: IntArray, n: int
) -> int:
    """Keep of the chosen ones those below the limit of their type; return how many."""
    found = 0
    for m in range(n):
        k = chosen[m]
        chosen[found] = k
        found += squared[k] < limits[types[who[k]]]
    return found


@numba.njit(cache=True, nogil=True)
def list_neighbours(
    columns: Columns,
    types: IntArray,
    squares: FloatArray,
    counts: IntArray,
    offsets: IntArray,
    back: FloatArray,
    first: IntArray,
    second: IntArray,
    vectors: FloatArray,
    distances: FloatArray,
) -> None:
    """Count the neighbours of each atom, or, once there is room for them, write them where they belong.

    One function for both, so that both see the same distances to the last bit.

    :param squares: (n_types, n_types), squared cut-offs, Å².
    :param offsets: (n_atoms + 1,), where each atom's neighbours begin; empty to count only.
    :param back: (3, 3), columns turn a vector back into the frame of the caller.
    """
    xyz = np.empty((3, columns.max_candidates))
    who = np.empty(columns.max_candidates, dtype=np.int32)
    squared = np.empty(columns.max_candidates)
    chosen = np.empty(columns.max_candidates + 1, dtype=np.int32)
    itself = np.arange(len(types)).astype(np.int32)
    n_a, n_b, n_c = columns.shape
    by_type = len(squares) > 1
    largest = squares.max()
    for column in range(n_a * n_b):
        for low in range(0, n_c, SLICES_PER_GROUP):
            high = min(low + SLICES_PER_GROUP, n_c)
            start, stop = _own_atoms(columns, column, low, high)
            if start == stop:
                continue
            n = near_by(columns, column, low, high, False, xyz, who, itself)
            own = _position_of_own(columns, column, low)
            for i in range(own, own + stop - start):
                x, y, z = xyz[0, i], xyz[1, i], xyz[2, i]
                atom = who[i]
                _squared_distances(xyz[0, :n], xyz[1, :n], xyz[2, :n], x, y, z, squared)
                squared[i] = np.inf
                if len(offsets) == 0 and not by_type:
                    counts[atom] = _below(squared[:n], largest)
                    continue
                found = _select(squared[:n], largest, chosen)
                if by_type:
                    found = _select_by_type(squared, squares[types[atom]], types, who, chosen, found)
                counts[atom] = found
                if len(offsets) == 0:
                    continue
                row = slice(offsets[atom], offsets[atom] + found)
                first[row] = atom
                _write(xyz, who, squared, chosen[:found], x, y, z, back, second[row], vectors[row], distances[row])


@numba.njit(cache=True, nogil=True)
def _write(
    xyz: FloatArray,
    who: IntArray,
    squared: FloatArray,
    chosen: IntArray,
    x: float,
    y: float,
    z: float,
    back: FloatArray,
    second: IntArray,
    vectors: FloatArray,
    distances: FloatArray,
) -> None:
    for m in range(len(chosen)):
        k = np.uint32(chosen[m])
        dx, dy, dz = xyz[0, k] - x, xyz[1, k] - y, xyz[2, k] - z
        second[m] = who[k]
        vectors[m, 0] = back[0, 0] * dx + back[0, 1] * dy + back[0, 2] * dz
        vectors[m, 1] = back[1, 0] * dx + back[1, 1] * dy + back[1, 2] * dz
        vectors[m, 2] = back[2, 0] * dx + back[2, 1] * dy + back[2, 2] * dz
        distances[m] = np.sqrt(squared[k])


@numba.njit(cache=True, nogil=True)
def _position_of_own(columns: Columns, column: int, low: int) -> int:
    """Where a group's own atoms begin among those near by: after the ones below them in their column."""
    height = columns.cell[2, 2] / columns.shape[2]
    base = column * (columns.shape[2] + 2 * columns.image_slices) + columns.image_slices
    first = base + int(np.floor((low * height - columns.reach[0]) / height))
    below: int = columns.starts[base + low] - columns.starts[first]
    return below


@numba.njit(cache=True, nogil=True, fastmath=True)
def _bins(
    x: FloatArray, y: FloatArray, z: FloatArray, shelf: IntArray, per_angstrom: float, last: int, bins: IntArray
) -> None:
    """Bin of each distance from the first atom, on the shelf of each atom's type."""
    x0, y0, z0 = x[0], y[0], z[0]
    for k in range(len(x)):
        dx, dy, dz = x[k] - x0, y[k] - y0, z[k] - z0
        bins[k] = shelf[k] + min(np.int32(np.sqrt(dx * dx + dy * dy + dz * dz) * per_angstrom), last)


@numba.njit(cache=True, nogil=True, fastmath=True)
def histogram(
    columns: Columns, types: IntArray, n_types: int, bins_per_angstrom: float, n_bins: int, begin: int, end: int
) -> IntArray:
    """Count pairs by types and distance, each pair once, of the atoms in the columns [begin, end).

    :returns: (n_types, n_types, n_bins), type of the first atom, of the second, bin. Which atom is first is arbitrary.
    """
    # what is near by but beyond the cutoff goes to bins that are thrown away: no branch in the loop over pairs
    n_kept = n_bins + n_bins // 2 + 1
    last = np.int32(n_kept - 1)
    counts = np.zeros((n_types, n_types * n_kept), dtype=np.int32)
    xyz = np.empty((3, columns.max_candidates), dtype=np.float32)
    shelf = np.empty(columns.max_candidates, dtype=np.int32)
    bins = np.empty(columns.max_candidates, dtype=np.int32)
    shelves = (types * n_kept).astype(np.int32)
    per_angstrom = np.float32(bins_per_angstrom)
    n_c = columns.shape[2]
    for column in range(begin, end):
        for low in range(0, n_c, SLICES_PER_GROUP):
            high = min(low + SLICES_PER_GROUP, n_c)
            start, stop = _own_atoms(columns, column, low, high)
            if start == stop:
                continue
            n = near_by(columns, column, low, high, True, xyz, shelf, shelves)
            for i in range(stop - start):
                _bins(xyz[0, i:n], xyz[1, i:n], xyz[2, i:n], shelf[i:n], per_angstrom, last, bins)
                mine = counts[types[columns.atoms[start + i]]]
                for k in bins[1 : n - i]:
                    mine[np.uint32(k)] += np.int32(1)
    kept: IntArray = counts.reshape(n_types, n_types, n_kept)[:, :, :n_bins].copy()
    return kept

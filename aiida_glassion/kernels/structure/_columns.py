"""Atoms sorted into columns of a periodic cell: the ground under the neighbour list and the pair histogram.

The cell is turned so that its longest vector lies along z. The plane across is tiled with parallelograms that divide the
cell exactly; the column above each one holds its atoms by slices in z, together with their images below and above the
cell. All neighbours of a slice are then a few *contiguous* runs, one per column near by, whatever the angles of the
cell, however small it is beside the cutoff: a column beyond the cell is a column of the cell, shifted.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]

COLUMNS_PER_CUTOFF = 3.0
SLICES_PER_CUTOFF = 9.0
SLICES_PER_GROUP = 3
"""Fineness of the grid; measured with ``benchmarks/structure.py``, flat around these values."""
_MARGIN = 1e-6
"""Å by which a search reaches beyond the cutoff, so that rounding loses no pair (the distance itself decides)."""


class Columns(NamedTuple):
    """Atoms in columns, images included. Flat slice index: ``column * n_slices_with_images + slice + n_image_slices``."""

    positions: FloatArray
    """(n_stored, 3), Å, in the turned frame."""
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


def periodic_cell(positions: FloatArray, cell: FloatArray, pbc: tuple[bool, bool, bool], cutoff: float) -> FloatArray:
    """Return a cell periodic in all directions with the same neighbours.

    A direction that is not periodic gets a vector across the periodic ones, so long that no image is within the cutoff.

    :raises ValueError: the periodic vectors span no volume.
    """
    periodic = np.array(pbc, dtype=bool)
    full = np.array(cell, dtype=np.float64)
    vectors = full[periodic]
    singular = np.linalg.svd(vectors, compute_uv=False)
    if len(vectors) and singular[-1] < 1e-6:
        raise ValueError('cell: the periodic vectors are not independent')
    if not periodic.all():
        _, _, directions = np.linalg.svd(vectors.reshape(-1, 3), full_matrices=True)
        across = directions[len(vectors) :]
        extent = np.ptp(positions @ across.T, axis=0) if len(positions) else np.zeros(len(across))
        full[~periodic] = across * (extent + cutoff + 1.0)[:, None]
    return full


def turned_frame(cell: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the turned cell, longest vector last and along z, and the rows (3, 3) of the frame it is seen from."""
    a, b, c = cell[np.argsort(np.linalg.norm(cell, axis=1), kind='stable')]
    z = c / np.linalg.norm(c)
    y = b - (b @ z) * z
    y /= np.linalg.norm(y)
    x = np.cross(y, z)
    x *= np.sign(a @ x)
    frame = np.array([x, y, z])
    turned = np.array([a, b, c]) @ frame.T
    turned[1, 0] = turned[2, 0] = turned[2, 1] = 0.0
    return turned, frame


def build_columns(
    positions: FloatArray, turned: FloatArray, frame: FloatArray, cutoff: float, half: bool = False
) -> Columns:
    """Sort atoms into columns.

    :param positions: (n_atoms, 3), Å, wrapped or not.
    :param turned: (3, 3) and ``frame`` (3, 3): see :func:`turned_frame`.
    :param cutoff: Å.
    :param half: a stencil that meets each pair once instead of from both atoms.
    """
    (ax, ay, _), (_, by, _), (_, _, cz) = turned
    area = abs(ax * by)
    widths = np.array([area / abs(by), area / np.hypot(ax, ay), cz])
    wished = np.array([COLUMNS_PER_CUTOFF, COLUMNS_PER_CUTOFF, SLICES_PER_CUTOFF]) / cutoff
    numbers = np.maximum(widths * wished, 1.0)
    # a nearly empty cell does not deserve more slices than a few per atom
    for _ in range(3):
        numbers = np.maximum(numbers * min(1.0, (8 * (len(positions) + 64) / numbers.prod()) ** (1 / 3)), 1.0)
    n_a, n_b, n_c = (int(n) for n in numbers)
    shape = (n_a, n_b, n_c)
    height = cz / n_c
    image_slices = int(np.ceil(cutoff / height)) + SLICES_PER_GROUP + 2
    stencil, distances = _stencil(np.array([ax, ay]) / n_a, np.array([0.0, by]) / n_b, cutoff, half)
    reach = np.sqrt(np.maximum(cutoff**2 - distances**2, 0.0)) + _MARGIN
    stored, atoms, starts = _sort(
        np.ascontiguousarray(positions, dtype=np.float64), np.ascontiguousarray(frame), turned, shape, image_slices
    )
    window = 2 * int(np.ceil(cutoff / height)) + SLICES_PER_GROUP + 4
    max_candidates = int(_fullest_window(starts, window)) * len(stencil)
    return Columns(stored, atoms, starts, shape, image_slices, turned, stencil, reach, max_candidates)


def _stencil(u: FloatArray, v: FloatArray, cutoff: float, half: bool) -> tuple[IntArray, FloatArray]:
    """Offsets of the tiles (edges u, v, in the plane) nearer than the cutoff, and their distances; (0, 0) first."""
    area = abs(u[0] * v[1] - u[1] * v[0])
    n_u = int(np.ceil(cutoff * np.linalg.norm(v) / area)) + 1
    n_v = int(np.ceil(cutoff * np.linalg.norm(u) / area)) + 1
    offsets = np.array([(i, j) for i in range(-n_u, n_u + 1) for j in range(-n_v, n_v + 1)])
    # differences between points of two tiles fill a parallelogram around the offset: its distance from the origin
    corners = [offsets @ np.array([u, v]) + s * u + t * v for s, t in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    distances = np.full(len(offsets), np.inf)
    for start, end in zip(corners, corners[1:] + corners[:1], strict=True):
        along = end - start
        fraction = np.clip(-(start * along).sum(axis=1) / (along * along).sum(axis=1), 0.0, 1.0)
        distances = np.minimum(distances, np.linalg.norm(start + fraction[:, None] * along, axis=1))
    distances[(np.abs(offsets) <= 1).all(axis=1)] = 0.0
    distances = np.maximum(distances - _MARGIN, 0.0)
    wanted = distances < cutoff
    own = (offsets == 0).all(axis=1)
    if half:
        wanted &= (offsets[:, 0] > 0) | ((offsets[:, 0] == 0) & (offsets[:, 1] >= 0))
    order = np.argsort(~own[wanted], kind='stable')
    return offsets[wanted][order].astype(np.int64), distances[wanted][order]


@numba.njit(cache=True, nogil=True)
def _sort(
    positions: FloatArray, frame: FloatArray, cell: FloatArray, shape: tuple[int, int, int], image_slices: int
) -> tuple[FloatArray, IntArray, IntArray]:
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
    stored = np.empty((starts[-1], 3))
    atoms = np.empty(starts[-1], dtype=np.int32)
    for i in range(n_atoms):
        i_c = slices[i] % n_slices
        column = slices[i] - i_c
        lowest = -((i_c + image_slices) // n_c)
        image = lowest
        for s in range(i_c + image_slices + lowest * n_c, n_slices, n_c):
            k = filled[column + s]
            filled[column + s] += 1
            stored[k, 0], stored[k, 1] = wrapped[i, 0], wrapped[i, 1]
            stored[k, 2] = wrapped[i, 2] + image * cz
            atoms[k] = i
            image += 1
    return stored, atoms, starts


@numba.njit(cache=True, nogil=True)
def _fullest_window(starts: IntArray, window: int) -> int:
    """Most atoms in any ``window`` consecutive slices."""
    most = 0
    last = len(starts) - 1
    for s in range(last):
        most = max(most, starts[min(s + window, last)] - starts[s])
    return most


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
        start = columns.starts[first]
        for j in range(columns.starts[last] - start):
            xyz[0, count + j] = columns.positions[start + j, 0] + dx
            xyz[1, count + j] = columns.positions[start + j, 1] + dy
            xyz[2, count + j] = columns.positions[start + j, 2] + dz
            labels[count + j] = label[columns.atoms[start + j]]
        count += columns.starts[last] - start
    return count

"""Atoms sorted into columns of a periodic cell: the ground under the neighbour list and the pair histogram.

The cell is turned so that its longest vector lies along z. The plane across is tiled with parallelograms that divide
the cell exactly; the column above each one holds its atoms by slices in z, together with their images below and above
the cell. All neighbours of a slice are then a few *contiguous* runs, one per column near by, whatever the angles of the
cell, however small it is beside the cutoff: a column beyond the cell is a column of the cell, shifted.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.structure._compiled import SLICES_PER_GROUP, Columns, fullest_window, sort_into_columns

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]

COLUMNS_PER_CUTOFF = 2.0
SLICES_PER_CUTOFF = 6.0
"""Fineness of the grid, measured: finer tiles cost more in short runs than they save in candidates."""
_MARGIN = 1e-6
"""Å by which a search reaches beyond the cutoff, so that rounding loses no pair (the distance itself decides)."""


def periodic_cell(positions: FloatArray, cell: FloatArray, pbc: tuple[bool, bool, bool], cutoff: float) -> FloatArray:
    """Return a cell periodic in all directions with the same neighbours.

    A direction that is not periodic gets a vector across the periodic ones, so long that no image is within the cutoff.

    :raises ValueError: the periodic vectors span no volume.
    """
    full = np.array(cell, dtype=np.float64)
    # the smallest singular value is at least twice the volume over the sum of all squares, which is found sooner
    if all(pbc) and 2 * abs(np.linalg.det(full)) > 1e-6 * (full * full).sum():
        return full
    periodic = np.array(pbc, dtype=bool)
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
    x, y, z, atoms, starts = sort_into_columns(
        np.ascontiguousarray(positions, dtype=np.float64), np.ascontiguousarray(frame), turned, shape, image_slices
    )
    window = 2 * int(np.ceil(cutoff / height)) + SLICES_PER_GROUP + 4
    max_candidates = int(fullest_window(starts, window)) * len(stencil)
    return Columns(x, y, z, atoms, starts, shape, image_slices, turned, stencil, reach, max_candidates)


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

"""Distances in a periodic cell of any shape: to a point and all its images, to a line along a cell vector."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.space.images import check_periodic, heights

FloatArray = npt.NDArray[np.float64]

AXES = ('a', 'b', 'c')
"""Names of the three cell vectors."""


def axis_index(name: str, axis: str) -> int:
    """Number of a cell vector.

    :param name: of the setting, for the message.
    :raises ValueError: not a, b or c.
    """
    if axis not in AXES:
        raise ValueError(f'{name}: {axis!r} given, expected a cell vector: a, b or c')
    return AXES.index(axis)


def reduced_cell(cell: FloatArray) -> FloatArray:
    """The shortest three vectors that span the same lattice (Minkowski reduction), shortest first, (3, 3), Å."""
    reduced: FloatArray = _reduced(np.ascontiguousarray(cell, dtype=np.float64).tobytes()).copy()
    return reduced


@lru_cache(maxsize=32)
def _reduced(cell: bytes) -> FloatArray:
    from ase.geometry.minkowski_reduction import minkowski_reduce

    rows = np.asarray(minkowski_reduce(np.frombuffer(cell).reshape(3, 3))[0], dtype=np.float64)
    return np.ascontiguousarray(rows[np.argsort(np.linalg.norm(rows, axis=1), kind='stable')])


def shortest_vector(cell: FloatArray) -> float:
    """Distance of an atom from the nearest of its own images, Å: the largest sphere that does not reach itself."""
    return float(np.linalg.norm(reduced_cell(cell)[0]))


def to_nearest_image(vectors: npt.NDArray[np.floating[Any]], cell: FloatArray) -> FloatArray:
    """The shortest of each vector and all that differ from it by cell vectors, (n, 3), Å.

    In a reduced cell no other than the 27 cells around the rounded one can hold it, so this is exact for any shape.

    :param vectors: (n, 3), Å.
    :param cell: (3, 3), Å, rows are the cell vectors, periodic in all directions.
    """
    reduced = reduced_cell(cell)
    shifts = np.array([(i, j, k) for i in (-1, 0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1)]) @ reduced
    shifts = shifts[np.argsort(np.linalg.norm(shifts, axis=1), kind='stable')]
    gram = reduced @ reduced.T
    if np.abs(gram - np.diag(np.diag(gram))).max() < 1e-9:
        shifts = shifts[:1]
    given = np.ascontiguousarray(vectors, dtype=np.float64)
    inverse = np.ascontiguousarray(np.linalg.inv(reduced))
    nearest: FloatArray = _nearest(given, reduced, inverse, np.ascontiguousarray(shifts))
    return nearest


@numba.njit(cache=True, nogil=True)
def _nearest(vectors: FloatArray, reduced: FloatArray, inverse: FloatArray, shifts: FloatArray) -> FloatArray:
    found = np.empty_like(vectors)
    for i in range(len(vectors)):
        x, y, z = vectors[i, 0], vectors[i, 1], vectors[i, 2]
        a = np.round(x * inverse[0, 0] + y * inverse[1, 0] + z * inverse[2, 0])
        b = np.round(x * inverse[0, 1] + y * inverse[1, 1] + z * inverse[2, 1])
        c = np.round(x * inverse[0, 2] + y * inverse[1, 2] + z * inverse[2, 2])
        x -= a * reduced[0, 0] + b * reduced[1, 0] + c * reduced[2, 0]
        y -= a * reduced[0, 1] + b * reduced[1, 1] + c * reduced[2, 1]
        z -= a * reduced[0, 2] + b * reduced[1, 2] + c * reduced[2, 2]
        best = np.inf
        for k in range(len(shifts)):
            dx, dy, dz = x + shifts[k, 0], y + shifts[k, 1], z + shifts[k, 2]
            square = dx * dx + dy * dy + dz * dz
            if square < best:
                best = square
                found[i, 0], found[i, 1], found[i, 2] = dx, dy, dz
    return found


def distance_to_point(positions: npt.NDArray[np.floating[Any]], cell: FloatArray, point: FloatArray) -> FloatArray:
    """Distance of each position from the nearest image of a point, (n,), Å.

    :param point: (3,), Å.
    """
    r, box = check_periodic(positions, cell)
    distances: FloatArray = np.linalg.norm(to_nearest_image(r - point, box), axis=1)
    return distances


def flattened(cell: FloatArray, axis: int) -> tuple[FloatArray, FloatArray]:
    """What a cell looks like along one of its vectors.

    :param axis: 0, 1 or 2.
    :returns: the unit vector (3,) along it, and a cell (3, 3), Å, of the other two vectors projected on the plane
        across it (in their order), with a third so long that images along it never count.
    """
    along = cell[axis] / np.linalg.norm(cell[axis])
    others = np.delete(cell, axis, axis=0)
    plane = others - np.outer(others @ along, along)
    return along, np.vstack([plane, 10 * np.linalg.norm(plane, axis=1).sum() * along])


def distance_to_line(
    positions: npt.NDArray[np.floating[Any]], cell: FloatArray, point: FloatArray, axis: int
) -> FloatArray:
    """Distance of each position from the nearest image of a line along a cell vector, (n,), Å.

    :param point: (3,), Å, anywhere on the line.
    :param axis: the cell vector, 0, 1 or 2.
    """
    r, box = check_periodic(positions, cell)
    along, plane = flattened(box, axis)
    across = r - point
    across -= np.outer(across @ along, along)
    distances: FloatArray = np.linalg.norm(to_nearest_image(across, plane), axis=1)
    return distances


def distance_to_layer(
    positions: npt.NDArray[np.floating[Any]], cell: FloatArray, axis: int, centre: float, width: float
) -> FloatArray:
    """Distance of each position from the nearer face of a layer across one cell vector, negative inside, (n,), Å.

    :param axis: the cell vector, 0, 1 or 2; the faces are parallel to the other two.
    :param centre: middle of the layer, in fractions of the cell vector.
    :param width: Å, between the faces.
    """
    r, box = check_periodic(positions, cell)
    away = r @ np.linalg.inv(box)[:, axis] - centre
    away -= np.round(away)
    layers: FloatArray = np.abs(away) * heights(box)[axis] - width / 2
    return layers

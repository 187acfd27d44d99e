"""How far each point of a grid is from the surface of the nearest atom: the ground under all that is said of voids."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.space.images import check_periodic, heights, with_images

FloatArray = npt.NDArray[np.float64]
Field = npt.NDArray[np.float32]

_REACH = 1.0
"""Å beyond the surface of each atom to which distances are spread on the grid; what is farther asks a tree."""
_MOST_VOXELS = 100_000_000


def grid_shape(cell: FloatArray, spacing: float) -> tuple[int, int, int]:
    """Number of grid points along each cell vector, at most ``spacing`` (Å) apart.

    :raises ValueError: the spacing is not positive, or makes more than 10⁸ points.
    """
    if not (np.isfinite(spacing) and spacing > 0):
        raise ValueError(f'spacing: {spacing}, expected a positive length in Å')
    n = np.maximum(np.ceil(np.linalg.norm(cell, axis=1) / spacing - 1e-9), 1)
    if n.prod() > _MOST_VOXELS:
        raise ValueError(f'spacing: {spacing} Å makes {n.prod():.1e} grid points, expected at most {_MOST_VOXELS:.0e}')
    return int(n[0]), int(n[1]), int(n[2])


def check_radii(radii: npt.NDArray[np.floating[Any]], n_atoms: int) -> FloatArray:
    """Return radii (n_atoms,), Å, in double precision.

    :raises ValueError: the shape does not fit, or a radius is negative or not finite.
    """
    checked = np.asarray(radii, dtype=np.float64)
    if checked.shape != (n_atoms,):
        raise ValueError(f'radii: shape {checked.shape}, expected ({n_atoms},)')
    if not np.isfinite(checked).all() or (checked < 0).any():
        raise ValueError('radii: must be finite and not negative')
    return np.ascontiguousarray(checked)


def surface_distances(
    positions: npt.NDArray[np.floating[Any]],
    cell: npt.NDArray[np.floating[Any]],
    radii: npt.NDArray[np.floating[Any]],
    spacing: float = 0.2,
) -> Field:
    """Distance from each grid point to the surface of the nearest atom, min over atoms and images of |x − r| − R.

    :param positions: (n_atoms, 3), Å, wrapped or not; periodic in all directions.
    :param cell: (3, 3), Å, rows are the cell vectors; any shape, any size.
    :param radii: (n_atoms,), Å.
    :param spacing: Å between grid points along each cell vector, at most; point (i, j, k) lies at the fractional
        coordinates (i/n_a, j/n_b, k/n_c).
    :returns: (n_a, n_b, n_c), Å, single precision; negative inside atoms.
    :raises ValueError: as :func:`.check_periodic`, :func:`grid_shape`, :func:`check_radii`.
    """
    r, box = check_periodic(positions, cell)
    sizes = check_radii(radii, len(r))
    field = np.full(grid_shape(box, spacing), np.inf, dtype=np.float32)
    fractional = r @ np.linalg.inv(box)
    fractional -= np.floor(fractional)
    _spread(fractional, sizes, box, heights(box), _REACH, field)
    far = np.flatnonzero(np.isinf(field))
    for start in range(0, len(far), 1_000_000):
        some = far[start : start + 1_000_000]
        points = np.stack(np.unravel_index(some, field.shape), axis=1) / field.shape @ box
        field.reshape(-1)[some] = distances_at(points, r, box, sizes)
    return field


def distances_at(points: FloatArray, positions: FloatArray, cell: FloatArray, radii: FloatArray) -> FloatArray:
    """Distance from any points (n, 3) of the cell to the surface of the nearest atom, (n,), Å.

    :param points: Å, inside the cell.
    :param positions: (n_atoms, 3), ``cell`` (3, 3), ``radii`` (n_atoms,): as for :func:`surface_distances`.
    """
    from scipy.spatial import cKDTree

    margin = min(3.0 * float((abs(np.linalg.det(cell)) / len(positions)) ** (1 / 3)), float(heights(cell).max()))
    margin += float(radii.max())
    while True:
        around, atoms = with_images(positions, cell, margin)
        nearest = np.full(len(points), np.inf)
        for radius in np.unique(radii):
            tree = cKDTree(around[radii[atoms] == radius])
            nearest = np.minimum(nearest, tree.query(points)[0] - radius)
        # an atom beyond the margin is farther than the margin from every point of the cell
        needed = float(nearest.max(initial=0.0)) + float(radii.max())
        if needed <= margin:
            return nearest
        margin = 1.01 * needed if np.isfinite(needed) else 2 * margin


@numba.njit(cache=True, nogil=True, fastmath={'contract', 'nsz', 'nnan', 'arcp'}, error_model='numpy')
def _spread(
    fractional: FloatArray, radii: FloatArray, cell: FloatArray, height: FloatArray, reach: float, field: Field
) -> None:
    """Lower the field to the distance from each atom's surface, within ``reach`` of it; the others stay as they are.

    Rows along the last cell vector: on each, the squared distance is that of the foot of the perpendicular plus a
    square, so that the inner loop runs over neighbouring numbers without any branch.
    """
    n0, n1, n2 = field.shape
    length = np.sqrt(cell[2, 0] ** 2 + cell[2, 1] ** 2 + cell[2, 2] ** 2)
    step = np.float32(length / n2)
    for atom in range(len(fractional)):
        f0, f1, f2 = fractional[atom, 0], fractional[atom, 1], fractional[atom, 2]
        radius = np.float32(radii[atom])
        far = radii[atom] + reach
        for i in range(int(np.ceil((f0 - far / height[0]) * n0)), int(np.floor((f0 + far / height[0]) * n0)) + 1):
            di = i / n0 - f0
            for j in range(int(np.ceil((f1 - far / height[1]) * n1)), int(np.floor((f1 + far / height[1]) * n1)) + 1):
                dj = j / n1 - f1
                x = di * cell[0, 0] + dj * cell[1, 0]
                y = di * cell[0, 1] + dj * cell[1, 1]
                z = di * cell[0, 2] + dj * cell[1, 2]
                along = (x * cell[2, 0] + y * cell[2, 1] + z * cell[2, 2]) / length
                across = x * x + y * y + z * z - along * along
                if across > far * far:
                    continue
                half = np.sqrt(far * far - max(0.0, across))
                foot = f2 * length - along
                first = int(np.ceil((foot - half) / length * n2))
                last = int(np.floor((foot + half) / length * n2))
                row = field[i % n0, j % n1]
                square = np.float32(max(0.0, across))
                while first <= last:
                    base = first % n2
                    count = min(last - first + 1, n2 - base)
                    offset = np.float32(first * (length / n2) - foot)
                    for k in range(count):
                        u = offset + np.float32(k) * step
                        row[base + k] = min(row[base + k], np.sqrt(square + u * u) - radius)
                    first += count

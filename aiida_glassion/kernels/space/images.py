"""Periodic images of the atoms around a cell, for libraries that know open space only."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.structure.neighbours import check_configuration

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


def check_periodic(
    positions: npt.NDArray[np.floating[Any]], cell: npt.NDArray[np.floating[Any]]
) -> tuple[FloatArray, FloatArray]:
    """Return positions (n_atoms, 3) and cell (3, 3), Å, in double precision.

    :raises ValueError: a shape does not fit, a number is not finite, no atom, or the cell has no volume.
    """
    r, box = check_configuration(positions, cell)
    if len(r) == 0:
        raise ValueError('positions: no atom')
    if abs(np.linalg.det(box)) < 1e-6:
        raise ValueError('cell: no volume')
    return np.asarray(r, dtype=np.float64), np.asarray(box, dtype=np.float64)


def heights(cell: FloatArray) -> FloatArray:
    """(3,), distance between the opposite faces of a cell, Å."""
    lengths: FloatArray = 1 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    return lengths


def with_images(positions: FloatArray, cell: FloatArray, margin: float) -> tuple[FloatArray, IntArray]:
    """Atoms wrapped into a cell periodic in all directions, and all their images within a margin around it.

    :param positions: (n_atoms, 3), Å, wrapped or not.
    :param cell: (3, 3), Å, rows are the cell vectors; may be narrower than the margin.
    :param margin: Å, from the faces of the cell outwards.
    :returns: positions (n, 3), Å, those of the cell first and in their order, and the atom (n,) behind each.
    """
    inside = positions @ np.linalg.inv(cell)
    inside -= np.floor(inside)
    points, atoms = inside, np.arange(len(inside))
    beyond = margin / heights(cell)
    for axis in range(3):
        n = int(np.ceil(beyond[axis]))
        others = [shift for shift in range(-n, n + 1) if shift]
        shifted = [points] + [points + shift * np.eye(3)[axis] for shift in others]
        all_points, all_atoms = np.concatenate(shifted), np.tile(atoms, len(shifted))
        keep = (all_points[:, axis] >= -beyond[axis]) & (all_points[:, axis] <= 1 + beyond[axis])
        keep[: len(points)] = True
        points, atoms = all_points[keep], all_atoms[keep]
    return points @ cell, atoms

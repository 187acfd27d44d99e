"""Degree of disorder of groups of atoms of any shape: shells around a grain, regions."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.space.images import check_periodic
from aiida_glassion.kernels.structure.crystallinity import intensities
from aiida_glassion.kernels.structure.neighbours import check_types

FloatArray = npt.NDArray[np.float64]

FEWEST = 24
"""A group of fewer atoms has no degree of disorder: of so few, one intensity is large by chance alone."""
_LARGEST_OF_SHAPE = 0.5
"""Intensity per atom that the shape of a group may have at a wave vector that counts; that of a gas is 1."""


def disorder_of_groups(
    positions: npt.NDArray[np.floating[Any]],
    cell: npt.NDArray[np.floating[Any]],
    groups: npt.NDArray[np.integer[Any]],
    n_groups: int,
    points: FloatArray | None = None,
    point_groups: npt.NDArray[np.integer[Any]] | None = None,
    k_min: float = 1.2,
    k_max: float = 3.0,
) -> FloatArray:
    """Degree of disorder F of each group of atoms, from its own three-dimensional Fourier transform.

    What :func:`.degree_of_disorder` is for slabs, for groups that are none: F = ΣI/(n I_max) with I = |ρ(k)|² of the
    group's atoms on the n wave vectors of the cell from k_min to k_max, over its value for an ideal gas, 1/H_n with
    H_n = 1 + 1/2 + … + 1/n. A group that fills the share x of the atoms blurs its intensities over neighbouring wave
    vectors, so that only about n x of them are independent, and H counts those (choice). The shape of a group scatters
    too, however its atoms lie: wave vectors at which it would, by more than half of what a gas does, are left out, if
    points that fill the group evenly are given.

    :param positions: (n_atoms, 3), Å, wrapped or not; periodic in all directions.
    :param cell: (3, 3), Å, rows are the cell vectors; any shape.
    :param groups: (n_atoms,), group of each atom, 0 to ``n_groups`` − 1; −1: in none.
    :param n_groups: number of groups.
    :param points: (n_points, 3), Å, evenly over the cell, closer than about 1 Å; None: shapes are not looked at.
    :param point_groups: (n_points,), the group in which each of them lies, or −1.
    :param k_min: Å⁻¹.
    :param k_max: Å⁻¹.
    :returns: (n_groups,), about 1 without order, near 0 in a crystal; NaN for a group of fewer than :data:`FEWEST`.
    :raises ValueError: as :func:`.check_periodic`, groups do not fit, or k_min ≥ k_max.
    """
    r, box = check_periodic(positions, cell)
    owner = np.asarray(groups)
    check_types(owner + 1, len(r), n_groups + 1)
    if not 0 < k_min < k_max < np.inf:
        raise ValueError(f'k_min, k_max: {k_min} and {k_max}, expected 0 < k_min < k_max')
    degrees = np.full(n_groups, np.nan)
    for group in range(n_groups):
        own = r[owner == group]
        if len(own) < FEWEST:
            continue
        k, intensity = intensities(own, box, k_max)
        counted = k >= k_min
        if points is not None and point_groups is not None:
            filled = points[point_groups == group]
            if len(filled):
                counted &= intensities(filled, box, k_max)[1] * len(own) / len(filled) < _LARGEST_OF_SHAPE
        seen = intensity[counted]
        if not len(seen) or seen.max() <= 0:
            continue
        independent = max(4, round(len(seen) * len(own) / len(r)))
        harmonic = float((1 / np.arange(1, independent + 1)).sum())
        degrees[group] = seen.mean() / seen.max() * harmonic
    return degrees

"""Number of atoms of each element along an axis of the cell, or by distance from a centre."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion import units
from aiida_glassion.kernels.space.images import check_periodic, heights, with_images
from aiida_glassion.kernels.structure.neighbours import check_types

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Profile:
    """Atoms counted in bins.

    :param edges: (n_bins + 1,), Å, along the normal of the other two cell vectors from the origin, or from a centre.
    :param counts: (n_types, n_bins), atoms of each type; whole numbers.
    :param volumes: (n_bins,), Å³.
    """

    edges: FloatArray
    counts: npt.NDArray[np.int64]
    volumes: FloatArray

    @property
    def centres(self) -> FloatArray:
        """(n_bins,), Å."""
        return (self.edges[1:] + self.edges[:-1]) / 2

    @property
    def number_density(self) -> FloatArray:
        """(n_types, n_bins), Å⁻³."""
        density: FloatArray = self.counts / self.volumes
        return density

    @property
    def composition(self) -> FloatArray:
        """(n_types, n_bins), share of the atoms of a bin; they sum to 1, or are 0 where there is no atom."""
        share: FloatArray = self.counts / np.maximum(self.counts.sum(axis=0), 1)
        return share

    def mass_density(self, masses: FloatArray) -> FloatArray:
        """(n_bins,), g/cm³.

        :param masses: (n_types,), g/mol.
        """
        density: FloatArray = masses @ self.number_density * units.AMU_PER_ANGSTROM3_TO_G_PER_CM3
        return density


def axis_profile(
    positions: npt.NDArray[np.floating[Any]],
    cell: npt.NDArray[np.floating[Any]],
    types: npt.NDArray[np.integer[Any]],
    n_types: int,
    axis: int,
    n_bins: int,
) -> Profile:
    """Atoms by their fractional coordinate along one cell vector, wrapped into the cell.

    Bins are slabs parallel to the other two cell vectors, all of the same volume; counts sum to the number of atoms.
    The axis must be periodic.

    :param positions: (n_atoms, 3), Å, wrapped or not.
    :param cell: (3, 3), Å, rows are the cell vectors; any shape.
    :param types: (n_atoms,), from 0 to ``n_types`` − 1.
    :param axis: 0, 1 or 2.
    :param n_bins: number of slabs.
    :raises ValueError: as :func:`.check_periodic`, types do not fit, no such axis, or no bin.
    """
    r, box = check_periodic(positions, cell)
    checked = check_types(types, len(r), n_types)
    if axis not in (0, 1, 2) or n_bins < 1:
        raise ValueError(f'axis, n_bins: {axis} and {n_bins}, expected 0, 1 or 2 and at least one bin')
    along = (r @ np.linalg.inv(box))[:, axis]
    along -= np.floor(along)
    slab = np.minimum((along * n_bins).astype(np.int64), n_bins - 1)
    counts = np.bincount(checked * n_bins + slab, minlength=n_types * n_bins).reshape(n_types, n_bins)
    volume = abs(float(np.linalg.det(box)))
    return Profile(np.linspace(0, heights(box)[axis], n_bins + 1), counts, np.full(n_bins, volume / n_bins))


def radial_profile(
    positions: npt.NDArray[np.floating[Any]],
    cell: npt.NDArray[np.floating[Any]],
    types: npt.NDArray[np.integer[Any]],
    n_types: int,
    centre: npt.ArrayLike,
    r_max: float,
    n_bins: int,
) -> Profile:
    """Atoms by their distance from a centre, all periodic images counted, in shells of equal thickness.

    Up to half the shortest width of the cell no atom counts twice; beyond it densities stay right, sums do not.

    :param positions: (n_atoms, 3), Å, wrapped or not; periodic in all directions.
    :param cell: (3, 3), Å, rows are the cell vectors; any shape.
    :param types: (n_atoms,), from 0 to ``n_types`` − 1.
    :param centre: (3,), Å.
    :param r_max: outer radius of the last shell, Å; an atom at this distance or farther is not counted.
    :param n_bins: number of shells.
    :raises ValueError: as :func:`.check_periodic`, types do not fit, r_max is not positive, or no bin.
    """
    r, box = check_periodic(positions, cell)
    checked = check_types(types, len(r), n_types)
    middle = np.asarray(centre, dtype=np.float64)
    if middle.shape != (3,) or not np.isfinite(middle).all():
        raise ValueError(f'centre: {centre!r}, expected three finite numbers in Å')
    if not (np.isfinite(r_max) and r_max > 0) or n_bins < 1:
        raise ValueError(f'r_max, n_bins: {r_max} and {n_bins}, expected a positive length in Å and at least one bin')
    # the centre is put into the middle of the cell, so that the fewest images are needed
    half = 0.5 * box.sum(axis=0)
    margin = max(0.0, r_max - 0.5 * float(heights(box).min()))
    around, atoms = with_images(r - middle + half, box, margin + 1e-9)
    distance = np.linalg.norm(around - half, axis=1)
    near = distance < r_max
    shell = np.minimum((distance[near] / r_max * n_bins).astype(np.int64), n_bins - 1)
    counts = np.bincount(checked[atoms[near]] * n_bins + shell, minlength=n_types * n_bins).reshape(n_types, n_bins)
    edges = np.linspace(0, r_max, n_bins + 1)
    return Profile(edges, counts, 4 / 3 * np.pi * np.diff(edges**3))

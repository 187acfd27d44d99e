"""Where atoms move otherwise than their surroundings: D²min and local strain between two configurations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.mechanics._compiled import fit_maps, strain_invariants
from aiida_glassion.kernels.space.images import check_periodic
from aiida_glassion.kernels.space.regions import REGIONS
from aiida_glassion.kernels.structure._columns import build_columns, periodic_cell, turned_frame

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LocalStrain:
    """What became of each atom's surroundings.

    Atoms with fewer than three neighbours, or with all of them in one plane, have no local map: NaN, not ``valid``.

    :param d2min: (n_atoms,), Å², the part of the neighbours' motion that no affine map explains, summed over them.
    :param gradients: (n_atoms, 3, 3), deformation gradient F of the surroundings, column vectors: r = F r₀.
    :param strains: (n_atoms, 6), Green–Lagrange strain (FᵀF − 1)/2 as xx, yy, zz, yz, xz, xy, engineering shear.
    :param shear: (n_atoms,), von Mises' shear invariant √(η_yz² + η_xz² + η_xy² + Σ(η_ii − η_jj)²/6).
    :param volumetric: (n_atoms,), a third of the trace.
    :param n_neighbours: (n_atoms,), int64, within the cutoff of the reference.
    """

    d2min: FloatArray
    gradients: FloatArray
    strains: FloatArray
    shear: FloatArray
    volumetric: FloatArray
    n_neighbours: npt.NDArray[np.int64]

    @property
    def valid(self) -> npt.NDArray[np.bool_]:
        """(n_atoms,), whether the atom's neighbours span space."""
        return ~np.isnan(self.d2min)


def local_strain(
    reference: npt.NDArray[np.floating[Any]],
    reference_cell: npt.NDArray[np.floating[Any]],
    positions: npt.NDArray[np.floating[Any]],
    cell: npt.NDArray[np.floating[Any]],
    cutoff: float,
    pbc: tuple[bool, bool, bool] = (True, True, True),
    unwrapped: bool = False,
) -> LocalStrain:
    """D²min and local strain of every atom (Falk and Langer, Phys. Rev. E 57, 7192 (1998), eqs. 2.11–2.14).

    F of each atom is the least squares map of the vectors to its neighbours in the reference onto the present ones;
    D²min is the residual, **summed** over the neighbours as in that paper, not averaged (choice; divide by
    ``n_neighbours``). A motion that is affine as a whole, the cell's own included, gives 0. The shear invariant is that
    of Shimizu, Ogata and Li, Mater. Trans. 48, 2923 (2007).

    :param reference: (n_atoms, 3), Å, the unstrained configuration.
    :param reference_cell: (3, 3), Å, rows are its cell vectors.
    :param positions: (n_atoms, 3), Å, the same atoms in the same order.
    :param cell: (3, 3), Å, with the same lattice vectors: one that was flipped to a smaller tilt meanwhile is refused
        by nothing and gives nonsense.
    :param cutoff: Å, neighbours in the reference are nearer than this; images count one by one.
    :param pbc: periodic along each cell vector.
    :param unwrapped: positions of both are of one unwrapped trajectory: an atom may have gone further than half the
        cell. Else the nearest image is taken.
    :raises ValueError: a shape does not fit, a number is not finite, a cell has no volume, or the cutoff is not
        positive.
    """
    before, box_before = check_periodic(reference, reference_cell)
    after, box_after = check_periodic(positions, cell)
    if before.shape != after.shape:
        raise ValueError(f'positions: {len(after)} atoms, the reference has {len(before)}; expected the same atoms')
    if not 0 < cutoff < np.inf:
        raise ValueError(f'cutoff: {cutoff}, expected a positive length in Å')
    moved_fractions = after @ np.linalg.inv(box_after) - before @ np.linalg.inv(box_before)
    if not unwrapped:
        moved_fractions -= np.where(pbc, np.round(moved_fractions), 0.0)
    # of atoms that go less than a quarter of the cell, differences need no image
    far = bool((np.abs(moved_fractions) * np.array(pbc)).max() > 0.25)
    wrap = np.array(pbc, dtype=np.float64) if far and not unwrapped else np.empty(0)
    full = np.asarray(periodic_cell(before, box_before, pbc, cutoff), dtype=np.float64)
    turned, frame = turned_frame(full)
    columns = build_columns(before, turned, frame, cutoff)
    present = np.ascontiguousarray(box_after @ frame.T)
    n_atoms = len(before)
    gradients, d2min, counts = np.empty((n_atoms, 3, 3)), np.empty(n_atoms), np.empty(n_atoms, dtype=np.int64)
    fit_maps(
        columns,
        np.ascontiguousarray(moved_fractions @ present),
        np.ascontiguousarray(moved_fractions),
        present,
        wrap,
        cutoff**2,
        gradients,
        d2min,
        counts,
    )
    whole = np.ascontiguousarray(np.linalg.solve(box_before, box_after).T)
    strains, shear, volumetric = np.empty((n_atoms, 6)), np.empty(n_atoms), np.empty(n_atoms)
    strain_invariants(gradients, np.ascontiguousarray(frame), whole, strains, shear, volumetric)
    return LocalStrain(d2min, gradients, strains, shear, volumetric, counts)


def by_region(
    values: npt.NDArray[np.floating[Any]],
    labels: npt.NDArray[np.integer[Any]] | None = None,
    names: Sequence[str] = REGIONS,
) -> dict[str, Mapping[str, float | int | None]]:
    """Mean, median and 95th percentile of a number per atom, over all and over each region that has atoms.

    :param values: (n_atoms,), NaN where an atom has none: left out.
    :param labels: (n_atoms,), index into ``names``.
    :returns: ``{'all': {'mean': …, 'median': …, 'p95': …, 'n': …}, 'glass': …}``, in the unit of the values; numbers
        are None where nothing is left.
    :raises ValueError: the labels do not fit the atoms or the names.
    """
    x = np.asarray(values, dtype=np.float64)
    groups = {'all': np.ones(len(x), dtype=bool)}
    if labels is not None:
        groups |= region_masks(labels, len(x), names)
    return {name: _summary(x[mask & np.isfinite(x)]) for name, mask in groups.items()}


def region_masks(
    labels: npt.NDArray[np.integer[Any]], n_atoms: int, names: Sequence[str] = REGIONS
) -> dict[str, npt.NDArray[np.bool_]]:
    """Which atoms belong to each region that has any.

    :raises ValueError: the labels do not fit the atoms or the names.
    """
    checked = np.asarray(labels)
    if checked.shape != (n_atoms,) or (n_atoms and not 0 <= checked.min() <= checked.max() < len(names)):
        raise ValueError(
            f'labels: shape {checked.shape}, from {checked.min(initial=0)} to {checked.max(initial=0)}; '
            f'expected one of 0 … {len(names) - 1} for each of {n_atoms} atoms'
        )
    return {name: checked == index for index, name in enumerate(names) if (checked == index).any()}


def _summary(x: FloatArray) -> dict[str, float | int | None]:
    if not len(x):
        return {'mean': None, 'median': None, 'p95': None, 'n': 0}
    return {
        'mean': float(x.mean()),
        'median': float(np.median(x)),
        'p95': float(np.percentile(x, 95)),
        'n': len(x),
    }

"""Which atoms belong to a crystal, to a glass or to the interface: by local order, or by place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.space.images import check_periodic, heights
from aiida_glassion.kernels.structure.neighbours import NeighbourList, check_types, neighbour_list

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

REGIONS = ('glass', 'interface', 'crystal')
"""Names of the labels 0, 1 and 2."""
_TYPE_STEP = 1e6


@dataclass(frozen=True, eq=False)
class Regions:
    """Label of each atom by local order.

    :param labels: (n_atoms,), int8, index into :data:`REGIONS`.
    :param order: (n_atoms,), how well the surroundings of a centre are repeated elsewhere, 0 to 1; NaN for the atoms
        that are no centres.
    :param ordered_around: (n_atoms,), share of ordered centres among those around each atom, itself included.
    :param judged: False where the cell is too narrow for a repetition to be told from the atom's own image; then every
        label is glass.
    """

    labels: npt.NDArray[np.int8]
    order: FloatArray
    ordered_around: FloatArray
    judged: bool

    @property
    def fractions(self) -> dict[str, float]:
        """Share of the atoms in each region; they sum to 1."""
        counts = np.bincount(self.labels, minlength=3) / max(1, len(self.labels))
        return dict(zip(REGIONS, counts.tolist(), strict=True))


def find_regions(
    positions: npt.NDArray[np.floating[Any]],
    cell: npt.NDArray[np.floating[Any]],
    types: npt.NDArray[np.integer[Any]],
    centres: BoolArray,
    framework: BoolArray,
    radius: float = 5.5,
    reach: float = 9.0,
    sigma: float = 0.4,
    threshold: float = 0.4,
    smoothing: float = 5.0,
) -> Regions:
    """Tell crystal from glass without knowing the crystal: where the surroundings of an atom are repeated elsewhere.

    Bond-order parameters know cubic metals; the shells of a silicate or a thiophosphate are tetrahedra in crystal and
    glass alike. What a crystal has and a glass has not is that the surroundings of an atom come again, with the *same
    orientation*, a lattice vector away. So for each centre i, and each other centre j of the same element within
    ``reach``, the surroundings within ``radius`` are laid upon each other and compared::

        k_ij = 2 Σ_a Σ_b exp(−|r_ia − r_jb|²/4σ²) / (n_i + n_j), over framework atoms a around i, b around j, alike

    1 where they coincide. Where atoms vibrate by u along each axis about (1 + 2u²/σ²)^(−3/2) of it is left, or more
    (the kernel is that of the overlap of densities of Bartók et al., Phys. Rev. B 87, 184115 (2013), without averaging
    over rotations). ``order`` of i is the *second* largest k_ij: in a crystal there are two, at plus and minus its
    shortest lattice vector, if that is shorter than ``reach``; single lucky pairs do not count. Found: 0.1 to 0.25 in
    an ideal gas, a random packing and sodium silicate glasses; above 0.5 in α-quartz that vibrates by 0.2 Å. A centre
    is ordered above ``threshold``. Then labels are smoothed: an atom is crystal if at least three quarters of the
    centres within ``smoothing`` (itself included) are ordered, glass if at most a quarter are, interface between.

    An atom's own images are left out, which would match by construction; so where the cell is narrower than twice a
    lattice vector nothing can be told, and a width below ``reach`` is not judged at all.

    :param positions: (n_atoms, 3), Å, wrapped or not; periodic in all directions.
    :param cell: (3, 3), Å, rows are the cell vectors; any shape.
    :param types: (n_atoms,), from 0.
    :param centres: (n_atoms,), the atoms to judge by: network formers; all atoms of a crystal without.
    :param framework: (n_atoms,), the atoms whose places count: formers and anions, not the mobile modifiers.
    :param radius: of the surroundings, Å.
    :param reach: how far a repetition is looked for, Å; must exceed the shortest lattice vector.
    :param sigma: width of the comparison, Å.
    :param threshold: order above which a centre is ordered.
    :param smoothing: radius over which ordered centres are counted, Å.
    :raises ValueError: a shape does not fit, a length is not positive, the threshold is not between 0 and 1, or there
        is no centre.
    """
    r, box = check_periodic(positions, cell)
    checked = check_types(types, len(r), int(np.max(types, initial=0)) + 1)
    for name, flags in (('centres', centres), ('framework', framework)):
        if np.shape(flags) != (len(r),):
            raise ValueError(f'{name}: shape {np.shape(flags)}, expected ({len(r)},)')
    which = np.flatnonzero(centres)
    if not len(which):
        raise ValueError('centres: no atom to judge by')
    if not all(0 < length < np.inf for length in (radius, reach, sigma, smoothing)) or not 0 < threshold < 1:
        raise ValueError(
            f'radius, reach, sigma, smoothing, threshold: {radius}, {reach}, {sigma}, {smoothing}, {threshold}; '
            'expected positive lengths in Å and a threshold between 0 and 1'
        )
    order = np.full(len(r), np.nan)
    if float(heights(box).min()) < reach:
        return Regions(np.zeros(len(r), dtype=np.int8), order, np.zeros(len(r)), False)
    near = neighbour_list(r, box, radius)
    far = neighbour_list(r[which], box, reach)
    vectors, keys, offsets = _framework_shells(near, checked, np.asarray(framework, dtype=bool), which)
    order[which] = _second_best(checked[which], vectors, keys, offsets, far.offsets, far.second, float(sigma))
    around = neighbour_list(r, box, smoothing)
    ordered = np.where(np.asarray(centres, dtype=bool), order > threshold, False)
    seen = np.asarray(centres, dtype=bool)[around.second]
    n_ordered = np.bincount(around.first, ordered[around.second] & seen, minlength=len(r)) + ordered
    n_centres = np.bincount(around.first, seen, minlength=len(r)) + np.asarray(centres, dtype=np.int64)
    share = n_ordered / np.maximum(n_centres, 1)
    labels = np.where(share >= 0.75, 2, np.where(share <= 0.25, 0, 1)).astype(np.int8)
    return Regions(labels, order, share, True)


def _framework_shells(
    near: NeighbourList, types: npt.NDArray[np.int32], framework: BoolArray, which: npt.NDArray[np.intp]
) -> tuple[FloatArray, FloatArray, npt.NDArray[np.int64]]:
    """Framework atoms around each chosen atom: vectors, keys and where each one's begin.

    A key is the distance plus a large number for each type; those of one centre ascend, so that what may coincide with
    an atom is a short run of the other centre's.
    """
    chosen = np.zeros(near.n_atoms, dtype=bool)
    chosen[which] = True
    keep = np.flatnonzero(framework[near.second] & chosen[near.first])
    keys = near.distances[keep] + _TYPE_STEP * types[near.second[keep]]
    order = np.lexsort((keys, near.first[keep]))
    counts = np.bincount(near.first[keep], minlength=near.n_atoms)[which]
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return near.vectors[keep[order]], keys[order], offsets


@numba.njit(cache=True, nogil=True)
def _second_best(
    types: npt.NDArray[np.int32],
    vectors: FloatArray,
    keys: FloatArray,
    offsets: npt.NDArray[np.int64],
    pair_offsets: npt.NDArray[np.int64],
    others: npt.NDArray[np.int32],
    sigma: float,
) -> FloatArray:
    """Second largest overlap of each centre's surroundings with those of the centres of its element near by."""
    best = np.zeros((len(types), 2))
    cut = 3 * sigma
    for i in range(len(types)):
        n_i = offsets[i + 1] - offsets[i]
        for pair in range(pair_offsets[i], pair_offsets[i + 1]):
            j = others[pair]
            n_j = offsets[j + 1] - offsets[j]
            # each pair of centres once; an own image would match whatever the structure
            if j <= i or types[j] != types[i] or n_i + n_j == 0:
                continue
            overlap = 0.0
            low = offsets[j]
            for a in range(offsets[i], offsets[i + 1]):
                while low < offsets[j + 1] and keys[low] < keys[a] - cut:
                    low += 1
                for b in range(low, offsets[j + 1]):
                    if keys[b] > keys[a] + cut:
                        break
                    dx = vectors[a, 0] - vectors[b, 0]
                    dy = vectors[a, 1] - vectors[b, 1]
                    dz = vectors[a, 2] - vectors[b, 2]
                    square = dx * dx + dy * dy + dz * dz
                    if square < cut * cut:
                        overlap += np.exp(-square / (4 * sigma * sigma))
            overlap = 2 * overlap / (n_i + n_j)
            _note(best[i], overlap)
            _note(best[j], overlap)
    second: FloatArray = best[:, 1].copy()
    return second


@numba.njit(cache=True, nogil=True)
def _note(best: FloatArray, value: float) -> None:
    if value > best[0]:
        best[0], best[1] = value, best[0]
    elif value > best[1]:
        best[1] = value


def regions_by_distance(distance: FloatArray, width: float) -> npt.NDArray[np.int8]:
    """Label atoms by their distance from a surface: crystal inside, glass outside, the interface around it.

    :param distance: (n_atoms,), Å, negative inside.
    :param width: of the interface, Å, half of it on either side.
    :returns: (n_atoms,), int8, index into :data:`REGIONS`.
    :raises ValueError: the width is negative.
    """
    if not width >= 0:
        raise ValueError(f'width: {width}, expected a length in Å, at least 0')
    labels: npt.NDArray[np.int8] = np.where(
        np.abs(distance) <= width / 2, 1, np.where(np.asarray(distance) < 0, 2, 0)
    ).astype(np.int8)
    return labels


def distance_to_sphere(
    positions: npt.NDArray[np.floating[Any]], cell: npt.NDArray[np.floating[Any]], centre: npt.ArrayLike, radius: float
) -> FloatArray:
    """Distance of each atom from a sphere and its periodic images, negative inside, (n_atoms,), Å.

    :param centre: (3,), Å.
    :param radius: Å.
    :raises ValueError: as :func:`.check_periodic`, or the radius is not positive.
    """
    from ase.geometry import find_mic

    r, box = check_periodic(positions, cell)
    if not 0 < radius < np.inf:
        raise ValueError(f'radius: {radius}, expected a positive length in Å')
    _, distances = find_mic(r - np.asarray(centre, dtype=np.float64), box, pbc=True)
    return np.asarray(distances - radius, dtype=np.float64)


def distance_to_slab(
    positions: npt.NDArray[np.floating[Any]],
    cell: npt.NDArray[np.floating[Any]],
    axis: int,
    low: float,
    high: float,
) -> FloatArray:
    """Distance of each atom from the nearer face of a slab across one cell vector, negative inside, (n_atoms,), Å.

    :param axis: 0, 1 or 2; the faces are parallel to the other two cell vectors.
    :param low: where the slab begins, in fractions of the cell vector.
    :param high: where it ends; low < high < low + 1.
    :raises ValueError: as :func:`.check_periodic`, no such axis, or the slab has no thickness or fills the cell.
    """
    r, box = check_periodic(positions, cell)
    if axis not in (0, 1, 2) or not low < high < low + 1:
        raise ValueError(f'axis, low, high: {axis}, {low}, {high}; expected 0, 1 or 2, and low < high < low + 1')
    from_middle = (r @ np.linalg.inv(box))[:, axis] - (low + high) / 2
    from_middle -= np.round(from_middle)
    return np.asarray((np.abs(from_middle) - (high - low) / 2) * heights(box)[axis], dtype=np.float64)

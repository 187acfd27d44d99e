"""A slab of a crystal that fits a cell: which supercell of its plane, and how much it has to be strained.

The slab goes on through the boundary of the cell, so whole lattice vectors of its plane must become the two cell
vectors there. All pairs of lattice vectors of about the right lengths are tried; the one with the smallest strain is
taken. The crystal takes all the strain, in its plane; across the slab nothing is strained.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.build.pores_distance import axis_index
from aiida_glassion.kernels.space.images import heights

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

MOST_VECTORS = 4000
"""Lattice vectors of each length that are tried."""


@dataclass(frozen=True, eq=False)
class LayerMatch:
    """A supercell of a lattice plane laid on two cell vectors.

    :param supercell: (2, 2), whole numbers: its rows make the cell vectors from the lattice vectors of the plane.
    :param deformation: (2, 2), turns a row vector of the plane into one of the cell, both in their own frames.
    :param strains: the two principal strains of the crystal, smaller first.
    :param angle: by which the first lattice vector is turned from the first cell vector, degrees.
    """

    supercell: IntArray
    deformation: FloatArray
    strains: tuple[float, float]
    angle: float

    @property
    def strain(self) -> float:
        """The larger of the principal strains, without sign."""
        return max(abs(strain) for strain in self.strains)


def plane_basis(miller: Sequence[int]) -> IntArray:
    """Another basis of a lattice: two vectors in the plane (hkl), the third one layer up.

    :param miller: h, k, l, whole numbers.
    :returns: (3, 3), rows in the lattice vectors, determinant 1.
    :raises ValueError: not three whole numbers, or all zero.
    """
    whole = len(miller) == 3 and all(float(number).is_integer() for number in miller)
    if not whole or not any(miller):
        raise ValueError(f'miller: {list(miller)!r} given, expected three whole numbers, e.g. [0, 0, 1]')
    normal = np.array([int(number) for number in miller], dtype=np.int64)
    normal //= int(np.gcd.reduce(np.abs(normal)))
    reach = int(np.abs(normal).max()) + 1
    grid = np.arange(-reach, reach + 1)
    points = np.stack(np.meshgrid(grid, grid, grid, indexing='ij'), axis=-1).reshape(-1, 3)
    points = points[np.argsort((points**2).sum(axis=1), kind='stable')]
    level = points @ normal
    plane, up = points[(level == 0) & points.any(axis=1)], points[level == 1]
    for first in plane:
        crossed = np.cross(first, plane)
        found = np.flatnonzero((crossed == normal).all(axis=1))
        if len(found):
            return np.array([first, plane[found[0]], up[0]])
    raise ValueError(f'miller: no basis found for {list(miller)!r}; take smaller numbers')


def match_layer(plane: FloatArray, cell: FloatArray, max_strain: float, aligned: bool = False) -> LayerMatch:
    """Find the supercell of a lattice plane that fits two cell vectors with the smallest strain.

    :param plane: (2, 2), Å, lattice vectors of the plane in its own frame.
    :param cell: (2, 2), Å, cell vectors in theirs.
    :param max_strain: largest principal strain accepted, e.g. 0.05.
    :param aligned: only repeat the lattice vectors, the first along the first cell vector.
    :raises ValueError: none fits; the message gives the smallest strain there is nearby.
    """
    if not 0 < max_strain <= 0.3:
        raise ValueError(f'max_strain: {max_strain!r} given, expected a strain above 0, at most 0.3, e.g. 0.05')
    best = None
    for reach in (max_strain, 0.3):
        best = _best_match(plane, cell, reach, aligned)
        if best is not None and best.strain <= max_strain:
            return best
    near = '' if best is None else f'; the best found has {best.strain:.3f}'
    raise ValueError(
        f'max_strain: no supercell of the crystal fits the cell within {max_strain:g}{near}. Allow more strain, take '
        'another face, or a cell whose edges are near multiples of the crystal'
    )


def slab(
    fractions: FloatArray,
    crystal: FloatArray,
    cell: FloatArray,
    axis: str,
    thickness: float,
    miller: Sequence[int],
    max_strain: float,
    aligned: bool = False,
) -> tuple[FloatArray, IntArray, float, LayerMatch]:
    """Fill a layer across a cell vector with whole cells of a crystal.

    The crystal is cut half-way between the two lattice planes of atoms that are farthest apart.

    :param fractions: (n, 3), the atoms of the crystal in fractions of its cell vectors.
    :param crystal: (3, 3), Å, rows are the cell vectors of the crystal.
    :param cell: (3, 3), Å, rows are those of the glass.
    :param axis: the cell vector that the layer lies across: a, b or c.
    :param thickness: wanted, Å; the nearest whole number of repeats is made.
    :param miller: the lattice plane parallel to the layer.
    :param max_strain: see :func:`match_layer`.
    :param aligned: see :func:`match_layer`.
    :returns: positions (n_atoms, 3), Å, the layer beginning at height 0; atom of the crystal behind each; thickness, Å;
        the match.
    :raises ValueError: as :func:`match_layer`, or the layer is as high as the cell.
    """
    basis = plane_basis(miller)
    if np.linalg.det(crystal) < 0:
        basis = basis[[1, 0, 2]]
    turned = basis @ crystal
    inside = fractions @ np.linalg.inv(basis)
    inside -= np.floor(inside)
    inside[:, 2] = _cut_between_planes(inside[:, 2])
    frame, target = _frame(turned[0], turned[1]), _cell_frame(cell, axis_index('axis', axis))
    match = match_layer(turned[:2] @ frame[:2].T, target[0] @ target[1][:2].T, max_strain, aligned)
    repeat = float(turned[2] @ frame[2])
    layers = max(1, round(thickness / repeat))
    height = float(heights(cell)[axis_index('axis', axis)])
    if layers * repeat >= height:
        raise ValueError(
            f'fraction: {layers} repeats of {repeat:.2f} Å are as high as the cell ({height:.2f} Å); take a smaller '
            'fraction or a larger cell'
        )
    repeats = _points_of(match.supercell)
    shifts = np.array([(i, j, k) for k in range(layers) for i, j in repeats], dtype=np.float64)
    places = ((inside[None] + shifts[:, None]).reshape(-1, 3) @ turned) @ frame.T
    flat = places[:, :2] @ match.deformation
    level = (inside[None, :, 2] + shifts[:, None, 2]).reshape(-1) * repeat
    tilt = places[:, 2] - level
    assert np.abs(tilt).max() < 1e-6
    positions = flat @ target[1][:2] + level[:, None] * target[1][2]
    return positions, np.tile(np.arange(len(fractions)), len(shifts)), layers * repeat, match


def _cut_between_planes(levels: FloatArray) -> FloatArray:
    """Shift periodic levels (fractions) so that the widest gap between two of them lies at 0."""
    ordered = np.sort(levels)
    gaps = np.diff(np.append(ordered, ordered[0] + 1))
    widest = int(np.argmax(gaps > gaps.max() - 1e-6))
    shifted: FloatArray = levels - (ordered[widest] + gaps[widest] / 2)
    shifted -= np.floor(shifted)
    return shifted


def _frame(first: FloatArray, second: FloatArray) -> FloatArray:
    """Unit vectors (3, 3): along the first vector, in the plane of both, and across it."""
    along = first / np.linalg.norm(first)
    across = np.cross(first, second)
    across /= np.linalg.norm(across)
    return np.array([along, np.cross(across, along), across])


def _cell_frame(cell: FloatArray, axis: int) -> tuple[FloatArray, FloatArray]:
    """The two other cell vectors, in the order in which they turn about the one given, and their frame."""
    first, second = cell[(axis + 1) % 3], cell[(axis + 2) % 3]
    if np.cross(first, second) @ cell[axis] < 0:
        first, second = second, first
    return np.array([first, second]), _frame(first, second)


def _best_match(plane: FloatArray, cell: FloatArray, reach: float, aligned: bool) -> LayerMatch | None:
    first, second = (_vectors_of_length(plane, float(np.linalg.norm(cell[k])), reach) for k in range(2))
    if aligned:
        first, second = first[first[:, 1] == 0], second[second[:, 0] == 0]
        first, second = first[first[:, 0] > 0], second[second[:, 1] > 0]
    if not len(first) or not len(second):
        return None
    one, two = first @ plane, second @ plane
    area = one[:, None, 0] * two[None, :, 1] - one[:, None, 1] * two[None, :, 0]
    wanted = float(np.linalg.det(cell))
    i, j = np.nonzero(np.abs(area / wanted - 1) < 2.5 * reach)
    if not len(i):
        return None
    pairs = np.stack([one[i], two[j]], axis=1)
    deformations = np.linalg.inv(pairs) @ cell
    stretches = np.linalg.svd(deformations, compute_uv=False)
    strain = np.abs(stretches - 1).max(axis=1)
    angle = np.arctan2(deformations[:, 0, 1] - deformations[:, 1, 0], deformations[:, 0, 0] + deformations[:, 1, 1])
    best = int(np.lexsort((np.abs(angle).round(6), strain.round(6)))[0])
    low, high = sorted(float(value) - 1 for value in stretches[best])
    supercell = np.array([first[i[best]], second[j[best]]])
    return LayerMatch(supercell, deformations[best], (low, high), math.degrees(float(angle[best])))


def _vectors_of_length(plane: FloatArray, length: float, reach: float) -> IntArray:
    """Lattice vectors of a plane within a relative reach of a length, the nearest ones where they are many."""
    least = 1 / np.linalg.norm(np.linalg.inv(plane), axis=0)
    n = np.ceil(length * (1 + reach) / least).astype(int)
    points = np.stack(np.meshgrid(np.arange(-n[0], n[0] + 1), np.arange(-n[1], n[1] + 1), indexing='ij'), axis=-1)
    points = points.reshape(-1, 2)
    off = np.abs(np.linalg.norm(points @ plane, axis=1) / length - 1)
    order = np.argsort(off, kind='stable')
    return np.asarray(points[order[off[order] <= reach]][:MOST_VECTORS], dtype=np.int64)


def _points_of(supercell: IntArray) -> list[tuple[int, int]]:
    """Lattice points within a supercell of a plane, as many as its determinant."""
    corners = np.array([[0, 0], supercell[0], supercell[1], supercell[0] + supercell[1]])
    low, high = corners.min(axis=0), corners.max(axis=0)
    determinant = round(float(np.linalg.det(supercell)))
    (a, b), (c, d) = supercell
    found = [
        (i, j)
        for i in range(low[0], high[0] + 1)
        for j in range(low[1], high[1] + 1)
        # the fractions times the determinant, in whole numbers
        if 0 <= i * d - j * c < determinant and 0 <= j * a - i * b < determinant
    ]
    assert len(found) == determinant
    return found

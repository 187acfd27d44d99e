"""Voronoi cells of the atoms: volumes, faces and the neighbours that they stand for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.space.images import check_periodic, heights, with_images

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class VoronoiCells:
    """The cell of each atom: all points nearer to it than to any other atom or image.

    :param volumes: (n_atoms,), Å³; they sum to the volume of the cell.
    :param first: (n_faces,), the atom whose face it is, ascending.
    :param second: (n_faces,), the atom on the other side (an image of itself in a small cell).
    :param face_areas: (n_faces,), Å².
    :param distances: (n_faces,), between the two atoms, Å.
    """

    volumes: FloatArray
    first: IntArray
    second: IntArray
    face_areas: FloatArray
    distances: FloatArray

    @property
    def n_atoms(self) -> int:
        """Number of atoms."""
        return len(self.volumes)

    @property
    def areas(self) -> FloatArray:
        """(n_atoms,), surface of each cell, Å²."""
        areas: FloatArray = np.bincount(self.first, self.face_areas, minlength=self.n_atoms).astype(np.float64)
        return areas

    def large_faces(self, least: float) -> npt.NDArray[np.bool_]:
        """(n_faces,) which faces have more than a share of their cell's surface.

        :param least: share of the surface, 0 ≤ least < 1.
        :raises ValueError: out of this range.
        """
        if not 0 <= least < 1:
            raise ValueError(f'least: {least}, expected a share of the surface, 0 ≤ least < 1')
        return np.asarray(self.face_areas > least * self.areas[self.first])

    def coordination(self, least: float = 0.01) -> IntArray:
        """(n_atoms,), number of faces larger than a share of the cell's surface.

        :param least: see :meth:`large_faces`. Faces by which cells barely touch (at the edges of a crystal's cells any
            rounding makes some) are no neighbours; 1 % is the default (choice).
        """
        return np.bincount(self.first[self.large_faces(least)], minlength=self.n_atoms)

    def effective_coordination(self) -> FloatArray:
        """(n_atoms,), (ΣA)²/ΣA² over the faces: their number if all are alike, without any threshold."""
        squares = np.bincount(self.first, self.face_areas**2, minlength=self.n_atoms)
        effective: FloatArray = self.areas**2 / squares
        return effective

    def sphericity(self) -> FloatArray:
        """(n_atoms,), isoperimetric quotient 36π V²/A³: 1 for a sphere, 0.524 for a cube."""
        quotient: FloatArray = 36 * np.pi * self.volumes**2 / self.areas**3
        return quotient


def voronoi_cells(positions: npt.NDArray[np.floating[Any]], cell: npt.NDArray[np.floating[Any]]) -> VoronoiCells:
    """Voronoi cells in a cell periodic in all directions, by Qhull on the atoms and their images near by.

    Planes stand half-way between two atoms whatever their sizes (no radical planes). Images are taken so far out that
    all within twice the farthest corner of each atom's cell are there: what lies beyond cannot cut it, so the result
    is that of the infinite lattice.

    :param positions: (n_atoms, 3), Å, wrapped or not.
    :param cell: (3, 3), Å, rows are the cell vectors; any shape, any size.
    :raises ValueError: as :func:`.check_periodic`, or two atoms at the same place.
    :raises ArithmeticError: the volumes do not sum to that of the cell within 1e-8.
    """
    from scipy.spatial import Voronoi

    r, box = check_periodic(positions, cell)
    volume = abs(float(np.linalg.det(box)))
    # a corner is nowhere farther than the circumscribed sphere of a slanted cell
    farthest = float(np.linalg.norm(np.abs(box).sum(axis=0))) + float(heights(box).max())
    margin = min(3.0 * (volume / len(r)) ** (1 / 3), 2 * farthest)
    while True:
        points, atoms = with_images(r, box, margin)
        if len(points) >= 5:
            diagram = Voronoi(points)
            needed = _needed_margin(diagram, len(r), box)
            if needed <= margin:
                break
            margin = 1.01 * needed if np.isfinite(needed) else 1.5 * margin
        else:
            margin *= 1.5
        if margin > 20 * farthest:
            raise ArithmeticError('Voronoi cells: some stay open; are two atoms at the same place?')
    cells = _measure(diagram, len(r), atoms)
    missing = abs(float(cells.volumes.sum()) - volume) / volume
    if missing > 1e-8:
        raise ArithmeticError(f'Voronoi cells: the volumes miss that of the cell by {missing:.1e} of it')
    return cells


def _needed_margin(diagram: Any, n_atoms: int, cell: FloatArray) -> float:
    """How far images must reach so that none within twice the farthest corner of an atom's Voronoi cell is missing, Å.

    An atom deep in the cell needs less. Infinite if a Voronoi cell is open.

    :raises ValueError: two atoms at the same place.
    """
    regions = [diagram.regions[region] for region in diagram.point_region[:n_atoms]]
    sizes = np.array([len(region) for region in regions])
    if len(np.unique(diagram.point_region[:n_atoms])) < n_atoms or not sizes.all():
        raise ValueError('positions: two atoms at the same place have no Voronoi cells')
    corners = np.concatenate([np.asarray(region) for region in regions])
    if (corners < 0).any():
        return float('inf')
    owners = np.repeat(np.arange(n_atoms), sizes)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    away = np.linalg.norm(diagram.vertices[corners] - diagram.points[owners], axis=1)
    fractions = diagram.points[:n_atoms] @ np.linalg.inv(cell)
    depth = (np.minimum(fractions, 1 - fractions) * heights(cell)).min(axis=1)
    return float((2 * np.maximum.reduceat(away, starts) - depth).max())


def _measure(diagram: Any, n_atoms: int, atoms: IntArray) -> VoronoiCells:
    """Areas of the faces, each a polygon with its corners in order, and the pyramids on them."""
    pairs = np.asarray(diagram.ridge_points)
    near = (pairs < n_atoms).any(axis=1)
    ridges = [diagram.ridge_vertices[i] for i in np.flatnonzero(near)]
    pairs = pairs[near]
    sizes = np.array([len(ridge) for ridge in ridges])
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    corners = np.concatenate([np.asarray(ridge) for ridge in ridges])
    following = np.concatenate([corners[1:], corners[:1]])
    following[starts + sizes - 1] = corners[starts]
    middle = diagram.points[pairs].mean(axis=1)
    relative = np.repeat(middle, sizes, axis=0)
    products = np.cross(diagram.vertices[corners] - relative, diagram.vertices[following] - relative)
    across = diagram.points[pairs[:, 1]] - diagram.points[pairs[:, 0]]
    distances = np.linalg.norm(across, axis=1)
    vectors = np.add.reduceat(products, starts, axis=0) / 2
    areas = np.abs((vectors * across).sum(axis=1)) / distances

    sides = [(pairs[:, 0], pairs[:, 1]), (pairs[:, 1], pairs[:, 0])]
    first = np.concatenate([one for one, _ in sides])
    second = np.concatenate([other for _, other in sides])
    both_areas, both_distances = np.tile(areas, 2), np.tile(distances, 2)
    own = first < n_atoms
    order = np.flatnonzero(own)[np.argsort(first[own], kind='stable')]
    pyramids = both_areas[order] * both_distances[order] / 6
    volumes = np.bincount(first[order], pyramids, minlength=n_atoms).astype(np.float64)
    return VoronoiCells(
        volumes,
        first[order].astype(np.int64),
        atoms[second[order]].astype(np.int64),
        both_areas[order],
        both_distances[order],
    )

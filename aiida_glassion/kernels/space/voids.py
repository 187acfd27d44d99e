"""Free volume, the largest sphere that fits, pore sizes and the surface that a probe can touch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.space.cavities import Cavities, find_cavities
from aiida_glassion.kernels.space.distance_field import Field, check_radii, distances_at, surface_distances
from aiida_glassion.kernels.space.images import check_periodic
from aiida_glassion.kernels.structure.neighbours import neighbour_list

FloatArray = npt.NDArray[np.float64]

_SKIP = 0.25
"""A sphere that sticks out of a larger one by less than this share of the grid's spacing adds nothing."""


def van_der_waals_radius(element: str) -> float:
    """Van der Waals radius, Å (Alvarez, Dalton Trans. 42, 8617 (2013), as tabulated by ASE: all elements of a glass).

    :raises ValueError: not tabulated.
    """
    from ase.data import atomic_numbers
    from ase.data.vdw_alvarez import vdw_radii

    radius = float(vdw_radii[atomic_numbers[element]]) if element in atomic_numbers else float('nan')
    if not np.isfinite(radius):
        raise ValueError(f'{element}: no van der Waals radius is tabulated; give one in Å')
    return radius


@dataclass(frozen=True, eq=False)
class Voids:
    """The empty space of one configuration, on a grid. Volumes are shares of grid points times the cell's volume.

    :param field: (n_a, n_b, n_c), distance to the nearest atom's surface, Å.
    :param cell: (3, 3), Å.
    :param probe: radius, Å.
    :param cavities: connected parts of where the *centre* of the probe fits.
    :param cavity_radii: (n_cavities,), radius of the largest sphere with its centre in each cavity, on the grid, Å.
    :param largest_radius: radius of the largest sphere that fits between the atoms, refined off the grid, Å; negative
        where the atoms overlap everywhere.
    :param largest_centre: (3,), its centre, Å.
    """

    field: Field
    cell: FloatArray
    probe: float
    cavities: Cavities
    cavity_radii: FloatArray
    largest_radius: float
    largest_centre: FloatArray

    @property
    def volume(self) -> float:
        """Of the cell, Å³."""
        return float(abs(np.linalg.det(self.cell)))

    @property
    def free_fraction(self) -> float:
        """Share of the cell outside all atoms (a probe of radius zero)."""
        return float(np.count_nonzero(self.field > 0) / self.field.size)

    @property
    def centre_fraction(self) -> float:
        """Share of the cell where the centre of the probe fits."""
        return float(self.cavities.sizes.sum() / self.field.size)

    @property
    def percolating_fraction(self) -> float:
        """Share of the cell where the centre of the probe fits, in cavities that lead through the cell."""
        return float(self.cavities.sizes[self.cavities.percolating].sum() / self.field.size)

    @property
    def axes(self) -> tuple[bool, bool, bool]:
        """Whether any cavity leads through the cell along each cell vector."""
        found = np.asarray(self.cavities.axes.any(axis=0))
        return bool(found[0]), bool(found[1]), bool(found[2])

    @property
    def cavity_volumes(self) -> FloatArray:
        """(n_cavities,), volume in which the centre of the probe can move, Å³, largest first."""
        return np.asarray(self.cavities.sizes * (self.volume / self.field.size), dtype=np.float64)


def find_voids(
    positions: npt.NDArray[np.floating[Any]],
    cell: npt.NDArray[np.floating[Any]],
    radii: npt.NDArray[np.floating[Any]],
    probe: float = 0.0,
    spacing: float = 0.2,
) -> Voids:
    """The voids of a configuration that is periodic in all directions.

    A cavity is a connected part of the points that are at least ``probe`` away from every atom's surface.

    :param positions: (n_atoms, 3), Å, wrapped or not.
    :param cell: (3, 3), Å, rows are the cell vectors; any shape, any size.
    :param radii: (n_atoms,), Å.
    :param probe: radius, Å, ≥ 0.
    :param spacing: of the grid, Å. Volumes err by about the surface times a tenth of it.
    :raises ValueError: as :func:`.surface_distances`, or the probe is negative.
    """
    if not (np.isfinite(probe) and probe >= 0):
        raise ValueError(f'probe: {probe}, expected a radius in Å, at least 0')
    r, box = check_periodic(positions, cell)
    sizes = check_radii(radii, len(r))
    field = surface_distances(r, box, sizes, spacing)
    free = field >= probe if probe > 0 else field > 0
    cavities = find_cavities(free)
    largest = np.zeros(len(cavities))
    _largest_by_cavity(cavities.labels.reshape(-1), field.reshape(-1), largest)
    radius, centre = _largest_sphere(field, r, box, sizes)
    return Voids(field, box, float(probe), cavities, largest, radius, centre)


@numba.njit(cache=True, nogil=True)
def _largest_by_cavity(labels: npt.NDArray[np.int32], field: Field, largest: FloatArray) -> None:
    for i in range(len(labels)):
        if labels[i] >= 0 and field[i] > largest[labels[i]]:
            largest[labels[i]] = field[i]


def _largest_sphere(
    field: Field, positions: FloatArray, cell: FloatArray, radii: FloatArray
) -> tuple[float, FloatArray]:
    """Radius and centre of the largest sphere between the atoms, to 10⁻³ Å.

    Distances change by at most one per unit of length: the centre lies in a grid cell whose value is within half a
    diagonal of the largest one. Those are halved again and again, the hopeless ones left out.
    """
    steps = cell / np.array(field.shape)[:, None]
    corners = np.array(np.meshgrid(*[[-0.5, 0.5]] * 3)).reshape(3, -1).T
    reach = float(np.linalg.norm(corners @ steps, axis=1).max())
    best = float(field.max())
    near = np.argwhere(field >= best - reach)
    fractions = near / np.array(field.shape)
    values = field[tuple(near.T)].astype(np.float64)
    size = 1.0 / np.array(field.shape)
    centre = fractions[int(np.argmax(values))]
    while reach > 1e-3:
        if len(fractions) > 4096:
            fractions = fractions[np.argsort(-values)[:4096]]
        fractions = (fractions[:, None, :] + corners / 2 * size).reshape(-1, 3)
        fractions -= np.floor(fractions)
        size, reach = size / 2, reach / 2
        values = distances_at(fractions @ cell, positions, cell, radii)
        if values.max() > best:
            best, centre = float(values.max()), fractions[int(np.argmax(values))]
        keep = values >= best - reach
        fractions, values = fractions[keep], values[keep]
        if not len(fractions):
            break
    found: FloatArray = centre @ cell
    return best, found


def pore_radii(field: Field, cell: FloatArray, probe: float = 0.0) -> Field:
    """Radius of the largest sphere that fits between the atoms and covers a point, for each point of a grid.

    The geometric pore size of Gelb and Gubbins, Langmuir 15, 305 (1999); points that no sphere of at least ``probe``
    covers are 0, the others make up the volume that the probe can occupy. Found by painting spheres from the largest to
    the smallest; one that lies inside a larger one but for a quarter of the grid's spacing is left out.

    :param field: (n_a, n_b, n_c), of :func:`.surface_distances`, Å.
    :param cell: (3, 3), Å.
    :param probe: radius, Å.
    :returns: (n_a, n_b, n_c), Å.
    """
    flat = field.reshape(-1)
    inside = np.flatnonzero(flat >= probe if probe > 0 else flat > 0)
    order = inside[np.argsort(-flat[inside], kind='stable')]
    step = float((abs(np.linalg.det(cell)) / field.size) ** (1 / 3))
    painted, away = np.zeros(field.shape, dtype=np.float32), np.zeros(field.shape, dtype=np.float32)
    height = 1 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    _paint(order, field, np.ascontiguousarray(cell), height, _SKIP * step, painted, away)
    return painted


@numba.njit(cache=True, nogil=True)
def _paint(
    order: npt.NDArray[np.int64],
    field: Field,
    cell: FloatArray,
    height: FloatArray,
    tolerance: float,
    painted: Field,
    away: Field,
) -> None:
    """Paint spheres in the given order; a point keeps its first radius, and how far the centre was."""
    n0, n1, n2 = field.shape
    length = np.sqrt(cell[2, 0] ** 2 + cell[2, 1] ** 2 + cell[2, 2] ** 2)
    for flat in order:
        i0, j0, k0 = flat // (n1 * n2), flat // n2 % n1, flat % n2
        radius = field[i0, j0, k0]
        if painted[i0, j0, k0] > 0 and away[i0, j0, k0] + radius <= painted[i0, j0, k0] + tolerance:
            continue
        ni, nj = int(radius / height[0] * n0), int(radius / height[1] * n1)
        for di in range(-ni, ni + 1):
            for dj in range(-nj, nj + 1):
                x = di / n0 * cell[0, 0] + dj / n1 * cell[1, 0]
                y = di / n0 * cell[0, 1] + dj / n1 * cell[1, 1]
                z = di / n0 * cell[0, 2] + dj / n1 * cell[1, 2]
                along = (x * cell[2, 0] + y * cell[2, 1] + z * cell[2, 2]) / length
                across = max(0.0, x * x + y * y + z * z - along * along)
                if across > radius * radius:
                    continue
                half = np.sqrt(radius * radius - across)
                i, j = (i0 + di) % n0, (j0 + dj) % n1
                first = int(np.ceil((-along - half) / length * n2))
                last = int(np.floor((-along + half) / length * n2))
                for dk in range(first, last + 1):
                    k = (k0 + dk) % n2
                    if painted[i, j, k] == 0:
                        painted[i, j, k] = radius
                        u = dk * length / n2 + along
                        away[i, j, k] = np.sqrt(across + u * u)


def accessible_surface(
    positions: npt.NDArray[np.floating[Any]],
    cell: npt.NDArray[np.floating[Any]],
    radii: npt.NDArray[np.floating[Any]],
    probe: float = 0.0,
    n_points: int = 200,
) -> FloatArray:
    """Area over which the centre of a probe rolls on each atom (Shrake and Rupley, J. Mol. Biol. 79, 351 (1973)).

    Points spread evenly over the sphere of radius R + probe, those counted that no other such sphere covers. Closed
    cavities count too.

    :param positions: (n_atoms, 3), Å; ``cell`` (3, 3), Å; ``radii`` (n_atoms,), Å, periodic in all directions.
    :param probe: radius, Å, ≥ 0.
    :param n_points: per atom; the area of one atom is found in steps of a share 1/n_points of its sphere.
    :returns: (n_atoms,), Å².
    :raises ValueError: as :func:`.check_periodic` and :func:`.check_radii`, a negative probe, or no points.
    """
    r, box = check_periodic(positions, cell)
    sizes = check_radii(radii, len(r)) + probe
    if not (np.isfinite(probe) and probe >= 0) or n_points < 1:
        raise ValueError(f'probe, n_points: {probe} and {n_points}, expected at least 0 Å and one point')
    kinds, types = np.unique(sizes, return_inverse=True)
    if kinds[-1] == 0:
        return np.zeros(len(r))
    bonds = neighbour_list(r, box, kinds[:, None] + kinds[None, :], types.reshape(-1))
    z = 1 - (2 * np.arange(n_points) + 1) / n_points
    turn = np.pi * (3 - np.sqrt(5)) * np.arange(n_points)
    sphere = np.stack([np.sqrt(1 - z**2) * np.cos(turn), np.sqrt(1 - z**2) * np.sin(turn), z], axis=1)
    bare = _bare_points(bonds.offsets, bonds.second, bonds.vectors, sizes, sphere)
    areas: FloatArray = 4 * np.pi * sizes**2 * bare / n_points
    return areas


@numba.njit(cache=True, nogil=True)
def _bare_points(
    offsets: npt.NDArray[np.int64],
    second: npt.NDArray[np.int32],
    vectors: FloatArray,
    sizes: FloatArray,
    sphere: FloatArray,
) -> npt.NDArray[np.int64]:
    """Number of points of each atom's sphere that lie in no other sphere; the last that covered one is tried first."""
    bare = np.zeros(len(sizes), dtype=np.int64)
    for atom in range(len(sizes)):
        start, stop = offsets[atom], offsets[atom + 1]
        last = start
        for p in range(len(sphere)):
            x, y, z = sizes[atom] * sphere[p, 0], sizes[atom] * sphere[p, 1], sizes[atom] * sphere[p, 2]
            covered = False
            for n in range(stop - start):
                i = last + n if last + n < stop else last + n - (stop - start)
                dx, dy, dz = vectors[i, 0] - x, vectors[i, 1] - y, vectors[i, 2] - z
                if dx * dx + dy * dy + dz * dz < sizes[second[i]] ** 2:
                    covered, last = True, i
                    break
            bare[atom] += not covered
    return bare

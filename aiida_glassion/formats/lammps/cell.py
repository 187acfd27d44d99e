"""LAMMPS' way to describe a cell: first vector along x, second in the xy plane, the rest are tilts.

See https://docs.lammps.org/Howto_triclinic.html.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


class LammpsCell(NamedTuple):
    """Edge lengths and tilts, Å: rows of the cell are (lx, 0, 0), (xy, ly, 0), (xz, yz, lz)."""

    lx: float
    ly: float
    lz: float
    xy: float = 0.0
    xz: float = 0.0
    yz: float = 0.0

    @property
    def matrix(self) -> Array:
        """The cell vectors as rows, (3, 3), Å."""
        return np.array([[self.lx, 0.0, 0.0], [self.xy, self.ly, 0.0], [self.xz, self.yz, self.lz]])

    @property
    def triclinic(self) -> bool:
        """Whether any tilt differs from zero."""
        return any(tilt != 0.0 for tilt in (self.xy, self.xz, self.yz))


def to_lammps(cell: npt.ArrayLike) -> tuple[LammpsCell, Array]:
    """Turn a cell into LAMMPS' orientation.

    The tilts are kept as they are, never reduced to half an edge: the lattice vectors keep their meaning from input to
    trajectory, and LAMMPS accepts large tilts (since 2022 without `box tilt large`, with a warning). Tilts below
    1e-12 of the edge, which only rounding makes, become zero, so that a rotated cuboid stays orthogonal. A cell that is
    already in this orientation is returned exactly, with the identity.

    :param cell: cell vectors as rows, (3, 3), Å.
    :returns: the LAMMPS cell, and the proper rotation (3, 3) with positions_lammps = positions @ rotation.
    :raises ValueError: the shape is not (3, 3), a number is not finite, the cell has no volume, or it is left-handed
        (no rotation makes a left-handed cell lower triangular with a positive diagonal; exchange two vectors).
    """
    rows = np.asarray(cell, dtype=float)
    if rows.shape != (3, 3):
        raise ValueError(f'cell: shape {rows.shape}, expected (3, 3)')
    if not np.isfinite(rows).all():
        raise ValueError('cell: not finite (NaN or infinity)')
    if not np.triu(rows, 1).any() and (np.diag(rows) > 0).all():
        return LammpsCell(*np.diag(rows).tolist(), *rows[[1, 2, 2], [0, 0, 1]].tolist()), np.eye(3)
    a, b, c = rows
    lx = float(np.linalg.norm(a))
    normal = np.cross(a, b)
    area = float(np.linalg.norm(normal))
    lengths = np.linalg.norm(rows, axis=1)
    volume = float(c @ normal)
    if abs(volume) <= 1e-12 * float(np.prod(lengths)):
        raise ValueError('cell: the three vectors span no volume')
    if volume < 0:
        raise ValueError('cell: left-handed vectors; exchange two of them (and the fractional coordinates)')
    x = a / lx
    z = normal / area
    y = np.cross(z, x)
    rotation = np.array([x, y, z]).T
    xy, xz, yz = float(b @ x), float(c @ x), float(c @ y)
    ly, lz = float(b @ y), float(c @ z)
    xy, xz, yz = (0.0 if abs(tilt) <= 1e-12 * edge else tilt for tilt, edge in ((xy, lx), (xz, lx), (yz, ly)))
    return LammpsCell(lx, ly, lz, xy, xz, yz), rotation


def from_bounds(bounds: npt.ArrayLike, tilts: npt.ArrayLike = (0.0, 0.0, 0.0)) -> tuple[Array, Array]:
    """Cell and origin from a dump's bounding box, whose first two lines already contain the tilts.

    :param bounds: (3, 2), Å: xlo_bound xhi_bound, ylo_bound yhi_bound, zlo zhi.
    :param tilts: xy, xz, yz, Å.
    :returns: cell (3, 3) as rows, and origin (3,), Å. No check is made: a damaged file may give any numbers.
    """
    (xlo, xhi), (ylo, yhi), (zlo, zhi) = np.asarray(bounds, dtype=float).reshape(3, 2)
    xy, xz, yz = np.asarray(tilts, dtype=float).reshape(3)
    xlo, xhi = xlo - min(0.0, xy, xz, xy + xz), xhi - max(0.0, xy, xz, xy + xz)
    ylo, yhi = ylo - min(0.0, yz), yhi - max(0.0, yz)
    cell = np.array([[xhi - xlo, 0.0, 0.0], [xy, yhi - ylo, 0.0], [xz, yz, zhi - zlo]])
    return cell, np.array([xlo, ylo, zlo])


def to_bounds(cell: npt.ArrayLike, origin: npt.ArrayLike = (0.0, 0.0, 0.0)) -> tuple[Array, Array]:
    """Bounding box and tilts as a dump writes them: the inverse of :func:`from_bounds`.

    :param cell: a cell in LAMMPS' orientation (lower triangular), (3, 3), Å.
    :param origin: the cell's corner, (3,), Å.
    :returns: bounds (3, 2) and tilts (xy, xz, yz), Å.
    :raises ValueError: the cell is not lower triangular.
    """
    rows = np.asarray(cell, dtype=float)
    if np.triu(rows, 1).any():
        raise ValueError('cell: not in LAMMPS orientation (lower triangular)')
    xy, xz, yz = rows[1, 0], rows[2, 0], rows[2, 1]
    low = np.asarray(origin, dtype=float)
    high = low + np.diag(rows)
    bounds = np.array([low, high]).T
    bounds[0] += min(0.0, xy, xz, xy + xz), max(0.0, xy, xz, xy + xz)
    bounds[1] += min(0.0, yz), max(0.0, yz)
    return bounds, np.array([xy, xz, yz])

"""The compiled loops: least squares of the local map over pairs, and sets of neighbours compared."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.structure._compiled import SLICES_PER_GROUP, Columns

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]

_FLAT = 1e-9
"""Determinant of the neighbours' mean v vᵀ, relative to that of a sphere, below which they lie in one plane."""
_N_SUMS = 17
"""Sums over the neighbours of an atom: 1, six of v vᵀ, nine of w vᵀ, and |w|²."""
_MAY_REORDER = {'reassoc', 'contract', 'nsz'}
"""What the compiler may do to sums so that four terms are added at once; NaN and infinity keep their meaning."""


@numba.njit(cache=True, nogil=True)
def fit_maps(
    columns: Columns,
    moved: FloatArray,
    fractions: FloatArray,
    cell: FloatArray,
    wrap: FloatArray,
    square: float,
    gradients: FloatArray,
    residuals: FloatArray,
    counts: IntArray,
) -> None:
    """Fit w = G v over each atom's neighbours in the reference; v is a pair's vector, w how much more it changed.

    :param columns: of the reference; v is in their frame.
    :param moved: (n_atoms, 3), Å, how far each atom has gone beyond the map of the cells, in the frame of the columns;
        w is the difference of two.
    :param fractions: (n_atoms, 3), the same in fractions of the cell.
    :param cell: (3, 3), Å, the present cell in the frame of the columns.
    :param wrap: (3,), 1 along cell vectors where w is to be reduced to its nearest image, pair by pair, else 0; empty:
        nowhere.
    :param square: cutoff squared, Å².
    :param gradients: (n_atoms, 3, 3), written: G; NaN where neighbours do not span space.
    :param residuals: (n_atoms,), Å², written: Σ|w − G v|², NaN likewise.
    :param counts: (n_atoms,), written: neighbours.
    """
    n_a, n_b, n_c = columns.shape
    what = moved if len(wrap) == 0 else fractions
    going = np.empty((3, len(columns.atoms)))
    for k in range(len(columns.atoms)):
        for axis in range(3):
            going[axis, k] = what[columns.atoms[k], axis]
    near = np.empty((6, columns.max_candidates))
    differences = np.empty((3, columns.max_candidates))
    bases, shifts = np.empty(len(columns.stencil), dtype=np.int64), np.empty((len(columns.stencil), 3))
    sums = np.empty(_N_SUMS)
    for column in range(n_a * n_b):
        _columns_near_by(columns, column, bases, shifts)
        for low in range(0, n_c, SLICES_PER_GROUP):
            high = min(low + SLICES_PER_GROUP, n_c)
            start, stop = columns.starts[bases[0] + low], columns.starts[bases[0] + high]
            if start == stop:
                continue
            own, n = _gather(columns, going, bases, shifts, low, high, near)
            x, y, z, w = near[0, :n], near[1, :n], near[2, :n], near[3:]
            for i in range(stop - start):
                if len(wrap) > 0:
                    _nearest(near[3:], own + i, n, cell, wrap, differences)
                    w = differences
                _sum(x, y, z, w[0, :n], w[1, :n], w[2, :n], own + i, square, sums)
                atom = columns.atoms[start + i]
                counts[atom] = int(sums[0]) - 1
                residuals[atom] = _solve(sums, counts[atom], gradients[atom])


@numba.njit(cache=True, nogil=True)
def _columns_near_by(columns: Columns, column: int, bases: IntArray, shifts: FloatArray) -> None:
    """Write where each column of the stencil begins, and by how much its atoms are moved to be seen from this one.

    As :func:`.near_by` does for each group of slices, but once for a whole column.
    """
    n_a, n_b, n_c = columns.shape
    n_slices = n_c + 2 * columns.image_slices
    (ax, ay, az), (_, by, bz), _ = columns.cell
    i_a, i_b = column // n_b, column % n_b
    for k in range(len(columns.stencil)):
        j_a, j_b = i_a + columns.stencil[k, 0], i_b + columns.stencil[k, 1]
        turns_a, turns_b = j_a // n_a, j_b // n_b
        bases[k] = ((j_a - turns_a * n_a) * n_b + j_b - turns_b * n_b) * n_slices + columns.image_slices
        shifts[k, 0] = turns_a * ax - i_a * ax / n_a
        shifts[k, 1] = turns_a * ay + turns_b * by - i_a * ay / n_a - i_b * by / n_b
        shifts[k, 2] = turns_a * az + turns_b * bz


@numba.njit(cache=True, nogil=True)
def _gather(
    columns: Columns, going: FloatArray, bases: IntArray, shifts: FloatArray, low: int, high: int, near: FloatArray
) -> tuple[int, int]:
    """Copy place and motion of all that can be near the slices [low, high); return where these begin, and how many."""
    cz = columns.cell[2, 2]
    height = cz / columns.shape[2]
    z0 = low * height
    own = count = 0
    for k in range(len(bases)):
        seen = z0 - shifts[k, 2]
        turns = np.floor(seen / cz)
        seen -= turns * cz
        first = columns.starts[bases[k] + int(np.floor((seen - columns.reach[k]) / height))]
        last = columns.starts[bases[k] + int(np.floor((seen + (high - low) * height + columns.reach[k]) / height)) + 1]
        if k == 0:
            own = columns.starts[bases[0] + low] - first
        dx, dy, dz = shifts[k, 0], shifts[k, 1], shifts[k, 2] + turns * cz - z0
        for j in range(last - first):
            s = first + j
            near[0, count + j] = columns.x[s] + dx
            near[1, count + j] = columns.y[s] + dy
            near[2, count + j] = columns.z[s] + dz
            near[3, count + j] = going[0, s]
            near[4, count + j] = going[1, s]
            near[5, count + j] = going[2, s]
        count += last - first
    return own, count


@numba.njit(cache=True, nogil=True)
def _nearest(
    fractions: FloatArray, own: int, n: int, cell: FloatArray, wrap: FloatArray, differences: FloatArray
) -> None:
    for k in range(n):
        a = fractions[0, k] - fractions[0, own]
        b = fractions[1, k] - fractions[1, own]
        c = fractions[2, k] - fractions[2, own]
        a, b, c = a - wrap[0] * np.round(a), b - wrap[1] * np.round(b), c - wrap[2] * np.round(c)
        for axis in range(3):
            differences[axis, k] = a * cell[0, axis] + b * cell[1, axis] + c * cell[2, axis]


@numba.njit(cache=True, nogil=True, fastmath=_MAY_REORDER)
def _sum(
    x: FloatArray, y: FloatArray, z: FloatArray, p: FloatArray, q: FloatArray, r: FloatArray, own: int, square: float,
    sums: FloatArray,
) -> None:  # fmt: skip
    """Sums over all that is near by, each weighted by 1 or 0: no branch, so that four are taken at once."""
    x0, y0, z0, p0, q0, r0 = x[own], y[own], z[own], p[own], q[own], r[own]
    n = xx = xy = xz = yy = yz = zz = 0.0
    px = py = pz = qx = qy = qz = rx = ry = rz = ww = 0.0
    for k in range(len(x)):
        dx, dy, dz = x[k] - x0, y[k] - y0, z[k] - z0
        near = 1.0 if dx * dx + dy * dy + dz * dz < square else 0.0
        dp, dq, dr = near * (p[k] - p0), near * (q[k] - q0), near * (r[k] - r0)
        n += near
        ww += dp * dp + dq * dq + dr * dr
        px, py, pz = px + dp * dx, py + dp * dy, pz + dp * dz
        qx, qy, qz = qx + dq * dx, qy + dq * dy, qz + dq * dz
        rx, ry, rz = rx + dr * dx, ry + dr * dy, rz + dr * dz
        ex, ey = near * dx, near * dy
        xx, xy, xz, yy, yz, zz = (
            xx + ex * dx,
            xy + ex * dy,
            xz + ex * dz,
            yy + ey * dy,
            yz + ey * dz,
            zz + near * dz * dz,
        )
    sums[0], sums[1], sums[2], sums[3], sums[4], sums[5], sums[6] = n, xx, xy, xz, yy, yz, zz
    sums[7], sums[8], sums[9] = px, py, pz
    sums[10], sums[11], sums[12] = qx, qy, qz
    sums[13], sums[14], sums[15], sums[16] = rx, ry, rz, ww


@numba.njit(cache=True, nogil=True)
def _solve(sums: FloatArray, n: int, gradient: FloatArray) -> float:
    """Write the least squares map of an atom and return its residual; NaN where neighbours do not span space."""
    xx, xy, xz, yy, yz, zz = sums[1], sums[2], sums[3], sums[4], sums[5], sums[6]
    # cofactors of the symmetric v vᵀ
    a, b, c = yy * zz - yz * yz, xz * yz - xy * zz, xy * yz - xz * yy
    d, e, f = xx * zz - xz * xz, xy * xz - xx * yz, xx * yy - xy * xy
    determinant = xx * a + xy * b + xz * c
    if n < 3 or determinant <= _FLAT * ((xx + yy + zz) / 3) ** 3:
        gradient[:] = np.nan
        return np.nan
    explained = 0.0
    for i in range(3):
        p, q, r = sums[7 + 3 * i], sums[8 + 3 * i], sums[9 + 3 * i]
        gradient[i, 0] = (p * a + q * b + r * c) / determinant
        gradient[i, 1] = (p * b + q * d + r * e) / determinant
        gradient[i, 2] = (p * c + q * e + r * f) / determinant
        explained += p * gradient[i, 0] + q * gradient[i, 1] + r * gradient[i, 2]
    residual: float = max(0.0, sums[16] - explained)
    return residual


@numba.njit(cache=True, nogil=True)
def strain_invariants(
    gradients: FloatArray,
    frame: FloatArray,
    whole: FloatArray,
    strains: FloatArray,
    shear: FloatArray,
    volumetric: FloatArray,
) -> None:
    """Complete the maps; write the Green–Lagrange strain (engineering shear), its shear invariant and its mean.

    :param gradients: (n_atoms, 3, 3), of :func:`fit_maps`; overwritten with F, in the frame of the caller.
    :param frame: (3, 3), rows are the axes of the columns.
    :param whole: (3, 3), deformation gradient of the cell.
    """
    half = np.empty((3, 3))
    for atom in range(len(gradients)):
        f = gradients[atom]
        for i in range(3):
            for j in range(3):
                half[i, j] = f[i, 0] * frame[0, j] + f[i, 1] * frame[1, j] + f[i, 2] * frame[2, j]
        for i in range(3):
            for j in range(3):
                turned = frame[0, i] * half[0, j] + frame[1, i] * half[1, j] + frame[2, i] * half[2, j]
                f[i, j] = whole[i, j] + turned
        xx = (f[0, 0] ** 2 + f[1, 0] ** 2 + f[2, 0] ** 2 - 1) / 2
        yy = (f[0, 1] ** 2 + f[1, 1] ** 2 + f[2, 1] ** 2 - 1) / 2
        zz = (f[0, 2] ** 2 + f[1, 2] ** 2 + f[2, 2] ** 2 - 1) / 2
        yz = (f[0, 1] * f[0, 2] + f[1, 1] * f[1, 2] + f[2, 1] * f[2, 2]) / 2
        xz = (f[0, 0] * f[0, 2] + f[1, 0] * f[1, 2] + f[2, 0] * f[2, 2]) / 2
        xy = (f[0, 0] * f[0, 1] + f[1, 0] * f[1, 1] + f[2, 0] * f[2, 1]) / 2
        strains[atom, 0], strains[atom, 1], strains[atom, 2] = xx, yy, zz
        strains[atom, 3], strains[atom, 4], strains[atom, 5] = 2 * yz, 2 * xz, 2 * xy
        normal = (yy - zz) ** 2 + (xx - zz) ** 2 + (xx - yy) ** 2
        shear[atom] = np.sqrt(yz * yz + xz * xz + xy * xy + normal / 6)
        volumetric[atom] = (xx + yy + zz) / 3


@numba.njit(cache=True, nogil=True)
def compare_sets(
    offsets_before: IntArray, before: IntArray, offsets_now: IntArray, now: IntArray, kinds: npt.NDArray[np.int8]
) -> None:
    """Write 0 unchanged, 1 swapped, 2 decreased, 3 increased for each set; members are sorted within a set."""
    for i in range(len(kinds)):
        n_before, n_now = offsets_before[i + 1] - offsets_before[i], offsets_now[i + 1] - offsets_now[i]
        if n_now < n_before:
            kinds[i] = 2
        elif n_now > n_before:
            kinds[i] = 3
        else:
            kinds[i] = 0
            for k in range(n_now):
                if before[offsets_before[i] + k] != now[offsets_now[i] + k]:
                    kinds[i] = 1
                    break

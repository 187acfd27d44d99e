"""The compiled loops: least squares of the local map over pairs, and sets of neighbours compared."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.structure._compiled import SLICES_PER_GROUP, Columns, near_by

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]

N_SUMS = 17
"""Sums of each atom over its neighbours: 1, six of v vᵀ, nine of w vᵀ, and |w|²."""
_FLAT = 1e-9
"""Determinant of the neighbours' mean v vᵀ, relative to that of a sphere, below which they lie in one plane."""


@numba.njit(cache=True, nogil=True)
def sum_over_pairs(
    columns: Columns, moved: FloatArray, fractions: FloatArray, cell: FloatArray, wrap: FloatArray, square: float
) -> FloatArray:
    """Sum over each atom's neighbours in the reference.

    A pair adds the same to both its ends: v vᵀ, w vᵀ and |w|² do not change their sign when it is turned around.

    :param columns: of the reference, built with ``half``; v is a pair's vector in their frame.
    :param moved: (n_atoms, 3), Å, how far each atom has gone beyond the map of the cells, in the frame of the columns;
        w is the difference of two.
    :param fractions: (n_atoms, 3), the same in fractions of the cell.
    :param cell: (3, 3), Å, the present cell in the frame of the columns.
    :param wrap: (3,), 1 along cell vectors where w is to be reduced to its nearest image, pair by pair, else 0; empty:
        nowhere.
    :param square: cutoff squared, Å².
    :returns: (n_atoms, :data:`N_SUMS`).
    """
    sums = np.zeros((len(moved), N_SUMS))
    xyz = np.empty((3, columns.max_candidates))
    who = np.empty(columns.max_candidates, dtype=np.int32)
    chosen = np.empty(columns.max_candidates + 1, dtype=np.int32)
    itself = np.arange(len(moved)).astype(np.int32)
    n_a, n_b, n_c = columns.shape
    n_slices = n_c + 2 * columns.image_slices
    own = np.empty(N_SUMS)
    for column in range(n_a * n_b):
        base = column * n_slices + columns.image_slices
        for low in range(0, n_c, SLICES_PER_GROUP):
            high = min(low + SLICES_PER_GROUP, n_c)
            n_own = columns.starts[base + high] - columns.starts[base + low]
            if n_own == 0:
                continue
            n = near_by(columns, column, low, high, True, xyz, who, itself)
            for i in range(n_own):
                found = _nearer(xyz[0, i:n], xyz[1, i:n], xyz[2, i:n], square, chosen)
                x, y, z = xyz[0, i], xyz[1, i], xyz[2, i]
                atom = who[i]
                own[:] = 0.0
                for m in range(found):
                    k = i + chosen[m]
                    other = who[k]
                    vx, vy, vz = xyz[0, k] - x, xyz[1, k] - y, xyz[2, k] - z
                    wx, wy, wz = _difference(moved, fractions, cell, wrap, atom, other)
                    theirs = sums[other]
                    _add(own, theirs, vx, vy, vz, wx, wy, wz)
                for s in range(N_SUMS):
                    sums[atom, s] += own[s]
    return sums


@numba.njit(cache=True, nogil=True, inline='always')
def _difference(
    moved: FloatArray, fractions: FloatArray, cell: FloatArray, wrap: FloatArray, atom: int, other: int
) -> tuple[float, float, float]:
    if len(wrap) == 0:
        return (
            moved[other, 0] - moved[atom, 0],
            moved[other, 1] - moved[atom, 1],
            moved[other, 2] - moved[atom, 2],
        )
    a = fractions[other, 0] - fractions[atom, 0]
    b = fractions[other, 1] - fractions[atom, 1]
    c = fractions[other, 2] - fractions[atom, 2]
    a, b, c = a - wrap[0] * np.round(a), b - wrap[1] * np.round(b), c - wrap[2] * np.round(c)
    return (
        a * cell[0, 0] + b * cell[1, 0] + c * cell[2, 0],
        a * cell[0, 1] + b * cell[1, 1] + c * cell[2, 1],
        a * cell[0, 2] + b * cell[1, 2] + c * cell[2, 2],
    )


@numba.njit(cache=True, nogil=True, inline='always')
def _add(own: FloatArray, theirs: FloatArray, vx: float, vy: float, vz: float, wx: float, wy: float, wz: float) -> None:
    terms = (
        1.0, vx * vx, vx * vy, vx * vz, vy * vy, vy * vz, vz * vz,
        wx * vx, wx * vy, wx * vz, wy * vx, wy * vy, wy * vz, wz * vx, wz * vy, wz * vz,
        wx * wx + wy * wy + wz * wz,
    )  # fmt: skip
    for s in range(N_SUMS):
        own[s] += terms[s]
        theirs[s] += terms[s]


@numba.njit(cache=True, nogil=True)
def _nearer(x: FloatArray, y: FloatArray, z: FloatArray, square: float, chosen: IntArray) -> int:
    """Write which atoms are nearer to the first one than the cutoff, itself left out; return how many."""
    found = 0
    x0, y0, z0 = x[0], y[0], z[0]
    for k in range(1, len(x)):
        dx, dy, dz = x[k] - x0, y[k] - y0, z[k] - z0
        chosen[np.uint32(found)] = k
        found += dx * dx + dy * dy + dz * dz < square
    return found


@numba.njit(cache=True, nogil=True)
def solve_maps(sums: FloatArray, gradients: FloatArray, residuals: FloatArray) -> None:
    """Write the local gradient of ``moved`` and the residual of each atom; NaN where neighbours do not span space.

    :param gradients: (n_atoms, 3, 3), in the frame of the columns.
    :param residuals: (n_atoms,), Å².
    """
    for atom in range(len(sums)):
        n, xx, xy, xz, yy, yz, zz = sums[atom, :7]
        # cofactors of the symmetric v vᵀ
        a, b, c = yy * zz - yz * yz, xz * yz - xy * zz, xy * yz - xz * yy
        d, e, f = xx * zz - xz * xz, xy * xz - xx * yz, xx * yy - xy * xy
        determinant = xx * a + xy * b + xz * c
        if n < 3 or determinant <= _FLAT * ((xx + yy + zz) / 3) ** 3:
            gradients[atom] = np.nan
            residuals[atom] = np.nan
            continue
        explained = 0.0
        for i in range(3):
            p, q, r = sums[atom, 7 + 3 * i], sums[atom, 8 + 3 * i], sums[atom, 9 + 3 * i]
            gradients[atom, i, 0] = (p * a + q * b + r * c) / determinant
            gradients[atom, i, 1] = (p * b + q * d + r * e) / determinant
            gradients[atom, i, 2] = (p * c + q * e + r * f) / determinant
            explained += p * gradients[atom, i, 0] + q * gradients[atom, i, 1] + r * gradients[atom, i, 2]
        residuals[atom] = max(0.0, sums[atom, 16] - explained)


@numba.njit(cache=True, nogil=True)
def strain_invariants(gradients: FloatArray, strains: FloatArray, shear: FloatArray, volumetric: FloatArray) -> None:
    """Write the Green–Lagrange strain (Voigt, engineering shear) of each map F, its shear invariant and its mean."""
    for atom in range(len(gradients)):
        f = gradients[atom]
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

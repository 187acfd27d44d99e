"""The compiled loops of how ions move.

All in one file, since numba's cache sees a change in the file of a function but not in what it calls elsewhere.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]


@numba.njit(cache=True, nogil=True)
def add_displacements(
    now: FloatArray,
    then: FloatArray,
    rows: IntArray,
    per_length: float,
    squared: FloatArray,
    fourth: FloatArray,
    counts: IntArray,
    cells: IntArray,
) -> None:
    """Add r² and r⁴ of each ion, and the histogram of r of each group, of one pair of frames.

    The first loop has no branch and no scatter, so that it runs in vectors; the second scatters.

    :param now: (3, n_ions).
    :param then: (3, n_ions).
    :param rows: (n_ions,), int32, where the row of the ion's group begins in ``counts``.
    :param per_length: bins per unit of length.
    :param squared: (n_ions,), added to.
    :param fourth: (n_ions,), added to.
    :param counts: (n_groups, n_bins + 1), added to; the last bin takes what is beyond.
    :param cells: (n_ions,), int32, overwritten.
    """
    last = counts.shape[1] - 1
    flat = counts.reshape(-1)
    x, y, z = now[0], now[1], now[2]
    x0, y0, z0 = then[0], then[1], then[2]
    for i in range(now.shape[1]):
        dx = x[i] - x0[i]
        dy = y[i] - y0[i]
        dz = z[i] - z0[i]
        r2 = dx * dx + dy * dy + dz * dz
        squared[i] += r2
        fourth[i] += r2 * r2
        cells[i] = rows[i] + np.int32(min(np.sqrt(r2) * per_length, last))
    for i in range(now.shape[1]):
        flat[cells[i]] += 1


# sums may be taken in any order, so that they run in vectors
@numba.njit(cache=True, nogil=True, fastmath={'reassoc', 'nsz', 'contract'})
def _moments(
    x: FloatArray, y: FloatArray, z: FloatArray, x0: FloatArray, y0: FloatArray, z0: FloatArray, per_length: float,
    last: float, cells: IntArray,
) -> tuple[float, float]:  # fmt: skip
    """Sums of r² and r⁴ of one ion over its origins; writes the bin of each r."""
    squared = fourth = 0.0
    for i in range(len(x)):
        dx = x[i] - x0[i]
        dy = y[i] - y0[i]
        dz = z[i] - z0[i]
        r2 = dx * dx + dy * dy + dz * dz
        squared += r2
        fourth += r2 * r2
        cells[i] = np.int32(min(np.sqrt(r2) * per_length, last))
    return squared, fourth


@numba.njit(cache=True, nogil=True)
def add_all_origins(
    positions: FloatArray,
    lags: IntArray,
    every: int,
    groups: IntArray,
    per_length: float,
    squared: FloatArray,
    fourth: FloatArray,
    counts: IntArray,
) -> None:
    """Add r², r⁴ and the histogram of r for all lags and origins, ion by ion: one ion's way stays in the cache.

    :param positions: (n_frames, n_ions, 3).
    :param every: take every n-th frame as origin.
    :param groups: (n_ions,), from 0.
    :param squared: (n_lags, n_ions), overwritten.
    :param fourth: (n_lags, n_ions), overwritten.
    :param counts: (4, n_lags, n_groups, n_bins + 1), added to: four tables whose sum counts, since successive
        displacements of an ion fall into the same bin.
    """
    n_frames, n_ions = positions.shape[:2]
    block = 8
    ways = np.empty((block, 3, n_frames))
    cells = np.empty(n_frames, dtype=np.int32)
    last = float(counts.shape[3] - 1)
    for start in range(0, n_ions, block):
        width = min(block, n_ions - start)
        for t in range(n_frames):
            for j in range(width):
                for axis in range(3):
                    ways[j, axis, t] = positions[t, start + j, axis]
        for j in range(width):
            ion = start + j
            x, y, z = ways[j, 0], ways[j, 1], ways[j, 2]
            for k in range(len(lags)):
                lag, n = lags[k], n_frames - lags[k]
                if every == 1:
                    found = _moments(x[lag:], y[lag:], z[lag:], x[:n], y[:n], z[:n], per_length, last, cells)
                else:
                    now, then = ways[j, :, lag::every].copy(), ways[j, :, :n:every].copy()
                    found = _moments(now[0], now[1], now[2], then[0], then[1], then[2], per_length, last, cells)
                    n = now.shape[1]
                squared[k, ion], fourth[k, ion] = found
                a, b = counts[0, k, groups[ion]], counts[1, k, groups[ion]]
                c, d = counts[2, k, groups[ion]], counts[3, k, groups[ion]]
                whole = n // 4 * 4
                for i in range(0, whole, 4):
                    a[cells[i]] += 1
                    b[cells[i + 1]] += 1
                    c[cells[i + 2]] += 1
                    d[cells[i + 3]] += 1
                for i in range(whole, n):
                    a[cells[i]] += 1


@numba.njit(cache=True, nogil=True)
def count_pairs(
    now: FloatArray,
    then: FloatArray,
    now_of: IntArray,
    then_of: IntArray,
    cell: FloatArray,
    shape: tuple[int, int, int],
    reach: tuple[int, int, int],
    r_max: float,
    counts: IntArray,
) -> None:
    """Histogram the distances from where ions were to where others are, through all images of the cell.

    :param now: (n, 3), fractional, of the ions that are looked for.
    :param then: (m, 3), fractional, of those that look.
    :param now_of: (n,), which ion each is; one does not count itself.
    :param then_of: (m,).
    :param cell: (3, 3), Å.
    :param shape: boxes along each cell vector.
    :param reach: boxes to either side within which all that is nearer than ``r_max`` lies.
    :param counts: (n_bins,), up to ``r_max``; added to.
    """
    n_a, n_b, n_c = shape
    per_length = len(counts) / r_max
    n = len(now)
    inside = np.empty((n, 3))
    box = np.empty(n, dtype=np.int64)
    starts = np.zeros(n_a * n_b * n_c + 1, dtype=np.int64)
    for i in range(n):
        for axis in range(3):
            value = now[i, axis] - np.floor(now[i, axis])
            inside[i, axis] = value if value < 1.0 else 0.0
        a, b, c = int(inside[i, 0] * n_a), int(inside[i, 1] * n_b), int(inside[i, 2] * n_c)
        box[i] = (a * n_b + b) * n_c + c
        starts[box[i] + 1] += 1
    for k in range(len(starts) - 1):
        starts[k + 1] += starts[k]
    filled = starts[:-1].copy()
    order = np.empty(n, dtype=np.int64)
    for i in range(n):
        order[filled[box[i]]] = i
        filled[box[i]] += 1
    limit = r_max * r_max
    for j in range(len(then)):
        u = then[j, 0] - np.floor(then[j, 0])
        v = then[j, 1] - np.floor(then[j, 1])
        w = then[j, 2] - np.floor(then[j, 2])
        for a in range(int(u * n_a) - reach[0], int(u * n_a) + reach[0] + 1):
            turn_a = a // n_a
            for b in range(int(v * n_b) - reach[1], int(v * n_b) + reach[1] + 1):
                turn_b = b // n_b
                for c in range(int(w * n_c) - reach[2], int(w * n_c) + reach[2] + 1):
                    turn_c = c // n_c
                    near = ((a - turn_a * n_a) * n_b + b - turn_b * n_b) * n_c + c - turn_c * n_c
                    for k in range(starts[near], starts[near + 1]):
                        i = order[k]
                        if now_of[i] == then_of[j]:
                            continue
                        fa = inside[i, 0] + turn_a - u
                        fb = inside[i, 1] + turn_b - v
                        fc = inside[i, 2] + turn_c - w
                        dx = fa * cell[0, 0] + fb * cell[1, 0] + fc * cell[2, 0]
                        dy = fa * cell[0, 1] + fb * cell[1, 1] + fc * cell[2, 1]
                        dz = fa * cell[0, 2] + fb * cell[1, 2] + fc * cell[2, 2]
                        r2 = dx * dx + dy * dy + dz * dz
                        if r2 < limit:
                            counts[min(int(np.sqrt(r2) * per_length), len(counts) - 1)] += 1


@numba.njit(cache=True, nogil=True)
def nearest_sites(
    points: FloatArray, sites: FloatArray, cell: FloatArray, shape: tuple[int, int, int], radius: float, found: IntArray
) -> None:
    """The nearest site within a radius, in a periodic cell wider than twice the radius.

    :param points: (n, 3), fractional.
    :param sites: (n_sites, 3), fractional.
    :param cell: (3, 3), Å.
    :param shape: boxes along each cell vector, none thinner than the radius; at least 2.
    :param found: (n,), overwritten; −1 where no site is so near.
    """
    n_a, n_b, n_c = shape
    box = np.empty(len(sites), dtype=np.int64)
    starts = np.zeros(n_a * n_b * n_c + 1, dtype=np.int64)
    for s in range(len(sites)):
        a = int((sites[s, 0] - np.floor(sites[s, 0])) * n_a) % n_a
        b = int((sites[s, 1] - np.floor(sites[s, 1])) * n_b) % n_b
        c = int((sites[s, 2] - np.floor(sites[s, 2])) * n_c) % n_c
        box[s] = (a * n_b + b) * n_c + c
        starts[box[s] + 1] += 1
    for k in range(len(starts) - 1):
        starts[k + 1] += starts[k]
    filled = starts[:-1].copy()
    order = np.empty(len(sites), dtype=np.int64)
    for s in range(len(sites)):
        order[filled[box[s]]] = s
        filled[box[s]] += 1
    for i in range(len(points)):
        nearest, found[i] = radius * radius, -1
        a = int((points[i, 0] - np.floor(points[i, 0])) * n_a)
        b = int((points[i, 1] - np.floor(points[i, 1])) * n_b)
        c = int((points[i, 2] - np.floor(points[i, 2])) * n_c)
        # of two boxes each is the other's neighbour on both sides
        for p in range(a - 1, a + min(n_a, 3) - 1):
            for q in range(b - 1, b + min(n_b, 3) - 1):
                for r in range(c - 1, c + min(n_c, 3) - 1):
                    near = ((p % n_a) * n_b + q % n_b) * n_c + r % n_c
                    for k in range(starts[near], starts[near + 1]):
                        s = order[k]
                        # within the radius each fraction is below one half: rounding finds the image in any cell
                        u = points[i, 0] - sites[s, 0]
                        v = points[i, 1] - sites[s, 1]
                        w = points[i, 2] - sites[s, 2]
                        u -= np.rint(u)
                        v -= np.rint(v)
                        w -= np.rint(w)
                        dx = u * cell[0, 0] + v * cell[1, 0] + w * cell[2, 0]
                        dy = u * cell[0, 1] + v * cell[1, 1] + w * cell[2, 1]
                        dz = u * cell[0, 2] + v * cell[1, 2] + w * cell[2, 2]
                        r2 = dx * dx + dy * dy + dz * dz
                        if r2 < nearest:
                            nearest = r2
                            found[i] = s


@numba.njit(cache=True, nogil=True)
def remaining_neighbours(offsets: IntArray, members: IntArray, now_offsets: IntArray, now: IntArray) -> IntArray:
    """How many members of each ion's list are still in its new one, (n_ions,).

    :param offsets: (n_ions + 1,), where each list begins.
    """
    kept = np.zeros(len(offsets) - 1, dtype=np.int64)
    for i in range(len(kept)):
        for a in range(offsets[i], offsets[i + 1]):
            for b in range(now_offsets[i], now_offsets[i + 1]):
                if members[a] == now[b]:
                    kept[i] += 1
                    break
    return kept

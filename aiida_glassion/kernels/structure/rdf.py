"""Partial radial distribution functions and running coordination numbers, all in one pass over the pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

from aiida_glassion.kernels.structure._columns import build_columns, periodic_cell, turned_frame
from aiida_glassion.kernels.structure._compiled import histogram
from aiida_glassion.kernels.structure.neighbours import check_configuration, check_types

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]

MAX_BLOCKS = 10
"""Frames are averaged in at most so many blocks for the standard error."""


@dataclass(frozen=True, eq=False)
class PartialRdf:
    """All partial radial distribution functions of a set of frames.

    ``g[i, j]`` is the density of j at the distance r around an i over the density of j in the cell:
    n_ij(r) / (4π r² Δr N_j/V) with the exact volume of the shell, averaged over frames with each frame's own V.
    N_j/V is taken for i = j too, so that 4π ρ_j ∫ g r² dr *is* the running number and g → 1 at large r with images;
    the price is that an ideal gas of N like atoms gives 1 − 1/N, not 1, within half the cell.

    :param r: (n_bins,), Å, centres of the bins.
    :param edges: (n_bins + 1,), Å.
    :param g: (n_types, n_types, n_bins), symmetric in the types.
    :param g_error: same shape, standard error of the mean over at most 10 blocks of consecutive frames (each frame a
        block if there are no more than 10), or None with one frame. Too small while a block is shorter than the memory
        of the structure.
    :param running: (n_types, n_types, n_bins), mean number of j around an i within the *outer edge* of the bin.
    :param elements: name of each type.
    :param counts: (n_types,), number of atoms of each type.
    :param density: mean number density of all atoms, Å⁻³.
    :param n_frames: number of frames averaged.
    """

    r: FloatArray
    edges: FloatArray
    g: FloatArray
    g_error: FloatArray | None
    running: FloatArray
    elements: tuple[str, ...]
    counts: IntArray
    density: float
    n_frames: int

    def pair(self, first: str, second: str) -> tuple[int, int]:
        """Return the indices of a pair of elements.

        :raises ValueError: an element is not among :attr:`elements`.
        """
        return self.elements.index(first), self.elements.index(second)


def partial_rdfs(
    positions: FloatArray,
    cells: FloatArray,
    types: IntArray,
    elements: Sequence[str],
    r_max: float = 10.0,
    n_bins: int = 1000,
    pbc: tuple[bool, bool, bool] = (True, True, True),
    n_threads: int | None = None,
) -> PartialRdf:
    """Partial g_ij(r) and running coordination numbers N_ij(r), averaged over frames.

    Distances are binned in single precision, relative to a corner near by: wrong by a few 1e-7 of ``r_max`` whatever
    the size of the cell, so only a pair that near to an edge can end in the next bin. Counts are exact integers.

    :param positions: (n_frames, n_atoms, 3), Å, wrapped or not.
    :param cells: (n_frames, 3, 3), Å, rows are the cell vectors.
    :param types: (n_atoms,), from 0, index into ``elements``.
    :param elements: names of the types.
    :param r_max: Å, may exceed half the cell: images then count one by one.
    :param n_bins: number of bins from 0 to ``r_max``.
    :param pbc: periodic along each vector; V is then still the cell's volume.
    :param n_threads: threads over frames, or over the columns of a single frame; default numba's number, the CPUs.
    :returns: :class:`PartialRdf`.
    :raises ValueError: a shape does not fit, a number is not finite, a cell has no volume, or no atom is given.
    """
    positions, cells = np.asarray(positions), np.asarray(cells)
    elements = tuple(elements)
    n_types = len(elements)
    if positions.ndim != 3 or positions.shape[2] != 3 or 0 in positions.shape:
        raise ValueError(f'positions: shape {positions.shape}, expected (n_frames, n_atoms, 3), none of them 0')
    if cells.shape != (len(positions), 3, 3):
        raise ValueError(f'cells: shape {cells.shape}, expected ({len(positions)}, 3, 3)')
    if not (np.isfinite(r_max) and r_max > 0 and n_bins > 0):
        raise ValueError(f'r_max ({r_max}) and n_bins ({n_bins}) must be positive')
    types = check_types(types, positions.shape[1], n_types)
    counts = np.bincount(types, minlength=n_types)
    if not np.isfinite(cells).all():
        raise ValueError('cells: not finite (NaN or infinity)')
    volumes = np.abs(np.linalg.det(cells))
    if not (volumes > 1e-6).all():
        raise ValueError('cells: a cell without volume has no density')
    edges = np.linspace(0.0, r_max, n_bins + 1)
    shells = 4 / 3 * np.pi * np.diff(edges**3)
    blocks = np.array_split(np.arange(len(positions)), min(len(positions), MAX_BLOCKS))
    scale = 1.0 / (np.maximum(counts, 1)[:, None] * np.maximum(counts, 1)[None, :])[:, :, None] / shells

    g_blocks = np.zeros((len(blocks), n_types, n_types, n_bins))
    total = np.zeros((n_types, n_types, n_bins), dtype=np.int64)
    owner = np.repeat(np.arange(len(blocks)), [len(block) for block in blocks])
    threads = n_threads or numba.config.NUMBA_NUM_THREADS
    with ThreadPoolExecutor(threads) as pool:  # starts a thread only when it is given work
        over_frames: Callable[..., Iterable[IntArray]] = map
        over_columns: Callable[..., Iterable[IntArray]] = map
        if threads > 1:
            over_frames, over_columns = (pool.map, map) if len(positions) > 1 else (map, pool.map)

        def count(frame: int) -> IntArray:
            parts = 1 if over_columns is map else threads
            return _pair_counts(positions[frame], cells[frame], types, n_types, r_max, n_bins, pbc, over_columns, parts)

        for frame, pairs in enumerate(over_frames(count, range(len(positions)))):
            g_blocks[owner[frame]] += pairs * volumes[frame]
            total += pairs
    g_blocks *= scale / np.array([len(block) for block in blocks])[:, None, None, None]
    g = np.average(g_blocks, axis=0, weights=[len(block) for block in blocks])
    g_error = g_blocks.std(axis=0, ddof=1) / np.sqrt(len(blocks)) if len(blocks) > 1 else None
    running = np.cumsum(total, axis=-1) / (np.maximum(counts, 1)[:, None, None] * len(positions))
    centres = (edges[1:] + edges[:-1]) / 2
    density = float(np.mean(positions.shape[1] / volumes))
    return PartialRdf(centres, edges, g, g_error, running, elements, counts, density, len(positions))


def _pair_counts(
    positions: FloatArray,
    cell: FloatArray,
    types: IntArray,
    n_types: int,
    r_max: float,
    n_bins: int,
    pbc: tuple[bool, bool, bool],
    over: Callable[..., Iterable[IntArray]],
    parts: int,
) -> IntArray:
    """Pairs of one frame as seen from both atoms, (n_types, n_types, n_bins); ``over`` maps the counting over parts."""
    positions, cell = check_configuration(positions, cell)
    turned, frame = turned_frame(periodic_cell(positions, cell, pbc, r_max))
    columns = build_columns(positions, turned, frame, r_max, half=True)
    bounds = np.linspace(0, columns.shape[0] * columns.shape[1], parts + 1).astype(int)
    per_angstrom = n_bins / r_max

    def part(begin: int, end: int) -> IntArray:
        pairs: IntArray = histogram(columns, types, n_types, per_angstrom, n_bins, begin, end)
        return pairs

    once: IntArray = sum(
        over(part, bounds[:-1], bounds[1:]), start=np.zeros((n_types, n_types, n_bins), dtype=np.int64)
    )
    both: IntArray = once + once.transpose(1, 0, 2)
    return both


def total_rdf(partials: PartialRdf) -> FloatArray:
    """Return g(r) of all atoms alike, (n_bins,): Σ c_i c_j g_ij(r) with the fractions c."""
    fractions = partials.counts / partials.counts.sum()
    total: FloatArray = np.einsum('i,j,ijk->k', fractions, fractions, partials.g)
    return total


def first_peak(r: FloatArray, g: FloatArray, smoothing: float = 0.05) -> tuple[float, float]:
    """Position (Å) and height of the first peak of g(r), finer than a bin.

    The peak is found on the smoothed curve; a parabola through the raw points above three quarters of its height
    gives position and height.

    :param r: (n_bins,), Å, evenly spaced.
    :param g: (n_bins,).
    :param smoothing: standard deviation of the Gaussian, Å.
    :raises ValueError: there is no peak.
    """
    r, g = _check_curve(r, g)
    smooth = _smooth(r, g, smoothing)
    top = int(_peaks(smooth)[0])
    above = smooth >= 0.75 * smooth[top]
    low, high = top, top
    while low > 0 and above[low - 1]:
        low -= 1
    while high < len(r) - 1 and above[high + 1]:
        high += 1
    low, high = min(low, max(top - 1, 0)), max(high, min(top + 1, len(r) - 1))
    x, y = r[low : high + 1] - r[top], g[low : high + 1]
    curvature, slope, height = np.polyfit(x, y, 2)
    if curvature >= 0 or not x[0] <= -slope / (2 * curvature) <= x[-1]:
        return float(r[top]), float(smooth[top])
    return float(r[top] - slope / (2 * curvature)), float(height - slope**2 / (4 * curvature))


def first_minimum(r: FloatArray, g: FloatArray, smoothing: float = 0.05) -> float:
    """Distance (Å) of the first minimum of g(r) after its first peak: the usual cutoff of a first shell.

    Taken between the first two peaks of the smoothed curve (or the first and r_max), in the middle of the range within
    2 % of the peak's height from the lowest point, so that an empty gap is cut in its middle and noise moves it little.

    :param r: (n_bins,), Å, evenly spaced.
    :param g: (n_bins,).
    :param smoothing: standard deviation of the Gaussian, Å.
    :raises ValueError: there is no first peak, or nothing comes after it.
    """
    r, g = _check_curve(r, g)
    smooth = _smooth(r, g, smoothing)
    peaks = _peaks(smooth)
    start, stop = peaks[0], peaks[1] if len(peaks) > 1 else len(r)
    lowest = start + int(np.argmin(smooth[start:stop]))
    if lowest == len(r) - 1:
        raise ValueError('g(r) still falls at its end: no minimum after the first peak; take a larger r_max')
    level = smooth[lowest] + 0.02 * (smooth[start] - smooth[lowest])
    low, high = lowest, lowest
    while low > start and smooth[low - 1] <= level:
        low -= 1
    while high < stop - 1 and smooth[high + 1] <= level:
        high += 1
    return float((r[low] + r[high]) / 2)


def _check_curve(r: FloatArray, g: FloatArray) -> tuple[FloatArray, FloatArray]:
    r, g = np.asarray(r, dtype=np.float64), np.asarray(g, dtype=np.float64)
    if r.ndim != 1 or r.shape != g.shape or len(r) < 5:
        raise ValueError(f'r and g: shapes {r.shape} and {g.shape}, expected the same (n_bins,), at least 5')
    if not (np.isfinite(r).all() and np.isfinite(g).all()):
        raise ValueError('r or g: not finite (NaN or infinity)')
    return r, g


def _smooth(r: FloatArray, g: FloatArray, width: float) -> FloatArray:
    smoothed: FloatArray = gaussian_filter1d(g, width / (r[1] - r[0]), mode='nearest')
    return smoothed


def _peaks(smooth: FloatArray) -> IntArray:
    """Peaks above 1.2 that stand out by a tenth of the highest of them."""
    peaks, _ = find_peaks(smooth, height=1.2, prominence=max(0.1 * smooth.max(), 0.1))
    if not len(peaks):
        raise ValueError('g(r) has no first peak (none above 1.2)')
    found: IntArray = peaks
    return found

"""The first sharp diffraction peak."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating[Any]]

_STEP = 0.005
_SMOOTHING = 0.03


@dataclass(frozen=True)
class DiffractionPeak:
    """A peak of S(Q).

    :param position: Å⁻¹.
    :param height: S at the top.
    :param width: Å⁻¹, full width at half of the prominence: half way between the top and the higher of the two minima
        beside it (choice: that depends on no model of the background; a Lorentzian fit gives more).
    """

    position: float
    height: float
    width: float


def first_sharp_peak(
    q: FloatArray, s: FloatArray, low: float = 0.4, high: float = 2.5, prominence: float = 0.05
) -> DiffractionPeak | None:
    """Find the first peak of S(Q) in a range, or None.

    Found on the curve smoothed by 0.03 Å⁻¹; a parabola through the raw points within a quarter of the prominence from
    the top gives position and height, finer than a step. A shoulder is no peak.

    :param q: (n_q,), Å⁻¹, increasing, evenly spaced or not.
    :param s: (n_q,).
    :param low: Å⁻¹; the top must lie between ``low`` and ``high``.
    :param prominence: the least by which a peak stands out of both minima beside it; it must also be a tenth of the
        largest in the range, so that ripples are no peaks.
    :raises ValueError: shapes differ, or the range is empty.
    """
    from scipy.ndimage import gaussian_filter1d
    from scipy.signal import find_peaks, peak_widths

    q, s = np.asarray(q, dtype=np.float64), np.asarray(s, dtype=np.float64)
    if q.shape != s.shape or q.ndim != 1:
        raise ValueError(f'q and s: shapes {q.shape} and {s.shape}, expected the same (n_q,)')
    if not low < high:
        raise ValueError(f'range of the first sharp peak: {low} to {high} Å⁻¹, expected low < high')
    known = np.isfinite(s) & (q <= high + 2.0)
    q, s = q[known], s[known]
    if len(q) < 5:
        return None
    grid = np.arange(q[0], q[-1], _STEP)
    if len(grid) < 5:
        return None
    smooth = gaussian_filter1d(np.interp(grid, q, s), _SMOOTHING / _STEP, mode='nearest')
    tops, found = find_peaks(smooth, prominence=prominence)
    inside = (grid[tops] >= low) & (grid[tops] <= high)
    if not inside.any():
        return None
    outstanding = found['prominences'] >= 0.1 * found['prominences'][inside].max()
    which = int(np.flatnonzero(inside & outstanding)[0])
    top, stands_out = int(tops[which]), float(found['prominences'][which])
    width = float(peak_widths(smooth, [top], rel_height=0.5)[0][0]) * _STEP

    above = smooth >= smooth[top] - 0.25 * stands_out
    begin, end = top, top
    while begin > 0 and above[begin - 1]:
        begin -= 1
    while end < len(grid) - 1 and above[end + 1]:
        end += 1
    near = (q >= grid[begin]) & (q <= grid[end])
    if near.sum() >= 4:
        x = q[near] - grid[top]
        curvature, slope, height = np.polyfit(x, s[near], 2)
        if curvature < 0 and x[0] <= -slope / (2 * curvature) <= x[-1]:
            shift = -slope / (2 * curvature)
            return DiffractionPeak(float(grid[top] + shift), float(height + slope * shift / 2), width)
    return DiffractionPeak(float(grid[top]), float(smooth[top]), width)

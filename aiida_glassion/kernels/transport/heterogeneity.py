"""Whether all ions move alike: the non-Gaussian parameter of their displacements, and when it is largest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

N_BLOCKS = 10
"""Groups of ions from whose differences errors are estimated."""


def non_gaussian(
    squared: npt.ArrayLike, fourth: npt.ArrayLike, n_blocks: int = N_BLOCKS
) -> tuple[FloatArray, FloatArray | None]:
    """Non-Gaussian parameter α₂(t) = 3⟨r⁴⟩/(5⟨r²⟩²) − 1 and its error (Rahman, Phys. Rev. 136, A405 (1964)).

    0 where displacements are Gaussian: ballistic motion with Maxwell's velocities, vibration in one harmonic well,
    diffusion. Positive where some ions go farther than others. The error is a jackknife over blocks of ions (a block is
    every n-th ion), so it contains how ions differ, and takes them for independent of each other.

    :param squared: (n_lags, n_ions), mean r² of each ion, Å².
    :param fourth: (n_lags, n_ions), mean r⁴, Å⁴.
    :param n_blocks: at most; there are no more than ions.
    :returns: (n_lags,) and (n_lags,); the error is None with fewer than two ions; α₂ is 0 where nothing moves.
    :raises ValueError: a shape does not fit.
    """
    r2, r4 = np.asarray(squared, dtype=np.float64), np.asarray(fourth, dtype=np.float64)
    if r2.ndim != 2 or r2.shape != r4.shape or not r2.shape[1]:
        raise ValueError(f'squared and fourth: shapes {r2.shape} and {r4.shape}, expected (n_lags, n_ions) of both')
    blocks = [np.arange(k, r2.shape[1], min(n_blocks, r2.shape[1])) for k in range(min(n_blocks, r2.shape[1]))]
    whole = _alpha(r2.sum(axis=1), r4.sum(axis=1), r2.shape[1])
    if len(blocks) < 2:
        return whole, None
    without = np.array(
        [
            _alpha(r2.sum(axis=1) - r2[:, b].sum(axis=1), r4.sum(axis=1) - r4[:, b].sum(axis=1), r2.shape[1] - len(b))
            for b in blocks
        ]
    )
    n = len(blocks)
    error: FloatArray = np.sqrt((n - 1) / n * ((without - without.mean(axis=0)) ** 2).sum(axis=0))
    return whole, error


def _alpha(r2: FloatArray, r4: FloatArray, n: int) -> FloatArray:
    mean2, mean4 = r2 / n, r4 / n
    moving = mean2 > 0
    alpha: FloatArray = np.where(moving, 3 * mean4 / (5 * np.where(moving, mean2, 1.0) ** 2) - 1, 0.0)
    return alpha


def mean_with_error(per_ion: npt.ArrayLike, n_blocks: int = N_BLOCKS) -> tuple[FloatArray, FloatArray | None]:
    """Mean over the ions, and its standard error from the spread of blocks of ions.

    :param per_ion: (n_lags, n_ions).
    :returns: (n_lags,) and (n_lags,); the error is None with fewer than two ions.
    """
    values = np.asarray(per_ion, dtype=np.float64)
    n = min(n_blocks, values.shape[1])
    mean: FloatArray = values.mean(axis=1)
    if n < 2:
        return mean, None
    blocks = np.array([values[:, k::n].mean(axis=1) for k in range(n)])
    error: FloatArray = blocks.std(axis=0, ddof=1) / np.sqrt(n)
    return mean, error


@dataclass(frozen=True)
class Peak:
    """The largest non-Gaussian parameter and its time.

    :param time: in the unit of the times.
    :param value: α₂ there.
    :param value_error: of the lag nearest to it.
    :param at_edge: it is largest at the shortest or the longest lag: the peak may be elsewhere.
    :param significant: it is larger than twice its error.
    """

    time: float
    value: float
    value_error: float | None
    at_edge: bool
    significant: bool


def alpha_peak(times: npt.ArrayLike, alpha: npt.ArrayLike, error: npt.ArrayLike | None = None) -> Peak:
    """Where α₂ is largest: the top of a parabola in ln t through the largest value and its neighbours.

    :param times: (n_lags,), increasing, positive.
    :param alpha: (n_lags,).
    :param error: (n_lags,).
    :raises ValueError: no lag, lengths that differ, or times that do not increase from above zero.
    """
    t, a = np.asarray(times, dtype=np.float64), np.asarray(alpha, dtype=np.float64)
    if t.ndim != 1 or not len(t) or a.shape != t.shape:
        raise ValueError(f'times and alpha: shapes {t.shape} and {a.shape}, expected (n_lags,) of both')
    if t[0] <= 0 or (np.diff(t) <= 0).any():
        raise ValueError('times: must increase from above zero')
    top = int(np.argmax(a))
    of_top = None if error is None else float(np.asarray(error)[top])
    significant = bool(a[top] > 2 * of_top) if of_top is not None else False
    if top in (0, len(t) - 1):
        return Peak(float(t[top]), float(a[top]), of_top, True, significant)
    x, y = np.log(t[top - 1 : top + 2]), a[top - 1 : top + 2]
    curvature, slope, constant = np.polyfit(x - x[1], y, 2)
    if curvature >= 0:
        return Peak(float(t[top]), float(a[top]), of_top, False, significant)
    shift = -slope / (2 * curvature)
    value = constant - slope**2 / (4 * curvature)
    return Peak(float(np.exp(x[1] + shift)), float(value), of_top, False, significant)

"""Straight lines through mean squared displacements, weighted by how far these err together."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.transport.covariance import MsdCovariance
from aiida_glassion.kernels.transport.msd import Msd

DoubleArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

MOST_LAGS = 60
"""Lags in a fit: more of them tell nothing new, and make the covariance hard to invert."""
_RIDGE = 1e-10


def fit_lags(first: int, last: int, most: int = MOST_LAGS) -> IntArray:
    """Distinct whole lags, evenly spaced in their logarithm.

    :raises ValueError: not 1 ≤ first ≤ last.
    """
    if not 1 <= first <= last:
        raise ValueError(f'lags: from {first} to {last}, expected 1 ≤ first ≤ last')
    return np.unique(np.geomspace(first, last, most).round().astype(np.int64))


def msd_errors(
    msd: Msd, lags: IntArray, window: tuple[int, int], n_walkers: int | None = None, spread: float = 0.0
) -> DoubleArray:
    """Standard error of the MSD at some lags, (n_lags,), Å², of Gaussian walkers on the line through a window.

    At lags before the window, where the line does not hold, the relative error at its beginning is taken, scaled by
    the square root of the lag as that of independent origins is.

    :param lags: frames, from 1.
    :param window: first and last lag of the line, frames.
    :param spread: relative standard deviation of the ions' own D beyond that of equal walkers.
    """
    walkers = msd.n_ions if n_walkers is None else n_walkers
    design = np.stack([(inside := fit_lags(*window)).astype(np.float64), np.ones(len(inside))], axis=1)
    lines = first_lines(design, msd.by_direction[inside])
    variances = np.array(
        [
            MsdCovariance(np.array([lag]), msd.n_frames).of_line(lines[0].tolist(), lines[1].tolist(), walkers)[0, 0]
            for lag in np.maximum(lags, window[0]).tolist()
        ]
    )
    model = lines[0].sum() * np.maximum(lags, window[0]) + lines[1].sum()
    relative = np.sqrt(variances) / model * np.sqrt(np.minimum(1.0, lags / window[0]))
    errors: DoubleArray = np.hypot(relative, spread / np.sqrt(walkers)) * msd.total[lags]
    return errors


class LineFit:
    """Line through the MSD at some lags, all directions together and each by itself, in units of frames."""

    def __init__(self, msd: Msd, lags: IntArray, walkers: int, weighted: bool) -> None:
        design = np.stack([lags.astype(np.float64), np.ones(len(lags))], axis=1)
        cov = MsdCovariance(lags, msd.n_frames)
        y = msd.by_direction[lags]
        lines = first_lines(design, y) if weighted else through_origin(design, y)
        for _ in range(3 if weighted else 1):
            each = [cov.of_line([a], [c], walkers) for a, c in lines.T]
            fits = [solve(design, y[:, i], each[i], weighted) for i in range(y.shape[1])]
            if weighted:
                lines = _usable(np.stack([fit[0] for fit in fits], axis=1), design, y)
        self.slopes: DoubleArray = np.array([fit[0][0] for fit in fits])
        self.slope_errors: DoubleArray = np.array([fit[1][0, 0] ** 0.5 for fit in fits])
        self.covariance: DoubleArray = cov.of_line(lines[0].tolist(), lines[1].tolist(), walkers)
        found, errors, chi2 = solve(design, y.sum(axis=1), self.covariance, weighted)
        self.slope, self.intercept = found
        self.slope_error, self.intercept_error = np.sqrt(np.diag(errors))
        self.chi2 = chi2 / max(1, len(lags) - 2)


def first_lines(design: DoubleArray, y: DoubleArray) -> DoubleArray:
    """Slope and intercept of each direction, (2, n_directions), weighted by 1/lag, to begin with."""
    weights = 1 / np.sqrt(design[:, :1])
    found: DoubleArray = np.asarray(np.linalg.lstsq(design * weights, y * weights, rcond=None)[0], dtype=np.float64)
    return _usable(found, design, y)


def through_origin(design: DoubleArray, y: DoubleArray) -> DoubleArray:
    """Slope of each direction without intercept, (2, n_directions): an MSD is known better than its slope."""
    slopes = (y / design[:, :1]).mean(axis=0)
    return _usable(np.stack([slopes, np.zeros_like(slopes)]), design, y)


def _usable(lines: DoubleArray, design: DoubleArray, y: DoubleArray) -> DoubleArray:
    """Lines that a random walk can have: slopes above zero, intercepts from zero on."""
    least = np.maximum(1e-3 * y[-1] / design[-1, 0], 1e-300)
    return np.stack([np.maximum(lines[0], least), np.maximum(lines[1], 0.0)])


def line_covariance(msd: Msd, lags: IntArray, walkers: int) -> DoubleArray:
    """Covariance of the MSD at some lags, (n_lags, n_lags), Å⁴, for the line that goes through it there."""
    design = np.stack([lags.astype(np.float64), np.ones(len(lags))], axis=1)
    lines = first_lines(design, msd.by_direction[lags])
    return MsdCovariance(lags, msd.n_frames).of_line(lines[0].tolist(), lines[1].tolist(), walkers)


def solve(
    design: DoubleArray, y: DoubleArray, covariance: DoubleArray, weighted: bool = True
) -> tuple[DoubleArray, DoubleArray, float]:
    """Coefficients, their covariance and χ², of least squares, generalised or ordinary, under a covariance of y."""
    if not weighted:
        inverse: npt.NDArray[Any] = np.linalg.pinv(design)
        return inverse @ y, inverse @ covariance @ inverse.T, float('nan')
    from scipy.linalg import cho_factor, cho_solve

    scale = np.sqrt(np.diag(covariance))
    if not scale.all():  # nothing moves
        return np.zeros(2), np.zeros((2, 2)), 0.0
    correlation = covariance / np.outer(scale, scale) + _RIDGE * np.eye(len(y))
    factor = cho_factor(correlation, lower=True)
    a, b = design / scale[:, None], y / scale
    errors = np.linalg.inv(a.T @ cho_solve(factor, a))
    found = errors @ (a.T @ cho_solve(factor, b))
    rest = b - a @ found
    return found, errors, float(rest @ cho_solve(factor, rest))

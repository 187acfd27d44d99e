"""Whether ions diffuse yet: how their mean squared displacement grows with time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aiida_glassion.kernels.transport.line import LineFit, fit_lags, line_covariance, solve
from aiida_glassion.kernels.transport.msd import Msd

EXPONENTS = (0.9, 1.1)
"""Slopes d ln MSD/d ln t that count as diffusion."""
MOST_CHI2 = 3.0
"""χ² per degree of freedom up to which a line describes an MSD (choice): of real melts it was found between 0.6 and
1.7, where the line began too early from 4 on."""


@dataclass(frozen=True)
class Regime:
    """Whether ions diffuse within the fit window.

    :param exponent: d ln MSD/d ln t over the window.
    :param error: its standard error.
    :param late: the same over the last third of the window (in time, from a third of its end on).
    :param diffusive: the exponent is within 0.9 to 1.1 and known to 0.1, a line describes the MSD, and the late
        exponent does not leave that range by more than two of its errors.
    :param reason: why, in words.
    """

    exponent: float
    error: float
    late: float
    late_error: float
    diffusive: bool
    reason: str


def diffusive_start(msd: Msd, last: int, n_walkers: int | None = None) -> int:
    """The first lag from which the MSD grows as time does.

    The first of thirty for which the exponent is within 0.95 to 1.05 from there to four times as long, and within 0.9
    to 1.1 from there to the end (two errors allowed); failing that, within 0.9 to 1.1 in both; else a fifth of the end.
    Ions that rattle in a cage pass an exponent of 1 on their way from ballistic motion into it: only lags beyond those
    at which the MSD grows slower than t^0.9 (by three errors) count, and only those from which
    a line describes it.

    :param last: end of the fit, frames.
    """
    walkers = msd.n_ions if n_walkers is None else n_walkers
    low, high = EXPONENTS
    starts = fit_lags(1, max(1, last // 10), 30).tolist()
    near = {start: log_log_slope(msd, start, min(last, max(4 * start, start + 3)), walkers)[0] for start in starts}
    local = {start: log_log_slope(msd, start, min(last, max(2 * start, start + 2)), walkers) for start in starts}
    caged = max((start for start, (slope, error) in local.items() if slope + 3 * error < low), default=0)
    for narrow in (0.5, 1.0):
        for start, exponent in near.items():
            if start <= caged:
                continue
            if abs(exponent - 1) > narrow * (high - low) / 2:
                continue
            far, error = log_log_slope(msd, start, last, walkers)
            if low - 2 * error <= far <= high + 2 * error and _is_straight(msd, start, last, walkers):
                return int(start)
    return max(1, last // 5)


def _is_straight(msd: Msd, first: int, last: int, walkers: int) -> bool:
    """Whether a line describes the MSD between two lags."""
    return bool(LineFit(msd, fit_lags(first, last), walkers, weighted=True).chi2 <= MOST_CHI2)


def log_log_slope(msd: Msd, first: int, last: int, n_walkers: int | None = None) -> tuple[float, float]:
    """Exponent d ln MSD/d ln t between two lags, and its standard error, by generalised least squares.

    :param first: lag, frames.
    :param last: lag, frames.
    """
    walkers = msd.n_ions if n_walkers is None else n_walkers
    lags = fit_lags(first, last, 20)
    values = msd.total[lags]
    if len(lags) < 2 or (values <= 0).any():
        return float('nan'), float('inf')
    covariance = line_covariance(msd, lags, walkers) / np.outer(values, values)
    design = np.stack([np.log(lags), np.ones(len(lags))], axis=1)
    found, errors, _ = solve(design, np.log(values), covariance)
    return float(found[0]), float(errors[0, 0] ** 0.5)


def judge_regime(msd: Msd, first: int, last: int, n_walkers: int, chi2: float | None = None) -> Regime:
    """Whether the MSD is that of diffusion between two lags; see :class:`Regime`.

    :param chi2: of the line between them, per degree of freedom; None: not known.
    """
    exponent, error = log_log_slope(msd, first, last, n_walkers)
    late, late_error = log_log_slope(msd, max(first, last // 3), last, n_walkers)
    low, high = EXPONENTS
    told = f'MSD grows as t^{exponent:.2f}±{error:.2f}'
    if not np.isfinite(exponent):
        return Regime(exponent, error, late, late_error, False, 'the ions do not move')
    if not low <= exponent <= high:
        slow = 'slower' if exponent < low else 'faster'
        reason = f'{told}, {slow} than diffusion (t^{low} to t^{high})'
    elif error > (high - low) / 2:
        reason = f'{told}: too uncertain to tell diffusion from anything else'
    elif chi2 is not None and chi2 > MOST_CHI2:
        reason = f'{told}, but along no straight line (χ² {chi2:.1f} per degree of freedom, {MOST_CHI2:g} at most)'
    elif late + 2 * late_error < low or late - 2 * late_error > high:
        reason = f'{told}, but as t^{late:.2f}±{late_error:.2f} at the end of the window'
    else:
        return Regime(exponent, error, late, late_error, True, told)
    return Regime(exponent, error, late, late_error, False, reason)

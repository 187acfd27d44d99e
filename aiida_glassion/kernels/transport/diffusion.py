"""Diffusion coefficients from mean squared displacements, with an error that knows how MSD values err together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from aiida_glassion import units
from aiida_glassion.kernels.transport.covariance import MsdCovariance
from aiida_glassion.kernels.transport.msd import Displacements, Msd, mean_squared_displacement, msd_per_ion, shape_of

DoubleArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

Method = Literal['gls', 'window']

EXPONENTS = (0.9, 1.1)
"""Slopes d ln MSD/d ln t that count as diffusion."""
MOST_LAGS = 60
"""Lags in a fit: more of them tell nothing new, and make the covariance hard to invert."""
WINDOW = (0.50, 0.95)
"""Fit window of the method ``window``, in parts of the longest lag."""
_RIDGE = 1e-10


@dataclass(frozen=True)
class Regime:
    """Whether ions diffuse within the fit window.

    :param exponent: d ln MSD/d ln t over the window.
    :param error: its standard error.
    :param late: the same over the last third of the window (in time, from a third of its end on).
    :param diffusive: the exponent is within 0.9 to 1.1 and known to 0.1, and the late one does not leave that range by
        more than two of its errors.
    :param reason: why, in words.
    """

    exponent: float
    error: float
    late: float
    late_error: float
    diffusive: bool
    reason: str


@dataclass(frozen=True, eq=False)
class DiffusionFit:
    """A straight line through an MSD.

    :param D: slope/(2 d), cm²/s.
    :param error: standard deviation of D, cm²/s.
    :param D_by_direction: (n_directions,), cm²/s.
    :param errors_by_direction: (n_directions,), cm²/s.
    :param intercept: of the line, Å²: what rattling in cages adds to the MSD.
    :param window: first and last lag of the fit, ps.
    :param n_lags: lags in it.
    :param method: ``gls`` or ``window``.
    :param inflation: factor on the variance for ions that differ more than equal random walkers would.
    :param chi2: of the residuals per degree of freedom; about 1 where the line and its covariance hold; None for
        ``window``.
    """

    D: float
    error: float
    D_by_direction: DoubleArray
    errors_by_direction: DoubleArray
    intercept: float
    intercept_error: float
    window: tuple[float, float]
    n_lags: int
    method: str
    inflation: float
    chi2: float | None
    regime: Regime

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Range that holds the true D with a probability of ``level``; never below zero."""
        return positive_interval(self.D, self.error, level)


def positive_interval(value: float, error: float, level: float = 0.95) -> tuple[float, float]:
    """Interval of a quantity that is a variance: relative errors are the same whatever its size.

    value × ν/χ²_ν with ν = 2 (value/error)², so that the interval of a small sample reaches further up than down; for
    large ν it is the normal one. With relative errors beyond 0.5 the normal interval is taken, cut at zero.

    :param level: probability, between 0 and 1.
    """
    from scipy.stats import chi2, norm

    if not 0 < level < 1:
        raise ValueError(f'level: {level}, expected a probability between 0 and 1')
    tail = (1 - level) / 2
    if error <= 0:
        return value, value
    if value <= 2 * error:
        reach = float(norm.ppf(1 - tail)) * error
        return max(0.0, value - reach), max(0.0, value + reach)
    freedom = 2 * (value / error) ** 2
    low, high = freedom / chi2.ppf([1 - tail, tail], freedom)
    return float(value * low), float(value * high)


def log_lags(first: int, last: int, most: int = MOST_LAGS) -> IntArray:
    """Distinct whole lags, evenly spaced in their logarithm.

    :raises ValueError: not 1 ≤ first ≤ last.
    """
    if not 1 <= first <= last:
        raise ValueError(f'lags: from {first} to {last}, expected 1 ≤ first ≤ last')
    return np.unique(np.geomspace(first, last, most).round().astype(np.int64))


def fit_diffusion(
    msd: Msd,
    frame_time: float,
    method: Method = 'gls',
    window: tuple[int, int] | None = None,
    n_walkers: int | None = None,
    inflation: float = 1.0,
) -> DiffusionFit:
    """D from the slope of an MSD, by one of two ways.

    ``gls``: generalised least squares with the covariance of the MSD, which is the mean and the standard deviation of
    the posterior of a line under a flat prior (McCluskey et al., J. Chem. Theory Comput. 21, 79 (2025), with their
    covariance replaced by the exact one). ``window``: ordinary least squares from 50 to 95 % of the longest lag, its
    error from the same covariance.

    :param msd: at all lags from 0.
    :param frame_time: ps between frames.
    :param window: first and last lag, frames; None: :func:`diffusive_start` to half the trajectory, or 50–95 %.
    :param n_walkers: independent walkers; None: the ions. 1 for a collective displacement.
    :param inflation: factor on the covariance.
    :raises ValueError: too short for a line, or a window that is not within the lags.
    """
    if not frame_time > 0:
        raise ValueError(f'frame_time: {frame_time}, expected a positive time in ps')
    walkers = msd.n_ions if n_walkers is None else n_walkers
    longest = int(msd.lags[-1])
    if window is not None:
        first, last = window
    elif method == 'gls':
        last = max(1, min(longest, msd.n_frames // 2))
        first = diffusive_start(msd, last, walkers)
    else:
        first, last = (round(part * longest) for part in WINDOW)
    if not 1 <= first < last <= longest or last - first < 2:
        raise ValueError(
            f'window: lags {first} to {last} of {longest} frames, expected at least three lags; the trajectory has '
            f'{msd.n_frames} frames'
        )
    lags = log_lags(first, last) if method == 'gls' else np.unique(np.linspace(first, last, MOST_LAGS).astype(np.int64))
    fit = _LineFit(msd, lags, walkers, inflation, weighted=method == 'gls')
    directions = msd.by_direction.shape[1]
    to_d = units.ANGSTROM2_PER_PS_TO_CM2_PER_S / (2 * frame_time)
    return DiffusionFit(
        D=float(fit.slope * to_d / directions),
        error=float(fit.slope_error * to_d / directions),
        D_by_direction=fit.slopes * to_d,
        errors_by_direction=fit.slope_errors * to_d,
        intercept=float(fit.intercept),
        intercept_error=float(fit.intercept_error),
        window=(float(first * frame_time), float(last * frame_time)),
        n_lags=len(lags),
        method=method,
        inflation=inflation,
        chi2=fit.chi2 if method == 'gls' else None,
        regime=judge_regime(msd, first, last, walkers, inflation),
    )


def diffusion_coefficient(
    displacements: Displacements, frame_time: float, method: Method = 'gls', window: tuple[int, int] | None = None
) -> tuple[DiffusionFit, Msd]:
    """D of ions from their displacements; the error widened where ions differ more than equal walkers would.

    Ions in better and worse surroundings, or that hop rarely, spread more than Gaussian walkers: the variance of their
    own MSD at the first lag of the window, over that of the model, multiplies the covariance (never below 1).

    :param displacements: (n_frames, n_ions, n_directions), Å, unwrapped, drift removed; or consecutive pieces of it.
    :param frame_time: ps between frames.
    :param window: first and last lag, frames.
    :returns: the fit, and the MSD at all lags.
    :raises ValueError: as :func:`fit_diffusion`.
    """
    msd = mean_squared_displacement(displacements)
    fit = fit_diffusion(msd, frame_time, method, window)
    first, last = (max(1, round(time / frame_time)) for time in fit.window)
    inflation = spread_of_ions(displacements, msd, first, last)
    if inflation > 1:
        fit = fit_diffusion(msd, frame_time, method, (first, last), inflation=inflation)
    return fit, msd


def spread_of_ions(displacements: Displacements, msd: Msd, first: int, last: int) -> float:
    """Variance of the ions' own MSD at a lag, over that of equal Gaussian walkers; 1 where it is not clearly more.

    Clearly: by two standard errors of a variance of so many ions, whose MSD is about gamma-distributed.

    :param first: the lag, frames.
    :param last: end of the window whose line tells how a walker would move.
    """
    n_ions = shape_of(displacements)[1]
    if n_ions < 2:
        return 1.0
    lags = log_lags(first, last)
    expected = float(_line_covariance(msd, lags, 1)[0, 0])
    own = msd_per_ion(displacements, [first])[0]
    if expected <= 0 or own.mean() <= 0:
        return 1.0
    ratio = float(own.var(ddof=1)) / expected
    error = np.sqrt((2 + 6 * expected / own.mean() ** 2) / (n_ions - 1))
    return ratio if ratio > 1 + 2 * error else 1.0


def diffusive_start(msd: Msd, last: int, n_walkers: int | None = None) -> int:
    """The first lag from which the MSD grows as time does.

    The first of thirty for which the exponent is within 0.95 to 1.05 from there to four times as long, and within 0.9
    to 1.1 from there to the end (two errors allowed); failing that, within 0.9 to 1.1 in both; else a twentieth of the
    end.

    :param last: end of the fit, frames.
    """
    walkers = msd.n_ions if n_walkers is None else n_walkers
    low, high = EXPONENTS
    starts = log_lags(1, max(1, last // 10), 30).tolist()
    near = {start: log_log_slope(msd, start, min(last, max(4 * start, start + 3)), walkers)[0] for start in starts}
    for narrow in (0.5, 1.0):
        for start, exponent in near.items():
            if abs(exponent - 1) > narrow * (high - low) / 2:
                continue
            far, error = log_log_slope(msd, start, last, walkers)
            if low - 2 * error <= far <= high + 2 * error:
                return int(start)
    return max(1, last // 20)


def log_log_slope(
    msd: Msd, first: int, last: int, n_walkers: int | None = None, inflation: float = 1.0
) -> tuple[float, float]:
    """Exponent d ln MSD/d ln t between two lags, and its standard error, by generalised least squares.

    :param first: lag, frames.
    :param last: lag, frames.
    """
    walkers = msd.n_ions if n_walkers is None else n_walkers
    lags = log_lags(first, last, 20)
    values = msd.total[lags]
    if len(lags) < 2 or (values <= 0).any():
        return float('nan'), float('inf')
    covariance = _line_covariance(msd, lags, walkers) * inflation / np.outer(values, values)
    design = np.stack([np.log(lags), np.ones(len(lags))], axis=1)
    found, errors, _ = _solve(design, np.log(values), covariance)
    return float(found[0]), float(errors[0, 0] ** 0.5)


def judge_regime(msd: Msd, first: int, last: int, n_walkers: int, inflation: float = 1.0) -> Regime:
    """Whether the MSD is that of diffusion between two lags; see :class:`Regime`."""
    exponent, error = log_log_slope(msd, first, last, n_walkers, inflation)
    late, late_error = log_log_slope(msd, max(first, last // 3), last, n_walkers, inflation)
    low, high = EXPONENTS
    told = f'MSD grows as t^{exponent:.2f}±{error:.2f}'
    if not np.isfinite(exponent):
        return Regime(exponent, error, late, late_error, False, 'the ions do not move')
    if not low <= exponent <= high:
        slow = 'slower' if exponent < low else 'faster'
        reason = f'{told}, {slow} than diffusion (t^{low} to t^{high})'
    elif error > (high - low) / 2:
        reason = f'{told}: too uncertain to tell diffusion from anything else'
    elif late + 2 * late_error < low or late - 2 * late_error > high:
        reason = f'{told}, but as t^{late:.2f}±{late_error:.2f} at the end of the window'
    else:
        return Regime(exponent, error, late, late_error, True, told)
    return Regime(exponent, error, late, late_error, False, reason)


def msd_errors(
    msd: Msd, lags: IntArray, window: tuple[int, int], n_walkers: int | None = None, inflation: float = 1.0
) -> DoubleArray:
    """Standard error of the MSD at some lags, (n_lags,), Å², of Gaussian walkers on the line through a window.

    At lags before the window, where the line does not hold, the relative error at its beginning is taken, scaled by
    the square root of the lag as that of independent origins is.

    :param lags: frames, from 1.
    :param window: first and last lag of the line, frames.
    """
    walkers = msd.n_ions if n_walkers is None else n_walkers
    design = np.stack([(inside := log_lags(*window)).astype(np.float64), np.ones(len(inside))], axis=1)
    lines = _first_lines(design, msd.by_direction[inside])
    variances = np.array(
        [
            MsdCovariance(np.array([lag]), msd.n_frames).of_line(lines[0].tolist(), lines[1].tolist(), walkers)[0, 0]
            for lag in np.maximum(lags, window[0]).tolist()
        ]
    )
    model = lines[0].sum() * np.maximum(lags, window[0]) + lines[1].sum()
    relative = np.sqrt(inflation * variances) / model * np.sqrt(np.minimum(1.0, lags / window[0]))
    errors: DoubleArray = relative * msd.total[lags]
    return errors


class _LineFit:
    """Line through the MSD at some lags, all directions together and each by itself, in units of frames."""

    def __init__(self, msd: Msd, lags: IntArray, walkers: int, inflation: float, weighted: bool) -> None:
        design = np.stack([lags.astype(np.float64), np.ones(len(lags))], axis=1)
        cov = MsdCovariance(lags, msd.n_frames)
        y = msd.by_direction[lags]
        lines = _first_lines(design, y)
        for _ in range(3 if weighted else 1):
            each = [cov.of_line([a], [c], walkers) * inflation for a, c in lines.T]
            fits = [_solve(design, y[:, i], each[i], weighted) for i in range(y.shape[1])]
            lines = _usable(np.stack([fit[0] for fit in fits], axis=1), design, y)
        self.slopes: DoubleArray = np.array([fit[0][0] for fit in fits])
        self.slope_errors: DoubleArray = np.array([fit[1][0, 0] ** 0.5 for fit in fits])
        self.covariance: DoubleArray = cov.of_line(lines[0].tolist(), lines[1].tolist(), walkers) * inflation
        found, errors, chi2 = _solve(design, y.sum(axis=1), self.covariance, weighted)
        self.slope, self.intercept = found
        self.slope_error, self.intercept_error = np.sqrt(np.diag(errors))
        self.chi2 = chi2 / max(1, len(lags) - 2)


def _first_lines(design: DoubleArray, y: DoubleArray) -> DoubleArray:
    """Slope and intercept of each direction, (2, n_directions), weighted by 1/lag, to begin with."""
    weights = 1 / np.sqrt(design[:, :1])
    found = np.linalg.lstsq(design * weights, y * weights, rcond=None)[0]
    return _usable(found, design, y)


def _usable(lines: DoubleArray, design: DoubleArray, y: DoubleArray) -> DoubleArray:
    """Lines that a random walk can have: slopes above zero, intercepts from zero on."""
    least = np.maximum(1e-3 * y[-1] / design[-1, 0], 1e-300)
    return np.stack([np.maximum(lines[0], least), np.maximum(lines[1], 0.0)])


def _line_covariance(msd: Msd, lags: IntArray, walkers: int) -> DoubleArray:
    design = np.stack([lags.astype(np.float64), np.ones(len(lags))], axis=1)
    lines = _first_lines(design, msd.by_direction[lags])
    return MsdCovariance(lags, msd.n_frames).of_line(lines[0].tolist(), lines[1].tolist(), walkers)


def _solve(
    design: DoubleArray, y: DoubleArray, covariance: DoubleArray, weighted: bool = True
) -> tuple[DoubleArray, DoubleArray, float]:
    """Coefficients, their covariance and χ², of least squares, generalised or ordinary, under a covariance of y."""
    if not weighted:
        inverse: npt.NDArray[Any] = np.linalg.pinv(design)
        return inverse @ y, inverse @ covariance @ inverse.T, float('nan')
    from scipy.linalg import cho_factor, cho_solve

    scale = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(scale, scale) + _RIDGE * np.eye(len(y))
    factor = cho_factor(correlation, lower=True)
    a, b = design / scale[:, None], y / scale
    errors = np.linalg.inv(a.T @ cho_solve(factor, a))
    found = errors @ (a.T @ cho_solve(factor, b))
    rest = b - a @ found
    return found, errors, float(rest @ cho_solve(factor, rest))

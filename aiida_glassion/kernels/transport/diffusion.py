"""Diffusion coefficients from mean squared displacements, with an error that knows how MSD values err together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from aiida_glassion import units
from aiida_glassion.kernels.transport.line import MOST_LAGS, LineFit, fit_lags, line_covariance
from aiida_glassion.kernels.transport.msd import Displacements, Msd, mean_squared_displacement, msd_per_ion, shape_of
from aiida_glassion.kernels.transport.regime import Regime, diffusive_start, judge_regime

FloatArray = npt.NDArray[np.floating[Any]]
DoubleArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

Method = Literal['gls', 'window']

WINDOW = (0.50, 0.95)
"""Fit window of the method ``window``, in parts of the longest lag."""
N_BLOCKS = 8
"""Blocks of a run whose scatter is held against the error."""
_FIRST_LAG = 0.1
_FEWEST_IN_BLOCK = 40


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
    :param spread: relative standard deviation of the ions' own D beyond that of equal walkers; in the error of D it
        counts over √n_ions.
    :param widened: factor on the error because blocks of the run scatter more than it says.
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
    spread: float
    chi2: float | None
    regime: Regime
    widened: float = 1.0

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Range that holds the true D with a probability of ``level``; never below zero."""
        if self.method == 'gls':
            return positive_interval(self.D, self.error, level)
        return normal_interval(self.D, self.error, level)


def positive_interval(value: float, error: float, level: float = 0.95) -> tuple[float, float]:
    """Interval of a quantity that is a variance: relative errors are the same whatever its size.

    value × ν/χ²_ν with ν = 2 (value/error)², so that the interval of a small sample reaches further up than down; for
    large ν it is the normal one. With relative errors beyond 0.5 the normal interval is taken, cut at zero.

    :param level: probability, between 0 and 1.
    """
    from scipy.stats import chi2

    if error <= 0 or value <= 2 * error:
        return normal_interval(value, error, level)
    tail = (1 - _probability(level)) / 2
    freedom = 2 * (value / error) ** 2
    low, high = freedom / chi2.ppf([1 - tail, tail], freedom)
    return float(value * low), float(value * high)


def normal_interval(value: float, error: float, level: float = 0.95) -> tuple[float, float]:
    """Interval of a normal distribution, cut at zero.

    :param level: probability, between 0 and 1.
    """
    from scipy.stats import norm

    reach = float(norm.ppf((1 + _probability(level)) / 2)) * error
    return max(0.0, value - reach), max(0.0, value + reach)


def _probability(level: float) -> float:
    if not 0 < level < 1:
        raise ValueError(f'level: {level}, expected a probability between 0 and 1')
    return level


def fit_diffusion(
    msd: Msd,
    frame_time: float,
    method: Method = 'gls',
    window: tuple[int, int] | None = None,
    n_walkers: int | None = None,
    spread: float = 0.0,
) -> DiffusionFit:
    """D from the slope of an MSD, by one of two ways.

    ``gls``: generalised least squares with the covariance of the MSD, which is the mean and the standard deviation of
    the posterior of a line under a flat prior (McCluskey et al., J. Chem. Theory Comput. 21, 79 (2025), with their
    covariance replaced by the exact one). ``window``: ordinary least squares from 50 to 95 % of the longest lag, its
    error from the same covariance.

    :param msd: at all lags from 0.
    :param frame_time: ps between frames.
    :param window: first and last lag, frames; None: :func:`.diffusive_start` to half the trajectory, or 50–95 %.
    :param n_walkers: independent walkers; None: the ions. 1 for a collective displacement.
    :param spread: relative standard deviation of the ions' own D beyond that of equal walkers.
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
    lags = fit_lags(first, last) if method == 'gls' else np.unique(np.linspace(first, last, MOST_LAGS).astype(np.int64))
    fit = LineFit(msd, lags, walkers, weighted=method == 'gls')
    chi2 = fit.chi2 if method == 'gls' else None
    directions = msd.by_direction.shape[1]
    of_drawing = spread / np.sqrt(walkers)
    to_d = units.ANGSTROM2_PER_PS_TO_CM2_PER_S / (2 * frame_time)
    return DiffusionFit(
        D=float(fit.slope * to_d / directions),
        error=float(np.hypot(fit.slope_error, fit.slope * of_drawing) * to_d / directions),
        D_by_direction=fit.slopes * to_d,
        errors_by_direction=np.hypot(fit.slope_errors, fit.slopes * of_drawing) * to_d,
        intercept=float(fit.intercept),
        intercept_error=float(fit.intercept_error),
        window=(float(first * frame_time), float(last * frame_time)),
        n_lags=len(lags),
        method=method,
        spread=spread,
        chi2=chi2,
        regime=judge_regime(msd, first, last, walkers, chi2),
    )


def diffusion_coefficient(
    displacements: Displacements, frame_time: float, method: Method = 'gls', window: tuple[int, int] | None = None
) -> tuple[DiffusionFit, Msd]:
    """D of ions from their displacements; the error widened where ions differ more than equal walkers would.

    Ions in better and worse surroundings, or that hop rarely, spread more than Gaussian walkers; another glass would
    draw others. All lags feel this alike, so it does not change the line, only how well its slope stands for the glass.

    :param displacements: (n_frames, n_ions, n_directions), Å, unwrapped, drift removed; or consecutive pieces of it.
    :param frame_time: ps between frames.
    :param window: first and last lag, frames.
    :returns: the fit, and the MSD at all lags.
    :raises ValueError: as :func:`fit_diffusion`.
    """
    msd = mean_squared_displacement(displacements)
    fit = fit_diffusion(msd, frame_time, method, window)
    first, last = (max(1, round(time / frame_time)) for time in fit.window)
    spread = spread_of_ions(displacements, msd, first, last)
    if spread > 0:
        fit = fit_diffusion(msd, frame_time, method, (first, last), spread=spread)
    return fit, msd


def spread_of_ions(displacements: Displacements, msd: Msd, first: int, last: int) -> float:
    """Relative standard deviation of the ions' own MSD at a lag beyond that of equal Gaussian walkers.

    0 where it is not clearly more: by two standard errors of a variance of so many ions, whose MSD is about
    gamma-distributed.

    :param first: the lag, frames.
    :param last: end of the window whose line tells how a walker would move.
    """
    n_ions = shape_of(displacements)[1]
    own = msd_per_ion(displacements, [first])[0]
    if n_ions < 2 or own.mean() <= 0:
        return 0.0
    walkers = float(line_covariance(msd, fit_lags(first, last), 1)[0, 0]) / own.mean() ** 2
    seen = float(own.var(ddof=1)) / own.mean() ** 2
    error = walkers * np.sqrt((2 + 6 * walkers) / (n_ions - 1))
    return float(np.sqrt(seen - walkers)) if seen > walkers + 2 * error else 0.0


def block_values(displacements: Displacements, frame_time: float, first: int) -> DoubleArray | None:
    """D of each of eight consecutive blocks of a run, cm²/s.

    Their scatter knows what the covariance of independent walkers does not: ions that move together, and surroundings
    that change slowly. Each is fitted from the first lag, or a tenth of the block where that comes earlier, to half the
    block.

    :param displacements: (n_frames, n_ions, n_directions), Å; or consecutive pieces of it.
    :param first: first lag of the fit, frames.
    :returns: (8,); None where a block would be shorter than 40 frames.
    """
    n_frames = shape_of(displacements)[0]
    length = n_frames // N_BLOCKS
    if length < _FEWEST_IN_BLOCK:
        return None
    first = min(first, int(_FIRST_LAG * length))
    pieces = [displacements] if isinstance(displacements, np.ndarray) else list(displacements)
    found = []
    for block in range(N_BLOCKS):
        msd = mean_squared_displacement(_cut(pieces, block * length, (block + 1) * length), length // 2)
        found.append(fit_diffusion(msd, frame_time, 'gls', (first, length // 2)).D)
    return np.array(found)


def widened_by_blocks(fit: DiffusionFit, blocks: DoubleArray | None) -> DiffusionFit:
    """A fit with the error that the scatter of its blocks tells, where that is clearly larger.

    Clearly: blocks make a D of the same size (within a factor of two), and the variance of their mean is beyond that of
    the fit by more than the standard error of a variance of eight numbers (with equal walkers one time in seven).

    :param blocks: D of each block; None: the fit stays as it is.
    """
    if blocks is None or fit.D <= 0 or fit.error <= 0 or not 0.5 < blocks.mean() / fit.D < 2:
        return fit
    relative = float(blocks.std(ddof=1) / blocks.mean() / np.sqrt(len(blocks)))
    ratio = relative * fit.D / fit.error
    if ratio**2 <= 1 + np.sqrt(2 / (len(blocks) - 1)):
        return fit
    return replace(fit, error=fit.error * ratio, errors_by_direction=fit.errors_by_direction * ratio, widened=ratio)


def _cut(pieces: Sequence[FloatArray], first: int, last: int) -> list[FloatArray]:
    """Frames first to last − 1 of consecutive pieces, without a copy."""
    found, at = [], 0
    for piece in pieces:
        part = piece[max(0, first - at) : max(0, last - at)]
        if len(part):
            found.append(part)
        at += len(piece)
    return found

"""Means with honest errors: over replicas, over correlated series, and where two lines meet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class MeanError:
    """A mean and its standard error, in the unit of the values.

    :param standard_error: s/√n with s from n − 1 degrees of freedom; None where n = 1: one replica knows no spread.
    """

    mean: float
    standard_error: float | None
    n: int


def mean_and_error(values: npt.ArrayLike) -> MeanError:
    """Mean over independent samples (replicas) with its standard error.

    :param values: (n,), one number per replica.
    :raises ValueError: no value, not one-dimensional, or not finite.
    """
    x = _finite_series(values, 1)
    error = float(x.std(ddof=1) / np.sqrt(len(x))) if len(x) > 1 else None
    return MeanError(float(x.mean()), error, len(x))


def curve_mean_and_error(curves: npt.ArrayLike) -> tuple[FloatArray, FloatArray | None]:
    """Mean of replicas' curves point by point, and its standard error (None with one replica).

    :param curves: (n_replicas, ...), all on the same axis.
    :raises ValueError: no replica, or not finite.
    """
    x = np.asarray(curves, dtype=np.float64)
    if x.ndim < 2 or len(x) == 0:
        raise ValueError(f'curves: shape {x.shape}, expected (n_replicas, ...) with at least one replica')
    if not np.isfinite(x).all():
        raise ValueError('curves: not finite (NaN or infinity)')
    error = x.std(axis=0, ddof=1) / np.sqrt(len(x)) if len(x) > 1 else None
    return x.mean(axis=0), error


def average_records(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Average the numbers of nested dictionaries, one per replica, leaf by leaf.

    A leaf that is absent or None in some replicas (a T_g that was not found) is averaged over the others: its ``n``
    says over how many. Text, booleans and lists are left out.

    :param records: one dictionary per replica, of the same layout.
    :returns: the same layout, each number replaced by ``{'mean': …, 'standard_error': … or None, 'n': …}``.
    :raises ValueError: no record, or a key that holds a number in one replica and a dictionary in another.
    """
    if not records:
        raise ValueError('no record to average')
    averaged: dict[str, Any] = {}
    for key in dict.fromkeys(key for record in records for key in record):
        values = [record[key] for record in records if record.get(key) is not None]
        tables = [value for value in values if isinstance(value, Mapping)]
        numbers = [
            float(value)
            for value in values
            if isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
        ]
        if tables and numbers:
            raise ValueError(f'{key!r}: a number in one replica, a dictionary in another')
        if tables:
            averaged[key] = average_records(tables)
        elif numbers:
            result = mean_and_error(numbers)
            averaged[key] = {'mean': result.mean, 'standard_error': result.standard_error, 'n': result.n}
    return averaged


@dataclass(frozen=True)
class BlockError:
    """Mean of a correlated series with the error from blocking.

    :param standard_error: of the mean, at the chosen block size; where ``converged`` is False a lower bound.
    :param block_size: number of consecutive samples averaged into one.
    :param n_blocks: number of blocks of that size.
    :param inefficiency: (error / naive error)², the number of samples that count as one.
    :param converged: whether the series is long enough for its own correlation.
    """

    mean: float
    standard_error: float
    block_size: int
    n_blocks: int
    inefficiency: float
    converged: bool


def block_standard_error(series: npt.ArrayLike) -> BlockError:
    """Standard error of the mean of an autocorrelated, stationary series, by blocking.

    Neighbouring samples are averaged in pairs, again and again (Flyvbjerg and Petersen, J. Chem. Phys. 91, 461 (1989)):
    once a block is longer than the memory of the series, blocks are independent and the naive error holds. The block
    size B is the smallest with B³ > 2 n (error_B/error_1)⁴, which balances the remaining correlation against the noise
    of having few blocks (Lee et al., Phys. Rev. E 83, 066706 (2011)).

    :param series: (n,), equally spaced samples, n ≥ 4.
    :raises ValueError: too short or not finite.
    """
    x = _finite_series(series, 4)
    n = len(x)
    sizes, errors = [], []
    blocks, size = x, 1
    while len(blocks) >= 2:
        sizes.append(size)
        errors.append(float(blocks.std(ddof=1) / np.sqrt(len(blocks))))
        blocks = blocks[: len(blocks) // 2 * 2].reshape(-1, 2).mean(axis=1)
        size *= 2
    if errors[0] == 0.0:
        return BlockError(float(x.mean()), 0.0, 1, n, 1.0, True)
    for size, error in zip(sizes, errors, strict=True):
        inefficiency = (error / errors[0]) ** 2
        if size**3 > 2 * n * inefficiency**2 and n // size >= 4:
            return BlockError(float(x.mean()), error, size, n // size, inefficiency, True)
    worst = int(np.argmax(errors))
    inefficiency = (errors[worst] / errors[0]) ** 2
    return BlockError(float(x.mean()), errors[worst], sizes[worst], n // sizes[worst], inefficiency, False)


def statistical_inefficiency(series: npt.ArrayLike) -> float:
    """Number of consecutive samples that carry the information of one: g = 1 + 2 Σ ρ(k), at least 1.

    The sum stops where a pair ρ(2m) + ρ(2m+1) first falls to zero, beyond which the estimate is noise
    (Geyer, Statistical Science 7, 473 (1992), initial positive sequence).

    :param series: (n,), equally spaced samples without trend, n ≥ 4.
    :raises ValueError: too short or not finite.
    """
    x = _finite_series(series, 4)
    n = len(x)
    if np.ptp(x) <= 1e-14 * np.abs(x).max():
        return 1.0
    x = x - x.mean()
    spectrum = np.fft.rfft(x, 2 * n)
    correlation = np.fft.irfft(spectrum * spectrum.conj(), 2 * n)[:n] / float(x @ x)
    pairs = correlation[: n // 2 * 2].reshape(-1, 2).sum(axis=1)
    negative = np.flatnonzero(pairs <= 0)
    last = int(negative[0]) if len(negative) else len(pairs)
    return max(1.0, float(2 * pairs[:last].sum() - 1))


@dataclass(frozen=True)
class LineFit:
    """A straight line y = value + slope (x − x̄), with the slope's error widened for correlated residuals."""

    value: float
    slope: float
    slope_error: float
    inefficiency: float


def line_fit(x: npt.ArrayLike, y: npt.ArrayLike) -> LineFit:
    """Least squares line through an autocorrelated series.

    The ordinary error of the slope, multiplied by √g with g the statistical inefficiency of the residuals.

    :param x: (n,), n ≥ 4, increasing (time).
    :param y: (n,).
    :raises ValueError: lengths differ, too short, not finite, or all x equal.
    """
    x, y = _finite_series(x, 4), _finite_series(y, 4)
    if len(x) != len(y):
        raise ValueError(f'x and y: {len(x)} and {len(y)} points')
    dx = x - x.mean()
    spread = float(dx @ dx)
    if spread == 0.0:
        raise ValueError('x: all values are equal')
    slope = float(dx @ y) / spread
    residuals = y - y.mean() - slope * dx
    g = statistical_inefficiency(residuals)
    error = np.sqrt(g * float(residuals @ residuals) / (len(x) - 2) / spread)
    return LineFit(float(y.mean()), slope, float(error), g)


@dataclass(frozen=True)
class TwoLineFit:
    """Two straight lines that meet: y = value + slope (x − x_break), with one slope below and another above.

    Errors are standard errors. ``at_edge``: the best meeting point is the first or last that was allowed, so there may
    be none inside. ``rss``: residual sum of squares; ``rss_parabola``: that of a parabola, the smooth alternative.
    """

    x_break: float
    x_break_error: float
    value: float
    slope_below: float
    slope_below_error: float
    slope_above: float
    slope_above_error: float
    slope_change_error: float
    at_edge: bool
    rss: float
    rss_parabola: float

    @property
    def slope_change(self) -> float:
        """Slope above minus slope below."""
        return self.slope_above - self.slope_below


def two_line_fit(x: npt.ArrayLike, y: npt.ArrayLike, min_branch: int = 5) -> TwoLineFit:
    """Fit two lines that meet at a free point by least squares.

    For a given meeting point the problem is linear, so the meeting point alone is searched: a scan, then a local
    refinement. Errors follow from the Jacobian at the optimum, widened by the correlation of the residuals, so that a
    rounded rather than sharp break costs precision.

    :param x: (n,), distinct abscissae in any order.
    :param y: (n,), ordinates with errors of similar size.
    :param min_branch: least number of points on either side of the meeting point, ≥ 3.
    :raises ValueError: lengths differ, not finite, or fewer than 2 × min_branch points.
    """
    if min_branch < 3:
        raise ValueError(f'min_branch: {min_branch}, at least 3 points are needed for a line with an error')
    x, y = _finite_series(x, 2 * min_branch), _finite_series(y, 2 * min_branch)
    if len(x) != len(y):
        raise ValueError(f'x and y: {len(x)} and {len(y)} points')
    order = np.argsort(x, kind='stable')
    centre, scale = float(x.mean()), float(np.ptp(x)) / 2
    if scale == 0.0:
        raise ValueError('x: all values are equal')
    u, y = (x[order] - centre) / scale, y[order]

    def rss_at(u_break: float) -> float:
        design = np.stack([np.ones_like(u), np.minimum(u - u_break, 0), np.maximum(u - u_break, 0)], axis=1)
        return _rss(design, y)

    low, high = float(u[min_branch - 1]), float(u[-min_branch])
    u_break, at_edge = _minimum_inside(rss_at, low, high)
    below, above = np.minimum(u - u_break, 0), np.maximum(u - u_break, 0)
    (value, slope_below, slope_above), *_ = np.linalg.lstsq(
        np.stack([np.ones_like(u), below, above], axis=1), y, rcond=None
    )
    residuals = y - value - slope_below * below - slope_above * above
    rss = float(residuals @ residuals)
    jacobian = np.stack([np.ones_like(u), below, above, -np.where(u < u_break, slope_below, slope_above)], axis=1)
    widened = rss / max(1, len(u) - 4) * _fit_inefficiency(residuals, 4)
    covariance = widened * np.linalg.pinv(jacobian.T @ jacobian)
    errors = np.sqrt(np.maximum(np.diag(covariance), 0))
    change_error = np.sqrt(max(0.0, covariance[1, 1] + covariance[2, 2] - 2 * covariance[1, 2]))
    return TwoLineFit(
        x_break=centre + scale * u_break,
        x_break_error=float(scale * errors[3]),
        value=float(value),
        slope_below=float(slope_below / scale),
        slope_below_error=float(errors[1] / scale),
        slope_above=float(slope_above / scale),
        slope_above_error=float(errors[2] / scale),
        slope_change_error=float(change_error / scale),
        at_edge=at_edge,
        rss=rss,
        rss_parabola=_rss(np.stack([np.ones_like(u), u, u**2], axis=1), y),
    )


def _fit_inefficiency(residuals: FloatArray, n_parameters: int) -> float:
    """Inefficiency (1 + ρ)/(1 − ρ) of a short series of residuals whose correlation decays exponentially.

    A fit takes up correlation: the lag-one coefficient comes out too low by about n_parameters/n (Marriott and Pope,
    Biometrika 41, 390 (1954), for the mean), which is given back.
    """
    power = float(residuals @ residuals)
    if power == 0.0:
        return 1.0
    rho = float(residuals[1:] @ residuals[:-1]) / power + n_parameters / len(residuals)
    rho = min(max(rho, 0.0), 0.98)
    return (1 + rho) / (1 - rho)


def _minimum_inside(function: Any, low: float, high: float) -> tuple[float, bool]:
    """Global minimum on an interval: a scan of 101 points and a local search; and whether it sits at an end."""
    from scipy.optimize import minimize_scalar

    grid = np.linspace(low, high, 101)
    best = int(np.argmin([function(point) for point in grid]))
    if best in (0, len(grid) - 1):
        return float(grid[best]), True
    found = minimize_scalar(function, bounds=(grid[best - 1], grid[best + 1]), method='bounded')
    return float(found.x), False


def _rss(design: FloatArray, y: FloatArray) -> float:
    """Residual sum of squares of a linear least squares problem."""
    coefficients, *_ = np.linalg.lstsq(design, y, rcond=None)
    residuals = y - design @ coefficients
    return float(residuals @ residuals)


def _finite_series(values: npt.ArrayLike, minimum: int) -> FloatArray:
    """A finite one-dimensional array of at least ``minimum`` numbers, or a ValueError."""
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1 or len(x) < minimum:
        raise ValueError(f'shape {x.shape}, expected one dimension with at least {minimum} values')
    if not np.isfinite(x).all():
        raise ValueError('not finite (NaN or infinity)')
    return x

"""Which ions are mobile and which are trapped, by how far they go within a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

LEAST_BIC = 10.0
"""Two populations are believed where BIC gains so much (Kass and Raftery, J. Am. Stat. Assoc. 90, 773 (1995))."""
LEAST_D = 2.0
"""… and where they lie so far apart, in widths (Ashman, Bird and Zepf, Astron. J. 108, 2348 (1994))."""
_SMALLEST_WIDTH = 1e-3
_TOLERANCE = 1e-8
_MOST_STEPS = 1000


@dataclass(frozen=True, eq=False)
class Mobility:
    """Ions told apart by a threshold.

    :param mobile: (n_ions,).
    :param fraction: of the ions that are mobile.
    :param fraction_error: √(p(1 − p)/n) with one ion of each kind added (Agresti and Coull), so never 0.
    :param mobile_squared: mean r² of the mobile ones, Å²; None where there are none.
    :param trapped_squared: of the others.
    :param carried: share of the sum of r² that the mobile ions make.
    """

    mobile: BoolArray
    fraction: float
    fraction_error: float
    mobile_squared: float | None
    trapped_squared: float | None
    carried: float


def split_by_threshold(squared: npt.ArrayLike, distance: float) -> Mobility:
    """Ions whose mean squared displacement over a lag is larger than the square of a distance are mobile.

    :param squared: (n_ions,), mean r² of each ion over the lag, Å².
    :param distance: Å: half the distance between neighbouring sites, or where G_s has its first minimum.
    :raises ValueError: no ion, a number that is not finite or negative, or a distance that is not positive.
    """
    r2 = _checked(squared)
    if not (np.isfinite(distance) and distance > 0):
        raise ValueError(f'distance: {distance} Å, expected a positive number')
    mobile = r2 > distance**2
    n, k = len(r2), int(mobile.sum())
    p = (k + 1) / (n + 2)
    total = float(r2.sum())
    return Mobility(
        mobile,
        k / n,
        float(np.sqrt(p * (1 - p) / n)),
        float(r2[mobile].mean()) if k else None,
        float(r2[~mobile].mean()) if k < n else None,
        float(r2[mobile].sum()) / total if total else 0.0,
    )


@dataclass(frozen=True, eq=False)
class TwoPopulations:
    """Two normal distributions of ln r², the trapped ions' and the mobile ions'.

    :param fraction: share of the mobile ions.
    :param fraction_error: from the information of the data about all five parameters.
    :param squared: (trapped, mobile), exp of the mean of ln r², Å².
    :param widths: of ln r².
    :param probability: (n_ions,), that an ion is mobile.
    :param threshold: r² above which an ion is more likely mobile than trapped, Å².
    :param bic_gain: by how much BIC is lower than with one distribution.
    :param separation: distance of the means over the rms of the widths.
    :param found: there are two populations by :data:`LEAST_BIC` and :data:`LEAST_D`; otherwise the rest means little.
    """

    fraction: float
    fraction_error: float | None
    squared: tuple[float, float]
    widths: tuple[float, float]
    probability: FloatArray
    threshold: float
    bic_gain: float
    separation: float
    found: bool


def two_populations(squared: npt.ArrayLike, floor: float = 1e-4) -> TwoPopulations:
    """Fit two normal distributions to ln r² of the ions (expectation and maximisation from three starts).

    :param squared: (n_ions,), mean r² of each ion over a lag, Å²; at least ten ions.
    :param floor: Å², anything below counts as that.
    :raises ValueError: too few ions, or a number that is not finite or negative.
    """
    x = np.log(np.maximum(_checked(squared), floor))
    n = len(x)
    if n < 10:
        raise ValueError(f'squared: {n} ions, expected at least 10 to tell two populations apart')
    spread = max(float(x.std()), _SMALLEST_WIDTH)
    single = float(-n * (np.log(spread) + 0.5 * np.log(2 * np.pi) + 0.5))
    best: tuple[float, FloatArray, FloatArray, float] | None = None
    for start in (0.2, 0.5, 0.8):
        cut = np.quantile(x, start)
        tried = _maximise(x, (x > cut).astype(float) * 0.8 + 0.1)
        if best is None or tried[0] > best[0] + 1e-9:
            best = tried
    assert best is not None
    likelihood, means, widths, w = best
    if means[0] > means[1]:
        means, widths, w = means[::-1], widths[::-1], 1 - w
    probability = _responsibility(x, means, widths, w)[0]
    gain = 2 * (likelihood - single) - 3 * np.log(n)
    apart = float((means[1] - means[0]) / np.sqrt((widths**2).mean()))
    a, b = np.exp(means)
    return TwoPopulations(
        float(w),
        _fraction_error(x, probability, means, widths, w),
        (float(a), float(b)),
        (float(widths[0]), float(widths[1])),
        probability,
        float(np.exp(_crossing(means, widths, w))),
        float(gain),
        apart,
        bool(gain > LEAST_BIC and apart > LEAST_D),
    )


def _checked(squared: npt.ArrayLike) -> npt.NDArray[np.floating[Any]]:
    r2 = np.asarray(squared, dtype=np.float64)
    if r2.ndim != 1 or not len(r2):
        raise ValueError(f'squared: shape {r2.shape}, expected (n_ions,), at least one')
    if not np.isfinite(r2).all() or (r2 < 0).any():
        raise ValueError('squared: must be finite and not negative')
    return r2


def _responsibility(x: FloatArray, means: FloatArray, widths: FloatArray, w: float) -> tuple[FloatArray, float]:
    """Probability of the second distribution, and the logarithm of the likelihood."""
    logs = (
        np.log(np.array([1 - w, w]))[:, None]
        - np.log(widths)[:, None]
        - 0.5 * np.log(2 * np.pi)
        - 0.5 * ((x - means[:, None]) / widths[:, None]) ** 2
    )
    total = np.logaddexp(logs[0], logs[1])
    return np.exp(logs[1] - total), float(total.sum())


def _maximise(x: FloatArray, probability: FloatArray) -> tuple[float, FloatArray, FloatArray, float]:
    last = -np.inf
    likelihood, means, widths, w = last, np.zeros(2), np.ones(2), 0.5
    narrowest = max(_SMALLEST_WIDTH, 0.02 * float(x.std()))
    for _ in range(_MOST_STEPS):
        weights = np.stack([1 - probability, probability])
        sums = np.maximum(weights.sum(axis=1), 1e-12)
        means = weights @ x / sums
        variances = (weights * (x - means[:, None]) ** 2).sum(axis=1) / sums
        widths = np.maximum(np.sqrt(variances), narrowest)
        w = float(np.clip(sums[1] / len(x), 1e-9, 1 - 1e-9))
        probability, likelihood = _responsibility(x, means, widths, w)
        if likelihood - last < _TOLERANCE * len(x):
            break
        last = likelihood
    return likelihood, means, widths, w


def _fraction_error(
    x: FloatArray, probability: FloatArray, means: FloatArray, widths: FloatArray, w: float
) -> float | None:
    """Standard error of the share from the outer product of the scores of all parameters."""
    scores = [probability / w - (1 - probability) / (1 - w)]
    for weight, mean, width in ((1 - probability, means[0], widths[0]), (probability, means[1], widths[1])):
        z = (x - mean) / width
        scores += [weight * z / width, weight * (z**2 - 1) / width]
    information = np.array(scores) @ np.array(scores).T
    if np.linalg.cond(information) > 1e12:
        return None
    return float(np.sqrt(np.linalg.inv(information)[0, 0]))


def _crossing(means: FloatArray, widths: FloatArray, w: float) -> float:
    """Where the two weighted densities are equal, between the means; else their middle."""
    at = np.linspace(means[0], means[1], 2001)
    probability, _ = _responsibility(at, means, widths, w)
    above = np.flatnonzero(probability >= 0.5)
    return float(at[above[0]]) if len(above) and above[0] > 0 else float(means.mean())

"""How wide an interface is: a smooth step fitted to a profile across it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

_FEWEST = 5
"""Points that a step of four parameters needs at least."""
_LEAST_STEP = 3.0
"""A step that is smaller than so many times the scatter around it is none."""
_LEAST_SIDE = 0.02
"""A step with less than this share of the weight on one side of it is none."""
_TENTH = math.log(9.0)
"""tanh(x/δ) goes from a tenth to nine tenths of its step over δ ln 9."""


@dataclass(frozen=True)
class Interface:
    """A step between two plateaus.

    :param width: Å, over which the step goes from a tenth to nine tenths; None where no step can be told.
    :param error: standard error of the width, Å.
    :param position: of the middle, Å.
    :param inner: plateau at small distances; ``outer``: at large ones.
    :param scatter: root mean square of what the step leaves unexplained.
    :param at_most: the step is narrower than the bins, whose width is given.
    :param reason: why there is no width; empty where there is one.
    """

    width: float | None
    error: float | None
    position: float | None
    inner: float | None
    outer: float | None
    scatter: float | None
    at_most: bool = False
    reason: str = ''

    def summary(self) -> dict[str, Any]:
        """JSON-ready: all fields."""
        return asdict(self)


def fit_interface(distance: npt.ArrayLike, value: npt.ArrayLike, weight: npt.ArrayLike | None = None) -> Interface:
    """Fit y = (inner + outer)/2 + (outer − inner)/2 · tanh((d − d₀)/δ) to a profile by least squares.

    The profile of an order parameter across the interface of two phases in mean-field theory (Cahn and Hilliard, J.
    Chem. Phys. 28, 258 (1958)); the width given is the usual 10–90 % one, δ ln 9.

    :param distance: (n,), Å, from the surface, ascending; values that are not finite are left out.
    :param value: (n,), the profile.
    :param weight: (n,), of each point, e.g. the number of atoms behind it; None: all alike.
    :raises ValueError: the shapes differ.
    """
    from scipy.optimize import curve_fit

    x, y = np.asarray(distance, dtype=np.float64), np.asarray(value, dtype=np.float64)
    w = np.ones_like(x) if weight is None else np.asarray(weight, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape or w.shape != x.shape:
        raise ValueError(f'distance, value, weight: shapes {x.shape}, {y.shape} and {w.shape}, expected one, (n,)')
    good = np.isfinite(x) & np.isfinite(y) & (w > 0)
    x, y, w = x[good], y[good], w[good]
    if len(x) < _FEWEST:
        return _none(f'{len(x)} points, at least {_FEWEST} are needed')
    if np.ptp(y) <= 1e-9 * np.abs(y).max():
        return _none('the step, 0, does not stand out of the scatter, 0')
    span, spacing = float(x[-1] - x[0]), float(np.diff(x).min())
    third = max(1, len(x) // 3)
    start = [float(y[:third].mean()), float(y[-third:].mean()), float(np.clip(0.0, x[0], x[-1])), span / 6]
    low, high = [-np.inf, -np.inf, x[0], spacing / 10], [np.inf, np.inf, x[-1], 2 * span]
    try:
        found, covariance = curve_fit(
            _step, x, y, p0=start, sigma=1 / np.sqrt(w / w.mean()), bounds=(low, high), max_nfev=1000
        )
    except RuntimeError:
        return _none('no step could be fitted')
    inner, outer, middle, delta = (float(number) for number in found)
    scatter = float(np.sqrt(np.average((y - _step(x, *found)) ** 2, weights=w)))
    told = Interface(None, None, middle, inner, outer, scatter)
    seen = abs(float(_step(x[-1:], *found)[0] - _step(x[:1], *found)[0]))
    if seen < _LEAST_STEP * scatter or seen < 1e-9 * max(abs(inner), abs(outer)):
        return replace(told, reason=f'the step, {seen:.3g}, does not stand out of the scatter, {scatter:.3g}')
    inside = float(w[x < middle].sum() / w.sum())
    if not _LEAST_SIDE <= inside <= 1 - _LEAST_SIDE:
        return replace(told, reason=f'the step, at {middle:.1f} Å, lies at the end of the profile')
    width = delta * _TENTH
    if width > span:
        return replace(told, reason=f'the step, {width:.1f} Å wide, goes on beyond the profile')
    if width < spacing:
        return replace(told, width=spacing, at_most=True)
    variance = float(covariance[3, 3])
    known = math.isfinite(variance) and 0 <= variance < delta**2
    return replace(told, width=width, error=math.sqrt(variance) * _TENTH if known else None)


def _step(x: FloatArray, inner: float, outer: float, middle: float, delta: float) -> FloatArray:
    return np.asarray((inner + outer) / 2 + (outer - inner) / 2 * np.tanh((x - middle) / delta))


def _none(reason: str) -> Interface:
    return Interface(None, None, None, None, None, None, reason=reason)

"""Stress–strain curves: modulus, strength, failure and the work until then; several samples on one grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from aiida_glassion import units
from aiida_glassion.kernels.statistics import MeanError, line_fit, mean_and_error

FloatArray = npt.NDArray[np.float64]

SLOPE_TO = 0.01
"""Strain up to which the curve is taken for straight."""
FAILURE_PART = 0.5
"""A sample has failed when the stress has fallen below this part of its strength for good."""
BROKEN_PART = 0.05
"""A sample is fully broken when the stress stays below this part of its strength."""
WINDOW = 0.005
"""Width in strain over which thermal noise of the stress is averaged before a maximum or a fall is looked for."""


@dataclass(frozen=True)
class Tension:
    """What one curve says.

    :param young: slope at small strain, GPa: Young's modulus where the sides are free; with fixed sides C11.
    :param young_error: standard error of the fit, widened for correlated noise, GPa; None with two points.
    :param residual_stress: of that line at no strain, GPa.
    :param strength: highest stress, noise averaged, GPa.
    :param strength_strain: where it is.
    :param failed: whether the stress fell below ``FAILURE_PART`` of the strength for good.
    :param failure_strain: where it did, or None.
    :param broken: whether it fell below ``BROKEN_PART`` for good.
    :param broken_strain: where it did, or None.
    :param toughness: area under the curve up to where it is broken, else to its end, J/m³.
    :param work: the same for a sample of the given length, J/m²; None without a length.
    :param end: largest strain of the curve.
    """

    young: float
    young_error: float | None
    residual_stress: float
    strength: float
    strength_strain: float
    failed: bool
    failure_strain: float | None
    broken: bool
    broken_strain: float | None
    toughness: float
    work: float | None
    end: float


def analyse_tension(
    strain: npt.ArrayLike,
    stress: npt.ArrayLike,
    length: float | None = None,
    slope_to: float = SLOPE_TO,
    failure_part: float = FAILURE_PART,
    broken_part: float = BROKEN_PART,
    window: float = WINDOW,
) -> Tension:
    """Modulus, strength, failure and work of a sample pulled along one axis.

    A single low stress is no failure: it must stay low to the end of the curve. The strength is that of the noise
    averaged curve, since the largest of many noisy numbers is too large.

    :param strain: (n,), engineering strain L/L₀ − 1, increasing.
    :param stress: (n,), GPa, tensile positive: minus LAMMPS' pressure along the axis.
    :param length: L₀, Å, for ``work``.
    :param slope_to: strain up to which the slope is taken.
    :param failure_part, broken_part: parts of the strength.
    :param window: width of the average in strain; 0 for none. Points further apart than half of it are left alone.
    :raises ValueError: fewer than two points up to ``slope_to``, strain not increasing, not finite, or never tensile.
    """
    e, s = _curve(strain, stress)
    for name, part in (('failure_part', failure_part), ('broken_part', broken_part)):
        if not 0 < part < 1:
            raise ValueError(f'{name}: {part}, expected a part of the strength between 0 and 1')
    if length is not None and not 0 < length < np.inf:
        raise ValueError(f'length: {length}, expected a positive length in Å')
    young, error, residual = _slope(e, s, slope_to)
    smooth = smoothed(e, s, window)
    top = int(np.argmax(smooth))
    strength = float(smooth[top])
    if strength <= 0:
        raise ValueError('stress: never tensile; expected a positive maximum (the sign of a pressure is the opposite)')
    failure, broken = (_falls_for_good(e, smooth, top, part * strength) for part in (failure_part, broken_part))
    until = e[-1] if broken is None else broken
    area = _area(e, s, float(until))
    return Tension(
        young, error, residual, strength, float(e[top]), failure is not None, failure, broken is not None, broken,
        area * units.GPA_TO_J_PER_M3,
        None if length is None else float(area * length * units.GPA_ANGSTROM_TO_J_PER_M2),
        float(e[-1]),
    )  # fmt: skip


def fully_broken(
    strain: npt.ArrayLike,
    stress: npt.ArrayLike,
    broken_part: float = BROKEN_PART,
    lasting: float = 0.05,
    window: float = WINDOW,
) -> bool:
    """Whether a run may be stopped: the stress has been below a part of the strength over the last ``lasting`` strain.

    :param lasting: strain; a curve that has not gone so far beyond its maximum is not broken.
    :raises ValueError: as :func:`analyse_tension`, or ``lasting`` is not positive.
    """
    e, s = _curve(strain, stress)
    if not lasting > 0:
        raise ValueError(f'lasting: {lasting}, expected a positive strain')
    smooth = smoothed(e, s, window)
    top = int(np.argmax(smooth))
    if smooth[top] <= 0:
        return False
    fell = _falls_for_good(e, smooth, top, broken_part * float(smooth[top]))
    return fell is not None and float(e[-1]) - fell >= lasting * (1 - 1e-9)


def smoothed(strain: FloatArray, stress: FloatArray, window: float = WINDOW) -> FloatArray:
    """Mean of the points within half a window to either side, as many to the one as to the other at the ends.

    :raises ValueError: the window is negative.
    """
    if not 0 <= window < np.inf:
        raise ValueError(f'window: {window}, expected a width in strain, 0 for none')
    index = np.arange(len(strain))
    low = np.searchsorted(strain, strain - window / 2 * (1 + 1e-9), side='left')
    high = np.searchsorted(strain, strain + window / 2 * (1 + 1e-9), side='right')
    reach = np.minimum(index - low, high - 1 - index)
    sums = np.concatenate([[0.0], np.cumsum(stress)])
    return np.asarray((sums[index + reach + 1] - sums[index - reach]) / (2 * reach + 1))


@dataclass(frozen=True, eq=False)
class MeanCurve:
    """Mean of several samples.

    :param strain: (n,), the common grid.
    :param stress: (n,), mean, GPa.
    :param error: (n,), standard error of the mean, GPa; None with one sample.
    :param n: samples.
    """

    strain: FloatArray
    stress: FloatArray
    error: FloatArray | None
    n: int


def mean_curve(
    strains: Sequence[npt.ArrayLike], stresses: Sequence[npt.ArrayLike], step: float = 0.002, broken: bool = False
) -> MeanCurve:
    """Average curves of samples, or of the three axes of one, on a common grid.

    Within a step around a grid point a curve is averaged; where it has no point there it is interpolated.

    :param strains, stresses: one (n,) of each for every sample.
    :param step: of the grid, in strain.
    :param broken: a curve that ends earlier than the longest does so because its sample was fully broken, and goes on
        at a stress of 0; else the grid ends with the shortest.
    :raises ValueError: no sample, as many strains as stresses are not there, or a step that no curve is as long as.
    """
    if not strains or len(strains) != len(stresses):
        raise ValueError(
            f'strains, stresses: {len(strains)} and {len(stresses)} curves, expected as many, at least one'
        )
    curves = [_curve(e, s) for e, s in zip(strains, stresses, strict=True)]
    ends = [float(e[-1]) for e, _ in curves]
    start, end = max(float(e[0]) for e, _ in curves), max(ends) if broken else min(ends)
    if not 0 < step <= end - start:
        raise ValueError(
            f'step: {step}, expected a positive strain, not above {end - start:.4g}, the range of the curves'
        )
    grid = np.asarray(start + step * np.arange(int((end - start) / step * (1 + 1e-12)) + 1), dtype=np.float64)
    table: FloatArray = np.array([_on_grid(e, s, grid, step) for e, s in curves])
    error = table.std(axis=0, ddof=1) / np.sqrt(len(curves)) if len(curves) > 1 else None
    return MeanCurve(grid, np.asarray(table.mean(axis=0)), error, len(curves))


def mean_tension(samples: Sequence[Tension]) -> dict[str, MeanError | None]:
    """Mean and standard error of each number over samples; None where no sample has it (none that failed).

    ``failed`` and ``broken`` are shares of the samples.

    :raises ValueError: no sample.
    """
    if not samples:
        raise ValueError('samples: none; expected at least one')
    averaged: dict[str, MeanError | None] = {}
    for field in fields(Tension):
        known = [float(value) for value in (getattr(sample, field.name) for sample in samples) if value is not None]
        averaged[field.name] = mean_and_error(known) if known else None
    return averaged


def _on_grid(e: FloatArray, s: FloatArray, grid: FloatArray, step: float) -> FloatArray:
    inside = (e >= grid[0] - step / 2) & (e < grid[-1] + step / 2)
    place = np.rint((e[inside] - grid[0]) / step).astype(int)
    counts = np.bincount(place, minlength=len(grid))[: len(grid)]
    sums = np.bincount(place, weights=s[inside], minlength=len(grid))[: len(grid)]
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.interp(grid, e, s, right=0.0))


def _slope(e: FloatArray, s: FloatArray, slope_to: float) -> tuple[float, float | None, float]:
    """Slope, its error and the intercept of the line up to a strain."""
    chosen = e <= slope_to * (1 + 1e-9)
    x, y = e[chosen], s[chosen]
    if len(x) < 2:
        raise ValueError(
            f'slope_to: {slope_to}, the curve has {len(x)} points up to there; expected two at least: '
            'a larger slope_to, or smaller steps'
        )
    if len(x) >= 4:
        fit = line_fit(x, y)
        return fit.slope, fit.slope_error, fit.value - fit.slope * float(x.mean())
    dx = x - x.mean()
    slope = float(dx @ y / (dx @ dx))
    residuals = y - y.mean() - slope * dx
    error = float(np.sqrt(residuals @ residuals / (len(x) - 2) / (dx @ dx))) if len(x) > 2 else None
    return slope, error, float(y.mean() - slope * x.mean())


def _falls_for_good(e: FloatArray, s: FloatArray, top: int, level: float) -> float | None:
    """Strain at which a curve falls through a level never to return, between points; None if it ends above."""
    above = np.flatnonzero(s >= level)
    last = int(above[-1])
    if last == len(s) - 1 or last < top:
        return None
    return float(e[last] + (s[last] - level) / (s[last] - s[last + 1]) * (e[last + 1] - e[last]))


def _area(e: FloatArray, s: FloatArray, until: float) -> float:
    inside = e < until
    x, y = np.append(e[inside], until), np.append(s[inside], np.interp(until, e, s))
    return float(np.trapezoid(y, x))


def _curve(strain: npt.ArrayLike, stress: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    e, s = np.asarray(strain, dtype=np.float64), np.asarray(stress, dtype=np.float64)
    if e.ndim != 1 or e.shape != s.shape or len(e) < 2:
        raise ValueError(f'strain and stress: shapes {e.shape} and {s.shape}, expected as many of both, two at least')
    if not (np.isfinite(e).all() and np.isfinite(s).all()):
        raise ValueError('strain and stress: not finite (NaN or infinity)')
    if not (np.diff(e) > 0).all():
        at = int(np.argmax(np.diff(e) <= 0))
        raise ValueError(f'strain: {e[at]} is followed by {e[at + 1]}; expected increasing strains')
    return e, s

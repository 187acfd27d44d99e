"""The glass transition on cooling: where volume or energy against temperature breaks."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.statistics import FloatArray, TwoLineFit, two_line_fit


@dataclass(frozen=True, eq=False)
class GlassTransition:
    """T_g from a cooling curve, or the reason why there is none.

    :param converged: whether a break was found.
    :param reason: one sentence: what was found, or why nothing.
    :param temperature: T_g, K; None where not converged.
    :param error: standard error of T_g from the fit, K; None where not converged.
    :param bin_temperatures: (n_bins,), K, mean temperature of each stretch of the curve, ascending.
    :param bin_values: (n_bins,), mean property of each stretch.
    :param fit: the two lines (for the figure), also where they were rejected; None where nothing could be fitted.
    """

    converged: bool
    reason: str
    temperature: float | None
    error: float | None
    bin_temperatures: FloatArray
    bin_values: FloatArray
    fit: TwoLineFit | None

    def summary(self) -> dict[str, Any]:
        """JSON-ready numbers; units in the keys, slopes in the property's unit per K."""
        return {
            'converged': self.converged,
            'reason': self.reason,
            'temperature_K': self.temperature,
            'error_K': self.error,
            'fit': None if self.fit is None else asdict(self.fit),
        }


def glass_transition(
    temperature: npt.ArrayLike,
    values: npt.ArrayLike,
    n_bins: int = 40,
    min_branch: int = 6,
    min_range: float = 200.0,
    k_sigma: float = 4.0,
    window: tuple[float, float] | None = None,
) -> GlassTransition:
    """T_g as the meeting point of two lines fitted to volume, enthalpy or potential energy against T on cooling.

    Above T_g the liquid explores its configurations and expands (or loses energy on cooling) faster than the glass,
    which only vibrates; the two regimes are nearly linear and their slopes differ. T_g of a simulation is that of its
    quench rate, far above the laboratory's.

    Samples of a cooling run are correlated, so the curve is first averaged over ``n_bins`` equal stretches *along the
    run* (choice: not sorted by the instantaneous temperature, whose fluctuation would mix the stretches). A break is
    accepted only if the curve covers ``min_range``; the slopes differ by more than ``k_sigma`` standard errors (4 by
    default: a free meeting point makes 3 σ common under a straight line); the liquid's slope is the larger; the meeting
    point lies inside the curve, with ``min_branch`` stretches on either side; and two lines beat a parabola.

    :param temperature: (n,), K, in the order of the run (instantaneous or set temperature of a ramp).
    :param values: (n,), volume (Å³) or enthalpy or potential energy (eV), of the whole cell or per atom.
    :param n_bins: stretches to average over.
    :param min_branch: least number of stretches on either side of T_g.
    :param min_range: least temperature range, K.
    :param k_sigma: least significance of the change of slope.
    :param window: (lowest, highest) temperature to use, K; None for all. A melt held far above T_g curves: cut it off.
    :raises ValueError: shapes differ or values are not finite.
    """
    t = np.asarray(temperature, dtype=np.float64)
    y = np.asarray(values, dtype=np.float64)
    if t.ndim != 1 or t.shape != y.shape:
        raise ValueError(f'temperature and values: shapes {t.shape} and {y.shape}, expected the same (n,)')
    if not (np.isfinite(t).all() and np.isfinite(y).all()):
        raise ValueError('temperature or values: not finite (NaN or infinity)')
    bin_t, bin_y = _stretches(t, y, n_bins)
    if window is not None:
        inside = (bin_t >= window[0]) & (bin_t <= window[1])
        bin_t, bin_y = bin_t[inside], bin_y[inside]

    def rejected(reason: str, fit: TwoLineFit | None = None) -> GlassTransition:
        return GlassTransition(False, reason, None, None, bin_t, bin_y, fit)

    if len(bin_t) < 2 * min_branch:
        return rejected(f'too few points: {len(bin_t)} stretches of the curve, {2 * min_branch} needed')
    covered = float(np.ptp(bin_t))
    if covered < min_range:
        return rejected(f'the curve covers {covered:.0f} K, {min_range:.0f} K needed')
    fit = two_line_fit(bin_t, bin_y, min_branch)
    noise = max(fit.slope_change_error, 1e-12 * float(np.abs(bin_y).max()) / covered)
    significance = fit.slope_change / noise
    if abs(significance) <= k_sigma:
        return rejected(f'no break: the slopes differ by {abs(significance):.1f} σ, {k_sigma:g} σ needed', fit)
    if significance < 0:
        return rejected('the slope is larger below the break than above: not a glass transition', fit)
    if fit.at_edge:
        return rejected(
            f'the break would lie at the end of the curve ({fit.x_break:.0f} K): liquid and glass are not both covered',
            fit,
        )
    if fit.rss >= fit.rss_parabola:
        return rejected('the curve bends smoothly: a parabola fits as well as two lines', fit)
    reason = f'slopes differ by {significance:.1f} σ at {fit.x_break:.0f} ± {fit.x_break_error:.0f} K'
    return GlassTransition(True, reason, fit.x_break, fit.x_break_error, bin_t, bin_y, fit)


def _stretches(t: FloatArray, y: FloatArray, n_bins: int) -> tuple[FloatArray, FloatArray]:
    """Averages over equal stretches of the run, in ascending temperature."""
    if len(t) == 0:
        return t, y
    starts = np.linspace(0, len(t), min(n_bins, len(t)) + 1).astype(int)[:-1]
    sizes = np.diff(np.append(starts, len(t)))
    bin_t, bin_y = np.add.reduceat(t, starts) / sizes, np.add.reduceat(y, starts) / sizes
    order = np.argsort(bin_t, kind='stable')
    return bin_t[order], bin_y[order]

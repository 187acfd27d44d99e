"""Energies of activation: straight lines through ln D or ln(σT) over 1/T, and what they say at other temperatures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from aiida_glassion import units

DoubleArray = npt.NDArray[np.float64]

Quantity = Literal['D', 'sigma_T']

_SAME_TEMPERATURE = 0.01


@dataclass(frozen=True)
class ArrheniusPoint:
    """One temperature of a fit.

    :param temperature: K.
    :param value: cm²/s or S K/cm.
    :param error: standard deviation of the value, None where unknown.
    :param excluded: why it is no point of the fit; None: it is one.
    :param upper_limit: the value is only known to be no larger; never a point of the fit.
    """

    temperature: float
    value: float
    error: float | None = None
    excluded: str | None = None
    upper_limit: bool = False


@dataclass(frozen=True)
class Prediction:
    """Value at a temperature.

    :param low: lower end of the confidence band at ``level``.
    :param extrapolated: the temperature is outside those that were fitted.
    """

    temperature: float
    value: float
    low: float
    high: float
    level: float
    extrapolated: bool


@dataclass(frozen=True, eq=False)
class ArrheniusFit:
    """ln y = ln y0 − E_a/(k_B T).

    :param quantity: ``D``: y = D, cm²/s; ``sigma_T``: y = σT, S K/cm.
    :param activation_energy: eV.
    :param activation_error: standard error, eV; None where two points without errors tell none.
    :param prefactor: y0, cm²/s or S K/cm.
    :param ln_prefactor_error: standard error of ln y0.
    :param covariance: of (ln y0, E_a), (2, 2); None where unknown.
    :param chi2: of the weighted residuals per degree of freedom; None where there are none left, or no errors.
    :param widened: factor on the errors because points scatter more than these say.
    :param degrees_of_freedom: points − 2; intervals use Student's t with so many (the normal quantile with none).
    :param used: points of the fit, by temperature.
    :param excluded: the others, with their reasons.
    """

    quantity: Quantity
    activation_energy: float
    activation_error: float | None
    prefactor: float
    ln_prefactor_error: float | None
    covariance: DoubleArray | None
    chi2: float | None
    widened: float
    degrees_of_freedom: int
    used: tuple[ArrheniusPoint, ...]
    excluded: tuple[ArrheniusPoint, ...]

    def at(self, temperature: float, level: float = 0.95) -> Prediction:
        """Value at a temperature, with the confidence band of the line.

        The band comes from the covariance of both coefficients, which are all but fully anticorrelated.

        :param temperature: K.
        :raises ValueError: not positive, or there is no error to make an interval of.
        """
        if not temperature > 0:
            raise ValueError(f'temperature: {temperature}, expected a positive one in K')
        if self.covariance is None:
            raise ValueError('two points without errors: no interval can be told')
        gradient = np.array([1.0, -1.0 / (units.KB_EV_PER_K * temperature)])
        middle = np.log(self.prefactor) + gradient[1] * self.activation_energy
        reach = self._quantile(level) * float(np.sqrt(max(0.0, gradient @ self.covariance @ gradient)))
        inside = self.used[0].temperature <= temperature <= self.used[-1].temperature
        low, value, high = np.exp([middle - reach, middle, middle + reach])
        return Prediction(float(temperature), float(value), float(low), float(high), level, not inside)

    def activation_interval(self, level: float = 0.95) -> tuple[float, float]:
        """Confidence interval of the energy of activation, eV.

        :raises ValueError: there is no error to make an interval of.
        """
        if self.activation_error is None:
            raise ValueError('two points without errors: no interval can be told')
        reach = self._quantile(level) * self.activation_error
        return self.activation_energy - reach, self.activation_energy + reach

    def _quantile(self, level: float) -> float:
        from scipy.stats import norm, t

        if not 0 < level < 1:
            raise ValueError(f'level: {level}, expected a probability between 0 and 1')
        tail = (1 + level) / 2
        return float(t.ppf(tail, self.degrees_of_freedom) if self.degrees_of_freedom else norm.ppf(tail))


def arrhenius_fit(points: Sequence[ArrheniusPoint], quantity: Quantity = 'D') -> ArrheniusFit:
    """Weighted line through ln y over 1/T.

    Weights are those of error/value, the error of ln y. Where the points scatter more than their errors say, these are
    widened by √(χ²/degrees of freedom), never narrowed. Without errors all points count alike and their scatter tells
    the error. D and σT are the quantities to be fitted: the slope of ln σ would be smaller by about k_B T.

    :param points: at least two different temperatures that are not excluded and no upper limits.
    :param quantity: what the values are.
    :raises ValueError: fewer than two different temperatures; a value, an error or a temperature that is not positive;
        errors for some points only.
    """
    used, excluded = _sort(points)
    if not used:
        reasons = '; '.join(f'{point.temperature:g} K: {point.excluded}' for point in excluded)
        raise ValueError('no temperature is left to fit' + (f' ({reasons})' if reasons else ''))
    temperatures = np.array([point.temperature for point in used])
    if np.ptp(temperatures) < _SAME_TEMPERATURE:
        few = 'one temperature' if len(used) == 1 else f'{len(used)} points at the same temperature'
        left = f'; {len(excluded)} excluded' if excluded else ''
        raise ValueError(
            f'{few} ({temperatures[0]:g} K{left}): an energy of activation needs at least two different ones'
        )
    known = [point.error is not None for point in used]
    if any(known) and not all(known):
        without = ', '.join(f'{point.temperature:g} K' for point in used if point.error is None)
        raise ValueError(f'error: none at {without}; give the errors of all points, or of none')
    y = np.log([point.value for point in used])
    sigma = np.array([point.error / point.value if point.error is not None else 1.0 for point in used])
    # centred in 1/T, where both coefficients are independent, so that nothing is lost to rounding
    x = -1.0 / (units.KB_EV_PER_K * temperatures)
    weights = 1.0 / sigma**2
    centre = float(weights @ x / weights.sum())
    spread = float(weights @ (x - centre) ** 2)
    energy = float(weights @ ((x - centre) * y) / spread)
    height = float(weights @ y / weights.sum())
    freedom = len(used) - 2
    residuals = y - height - energy * (x - centre)
    chi2 = float(weights @ residuals**2) / freedom if freedom else None
    widened = 1.0
    if all(known):
        widened = max(1.0, float(np.sqrt(chi2))) if chi2 is not None else 1.0
        variance = widened**2
    else:
        variance = chi2 if chi2 is not None else float('nan')
        chi2 = None
    covariance = None
    if np.isfinite(variance):
        by_energy = variance / spread
        covariance = np.array(
            [[variance / weights.sum() + centre**2 * by_energy, -centre * by_energy], [-centre * by_energy, by_energy]]
        )
    return ArrheniusFit(
        quantity=quantity,
        activation_energy=energy,
        activation_error=None if covariance is None else float(np.sqrt(covariance[1, 1])),
        prefactor=float(np.exp(height - energy * centre)),
        ln_prefactor_error=None if covariance is None else float(np.sqrt(covariance[0, 0])),
        covariance=covariance,
        chi2=chi2,
        widened=widened,
        degrees_of_freedom=freedom,
        used=tuple(used),
        excluded=tuple(excluded),
    )


def _sort(points: Sequence[ArrheniusPoint]) -> tuple[list[ArrheniusPoint], list[ArrheniusPoint]]:
    """Points that count, and those that do not with their reasons, both by temperature."""
    used, excluded = [], []
    for point in sorted(points, key=lambda point: point.temperature):
        if not (np.isfinite(point.temperature) and point.temperature > 0):
            raise ValueError(f'temperature: {point.temperature}, expected a positive one in K')
        if point.upper_limit or point.excluded is not None:
            reason = point.excluded or 'an upper limit only'
            excluded.append(ArrheniusPoint(point.temperature, point.value, point.error, reason, point.upper_limit))
            continue
        for name, value in (('value', point.value), ('error', point.error)):
            if value is not None and not (np.isfinite(value) and value > 0):
                raise ValueError(f'{name} at {point.temperature:g} K: {value}, expected a positive number')
        used.append(point)
    return used, excluded

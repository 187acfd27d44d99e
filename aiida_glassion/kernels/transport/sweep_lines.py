"""Lines through the temperatures of a sweep, as numbers and as curves with bands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.transport.arrhenius import ArrheniusFit, ArrheniusPoint, Quantity, arrhenius_fit
from aiida_glassion.kernels.transport.conductivity import FINITE_SIZE_NOTE

ROOM = 300.0
_COLDEST, _POINTS = 290.0, 100
_KINK = 0.01
"""Probability below which a scatter about one line is no chance."""


@dataclass(frozen=True)
class Line:
    """One temperature on a line to be.

    :param number: ``mean`` and ``standard_error``, cm²/s or S K/cm; None: there is none.
    :param excluded: why it is no point of the line.
    :param limit: the value is known to be no larger.
    """

    temperature: float
    number: Mapping[str, Any] | None
    excluded: str | None
    limit: float | None


def fit_line(quantity: Quantity, points: Sequence[Line]) -> ArrheniusFit | str:
    """A line, or why there is none."""
    given = [
        ArrheniusPoint(point.temperature, point.number['mean'], point.number['standard_error'])
        if point.number is not None and point.excluded is None
        else ArrheniusPoint(
            point.temperature, point.limit or float('nan'), None, point.excluded or 'no value', point.limit is not None
        )
        for point in points
    ]
    try:
        return arrhenius_fit(given, quantity)
    except ValueError as error:
        return str(error)


def line_entry(fit: ArrheniusFit | str) -> dict[str, Any]:
    """A line as numbers; that there is none as ``excluded``."""
    if isinstance(fit, str):
        return {'excluded': fit}
    low, high = fit.activation_interval()
    room = fit.at(ROOM)
    scale = ROOM if fit.quantity == 'sigma_T' else 1.0
    error = fit.ln_prefactor_error or 0.0
    reach = error * (high - fit.activation_energy) / (fit.activation_error or 1.0)
    return {
        'quantity': fit.quantity,
        'activation_energy': {
            'mean': fit.activation_energy, 'standard_error': fit.activation_error, 'low': low, 'high': high,
            'n': len(fit.used), 'widened': fit.widened,
        },
        'prefactor': {
            'mean': fit.prefactor, 'low': _finite(fit.prefactor, -reach), 'high': _finite(fit.prefactor, reach),
        },
        'chi2': fit.chi2,
        'widened': fit.widened,
        'degrees_of_freedom': fit.degrees_of_freedom,
        'used': [point.temperature for point in fit.used],
        'excluded': [{'temperature': point.temperature, 'reason': point.excluded} for point in fit.excluded],
        'at_300': {
            'mean': room.value / scale, 'low': room.low / scale,
            'high': room.high / scale if np.isfinite(room.high) else None, 'level': room.level,
            'extrapolated': room.extrapolated,
        },
        'finite_size_note': FINITE_SIZE_NOTE,
    }  # fmt: skip


def _finite(value: float, reach: float) -> float | None:
    """A value times an exponential, None beyond what a number can hold."""
    with np.errstate(over='ignore'):
        moved = float(value * np.exp(reach))
    return moved if np.isfinite(moved) else None


def line_warnings(fit: ArrheniusFit) -> list[str]:
    """What is odd about a line: two points, or points that are not on one."""
    from scipy.stats import chi2

    if fit.degrees_of_freedom == 0:
        return ['two temperatures make a line whatever they are: nothing tells whether it is one']
    if fit.chi2 is None or chi2.sf(fit.chi2 * fit.degrees_of_freedom, fit.degrees_of_freedom) > _KINK:
        return []
    return [
        f'the temperatures are not on one line (χ² per degree of freedom {fit.chi2:.1f}; the errors are widened by '
        f'{fit.widened:.1f}): they may lie on both sides of a glass transition, each with an energy of its own'
    ]


def line_curves(fit: ArrheniusFit) -> dict[str, npt.NDArray[np.float64]]:
    """``T`` (K), ``value``, ``low`` and ``high`` (cm²/s or S K/cm, 95 %), equally spaced in 1/T down to 290 K."""
    hottest = max([point.temperature for point in (*fit.used, *fit.excluded)])
    coldest = min([_COLDEST, *[point.temperature for point in fit.used]])
    temperatures = 1 / np.linspace(1 / hottest, 1 / coldest, _POINTS)
    band = [fit.at(float(temperature)) for temperature in temperatures]
    return {
        'T': temperatures,
        'value': np.array([point.value for point in band]),
        'low': np.array([point.low for point in band]),
        'high': np.array([point.high for point in band]),
    }

"""Numbers as a table shows them: with their errors, in the last digits that mean something."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def with_error(value: float | None, error: float | None = None, scale: float = 1.0) -> str:
    """Value and standard error with as many decimals as the error allows (2.451 ± 0.004).

    The error is given with two digits where it begins with a 1, else with one.

    :param value: None: an en dash.
    :param error: None or not finite: four significant digits of the value.
    :param scale: multiplies both, e.g. 100 for percent.
    """
    if value is None or not math.isfinite(value):
        return '–'
    value = scale * value
    if error is None or not math.isfinite(error):
        return f'{value:.4g}'
    error = abs(scale * error)
    if error == 0:
        return f'{value:.4g} ± 0'
    exponent = math.floor(math.log10(error))
    digits = 2 if error / 10**exponent < 1.95 else 1
    decimals = max(0, digits - 1 - exponent)
    if digits - 1 - exponent < 0:
        step = 10 ** (exponent - digits + 1)
        return f'{round(value / step) * step:.0f} ± {round(error / step) * step:.0f}'
    return f'{value:.{decimals}f} ± {error:.{decimals}f}'


def mean_of(entry: Any, scale: float = 1.0) -> str:
    """An average over replicas (``mean``, ``standard_error``) as text; a plain number too.

    :param entry: what :func:`~aiida_glassion.kernels.statistics.average_records` makes of a number; None: an en dash.
    """
    if isinstance(entry, Mapping):
        return with_error(entry.get('mean'), entry.get('standard_error'), scale)
    return with_error(entry, None, scale)


def plain(entry: Any) -> float | None:
    """The number in an average, or the number itself."""
    value = entry.get('mean') if isinstance(entry, Mapping) else entry
    return None if value is None else float(value)

"""Curves of learning: where a training ended, whether it still fell there, and whether it learned by heart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.statistics import line_fit

FloatArray = npt.NDArray[np.floating[Any]]

QUANTITIES = ('energy', 'force', 'virial')
UNITS = {'energy': 'eV/atom', 'force': 'eV/Å', 'virial': 'eV/atom', 'step': 'batches', 'learning_rate': '1'}
_LETTERS = {'energy': 'e', 'force': 'f', 'virial': 'v'}
_FEWEST_ROWS = 8


@dataclass(frozen=True, eq=False)
class LearningCurve:
    """Root mean square errors on batches while a model learned.

    :param step: batches seen, increasing, (n,).
    :param training: RMSE by quantity (:data:`UNITS`) on batches of the training data, each (n,); NaN: no such label.
    :param validation: the same on validation data; empty: there were none.
    :param learning_rate: (n,).
    """

    step: npt.NDArray[Any]
    training: Mapping[str, FloatArray]
    validation: Mapping[str, FloatArray]
    learning_rate: FloatArray | None = None

    @classmethod
    def from_columns(cls, columns: Mapping[str, npt.NDArray[Any]]) -> LearningCurve:
        """Take the columns of DeePMD-kit's ``lcurve.out``: ``step``, ``rmse_e_trn``, ``rmse_f_val``, ``lr`` …

        :param columns: eV/atom, eV/Å, eV/atom; without validation data the names may end without ``_trn``.
        :raises ValueError: there is no column ``step``.
        """
        if 'step' not in columns:
            raise ValueError(f'a learning curve without steps; its columns are {", ".join(columns)}')
        parts: dict[str, dict[str, FloatArray]] = {'training': {}, 'validation': {}}
        for quantity, letter in _LETTERS.items():
            for name, kind in ((f'rmse_{letter}', 'training'), (f'rmse_{letter}_trn', 'training'),
                               (f'rmse_{letter}_val', 'validation')):  # fmt: skip
                if name in columns:
                    parts[kind][quantity] = np.asarray(columns[name], dtype=float)
        return cls(np.asarray(columns['step']), parts['training'], parts['validation'], columns.get('lr'))


@dataclass(frozen=True)
class End:
    """How a curve ended.

    :param final: root mean square over the last rows, in the unit of the curve.
    :param fall: relative fall over the last part of the steps, e.g. 0.08 for 8 %; None: too few rows for a line.
    :param fall_error: its standard error.
    :param verdict: ``flat``, ``falling``, ``rising`` or ``unclear``.
    """

    final: float
    fall: float | None
    fall_error: float | None
    verdict: str


def end_of(step: npt.ArrayLike, values: npt.ArrayLike, last: float = 0.25, limit: float = 0.1) -> End | None:
    """Judge the end of a curve by a line through its logarithm over the last part of the steps.

    A rate of learning that decays to nothing flattens every curve: flat says that this training has ended, not that
    a longer one with a slower decay would not learn more.

    :param step: batches seen, (n,).
    :param values: RMSE, (n,); rows without a number are left out.
    :param last: the part of all steps that is judged.
    :param limit: relative fall over that part which counts as still falling.
    :returns: None for a curve without numbers.
    """
    x, y = np.asarray(step, dtype=float), np.asarray(values, dtype=float)
    known = np.isfinite(y) & (y > 0)
    x, y = x[known], y[known]
    if not len(x):
        return None
    judged = x >= x[-1] - last * (x[-1] - x[0])
    tail = y[x >= x[-1] - 0.1 * (x[-1] - x[0])]
    final = float(np.sqrt(np.mean(tail**2)))
    if judged.sum() < _FEWEST_ROWS:
        return End(final, None, None, 'unclear')
    x, y = x[judged], np.log(y[judged])
    width = float(x[-1] - x[0])
    fit = line_fit(x, y)
    fall = 1 - float(np.exp(fit.slope * width))
    error = (1 - fall) * fit.slope_error * width
    verdict = 'unclear'
    if abs(fall) + 2 * error < limit:
        verdict = 'flat'
    elif fall > limit and fall > 2 * error:
        verdict = 'falling'
    elif -fall > limit and -fall > 2 * error:
        verdict = 'rising'
    return End(final, fall, error, verdict)


def ends_of(curve: LearningCurve, **settings: float) -> dict[str, dict[str, End]]:
    """The end of every curve, by ``training`` or ``validation`` and quantity."""
    found: dict[str, dict[str, End]] = {}
    for name, curves in (('training', curve.training), ('validation', curve.validation)):
        for quantity, values in curves.items():
            end = end_of(curve.step, values, **settings)
            if end is not None:
                found.setdefault(name, {})[quantity] = end
    return found

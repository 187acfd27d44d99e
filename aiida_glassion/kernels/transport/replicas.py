"""One number from several runs of the same glass, or of several glasses made alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.transport.diffusion import positive_interval


@dataclass(frozen=True)
class Pooled:
    """A mean over replicas.

    :param value: in the unit of the values.
    :param error: its standard error.
    :param widened: factor on the error because replicas scatter more than their own errors say: glasses differ, or ions
        move together.
    :param n: replicas.
    """

    value: float
    error: float
    widened: float
    n: int

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Range that holds the true value with a probability of ``level``.

        Where the scatter of the replicas made the error, it is widened by Student's t of n − 1 over the normal
        quantile, since so few tell a scatter badly.
        """
        from scipy.stats import norm, t

        factor = 1.0
        if self.widened > 1:
            tail = (1 + level) / 2
            factor = float(t.ppf(tail, self.n - 1) / norm.ppf(tail))
        return positive_interval(self.value, factor * self.error, level)


def pool_replicas(values: npt.ArrayLike, errors: npt.ArrayLike) -> Pooled:
    """Mean of D or σ over replicas.

    The error of such a quantity is proportional to itself, so a replica that came out low by chance has a small error
    too: weights are those of the *relative* errors, which tell the length of a run. Where replicas scatter more than
    their errors say, the error is widened by √(χ²/(n − 1)), never narrowed.

    :param values: (n,), D, cm²/s, or σ, S/cm.
    :param errors: (n,), their standard deviations.
    :raises ValueError: none, of different lengths, or not positive.
    """
    x, e = np.atleast_1d(np.asarray(values, dtype=np.float64)), np.atleast_1d(np.asarray(errors, dtype=np.float64))
    if x.shape != e.shape or x.ndim != 1 or not len(x):
        raise ValueError(f'values and errors: shapes {x.shape} and {e.shape}, expected one error for each value')
    for name, given in (('values', x), ('errors', e)):
        if not (np.isfinite(given) & (given > 0)).all():
            raise ValueError(f'{name}: {given.tolist()}, expected positive numbers; leave out what was not told')
    relative = e / x
    weights = relative**-2
    mean = float(weights @ x / weights.sum())
    error = mean / float(np.sqrt(weights.sum()))
    widened = 1.0
    if len(x) > 1:
        chi2 = float((((x - mean) / (relative * mean)) ** 2).sum()) / (len(x) - 1)
        widened = float(np.sqrt(max(1.0, chi2)))
    return Pooled(mean, error * widened, widened, len(x))

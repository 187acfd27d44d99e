"""How few atoms carry a deformation."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def participation(values: npt.NDArray[np.floating[Any]]) -> float | None:
    """(Σx)²/(n Σx²): 1 if all have the same, 1/n if one has all; None where there is nothing.

    :param values: (n,), not negative: D²min in Å², for example.
    :raises ValueError: negative or not finite.
    """
    x = _checked(values)
    squares = float(x @ x)
    return float(x.sum()) ** 2 / (len(x) * squares) if squares > 0 else None


def half_in(values: npt.NDArray[np.floating[Any]]) -> float | None:
    """Smallest share of the atoms that have half of the sum: 0.5 if all have the same; None where there is nothing.

    :param values: (n,), not negative.
    :raises ValueError: negative or not finite.
    """
    x = _checked(values)
    total = float(x.sum())
    if total <= 0:
        return None
    sums = np.cumsum(np.sort(x)[::-1])
    return float((np.searchsorted(sums, total / 2 * (1 - 1e-12)) + 1) / len(x))


def _checked(values: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
    x = np.asarray(values, dtype=np.float64)
    if not np.isfinite(x).all() or (x < 0).any():
        raise ValueError('values: expected finite numbers that are not negative')
    return x

"""What an analysis gives: numbers, curves with their units, and what is odd."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Curve:
    """One function, with all that is needed to plot and to cite it.

    :param x: (n,), in ``x_unit``.
    :param y: (n,), in ``y_unit``.
    :param x_name: symbol of the axis: ``r``, ``Q``, ``angle``.
    :param y_name: symbol of the quantity: ``g(r)``, ``S(Q)``.
    :param error: (n,), standard error over blocks of frames; None where one frame tells none.
    :param convention: name of the convention, where there are several: ``faber-ziman``.
    :param about: what else decides the values, JSON-ready: window, ``r_max``, cut-off, table of form factors.
    """

    x: FloatArray
    y: FloatArray
    x_name: str
    x_unit: str
    y_name: str
    y_unit: str
    error: FloatArray | None = None
    convention: str | None = None
    about: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ('y', 'error'):
            values = getattr(self, name)
            if values is not None and np.shape(values) != np.shape(self.x):
                raise ValueError(f'{name}: shape {np.shape(values)}, expected that of x, {np.shape(self.x)}')


@dataclass(frozen=True, eq=False)
class Result:
    """The outcome of one analysis.

    :param numbers: nested dictionary, JSON-ready. A number that was averaged over frames is
        ``{'mean': …, 'standard_error': … or None, 'n': …}``.
    :param units: unit of each number, by its key or the beginning of its path (``bond_lengths``).
    :param curves: by name: ``g_Si_O``; letters, digits and single underscores.
    :param per_atom: arrays (n_atoms, …) of the last frame, by name: ``bridging``; and what else is no curve: a density
        on a grid over the cell (n_a, n_b, n_c), the ways of some ions (n_ions, n_points, 3).
    :param warnings: sentences on what is odd or not to be trusted.
    """

    numbers: dict[str, Any] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    curves: dict[str, Curve] = field(default_factory=dict)
    per_atom: dict[str, npt.NDArray[Any]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

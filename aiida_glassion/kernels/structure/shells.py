"""What is bonded to an atom, as a formula: BO3 and BO4, PS3O, PS2O2."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.integer[Any]]

_ANION_ORDER = ('Te', 'Se', 'S', 'I', 'Br', 'N', 'Cl', 'O', 'F')
"""Anions by electronegativity, as formulas name them: PS3O, PO3F."""


def formula(elements: Sequence[str], counts: Sequence[int] | IntArray) -> str:
    """Formers first, then anions by electronegativity: P2S6O.

    :param elements: names.
    :param counts: atoms of each; those without any are left out.
    """
    order = sorted(
        range(len(elements)), key=lambda i: _ANION_ORDER.index(elements[i]) if elements[i] in _ANION_ORDER else -1
    )
    return ''.join(elements[i] + (str(counts[i]) if counts[i] > 1 else '') for i in order if counts[i])


def shell_names(centre: str, elements: Sequence[str], shells: IntArray) -> npt.NDArray[np.str_]:
    """Name of each shell with its centre: PS3O.

    :param centre: element in the middle.
    :param elements: names.
    :param shells: (n_centres, n_elements), number of neighbours of each element.
    """
    rows, inverse = np.unique(shells, axis=0, return_inverse=True)
    names = np.array([centre + formula(elements, row) for row in rows], dtype=str)
    named: npt.NDArray[np.str_] = names[inverse.reshape(-1)]
    return named


def shares(labels: npt.NDArray[np.str_]) -> dict[str, float]:
    """Share of each label, alphabetical."""
    names, counts = np.unique(labels, return_counts=True)
    return {str(name): float(count / len(labels)) for name, count in zip(names, counts, strict=True)}

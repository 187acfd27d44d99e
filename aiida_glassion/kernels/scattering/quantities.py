"""What diffraction papers plot: S, S − 1, F(Q), i(Q), G, D, T, g, and how one becomes the other."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.scattering.tables import FM2_PER_BARN

FloatArray = npt.NDArray[np.floating[Any]]
Quantity = Literal['S', 'S-1', 'F', 'i', 'Q(S-1)', 'D', 'G', 'T', 'g']
Unit = Literal['1', '1/angstrom', '1/angstrom^2', 'barn/sr/atom', 'barn/angstrom^2', 'electron^2/atom']

UNITS_OF: dict[str, tuple[str, ...]] = {
    'S': ('1',),
    'S-1': ('1',),
    'F': ('barn/sr/atom', 'electron^2/atom', '1', '1/angstrom'),
    'i': ('barn/sr/atom', 'electron^2/atom', '1', '1/angstrom'),
    'Q(S-1)': ('1/angstrom',),
    'D': ('1/angstrom^2', 'barn/angstrom^2'),
    'G': ('1/angstrom^2', 'barn/angstrom^2'),
    'T': ('1/angstrom^2', 'barn/angstrom^2'),
    'g': ('1',),
}
"""Units that a quantity may have; they tell apart what different schools call by the same letter.

``F`` and ``i``: the distinct scattering ⟨b⟩²(S − 1) in ``barn/sr/atom`` (neutrons), ⟨f⟩²(S − 1) in ``electron^2/atom``
(X-rays); with unit ``1`` S − 1; with ``1/angstrom`` Q(S − 1). ``G`` and ``D``: 4πρr(g − 1); ``T``: 4πρrg; in
``barn/angstrom^2`` times ⟨b⟩².
"""

REAL_SPACE = ('D', 'G', 'T', 'g')

PRETTY: dict[str, str] = {
    '1': '1',
    '1/angstrom': 'Å⁻¹',
    '1/angstrom^2': 'Å⁻²',
    'barn/sr/atom': 'barn/sr/atom',
    'barn/angstrom^2': 'barn/Å²',
    'electron^2/atom': 'electron²/atom',
}


def check_unit(quantity: str, unit: str) -> None:
    """Refuse a unit that the quantity cannot have.

    :raises ValueError: it says which units there are.
    """
    if quantity not in UNITS_OF:
        raise ValueError(f'quantity: {quantity!r}, expected one of {", ".join(UNITS_OF)}')
    if unit not in UNITS_OF[quantity]:
        raise ValueError(f'unit: {unit!r} of {quantity}, expected one of {", ".join(UNITS_OF[quantity])}')


def from_structure_factor(
    q: FloatArray, s: FloatArray, quantity: Quantity, unit: Unit, square_of_mean: FloatArray | float = 1.0
) -> FloatArray:
    """A quantity in Q of the total S(Q).

    :param q: (n_q,), Å⁻¹.
    :param s: (n_q,), for absolute units after Faber and Ziman.
    :param square_of_mean: ⟨b⟩² in fm² or ⟨f⟩² in electron², for absolute units.
    """
    check_unit(quantity, unit)
    if quantity == 'S':
        return s
    values: FloatArray = (s - 1.0) * _factor_in_q(q, quantity, unit, square_of_mean)
    return values


def to_structure_factor(
    q: FloatArray, values: FloatArray, quantity: Quantity, unit: Unit, square_of_mean: FloatArray | float = 1.0
) -> FloatArray:
    """Total S(Q) of a quantity in Q: the inverse of :func:`from_structure_factor`, where its factor is not 0."""
    check_unit(quantity, unit)
    if quantity == 'S':
        return values
    return 1.0 + values / _factor_in_q(q, quantity, unit, square_of_mean)


def _factor_in_q(q: FloatArray, quantity: str, unit: str, square_of_mean: FloatArray | float) -> FloatArray:
    if quantity in REAL_SPACE:
        raise ValueError(f'quantity: {quantity} is one in r, not in Q')
    one = np.ones_like(q, dtype=np.float64)
    if unit == 'barn/sr/atom':
        one *= np.asarray(square_of_mean) / FM2_PER_BARN
    elif unit == 'electron^2/atom':
        one *= np.asarray(square_of_mean)
    return np.asarray(q, dtype=np.float64) if unit == '1/angstrom' else one


def from_correlation(
    r: FloatArray, d: FloatArray, quantity: Quantity, unit: Unit, density: float, square_of_mean: float = 1.0
) -> FloatArray:
    """A quantity in r of D(r) = 4πρr[g(r) − 1].

    :param r: (n_r,), Å.
    :param d: (n_r,), Å⁻².
    :param density: ρ, Å⁻³.
    :param square_of_mean: ⟨b⟩², fm², for ``barn/angstrom^2``.
    """
    check_unit(quantity, unit)
    if quantity not in REAL_SPACE:
        raise ValueError(f'quantity: {quantity} is one in Q, not in r')
    slope = 4 * np.pi * density * np.asarray(r, dtype=np.float64)
    if quantity == 'g':
        return 1.0 + d / np.where(slope > 0, slope, np.inf)
    values = d + slope if quantity == 'T' else d
    return values * square_of_mean / FM2_PER_BARN if unit == 'barn/angstrom^2' else values

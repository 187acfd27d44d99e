"""How strongly an element scatters: neutron scattering lengths and X-ray form factors, from one pinned table each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

NEUTRON_TABLE = (
    'bound coherent scattering lengths of periodictable 2.1: Rauch and Waschkowski (2003) with newer measurements; '
    'Li by Gehlhaar et al., J. Phys.: Condens. Matter (2025)'
)
"""Source of the scattering lengths. Li is −1.93 fm here and −1.90 fm in the tables of NIST (Sears 1992)."""

XRAY_TABLE = 'f0 of neutral atoms, Waasmaier and Kirfel, Acta Cryst. A51, 416 (1995), by periodictable 2.1'
"""Source of the form factors. Anomalous dispersion (f′, f″) is not included."""

XRAY_Q_LIMIT = 24 * np.pi
"""Å⁻¹: the form factors were fitted to sin θ/λ = 6 Å⁻¹."""

FM2_PER_BARN = 100.0
"""1 barn = 100 fm²."""


def scattering_lengths(
    elements: Sequence[str],
    isotopes: Mapping[str, int] | None = None,
    given: Mapping[str, float] | None = None,
) -> FloatArray:
    """Bound coherent neutron scattering lengths b, real part.

    :param elements: chemical symbols.
    :param isotopes: mass number of the isotope that an element is made of, where it is not the natural mixture.
    :param given: fm, lengths that replace those of the table.
    :returns: (n_elements,), fm.
    :raises ValueError: an element or isotope without a length; one whose length depends on the energy (a resonance: Gd,
        Sm, Eu …), unless given; isotopes or lengths of elements that are not there.
    """
    isotopes, given = dict(isotopes or {}), dict(given or {})
    for name, chosen in (('isotopes', isotopes), ('scattering_lengths', given)):
        strange = sorted(set(chosen) - set(elements))
        if strange:
            raise ValueError(f'{name}: {", ".join(strange)} is not among the elements {", ".join(elements)}')
    lengths = [given[e] if e in given else _length(e, isotopes.get(e)) for e in elements]
    return np.array(lengths, dtype=np.float64)


def _length(element: str, isotope: int | None) -> float:
    entry: Any = _entry(element)
    name = element
    if isotope is not None:
        name = f'{isotope}{element}'
        if isotope not in entry.isotopes:
            raise ValueError(f'isotopes: {name} is not known')
        entry = entry[isotope]
    neutron = entry.neutron
    if neutron is None or neutron.b_c is None:
        raise ValueError(f'{name}: no neutron scattering length is known; give one as scattering_lengths')
    if neutron.is_energy_dependent:
        raise ValueError(
            f'{name}: its neutron scattering length depends on the energy; give the one of your wavelength, in fm, '
            'as scattering_lengths'
        )
    return float(neutron.b_c)


def form_factors(elements: Sequence[str], q: npt.ArrayLike) -> FloatArray:
    """X-ray form factors f0(Q) of neutral atoms.

    :param elements: chemical symbols.
    :param q: (n_q,), Å⁻¹, from 0 to :data:`XRAY_Q_LIMIT`.
    :returns: (n_elements, n_q), electrons.
    :raises ValueError: an element without form factor, or a Q outside the range of the table.
    """
    from periodictable import cromermann

    points = np.atleast_1d(np.asarray(q, dtype=np.float64))
    if points.size and not (points.min() >= 0 and points.max() <= XRAY_Q_LIMIT):
        raise ValueError(
            f'Q: {points.min():g} to {points.max():g} Å⁻¹, X-ray form factors end at {XRAY_Q_LIMIT:.1f} Å⁻¹'
        )
    factors = np.empty((len(elements), len(points)))
    for row, element in zip(factors, elements, strict=True):
        _entry(element)
        try:
            row[:] = cromermann.fxrayatq(element, points)
        except KeyError:
            raise ValueError(f'{element}: no X-ray form factor is known') from None
    return factors


def _entry(element: str) -> Any:
    import periodictable

    try:
        return periodictable.elements.symbol(element)
    except ValueError:
        raise ValueError(f'{element}: no element of the table of scattering lengths and form factors') from None

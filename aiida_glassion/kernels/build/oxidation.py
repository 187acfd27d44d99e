"""Formal charges in glass chemistry and the neutrality of a composition."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

OXIDATION_STATES: dict[str, float] = {
    **dict.fromkeys(('H', 'Li', 'Na', 'K', 'Rb', 'Cs', 'Ag', 'Cu', 'Tl'), 1.0),
    **dict.fromkeys(('Be', 'Mg', 'Ca', 'Sr', 'Ba', 'Zn', 'Cd', 'Pb', 'Mn', 'Co', 'Ni'), 2.0),
    **dict.fromkeys(('B', 'Al', 'Ga', 'In', 'Sc', 'Y', 'Cr', 'Fe', 'As', 'Sb', 'Bi'), 3.0),
    **dict.fromkeys(('La', 'Ce', 'Pr', 'Nd', 'Sm', 'Eu', 'Gd', 'Tb', 'Dy', 'Ho', 'Er', 'Tm', 'Yb', 'Lu'), 3.0),
    **dict.fromkeys(('Si', 'Ge', 'Sn', 'Ti', 'Zr', 'Hf', 'Te'), 4.0),
    **dict.fromkeys(('P', 'V', 'Nb', 'Ta'), 5.0),
    **dict.fromkeys(('Mo', 'W'), 6.0),
    'N': -3.0,
    **dict.fromkeys(('O', 'S', 'Se'), -2.0),
    **dict.fromkeys(('F', 'Cl', 'Br', 'I'), -1.0),
}
"""The usual state of each element in oxide, sulfide and halide glasses, e. V4+ or the S6+ of sulfates by override."""

NEUTRALITY_TOLERANCE = 5e-3
"""Charge per atom that rounding of the amounts may leave, e."""


def oxidation_states(elements: Iterable[str], overrides: Mapping[str, float] | None = None) -> dict[str, float]:
    """Formal charge of each element, e: the table's, or the override's; mean values such as V 4.5 are allowed.

    :raises ValueError: an element without a state in the table, or an override that is absurd or of an absent element.
    """
    wanted = sorted(set(elements))
    given = dict(overrides or {})
    states: dict[str, float] = {}
    for element, state in given.items():
        if element not in wanted:
            raise ValueError(
                f'oxidation state of {element!r} given, but the composition holds only {", ".join(wanted)}'
            )
        if isinstance(state, bool) or not isinstance(state, (int, float)) or not -4 <= state <= 8:
            raise ValueError(f'oxidation state of {element}: {state!r} is not a number from -4 to 8')
    for element in wanted:
        if element not in given and element not in OXIDATION_STATES:
            raise ValueError(f'no usual oxidation state is known for {element}; give one, e.g. {{{element!r}: 3}}')
        states[element] = float(given.get(element, OXIDATION_STATES.get(element, 0.0)))
    return states


def net_charge(atoms: Mapping[str, float], states: Mapping[str, float]) -> float:
    """Charge of a set of atoms (numbers or fractions), e."""
    return sum(number * states[element] for element, number in atoms.items())


def neutral_states(atoms: Mapping[str, float], overrides: Mapping[str, float] | None = None) -> dict[str, float]:
    """States under which a composition is neutral.

    :param atoms: number or fraction of atoms of each element.
    :param overrides: states that replace the table's, e.
    :returns: state of each element, e.
    :raises ValueError: the composition is charged; the message gives the charge and the overrides that would mend it.
    """
    states = oxidation_states(atoms, overrides)
    total = sum(atoms.values())
    charge = net_charge(atoms, states) / total
    if abs(charge) <= NEUTRALITY_TOLERANCE:
        return states
    used = ', '.join(f'{element} {state:+g}' for element, state in states.items())
    remedies = ' or '.join(f'{{{element!r}: {state:g}}}' for element, state in _remedies(atoms, states, charge * total))
    advice = f'it would be neutral with the oxidation states {remedies}' if remedies else 'check the amounts'
    raise ValueError(f'the composition is not neutral: {charge:+.3f} e per atom with {used}; {advice}')


def _remedies(atoms: Mapping[str, float], states: Mapping[str, float], charge: float) -> list[tuple[str, float]]:
    """Elements whose state alone could carry the charge, within the states chemistry knows for them."""
    from pymatgen.core import Element

    found = []
    for element, number in atoms.items():
        state = round(states[element] - charge / number, 3)
        known = Element(element).icsd_oxidation_states
        if len(known) > 1 and min(known) <= state <= max(known) and state != 0:
            found.append((element, state))
    return found

"""One chemical formula read into atoms, with the nearest spelling when it cannot be."""

from __future__ import annotations

import difflib
import re
import unicodedata

from aiida_glassion.kernels.build.oxidation import OXIDATION_STATES


def parse_formula(formula: str) -> dict[str, float]:
    """Read one chemical formula, e.g. `Na3PS3.85O0.15` or `Ca(PO3)2`, into atoms per formula unit.

    :raises ValueError: not a formula, or an element that does not exist; the nearest spelling is suggested.
    """
    from pymatgen.core import Composition as Formula

    plain = unicodedata.normalize('NFKC', formula).replace(' ', '')
    if not plain or not re.fullmatch(r'[A-Za-z0-9.()\[\]{}]+', plain) or not re.match(r'[A-Za-z(\[{]', plain):
        raise ValueError(f'{formula!r} is not a chemical formula such as Na2O or Na3PS3.85O0.15')
    symbols = re.findall(r'[A-Z][a-z]?|[a-z]', plain)
    for symbol in symbols:
        if symbol not in known_elements():
            raise ValueError(f'{formula!r}: unknown element {symbol!r}; did you mean {_suggest(plain, symbol)}?')
    try:
        atoms = Formula(plain).get_el_amt_dict()
    except ValueError as error:
        raise ValueError(f'{formula!r} is not a chemical formula such as Na2O or Na3PS3.85O0.15 ({error})') from error
    atoms = {element: float(number) for element, number in atoms.items() if number > 0}
    if not atoms:
        raise ValueError(f'{formula!r} holds no atoms')
    return dict(sorted(atoms.items()))


def known_elements() -> list[str]:
    """Symbols of the periodic table, by atomic number."""
    from ase.data import chemical_symbols

    return list(chemical_symbols[1:])


def _suggest(formula: str, symbol: str) -> str:
    """The same letters in the right case if that reads, else elements with the closest symbols."""
    known = known_elements()
    words = re.findall(r'[A-Za-z]+|[^A-Za-z]+', formula)
    recased = [_recase(word, known) if word.isalpha() else word for word in words]
    if all(recased):
        return repr(''.join(word for word in recased if word))
    common = [element for element in OXIDATION_STATES if element in known]
    close = [element for element in common if element[0] == symbol[0].upper()]
    close = close or difflib.get_close_matches(symbol.capitalize(), common, n=3, cutoff=0.4)
    return ' or '.join(close) if close else 'a symbol of the periodic table'


def _recase(letters: str, known: list[str]) -> str | None:
    """Split letters into elements whatever their case; two-letter symbols first, and the ones common in glass."""
    if not letters:
        return ''
    for size in (2, 1):
        symbol = letters[:size].capitalize()
        if len(letters) >= size and symbol in known and not (size == 2 and symbol in ('Po', 'No', 'Co', 'Os', 'Sc')):
            rest = _recase(letters[size:], known)
            if rest is not None:
                return symbol + rest
    return None

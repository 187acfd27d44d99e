"""What glass is meant: a researcher's notation read into components and elements.

Mole fractions are of formula units (`25Na2O-75SiO2`: one quarter of the units are Na2O); atomic fractions count atoms.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from numbers import Real

from aiida_glassion.kernels.build.formula import known_elements, parse_formula
from aiida_glassion.kernels.build.oxidation import neutral_states

SUM_TOLERANCE = 2e-3
"""Relative tolerance on the sum of the amounts: 33.3 + 33.3 + 33.3 mol % passes and is renormalised."""

LARGEST_RATIO_SUM = 50
"""Whole numbers with the ratio sign `·` may sum to this; above it they are taken for mistyped percentages."""

_NUMBER = r'(?:\d+(?:\.\d+)?)'
_SPELLINGS = "write e.g. '25Na2O-75SiO2' (mol %), '0.25Na2O-0.75SiO2' (mole fractions) or 'Na2O·3SiO2' (ratio)"


@dataclass(frozen=True)
class Composition:
    """A composition.

    :param text: what the user gave.
    :param components: mole fraction of each formula unit, sums to 1.
    :param elements: atomic fraction of each element, alphabetical, sums to 1.
    :param units: atoms of each element in one unit of each component.
    """

    text: str
    components: dict[str, float]
    elements: dict[str, float]
    units: dict[str, dict[str, float]]

    @property
    def label(self) -> str:
        """A canonical spelling, which parses to the same composition: `25Na2O-75SiO2`."""
        if len(self.components) == 1:
            return next(iter(self.components))
        return '-'.join(f'{100 * fraction:.6g}{unit}' for unit, fraction in self.components.items())

    def neutral_states(self, overrides: Mapping[str, float] | None = None) -> dict[str, float]:
        """Oxidation state of each element, e, once the composition is known to be neutral with them.

        :param overrides: states that replace the table's.
        :raises ValueError: the composition is charged; says by how much and which state would mend it.
        """
        try:
            return neutral_states(self.elements, overrides)
        except ValueError as error:
            raise ValueError(f'composition {self.text!r}: {error}') from error


def parse_composition(value: str | Mapping[str, float]) -> Composition:
    """Read a composition.

    - `25Na2O-75SiO2`, `0.7Li2S-0.3P2S5`: amounts before the formulas, mol % (sum 100) or mole fractions (sum 1).
      Separators `-` (any dash), `+`, `,`, `;`, `/` or a blank; `%` and `mol%` may follow an amount; ₀–₉ are digits.
    - `(Li2S)0.7(P2S5)0.3`: amounts behind the brackets.
    - `Na2O·2SiO2` or `Na2O:2SiO2`: whole-number ratios, a missing number is 1.
    - `45Li2O-55(0.5B2O3-0.5P2O5)`: bracketed sub-mixes, of any depth, `[]` and `{}` too.
    - `0.5B2O3-0.5P2O5+45Li2O`: with `+` between groups, the one group of mole fractions (sum 1) shares what the
      percentages leave: 45 % Li2O, 27.5 % B2O3, 27.5 % P2O5. All-fraction spellings of this are ambiguous: an error.
    - `Na3PS3.85O0.15`: one formula.
    - `{'Na2O': 25, 'SiO2': 75}`: formulas or mixes as keys; `{'Na': 0.2, 'Si': 0.2, 'O': 0.6}`: elements as atomic
      fractions, at. %, or whole numbers of atoms.

    :param value: text or mapping.
    :returns: the composition; equal components are merged.
    :raises ValueError: unknown element, negative amount, wrong sum, ambiguous or empty; says what would be right.
    """
    if isinstance(value, str):
        text, mixture = value, _read_text(value)
    elif isinstance(value, Mapping):
        text, mixture = _spell(value), _read_mapping(value)
    else:
        raise ValueError(f'composition {value!r}: expected text or a mapping, got {type(value).__name__}; {_SPELLINGS}')
    units = {unit: parse_formula(unit) for unit in mixture}
    atoms: dict[str, float] = {}
    for unit, fraction in mixture.items():
        for element, number in units[unit].items():
            atoms[element] = atoms.get(element, 0.0) + fraction * number
    total = sum(atoms.values())
    elements = {element: atoms[element] / total for element in sorted(atoms)}
    return Composition(text=text, components=mixture, elements=elements, units=units)


def _normalise(text: str) -> str:
    """Plain digits, one dash, one ratio sign, round brackets, no blanks but those that separate."""
    plain = unicodedata.normalize('NFKC', text).strip()
    plain = re.sub(r'[‐‑‒–—−]', '-', plain)
    plain = re.sub(r'\s*[·•∙⋅:]\s*', '·', plain)
    plain = plain.translate(str.maketrans('[]{}', '()()'))
    if re.search(r'wt|mass', plain, flags=re.IGNORECASE):
        raise ValueError(f'composition {text!r}: weight percentages are not read; convert them to mol %')
    plain = re.sub(r'(?<=[\d\s])\s*(?:mol|at)?\.?\s*%', ' ', plain)
    plain = re.sub(r'\s*([-+,;/·()])\s*', r'\1', plain.strip())
    plain = re.sub(r'(?<=[A-Za-z0-9)])\s+(?=\d)', '-', plain)
    plain = re.sub(r'[,;/]', '-', plain.replace(' ', ''))
    if re.search(r'\.(?!\d)|(?<!\d)\.', plain):
        raise ValueError(
            f"composition {text!r}: a dot between formulas is ambiguous; separate with '-' or '·', "
            f'and write decimals with a leading zero; {_SPELLINGS}'
        )
    return plain


def _read_text(text: str) -> dict[str, float]:
    plain = _normalise(text)
    if not plain:
        raise ValueError(f'composition {text!r} is empty; {_SPELLINGS}')
    depths = list(accumulate((character == '(') - (character == ')') for character in plain))
    if min(depths) < 0 or depths[-1] != 0:
        raise ValueError(f'composition {text!r}: brackets do not match')
    return _mixture(plain, text)


def _mixture(plain: str, text: str) -> dict[str, float]:
    """Mole fractions in `plain`, a mixture without outer amount; `text` is what the user wrote, for the messages."""
    groups = _split(plain, '+')
    if len(groups) > 1 and any(len(_split(group, '-')) > 1 for group in groups):
        return _shared_rest(groups, text)
    plus = '-'.join(groups)
    behind = re.findall(rf'\(([^()]+)\)({_NUMBER})', plus)
    if len(behind) > 1 and ''.join(f'({inner}){number}' for inner, number in behind) == plus.replace('-', ''):
        return _combine([(float(number), f'({inner})') for inner, number in behind], text, ratio=False)
    ratio = len(_split(plus, '·')) > 1
    if ratio and len(_split(plus, '-')) > 1:
        raise ValueError(f"composition {text!r} mixes '-' and '·' on one level; use brackets; {_SPELLINGS}")
    pieces = _split(plus, '·' if ratio else '-')
    pairs = [_amount(piece, text) for piece in pieces]
    if len(pairs) == 1:
        amount, inner = pairs[0]
        if amount is not None and not any(abs(amount / whole - 1) < SUM_TOLERANCE for whole in (1, 100)):
            raise ValueError(f'composition {text!r}: {amount:g} of {inner!r} alone does not sum to 100 %; {_SPELLINGS}')
        return _inner(inner, text)
    if not ratio and any(amount is None for amount, _ in pairs):
        missing = next(inner for amount, inner in pairs if amount is None)
        raise ValueError(f'composition {text!r}: no amount before {missing!r}; {_SPELLINGS}')
    return _combine([(1.0 if amount is None else amount, inner) for amount, inner in pairs], text, ratio)


def _split(plain: str, sign: str) -> list[str]:
    """Split at `sign` outside brackets."""
    pieces, depth = [''], 0
    for character in plain:
        depth += (character == '(') - (character == ')')
        if character == sign and depth == 0:
            pieces.append('')
        else:
            pieces[-1] += character
    return pieces


def _amount(piece: str, text: str) -> tuple[float | None, str]:
    found = re.fullmatch(rf'({_NUMBER})?(.*)', piece)
    number, inner = found.groups() if found else (None, piece)
    if not inner and number is None:
        raise ValueError(
            f'composition {text!r}: nothing before or after a separator, or a negative amount; {_SPELLINGS}'
        )
    if not inner:
        raise ValueError(f'composition {text!r}: the amount {number} has no formula behind it; {_SPELLINGS}')
    return (None if number is None else float(number)), inner


def _inner(inner: str, text: str) -> dict[str, float]:
    """A bracketed sub-mix, or one formula."""
    if inner.startswith('(') and inner.endswith(')') and _closes_at_end(inner):
        return _mixture(inner[1:-1], text)
    try:
        parse_formula(inner)
    except ValueError as error:
        raise ValueError(f'composition {text!r}: {error}') from error
    return {inner: 1.0}


def _closes_at_end(inner: str) -> bool:
    depth = 0
    for i, character in enumerate(inner):
        depth += (character == '(') - (character == ')')
        if depth == 0:
            return i == len(inner) - 1
    return False


def _combine(parts: list[tuple[float, str]], text: str, ratio: bool) -> dict[str, float]:
    """Weigh the parts by their amounts, once the sum is right."""
    for amount, inner in parts:
        if not amount > 0:
            raise ValueError(f'composition {text!r}: the amount of {inner!r} is {amount:g}; it must be positive')
    total = sum(amount for amount, _ in parts)
    is_whole = any(abs(total / whole - 1) < SUM_TOLERANCE for whole in (1, 100))
    is_ratio = ratio and total <= LARGEST_RATIO_SUM and all(amount.is_integer() for amount, _ in parts)
    if not (is_whole or is_ratio):
        percent = '-'.join(f'{100 * amount / total:.6g}{inner}' for amount, inner in parts)
        hint = f"'{percent}' in mol %"
        if all(amount.is_integer() for amount, _ in parts) and total <= LARGEST_RATIO_SUM:
            hint += " or, as a ratio, '" + '·'.join(f'{amount:g}{inner}' for amount, inner in parts) + "'"
        raise ValueError(
            f'composition {text!r}: the amounts sum to {total:g}; mol % sum to 100 and mole fractions to 1. '
            f'If the proportions are right, write {hint}'
        )
    mixture: dict[str, float] = {}
    for amount, inner in parts:
        for unit, fraction in _inner(inner, text).items():
            mixture[unit] = mixture.get(unit, 0.0) + amount / total * fraction
    return mixture


def _shared_rest(groups: list[str], text: str) -> dict[str, float]:
    """`0.5B2O3-0.5P2O5+45Li2O`: the group of mole fractions takes what the percentages leave."""
    parsed = [[_amount(piece, text) for piece in _split(group, '-')] for group in groups]
    sums = [sum(amount or 0.0 for amount, _ in parts) for parts in parsed]
    shared = [i for i, total in enumerate(sums) if len(parsed[i]) > 1 and abs(total - 1) < SUM_TOLERANCE]
    rest = 100 - sum(total for i, total in enumerate(sums) if i not in shared)
    everything = all(amount is not None for parts in parsed for amount, _ in parts)
    if everything and any(abs(sum(sums) / whole - 1) < SUM_TOLERANCE for whole in (1, 100)):
        return _combine([(amount or 0.0, inner) for parts in parsed for amount, inner in parts], text, ratio=False)
    percentages = all(total > 1 for i, total in enumerate(sums) if i not in shared)
    if not (everything and len(shared) == 1 and percentages and 0 < rest < 100):
        raise ValueError(
            f'composition {text!r} is ambiguous; write the share of the sub-mix in front of a bracket, '
            f"e.g. '45Li2O-55(0.5B2O3-0.5P2O5)', or every amount in mol %, e.g. '45Li2O-27.5B2O3-27.5P2O5'"
        )
    parts = [
        (rest, f'({groups[i]})') if i in shared else (sums[i], f'({_percent(groups[i])})') for i in range(len(groups))
    ]
    return _combine(parts, text, ratio=False)


def _percent(group: str) -> str:
    """A group of percentages as a mix of its own, mole fractions."""
    pieces = [_amount(piece, group) for piece in _split(group, '-')]
    total = sum(amount or 0.0 for amount, _ in pieces)
    return '-'.join(f'{(amount or 0.0) / total:.12f}{inner}' for amount, inner in pieces)


def _spell(value: Mapping[str, float]) -> str:
    return '-'.join(
        f'{amount}({key})' if re.search(r'[-+·:]', str(key)) else f'{amount}{key}' for key, amount in value.items()
    )


def _read_mapping(value: Mapping[str, float]) -> dict[str, float]:
    if not value:
        raise ValueError(f'composition {dict(value)!r} is empty; write e.g. {{"Na2O": 25, "SiO2": 75}}')
    parts: list[tuple[float, str]] = []
    for key, amount in value.items():
        if not isinstance(key, str) or not key.strip():
            raise ValueError(f'composition {dict(value)!r}: the key {key!r} is not a formula')
        if isinstance(amount, bool) or not isinstance(amount, Real) or not 0 < float(amount) < float('inf'):
            raise ValueError(
                f'composition {dict(value)!r}: the amount of {key!r} is {amount!r}; it must be a positive number'
            )
        plain = _normalise(key)
        parts.append((float(amount), f'({plain})' if re.search(r'[-+·]', plain) else plain))
    counted = all(inner in known_elements() for _, inner in parts) and all(amount.is_integer() for amount, _ in parts)
    if counted:
        total = sum(amount for amount, _ in parts)
        parts = [(amount / total, inner) for amount, inner in parts]
    elif len(parts) == 1:
        parts = [(1.0 if abs(parts[0][0] / 100 - 1) < SUM_TOLERANCE else parts[0][0], parts[0][1])]
    return _combine(parts, str(dict(value)), ratio=False)

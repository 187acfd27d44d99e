"""Room for a crystal in a glass: which atoms of the glass go, so that none overlap and the numbers come out whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.build.carve import WAY_OUT
from aiida_glassion.kernels.build.carve_balance import (
    Rule,
    as_counts,
    assert_rule,
    choose_numbers,
    formula_rule,
    named,
    neutral_rule,
)
from aiida_glassion.kernels.build.oxidation import neutral_states
from aiida_glassion.kernels.build.packing import minimum_distances, pair_name
from aiida_glassion.kernels.build.pores_together import Region, distance_to_regions
from aiida_glassion.kernels.structure.neighbours import neighbour_list

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Fit:
    """What is left of the glass.

    :param kept: (n_kept,), indices in the glass, ascending.
    :param also_removed: indices of those that went only to balance the numbers, nearest to the crystal first.
    :param report: JSON-ready, see :class:`.GlassCeramic`.
    """

    kept: IntArray
    also_removed: IntArray
    report: dict[str, Any]


def fit_glass(
    positions: FloatArray,
    symbols: Sequence[str],
    crystal: FloatArray,
    crystal_symbols: Sequence[str],
    cell: FloatArray,
    regions: Sequence[Region],
    charges: Mapping[str, float] | None,
    distances: Mapping[str, float] | None,
    overlap: float,
    exact: str | None,
    most_changed: float,
    generator: np.random.Generator,
) -> Fit:
    """Take atoms out of a glass where a crystal will be.

    :param positions: (n_glass, 3), Å.
    :param symbols: of the glass.
    :param crystal: (n_crystal, 3), Å.
    :param crystal_symbols: of the crystal.
    :param cell: (3, 3), Å, of both.
    :param regions: the grains.
    :param charges: e, by element; None: the usual ones where they are needed.
    :param distances: see :class:`.Grains`.
    :param overlap: see :class:`.Grains`.
    :param exact: see :class:`.Grains`.
    :param most_changed: see :class:`.Grains`.
    :param generator: of choices among atoms equally near.
    :raises ValueError: composition or neutrality cannot hold, or a distance is wrong.
    """
    names = sorted({*symbols, *crystal_symbols})
    index = {name: i for i, name in enumerate(names)}
    types = np.array([index[symbol] for symbol in symbols], dtype=np.int64)
    of_crystal = np.array([index[symbol] for symbol in crystal_symbols], dtype=np.int64)
    before, added = (np.bincount(t, minlength=len(names)) for t in (types, of_crystal))
    rule, fixed, kind_of_rule = _rule(names, before, added, charges, exact)
    away = distance_to_regions(regions, positions, cell)
    within = away < 0
    least = minimum_distances(names, distances, overlap)
    close = ~within & _overlapping(positions, types, crystal, of_crystal, cell, names, least, within)
    free = ~within & ~close
    staying = np.bincount(types[free], minlength=len(names))
    numbers = choose_numbers(np.eye(len(names), dtype=np.int64), staying, np.zeros_like(staying), fixed, rule)
    if numbers is None:
        raise ValueError(f'exact: no part of the glass makes the whole come out even; {WAY_OUT}')
    n_changed = int((staying - numbers).sum())
    n_room = int((~free).sum())
    if n_changed > most_changed * max(1, n_room):
        unit = '' if rule.unit is None else f' whole units of {named(names, rule.unit)}'
        raise ValueError(
            f'most_changed: {n_room} atoms of the glass make room for the crystal, and {n_changed} more would have to '
            f'go to keep{unit or " the glass neutral and its composition"}, more than {most_changed:g} of them; allow '
            f'more, take a larger fraction, or {WAY_OUT}'
        )
    chance = generator.random(len(types))
    gone = [np.zeros(0, dtype=np.int64)]
    for kind in np.flatnonzero(staying - numbers):
        own = np.flatnonzero(free & (types == kind))
        order = np.lexsort((chance[own], away[own].round(6)))
        gone.append(own[order[: int(staying[kind] - numbers[kind])]])
    also = np.concatenate(gone)
    also = also[np.argsort(away[also], kind='stable')]
    free[also] = False
    left = np.bincount(types[free], minlength=len(names))
    assert_rule(left + fixed, rule)
    whole = left + added
    result = whole if kind_of_rule == 'formula' else left
    charge = None if charges is None else sum(charges[n] * int(number) for n, number in zip(names, whole, strict=True))
    report = {
        'exact': kind_of_rule,
        'unit': None if rule.unit is None else as_counts(names, rule.unit),
        'counts_glass': as_counts(names, left),
        'counts_crystal': as_counts(names, added),
        'n_inside': int(within.sum()),
        'n_overlapping': int(close.sum()),
        'n_also_removed': len(also),
        'farthest_also_removed': float(away[also].max()) if len(also) else None,
        'charge': None if charge is None else round(charge, 9) + 0.0,
        'composition_change': float(np.abs(result / result.sum() - before / before.sum()).max()),
        'minimum_distances': least,
    }
    return Fit(np.flatnonzero(free), also, report)


def _rule(
    names: list[str], glass: IntArray, crystal: IntArray, charges: Mapping[str, float] | None, exact: str | None
) -> tuple[Rule, IntArray, str]:
    """The rule, what it counts beside the glass, and its name."""
    alike = bool((glass * int(crystal.sum()) == crystal * int(glass.sum())).all())
    if exact == 'formula' and not alike:
        raise ValueError(
            f"exact: 'formula' given, but the glass ({_shares(names, glass)}) and the crystal "
            f"({_shares(names, crystal)}) have different compositions; use exact='neutral'"
        )
    known = charges
    if known is not None:
        missing = [name for name in names if name not in known]
        if missing:
            raise ValueError(f'charges: none given for {", ".join(missing)}')
    if exact == 'formula' or (exact is None and alike):
        rule = formula_rule(names, glass, None, WAY_OUT)
        assert rule.unit is not None
        most = int((glass + crystal).sum() // rule.unit.sum())
        return replace(rule, most_units=most), crystal, 'formula'
    if known is None:
        known = neutral_states(dict(zip(names, (glass + crystal).tolist(), strict=True)))
    listed = [float(known[name]) for name in names]
    for what, counts in (('glass', glass), ('crystal', crystal)):
        charge = float(np.dot(listed, counts))
        if abs(charge) > 1e-6 * counts.sum():
            given = ', '.join(f'{name} {value:+g}' for name, value in zip(names, listed, strict=True))
            raise ValueError(
                f'charges: the {what} carries {charge:+g} e with {given}; give charges with which both are neutral'
            )
    return neutral_rule(names, glass, listed), np.zeros_like(crystal), 'neutral'


def _overlapping(
    positions: FloatArray,
    types: IntArray,
    crystal: FloatArray,
    of_crystal: IntArray,
    cell: FloatArray,
    names: list[str],
    least: Mapping[str, float],
    within: BoolArray,
) -> BoolArray:
    """Which atoms of the glass are nearer to an atom of the crystal than they may be, (n_glass,)."""
    n = len(names)
    between = np.array([[least[pair_name(first, second)] for second in names] for first in names])
    limits = np.zeros((2 * n, 2 * n))
    limits[:n, n:] = between
    limits[n:, :n] = between
    outside = np.flatnonzero(~within)
    together = np.concatenate([positions[outside], crystal])
    pairs = neighbour_list(together, cell, limits, np.concatenate([types[outside], of_crystal + n]))
    found = np.zeros(len(positions), dtype=bool)
    touched = pairs.first[pairs.first < len(outside)]
    found[outside[touched]] = True
    return found


def _shares(names: Sequence[str], counts: IntArray) -> str:
    total = counts.sum()
    return ', '.join(f'{name} {number / total:.3f}' for name, number in zip(names, counts, strict=True) if number)

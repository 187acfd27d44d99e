"""How many atoms of each kind to keep, so that composition and neutrality hold in whole numbers.

A piece is an atom, or a cluster that stays whole; a kind is what pieces of one composition have in common. Some pieces
are to stay, some to go; as few atoms as possible change their side. Found by integer linear programming (HiGHS).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

CHANGE_WEIGHT = 1e-3
"""Cost of one atom that changes its side, against one atom in the wrong place, where the composition is not exact."""

EXACT = ('formula', 'neutral')


@dataclass(frozen=True, eq=False)
class Rule:
    """What must hold of the atoms that are kept.

    :param species: names.
    :param unit: (n_species,), atoms of one formula unit: the numbers kept are a whole multiple of it; None where only
        neutrality is exact.
    :param most_units: no more units than these.
    :param charges: (n_species,), e in whole multiples of some charge, exact.
    :param fractions: (n_species,), the composition to stay near to, where there is no unit.
    """

    species: tuple[str, ...]
    unit: IntArray | None
    most_units: int
    charges: IntArray | None
    fractions: FloatArray


def formula_rule(species: Sequence[str], counts: IntArray, unit: Mapping[str, float] | None, wayout: str) -> Rule:
    """Keep whole formula units.

    :param species: names.
    :param counts: (n_species,), atoms in the whole cell, all above 0.
    :param unit: atoms of one unit by species; None: the reduced formula of the cell.
    :param wayout: what else to do, in words, for the messages.
    :raises ValueError: the counts have no common divisor, or are no multiple of the unit.
    """
    if unit is None:
        divisor = int(np.gcd.reduce(counts))
        if divisor == 1:
            raise ValueError(
                f'composition: {named(species, counts)} have no common divisor, so no smaller cell has exactly this '
                f'composition; {wayout}'
            )
        return Rule(tuple(species), counts // divisor, divisor, None, counts / counts.sum())
    wanted = {name: number for name, number in unit.items() if number}
    whole = all(float(number).is_integer() and number > 0 for number in wanted.values())
    if not whole or set(wanted) != set(species):
        raise ValueError(f'unit: {dict(unit)!r} given, expected whole numbers of atoms of each of {", ".join(species)}')
    numbers = np.array([int(wanted[name]) for name in species], dtype=np.int64)
    units = int(counts[0] // numbers[0])
    if not np.array_equal(units * numbers, counts):
        raise ValueError(
            f'unit: {named(species, numbers)} given, but {named(species, counts)} in the cell are no whole multiple of '
            f'it; {wayout}'
        )
    return Rule(tuple(species), numbers, units, None, counts / counts.sum())


def neutral_rule(species: Sequence[str], counts: IntArray, charges: Sequence[float]) -> Rule:
    """Keep it neutral, and near the composition that it has.

    :param species: names.
    :param counts: (n_species,), atoms in the whole cell.
    :param charges: (n_species,), e.
    :raises ValueError: the cell is charged to begin with, or all charges are zero.
    """
    parts = [Fraction(charge).limit_denominator(10_000) for charge in charges]
    scale = math.lcm(*(part.denominator for part in parts))
    whole = np.array([int(part * scale) for part in parts], dtype=np.int64)
    if int(whole @ counts):
        raise ValueError(
            f'charges: the cell carries {float(whole @ counts) / scale:+g} e with '
            f'{", ".join(f"{name} {charge:+g}" for name, charge in zip(species, charges, strict=True))}; no part of it '
            'can be neutral by them: give charges that sum to zero'
        )
    if not whole.any():
        raise ValueError("charges: all zero, so neutrality says nothing; give formal charges, or use exact='formula'")
    divisor = int(np.gcd.reduce(np.abs(whole)))
    return Rule(tuple(species), None, 0, whole // divisor, counts / counts.sum())


def choose_numbers(kinds: IntArray, staying: IntArray, going: IntArray, fixed: IntArray, rule: Rule) -> IntArray | None:
    """Pieces of each kind to keep: the fewest atoms change their side; among equals, those go rather than stay.

    :param kinds: (n_kinds, n_species), atoms of one piece of each kind.
    :param staying: (n_kinds,), pieces that stay unless they are needed to go.
    :param going: (n_kinds,), pieces that go unless they are needed to stay.
    :param fixed: (n_species,), atoms that stay in any case, beside the pieces.
    :param rule: what must hold of all that stays.
    :returns: (n_kinds,) numbers to keep; None where none can be.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp

    n_kinds, n_species = kinds.shape
    sizes = kinds.sum(axis=1).astype(np.float64)
    kept = (staying @ kinds + fixed).astype(np.float64)
    per_kind = np.hstack([-kinds.T, kinds.T]).astype(np.float64)
    # among equal choices more goes: the tie is worth less than one atom, however many come back
    tie = 1 + 0.5 / (1 + float(going @ sizes))
    change = np.concatenate([sizes, sizes * tie])
    upper = np.concatenate([staying, going]).astype(np.float64)
    if rule.unit is not None:
        system = LinearConstraint(np.hstack([per_kind, -rule.unit[:, None].astype(np.float64)]), -kept, -kept)
        cost, bounds = (
            np.append(change, 0.0),
            Bounds(np.append(np.zeros(2 * n_kinds), 1.0), np.append(upper, rule.most_units)),
        )
        windows: list[float] = [math.inf]
        rows = [system]
    else:
        assert rule.charges is not None
        charges = rule.charges.astype(np.float64)
        off = np.eye(n_species) - np.outer(rule.fractions, np.ones(n_species))
        slack = np.eye(n_species)
        zeros = np.zeros(n_species)
        rows = [
            LinearConstraint(np.concatenate([charges @ per_kind, zeros])[None], -charges @ kept, -charges @ kept),
            LinearConstraint(np.hstack([off @ per_kind, -slack]), ub=-off @ kept),
            LinearConstraint(np.hstack([-off @ per_kind, -slack]), ub=off @ kept),
            LinearConstraint(np.concatenate([np.ones(n_species) @ per_kind, zeros])[None], lb=1 - kept.sum()),
        ]
        cost = np.concatenate([CHANGE_WEIGHT * change, np.ones(n_species)])
        bounds = Bounds(np.zeros(len(cost)), np.append(upper, np.full(n_species, np.inf)))
        windows = _windows(float(sizes.max(initial=1.0)), float(going @ sizes), bool(going.any()))
    for window in windows:
        limits = list(rows)
        if math.isfinite(window):
            total = np.concatenate([np.ones(n_species) @ per_kind, np.zeros(n_species)])[None]
            limits.append(LinearConstraint(total, -window, window))
        found = milp(
            cost, integrality=_integrality(len(cost), 2 * n_kinds, rule), bounds=bounds, constraints=limits,
            options={'mip_rel_gap': 0.0, 'time_limit': 30.0},
        )  # fmt: skip
        if found.x is not None:
            moved = np.rint(found.x[: 2 * n_kinds]).astype(np.int64)
            return np.asarray(staying - moved[:n_kinds] + moved[n_kinds:])
    return None


def assert_rule(counts: IntArray, rule: Rule) -> None:
    """Make sure that what stays obeys the rule, in whole numbers.

    :raises RuntimeError: it does not: a fault of the search.
    """
    if rule.unit is not None:
        right = bool((counts * rule.unit[0] == rule.unit * counts[0]).all()) and counts[0] % rule.unit[0] == 0
    else:
        assert rule.charges is not None
        right = int(rule.charges @ counts) == 0
    if not right:
        raise RuntimeError(f'the numbers of atoms found, {named(rule.species, counts)}, do not obey the rule')


def named(species: Sequence[str], counts: Sequence[int] | IntArray) -> str:
    """``12 Na, 24 O`` for numbers of atoms."""
    return ', '.join(f'{int(number)} {name}' for name, number in zip(species, counts, strict=True))


def as_counts(species: Sequence[str], counts: IntArray) -> dict[str, int]:
    """Numbers of atoms by species, ready for JSON."""
    return {name: int(number) for name, number in zip(species, counts, strict=True)}


def _integrality(n_columns: int, n_pieces: int, rule: Rule) -> npt.NDArray[Any]:
    whole = np.zeros(n_columns)
    whole[: n_pieces + (rule.unit is not None)] = 1
    return whole


def _windows(largest: float, n_going: float, both: bool) -> list[float]:
    """By how many atoms the size may differ from what was to stay: a little first, more where that cannot be."""
    first = max(2 * largest, 4.0, math.ceil(0.02 * n_going))
    return [first, 4 * first, 16 * first, math.inf] if both else [math.inf]

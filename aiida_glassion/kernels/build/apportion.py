"""Whole atoms, exactly neutral, as close to the wanted composition as whole numbers allow."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.build.composition import Composition
from aiida_glassion.kernels.build.oxidation import neutral_states

SIZE_WEIGHT = 1e-4
"""Cost of one atom more or less than asked, against one atom in the wrong place: size only decides between equals."""

STATE_WEIGHT = 1e-2
"""Cost of one atom in the wrong oxidation state (V4+ for V5+), against one atom of the wrong element."""

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Apportionment:
    """Whole numbers of atoms for a composition.

    :param counts: atoms of each element, alphabetical.
    :param requested: number of atoms asked for.
    :param deviations: atomic fraction obtained − wanted, of each element.
    :param oxidation_states: mean state of each element with which the counts are exactly neutral, e.
    :param units: formula units of each component, when apportioned by units.
    """

    counts: dict[str, int]
    requested: int
    deviations: dict[str, float]
    oxidation_states: dict[str, float]
    units: dict[str, int] | None = None

    @property
    def obtained(self) -> int:
        """Number of atoms obtained."""
        return sum(self.counts.values())

    @property
    def max_deviation(self) -> float:
        """Largest deviation of an atomic fraction."""
        return max(abs(deviation) for deviation in self.deviations.values())


def apportion(
    composition: Composition,
    n_atoms: int,
    oxidation_states: Mapping[str, float] | None = None,
    tolerance: int | None = None,
) -> Apportionment:
    """Distribute atoms over the elements: exactly neutral, each element present, closest to the composition.

    The lattice point n minimises Σ|n_i − x_i Σn| under Σ q_i n_i = 0 and |Σn − N| ≤ `tolerance`; among equals the size
    closest to N. It is found by integer linear programming (HiGHS), so it is the optimum and always the same one.
    An element with a fractional mean state (V 4.5) is a mixture of its two neighbouring whole states (V4+, V5+).

    :param composition: what is wanted.
    :param n_atoms: number of atoms asked for, N.
    :param oxidation_states: states that replace the table's, e.
    :param tolerance: how many atoms more or fewer are allowed; by default 1 % of N, at least 2.
    :returns: the counts with their deviations.
    :raises ValueError: composition not neutral, or too few atoms (the message gives the smallest number that works).
    """
    states = composition.neutral_states(oxidation_states)
    species = [pair for element, state in states.items() for pair in _whole_states(element, state)]
    fractions = np.array([composition.elements[element] * share for element, _, share in species])
    groups = [element for element, _, _ in species]
    problem = _Problem(np.ones(len(species)), fractions, np.array([state for _, state, _ in species]), groups)
    solution = _solve(problem, n_atoms, tolerance, min(composition.elements.values()), 'atoms')
    counts = {element: 0 for element in composition.elements}
    charge = dict.fromkeys(counts, 0.0)
    for (element, state, _), number in zip(species, solution, strict=True):
        counts[element] += number
        charge[element] += state * number
    mean = {element: charge[element] / counts[element] for element in counts}
    return Apportionment(counts, n_atoms, _deviations(counts, composition), mean)


def formula_unit_counts(
    composition: Composition,
    n_atoms: int,
    oxidation_states: Mapping[str, float] | None = None,
    tolerance: int | None = None,
) -> Apportionment:
    """Distribute atoms as whole formula units (Na2S, P2S5), each of them neutral, closest to the wanted mole fractions.

    :param composition: what is wanted; its components are the units.
    :param n_atoms: number of atoms asked for.
    :param oxidation_states: states that replace the table's, e.
    :param tolerance: how many atoms more or fewer are allowed; by default 1 % of N, at least the largest unit.
    :returns: the counts, with `units`.
    :raises ValueError: a component without whole subscripts or not neutral, or too few atoms.
    """
    charges = composition.neutral_states(oxidation_states)
    for unit, atoms in composition.units.items():
        if not all(number.is_integer() for number in atoms.values()):
            raise ValueError(
                f'{unit} has fractional subscripts and cannot be packed as a unit; '
                'pack by atoms, or write the mix of units'
            )
        try:
            neutral_states(atoms, {element: charges[element] for element in atoms})
        except ValueError as error:
            raise ValueError(f'{unit} cannot be packed as a unit: {error}; pack by atoms') from error
    names = list(composition.units)
    sizes = np.array([sum(composition.units[unit].values()) for unit in names])
    fractions = np.array([composition.components[unit] for unit in names])
    problem = _Problem(sizes, fractions, np.zeros(len(names)), names)
    if tolerance is None:
        tolerance = max(int(sizes.max()), round(0.01 * n_atoms))
    smallest = float((fractions / (fractions @ sizes)).min())
    solution = _solve(problem, n_atoms, tolerance, smallest, 'formula units')
    units = dict(zip(names, solution, strict=True))
    counts = dict.fromkeys(composition.elements, 0)
    for unit, number in units.items():
        for element, atoms_per_unit in composition.units[unit].items():
            counts[element] += number * int(atoms_per_unit)
    return Apportionment(counts, n_atoms, _deviations(counts, composition), charges, units)


@dataclass(frozen=True)
class _Problem:
    """Variables of the lattice search.

    :param sizes: atoms per piece; :param fractions: wanted share of the pieces, sums to 1;
    :param charges: e per piece; :param groups: pieces that count as the same thing.
    """

    sizes: FloatArray
    fractions: FloatArray
    charges: FloatArray
    groups: list[str]


def _whole_states(element: str, state: float) -> list[tuple[str, int, float]]:
    """An element as (element, whole state, share): one entry, or the two neighbours of a fractional state."""
    low = math.floor(state + 1e-9)
    share = state - low
    if share < 1e-9:
        return [(element, low, 1.0)]
    return [(element, low, 1 - share), (element, low + 1, share)]


def _solve(problem: _Problem, n_atoms: int, tolerance: int | None, smallest: float, what: str) -> list[int]:
    """Closest lattice point, or the error that says which size would do."""
    if isinstance(n_atoms, bool) or not isinstance(n_atoms, (int, np.integer)) or n_atoms < 1:
        raise ValueError(f'number of atoms: {n_atoms!r} is not a positive whole number')
    solution = _closest(problem, n_atoms, tolerance) if 2 * smallest * n_atoms >= 1 else None
    if solution is not None:
        return solution
    size = max(n_atoms + 1, math.ceil(1 / (2 * smallest)))
    limit = 20 * size
    while _closest(problem, size, tolerance) is None:
        size += 1
        if size > limit:
            raise ValueError(f'no neutral set of {what} was found up to {limit} atoms; check the oxidation states')
    raise ValueError(
        f'{n_atoms}: too few atoms for this composition in whole, neutral {what}; '
        f'the smallest number that works is {size}'
    )


def _closest(problem: _Problem, n_atoms: int, tolerance: int | None) -> list[int] | None:
    """Integer program; variables: pieces, one slack per deviation, one for the size. None if there is no solution."""
    from scipy.optimize import Bounds, LinearConstraint, milp

    window = max(2, round(0.01 * n_atoms)) if tolerance is None else tolerance
    pieces = len(problem.sizes)
    rows, wanted, weights = _observables(problem)
    offsets = rows - np.outer(wanted, np.ones(pieces))
    deviations = len(rows)
    unit = np.eye(deviations)
    size = np.zeros((1, deviations + 1))
    size[0, -1] = 1
    constraints = [
        LinearConstraint(np.hstack([offsets, -unit, np.zeros((deviations, 1))]), ub=0),
        LinearConstraint(np.hstack([-offsets, -unit, np.zeros((deviations, 1))]), ub=0),
        LinearConstraint(np.hstack([problem.sizes[None], -size]), ub=n_atoms),
        LinearConstraint(np.hstack([problem.sizes[None], size]), lb=n_atoms),
        LinearConstraint(np.concatenate([problem.charges, np.zeros(deviations + 1)])[None], lb=0, ub=0),
    ]
    present = np.array([float(problem.groups.count(group) == 1) for group in problem.groups])
    result = milp(
        c=np.concatenate([np.zeros(pieces), weights, [SIZE_WEIGHT]]),
        integrality=np.concatenate([np.ones(pieces), np.zeros(deviations + 1)]),
        bounds=Bounds(
            np.concatenate([present, np.zeros(deviations + 1)]),
            np.concatenate([np.full(pieces + deviations, float(n_atoms + window)), [float(window)]]),
        ),
        constraints=constraints,
        options={'mip_rel_gap': 0.0, 'time_limit': 30.0},
    )
    if result.status == 2:
        return None
    if result.status != 0:
        raise RuntimeError(f'the search for whole numbers of atoms stopped early: {result.message}')
    solution = np.rint(result.x[:pieces]).astype(int)
    counts: dict[str, int] = {}
    for group, number in zip(problem.groups, solution, strict=True):
        counts[group] = counts.get(group, 0) + int(number)
    if round(float(problem.charges @ solution)) != 0 or min(counts.values()) < 1:
        return None
    return [int(number) for number in solution]


def _observables(problem: _Problem) -> tuple[FloatArray, FloatArray, FloatArray]:
    """What should match the wanted shares: the groups, and with a small weight the pieces of a group of several."""
    names = list(dict.fromkeys(problem.groups))
    member = np.array([[float(group == name) for group in problem.groups] for name in names])
    weights = [float(problem.sizes[problem.groups.index(name)]) for name in names]
    several = [i for i, group in enumerate(problem.groups) if problem.groups.count(group) > 1]
    rows = np.vstack([member, np.eye(len(problem.groups))[several]])
    return rows, rows @ problem.fractions, np.array(weights + [STATE_WEIGHT] * len(several))


def _deviations(counts: Mapping[str, int], composition: Composition) -> dict[str, float]:
    total = sum(counts.values())
    return {element: counts[element] / total - wanted for element, wanted in composition.elements.items()}

"""Bond switching against sets in Python, and cases made by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_glassion.kernels.mechanics.bond_switching import (
    SWITCHES,
    bond_switching,
    neighbour_sets,
    switching_numbers,
)

CELL = np.array([[14.0, 0, 0], [2.0, 15.0, 0], [-1.0, 3.0, 13.0]])
CUTOFFS = {(1, 0): 2.6, (2, 0): 3.1, (2, 2): 3.3}


def glass(seed=0, n=180):
    rng = np.random.default_rng(seed)
    return rng.random((n, 3)) @ CELL, np.sort(rng.integers(0, 3, n))


def sets_by_loop(positions, types):
    """{former: set of neighbours}, from the definition."""
    found = {}
    shifts = np.array(list(np.ndindex(3, 3, 3))) - 1
    fractions = positions @ np.linalg.inv(CELL)
    wrapped = (fractions - np.floor(fractions)) @ CELL
    limits = np.zeros((3, 3))
    for pair, cutoff in CUTOFFS.items():
        limits[pair] = cutoff
    for i in np.flatnonzero(types > 0):
        vectors = wrapped - wrapped[i] + (shifts @ CELL)[:, None]
        nearest = np.linalg.norm(vectors, axis=2).min(axis=0)
        found[i] = set(np.flatnonzero(nearest < limits[types[i], types]).tolist()) - {int(i)}
    return found


def test_against_sets():
    positions, types = glass()
    moved = positions + np.random.default_rng(1).normal(0, 0.4, positions.shape)
    before, now = neighbour_sets(positions, CELL, types, CUTOFFS), neighbour_sets(moved, CELL, types, CUTOFFS)
    expected_before, expected_now = sets_by_loop(positions, types), sets_by_loop(moved, types)
    assert before.centres.tolist() == sorted(expected_before)
    for k, centre in enumerate(before.centres):
        assert before.members[before.offsets[k] : before.offsets[k + 1]].tolist() == sorted(expected_before[centre])
    found = bond_switching(before, now)
    for centre, label, change in zip(found.centres, found.labels, found.change, strict=True):
        old, new = expected_before[centre], expected_now[centre]
        name = (
            'decreased' if len(new) < len(old) else 'increased' if len(new) > len(old)
            else 'unchanged' if new == old else 'swapped'
        )  # fmt: skip
        assert SWITCHES[label] == name
        assert change == len(new) - len(old)
    assert set(found.labels) == {0, 1, 2, 3}
    assert (found.per_atom(len(types))[types == 0] == -1).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 1.5))
def test_shares_sum_to_one(seed, size):
    """Of every element in every region, whatever moved."""
    positions, types = glass(seed, 120)
    rng = np.random.default_rng(seed + 1)
    moved = positions + rng.normal(0, size, positions.shape)
    found = bond_switching(neighbour_sets(positions, CELL, types, CUTOFFS), neighbour_sets(moved, CELL, types, CUTOFFS))
    numbers = switching_numbers(found, types, ['O', 'P', 'Si'], rng.integers(0, 3, len(types)))
    assert set(numbers) == {'P', 'Si'}
    for element, by_place in numbers.items():
        assert by_place['all']['n'] == np.count_nonzero(types == {'P': 1, 'Si': 2}[element])
        assert sum(by_place[place]['n'] for place in by_place if place != 'all') == by_place['all']['n']
        for shares in by_place.values():
            assert sum(shares[name] for name in SWITCHES) == pytest.approx(1)
            if size == 0:
                assert shares['unchanged'] == 1


def test_an_affine_strain_below_the_cutoff_switches_nothing():
    """Neighbours are kept by identity, also when atoms are wrapped and the cell has grown."""
    positions, types = glass()
    pairs = {pair: cutoff * 1.02 for pair, cutoff in CUTOFFS.items()}
    before = neighbour_sets(positions, CELL, types, CUTOFFS)
    now = neighbour_sets((positions + CELL[0]) * 1.02, CELL * 1.02, types, pairs)
    assert (bond_switching(before, now).labels == 0).all()


def test_pairs_have_directions():
    """Si–P within 3 Å may count for Si at another cutoff than for P, or not at all."""
    positions = np.array([[1.0, 1, 1], [3.5, 1, 1]])
    box = 20 * np.eye(3)
    found = neighbour_sets(positions, box, np.array([0, 1]), {(0, 1): 2.0, (1, 0): 3.0})
    assert found.sizes.tolist() == [0, 1]
    assert neighbour_sets(positions, box, np.array([0, 1]), {(1, 0): 3.0}).centres.tolist() == [1]


@pytest.mark.parametrize(
    ('cutoffs', 'message'),
    [({}, 'cutoffs: none'), ({(1, 5): 2.0}, 'expected types 0 … 2'), ({(1, 0): 0.0}, r'0.0 of the pair \(1, 0\)')],
)
def test_refused(cutoffs, message):
    positions, types = glass()
    with pytest.raises(ValueError, match=message):
        neighbour_sets(positions, CELL, types, cutoffs)


def test_other_atoms_are_refused():
    positions, types = glass()
    other = neighbour_sets(positions[:90], CELL, types[:90], {(0, 1): 2.0, (1, 0): 2.0})
    with pytest.raises(ValueError, match='expected the same atoms'):
        bond_switching(neighbour_sets(positions, CELL, types, CUTOFFS), other)

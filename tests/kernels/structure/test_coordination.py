"""Coordination numbers of ideal crystals and of hand-made clusters."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_glassion.kernels.structure.coordination import coordination_distribution, coordination_numbers, pair_cutoffs
from aiida_glassion.kernels.structure.neighbours import neighbour_list


def fluorite(a=5.46):
    """CaF2: Ca eight-fold, F four-fold."""
    calcium = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    fluorine = np.array(list(np.ndindex(2, 2, 2))) * 0.5 + 0.25
    return np.concatenate([calcium, fluorine]) * a, a * np.eye(3), np.repeat([0, 1], [4, 8])


def test_fluorite():
    positions, cell, types = fluorite()
    cutoffs = pair_cutoffs(('Ca', 'F'), {('F', 'Ca'): 3.0})
    neighbours = neighbour_list(positions, cell, cutoffs, types)
    assert coordination_numbers(neighbours, types, 0, 1).tolist() == [8] * 4
    assert coordination_numbers(neighbours, types, 1, 0).tolist() == [4] * 8
    assert coordination_numbers(neighbours, types, 1, 1).tolist() == [0] * 8  # F-F at 2.73 Å was not wanted
    everything = neighbour_list(positions, cell, 3.0)
    assert coordination_numbers(everything, types, 1, [0, 1]).tolist() == [10] * 8
    assert coordination_numbers(everything, types, 1, [0, 1], cutoff=2.5).tolist() == [4] * 8


def test_one_cutoff_per_pair_agrees_with_separate_lists():
    rng = np.random.default_rng(0)
    cell = np.array([[9.0, 0, 0], [1.0, 9.0, 0], [2.0, -1.0, 9.0]])
    positions, types = rng.uniform(size=(60, 3)) @ cell, rng.integers(0, 3, 60)
    wanted = {('A', 'A'): 2.0, ('A', 'B'): 3.1, ('C', 'B'): 4.0}
    neighbours = neighbour_list(positions, cell, pair_cutoffs('ABC', wanted), types)
    for (first, second), cutoff in wanted.items():
        i, j = 'ABC'.index(first), 'ABC'.index(second)
        single = neighbour_list(positions, cell, cutoff)
        expected = [int((types[single.of(atom)] == j).sum()) for atom in np.flatnonzero(types == i)]
        assert coordination_numbers(neighbours, types, i, j).tolist() == expected


def test_order_and_atoms_without_neighbours():
    positions = [[0, 0, 0], [10, 0, 0], [10, 1, 0], [20, 0, 0], [20, 1, 0], [20, -1, 0]]
    types = [0, 0, 1, 0, 1, 1]
    neighbours = neighbour_list(positions, 40 * np.eye(3), 1.5)
    numbers = coordination_numbers(neighbours, types, 0, 1)
    assert numbers.tolist() == [0, 1, 2]
    distribution = coordination_distribution(numbers)
    assert distribution.fractions == pytest.approx({0: 1 / 3, 1: 1 / 3, 2: 1 / 3})
    assert distribution.mean == 1
    assert distribution.n_centres == 3


def test_distribution():
    distribution = coordination_distribution(np.array([4, 4, 4, 3, 6]))
    assert distribution.fractions == {3: 0.2, 4: 0.6, 6: 0.2}
    assert list(distribution.fractions) == [3, 4, 6]
    assert distribution.mean == pytest.approx(4.2)


def test_no_centres():
    with pytest.raises(ValueError, match='at least one'):
        coordination_distribution(np.array([], dtype=int))


def test_types_that_do_not_fit():
    with pytest.raises(ValueError, match='types'):
        coordination_numbers(neighbour_list(np.zeros((2, 3)), np.eye(3), 0.5), [0], 0, 0)


@pytest.mark.parametrize(
    ('cutoffs', 'message'),
    [
        ({('Si', 'X'): 2.0}, 'X is not among'),
        ({('Si', 'O'): 0.0}, 'positive'),
        ({('Si', 'O'): float('nan')}, 'positive'),
        ({('Si', 'O'): 2.0, ('O', 'Si'): 2.1}, 'given twice'),
    ],
)
def test_cutoffs_that_do_not_fit(cutoffs, message):
    with pytest.raises(ValueError, match=message):
        pair_cutoffs(('O', 'Si'), cutoffs)


def test_cutoff_table():
    assert pair_cutoffs(('O', 'Si'), {('Si', 'O'): 2.1}).tolist() == [[0, 2.1], [2.1, 0]]

"""Fragments against scipy and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from aiida_glassion.kernels.structure.fragments import fragment_sizes, fragments


@pytest.mark.parametrize('seed', range(6))
def test_as_scipy(seed):
    """Random bonds, from few to about one per atom, where the large fragment appears."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 400))
    first, second = rng.integers(0, n, (2, int(n * seed / 4)))
    found = fragments(first, second, n)
    graph = coo_matrix((np.ones(len(first)), (first, second)), shape=(n, n))
    n_expected, expected = connected_components(graph, directed=False)
    assert found.max() + 1 == n_expected
    # the same partition: one number of ours for each of theirs
    assert len(set(zip(found.tolist(), expected.tolist(), strict=True))) == n_expected
    # numbered in the order of their first atoms
    _, index = np.unique(found, return_index=True)
    assert (np.diff(index) > 0).all()


def test_by_hand():
    """A long chain joined from its end, a pair seen from both sides, an atom alone."""
    first = np.array([8, 7, 6, 5, 4, 3, 1, 2])
    second = np.array([7, 6, 5, 4, 3, 0, 2, 1])
    assert fragments(first, second, 10).tolist() == [0, 1, 1, 0, 0, 0, 0, 0, 0, 2]
    numbers = fragments(first, second, 10)
    assert fragment_sizes(numbers).tolist() == [7, 2, 1]
    assert fragment_sizes(numbers, np.arange(10) < 2).tolist() == [1, 1, 0]


def test_nothing():
    assert fragments([], [], 0).tolist() == []
    assert fragment_sizes(fragments([], [], 0)).tolist() == []
    assert fragments([], [], 3).tolist() == [0, 1, 2]


@pytest.mark.parametrize(('first', 'second'), [([0], [3]), ([-1], [0]), ([0, 1], [1])])
def test_refuses(first, second):
    with pytest.raises(ValueError, match=r'first|second'):
        fragments(first, second, 3)

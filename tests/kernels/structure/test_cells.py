from __future__ import annotations

import numpy as np
import pytest

from aiida_glassion.kernels.structure import _cells
from aiida_glassion.kernels.structure.neighbours import neighbour_list

CELLS = {
    'cube': 14.0 * np.eye(3),
    'triclinic': np.array([[16.0, 0, 0], [6.0, 15.0, 0], [-5.0, 4.0, 17.0]]),
    'left-handed': np.array([[0, 15.0, 1.0], [14.0, 0, 0], [2.0, 0, 13.0]]),
    'three cells': np.diag([6.1, 13.0, 40.0]),
}


def as_rows(found):
    """Pairs with their vectors, in an order of their own."""
    rows = np.column_stack([found.first, found.second, np.round(found.vectors, 9)])
    return rows[np.lexsort(rows.T[::-1])]


@pytest.mark.parametrize('name', CELLS)
@pytest.mark.parametrize('n', [1, 7, 200, 3000])
def test_both_ways_find_the_same(name, n, monkeypatch):
    """Wide and narrow grids, one type and several, atoms far outside the cell and on its faces."""
    cell, rng = CELLS[name], np.random.default_rng(n)
    fractions = rng.random((n, 3))
    fractions[: n // 5, rng.integers(0, 3)] = 0.0
    positions = (fractions + rng.integers(-3, 4, (n, 3))) @ cell
    types = rng.integers(0, 2, n)
    for cutoff in (2.0, np.array([[1.2, 2.0], [2.0, 0.0]])):
        monkeypatch.setattr(_cells, 'MOST_CANDIDATES', 1e9)
        assert _cells.grid_of_cells(cell, 2.0, n) is not None
        by_cells = neighbour_list(positions, cell, cutoff, types)
        monkeypatch.setattr(_cells, 'MOST_CANDIDATES', 0.0)
        by_columns = neighbour_list(positions, cell, cutoff, types)
        np.testing.assert_array_equal(by_cells.offsets, by_columns.offsets)
        np.testing.assert_allclose(as_rows(by_cells), as_rows(by_columns), atol=2e-9)
        np.testing.assert_allclose(np.linalg.norm(by_cells.vectors, axis=1), by_cells.distances, rtol=1e-12)


def test_more_neighbours_than_there_was_room_for():
    rng = np.random.default_rng(1)
    positions = np.vstack([rng.random((60, 3)) * 0.5, rng.random((40, 3)) * 30])
    cell = 30.0 * np.eye(3)
    assert _cells.grid_of_cells(cell, 1.0, 100) is not None
    found = neighbour_list(positions, cell, 1.0)
    assert (np.diff(found.offsets)[:60] >= 59).all()
    assert (found.first != found.second).all()


def test_where_it_is_not_the_way():
    assert _cells.grid_of_cells(5.9 * np.eye(3), 2.0, 10) is None
    assert _cells.grid_of_cells(30.0 * np.eye(3), 6.0, 3000) is None
    nearly_empty = _cells.grid_of_cells(1000.0 * np.eye(3), 2.0, 5)
    assert nearly_empty is not None
    assert np.prod(nearly_empty) <= 100

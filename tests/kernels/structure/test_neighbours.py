"""Neighbour lists against a loop over images, ideal crystals and symmetry."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_glassion.kernels.structure.neighbours import NeighbourList, neighbour_list


def brute_force(positions, cell, cutoff, pbc=(True, True, True)):
    """All (i, j, distance) by looping over images, from the definition."""
    positions, cell = np.asarray(positions, float), np.asarray(cell, float)
    reach = [0, 0, 0]
    for k in range(3):
        if pbc[k]:
            across = np.cross(cell[(k + 1) % 3], cell[(k + 2) % 3])
            width = abs(cell[k] @ across) / np.linalg.norm(across)
            spread = np.ptp(positions @ across / np.linalg.norm(across))
            reach[k] = int(np.ceil((cutoff + spread) / width)) + 1
    found = []
    for shift in np.ndindex(*(2 * n + 1 for n in reach)):
        image = np.array(shift) - reach
        difference = positions[None] + image @ cell - positions[:, None]
        distance = np.linalg.norm(difference, axis=2)
        for i, j in zip(*np.nonzero(distance < cutoff), strict=True):
            if i != j or image.any():
                found.append((i, j, distance[i, j]))
    return sorted(found)


def as_tuples(neighbours: NeighbourList):
    return sorted(zip(neighbours.first.tolist(), neighbours.second.tolist(), neighbours.distances, strict=True))


def assert_same(neighbours, expected):
    got = as_tuples(neighbours)
    assert len(got) == len(expected)
    if expected:
        # equal distances may be ordered differently by rounding: compare counts of (i, j) and sorted distances
        assert sorted((i, j) for i, j, _ in got) == sorted((i, j) for i, j, _ in expected)
        np.testing.assert_allclose(sorted(d for *_, d in got), sorted(d for *_, d in expected), atol=1e-9)


def assert_consistent(neighbours, positions, cell):
    """Vectors lead from the first atom to an image of the second; rows are sorted; pairs are seen from both sides."""
    assert (np.diff(neighbours.first) >= 0).all()
    np.testing.assert_array_equal(np.diff(neighbours.offsets), np.bincount(neighbours.first, minlength=len(positions)))
    np.testing.assert_allclose(np.linalg.norm(neighbours.vectors, axis=1), neighbours.distances, atol=1e-9)
    image = (neighbours.vectors + positions[neighbours.first] - positions[neighbours.second]) @ np.linalg.inv(cell)
    np.testing.assert_allclose(image, np.round(image), atol=1e-8)
    there = sorted(
        map(tuple, np.column_stack([neighbours.first, neighbours.second, neighbours.vectors]).round(5) + 0.0)
    )
    back = sorted(
        map(tuple, np.column_stack([neighbours.second, neighbours.first, -neighbours.vectors]).round(5) + 0.0)
    )
    np.testing.assert_allclose(there, back, atol=2e-5)


def test_types_of_the_arrays():
    neighbours = neighbour_list(np.zeros((1, 3)), 3 * np.eye(3), 3.1)
    assert neighbours.first.dtype == neighbours.second.dtype == np.int32
    assert neighbours.vectors.dtype == neighbours.distances.dtype == np.float64
    assert neighbours.offsets.dtype == np.int64
    assert neighbours.vectors.shape == (6, 3)
    assert neighbours.n_atoms == 1
    assert len(neighbours) == 6
    assert neighbours.of(0).tolist() == [0] * 6


@pytest.mark.parametrize(
    'cell',
    [
        np.diag([9.0, 9.0, 9.0]),
        np.diag([30.0, 4.0, 7.0]),
        [[8.0, 0, 0], [3.9, 7.0, 0], [-2.0, 3.0, 9.0]],
        [[8.0, 0, 0], [31.0, 7.0, 0], [-2.0, 25.0, 6.0]],
        [[0, 0, 9.0], [0, 8.0, 1.0], [10.0, 1.0, 0]],
        [[1.0, 5.0, 2.0], [4.0, -1.0, 3.0], [-2.0, 2.0, 6.0]],
    ],
    ids=['cube', 'slab', 'triclinic', 'very skew', 'left-handed', 'general'],
)
@pytest.mark.parametrize('cutoff', [0.8, 2.5, 4.6, 11.0])
def test_against_brute_force(cell, cutoff):
    cell = np.array(cell, float)
    rng = np.random.default_rng(7)
    positions = rng.uniform(-1.5, 2.5, (25, 3)) @ cell  # unwrapped
    neighbours = neighbour_list(positions, cell, cutoff)
    assert_same(neighbours, brute_force(positions, cell, cutoff))
    assert_consistent(neighbours, positions, cell)


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_any_small_configuration(data):
    number = st.floats(-1, 1, allow_nan=False, width=32)
    cell = np.array(data.draw(st.lists(number, min_size=9, max_size=9))).reshape(3, 3) * 6
    cell += np.diag(np.copysign(2.0, np.diag(cell)))
    lengths = np.linalg.norm(cell, axis=1)
    if abs(np.linalg.det(cell)) < 0.1 * lengths.prod() or lengths.min() < 1.5:
        return
    grid = st.sampled_from([-1.0, 0.0, 0.25, 0.5, 1.0])  # faces, edges and coincident atoms are likely
    coordinate = st.one_of(grid, st.floats(-1, 1.5, width=32))
    n_atoms = data.draw(st.integers(1, 6))
    fractions = np.array(data.draw(st.lists(coordinate, min_size=3 * n_atoms, max_size=3 * n_atoms))).reshape(-1, 3)
    cutoff = data.draw(st.floats(0.5, 5.0)) + 1.234567e-4  # off the round numbers, where rounding decides
    positions = fractions @ cell
    expected = brute_force(positions, cell, cutoff + 1e-6)
    if any(abs(d - cutoff) < 2e-6 for *_, d in expected):
        return
    assert_same(neighbour_list(positions, cell, cutoff), expected)


@pytest.mark.parametrize('pbc', [(True, True, False), (False, True, False), (False, False, False), (False, True, True)])
def test_open_directions(pbc):
    cell = np.array([[9.0, 0, 0], [2.0, 8.0, 0], [1.0, -2.0, 7.0]])
    positions = np.random.default_rng(3).uniform(-0.5, 1.5, (30, 3)) @ cell
    assert_same(neighbour_list(positions, cell, 5.0, pbc=pbc), brute_force(positions, cell, 5.0, pbc))


def test_molecule_without_a_cell():
    neighbours = neighbour_list([[0, 0, 0], [1, 0, 0], [50, 0, 0]], np.zeros((3, 3)), 1.5, pbc=(False, False, False))
    assert neighbours.first.tolist() == [0, 1]
    np.testing.assert_allclose(neighbours.vectors, [[1, 0, 0], [-1, 0, 0]])


@pytest.mark.parametrize('repeat', [1, 2, 5])
def test_shells_of_fcc(repeat):
    a = 4.0
    basis = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    corners = np.array(list(np.ndindex(repeat, repeat, repeat)))
    positions = (corners[:, None] + basis).reshape(-1, 3) * a  # atoms exactly on the faces
    neighbours = neighbour_list(positions, repeat * a * np.eye(3), 1.1 * a)
    for atom in range(len(positions)):
        distances = neighbours.distances[neighbours.offsets[atom] : neighbours.offsets[atom + 1]]
        values, counts = np.unique(distances.round(9), return_counts=True)
        np.testing.assert_allclose(values, [a / np.sqrt(2), a])
        assert counts.tolist() == [12, 6]


def test_primitive_cell_gives_the_same_shells():
    primitive = 2.0 * np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]])
    neighbours = neighbour_list([[0.3, 0.1, 0.2]], primitive, 8.5)
    _, counts = np.unique(neighbours.distances.round(8), return_counts=True)
    assert counts.tolist() == [12, 6, 24, 12, 24, 8, 48, 6, 36]


def test_coincident_atoms_are_neighbours():
    neighbours = neighbour_list([[1, 1, 1], [1, 1, 1]], 10 * np.eye(3), 2.0)
    assert neighbours.distances.tolist() == [0, 0]


def test_unmoved_by_translation_and_permutation():
    rng = np.random.default_rng(11)
    cell = np.array([[12.0, 0, 0], [3.0, 11.0, 0], [-4.0, 2.0, 13.0]])
    positions = rng.uniform(size=(150, 3)) @ cell
    reference = as_tuples(neighbour_list(positions, cell, 4.0))
    moved = as_tuples(neighbour_list(positions + np.array([1e3, -77.7, 0.123]), cell, 4.0))
    np.testing.assert_allclose(moved, reference, atol=1e-8)
    order = rng.permutation(150)
    permuted = neighbour_list(positions[order], cell, 4.0)
    back = sorted(zip(order[permuted.first].tolist(), order[permuted.second].tolist(), permuted.distances, strict=True))
    np.testing.assert_allclose(back, reference, atol=1e-8)


def test_many_atoms_against_a_tree():
    from scipy.spatial import cKDTree

    length, positions = 40.0, np.random.default_rng(5).uniform(0, 40.0, (4800, 3))
    neighbours = neighbour_list(positions, length * np.eye(3), 5.0)
    assert len(neighbours) == 2 * len(cKDTree(positions, boxsize=length).query_pairs(5.0))


def test_cutoffs_by_type():
    rng = np.random.default_rng(2)
    cell = np.array([[11.0, 0, 0], [2.0, 10.0, 0], [1.0, 3.0, 12.0]])
    positions, types = rng.uniform(size=(120, 3)) @ cell, rng.integers(0, 3, 120)
    cutoffs = np.array([[0.0, 2.1, 3.3], [2.1, 4.2, 0.0], [3.3, 0.0, 0.0]])
    neighbours = neighbour_list(positions, cell, cutoffs, types)
    expected = [(i, j, d) for i, j, d in brute_force(positions, cell, 4.2) if d < cutoffs[types[i], types[j]]]
    assert_same(neighbours, expected)
    assert_consistent(neighbours, positions, cell)


def test_nothing_in_nothing_out():
    assert len(neighbour_list(np.zeros((0, 3)), np.eye(3), 2.0)) == 0
    assert neighbour_list(np.zeros((2, 3)), np.eye(3), np.zeros((1, 1)), [0, 0]).offsets.tolist() == [0, 0, 0]


def test_a_gas_thin_as_nothing_takes_no_memory():
    positions = np.array([[0.0, 0, 0], [1.0, 0, 0], [5e5, 5e5, 5e5]])
    neighbours = neighbour_list(positions, 1e6 * np.eye(3), 2.0)
    assert neighbours.first.tolist() == [0, 1]


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ((np.zeros((2, 2)), np.eye(3), 1.0), 'positions'),
        ((np.zeros((2, 3)), np.eye(2), 1.0), 'cell'),
        ((np.full((2, 3), np.nan), np.eye(3), 1.0), 'not finite'),
        ((np.zeros((2, 3)), np.ones((3, 3)), 1.0), 'independent'),
        ((np.zeros((2, 3)), np.eye(3), -1.0), 'cutoff'),
        ((np.zeros((2, 3)), np.eye(3), 0.0), 'cutoff'),
        ((np.zeros((2, 3)), np.eye(3), np.inf), 'cutoff'),
        ((np.zeros((2, 3)), np.eye(3), [[1.0, 2.0], [1.0, 1.0]], [0, 1]), 'symmetric'),
        ((np.zeros((2, 3)), np.eye(3), np.ones((2, 2))), 'types'),
        ((np.zeros((2, 3)), np.eye(3), np.ones((2, 2)), [0, 2]), 'types'),
        ((np.zeros((2, 3)), np.eye(3), np.ones((2, 2)), [0.0, 1.0]), 'types'),
        ((np.zeros((2, 3)), np.eye(3), np.ones((2, 2)), [0]), 'types'),
    ],
)
def test_what_does_not_fit_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        neighbour_list(*arguments)

from __future__ import annotations

import itertools

import numpy as np
import pytest

from aiida_glassion.kernels.structure.angles import angle_distributions, bond_angles
from aiida_glassion.kernels.structure.neighbours import NeighbourList, neighbour_list

TETRAHEDRON = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3)


def test_tetrahedron():
    positions = np.vstack([[[0, 0, 0]], 1.6 * TETRAHEDRON]) + 5
    types = np.array([0, 1, 1, 1, 1])
    bonds = neighbour_list(positions, 10 * np.eye(3), 2.0)
    found = bond_angles(bonds, types, 1, 0, 1)
    assert found.n_angles == 6
    assert found.mean == pytest.approx(np.degrees(np.arccos(-1 / 3)))
    assert found.std == pytest.approx(0, abs=1e-5)
    assert found.counts[109] == 6
    assert found.density.sum() == pytest.approx(1)


def test_rock_salt_has_twelve_right_and_three_straight_angles():
    a = 5.64
    corner = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
    positions = np.vstack([corner, corner + np.array([0.5, 0, 0])]) * a + 0.3
    types = np.repeat([0, 1], 4)
    found = bond_angles(neighbour_list(positions, a * np.eye(3), 0.6 * a), types, 1, 0, 1)
    assert found.n_angles == 4 * 15
    right = (np.abs(found.centres - 90) <= 0.5 + 1e-9) * found.counts
    assert right.sum() == 4 * 12
    assert found.counts[-1] == 4 * 3
    assert found.mean == pytest.approx((12 * 90 + 3 * 180) / 15)


def brute_force(positions, cell, limits, types, first, centre, second):
    """All angles by trying every image of every atom."""
    shifts = np.array(list(itertools.product((-1, 0, 1), repeat=3))) @ cell
    angles = []
    for i in np.flatnonzero(types == centre):
        ends = {}
        for kind in (first, second):
            away = (positions[types == kind][:, None] + shifts - positions[i]).reshape(-1, 3)
            distance = np.linalg.norm(away, axis=1)
            ends[kind] = (away / np.where(distance > 0, distance, 1)[:, None])[
                (distance > 1e-9) & (distance < limits[centre, kind])
            ]
        if first == second:
            pairs = itertools.combinations(ends[first], 2)
        else:
            pairs = itertools.product(ends[first], ends[second])
        angles += [np.degrees(np.arccos(np.clip(a @ b, -1, 1))) for a, b in pairs]
    return np.array(angles)


@pytest.mark.parametrize('triple', [(0, 1, 0), (0, 1, 2), (2, 1, 0), (1, 1, 1), (1, 0, 0), (2, 0, 1)])
def test_against_brute_force_in_a_triclinic_cell(triple):
    rng = np.random.default_rng(sum(triple))
    cell = np.array([[8.0, 0, 0], [2.0, 7.5, 0], [-1.5, 2.0, 9.0]])
    positions = rng.random((60, 3)) @ cell + rng.integers(-2, 3, (60, 3)) @ cell
    types = rng.integers(0, 3, 60)
    limits = np.array([[3.0, 2.5, 2.0], [2.5, 3.3, 2.8], [2.0, 2.8, 0.0]])
    wrapped = (positions @ np.linalg.inv(cell) % 1) @ cell
    expected = brute_force(wrapped, cell, limits, types, *triple)
    found = bond_angles(neighbour_list(positions, cell, limits, types), types, *triple, n_bins=36)
    assert len(expected) > 5
    assert found.n_angles == len(expected)
    np.testing.assert_array_equal(found.counts, np.histogram(expected, 36, (0, 180))[0])
    assert found.mean == pytest.approx(expected.mean())
    assert found.std == pytest.approx(expected.std())


def test_angles_are_those_of_the_arc_cosine_to_rounding():
    """Two bonds of each centre, at angles over the whole range and at the ones where the formula changes."""
    wanted = np.concatenate([np.linspace(0.0, 180.0, 721)[1:], [1e-5, 60 - 1e-9, 60 + 1e-9, 120 - 1e-9, 180 - 1e-5]])
    for angle in wanted:
        turn = np.radians(angle)
        vectors = np.array([[1.5, 0, 0], [1.4 * np.cos(turn), 1.4 * np.sin(turn), 0]])
        distances = np.linalg.norm(vectors, axis=1)
        bonds = NeighbourList(
            np.zeros(2, np.int32), np.array([1, 2], np.int32), vectors, distances, np.array([0, 2, 2, 2], np.int64)
        )
        found = bond_angles(bonds, np.array([0, 1, 1]), 1, 0, 1)
        cosine = np.clip(vectors[0] @ vectors[1] / distances.prod(), -1, 1)
        # an arc cosine near 1 magnifies the rounding of the cosine
        least = 1e-12 + np.degrees(4e-16 / max(np.sin(turn), 2e-8))
        assert found.mean == pytest.approx(np.degrees(np.arccos(cosine)), abs=least)


def test_directions_without_correlation_are_flat_per_solid_angle():
    rng = np.random.default_rng(1)
    cell = 30.0 * np.eye(3)
    positions = rng.random((4000, 3)) @ cell
    found = bond_angles(neighbour_list(positions, cell, 3.0), np.zeros(4000, int), 0, 0, 0, n_bins=18)
    np.testing.assert_allclose(found.density_per_solid_angle, 1, atol=0.06)
    assert found.density.sum() * 10 == pytest.approx(1)


def test_frames_add_up():
    rng = np.random.default_rng(2)
    cell = 12.0 * np.eye(3)
    types = np.zeros(80, int)
    parts = [bond_angles(neighbour_list(rng.random((80, 3)) @ cell, cell, 3.0), types, 0, 0, 0) for _ in range(2)]
    both = parts[0] + parts[1]
    assert both.n_angles == parts[0].n_angles + parts[1].n_angles
    weighted = sum(part.mean * part.n_angles for part in parts) / both.n_angles
    assert both.mean == pytest.approx(weighted)
    with pytest.raises(ValueError, match='bins'):
        parts[0] + bond_angles(neighbour_list(np.zeros((1, 3)), cell, 3.0), types[:1], 0, 0, 0, n_bins=90)


def test_nothing_there():
    for n in (0, 1):
        empty = bond_angles(neighbour_list(np.zeros((n, 3)), 10 * np.eye(3), 2.0), np.zeros(n, int), 0, 0, 0)
        assert (empty.n_angles, empty.mean, empty.std, empty.density.sum()) == (0, None, None, 0)


def test_refuses_types_that_do_not_fit():
    bonds = neighbour_list(np.zeros((1, 3)), 10 * np.eye(3), 2.0)
    with pytest.raises(ValueError, match='types'):
        bond_angles(bonds, np.zeros(2, int), 0, 0, 0)
    with pytest.raises(ValueError, match='n_bins'):
        bond_angles(bonds, np.zeros(1, int), 0, 0, 0, n_bins=0)


def test_all_kinds_at_once_are_as_one_by_one():
    rng = np.random.default_rng(3)
    cell = np.array([[8.0, 0, 0], [2.0, 7.5, 0], [-1.5, 2.0, 9.0]])
    positions, types = rng.random((60, 3)) @ cell, rng.integers(0, 3, 60)
    bonds = neighbour_list(positions, cell, 3.0)
    triples = [(0, 1, 0), (2, 1, 0), (1, 1, 1), (0, 2, 1)]
    together = angle_distributions(bonds, types, triples, 36)
    wrapped = (positions @ np.linalg.inv(cell) % 1) @ cell
    for triple, found in zip(triples, together, strict=True):
        expected = brute_force(wrapped, cell, np.full((3, 3), 3.0), types, *triple)
        np.testing.assert_array_equal(found.counts, np.histogram(expected, 36, (0, 180))[0])
        assert found.mean == pytest.approx(expected.mean())
    assert angle_distributions(bonds, types, []) == []
    with pytest.raises(ValueError, match='twice'):
        angle_distributions(bonds, types, [(0, 1, 2), (2, 1, 0)])

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_glassion.formats.lammps.cell import LammpsCell, from_bounds, to_bounds, to_lammps

FIXTURES = Path(__file__).parents[2] / 'fixtures' / 'lammps'


def right_handed(seed: int) -> np.ndarray:
    cell = np.random.default_rng(seed).uniform(-20, 20, (3, 3))
    return cell if np.linalg.det(cell) > 0 else cell[[1, 0, 2]]


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_rotation_keeps_distances_and_volume(seed):
    cell = right_handed(seed)
    lammps, rotation = to_lammps(cell)
    scale = np.abs(cell).max()
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-10)
    assert np.linalg.det(rotation) == pytest.approx(1)
    np.testing.assert_allclose(cell @ rotation, lammps.matrix, atol=1e-10 * scale)
    assert lammps.lx * lammps.ly * lammps.lz == pytest.approx(np.linalg.det(cell), rel=1e-9)
    points = np.random.default_rng(seed + 1).uniform(-30, 30, (6, 3))
    before = np.linalg.norm(points[:, None] - points, axis=-1)
    turned = points @ rotation
    np.testing.assert_allclose(np.linalg.norm(turned[:, None] - turned, axis=-1), before, atol=1e-9)
    np.testing.assert_allclose(turned @ np.linalg.inv(lammps.matrix), points @ np.linalg.inv(cell), atol=1e-6)


def test_a_cell_in_lammps_orientation_is_returned_exactly():
    cell = np.array([[10.123456789, 0, 0], [9.9, 11.1, 0], [-8.7, 30.3, 12.7]])
    lammps, rotation = to_lammps(cell)
    assert lammps == LammpsCell(10.123456789, 11.1, 12.7, 9.9, -8.7, 30.3)
    assert (lammps.matrix == cell).all()
    assert (rotation == np.eye(3)).all()


def test_a_turned_cuboid_stays_orthogonal():
    angle = 0.7
    turn = np.array([[np.cos(angle), np.sin(angle), 0], [-np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    lammps, _ = to_lammps(np.diag([5.0, 6.0, 7.0]) @ turn @ turn[[2, 0, 1]][:, [2, 0, 1]])
    assert not lammps.triclinic
    assert lammps[:3] == pytest.approx((5, 6, 7))


@pytest.mark.parametrize(
    ('cell', 'message'),
    [
        (np.diag([1.0, 1.0, -1.0]), 'left-handed'),
        (np.eye(3)[[1, 0, 2]] * 4, 'left-handed'),
        ([[1, 0, 0], [0, 1, 0], [1, 1, 0]], 'no volume'),
        (np.zeros((3, 3)), 'no volume'),
        (np.full((3, 3), np.nan), 'not finite'),
        (np.ones(3), 'shape'),
    ],
)
def test_impossible_cells_are_refused(cell, message):
    with pytest.raises(ValueError, match=message):
        to_lammps(cell)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_bounds_there_and_back(seed):
    cell = np.tril(np.random.default_rng(seed).uniform(-10, 10, (3, 3)))
    np.fill_diagonal(cell, np.abs(np.diag(cell)) + 1)
    origin = np.random.default_rng(seed + 1).uniform(-5, 5, 3)
    bounds, tilts = to_bounds(cell, origin)
    corners = origin + np.array(np.meshgrid([0, 1], [0, 1], [0, 1])).reshape(3, -1).T @ cell
    np.testing.assert_allclose(bounds, np.array([corners.min(0), corners.max(0)]).T, atol=1e-12)
    back, corner = from_bounds(bounds, tilts)
    np.testing.assert_allclose(back, cell, atol=1e-12)
    np.testing.assert_allclose(corner, origin, atol=1e-12)


def test_bounds_of_a_cell_in_another_orientation_are_refused():
    with pytest.raises(ValueError, match='orientation'):
        to_bounds(np.ones((3, 3)))


def test_bounds_as_lammps_writes_them():
    text = (FIXTURES / 'triclinic.txt').read_text()
    rows = re.search(r'BOX BOUNDS xy xz yz pp pp pp\n(.*\n.*\n.*\n)', text).group(1).splitlines()
    numbers = np.array([[float(word) for word in row.split()] for row in rows])
    cell, origin = from_bounds(numbers[:, :2], numbers[:, 2])
    np.testing.assert_allclose(cell, [[10.5, 0, 0], [1.2, 11.5, 0], [-2.3, 3.4, 9.5]], atol=1e-12)
    np.testing.assert_allclose(origin, [-3.1, 1.5, -20], atol=1e-12)

"""Voids cut into random atoms are found where they were cut."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_glassion.kernels.mechanics.crack import find_crack, separation

BOX = np.diag([60.0, 30.0, 80.0])


def atoms(seed=0, box=BOX, density=0.06):
    n = int(density * abs(np.linalg.det(box)))
    return np.random.default_rng(seed).random((n, 3)) @ box


def test_nothing_is_open_in_a_glass():
    crack = find_crack(atoms(), BOX, load=2, across=0)
    assert crack.open_share == 0
    assert np.isnan(crack.path).all()
    assert crack.roughness is None
    assert not separation(atoms(), BOX, 2).separated


@pytest.mark.parametrize('z', [40.0, 1.0])
def test_a_notch(z):
    """A slit 12 Å wide over the first third of the cell, also across the boundary of the cell."""
    r = atoms()
    away = np.abs(r[:, 2] - z - 80 * np.round((r[:, 2] - z) / 80))
    r = r[~((r[:, 0] < 20) & (away < 6))]
    crack = find_crack(r, BOX, load=2, across=0)
    assert crack.open_share == pytest.approx(1 / 3, abs=0.02)
    assert crack.open_area == pytest.approx(20 * 30, rel=0.05)
    is_open = crack.across < 20
    np.testing.assert_allclose(crack.path[is_open], z, atol=2.5)
    assert np.isnan(crack.path[~is_open]).all()
    assert (crack.profile[is_open] > 11).all()
    assert crack.profile[is_open].mean() < 20
    assert not separation(r, BOX, 2).separated


def test_a_tilted_path():
    """The void climbs by 30 Å along the cell; its roughness is that of a slope."""
    r = atoms(1)
    middle = 25 + r[:, 0] / 2
    r = r[np.abs(r[:, 2] - middle) > 7]
    crack = find_crack(r, BOX, load=2, across=0)
    assert crack.open_share == 1
    np.testing.assert_allclose(crack.path, 25 + crack.across / 2, atol=3)
    assert crack.roughness == pytest.approx(30 / np.sqrt(12), abs=1.5)


def test_halves_of_a_broken_sample():
    """Cut at z = 25: one slab from 31 to 99 through the boundary. Its upper half begins in the middle, at 65."""
    r = atoms(2)
    r = r[np.abs(r[:, 2] - 25) > 6]
    debris = np.array([[30.0, 15.0, 25.0]])
    broken = separation(np.concatenate([r, debris]), BOX, 2, cutoff=5.0)
    assert broken.separated
    assert broken.halves[-1] == -1
    heights = (r[:, 2] - 25) % 80
    clear = np.abs(heights - 40) > 2
    np.testing.assert_array_equal(broken.halves[:-1][clear], heights[clear] > 40)
    assert not separation(np.concatenate([r, debris]), BOX, 0).separated


def test_one_ligament_holds():
    r = atoms(3)
    r = r[np.abs(r[:, 2] - 25) > 6]
    ligament = np.array([[30.0, 15.0, 18.0 + 2.5 * k] for k in range(7)])
    assert not separation(np.concatenate([r, ligament]), BOX, 2).separated
    assert find_crack(np.concatenate([r, ligament]), BOX, 2, 0).open_share > 0.95


def test_any_axis_of_a_sheared_cell():
    """The same cut seen along another axis of a triclinic cell."""
    cell = np.array([[80.0, 0, 0], [10.0, 60.0, 0], [5.0, -8.0, 30.0]])
    fractions = np.random.default_rng(4).random((8000, 3))
    keep = np.abs(fractions[:, 0] - 0.3) > 6 / 80
    crack = find_crack(fractions[keep] @ cell, cell, load=0, across=1)
    assert crack.open_share == 1
    np.testing.assert_allclose(crack.path, 24, atol=2)
    assert crack.open_area == pytest.approx(np.linalg.det(cell) / 80)
    assert separation(fractions[keep] @ cell, cell, 0).separated


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'load': 3, 'across': 0}, 'load, across: 3 and 0'),
        ({'load': 1, 'across': 1}, 'two different ones'),
        ({'load': 2, 'across': 0, 'spacing': 0}, 'spacing: 0'),
        ({'load': 2, 'across': 0, 'least': -1}, 'least: -1'),
    ],
)
def test_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        find_crack(atoms(), BOX, **arguments)
    with pytest.raises(ValueError, match='load: 4'):
        separation(atoms(), BOX, 4)

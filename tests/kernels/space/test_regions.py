from __future__ import annotations

import numpy as np
import pytest
from ase.build import bulk
from ase.spacegroup import crystal

from aiida_glassion.kernels.space.regions import (
    distance_to_slab,
    distance_to_sphere,
    find_regions,
    regions_by_distance,
)

TRICLINIC = np.array([[12.0, 0, 0], [5.0, 11.0, 0], [-4.0, 3.0, 13.0]])


def quartz(repeat):
    sites = [(0.4697, 0, 1 / 3), (0.4135, 0.2669, 0.2144)]
    return crystal(['Si', 'O'], sites, spacegroup=152, cellpar=[4.913, 4.913, 5.405, 90, 90, 120]) * repeat


def judge(positions, cell, symbols, **settings):
    is_former = np.array(symbols) == 'Si'
    return find_regions(positions, cell, is_former.astype(int), is_former, np.ones(len(symbols), bool), **settings)


@pytest.mark.parametrize('displacement', [0.0, 0.1, 0.2])
def test_quartz_is_all_crystal(displacement):
    atoms = quartz((4, 4, 4))
    rng = np.random.default_rng(1)
    found = judge(
        atoms.positions + rng.normal(size=atoms.positions.shape) * displacement, atoms.cell.array, list(atoms.symbols)
    )
    assert found.judged
    assert found.fractions == {'glass': 0, 'interface': 0, 'crystal': 1}
    if displacement == 0:
        np.testing.assert_allclose(found.order[np.isfinite(found.order)], 1, atol=1e-6)
    assert np.isfinite(found.order).sum() == 192


def test_an_ideal_gas_and_a_shuffled_crystal_are_all_glass():
    atoms = quartz((4, 4, 4))
    rng = np.random.default_rng(2)
    gas = judge(rng.random((576, 3)) @ atoms.cell.array, atoms.cell.array, list(atoms.symbols))
    assert gas.fractions['glass'] == 1
    assert np.nanmax(gas.order) < 0.35
    shaken = judge(atoms.positions + rng.normal(size=(576, 3)), atoms.cell.array, list(atoms.symbols))
    assert shaken.fractions['glass'] == 1


def test_half_crystal_half_random():
    atoms = quartz((4, 4, 8))
    rng = np.random.default_rng(3)
    positions, height = atoms.positions.copy(), atoms.cell.array[2, 2]
    # a quarter above and below the middle of the upper half stays clear of both interfaces
    upper = positions[:, 2] > height / 2
    positions[upper] += rng.normal(size=(upper.sum(), 3)) * 1.2
    found = judge(positions, atoms.cell.array, list(atoms.symbols))
    z = atoms.positions[:, 2] / height
    deep_crystal, deep_glass = (z > 0.17) & (z < 0.33), (z > 0.67) & (z < 0.83)
    assert (found.labels[deep_crystal] == 2).mean() > 0.95
    assert (found.labels[deep_glass] == 0).all()
    between = found.labels == 1
    assert 0.03 < between.mean() < 0.3
    away = np.minimum(np.abs(z - 0.5), np.minimum(z, 1 - z)) * height
    assert away[between].max() < 9


def test_modifiers_may_wander():
    """Mobile ions are no part of the framework: the crystal around them stays one."""
    atoms = quartz((4, 4, 4))
    rng = np.random.default_rng(4)
    positions = np.vstack([atoms.positions, rng.random((60, 3)) @ atoms.cell.array])
    types = np.array([0 if s == 'O' else 1 for s in atoms.symbols] + [2] * 60)
    found = find_regions(positions, atoms.cell.array, types, types == 1, types < 2)
    assert found.fractions['crystal'] == 1


def test_salt_is_judged_by_all_its_atoms():
    atoms = bulk('NaCl', 'rocksalt', a=5.64, cubic=True) * (4, 4, 4)
    types = (atoms.numbers == 17).astype(int)
    every = np.ones(len(atoms), bool)
    found = find_regions(atoms.positions + 0.37, atoms.cell.array, types, every, every)
    assert found.fractions['crystal'] == 1


def test_own_images_are_no_repetition():
    """A random configuration in a cell barely wider than the reach repeats only in its own images."""
    rng = np.random.default_rng(5)
    cell = 9.5 * np.eye(3)
    symbols = ['Si', 'O', 'O'] * 20
    found = judge(rng.random((60, 3)) @ cell, cell, symbols)
    assert found.judged
    assert found.fractions['glass'] == 1
    narrow = judge(rng.random((60, 3)) * 8, 8.0 * np.eye(3), symbols)
    assert not narrow.judged
    assert narrow.fractions['glass'] == 1


def test_distances_to_a_sphere_and_to_a_slab():
    rng = np.random.default_rng(6)
    positions = rng.random((50, 3)) @ TRICLINIC + rng.integers(-2, 3, (50, 3)) @ TRICLINIC
    shifts = np.stack(np.meshgrid(*[np.arange(-5, 6)] * 3, indexing='ij'), -1).reshape(-1, 3) @ TRICLINIC
    centre = np.array([1.0, -2.0, 3.0])
    expected = np.linalg.norm((positions - centre)[:, None] + shifts, axis=2).min(axis=1) - 4.0
    np.testing.assert_allclose(distance_to_sphere(positions, TRICLINIC, centre, 4.0), expected, atol=1e-9)
    cell = np.diag([10.0, 10.0, 20.0])
    z = np.array([[0, 0, 1.0], [0, 0, 19.0], [0, 0, 5.0], [0, 0, 10.0], [0, 0, 45.0]])
    found = distance_to_slab(z, cell, 2, -0.1, 0.1)
    np.testing.assert_allclose(found, [-1, -1, 3, 8, 3])
    assert regions_by_distance(found, 2.1).tolist() == [1, 1, 0, 0, 0]
    assert regions_by_distance(found, 1.0).tolist() == [2, 2, 0, 0, 0]


@pytest.mark.parametrize(
    ('settings', 'match'),
    [
        ({'radius': 0.0}, 'radius'),
        ({'threshold': 1.0}, 'threshold'),
        ({'centres': np.zeros(2, bool)}, 'centres'),
        ({'centres': np.ones(3, bool)}, 'centres'),
        ({'positions': np.zeros((2, 2))}, 'shape'),
    ],
)
def test_refuses(settings, match):
    arguments = {
        'positions': np.array([[0.0, 0, 0], [1, 1, 1]]),
        'cell': 12 * np.eye(3),
        'types': np.zeros(2, int),
        'centres': np.ones(2, bool),
        'framework': np.ones(2, bool),
        **settings,
    }
    with pytest.raises(ValueError, match=match):
        find_regions(**arguments)


def test_refuses_wrong_places():
    with pytest.raises(ValueError, match='radius'):
        distance_to_sphere(np.zeros((1, 3)), TRICLINIC, [0, 0, 0], 0.0)
    with pytest.raises(ValueError, match='low'):
        distance_to_slab(np.zeros((1, 3)), TRICLINIC, 0, 0.5, 0.4)
    with pytest.raises(ValueError, match='width'):
        regions_by_distance(np.zeros(1), -1.0)

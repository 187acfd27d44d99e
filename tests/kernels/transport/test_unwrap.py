"""Boundaries are undone in any cell, a breathing cell moves nobody, the framework rests; wrapped input is found out."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_glassion.kernels.transport.displacements import DisplacementStore
from aiida_glassion.kernels.transport.unwrap import (
    fractional_coordinates,
    remove_drift,
    unwrap_fractional,
    unwrapped_displacements,
    widest_jump,
)

TRICLINIC = np.array([[9.0, 0, 0], [3.0, 8.0, 0], [-2.0, 2.5, 10.0]])


def walk(n_frames=200, n_atoms=6, step=0.3, seed=0):
    random = np.random.default_rng(seed)
    return random.uniform(0, 8, (n_atoms, 3)) + random.normal(0, step, (n_frames, n_atoms, 3)).cumsum(axis=0)


def wrap(positions, cell):
    fractional = positions @ np.linalg.inv(cell)
    return (fractional - np.floor(fractional)) @ cell


def test_a_wrapped_walk_in_a_triclinic_cell_comes_back():
    true = walk()
    cells = np.tile(TRICLINIC, (len(true), 1, 1))
    wrapped = wrap(true, TRICLINIC)
    assert widest_jump(fractional_coordinates(true, cells)) is None
    np.testing.assert_allclose(unwrapped_displacements(wrapped, cells, wrapped=True), true - true[0], atol=1e-12)
    with pytest.raises(ValueError, match=r'frame \d+: atom \d moved by 0\.9\d of the cell along [abc] in one step'):
        unwrapped_displacements(wrapped, cells, wrapped=False)


def test_the_jump_that_is_named_is_the_widest():
    fractional = np.full((4, 3, 3), 0.5)
    fractional[2:, 1, 2] -= 0.9
    fractional[3:, 0, 0] += 0.6
    jump = widest_jump(fractional)
    assert (jump.frame, jump.atom, jump.axis, jump.n_atoms) == (2, 1, 2, 2)
    assert jump.size == pytest.approx(0.9)
    # along a direction that is not periodic nothing is wrapped
    assert widest_jump(fractional, (True, True, False)).atom == 0
    np.testing.assert_array_equal(unwrap_fractional(fractional, (False, True, False))[..., 0], fractional[..., 0])
    assert widest_jump(fractional[:1]) is None


def test_an_atom_at_rest_in_a_breathing_cell_does_not_move():
    """Its fractional coordinates stay; unwrapped Cartesian ones, ten cells away, swing by 2 Å."""
    scales = 1 + 0.02 * np.sin(np.linspace(0, 20, 50))
    cells = TRICLINIC * scales[:, None, None]
    fractional = np.array([[0.2, 0.3, 0.4], [10.2, -9.7, 10.4]])
    positions = fractional @ cells
    assert np.ptp(np.linalg.norm(positions[:, 1], axis=-1)) > 2
    np.testing.assert_allclose(unwrapped_displacements(positions, cells, wrapped=False), 0, atol=1e-12)


def test_displacements_in_a_changing_cell_are_those_in_the_mean_cell():
    scales = np.linspace(0.98, 1.02, 50)
    cells = 10 * np.eye(3) * scales[:, None, None]
    fractional = np.linspace(0, 3, 50)[:, None, None] * np.array([[1, 0, 0]]) / 10
    found = unwrapped_displacements(fractional @ cells, cells, wrapped=False)
    np.testing.assert_allclose(found[:, 0, 0], np.linspace(0, 3, 50), atol=1e-12)


def test_the_framework_rests():
    moving = walk()
    drifting = moving + np.linspace(0, 30, len(moving))[:, None, None]
    framework = np.array([0, 0, 1, 1, 1, 1], dtype=bool)
    relative = remove_drift(drifting - drifting[0], framework)
    np.testing.assert_allclose(relative[:, framework].mean(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(relative, remove_drift(moving - moving[0], framework), atol=1e-11)
    with pytest.raises(ValueError, match='reference: no atom'):
        remove_drift(moving, np.zeros(6, dtype=bool))


@pytest.mark.parametrize('size', [1, 7, 200])
@pytest.mark.parametrize('unwrap', ['check', 'minimum_image'])
def test_frames_in_pieces_give_what_all_at_once_give(size, unwrap):
    true = walk(step=0.2)
    cells = TRICLINIC * np.linspace(1, 1.05, 200)[:, None, None]
    fractional = true @ np.linalg.inv(TRICLINIC)
    given = fractional - np.floor(fractional) if unwrap == 'minimum_image' else fractional
    types, ions = np.array([0, 0, 1, 1, 1, 2]), np.array([1, 0, 0, 0, 0, 1], dtype=bool)
    store = DisplacementStore(types, ions, types == 1, unwrap=unwrap)
    for first in range(0, 200, size):
        store.add((given @ cells)[first : first + size], cells[first : first + size])
    expected = remove_drift((fractional - fractional[0]) @ cells.mean(axis=0), types == 1)
    np.testing.assert_allclose(np.concatenate(store.of_ions(np.array([0, 5]))), expected[:, [0, 5]], atol=2e-6)
    np.testing.assert_allclose(np.concatenate(store.of_ions(np.array([5]))), expected[:, [5]], atol=2e-6)
    means = [expected[:, types == kind].mean(axis=1) for kind in range(3)]
    np.testing.assert_allclose(store.by_type(), np.stack(means, axis=1), atol=1e-10)
    np.testing.assert_allclose(store.volumes, np.linalg.det(cells))


def test_a_jump_between_two_pieces_is_seen():
    positions = np.full((4, 2, 3), 5.0)
    positions[2:, 1] += 9
    cells = np.tile(10 * np.eye(3), (4, 1, 1))
    kinds = np.array([0, 1])
    for unwrap, last in (('minimum_image', -1.0), ('trust', 9.0)):
        store = DisplacementStore(kinds, kinds == 1, kinds == 0, unwrap=unwrap)
        store.add(positions[:2], cells[:2])
        store.add(positions[2:], cells[2:])
        np.testing.assert_allclose(store.of_ions(np.array([1]))[-1][-1, 0], last, atol=1e-6)
    store = DisplacementStore(kinds, kinds == 1, kinds == 0)
    store.add(positions[:2], cells[:2])
    with pytest.raises(ValueError, match=r'frame 2: atom 1 moved by 0\.90.*minimum_image'):
        store.add(positions[2:], cells[2:])

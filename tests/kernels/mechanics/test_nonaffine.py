"""D²min and local strain against a loop over images, affine maps, and single atoms that move."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_glassion.kernels.mechanics.nonaffine import by_region, local_strain

TRICLINIC = np.array([[11.0, 0.3, -0.5], [2.5, 12.0, 0.7], [-1.5, 3.0, 10.0]])


def random_atoms(n=90, cell=TRICLINIC, seed=0):
    return np.random.default_rng(seed).random((n, 3)) @ cell


def brute_force(reference, reference_cell, positions, cell, cutoff):
    """D²min and F from the definition: every image of every atom, one least squares problem for each atom."""
    d2min, gradients = [], []
    shifts = np.array(list(np.ndindex(5, 5, 5))) - 2
    for i in range(len(reference)):
        before, after = [], []
        for j in range(len(reference)):
            for shift in shifts:
                v = reference[j] - reference[i] + shift @ reference_cell
                if (i != j or shift.any()) and v @ v < cutoff**2:
                    before.append(v)
                    after.append(positions[j] - positions[i] + shift @ cell)
        solution, *_ = np.linalg.lstsq(np.array(before), np.array(after), rcond=None)
        gradients.append(solution.T)
        d2min.append(((np.array(after) - np.array(before) @ solution) ** 2).sum())
    return np.array(d2min), np.array(gradients)


@pytest.mark.parametrize('cutoff', [4.0, 7.5])
def test_against_the_definition(cutoff):
    """Also with a cutoff beyond half the cell, where images count one by one."""
    reference = random_atoms(40)
    strain = np.eye(3) + np.array([[0.03, 0.05, 0], [-0.02, -0.04, 0.1], [0, 0.02, 0.06]])
    noise = np.random.default_rng(1).normal(0, 0.3, reference.shape)
    positions, cell = reference @ strain + noise, TRICLINIC @ strain
    found = local_strain(reference, TRICLINIC, positions, cell, cutoff)
    d2min, gradients = brute_force(reference, TRICLINIC, positions, cell, cutoff)
    np.testing.assert_allclose(found.d2min, d2min, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.gradients, gradients, atol=1e-9)
    lagrange = (gradients.transpose(0, 2, 1) @ gradients - np.eye(3)) / 2
    np.testing.assert_allclose(found.strains[:, 0], lagrange[:, 0, 0], atol=1e-9)
    np.testing.assert_allclose(found.strains[:, 3], 2 * lagrange[:, 1, 2], atol=1e-9)
    deviator = lagrange - np.trace(lagrange, axis1=1, axis2=2)[:, None, None] / 3 * np.eye(3)
    np.testing.assert_allclose(found.shear, np.sqrt((deviator**2).sum(axis=(1, 2)) / 2), atol=1e-9)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.floats(-0.4, 0.4), min_size=9, max_size=9),
    st.booleans(),
    st.integers(0, 1000),
)
def test_any_affine_map_leaves_nothing(values, wrapped, seed):
    """Rotations and strains up to tens of per cent, atoms wrapped into their cell or not: 0 to 1e-10 Å²."""
    gradient = np.eye(3) + np.array(values).reshape(3, 3)
    if abs(np.linalg.det(gradient)) < 0.05:
        return
    reference = random_atoms(seed=seed)
    positions, cell = reference @ gradient.T, TRICLINIC @ gradient.T
    if wrapped:
        fractions = positions @ np.linalg.inv(cell) + 0.37
        positions = (fractions - np.floor(fractions)) @ cell
    found = local_strain(reference, TRICLINIC, positions, cell, 5.0)
    assert np.nanmax(found.d2min) < 1e-10
    np.testing.assert_allclose(
        found.gradients[found.valid], np.broadcast_to(gradient, (90, 3, 3))[found.valid], atol=1e-7
    )


def test_an_open_cluster_turns_and_stretches():
    """Nothing periodic: the cell stays, the atoms follow an affine map of their own."""
    reference = random_atoms() + 30
    gradient = np.array([[0, -1.2, 0], [1.0, 0, 0.1], [0, 0, 0.9]])
    box = 100 * np.eye(3)
    found = local_strain(reference, box, reference @ gradient.T, box, 6.0, pbc=(False, False, False))
    assert np.nanmax(found.d2min) < 1e-10
    np.testing.assert_allclose(found.gradients, np.broadcast_to(gradient, (90, 3, 3)), atol=1e-9)


def test_one_atom_that_moves():
    """Its neighbours see |d|² less what a map takes up; it sees all of them move back; far atoms see nothing."""
    cell = 20 * np.eye(3)
    grid = np.stack(np.meshgrid(*3 * [np.arange(10)], indexing='ij'), axis=-1).reshape(-1, 3) * 2.0
    moved = grid.copy()
    moved[0] += [0.3, 0, 0]
    found = local_strain(grid, cell, moved, cell, 2.1)
    assert found.n_neighbours.tolist() == [6] * 1000
    # six neighbours of a cubic site in opposite pairs: a uniform shift is no linear map, so all of 6 d² is left
    assert found.d2min[0] == pytest.approx(6 * 0.3**2)
    # one of six moves by d along the bond: the map takes up half of it
    assert found.d2min[100] == pytest.approx(0.3**2 / 2)
    assert np.count_nonzero(found.d2min > 1e-12) == 7


def test_shear_of_a_simple_shear():
    """Simple shear γ: η_xy = γ/2 and η_yy = γ²/2."""
    gamma = 0.08
    gradient = np.eye(3)
    gradient[0, 1] = gamma
    reference = random_atoms(300)
    found = local_strain(reference, TRICLINIC, reference @ gradient.T, TRICLINIC @ gradient.T, 4.0)
    np.testing.assert_allclose(found.strains[0], [0, gamma**2 / 2, 0, 0, 0, gamma], atol=1e-10)
    np.testing.assert_allclose(found.shear, np.sqrt(gamma**2 / 4 + (gamma**2 / 2) ** 2 / 3), atol=1e-10)
    np.testing.assert_allclose(found.volumetric, gamma**2 / 6, atol=1e-10)


def test_rotation_of_the_sample_changes_no_invariant():
    rng = np.random.default_rng(3)
    reference = random_atoms()
    positions, cell = reference * 1.01 + rng.normal(0, 0.2, reference.shape), TRICLINIC * 1.01
    q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    plain = local_strain(reference, TRICLINIC, positions, cell, 5.0)
    turned = local_strain(reference, TRICLINIC, positions @ q, cell @ q, 5.0)
    for name in ('d2min', 'shear', 'volumetric', 'strains'):
        np.testing.assert_allclose(getattr(turned, name), getattr(plain, name), atol=1e-9)


def test_ions_that_went_round_the_cell():
    """The nearest image is taken, unless the positions are said to be unwrapped."""
    reference = random_atoms()
    positions = reference.copy()
    positions[5] += TRICLINIC[0]
    assert np.nanmax(local_strain(reference, TRICLINIC, positions, TRICLINIC, 5.0).d2min) < 1e-10
    assert np.nanmax(local_strain(reference, TRICLINIC, positions, TRICLINIC, 5.0, unwrapped=True).d2min) > 1


def test_atoms_without_room_for_a_map():
    """Two atoms alone, and atoms in one plane, have no local map and no number."""
    box = 50 * np.eye(3)
    plane = np.array([[i * 2.0, j * 2.0, 5.0] for i in range(4) for j in range(4)])
    assert not local_strain(plane, box, plane, box, 3.0).valid.any()
    pair = local_strain(plane[:2], box, plane[:2], box, 3.0)
    assert np.isnan(pair.shear).all()
    assert pair.n_neighbours.tolist() == [1, 1]


def test_by_region():
    summary = by_region(np.array([1.0, 3.0, 8.0, np.nan]), np.array([0, 0, 2, 1]))
    assert summary['all']['mean'] == pytest.approx(4.0)
    assert summary['glass'] == {'mean': 2.0, 'median': 2.0, 'p95': pytest.approx(2.9), 'n': 2}
    assert summary['interface'] == {'mean': None, 'median': None, 'p95': None, 'n': 0}
    with pytest.raises(ValueError, match='expected one of 0 … 2 for each of 2 atoms'):
        by_region(np.zeros(2), np.array([0, 3]))


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'cutoff': 0.0}, 'cutoff: 0.0, expected a positive length'),
        ({'positions': np.zeros((3, 3))}, '3 atoms, the reference has 90'),
        ({'cell': np.zeros((3, 3))}, 'no volume'),
        ({'reference': np.full((90, 3), np.nan)}, 'not finite'),
    ],
)
def test_refused(change, message):
    given_ = {'reference': random_atoms(), 'positions': random_atoms(), 'cell': TRICLINIC, 'cutoff': 5.0, **change}
    with pytest.raises(ValueError, match=message):
        local_strain(reference_cell=TRICLINIC, **given_)

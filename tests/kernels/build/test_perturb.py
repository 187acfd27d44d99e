"""Structures around a crystal: what the strain and the displacements are, and that nothing drifts or turns."""

from __future__ import annotations

import numpy as np
import pytest
from ase.build import bulk, make_supercell

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.build.perturb import (
    Perturbation,
    displacements,
    perturb_crystal,
    perturbed,
    repeats_for,
    scaled,
    strain_tensors,
    supercell,
    too_close,
)


def rng(seed=1):
    return np.random.default_rng(seed)


@pytest.fixture(scope='module')
def salt():
    """Primitive (triclinic) cell of rock salt."""
    return Frames.from_ase(bulk('NaCl', 'rocksalt', a=5.64))


def distances(frames, index=-1):
    return np.sort(frames.to_ase(index).get_all_distances(mic=True), axis=None)


def test_supercell_is_that_of_ase(salt):
    ours = supercell(salt, [2, 1, 3])
    theirs = Frames.from_ase(make_supercell(salt.to_ase(), np.diag([2, 1, 3])))
    assert ours.counts == {'Cl': 6, 'Na': 6}
    np.testing.assert_allclose(ours.cells, theirs.cells)
    np.testing.assert_allclose(distances(ours), distances(theirs), atol=1e-10)
    assert ours.densities == pytest.approx(salt.densities)


def test_supercell_repeats_every_frame_with_its_own_cell(salt):
    two = Frames.concatenate([salt, scaled(salt, 1.1)])
    large = supercell(two, [2, 2, 2])
    assert large.n_frames == 2
    np.testing.assert_allclose(large.positions[1], 1.1 * large.positions[0])


def test_repeats_by_height(salt):
    cell = salt.cells[0]
    repeats = repeats_for(cell, None, 10.0)
    heights = abs(np.linalg.det(cell)) / np.array(
        [np.linalg.norm(np.cross(cell[(i + 1) % 3], cell[(i + 2) % 3])) for i in range(3)]
    )
    assert ((heights * repeats) >= 10.0).all()
    assert ((heights * (np.array(repeats) - 1)) < 10.0).all()


@pytest.mark.parametrize('wanted', [[2, 2], [0, 1, 1], 'two', [1.5, 1, 1], [True, 1, 1]])
def test_repeats_that_are_none(wanted):
    with pytest.raises((ValueError, TypeError), match=r'supercell'):
        repeats_for(np.eye(3), wanted)


def test_scale_is_of_the_length(salt):
    np.testing.assert_allclose(scaled(salt, 0.95).volumes, 0.95**3 * salt.volumes)
    with pytest.raises(ValueError, match=r'scale: 95 given.*between 0\.5 and 2'):
        scaled(salt, 95)


def test_strain_has_the_size_asked_for_and_does_not_turn():
    tensors = strain_tensors(4000, 0.03, rng())
    np.testing.assert_array_equal(tensors, tensors.transpose(0, 2, 1))
    normal = tensors[:, range(3), range(3)]
    shear = 2 * np.stack([tensors[:, 1, 2], tensors[:, 0, 2], tensors[:, 0, 1]], axis=1)
    for voigt in (normal, shear):
        assert np.abs(voigt).max() <= 0.03
        assert np.abs(voigt).max() > 0.029
        np.testing.assert_allclose(voigt.mean(axis=0), 0.0, atol=5 * 0.03 / np.sqrt(3 * 4000))
        np.testing.assert_allclose(voigt.std(axis=0), 0.03 / np.sqrt(3), rtol=0.05)
    together = np.concatenate([normal, shear], axis=1)
    assert np.abs(np.corrcoef(together.T) - np.eye(6)).max() < 0.08
    # polar decomposition: a stretch without a rotation
    u, _, vt = np.linalg.svd(np.eye(3) + tensors)
    np.testing.assert_allclose(u @ vt, np.broadcast_to(np.eye(3), tensors.shape), atol=1e-12)


def test_the_largest_strain_keeps_a_volume():
    assert np.linalg.det(np.eye(3) + strain_tensors(20000, 0.3, rng())).min() > 0


def test_normal_displacements():
    moves = displacements(50, 400, 0.01, 'normal', rng())
    np.testing.assert_allclose(moves.mean(axis=1), 0.0, atol=1e-15)
    assert np.sqrt((moves**2).sum(axis=2).mean()) == pytest.approx(0.01, rel=0.01)
    np.testing.assert_allclose(moves.std(axis=(0, 1)), 0.01 / np.sqrt(3), rtol=0.02)
    kurtosis = (moves**4).mean() / (moves**2).mean() ** 2
    assert kurtosis == pytest.approx(3.0, abs=0.1)


def test_normal_displacements_of_few_atoms_have_their_length_too():
    moves = displacements(20000, 2, 0.01, 'normal', rng())
    assert np.sqrt((moves**2).sum(axis=2).mean()) == pytest.approx(0.01, rel=0.02)
    assert not displacements(3, 1, 0.01, 'normal', rng()).any()


def test_uniform_displacements_fill_a_sphere():
    moves = displacements(50, 2000, 0.1, 'uniform', rng())
    np.testing.assert_allclose(moves.mean(axis=1), 0.0, atol=1e-15)
    radii = np.linalg.norm(moves, axis=2)
    assert radii.max() < 0.1 * 1.05
    inside = [(radii < 0.1 * part).mean() for part in (0.5, 0.8)]
    np.testing.assert_allclose(inside, [0.125, 0.512], atol=0.005)


def test_perturbed_cells_and_atoms(salt):
    crystal = supercell(salt, [2, 2, 2])
    made = perturbed(crystal, 20, 0.01, 0.03, 'normal', rng())
    stretch = np.linalg.solve(np.broadcast_to(crystal.cells[0], made.cells.shape), made.cells)
    np.testing.assert_allclose(stretch, stretch.transpose(0, 2, 1), atol=1e-12)
    left = made.positions - crystal.positions[0] @ stretch
    np.testing.assert_allclose(left.mean(axis=1), 0.0, atol=1e-12)
    assert np.sqrt((left**2).sum(axis=2).mean()) == pytest.approx(0.01, rel=0.1)


def test_same_seed_same_structures(salt):
    settings = Perturbation(structures=6)
    first, again, other = (perturb_crystal(salt, settings, seed).frames for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.positions, again.positions)
    np.testing.assert_array_equal(first.cells, again.cells)
    assert np.abs(first.positions - other.positions).max() > 1e-3


def test_napso_counts(salt):
    made = perturb_crystal(salt, Perturbation(), 1)
    assert made.frames.n_frames == 33
    assert made.frames.counts == {'Cl': 8, 'Na': 8}
    assert [made.scales.count(scale) for scale in (0.95, 1.0, 1.05)] == [11, 11, 11]
    assert made.refused == []
    assert made.repeats == [2, 2, 2]
    volumes = made.frames.volumes / supercell(salt, [2, 2, 2]).volumes
    np.testing.assert_allclose(volumes[::11], [0.95**3, 1.0, 1.05**3])


def test_a_scale_keeps_its_structures_whatever_the_others_are(salt):
    both = perturb_crystal(salt, Perturbation(scales=[0.95, 1.0], structures=8), 1)
    one = perturb_crystal(salt, Perturbation(scales=[1.0], structures=4), 1)
    np.testing.assert_array_equal(both.frames.positions[5:], one.frames.positions)


def brute_force_shortest(frames, index):
    images = np.array([(i, j, k) for i in (-1, 0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1)]) @ frames.cells[index]
    apart = frames.positions[index][:, None, None] - frames.positions[index][None, :, None] + images
    apart = np.linalg.norm(apart, axis=-1)
    return apart[apart > 1e-8].min()


def test_atoms_too_close_are_named_with_their_distance(salt):
    crystal = supercell(salt, [2, 2, 2])
    positions = np.repeat(crystal.positions, 2, axis=0)
    sodium = np.flatnonzero(np.array(crystal.symbols) == 'Na')[0]
    chlorine = np.flatnonzero(np.array(crystal.symbols) == 'Cl')[0]
    positions[1, sodium] = positions[1, chlorine] + [0.9, 0.0, 0.0]
    frames = Frames(crystal.symbols, positions, np.repeat(crystal.cells, 2, axis=0))
    said = too_close(frames, 0.6)
    assert said[0] == ''
    assert said[1].startswith('Cl-Na 0.900 Å, nearer than')
    assert brute_force_shortest(frames, 1) == pytest.approx(0.9)
    assert too_close(frames, 0.0) == ['', '']


def test_too_close_structures_are_left_out_and_said(salt):
    made = perturb_crystal(salt, Perturbation(scales=[0.5, 1.0], structures=4), 1)
    assert made.frames.n_frames == 3
    assert [entry['index'] for entry in made.refused] == [0, 1, 2]
    assert all(entry['scale'] == 0.5 and 'Cl-Na' in entry['reason'] for entry in made.refused)
    assert perturb_crystal(salt, Perturbation(scales=[0.5], structures=1), 1).frames is None


def test_labels_do_not_travel(salt):
    labelled = Frames(salt.symbols, salt.positions, salt.cells, energies=np.array([-1.0]), forces=np.zeros((1, 2, 3)))
    frames = perturb_crystal(labelled, Perturbation(structures=1), 1).frames
    assert frames.energies is None
    assert frames.forces is None


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        ({'repeats': [2, 2]}, 'supercell'),
        ({'repeats': None}, 'least height'),
        ({'scales': []}, r'scales: \[\] given'),
        ({'scales': [5]}, 'scales: 5 given'),
        ({'structures': -1}, 'structures: -1'),
        ({'structures': 0, 'unperturbed': False}, 'nothing would be made'),
        ({'displacement': 5}, 'displacement: 5 given'),
        ({'displacement': 'far'}, "displacement: 'far' given"),
        ({'strain': 3}, r'strain: 3 given, .*0\.03'),
        ({'distribution': 'cauchy'}, 'distribution'),
        ({'closest': 1.5}, r'closest: 1\.5'),
    ],
)
def test_settings_that_make_no_sense(settings, message):
    with pytest.raises(ValueError, match=message):
        Perturbation(**settings)


def test_crystals_that_make_no_sense(salt):
    with pytest.raises(ValueError, match='16 atoms, more than max_atoms'):
        perturb_crystal(salt, Perturbation(max_atoms=10), 1)
    slab = Frames(salt.symbols, salt.positions, salt.cells, pbc=(True, True, False))
    with pytest.raises(ValueError, match='periodic in all three'):
        perturb_crystal(slab, Perturbation(), 1)

"""Disagreement of a committee against loops, known noise and the committee's own symmetries."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_glassion.kernels.learning.deviation import atom_deviations, force_deviation, virial_deviation

RANDOM = np.random.default_rng(4)


def by_loops(forces):
    n_models, n_frames, n_atoms, _ = forces.shape
    found = np.zeros((n_frames, n_atoms))
    for frame in range(n_frames):
        for atom in range(n_atoms):
            mean = sum(forces[m, frame, atom] for m in range(n_models)) / n_models
            lengths = [sum((forces[m, frame, atom][k] - mean[k]) ** 2 for k in range(3)) for m in range(n_models)]
            found[frame, atom] = (sum(lengths) / n_models) ** 0.5
    return found


def test_against_loops():
    forces = RANDOM.normal(size=(4, 3, 5, 3))
    expected = by_loops(forces)
    np.testing.assert_allclose(atom_deviations(forces), expected)
    found = force_deviation(forces)
    np.testing.assert_allclose(found['max_force_deviation'], expected.max(axis=1))
    np.testing.assert_allclose(found['min_force_deviation'], expected.min(axis=1))
    np.testing.assert_allclose(found['mean_force_deviation'], expected.mean(axis=1))


def test_two_models_deviate_by_half_their_difference():
    forces = RANDOM.normal(size=(2, 1, 6, 3))
    np.testing.assert_allclose(atom_deviations(forces)[0], np.linalg.norm(forces[0, 0] - forces[1, 0], axis=1) / 2)


def test_what_all_models_share_does_not_count():
    forces = RANDOM.normal(size=(4, 2, 5, 3))
    np.testing.assert_allclose(atom_deviations(forces + RANDOM.normal(size=(2, 5, 3))), atom_deviations(forces))
    turn = np.linalg.qr(RANDOM.normal(size=(3, 3)))[0]
    np.testing.assert_allclose(atom_deviations(forces @ turn), atom_deviations(forces))
    assert atom_deviations(np.ones((3, 1, 2, 3))).max() == 0


def test_noise_of_known_size():
    """⟨ε²⟩ = 3 s² (n − 1)/n for n models with independent noise s: the mean over n, not over n − 1."""
    forces = 0.1 * RANDOM.normal(size=(4, 1, 40000, 3))
    assert np.mean(atom_deviations(forces) ** 2) == pytest.approx(3 * 0.01 * 3 / 4, rel=0.02)


def test_virials_count_per_atom():
    virials = RANDOM.normal(size=(3, 2, 3, 3))
    spread = np.std(virials, axis=0) / 10
    found = virial_deviation(virials, 10)
    np.testing.assert_allclose(found['max_virial_deviation'], spread.max(axis=(1, 2)))
    np.testing.assert_allclose(found['min_virial_deviation'], spread.min(axis=(1, 2)))
    np.testing.assert_allclose(found['mean_virial_deviation'], np.sqrt((spread**2).mean(axis=(1, 2))))


@pytest.mark.parametrize('shape', [(1, 2, 3, 3), (2, 3, 3), (2, 3, 4, 2)])
def test_shapes(shape):
    with pytest.raises(ValueError, match=r'expected|disagree'):
        force_deviation(np.zeros(shape))
    with pytest.raises(ValueError, match=r'expected|disagree'):
        virial_deviation(np.zeros((1, 2, 3, 3)), 3)

"""Outliers: planted ones are found with their reason, normal ones are left alone."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.dataset.outliers import OutlierSearch, find_outliers, pressures, robust_scores


def melt(symbols, n, seed, shift=0.0):
    rng = np.random.default_rng(seed)
    size = len(symbols)
    return Frames(
        symbols,
        rng.random((n, size, 3)) * 8,
        np.tile(np.eye(3) * 8, (n, 1, 1)),
        energies=shift + rng.normal(scale=0.02 * size, size=n),
        forces=rng.normal(scale=1.5, size=(n, size, 3)),
        virials=np.tile(np.eye(3), (n, 1, 1)) * rng.normal(scale=5, size=(n, 1, 1)),
    )


def test_robust_scores_are_those_of_a_normal_distribution():
    values = np.random.default_rng(0).normal(3.0, 2.0, 20001)
    scores = robust_scores(values)
    assert np.std(scores) == pytest.approx(1, abs=0.03)
    values[0] = 1e6
    assert robust_scores(values)[0] > 1e5
    np.testing.assert_allclose(robust_scores(values)[1:], scores[1:], atol=0.01)


def test_scores_of_equal_values():
    assert robust_scores(np.full(5, 7.0)).tolist() == [0] * 5
    assert robust_scores(np.array([])).tolist() == []
    scores = robust_scores(np.array([1.0] * 20 + [2.0]))
    assert scores[:20].tolist() == [0] * 20
    assert scores[20] == pytest.approx(1 / (np.sqrt(np.pi / 2) / 21))


def test_pressure_of_an_ideal_virial():
    frames = Frames(('Ar',), np.zeros((1, 1, 3)), np.eye(3)[None] * 10, virials=np.diag([1.0, 2.0, 3.0])[None])
    assert pressures(frames)[0] == pytest.approx(2.0 / 1000 * 160.21766208)


def test_planted_outliers_are_found_across_compositions():
    silica = melt(('Si', 'O', 'O') * 4, 60, 1, shift=-4000.0)
    soda = melt(('Na', 'Na', 'O') * 4, 60, 2, shift=-9000.0)
    silica.energies[7] += 12 * 0.9
    soda.forces[3, 5] = [40.0, 40.0, 0]
    soda.virials[9] = np.eye(3) * 512 / 160.2 * 150
    found = find_outliers([silica[:20], silica[20:], soda])
    assert [(outlier.frame, outlier.kind) for outlier in found] == [(7, 'energy'), (63, 'force'), (69, 'pressure')]
    assert found[1].value == pytest.approx(40 * np.sqrt(2))
    assert found[1].reason == 'a force of 56.6 eV/Å; the limit is 50'
    assert 'robust standard deviations; the limit is 10' in found[0].reason
    assert found[2].value == pytest.approx(150, rel=1e-3)


def test_one_absurd_energy_does_not_make_outliers_of_its_neighbours():
    silica = melt(('Si', 'O', 'O') * 4, 30, 1, shift=-4000.0)
    soda = melt(('Na', 'Na', 'O') * 4, 100, 2, shift=-9000.0)
    silica.energies[7] = 1e7
    assert [(outlier.frame, outlier.kind) for outlier in find_outliers([silica, soda])] == [(7, 'energy')]


def test_nothing_stands_out_in_a_clean_set():
    assert find_outliers([melt(('Si', 'O', 'O'), 500, 3)]) == []
    assert find_outliers([]) == []


def test_frames_without_forces_or_virials_are_judged_by_their_energies():
    frames = melt(('Si', 'O', 'O'), 50, 4)
    bare = Frames(frames.symbols, frames.positions, frames.cells, energies=frames.energies.copy())
    bare.energies[4] = 500
    assert [(outlier.frame, outlier.kind) for outlier in find_outliers([bare])] == [(4, 'energy')]


def test_limits_must_be_positive():
    with pytest.raises(ValueError, match='largest_force: 0 is not positive'):
        OutlierSearch(largest_force=0)

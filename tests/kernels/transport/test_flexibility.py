"""Oracles: harmonic wells, jumps made by hand, loops over images, ranks by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from aiida_glassion.kernels.transport.flexibility import (
    MovingWindows,
    correlation,
    find_jumps,
    nearby_mean,
    position_spread,
    windows,
)


def wells(n_frames: int, n_atoms: int, width: float = 0.1, seed: int = 0):
    return 40.0 + np.random.default_rng(seed).normal(0, width, (n_frames, n_atoms, 3))


def test_spread_in_a_harmonic_well():
    r = wells(4000, 6)
    r[:, 3:] += r[:, 3:] - 40.0
    expected = 0.1 * np.sqrt(3 * (1 - 1 / 20)) * np.repeat([1, 2], 3)
    np.testing.assert_allclose(position_spread(r, 20), expected, rtol=0.03)


def test_spread_of_uniform_motion_grows_with_the_window():
    r = np.zeros((100, 2, 3))
    r[:, 0, 1] = 0.1 * np.arange(100)
    for length in (10, 50):
        np.testing.assert_allclose(position_spread(r, length), [0.1 * np.sqrt((length**2 - 1) / 12), 0], atol=1e-12)


def test_windows_against_their_definition():
    r = wells(70, 4).cumsum(axis=0) - 40.0 * np.arange(70)[:, None, None]
    found = list(windows(r, 12))
    assert [w.frame for w in found] == list(range(12, 70 - 12 + 1, 3))
    for w in found:
        a, b = r[w.frame - 12 : w.frame], r[w.frame : w.frame + 12]
        np.testing.assert_allclose(w.mean, b.mean(axis=0), atol=1e-10)
        np.testing.assert_allclose(w.mean_before, a.mean(axis=0), atol=1e-10)
        np.testing.assert_allclose(w.spread, np.sqrt(b.var(axis=0).sum(axis=1)), atol=1e-8)
        of_b = ((b - a.mean(axis=0)) ** 2).sum(axis=-1).mean(axis=0)
        of_a = ((a - b.mean(axis=0)) ** 2).sum(axis=-1).mean(axis=0)
        np.testing.assert_allclose(w.hop, np.sqrt(of_a * of_b), rtol=1e-9)


@pytest.mark.parametrize('at', [100, 103, 107, 111])
def test_jumps_made_by_hand(at):
    """Wherever a jump falls in the windows it is found once, about when and as far as it was."""
    r = wells(400, 5)
    r[at:, 1, 0] += 2.0
    r[at + 150 :, 1, 2] -= 3.0
    r[at + 60 :, 3] += 1.5 / np.sqrt(3)
    found = find_jumps(r, 16, 1.0)
    assert found.atoms.tolist() == [1, 3, 1]
    np.testing.assert_allclose(found.frames, [at, at + 60, at + 150], atol=2)
    np.testing.assert_allclose(found.lengths, [2, 1.5, 3], rtol=0.2)


def test_an_excursion_that_returns_at_once_is_no_jump():
    r = wells(200, 1)
    r[90:92] += 2.0
    assert len(find_jumps(r, 32, 1.0)) == 0
    assert len(find_jumps(wells(200, 50), 16, 0.6)) == 0


def test_a_jump_back_counts_as_another():
    r = wells(300, 1)
    r[100:200, 0, 0] += 2.0
    assert find_jumps(r, 16, 1.0).frames.tolist() == pytest.approx([100, 200], abs=2)


def test_mean_of_what_is_near_through_the_boundary():
    cell = np.array([[12.0, 0, 0], [3.0, 11.0, 0], [-2.0, 2.5, 13.0]])
    rng = np.random.default_rng(4)
    ions, atoms, values = rng.random((5, 3)) @ cell, rng.random((20, 3)) @ cell + 2 * cell[0], rng.random(20)
    shifts = np.stack(np.meshgrid(*[np.arange(-4, 5)] * 3, indexing='ij'), -1).reshape(-1, 3) @ cell
    mean, counts = nearby_mean(ions, atoms, values, cell, 4.0)
    for i in range(5):
        distances = np.linalg.norm(atoms[:, None] + shifts - ions[i], axis=-1)
        near = (distances < 4.0).sum(axis=1)
        assert counts[i] == near.sum()
        assert mean[i] == pytest.approx((near * values).sum() / near.sum()) if near.sum() else np.isnan(mean[i])
    assert np.isnan(nearby_mean(ions, atoms, values, cell, 0.01)[0]).all()


def test_correlation():
    rng = np.random.default_rng(0)
    x = rng.normal(size=200)
    y = 0.7 * x + rng.normal(0, np.sqrt(1 - 0.49), 200)
    found = correlation(x, y)
    assert found.spearman == pytest.approx(spearmanr(x, y).statistic)
    assert found.low < 6 / np.pi * np.arcsin(0.35) < found.high
    assert correlation(x, np.exp(5 * x)).spearman == pytest.approx(1)
    assert correlation([1, 2, 3], [3, 1, 2]).low is None


def test_intervals_hold():
    """Of 300 draws of 20 independent points, 0 lies in the 95 % interval of about 95 %."""
    rng = np.random.default_rng(1)
    found = [correlation(rng.normal(size=20), rng.normal(size=20)) for _ in range(300)]
    assert np.mean([c.low < 0 < c.high for c in found]) == pytest.approx(0.95, abs=0.03)


def test_what_cannot_be_done_is_said():
    with pytest.raises(ValueError, match='length: 3 frames'):
        MovingWindows(1, 3)
    with pytest.raises(ValueError, match='two windows of 16 frames in a trajectory of 20'):
        find_jumps(wells(20, 1), 16, 1.0)
    with pytest.raises(ValueError, match='distance: 0'):
        find_jumps(wells(40, 1), 16, 0)
    with pytest.raises(ValueError, match='a window of 30'):
        position_spread(wells(20, 1), 30)
    with pytest.raises(ValueError, match='at least 3 points'):
        correlation([1, 2], [1, 2])
    with pytest.raises(ValueError, match='are equal'):
        correlation([1, 1, 1], [1, 2, 3])
    with pytest.raises(ValueError, match='not finite'):
        correlation([1, np.nan, 1], [1, 2, 3])

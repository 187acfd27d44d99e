"""Oracles: Gaussian walk, ballistic motion, vibration, two populations, a parabola."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_glassion.kernels.transport.heterogeneity import alpha_peak, mean_with_error, non_gaussian
from aiida_glassion.kernels.transport.van_hove import displacements


def motion(kind: str, n_frames: int, n_ions: int, seed: int):
    rng = np.random.default_rng(seed)
    if kind == 'walk':
        return rng.normal(0, 0.2, (n_frames, n_ions, 3)).cumsum(axis=0)
    if kind == 'ballistic':
        return np.arange(n_frames)[:, None, None] * rng.normal(0, 0.1, (n_ions, 3))
    return rng.normal(0, 0.3, (n_frames, n_ions, 3))


@pytest.mark.parametrize(('kind', 'expected'), [('walk', 0.24), ('ballistic', 0.24), ('confined', 0.54)])
def test_gaussian_motion_has_none(kind, expected):
    """A walk of variance 0.04 per step and axis, velocities of variance 0.01, a well of variance 0.09."""
    n_frames, n_ions = (400, 300) if kind != 'ballistic' else (30, 40_000)
    lags = [2, 8]
    found = displacements(motion(kind, n_frames, n_ions, 4), lags)
    alpha, error = non_gaussian(found.squared, found.fourth)
    np.testing.assert_allclose(alpha, 0, atol=0.03)
    assert (np.abs(alpha) < 4 * error).all()
    growth = {'walk': [1, 4], 'ballistic': [0.5, 8], 'confined': [1, 1]}[kind]
    np.testing.assert_allclose(found.squared.mean(axis=1), expected * np.array(growth), rtol=0.03)


def test_two_populations():
    """Share c moves with variance s, the others do not: 1 + α₂ = 1/c."""
    rng = np.random.default_rng(5)
    r = np.zeros((300, 100, 3))
    r[:, :25] = rng.normal(0, 0.3, (300, 25, 3)).cumsum(axis=0)
    found = displacements(r, [3])
    alpha, error = non_gaussian(found.squared, found.fourth)
    assert alpha[0] == pytest.approx(1 / 0.25 - 1, rel=0.03)
    assert error is not None
    assert error[0] > 0.1


def test_error_covers_the_spread_of_repetitions():
    found = [displacements(motion('walk', 60, 100, seed), [1]) for seed in range(40)]
    results = [non_gaussian(f.squared, f.fourth) for f in found]
    spread = np.std([alpha[0] for alpha, _ in results], ddof=1)
    assert np.mean([error[0] for _, error in results]) == pytest.approx(spread, rel=0.4)


def test_fewer_ions_than_blocks():
    assert non_gaussian([[1.0]], [[1.0]])[1] is None
    assert non_gaussian([[1.0]], [[1.0]])[0][0] == pytest.approx(-0.4)
    assert non_gaussian([[0.0, 0.0]], [[0.0, 0.0]])[0][0] == 0
    mean, error = mean_with_error([[1.0, 2.0, 3.0]])
    assert (mean[0], error[0]) == (2.0, pytest.approx(1 / np.sqrt(3)))
    assert mean_with_error([[1.0]])[1] is None
    with pytest.raises(ValueError, match='of both'):
        non_gaussian([[1.0]], [[1.0, 2.0]])


def test_peak():
    times = 2.0 ** np.arange(10)
    alpha = 1.5 - 0.1 * (np.log(times) - np.log(23.0)) ** 2
    peak = alpha_peak(times, alpha, np.full(10, 0.1))
    assert peak.time == pytest.approx(23.0)
    assert peak.value == pytest.approx(1.5)
    assert (peak.at_edge, peak.significant, peak.value_error) == (False, True, pytest.approx(0.1))
    rising = alpha_peak(times, times / 1e3)
    assert (rising.at_edge, rising.time, rising.significant) == (True, 512.0, False)
    assert alpha_peak(times, np.full(10, 0.1), np.full(10, 0.2)).significant is False
    with pytest.raises(ValueError, match='increase'):
        alpha_peak([2.0, 1.0], [0.0, 0.0])
    with pytest.raises(ValueError, match='of both'):
        alpha_peak([1.0], [0.0, 0.0])

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.signal import lfilter

from aiida_glassion.kernels.structure.glass_transition import glass_transition


def cooling(rng, t_g=900.0, n=4000, noise=0.02, phi=0.95, below=1e-3, above=3e-3, t_noise=15.0, hot=1600.0):
    """A cooling run with autocorrelated noise on the property and a fluctuating temperature."""
    t = np.linspace(hot, 300, n)
    y = 50 + below * np.minimum(t - t_g, 0) + above * np.maximum(t - t_g, 0)
    y = y + lfilter([1.0], [1.0, -phi], rng.normal(size=n)) * np.sqrt(1 - phi**2) * noise
    return t + rng.normal(size=n) * t_noise, y


def test_the_break_is_found_and_its_error_covers_the_truth():
    rng = np.random.default_rng(0)
    found = [glass_transition(*cooling(rng, noise=0.06)) for _ in range(200)]
    assert all(result.converged for result in found)
    pulls = np.array([(result.temperature - 900) / result.error for result in found])
    assert 0.6 < np.mean(np.abs(pulls) < 1) < 0.82
    assert abs(pulls.mean()) < 0.3
    assert np.mean([result.error for result in found]) < 20


def test_a_straight_line_has_no_glass_transition():
    rng = np.random.default_rng(1)
    found = [glass_transition(*cooling(rng, below=2e-3, above=2e-3, noise=0.05)) for _ in range(200)]
    assert np.mean([result.converged for result in found]) < 0.01
    assert all(result.temperature is None and result.error is None and result.reason for result in found)


def test_a_straight_line_without_noise_has_no_glass_transition():
    t = np.linspace(1500, 300, 500)
    assert not glass_transition(t, 5 + 1e-3 * t).converged


def test_a_parabola_is_not_a_break():
    t = np.linspace(1500, 300, 2000)
    y = 1e-6 * t**2 + np.random.default_rng(2).normal(size=2000) * 1e-3
    result = glass_transition(t, y)
    assert not result.converged
    assert 'smooth' in result.reason
    assert result.fit is not None


def test_a_rounded_break_is_found_with_a_wider_error():
    t = np.linspace(1600, 300, 4000)
    rounded = 2e-3 * 60 * np.logaddexp(0, (t - 900) / 60) + 1e-3 * t
    noise = np.random.default_rng(3).normal(size=4000) * 0.02
    soft, hard = glass_transition(t, rounded + noise), glass_transition(*cooling(np.random.default_rng(3), phi=0.0))
    assert soft.converged
    assert soft.temperature == pytest.approx(900, abs=30)
    assert soft.error > hard.error


@pytest.mark.parametrize(
    ('t', 'y', 'word'),
    [
        (np.linspace(1500, 300, 8), np.ones(8), 'too few'),
        ([], [], 'too few'),
        (np.linspace(400, 300, 1000), np.linspace(2, 1, 1000), 'covers'),
        (np.linspace(1500, 300, 1000), np.minimum(np.linspace(1500, 300, 1000), 900) * 1e-3, 'larger below'),
        (np.linspace(1500, 300, 1000), np.maximum(np.linspace(1500, 300, 1000) - 430, 0) * 1e-3, 'end of the curve'),
    ],
)
def test_reasons(t, y, word):
    noise = np.random.default_rng(5).normal(size=len(y)) * 1e-4
    result = glass_transition(t, np.asarray(y) + noise)
    assert not result.converged
    assert result.temperature is None
    assert word in result.reason


def test_window_cuts_the_curved_melt_off():
    t = np.linspace(4000, 300, 6000)
    y = 1e-3 * np.minimum(t - 1200, 0) + 3e-3 * np.maximum(t - 1200, 0) + 3e-3 * np.maximum(t - 2500, 0)
    y = y + np.random.default_rng(6).normal(size=6000) * 0.02
    everything, cut = glass_transition(t, y), glass_transition(t, y, n_bins=80, window=(300, 2400))
    assert cut.converged
    assert abs(cut.temperature - 1200) < 3 * cut.error < 60
    assert not everything.converged or everything.error > 3 * cut.error


def test_summary_is_json():
    result = glass_transition(*cooling(np.random.default_rng(8)))
    assert json.loads(json.dumps(result.summary()))['temperature_K'] == pytest.approx(900, abs=20)


def test_refuses_bad_arrays():
    with pytest.raises(ValueError, match='shapes'):
        glass_transition(np.ones(5), np.ones(6))
    with pytest.raises(ValueError, match='finite'):
        glass_transition(np.ones(5), np.full(5, np.nan))

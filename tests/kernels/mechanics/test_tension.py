"""Stress–strain curves with known modulus, strength and failure."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_glassion.kernels.mechanics.tension import (
    analyse_tension,
    fully_broken,
    mean_curve,
    mean_tension,
    smoothed,
)


def brittle(modulus=70.0, strength=10.0, end=0.4, n=2001, noise=0.0, seed=0):
    """Straight to the strength, then to zero within 0.02 of strain."""
    strain = np.linspace(0, end, n)
    at = strength / modulus
    stress = np.interp(strain, [0, at, at + 0.02, 1], [0, strength, 0, 0])
    return strain, stress + np.random.default_rng(seed).normal(0, noise, n)


def test_a_brittle_curve():
    found = analyse_tension(*brittle(), length=50.0, window=0)
    assert found.young == pytest.approx(70)
    assert found.residual_stress == pytest.approx(0, abs=1e-9)
    assert found.strength == pytest.approx(10, rel=2e-3)
    assert found.strength_strain == pytest.approx(1 / 7, abs=3e-4)
    assert found.failed
    assert found.failure_strain == pytest.approx(1 / 7 + 0.01, abs=3e-4)
    assert found.broken_strain == pytest.approx(1 / 7 + 0.019, abs=3e-4)
    # half of base times height, GPa = 1e9 J/m³; but for the last 5 % of the fall
    assert found.toughness == pytest.approx(0.5 * 10 * (1 / 7 + 0.02) * 1e9, rel=2e-3)
    assert found.work == pytest.approx(found.toughness * 50e-10)


def test_noise_widens_the_error_and_not_the_strength():
    """300 curves: (E − true)/error has a spread of about one; the largest of the raw curve is too large by 2 GPa."""
    scores, strengths, raw = [], [], []
    for seed in range(100):
        strain, stress = brittle(noise=0.5, seed=seed)
        found = analyse_tension(strain, stress)
        scores.append((found.young - 70) / found.young_error)
        strengths.append(found.strength)
        raw.append(stress.max())
    assert 0.7 < np.std(scores) < 1.5
    assert abs(np.mean(strengths) - 10) < 0.4
    assert np.mean(raw) > 10.5


def test_one_low_stress_is_no_failure():
    strain, stress = brittle(end=0.13)
    stress[1500] = 0.0
    found = analyse_tension(strain, stress, window=0)
    assert not found.failed
    assert found.failure_strain is None
    assert found.toughness == pytest.approx(np.trapezoid(stress, strain) * 1e9)
    assert not fully_broken(strain, stress)


def test_steps_of_one_per_cent():
    """Two points below 1 %: a slope without error; one point: a sentence that says what to do."""
    strain = np.arange(0, 0.3, 0.01)
    stress = np.interp(strain, [0, 0.1, 0.15, 1], [0, 7, 0, 0])
    found = analyse_tension(strain, stress)
    assert found.young == pytest.approx(70)
    assert found.young_error is None
    assert analyse_tension(strain, stress, slope_to=0.02).young_error == pytest.approx(0, abs=1e-9)
    with pytest.raises(ValueError, match='a larger slope_to, or smaller steps'):
        analyse_tension(strain, stress, slope_to=0.005)


def test_fully_broken_needs_to_last():
    strain, stress = brittle()
    fallen = 1 / 7 + 0.019
    assert not fully_broken(*(x[strain < fallen + 0.04] for x in (strain, stress)))
    assert fully_broken(*(x[strain < fallen + 0.06] for x in (strain, stress)))
    assert not fully_broken(strain, -stress)


def test_smoothing_keeps_a_line():
    strain = np.sort(np.random.default_rng(0).random(50)) * 0.1
    np.testing.assert_allclose(smoothed(strain, np.ones(50), 0.02), 1)
    even = np.linspace(0, 1, 101)
    np.testing.assert_allclose(smoothed(even, 3 * even, 0.1), 3 * even, atol=1e-12)
    np.testing.assert_allclose(smoothed(strain, strain, 0), strain, atol=1e-12)


def test_mean_of_samples():
    curves = [brittle(strength=s, noise=0.2, seed=i) for i, s in enumerate((9, 10, 11))]
    mean = mean_curve([e for e, _ in curves], [s for _, s in curves], step=0.005)
    assert mean.n == 3
    assert len(mean.strain) == 81
    assert mean.stress[10] == pytest.approx(70 * 0.05, abs=0.2)
    assert mean.error[:20].mean() < 0.1 < mean.error[28]
    one = mean_curve([curves[0][0]], [curves[0][1]])
    assert one.error is None


def test_a_sample_that_stopped_when_broken_goes_on_at_zero():
    long, short = brittle(), brittle()
    short = tuple(x[short[0] < 0.25] for x in short)
    together = mean_curve([long[0], short[0]], [long[1], short[1]], broken=True)
    assert together.strain[-1] == pytest.approx(0.4)
    np.testing.assert_allclose(together.stress[together.strain > 0.2], 0, atol=1e-12)
    assert mean_curve([long[0], short[0]], [long[1], short[1]]).strain[-1] < 0.25


def test_mean_of_numbers():
    samples = [analyse_tension(*brittle(strength=s)) for s in (9, 11)] + [analyse_tension(*brittle(end=0.1))]
    averaged = mean_tension(samples)
    assert averaged['young'].mean == pytest.approx(70)
    assert averaged['failed'].mean == pytest.approx(2 / 3)
    assert averaged['failure_strain'].n == 2
    assert averaged['work'] is None


@pytest.mark.parametrize(
    ('call', 'message'),
    [
        (lambda: analyse_tension([0, 1], [0, 1, 2]), 'as many of both'),
        (lambda: analyse_tension([0, 0.01, 0.01], [0, 1, 2]), '0.01 is followed by 0.01'),
        (lambda: analyse_tension([0, 0.01, 0.02], [0, -1, -2]), 'never tensile'),
        (lambda: analyse_tension(*brittle(), failure_part=1.5), 'failure_part: 1.5'),
        (lambda: analyse_tension(*brittle(), length=-1), 'length: -1'),
        (lambda: analyse_tension(*brittle(), window=-1), 'window: -1'),
        (lambda: fully_broken(*brittle(), lasting=0), 'lasting: 0'),
        (lambda: mean_curve([], []), 'at least one'),
        (lambda: mean_curve([[0, 0.1]], [[0, 1]], step=1), 'step: 1, expected'),
        (lambda: mean_tension([]), 'at least one'),
    ],
)
def test_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()

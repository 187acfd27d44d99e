from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter

from aiida_glassion.kernels.statistics import (
    average_records,
    block_standard_error,
    curve_mean_and_error,
    line_fit,
    mean_and_error,
    statistical_inefficiency,
    two_line_fit,
)


def ar1(rng, n, phi, sigma=1.0):
    """x_t = φ x_{t−1} + noise, stationary variance σ²."""
    noise = rng.normal(size=n + 1000) * sigma * np.sqrt(1 - phi**2)
    return lfilter([1.0], [1.0, -phi], noise)[1000:]


def test_mean_and_error_uses_n_minus_one():
    result = mean_and_error([1.0, 2.0, 3.0, 6.0])
    assert result.mean == 3.0
    assert result.standard_error == pytest.approx(np.sqrt((4 + 1 + 0 + 9) / 3) / 2)
    assert result.n == 4


def test_one_replica_has_no_error():
    assert mean_and_error([5.0]).standard_error is None
    assert curve_mean_and_error(np.ones((1, 7)))[1] is None


@pytest.mark.parametrize('values', [[], [np.nan], [[1.0, 2.0]]])
def test_mean_and_error_refuses(values):
    with pytest.raises(ValueError, match=r'finite|dimension'):
        mean_and_error(values)


def test_curves_are_averaged_point_by_point():
    curves = np.random.default_rng(1).normal(size=(5, 30))
    mean, error = curve_mean_and_error(curves)
    expected = [mean_and_error(column) for column in curves.T]
    np.testing.assert_allclose(mean, [e.mean for e in expected])
    np.testing.assert_allclose(error, [e.standard_error for e in expected])


def test_records_are_averaged_leaf_by_leaf():
    records = [
        {'density': 2.0, 'qn': {'Si': {'Q4': 0.5}}, 't_g': None, 'reason': 'none', 'ok': True},
        {'density': 4.0, 'qn': {'Si': {'Q4': 0.7}}, 't_g': 900.0, 'reason': 'none', 'ok': True},
    ]
    assert average_records(records) == {
        'density': {'mean': 3.0, 'standard_error': pytest.approx(1.0), 'n': 2},
        'qn': {'Si': {'Q4': {'mean': pytest.approx(0.6), 'standard_error': pytest.approx(0.1), 'n': 2}}},
        't_g': {'mean': 900.0, 'standard_error': None, 'n': 1},
    }


def test_records_of_different_layout_are_refused():
    with pytest.raises(ValueError, match='a number in one'):
        average_records([{'a': 1.0}, {'a': {'b': 1.0}}])
    with pytest.raises(ValueError, match='no record'):
        average_records([])


@pytest.mark.parametrize('phi', [0.0, 0.5, 0.9, 0.98])
def test_block_error_of_ar1(phi):
    """The variance of the mean of AR(1) is known: σ²/n (1 + φ)/(1 − φ)."""
    rng = np.random.default_rng(7)
    n = 2**15
    exact = np.sqrt((1 + phi) / (1 - phi) / n)
    results = [block_standard_error(ar1(rng, n, phi)) for _ in range(30)]
    assert all(result.converged for result in results)
    assert np.mean([result.standard_error for result in results]) == pytest.approx(exact, rel=0.1)


def test_block_error_covers_the_truth():
    rng = np.random.default_rng(11)
    results = [block_standard_error(ar1(rng, 4096, 0.8)) for _ in range(400)]
    covered = np.mean([abs(result.mean) < result.standard_error for result in results])
    assert 0.6 < covered < 0.76


def test_block_error_says_when_the_series_is_too_short():
    result = block_standard_error(ar1(np.random.default_rng(3), 64, 0.999))
    assert not result.converged
    assert result.standard_error >= np.std(ar1(np.random.default_rng(3), 64, 0.999), ddof=1) / 8


def test_block_error_of_a_constant_is_zero():
    assert block_standard_error(np.full(100, 3.0)).standard_error == 0.0


@pytest.mark.parametrize('phi', [0.0, 0.5, 0.9])
def test_inefficiency_of_ar1(phi):
    rng = np.random.default_rng(5)
    values = [statistical_inefficiency(ar1(rng, 2**14, phi)) for _ in range(20)]
    assert np.mean(values) == pytest.approx((1 + phi) / (1 - phi), rel=0.12)


def test_inefficiency_of_a_constant_is_one():
    assert statistical_inefficiency(np.full(50, -1234.5)) == 1.0


def test_line_fit_error_covers_the_slope_of_correlated_data():
    rng = np.random.default_rng(2)
    x = np.arange(2000) * 0.01
    fits = [line_fit(x, 3 - 0.5 * x + ar1(rng, len(x), 0.9)) for _ in range(300)]
    pulls = np.array([(fit.slope + 0.5) / fit.slope_error for fit in fits])
    assert 0.6 < np.mean(np.abs(pulls) < 1) < 0.8


def test_two_line_fit_is_exact_without_noise():
    x = np.linspace(-2, 10, 61)
    y = 4 + 0.5 * np.minimum(x - 3.37, 0) + 2.0 * np.maximum(x - 3.37, 0)
    shuffled = np.random.default_rng(0).permutation(len(x))
    fit = two_line_fit(x[shuffled], y[shuffled])
    assert fit.x_break == pytest.approx(3.37, abs=1e-5)
    assert (fit.slope_below, fit.slope_above) == pytest.approx((0.5, 2.0), abs=1e-5)
    assert fit.value == pytest.approx(4, abs=1e-5)
    assert fit.rss < 1e-8 < fit.rss_parabola
    assert not fit.at_edge


def test_two_line_fit_errors_cover_the_truth():
    rng = np.random.default_rng(4)
    x = np.linspace(300, 1500, 40)
    pulls = []
    for _ in range(300):
        y = 10 + 1e-3 * np.minimum(x - 800, 0) + 3e-3 * np.maximum(x - 800, 0) + rng.normal(size=40) * 0.05
        fit = two_line_fit(x, y)
        pulls.append(
            (
                (fit.x_break - 800) / fit.x_break_error,
                (fit.slope_below - 1e-3) / fit.slope_below_error,
                (fit.slope_above - 3e-3) / fit.slope_above_error,
                (fit.slope_change - 2e-3) / fit.slope_change_error,
            )
        )
    covered = (np.abs(pulls) < 1).mean(axis=0)
    assert ((covered > 0.6) & (covered < 0.82)).all(), covered


@pytest.mark.parametrize(
    ('x', 'y', 'match'),
    [
        (np.arange(9.0), np.arange(9.0), 'at least 10'),
        (np.arange(12.0), np.arange(11.0), 'points'),
        (np.ones(12), np.ones(12), 'equal'),
    ],
)
def test_two_line_fit_refuses(x, y, match):
    with pytest.raises(ValueError, match=match):
        two_line_fit(x, y)

"""Against a loop over all origins, known motion, and trajectories on which single precision fails."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_glassion.kernels.transport.covariance import MsdCovariance
from aiida_glassion.kernels.transport.msd import mean_squared_displacement, msd_per_ion, single_origin_msd


def loop(x, lags):
    """Every origin, every ion, one after the other."""
    found = np.zeros((len(lags), x.shape[1], x.shape[2]))
    for row, lag in enumerate(lags):
        for ion in range(x.shape[1]):
            squares = [(x[t + lag, ion] - x[t, ion]) ** 2 for t in range(len(x) - lag)]
            found[row, ion] = np.mean(squares, axis=0)
    return found


@pytest.fixture
def walk():
    return np.random.default_rng(3).normal(size=(37, 5, 3)).cumsum(axis=0) * [1.0, 0.1, 3.0]


def test_all_origins_by_direction_and_by_ion(walk):
    expected = loop(walk, range(37))
    found = mean_squared_displacement(walk)
    np.testing.assert_allclose(found.by_direction, expected.mean(axis=1), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(found.total, expected.mean(axis=1).sum(axis=-1), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(msd_per_ion(walk, [0, 4, 36]), expected.sum(axis=-1)[[0, 4, 36]], rtol=1e-12)
    assert (found.n_frames, found.n_ions) == (37, 5)


@pytest.mark.parametrize('last', [1, 10, 36])
def test_a_longest_lag_changes_nothing_before_it(walk, last):
    whole, part = mean_squared_displacement(walk), mean_squared_displacement(walk, last)
    np.testing.assert_allclose(part.by_direction, whole.by_direction[: last + 1], rtol=1e-10, atol=1e-12)


def test_consecutive_pieces_are_one_trajectory(walk):
    pieces = [walk[:1], walk[1:20], walk[20:]]
    np.testing.assert_array_equal(
        mean_squared_displacement(pieces).by_direction, mean_squared_displacement(walk).by_direction
    )
    np.testing.assert_array_equal(msd_per_ion(pieces, [3]), msd_per_ion(walk, [3]))


def test_many_blocks_of_ions_are_one_mean(monkeypatch, walk):
    monkeypatch.setattr('aiida_glassion.kernels.transport.msd._BLOCK_NUMBERS', 1)
    np.testing.assert_allclose(mean_squared_displacement(walk).total, loop(walk, range(37)).mean(axis=1).sum(axis=-1))


def test_ballistic_motion():
    """x = v t: MSD = v² t²."""
    t = np.arange(500.0)
    found = mean_squared_displacement((0.02 * t)[:, None, None] * np.array([[1.0, 0, -2.0]]))
    np.testing.assert_allclose(found.by_direction[:, 0], (0.02 * t) ** 2, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(found.total, 5 * (0.02 * t) ** 2, rtol=1e-9, atol=1e-11)


def test_an_oscillator_seen_for_whole_periods():
    """x = A cos(ωt): MSD = A² (1 − cos ωτ), exact at lags that leave whole half periods of origins."""
    period = 20
    x = 0.3 * np.cos(2 * np.pi * np.arange(10 * period) / period)
    lags = np.arange(0, 100, period // 2)
    found = mean_squared_displacement(x[:, None, None]).total[lags]
    np.testing.assert_allclose(found, 0.09 * (1 - np.cos(2 * np.pi * lags / period)), atol=1e-13)


def test_slow_atoms_far_from_the_origin_keep_their_digits():
    """A rattle of 0.01 Å at 1000 Å: differences of squares in single precision lose all of it."""
    x = 1000 + 0.01 * np.random.default_rng(0).normal(size=(400, 3, 3)).astype(np.float64)
    expected = [((x[lag:] - x[:-lag]) ** 2).sum(axis=-1).mean() for lag in (1, 50, 399)]
    np.testing.assert_allclose(mean_squared_displacement(x).total[[1, 50, 399]], expected, rtol=1e-9)


def test_from_the_first_frame_only(walk):
    expected = ((walk - walk[0]) ** 2).mean(axis=1)
    np.testing.assert_allclose(single_origin_msd([walk[:9], walk[9:]]).by_direction, expected)


@pytest.mark.parametrize(
    ('x', 'words'),
    [
        (np.zeros((1, 4, 3)), '1 frames of 4 ions'),
        (np.zeros((5, 0, 3)), '5 frames of 0 ions'),
        (np.zeros((5, 3)), 'expected .n_frames, n_ions, n_directions'),
        (np.full((5, 1, 3), np.nan), 'not finite'),
    ],
)
def test_refuses(x, words):
    with pytest.raises(ValueError, match=words):
        mean_squared_displacement(x)


def test_lags_must_be_within_the_trajectory(walk):
    with pytest.raises(ValueError, match='between 1 and 36'):
        mean_squared_displacement(walk, 37)
    with pytest.raises(ValueError, match='between 0 and 36'):
        msd_per_ion(walk, [37])


def brute_force_covariance(lags, n_frames, slope, intercept):
    """Cov of averages of squares, from the covariance of every pair of displacements of a Gaussian walk."""

    def msd(k):
        return slope * abs(k) + (intercept if k else 0.0)

    found = np.zeros((len(lags), len(lags)))
    for row, n in enumerate(lags):
        for column, p in enumerate(lags):
            for i in range(n_frames - n):
                for j in range(n_frames - p):
                    both = 0.5 * (msd(i + n - j) + msd(j + p - i) - msd(i - j) - msd(i + n - j - p))
                    found[row, column] += 2 * both**2 / ((n_frames - n) * (n_frames - p))
    return found


@pytest.mark.parametrize(('slope', 'intercept'), [(1.0, 0.0), (0.7, 2.0), (0.0, 1.5)])
def test_covariance_against_all_pairs_of_origins(slope, intercept):
    lags = np.array([1, 2, 5, 9, 14, 19, 20])
    found = MsdCovariance(lags, 21).of_line([slope], [intercept], 1)
    np.testing.assert_allclose(found, brute_force_covariance(lags, 21, slope, intercept), rtol=1e-12)
    # directions add up, ions average
    both = MsdCovariance(lags, 21).of_line([slope, 2 * slope], [intercept, 2 * intercept], 10)
    np.testing.assert_allclose(both, 5 * found / 10, rtol=1e-12)


def test_covariance_against_simulated_walks():
    """20 000 walks with an error of localisation; variances of chi-squared numbers, so to a few per cent."""
    random, lags = np.random.default_rng(4), np.array([1, 4, 12, 30])
    x = random.normal(0, 1, (40, 20_000)).cumsum(axis=0) + random.normal(0, 0.8, (40, 20_000))
    msd = np.array([((x[lag:] - x[:-lag]) ** 2).mean(axis=0) for lag in lags])
    expected = MsdCovariance(lags, 40).of_line([1.0], [2 * 0.64], 1)
    scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    np.testing.assert_allclose(np.cov(msd) / scale, expected / scale, atol=0.06)


@pytest.mark.parametrize('lags', [[0, 1], [1, 1], [5, 3], [1, 21], []])
def test_covariance_refuses_lags(lags):
    with pytest.raises(ValueError, match='lags'):
        MsdCovariance(np.array(lags), 21)

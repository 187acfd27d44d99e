"""Pooling: equal replicas are their mean, scatter widens, intervals hold in 500 draws."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_glassion.kernels.transport.replicas import pool_replicas


def test_equal_runs_are_averaged():
    found = pool_replicas([1.0, 1.05, 0.95], [0.1, 0.105, 0.095])
    assert found.value == pytest.approx(1.0)
    assert found.error == pytest.approx(0.1 / np.sqrt(3))
    assert found.widened == 1


def test_a_run_four_times_as_long_counts_four_times():
    found = pool_replicas([1.0, 2.0], [0.5, 0.5])
    assert found.value == pytest.approx((1 + 4 * 2) / 5)


def test_glasses_that_differ():
    found = pool_replicas([1.0, 2.0, 3.0], [0.01, 0.02, 0.03])
    assert found.value == pytest.approx(2.0)
    assert found.error == pytest.approx(np.std([1, 2, 3], ddof=1) / np.sqrt(3))
    # Student's t of two degrees of freedom over the normal quantile
    assert found.interval()[1] > 2 + 3.5 * found.error


def test_one_run_is_itself():
    found = pool_replicas(2.0, 0.3)
    assert (found.value, found.n, found.widened) == (2.0, 1, 1.0)
    assert found.error == pytest.approx(0.3)


@pytest.mark.parametrize('between', [0.0, 0.3])
def test_intervals_hold(between):
    """Errors proportional to what was measured, glasses alike or different; safer than asked, never less."""
    random, held, values = np.random.default_rng(0), [], []
    for _ in range(500):
        true = 1 + between * random.normal(size=3)
        freedom = 2 / 0.1**2
        measured = true * random.chisquare(freedom, 3) / freedom
        found = pool_replicas(measured, 0.1 * measured)
        low, high = found.interval()
        held.append(low <= 1 <= high)
        values.append(found.value)
    assert np.mean(held) > 0.92
    assert np.mean(values) == pytest.approx(1, abs=4 * np.std(values) / np.sqrt(500))


@pytest.mark.parametrize(
    ('values', 'errors', 'words'),
    [
        ([], [], 'one error for each'),
        ([1.0, 2.0], [0.1], 'one error for each'),
        ([1.0, -2.0], [0.1, 0.1], 'values: .* expected positive'),
        ([1.0, 2.0], [0.1, 0.0], 'errors: .* expected positive'),
    ],
)
def test_refuses(values, errors, words):
    with pytest.raises(ValueError, match=words):
        pool_replicas(values, errors)

"""Oracles: two populations of known shares, one population, counts by hand."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_glassion.kernels.transport.mobility import split_by_threshold, two_populations
from aiida_glassion.kernels.transport.van_hove import displacements


def drawn(share: float, n: int, seed: int, apart: float = 4.0):
    rng = np.random.default_rng(seed)
    mobile = rng.random(n) < share
    return np.exp(rng.normal(np.where(mobile, apart, 0.0) - 2.0, 0.7)), mobile


def test_by_threshold():
    found = split_by_threshold([0.1, 0.3, 4.0, 9.0], 1.0)
    assert found.mobile.tolist() == [False, False, True, True]
    assert (found.fraction, found.mobile_squared, found.trapped_squared) == (0.5, 6.5, pytest.approx(0.2))
    assert found.carried == pytest.approx(13 / 13.4)
    nothing = split_by_threshold([0.0, 0.0], 1.0)
    assert (nothing.fraction, nothing.mobile_squared, nothing.carried) == (0.0, None, 0.0)
    assert nothing.fraction_error > 0
    assert split_by_threshold([2.0], 1.0).trapped_squared is None


@pytest.mark.parametrize('share', [0.15, 0.5, 0.8])
def test_two_known_populations(share):
    squared, mobile = drawn(share, 2000, 7)
    found = two_populations(squared)
    assert found.found
    assert found.fraction_error == pytest.approx(np.sqrt(share * (1 - share) / 2000), rel=0.3)
    assert abs(found.fraction - mobile.mean()) < 3 * found.fraction_error
    np.testing.assert_allclose(np.log(found.squared), [-2, 2], atol=0.12)
    np.testing.assert_allclose(found.widths, 0.7, rtol=0.12)
    assert ((found.probability > 0.5) == mobile).mean() > 0.98
    assert ((squared > found.threshold) == (found.probability > 0.5)).mean() > 0.999


def test_errors_cover_the_truth():
    """Of 60 draws of 200 ions the share is within one error in about 68 %, within two in about 95 %."""
    results = [two_populations(drawn(0.4, 200, seed, 3.0)[0]) for seed in range(60)]
    off = np.abs([(found.fraction - 0.4) / found.fraction_error for found in results])
    assert 0.5 < (off < 1).mean() < 0.85
    assert (off < 2).mean() > 0.85


@pytest.mark.parametrize('seed', range(5))
def test_one_population_is_not_split(seed):
    rng = np.random.default_rng(seed)
    r = rng.normal(0, 0.3, (300, 150, 3)).cumsum(axis=0)
    assert not two_populations(displacements(r, [20]).squared[0]).found


def test_walkers_among_ions_that_rattle():
    rng = np.random.default_rng(1)
    r = rng.normal(0, 0.2, (400, 90, 3))
    r[:, :30] = rng.normal(0, 0.3, (400, 30, 3)).cumsum(axis=0)
    squared = displacements(r, [50]).squared[0]
    found = two_populations(squared)
    assert found.found
    assert found.fraction == pytest.approx(1 / 3)
    np.testing.assert_array_equal(found.probability > 0.5, np.arange(90) < 30)
    assert found.squared[0] == pytest.approx(6 * 0.2**2, rel=0.05)
    assert split_by_threshold(squared, 1.5).fraction == pytest.approx(1 / 3)


def test_ions_that_do_not_move():
    found = two_populations(np.zeros(20))
    assert not found.found
    assert np.isfinite(found.probability).all()


def test_what_cannot_be_done_is_said():
    with pytest.raises(ValueError, match='9 ions, expected at least 10'):
        two_populations(np.ones(9))
    with pytest.raises(ValueError, match='not negative'):
        two_populations(np.full(10, -1.0))
    with pytest.raises(ValueError, match='expected \\(n_ions,\\)'):
        split_by_threshold([], 1.0)
    with pytest.raises(ValueError, match='distance: 0 Å'):
        split_by_threshold([1.0], 0)

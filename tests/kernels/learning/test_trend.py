"""Intervals of fractions, falls of errors with their errors, and paces."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_glassion.kernels.learning.parity import Parity
from aiida_glassion.kernels.learning.trend import (
    fall_of_records,
    fall_on_common_frames,
    trend_of,
    trend_of_fractions,
    wilson_interval,
)


def test_wilson_against_published_numbers():
    """R. G. Newcombe, Stat. Med. 17, 857 (1998), table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29."""
    for hits, total, low, high in (
        (81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718),
    ):  # fmt: skip
        assert wilson_interval(hits, total) == pytest.approx((low, high), abs=6e-5)
    assert wilson_interval(0, 0) == (0.0, 1.0)
    with pytest.raises(ValueError, match='3 of 2'):
        wilson_interval(3, 2)


def parity(forces, noise: float, seed: int, frames=slice(None)) -> Parity:
    rng = np.random.default_rng(seed)
    predicted = forces + noise * rng.normal(size=forces.shape)
    forces, predicted = forces[frames], predicted[frames]
    n, atoms = forces.shape[:2]
    return Parity(
        formulas=('O2Si1',) * n,
        n_atoms=np.full(n, atoms),
        elements=('O', 'Si'),
        atom_elements=np.tile([0, 0, 1], n),
        energies=forces.sum(axis=(1, 2)),
        predicted_energies=forces.sum(axis=(1, 2)),
        forces=forces.reshape(-1, 3),
        predicted_forces=predicted.reshape(-1, 3),
    )


def test_the_fall_on_common_frames_is_that_of_the_same_questions():
    forces = np.random.default_rng(1).normal(size=(80, 3, 3))
    harder = np.concatenate([forces, 5 * np.random.default_rng(2).normal(size=(40, 3, 3))])
    before = parity(forces, 0.2, 3)
    after = parity(harder, 0.1, 4, frames=slice(None, None, -1))
    fall = fall_on_common_frames(before, after, 6)
    assert fall is not None
    assert fall.same_frames
    assert fall.since == 6
    assert '80 frames held out both times' in fall.of
    errors = [np.sqrt(np.mean((p.predicted_forces - p.forces)[rows] ** 2)) for p, rows in
              ((before, slice(None)), (after, slice(120, None)))]  # fmt: skip
    assert fall.value == pytest.approx(1 - errors[1] / errors[0])
    assert fall.before == pytest.approx(1e3 * errors[0])
    assert abs(fall.value - 0.5) < 4 * fall.error
    seeds = [{'force': {'rmse': {'mean': 100.0, 'spread': 20.0, 'n': 4}}}] * 2
    wider = fall_on_common_frames(before, after, 6, seeds)
    assert wider.error == pytest.approx(np.hypot(fall.error, 0.1 * np.sqrt(2) * errors[1] / errors[0]))
    assert fall_on_common_frames(before, parity(harder[80:], 0.1, 4), 6) is None


def test_its_error_is_the_scatter_over_repetitions():
    falls = []
    for seed in range(300):
        forces = np.random.default_rng(seed).normal(size=(30, 3, 3))
        falls.append(fall_on_common_frames(parity(forces, 0.2, 1000 + seed), parity(forces, 0.15, 5000 + seed), 1))
    scatter = np.std([fall.value for fall in falls])
    assert np.mean([fall.error for fall in falls]) == pytest.approx(scatter, rel=0.2)


def test_records_of_different_frames():
    def errors(mean, reference, error=1.0):
        return {'n_frames': 10, 'force': {'rmse': {'mean': mean, 'standard_error': error}, 'reference_rms': reference}}

    easy = fall_of_records(errors(100, 1000), errors(90, 1000), 3)
    assert easy.value == pytest.approx(0.1)
    assert easy.error == pytest.approx(0.9 * np.hypot(1 / 100, 1 / 90))
    harder = fall_of_records(errors(100, 1000), errors(100, 2000), 3)
    assert harder.value == pytest.approx(0.5)
    assert '% of the forces' in harder.of
    assert fall_of_records({}, errors(1, 1), 3) is None
    assert fall_of_records(errors(1, 1), {'force': {}}, 3) is None


def test_paces():
    falling = trend_of(100 * 0.9 ** np.arange(6), np.full(6, 0.01))
    assert falling.slope == pytest.approx(np.log(0.9))
    assert falling.falls()
    assert not trend_of([5.0, 5.0, 5.0, 5.0], [0.1] * 4).falls()
    assert not trend_of([5.0, 1.0], [0.0] * 2).falls()
    few, many = (trend_of_fractions([10 * n // 20, 8 * n // 20, 6 * n // 20, 5 * n // 20], [n] * 4) for n in (20, 2000))
    assert not few.falls()
    assert many.falls()
    assert trend_of_fractions([0, 0, 0], [100] * 3).slope == pytest.approx(0.0)


def test_the_error_of_a_pace_of_counts():
    rng = np.random.default_rng(3)
    drawn = [trend_of_fractions(rng.binomial(500, 0.1, size=6).tolist(), [500] * 6) for _ in range(400)]
    scatter = np.std([trend.slope for trend in drawn])
    assert np.mean([trend.error for trend in drawn]) == pytest.approx(scatter, rel=0.25)

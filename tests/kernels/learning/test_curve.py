"""The end of a curve of learning is called what it is."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_glassion.kernels.learning.curve import LearningCurve, end_of, ends_of

STEP = np.arange(0, 20001, 100)


def noisy(values, noise=0.05, seed=1):
    return values * np.exp(noise * np.random.default_rng(seed).normal(size=len(values)))


def test_a_curve_that_still_falls():
    end = end_of(STEP, noisy(np.exp(-STEP / 20000 * 2)))
    assert end.verdict == 'falling'
    assert end.fall == pytest.approx(1 - np.exp(-0.5), abs=3 * end.fall_error)
    assert end.final == pytest.approx(np.sqrt(np.mean(np.exp(-STEP[-20:] / 20000 * 2) ** 2)), rel=0.05)


def test_a_curve_that_is_flat():
    end = end_of(STEP, noisy(np.exp(-STEP / 1000) + 0.1))
    assert end.verdict == 'flat'
    assert abs(end.fall) < 0.05


def test_a_curve_that_rises():
    assert end_of(STEP, noisy(np.exp(STEP / 20000 * 2))).verdict == 'rising'


def test_too_few_or_too_noisy_to_say():
    assert end_of(STEP[:10], np.ones(10)).verdict == 'unclear'
    assert end_of(STEP[:10], np.ones(10)).fall is None
    assert end_of(STEP[:60], noisy(np.ones(60), noise=0.8)).verdict == 'unclear'


def test_rows_without_a_number_are_left_out():
    values = np.where(np.arange(len(STEP)) % 2, np.nan, 0.2)
    end = end_of(STEP, values)
    assert end.verdict == 'flat'
    assert end.final == pytest.approx(0.2)
    assert end_of(STEP, np.full(len(STEP), np.nan)) is None


def test_every_curve_of_a_training():
    curve = LearningCurve(STEP, {'force': np.full(len(STEP), 0.2), 'virial': np.full(len(STEP), np.nan)}, {})
    ends = ends_of(curve, last=0.5)
    assert list(ends) == ['training']
    assert list(ends['training']) == ['force']


def test_columns_of_lcurve():
    columns = {
        'step': STEP,
        'rmse_val': STEP * 1.0,
        'rmse_e_trn': STEP + 1.0,
        'rmse_f_val': STEP + 2.0,
        'lr': STEP * 0.1,
    }
    curve = LearningCurve.from_columns(columns)
    assert curve.training['energy'][0] == 1.0
    assert curve.validation['force'][0] == 2.0
    assert set(curve.validation) == {'force'}
    assert LearningCurve.from_columns({'step': STEP, 'rmse_f': STEP + 3.0}).training['force'][0] == 3.0
    with pytest.raises(ValueError, match='without steps; its columns are lr'):
        LearningCurve.from_columns({'lr': STEP})

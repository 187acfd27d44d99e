"""A training that may be believed is told from one that may not."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_glassion.kernels.learning.curve import End
from aiida_glassion.kernels.learning.verdict import judge_committee


def table(force: float = 100.0, error: float = 3.0, n_frames: int = 100, ratio: float = 0.6) -> dict:
    entry = {'rmse': {'mean': force, 'standard_error': error, 'spread': 2.0, 'n': 2}}
    return {'n_frames': n_frames, 'force': entry, 'deviation': {'error_over_deviation': ratio}}


def ends(fall: float = 0.01, fall_error: float = 0.02, final: float = 0.09, members: int = 2) -> dict:
    end = End(final, fall, fall_error, 'whatever')
    return {f'seed_{i}': {'training': {'force': end}, 'validation': {'force': end}} for i in range(members)}


def test_flat_and_as_good_on_new_frames():
    found = judge_committee(table(), ends(), [0.5, 0.6])
    assert found['converged'] is True
    assert found['warnings'] == []
    assert found['test_over_training'] == {'force': pytest.approx(100 / 90)}
    assert found['curves']['force']['fall_error'] == pytest.approx(0.02 / np.sqrt(2))
    assert 'is flat over the last part of the steps (1 ± 1 % less at the end)' in found['reason']
    assert '100 ± 3 meV/Å on the test set, 90 on the training data (× 1.11)' in found['reason']
    assert found['leak']['median_distance'] == pytest.approx(0.55)


def test_still_falling():
    found = judge_committee(table(), ends(fall=0.3, fall_error=0.03))
    assert found['converged'] is False
    assert 'train for more steps' in found['warnings'][0]
    assert found['reason'].startswith('Not converged.')


def test_members_that_differ_widen_the_error():
    different = {
        f'seed_{i}': {'training': {'force': End(0.09, fall, 0.001, 'whatever')}} for i, fall in enumerate((0.3, -0.05))
    }
    found = judge_committee(table(), different)
    assert found['curves']['force']['fall_error'] == pytest.approx(0.175)
    assert found['curves']['force']['of'] == 'training'
    assert found['converged'] is None


def test_learned_by_heart():
    found = judge_committee(table(force=200), ends())
    assert found['converged'] is False
    assert 'The force error is 2.2 times larger on the test set' in found['warnings'][0]
    assert judge_committee(table(force=200, error=60), ends())['converged'] is None


def test_test_frames_that_were_learned_and_few_of_them():
    found = judge_committee(table(n_frames=5), ends(), [0.0, 0.05, 0.4, np.inf])
    assert found['leak']['n_near'] == 2
    assert found['leak']['n_same'] == 1
    assert found['leak']['n_other_atoms'] == 1
    assert (
        '2 of 4 test frames compared lie within 0.1 Å (rms) of a training frame, 1 are the same' in found['warnings'][0]
    )
    assert 'has 5 frames' in found['warnings'][1]


def test_large_errors_are_written_without_an_exponent():
    assert '2130 ± 180 meV/Å on the test set' in judge_committee(table(force=2127.3, error=184.0), ends())['reason']


def test_members_that_err_together():
    assert 'err together' in judge_committee(table(ratio=3.1), ends())['warnings'][0]


def test_without_curves_nothing_is_claimed():
    found = judge_committee(table(), {})
    assert found['converged'] is None
    assert found['curves'] == {}
    assert 'cannot be told' in found['reason']


def test_a_model_that_knows_little():
    errors = table()
    errors['force']['reference_rms'] = 150.0
    found = judge_committee(errors, ends())
    assert found['converged'] is False
    assert 'The force error is 67 % of the forces themselves (100 of 150 meV/Å)' in found['warnings'][0]

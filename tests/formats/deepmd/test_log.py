"""What DeePMD-kit really wrote, and what is read in it, cut at any byte."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiida_glassion.formats.deepmd.log import read_log, reason_of

LOGS = Path(__file__).parents[2] / 'fixtures' / 'deepmd' / 'logs'


def text(name):
    return (LOGS / f'{name}.log').read_text()


def test_a_whole_training():
    log = read_log(text('whole'))
    assert (log.version, log.backend, log.last_step, log.finished) == ('3.2.0', 'TensorFlow', 200, True)
    assert log.seconds_per_batch == 0.0033
    assert log.seconds == pytest.approx(2.634)
    assert (log.error, log.out_of_memory, log.not_a_number, log.no_backend, log.warnings) == (None,) * 4 + ([],)


def test_one_that_was_taken_up():
    log = read_log(text('restarted'))
    assert (log.last_step, log.finished, log.error) == (200, True, None)


def test_speed_of_a_training_that_was_cut_comes_from_its_reports():
    cut = text('whole').split('average training time')[0]
    log = read_log(cut)
    assert log.finished is False
    assert log.seconds_per_batch == pytest.approx(0.0037, abs=5e-4)


@pytest.mark.parametrize(
    ('name', 'attribute', 'words'),
    [
        ('not_a_number', 'not_a_number', 'NaN detected at batch 20'),
        ('no_backend', 'no_backend', "No module named 'torch'"),
        ('out_of_memory', 'out_of_memory', 'MemoryError'),
        ('wrong_element', 'error', "ValueError: Elements ['X'] are not present in the provided `type_map`."),
        ('cut_array', 'error', 'ValueError: Failed to read all data for array. Expected (90, 72)'),
        ('freeze_failed', 'error', "AttributeError: 'NoneType' object has no attribute 'model_checkpoint_path'"),
    ],
)
def test_what_went_wrong_is_found(name, attribute, words):
    log = read_log(text(name))
    assert words in getattr(log, attribute)
    assert log.finished is False
    others = {'not_a_number', 'no_backend', 'out_of_memory'} - {attribute}
    assert {other: getattr(log, other) for other in others} == dict.fromkeys(others)
    assert log.bad_data is (name in ('wrong_element', 'cut_array'))


def test_memory_that_was_short_while_neighbours_were_counted_is_no_fault():
    text_ = 'W OOM when allocating tensor with shape\n' + text('whole')
    assert read_log(text_).out_of_memory is None
    assert read_log('ResourceExhaustedError: OOM when allocating tensor\n').out_of_memory is not None


def test_the_reason_is_no_noise_of_a_library():
    assert reason_of(read_log(text('freeze_failed')), text('freeze_failed')).startswith('AttributeError')
    noise = 'dp: cannot execute\nimplib-gen: libcudart.so.12: failed to load\n'
    assert reason_of(read_log(noise), noise) == 'dp: cannot execute'
    assert reason_of(read_log(''), '') == 'it left no word'


@given(st.sampled_from(['whole', 'restarted', 'not_a_number', 'cut_array']), st.integers(min_value=0, max_value=11000))
def test_a_cut_log_claims_nothing_that_the_whole_does_not(name, length):
    whole, cut = read_log(text(name)), read_log(text(name)[:length])
    assert not cut.finished or whole.finished
    assert (cut.last_step or 0) <= (whole.last_step or 0)
    assert cut.not_a_number in (None, whole.not_a_number) or whole.not_a_number.startswith(cut.not_a_number)

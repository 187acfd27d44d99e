"""Batches by the data, and a course of learning that ends where the protocol's ends."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiida_glassion.kernels.learning.training_length import (
    frames_per_batch,
    training_overrides,
    training_parameters,
)
from aiida_glassion.workchains import protocols

SETTINGS = {
    'passes': 100, 'frames_per_batch': None, 'fewest': 0.25, 'most': 1.0, 'warm_start': True, 'warm_length': 0.5,
    'warm_rate': 0.1,
}  # fmt: skip
PARAMETERS = protocols.load('train', 'fast')['parameters']


def test_batches_grow_with_the_data_between_two_bounds():
    def steps(n_frames, **more):
        return training_parameters(PARAMETERS, n_frames, {**SETTINGS, **more}, False, 24)['training']['numb_steps']

    assert frames_per_batch(PARAMETERS['training'], 24) == 2
    assert steps(200) == 10_000
    assert steps(1) == 5_000
    assert steps(10_000) == 20_000
    assert steps(10_000, most=4) == 80_000
    assert steps(200, passes=200) == 20_000
    assert steps(200, frames_per_batch=4) == 5_000


def test_the_course_of_the_rate_is_that_of_the_protocol():
    """As many falls of the rate as in the protocol, so that the last rate is stop_lr."""
    changes = training_parameters(PARAMETERS, 200, SETTINGS, False, 24)
    base = PARAMETERS['training']['numb_steps'] / PARAMETERS['learning_rate']['decay_steps']
    assert changes['training']['numb_steps'] / changes['learning_rate']['decay_steps'] == pytest.approx(base)
    assert changes['training']['numb_steps'] / changes['training']['disp_freq'] == 100
    assert changes['training']['save_freq'] == 500
    assert 'start_lr' not in changes['learning_rate']
    assert 'loss' not in changes


def test_a_warm_start_is_the_end_of_a_cold_one():
    cold = training_parameters(PARAMETERS, 200, SETTINGS, False, 24)
    warm = training_parameters(PARAMETERS, 200, SETTINGS, True, 24)
    assert warm['training']['numb_steps'] == cold['training']['numb_steps'] / 2
    assert warm['learning_rate']['start_lr'] == pytest.approx(1e-4)
    loss = PARAMETERS['loss']
    for letter, start in (('e', 0.902), ('f', 100.9), ('v', 0.902)):
        assert warm['loss'][f'start_pref_{letter}'] == pytest.approx(start)
        # at every rate below, the prefactor is that of the cold course at the same rate
        for rate in (1e-4, 3e-5, 1e-6):
            limit = loss[f'limit_pref_{letter}']
            of_cold = limit + (loss[f'start_pref_{letter}'] - limit) * rate / 1e-3
            of_warm = limit + (warm['loss'][f'start_pref_{letter}'] - limit) * rate / 1e-4
            assert of_warm == pytest.approx(of_cold)
    low = training_parameters(
        {**PARAMETERS, 'learning_rate': {'start_lr': 1e-3, 'stop_lr': 5e-4, 'type': 'exp'}}, 9, SETTINGS, True
    )
    assert low['learning_rate']['start_lr'] == 5e-4


def test_both_courses_are_overrides_of_a_protocol():
    changes = training_overrides(PARAMETERS, 200, SETTINGS, 24)
    settings = protocols.load('train', 'fast', changes)
    assert settings['parameters']['training']['numb_steps'] == 10_000
    assert settings['warm']['parameters']['training']['numb_steps'] == 5_000
    assert settings['parameters']['learning_rate']['start_lr'] == 1e-3
    assert settings['warm']['parameters']['learning_rate']['start_lr'] == pytest.approx(1e-4)


@pytest.mark.parametrize(
    ('size', 'n_atoms', 'wanted'),
    [(3, None, 3), ('auto', 24, 2), ('auto', 92, 1), ('auto:128', 24, 6), ('max:128', 24, 5), ('auto', None, 1),
     ([2, 4], None, 3), ('mixed:8', None, 1)],
)  # fmt: skip
def test_frames_of_a_batch(size, n_atoms, wanted):
    assert frames_per_batch({'training_data': {'batch_size': size}}, n_atoms) == wanted
    assert frames_per_batch({}, 24) == 2


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'passes': 0}, r'training\.passes: 0 given'),
        ({'warm_rate': 2.0}, r'training\.warm_rate: 2\.0 given, expected a positive number up to 1'),
        ({'fewest': 2.0}, r'training\.fewest: 2\.0 is more than training\.most, 1\.0'),
        ({'frames_per_batch': 0}, r'training\.frames_per_batch: 0 given'),
    ],
)
def test_settings_that_make_no_sense(changes, words):
    with pytest.raises(ValueError, match=words):
        training_parameters(PARAMETERS, 10, {**SETTINGS, **changes}, False)
    with pytest.raises(ValueError, match='n_frames'):
        training_parameters(PARAMETERS, 0, SETTINGS, False)


@given(st.sampled_from(['tiny', 'fast', 'moderate', 'napso']), st.integers(1, 10**6), st.booleans(), st.floats(1, 500))
def test_deepmd_takes_what_comes_out(protocol, n_frames, warm, n_atoms):
    parameters = copy.deepcopy(protocols.load('train', protocol)['parameters'])
    changes = training_parameters(parameters, n_frames, SETTINGS, warm, n_atoms)
    merged = protocols.merge(parameters, changes, 'parameters.')
    training, rate = merged['training'], merged['learning_rate']
    assert 1 <= training['disp_freq'] <= training['numb_steps'] <= parameters['training']['numb_steps']
    assert 1 <= training['save_freq'] <= training['numb_steps']
    assert 1 <= rate['decay_steps'] < training['numb_steps']
    assert rate['stop_lr'] <= rate['start_lr'] <= parameters['learning_rate']['start_lr']
    assert merged['model'] == parameters['model']

"""The protocols of the loop are whole, and inputs that make no sense are refused before anything is submitted."""

from __future__ import annotations

import pytest
from aiida import orm

from aiida_glassion.kernels.learning.convergence_settings import Convergence
from aiida_glassion.kernels.learning.levels import LevelSettings
from aiida_glassion.kernels.learning.selection_settings import SelectionSettings
from aiida_glassion.kernels.learning.settings import read_settings
from aiida_glassion.kernels.learning.training_length import training_parameters
from aiida_glassion.workchains import protocols
from aiida_glassion.workchains.active_learning_build import load_settings
from aiida_glassion.workchains.active_learning_inputs import blocks_of, explored_from, lies_within, name_of, seed_of

PROTOCOLS = list(protocols.available('active_learning'))


@pytest.mark.parametrize('protocol', PROTOCOLS)
def test_every_setting_of_a_protocol_is_known_and_written_out(protocol):
    settings = load_settings(protocol)
    assert set(settings['levels']) == set(LevelSettings.model_fields)
    assert set(settings['selection']) == set(SelectionSettings.model_fields)
    assert set(settings['convergence']) == set(Convergence.model_fields)
    read_settings(LevelSettings, settings['levels'], 'levels')
    read_settings(SelectionSettings, settings['selection'], 'selection')
    assert settings['stages']
    assert settings['gate']['parameters']['protocol'] == settings['gate']['protocol']
    parameters = protocols.load('train', settings['train_protocol'])['parameters']
    for part in ('training', 'final'):
        changes = training_parameters(parameters, 500, settings[part], warm=False, n_atoms=100.0)
        protocols.merge(parameters, changes, 'parameters.')


def test_defaults_of_the_yaml_are_those_of_the_classes():
    settings = load_settings('moderate')
    for name, fields in (('levels', LevelSettings), ('selection', SelectionSettings), ('convergence', Convergence)):
        for key, value in settings[name].items():
            assert value == fields.model_fields[key].default, f'{name}.{key}'


def test_packed_boxes_are_no_start_where_a_dynamics_followed(aiida_profile):
    initial = {'mixtures': orm.Dict({'melt': {}, 'other': {}})}
    assert explored_from(['melt', 'melt_dynamics', 'other', 'quartz', 'quartz_dynamics'], initial) == [
        'melt_dynamics', 'other', 'quartz', 'quartz_dynamics',
    ]  # fmt: skip
    assert explored_from(['quartz'], {}) == ['quartz']


def test_seeds_are_their_own_for_every_part_and_iteration():
    seeds = [seed_of(3, number, part) for number in range(30) for part in ('train', 'select', 'split_melt', 'levels')]
    assert len(set(seeds)) == len(seeds)
    assert all(1 <= seed < 2**31 for seed in seeds)
    assert seed_of(3, 2, 'train') == seeds[8]
    assert seed_of(4, 2, 'train') != seeds[8]
    assert name_of(7) == 'iteration_07'


def test_blocks_of_iterations_are_few_and_made_of_those_before():
    assert blocks_of(9) == []
    assert blocks_of(19) == [(1, 10)]
    assert blocks_of(79) == [(1, 40), (41, 60), (61, 70)]
    assert blocks_of(100) == [(1, 80), (81, 100)]
    for done in range(1, 1000):
        blocks = blocks_of(done)
        covered = [number for first, last in blocks for number in range(first, last + 1)]
        assert covered == list(range(1, 10 * (done // 10) + 1))
        assert len(blocks) <= 7
        for first, last in blocks_of(done - 1):
            assert any(first >= begin and last <= end for begin, end in blocks)


def test_a_set_lies_within_a_block_by_its_name():
    assert lies_within('iteration_07', 1, 10)
    assert lies_within('iteration_100', 81, 100)
    assert lies_within('iterations_11_20', 1, 20)
    assert not lies_within('iterations_11_20', 1, 10)
    assert not lies_within('iteration_11', 1, 10)
    assert not any(lies_within(name, 1, 1000) for name in ('melt', 'kept_07_123', 'initial', 'iteration_07_select'))

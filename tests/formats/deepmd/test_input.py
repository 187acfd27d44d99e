"""The input of DeePMD-kit: what is set in it, what is refused, and deepmd's own words."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

from aiida_glassion.formats.deepmd.backend import BACKENDS, backend_named, backend_of_model
from aiida_glassion.formats.deepmd.input import (
    check_parameters,
    cutoff_of,
    derive_seeds,
    normalise,
    wants_label,
    write_input,
)
from aiida_glassion.formats.deepmd.script import read_training_script, sel_of_model
from aiida_glassion.workchains import protocols

FIXTURES = Path(__file__).parents[2] / 'fixtures' / 'deepmd'
WRITTEN = {'type_map': ['O', 'Si'], 'seed': 5, 'training': ['data/a/O2Si'], 'validation': ['validation/b/O2Si']}


def parameters(protocol='tiny'):
    return protocols.load('train', protocol)['parameters']


@pytest.mark.parametrize('protocol', protocols.available('train'))
def test_every_protocol_passes_deepmds_own_check(protocol):
    checked = normalise(write_input(parameters(protocol), **WRITTEN))
    assert checked['training']['numb_steps'] >= 100
    assert wants_label(checked, 'virials') == 1


def test_napso_is_that_of_the_paper():
    content = parameters('napso')
    descriptor = content['model']['descriptor']
    assert (descriptor['type'], descriptor['rcut'], descriptor['rcut_smth']) == ('se_e2_a', 6.0, 2.0)
    assert (descriptor['neuron'], content['model']['fitting_net']['neuron']) == ([25, 50, 100], [240, 240, 240])
    loss = [content['loss'][f'{end}_pref_{label}'] for label in 'efv' for end in ('start', 'limit')]
    assert loss == [0.02, 1, 1000, 1, 0.02, 1]
    rate = content['learning_rate']
    assert (rate['start_lr'], rate['stop_lr'], content['training']['numb_steps']) == (1e-3, 3.51e-8, 500000)


def test_paths_type_map_and_seeds_are_set():
    given = parameters()
    before = copy.deepcopy(given)
    content = write_input(given, **WRITTEN)
    assert given == before
    assert content['model']['type_map'] == ['O', 'Si']
    assert content['training']['training_data'] == {'batch_size': 2, 'systems': ['data/a/O2Si']}
    assert content['training']['validation_data'] == {'systems': ['validation/b/O2Si']}
    seeds = [
        content['training']['seed'],
        content['model']['descriptor']['seed'],
        content['model']['fitting_net']['seed'],
    ]
    assert seeds == derive_seeds(5, 3)
    assert len(set(seeds)) == 3
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert 'validation_data' not in write_input(given, **{**WRITTEN, 'validation': []})['training']


def test_every_part_of_a_hybrid_descriptor_gets_a_seed():
    given = parameters()
    part = given['model']['descriptor']
    given['model']['descriptor'] = {'type': 'hybrid', 'list': [part, {**part, 'rcut': 3.0}]}
    content = write_input(given, **WRITTEN)
    first, second = content['model']['descriptor']['list']
    assert first['seed'] != second['seed']
    assert cutoff_of(content) == 4.0


@pytest.mark.parametrize(
    ('path', 'value', 'words'),
    [
        ('model.type_map', ['O'], "model.type_map is set by the input 'type_map'; leave it out"),
        ('model.descriptor.seed', 1, "model.descriptor.seed is set by the input 'seed'"),
        ('model.fitting_net.seed', 1, "model.fitting_net.seed is set by the input 'seed'"),
        ('training.seed', 1, "training.seed is set by the input 'seed'"),
        ('training.training_data.systems', ['x'], "training.training_data.systems is set by the input 'training'"),
        ('training.disp_file', 'x', 'training.disp_file is set by the plugin'),
        ('model.model_dict', {}, 'multi-task training is not supported'),
    ],
)
def test_what_the_plugin_sets_is_refused(path, value, words):
    content = parameters()
    *folders, key = path.split('.')
    part = content
    for name in folders:
        part = part[name]
    part[key] = value
    with pytest.raises(ValueError, match=words):
        check_parameters(content)


@pytest.mark.parametrize(
    ('path', 'value', 'words'),
    [
        (
            'model.descriptor.rcut_smoth',
            1.0,
            r'\[at location `model/descriptor`\] undefined key `rcut_smoth` is not allowed .* Did you mean: rcut_smth',
        ),
        ('training.numb_step', 5, 'undefined key `numb_step` .* Did you mean: numb_steps'),
        ('modle', {}, 'undefined key `modle` .* Did you mean: model'),
        ('model.descriptor.type', 'se_e2_b', 'get invalid choice `se_e2_b` .*Did you mean: se_e2_'),
        ('model.descriptor.rcut', '6', 'requires <float> but str'),
        ('training.numb_steps', 0, 'numb_steps = 0; expected a number of steps, 1 or more'),
        ('model.descriptor', None, 'no descriptor is given'),
    ],
)
def test_deepmds_own_words(path, value, words):
    content = write_input(parameters(), **WRITTEN)
    *folders, key = path.split('.')
    part = content
    for name in folders:
        part = part[name]
    part[key] = value
    with pytest.raises(ValueError, match=words):
        normalise(content)


def test_backends():
    assert {name: (b.flag, b.suffix, b.checkpoint) for name, b in BACKENDS.items()} == {
        'tensorflow': ('--tf', '.pb', 'model.ckpt'),
        'pytorch': ('--pt', '.pth', 'model.ckpt.pt'),
    }
    assert backend_of_model('graph.pth').name == 'pytorch'
    with pytest.raises(ValueError, match=r'jax.*one rank only; expected tensorflow or pytorch'):
        backend_named('jax')
    with pytest.raises(ValueError, match="'tensorfow' is not supported; expected"):
        backend_named('tensorfow')
    with pytest.raises(ValueError, match='no supported backend'):
        backend_of_model('graph.hlo')


def test_a_model_brings_its_own_sel():
    model = (FIXTURES / 'silica_1.pb').read_bytes()
    assert read_training_script(model)['model']['type_map'] == ['O', 'Si']
    assert sel_of_model(model) == [40, 24]
    assert sel_of_model(b'PK') is None
    assert sel_of_model(model[:500]) is None
    given = parameters()
    assert write_input(given, **WRITTEN, sel=[40, 24])['model']['descriptor']['sel'] == [40, 24]
    given['model']['descriptor']['sel'] = [30, 30]
    assert write_input(given, **WRITTEN, sel=[40, 24])['model']['descriptor']['sel'] == [30, 30]

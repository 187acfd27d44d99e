"""What diffusion sweeps refuse before anything is submitted, what their protocols hold, what their runs are asked."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from aiida import orm
from ase.build import bulk
from ase.io import read

from aiida_glassion.data.frames import FramesData
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.kernels.transport.sweep_plan import read_settings
from aiida_glassion.workchains import protocols
from aiida_glassion.workchains.diffusion_inputs import analyses_of, check_settings
from aiida_glassion.workchains.diffusion_point import DiffusionPointWorkChain
from aiida_glassion.workchains.diffusion_sweep import DiffusionSweepWorkChain

MELT = Path(__file__).parent.parent / 'fixtures' / 'silicate' / 'melt.extxyz'


def make(code, temperatures=None, **choices):
    return DiffusionSweepWorkChain.get_builder_from_protocol(
        code,
        PotentialData.from_library('pmmcs', elements=['Na', 'O', 'Si'], coulomb='dsf'),
        {'melt': FramesData.from_ase(read(MELT))},
        temperatures,
        **choices,
    )


@pytest.fixture
def builder(aiida_profile_clean, fake_lmp_code):
    """A sweep with everything right."""
    return make(fake_lmp_code, [900, 1000], protocol='fast', options={'max_wallclock_seconds': 600})


def plain(inputs):
    """A copy, since ports fill in defaults where they are given a dictionary."""
    return {key: plain(value) if isinstance(value, dict) else value for key, value in inputs.items()}


def problem(builder, process=DiffusionSweepWorkChain, **changes):
    """What is wrong with these inputs, in the words of the ports."""
    inputs = plain({**(builder if isinstance(builder, dict) else builder._inputs(prune=True)), **changes})
    ports = process.spec().inputs
    found = ports.validate(ports.pre_process(inputs))
    return None if found is None else found.message


def test_what_is_right_passes(builder, fake_lmp_code):
    assert problem(builder) is None
    assert builder.temperatures.get_list() == [900, 1000]
    assert builder.settings['replicas'] == 1
    assert builder.md.md.metadata.options['max_wallclock_seconds'] == 600
    assert 'analysis' not in builder._inputs(prune=True)
    assert make(fake_lmp_code, protocol='napso').temperatures.get_list() == [333, 363, 393, 423, 473]


@pytest.mark.parametrize('name', sorted(protocols.available('diffusion_sweep')))
def test_protocols_are_complete(name):
    settings = protocols.load('diffusion_sweep', name)
    assert check_settings(orm.Dict(settings), None) is None
    found = read_settings(settings)
    for temperature in found.temperatures:
        assert found.budget_at(temperature) >= found.segment


def test_the_published_protocol():
    found = read_settings(protocols.load('diffusion_sweep', 'napso'))
    assert {T: found.budget_at(T) for T in found.temperatures} == {
        333: 50000, 363: 50000, 393: 20000, 423: 20000, 473: 20000,
    }  # fmt: skip
    schedule = yaml.safe_dump(found.production(423, 5000).model_dump(exclude_none=True, exclude_defaults=True))
    assert 'ensemble: npt' in schedule
    assert 'pressure: 0.0001' in schedule
    assert (found.method, found.needs_mean_cell) == ('window', False)


@pytest.mark.parametrize(
    ('temperatures', 'words'),
    [
        ([900], 'temperatures: only 900 K given'),
        ([900, 900], 'temperatures: 900 K is given twice'),
        ([], 'temperatures: none given'),
        ([0, 900], 'temperatures: 0 given'),
    ],
)
def test_temperatures(builder, temperatures, words):
    assert words in problem(builder, temperatures=orm.List(temperatures))


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'budget': 1.0}, 'settings.budget: 1 ps is shorter than the first segment'),
        ({'ions': ['Li']}, 'settings.ions: there is no Li in the glasses'),
        ({'reference': ['Al']}, 'settings.reference: there is no Al'),
        ({'charges': {'Na': 0.6, 'Si': 2.4, 'O': -1.0}}, 'settings.charges: '),
        ({'charges': {'Na': 0.6, 'Si': 2.4, 'O': -1.0}}, 'expected zero'),
        ({'analyses': {'dynamiks': {}}}, "settings.analyses: there is no 'dynamiks'; did you mean dynamics"),
        ({'analyses': {'dynamics': {'distance': -1}}}, 'dynamics.distance'),
        ({'budget': [{'above': 950, 'budget': 100}]}, 'settings.budget: none for 900 K'),
        ({'replicas': 0}, 'settings.replicas'),
    ],
)
def test_settings(builder, changes, words):
    settings = orm.Dict({**builder.settings.get_dict(), **changes})
    assert words in problem(builder, settings=settings)


def test_glasses(builder):
    good = builder.glasses['melt']
    slab = read(MELT)
    slab.pbc = (True, True, False)
    builder.glasses = {'good': good, 'slab': FramesData.from_ase(slab)}
    assert problem(builder).startswith('glasses.slab: periodic in (True, True, False)')
    builder.glasses = {'good': good, 'salt': FramesData.from_ase(bulk('NaCl', 'rocksalt', a=5.64, cubic=True))}
    assert 'md.md.potential: ' in problem(builder)
    builder.glasses = {'silica': FramesData.from_ase(bulk('Si', 'diamond', a=5.4))}
    assert 'settings.ions: none of Si is a network modifier' in problem(builder)
    builder.glasses = {}
    assert 'glasses: none given' in problem(builder)


def test_numbers(builder):
    assert problem(builder, max_concurrent=orm.Int(0)).startswith('max_concurrent: 0 given')
    assert problem(builder, tolerated_failures=orm.Float(1.5)).startswith('tolerated_failures: 1.5 given')
    assert 'seed: 0 given, expected 1 to' in problem(builder, seed=orm.Int(0))


def test_analyses_are_where_the_frames_are(builder, python_code, fake_lmp_code):
    builder.analysis.code = python_code
    assert problem(builder) == (
        f'analysis.code: is on {python_code.computer.label}, LAMMPS on {fake_lmp_code.computer.label}; '
        'frames are analysed where they lie'
    )


def test_one_run(builder):
    point = {key: value for key, value in builder._inputs(prune=True).items() if key in ('settings', 'md')}
    point |= {'configuration': builder.glasses['melt'], 'temperature': orm.Float(900.0), 'seed': orm.Int(3)}
    assert problem(point, DiffusionPointWorkChain) is None
    assert 'temperature: -4 K given' in problem(point, DiffusionPointWorkChain, temperature=orm.Float(-4.0))
    li = orm.Dict({**builder.settings.get_dict(), 'ions': ['Li']})
    assert 'settings.ions: there is no Li' in problem(point, DiffusionPointWorkChain, settings=li)


def test_overrides():
    found = protocols.load(
        'diffusion_sweep', 'fast', {'analyses': {'channels': None, 'dynamics': {'distance': 1.5}, 'voids': {}}}
    )
    assert found['analyses'] == {'dynamics': {'distance': 1.5}, 'channels': None, 'flexibility': {}, 'voids': {}}
    with pytest.raises(ValueError, match='segmnt is not a setting; did you mean'):
        protocols.load('diffusion_sweep', 'fast', {'segmnt': 4})


def test_what_is_asked_of_a_run():
    settings = read_settings(
        protocols.load(
            'diffusion_sweep',
            'fast',
            {'reference': ['Si', 'P'], 'analyses': {'channels': None, 'dynamics': {'ions': ['O']}, 'rdf': {}}},
        )
    )
    progress = analyses_of(settings, ['Na', 'O', 'Si'], 900.0, everything=False)['analyses']
    assert list(progress) == ['diffusion']
    assert progress['diffusion']['temperature'] == 900.0
    assert progress['diffusion']['ions'] == ['Na']
    assert progress['diffusion']['reference'] == ['Si']
    whole = analyses_of(settings, ['Na', 'O', 'Si'], 900.0, everything=True)['analyses']
    assert sorted(whole) == ['diffusion', 'dynamics', 'flexibility', 'rdf']
    assert whole['diffusion'] == progress['diffusion']
    assert whole['dynamics']['ions'] == ['O'], 'the more special setting'
    assert whole['flexibility']['ions'] == ['Na']
    assert {whole[kind]['unwrap'] for kind in ('diffusion', 'dynamics', 'flexibility')} == {'minimum_image'}
    assert 'unwrap' not in whole['rdf']

"""What a LabelWorkChain refuses before anything is submitted."""

from __future__ import annotations

import pytest
from aiida import orm
from ase import Atoms
from ase.build import bulk

from aiida_glassion.data.frames import FramesData
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.workchains.label import LabelWorkChain


@pytest.fixture
def builder(aiida_profile_clean, lmp_code):
    """A labelling of MgO by PMMCS with everything right."""
    return LabelWorkChain.get_builder_from_protocol(
        'lammps',
        lmp_code,
        {'oxide': FramesData.from_ase(bulk('MgO', 'rocksalt', 4.2))},
        potential=PotentialData.from_library('pmmcs'),
        options={'max_wallclock_seconds': 600},
    )


def problem(builder):
    ports = LabelWorkChain.spec().inputs
    found = ports.validate(ports.pre_process(builder._inputs(prune=True)))
    return None if found is None else found.message


def test_what_is_right_passes(builder):
    assert problem(builder) is None
    assert builder.lammps.metadata.options['max_wallclock_seconds'] == 600
    assert builder.settings['gate']['labels'] == ['energies', 'forces', 'virials']


def test_what_is_wrong_is_named(builder, python_code):
    settings, frames = builder.settings.get_dict(), builder.frames

    builder.ase.code = python_code
    assert 'not ase and lammps' in problem(builder)
    del builder.ase['code']
    builder.tolerated_failures = orm.Float(1.5)
    assert problem(builder) == 'tolerated_failures: 1.5 given, expected a fraction, 0 to 1'
    builder.tolerated_failures = orm.Float(0.5)
    builder.max_concurrent = orm.Int(0)
    assert problem(builder) == 'max_concurrent: 0 given, expected at least 1'
    builder.max_concurrent = orm.Int(2)
    builder.settings = orm.Dict(settings | {'gate': settings['gate'] | {'max_force': 0}})
    assert problem(builder) == 'gate.max_force: 0 given, expected a positive number'
    builder.settings = orm.Dict({'frames_per_job': 3})
    assert "'gate' is missing" in problem(builder)
    builder.settings = orm.Dict(settings | {'frames_per_job': -3})
    assert problem(builder) == 'settings.frames_per_job: -3 given, expected at least 1'
    builder.settings = orm.Dict(settings)

    wrong = {
        'GaAs': (bulk('GaAs', 'zincblende', 5.6), 'frames.oxide: potential pmmcs has no parameters for As, Ga'),
        'slab': (Atoms('MgO', [[0, 0, 0], [0, 0, 2]], cell=[4, 4, 9], pbc=[1, 1, 0]), 'frames.oxide: periodic in'),
        'charged': (Atoms('MgO2', [[0, 0, 0], [0, 0, 2], [2, 0, 0]], cell=[4, 4, 4], pbc=True), 'add up to -1.2 e'),
    }
    for atoms, words in wrong.values():
        builder.frames = {'oxide': FramesData.from_ase(atoms)}
        assert words in problem(builder)
    builder.frames = frames
    assert problem(builder) is None


@pytest.mark.parametrize(
    ('engine', 'options', 'message'),
    [
        ('lamps', {}, "no label engine 'lamps'; did you mean 'lammps'"),
        ('lammps', {}, 'potential: None given'),
        ('lammps', {'potential': 'pmmcs'}, "potential: 'pmmcs' given"),
        ('ase', {}, 'a module and a class in it'),
        ('ase', {'overrides': {'path': 'a:B'}, 'model': 1}, 'model: the engine ase knows only files and options'),
        ('ase', {'overrides': {'pth': 'a:B'}}, "did you mean 'path'"),
        ('ase', {'overrides': {'path': 'a:B'}, 'settings': {'gate': {'max_forces': 1}}}, 'gate.max_forces is not'),
        ('ase', {'overrides': {'path': 'a:B'}, 'gate': 'moderat'}, "did you mean 'moderate'"),
    ],
)
def test_a_builder_says_what_is_missing_or_unknown(aiida_profile_clean, python_code, engine, options, message):
    with pytest.raises(ValueError, match=message):
        LabelWorkChain.get_builder_from_protocol(engine, python_code, FramesData.from_ase(bulk('Cu')), **options)

"""What an ExploreWorkChain refuses before anything is submitted, and what its protocols hold."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from aiida import orm
from ase.build import bulk

from aiida_glassion.data.frames import FramesData
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.formats.deepmd.systems import read_system
from aiida_glassion.kernels.build.curriculum import Stage, expand, read_curriculum
from aiida_glassion.kernels.build.programs import KINDS
from aiida_glassion.workchains import protocols
from aiida_glassion.workchains.explore import ExploreWorkChain
from aiida_glassion.workchains.explore_inputs import load_curriculum, load_settings
from aiida_glassion.workchains.explore_record import record_of
from aiida_glassion.workchains.md import MdWorkChain

FIXTURES = Path(__file__).parent.parent / 'fixtures' / 'deepmd'
LEVELS = {'lower': 0.05, 'upper': 0.15}
HOLD = {'kind': 'hold', 'temperatures': [300], 'duration': 1}


@pytest.fixture
def builder(aiida_profile_clean, fake_lmp_code):
    """An exploration of molten silica with everything right."""
    melt = next(iter(read_system(FIXTURES / 'silica' / 'O16Si8')))
    return ExploreWorkChain.get_builder_from_protocol(
        fake_lmp_code,
        {'melt': FramesData.from_frames(melt[:5])},
        {f'seed_{i}': PotentialData.from_deepmd(FIXTURES / f'silica_{i}.pb') for i in (1, 2)},
        'melt',
        LEVELS,
        'fast',
        options={'max_wallclock_seconds': 600},
    )


def problem(builder):
    ports = ExploreWorkChain.spec().inputs
    found = ports.validate(ports.pre_process(builder._inputs(prune=True)))
    return None if found is None else found.message


def stage(**changes):
    return orm.Dict({'name': 'try', 'programs': [HOLD], **changes})


def test_what_is_right_passes(builder):
    assert problem(builder) is None
    assert builder.stage['name'] == 'melt'
    assert builder.stage['max_runs'] == 6
    assert builder.settings.get_dict() == load_settings('fast')
    assert list(builder.committee) == ['seed_2']
    assert builder.md.md.metadata.options['max_wallclock_seconds'] == 600


def test_atoms_that_the_committee_does_not_cover(builder):
    melt = builder.configurations['melt']
    salt = FramesData.from_ase(bulk('NaCl', 'rocksalt', a=5.64))
    builder.configurations = {'melt': melt, 'salt': salt}
    said = problem(builder)
    assert said.startswith('configurations.salt: potential: ')
    assert 'Cl, Na' in said
    builder.stage = stage(starts=['melt'])
    assert problem(builder) is None, 'a set that the stage does not take does no harm'
    builder.stage = stage(starts=['crystal_*'])
    assert 'fits none of the sets (melt, salt)' in problem(builder)
    slab = bulk('Si', 'diamond', a=5.4)
    slab.pbc = (True, True, False)
    builder.configurations = {'slab': FramesData.from_ase(slab)}
    builder.stage = stage()
    assert problem(builder).startswith('configurations.slab: periodic in (True, True, False)')


def test_a_committee_that_is_none(builder):
    other = builder.committee['seed_2']
    builder.committee = {'twin': builder.potential}
    assert problem(builder) == 'committee.twin: the same model as potential, with which it can only agree'
    builder.committee = {}
    assert 'committee: none given' in problem(builder)
    builder.committee = {'other': other}
    builder.potential = PotentialData.from_library('pmmcs', elements=['O', 'Si'], coulomb='dsf')
    assert 'a committee needs DeePMD models' in problem(builder)


WRONG = [
    ('stage', lambda: stage(programs=[{**HOLD, 'duratin': 1}]), ('stage: programs.0.duratin', "mean 'duration'")),
    ('levels', lambda: orm.Dict({'lower': 0.2, 'upper': 0.1}), ('levels: lower 0.2', 'not below upper 0.1')),
    ('levels', lambda: orm.Dict({'lower': 0.2}), ('levels: upper = None', 'eV/Å')),
    ('settings', lambda: orm.Dict({**load_settings(), 'stop_after': 0}), ('settings.stop_after: 0', 'at least 1')),
    ('settings', lambda: orm.Dict({**load_settings(), 'stop_factor': 0.5}), ('stop_factor: 0.5', 'at least 1')),
    ('settings', lambda: orm.Dict({'stop_afer': 3}), ('settings: stop_afer', "did you mean 'stop_after'")),
    ('settings', lambda: orm.Dict({'stop_after': 3}), ('settings', 'is missing')),
    ('round', lambda: orm.Int(-1), ('round: -1',)),
    ('seed', lambda: orm.Int(-1), ('seed: -1',)),
    ('max_concurrent', lambda: orm.Int(0), ('max_concurrent: 0 given, expected 1',)),
    ('tolerated_failures', lambda: orm.Float(2), ('tolerated_failures: 2.0', '0 to 1')),
]


def test_what_is_wrong_is_named(builder):
    right = dict(builder)
    for port, value, words in WRONG:
        try:
            builder[port] = value()
            said = problem(builder)
        except ValueError as error:
            said = str(error)
        assert [word for word in words if word not in said] == [], said
        builder[port] = right[port]
    assert problem(builder) is None


def test_what_every_run_needs(builder):
    builder.md.md.retrieve = orm.Dict({'trajectory': False})
    assert 'md.md.retrieve: trajectory = False' in problem(builder)
    del builder.md.md['retrieve']
    del builder.md.md['code']
    assert problem(builder).startswith('code: missing, expected LAMMPS')


def test_a_stage_that_is_not_in_the_curriculum(aiida_profile_clean, fake_lmp_code):
    with pytest.raises(ValueError, match="stage 'metl' is not in the curriculum; did you mean 'melt'"):
        ExploreWorkChain.get_builder_from_protocol(fake_lmp_code, {}, {}, 'metl', LEVELS, 'fast')


@pytest.mark.parametrize('protocol', protocols.available('explore'))
def test_curricula_of_the_protocols(protocol):
    stages = read_curriculum(load_curriculum(protocol))
    for one in stages:
        runs = expand(one, {'quartz': 3}, 1, 1)
        assert len(runs) <= (one.max_runs or len(runs))
    assert stages[-1].gate, 'the last stage judges glasses'


def test_the_curriculum_of_the_paper():
    """10 to 2000 K, 20 ps; 0 to 5 GPa at 10 to 500 K; isotropic, uniaxial and shear strain of 50 %."""
    pressure, heat, deform = read_curriculum(load_curriculum('napso'))
    runs = {one.name: expand(one, {'crystal': 1}, 1, 1) for one in (pressure, heat, deform)}
    assert all(run.schedule.duration == 20 for of_stage in runs.values() for run in of_stage)
    assert {run.pressure for run in runs['pressure']} == {0, 1, 2, 3, 4, 5}
    assert {run.temperature for run in runs['pressure']} == {10, 100, 300, 500}
    assert {run.temperature for run in runs['deform']} == {10, 300, 1000, 2000}
    strained = {(run.schedule.stages[0].mode, run.schedule.stages[0].strain) for run in runs['deform']}
    assert {mode for mode, strain in strained if strain == 0.5} == {'x', 'y', 'z', 'xy', 'xz', 'yz'}
    ((_, isotropic),) = (found for found in strained if found[0] == 'volume')
    assert (1 + isotropic) ** 3 == pytest.approx(1.5, abs=0.005)
    assert all(run.schedule.stages[0].ensemble == 'nvt' for run in (*runs['deform'], *runs['heat']))
    assert deform.candidate_fraction == 0.01


def test_overrides_of_a_curriculum():
    own = {'stage_defaults': {'every': 0.05}, 'stages': [{'name': 'one', 'programs': [HOLD], 'seeds': 3}]}
    (one,) = load_curriculum('fast', own)
    assert (one['every'], one['max_runs'], one['seeds'], one['gate']) == (0.05, 6, 3, False)
    with pytest.raises(ValueError, match=r"stage_defaults.evry is not a setting; did you mean 'every'"):
        load_curriculum('fast', {'stage_defaults': {'evry': 1}})
    with pytest.raises(ValueError, match='expected a list of stages'):
        load_curriculum('fast', {'stages': ['melt']})
    with pytest.raises(ValueError, match="protocol 'fst' is not known; did you mean 'fast'"):
        load_curriculum('fst')


def test_the_curriculum_of_the_documentation():
    text = (FIXTURES.parents[2] / 'docs' / 'howto' / 'explore.md').read_text(encoding='utf-8')
    (shown,) = (block.split('```')[0] for block in text.split('```yaml\n')[1:])
    assert len(read_curriculum(yaml.safe_load(shown)['stages'])) == 3
    fields = set(Stage.model_fields).union(*(kind.model_fields for kind in KINDS)) - {'kind'}
    kinds = {kind.model_fields['kind'].default for kind in KINDS}
    assert [name for name in sorted(fields | kinds | set(load_settings())) if f'`{name}`' not in text] == []


def ended(status, pieces=(), exception=None, **outputs):
    """A stand-in for the node of a run, with the exit status of each of its jobs."""
    jobs = []
    for piece in pieces:
        job = orm.CalcJobNode()
        job.set_exit_status(piece)
        jobs.append(job)
    message = f'ended with {status}' if status else ''
    return SimpleNamespace(
        pk=1,
        is_finished=status is not None,
        is_finished_ok=status == 0,
        exit_status=status,
        exit_message=message,
        exception=exception,
        process_state=SimpleNamespace(value='killed'),
        called=jobs,
        outputs=SimpleNamespace(**outputs) if outputs else {},
    )


@pytest.mark.parametrize(
    ('status', 'pieces', 'state', 'softer'),
    [
        (0, [0], 'finished', 0),
        (0, [303, 0], 'finished', 0),
        (0, [320, 321, 0], 'finished', 2),
        (413, [413], 'left_trusted_region', 0),
        (413, [322, 413], 'left_trusted_region', 1),
        (411, [322, 320, 321], 'exploded', 2),
        (411, [322], 'exploded', 0),
        (410, [304, 304, 304], 'failed', 0),
        (412, [310], 'failed', 0),
    ],
)
def test_how_a_run_ended(aiida_profile, status, pieces, state, softer):
    (run,) = expand(read_curriculum([{'name': 'a', 'programs': [HOLD]}])[0], {'melt': 1}, 1, 1)
    record = record_of(run, ended(status, pieces))
    assert (record['state'], record['softer'], record['exit_status']) == (state, softer, status)
    assert bool(record['reason']) == bool(status)
    assert (record['n_frames'], record['wanted_ps'], record['reached_ps']) == (0, 1.0, 0.0)
    assert record_of(run, None)['state'] == 'failed'


def test_runs_that_were_killed_or_broke(aiida_profile):
    (run,) = expand(read_curriculum([{'name': 'a', 'programs': [HOLD]}])[0], {'melt': 1}, 1, 1)
    killed = record_of(run, ended(None))
    assert (killed['state'], killed['reason']) == ('failed', 'the process was killed')
    broken = record_of(run, ended(None, exception='Traceback …\nValueError: of some kind\n'))
    assert (broken['state'], broken['reason']) == ('failed', 'ValueError: of some kind')
    assert MdWorkChain.exit_codes.ERROR_LEFT_TRUSTED_REGION.status == 413

"""What MD with a committee writes, and what it refuses before anything is submitted."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from aiida import orm
from aiida.common.folders import SandboxFolder
from aiida.engine.utils import instantiate_process
from aiida.manage import get_manager
from aiida.plugins import CalculationFactory, WorkflowFactory

from aiida_glassion.data.frames import FramesData
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.formats.deepmd.systems import find_systems, read_system

pytestmark = pytest.mark.usefixtures('aiida_profile_clean')

FIXTURES = Path(__file__).parents[1] / 'fixtures' / 'deepmd'
HOLD = {'kind': 'hold', 'temperature': 300, 'duration': 1.0}


def model(name, **changes):
    return PotentialData.from_deepmd(FIXTURES / f'{name}.pb', **changes)


@pytest.fixture
def builder(aiida_code_installed, aiida_computer_local):
    builder = CalculationFactory('glassion.md').get_builder()
    builder.code = aiida_code_installed(
        default_calc_job_plugin='glassion.md',
        computer=aiida_computer_local(label='localhost-committee'),
        filepath_executable='/bin/true',
    )
    (system,) = find_systems(FIXTURES / 'silica')
    builder.configuration = FramesData.from_frames(next(iter(read_system(system)))[0])
    builder.potential = model('silica_1')
    builder.committee = {'second': model('silica_2')}
    builder.schedule = {'stages': [{'kind': 'minimise'}, HOLD], 'frames_every': 0.1}
    builder.seed = 1
    return builder


def make(builder, **changes):
    for name, value in changes.items():
        builder[name] = value
    return instantiate_process(get_manager().get_runner(), builder)


def written(process):
    with SandboxFolder() as folder:
        calcinfo = process.prepare_for_submission(folder)
        return calcinfo, {path.name: path.read_bytes() for path in Path(folder.abspath).iterdir()}


def test_what_is_written(builder):
    calcinfo, files = written(make(builder, deviation={'every': 0.02, 'stop_above': 0.35}))
    script = files['input.in'].decode()
    assert (
        'pair_style deepmd silica_1.pb committee_1.pb out_file model_devi.out out_freq 20\npair_coeff * * O Si\n'
        in script
    )
    assert 'reset_timestep 1000000000000\nthermo 10\nminimize' in script
    assert files['committee_1.pb'] == (FIXTURES / 'silica_2.pb').read_bytes()
    assert files['silica_1.pb'] == (FIXTURES / 'silica_1.pb').read_bytes()
    assert 'model_devi.out' in calcinfo.retrieve_temporary_list
    assert {'committee_1.pb', 'silica_1.pb'} <= set(calcinfo.provenance_exclude_list)


def test_records_come_with_the_frames_unless_told_otherwise(builder):
    assert 'out_freq 100\n' in written(make(builder))[1]['input.in'].decode()


def test_without_a_committee_nothing_is_different(builder):
    del builder['committee']
    calcinfo, files = written(make(builder))
    script = files['input.in'].decode()
    assert 'pair_style deepmd silica_1.pb\n' in script
    assert 'reset_timestep 1000000000000' not in script
    assert 'model_devi.out' not in calcinfo.retrieve_temporary_list


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'committee': {'b': 'silica_2', 'a': 'silica_si_o'}}, ['committee.a', 'type map Si O', 'potential has O Si']),
        ({'committee': {'twin': 'silica_1'}}, ['committee.twin', 'the same model as potential']),
        ({'committee': {'table': 'pmmcs'}}, ['committee.table', 'kind published', 'pair_style deepmd FILE']),
        ({'deviation': {'every': 0.03}}, ['deviation: every', '30 steps', 'stage 1', 'every 0.1 ps', 'whole multiple']),
        ({'deviation': {'every': 0.0105}}, ['deviation: every', 'not a whole number of timesteps of 1 fs']),
        ({'schedule': {'stages': [HOLD], 'frames_every': 0.0}}, ['deviation: every', 'stores no frames', 'in ps']),
        ({'deviation': {'evry': 0.1}}, ['deviation', "unknown key 'evry'", "'every'"]),
        ({'deviation': {'every': 0}}, ['deviation: every = 0', 'in ps above 0']),
        ({'deviation': {'stop_above': '0.3'}}, ['deviation: stop_above', 'eV/Å above 0']),
        ({'deviation': {'stop_after': 2.5}}, ['deviation: stop_after = 2.5', 'a whole number above 0']),
        ({'deviation': {'stop_after': True}}, ['deviation: stop_after = True']),
    ],
)  # fmt: skip
def test_refused(builder, changes, words):
    if 'committee' in changes:
        names = changes['committee'].items()
        library = {'pmmcs': PotentialData.from_library('pmmcs', elements=['O', 'Si'], coulomb='dsf')}
        changes = {'committee': {key: library.get(name) or model(name) for key, name in names}}
    with pytest.raises((ValueError, TypeError)) as caught:
        make(builder, **changes)
    missing = [word for word in words if not re.search(re.escape(word), str(caught.value))]
    assert not missing, f'{missing} not in: {caught.value}'
    assert orm.QueryBuilder().append(orm.ProcessNode).count() == 0


def test_settings_without_a_committee(builder):
    del builder['committee']
    with pytest.raises(ValueError, match='deviation: given without a committee'):
        make(builder, deviation={'every': 0.1})


def test_a_committee_around_a_published_table(builder):
    with pytest.raises(ValueError, match='potential: pmmcs is of kind published'):
        make(builder, potential=PotentialData.from_library('pmmcs', elements=['O', 'Si'], coulomb='dsf'))


def test_the_workchain_refuses_the_same(builder):
    outer = WorkflowFactory('glassion.md').get_builder()
    for name in ('code', 'configuration', 'potential', 'schedule', 'seed'):
        outer.md[name] = builder[name]
    outer.md.committee = {'second': model('silica_si_o')}
    with pytest.raises(ValueError, match=r'committee\.second: type map'):
        instantiate_process(get_manager().get_runner(), outer)

"""The structure gate: protocols, checks before submission, and members that fail, with a LAMMPS that is a script."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.plugins import WorkflowFactory

from aiida_glassion.data.frames import FramesData
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.formats.deepmd.systems import find_systems, read_system
from aiida_glassion.kernels.structure.agreement import LIMITS
from aiida_glassion.kernels.structure.artefacts import ARTEFACT_LIMITS
from aiida_glassion.kernels.structure.gate import ANALYSIS, FAIL_ON
from aiida_glassion.workchains import protocols
from aiida_glassion.workchains.structure_gate_inputs import check_settings, gate_schedule

FIXTURES = Path(__file__).parent.parent / 'fixtures' / 'deepmd'


def load(protocol=None, **overrides):
    return protocols.load('structure_gate', protocol, overrides)


@pytest.mark.parametrize('protocol', protocols.available('structure_gate'))
def test_every_protocol_makes_a_valid_schedule(protocol):
    settings = load(protocol)
    assert check_settings(orm.Dict(settings), None) is None
    plans = gate_schedule(settings).plan()
    assert [plan.frames for plan in plans[:-1]] == [0] * (len(plans) - 1)
    last = plans[-1]
    assert last.stage.name == 'sample'
    assert last.steps // last.frames == settings['frames']


def test_defaults_of_the_protocol_are_those_of_the_kernels():
    settings = load()
    assert settings['limits'] == LIMITS
    assert settings['artefacts'] == ARTEFACT_LIMITS
    assert tuple(settings['fail_on']) == FAIL_ON
    assert settings['analysis'] == ANALYSIS


def test_schedule_melts_quenches_relaxes_and_samples():
    stages = gate_schedule(load('fast', melt=2300, ensemble='npt', pressure=1.0)).stages
    assert [stage.name for stage in stages] == ['minimise', 'melt', 'quench', 'relax', 'sample']
    assert [getattr(stage, 'ensemble', None) for stage in stages] == [None, 'nvt', 'nvt', 'npt', 'npt']
    assert (stages[2].temperature, stages[2].temperature_end, stages[2].rate) == (2300, 300, 1000)
    assert stages[4].pressure == 1.0
    assert [stage.name for stage in gate_schedule(load(minimise=0, relax=0)).stages] == ['melt', 'quench', 'sample']


@pytest.mark.parametrize(
    ('overrides', 'words'),
    [
        ({'melt': 200}, 'settings.melt: 200 K given, expected more than room'),
        ({'rate': 0}, 'settings.rate: 0 given, expected a number above 0 (K/ps)'),
        ({'hold': '5 ps'}, "settings.hold: '5 ps' given"),
        ({'ensemble': 'nve'}, "settings.ensemble: 'nve' given, expected 'nvt' or 'npt'"),
        ({'frames': 0}, 'settings.frames: 0 given'),
        ({'limits': {'rdf_total': -1}}, 'settings.limits.rdf_total: -1 given'),
        ({'fail_on': ['edge_share']}, "settings.fail_on: 'edge_share' is no artefact; did you mean 'edge_sharing'?"),
        ({'analysis': {'cutoffs': {'P-S': 0}}}, 'settings.analysis.cutoffs.P-S: 0 given'),
    ],
)
def test_settings_are_checked(overrides, words):
    assert words in check_settings(orm.Dict(load(**overrides)), None)


def test_incomplete_settings_are_refused():
    assert "'rate' is missing" in check_settings(orm.Dict({k: v for k, v in load().items() if k != 'rate'}), None)
    with pytest.raises(ValueError, match='quench_rate'):
        load(quench_rate=3)


@pytest.fixture(scope='module')
def silica():
    (folder,) = find_systems(FIXTURES / 'silica')
    return next(iter(read_system(folder)))


@pytest.fixture
def gate(aiida_profile_clean, aiida_code_installed, localhost, tmp_path, silica):
    """Builder whose LAMMPS is a script that says why it does not start."""
    script = tmp_path / 'lmp_that_fails'
    lines = ['LAMMPS (29 Aug 2024)', 'ERROR: Cannot open the moon for reading (src/moon.cpp:7)']
    script.write_text('#!/bin/bash\n' + ''.join(f"echo '{line}' | tee -a log.lammps\n" for line in lines) + 'exit 1\n')
    script.chmod(0o755)
    code = aiida_code_installed(
        label='lmp-fails', default_calc_job_plugin='glassion.md', computer=localhost, filepath_executable=str(script)
    )
    potentials = {f'seed_{n}': PotentialData.from_deepmd(FIXTURES / f'silica_{n}.pb') for n in (1, 2)}

    def _gate(**changes):
        return WorkflowFactory('glassion.structure_gate').get_builder_from_protocol(
            changes.pop('code', code),
            changes.pop('configurations', {'melt': FramesData.from_frames(silica[0])}),
            changes.pop('potentials', potentials),
            'fast',
            **changes,
        )

    return _gate


def test_builder(gate, silica):
    reference = {'dft': FramesData.from_frames(silica[:2])}
    builder = gate(seed=5, max_concurrent=2, reference=reference, overrides={'melt': 2000, 'limits': {'qn': 0.2}})
    assert builder.settings['melt'] == 2000
    assert builder.settings['limits'] == LIMITS | {'qn': 0.2}
    assert (builder.seed.value, builder.max_concurrent.value) == (5, 2)
    assert set(builder.reference) == {'dft'}


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'potentials': {}}, 'potentials: 0 given, expected at least two'),
        ({'seed': -1}, 'seed: -1 given'),
        ({'max_concurrent': 0}, 'max_concurrent: 0 given'),
        ({'configurations': {}}, 'configurations: none given'),
    ],
)
def test_inputs_are_checked_before_anything_runs(gate, changes, words):
    with pytest.raises(ValueError, match=words):
        run_get_node(gate(**changes))


def test_a_missing_program_is_told(gate):
    builder = gate()
    del builder.md.md['code']
    with pytest.raises(ValueError, match='code: missing, expected LAMMPS'):
        run_get_node(builder)


def test_a_potential_that_does_not_know_an_element_is_refused(gate, silica):
    from ase import Atoms

    salt = FramesData.from_ase(Atoms('NaCl', positions=[[0, 0, 0], [2.8, 0, 0]], cell=[6, 6, 6], pbc=True))
    with pytest.raises(ValueError, match=r'configurations\.salt: potentials\.seed_1'):
        run_get_node(gate(configurations={'salt': salt}))


def test_two_glasses_of_one_name_are_refused(gate, silica):
    start = FramesData.from_frames(silica[0])
    one, two = (PotentialData.from_deepmd(FIXTURES / f'silica_{n}.pb') for n in (1, 2))
    with pytest.raises(ValueError, match='two glasses would be called a_b_c'):
        run_get_node(gate(configurations={'a_b': start, 'a': start}, potentials={'c': one, 'b_c': two}))


def test_nothing_made_ends_with_a_report_and_an_exit_code(gate):
    outputs, node = run_get_node(gate())
    assert node.exit_status == 500
    assert 'Cannot open the moon' in node.exit_message
    report = outputs['report'].get_dict()
    assert not report['passed']
    assert 'seed_1' in report['reason']
    assert 'glasses' not in outputs

"""The structure gate on the real LAMMPS with two tiny learned potentials of silica, and a third that fails."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from aiida.common.links import LinkType
from aiida.engine import run_get_node
from aiida.plugins import WorkflowFactory

from aiida_glassion.data.frames import FramesData
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.formats.deepmd.systems import find_systems, read_system

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures('aiida_profile_clean')]

FIXTURES = Path(__file__).parent.parent / 'fixtures' / 'deepmd'
TINY = {
    'melt': 2000, 'hold': 0.2, 'rate': 5000, 'relax': 0.1, 'sample': 0.2, 'frames': 10, 'minimise': 50,
    'analysis': {'n_bins': 100},
}  # fmt: skip


@pytest.fixture(scope='module')
def silica():
    """Labelled frames of molten silica, 24 atoms."""
    (folder,) = find_systems(FIXTURES / 'silica')
    return next(iter(read_system(folder)))


WRAPPER = """#!/bin/bash
if grep -q broken input.in; then
    echo 'LAMMPS (29 Aug 2024)' | tee log.lammps
    echo 'ERROR: Cannot open the moon for reading (src/moon.cpp:7)' | tee -a log.lammps
    exit 1
fi
exec {program} "$@"
"""


@pytest.fixture
def code(aiida_code_installed, aiida_computer_local, lmp_deepmd_code, lmp_deepmd, tmp_path):
    """LAMMPS that fails with the model `broken.pb`."""
    script = tmp_path / 'lmp_that_fails'
    script.write_text(WRAPPER.format(program=lmp_deepmd.path))
    script.chmod(0o755)
    return aiida_code_installed(
        label='lmp-fails',
        default_calc_job_plugin='glassion.md',
        computer=lmp_deepmd_code.computer,
        filepath_executable=str(script),
        prepend_text=lmp_deepmd_code.prepend_text,
    )


@pytest.fixture
def potentials(tmp_path):
    shutil.copy(FIXTURES / 'silica_1.pb', tmp_path / 'broken.pb')
    files = {'seed_1': FIXTURES / 'silica_1.pb', 'seed_2': FIXTURES / 'silica_2.pb', 'seed_3': tmp_path / 'broken.pb'}
    return {name: PotentialData.from_deepmd(file) for name, file in files.items()}


def test_two_members_a_reference_and_one_that_fails(code, potentials, silica):
    builder = WorkflowFactory('glassion.structure_gate').get_builder_from_protocol(
        code,
        {'melt': FramesData.from_frames(silica[[0, 40]])},
        potentials,
        'fast',
        TINY,
        reference={'teacher': FramesData.from_frames(silica[60:])},
        max_concurrent=2,
    )
    outputs, node = run_get_node(builder)
    assert node.is_finished_ok, node.exit_message
    report = outputs['report'].get_dict()
    print(report['reason'], *report['flags'], *(criterion['words'] for criterion in report['criteria']), sep='\n')
    found = {criterion['name']: criterion for criterion in report['criteria']}
    assert {'melt:rdf_total', 'melt:rdf_O-Si', 'melt:coordination_Si', 'melt:teacher:rdf_total'} <= set(found)
    assert not found['melt:made']['met']
    assert 'seed_3: [412]' in found['melt:made']['words']
    assert 'Cannot open the moon' in found['melt:made']['words']
    assert not report['passed']
    assert set(report['by_glass']['melt']) == {'seed_1', 'seed_2'}

    calls = node.base.links.get_outgoing(link_type=LinkType.CALL_WORK).all()
    runs = {link.link_label: link.node for link in calls}
    assert set(runs) == {'melt_seed_1', 'melt_seed_2', 'melt_seed_3'}
    assert len({run.inputs.md.seed.value for run in runs.values()}) == 1
    assert len({run.inputs.md.configuration.uuid for run in runs.values()}) == 1
    first = runs['melt_seed_1'].inputs.md.configuration.frames
    assert (first.positions == silica.positions[:1]).all(), 'the first frame is where it begins'
    assert set(outputs['glasses']) == set(outputs['curves']) == {'melt_seed_1', 'melt_seed_2'}
    for label, glass in outputs['glasses'].items():
        assert glass.uuid == runs[label].outputs.trajectory.uuid
        assert glass.n_frames in (10, 11)
        assert set(glass.frames.stages.tolist()) == {4}
        assert {'r', 'g_O_Si', 'T_total', 'T_total_error'} <= set(outputs['curves'][label].arrays)

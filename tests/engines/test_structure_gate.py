"""The structure gate on the real LAMMPS with two tiny learned potentials of silica."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiida import orm
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


@pytest.fixture
def build(lmp_deepmd_code, silica):
    def _build(**changes):
        potentials = {f'seed_{n}': PotentialData.from_deepmd(FIXTURES / f'silica_{n}.pb') for n in (1, 2)}
        return WorkflowFactory('glassion.structure_gate').get_builder_from_protocol(
            lmp_deepmd_code,
            {'melt': FramesData.from_frames(silica[[0, 40]])},
            potentials | changes.pop('potentials', {}),
            'fast',
            TINY | changes.pop('overrides', {}),
            **changes,
        )

    return _build


def test_two_members_and_a_reference(build, silica):
    reference = {'teacher': FramesData.from_frames(silica[60:])}
    outputs, node = run_get_node(build(reference=reference, max_concurrent=1))
    assert node.is_finished_ok, node.exit_message
    report = outputs['report'].get_dict()
    print(report['reason'], *report['flags'], *(criterion['words'] for criterion in report['criteria']), sep='\n')
    names = {criterion['name'] for criterion in report['criteria']}
    assert {'melt:made', 'melt:rdf_total', 'melt:rdf_O-Si', 'melt:coordination_Si', 'melt:teacher:rdf_total'} <= names
    assert set(report['by_glass']['melt']) == {'seed_1', 'seed_2'}
    assert report['passed'] == all(criterion['met'] for criterion in report['criteria'])
    calls = node.base.links.get_outgoing(link_type=LinkType.CALL_WORK).all()
    runs = {link.link_label: link.node for link in calls}
    assert set(runs) == {'melt_seed_1', 'melt_seed_2'}
    assert len({run.inputs.md.seed.value for run in runs.values()}) == 1
    assert len({run.inputs.md.configuration.uuid for run in runs.values()}) == 1
    for label, run in runs.items():
        frames = outputs['glasses'][label].frames
        assert outputs['glasses'][label].uuid == run.outputs.trajectory.uuid
        assert frames.n_frames in (10, 11)
        assert set(frames.stages.tolist()) == {4}
        assert {'r', 'g_O_Si', 'T_total', 'T_total_error'} <= set(outputs['curves'][label].arrays)

"""The end of an MD run whose jobs did not even begin."""

from __future__ import annotations

import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.plugins import WorkflowFactory
from small_loop import SILICA

from aiida_glassion.calculations.md import MdCalculation
from aiida_glassion.data.frames import FramesData
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.formats.deepmd.systems import read_system
from aiida_glassion.potentials.library import load

HOLD = {'kind': 'hold', 'name': 'hold', 'ensemble': 'nvt', 'temperature': 300, 'duration': 0.01}


@pytest.fixture
def fails_to_upload(monkeypatch):
    """Every job excepts before a folder is made for it."""

    def excepts(*_: object) -> None:
        raise RuntimeError('the disk of this machine is full')

    monkeypatch.setattr(MdCalculation, 'prepare_for_submission', excepts)


@pytest.mark.usefixtures('fails_to_upload')
@pytest.mark.parametrize('cleans', [True, False])
def test_an_upload_that_excepts_ends_the_run_with_a_reason(aiida_profile_clean, fake_lmp_code, cleans):
    inputs = {
        'code': fake_lmp_code,
        'configuration': FramesData(frames=next(iter(read_system(SILICA)))[:1]),
        'potential': PotentialData.from_potential(load('pmmcs')),
        'schedule': orm.Dict({'timestep': 1.0, 'stages': [HOLD]}),
        'seed': orm.Int(1),
    }
    _, node = run_get_node(WorkflowFactory('glassion.md'), md=inputs, clean_workdir=orm.Bool(cleans))
    assert node.is_finished, node.exception
    assert node.exit_status == 301, node.exit_message
    (job,) = node.called
    assert job.is_excepted
    assert 'the disk of this machine is full' in job.exception


def test_a_job_without_a_folder_on_record_counts(aiida_profile_clean, lmp_code, monkeypatch):
    """As one is left by a worker killed between the upload of its job and the next note of how far it is."""
    out = MdCalculation.out
    monkeypatch.setattr(
        MdCalculation, 'out', lambda self, name, value: None if name == 'remote_folder' else out(self, name, value)
    )
    inputs = {
        'code': lmp_code,
        'configuration': FramesData(frames=next(iter(read_system(SILICA)))[:1]),
        'potential': PotentialData.from_library('pmmcs', elements=['O', 'Si'], coulomb='dsf'),
        'schedule': orm.Dict({'timestep': 1.0, 'stages': [HOLD]}),
        'seed': orm.Int(1),
    }
    outputs, node = run_get_node(WorkflowFactory('glassion.md'), md=inputs, clean_workdir=orm.Bool(True))
    assert node.is_finished_ok, node.exit_message
    assert 'remote_folder' not in outputs
    assert outputs['results']['finished']

"""``glassion launch analysis``: what it would submit, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from aiida_glassion.analysis.sources import open_source
from aiida_glassion.cli import launch_analysis, main

GLASS = Path(__file__).parents[2] / 'examples' / 'structure' / 'glass_1.extxyz'


@pytest.fixture
def launch(aiida_profile_clean, python_code, monkeypatch):
    """The command, with the profile of the tests and nothing submitted; the builder is in ``built``."""
    built = []
    monkeypatch.setattr(launch_analysis, 'load', lambda profile: None)
    monkeypatch.setattr(launch_analysis, 'submit', lambda ctx, builder, given: built.append(builder))

    def run(*arguments, status=0):
        command = ['launch', 'analysis', *map(str, arguments), '--code', python_code.full_label]
        done = CliRunner(env={'COLUMNS': '200'}).invoke(main, command)
        assert done.exit_code == status, done.output
        return ' '.join(done.output.split())

    run.built = built
    return run


def test_frames_of_a_node(launch):
    from aiida_glassion.data.frames import FramesData

    node = FramesData.from_frames(open_source(GLASS).read(range(2))).store()
    said = launch(node.pk, '--cutoff', 'Si-O=2.2', '--walltime', '01:00:00')
    builder = launch.built[0]
    assert builder.frames.uuid == node.uuid
    assert {'network', 'rings', 'scattering'} <= set(builder.request['analyses'])
    assert builder.request['cutoffs'] == {'O-Si': 2.2}
    assert builder.metadata.options.max_wallclock_seconds == 3600
    assert f'FramesData {node.pk}' in said
    assert 'bonds up to Si–O 2.2 Å' in said


def test_a_folder_on_the_computer(launch, python_code):
    launch('/scratch/run_7', '--file', 'dump.lammpstrj', '--species', '1=Na,2=O', '--what', 'rdf', '--frames', '::10')
    builder = launch.built[0]
    assert builder.remote.get_remote_path() == '/scratch/run_7'
    assert builder.remote.computer.uuid == python_code.computer.uuid
    assert builder.files.get_list() == ['dump.lammpstrj']
    assert builder.species.get_dict() == {'1': 'Na', '2': 'O'}
    assert builder.request['every'] == 10
    assert 'Say which files' in launch('/scratch/run_7', '--what', 'rdf', status=2)
    assert 'Say --what is to be analysed' in launch('/scratch/run_7', '--file', 'dump', status=2)
    assert '../dump' in launch('/scratch/run_7', '--file', '../dump', '--what', 'rdf', status=2)


def test_what_a_process_left(launch, localhost):
    from aiida import orm
    from aiida.common.links import LinkType

    job = orm.CalcJobNode(computer=localhost).store()
    remote = orm.RemoteData(remote_path='/scratch/job', computer=localhost)
    remote.base.links.add_incoming(job, LinkType.CREATE, 'remote_folder')
    remote.store()
    launch(job.pk, '--file', 'trajectory.dump', '--what', 'rdf')
    assert launch.built[0].remote.uuid == remote.uuid
    other = orm.WorkChainNode().store()
    assert 'left no remote folder' in launch(other.pk, '--file', 'x', '--what', 'rdf', status=2)

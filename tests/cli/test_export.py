"""``glassion export``: what is written reads back as it was; what cannot be written is refused in one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from click.testing import CliRunner

from aiida_glassion.analysis.sources import open_source
from aiida_glassion.cli import main
from aiida_glassion.cli.export import FORMATS, write
from aiida_glassion.data.frames import FramesData
from aiida_glassion.formats.lammps.data import read_data
from aiida_glassion.frames import Frames

GLASS = Path(__file__).parents[2] / 'examples' / 'structure' / 'glass_1.extxyz'


def run(*arguments: str, status: int = 0) -> str:
    done = CliRunner(env={'COLUMNS': '200'}).invoke(main, ['export', *map(str, arguments)])
    assert done.exit_code == status, done.output
    assert 'Traceback' not in done.output
    return ' '.join(done.output.split())


@pytest.fixture
def salt() -> Frames:
    """Three frames of a tilted cell; atoms have left it."""
    generator = np.random.default_rng(3)
    cell = np.array([[6.0, 0.0, 0.0], [1.0, 5.5, 0.0], [0.5, -0.7, 5.0]])
    positions = generator.uniform(-9, 12, (3, 8, 3))
    return Frames(('Na', 'Cl') * 4, positions, np.repeat(cell[None], 3, 0), velocities=positions / 10)


def test_frames_of_a_node_as_extxyz(aiida_profile_clean, salt, tmp_path):
    node = FramesData(frames=salt).store()
    assert '2 frames' in run(node.pk, tmp_path / 'salt.extxyz', '--frames', '0:2:2')
    back = open_source(tmp_path / 'salt.extxyz')
    frames = back.read(back.indices())
    assert frames.symbols == salt.symbols
    np.testing.assert_array_equal(frames.positions, salt.positions[[0, 2]])
    np.testing.assert_array_equal(frames.cells, salt.cells[[0, 2]])


def test_the_last_frame_as_lammps_data(aiida_profile_clean, salt, tmp_path):
    node = FramesData(frames=salt).store()
    run(node.pk, tmp_path / 'salt.data', '--charges', 'Na=1,Cl=-1')
    frames = read_data((tmp_path / 'salt.data').read_text())
    np.testing.assert_allclose(frames.positions[0], salt.positions[2], atol=1e-12)
    np.testing.assert_array_equal(frames.charges, [1, -1] * 4)
    run(node.pk, tmp_path / 'first.data', '--frames', '0')
    first = read_data((tmp_path / 'first.data').read_text())
    np.testing.assert_allclose(first.velocities[0], salt.velocities[0], atol=1e-12)
    assert first.charges is None


@pytest.mark.parametrize('ending', ['.cif', '.vasp'])
def test_crystallographic_files_hold_the_same_structure(ending, tmp_path):
    run(GLASS, tmp_path / f'glass{ending}', '--frames', '1')
    source, back = open_source(GLASS), open_source(tmp_path / f'glass{ending}')
    before, after = source.read(range(1, 2)), back.read(range(1))
    assert before.counts == after.counts
    old, new = _distances(before), _distances(after)
    np.testing.assert_allclose(old, new, atol=2e-4)


def _distances(frames: Frames) -> np.ndarray:
    """Distances of Na to its three nearest neighbours, sorted, by brute force."""
    positions, cell = frames.positions[0], frames.cells[0]
    sodium = np.flatnonzero(np.array(frames.symbols) == 'Na')
    delta = positions[:, None] - positions[None, sodium]
    delta -= np.round(delta @ np.linalg.inv(cell)) @ cell
    return np.sort(np.sort(np.linalg.norm(delta, axis=-1), axis=0)[1:4].ravel())


def test_several_glasses_of_a_process_go_to_files_of_their_own(aiida_profile_clean, salt, tmp_path):
    from aiida.common import LinkType

    process = orm.WorkChainNode()
    process.set_process_type('aiida.workflows:glassion.melt_quench')
    process.base.attributes.set('process_label', 'MeltQuenchWorkChain')
    process.store()
    for number in (0, 1):
        node = FramesData(frames=salt[number]).store()
        node.base.links.add_incoming(process, LinkType.RETURN, f'glass__replica_0{number}_rate_10')
    process.set_process_state('finished')
    process.seal()
    run(process.pk, tmp_path / 'glass.data')
    written = sorted(path.name for path in tmp_path.iterdir())
    assert written == ['glass_replica_00_rate_10.data', 'glass_replica_01_rate_10.data']


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ((GLASS, 'glass.pdb'), 'the ending says no format'),
        ((GLASS, 'glass.cif', '--charges', 'Na=1'), 'holds none; leave it away'),
        ((GLASS, 'glass.data', '--charges', 'Na=1,Si=4'), 'O'),
        ((GLASS, 'glass.data', '--charges', 'Na:1'), 'expected a charge in e for each element'),
        ((GLASS, 'glass.data', '--frames', '0:3'), 'takes 4 frames, but a file of format lammps-data holds one'),
        ((GLASS, 'glass.extxyz', '--frames', '900:'), 'no frame from 900 on'),
        (('nothing.xyz', 'glass.data'), 'there is no such file'),
    ],
)
def test_refusals(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert message in run(*arguments, status=2)
    assert not list(tmp_path.iterdir()), 'nothing was written'


def test_a_file_is_replaced_only_when_told(tmp_path):
    path = tmp_path / 'glass.extxyz'
    path.write_text('mine')
    assert '--force replaces it' in run(GLASS, path, '--frames', '0', status=2)
    assert path.read_text() == 'mine'
    run(GLASS, path, '--frames', '0', '--force')
    assert open_source(path).n_frames == 1


def test_every_ending_has_a_format_that_can_be_written(tmp_path):
    source = open_source(GLASS)
    for ending, format in FORMATS.items():
        assert write(source, tmp_path / f'glass{ending}', format, {'first': 0, 'last': 0}) == 1

"""``glassion launch label``: what it says it will do, and how it refuses."""

from __future__ import annotations

import ase.io
import numpy as np
import pytest
from ase.build import bulk
from click.testing import CliRunner

from aiida_glassion.cli import main
from aiida_glassion.cli.launch_label_plan import method_lines, name_of, read_file
from aiida_glassion.data.dataset import DatasetData
from aiida_glassion.data.frames import FramesData
from aiida_glassion.frames import Frames


@pytest.fixture
def invoke(aiida_profile_clean, lmp_code, python_code):
    """The command in this process, in the profile of the tests; it never asks and never submits to a daemon."""

    def run(engine, *arguments):
        code = {'lammps': lmp_code, 'ase': python_code}[engine].full_label
        runner = CliRunner(env={'COLUMNS': '150'})
        profile = ('--profile', aiida_profile_clean.name)
        return runner.invoke(main, ['launch', 'label', *arguments, '--engine', engine, '--code', code, *profile])

    return run


@pytest.fixture
def melt(tmp_path):
    """Five frames of one composition and two of another; one has atoms on each other, one comes twice."""
    rng = np.random.default_rng(0)
    images = []
    for _ in range(5):
        atoms = bulk('MgO', 'rocksalt', 4.2, cubic=True)
        atoms.positions += rng.normal(0, 0.05, atoms.positions.shape)
        images.append(atoms)
    images[2].positions[3] = images[2].positions[0] + 0.1
    images[4] = images[0].copy()
    images += [bulk('CaO', 'rocksalt', a, cubic=True) for a in (4.8, 4.9)]
    path = tmp_path / 'melt-1.extxyz'
    ase.io.write(path, images)
    return path


def test_dry_run_says_what_will_be_done(invoke, melt):
    options = '--potential pmmcs --frames-per-job 2 --limit max_force=30 --dry-run'
    done = invoke('lammps', str(melt), *options.split())
    assert done.exit_code == 0, done.output
    said = ' '.join(done.output.split())
    for words in (
        'frames 5 to be labelled; 1 twice, 1 refused',
        'jobs 3, 2 frames in each at most, 3 at a time',
        'engine lammps, protocol teacher',
        'potential: pmmcs',
        'max_force 30',
        '10% of the frames may be refused',
        'melt_1_0 Mg4 O4 5 3 1 1',
        'melt_1_1 Ca4 O4 2 2',
        'melt_1_0 2: Mg 0 and O 3 are 0.173 Å apart',
        'Nothing was submitted',
    ):
        assert words in said, words


def test_a_known_dataset_is_left_out(invoke, melt):
    frames = read_file(melt)[1]
    labels = {'energies': np.zeros(2), 'forces': np.zeros((2, 8, 3)), 'virials': np.zeros((2, 3, 3))}
    labelled = Frames(frames.symbols, frames.positions, frames.cells, **labels)
    method = {
        'engine': 'ase', 'path': 'ase.calculators.emt:EMT', 'kwargs': {'asap_cutoff': True}, 'energy': 'energy',
        'files': [],
    }  # fmt: skip
    node = FramesData(frames=frames).store()
    chosen = ('--calculator', 'ase.calculators.emt:EMT', '--set', 'kwargs.asap_cutoff=true', '--dry-run')
    for content, words in ((method, '0 to be labelled; 2 known'), (method | {'energy': 'free_energy'}, '2 to be lab')):
        dataset = DatasetData.from_frames(labelled, method=content).store()
        done = invoke('ase', str(node.pk), '--known', str(dataset.pk), *chosen)
        assert done.exit_code == 0, done.output
        assert words in ' '.join(done.output.split())


def test_what_it_refuses(invoke, melt, tmp_path):
    (tmp_path / 'no.extxyz').write_text('rubbish\n')
    path = str(melt)
    cases = [
        (('lammps', path, '--potential', 'pmmcs', '--known', '999'), '--known: there is no node 999'),
        (('lammps', path), 'needs --potential'),
        (('lammps', path, '--potential', 'li2s-sis2'), 'has no parameters for Ca, Mg, O'),
        (('lammps', path, '--potential', 'pmmcs', '--calculator', 'a:B'), '--calculator is of the engine ase'),
        (('lammps', path, '--potential', 'pmmcs', '--set', 'cutof=3'), 'cutof is not a setting'),
        (('lammps', path, '--potential', 'pmmcs', '--limit', 'max_forces=3'), 'gate.max_forces is not a setting'),
        (('lammps', path, '--potential', 'pmmcs', '--limit', 'max_force=-3'), 'gate.max_force: -3 given'),
        (('lammps', path, '--potential', 'pmmcs', '--gate', 'stric'), "did you mean 'strict'"),
        (('lammps', path, path, '--potential', 'pmmcs'), 'Two of the sources are called melt_1_0'),
        (('lammps', str(tmp_path / 'none.xyz'), '--potential', 'pmmcs'), 'There is no file'),
        (('lammps', str(tmp_path / 'no.extxyz'), '--potential', 'pmmcs'), 'cannot be read'),
        (('ase', path, '--calculator', 'a:B', '--file', 'none.model'), '--file: there is no file none.model'),
        (('lammps', path, '--potential', 'pmmcs', '--file', 'a'), '--file is of the engine ase'),
        (('ase', path), "expected a module and a class in it"),
        (('ase', path, '--calculator', 'os.system'), "expected a module and a class in it"),
    ]  # fmt: skip
    for arguments, words in cases:
        done = invoke(*arguments, '--dry-run')
        assert done.exit_code != 0, arguments
        assert words in ' '.join(done.output.split()), (arguments, done.output)
        assert 'Traceback' not in done.output


def test_names_and_methods():
    assert [name_of(stem) for stem in ('melt-1', '2000K', 'a__b.c', 'é')] == [
        'melt_1',
        'frames_2000K',
        'a_b_c',
        'frames',
    ]
    assert method_lines({'engine': 'ase', 'path': 'a:B', 'kwargs': {}, 'files': []}) == ['path: a:B']

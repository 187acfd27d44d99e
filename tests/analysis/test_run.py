"""One pass for all analyses: the same bits whatever the chunks, one failure alone, partial results, bounded memory."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from aiida_glassion.analysis import base, store
from aiida_glassion.analysis.__main__ import OUTCOME, main
from aiida_glassion.analysis.base import KINDS, Analysis, AnalysisSettings
from aiida_glassion.analysis.rdf import RdfAnalysis
from aiida_glassion.analysis.request import read_request
from aiida_glassion.analysis.result import Result
from aiida_glassion.analysis.run import analyse
from aiida_glassion.analysis.sources import join_sources, of_frames
from aiida_glassion.analysis.store import as_dict, curve_arrays, read
from aiida_glassion.formats.array_folder import write_array_folder
from aiida_glassion.frames import Frames

REQUEST = read_request({'analyses': {'rdf': {'bin_width': 0.1}}})


@pytest.fixture
def frames() -> Frames:
    random = np.random.default_rng(2)
    atoms = bulk('NaCl', 'rocksalt', a=5.64, cubic=True).repeat(2)
    return Frames(
        tuple(atoms.get_chemical_symbols()),
        atoms.positions + random.normal(0, 0.2, (23, 64, 3)),
        np.array([atoms.cell.array * scale for scale in np.linspace(1, 1.01, 23)]),
    )


class Broken(Analysis[AnalysisSettings]):
    """Fails where its setting says."""

    class Settings(AnalysisSettings):
        where: str = 'add'

    def __init__(self, settings, system):
        super().__init__(settings, system)
        self.fail('init')

    def fail(self, place):
        if self.settings.where == place:
            raise ZeroDivisionError('of all things')

    def add(self, chunk):
        self.fail('add')

    def result(self):
        self.fail('result')
        return Result()


@pytest.fixture
def broken(monkeypatch):
    monkeypatch.setitem(KINDS, 'broken', 'broken:Broken')
    monkeypatch.setattr(base, 'import_module', lambda name: sys.modules[__name__] if 'broken' in name else __import__(
        name, fromlist=['x']
    ))  # fmt: skip


def same(a, b) -> bool:
    first, second = as_dict(a), as_dict(b)
    for plain in (first, second):
        plain.pop('seconds')
    arrays, others = curve_arrays(a.results), curve_arrays(b.results)
    return first == second and all(np.array_equal(arrays[name], others[name]) for name in arrays | others)


@pytest.mark.parametrize('chunk_bytes', [1, 64 * 400 * 7, 10**9])
def test_numbers_do_not_depend_on_the_chunks_to_the_last_bit(frames, chunk_bytes):
    whole = analyse(REQUEST, of_frames(frames))
    assert same(analyse(REQUEST, of_frames(frames), chunk_bytes=chunk_bytes), whole)


def test_progress_and_what_is_taken(frames):
    told = []
    request = read_request({'analyses': ['rdf'], 'first': 2, 'last': 20, 'every': 3})
    outcome = analyse(request, of_frames(frames), lambda *done: told.append(done), chunk_bytes=64 * 400 * 2)
    assert told == [(0, 7), (2, 7), (4, 7), (6, 7), (7, 7)]
    assert (outcome.n_frames, outcome.n_requested, outcome.complete) == (7, 7, True)
    assert set(outcome.seconds) == {'survey', 'reading', 'rdf'}
    assert same(outcome, analyse(REQUEST_DEFAULT, of_frames(frames[2:21:3])))


REQUEST_DEFAULT = read_request({'analyses': ['rdf']})


@pytest.mark.parametrize('where', ['init', 'add', 'result'])
def test_one_that_fails_does_not_end_the_others(frames, broken, where):
    request = read_request({'analyses': {'rdf': {'bin_width': 0.1}, 'broken': {'where': where}}})
    outcome = analyse(request, of_frames(frames), chunk_bytes=1)
    assert outcome.failed == {'broken': 'ZeroDivisionError: of all things'}
    np.testing.assert_array_equal(
        outcome.results['rdf'].curves['g_total'].y,
        analyse(REQUEST, of_frames(frames)).results['rdf'].curves['g_total'].y,
    )


def test_an_analysis_that_needs_unwrapped_positions_says_what_to_dump(frames, broken, monkeypatch):
    request = read_request({'analyses': {'broken': {'where': 'never'}}})
    monkeypatch.setattr(Broken, 'needs_unwrapped', True, raising=False)
    assert analyse(request, of_frames(frames, unwrapped=True)).failed == {}
    assert 'dump xu yu zu' in analyse(request, of_frames(frames, 'wrapped', False)).failed['broken']
    assert analyse(REQUEST, of_frames(frames, 'wrapped', False)).failed == {}


def test_the_outcome_so_far_is_that_of_fewer_frames(frames):
    kept = []
    analyse(REQUEST, of_frames(frames), keep=lambda outcome: kept.append(outcome()), chunk_bytes=64 * 400 * 5)
    assert [outcome.n_frames for outcome in kept] == [5, 10, 15, 20]
    assert not kept[1].complete
    np.testing.assert_array_equal(
        kept[1].results['rdf'].curves['g_total'].y,
        analyse(REQUEST, of_frames(frames[:10])).results['rdf'].curves['g_total'].y,
    )


def test_files_one_after_the_other_are_one_trajectory(frames):
    parts = join_sources([of_frames(frames[:4]), of_frames(frames[4:5]), of_frames(frames[5:])])
    assert same(analyse(REQUEST, parts, chunk_bytes=64 * 400 * 3), analyse(REQUEST, of_frames(frames)))
    every = read_request({'analyses': {'rdf': {'bin_width': 0.1}}, 'first': 1, 'every': 4})
    assert same(analyse(every, parts), analyse(every, of_frames(frames)))


MEMORY = """
import sys
from aiida_glassion.analysis.__main__ import peak_memory
from aiida_glassion.analysis.request import read_request
from aiida_glassion.analysis.run import analyse
from aiida_glassion.analysis.sources import open_source
request = read_request({'analyses': {'rdf': {'r_max': 1.5, 'bin_width': 0.5}}})
outcome = analyse(request, open_source(sys.argv[1], species={'1': 'Ar'}))
print(outcome.n_frames, peak_memory())
"""


def long_file(path: Path, kind: str, n_atoms: int, n_frames: int) -> Path:
    """The same frame again and again."""
    positions = np.random.default_rng(0).uniform(10, 99, (n_atoms, 3))
    if kind == 'arrays':
        write_array_folder(path, Frames(('Ar',) * n_atoms, positions[None], np.eye(3)[None] * 100))
        np.save(path / 'positions.npy', np.broadcast_to(positions, (n_frames, n_atoms, 3)))
        np.save(path / 'cells.npy', np.broadcast_to(np.eye(3) * 100, (n_frames, 3, 3)))
        return path
    rows = [f'{x:.10f} {y:.10f} {z:.10f}\n' for x, y, z in positions]
    frame = f'{n_atoms}\nLattice="100 0 0 0 100 0 0 0 100"\n' + ''.join(f'Ar {row}' for row in rows)
    if kind == 'dump':
        frame = f'ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n{n_atoms}\nITEM: BOX BOUNDS pp pp pp\n' + '0 100\n' * 3
        frame += 'ITEM: ATOMS id type x y z\n' + ''.join(f'{i} 1 {row}' for i, row in enumerate(rows, 1))
    with path.open('w') as file:
        for _ in range(n_frames):
            file.write(frame)
    return path


@pytest.mark.parametrize('kind', ['arrays', 'extxyz', 'dump'])
def test_memory_does_not_grow_with_the_trajectory(kind, tmp_path):
    """120 MB of frames cost less than 55 MB beyond what their first tenth costs."""
    n_atoms, n_frames = 3000, 1000

    def peak(count: int) -> float:
        path = long_file(tmp_path / f'{count}.{kind}', kind, n_atoms, count)
        done = subprocess.run(
            [sys.executable, '-c', MEMORY, str(path)], capture_output=True, text=True, check=True, timeout=600
        )
        n, megabytes = done.stdout.split()
        assert int(n) == count
        return float(megabytes)

    assert peak(n_frames) - peak(n_frames // 10) < 55


BLOCKED = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in ('aiida', 'aiida_lammps', 'plumpy'):
            raise ImportError(f'{name} is not here')
sys.meta_path.insert(0, Blocker())
sys.argv = ['analysis', 'request.json']
import runpy
runpy.run_module('aiida_glassion.analysis', run_name='__main__')
"""


def job(folder: Path, files: list[str], request, **more) -> subprocess.CompletedProcess[str]:
    (folder / 'request.json').write_text(json.dumps({'request': request, 'files': files, **more}))
    return subprocess.run(
        [sys.executable, '-c', BLOCKED], cwd=folder, capture_output=True, text=True, check=False, timeout=600
    )


def test_the_job_runs_where_there_is_no_aiida(frames, tmp_path):
    write_array_folder(tmp_path / 'data', frames)
    done = job(tmp_path, ['data'], REQUEST.as_dict())
    assert (done.returncode, done.stderr) == (0, '')
    assert same(read(tmp_path / 'outcome'), analyse(REQUEST, of_frames(frames)))
    assert json.loads((tmp_path / 'progress.json').read_text())['done'] == 23
    assert json.loads((tmp_path / 'run.json').read_text())['peak_memory'] < 1000
    assert not (tmp_path / 'error.json').exists()


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The folder of a job."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def job_here(files: list[str], request, **more) -> int:
    Path('request.json').write_text(json.dumps({'request': request, 'files': files, **more}))
    return main(['request.json'])


@pytest.mark.parametrize(
    ('files', 'request_', 'kind', 'message'),
    [
        (['gone.xyz'], {'analyses': ['rdf']}, 'data', 'gone.xyz: there is no such file'),
        (['data'], {'analyses': ['rdff']}, 'request', 'did you mean rdf?'),
        (['data'], {'analyses': ['rdf'], 'first': 50}, 'data', 'no frame from 50 on'),
        ([], {'analyses': ['rdf']}, 'data', 'no file given'),
    ],
)
def test_a_job_that_cannot_be_done_says_why(frames, files, request_, kind, message, here, capsys):
    write_array_folder(here / 'data', frames)
    status = job_here(files, request_)
    error = json.loads((here / 'error.json').read_text())
    assert (status, error['kind']) == (1, kind)
    assert message in error['message']
    assert message in capsys.readouterr().err


def repeated(folder: Path, frames: Frames, times: int) -> None:
    write_array_folder(
        folder,
        Frames(frames.symbols, np.tile(frames.positions, (times, 1, 1)), np.tile(frames.cells, (times, 1, 1))),
    )


def test_a_damaged_frame_leaves_the_results_before_it(frames, here):
    repeated(here / 'data', frames, 20)
    positions = np.load(here / 'data' / 'positions.npy')
    positions[333] = np.nan
    np.save(here / 'data' / 'positions.npy', positions)
    assert job_here(['data'], REQUEST.as_dict()) == 1
    assert 'not finite' in json.loads((here / 'error.json').read_text())['message']
    outcome = read(here / 'outcome')
    assert (outcome.n_frames, outcome.n_requested, outcome.complete) == (200, 460, False)


@pytest.mark.parametrize(('how', 'kind'), [('walltime', 'walltime'), ('signal', 'terminated')])
def test_a_job_whose_time_is_over_leaves_what_it_has(frames, here, monkeypatch, how, kind):
    repeated(here / 'data', frames, 30)
    if how == 'signal':
        add = RdfAnalysis.add
        monkeypatch.setattr(
            RdfAnalysis, 'add', lambda self, chunk: (os.kill(os.getpid(), signal.SIGTERM), add(self, chunk))[1]
        )
    assert job_here(['data'], REQUEST.as_dict(), **({'walltime': 1e-3} if how == 'walltime' else {})) == 1
    assert json.loads((here / 'error.json').read_text())['kind'] == kind
    outcome = read(here / 'outcome')
    assert (outcome.n_frames, outcome.n_requested) == (200, 690)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_results_are_written_at_intervals(frames, here, monkeypatch):
    repeated(here / 'data', frames, 30)
    seen = []
    write = store.write
    monkeypatch.setattr(
        store, 'write', lambda outcome, *_, **__: (seen.append(outcome.n_frames), write(outcome, OUTCOME))
    )
    assert job_here(['data'], REQUEST.as_dict(), interval=1e-9) == 0
    assert seen[0] == 200
    assert seen[-1] == 690
    assert job_here(['data'], REQUEST.as_dict()) == 0
    assert seen[-2:] == [690, 690]


@pytest.fixture(scope='module')
def silica() -> Frames:
    """Four frames of shaken high cristobalite."""
    silicon = bulk('Si', 'diamond', a=7.16, cubic=True)
    vectors = silicon.get_all_distances(mic=True, vector=True)
    lengths = silicon.get_all_distances(mic=True)
    pairs = [(i, j) for i in range(8) for j in range(i) if lengths[i, j] < 3.2]
    oxygen = [silicon.positions[i] + vectors[i, j] / 2 for i, j in pairs]
    atoms = Atoms('Si8O16', np.concatenate([silicon.positions, oxygen]), cell=silicon.cell, pbc=True).repeat(2)
    shakes = np.random.default_rng(0).normal(0, 0.08, (4, len(atoms), 3))
    return Frames(tuple(atoms.get_chemical_symbols()), atoms.positions + shakes, np.tile(atoms.cell.array, (4, 1, 1)))


STRUCTURE = [
    'rdf', 'coordination', 'angles', 'network', 'anions', 'rings', 'scattering', 'powder', 'voronoi', 'voids',
    'disorder', 'profiles', 'regions', 'checks',
]  # fmt: skip


def test_no_structure_analysis_cares_for_chunks_or_whether_positions_are_wrapped(silica):
    request = read_request({'analyses': STRUCTURE})
    whole = analyse(request, of_frames(silica))
    assert whole.failed == {}
    assert set(whole.results) == set(STRUCTURE)
    assert same(analyse(request, of_frames(silica), chunk_bytes=1), whole)
    steps = np.random.default_rng(1).integers(-2, 3, silica.positions.shape)
    spread = replace(silica, positions=silica.positions + steps @ silica.cells[0])
    other = analyse(request, of_frames(spread))
    curves, others = curve_arrays(whole.results), curve_arrays(other.results)
    for name, values in curves.items():
        np.testing.assert_allclose(others[name], values, rtol=1e-8, atol=1e-9, err_msg=name)
    assert as_dict(other)['failed'] == {}

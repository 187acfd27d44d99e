"""Runs in pieces and several runs as one trajectory: beside the data, at home, and as the run itself joined it."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.plugins import CalculationFactory, WorkflowFactory
from ase.build import bulk

from aiida_glassion.data.frames import FramesData
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.frames import Frames
from aiida_glassion.functions.analysis import analyse_frames, analyse_segments, request_node
from aiida_glassion.potentials.potential import Potential
from aiida_glassion.workchains.md_pieces import parts_of, species_of

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures('aiida_profile_clean')]

LIQUID = Potential(
    name='liquid',
    kind='user',
    elements=('Na', 'Si'),
    units='metal',
    atom_style='atomic',
    commands=('pair_style lj/cut 8.5', 'pair_coeff * * 0.0104 3.4'),
    cutoff=8.5,
)
_MOTION = {'ions': ['Na'], 'reference': ['Si'], 'unwrap': 'check'}
REQUEST = {
    'analyses': {
        'diffusion': _MOTION,
        'dynamics': _MOTION,
        'channels': {**_MOTION, 'spacing': 0.8},
        'flexibility': {**_MOTION, 'window': 0.4},
    }
}
LAMMPS = Path(__file__).parent.parent / 'fixtures' / 'lammps'
_LONG = {'kind': 'hold', 'name': 'long', 'ensemble': 'nve', 'temperature': 900}


def glass(cell) -> FramesData:
    """Atoms, every third of them Na."""
    atoms = bulk('Si', 'fcc', 5.3, **cell) * (5, 5, 5)
    atoms.symbols[::3] = 'Na'
    return FramesData.from_ase(atoms)


def simulate(code, configuration, stages, trajectory=True):
    """A run; frames come home in double precision, or not at all."""
    retrieve = {'trajectory': trajectory, 'velocities': False, 'single_precision': False}
    schedule = {'thermo_every': 0.01, 'frames_every': 0.05, 'restart_every': 0.13, 'stages': stages}
    md = {
        'code': code,
        'configuration': configuration,
        'potential': PotentialData.from_potential(LIQUID),
        'schedule': orm.Dict(schedule),
        'seed': orm.Int(5),
        'retrieve': orm.Dict(retrieve),
    }
    outputs, node = run_get_node(WorkflowFactory('glassion.md'), md=md)
    assert node.is_finished_ok, node.exit_message
    return outputs, node


def analyse(code, segments, species, request=REQUEST, **more):
    """Beside the data; segments are pairs of folders and parts."""
    remotes = {label: remote for folders, _ in segments for label, remote in folders.items()}
    parts = [part for _, entries in segments for part in entries]
    inputs = {'request': request_node(request), 'remotes': remotes, 'parts': parts, 'species': species, **more}
    return run_get_node(CalculationFactory('glassion.analysis'), code=code, **inputs)


def numbers_of(node: orm.Dict, kind: str) -> dict[str, float]:
    """All numbers of an analysis by their path."""
    found: dict[str, float] = {}

    def walk(value, path):
        for key, inside in value.items() if isinstance(value, dict) else ():
            walk(inside, f'{path}.{key}')
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            found[path] = float(value)

    walk(node['analyses'][kind]['numbers'], kind)
    return found


def assert_same(one, other) -> None:
    assert not one['numbers']['failed'], one['numbers']['failed']
    assert not other['numbers']['failed'], other['numbers']['failed']
    for kind in one['numbers']['analyses']:
        a, b = numbers_of(one['numbers'], kind), numbers_of(other['numbers'], kind)
        assert len(a) > 5
        assert list(a) == list(b)
        np.testing.assert_allclose(list(a.values()), list(b.values()), rtol=1e-6, atol=1e-9, err_msg=kind)
    for name in one['curves'].get_arraynames():
        a, b = one['curves'].get_array(name), other['curves'].get_array(name)
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-9, err_msg=name)


class Killer(threading.Thread):
    """Kill -9 the next LAMMPS below a folder once its log shows that it passed a step."""

    def __init__(self, folder: Path, after_step: int):
        super().__init__(daemon=True)
        self.folder, self.after_step, self.killed = folder, after_step, []
        self.old = set(folder.rglob('log.lammps'))

    def run(self) -> None:
        deadline = time.time() + 120
        while not self.killed and time.time() < deadline:
            for log in set(self.folder.rglob('log.lammps')) - self.old:
                if f'\n{self.after_step:>10} ' in log.read_text(errors='ignore'):
                    self.kill(log.parent.resolve())
            time.sleep(0.02)

    def kill(self, workdir: Path) -> None:
        for process in Path('/proc').iterdir():
            try:
                here = process.name.isdigit() and (process / 'cwd').resolve() == workdir
                if here and (process / 'comm').read_text().strip() == 'lmp':
                    os.kill(int(process.name), signal.SIGKILL)
                    self.killed.append(process.name)
            except OSError:
                continue


def after(frames: Frames, start: float, first: int = 0) -> Frames:
    """Frames from one on, the time of the whole counted from there."""
    from dataclasses import replace

    chosen = frames[list(range(first, frames.n_frames))]
    return replace(chosen, times=chosen.times - chosen.times[0] + start)


def test_pieces_and_segments_are_one_trajectory(lmp_code, python_code):
    killer = Killer(Path(lmp_code.computer.get_workdir()), after_step=3000)
    killer.start()
    settle = {'kind': 'hold', 'name': 'settle', 'temperature': 900, 'duration': 0.3, 'timestep': 0.5}
    first, node = simulate(lmp_code, glass({'cubic': True}), [settle, {**_LONG, 'duration': 8.0}])
    assert killer.killed, 'nothing was killed: the test tested nothing'
    second, following = simulate(lmp_code, first['final'], [{**_LONG, 'duration': 1.0}])
    _, again = simulate(lmp_code, first['final'], [{**_LONG, 'duration': 1.0}], trajectory=False)

    folders, parts = parts_of(node, 'first', 100.0)
    assert [part['remote'] for part in parts] == ['first_00', 'first_01']
    assert {part['file'] for part in parts} == {'stage_01.bin'}
    assert parts[0]['until'] >= 2500
    assert parts[1]['until'] is None
    np.testing.assert_allclose([part['time'] for part in parts], 100.0 - 600 * 1e-3)
    at_home, remote = parts_of(following, 'next', 108.0), parts_of(again, 'next', 108.0)
    assert at_home[1] == remote[1]

    frames = first['trajectory'].frames
    begun = int(np.flatnonzero(frames.stages == 1)[0]) - 1
    assert frames.steps[begun] == 600
    one, two = after(frames, 100.0, begun), after(second['trajectory'].frames, 108.0)
    np.testing.assert_allclose(two.positions[0], one.positions[-1], atol=1e-6)
    assert np.ptp(one.positions[-1] @ np.linalg.inv(one.cells[-1]), axis=0).max() > 1.2, 'no atom left its cell'
    joined = Frames.concatenate([one, two[list(range(1, two.n_frames))]])
    np.testing.assert_allclose(np.diff(joined.times), 0.05, atol=1e-9)
    whole, _ = analyse_frames.run_get_node(request_node(REQUEST), FramesData(frames=joined))

    outputs, job = analyse(python_code, [(folders, parts), remote], species_of(node), copy_every=10)
    assert job.is_finished_ok, job.exit_message
    assert outputs['numbers']['n_frames'] == joined.n_frames == 181
    assert_same(outputs, whole)
    segments = {'s_00': FramesData(frames=one), 's_01': second['trajectory']}
    home, function = analyse_segments.run_get_node(request_node(REQUEST), orm.List([100.0, 108.0]), **segments)
    assert function.is_finished_ok, function.exit_message
    assert_same(home, whole)

    copied = outputs['copied'].frames
    assert copied.positions.dtype == np.float32
    np.testing.assert_array_equal(copied.positions, joined.positions[::10].astype(np.float32))
    np.testing.assert_allclose(copied.times, joined.times[::10])
    assert copied.symbols == joined.symbols
    size = 19 * (8 + 72 + 12 * 500) / 1e6
    assert outputs['run']['copied'] == {
        'n_frames': 19,
        'every': 10,
        'size': pytest.approx(size, abs=1e-3),
        'unit': 'MB',
    }


def test_a_tilted_cell_goes_on_where_it_was(lmp_code, python_code):
    first, node = simulate(lmp_code, glass({}), [{**_LONG, 'duration': 2.0}])
    second, following = simulate(lmp_code, first['final'], [{**_LONG, 'duration': 2.0}])
    one, two = after(first['trajectory'].frames, 0.0), after(second['trajectory'].frames, 2.0)
    assert np.count_nonzero(one.cells[0]) == 6
    np.testing.assert_allclose(two.positions[0], one.positions[-1], atol=1e-6)
    assert np.ptp(one.positions[-1] @ np.linalg.inv(one.cells[-1]), axis=0).max() > 1.1, 'no atom left its cell'
    joined = Frames.concatenate([one, two[list(range(1, two.n_frames))]])
    request = {'analyses': {'diffusion': _MOTION}}
    whole, _ = analyse_frames.run_get_node(request_node(request), FramesData(frames=joined))
    segments = [parts_of(node, 'a', 0.0), parts_of(following, 'b', 2.0)]
    outputs, job = analyse(python_code, segments, species_of(node), request)
    assert job.is_finished_ok, job.exit_message
    assert_same(outputs, whole)


def test_a_part_that_is_gone_is_named_by_the_job(python_code, localhost):
    beside = orm.RemoteData(computer=localhost, remote_path=str(LAMMPS)).store()
    begun = {'remote': 'here', 'file': 'ortho.bin', 'time': 0.0, 'timestep': 1e-3}
    segments = [({'here': beside}, [begun, {**begun, 'file': 'gone.bin', 'time': 1.0}])]
    outputs, node = analyse(python_code, segments, {'1': 'Si', '2': 'O'}, {'analyses': {'rdf': {}}})
    assert node.exit_status == 310, node.exit_message
    assert 'part here/gone.bin' in node.exit_message
    assert 'there is no such file' in node.exit_message
    assert 'numbers' not in outputs

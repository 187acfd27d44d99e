"""``glassion watch`` of a study of fracture: from trees of processes to rows, without AiiDA; then on stored ones."""

from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console

from aiida_glassion.cli.progress import JobProgress
from aiida_glassion.cli.watch import snapshot
from aiida_glassion.cli.watch_fracture import pull_rows
from aiida_glassion.cli.watch_fracture_state import PullState, planned_pulls, read_pull_state
from aiida_glassion.cli.watch_rows import DONE, FAILED, RUNNING, WAITING
from aiida_glassion.cli.watch_tree import Task
from aiida_glassion.kernels.mechanics import pull_plan
from aiida_glassion.kernels.mechanics.pull_settings import read_fracture, read_pull
from aiida_glassion.workchains import protocols

SETTINGS = protocols.load('fracture', 'fast', {'rates': [0.05]})
ONE = read_fracture(SETTINGS).pull('tension', 0.05)
PULL = read_pull(ONE)
EQUILIBRATE, PIECE = pull_plan.equilibration(PULL), pull_plan.piece(PULL, 'z', 1)
STATE = PullState('tension', 1.1, 0.1, (2000.0, 10000.0))


def task(label, process='MdWorkChain', state='finished', status=0, **more):
    return Task(label, process, 1, state, exit_status=status if state == 'finished' else None, **more)


def pull(label, *children, state='waiting', status=None, **more):
    return task(label, 'FracturePullWorkChain', state, status, children=children, **more)


def study(*pulls, state='waiting', planned=None):
    return task('', 'FractureWorkChain', state, children=pulls, planned=planned, settings=SETTINGS)


def text(part):
    console = Console(file=io.StringIO(), width=150, highlight=False)
    console.print(part)
    return console.file.getvalue()


def told(strain, stress, highest):
    return PullState('tension', 1.1, 0.1, (2000.0, 10000.0), strain, stress, highest)


def test_every_pull_has_a_row_with_strain_and_stress(monkeypatch):
    monkeypatch.setenv('COLUMNS', '150')
    progress = JobProgress('pull', 1, 1, 500, 1000, 1.0, PIECE.duration, 301.0, 300.0, 25.0)
    job = task('job', 'MdCalculation', 'waiting', schedule=PIECE, progress=progress, job_state='running')
    runs = (task('equilibrate', schedule=EQUILIBRATE), task('piece_000', schedule=pull_plan.piece(PULL, 'z', 0)))
    going = pull(
        'c', *runs, task('piece_001', state='waiting', schedule=PIECE, children=(job,)), pull=told(0.1, 6.0, 6.0)
    )
    ended = pull('a', state='finished', status=0, pull=told(0.7, 0.02, 11.5))
    held = pull('b', state='finished', status=460, pull=told(1.1, 4.0, 9.0))
    failed = pull('d', state='finished', status=341, exit_message='lost atoms', pull=told(0.2, 7.0, 8.0))
    planned = dict.fromkeys('abcde', 13000)
    rows = pull_rows(study(ended, held, going, failed, planned=planned))
    assert [row.status for row in rows] == [DONE, DONE, RUNNING, FAILED, WAITING]
    assert [row.stage for row in rows] == ['broken', 'not broken', 'pull, job 2', 'failed', 'waits for its turn']
    assert (rows[0].done, rows[0].total) == (9000, 9000)
    assert rows[2].pull.strain == pytest.approx(0.15), 'half of the job that runs'
    assert (rows[2].done, rows[2].total) == (2000 + 1000 + 500, 13000)
    said = text(snapshot(study(ended, held, going, failed, planned=planned), []))
    lines = [' '.join(line.split()) for line in said.splitlines()]
    assert '✓ a broken 0.700 0.02 11.50' in lines
    assert any(line.startswith('▶ c pull, job 2 0.150 of 1.1 6.00 6.00 301 → 300 25') for line in lines)
    assert any(line.startswith('✗ d: [341] lost atoms') for line in lines)
    assert '1 waiting, 1 running, 2 done, 1 failed' in said or '2 done' in said


@pytest.mark.parametrize(
    ('label', 'words'),
    [
        ('cut_notch', 'cuts the notch'),
        ('relax_broken', 'minimises'),
        ('analyse', 'analyses'),
        ('mean_cell', 'mean cell'),
    ],
)
def test_the_phase_of_a_pull(label, words):
    (row,) = pull_rows(pull('a', task(label, 'any', 'running'), pull=STATE))
    assert row.stage == words


@pytest.fixture
def stored(aiida_profile_clean):
    """A pull with one job done."""
    from aiida import orm
    from aiida.common.links import LinkType

    from aiida_glassion.data.frames import FramesData
    from aiida_glassion.frames import Frames

    node = orm.WorkChainNode()
    node.set_process_label('FracturePullWorkChain')
    for name, value in (('settings', orm.Dict(ONE)), ('axis', orm.Str('z'))):
        node.base.links.add_incoming(value.store(), LinkType.INPUT_WORK, name)
    node.store()
    strain = np.linspace(0, 0.1, 101)
    zeros = np.zeros(101)
    arrays = {f'pressure_{ij}': zeros for ij in ('xx', 'yy', 'xy', 'xz', 'yz')}
    arrays |= {'pressure_zz': -70 * strain, 'cell_lx': zeros + 20, 'cell_ly': zeros + 20, 'cell_lz': 20 * (1 + strain)}
    arrays |= {'temperature': zeros + 300, 'time': strain * 20, 'step': np.arange(101), 'stage': np.zeros(101, int)}
    thermo = orm.ArrayData(arrays | {'iteration': np.zeros(101, int)})
    sample = FramesData(frames=Frames(('Si',), np.zeros((1, 1, 3)), 20 * np.eye(3)[None]))
    for label, kind, name, output in (
        ('mean_cell', orm.CalcFunctionNode, 'result', sample), ('piece_000', orm.WorkChainNode, 'thermo', thermo)
    ):  # fmt: skip
        child = kind()
        link = LinkType.CALL_CALC if kind is orm.CalcFunctionNode else LinkType.CALL_WORK
        child.base.links.add_incoming(node, link, label)
        child.store()
        if kind is orm.CalcFunctionNode:
            output.base.links.add_incoming(child, LinkType.CREATE, name)
            output.store()
        else:
            output.store().base.links.add_incoming(child, LinkType.RETURN, name)
        child.set_process_state('finished')
        child.set_exit_status(0)
    return node


def test_what_is_read_of_a_pull_that_goes_on(stored):
    state = read_pull_state(stored)
    assert state.strain == pytest.approx(0.1)
    assert state.stress == pytest.approx(7.0, rel=0.01)
    assert state.highest == pytest.approx(7.0, rel=0.01)
    assert state.steps(state.most) == 2000 + 11000


def test_what_is_planned(aiida_profile_clean):
    from aiida import orm
    from aiida.common.links import LinkType

    from aiida_glassion.data.frames import FramesData
    from aiida_glassion.frames import Frames

    node = orm.WorkChainNode()
    node.set_process_label('FractureWorkChain')
    sample = FramesData(frames=Frames(('Si',), np.zeros((1, 1, 3)), 20 * np.eye(3)[None]))
    inputs = {'settings': orm.Dict(SETTINGS), 'seed': orm.Int(1), 'glasses__a': sample}
    for name, value in inputs.items():
        node.base.links.add_incoming(value.store(), LinkType.INPUT_WORK, name)
    node.store()
    assert planned_pulls(node) == {'a_tension_z_1x1x1_r0p05': 13000, 'a_notched_z_1x1x1_r0p05': 13000}

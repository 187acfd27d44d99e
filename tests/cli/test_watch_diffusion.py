"""``glassion watch`` of a diffusion sweep: from trees of processes to rows, without AiiDA; then on stored processes."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from aiida_glassion.cli.watch import snapshot
from aiida_glassion.cli.watch_analysis import Analysing
from aiida_glassion.cli.watch_diffusion import shown_rows, sweep_rows, sweep_table
from aiida_glassion.cli.watch_diffusion_state import PointState, planned_points, read_point
from aiida_glassion.cli.watch_rows import DONE, FAILED, RUNNING, WAITING, Row, totals_of
from aiida_glassion.cli.watch_tree import Task
from aiida_glassion.kernels.transport.sweep_plan import read_settings
from aiida_glassion.workchains import protocols

SETTINGS = protocols.load('diffusion_sweep', 'fast', {'temperatures': [1500, 1000]})
PLAN = read_settings(SETTINGS)
EQUILIBRATE, SEGMENT = PLAN.equilibration(1500.0), PLAN.production(1500.0, 20.0)


def task(label, process='MdWorkChain', state='finished', status=0, **more):
    return Task(label, process, 1, state, exit_status=status if state == 'finished' else None, **more)


def state(length=0.0, D=None, error=None, diffusive=True):
    told = {} if D is None else {'D': {'Na': D}, 'relative_error': {'Na': error}, 'diffusive': {'Na': diffusive}}
    return PointState(1500.0, 80.0, 10.0, 2.0, length, **told)


def point(label, *children, state_='waiting', status=None, **more):
    return task(label, 'DiffusionPointWorkChain', state_, status, children=children, **more)


def sweep(*points, state_='waiting', planned=None, **more):
    return task('', 'DiffusionSweepWorkChain', state_, children=points, planned=planned, settings=SETTINGS, **more)


def text(part):
    console = Console(file=io.StringIO(), width=150, highlight=False)
    console.print(part)
    return console.file.getvalue()


def test_every_run_has_a_row_from_the_first_to_the_last():
    ended = point('T1500_g_00', state_='finished', status=0, point=state(40.0, 5e-6, 0.25))
    flat = point('T1500_g_01', state_='finished', status=430, point=state(80.0, 1e-7, 0.4, diffusive=False))
    runs = (task('equilibrate', schedule=EQUILIBRATE), task('segment_00', state='waiting', schedule=SEGMENT))
    going = point('T1000_g_00', *runs, point=state())
    planned = dict.fromkeys(['T1500_g_00', 'T1500_g_01', 'T1000_g_00', 'T1000_g_01'], 45000)
    rows = sweep_rows(sweep(ended, flat, going, planned=planned))
    assert [row.name for row in rows] == list(planned)
    assert [row.status for row in rows] == [DONE, DONE, RUNNING, WAITING]
    assert [row.stage for row in rows] == ['converged', 'not diffusive', 'segment 1', 'waits for its turn']
    assert [(row.done, row.total) for row in rows] == [(25000, 25000), (45000, 45000), (5000, 45000), (0, 45000)]
    said = text(sweep_table(rows, wide=True))
    lines = [line.split() for line in said.splitlines()]
    assert lines[1][1:] == ['T1500_g_00', 'converged', '40', 'Na', '5.00e-06', '25', '%']
    assert lines[2][1:] == ['T1500_g_01', 'not', 'diffusive', '80', 'Na', '–', 'not', 'diffusive']
    assert lines[3][1:] == ['T1000_g_00', 'segment', '1', '0', 'of', '80']


@pytest.mark.parametrize(
    ('child', 'words'),
    [
        (task('mean_cell', 'at_mean_cell', 'running'), 'mean cell'),
        (task('segment_02', schedule=SEGMENT), 'segment 3 done'),
        (task('analyse_progress_00', 'analyse_segments', 'running'), 'analyse'),
        (
            task('analyse', 'AnalysisCalculation', 'waiting', analysing=Analysing(30, 90, 5.0)),
            'analyse all 30/90 frames',
        ),
    ],
)
def test_the_phase_of_a_run(child, words):
    (row,) = sweep_rows(point('T1500_g_00', child, point=state(20.0)))
    assert row.stage == words
    if child.analysing:
        assert row.left == pytest.approx(10.0)


def test_a_run_that_failed_has_its_reason_and_a_killed_sweep_its_rest():
    broken = point('T1500_g_00', state_='finished', status=330, exit_message='lost atoms', point=state())
    rows = sweep_rows(sweep(broken, state_='killed', planned={'T1500_g_00': 45000, 'T1000_g_00': 45000}))
    assert [row.status for row in rows] == [FAILED, WAITING]
    assert rows[0].reason == '[330] lost atoms'
    assert rows[1].stage == 'never started'


def test_the_whole_is_an_upper_bound():
    ended = point('T1500_g_00', state_='finished', status=0, point=state(20.0, 5e-6, 0.25))
    shown = sweep(ended, planned={'T1500_g_00': 45000, 'T1000_g_00': 45000})
    totals = totals_of(sweep_rows(shown))
    assert (totals.done, totals.total) == (15000, 60000)
    said = text(snapshot(shown, []))
    assert '15 000 of 60 000 steps (25 %); 1 done, 1 waiting' in said
    done = sweep(ended, state_='finished')
    assert 'ended well. Next: glassion show 1' in text(snapshot(done, []))


def test_of_very_many_runs_those_that_matter_are_shown():
    rows = [Row(f'done_{n}', '', DONE) for n in range(50)] + [Row('now', '', RUNNING), Row('bad', '', FAILED)]
    rows += [Row(f'wait_{n}', '', WAITING) for n in range(30)]
    shown, more = shown_rows(rows)
    assert [row.name for row in shown][-3:] == ['done_49', 'now', 'bad']
    assert len(shown) == 24
    assert more == '28 more done, 30 more waiting'
    assert shown_rows(rows[:5]) == (rows[:5], '')


def numbers(D, error, diffusive):
    ion = {'D': {'mean': D, 'standard_error': error * D}, 'diffusive': diffusive, 'reason': 'the MSD grows as t^0.5'}
    return {'analyses': {'diffusion': {'numbers': {'ions': {'Na': ion}}}}}


@pytest.fixture
def stored_point(aiida_profile_clean):
    """A run with two segments analysed and the third on its way."""
    from aiida import orm
    from aiida.common.links import LinkType

    node = orm.WorkChainNode()
    node.set_process_label('DiffusionPointWorkChain')
    for name, value in {'settings': orm.Dict(SETTINGS), 'temperature': orm.Float(1500.0)}.items():
        node.base.links.add_incoming(value.store(), LinkType.INPUT_WORK, name)
    node.store().set_process_state('waiting')
    for number, (D, error, diffusive) in enumerate([(1e-6, 0.6, False), (4e-6, 0.4, True)]):
        job = orm.CalcFunctionNode()
        job.set_process_label('analyse_segments')
        job.base.links.add_incoming(node, LinkType.CALL_CALC, f'analyse_progress_{number:02d}')
        job.store()
        found = orm.Dict(numbers(D, error, diffusive))
        found.base.links.add_incoming(job, LinkType.CREATE, 'numbers')
        found.store()
    return node


def test_what_a_stored_run_told_so_far(stored_point):
    told = read_point(stored_point)
    assert (told.temperature, told.length, told.budget) == (1500.0, 40.0, 80.0)
    assert told.D == {'Na': 4e-6}
    assert told.relative_error['Na'] == pytest.approx(0.4)
    assert told.diffusive == {'Na': True}
    assert told.steps(told.budget) == 45000


def test_what_a_stored_sweep_is_to_do(aiida_profile_clean):
    from aiida import orm
    from aiida.common.links import LinkType

    node = orm.WorkChainNode()
    node.set_process_label('DiffusionSweepWorkChain')
    inputs = {
        'settings': orm.Dict({**SETTINGS, 'replicas': 2}),
        'temperatures': orm.List([1000, 1500]),
        'glasses__one': orm.Int(1),
        'seed': orm.Int(1),
    }
    for name, value in inputs.items():
        node.base.links.add_incoming(value.store(), LinkType.INPUT_WORK, name)
    node.store()
    assert planned_points(node) == {
        'T1500_one_00': 45000, 'T1500_one_01': 45000, 'T1000_one_00': 45000, 'T1000_one_01': 45000,
    }  # fmt: skip

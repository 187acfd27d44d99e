"""``glassion watch``: from logs and trees of processes to rows, without AiiDA; then on stored processes."""

from __future__ import annotations

import json
import subprocess

import numpy as np
import pytest

from aiida_glassion.cli.progress import digest, digest_command, job_progress
from aiida_glassion.cli.watch import duration, percent
from aiida_glassion.cli.watch_rows import DONE, FAILED, RUNNING, WAITING, rows_of, totals_of
from aiida_glassion.cli.watch_tree import Task
from aiida_glassion.formats.lammps.script import THERMO_COLUMNS
from aiida_glassion.kernels.build.melt_quench import longer_melt_schedule, melt_schedule, quench_schedule
from aiida_glassion.schedule import read_schedule
from aiida_glassion.workchains import protocols

SCHEDULE = read_schedule(
    {
        'timestep': 2.0,
        'thermo_every': 0.1,
        'stages': [
            {'kind': 'minimise', 'name': 'minimise'},
            {'kind': 'ramp', 'name': 'quench', 'temperature': 4000, 'temperature_end': 300, 'rate': 100},
            {'kind': 'hold', 'name': 'relax', 'temperature': 300, 'duration': 10},
        ],
    }
)
HEADER = 'Per MPI rank memory allocation (min/avg/max) = 4 | 4 | 4 Mbytes\n' + '   '.join(
    {'step': 'Step', 'temp': 'Temp', 'spcpu': 'S/CPU'}.get(name, name.capitalize()) for name in THERMO_COLUMNS
)


def row(step, temperature, speed):
    return ' '.join([str(step), str(temperature), *['1.0'] * (len(THERMO_COLUMNS) - 3), str(speed)])


def log_of(n_rows, first=0):
    """A log in the middle of the ramp of SCHEDULE."""
    lines = ['LAMMPS (22 Jul 2025)', 'GLASSION stage 0', HEADER, row(0, 0, 0), 'GLASSION done 0', 'GLASSION stage 1']
    lines += [HEADER, row(first, 4000, 0)] if first == 0 else [HEADER]
    return '\n'.join([*lines, *(row(first + 50 * i, 4000 - 10 * i, 100 + i % 3) for i in range(1, n_rows + 1)), ''])


def test_progress_in_the_middle_of_a_ramp():
    progress = job_progress(log_of(200), SCHEDULE)
    assert (progress.stage, progress.number, progress.n_stages) == ('quench', 2, 3)
    assert (progress.step, progress.steps) == (10000, 23500)
    assert progress.temperature == 2000
    assert progress.target == pytest.approx(4000 - 100 * 20.0)  # 10 000 steps of 2 fs at 100 K/ps
    assert progress.steps_per_second == 101
    assert progress.ns_per_day == pytest.approx(101 * 86400 * 2e-6)


@pytest.mark.parametrize('text', ['', 'LAMMPS (22 Jul 2025)\n', 'nonsense\n\x00', log_of(200)[:700]])
def test_progress_of_a_log_that_hardly_began(text):
    progress = job_progress(text, SCHEDULE)
    assert progress.step == 0
    assert progress.steps_per_second is None


def test_progress_of_a_log_cut_anywhere_never_goes_back():
    text = log_of(30)
    steps = [job_progress(text[:n], SCHEDULE).step for n in range(0, len(text), 7)]
    assert np.all(np.diff(steps) >= 0)
    assert steps[-1] >= 1450


def test_progress_of_a_continued_job_begins_where_it_was_taken_up():
    text = '\n'.join(['GLASSION stage 1', HEADER, row(9000, 2200, 0), ''])
    assert job_progress('', SCHEDULE, first_stage=1, first_step=9000).step == 9000
    assert job_progress(text, SCHEDULE, first_stage=1, first_step=9000).step == 9000


def test_progress_between_two_stages_names_the_next():
    progress = job_progress(log_of(370) + 'GLASSION done 1\n', SCHEDULE)
    assert (progress.stage, progress.step) == ('relax', 18500)


def test_an_error_in_the_log_is_told():
    assert job_progress(log_of(3) + 'ERROR: Lost atoms\n', SCHEDULE).error == 'ERROR: Lost atoms'


@pytest.mark.parametrize('n_rows', [1, 20, 370])
@pytest.mark.parametrize('cut', [0, 1, 40])
def test_the_short_log_says_what_the_whole_log_says(tmp_path, n_rows, cut):
    """The shell command on a real file, also when its last line is half written."""
    path = tmp_path / 'it is a log'
    text = log_of(n_rows)
    path.write_text(text[: len(text) - cut])
    done = subprocess.run(
        ['bash', '-c', digest_command(str(path))], capture_output=True, text=True, check=True, timeout=600
    )
    short, whole = digest(done.stdout), path.read_text()
    assert len(short) < 25000
    assert job_progress(short, SCHEDULE) == job_progress(whole, SCHEDULE)


def test_rows_of_an_older_stage_do_not_count_for_a_newer():
    tail = log_of(5) + 'GLASSION done 1\nGLASSION stage 2\n'
    output = f'{tail}\n=== GLASSION end of the tail ===\n' + '\n'.join(
        line for line in tail.splitlines() if line.startswith(('GLASSION', 'Per MPI', 'Step'))
    )
    progress = job_progress(digest(output), SCHEDULE)
    assert (progress.stage, progress.step, progress.temperature) == ('relax', 18500, None)


SETTINGS = protocols.load('melt_quench', 'fast', {'replicas': 3, 'rates': [100]})
MELT, QUENCH = melt_schedule(SETTINGS), quench_schedule(SETTINGS, 100)


def task(label, process='MdWorkChain', state='finished', status=0, **more):
    return Task(label, process, 1, state, exit_status=status if state == 'finished' else None, **more)


def running_md(label, schedule, n_steps, speed=100.0):
    text = ''
    if n_steps:
        lines = ['GLASSION stage 0', HEADER, row(0, 300, 0), row(n_steps, 3900, speed), '']
        text = '\n'.join(lines).replace('stage 0', f'stage {schedule.stage_at(n_steps).index}')
    job = task(
        'iteration_01', 'MdCalculation', 'waiting', job_state='running', schedule=schedule,
        progress=job_progress(text, schedule),
    )  # fmt: skip
    return task(label, state='waiting', schedule=schedule, children=(job,))


def study(*replicas, state='waiting', settings=SETTINGS, **more):
    return task('study', 'MeltQuenchWorkChain', state, settings=settings, children=replicas, **more)


def replica(index, *children, state='waiting', settings=SETTINGS, **more):
    label = f'replica_{index:02d}'
    return task(label, 'MeltQuenchReplicaWorkChain', state, settings=settings, children=children, **more)


MELTED = task('melt', schedule=MELT)


def test_every_replica_has_a_row_from_the_start():
    rows = rows_of(study(replica(0, task('pack', 'PackmolCalculation', 'waiting', job_state='queued'))))
    assert [(r.status, r.stage) for r in rows] == [
        (RUNNING, 'pack, queued'),
        (WAITING, 'waits for its turn'),
        (WAITING, 'waits for its turn'),
    ]
    assert {r.total for r in rows} == {MELT.last_step + QUENCH.last_step}


def test_melting_longer_adds_to_the_work():
    longer = longer_melt_schedule(SETTINGS, 1)
    (row_,) = rows_of(replica(0, MELTED, task('judge_melt', 'judge_melt'), running_md('melt_longer_1', longer, 1000)))
    assert row_.stage.startswith('melt longer 1×')
    assert row_.total == MELT.last_step + longer.last_step + QUENCH.last_step
    assert row_.done == MELT.last_step + 1000
    assert row_.left == pytest.approx((row_.total - row_.done) / 100)


def test_quenching_shows_rate_temperature_and_speed():
    (row_,) = rows_of(replica(0, MELTED, running_md('quench_rate_100', QUENCH, 9250, 50.0)))
    assert row_.stage == 'quench 100 K/ps 2/4'
    assert row_.done == MELT.last_step + 9250
    assert (row_.temperature, row_.target) == (3900, pytest.approx(4000 - 100 * 18.5))


def test_several_rates_from_one_melt_are_counted_once():
    settings = protocols.load('melt_quench', 'fast', {'rates': [100, 200], 'replicas': 1})
    slow, fast = (quench_schedule(settings, rate) for rate in (100, 200))
    children = (MELTED, running_md('quench_rate_100', slow, 100), task('quench_rate_200', schedule=fast))
    rows = rows_of(study(replica(0, *children, settings=settings), settings=settings))
    assert [r.name for r in rows] == ['replica_00 @100', 'replica_00 @200']
    totals = totals_of(rows)
    assert totals.total == MELT.last_step + slow.last_step + fast.last_step
    assert totals.done == MELT.last_step + 100 + fast.last_step


def test_a_failed_replica_says_why_and_the_others_go_on():
    bad = task('quench_rate_100', status=411, exit_message='The run explodes', schedule=QUENCH)
    failed = replica(0, MELTED, bad, state='finished', status=332, exit_message='A quench could not be run')
    rows = rows_of(study(failed, replica(1, MELTED)))
    assert (rows[0].status, rows[0].reason) == (FAILED, '[411] The run explodes')
    assert rows[1].status == RUNNING
    assert totals_of(rows).counts == {DONE: 0, RUNNING: 1, WAITING: 1, FAILED: 1}


def test_a_killed_replica_is_no_success():
    (row_,) = rows_of(replica(0, MELTED, state='killed', exit_message='Killed through `verdi process kill`'))
    assert (row_.status, row_.reason) == (FAILED, 'Killed through `verdi process kill`')


def test_one_failed_rate_does_not_make_the_other_a_failure():
    settings = protocols.load('melt_quench', 'fast', {'rates': [100, 200], 'replicas': 1})
    bad = task('quench_rate_200', status=412, exit_message='no', schedule=QUENCH)
    children = (MELTED, task('quench_rate_100', schedule=QUENCH), bad)
    failed = replica(0, *children, state='finished', status=332, exit_message='x', settings=settings)
    assert [r.status for r in rows_of(failed)] == [DONE, FAILED]


def test_done_is_a_hundred_percent():
    rows = rows_of(
        study(*(replica(i, MELTED, task('quench_rate_100', schedule=QUENCH), state='finished') for i in range(3)))
    )
    assert {(r.status, percent(r.done, r.total)) for r in rows} == {(DONE, '100 %')}
    assert totals_of(rows).left is None


def test_a_piece_after_a_kill_counts_what_the_first_did():
    first = task('iteration_01', 'MdCalculation', status=304, schedule=SCHEDULE, reached=20.0)
    rest = task(
        'iteration_02', 'MdCalculation', 'waiting', job_state='running', schedule=SCHEDULE,
        progress=job_progress('', SCHEDULE, first_stage=1, first_step=9000),
    )  # fmt: skip
    (row_,) = rows_of(task('md', state='waiting', schedule=SCHEDULE, children=(first, rest)))
    assert row_.done == 9000


def test_a_softer_retry_counts_time_not_its_own_steps():
    rest = SCHEDULE.remaining(1, 9000, 0.5)
    second = task(
        'iteration_02', 'MdCalculation', 'waiting', job_state='running', schedule=rest, progress=job_progress('', rest)
    )
    (row_,) = rows_of(task('md', state='waiting', schedule=SCHEDULE, children=(second,)))
    assert row_.done == 9000


def test_the_time_left_counts_waiting_replicas():
    rows = rows_of(study(replica(0, MELTED, running_md('quench_rate_100', QUENCH, 9250, 50.0))))
    totals = totals_of(rows)
    assert totals.left == pytest.approx((totals.total - totals.done) / 50)


@pytest.mark.parametrize(
    ('seconds', 'text'),
    [(5, '5 s'), (65, '1 min 05 s'), (3600, '1 h 00 min'), (200000, '2 d 7 h'), (None, '')],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_percent_is_a_hundred_only_at_the_end():
    assert percent(9999, 10000) == '99 %'


MAKE = """
import json
from aiida import load_profile, orm
from aiida.engine import calcfunction
load_profile('glassion')

@calcfunction
def good(x):
    return orm.Int(x.value + 1)

@calcfunction
def bad(x):
    raise RuntimeError('no luck [today]')

result, node = good.run_get_node(orm.Int(1))
try:
    bad(orm.Int(1))
except RuntimeError:
    pass
failed = orm.QueryBuilder().append(orm.CalcFunctionNode, filters={'attributes.process_label': 'bad'}).first()[0]
print(json.dumps({'good': node.pk, 'data': result.pk, 'bad': failed.pk}))
"""


def test_ended_processes_data_and_nothing(at_home, tmp_path):
    script = tmp_path / 'make.py'
    script.write_text(MAKE)
    made = json.loads(at_home('python', str(script)).stdout.splitlines()[-1])
    done = at_home('glassion', 'watch', str(made['good']), '--once')
    assert done.returncode == 0
    assert 'ended well' in done.stdout
    failed = at_home('glassion', 'watch', str(made['bad']))
    assert failed.returncode == 1
    assert 'no luck [today]' in failed.stdout
    data = at_home('glassion', 'watch', str(made['data']))
    assert data.returncode == 2
    assert f'glassion show {made["data"]}' in data.stderr
    for wrong in ('987654', 'nonsense'):
        nothing = at_home('glassion', 'watch', wrong)
        assert nothing.returncode == 2
        assert f'no node {wrong}' in nothing.stderr
        assert 'Traceback' not in nothing.stderr


def test_an_analysis_beside_its_data_says_how_many_frames_are_done():
    from aiida_glassion.cli.watch_analysis import Analysing, parse_analysing

    told = parse_analysing('{\n "done": 120,\n "total": 400,\n "seconds": 30.0\n}\n')
    assert told == Analysing(120, 400, 30.0)
    assert told.left == pytest.approx(70.0)
    (shown,) = rows_of(task('', 'AnalysisCalculation', 'waiting', job_state='running', analysing=told))
    assert (shown.stage, shown.done, shown.total, shown.unit) == ('analyse', 120, 400, 'frames')
    totals = totals_of([shown])
    assert (totals.done, totals.total, totals.unit, totals.left) == (120, 400, 'frames', pytest.approx(70.0))
    steps = rows_of(running_md('', SCHEDULE, 9000))
    assert totals_of([shown, *steps]).unit == 'steps'
    assert totals_of([shown, *steps]).total == 23500


@pytest.mark.parametrize('text', ['', '{"done": 12', '{"total": 3}', '[1, 2]', 'null', '{"done": "x", "total": 1}'])
def test_progress_of_an_analysis_that_is_half_written(text):
    from aiida_glassion.cli.watch_analysis import parse_analysing

    assert parse_analysing(text) is None


def test_progress_of_an_analysis_is_read_where_it_runs(aiida_profile_clean, aiida_localhost, tmp_path):
    from aiida import orm

    from aiida_glassion.cli.watch_tree import TreeReader

    (tmp_path / 'progress.json').write_text(json.dumps({'done': 5, 'total': 20, 'seconds': 1.5}))
    job = orm.CalcJobNode(computer=aiida_localhost)
    job.set_process_label('AnalysisCalculation')
    job.set_process_state('waiting')
    job.set_remote_workdir(str(tmp_path))
    job.store()
    with TreeReader() as reader:
        seen = reader.read(job.pk)
        assert (seen.analysing.done, seen.analysing.total) == (5, 20)
        (tmp_path / 'progress.json').write_text('{"done": 9, "tot')
        assert reader.read(job.pk).analysing is None
        assert reader.problems == []

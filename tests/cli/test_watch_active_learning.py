"""``glassion watch`` of an active learning: from trees of processes to rows; then on stored processes."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from loops import STAGES, LoopBuilder, make_records
from rich.console import Console

from aiida_glassion.cli.watch import snapshot
from aiida_glassion.cli.watch_active_learning import loop_rows, loop_totals, place_lines, progress_of, remark
from aiida_glassion.cli.watch_plan import Place, place_of
from aiida_glassion.cli.watch_rows import DONE, FAILED, RUNNING, WAITING
from aiida_glassion.cli.watch_training import Learning
from aiida_glassion.cli.watch_tree import Task, TreeReader

BEGIN = datetime(2026, 3, 2, 9, 0, tzinfo=timezone.utc)
LENGTHS = {'train': 10, 'levels': 0, 'explore': 30, 'select': 1, 'label': 20, 'assess': 0}
CLASSES = {'train': 'TrainWorkChain', 'explore': 'ExploreWorkChain', 'label': 'LabelWorkChain'}


def part(iteration, name, start, minutes, state='finished', **more):
    ended = None if state == 'waiting' else BEGIN + timedelta(minutes=start + minutes)
    return Task(
        f'iteration_{iteration:02d}_{name}', CLASSES.get(name, name), 1, state, exit_status=0 if ended else None,
        started=BEGIN + timedelta(minutes=start), ended=ended, **more,
    )  # fmt: skip


def whole(iteration, start, factor=1.0):
    """All parts of an iteration that ended, and the minute when it ended."""
    parts = []
    for name, minutes in LENGTHS.items():
        parts.append(part(iteration, name, start, factor * minutes))
        start += factor * minutes
    return parts, start


def loop(*children, state='waiting', place=None):
    return Task('loop', 'ActiveLearningWorkChain', 1, state, children=tuple(children), place=place)


def job(label, state='waiting', status=None, process='LammpsLabelCalculation'):
    return Task(label, process, 1, state, exit_status=status, job_state='running' if state == 'waiting' else None)


def test_what_runs_how_far_and_what_is_left():
    first, now = whole(1, 0)
    second, now = whole(2, now, 2)
    third, now = whole(3, now, 3)
    jobs = (job('a_0', 'finished', 0), job('a_1', 'finished', 300), job('b_0'))
    planned = {'a_0': 8, 'a_1': 8, 'b_0': 8, 'b_1': 5}
    label = part(4, 'label', now + 60, 0, 'waiting', children=jobs, planned=planned)
    current = [part(4, 'train', now, 20), part(4, 'explore', now + 20, 40), label]
    task = loop(*first, *second, *third, *current)
    rows = loop_rows(task, BEGIN + timedelta(minutes=now + 75))
    assert [(row.name, row.stage, row.status) for row in rows] == [
        ('train', 'done in 20 min', DONE),
        ('explore', 'done in 40 min', DONE),
        ('label', '16 of 29 labels, 1 not to the end', RUNNING),
        ('  b_0', 'running', RUNNING),
    ]
    assert (rows[2].done, rows[2].total) == (16, 29)
    assert rows[2].left == pytest.approx(60 * (40 - 15)), 'median of 20, 40 and 60 min, of which 15 are over'
    totals = loop_totals(task, rows)
    assert totals.left == rows[2].left
    assert totals.counts == {DONE: 2, RUNNING: 1, WAITING: 0, FAILED: 0}
    assert 'an estimate from 3 before it' in remark(task)


def test_what_took_less_than_two_minutes_says_seconds():
    rows = loop_rows(loop(part(1, 'train', 0, 2), part(1, 'explore', 2, 0.25)), BEGIN + timedelta(minutes=3))
    assert [row.stage for row in rows[:2]] == ['done in 2 min', 'done in 15 s']


def test_parts_that_wait_count_with_what_they_usually_take():
    first, now = whole(1, 0)
    task = loop(*first, part(2, 'train', now, 0, 'waiting', planned={'train_seed_1': 1, 'train_seed_2': 1}))
    rows = loop_rows(task, BEGIN + timedelta(minutes=now + 4))
    assert [(row.name, row.status, row.left) for row in rows] == [
        ('train', RUNNING, 360), ('explore', WAITING, 1800), ('label', WAITING, 1200),
    ]  # fmt: skip
    assert rows[0].stage == '0 of 2 members'
    assert loop_totals(task, rows).left == 3360
    late = loop_rows(task, BEGIN + timedelta(minutes=now + 400))
    assert late[0].left == 0, 'never negative'


def test_the_first_iteration_has_nothing_to_estimate_from():
    task = loop(part(1, 'train', 0, 0, 'waiting', planned={'train_seed_1': 1}))
    rows = loop_rows(task, BEGIN + timedelta(minutes=5))
    assert [row.name for row in rows] == ['train', 'explore', 'label']
    assert loop_totals(task, rows).left is None
    assert loop_rows(loop()) == []


def test_a_training_is_estimated_by_its_own_speed():
    steps = Task('iteration_01', 'DeepmdTrainCalculation', 5, 'waiting', job_state='running',
                 learning=Learning(250, 1000, 0.01, 0.4))  # fmt: skip
    member = Task('train_seed_1', 'TrainMemberWorkChain', 3, 'waiting', learning=Learning(0, 1000), children=(steps,))
    first, now = whole(1, 0)
    train = part(2, 'train', now, 0, 'waiting', planned={'train_seed_1': 1}, children=(member,))
    rows = loop_rows(loop(*first, train), BEGIN + timedelta(minutes=now + 1))
    assert rows[0].left == pytest.approx(7.5)
    assert (rows[1].name, rows[1].stage) == ('  train_seed_1', 'learn, 400 meV/Å')


def test_what_failed_says_why():
    bad = Task('iteration_01_explore', 'ExploreWorkChain', 1, 'finished', 500, 'too many runs failed')
    rows = loop_rows(loop(part(1, 'train', 0, 10), bad, state='finished'))
    assert [(row.name, row.status, row.reason) for row in rows] == [
        ('train', DONE, None), ('explore', FAILED, '[500] too many runs failed'),
    ]  # fmt: skip


def test_many_running_jobs_are_counted():
    explore = part(1, 'explore', 0, 0, 'waiting', planned={f'r{i}': 1 for i in range(40)},
                   children=tuple(job(f'r{i}') for i in range(20)))  # fmt: skip
    rows = loop_rows(loop(explore), BEGIN)
    names = [row.name for row in rows]
    assert names[0] == 'explore'
    assert names[9] == '  and 12 more'
    assert progress_of(explore) == (0, 40)


def test_place_after_each_decision():
    records = make_records()
    assert place_of(STAGES, None) == Place(0, 'crystals', 1, 3, 1)
    places = [place_of(STAGES, record) for record in records]
    assert [(p.judged, p.stage, p.number, p.round) for p in places] == [
        (1, 'crystals', 1, 2), (2, 'melts', 2, 1), (3, 'melts', 2, 2), (4, 'glasses', 3, 1), (5, 'glasses', 3, 2),
        (6, 'glasses', 3, 2),
    ]  # fmt: skip
    lines = place_lines(loop(part(5, 'train', 0, 0, 'waiting'), place=places[3]))
    assert lines[0] == 'iteration 5 · stage 3 of 3: glasses, round 1'
    assert lines[1].startswith('last decision (iteration 4): advance: 2.4 % of 8000 frames')


def test_a_stored_loop_that_runs(aiida_profile_clean):
    builder = LoopBuilder('running', judged=2, begun='explore')
    node = builder.build()
    with TreeReader() as reader:
        task = reader.read(node.pk)
        assert reader.problems == []
        parts = {child.label: child for child in task.children}
        assert parts['iteration_01_explore'].children == (), 'what ended is not read again with all below it'
        assert parts['iteration_01_explore'].seconds > 0
        assert task.place == place_of(STAGES, builder.records[1])
        console = Console(width=150, record=True, file=open('/dev/null', 'w'), color_system=None)  # noqa: SIM115
        console.print(snapshot(task, reader.problems))
    text = ' '.join(console.export_text().split())
    for words in (
        'iteration 3 · stage 2 of 3: melts, round 1',
        'last decision (iteration 2): advance',
        '▶ explore begins',
        'an estimate from 2 before it',
    ):
        assert words in text, (words, text)

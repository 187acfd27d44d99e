"""What a watcher sees: one row for every glass in the making, from the tree of processes. Pure functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from aiida_glassion.cli.watch_training import Learning, describe, waiting_labels
from aiida_glassion.cli.watch_tree import Task
from aiida_glassion.kernels.build.melt_quench import longer_melt_schedule, melt_schedule, quench_schedule, rate_label

WAITING, RUNNING, DONE, FAILED = 'waiting', 'running', 'done', 'failed'


@dataclass(frozen=True)
class Row:
    """One line of the table.

    :param name: replica, or the path of link labels.
    :param stage: what it does, in words.
    :param status: waiting, running, done or failed.
    :param done: integration steps done, of ``total``, or of what ``unit`` says; a row that counts nothing has 0 of 0.
    :param temperature: K now; ``target``: K asked for.
    :param left: s until this row is done at its own speed; None: not known.
    :param reason: why it failed.
    """

    name: str
    stage: str
    status: str
    done: int = 0
    total: int = 0
    temperature: float | None = None
    target: float | None = None
    steps_per_second: float | None = None
    ns_per_day: float | None = None
    left: float | None = None
    reason: str | None = None
    unit: str = 'steps'


@dataclass(frozen=True)
class Totals:
    """The whole: steps (or ``unit``) ``done`` of ``total``, rows in each status, s ``left`` (None: not known)."""

    done: int
    total: int
    counts: dict[str, int]
    left: float | None
    unit: str = 'steps'


def rows_of(task: Task) -> list[Row]:
    """Rows of any process: replicas of a melt-quench, else every MD and job below it."""
    if task.process == 'MeltQuenchWorkChain' and task.settings:
        return list(_replicas(task, task.settings))
    if task.process == 'MeltQuenchReplicaWorkChain' and task.settings:
        return list(_replica(task.label, task, task.settings))
    jobs = list(_jobs(task))
    if task.process == 'TrainWorkChain' and task.children:
        jobs = [job for child in task.children if child.learning or child.job_state for job in _jobs(child)]
    rows = [_job(name, job) for name, job in jobs]
    if task.process == 'TrainWorkChain' and task.settings and task.is_working:
        steps = int(task.settings['parameters'].get('training', {}).get('numb_steps', 0))
        labels = waiting_labels(task.settings['committee'], (child.label for child in task.children))
        rows += [Row(label, 'waits for its turn', WAITING, 0, steps) for label in labels]
    return rows


def totals_of(rows: list[Row]) -> Totals:
    """Sum over the rows; the time left assumes that as many rows run at a time as do now, at their speed."""
    unit = next((row.unit for row in rows if row.total), 'steps')
    unit = 'steps' if any(row.total and row.unit == 'steps' for row in rows) else unit
    counted = [row for row in rows if row.unit == unit]
    speeds = [row.steps_per_second for row in counted if row.status == RUNNING and row.steps_per_second]
    left_steps = sum(row.total - row.done for row in counted if row.status in (WAITING, RUNNING))
    own = [row.left for row in rows if row.left is not None]
    known = bool(speeds) or unit != 'steps'
    left = max([*([left_steps / sum(speeds)] if speeds else []), *own], default=None) if known else None
    counts = {status: sum(row.status == status for row in rows) for status in (DONE, RUNNING, WAITING, FAILED)}
    done, total = sum(row.done for row in counted), sum(row.total for row in counted)
    return Totals(done, total, counts, left if left_steps else None, unit)


def _replicas(task: Task, settings: Mapping[str, Any]) -> Iterator[Row]:
    """Every replica that is planned, started or not."""
    started = {child.label: child for child in task.children}
    for index in range(settings['replicas']):
        label = f'replica_{index:02d}'
        if label in started:
            yield from _replica(label, started[label], settings)
        else:
            total = _melt_steps(settings) + sum(_quench_steps(settings, rate) for rate in settings['rates'])
            yield Row(label, 'waits for its turn' if task.is_working else 'never started', WAITING, 0, total)


def _replica(label: str, task: Task, settings: Mapping[str, Any]) -> Iterator[Row]:
    """One row while it melts; then one for each quench rate."""
    melts = [child for child in task.children if child.label.startswith('melt')]
    quenches = {child.label: child for child in task.children if child.label.startswith('quench_')}
    longer = [m for m in melts if m.label.startswith('melt_longer_')]
    melt_total = _melt_steps(settings) + sum(
        longer_melt_schedule(settings, times).last_step for times in range(1, len(longer) + 1)
    )
    melt_done = sum(steps_done(melt) for melt in melts)
    quench_total = {rate: _quench_steps(settings, rate) for rate in settings['rates']}
    if not quenches:
        total = melt_total + sum(quench_total.values())
        yield _row(label, _melting(task, melts), task, melts[-1] if melts else None, melt_done, total)
        return
    share = len(quenches)
    for rate in settings['rates']:
        quench = quenches.get(f'quench_{rate_label(rate)}')
        name = label if share == 1 else f'{label} @{rate:g}'
        # the melt is one run for all rates: each row bears its part of it
        done = melt_done // share + (steps_done(quench) if quench else 0)
        total = melt_total // share + quench_total[rate]
        yield _row(name, _quenching(task, quench, rate, share > 1), task, quench, done, total)


def _row(name: str, stage: str, task: Task, md: Task | None, done: int, total: int) -> Row:
    """Row of a replica whose current MD is ``md``."""
    failure = (md.failure if md is not None and not task.is_done else None) or task.failure
    if task.is_done and (md is None or md.is_done):
        return Row(name, 'done', DONE, total, total)
    if md is not None and md.is_done and task.failure and not _is_own_failure(task, md):
        return Row(name, 'done', DONE, total, total)
    if not task.is_working:
        return Row(name, stage, FAILED, min(done, total), total, reason=failure or 'not finished')
    row = Row(name, stage, RUNNING, min(done, total), total)
    return _with_progress(row, md)


def _is_own_failure(task: Task, md: Task) -> bool:
    """Whether a replica failed although (this) MD ended well: only a failure of another quench is not its own."""
    return not (md.label.startswith('quench_') and any(c.failure for c in task.children if c.label != md.label))


def _with_progress(row: Row, md: Task | None) -> Row:
    """Add what the log of the running job says."""
    job = running_job(md) if md is not None else None
    if job is None or job.progress is None:
        return row
    progress = job.progress
    if job.job_state not in (None, 'running', 'submitted', 'done'):
        return replace(row, stage=f'{row.stage}, {job.job_state}')
    words = row.stage if progress.stage in row.stage.split() else f'{row.stage}: {progress.stage}'
    stage = f'{words} {progress.number}/{progress.n_stages}'
    if progress.error:
        stage += f' ({progress.error})'
    speed = progress.steps_per_second
    return replace(
        row,
        stage=stage,
        temperature=progress.temperature,
        target=progress.target,
        steps_per_second=speed,
        ns_per_day=progress.ns_per_day,
        left=None if not speed else (row.total - row.done) / speed,
    )


def running_job(task: Task) -> Task | None:
    """The job that an MD is in now, None between two."""
    if task.process == 'MdCalculation':
        return task if task.is_working else None
    return next((child for child in reversed(task.children) if child.is_working and child.progress), None)


def _melting(task: Task, melts: list[Task]) -> str:
    """Words for a replica that has not begun to quench."""
    last = task.children[-1] if task.children else None
    if last is None:
        return 'starts'
    if last.label == 'pack':
        return f'pack, {last.job_state}' if last.is_working and last.job_state else 'pack'
    if last.label.startswith('melt_longer_'):
        return f'melt longer {len(melts) - 1}×'
    return 'is it a melt?' if last.label == 'judge_melt' else 'melt'


def _quenching(task: Task, quench: Task | None, rate: float, is_named: bool) -> str:
    if quench is not None and quench.is_done and task.is_working:
        return 'analyse' if any(c.label == f'analyse_{rate_label(rate)}' for c in task.children) else 'quenched'
    return 'quench' if is_named else f'quench {rate:g} K/ps'


def rows_of_runs(
    task: Task, process: str, row: Callable[[Task, int], Row], waiting: Callable[[str, str, str, int, int], Row]
) -> list[Row]:
    """A row for every run of a study, planned, begun or ended; of a run watched by itself one row.

    :param process: what is run.
    :param row: of a run that has begun, from the length that was planned (0: not known).
    :param waiting: of one that has not, from its name, words, status, what is done and the length planned.
    """
    if task.process == process:
        return [row(task, 0)]
    planned = task.planned or {}
    begun = {child.label: child for child in task.children if child.process == process}
    words = 'waits for its turn' if task.is_working else 'never started'
    return [
        row(begun[label], planned.get(label, 0))
        if label in begun
        else waiting(label, words, WAITING, 0, planned[label])
        for label in dict.fromkeys([*planned, *begun])
    ]


def steps_done(task: Task) -> int:
    """Integration steps of a MD's schedule that are done, all its pieces counted; a shorter timestep counts as time."""
    if task.schedule is None:
        return 0
    whole = task.schedule
    if task.is_done:
        return whole.last_step
    pieces = [task] if task.process == 'MdCalculation' else [c for c in task.children if c.process == 'MdCalculation']
    if not pieces or pieces[-1].schedule is None:
        return 0
    piece = pieces[-1]
    reached = piece.progress.time if piece.progress else (piece.reached or 0.0)
    left = pieces[-1].schedule.duration - reached
    return round(whole.last_step * min(1.0, max(0.0, 1 - left / whole.duration))) if whole.duration else 0


def _jobs(task: Task, path: str = '') -> Iterator[tuple[str, Task]]:
    """Every MD and every other CalcJob below a process, with its path of link labels."""
    name = '/'.join(part for part in (path, task.label) if part)
    is_leaf = task.process in ('MdWorkChain', 'MdCalculation', 'TrainMemberWorkChain') or not task.children
    if is_leaf:
        if task.schedule is not None or task.job_state is not None or task.learning is not None or not path:
            yield name, task
        return
    for child in task.children:
        yield from _jobs(child, name)


def _job(name: str, task: Task) -> Row:
    if task.learning:
        return _training(name, task)
    return analysis_row(name, task) if task.analysing else single_row(name, task)


def analysis_row(name: str, task: Task) -> Row:
    """Row of an analysis that runs beside its data."""
    told = task.analysing
    if told is None:
        return single_row(name, task)
    words = 'analyse' if told.done < told.total else 'writes results'
    return Row(name, words, RUNNING, told.done, told.total, left=told.left, unit='frames')


def _training(name: str, task: Task) -> Row:
    """Row of a training: the newest job of a member says how far it is."""
    newest = task.children[-1] if task.children and task.children[-1].learning else task
    learning = newest.learning or Learning(0, 0)
    if task.is_done:
        return Row(name, 'done', DONE, learning.steps, learning.steps)
    if task.failure:
        return Row(name, 'failed', FAILED, learning.step, learning.steps, reason=task.failure)
    if newest.job_state not in (None, 'running', 'submitted', 'done'):
        return Row(name, str(newest.job_state), RUNNING, learning.step, learning.steps)
    seconds = learning.seconds_per_batch
    return Row(
        name,
        describe(learning),
        RUNNING,
        learning.step,
        learning.steps,
        steps_per_second=1 / seconds if seconds else None,
        left=(learning.steps - learning.step) * seconds if seconds else None,
    )


def single_row(name: str, task: Task) -> Row:
    """Row of an MD or of a job that is none."""
    total = task.schedule.last_step if task.schedule else 0
    done = steps_done(task)
    if task.is_done:
        return Row(name, 'done', DONE, total, total)
    if task.failure:
        return Row(name, 'failed', FAILED, done, total, reason=task.failure)
    word = 'md' if task.schedule else (task.job_state or task.state)
    return _with_progress(Row(name, word, RUNNING, done, total), task)


def _melt_steps(settings: Mapping[str, Any]) -> int:
    return melt_schedule(settings).last_step


def _quench_steps(settings: Mapping[str, Any], rate: float) -> int:
    return quench_schedule(settings, rate).last_step

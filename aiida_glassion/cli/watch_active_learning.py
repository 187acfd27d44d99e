"""What a watcher sees of an active learning: what runs now and how far, and how long the iteration may still take."""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timezone

from aiida_glassion.cli.watch_rows import DONE, FAILED, RUNNING, WAITING, Row, Totals, rows_of, totals_of
from aiida_glassion.cli.watch_tree import Task

_LABEL = re.compile(r'iteration_(\d+)_(.+)')
_PARTS = ('train', 'explore', 'label', 'gate')
"""The parts of an iteration that take time, in order."""
_UNITS = {'train': 'members', 'explore': 'runs', 'label': 'labels', 'gate': 'glasses', 'label_initial': 'labels'}
_BETWEEN = {
    'levels': 'sets the trust levels',
    'select': 'selects frames',
    'split': 'divides the new data',
    'assess': 'judges the iteration',
    'assess_again': 'judges the iteration with its structures',
}
_MOST_ROWS = 8
_TOLERANT = ('ExploreWorkChain', 'LabelWorkChain')
"""Parts of which single jobs may end early: that is a result, or is tried again."""


def loop_rows(task: Task, now: datetime | None = None) -> list[Row]:
    """A row for each part of the iteration that runs, and below it for what runs in it.

    :param task: the loop.
    :param now: UTC; None: now.
    """
    now = now or datetime.now(timezone.utc)
    history, number = _history(task), current_iteration(task)
    own = {name: child for child in task.children if (name := _name(child, number))}
    rows: list[Row] = []
    for child in task.children:
        if not _LABEL.fullmatch(child.label) and child.process.endswith('WorkChain') and not child.is_done:
            rows += _part_rows(child.label, child, history, now)
    begun = max((index for index, name in enumerate(_PARTS) if name in own), default=len(_PARTS))
    for index, name in enumerate(_PARTS):
        if name in own:
            rows += _part_rows(name, own[name], history, now)
        elif task.is_working and index > begun and name != 'gate' and 'assess' not in own:
            usual = _usual(history.get(name))
            if usual is not None or not history:
                rows.append(Row(name, 'waits for its turn', WAITING, left=usual))
    between = [child for name, child in own.items() if name in _BETWEEN and child.is_working]
    rows += [Row(child.label, _BETWEEN[_name(child, number)], RUNNING) for child in between]
    return rows


def current_iteration(task: Task) -> int:
    """Number of the newest iteration, 0 before the first."""
    return max((int(match[1]) for child in task.children if (match := _LABEL.fullmatch(child.label))), default=0)


def _name(child: Task, number: int) -> str:
    """Name of a part of an iteration; empty for parts of others."""
    match = _LABEL.fullmatch(child.label)
    return match[2] if match and int(match[1]) == number else ''


def _minutes(seconds: float) -> str:
    return f'{seconds / 60:.0f} min' if seconds >= 120 else f'{seconds:.0f} s'


def _part_rows(name: str, task: Task, history: Mapping[str, list[float]], now: datetime) -> Iterator[Row]:
    """Row of a part and, while it runs, rows of its jobs that run or failed."""
    if not task.is_working:
        took = '' if task.seconds is None else f' in {_minutes(task.seconds)}'
        yield Row(name, f'done{took}', DONE) if task.is_done else Row(name, 'failed', FAILED, reason=task.failure)
        return
    done, total = progress_of(task)
    words = f'{done} of {total} {_UNITS.get(name, "jobs")}' if total else 'begins'
    below = rows_of(task) if task.children else []
    early = sum(child.failure is not None and child.label in (task.planned or {}) for child in task.children)
    words += f', {early} not to the end' if early else ''
    yield Row(name, words, RUNNING, done, total, left=_left(task, history.get(name), below, now))
    told = (RUNNING,) if task.process in _TOLERANT else (FAILED, RUNNING)
    listed = [row for status in told for row in below if row.status == status]
    for row in listed[:_MOST_ROWS]:
        yield replace(row, name=f'  {row.name.rpartition("/")[2]}')
    if len(listed) > _MOST_ROWS:
        yield Row(f'  and {len(listed) - _MOST_ROWS} more', '', RUNNING)


def progress_of(task: Task) -> tuple[int, int]:
    """How many runs, members, glasses or labels are done, and of how many."""
    planned = task.planned or {}
    ended = {child.label for child in task.children if not child.is_working}
    return sum(number for label, number in planned.items() if label in ended), sum(planned.values())


def _history(task: Task) -> dict[str, list[float]]:
    """Time that the parts of earlier iterations took, s."""
    number, found = current_iteration(task), dict[str, list[float]]()
    for child in task.children:
        match = _LABEL.fullmatch(child.label)
        if match and int(match[1]) < number and child.is_done and child.seconds is not None:
            found.setdefault(match[2], []).append(child.seconds)
    return found


def _usual(seconds: list[float] | None) -> float | None:
    """Median of the last three: an iteration resembles its neighbours more than the first."""
    return statistics.median(seconds[-3:]) if seconds else None


def _left(task: Task, earlier: list[float] | None, below: list[Row], now: datetime) -> float | None:
    """Time that a part still takes, s: for a training by its own speed, else by what it took before."""
    own = totals_of(below).left if task.process == 'TrainWorkChain' else None
    if own is not None:
        return own
    usual = _usual(earlier)
    if usual is None or task.started is None:
        return None
    return max(0.0, usual - (now - task.started).total_seconds())


def loop_totals(task: Task, rows: list[Row]) -> Totals:
    """Parts in each status, and the time left of the iteration.

    :param task: the loop.
    :param rows: of its parts, see :func:`loop_rows`.
    """
    parts = [row for row in rows if not row.name.startswith(' ')]
    counts = {status: sum(row.status == status for row in parts) for status in (DONE, RUNNING, WAITING, FAILED)}
    open_parts = [row for row in parts if row.status in (RUNNING, WAITING)]
    known = [row.left for row in open_parts if row.left is not None]
    left = sum(known) if known and len(known) == len(open_parts) else None
    return Totals(0, 0, counts, left)


def place_lines(task: Task) -> list[str]:
    """Where the loop is, in a line; the last decision in another."""
    place, number = task.place, current_iteration(task)
    if place is None:
        return []
    where = f'stage {place.number} of {place.n_stages}: {place.stage}, round {place.round}' if place.n_stages else ''
    begun = f'iteration {number}' if number else 'before the first iteration'
    lines = [' · '.join(part for part in (begun, where) if part)]
    if place.decision:
        lines.append(f'last decision (iteration {place.judged}): {place.decision}')
    return lines


def remark(task: Task) -> str:
    """What the time left is founded on."""
    times = max((len(seconds) for seconds in _history(task).values()), default=0)
    if not times:
        return ' of this iteration (an estimate)'
    return f' of this iteration (an estimate from {min(times, 3)} before it; how many will follow is not known)'

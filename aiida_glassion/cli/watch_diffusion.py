"""What a watcher sees of a diffusion sweep: one row for every run, with D and its error so far."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from aiida_glassion.cli.watch_analysis import ANALYSIS
from aiida_glassion.cli.watch_diffusion_state import POINT, PointState
from aiida_glassion.cli.watch_rows import DONE, FAILED, RUNNING, WAITING, Row, rows_of_runs, running_job, steps_done

if TYPE_CHECKING:
    from rich.console import RenderableType

    from aiida_glassion.cli.watch_tree import Task

_RESULTS = (0, 430, 431)
"""Exit statuses of runs that are results: converged, no diffusion within the budget, less precise than wanted."""
_VERDICTS = {0: 'converged', 430: 'not diffusive', 431: 'budget spent'}
_MOST_ROWS = 24


@dataclass(frozen=True)
class PointRow(Row):
    """One run.

    :param point: what it told so far; None: it has not begun.
    """

    point: PointState | None = None


def sweep_rows(task: Task) -> list[Row]:
    """A row for every run, planned, begun or ended; of a single run one row."""
    return rows_of_runs(task, POINT, lambda run, _planned: point_row(run), PointRow)


def point_row(task: Task) -> PointRow:
    """Row of a run that has begun."""
    point = task.point
    if point is None:
        return PointRow(task.label, task.state, RUNNING if task.is_working else FAILED, reason=task.failure)
    total = point.steps(point.budget)
    if not task.is_working:
        if task.state == 'finished' and task.exit_status in _RESULTS:
            done = point.steps(point.length)
            return PointRow(task.label, _VERDICTS[task.exit_status], DONE, done, done, point=point)
        done = point.steps(point.length) if point.length else 0
        return PointRow(task.label, 'failed', FAILED, done, total, reason=task.failure, point=point)
    runs = [child for child in task.children if child.schedule is not None]
    done = min(sum(steps_done(run) for run in runs), total)
    row = PointRow(task.label, _phase(task, point), RUNNING, done, total, point=point)
    return _with_speed(row, runs[-1] if runs else None, task)


def _phase(task: Task, point: PointState) -> str:
    """What a run does now."""
    last = task.children[-1] if task.children else None
    if last is None:
        return 'begins'
    if last.process == ANALYSIS or last.label.startswith('analyse'):
        told = last.analysing
        words = 'analyse all' if last.label == 'analyse' else 'analyse'
        return f'{words} {told.done}/{told.total} frames' if told else words
    if last.label.startswith('segment_'):
        number, state = int(last.label.rpartition('_')[2]) + 1, running_job(last)
        if not last.is_working:
            return f'segment {number} done'
        waits = state is not None and state.job_state not in (None, 'running', 'submitted', 'done')
        return f'segment {number}' + (f', {state.job_state}' if waits and state else '')
    return {'equilibrate': 'equilibrate', 'mean_cell': 'mean cell', 'copy_frames': 'copies frames'}.get(
        last.label, last.label.replace('_', ' ')
    )


def _with_speed(row: PointRow, run: Task | None, task: Task) -> PointRow:
    """Add what the log of the running job says."""
    job = running_job(run) if run is not None and run.is_working else None
    if job is None or job.progress is None:
        analysing = task.children[-1].analysing if task.children else None
        return replace(row, left=None if analysing is None else analysing.left)
    progress = job.progress
    speed = progress.steps_per_second
    return replace(
        row,
        temperature=progress.temperature,
        target=progress.target,
        steps_per_second=speed,
        ns_per_day=progress.ns_per_day,
        left=None if not speed else (row.total - row.done) / speed,
    )


def shown_rows(rows: Sequence[Row]) -> tuple[list[Row], str]:
    """The rows that a screen has room for, and how many of which kind are left out, in words."""
    if len(rows) <= _MOST_ROWS:
        return list(rows), ''
    urgent = [row for row in rows if row.status in (RUNNING, FAILED)][:_MOST_ROWS]
    ended = [row for row in rows if row.status == DONE]
    room = _MOST_ROWS - len(urgent)
    kept = {id(row) for row in (*urgent, *ended[max(0, len(ended) - room) :])} if room else {id(row) for row in urgent}
    shown = [row for row in rows if id(row) in kept]
    left = {status: sum(row.status == status and id(row) not in kept for row in rows) for status in (DONE, WAITING)}
    return shown, ', '.join(f'{number} more {status}' for status, number in left.items() if number)


def sweep_table(rows: Sequence[Row], wide: bool) -> RenderableType:
    """Rows with D and its error."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from aiida_glassion.cli.watch import COLOURS, SIGNS, duration, number, temperatures

    shown, more = shown_rows(rows)
    table = Table(box=None, pad_edge=False, padding=(0, 1), header_style='dim', expand=False)
    for name in ('', 'run', 'phase'):
        table.add_column(name, no_wrap=True)
    names = ['ps', 'D / cm²/s', 'error', *(['T / K', 'steps/s', 'left'] if wide else [])]
    for name in names:
        table.add_column(name, justify='right', no_wrap=True)
    for row in shown:
        colour, point = COLOURS[row.status], getattr(row, 'point', None)
        speed = [temperatures(row.temperature, row.target), number(row.steps_per_second), duration(row.left)]
        table.add_row(
            f'[{colour}]{SIGNS[row.status]}[/]',
            row.name,
            f'[{colour}]{row.stage}[/]',
            _length(point, row.status),
            '\n'.join(_diffusion(point)),
            '\n'.join(_errors(point)),
            *(speed if wide else []),
        )
    return Group(table, Text(f'   {more}', style='dim')) if more else table


def _length(point: PointState | None, status: str) -> str:
    if point is None:
        return ''
    return f'{point.length:g}' if status == DONE else f'{point.length:g} of {point.budget:g}'


def _diffusion(point: PointState | None) -> Iterator[str]:
    for ion, value in point.D.items() if point is not None else ():
        told = '–' if value is None or not point or not point.diffusive.get(ion) else f'{value:.2e}'
        yield f'{ion} {told}'


def _errors(point: PointState | None) -> Iterator[str]:
    for ion, value in point.relative_error.items() if point is not None else ():
        diffusive = point is not None and point.diffusive.get(ion)
        yield ('–' if value is None else f'{100 * value:.0f} %') if diffusive else 'not diffusive'

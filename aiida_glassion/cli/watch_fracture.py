"""What a watcher sees of a study of fracture: one row for every pull, with strain and stress so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from aiida_glassion.cli.watch_diffusion import shown_rows
from aiida_glassion.cli.watch_fracture_state import PULL, PullState
from aiida_glassion.cli.watch_rows import DONE, FAILED, RUNNING, Row, rows_of_runs, running_job, steps_done

if TYPE_CHECKING:
    from rich.console import RenderableType

    from aiida_glassion.cli.watch_tree import Task

_VERDICTS = {0: 'broken', 460: 'not broken'}
"""Exit statuses of pulls that are results."""
_PHASES = {
    'cut_notch': 'cuts the notch', 'equilibrate': 'equilibrate', 'mean_cell': 'mean cell', 'summarise': 'summarises',
    'gather_snapshots': 'gathers snapshots', 'analyse': 'analyses', 'relax_whole': 'minimises',
    'relax_broken': 'minimises',
}  # fmt: skip


@dataclass(frozen=True)
class PullRow(Row):
    """One pull.

    :param pull: what it told so far; None: it has not begun.
    """

    pull: PullState | None = None


def pull_rows(task: Task) -> list[Row]:
    """A row for every pull, planned, begun or ended; of a single pull one row."""
    return rows_of_runs(task, PULL, lambda run, _planned: pull_row(run), PullRow)


def pull_row(task: Task) -> PullRow:
    """Row of a pull that has begun."""
    pull = task.pull
    if pull is None:
        return PullRow(task.label, task.state, RUNNING if task.is_working else FAILED, reason=task.failure)
    total = pull.steps(pull.most)
    if not task.is_working:
        done = pull.steps(pull.strain) if pull.strain else 0
        if task.state == 'finished' and task.exit_status in _VERDICTS:
            return PullRow(task.label, _VERDICTS[task.exit_status], DONE, done, done, pull=pull)
        return PullRow(task.label, 'failed', FAILED, done, total, reason=task.failure, pull=pull)
    runs = [child for child in task.children if child.schedule is not None and not child.label.startswith('relax')]
    done = min(sum(steps_done(run) for run in runs), total)
    reached = _reached(pull, runs)
    row = PullRow(task.label, _phase(task), RUNNING, done, total, pull=replace(pull, strain=reached))
    job = running_job(runs[-1]) if runs and runs[-1].is_working else None
    if job is None or job.progress is None:
        return row
    speed = job.progress.steps_per_second
    return replace(
        row,
        temperature=job.progress.temperature,
        target=job.progress.target,
        steps_per_second=speed,
        ns_per_day=job.progress.ns_per_day,
        left=None if not speed else (total - done) / speed,
    )


def _reached(pull: PullState, runs: Sequence[Task]) -> float:
    """Strain now, the job that runs included."""
    last = runs[-1] if runs else None
    if last is None or not last.is_working or not last.label.startswith('piece_') or last.schedule is None:
        return pull.strain
    begun = pull.piece * int(last.label.rpartition('_')[2])
    whole = min(pull.piece, pull.most - begun)
    return max(pull.strain, begun + whole * steps_done(last) / max(1, last.schedule.last_step))


def _phase(task: Task) -> str:
    """What a pull does now."""
    last = task.children[-1] if task.children else None
    if last is None:
        return 'begins'
    if not last.label.startswith('piece_'):
        return _PHASES.get(last.label, last.label.replace('_', ' '))
    number, state = int(last.label.rpartition('_')[2]) + 1, running_job(last)
    waits = state is not None and state.job_state not in (None, 'running', 'submitted', 'done')
    return f'pull, job {number}' + (f', {state.job_state}' if waits and state else '')


def pull_table(rows: Sequence[Row], wide: bool) -> RenderableType:
    """Rows with strain and stress."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from aiida_glassion.cli.watch import COLOURS, SIGNS, duration, number, temperatures

    shown, more = shown_rows(rows)
    table = Table(box=None, pad_edge=False, padding=(0, 1), header_style='dim', expand=False)
    for name in ('', 'pull', 'phase'):
        table.add_column(name, no_wrap=True)
    for name in ['strain', 'GPa', 'highest', *(['T / K', 'steps/s', 'left'] if wide else [])]:
        table.add_column(name, justify='right', no_wrap=True)
    for row in shown:
        colour, pull = COLOURS[row.status], getattr(row, 'pull', None)
        speed = [temperatures(row.temperature, row.target), number(row.steps_per_second), duration(row.left)]
        table.add_row(
            f'[{colour}]{SIGNS[row.status]}[/]',
            row.name,
            f'[{colour}]{row.stage}[/]',
            _strain(pull, row.status),
            '' if pull is None or pull.stress is None else f'{pull.stress:.2f}',
            '' if pull is None or pull.highest is None else f'{pull.highest:.2f}',
            *(speed if wide else []),
        )
    return Group(table, Text(f'   {more}', style='dim')) if more else table


def _strain(pull: PullState | None, status: str) -> str:
    if pull is None:
        return ''
    return f'{pull.strain:.3f}' if status == DONE else f'{pull.strain:.3f} of {pull.most:g}'

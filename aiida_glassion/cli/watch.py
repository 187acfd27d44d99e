"""``glassion watch``: a study while it runs."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from aiida_glassion.cli.errors import GlassionError
from aiida_glassion.cli.profile import load, profile_option
from aiida_glassion.cli.terminal import console
from aiida_glassion.cli.watch_active_learning import loop_rows, loop_totals, place_lines, remark
from aiida_glassion.cli.watch_diffusion import sweep_rows, sweep_table
from aiida_glassion.cli.watch_diffusion_state import POINT, SWEEP
from aiida_glassion.cli.watch_elastic import ELASTIC, SAMPLE, elastic_rows
from aiida_glassion.cli.watch_fracture import pull_rows, pull_table
from aiida_glassion.cli.watch_fracture_state import PULL, STUDY
from aiida_glassion.cli.watch_glass_ceramic import CERAMIC, ceramic_rows
from aiida_glassion.cli.watch_idle import Idleness, idleness
from aiida_glassion.cli.watch_plan import LOOP
from aiida_glassion.cli.watch_rows import DONE, FAILED, RUNNING, WAITING, Row, Totals, rows_of, totals_of
from aiida_glassion.cli.watch_tree import Task, TreeReader

if TYPE_CHECKING:
    from rich.console import RenderableType

COLOURS = {WAITING: 'dim', RUNNING: 'cyan', DONE: 'green', FAILED: 'red'}
SIGNS = {WAITING: '·', RUNNING: '▶', DONE: '✓', FAILED: '✗'}


@click.command()
@click.argument('pk')
@profile_option
@click.option('--once', is_flag=True, help='Print how it stands now and leave.')
@click.option(
    '--interval', type=click.FloatRange(min=0.2), default=2.0, show_default=True, help='Time between two looks, s.'
)
@click.pass_context
def watch(ctx: click.Context, pk: str, profile: str | None, once: bool, interval: float) -> None:
    """Watch the process PK (or UUID) until it ends: stages, steps, temperature, speed, time left.

    Ctrl-C stops the watching only. The exit status is 0 if the process ended well, 1 if it failed, 3 if nobody works on
    it: the daemon is not running or it is paused, and nothing has changed for five minutes.
    """
    load(profile)
    ctx.exit(follow(process_pk(pk), once=once, interval=interval))


def process_pk(identifier: str) -> int:
    """Pk of a process.

    :raises GlassionError: there is no such node, or it is data.
    """
    from aiida.common.exceptions import NotExistent
    from aiida.orm import ProcessNode, load_node

    try:
        node = load_node(identifier)
    except (NotExistent, ValueError):
        message = f'There is no node {identifier} in this profile; `verdi process list -a` lists its studies.'
        raise GlassionError(message, exit_code=2) from None
    if not isinstance(node, ProcessNode):
        message = f'Node {identifier} is {type(node).__name__}, not a process: there is nothing to watch.'
        raise GlassionError(message, mend=f'glassion show {identifier}', exit_code=2)
    return int(node.pk)


def follow(pk: int, once: bool = False, interval: float = 2.0) -> int:
    """Show a process until it ends.

    :param once: show it as it stands and return.
    :param interval: s between two looks.
    :returns: exit status: 1 if the process failed, 3 if nobody works on it, else 0.
    """
    terminal, idle = console(), idleness()
    with TreeReader() as reader:
        task = reader.read(pk)
        reader.problems += idle.look(task)
        if once or not task.is_working:
            terminal.print(snapshot(task, reader.problems))
        else:
            task = _live(reader, pk, task, interval, idle)
    return 1 if task.failure else 3 if idle.is_hopeless else 0


def _live(reader: TreeReader, pk: int, task: Task, interval: float, idle: Idleness) -> Task:
    """Refresh until the process ends, nobody works on it, or the watcher leaves."""
    from rich.live import Live

    terminal = console()
    try:
        with Live(snapshot(task, reader.problems), console=terminal, auto_refresh=False) as live:
            told = set[str]()
            while task.is_working and not idle.is_hopeless:
                if not terminal.is_terminal:
                    for problem in dict.fromkeys(reader.problems):
                        if problem not in told:
                            terminal.print(f'! {problem}', markup=False)
                    told.update(reader.problems)
                time.sleep(interval)
                reader.problems.clear()
                task = reader.read(pk)
                reader.problems += idle.look(task)
                over = not task.is_working or idle.is_hopeless
                live.update(snapshot(task, reader.problems), refresh=sys.stdout.isatty() or over)
        if not terminal.is_terminal:
            terminal.print()
        if idle.is_hopeless:
            terminal.print(f'Nobody works on it: stopped watching. It goes on once that is mended: glassion watch {pk}')
    except KeyboardInterrupt:
        terminal.print(f'Stopped watching; it goes on. Look again with: [bold]glassion watch {pk}[/]')
    return task


def snapshot(task: Task, problems: list[str]) -> RenderableType:
    """How a process stands, ready to print."""
    from rich.console import Group
    from rich.text import Text

    is_loop, is_sweep = task.process == LOOP, task.process in (SWEEP, POINT)
    is_fracture = task.process in (STUDY, PULL)
    rows = loop_rows(task) if is_loop else sweep_rows(task) if is_sweep else _rows(task)
    totals = loop_totals(task, rows) if is_loop else totals_of(rows)
    wide = console().width >= (112 if is_sweep or is_fracture else 100)
    parts: list[RenderableType] = [_title(task), *(Text(f'  {line}') for line in place_lines(task))]
    table = sweep_table if is_sweep else pull_table if is_fracture else _table
    parts += [table(rows, wide)]
    parts += [Text(f'  ✗ {row.name}: {row.reason}', style='red') for row in rows if row.reason]
    parts += [Text(f'  ! {problem}', style='yellow') for problem in problems]
    parts.append(_summary(task, totals))
    return Group(*parts)


def _rows(task: Task) -> list[Row]:
    own = {CERAMIC: ceramic_rows, ELASTIC: elastic_rows, SAMPLE: elastic_rows, STUDY: pull_rows, PULL: pull_rows}
    return own.get(task.process, rows_of)(task)


def _title(task: Task) -> RenderableType:
    from rich.text import Text

    return Text.assemble(
        (f'{task.process} {task.pk}', 'bold'), ' ', ('running' if task.is_working else task.state, 'dim')
    )


def _table(rows: list[Row], wide: bool) -> RenderableType:
    """Rows, with bars where there is room for them."""
    from rich.progress_bar import ProgressBar
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 1), header_style='dim', expand=False)
    table.add_column('', no_wrap=True)
    table.add_column('', no_wrap=True)
    table.add_column('stage', no_wrap=True)
    if wide:
        table.add_column('', width=10)
    table.add_column('done', justify='right', no_wrap=True)
    table.add_column('T / K', justify='right', no_wrap=True)
    table.add_column('steps/s', justify='right', no_wrap=True)
    table.add_column('ns/day', justify='right', no_wrap=True)
    table.add_column('left', justify='right', no_wrap=True)
    for row in rows:
        colour = COLOURS[row.status]
        bar = ProgressBar(total=max(1, row.total), completed=row.done, width=10, complete_style=colour)
        table.add_row(
            f'[{colour}]{SIGNS[row.status]}[/]',
            row.name,
            f'[{colour}]{row.stage}[/]',
            *([bar if row.total else ''] if wide else []),
            percent(row.done, row.total),
            temperatures(row.temperature, row.target),
            number(row.steps_per_second),
            number(row.ns_per_day),
            duration(row.left),
        )
    return table


def _summary(task: Task, totals: Totals) -> RenderableType:
    from rich.text import Text

    counts = ', '.join(f'{count} {status}' for status, count in totals.counts.items() if count)
    text = Text('  ')
    if totals.total:
        text.append(
            f'{totals.done:,} of {totals.total:,} {totals.unit} ({percent(totals.done, totals.total)}); '.replace(
                ',', ' '
            )
        )
    text.append(counts)
    if task.is_working and totals.left is not None:
        most = 'at most' if task.process in (SWEEP, POINT, STUDY, PULL) else 'about'
        text.append(f'; {most} {duration(totals.left)} left{remark(task) if task.process == LOOP else ""}')
    if task.is_done:
        text.append(f'\n✓ ended well. Next: glassion show {task.pk}', style='green')
    elif task.failure:
        text.append(f'\n✗ {task.failure}\n  more: glassion show {task.pk}, verdi process report {task.pk}', style='red')
    return text


def percent(done: int, total: int) -> str:
    """Share that is done, rounded down: 100 % only when all is done."""
    return f'{100 * done // total} %' if total else ''


def temperatures(now: float | None, target: float | None) -> str:
    """Temperature and the one asked for."""
    if now is None:
        return ''
    return f'{now:.0f}' if target is None else f'{now:.0f} → {target:.0f}'


def number(value: float | None) -> str:
    """Three digits."""
    if value is None:
        return ''
    return f'{value:.0f}' if value >= 100 else f'{value:.3g}'


def duration(seconds: float | None) -> str:
    """Time in the two largest units."""
    if seconds is None:
        return ''
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f'{days} d {hours} h'
    if hours:
        return f'{hours} h {minutes:02d} min'
    return f'{minutes} min {rest:02d} s' if minutes else f'{rest} s'

"""What a watcher sees of a glass-ceramic: building, healing, relaxing and measuring, each a row from the start."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from aiida_glassion.cli.watch_rows import DONE, FAILED, RUNNING, WAITING, Row, single_row
from aiida_glassion.cli.watch_tree import Task
from aiida_glassion.kernels.build.glass_ceramic_settings import read_settings
from aiida_glassion.schedule import Schedule

CERAMIC = 'GlassCeramicWorkChain'


def ceramic_rows(task: Task) -> list[Row]:
    """A row for each step, begun or not."""
    return list(_rows(task))


def _rows(task: Task) -> Iterator[Row]:
    settings = read_settings(task.settings or {})
    begun = {child.label: child for child in task.children}
    yield from _run('crystal', settings.crystal_run(), begun, task)
    yield _short('build', begun.get('build'), task)
    yield from _run('heal', settings.healing(), begun, task)
    yield from _run('relax', settings.relaxation(), begun, task)
    yield _short('measure', begun.get('measure'), task)


def _run(label: str, schedule: Schedule | None, begun: Mapping[str, Task], task: Task) -> Iterator[Row]:
    """Row of a run, if there is to be one."""
    if label in begun:
        yield single_row(label, begun[label])
    elif schedule is not None:
        yield Row(label, _not_begun(task), WAITING, 0, schedule.last_step)


def _short(label: str, step: Task | None, task: Task) -> Row:
    """Row of a step that takes a moment."""
    if step is None:
        return Row(label, _not_begun(task), WAITING)
    if step.is_working:
        return Row(label, step.state, RUNNING)
    return Row(label, 'failed', FAILED, reason=step.failure) if step.failure else Row(label, 'done', DONE)


def _not_begun(task: Task) -> str:
    return 'waits for its turn' if task.is_working else 'never started'

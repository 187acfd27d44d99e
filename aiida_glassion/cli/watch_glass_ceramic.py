"""What a watcher sees of a glass-ceramic: building, healing, relaxing and measuring, each a row from the start."""

from __future__ import annotations

from collections.abc import Iterator

from aiida_glassion.cli.watch_rows import DONE, FAILED, RUNNING, WAITING, Row, single_row
from aiida_glassion.cli.watch_tree import Task
from aiida_glassion.kernels.build.glass_ceramic_settings import read_settings

CERAMIC = 'GlassCeramicWorkChain'
_BUILD, _MEASURE = 'build', 'measure'


def ceramic_rows(task: Task) -> list[Row]:
    """A row for each step, begun or not."""
    return list(_rows(task))


def _rows(task: Task) -> Iterator[Row]:
    settings = read_settings(task.settings or {})
    healing = settings.healing()
    begun = {child.label: child for child in task.children}
    runs = {'heal': healing, 'relax': settings.relaxation()}
    yield _short(_BUILD, begun.get(_BUILD), task)
    for label, schedule in runs.items():
        if label in begun:
            yield single_row(label, begun[label])
        elif schedule is not None:
            yield Row(label, _not_begun(task), WAITING, 0, schedule.last_step)
    yield _short(_MEASURE, begun.get(_MEASURE), task)


def _short(label: str, step: Task | None, task: Task) -> Row:
    """Row of a step that takes a moment."""
    if step is None:
        return Row(label, _not_begun(task), WAITING)
    if step.is_working:
        return Row(label, step.state, RUNNING)
    return Row(label, 'failed', FAILED, reason=step.failure) if step.failure else Row(label, 'done', DONE)


def _not_begun(task: Task) -> str:
    return 'waits for its turn' if task.is_working else 'never started'

"""What a watcher sees of an elastic run: one row for every sample, with how many of its stages are done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from aiida_glassion.cli.watch_rows import DONE, FAILED, RUNNING, Row, rows_of_runs, running_job

if TYPE_CHECKING:
    from aiida_glassion.cli.watch_tree import Task

ELASTIC, SAMPLE = 'ElasticWorkChain', 'ElasticSampleWorkChain'
_RESULTS = (0, 452)
"""Exit statuses of samples that are results: 452 is one that gives way."""


def planned_samples(node: Any) -> dict[str, int]:
    """Stages of every sample, by its label.

    :param node: the ElasticWorkChain.
    """
    from aiida_glassion.kernels.mechanics.elastic_plan import plan_samples

    settings = node.inputs.settings.get_dict()
    samples = plan_samples(node.inputs.temperatures.get_list(), list(node.inputs.glasses), node.inputs.seed.value)
    return {sample.label: _stages(settings, sample.temperature) for sample in samples}


def _stages(settings: Mapping[str, Any], temperature: float) -> int:
    from aiida_glassion.kernels.mechanics.elastic_plan import equilibration, plan_jobs, relaxation
    from aiida_glassion.kernels.mechanics.elastic_settings import read_settings

    read = read_settings(settings)
    before = relaxation(read) if temperature == 0 else equilibration(read, temperature)
    return len(before.stages) + sum(len(job.schedule.stages) for job in plan_jobs(read, temperature))


def elastic_rows(task: Task) -> list[Row]:
    """A row for every sample, planned, begun or ended; of a single sample one row."""
    return rows_of_runs(task, SAMPLE, _row, partial(Row, unit='stages'))


def _row(task: Task, planned: int) -> Row:
    """Row of a sample that has begun."""
    runs = [child for child in task.children if child.schedule is not None]
    total = max(planned, sum(_length(run) for run in runs))
    done = min(sum(_done(run) for run in runs), total)
    if not task.is_working:
        if task.state == 'finished' and task.exit_status in _RESULTS:
            return Row(task.label, 'done' if task.is_done else 'not stable', DONE, total, total, unit='stages')
        return Row(task.label, 'failed', FAILED, done, total, reason=task.failure, unit='stages')
    working = [run for run in runs if run.is_working]
    row = Row(task.label, _words(working), RUNNING, done, total, unit='stages')
    job = running_job(working[0]) if working else None
    if job is None or job.progress is None:
        return row
    progress = job.progress
    return replace(
        row,
        temperature=progress.temperature if progress.target else None,
        target=progress.target,
    )


def _words(working: list[Task]) -> str:
    """What a sample does now: its run, and the state that it is strained to."""
    if not working:
        return 'between two jobs'
    names = working[0].label if len(working) == 1 else f'{len(working)} jobs'
    job = running_job(working[0])
    if job is None or len(working) > 1:
        return names
    if job.job_state not in (None, 'running', 'submitted', 'done'):
        return f'{names}, {job.job_state}'
    return f'{names}: {job.progress.stage}' if job.progress is not None else names


def _length(run: Task) -> int:
    return len(run.schedule.stages) if run.schedule is not None else 0


def _done(run: Task) -> int:
    """Stages of a run that are behind it."""
    if run.is_done:
        return _length(run)
    job = running_job(run)
    return max(0, job.progress.number - 1) if job is not None and job.progress is not None else 0

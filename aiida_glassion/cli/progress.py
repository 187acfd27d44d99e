"""How far a running MD job is: the end of its log, read where it runs, against its schedule."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from aiida_glassion import units
from aiida_glassion.formats.lammps.log import read_log
from aiida_glassion.formats.lammps.script import THERMO_COLUMNS
from aiida_glassion.formats.lammps.thermo import read_progress, stages_of_blocks
from aiida_glassion.schedule import Schedule, StagePlan, Timeless

if TYPE_CHECKING:
    from aiida.orm import CalcJobNode
    from aiida.transports import Transport

_TAIL_BYTES = 16384
_SEPARATOR = '=== GLASSION end of the tail ==='
_TELLING = '^(LAMMPS |GLASSION |ERROR|WARNING|Per MPI rank memory|Loop time| *Step +Temp )'
"""The lines of a log that say in which stage it is; with the last rows they are all that is needed."""


@dataclass(frozen=True)
class JobProgress:
    """How far a job is in its schedule.

    :param stage: name of the stage, its number from 1 in ``number`` of ``n_stages``.
    :param step: integration step reached, of ``steps``.
    :param time: ps reached, of ``duration``.
    :param temperature: K, last printed; None: nothing printed yet.
    :param target: K, what the thermostat asks for at this step; None while minimising.
    :param steps_per_second: of the last rows; None: not known yet.
    :param ns_per_day: simulated time for a day of waiting.
    :param error: first error in the log.
    """

    stage: str
    number: int
    n_stages: int
    step: int
    steps: int
    time: float
    duration: float
    temperature: float | None = None
    target: float | None = None
    steps_per_second: float | None = None
    ns_per_day: float | None = None
    error: str | None = None


def job_progress(log_text: str | bytes, schedule: Schedule, first_stage: int = 0, first_step: int = 0) -> JobProgress:
    """Progress of a job by its log, which may be empty or cut anywhere.

    :param log_text: the log, or what :func:`digest` leaves of it.
    :param schedule: the schedule of the job.
    :param first_stage: stage with which a continued job began.
    :param first_step: step at which it began.
    """
    log = read_log(log_text)
    progress = read_progress(log, schedule, first_stage, first_step)
    plans = schedule.plan()
    plan = plans[progress.stage]
    if progress.stage in progress.done and progress.stage + 1 < len(plans):
        plan = plans[progress.stage + 1]
    step = min(max(progress.step, plan.first), plan.last)
    temperature, speed = None, None
    for block, owner in zip(log.blocks, stages_of_blocks(log), strict=True):
        if owner == plan.index and len(block) and 'Temp' in block.columns:
            temperature = float(block.columns['Temp'][-1])
            speed = _speed(block.columns.get('S/CPU'))
    if isinstance(plan.stage, Timeless):
        temperature, speed = None, None
    return JobProgress(
        stage=plan.stage.name,
        number=plan.index + 1,
        n_stages=len(plans),
        step=step,
        steps=plans[-1].last,
        time=plan.time_at(step),
        duration=schedule.duration,
        temperature=temperature,
        target=target_temperature(plan, step),
        steps_per_second=speed,
        ns_per_day=None if speed is None else speed * 86400 * plan.timestep * units.FS_TO_PS * 1e-3,
        error=log.errors[0].splitlines()[0] if log.errors else None,
    )


def _speed(column: object) -> float | None:
    """Median of LAMMPS' own steps per second; the first row of a run has none."""
    if column is None:
        return None
    values = np.asarray(column, dtype=float)[-20:]
    values = values[np.isfinite(values) & (values > 0)]
    return float(np.median(values)) if len(values) else None


def target_temperature(plan: StagePlan, step: int) -> float | None:
    """What the thermostat asks for at a step of a stage, K; None where no time goes by."""
    stage = plan.stage
    if isinstance(stage, Timeless):
        return None
    end = getattr(stage, 'temperature_end', stage.temperature)
    return float(stage.temperature + (end - stage.temperature) * (step - plan.first) / plan.steps)


def digest_command(path: str) -> str:
    """Shell command that prints the end of a log and its telling lines: a few kB, however long the log."""
    quoted = shlex.quote(path)
    return f"tail -c {_TAIL_BYTES} {quoted}; printf '\\n{_SEPARATOR}\\n'; grep -aE '{_TELLING}' {quoted}"


def digest(output: str) -> str:
    """What :func:`digest_command` printed, as a short log: the telling lines, then the rows after the last of them.

    The tail is read before the lines, so a stage that begins in between is seen without rows of the stage before.
    """
    tail, separator, telling = output.partition(f'\n{_SEPARATOR}\n')
    if not separator:
        return ''
    rows: list[str] = []
    for line in reversed(tail.split('\n')[:-1]):  # the last line may be half written
        if not _is_row(line):
            break
        rows.append(line)
    return '\n'.join([*telling.splitlines(), *reversed(rows), ''])


def _is_row(line: str) -> bool:
    words = line.split()
    if len(words) != len(THERMO_COLUMNS):
        return False
    try:
        [float(word) for word in words]
    except ValueError:
        return False
    return True


def read_remote(node: CalcJobNode, transport: Transport) -> str:
    """Short log of a running job; empty before LAMMPS has begun it.

    :param node: the MdCalculation.
    :param transport: open transport to its computer.
    """
    from aiida_glassion.calculations.md import LOG_FILE

    folder = node.get_remote_workdir()
    if not folder:
        return ''
    path = str(PurePosixPath(folder) / LOG_FILE)
    if not transport.isfile(path):
        return ''
    _, output, _ = transport.exec_command_wait(digest_command(path))
    return digest(str(output))

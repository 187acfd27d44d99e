"""Monitors: stop a run that has gone wrong while it still burns time."""

from __future__ import annotations

import tempfile
from pathlib import Path, PurePosixPath

from aiida.engine.processes.calcjobs.monitors import CalcJobMonitorAction, CalcJobMonitorResult
from aiida.orm import CalcJobNode
from aiida.schedulers import JobState
from aiida.transports import Transport

from aiida_glassion.formats.deepmd import lcurve
from aiida_glassion.formats.lammps.deviation import (
    DEVIATION_FILE,
    OutOfTrust,
    find_out_of_trust,
    read_deviations,
)
from aiida_glassion.formats.lammps.log import Log, read_log
from aiida_glassion.formats.lammps.thermo import Limits, find_fault, read_progress, read_thermo
from aiida_glassion.schedule import Schedule, read_schedule

LEFT_ALONE = 60.0
"""Seconds before its end from which on a run is not stopped any more."""


def watch_md(
    node: CalcJobNode,
    transport: Transport,
    max_temperature: float | None = None,
    max_pressure: float | None = None,
) -> CalcJobMonitorResult | None:
    """Stop an MD that runs away, is not a number, or leaves the region in which its committee of models agrees.

    Lost atoms end LAMMPS by themselves. The parser then reads what there is and gives the exit code. A run that is
    over, or soon will be, is let be: nothing is gained, and to kill a job that has just ended would leave it paused.

    :param node: the running MdCalculation.
    :param transport: open transport to its computer.
    :param max_temperature: K; default five times the highest temperature of the schedule, at least 3000 K above it.
    :param max_pressure: size of the pressure, GPa; default 500.
    """
    from aiida_glassion.calculations.md import LOG_FILE

    content = _read_remote(node, transport, LOG_FILE)
    if not content:
        return None
    log, schedule = read_log(content), read_schedule(node.inputs.schedule.get_dict())
    if log.errors or seconds_left(log, schedule) < LEFT_ALONE:
        return None
    end = _out_of_trust(node, transport, schedule)
    if end is not None:
        return _stop(node, transport, str(end))
    default = Limits.of(schedule)
    limits = Limits(max_temperature or default.temperature, max_pressure or default.pressure)
    fault = find_fault(read_thermo(log, schedule, node.inputs.potential.base.attributes.get('units')), limits)
    return None if fault is None else _stop(node, transport, fault[1])


def watch_training(node: CalcJobNode, transport: Transport) -> CalcJobMonitorResult | None:
    """Stop a training whose loss is not a number or exploded; the parser reads what there is and gives the exit code.

    A row that is not a number and the newest is let be: ``dp`` ends there by itself.

    :param node: the running DeepmdTrainCalculation.
    :param transport: open transport to its computer.
    """
    from aiida_glassion.calculations.deepmd_train import LCURVE_FILE

    text = _read_remote(node, transport, LCURVE_FILE).decode('utf-8', 'replace')
    curve = lcurve.read_lcurve(text)
    fault = lcurve.find_fault(curve)
    if fault is not None and fault[0] == 'not_a_number':
        fault = lcurve.find_fault({name: rows[:-1] for name, rows in curve.items()})
    return None if fault is None else _stop(node, transport, fault[1])


def _stop(node: CalcJobNode, transport: Transport, reason: str) -> CalcJobMonitorResult | None:
    """Stop a job, unless it has ended meanwhile.

    AiiDA cannot kill a process of this machine that is no more: it would try for five minutes and then pause the job,
    which nobody takes up again.
    """
    number = str(node.get_job_id())
    scheduler = node.computer.get_scheduler()
    scheduler.set_transport(transport)
    job = scheduler.get_jobs(jobs=[number], as_dict=True).get(number)
    if job is None or job.job_state is JobState.DONE:
        return None
    return CalcJobMonitorResult(action=CalcJobMonitorAction.KILL, override_exit_code=False, message=reason)


def seconds_left(log: Log, schedule: Schedule) -> float:
    """How long a run will take at least, s: to its end at the fastest pace so far; 0 where no pace is known yet.

    The first steps are left out, in which a model is loaded and compiled.
    """
    progress = read_progress(log, schedule)
    pace = [float(speed) for block in log.blocks for speed in block.columns.get('S/CPU', ()) if speed > 0][1:]
    return 0.0 if progress.finished or not pace else (schedule.last_step - progress.step) / max(pace)


def _out_of_trust(node: CalcJobNode, transport: Transport, schedule: Schedule) -> OutOfTrust | None:
    """Where the committee's deviation stayed above the level at which the run is to end."""
    from aiida_glassion.calculations.md_inputs import deviation_settings

    settings = deviation_settings(node.inputs)
    if settings['stop_above'] is None:
        return None
    deviations = read_deviations(_read_remote(node, transport, DEVIATION_FILE), schedule)
    return find_out_of_trust(deviations, settings['stop_above'], settings['stop_after'])


def _read_remote(node: CalcJobNode, transport: Transport, name: str) -> bytes:
    """What a file of the job holds so far; empty before the program has begun it."""
    path = str(PurePosixPath(node.get_remote_workdir() or '') / name)
    if not transport.isfile(path):
        return b''
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / name
        transport.getfile(path, str(copy))
        return copy.read_bytes()

"""Monitors: stop a run that has gone wrong while it still burns time."""

from __future__ import annotations

import tempfile
from pathlib import Path, PurePosixPath

from aiida.engine.processes.calcjobs.monitors import CalcJobMonitorAction, CalcJobMonitorResult
from aiida.orm import CalcJobNode
from aiida.transports import Transport

from aiida_glassion.formats.lammps.log import read_log
from aiida_glassion.formats.lammps.thermo import Limits, find_fault, read_thermo
from aiida_glassion.schedule import read_schedule


def watch_md(
    node: CalcJobNode,
    transport: Transport,
    max_temperature: float | None = None,
    max_pressure: float | None = None,
) -> CalcJobMonitorResult | None:
    """Stop an MD whose temperature or pressure runs away or is not a number; lost atoms end LAMMPS by themselves.

    The parser then reads what there is and gives the exit code.

    :param node: the running MdCalculation.
    :param transport: open transport to its computer.
    :param max_temperature: K; default five times the highest temperature of the schedule, at least 3000 K above it.
    :param max_pressure: size of the pressure, GPa; default 500.
    """
    log = _read_remote(node, transport)
    if not log:
        return None
    schedule = read_schedule(node.inputs.schedule.get_dict())
    default = Limits.of(schedule)
    limits = Limits(max_temperature or default.temperature, max_pressure or default.pressure)
    fault = find_fault(read_thermo(read_log(log), schedule, node.inputs.potential.potential.units), limits)
    if fault is None:
        return None
    return CalcJobMonitorResult(action=CalcJobMonitorAction.KILL, override_exit_code=False, message=fault[1])


def _read_remote(node: CalcJobNode, transport: Transport) -> bytes:
    """What the log holds so far; empty before LAMMPS has begun it."""
    from aiida_glassion.calculations.md import LOG_FILE

    path = str(PurePosixPath(node.get_remote_workdir() or '') / LOG_FILE)
    if not transport.isfile(path):
        return b''
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / LOG_FILE
        transport.getfile(path, str(copy))
        return copy.read_bytes()

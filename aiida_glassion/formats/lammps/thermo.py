"""Thermodynamic output of all stages of a run as arrays in the package's units, and whether it went wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from aiida_glassion.formats.lammps.log import Block, Log
from aiida_glassion.formats.lammps.script import ENERGY_UNIT_EV, PRESSURE_UNIT_GPA
from aiida_glassion.schedule import Schedule, StagePlan, Timeless

UNITS = {
    'step': '1',
    'stage': '1',
    'iteration': '1',
    'time': 'ps',
    'temperature': 'K',
    'pressure': 'GPa',
    'potential_energy': 'eV',
    'kinetic_energy': 'eV',
    'total_energy': 'eV',
    'conserved_energy': 'eV',
    'volume': 'Å³',
    'density': 'g/cm³',
    **{f'pressure_{ij}': 'GPa' for ij in ('xx', 'yy', 'zz', 'xy', 'xz', 'yz')},
    **{f'cell_{name}': 'Å' for name in ('lx', 'ly', 'lz', 'xy', 'xz', 'yz')},
}
"""Name and unit of every array. Energies are of the whole cell; a positive pressure is a compression."""

_SOURCES = {
    'temperature': ('Temp', '1'),
    'pressure': ('Press', 'pressure'),
    'potential_energy': ('PotEng', 'energy'),
    'kinetic_energy': ('KinEng', 'energy'),
    'total_energy': ('TotEng', 'energy'),
    'conserved_energy': ('Econserve', 'energy'),
    'volume': ('Volume', '1'),
    'density': ('Density', '1'),
    **{f'pressure_{ij}': (f'P{ij}', 'pressure') for ij in ('xx', 'yy', 'zz', 'xy', 'xz', 'yz')},
    **{f'cell_{name}': (name.capitalize(), '1') for name in ('lx', 'ly', 'lz', 'xy', 'xz', 'yz')},
}
_MARK = re.compile(r'(stage|done|stopped) (\d+)(?: at (\d+))?')


@dataclass(frozen=True)
class Progress:
    """How far a run came.

    :param stage: index of the stage reached.
    :param step: last integration step whose thermodynamic line is complete.
    :param begun: step at which this job began that stage.
    :param done: stages that were completed.
    :param finished: the whole schedule was done.
    :param stopped: LAMMPS stopped itself in good order at its time limit.
    """

    stage: int
    step: int
    begun: int
    done: tuple[int, ...]
    finished: bool
    stopped: bool


def read_thermo(log: Log, schedule: Schedule, lammps_units: str) -> dict[str, npt.NDArray[Any]]:
    """Thermodynamic output of every stage, one array a quantity, all of equal length.

    A stage owns the steps after its first up to its last, so a boundary is not counted twice; step 0 belongs to the
    first stage. Rows of a minimisation carry the stage's step and count in ``iteration``.

    :param log: what :func:`~aiida_glassion.formats.lammps.log.read_log` found.
    :returns: arrays named as in :data:`UNITS`; empty arrays where nothing was written.
    """
    factors = {'1': 1.0, 'pressure': PRESSURE_UNIT_GPA[lammps_units], 'energy': ENERGY_UNIT_EV[lammps_units]}
    plans = schedule.plan()
    parts: list[dict[str, npt.NDArray[Any]]] = []
    for block, stage in zip(log.blocks, stages_of_blocks(log), strict=True):
        if stage is None or stage >= len(plans) or not set(_columns()) <= set(block.columns):
            continue
        parts.append(_rows(block, plans[stage], factors, first_rows=not parts))
    names = list(UNITS)
    if not parts:
        return {name: np.zeros(0, dtype=_dtype(name)) for name in names}
    return {name: np.concatenate([part[name] for part in parts]).astype(_dtype(name)) for name in names}


def _columns() -> list[str]:
    return ['Step', *(column for column, _ in _SOURCES.values())]


def _dtype(name: str) -> type:
    return np.int64 if name in ('step', 'stage', 'iteration') else float


def _rows(block: Block, plan: StagePlan, factors: dict[str, float], *, first_rows: bool) -> dict[str, npt.NDArray[Any]]:
    steps = block.columns['Step']
    if isinstance(plan.stage, Timeless):
        keep = np.ones(len(steps), dtype=bool)
        step, iteration = np.full(len(steps), plan.first), steps - (steps[0] if len(steps) else 0)
    else:
        keep = (steps > plan.first) | first_rows
        step, iteration = steps, np.zeros(len(steps), dtype=np.int64)
    rows = {
        'step': step,
        'stage': np.full(len(steps), plan.index),
        'iteration': iteration,
        'time': plan.time + (step - plan.first) * plan.timestep * 1e-3,
        **{name: block.columns[column] * factors[unit] for name, (column, unit) in _SOURCES.items()},
    }
    return {name: array[keep] for name, array in rows.items()}


def stages_of_blocks(log: Log) -> list[int | None]:
    """Index of the stage that each block of the log belongs to, None before the first mark."""
    stages: list[int | None] = [None] * len(log.blocks)
    for blocks_before, text in log.marks:
        found = _MARK.match(text)
        if found and found[1] == 'stage':
            for index in range(blocks_before, len(log.blocks)):
                stages[index] = int(found[2])
    return stages


def read_progress(log: Log, schedule: Schedule, first_stage: int = 0, first_step: int = 0) -> Progress:
    """How far the run of a schedule came, judged by the log alone.

    :param first_stage: stage with which this job began (a continued run).
    :param first_step: step at which it began.
    """
    plans = schedule.plan()
    stage, step, begun = first_stage, first_step, first_step
    done: list[int] = []
    stopped = False
    for _, text in log.marks:
        found = _MARK.match(text)
        if not found or int(found[2]) >= len(plans):
            continue
        index = int(found[2])
        if found[1] == 'stopped' and found[3]:
            stopped, step = True, int(found[3])
        if found[1] == 'stage':
            stage = index
            begun = step = max(plans[index].first, first_step if index == first_stage else 0)
        if found[1] == 'done':
            done.append(index)
            step = plans[index].last
    if stage not in done and not stopped and not isinstance(plans[stage].stage, Timeless):
        for block, owner in zip(log.blocks, stages_of_blocks(log), strict=True):
            if owner == stage and len(block.columns.get('Step', ())):
                step = max(step, int(block.columns['Step'][-1]))
    finished = any(text == 'finished' for _, text in log.marks)
    return Progress(stage, step, begun, tuple(done), finished, stopped)


@dataclass(frozen=True)
class Limits:
    """Beyond these a run has exploded.

    :param temperature: K.
    :param pressure: size of the pressure, GPa.
    """

    temperature: float
    pressure: float = 500.0

    @classmethod
    def of(cls, schedule: Schedule) -> Limits:
        """Five times the highest temperature asked for, and at least 3000 K above it."""
        highest = 0.0
        for stage in schedule.stages:
            if not isinstance(stage, Timeless):
                highest = max(highest, stage.temperature, getattr(stage, 'temperature_end', 0.0))
        return cls(temperature=max(5 * highest, highest + 3000.0))


class Fault(NamedTuple):
    """Where a run went wrong.

    :param kind: ``not_a_number`` or ``runaway``.
    :param reason: a sentence with step, value and limit.
    :param step: integration step of the row.
    """

    kind: str
    reason: str
    step: int


def find_fault(thermo: dict[str, npt.NDArray[Any]], limits: Limits) -> tuple[str, str] | None:
    """Look for a run that went wrong without LAMMPS noticing.

    :returns: (`not_a_number` or `runaway`, a sentence with step, value and limit), or None. Minimisations are let be.
    """
    fault = locate_fault(thermo, limits)
    return None if fault is None else (fault.kind, fault.reason)


def locate_fault(thermo: dict[str, npt.NDArray[Any]], limits: Limits) -> Fault | None:
    """As :func:`find_fault`, with the step."""
    dynamic = thermo['iteration'] == 0
    for name in ('temperature', 'pressure', 'potential_energy'):
        bad = np.flatnonzero(~np.isfinite(thermo[name]) & dynamic)
        if len(bad):
            step = int(thermo['step'][bad[0]])
            return Fault('not_a_number', f'{name} is {thermo[name][bad[0]]} at step {step}', step)
    for name, limit in (('temperature', limits.temperature), ('pressure', limits.pressure)):
        beyond = np.flatnonzero((np.abs(thermo[name]) > limit) & dynamic & (thermo['step'] > 0))
        if len(beyond):
            value, step, unit = thermo[name][beyond[0]], int(thermo['step'][beyond[0]]), UNITS[name]
            reason = f'{name} {value:.4g} {unit} at step {step}, limit {limit:.4g} {unit}'
            return Fault('runaway', reason, step)
    return None

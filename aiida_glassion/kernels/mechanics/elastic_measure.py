"""What the output of elastic runs says: stress, cell and energy of each strained state."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.mechanics.elastic_plan import NONE, VOLUME, ElasticJob, State
from aiida_glassion.kernels.mechanics.strain import (
    VOIGT,
    gradient_between,
    second_piola_kirchhoff,
    stress_from_lammps,
)
from aiida_glassion.kernels.statistics import block_standard_error
from aiida_glassion.schedule import Minimise

FloatArray = npt.NDArray[np.float64]
Thermo = Mapping[str, npt.NDArray[Any]]
_PRESSURES = tuple(f'pressure_{ij}' for ij in ('xx', 'yy', 'zz', 'xy', 'xz', 'yz'))
_SIGMAS, _STAYS = 4.0, 0.1
_EDGES = {'lx': (0, 0), 'ly': (1, 1), 'lz': (2, 2), 'xy': (1, 0), 'xz': (2, 0), 'yz': (2, 1)}


@dataclass(frozen=True, eq=False)
class Measured:
    """One state as it came out.

    :param state: what was asked for.
    :param job: label of its job.
    :param cell: (3, 3), Å.
    :param stress: (6,), Cauchy, GPa, tensile positive; ``stress_error``: None at 0 K.
    :param pressure: GPa, positive in compression; ``pressure_error``: None at 0 K.
    :param energy: potential energy of the cell, eV.
    :param converged: at 0 K whether the minimiser stopped before its last step; at a temperature whether the series is
        long enough for its own memory.
    """

    state: State
    job: str
    cell: FloatArray
    stress: FloatArray
    stress_error: FloatArray | None
    pressure: float
    pressure_error: float | None
    energy: float
    density: float
    converged: bool

    @property
    def volume(self) -> float:
        """Å³."""
        return float(np.linalg.det(self.cell))


def measure_job(job: ElasticJob, thermo: Thermo) -> list[Measured]:
    """Every state of a job.

    :param thermo: thermodynamic output of the run, see the output ``thermo`` of glassion.md.
    :raises ValueError: the output holds nothing of a state.
    """
    return [_measure(job, state, thermo) for state in job.states]


def _measure(job: ElasticJob, state: State, thermo: Thermo) -> Measured:
    rows = np.flatnonzero(thermo['stage'] == state.stage)
    if not len(rows):
        raise ValueError(f'{job.label}: there is no output of stage {state.stage}, {state.component} {state.strain:g}')
    stage = job.schedule.stages[state.stage]
    last = int(rows[-1])
    cell = np.zeros((3, 3))
    for name, (row, column) in _EDGES.items():
        cell[row, column] = thermo[f'cell_{name}'][last]
    if isinstance(stage, Minimise):
        return Measured(
            state, job.label, cell,
            stress_from_lammps([float(thermo[name][last]) for name in _PRESSURES]), None,
            float(thermo['pressure'][last]), None,
            float(thermo['potential_energy'][last]), float(thermo['density'][last]),
            int(thermo['iteration'][last]) < stage.max_steps,
        )  # fmt: skip
    if len(rows) < 4:
        raise ValueError(f'{job.label}: {len(rows)} lines of stage {state.stage}, too few for a mean')
    blocks = [block_standard_error(thermo[name][rows]) for name in (*_PRESSURES, 'pressure')]
    errors = -stress_from_lammps([block.standard_error for block in blocks[:6]])
    return Measured(
        state, job.label, cell,
        stress_from_lammps([block.mean for block in blocks[:6]]), errors,
        blocks[6].mean, blocks[6].standard_error,
        float(thermo['potential_energy'][rows].mean()), float(thermo['density'][last]),
        all(block.converged for block in blocks[:6]),
    )  # fmt: skip


def unstrained(measured: Sequence[Measured], one: Measured) -> Measured:
    """The unstrained state from which a strained one is counted.

    At 0 K the next one of its job, to which it went back; at a temperature, where stresses are means over time, the
    first.
    """
    states = [each for each in measured if each.job == one.job]
    after = states if one.stress_error is not None else states[states.index(one) :]
    return next(each for each in after if each.state.component == NONE)


def stress_strain(measured: Sequence[Measured]) -> tuple[FloatArray, FloatArray, FloatArray | None]:
    """Strains, second Piola–Kirchhoff stresses and their errors of the states of ``stiffness``, (n, 6) each.

    Both are conjugate, so that a stress that was left at no strain does not enter the constants. At 0 K the stress at
    no strain is taken off; at a temperature it is not, as it would add its noise and drops out of the constants anyway.
    """
    strained = [one for one in measured if one.state.component in VOIGT]
    strains, stresses, errors = (np.zeros((len(strained), 6)) for _ in range(3))
    for number, one in enumerate(strained):
        reference = unstrained(measured, one)
        strains[number, VOIGT.index(one.state.component)] = one.state.strain
        stresses[number] = second_piola_kirchhoff(one.stress, gradient_between(reference.cell, one.cell))
        if one.stress_error is None:
            stresses[number] -= reference.stress
        else:
            errors[number] = one.stress_error
    known = bool(strained) and all(one.stress_error is not None for one in strained)
    return strains, stresses, errors if known else None


def pressure_volume(measured: Sequence[Measured]) -> list[tuple[float, float, float | None]]:
    """Volume Å³, pressure GPa and its error of the states of ``bulk`` and of the one at no strain, by volume.

    At 0 K a pressure is that at no strain and what it differs by from the unstrained state that follows it.
    """
    strained = [one for one in measured if one.state.component == VOLUME]
    if not strained:
        return []
    begin = next(one for one in measured if one.job == strained[0].job)
    points = [(begin.volume, begin.pressure, begin.pressure_error)]
    for one in strained:
        pressure = one.pressure
        if one.pressure_error is None:
            pressure += begin.pressure - unstrained(measured, one).pressure
        points.append((one.volume, pressure, one.pressure_error))
    return sorted(points, key=lambda point: point[0])


@dataclass(frozen=True)
class Return:
    """How a sample came back to no strain.

    :param after: component that it was strained in before.
    :param energy: eV of the cell, above what it was the time before at no strain.
    :param stress: largest difference of a component from what it was then, GPa.
    :param reversible: at 0 K the stress is the same but for a tenth of what the strain had changed it by (the energy
        tells less: it jumps by some meV with each pair of atoms that crosses a cutoff); at a temperature each stress
        is, within four of its errors.
    """

    after: str
    energy: float
    stress: float
    reversible: bool


def returns_of(measured: Sequence[Measured]) -> list[Return]:
    """Every return to no strain, of every job; each is compared with the time before at no strain."""
    found: list[Return] = []
    for label in dict.fromkeys(one.job for one in measured):
        states = [one for one in measured if one.job == label]
        begin = states[0]
        for before, one in itertools.pairwise(states):
            if one.state.component == NONE:
                energy, change = one.energy - begin.energy, np.abs(one.stress - begin.stress)
                back = float(change.max()) <= _STAYS * float(np.abs(before.stress - one.stress).max())
                if one.stress_error is not None and begin.stress_error is not None:
                    back = bool((change <= _SIGMAS * np.hypot(one.stress_error, begin.stress_error)).all())
                found.append(Return(before.state.component, energy, float(change.max()), back))
                begin = one
    return found

"""Stress over strain of a pull, from the thermodynamic output of its pieces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.mechanics.pull_settings import AXES, Axis, PullSettings
from aiida_glassion.kernels.mechanics.strain import stress_from_lammps
from aiida_glassion.kernels.mechanics.tension import fully_broken, smoothed

FloatArray = npt.NDArray[np.float64]
Table = Mapping[str, npt.NDArray[Any]]

UNITS = {
    'strain': '1', 'stress': 'GPa', 'stresses': 'GPa', 'lengths': 'Å', 'areas': 'Å²', 'cells': 'Å',
    'temperature': 'K', 'time': 'ps', 'n_averaged': '1',
}  # fmt: skip
_PRESSURES = tuple(f'pressure_{ij}' for ij in ('xx', 'yy', 'zz', 'xy', 'xz', 'yz'))
_LENGTHS = ('cell_lx', 'cell_ly', 'cell_lz')


@dataclass(frozen=True, eq=False)
class PullCurve:
    """What a pull measured, each point an average.

    :param strain: (n,), L/L₀ − 1, increasing.
    :param stresses: (n, 6), GPa, Voigt's order, positive in tension.
    :param cells: (n, 3), Å, lengths of the cell.
    :param temperature: (n,), K.
    :param time: (n,), ps since the pull began.
    :param n_averaged: (n,), how many rows of output each point is the mean of.
    :param axis: 0, 1 or 2, of the load.
    """

    strain: FloatArray
    stresses: FloatArray
    cells: FloatArray
    temperature: FloatArray
    time: FloatArray
    n_averaged: npt.NDArray[np.int64]
    axis: int

    @property
    def stress(self) -> FloatArray:
        """(n,), GPa, along the load."""
        return self.stresses[:, self.axis]

    @property
    def lengths(self) -> FloatArray:
        """(n,), Å, of the cell along the load."""
        return self.cells[:, self.axis]

    @property
    def sides(self) -> tuple[int, int]:
        """The two other axes."""
        first, second = (other for other in range(3) if other != self.axis)
        return first, second

    @property
    def areas(self) -> FloatArray:
        """(n,), Å², of the cell across the load."""
        first, second = self.sides
        return np.asarray(self.cells[:, first] * self.cells[:, second])

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Everything by name, as in :data:`UNITS`."""
        return {name: getattr(self, name) for name in UNITS}


def pull_curve(tables: Sequence[Table], settings: PullSettings, axis: Axis, start: float) -> PullCurve:
    """Average the output of the pieces: over bins of strain, or at every step.

    :param tables: thermodynamic output of each piece, in order (arrays as :class:`.MdCalculation` gives them).
    :param start: L₀, Å, of the cell along the load.
    :raises ValueError: there is no output.
    """
    load = AXES.index(axis)
    grouped = _of_steps if settings.mode == 'steps' else _of_bins
    groups = list(grouped(tables, settings, load, start))
    if not groups:
        raise ValueError('tables: no output of any piece')
    means = {name: np.array([group[name].mean(axis=0) for group in groups]) for name in groups[0]}
    return PullCurve(
        strain=means['cells'][:, load] / start - 1,
        stresses=stress_from_lammps(means['pressures']),
        cells=means['cells'],
        temperature=means['temperature'],
        time=means['time'],
        n_averaged=np.array([len(group['time']) for group in groups]),
        axis=load,
    )


def is_broken(curve: PullCurve, settings: PullSettings, separated: bool | None = None) -> bool:
    """Whether the stress has been gone long enough for the pull to end.

    In a small sample noise alone is more than the part of the strength that counts as none. One that fell in two parts
    is broken when the mean stress is below that part.

    :param separated: whether a chain of atoms still leads through; None: nobody looked.
    """
    if len(curve.strain) < 2:
        return False
    if fully_broken(curve.strain, curve.stress, settings.broken_part, settings.lasting, settings.window):
        return True
    return bool(separated) and has_gone(curve, settings)


def has_gone(curve: PullCurve, settings: PullSettings) -> bool:
    """Whether the mean stress over the last strains is below the part of the strength that counts as none."""
    strength = smoothed(curve.strain, curve.stress, settings.window).max()
    last = curve.strain > curve.strain[-1] - settings.lasting
    peak = curve.strain[int(np.argmax(curve.stress))]
    beyond = curve.strain[-1] - peak > settings.lasting
    return bool(strength > 0 and beyond and curve.stress[last].mean() < settings.broken_part * strength)


def _rows(table: Table, time: float) -> dict[str, npt.NDArray[Any]]:
    """The columns that count, times from the beginning of the pull."""
    return {
        'cells': np.column_stack([table[name] for name in _LENGTHS]),
        'pressures': np.column_stack([table[name] for name in _PRESSURES]),
        'temperature': np.asarray(table['temperature'], dtype=np.float64),
        'time': np.asarray(table['time'], dtype=np.float64) + time,
    }


def _chosen(rows: Mapping[str, npt.NDArray[Any]], index: npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]]:
    return {name: array[index] for name, array in rows.items()}


def _of_bins(tables: Sequence[Table], settings: PullSettings, load: int, start: float) -> Iterator[dict[str, Any]]:
    """Rows of dynamics, within bins around whole multiples of the width."""
    parts: list[dict[str, npt.NDArray[Any]]] = []
    time = 0.0
    for table in tables:
        rows = _rows(table, time)
        # the first row of a piece is the last one of that before
        keep = (table['iteration'] == 0) & ((table['step'] > 0) | (not parts))
        parts.append(_chosen(rows, np.flatnonzero(keep)))
        time = float(rows['time'][-1]) if len(rows['time']) else time
    if not parts or not sum(len(part['time']) for part in parts):
        return
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    place = np.rint((joined['cells'][:, load] / start - 1) / settings.bin).astype(int)
    for value in np.unique(place):
        yield _chosen(joined, np.flatnonzero(place == value))


def _of_steps(tables: Sequence[Table], settings: PullSettings, load: int, start: float) -> Iterator[dict[str, Any]]:
    """Of every whole step the end: the later part of its hold, or the last row of the minimisation after it."""
    found: dict[int, dict[str, Any]] = {}
    time = 0.0
    for table in tables:
        rows = _rows(table, time)
        step = np.rint((rows['cells'][:, load] / start - 1) / settings.step).astype(int)
        for value in np.unique(step):
            group = np.flatnonzero(step == value)
            last = group[table['stage'][group] == table['stage'][group[-1]]]
            if settings.measure == 'minimised':
                last = last[-1:]
            else:
                since = rows['time'][last[-1]] - (1 - settings.average_from) * settings.hold
                last = last[rows['time'][last] > since - 1e-9]
            found[int(value)] = _chosen(rows, last)
        time = float(rows['time'][-1]) if len(rows['time']) else time
    yield from (found[value] for value in sorted(found))

"""Energy of an atom of each element, taken off the total energies so that what is left is cohesion.

Codes count energies from zeros of their own (pseudopotentials, all electrons): hundreds of eV per atom that say nothing
and that a model would have to learn. A shift by element changes no force and no virial.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.frames import Frames

FloatArray = npt.NDArray[np.floating[Any]]

KINDS = ('least_squares', 'isolated_atoms', 'given', 'none')
"""Where shifts may come from, see :func:`choose_shifts`."""

_RANK_TOLERANCE = 1e-8
_ATOMS_AGREE = 1e-3


@dataclass(frozen=True)
class EnergyShifts:
    """Shifts by least squares, and how far the compositions determine them.

    :param shifts: eV per atom of each element.
    :param rank: how many independent combinations of them the compositions fix.
    :param undetermined: combinations that they leave open: numbers of atoms by element, which may be added to a cell
        without a change of any energy per atom in the data; empty: all shifts are determined.
    :param residual: standard deviation of what is left, eV per atom.
    """

    shifts: dict[str, float]
    rank: int
    undetermined: list[dict[str, float]]
    residual: float

    @property
    def message(self) -> str:
        """One sentence on how far the shifts are determined."""
        n = len(self.shifts)
        if self.rank == n:
            return f'the compositions determine the shifts of all {n} elements'
        return (
            f'the compositions are degenerate: they fix {self.rank} of {n} shifts. Only sums over the compositions '
            'that are in the data mean something; of all possible shifts those nearest to the mean energy per atom '
            'were taken. Add data of another composition, or give the energies of isolated atoms'
        )


class CompositionEnergies:
    """Sums over frames by composition, from which the shifts follow; frames come one set after another."""

    def __init__(self) -> None:
        self._sums: dict[tuple[tuple[str, int], ...], list[float]] = {}

    def add(self, frames: Frames) -> None:
        """Count frames in.

        :raises ValueError: they have no energies.
        """
        energies = _energies(frames)
        sums = self._sums.setdefault(tuple(frames.counts.items()), [0, 0.0, 0.0])
        mean = float(energies.mean()) if len(energies) else 0.0
        n = sums[0] + len(energies)
        if n == 0:
            return
        step = mean - sums[1]
        sums[2] += float(((energies - mean) ** 2).sum()) + step**2 * sums[0] * len(energies) / n
        sums[1] += step * len(energies) / n
        sums[0] = n

    def fit(self) -> EnergyShifts:
        """Least squares of the energy per atom.

        :raises ValueError: no frames were added.
        """
        if not self._sums:
            raise ValueError('no frames, so no shifts of energy')
        elements = sorted({element for key in self._sums for element, _ in key})
        counts = np.array([[dict(key).get(element, 0) for element in elements] for key in self._sums], dtype=float)
        n_frames, means, squares = np.array(list(self._sums.values())).T
        fitted = fit_energy_shifts(elements, counts, means, n_frames)
        rest = fitted.residual**2 * n_frames.sum() + (squares / counts.sum(axis=1) ** 2).sum()
        return replace(fitted, residual=float(np.sqrt(rest / n_frames.sum())))


def fit_energy_shifts(
    elements: Sequence[str], counts: FloatArray, energies: FloatArray, weights: FloatArray | None = None
) -> EnergyShifts:
    """Shifts that make the energies per atom as small as possible, in least squares.

    Where the compositions do not determine all shifts (all frames are SiO2), the solution nearest to *the mean energy
    per atom for every element* is taken; energies of compositions within the data do not depend on that choice.

    :param elements: (n_elements,).
    :param counts: (n_rows, n_elements), atoms of each element.
    :param energies: (n_rows,), eV of the whole cell.
    :param weights: (n_rows,), frames that a row stands for; None: 1.
    :raises ValueError: shapes do not fit, no rows, or a row without atoms.
    """
    counts = np.asarray(counts, dtype=float)
    energies = np.asarray(energies, dtype=float)
    if counts.ndim != 2 or counts.shape != (len(energies), len(elements)) or not len(energies):
        raise ValueError(f'counts: shape {counts.shape}, expected ({len(energies)}, {len(elements)}), not empty')
    n_atoms = counts.sum(axis=1)
    if (n_atoms <= 0).any():
        raise ValueError('counts: a row without atoms')
    weight = np.ones(len(energies)) if weights is None else np.asarray(weights, dtype=float)
    root = np.sqrt(weight)
    fractions, per_atom = counts / n_atoms[:, None], energies / n_atoms
    mean = float((weight * per_atom).sum() / weight.sum())
    deviation = np.linalg.lstsq(fractions * root[:, None], (per_atom - mean) * root, rcond=_RANK_TOLERANCE)[0]
    rest = per_atom - mean - fractions @ deviation
    _, singular, rows = np.linalg.svd(fractions, full_matrices=True)
    rank = int((singular > _RANK_TOLERANCE * singular[0]).sum())
    return EnergyShifts(
        shifts={element: float(mean + value) for element, value in zip(elements, deviation, strict=True)},
        rank=rank,
        undetermined=[_combination(elements, row) for row in rows[rank:]],
        residual=float(np.sqrt((weight * rest**2).sum() / weight.sum())),
    )


def shifts_of_isolated_atoms(parts: Iterable[Frames]) -> dict[str, float]:
    """Shifts from the frames that hold a single atom.

    :param parts: labelled frames; those with several atoms are passed over.
    :returns: eV per atom of each element.
    :raises ValueError: there are none, or two energies of one element differ by more than 1 meV.
    """
    found: dict[str, float] = {}
    for frames in parts:
        if frames.n_atoms != 1:
            continue
        for energy in _energies(frames).tolist():
            first = found.setdefault(frames.symbols[0], energy)
            if abs(first - energy) > _ATOMS_AGREE:
                raise ValueError(f'isolated atoms of {frames.symbols[0]} have {first:.6f} and {energy:.6f} eV')
    if not found:
        raise ValueError('no frame holds a single atom, so there are no energies of isolated atoms')
    return dict(sorted(found.items()))


def subtract_shifts(frames: Frames, shifts: Mapping[str, float]) -> Frames:
    """Take the energies of the atoms off.

    :param frames: with energies, eV.
    :param shifts: eV per atom of each element.
    :raises ValueError: no energies, or an element without a shift.
    """
    missing = [element for element in frames.elements if element not in shifts]
    if missing:
        raise ValueError(f'no energy shift is given for {", ".join(missing)}')
    offset = sum(number * shifts[element] for element, number in frames.counts.items())
    return replace(frames, energies=_energies(frames) - offset)


def add_shifts(frames: Frames, shifts: Mapping[str, float]) -> Frames:
    """Undo :func:`subtract_shifts`; an element without a shift has none."""
    return subtract_shifts(frames, {element: -shifts.get(element, 0.0) for element in frames.elements})


def choose_shifts(parts: Iterable[Frames], settings: Mapping[str, Any]) -> tuple[dict[str, float], dict[str, Any]]:
    """Shifts as the settings want them, and a report on them.

    :param parts: labelled frames without shifts, one set after another.
    :param settings: ``kind``: ``least_squares`` of these frames, ``isolated_atoms`` among them, ``given`` by
        ``shifts`` (eV per atom of each element), or ``none``.
    :returns: eV per atom of each element, and plain values.
    :raises ValueError: an unknown kind, or what :meth:`CompositionEnergies.fit`, :func:`shifts_of_isolated_atoms` say.
    """
    kind = settings.get('kind')
    if kind not in KINDS:
        raise ValueError(f'kind: {kind!r} is none of {", ".join(KINDS)}')
    report: dict[str, Any] = {'kind': kind, 'units': {'shifts': 'eV per atom', 'residual': 'eV per atom'}}
    if kind == 'least_squares':
        sums = CompositionEnergies()
        for frames in parts:
            sums.add(frames)
        fitted = sums.fit()
        report |= {**asdict(fitted), 'message': fitted.message}
        return fitted.shifts, report
    shifts = {}
    if kind == 'isolated_atoms':
        shifts = shifts_of_isolated_atoms(parts)
    elif kind == 'given':
        shifts = {element: float(value) for element, value in sorted(settings.get('shifts', {}).items())}
        if not shifts:
            raise ValueError('shifts: none are given')
    return shifts, {**report, 'shifts': shifts}


def _energies(frames: Frames) -> FloatArray:
    if frames.energies is None:
        raise ValueError('frames without energies')
    return np.asarray(frames.energies, dtype=np.float64)


def _combination(elements: Sequence[str], row: FloatArray) -> dict[str, float]:
    """A null vector scaled so that its largest entry is 1."""
    scaled = row / row[np.argmax(np.abs(row))]
    return {e: round(float(v), 6) for e, v in zip(elements, scaled, strict=True) if abs(v) > 1e-9}

"""Frames that are unlike all others: labels that went wrong, or configurations that nobody wants to learn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion import units
from aiida_glassion.frames import Frames
from aiida_glassion.kernels.dataset.energy_shifts import fit_energy_shifts

FloatArray = npt.NDArray[np.floating[Any]]

ENERGY_SCORE = 10.0
"""Robust z-score of the energy per atom beyond which a frame is an outlier."""
LARGEST_FORCE = 50.0
"""Force, eV/Å, beyond which a frame is an outlier."""
LARGEST_PRESSURE = 100.0
"""Pressure of either sign, GPa, beyond which a frame is an outlier."""

_MAD_TO_SIGMA = 1.482602218505602
_MEAN_TO_SIGMA = 1.2533141373155001


@dataclass(frozen=True)
class Outlier:
    """A frame that stands out.

    :param frame: its number in the order in which the frames came.
    :param kind: ``energy``, ``force`` or ``pressure``.
    :param value: robust z-score, eV/Å or GPa.
    :param reason: one sentence with the numbers.
    """

    frame: int
    kind: str
    value: float
    reason: str


def robust_scores(values: FloatArray) -> FloatArray:
    """Distance from the median in robust standard deviations (1.4826 times the median absolute deviation).

    Where more than half of the values are equal, the mean absolute deviation takes its place; all equal: zeros.

    :param values: (n,).
    """
    values = np.asarray(values, dtype=float)
    if not len(values):
        return values
    distance = values - np.median(values)
    scale = _MAD_TO_SIGMA * float(np.median(np.abs(distance)))
    if scale <= 1e-12 * max(1.0, float(np.abs(values).max())):
        scale = _MEAN_TO_SIGMA * float(np.abs(distance).mean())
    if scale <= 1e-12 * max(1.0, float(np.abs(values).max())):
        return np.zeros_like(values)
    scores: FloatArray = distance / scale
    return scores


def pressures(frames: Frames) -> FloatArray:
    """Pressure without the kinetic part, (n_frames,), GPa: trace of the virial over 3 V, positive when compressed.

    :raises ValueError: no virials.
    """
    if frames.virials is None:
        raise ValueError('frames without virials')
    trace = np.trace(frames.virials, axis1=1, axis2=2)
    found: FloatArray = trace / 3 / frames.volumes * units.EV_PER_ANGSTROM3_TO_GPA
    return found


class OutlierSearch:
    """Collect one number per frame and quantity, then judge.

    :param energy_score: limit of the robust z-score of the energy per atom, after shifts by element that are fitted
        to these frames; within a composition it is the plain z-score, across compositions only what is not linear.
    :param largest_force: eV/Å, limit of the largest force on an atom.
    :param largest_pressure: GPa, limit of the pressure of either sign.
    """

    def __init__(
        self,
        energy_score: float = ENERGY_SCORE,
        largest_force: float = LARGEST_FORCE,
        largest_pressure: float = LARGEST_PRESSURE,
    ) -> None:
        for name, limit in (
            ('energy_score', energy_score), ('largest_force', largest_force), ('largest_pressure', largest_pressure)
        ):  # fmt: skip
            if not limit > 0:
                raise ValueError(f'{name}: {limit} is not positive')
        self._limits = (energy_score, largest_force, largest_pressure)
        self._parts: list[tuple[dict[str, int], FloatArray, FloatArray, FloatArray]] = []

    def add(self, frames: Frames) -> None:
        """Count frames in; those without forces or virials are judged by what they have.

        :raises ValueError: they have no energies.
        """
        if frames.energies is None:
            raise ValueError('frames without energies')
        if not frames.n_frames:
            return
        nothing = np.zeros(frames.n_frames)
        forces: FloatArray = nothing
        if frames.forces is not None and frames.n_atoms:
            forces = np.linalg.norm(frames.forces, axis=2).max(axis=1)
        found: FloatArray = nothing
        if frames.virials is not None and all(frames.pbc):
            found = pressures(frames)
        self._parts.append((frames.counts, np.array(frames.energies, dtype=float), forces, found))

    def outliers(self) -> list[Outlier]:
        """The frames that stand out, by number; a frame may be named for several kinds."""
        if not self._parts:
            return []
        shifts = _robust_shifts(self._parts)
        residuals = np.concatenate([_per_atom(counts, energies, shifts) for counts, energies, _, _ in self._parts])
        scores = robust_scores(residuals)
        forces = np.concatenate([part[2] for part in self._parts])
        found = np.concatenate([part[3] for part in self._parts])
        score, force, pressure = self._limits
        middle = float(np.median(residuals))
        outliers = [
            *(
                Outlier(
                    int(i),
                    'energy',
                    float(scores[i]),
                    f'energy per atom {residuals[i] - middle:+.3f} eV from the median, {abs(scores[i]):.1f} robust '
                    f'standard deviations; the limit is {score:g}',
                )
                for i in np.flatnonzero(np.abs(scores) > score)
            ),
            *(
                Outlier(int(i), 'force', float(forces[i]), f'a force of {forces[i]:.1f} eV/Å; the limit is {force:g}')
                for i in np.flatnonzero(forces > force)
            ),
            *(
                Outlier(int(i), 'pressure', float(found[i]), f'pressure {found[i]:.1f} GPa; the limit is {pressure:g}')
                for i in np.flatnonzero(np.abs(found) > pressure)
            ),
        ]
        return sorted(outliers, key=lambda outlier: (outlier.frame, outlier.kind))


def find_outliers(parts: Iterable[Frames], **limits: float) -> list[Outlier]:
    """Outliers among frames that come one set after another; see :class:`OutlierSearch`."""
    search = OutlierSearch(**limits)
    for frames in parts:
        search.add(frames)
    return search.outliers()


def _robust_shifts(parts: Iterable[tuple[dict[str, int], FloatArray, FloatArray, FloatArray]]) -> dict[str, float]:
    """Shifts by element fitted to the median energy of each composition, which a few wrong energies do not move."""
    by_composition: dict[tuple[tuple[str, int], ...], list[FloatArray]] = {}
    for counts, energies, _, _ in parts:
        if len(energies):
            by_composition.setdefault(tuple(counts.items()), []).append(energies)
    elements = sorted({element for key in by_composition for element, _ in key})
    rows = np.array([[dict(key).get(element, 0) for element in elements] for key in by_composition], dtype=float)
    medians = np.array([np.median(np.concatenate(values)) for values in by_composition.values()])
    weights = np.array([sum(map(len, values)) for values in by_composition.values()], dtype=float)
    return fit_energy_shifts(elements, rows, medians, weights).shifts


def _per_atom(counts: Mapping[str, int], energies: FloatArray, shifts: Mapping[str, float]) -> FloatArray:
    offset = sum(number * shifts[element] for element, number in counts.items())
    per_atom: FloatArray = (energies - offset) / sum(counts.values())
    return per_atom

"""What a data set holds, by formula; frames come one set after another."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.dataset.distances import minimum_distances
from aiida_glassion.kernels.dataset.outliers import pressures

UNITS = {
    'n_frames': 'number of frames',
    'n_atoms': 'number of atoms',
    'energy_per_atom': 'eV',
    'energy_per_atom_sd': 'eV',
    'force_rms': 'eV/Å',
    'force_largest': 'eV/Å',
    'pressure': 'GPa, smallest and largest',
    'density': 'g/cm³, smallest and largest',
    'minimum_distances': 'Å',
}


@dataclass
class _Sums:
    n_atoms: int
    n_frames: int = 0
    mean: float = 0.0
    squares: float = 0.0
    force_squares: float = 0.0
    force_components: int = 0
    force_largest: float = 0.0
    pressure: tuple[float, float] | None = None
    density: tuple[float, float] | None = None
    distances: dict[str, float] = field(default_factory=dict)


class DatasetStatistics:
    """Statistics by formula in constant memory.

    :param distances: look for the smallest distances too (most of the time that this takes).
    """

    def __init__(self, distances: bool = True) -> None:
        self._distances = distances
        self._sums: dict[str, _Sums] = {}

    def add(self, frames: Frames) -> None:
        """Count frames in.

        :raises ValueError: they have no energies.
        """
        if frames.energies is None:
            raise ValueError('frames without energies')
        if not frames.n_frames:
            return
        formula = ''.join(f'{element}{number}' for element, number in frames.counts.items())
        sums = self._sums.setdefault(formula, _Sums(frames.n_atoms))
        energies = np.asarray(frames.energies, dtype=float) / frames.n_atoms
        mean, n = float(energies.mean()), sums.n_frames + frames.n_frames
        step = mean - sums.mean
        sums.squares += float(((energies - mean) ** 2).sum()) + step**2 * sums.n_frames * frames.n_frames / n
        sums.mean += step * frames.n_frames / n
        sums.n_frames = n
        if frames.forces is not None:
            sums.force_squares += float((frames.forces**2).sum())
            sums.force_components += frames.forces.size
            sums.force_largest = max(sums.force_largest, float(np.linalg.norm(frames.forces, axis=2).max()))
        if all(frames.pbc):
            sums.density = _widen(sums.density, frames.densities)
            if frames.virials is not None:
                sums.pressure = _widen(sums.pressure, pressures(frames))
        if self._distances:
            for pair, values in minimum_distances(frames).items():
                if np.isfinite(values).any():
                    sums.distances[pair] = min(float(np.nanmin(values)), sums.distances.get(pair, np.inf))

    def result(self) -> dict[str, dict[str, Any]]:
        """By formula: the numbers of :data:`UNITS`; what the frames do not tell is None."""
        return {
            formula: {
                'n_frames': sums.n_frames,
                'n_atoms': sums.n_atoms,
                'energy_per_atom': sums.mean,
                'energy_per_atom_sd': float(np.sqrt(sums.squares / (sums.n_frames - 1))) if sums.n_frames > 1 else None,
                'force_rms': float(np.sqrt(sums.force_squares / sums.force_components))
                if sums.force_components
                else None,
                'force_largest': sums.force_largest if sums.force_components else None,
                'pressure': None if sums.pressure is None else list(sums.pressure),
                'density': None if sums.density is None else list(sums.density),
                'minimum_distances': dict(sorted(sums.distances.items())),
            }
            for formula, sums in sorted(self._sums.items())
        }


def _widen(known: tuple[float, float] | None, values: Any) -> tuple[float, float]:
    low, high = float(np.min(values)), float(np.max(values))
    return (low, high) if known is None else (min(low, known[0]), max(high, known[1]))

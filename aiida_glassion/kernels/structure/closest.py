"""Atoms that are nearer to each other than atoms can be, in frames that nobody should compute or learn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.structure.neighbours import neighbour_list


@dataclass(frozen=True)
class TooClose:
    """Two atoms of a frame, or one and its own image, that are too close.

    :param first: index of an atom.
    :param second: index of the other.
    :param pair: their elements, alphabetical, as ``Na-O``.
    :param distance: Å.
    :param limit: what it should not be less than, Å.
    """

    first: int
    second: int
    pair: str
    distance: float
    limit: float


def closest_atoms(frames: Frames, fraction: float) -> list[TooClose | None]:
    """The worst pair of each frame among those nearer than a fraction of the sum of their covalent radii.

    Radii: B. Cordero et al., Dalton Trans., 2832 (2008). Images count one by one, in any cell, however small; the time
    grows with the number of atoms.

    :param frames: configurations, periodic or not.
    :param fraction: 0.6 lets a bond be compressed by about a third; 0 switches the check off.
    :returns: (n_frames,) None where no pair is too close.
    """
    from ase.data import atomic_numbers, covalent_radii

    radii = np.array([covalent_radii[atomic_numbers[element]] for element in frames.elements])
    limits = fraction * (radii[:, None] + radii)
    found: list[TooClose | None] = []
    for positions, cell in zip(frames.positions, frames.cells, strict=True):
        pairs = neighbour_list(np.asarray(positions, float), np.asarray(cell, float), limits, frames.types, frames.pbc)
        if not len(pairs):
            found.append(None)
            continue
        allowed = limits[frames.types[pairs.first], frames.types[pairs.second]]
        worst = int(np.argmin(pairs.distances / allowed))
        first, second = sorted((int(pairs.first[worst]), int(pairs.second[worst])))
        pair = '-'.join(sorted((frames.symbols[first], frames.symbols[second])))
        found.append(TooClose(first, second, pair, float(pairs.distances[worst]), float(allowed[worst])))
    return found

"""How crowded the surroundings of atoms are: what a net must take in."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from aiida_glassion.frames import Frames


def most_neighbours(parts: Iterable[Frames], cutoff: float) -> dict[str, int]:
    """Largest number of neighbours of each element that any atom has within a cutoff, periodic images counted.

    :param parts: frames, one set after another.
    :param cutoff: Å.
    :returns: element -> number; elements alphabetical.
    :raises ValueError: a cutoff that is not positive.
    """
    from aiida_glassion.kernels.structure.neighbours import neighbour_list

    if not cutoff > 0:
        raise ValueError(f'cutoff: {cutoff} Å, expected a length')
    most: dict[str, int] = {}
    for frames in parts:
        n_types = len(frames.elements)
        largest = np.zeros(n_types, dtype=int)
        for positions, cell in zip(frames.positions, frames.cells, strict=True):
            pairs = neighbour_list(positions, cell, cutoff, pbc=frames.pbc)
            places = pairs.first.astype(np.int64) * n_types + frames.types[pairs.second]
            counts = np.bincount(places, minlength=frames.n_atoms * n_types).reshape(-1, n_types)
            np.maximum(largest, counts.max(axis=0, initial=0), out=largest)
        for element, number in zip(frames.elements, largest, strict=True):
            most[element] = max(most.get(element, 0), int(number))
    return dict(sorted(most.items()))

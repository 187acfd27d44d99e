"""Smallest distance of each pair of elements: the quickest sign of a frame that no force field should have made."""

from __future__ import annotations

from itertools import combinations_with_replacement
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.frames import Frames

FloatArray = npt.NDArray[np.floating[Any]]

_FIRST = 3.0


def minimum_distances(frames: Frames, largest: float = 6.0) -> dict[str, FloatArray]:
    """Smallest distance of every pair of elements in every frame, periodic images included.

    :param frames: atoms and cells, Å.
    :param largest: Å; pairs farther apart are not looked for.
    :returns: pair (``O-Si``) -> (n_frames,), Å; NaN where no pair is nearer than ``largest``.
    """
    from aiida_glassion.kernels.structure.neighbours import neighbour_list

    n_types = len(frames.elements)
    smallest = np.full((frames.n_frames, n_types, n_types), np.nan)
    for i in range(frames.n_frames):
        cutoff = min(_FIRST, largest)
        wanted = np.ones((n_types, n_types), dtype=bool)
        while wanted.any() and cutoff <= largest:
            pairs = neighbour_list(
                frames.positions[i], frames.cells[i], np.where(wanted, cutoff, 0.0), frames.types, frames.pbc
            )
            table = np.full(n_types * n_types, np.inf)
            kinds = frames.types[pairs.first].astype(np.int64) * n_types + frames.types[pairs.second]
            np.minimum.at(table, kinds, pairs.distances)
            found = np.isfinite(table).reshape(n_types, n_types)
            smallest[i][found] = table.reshape(n_types, n_types)[found]
            wanted &= ~found
            cutoff = largest if cutoff < largest else np.inf
    return {
        f'{frames.elements[a]}-{frames.elements[b]}': smallest[:, a, b]
        for a, b in combinations_with_replacement(range(n_types), 2)
    }

"""When are two configurations the same: a fingerprint of the exact geometry."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from aiida_glassion.frames import Frames

PRECISION = 1e-6
"""Å. Coordinates are compared after rounding to this, so that a file with seven decimals gives the same frame."""


def fingerprints(frames: Frames) -> Iterator[str]:
    """Fingerprint of each frame: SHA-256 of elements, positions, cell and periodicity.

    The order of the elements does not matter, the order of the atoms of one element does. Nothing else is taken for
    equal: not a translation, a rotation, another cell of the same lattice. The cell counts only where it is periodic.

    :param frames: configurations; whatever labels they carry is left aside.
    """
    ordered = frames.sorted_by_element()
    head = ' '.join((*ordered.symbols, *(str(periodic) for periodic in ordered.pbc))).encode()
    for positions, cell in zip(ordered.positions, ordered.cells, strict=True):
        digest = hashlib.sha256(head)
        digest.update(_rounded(positions))
        if any(ordered.pbc):
            digest.update(_rounded(cell))
        yield digest.hexdigest()


def _rounded(numbers: npt.ArrayLike) -> bytes:
    """Whole multiples of the precision, as integers: there is no negative zero among them."""
    return np.rint(np.asarray(numbers, dtype=np.float64) / PRECISION).astype(np.int64).tobytes()

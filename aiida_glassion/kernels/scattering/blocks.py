"""Sums over frames of a stream of unknown length, kept in a bounded number of blocks for the errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating[Any]]
Sums = dict[str, FloatArray]

MOST_BLOCKS = 20


class BlockSums:
    """Adds up arrays frame by frame, in blocks of consecutive frames.

    A block is one frame at first. When there are 20 blocks, neighbours are joined, so 10 to 19 remain however long the
    trajectory; fewer only if it has fewer frames.
    """

    def __init__(self) -> None:
        self.n_frames = 0
        self._size = 1
        self._blocks: list[Sums] = []
        self._open: Sums = {}
        self._filled = 0

    def add(self, frame: Mapping[str, npt.ArrayLike]) -> None:
        """Take one frame: arrays of the same names and shapes each time."""
        self._open = _joined(self._open, {name: np.asarray(value, dtype=np.float64) for name, value in frame.items()})
        self._filled += 1
        self.n_frames += 1
        if self._filled == self._size:
            self._blocks.append(self._open)
            self._open, self._filled = {}, 0
        if len(self._blocks) == MOST_BLOCKS:
            pairs = zip(self._blocks[::2], self._blocks[1::2], strict=True)
            self._blocks = [_joined(first, second) for first, second in pairs]
            self._size *= 2

    def total(self) -> Sums:
        """Sums over all frames.

        :raises ValueError: no frame was added.
        """
        if self.n_frames == 0:
            raise ValueError('no frame was added')
        total: Sums = {}
        for block in [*self._blocks, self._open]:
            total = _joined(total, block)
        return total

    def blocks(self) -> list[Sums]:
        """Sums over each full block, all of :attr:`block_size` frames; frames that fill none are left out."""
        return list(self._blocks)

    @property
    def block_size(self) -> int:
        """Frames by block."""
        return self._size


def _joined(first: Sums, second: Sums) -> Sums:
    if not first or not second:
        return dict(first or second)
    return {name: first[name] + second[name] for name in first}


def error_of_blocks(values: FloatArray) -> FloatArray | None:
    """Standard error of the mean over blocks, NaN where fewer than two blocks have a value.

    :param values: (n_blocks, ...), NaN where a block has none.
    :returns: (...), or None with fewer than two blocks.
    """
    if len(values) < 2:
        return None
    known = np.isfinite(values)
    n = known.sum(axis=0)
    enough = np.where(n > 1, n, 2)
    mean = np.where(known, values, 0.0).sum(axis=0) / enough
    squares = np.where(known, values - mean, 0.0) ** 2
    error: FloatArray = np.where(n > 1, np.sqrt(squares.sum(axis=0) / (enough - 1) / enough), np.nan)
    return error

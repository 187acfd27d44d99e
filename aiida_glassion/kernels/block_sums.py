"""Mean and error of a curve over the frames of a trajectory whose length is not known, in memory for few blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

_MOST_BLOCKS = 20


class BlockSums:
    """Sums of one array per frame over blocks of consecutive frames.

    Blocks are of 1, 2, 4, … frames: when 20 are full, neighbours are joined, so that there are 10 to 20 of them however
    many frames come, and they depend on the order of the frames alone, not on how these were read. With ten frames or
    fewer each frame is a block.
    """

    def __init__(self) -> None:
        self._full: list[FloatArray] = []
        self._open: FloatArray | None = None
        self._in_open = 0
        self._size = 1

    @property
    def n(self) -> int:
        """Number of frames."""
        return self._size * len(self._full) + self._in_open

    @property
    def block_size(self) -> int:
        """Frames in a block."""
        return self._size

    def add(self, values: npt.ArrayLike) -> None:
        """Add the array of the next frame.

        :param values: of the same shape as those before.
        :raises ValueError: it has another shape.
        """
        array = np.array(values, dtype=np.float64)
        before = self._open if self._open is not None else self._full[0] if self._full else array
        if array.shape != before.shape:
            raise ValueError(f'values: shape {array.shape}, expected {before.shape} as in the frames before')
        self._open = array if self._open is None else self._open + array
        self._in_open += 1
        if self._in_open < self._size:
            return
        self._full.append(self._open)
        self._open, self._in_open = None, 0
        if len(self._full) == _MOST_BLOCKS:
            self._full = [a + b for a, b in zip(self._full[::2], self._full[1::2], strict=True)]
            self._size *= 2

    def widen(self, length: int) -> None:
        """Make room at the end for numbers that were zero in all frames before, of one-dimensional arrays.

        :param length: new length.
        """

        def wider(values: FloatArray) -> FloatArray:
            return np.concatenate([values, np.zeros(length - len(values))])

        self._full = [wider(values) for values in self._full]
        self._open = None if self._open is None else wider(self._open)

    def blocks(self) -> list[FloatArray]:
        """Sum over each full block, all of :attr:`block_size` frames; frames that fill none are left out."""
        return list(self._full)

    def total(self) -> FloatArray:
        """Sum over all frames.

        :raises ValueError: no frame was added.
        """
        if not self.n:
            raise ValueError('no frame was added')
        parts = [*self._full, *([] if self._open is None else [self._open])]
        total: FloatArray = sum(parts, start=np.zeros_like(parts[0]))
        return total

    def mean(self) -> FloatArray:
        """Mean over all frames.

        :raises ValueError: no frame was added.
        """
        mean: FloatArray = self.total() / self.n
        return mean

    def error(self) -> FloatArray | None:
        """Standard error of the mean from the spread of the full blocks; None with fewer than two.

        Too small where a block is shorter than the memory of the structure.
        """
        n_blocks = len(self._full)
        if n_blocks < 2:
            return None
        # the frames of a block that is not full count in the mean; the error is that of as many blocks as there are
        deviations: FloatArray = (np.array(self._full) / self._size).std(axis=0, ddof=1)
        weight = np.sqrt(self.n / self._size)
        error: FloatArray = deviations / weight
        return error


def error_of_blocks(values: npt.NDArray[np.floating[Any]]) -> FloatArray | None:
    """Standard error of the mean over blocks, NaN where fewer than two blocks have a value.

    For what is worked out of the sums of each block; of the sums themselves: :meth:`BlockSums.error`.

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

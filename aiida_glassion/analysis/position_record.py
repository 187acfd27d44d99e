"""Where ions were, kept small for what can only be done when all frames are known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

_STEPS = 65536
_BLOCK = 200
MOST_BYTES = 150_000_000
"""Beyond this every second frame is given up."""


class PositionRecord:
    """Fractional coordinates folded into the cell, in steps of 1/65536; every frame, then every second, fourth, …

    :param n_ions: how many.
    :param most_bytes: size of the record.
    """

    def __init__(self, n_ions: int, most_bytes: int = MOST_BYTES) -> None:
        self._most = max(4, most_bytes // (6 * max(n_ions, 1)))
        self._frames: list[npt.NDArray[np.uint16]] = []
        self._seen = 0
        self.every = 1
        """Frames from one that is kept to the next."""

    def add(self, fractional: npt.NDArray[np.floating[Any]]) -> None:
        """Note the next frame.

        :param fractional: (n_ions, 3), folded into the cell or not.
        """
        if self._seen % self.every == 0:
            self._frames.append((np.rint(fractional * _STEPS).astype(np.int64) % _STEPS).astype(np.uint16))
        self._seen += 1
        if len(self._frames) > self._most:
            self._frames = self._frames[::2]
            self.every *= 2

    def blocks(self) -> Iterator[npt.NDArray[np.float64]]:
        """The frames that were kept, some at a time: (n, n_ions, 3), in [0, 1)."""
        for start in range(0, len(self._frames), _BLOCK):
            yield np.array(self._frames[start : start + _BLOCK], dtype=np.float64) / _STEPS

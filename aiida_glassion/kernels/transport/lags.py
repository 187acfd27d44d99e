"""Lags that are dense at short and sparse at long times, and the pairs of frames that lie so far apart.

Where frames come one after the other, only those are kept that a later one will be compared with: all frames for short
lags, every second, fourth, … for longer ones, whose origins need not be denser. So memory grows with the logarithm of
the length of the trajectory alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

_LEVELS = 40
"""More than any trajectory has octaves."""


def lag_number(index: int, per_octave: int) -> int:
    """The lag at a place in the series 1, 2, …, 2p, 2p + 2, …, 4p, 4p + 4, …, with p lags per octave.

    :param index: from 0.
    :param per_octave: p, ≥ 1.
    """
    if index < 2 * per_octave:
        return index + 1
    level, step = divmod(index - 2 * per_octave, per_octave)
    return int((per_octave + step + 1) << (level + 1))


def log_lags(longest: int, per_octave: int = 8) -> IntArray:
    """All lags of the series up to a longest one.

    :param longest: frames, ≥ 1.
    :param per_octave: from twice that number on, so many lags between one and its double.
    :raises ValueError: no lag fits.
    """
    if longest < 1 or per_octave < 1:
        raise ValueError(
            f'longest: {longest}, per_octave: {per_octave}; expected at least 1 frame and 1 lag per octave'
        )
    found, index = [], 0
    while (lag := lag_number(index, per_octave)) <= longest:
        found.append(lag)
        index += 1
    return np.array(found, dtype=np.int64)


class LagStream:
    """Pairs each new frame with those before it that lie a lag of :func:`log_lags` apart.

    Lags up to 2p have every frame as origin; those between 2p·2ᵏ⁻¹ and 2p·2ᵏ every 2ᵏ-th.

    :param per_octave: p.
    :raises ValueError: p is below 1.
    """

    def __init__(self, per_octave: int = 8) -> None:
        if per_octave < 1:
            raise ValueError(f'per_octave: {per_octave}, expected at least 1')
        self.per_octave = per_octave
        self.n_frames = 0
        self._levels: list[deque[FloatArray]] = [deque(maxlen=2 * per_octave) for _ in range(_LEVELS)]

    def add(self, frame: FloatArray) -> Iterator[tuple[int, int, FloatArray]]:
        """Take the next frame; it is kept as it is, without a copy.

        :returns: for each lag: its place in the series, the lag, and the frame that lies so far back.
        """
        p, number = self.per_octave, self.n_frames
        self.n_frames += 1
        for level, kept in enumerate(self._levels):
            if number % (1 << level):
                break
            nearest = 1 if level == 0 else p + 1
            first = 0 if level == 0 else (level + 1) * p
            for j in range(nearest, len(kept) + 1):
                yield first + j - nearest, j << level, kept[-j]
            kept.append(frame)

"""The clock of a trajectory: what correlations in time need is equal steps between frames."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating[Any]]

_TOLERANCE = 0.01


class FrameClock:
    """Checks times as frames come by.

    A frame at the same time as the one before it (where one file begins with the last frame of another) is left out.

    :param frame_time: ps between frames, in place of the times in the file; None: the file's times.
    """

    def __init__(self, frame_time: float | None = None) -> None:
        self.given = frame_time
        self.left_out = 0
        self._seen = 0
        self._last: float | None = None
        self._spacing: float | None = None

    def take(
        self, times: FloatArray | None, n_frames: int, steps: npt.NDArray[np.integer[Any]] | None = None
    ) -> npt.NDArray[np.bool_]:
        """Which of the next frames count.

        :param times: (n_frames,), ps; None where the file has none.
        :param steps: (n_frames,), integration steps; with a given time between frames they tell whether it is the same
            between all of them.
        :raises ValueError: no time is known, or frames are not equally spaced.
        """
        keep = np.ones(n_frames, dtype=bool)
        if self.given is None and times is None:
            raise ValueError('frame_time: the trajectory has no times; give the time between the frames taken, in ps')
        clock, unit = (times, 'ps') if self.given is None else (steps, 'steps')
        if clock is None:
            return keep
        for index, time in enumerate(np.asarray(clock, dtype=np.float64).tolist()):
            step = None if self._last is None else time - self._last
            self._seen += 1
            if step is None:
                self._last = time
                continue
            least = _TOLERANCE * (self._spacing or 1e-6)
            if abs(step) <= least:
                keep[index] = False
                self.left_out += 1
                continue
            spacing = self._spacing if self._spacing is not None else step
            if step < 0 or abs(step - spacing) > _TOLERANCE * spacing:
                raise ValueError(
                    f'frame {self._seen - 1}: {step:g} {unit} after the one before it, expected {spacing:g} {unit} as '
                    'between the first two; frames must be equally spaced in time (first, last and every choose them)'
                )
            self._spacing, self._last = spacing, time
        return keep

    @property
    def spacing(self) -> float:
        """Time between frames, ps.

        :raises ValueError: there was only one frame.
        """
        if self.given is not None:
            return self.given
        if self._spacing is None:
            raise ValueError('one frame only: motion needs several')
        return self._spacing

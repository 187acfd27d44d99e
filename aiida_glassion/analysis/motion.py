"""Frames as those who study motion want them: ions told from framework, boundaries undone, the framework at rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from aiida_glassion.analysis.base import AnalysisSettings
from aiida_glassion.analysis.block_numbers import elements_among
from aiida_glassion.analysis.frame_times import FrameClock
from aiida_glassion.analysis.system import Chunk, System, View
from aiida_glassion.kernels.transport.displacements import Unwrap
from aiida_glassion.kernels.transport.unwrap import fractional_coordinates, say_jump, unwrap_fractional, widest_jump

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_CELL_CHANGE = 0.01


class MotionSettings(AnalysisSettings):
    """Settings that all analyses of motion share.

    :param ions: elements that move; default: the network modifiers (Li, Na, …).
    :param reference: elements whose mean displacement is taken off, so that they rest; default: all but the ions; an
        empty list: nothing is taken off.
    :param frame_time: ps between the frames that are taken; default: the times in the file.
    :param unwrap: ``check``: atoms that jump at the boundaries are an error; ``minimum_image``: jumps are undone, right
        where no atom goes further than half the cell between frames; ``trust``: long steps are motion.
    """

    ions: list[str] | None = None
    reference: list[str] | None = None
    frame_time: float | None = Field(default=None, gt=0)
    unwrap: Unwrap = 'check'


@dataclass(frozen=True, eq=False)
class Moment:
    """One frame.

    :param positions: (n_atoms, 3), Å, unwrapped, without the framework's drift, in the cell of the first frame.
    :param fractional: (n_atoms, 3), the same along the cell vectors.
    :param cell: (3, 3), Å, of this frame.
    :param view: the frame as it was read.
    """

    positions: FloatArray
    fractional: FloatArray
    cell: FloatArray
    view: View


class Motion:
    """Takes chunks, gives moments.

    :raises ValueError: no ion, or an element is not in the system.
    """

    def __init__(self, settings: MotionSettings, system: System) -> None:
        modifiers = [element for element in system.elements if system.roles[element] == 'modifier']
        if settings.ions is None and not modifiers:
            raise ValueError(f'ions: none of {", ".join(system.elements)} is a network modifier; name what moves')
        self.system, self.unwrap = system, settings.unwrap
        self.ions = elements_among(system, modifiers if settings.ions is None else settings.ions, 'ions')
        self.reference = [element for element in system.elements if element not in self.ions]
        if settings.reference is not None:
            self.reference = elements_among(system, settings.reference, 'reference') if settings.reference else []
        self.symbols = np.array(system.symbols)
        self._at_rest = np.isin(self.symbols, self.reference)
        self.clock = FrameClock(settings.frame_time)
        self.n_frames = 0
        self._start: FloatArray | None = None
        self._last = np.zeros(0)
        self.cell = np.zeros((3, 3))
        self._cells = np.zeros((3, 3))

    def atoms_of(self, element: str) -> IntArray:
        """Indices of the atoms of an element."""
        return np.flatnonzero(self.symbols == element)

    @property
    def frame_time(self) -> float:
        """Time between frames, ps.

        :raises ValueError: there was only one.
        """
        return self.clock.spacing

    @property
    def mean_cell(self) -> FloatArray:
        """(3, 3), Å."""
        return self._cells / self.n_frames

    def take(self, chunk: Chunk) -> Iterator[Moment]:
        """The frames of a chunk that count.

        :raises ValueError: no times, unequal steps, or atoms that jump at the boundaries.
        """
        frames = chunk.frames
        keep = np.flatnonzero(self.clock.take(frames.times, frames.n_frames, frames.steps))
        if not len(keep):
            return
        cells = np.asarray(frames.cells[keep], dtype=np.float64)
        fractional = fractional_coordinates(frames.positions[keep], cells)
        if self._start is None:
            self._start, self._last, self.cell = fractional[0].copy(), fractional[0], cells[0].copy()
        if self.unwrap == 'minimum_image':
            fractional = unwrap_fractional(fractional, self.system.pbc, self._last)
        elif self.unwrap == 'check':
            jump = widest_jump(np.concatenate([self._last[None], fractional]), self.system.pbc)
            if jump is not None:
                raise ValueError(
                    f'{say_jump(jump)}; or set unwrap: minimum_image where no ion goes further than half the cell '
                    'between frames, trust where ions really go so far'
                )
        self._last = fractional[-1].copy()
        for index, cell in enumerate(cells):
            relative = fractional[index]
            if self._at_rest.any():
                relative = relative - (relative - self._start)[self._at_rest].mean(axis=0)
            self.n_frames += 1
            self._cells += cell
            yield Moment(relative @ self.cell, relative, cell, chunk.views[keep[index]])

    def numbers(self) -> dict[str, Any]:
        """What was taken."""
        return {
            'n_frames': self.n_frames,
            'frame_time': self.frame_time,
            'length': (self.n_frames - 1) * self.frame_time,
            'drift_removed': list(self.reference),
        }

    def warnings(self) -> list[str]:
        """What is odd about the trajectory."""
        found = []
        if self.clock.left_out:
            found.append(f'{self.clock.left_out} frames stand twice, at the same time; each was taken once')
        if not self.reference:
            found.append('no drift was removed: no framework was named')
        change = np.linalg.det(self.mean_cell) / np.linalg.det(self.cell) - 1
        if abs(change) > _CELL_CHANGE:
            found.append(
                f'the mean cell is larger by {100 * change:+.1f} % in volume than the first one, in which distances are'
            )
        return found


MOTION_UNITS: Mapping[str, str] = {'frame_time': 'ps', 'length': 'ps'}


def labels_of(
    labels: list[int] | None, names: list[str] | None, system: System
) -> tuple[npt.NDArray[np.int64] | None, list[str]]:
    """Labels of the atoms and the names of the labels, as given.

    :raises ValueError: there is not one label for each atom, one is negative, or names and labels do not fit.
    """
    if labels is None:
        return None, []
    found = np.asarray(labels, dtype=np.int64)
    if found.shape != (system.n_atoms,) or found.min() < 0:
        raise ValueError(
            f'labels: {len(labels)} of them, expected one number from 0 for each of {system.n_atoms} atoms'
        )
    count = int(found.max()) + 1
    given = [f'region_{i}' for i in range(count)] if names is None else list(names)
    if len(given) < count or any(not name.replace('_', '').isalnum() for name in given):
        raise ValueError(f'label_names: {given}, expected {count} names of letters, digits and underscores')
    return found, given[:count]

"""One labelled frame as a reader finds it, and how frames become arrays in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.frames import Frames

FloatArray = npt.NDArray[np.floating[Any]]

_NUMBERS_WAITING = 1_000_000
"""Coordinates that wait to be joined: 24 MB with their forces and a little more."""


class NoFramesError(ValueError):
    """A file is what it should be, but holds no frame that may be learned from: killed early, nothing converged."""


@dataclass(frozen=True, eq=False)
class LabelledFrame:
    """A frame with its labels; units and signs of :class:`~aiida_glassion.frames.Frames`.

    :param where: file and number of the frame, for messages.
    :param symbols: (n_atoms,).
    :param positions: (n_atoms, 3), Å.
    :param cell: (3, 3), Å.
    :param pbc: periodic along each cell vector.
    :param energy: eV.
    :param forces: (n_atoms, 3), eV/Å.
    :param virial: (3, 3), eV.
    :param magnetisations: (n_atoms,), µB.
    """

    where: str
    symbols: tuple[str, ...]
    positions: FloatArray
    cell: FloatArray
    pbc: tuple[bool, bool, bool] = (True, True, True)
    energy: float | None = None
    forces: FloatArray | None = None
    virial: FloatArray | None = None
    magnetisations: FloatArray | None = None


@dataclass(frozen=True)
class SkippedFrame:
    """A frame of a file that was not taken.

    :param file: its name.
    :param frame: its number in the file, from 0.
    :param kind: ``unconverged``, ``truncated``, ``incomplete``, or ``unusable``: no frame of the file can be taken.
    :param reason: one sentence.
    """

    file: str
    frame: int
    kind: str
    reason: str


def gather(frames: Iterable[LabelledFrame]) -> Iterator[Frames]:
    """Join frames of the same atoms and labels to arrays; the order within a composition stays.

    Memory holds a fixed number of coordinates, whatever the number of frames and compositions.

    :raises ValueError: a frame is not consistent; the message names it.
    """
    waiting: dict[Any, list[LabelledFrame]] = {}
    numbers = 0
    for frame in frames:
        present = tuple(getattr(frame, name) is not None for name in ('energy', 'forces', 'virial', 'magnetisations'))
        waiting.setdefault((frame.symbols, frame.pbc, present), []).append(frame)
        numbers += 3 * len(frame.symbols)
        if numbers > _NUMBERS_WAITING:
            yield from (_join(group) for group in waiting.values())
            waiting, numbers = {}, 0
    yield from (_join(group) for group in waiting.values())


def _join(group: list[LabelledFrame]) -> Frames:
    arrays: dict[str, Any] = {}
    for array, name in (
        ('energies', 'energy'), ('forces', 'forces'), ('virials', 'virial'), ('magnetisations', 'magnetisations')
    ):  # fmt: skip
        values = [getattr(frame, name) for frame in group]
        arrays[array] = None if values[0] is None else np.array(values, dtype=np.float64)
    first = group[0]
    try:
        return Frames(
            symbols=first.symbols,
            positions=np.array([frame.positions for frame in group], dtype=np.float64),
            cells=np.array([frame.cell for frame in group], dtype=np.float64),
            pbc=first.pbc,
            **arrays,
        )
    except ValueError as error:
        if len(group) > 1:
            for frame in group:
                _join([frame])
        raise ValueError(f'{first.where}: {error}') from None

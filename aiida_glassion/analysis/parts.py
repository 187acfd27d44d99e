"""A trajectory in parts: dumps of several runs, each with its own count of steps, as one with times in ps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.analysis.sources import FileSource, FrameSource, join_sources, open_source
from aiida_glassion.frames import Frames

FloatArray = npt.NDArray[np.floating[Any]]

_SAME_MOMENT = 0.01
"""Of the time between frames: what is nearer is one moment."""
_KEYS = ('remote', 'file', 'time', 'timestep', 'until')


@dataclass(frozen=True)
class Part:
    """Where the frames of a LAMMPS dump lie in the whole.

    :param remote: label of the folder in which the file is.
    :param file: its name, relative to the folder.
    :param time: of the whole at the file's step 0, ps; it may be negative, where the file begins at a later step.
    :param timestep: ps.
    :param until: last step of the file that counts; None: all.
    """

    remote: str
    file: str
    time: float
    timestep: float
    until: int | None = None

    @property
    def name(self) -> str:
        """What it is called in messages."""
        return f'{self.remote}/{self.file}'


def read_parts(entries: Any) -> list[Part]:
    """Check the parts of a trajectory, given as dictionaries in the order of time.

    :raises ValueError: names the entry, what is wrong with it, and what would be right.
    """
    if not isinstance(entries, (list, tuple)) or not entries:
        raise ValueError(
            f'parts: {entries!r}, expected a list of dictionaries, one for each file, in the order of time'
        )
    return [_read_part(entry, f'parts[{index}]') for index, entry in enumerate(entries)]


def _read_part(entry: Any, where: str) -> Part:
    if not isinstance(entry, Mapping):
        raise ValueError(f'{where}: {entry!r}, expected a dictionary of {", ".join(_KEYS)}')
    unknown = sorted(set(map(str, entry)) - set(_KEYS))
    missing = [key for key in _KEYS[:-1] if key not in entry]
    if unknown or missing:
        wrong = f'{unknown[0]!r} is not known' if unknown else f'{missing[0]!r} is missing'
        raise ValueError(f'{where}: {wrong}, expected {", ".join(_KEYS)}')
    label, file = entry['remote'], entry['file']
    if not isinstance(label, str) or not label:
        raise ValueError(f'{where}: remote is {label!r}, expected the label of a folder in `remotes`')
    if not is_inside(file):
        raise ValueError(
            f'{where}: file is {file!r}, expected the name of a file, relative to the folder and within it'
        )
    time, timestep, until = entry['time'], entry['timestep'], entry.get('until')
    if not _is_number(time):
        raise ValueError(f'{where}: time is {time!r}, expected the time of the whole at step 0 of the file, ps')
    if not _is_number(timestep) or timestep <= 0:
        raise ValueError(f'{where}: timestep is {timestep!r}, expected ps for each step, above 0')
    if until is not None and (isinstance(until, bool) or not isinstance(until, int) or until < 0):
        raise ValueError(f'{where}: until is {until!r}, expected the last step that counts, or nothing')
    return Part(label, file, float(time), float(timestep), until)


def is_inside(name: Any) -> bool:
    """Whether this is the name of a file relative to its folder that does not lead out of it."""
    path = PurePosixPath(name) if isinstance(name, str) and name and '\0' not in name else None
    return path is not None and not path.is_absolute() and '..' not in path.parts


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


@dataclass(eq=False)
class TimedSource(FrameSource):
    """Consecutive frames of another source, at times of the whole.

    :param source: where they come from.
    :param first: index of the first of them there.
    :param times: (n_frames,), ps.
    """

    source: FrameSource = field(kw_only=True)
    first: int = field(default=0, kw_only=True)
    times: FloatArray = field(kw_only=True)

    def read(self, indices: range) -> Frames:
        """Some frames with their times; steps that begin anew in each part are left out."""
        frames = self.source.read(range(indices.start + self.first, indices.stop + self.first, indices.step))
        return replace(frames, times=self.times[indices.start : indices.stop : indices.step], steps=None, stages=None)

    def without_first(self) -> TimedSource:
        """The same but for its first frame."""
        n_frames = (self.n_frames or 0) - 1
        return replace(self, n_frames=n_frames, first=self.first + 1, times=self.times[1:])


def open_parts(parts: Sequence[Part], folders: Mapping[str, str], species: Mapping[str, str] | None) -> FrameSource:
    """Dumps as one trajectory.

    :param folders: path of the folder of each label.
    :param species: element of each type.
    :raises ValueError: a file is missing or damaged before the frames that count end; names the part.
    """
    return join_in_time([_open_part(part, Path(folders[part.remote]) / part.file, species) for part in parts])


def _open_part(part: Part, path: Path, species: Mapping[str, str] | None) -> TimedSource:
    try:
        source = open_source(path, 'lammps-dump', species)
    except ValueError as error:
        raise ValueError(f'part {part.name}: {error}') from None
    if not isinstance(source, FileSource) or source.steps is None:
        raise ValueError(f'part {part.name}: its frames have no steps, so their times are not known')
    steps = np.asarray(source.steps, dtype=np.int64)
    back = np.flatnonzero(np.diff(steps) <= 0)
    if len(back):
        at = int(back[0])
        raise ValueError(f'part {part.name}: step {steps[at + 1]} comes after step {steps[at]}; steps must grow')
    count = len(steps) if part.until is None else int(np.searchsorted(steps, part.until, side='right'))
    times = part.time + steps[:count] * part.timestep
    warnings = source.warnings if count == len(steps) else []
    return TimedSource(f'part {part.name}', count, source.unwrapped, warnings, source=source, times=times)


def join_in_time(parts: Sequence[TimedSource]) -> FrameSource:
    """One trajectory of several; the frame with which one ends and the next begins is taken once.

    :raises ValueError: no frame; a part of other atoms; a part that begins before the one before it ends, or so late
        that frames are missing between them. Names the part.
    """
    taken: list[TimedSource] = []
    for part in parts:
        if not part.n_frames:
            continue
        new = _after(taken[-1], part) if taken else part
        if new.n_frames:
            taken.append(new)
    if not taken:
        raise ValueError('parts: none of them holds a frame that counts')
    return join_sources(taken)


def _after(before: TimedSource, part: TimedSource) -> TimedSource:
    """The part without the frame that the one before it ends with."""
    if part.source.read(range(1)).symbols != before.source.read(range(1)).symbols:
        raise ValueError(f'{part.name}: other atoms than in {before.name}, or another order of them')
    spacings = [float(np.diff(one.times).max()) for one in (before, part) if len(one.times) > 1]
    spacing = max(spacings, default=0.0)
    wait = float(part.times[0] - before.times[-1])
    if abs(wait) <= max(_SAME_MOMENT * spacing, 1e-9):
        return part.without_first()
    if wait < 0:
        raise ValueError(
            f'{part.name}: its first frame is at {part.times[0]:g} ps, but {before.name} goes on to '
            f'{before.times[-1]:g} ps; give parts in the order of time, and the last step that counts as until'
        )
    if spacing and wait > (1 + _SAME_MOMENT) * spacing:
        raise ValueError(
            f'{before.name}: its last whole frame that counts is at {before.times[-1]:g} ps, the next one, of '
            f'{part.name}, at {part.times[0]:g} ps; there is one every {spacing:g} ps, so some are missing'
            + ''.join(f' ({text})' for text in before.warnings)
        )
    return part

"""Some of the frames that are read, written beside the results as one file that grows: memory holds a chunk of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from aiida_glassion.analysis.sources import FrameSource
from aiida_glassion.frames import Frames

COPIED, COPIED_ABOUT = 'copied.bin', 'copied.json'


def _record(n_atoms: int) -> np.dtype[Any]:
    """One frame in the file: time (ps; none is NaN), cell and positions (Å)."""
    return np.dtype([('time', '<f8'), ('cell', '<f8', (3, 3)), ('positions', '<f4', (n_atoms, 3))])


@dataclass(eq=False)
class CopyingSource(FrameSource):
    """A source that writes down every so many of the frames that it gives out in chunks.

    :param source: where the frames come from.
    :param every: the first of them, and each so many after it.
    :param folder: where the files are written.
    """

    source: FrameSource = field(kw_only=True)
    every: int = field(kw_only=True)
    folder: Path = field(kw_only=True)
    n_copied: int = field(default=0, init=False)

    def read(self, indices: range) -> Frames:
        """Some frames; nothing is written."""
        return self.source.read(indices)

    def chunks(
        self, first: int = 0, last: int | None = None, every: int = 1, size: int = 1
    ) -> Iterator[tuple[int, Frames]]:
        """Frames in chunks, see :meth:`.FrameSource.chunks`; the files are begun anew."""
        self.n_copied = 0
        with (self.folder / COPIED).open('wb') as file:
            for start, frames in self.source.chunks(first, last, every, size):
                if not start:
                    about = {'symbols': list(frames.symbols), 'pbc': list(frames.pbc), 'unwrapped': self.unwrapped}
                    (self.folder / COPIED_ABOUT).write_text(json.dumps(about), encoding='utf-8')
                for index in range(-start % self.every, frames.n_frames, self.every):
                    record = np.zeros(1, _record(frames.n_atoms))
                    record['time'] = np.nan if frames.times is None else frames.times[index]
                    record['cell'], record['positions'] = frames.cells[index], frames.positions[index]
                    file.write(record.tobytes())
                    self.n_copied += 1
                file.flush()
                yield start, frames

    def facts(self) -> dict[str, Any]:
        """What was written: number of frames, of how many one, and the size of the file, MB."""
        size = (self.folder / COPIED).stat().st_size
        return {'n_frames': self.n_copied, 'every': self.every, 'size': round(size / 1e6, 3), 'unit': 'MB'}


def copying(source: FrameSource, every: int, folder: Path) -> CopyingSource:
    """The same source, whose frames are copied on the way.

    :raises ValueError: `every` is below 1.
    """
    if every < 1:
        raise ValueError(f'copy_every: {every}, expected a whole number from 1')
    return CopyingSource(
        source.name, source.n_frames, source.unwrapped, source.warnings, source=source, every=every, folder=folder
    )


def read_copied(folder: Path) -> Frames | None:
    """The whole frames that were written, in single precision; None where there is none.

    :raises ValueError: the files are damaged; one sentence.
    """
    path, described = folder / COPIED, folder / COPIED_ABOUT
    if not path.is_file() or not described.is_file():
        return None
    try:
        about = json.loads(described.read_text(encoding='utf-8'))
        symbols, (a, b, c) = tuple(map(str, about['symbols'])), map(bool, about['pbc'])
        record = _record(len(symbols))
        found = np.fromfile(path, record, path.stat().st_size // record.itemsize)
        if not len(found):
            return None
        times = found['time'].copy() if np.isfinite(found['time']).all() else None
        return Frames(symbols, found['positions'].copy(), found['cell'].copy(), (a, b, c), times=times)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f'{COPIED}: cannot be read: {type(error).__name__}: {error}') from None

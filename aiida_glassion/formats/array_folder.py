"""A trajectory as arrays in a folder: ``positions.npy``, ``cells.npy``, ``times.npy`` and ``frames.json``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.frames import Frames

POSITIONS, CELLS, TIMES, ABOUT = 'positions.npy', 'cells.npy', 'times.npy', 'frames.json'


class ArrayFolder:
    """Frames of a folder; the arrays stay on disk until they are asked for.

    ``positions.npy`` (n_frames, n_atoms, 3) and ``cells.npy`` (n_frames, 3, 3) in Å; ``frames.json`` holds ``symbols``
    of the atoms, ``pbc`` and, if it is known, ``unwrapped``; ``times.npy`` (n_frames,) in ps, where times are known.

    :param path: of the folder.
    :raises ValueError: a file is missing or damaged, or the shapes do not fit; names the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        about: dict[str, Any] = {}
        try:
            about = json.loads((path / ABOUT).read_text(encoding='utf-8'))
            positions, cells = self._mapped()
            self._times = np.load(path / TIMES, allow_pickle=False) if (path / TIMES).exists() else None
            self._symbols = tuple(str(symbol) for symbol in about['symbols'])
            a, b, c = (bool(axis) for axis in about.get('pbc', (True, True, True)))
        except FileNotFoundError as error:
            raise ValueError(f'{path}: no folder of arrays: {Path(error.filename).name} is missing') from None
        except (OSError, EOFError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f'{path}: the arrays cannot be read: {type(error).__name__}: {error}') from error
        self.pbc = (a, b, c)
        self.unwrapped: bool | None = about.get('unwrapped')
        self._n_frames = len(positions)
        expected = (self._n_frames, len(self._symbols), 3)
        if positions.shape != expected or 0 in expected:
            raise ValueError(f'{path / POSITIONS}: shape {positions.shape}, expected {expected}, none of them 0')
        if cells.shape != (self._n_frames, 3, 3):
            raise ValueError(f'{path / CELLS}: shape {cells.shape}, expected ({self._n_frames}, 3, 3)')

        if self._times is not None and self._times.shape != (self._n_frames,):
            raise ValueError(f'{path / TIMES}: shape {self._times.shape}, expected ({self._n_frames},)')

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return self._n_frames

    def _mapped(self) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        positions = np.load(self.path / POSITIONS, mmap_mode='r', allow_pickle=False)
        return positions, np.load(self.path / CELLS, mmap_mode='r', allow_pickle=False)

    def read(self, indices: range) -> Frames:
        """Some frames.

        :raises ValueError: not finite, or a cell without volume; names the folder and the frames.
        """
        # mapped anew each time, because pages that were read count as memory until they are let go
        positions, cells = self._mapped()
        chosen = slice(indices.start, indices.stop, indices.step)
        try:
            return Frames(
                self._symbols,
                np.array(positions[chosen], dtype=np.float64),
                np.array(cells[chosen], dtype=np.float64),
                self.pbc,
                times=None if self._times is None else self._times[chosen],
            )
        except ValueError as error:
            raise ValueError(f'{self.path}, frames {indices[0]} to {indices[-1]}: {error}') from None


def write_array_folder(path: Path, frames: Frames, unwrapped: bool | None = None) -> None:
    """Write frames as a folder of arrays."""
    path.mkdir(parents=True, exist_ok=True)
    np.save(path / POSITIONS, np.asarray(frames.positions), allow_pickle=False)
    np.save(path / CELLS, np.asarray(frames.cells), allow_pickle=False)
    if frames.times is not None:
        np.save(path / TIMES, np.asarray(frames.times, dtype=np.float64), allow_pickle=False)
    about = {'symbols': list(frames.symbols), 'pbc': list(frames.pbc), 'unwrapped': unwrapped}
    (path / ABOUT).write_text(json.dumps(about), encoding='utf-8')

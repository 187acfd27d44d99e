"""Where frames come from: arrays or files of many formats, given out in chunks that fit into memory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from aiida_glassion.frames import Frames


@dataclass(eq=False)
class FrameSource(ABC):
    """A trajectory that can be read again and again, any frames of it.

    :param name: of the file, or what it is called in messages.
    :param n_frames: number of whole frames.
    :param unwrapped: atoms do not jump at the boundaries; None where the format does not tell.
    :param warnings: what is odd about the file: a last frame that was cut off.
    """

    name: str
    n_frames: int | None = None
    unwrapped: bool | None = None
    warnings: list[str] = field(default_factory=list)

    @abstractmethod
    def read(self, indices: range) -> Frames:
        """Some frames.

        :param indices: of frames, within the trajectory.
        :raises ValueError: the file is damaged there; names the file and the frame.
        """

    def chunks(
        self, first: int = 0, last: int | None = None, every: int = 1, size: int = 1
    ) -> Iterator[tuple[int, Frames]]:
        """Frames first, first + every, … in chunks.

        :param last: index of the last frame that may be taken; None: that of the trajectory.
        :param size: most frames in a chunk.
        :returns: how many frames were given out before the chunk, and its frames.
        :raises ValueError: there is no frame to take, or the file is damaged.
        """
        taken = self.indices(first, last, every)
        for start in range(0, len(taken), size):
            yield start, self.read(taken[start : start + size])

    def indices(self, first: int = 0, last: int | None = None, every: int = 1) -> range:
        """Indices of the frames that a choice takes.

        :raises ValueError: none.
        """
        total = self.n_frames or 0
        taken = range(first, total if last is None else min(total, last + 1), every)
        if not taken:
            raise ValueError(f'{self.name}: no frame from {first} on; it has {total} frames, counted from 0')
        return taken


@dataclass(eq=False)
class ArraySource(FrameSource):
    """Frames that are in memory."""

    frames: Frames = field(kw_only=True)

    def read(self, indices: range) -> Frames:
        """Some frames, in double precision as files give them."""
        chosen = self.frames[indices.start : indices.stop : indices.step]
        positions, cells = (np.asarray(array, dtype=np.float64) for array in (chosen.positions, chosen.cells))
        return replace(chosen, positions=positions, cells=cells)


def of_frames(frames: Frames, name: str = 'frames', unwrapped: bool | None = None) -> FrameSource:
    """Source of frames that are in memory.

    :param frames: at least one.
    :param name: what to call them in messages.
    :param unwrapped: whether atoms do not jump at the boundaries, if that is known.
    :raises ValueError: no frame, or no atom.
    """
    if not frames.n_frames or not frames.n_atoms:
        raise ValueError(f'{name}: {frames.n_frames} frames of {frames.n_atoms} atoms, expected at least one of each')
    return ArraySource(name, frames.n_frames, unwrapped, frames=frames)


@dataclass(eq=False)
class JoinedSource(FrameSource):
    """Several files one after the other, as one trajectory."""

    parts: list[FrameSource] = field(kw_only=True)

    def read(self, indices: range) -> Frames:
        """Some frames, which may come from several files."""
        found: list[Frames] = []
        before = 0
        for part in self.parts:
            inside = [index - before for index in indices if before <= index < before + (part.n_frames or 0)]
            if inside:
                frames = part.read(range(inside[0], inside[-1] + 1, indices.step))
                if found and frames.symbols != found[0].symbols:
                    raise ValueError(f'{part.name}: other atoms than in {self.parts[0].name}, or another order of them')
                found.append(frames)
            before += part.n_frames or 0
        return Frames.concatenate(found)


def join_sources(parts: Sequence[FrameSource]) -> FrameSource:
    """One trajectory of several, in the given order; no frame is left out where one begins with the last of another.

    :raises ValueError: none given.
    """
    if not parts:
        raise ValueError('no file given')
    if len(parts) == 1:
        return parts[0]
    told = [part.unwrapped for part in parts]
    unwrapped = False if False in told else None if None in told else True
    name = f'{parts[0].name} … {parts[-1].name}'
    warnings = [text for part in parts for text in part.warnings]
    return JoinedSource(name, sum(part.n_frames or 0 for part in parts), unwrapped, warnings, parts=list(parts))


class _Reader(Protocol):
    """Any frames of a file, one range of them at a time."""

    def read(self, indices: range) -> Frames: ...


@dataclass(eq=False)
class FileSource(FrameSource):
    """Frames that stay in their file until they are asked for.

    :param reader: of the file.
    :param steps: (n_frames,), integration step of each frame, where the file tells.
    """

    reader: _Reader = field(kw_only=True)
    steps: npt.NDArray[np.integer[Any]] | None = None

    def read(self, indices: range) -> Frames:
        """Some frames, as they stand in the file."""
        return self.reader.read(indices)


FORMATS: dict[str, str] = {
    'extxyz': 'extended XYZ (also gzipped); read in pieces',
    'lammps-dump': 'LAMMPS dump custom, text or binary (also gzipped); read in pieces',
    'lammps-data': 'LAMMPS data file: one configuration',
    'arrays': 'folder with positions.npy (n_frames, n_atoms, 3), cells.npy, both Å, and frames.json; read in pieces',
    'vasprun': "VASP's vasprun.xml",
    'outcar': "VASP's OUTCAR",
    'xdatcar': "VASP's XDATCAR",
    'poscar': "VASP's POSCAR or CONTCAR",
    'espresso': "Quantum ESPRESSO's pw.x output",
    'cif': 'CIF, with its symmetry',
    'ase': 'anything else that ASE tells by its name or content',
}
"""Name of each format -> what it is."""


def open_source(path: str | Path, format: str | None = None, species: Mapping[str, str] | None = None) -> FrameSource:
    """Source of the frames of a file.

    :param path: the file, or a folder of arrays.
    :param format: a key of :data:`FORMATS`; None: told by the name and the content.
    :param species: element of each type, for files that only number them: {'1': 'Si', '2': 'O'}.
    :raises ValueError: the file cannot be read; one sentence that names it, and the frame.
    """
    path = Path(path)
    if format is None:
        format = detect_format(path)
    if format not in FORMATS:
        near = get_close_matches(format, FORMATS, n=1)
        raise ValueError(
            f'format: there is no {format!r}'
            + (f'; did you mean {near[0]}?' if near else f'; there are {", ".join(FORMATS)}')
        )
    try:
        return _opened(path, format, species)
    except OSError as error:
        raise ValueError(f'{path}: cannot be read: {error.strerror or error}') from error


def _opened(path: Path, format: str, species: Mapping[str, str] | None) -> FrameSource:
    if format == 'extxyz':
        from aiida_glassion.formats.xyz_trajectory import XyzTrajectory

        xyz = XyzTrajectory(path)
        return FileSource(str(path), xyz.n_frames, None, xyz.warnings, reader=xyz)
    if format == 'lammps-dump':
        from aiida_glassion.formats.lammps.dump_trajectory import DumpTrajectory

        dump = DumpTrajectory(path, species)
        return FileSource(str(path), dump.n_frames, dump.unwrapped, dump.warnings, reader=dump, steps=dump.steps)
    if format == 'arrays':
        from aiida_glassion.formats.array_folder import ArrayFolder

        arrays = ArrayFolder(path)
        return FileSource(str(path), arrays.n_frames, arrays.unwrapped, reader=arrays)
    from aiida_glassion.formats.structure_file import read_structures

    frames, warnings = read_structures(path, format, species)
    source = of_frames(frames, str(path))
    source.warnings += warnings
    return source


def detect_format(path: Path) -> str:
    """Tell the format of a file by its content and its name.

    :returns: a key of :data:`FORMATS`.
    :raises ValueError: there is no such file, or it is empty.
    """
    from aiida_glassion.formats.structure_file import tell_format

    return tell_format(path)

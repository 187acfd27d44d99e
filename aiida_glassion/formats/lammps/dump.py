"""LAMMPS' dump (`dump custom`), binary or text, as arrays: whatever is whole of it, at near memory speed."""

from __future__ import annotations

import mmap
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from aiida_glassion.formats.lammps.dump_frames import Buffer, DamagedError, FrameHeader, binary_frames, text_frames
from aiida_glassion.formats.lammps.numeric import read_rows

Array = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.int64]
RowReader = Callable[[FrameHeader, npt.NDArray[np.float64]], None]

_POSITIONS = (('xu', 'yu', 'zu'), ('xsu', 'ysu', 'zsu'), ('x', 'y', 'z'), ('xs', 'ys', 'zs'))
_IMAGES = ('ix', 'iy', 'iz')
_VELOCITIES = ('vx', 'vy', 'vz')
_FORCES = ('fx', 'fy', 'fz')


@dataclass(frozen=True, eq=False)
class Dump:
    """The whole frames of a dump, atoms sorted by id.

    :param steps: (n_frames,), integration steps.
    :param cells: (n_frames, 3, 3), Å, rows are the cell vectors, in the orientation of the file.
    :param origins: (n_frames, 3), Å, the corner of the box in the file's coordinates.
    :param ids: (n_atoms,), LAMMPS' atom ids, ascending.
    :param types: (n_atoms,), LAMMPS' types minus 1.
    :param positions: (n_frames, n_atoms, 3), Å, from the box's corner (the origin is subtracted, so that fractional
        coordinates are positions @ inv(cell)).
    :param velocities: (n_frames, n_atoms, 3), in the units of the run (metal: Å/ps, real: Å/fs), if dumped.
    :param forces: (n_frames, n_atoms, 3), in the units of the run, if dumped.
    :param extra: further columns by name, (n_frames, n_atoms).
    :param unwrapped: the positions do not jump at the boundaries (xu, xsu, or x, xs with image flags).
    :param complete: nothing damaged was met.
    :param message: why reading stopped, with frame (from 0) and byte; empty if complete.
    """

    steps: IntArray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    cells: npt.NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 3, 3)))
    origins: npt.NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 3)))
    ids: IntArray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    types: npt.NDArray[np.int32] = field(default_factory=lambda: np.empty(0, dtype=np.int32))
    positions: Array = field(default_factory=lambda: np.empty((0, 0, 3)))
    velocities: Array | None = None
    forces: Array | None = None
    extra: dict[str, Array] = field(default_factory=dict)
    unwrapped: bool = True
    complete: bool = True
    message: str = ''

    def __len__(self) -> int:
        return len(self.steps)


def read_dump(source: Path | bytes, dtype: npt.DTypeLike = np.float64) -> Dump:
    """Read every whole frame of a dump, binary or text, either one also gzipped.

    Headers are walked first and every length is checked against the size of the file, so that damage never makes this
    function raise or allocate more than the file could fill. Reading stops at the first frame that is truncated or
    corrupted, has other atoms, types or columns than the first frame, or holds positions, velocities or forces that
    are not finite; the frames before it are returned, and `message` says why.

    :param source: a file, or its content.
    :param dtype: floating type of positions, velocities, forces and further columns.
    :raises FileNotFoundError: there is no such file.
    """
    buffer, problem = _open(source)
    text = buffer[:5] == b'ITEM:'
    headers, damage = collect(text_frames(buffer) if text else binary_frames(buffer))
    if len(buffer) == 0:
        damage = 'empty'
    headers, damage = alike(headers, damage)
    if not headers:
        return Dump(complete=False, message=problem or damage)
    if not {'id', 'type'} <= set(headers[0].columns) or position_columns(headers[0].columns) is None:
        return Dump(
            complete=False, message=f'columns id, type and positions are needed: {" ".join(headers[0].columns)}'
        )
    reader = _text_reader(buffer) if text else _binary_reader(buffer)
    found = assemble(headers, reader, dtype, damage)
    return replace(found, complete=False, message=problem) if problem else found


def assemble(headers: list[FrameHeader], reader: RowReader, dtype: npt.DTypeLike, damage: str = '') -> Dump:
    """Read the rows of frames of the same columns, up to the first that is damaged.

    :param headers: of the frames, at least one.
    :param reader: fills a table of one frame; raises :class:`.DamagedError`.
    :param dtype: floating type of positions, velocities, forces and further columns.
    :param damage: what is known of the file beyond these frames; what is found in them goes before it.
    """
    assembly = _Assembly(headers, np.dtype(dtype))
    n_frames = len(headers)
    for index, header in enumerate(headers):
        try:
            assembly.fill(index, header, reader)
        except DamagedError as error:
            n_frames, damage = index, f'frame {index}: {error}'
            break
    return assembly.dump(n_frames, damage)


def _open(source: Path | bytes) -> tuple[Buffer, str]:
    """The content, decompressed if need be, and what was wrong with the compression."""
    buffer: Buffer
    if isinstance(source, bytes):
        buffer = source
    else:
        with Path(source).open('rb') as handle:
            # an empty file cannot be mapped
            size = handle.seek(0, 2)
            buffer = mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) if size else b''
    if buffer[:2] == b'\x1f\x8b':
        return _gunzip(buffer)
    return buffer, ''


def _gunzip(buffer: Buffer) -> tuple[bytes, str]:
    """All that can be decompressed (files of several members too)."""
    parts: list[bytes] = []
    at = 0
    problem = ''
    while at < len(buffer):
        member = zlib.decompressobj(zlib.MAX_WBITS | 16)
        try:
            while at < len(buffer) and not member.eof:
                piece = buffer[at : at + (1 << 20)]
                parts.append(member.decompress(piece))
                at += len(piece) - len(member.unused_data)
        except zlib.error as error:
            problem = f'gzip damaged before byte {at + (1 << 20)}: {error}'
            break
        if not member.eof:
            problem = f'gzip truncated at byte {at}'
    return b''.join(parts), problem


def collect(frames: Iterator[FrameHeader]) -> tuple[list[FrameHeader], str]:
    """All headers up to the first damage, and what it is."""
    headers: list[FrameHeader] = []
    try:
        headers.extend(frames)
    except DamagedError as error:
        return headers, f'frame {len(headers)}: {error}'
    return headers, ''


def alike(headers: list[FrameHeader], damage: str) -> tuple[list[FrameHeader], str]:
    """The frames up to the first one with another number of atoms or other columns."""
    for index, header in enumerate(headers):
        if header.n_atoms != headers[0].n_atoms:
            return headers[:index], f'frame {index}: {header.n_atoms} atoms instead of {headers[0].n_atoms}'
        if header.columns != headers[0].columns:
            return headers[:index], f'frame {index}: other columns than before: {" ".join(header.columns)}'
    return headers, damage


def _binary_reader(buffer: Buffer) -> RowReader:
    content = np.frombuffer(buffer, dtype=np.uint8)
    return lambda header, table: binary_rows(content, header, table)


def binary_rows(content: npt.NDArray[np.uint8], header: FrameHeader, table: npt.NDArray[np.float64]) -> None:
    """Copy the rows of one frame of a binary dump into a table."""
    # bytes are copied, because the numbers in the file are not aligned
    target = table.reshape(-1).view(np.uint8)
    at = 0
    for start, stop in header.extents:
        target[at : at + stop - start] = content[start:stop]
        at += stop - start


def _text_reader(buffer: Buffer) -> RowReader:
    content = np.frombuffer(buffer, dtype=np.uint8)

    def read(header: FrameHeader, table: npt.NDArray[np.float64]) -> None:
        start, stop = header.extents[0]
        rows, end = read_rows(content, start, stop, table.shape[1], len(table))
        if len(rows) < len(table):
            raise DamagedError(f'truncated or unreadable at row {len(rows)} of {len(table)}, byte {end}')
        if content[end:stop].tobytes().strip():
            raise DamagedError(f'more rows than the {len(table)} announced at byte {end}')
        table[:] = rows

    return read


def position_columns(columns: Iterable[str]) -> tuple[str, str, str] | None:
    """The columns that hold positions, the unwrapped ones before others; None where there are none."""
    present = set(columns)
    return next((names for names in _POSITIONS if present.issuperset(names)), None)


class _Assembly:
    """Arrays for all frames, filled one frame at a time through one frame's table."""

    def __init__(self, headers: list[FrameHeader], dtype: np.dtype[Any]) -> None:
        n_frames, n_atoms = len(headers), headers[0].n_atoms
        self.headers = headers
        self.at = {name: column for column, name in enumerate(headers[0].columns)}
        place = position_columns(self.at)
        assert place is not None
        self.scaled = 's' in place[0]
        self.images = set(_IMAGES) <= set(self.at) and 'u' not in place[0]
        self.unwrapped = self.images or 'u' in place[0]
        groups = {'positions': place, 'velocities': _VELOCITIES, 'forces': _FORCES}
        self.groups = {name: parts for name, parts in groups.items() if set(parts) <= set(self.at)}
        self.columns = np.array([[self.at[part] for part in parts] for parts in self.groups.values()])
        self.vectors = np.empty((len(self.groups), n_frames, n_atoms, 3), dtype)
        used = {'id', 'type'}.union(*self.groups.values(), _IMAGES if self.images else ())
        self.extra = {name: np.empty((n_frames, n_atoms), dtype) for name in self.at if name not in used}
        self.table = np.empty((n_atoms, len(self.at)))
        self.file_ids = np.empty(0)
        self.ids: IntArray = np.empty(0, dtype=np.int64)
        self.types: IntArray = np.empty(0, dtype=np.int64)
        self.slots: IntArray = np.empty(0, dtype=np.int64)

    def fill(self, index: int, header: FrameHeader, read: RowReader) -> None:
        """Read one frame and put its rows where they belong."""
        read(header, self.table)
        with np.errstate(all='ignore'):
            self._find_slots()
            self._check_types()
            finite = _scatter(self.table, self.slots, self.columns, self.vectors[:, index])
            self._place(self.vectors[0, index], header)
            for name, array in self.extra.items():
                array[index, self.slots] = self.table[:, self.at[name]]
        if not finite:
            raise DamagedError('a position, velocity or force that is not finite')

    def dump(self, n_frames: int, message: str) -> Dump:
        """The first frames."""
        if n_frames == 0:
            return Dump(complete=False, message=message)
        headers = self.headers[:n_frames]
        vectors = dict(zip(self.groups, self.vectors[:, :n_frames], strict=True))
        return Dump(
            steps=np.array([header.step for header in headers], dtype=np.int64),
            cells=np.array([header.cell for header in headers]),
            origins=np.array([header.origin for header in headers]),
            ids=self.ids,
            types=(self.types - 1).astype(np.int32),
            positions=vectors['positions'],
            velocities=vectors.get('velocities'),
            forces=vectors.get('forces'),
            extra={name: array[:n_frames] for name, array in self.extra.items()},
            unwrapped=self.unwrapped,
            complete=not message,
            message=message,
        )

    def _place(self, positions: Array, header: FrameHeader) -> None:
        """Turn what the file calls positions into unwrapped Å from the corner of the box, in place."""
        if not self.scaled:
            positions -= header.origin.astype(positions.dtype)
        if self.images:
            images = np.empty((len(self.slots), 3))
            images[self.slots] = self.table[:, [self.at[name] for name in _IMAGES]]
            positions += images if self.scaled else images @ header.cell
        if self.scaled:
            positions[:] = positions @ header.cell

    def _find_slots(self) -> None:
        """Where each row goes, by ascending id; the ids of a later frame must be those of the first."""
        file_ids = self.table[:, self.at['id']]
        if np.array_equal(file_ids, self.file_ids):
            return
        ids = _positive_integers('id', file_ids)
        if not len(self.ids):
            self.ids = np.sort(ids)
            if (np.diff(self.ids) == 0).any():
                raise DamagedError('an atom id occurs twice')
        slots = ids - 1 if self.ids[-1] == len(ids) else np.searchsorted(self.ids, ids)
        if slots.max() >= len(ids) or not np.array_equal(self.ids[slots], ids) or np.bincount(slots).max() > 1:
            raise DamagedError('other atom ids than in the first frame')
        self.slots, self.file_ids = slots, file_ids.copy()

    def _check_types(self) -> None:
        file_types = self.table[:, self.at['type']]
        if not len(self.types):
            self.types = np.empty(len(file_types), dtype=np.int64)
            self.types[self.slots] = _positive_integers('type', file_types)
        if not np.array_equal(self.types[self.slots], file_types):
            raise DamagedError('other atom types than in the first frame')


def _positive_integers(name: str, values: npt.NDArray[np.float64]) -> IntArray:
    integers: IntArray = values.astype(np.int64)
    if not np.array_equal(values, integers) or integers.min() <= 0 or integers.max() >= 2**31:
        raise DamagedError(f'an atom {name} that is no positive integer')
    return integers


@numba.njit(cache=True, nogil=True)  # type: ignore[misc, unused-ignore]
def _scatter(
    table: npt.NDArray[Any], slots: npt.NDArray[Any], columns: npt.NDArray[Any], out: npt.NDArray[Any]
) -> bool:
    """out[group, slots[row]] = table[row, columns[group]]; return whether all of it is finite."""
    finite = True
    for row in range(len(table)):
        for group in range(len(columns)):
            for axis in range(3):
                value = table[row, columns[group, axis]]
                out[group, slots[row], axis] = value
                finite &= np.isfinite(out[group, slots[row], axis])
    return finite

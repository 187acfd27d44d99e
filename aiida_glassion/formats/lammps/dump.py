"""LAMMPS' dump (`dump custom`), binary or text, as arrays: whatever is whole of it, at near memory speed."""

from __future__ import annotations

import mmap
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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
    headers, damage = _collect(text_frames(buffer) if text else binary_frames(buffer))
    if len(buffer) == 0:
        damage = 'empty'
    headers, damage = _alike(headers, damage)
    if not headers:
        return Dump(complete=False, message=problem or damage)
    if not {'id', 'type'} <= set(headers[0].columns) or _position_columns(headers[0].columns) is None:
        return Dump(
            complete=False, message=f'columns id, type and positions are needed: {" ".join(headers[0].columns)}'
        )
    assembly = _Assembly(headers, np.dtype(dtype))
    reader = _text_reader(buffer) if text else _binary_reader(buffer)
    n_frames = len(headers)
    for index, header in enumerate(headers):
        try:
            assembly.fill(index, header, reader)
        except DamagedError as error:
            n_frames, damage = index, f'{error} in frame {index}'
            break
    return assembly.dump(n_frames, problem or damage)


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


def _collect(frames: Iterator[FrameHeader]) -> tuple[list[FrameHeader], str]:
    headers: list[FrameHeader] = []
    try:
        headers.extend(frames)
    except DamagedError as error:
        return headers, f'{error} in frame {len(headers)}'
    return headers, ''


def _alike(headers: list[FrameHeader], damage: str) -> tuple[list[FrameHeader], str]:
    """The frames up to the first one with another number of atoms or other columns."""
    for index, header in enumerate(headers):
        if header.n_atoms != headers[0].n_atoms:
            return headers[:index], f'{header.n_atoms} atoms instead of {headers[0].n_atoms} in frame {index}'
        if header.columns != headers[0].columns:
            return headers[:index], f'other columns than before in frame {index}: {" ".join(header.columns)}'
    return headers, damage


def _binary_reader(buffer: Buffer) -> RowReader:
    def read(header: FrameHeader, table: npt.NDArray[np.float64]) -> None:
        row = 0
        for start, stop in header.extents:
            rows = np.frombuffer(buffer, '<f8', (stop - start) // 8, start).reshape(-1, table.shape[1])
            table[row : row + len(rows)] = rows
            row += len(rows)

    return read


def _text_reader(buffer: Buffer) -> RowReader:
    content = np.frombuffer(buffer, dtype=np.uint8)

    def read(header: FrameHeader, table: npt.NDArray[np.float64]) -> None:
        start, stop = header.extents[0]
        rows, end = read_rows(content, start, stop, table.shape[1], len(table))
        if len(rows) < len(table):
            reason = 'truncated' if stop == len(content) and end >= content.size - 4096 else 'unreadable'
            raise DamagedError(f'{reason} row {len(rows)} of {len(table)} at byte {end}')
        if content[end:stop].tobytes().strip():
            raise DamagedError(f'more rows than the {len(table)} announced at byte {end}')
        table[:] = rows

    return read


def _position_columns(columns: Iterable[str]) -> tuple[str, str, str] | None:
    present = set(columns)
    return next((names for names in _POSITIONS if present.issuperset(names)), None)


class _Assembly:
    """Arrays for all frames, filled one frame at a time through one frame's table."""

    def __init__(self, headers: list[FrameHeader], dtype: np.dtype[Any]) -> None:
        first = headers[0]
        self.headers = headers
        self.shape = (len(headers), first.n_atoms)
        self.at = {name: column for column, name in enumerate(first.columns)}
        names = _position_columns(first.columns)
        assert names is not None
        self.place = names
        self.scaled = 's' in names[0]
        self.images = set(_IMAGES) <= set(self.at) and 'u' not in names[0]
        self.vectors = {
            name: np.empty((*self.shape, 3), dtype)
            for name, parts in (('positions', names), ('velocities', _VELOCITIES), ('forces', _FORCES))
            if set(parts) <= set(self.at)
        }
        used = {'id', 'type', *names, *(_IMAGES if self.images else ())}
        used.update(*(parts for parts in (_VELOCITIES, _FORCES) if set(parts) <= set(self.at)))
        self.extra = {name: np.empty(self.shape, dtype) for name in self.at if name not in used}
        self.table = np.empty((first.n_atoms, len(first.columns)))
        self.sorted = np.empty_like(self.table)
        self.ids: IntArray | None = None
        self.types: IntArray = np.empty(0, dtype=np.int64)

    def fill(self, index: int, header: FrameHeader, read: RowReader) -> None:
        read(header, self.table)
        table = self._in_order()
        with np.errstate(all='ignore'):
            positions = self._columns(table, self.place)
            if self.images:
                images = self._columns(table, _IMAGES)
                positions = positions + (images if self.scaled else images @ header.cell)
            if self.scaled:
                positions = positions @ header.cell
            elif header.origin.any():
                positions = positions - header.origin
            self.vectors['positions'][index] = positions
            for name, parts in (('velocities', _VELOCITIES), ('forces', _FORCES)):
                if name in self.vectors:
                    self.vectors[name][index] = self._columns(table, parts)
            for name, array in self.extra.items():
                array[index] = table[:, self.at[name]]
        for name, array in self.vectors.items():
            if not np.isfinite(array[index]).all():
                raise DamagedError(f'{name} that are not finite')

    def dump(self, n_frames: int, message: str) -> Dump:
        headers = self.headers[:n_frames]
        if not headers or self.ids is None:
            return Dump(complete=False, message=message)
        return Dump(
            steps=np.array([header.step for header in headers], dtype=np.int64),
            cells=np.array([header.cell for header in headers]),
            origins=np.array([header.origin for header in headers]),
            ids=self.ids,
            types=(self.types - 1).astype(np.int32),
            extra={name: array[:n_frames] for name, array in self.extra.items()},
            unwrapped='u' in self.place[0] or self.images,
            complete=not message,
            message=message,
            **{name: array[:n_frames] for name, array in self.vectors.items()},
        )

    def _columns(self, table: npt.NDArray[np.float64], names: tuple[str, ...]) -> npt.NDArray[np.float64]:
        """Some columns, as a view if they lie side by side."""
        chosen = [self.at[name] for name in names]
        if chosen == list(range(chosen[0], chosen[0] + len(chosen))):
            return table[:, chosen[0] : chosen[0] + len(chosen)]
        return table[:, chosen]

    def _in_order(self) -> npt.NDArray[np.float64]:
        """The table sorted by id; ids and types must be those of the first frame."""
        ids = self._integers('id', self.table)
        if self.ids is None:
            self.ids = np.unique(ids)
            if len(self.ids) != len(ids):
                self.ids = None
                raise DamagedError('an atom id occurs twice')
            self.order_of_ids = np.empty(0, dtype=np.int64)
        if np.array_equal(ids, self.ids):
            table = self.table
        else:
            if not np.array_equal(ids, self.order_of_ids):
                order = np.argsort(ids, kind='stable')
                if not np.array_equal(ids[order], self.ids):
                    raise DamagedError('other atom ids than in the first frame')
                self.order_of_ids, self.order = ids, order
            np.take(self.table, self.order, axis=0, out=self.sorted, mode='clip')
            table = self.sorted
        types = self._integers('type', table)
        if not len(self.types):
            self.types = types
        elif not np.array_equal(types, self.types):
            raise DamagedError('other atom types than in the first frame')
        return table

    def _integers(self, name: str, table: npt.NDArray[np.float64]) -> IntArray:
        """A column of positive integers."""
        values = table[:, self.at[name]]
        with np.errstate(all='ignore'):
            integers: IntArray = values.astype(np.int64)
        if not (np.array_equal(values, integers) and integers.min() > 0 and integers.max() < 2**31):
            raise DamagedError(f'an atom {name} that is no positive integer')
        return integers

"""Where the frames of a LAMMPS dump lie in the file: headers only, every length checked against the file's size."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aiida_glassion.formats.lammps.cell import from_bounds

Buffer = bytes | mmap.mmap
Array = npt.NDArray[np.float64]

_MAGIC = b'DUMPCUSTOM'
_ITEM = b'ITEM:'
_LONGEST_STRING = 1 << 16


class DamagedError(ValueError):
    """The file cannot be read further: truncated or corrupted."""


@dataclass(frozen=True)
class FrameHeader:
    """One snapshot: what its header says, and where its rows lie.

    :param columns: names of the columns.
    :param extents: byte ranges of the rows, (start, stop); one per writing rank if binary.
    :param pbc: periodic along each cell vector.
    """

    step: int
    n_atoms: int
    cell: Array
    origin: Array
    columns: tuple[str, ...]
    extents: tuple[tuple[int, int], ...]
    pbc: tuple[bool, bool, bool] = (True, True, True)


def binary_frames(buffer: Buffer) -> Iterator[FrameHeader]:
    """Yield the headers of a binary dump (`dump custom` to a .bin file; format revision 2, LAMMPS since 2020).

    :raises DamagedError: at the first frame that is not whole.
    """
    at = 0
    while at < len(buffer):
        header, at = _binary_frame(buffer, at)
        yield header


def text_frames(buffer: Buffer) -> Iterator[FrameHeader]:
    """Yield the headers of a text dump; the rows are counted when they are read.

    :raises DamagedError: at the first header that is not whole, or promises more rows than there are bytes for.
    """
    at = 0
    while at < len(buffer):
        header = _text_frame(buffer, at)
        yield header
        at = header.extents[-1][1]


@dataclass
class _Cursor:
    """Reads native types one after the other, within the file."""

    buffer: Buffer
    at: int

    def take(self, layout: str) -> tuple[int | float, ...]:
        size = struct.calcsize('<' + layout)
        values = struct.unpack('<' + layout, self.bytes(size))
        return values

    def integer(self, layout: str = 'i') -> int:
        return int(self.take(layout)[0])

    def bytes(self, size: int) -> bytes:
        if size > len(self.buffer) - self.at:
            raise DamagedError(f'truncated at byte {len(self.buffer)}')
        self.at += size
        return self.buffer[self.at - size : self.at]

    def string(self) -> str:
        at, size = self.at, self.integer()
        if not 0 <= size <= _LONGEST_STRING:
            raise DamagedError(f'a string of {size} bytes at byte {at}')
        text = self.bytes(size)
        if not text.isascii():
            raise DamagedError(f'unreadable text at byte {at}')
        return text.decode('ascii')

    def skip(self, size: int) -> tuple[int, int]:
        """Pass over `size` bytes that must exist; return their range."""
        if size > len(self.buffer) - self.at:
            raise DamagedError(f'truncated at byte {len(self.buffer)}')
        self.at += size
        return self.at - size, self.at


def _binary_frame(buffer: Buffer, start: int) -> tuple[FrameHeader, int]:
    cursor = _Cursor(buffer, start)
    magic_length = -cursor.integer('q')
    if magic_length != len(_MAGIC) or cursor.bytes(magic_length) != _MAGIC:
        raise DamagedError(f'no frame of a binary `dump custom` (with column names) begins at byte {start}')
    endian, revision = cursor.take('ii')
    if endian != 1:
        raise DamagedError(f'written on a machine of another byte order (byte {start})')
    if revision != 2:
        raise DamagedError(f'binary format revision {revision} at byte {start}; revision 2 is understood')
    step, n_atoms = (int(value) for value in cursor.take('qq'))
    if step < 0 or n_atoms <= 0:
        raise DamagedError(f'step {step} with {n_atoms} atoms at byte {start}')
    triclinic = cursor.integer()
    a, _, b, _, c, _ = (side == 0 for side in cursor.take('6i'))
    if triclinic == 2:
        numbers = np.array(cursor.take('12d'))
        cell, origin = numbers[:9].reshape(3, 3), numbers[9:]
    else:
        bounds = cursor.take('6d')
        cell, origin = from_bounds(bounds, cursor.take('3d') if triclinic else (0.0, 0.0, 0.0))
    _check_cell(cell, origin, start)
    width = cursor.integer()
    cursor.string()
    if cursor.integer('b'):
        cursor.take('d')
    columns = tuple(cursor.string().split())
    if width <= 0 or len(columns) != width:
        raise DamagedError(f'{width} columns with {len(columns)} names at byte {start}')
    n_chunks = cursor.integer()
    if not 0 < n_chunks <= (len(buffer) - cursor.at) // 4:
        raise DamagedError(f'rows in {n_chunks} pieces in the frame at byte {start}, beyond the {len(buffer)} bytes')
    extents = []
    n_values = 0
    for _ in range(n_chunks):
        length = cursor.integer()
        if length < 0 or length % width:
            raise DamagedError(f'a piece of {length} values for {width} columns before byte {cursor.at}')
        if length:
            extents.append(cursor.skip(8 * length))
        n_values += length
    if n_values != n_atoms * width:
        raise DamagedError(f'{n_values // width} rows for {n_atoms} atoms in the frame at byte {start}')
    return FrameHeader(step, n_atoms, cell, origin, columns, tuple(extents), (a, b, c)), cursor.at


def _text_frame(buffer: Buffer, start: int) -> FrameHeader:
    at = start
    step = n_atoms = -1
    cell = origin = None
    pbc = (True, True, True)

    def line() -> str:
        nonlocal at
        end = buffer.find(b'\n', at, at + _LONGEST_STRING)
        if end < 0:
            raise DamagedError(f'truncated at byte {len(buffer)}')
        text = buffer[at:end].decode('ascii', 'replace')
        at = end + 1
        return text

    try:
        while True:
            item = line()
            if item.startswith('ITEM: ATOMS'):
                break
            if item.startswith('ITEM: TIMESTEP'):
                step = int(line())
            elif item.startswith('ITEM: NUMBER OF ATOMS'):
                n_atoms = int(line())
            elif item.startswith('ITEM: BOX BOUNDS'):
                rows = [[float(word) for word in line().split()] for _ in range(3)]
                cell, origin = _text_cell(item, rows)
                pbc = _text_pbc(item)
            elif item.startswith(('ITEM: UNITS', 'ITEM: TIME')):
                line()
            elif item.strip():
                raise DamagedError(f'no frame begins at byte {start}')
    except (ValueError, OverflowError) as error:
        if isinstance(error, DamagedError):
            raise
        raise DamagedError(f'unreadable header at byte {start}: {error}') from error
    columns = tuple(item.split()[2:])
    stop = buffer.find(_ITEM, at)
    if stop < 0:
        last_line = max(at, buffer.rfind(b'\n', at) + 1)
        # a file may be cut within the first word of the next frame
        stop = last_line if _ITEM.startswith(buffer[last_line : last_line + len(_ITEM)]) else len(buffer)
    if cell is None or origin is None or not columns or not 0 <= step < 2**63 or n_atoms <= 0:
        raise DamagedError(f'incomplete header at byte {start}')
    _check_cell(cell, origin, start)
    if n_atoms * 2 * len(columns) > stop - at:
        raise DamagedError(f'too few rows for {n_atoms} atoms before byte {stop}')
    return FrameHeader(step, n_atoms, cell, origin, columns, ((at, stop),), pbc)


def _text_cell(item: str, rows: list[list[float]]) -> tuple[Array, Array]:
    numbers = np.array(rows)
    wanted = 4 if 'abc origin' in item else 3 if 'xy xz yz' in item else 2
    if numbers.shape[1] < wanted:
        raise ValueError(f'{item}: {numbers.shape[1]} numbers in a line, expected {wanted}')
    if 'abc origin' in item:
        return numbers[:, :3], numbers[:, 3]
    tilts = numbers[:, 2] if 'xy xz yz' in item else np.zeros(3)
    return from_bounds(numbers[:, :2], tilts)


def _text_pbc(item: str) -> tuple[bool, bool, bool]:
    """From the last words of the line of the box: pp, ff, sm …; an old dump has none and counts as periodic."""
    words = item.split()[-3:]
    if not all(len(word) == 2 and set(word) <= set('pfsm') for word in words):
        return True, True, True
    a, b, c = (word == 'pp' for word in words)
    return a, b, c


def _check_cell(cell: Array, origin: Array, start: int) -> None:
    with np.errstate(all='ignore'):
        whole = cell.shape == (3, 3) and origin.shape == (3,) and np.isfinite(cell).all() and np.isfinite(origin).all()
        if not (whole and (np.diag(cell) > 0).all() and np.isfinite(volume := np.linalg.det(cell)) and volume > 0):
            raise DamagedError(f'a box without volume in the frame at byte {start}')

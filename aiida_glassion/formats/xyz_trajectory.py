"""Extended XYZ as a trajectory: any frames of a file of any size, positions and cells only."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from aiida_glassion.formats.labelled.extxyz import cell_of, comment_of
from aiida_glassion.formats.plain_file import PlainFile
from aiida_glassion.formats.table_text import read_table, skip_lines, word_of
from aiida_glassion.frames import FloatArray, Frames

Codes = npt.NDArray[np.int64]

_FORGET_AFTER = 1 << 25
_LONGEST_LINE = 1 << 20


class XyzTrajectory:
    """The whole frames of an extended XYZ file, of the same atoms in the same order.

    The file is walked once, to know where its frames begin; they are read when they are asked for. A last frame that
    was cut off is left out and said in :attr:`warnings`.

    :param path: the file, may be compressed by gzip.
    :raises ValueError: empty, not extended XYZ, or the number of atoms changes; names the file, the frame and the line.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.warnings: list[str] = []
        self._file = PlainFile(path)
        self._starts: list[int] = []
        self.n_atoms = 0
        self._symbols: tuple[str, ...] = ()
        self._codes: Codes | None = None
        self._walk()
        if not self._starts:
            raise ValueError(f'{path}: no whole frame in it' + ''.join(f'; {text}' for text in self.warnings))

    @property
    def n_frames(self) -> int:
        """Number of whole frames."""
        return len(self._starts)

    def read(self, indices: range) -> Frames:
        """Some frames.

        :raises ValueError: a number that is none or not finite, other atoms or another order, no cell; names file,
            frame and line.
        """
        parts = [self._read(index) for index in indices]
        self._file.forget()
        positions, cells, pbcs = zip(*parts, strict=True)
        for index, pbc in zip(indices, pbcs, strict=True):
            if pbc != pbcs[0]:
                raise ValueError(f'{self._where(index)}: periodic along other vectors than before')
        return Frames(self._symbols, np.array(positions), np.array(cells), pbcs[0])

    def _walk(self) -> None:
        content, end = self._file.bytes, len(self._file.bytes)
        at = seen = 0
        while at < end:
            line = bytes(self._file.buffer[at : min(at + 64, end)]).split(b'\n', 1)[0].strip()
            if not line and not bytes(self._file.buffer[at:end]).strip():
                break
            index = len(self._starts)
            if not line.isdigit() or int(line) == 0:
                found = line[:40].decode('utf-8', 'replace')
                raise ValueError(f'{self._where(index)}: expected the number of atoms, found {found!r}')
            n_atoms = int(line)
            after = skip_lines(content, at, n_atoms + 2)
            if after < 0 and index == 0 and skip_lines(content, at, n_atoms + 1) > 0:
                # one configuration whose last line has no end, as editors leave it: the columns are counted later
                after = end
            if after < 0:
                self.warnings.append(f'{self.path}: frame {index}, the last, is cut off and left out')
                break
            if index and n_atoms != self.n_atoms:
                raise ValueError(
                    f'{self._where(index)}: {n_atoms} atoms, but {self.n_atoms} in the frames before; an analysis over '
                    'frames needs the same atoms in each'
                )
            self.n_atoms = n_atoms
            self._starts.append(at)
            at = after
            if at - seen > _FORGET_AFTER:
                self._file.forget()
                seen = at
        if self._file.problem:
            self.warnings.append(f'{self.path}: {self._file.problem}')
        self._end = at

    def _where(self, index: int, row: int = -2) -> str:
        return f'{self.path}, frame {index} (line {index * (self.n_atoms + 2) + row + 3})'

    def _read(self, index: int) -> tuple[FloatArray, FloatArray, tuple[bool, bool, bool]]:
        start = self._starts[index]
        stop = self._starts[index + 1] if index + 1 < len(self._starts) else self._end
        buffer = self._file.buffer
        comment_at = buffer.find(b'\n', start) + 1
        rows_at = buffer.find(b'\n', comment_at, comment_at + _LONGEST_LINE) + 1
        info = comment_of(buffer[comment_at:rows_at].decode('utf-8', 'replace'))
        where = self._where(index, -1)
        if 'Lattice' not in info:
            raise ValueError(f'{where}: no cell; a structure is analysed in its cell, give it as Lattice="…"')
        cell, pbc = cell_of(info, where)
        species, place, words, n_columns = _columns(info.get('Properties', 'species:S:1:pos:R:3'), where)
        try:
            table, codes = read_table(self._file.bytes[rows_at:stop], self.n_atoms, n_columns, words, species)
        except ValueError as error:
            number, _, what = str(error).partition(' ')
            raise ValueError(f'{self._where(index, int(number))}: {what}') from None
        positions = table[:, place : place + 3]
        if not np.isfinite(positions).all():
            row = int(np.flatnonzero(~np.isfinite(positions).all(axis=1))[0])
            raise ValueError(f'{self._where(index, row)}: a position that is not finite')
        assert codes is not None
        self._check_atoms(codes, index)
        return positions, cell, pbc

    def _check_atoms(self, codes: Codes, index: int) -> None:
        if self._codes is not None and np.array_equal(codes, self._codes):
            return
        if self._codes is None:
            names = {int(code): word_of(code) for code in np.unique(codes)}
            check_elements(names.values(), self._where(index, 0))
            self._symbols, self._codes = tuple(names[int(code)] for code in codes), codes
            return
        row = int(np.flatnonzero(codes != self._codes)[0])
        raise ValueError(
            f'{self._where(index, row)}: {word_of(codes[row])} where {self._symbols[row]} was before; an analysis over '
            'frames needs the same atoms in the same order in each'
        )


def check_elements(names: Iterable[str], where: str) -> None:
    """Refuse what is no element.

    :raises ValueError: begins with ``where``, names what is none.
    """
    from ase.data import atomic_numbers

    unknown = sorted({name for name in names if name == 'X' or name not in atomic_numbers})
    if unknown:
        raise ValueError(f'{where}: {", ".join(unknown)} is not an element')


def _columns(properties: str, where: str) -> tuple[int, int, tuple[int, ...], int]:
    """Column of the elements, first column of the positions, all columns of words, and how many columns there are."""
    parts = properties.split(':')
    starts: dict[str, int] = {}
    words: list[int] = []
    width = 0
    try:
        for name, kind, count in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
            starts[name] = width
            if kind in 'SL':
                words += range(width, width + int(count))
            width += int(count)
        species = starts['species'] if 'species' in starts else starts['element']
        if species not in words:
            raise ValueError
        return species, starts['pos'], tuple(words), width
    except (ValueError, KeyError):
        raise ValueError(
            f'{where}: `Properties={properties}` does not name species (words) and pos (numbers)'
        ) from None

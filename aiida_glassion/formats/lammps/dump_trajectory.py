"""LAMMPS' dump as a trajectory: any frames of a file of any size, with the elements of its atoms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.formats.lammps.dump import Dump, alike, assemble, binary_rows, collect, position_columns
from aiida_glassion.formats.lammps.dump_frames import DamagedError, FrameHeader, binary_frames, text_frames
from aiida_glassion.formats.plain_file import PlainFile
from aiida_glassion.formats.table_text import read_table, word_of
from aiida_glassion.frames import Frames

_WORDS = ('element', 'typelabel')
_IMAGES = ('ix', 'iy', 'iz')
_FORGET_AFTER = 1 << 25


class DumpTrajectory:
    """The whole frames of a dump (`dump custom`), binary or text, either one also gzipped.

    Headers are walked once, frames are read when they are asked for. A last frame that was cut off, or whatever
    follows damage, is left out and said in :attr:`warnings`.

    :param path: the file.
    :param species: element of each type, {'1': 'Si'}; needed where the dump has no column ``element``.
    :raises ValueError: empty, no dump, the atoms change, or an element is not known; names file and frame.
    """

    def __init__(self, path: Path, species: Mapping[str, str] | None = None) -> None:
        self.path = path
        self.warnings: list[str] = []
        self._file = PlainFile(path)
        self._text = self._file.buffer[:5] == b'ITEM:'
        self._headers = self._walk()
        columns = self._headers[0].columns
        if position_columns(columns) is None or not {'type', *_WORDS} & set(columns):
            raise ValueError(
                f'{path}: columns {" ".join(columns)}; positions (x y z, xu …, xs …) and type or element are needed'
            )
        self._named = next((columns.index(name) for name in _WORDS if name in columns), None)
        self._places, self._names = _taken(columns, self._named)
        self._first: Dump | None = None
        self._codes: dict[int, int] = {}
        self._drop_a_broken_end()
        if 'id' not in columns:
            self.warnings.append(f'{path}: no column id; atoms are taken to stand in the same order in each frame')
        first = self._assembled(range(1))
        self.unwrapped = first.unwrapped
        self.n_atoms = len(first.ids)
        self._symbols = self._elements(first, species)
        self._first = first

    @property
    def n_frames(self) -> int:
        """Number of whole frames."""
        return len(self._headers)

    @property
    def steps(self) -> npt.NDArray[np.int64]:
        """Integration step of each whole frame, (n_frames,)."""
        return np.array([header.step for header in self._headers], dtype=np.int64)

    def read(self, indices: range) -> Frames:
        """Some frames, atoms in the order of their ids.

        :raises ValueError: damaged, not finite, or other atoms than in the first frame; names file and frame.
        """
        found = self._assembled(indices)
        self._file.forget()
        first = self._first
        if first is not None and not (
            np.array_equal(found.ids, first.ids) and np.array_equal(found.types, first.types)
        ):
            raise ValueError(f'{self.path}, frame {indices[0]}: other atoms than in frame 0, or other elements of them')
        pbc = self._headers[indices[0]].pbc
        return Frames(self._symbols, found.positions, found.cells, pbc, steps=found.steps)

    def _walk(self) -> list[FrameHeader]:
        frames = text_frames if self._text else binary_frames
        headers, damage = collect(self._forgetting(frames(self._file.buffer)))
        if not headers:
            raise ValueError(f'{self.path}: no LAMMPS dump that can be read: {damage or "no frame in it"}')
        same, change = alike(headers, '')
        if change:
            raise ValueError(f'{self.path}, {change}; an analysis over frames needs the same atoms in each')
        for text in (damage, self._file.problem):
            if text:
                self.warnings.append(f'{self.path}: {text}; the {len(same)} frames before it are taken')
        return same

    def _forgetting(self, headers: Iterator[FrameHeader]) -> Iterator[FrameHeader]:
        """The same headers; the pages that they were found in are given back on the way."""
        before = 0
        for header in headers:
            yield header
            if header.extents[-1][1] - before > _FORGET_AFTER:
                before = header.extents[-1][1]
                self._file.forget()
        self._file.forget()

    def _drop_a_broken_end(self) -> None:
        """The rows of a text frame are counted only when they are read: those of the last may be cut off."""
        last = len(self._headers) - 1
        try:
            self._rows(self._headers[last], np.empty((self._headers[last].n_atoms, len(self._names))))
        except DamagedError as error:
            if not last:
                raise ValueError(f'{self.path}, frame 0: {error}') from None
            self.warnings.append(f'{self.path}: frame {last}, the last, is cut off and left out ({error})')
            self._headers.pop()

    def _assembled(self, indices: range) -> Dump:
        headers = [replace(self._headers[index], columns=self._names) for index in indices]
        found = assemble(headers, self._rows, np.float64)
        if found.message:
            frame = indices[len(found)]
            raise ValueError(f'{self.path}, frame {frame}: {found.message.partition(": ")[2]}')
        return found

    def _rows(self, header: FrameHeader, table: npt.NDArray[np.float64]) -> None:
        n_columns = len(self._headers[0].columns)
        if self._text:
            rows = self._text_rows(header, n_columns)
        else:
            rows = np.empty((len(table), n_columns))
            binary_rows(self._file.bytes, header, rows)
        table[:, : len(self._places)] = rows[:, self._places]
        if len(self._places) < table.shape[1]:
            table[:, -1] = np.arange(1, len(table) + 1)

    def _text_rows(self, header: FrameHeader, n_columns: int) -> npt.NDArray[np.float64]:
        start, stop = header.extents[0]
        content: npt.NDArray[np.uint8] = self._file.bytes[start:stop]
        words = tuple(place for place, name in enumerate(self._headers[0].columns) if name in _WORDS)
        if stop == len(self._file.bytes) and content[-1:].tobytes() != b'\n':
            raise DamagedError(f'truncated at byte {stop}')
        try:
            rows, codes = read_table(content, header.n_atoms, n_columns, words, self._named)
        except ValueError as error:
            raise DamagedError(f'truncated or unreadable at row {error}') from None
        if codes is not None and self._named is not None:
            for code in np.unique(codes).tolist():
                self._codes.setdefault(code, len(self._codes) + 1)
            known = np.array(sorted(self._codes))
            numbers = np.array([self._codes[code] for code in known.tolist()])
            rows[:, self._named] = numbers[np.searchsorted(known, codes)]
        return rows

    def _elements(self, first: Dump, species: Mapping[str, str] | None) -> tuple[str, ...]:
        from ase.data import atomic_numbers

        if self._named is not None:
            names: dict[int, str] = {number: word_of(code) for code, number in self._codes.items()}
            names = {number: (species or {}).get(name, name) for number, name in names.items()}
        else:
            names = {int(number): name for number, name in (species or {}).items()}
        present = np.unique(first.types + 1).tolist()
        missing = [number for number in present if number not in names]
        if missing:
            raise ValueError(
                f'{self.path}: atoms have types ({", ".join(map(str, present))}) but no elements; say which element '
                f'each type is, as species: {{"{missing[0]}": "Si", …}}'
            )
        wrong = sorted({names[number] for number in present if names[number] not in atomic_numbers})
        if wrong:
            raise ValueError(f'{self.path}: {", ".join(wrong)} is not an element; say which it is in species')
        by_number: Any = np.array([names.get(number, '') for number in range(max(present) + 1)])
        return tuple(str(name) for name in by_number[first.types + 1])


def _taken(columns: tuple[str, ...], named: int | None) -> tuple[list[int], tuple[str, ...]]:
    """The columns that are needed, and their names for the reader of dumps; without ids the last one is made up."""
    place = position_columns(columns) or ()
    wanted = {'id', *place, *(() if named is not None else ('type',)), *(() if 'u' in ''.join(place) else _IMAGES)}
    places = [index for index, name in enumerate(columns) if name in wanted or index == named]
    names = ['type' if index == named else columns[index] for index in places]
    return places, (*names, *(() if 'id' in names else ('id',)))

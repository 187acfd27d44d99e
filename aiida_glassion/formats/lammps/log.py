"""LAMMPS' log: the thermodynamic tables of every run, and what else it tells, from whole or broken-off files."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from aiida_glassion.formats.lammps.numeric import read_rows

_CHUNK = 1 << 16
_LOOP = re.compile(r'Loop time of (\S+) on (\d+) procs for (\d+) steps with (\d+) atoms')
_WALL = re.compile(r'Total wall time: (\d+):(\d+):(\d+)')
_VERSION = re.compile(r'LAMMPS \((.+)\)')
_PAIR = re.compile(r'([^\s=]+)\s*=\s*([^\s=]+)')
_MULTI = re.compile(r'-{2,} Step\s+\S+ -+ CPU = ')
_ERROR_DETAIL = ('For more information see', 'Last input line:', 'Last command:', '--> parsed line:', ' ', '^')
_MEMORY = ('Per MPI rank memory allocation', 'Memory usage per processor')


class Mark(NamedTuple):
    """A line that the script printed with the prefix `GLASSION `."""

    n_blocks_before: int
    """Number of run blocks begun before this line: the index of the block that follows."""
    text: str
    """The line without its prefix."""


@dataclass(frozen=True, eq=False)
class Block:
    """The table of one `run` or `minimize`.

    :param columns: values by LAMMPS' column name, arrays of equal lengths; `Step` int64, the rest float64.
    :param complete: the run's `Loop time` line was seen (also when `timer timeout` or `fix halt` ended it early).
    :param seconds: time of the loop, s.
    :param n_atoms: atoms at the end of the run.
    :param n_procs: MPI ranks times threads.
    :param n_steps: steps done.
    """

    columns: dict[str, npt.NDArray[Any]]
    complete: bool = False
    seconds: float | None = None
    n_atoms: int | None = None
    n_procs: int | None = None
    n_steps: int | None = None

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))


@dataclass(frozen=True, eq=False)
class Log:
    """What a log says.

    :param version: LAMMPS' version, e.g. '22 Jul 2025 - Update 2'.
    :param blocks: one per run, in order.
    :param marks: the script's own `GLASSION ` lines, with their place among the blocks.
    :param errors: messages from 'ERROR' on, detail lines joined by newlines.
    :param warnings: lines from 'WARNING' on.
    :param finished: 'Total wall time' was seen.
    :param wall_seconds: total wall time, s.
    :param timeout: a run was ended by `timer timeout`.
    """

    version: str | None
    blocks: tuple[Block, ...]
    marks: tuple[Mark, ...]
    errors: tuple[str, ...]
    warnings: tuple[str, ...]
    finished: bool
    wall_seconds: float | None
    timeout: bool


def read_log(text: str | bytes) -> Log:
    """Read a log (or LAMMPS' screen output), broken off anywhere.

    Only what ends with a newline is trusted: neither a half-written row nor half a message is ever returned, so a log
    that is cut anywhere gives the first part of what the whole log gives. Rows with another number of columns than the
    header, or with anything that is no number, are left out; nan and inf are kept. `thermo_modify line one`, `yaml` and
    `multi` are understood. Never raises, whatever the text.

    :param text: the log's text; bytes are taken as UTF-8.
    """
    data = text.encode('utf-8', 'replace') if isinstance(text, str) else text
    return _Reader(data).read()


@dataclass
class _Table:
    """A block under construction."""

    names: list[str]
    style: str = 'one'
    parts: list[npt.NDArray[np.float64]] = field(default_factory=list)
    records: list[dict[str, float]] = field(default_factory=list)
    ends: dict[str, Any] = field(default_factory=dict)

    def block(self) -> Block:
        if self.style == 'multi':
            self._close_records()
        width = len(self.names)
        table = np.concatenate([*self.parts, np.empty((0, width))]) if width else np.empty((0, 0))
        columns: dict[str, npt.NDArray[Any]] = {}
        for index, name in enumerate(self.names):
            values = np.ascontiguousarray(table[:, index])
            columns.setdefault(name, values.astype(np.int64) if name == 'Step' else values)
        return Block(columns, **self.ends)

    def add(self, rows: npt.NDArray[np.float64]) -> None:
        if 'Step' in self.names:
            steps = rows[:, self.names.index('Step')]
            with np.errstate(invalid='ignore'):
                rows = rows[(steps >= 0) & (steps < 2.0**62) & (steps == np.floor(steps))]
        if len(rows):
            self.parts.append(rows)

    def _close_records(self) -> None:
        """The first record names the columns once something follows it; the last counts only if it has all of them."""
        if len(self.records) > 1 or (self.records and self.ends):
            self.names = list(self.records[0])
            rows = [list(r.values()) for r in self.records if list(r) == self.names]
            self.add(np.array(rows).reshape(len(rows), len(self.names)))
        self.records = []


class _Reader:
    """Walk through the lines; between a table's header and its `Loop time`, read rows in bulk."""

    def __init__(self, data: bytes) -> None:
        self.data = data[: data.rfind(b'\n') + 1]
        self.bytes = np.frombuffer(self.data, dtype=np.uint8)
        self.version: str | None = None
        self.tables: list[_Table] = []
        self.marks: list[Mark] = []
        self.errors: list[str] = []
        self.warnings: list[str] = []
        self.wall: float | None = None
        self.open: _Table | None = None
        self.expect_header = False
        self.in_error = False

    def read(self) -> Log:
        at = 0
        while at < len(self.data):
            if self.open is not None and self.open.style == 'one':
                rows, after = read_rows(self.bytes, at, len(self.data), len(self.open.names), _CHUNK)
                if len(rows):
                    self.open.add(rows)
                    at = after
                    continue
            end = self.data.index(b'\n', at)
            self._line(self.data[at:end].decode('utf-8', 'replace').rstrip('\r'))
            at = end + 1
        return Log(
            version=self.version,
            blocks=tuple(table.block() for table in self.tables),
            marks=tuple(self.marks),
            errors=tuple(self.errors),
            warnings=tuple(self.warnings),
            finished=self.wall is not None,
            wall_seconds=self.wall,
            timeout=any('Wall time limit reached' in warning for warning in self.warnings),
        )

    def _line(self, line: str) -> None:
        was_error, self.in_error = self.in_error, False
        if line.startswith('GLASSION '):
            self.marks.append(Mark(len(self.tables), line.removeprefix('GLASSION ').strip()))
        elif line.startswith('WARNING'):
            self.warnings.append(line.strip())
        elif line.startswith('ERROR'):
            self.errors.append(line.strip())
            self.in_error = True
            self.open = None
        elif was_error and line.startswith(_ERROR_DETAIL):
            self.errors[-1] += '\n' + line.rstrip()
            self.in_error = True
        elif line.startswith(_MEMORY):
            self.open, self.expect_header = None, True
        elif match := _LOOP.match(line):
            self._end(match)
        elif match := _WALL.match(line):
            hours, minutes, seconds = (int(number) for number in match.groups())
            self.wall = 3600.0 * hours + 60.0 * minutes + seconds
        elif self.expect_header:
            self._header(line)
        elif self.open is not None:
            self._inside(self.open, line)
        elif self.version is None and (match := _VERSION.match(line)):
            self.version = match.group(1)

    def _header(self, line: str) -> None:
        """The first line after the memory statement that can be a header: names, a YAML keyword list, or a record."""
        names = line.split()
        if line.startswith('keywords:'):
            self._begin(_Table(re.findall(r"'([^']*)'", line), style='yaml'))
        elif _MULTI.match(line):
            self._begin(_Table([], style='multi', records=[{}]))
        elif 'Step' in names:
            self._begin(_Table(names))

    def _begin(self, table: _Table) -> None:
        self.tables.append(table)
        self.open, self.expect_header = table, False

    def _inside(self, table: _Table, line: str) -> None:
        """A line between the rows: another style's row, or something that does not concern the table."""
        if table.style == 'yaml' and line.startswith('  - ['):
            values = _floats(line.strip().removeprefix('- [').removesuffix(']').replace(',', ' ').split())
            if line.rstrip().endswith(']') and len(values) == len(table.names) > 0:
                table.add(np.array([values]))
        elif table.style == 'multi' and _MULTI.match(line):
            table.records.append({})
        elif table.style == 'multi':
            pairs = _PAIR.findall(line)
            values = _floats([value for _, value in pairs])
            if len(values) == len(pairs):
                table.records[-1].update(zip((name for name, _ in pairs), values, strict=True))

    def _end(self, match: re.Match[str]) -> None:
        if self.open is not None:
            seconds = _floats([match.group(1)])
            self.open.ends = {
                'complete': True,
                'seconds': seconds[0] if seconds else None,
                'n_procs': int(match.group(2)),
                'n_steps': int(match.group(3)),
                'n_atoms': int(match.group(4)),
            }
        self.open, self.expect_header = None, False


def _floats(words: list[str]) -> list[float]:
    """The words as numbers, or nothing if one is no number (`.nan` and `.inf` as YAML writes them are numbers)."""
    try:
        return [float(word.replace('.nan', 'nan').replace('.inf', 'inf')) for word in words]
    except ValueError:
        return []

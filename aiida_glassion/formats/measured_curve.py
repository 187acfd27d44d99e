"""Measured curves from text files: two or three columns with whatever header an instrument's software leaves.

Read as numbers, never interpreted: nothing of a file is executed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

MAX_BYTES = 50_000_000
"""A larger file is refused: a diffractogram has thousands of points, not millions."""

COMMENT_MARKS = ('#', '!', '%', '//', "'", '*', '@', '&')

_DECIMAL_COMMA = re.compile(r'[-+]?\d*,\d+([EeDd][-+]?\d+)?|[-+]?\d+')
_SHOWN = 60


@dataclass(frozen=True, eq=False)
class MeasuredCurve:
    """A measured function, in the units of its file.

    :param x: (n,), increasing.
    :param y: (n,).
    :param error: (n,), or None.
    :param comments: header and comment lines, without their marks.
    """

    x: FloatArray
    y: FloatArray
    error: FloatArray | None
    comments: tuple[str, ...]


def read_measured_curve(path: str | Path, columns: tuple[int, ...] | None = None) -> MeasuredCurve:
    """Read x, y and perhaps the error of y from a text file (.sq, .gr, .dat, .csv, .txt, .mint01 …).

    Columns may be parted by blanks, tabs, semicolons or commas; a comma is the decimal sign where columns are parted by
    something else and no number has a point. Lines that begin with one of ``# ! % // ' * @ &`` are comments. A header
    without such a mark ends where a line of two or more numbers is followed by one of as many columns.

    :param path: of the file.
    :param columns: which are x, y and perhaps the error, from 0. Default the first two; with exactly three columns the
        third is the error, with more nothing is taken to be an error.
    :raises ValueError: the file cannot be read, is empty, too large or binary; has one column; text or a number that is
        not finite among the numbers; x that does not increase; columns that are not there. The line is named.
    """
    where = Path(path)
    numbered, comments = _lines(where)
    if not numbered:
        raise ValueError(f'{where}: no data, the file is empty' + (' but for comments' if comments else ''))
    split = _splitter([line for _, line in numbered])
    rows, header = _table(where, [(number, split(line)) for number, line in numbered])
    comments += header
    table = np.array([values for _, values in rows])
    chosen = _columns(where, table.shape[1], columns)
    lines = [number for number, _ in rows]
    for column in chosen:
        wrong = np.flatnonzero(~np.isfinite(table[:, column]))
        if len(wrong):
            raise ValueError(
                f'{where}, line {lines[wrong[0]]}: column {column} is {table[wrong[0], column]}, not a number'
            )
    x = table[:, chosen[0]]
    falls = np.flatnonzero(np.diff(x) <= 0)
    if len(falls):
        at = int(falls[0]) + 1
        raise ValueError(
            f'{where}, line {lines[at]}: x goes from {x[at - 1]:g} to {x[at]:g}; it must increase from line to line '
            f'({len(falls)} of {len(x) - 1} steps do not)'
        )
    error = table[:, chosen[2]] if len(chosen) > 2 else None
    if error is not None and (error < 0).any():
        at = int(np.argmax(error < 0))
        raise ValueError(
            f'{where}, line {lines[at]}: the error {error[at]:g} is negative; name the columns if it is none'
        )
    return MeasuredCurve(x, table[:, chosen[1]], error, tuple(text for _, text in sorted(comments)))


def _lines(path: Path) -> tuple[list[tuple[int, str]], list[tuple[int, str]]]:
    """Data or header lines, and comments, each with its number from 1."""
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise ValueError(
                f'{path}: {size / 1e6:.0f} MB, at most {MAX_BYTES / 1e6:.0f} MB are read as a measured curve'
            )
        raw = path.read_bytes()
    except OSError as error:
        raise ValueError(f'{path}: cannot be read ({error.strerror or error})') from error
    if b'\0' in raw:
        raise ValueError(f'{path}: a binary file; two or three columns of text were expected')
    try:
        text = raw.decode('utf-8-sig')
    except UnicodeDecodeError:
        text = raw.decode('latin-1')
    found: list[tuple[int, str]] = []
    comments: list[tuple[int, str]] = []
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.strip()
        if not bare:
            continue
        if bare.startswith(COMMENT_MARKS):
            comments.append((number, bare.lstrip("#!%/'*@& \t")))
        else:
            found.append((number, bare))
    return found, comments


def _splitter(lines: list[str]) -> Callable[[str], list[str]]:
    """How the columns of this file are parted, judged by its last lines: headers are above."""
    last = lines[-50:]
    points = any('.' in line for line in last)

    def at_semicolons(line: str) -> list[str]:
        return [field.strip() if points else field.strip().replace(',', '.') for field in line.rstrip(';').split(';')]

    def at_blanks(line: str) -> list[str]:
        return [field.replace(',', '.') for field in line.split()]

    def at_commas(line: str) -> list[str]:
        return [field for field in re.split(r'\s*,\s*|\s+', line.rstrip(',').strip()) if field]

    if 2 * sum(';' in line for line in last) > len(last):
        return at_semicolons
    rows = [line.split() for line in last]
    if any(len(row) > 1 and ',' in ''.join(row) and all(map(_DECIMAL_COMMA.fullmatch, row)) for row in rows):
        return at_blanks
    return at_commas


def _number(field: str) -> float | None:
    try:
        return float(field.strip('"').replace('D', 'E').replace('d', 'e')) if '_' not in field else None
    except ValueError:
        return None


def _table(
    path: Path, rows: list[tuple[int, list[str]]]
) -> tuple[list[tuple[int, list[float]]], list[tuple[int, str]]]:
    """The rows of numbers, and the header above them."""
    values = [(number, fields, [_number(field) for field in fields]) for number, fields in rows]

    def all_numbers(index: int) -> int:
        """How many numbers a line has; 0 where something else is in it."""
        found = values[index][2]
        return 0 if any(value is None for value in found) else len(found)

    start = next(
        (
            index
            for index in range(len(values))
            if all_numbers(index) > 1 and (index + 1 == len(values) or len(values[index + 1][1]) == all_numbers(index))
        ),
        None,
    )
    if start is None:
        if any(all_numbers(index) == 1 for index in range(len(values))):
            raise ValueError(f'{path}: one column; x and y are needed')
        number, fields, _ = values[0]
        raise ValueError(f'{path}: no line with two numbers; line {number} is {_shown(fields)}')
    width = len(values[start][1])
    for number, fields, found in values[:start]:
        if len(fields) == width and found[0] is not None and any(value is None for value in found):
            raise ValueError(f'{path}, line {number}: {_shown(fields)} holds text where numbers should be')
    table: list[tuple[int, list[float]]] = []
    for number, fields, found in values[start:]:
        row = [value for value in found if value is not None]
        if len(row) < len(found):
            bad = fields[found.index(None)]
            raise ValueError(f'{path}, line {number}: {bad[:_SHOWN]!r} where a number should be')
        if len(row) != width:
            raise ValueError(f'{path}, line {number}: {len(row)} columns, {width} in the lines before')
        table.append((number, row))
    return table, [(number, ' '.join(fields)) for number, fields, _ in values[:start]]


def _columns(path: Path, width: int, columns: tuple[int, ...] | None) -> tuple[int, ...]:
    if columns is None:
        return (0, 1, 2) if width == 3 else (0, 1)
    if len(columns) not in (2, 3) or len(set(columns)) != len(columns):
        raise ValueError(f'columns: {columns}, expected two or three different ones: x, y and perhaps the error')
    if not all(0 <= column < width for column in columns):
        raise ValueError(f'{path}: columns {columns} asked for, it has {width} (counted from 0)')
    return tuple(columns)


def _shown(fields: list[str]) -> str:
    return repr(' '.join(fields)[:_SHOWN])

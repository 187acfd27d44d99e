"""Rows of numbers in text, at memory-like speed: what LAMMPS' text dumps and thermodynamic tables are made of."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

_POWERS = 10.0 ** np.arange(23)
_NEWLINE, _BLANK, _TAB, _RETURN, _PLUS, _MINUS, _DOT, _ZERO, _NINE = (ord(c) for c in '\n \t\r+-.09')
_SMALL_E, _LARGE_E, _LARGE_A = (ord(c) for c in 'eEA')
_NAN = (ord('n'), ord('a'), ord('n'))
_INF = (ord('i'), ord('n'), ord('f'))
_NO_NUMBER, _EXACT, _NEEDS_CARE = range(3)
_EXACT_MANTISSA = 1 << 53
_MAX_DIGITS = 18


def read_rows(
    buffer: npt.NDArray[np.uint8], start: int, stop: int, n_columns: int, max_rows: int
) -> tuple[npt.NDArray[np.float64], int]:
    """Read as many whole rows of numbers as follow each other from `start`.

    A row is trusted only if it ends with a newline and holds exactly `n_columns` numbers (nan and inf are numbers).
    The caller bounds `max_rows` by what the buffer can hold: a row needs at least 2 n_columns bytes.
    Every number is the double nearest to the text: short ones are exact as mantissa times a power of ten
    (W. D. Clinger, PLDI 1990), the longer ones go through the C library.

    :param buffer: the text, (n_bytes,), uint8.
    :param start: first byte to read; the beginning of a line.
    :param stop: one past the last byte to read.
    :param n_columns: numbers in a row, at least 1.
    :param max_rows: read no more rows than this.
    :returns: the table, (n_rows, n_columns), and the byte after the last row read.
    """
    max_rows = max(0, min(max_rows, (stop - start) // (2 * n_columns)))
    table = np.empty((max_rows, n_columns))
    n_rows, end, exact = _scan(buffer, start, stop, table)
    table = table[:n_rows] if 2 * n_rows > max_rows else table[:n_rows].copy()
    if not exact:
        table = np.fromstring(buffer[start:end].tobytes().decode('ascii'), sep=' ').reshape(n_rows, n_columns)
    return table, end


@numba.njit(cache=True, nogil=True)  # type: ignore[misc, unused-ignore]
def _scan(buffer: npt.NDArray[Any], start: int, stop: int, table: npt.NDArray[Any]) -> tuple[int, int, bool]:
    """Fill `table` row by row; return (whole rows, byte after them, whether all of them are correctly rounded)."""
    while stop > start and buffer[stop - 1] != _NEWLINE:
        stop -= 1
    # from here on no loop can run past the last newline, so that no other bound needs to be checked
    max_rows, n_columns = table.shape
    at = start
    end = start
    exact = True
    for row in range(max_rows):
        if end == stop:
            return row, end, exact
        row_exact = True
        for column in range(n_columns):
            while buffer[at] == _BLANK or buffer[at] == _TAB:
                at += 1
            value, at, status = _number(buffer, at)
            if status == _NO_NUMBER:
                return row, end, exact
            row_exact &= status == _EXACT
            table[row, column] = value
        while buffer[at] == _BLANK or buffer[at] == _TAB or buffer[at] == _RETURN:
            at += 1
        if buffer[at] != _NEWLINE:
            return row, end, exact
        at += 1
        end = at
        exact &= row_exact
    return max_rows, end, exact


@numba.njit(cache=True, nogil=True, inline='always')  # type: ignore[misc, unused-ignore]
def _number(buffer: npt.NDArray[Any], at: int) -> tuple[float, int, int]:
    """Read one number; return (value, byte after it, one of _NO_NUMBER, _EXACT, _NEEDS_CARE)."""
    negative = buffer[at] == _MINUS
    if negative or buffer[at] == _PLUS:
        at += 1
    if buffer[at] >= _LARGE_A:
        word: tuple[float, int, int] = _word(buffer, at, negative)
        return word
    while buffer[at] == _ZERO and _ZERO <= buffer[at + 1] <= _NINE:
        at += 1
    mantissa = np.int64(0)
    begin = at
    while _ZERO <= buffer[at] <= _NINE:
        mantissa = mantissa * 10 + np.int64(buffer[at] - _ZERO)
        at += 1
    digits = at - begin
    exponent = 0
    if buffer[at] == _DOT:
        at += 1
        begin = at
        while _ZERO <= buffer[at] <= _NINE:
            mantissa = mantissa * 10 + np.int64(buffer[at] - _ZERO)
            at += 1
        exponent = begin - at
        digits += at - begin
    if digits == 0:
        return 0.0, at, _NO_NUMBER
    if buffer[at] == _SMALL_E or buffer[at] == _LARGE_E:
        at += 1
        minus = buffer[at] == _MINUS
        if minus or buffer[at] == _PLUS:
            at += 1
        power = 0
        begin = at
        while _ZERO <= buffer[at] <= _NINE:
            power = min(power * 10 + np.int64(buffer[at] - _ZERO), 99999)
            at += 1
        if at == begin:
            return 0.0, at, _NO_NUMBER
        exponent += -power if minus else power
    if buffer[at] > _BLANK:
        return 0.0, at, _NO_NUMBER
    value = float(mantissa)
    status = _EXACT
    if digits > _MAX_DIGITS or mantissa > _EXACT_MANTISSA:
        status = _NEEDS_CARE
    elif exponent < 0:
        if exponent >= -22:
            value /= _POWERS[-exponent]
        elif mantissa > 0:
            status = _NEEDS_CARE
    elif exponent > 0:
        if exponent <= 22:
            value *= _POWERS[exponent]
        elif mantissa > 0:
            status = _NEEDS_CARE
    return -value if negative else value, at, status


@numba.njit(cache=True, nogil=True)  # type: ignore[misc, unused-ignore]
def _word(buffer: npt.NDArray[Any], at: int, negative: bool) -> tuple[float, int, int]:
    """Read nan or inf."""
    first = buffer[at] | 32
    for letters, value in ((_NAN, np.nan), (_INF, -np.inf if negative else np.inf)):
        if first == letters[0] and buffer[at + 1] | 32 == letters[1] and buffer[at + 2] | 32 == letters[2]:
            return value, at + 3, _EXACT if buffer[at + 3] <= _BLANK else _NO_NUMBER
    return 0.0, at, _NO_NUMBER

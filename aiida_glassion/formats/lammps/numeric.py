"""Rows of numbers in text, at memory-like speed: what LAMMPS' text dumps and thermodynamic tables are made of."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

_POWERS = 10.0 ** np.arange(23)
_NEWLINE, _BLANK, _TAB, _RETURN, _PLUS, _MINUS, _DOT, _ZERO, _NINE = (ord(c) for c in '\n \t\r+-.09')
_E_SMALL, _E_LARGE = ord('e'), ord('E')
_A, _F, _I, _N = (ord(c) for c in 'afin')
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
    max_rows, n_columns = table.shape
    at = start
    end = start
    exact = True
    for row in range(max_rows):
        row_exact = True
        for column in range(n_columns):
            while at < stop and (buffer[at] == _BLANK or buffer[at] == _TAB):
                at += 1
            value, at, status = _number(buffer, at, stop)
            if status == 0:
                return row, end, exact
            row_exact &= status == 1
            table[row, column] = value
        while at < stop and (buffer[at] == _BLANK or buffer[at] == _TAB or buffer[at] == _RETURN):
            at += 1
        if at >= stop or buffer[at] != _NEWLINE:
            return row, end, exact
        at += 1
        end = at
        exact &= row_exact
    return max_rows, end, exact


@numba.njit(cache=True, nogil=True, inline='always')  # type: ignore[misc, unused-ignore]
def _number(buffer: npt.NDArray[Any], at: int, stop: int) -> tuple[float, int, int]:
    """Read one number; return (value, byte after it, status: 0 not a number, 1 exact, 2 to be read with more care)."""
    negative = False
    if at < stop and (buffer[at] == _MINUS or buffer[at] == _PLUS):
        negative = buffer[at] == _MINUS
        at += 1
    if at + 3 < stop and (buffer[at] | 32) >= _A:
        first, second, third = buffer[at] | 32, buffer[at + 1] | 32, buffer[at + 2] | 32
        value = np.nan
        if first == _I and second == _N and third == _F:
            value = -np.inf if negative else np.inf
        elif not (first == _N and second == _A and third == _N):
            return 0.0, at, 0
        return value, at + 3, 1 if buffer[at + 3] <= _BLANK else 0
    mantissa = np.int64(0)
    digits = 0
    significant = 0
    exponent = 0
    point = False
    while at < stop:
        byte = buffer[at]
        if _ZERO <= byte <= _NINE:
            digits += 1
            if significant < _MAX_DIGITS:
                mantissa = mantissa * 10 + (byte - _ZERO)
                exponent -= point
                significant += mantissa > 0
            else:
                significant += 1
                exponent += not point
        elif byte == _DOT and not point:
            point = True
        else:
            break
        at += 1
    if digits == 0:
        return 0.0, at, 0
    if at < stop and (buffer[at] == _E_SMALL or buffer[at] == _E_LARGE):
        at += 1
        minus = False
        if at < stop and (buffer[at] == _MINUS or buffer[at] == _PLUS):
            minus = buffer[at] == _MINUS
            at += 1
        power = 0
        power_digits = 0
        while at < stop and _ZERO <= buffer[at] <= _NINE:
            power = min(power * 10 + (buffer[at] - _ZERO), 99999)
            power_digits += 1
            at += 1
        if power_digits == 0:
            return 0.0, at, 0
        exponent += -power if minus else power
    if at >= stop or buffer[at] > _BLANK:
        return 0.0, at, 0
    value = float(mantissa)
    status = 1
    if mantissa > _EXACT_MANTISSA or significant > _MAX_DIGITS or (mantissa > 0 and (exponent > 22 or exponent < -22)):
        status = 2
    elif exponent < 0 and mantissa > 0:
        value /= _POWERS[-exponent]
    elif mantissa > 0:
        value *= _POWERS[exponent]
    return -value if negative else value, at, status

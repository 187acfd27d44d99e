"""Tables of numbers in which some columns hold words: what XYZ files and text dumps with elements are made of."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from aiida_glassion.formats.lammps.numeric import read_rows

_NEWLINE, _BLANK, _ZERO = (ord(c) for c in '\n 0')
_LONGEST_WORD = 8


def read_table(
    text: npt.NDArray[np.uint8], n_rows: int, n_columns: int, words: tuple[int, ...], named: int | None
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64] | None]:
    """Read rows of numbers and words.

    :param text: the rows, (n_bytes,), uint8; the last line need not have an end.
    :param n_rows: how many there are.
    :param n_columns: words and numbers in a row.
    :param words: columns that hold words; they are 0 in the table.
    :param named: the column of words whose codes are wanted, see :func:`word_of`.
    :returns: the table, (n_rows, n_columns), and the codes, (n_rows,).
    :raises ValueError: a row that does not hold that; it begins with the number of the row, from 0.
    """
    copy = np.append(text, np.uint8(_NEWLINE))
    is_word = np.zeros(n_columns, dtype=np.bool_)
    is_word[list(words)] = True
    codes = np.zeros(n_rows, dtype=np.int64)
    bad = _blank_words(copy, is_word, -1 if named is None else named, codes)
    if bad >= 0:
        raise ValueError(f'{bad} {_row(text, bad)!r}, expected {n_columns} columns')
    table, _ = read_rows(copy, 0, len(copy), n_columns, n_rows)
    if len(table) < n_rows:
        raise ValueError(f'{len(table)} {_row(text, len(table))!r}, expected {n_columns} columns, numbers where due')
    return table, None if named is None else codes


def word_of(code: int) -> str:
    """The word of a code: its bytes, up to eight of them, as a number."""
    return int(code).to_bytes(_LONGEST_WORD, 'little').rstrip(b'\0').decode('utf-8', 'replace')


def _row(text: npt.NDArray[np.uint8], number: int) -> str:
    lines = text.tobytes().split(b'\n', number + 1)
    return lines[number].decode('utf-8', 'replace').strip()[:60] if number < len(lines) else ''


@numba.njit(cache=True, nogil=True)  # type: ignore[misc, unused-ignore]
def _blank_words(text: npt.NDArray[Any], is_word: npt.NDArray[Any], named: int, codes: npt.NDArray[Any]) -> int:
    """Write 0 over the words and keep the codes of one column; return the first row that has too few or many, or -1."""
    at = 0
    for row in range(len(codes)):
        column = 0
        while at < len(text) and text[at] != _NEWLINE:
            if text[at] <= _BLANK:
                at += 1
                continue
            wanted = column < len(is_word) and is_word[column]
            code = np.int64(0)
            length = 0
            while at < len(text) and text[at] > _BLANK:
                if wanted:
                    if length < _LONGEST_WORD:
                        code |= np.int64(text[at]) << np.int64(8 * length)
                    text[at] = _ZERO if length == 0 else _BLANK
                length += 1
                at += 1
            if column == named:
                codes[row] = code
            column += 1
        if at >= len(text) or column != len(is_word):
            return row
        at += 1
    return -1


@numba.njit(cache=True, nogil=True)  # type: ignore[misc, unused-ignore]
def skip_lines(text: npt.NDArray[Any], at: int, n_lines: int) -> int:
    """The byte after so many lines; -1 if there are not as many, the last with its end."""
    for _ in range(n_lines):
        while at < len(text) and text[at] != _NEWLINE:
            at += 1
        if at >= len(text):
            return -1
        at += 1
    return at

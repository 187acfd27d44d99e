"""Text files, compressed or not, line by line."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt


def open_binary(path: Path) -> IO[bytes]:
    """Open a file that may be compressed by gzip, whatever its name."""
    with path.open('rb') as file:
        compressed = file.read(2) == b'\x1f\x8b'
    return gzip.open(path, 'rb') if compressed else path.open('rb')  # type: ignore[return-value]


def open_lines(path: Path) -> Iterator[str]:
    """Lines of a file that may be compressed, without their ends; a compressed file that was cut off ends early."""
    with open_binary(path) as file:
        try:
            for line in file:
                yield line.decode('utf-8', errors='replace').rstrip('\r\n')
        except EOFError:
            return


def head_of(path: Path, size: int = 65536) -> str:
    """Beginning of a file as text."""
    with open_binary(path) as file:
        try:
            return file.read(size).decode('utf-8', errors='replace')
        except (EOFError, OSError):
            return ''


def numbers_of(lines: list[str], first: int, last: int, shape: tuple[int, int]) -> npt.NDArray[np.float64] | None:
    """Columns ``first`` to ``last`` (exclusive) of rows of numbers; None: a row is missing or holds something else.

    A field of asterisks, Fortran's sign of a number too long for its column, is not a number.
    """
    try:
        values: npt.NDArray[Any] = np.array([line.split()[first:last] for line in lines], dtype=np.float64)
    except ValueError:
        return None
    return values if values.shape == shape else None

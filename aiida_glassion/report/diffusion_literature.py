"""Published or measured D and σ from a CSV file, to be drawn beside those of a sweep."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

MAX_BYTES = 1_000_000
"""A larger file is refused: a table of temperatures has tens of lines."""
_MOST_POINTS = 1000
_LONGEST = 300

Quantity = Literal['D', 'sigma_T']
_UNITS: dict[str, tuple[Quantity, float, bool]] = {
    'cm2/s': ('D', 1.0, False),
    'm2/s': ('D', 1e4, False),
    'angstrom2/ps': ('D', 1e-4, False),
    'S/cm': ('sigma_T', 1.0, True),
    'mS/cm': ('sigma_T', 1e-3, True),
    'S/m': ('sigma_T', 1e-2, True),
    'S K/cm': ('sigma_T', 1.0, False),
    'S K/m': ('sigma_T', 1e-2, False),
}
"""What is measured in it, its factor to cm²/s or S/cm, and whether it is still to be multiplied by T."""


@dataclass(frozen=True, eq=False)
class Literature:
    """Somebody else's points, in the units of the figures.

    :param quantity: ``D``, cm²/s, or ``sigma_T``, S K/cm.
    :param citation: where they are from.
    :param error: standard errors; nan where none was given.
    :param unit: of the file.
    :param ion: of D; empty: not told.
    """

    quantity: Quantity
    citation: str
    temperature: npt.NDArray[np.float64]
    value: npt.NDArray[np.float64]
    error: npt.NDArray[np.float64]
    unit: str
    file: str
    ion: str = ''


def read_literature(path: str | Path) -> Literature:
    """Read points from a CSV file.

    Lines of ``#`` say ``unit`` (cm2/s, m2/s, angstrom2/ps, S/cm, mS/cm, S/m, S K/cm, S K/m) and ``citation``, if wanted
    ``ion``; then the names of the columns, ``T_K``, ``value`` and, if known, ``error`` (standard error, in the same
    unit), in any order, then one line for each temperature. σ is multiplied by T.

    :raises ValueError: the file cannot be read or is no such table; one sentence names the file, the line and what
        would be right.
    """
    where = Path(path)
    notes: dict[str, str] = {}
    head: list[str] = []
    rows: list[tuple[float, float, float]] = []
    for number, line in _lines(where):
        if line.startswith('#'):
            key, colon, text = line.lstrip('# ').partition(':')
            if colon:
                notes.setdefault(key.strip().lower(), text.strip())
            continue
        fields = [field.strip() for field in next(csv.reader([line]))]
        if not head:
            head = _head(where, number, fields)
        else:
            rows.append(_row(where, number, head, fields))
    if not head or not rows:
        raise ValueError(f'{where}: no points; expected a line T_K,value,error and a line for each temperature')
    if len(rows) > _MOST_POINTS:
        raise ValueError(f'{where}: {len(rows)} points, expected at most {_MOST_POINTS}')
    unit, (quantity, factor, times_temperature) = _unit(where, notes.get('unit', ''))
    citation = notes.get('citation', '')
    if not citation:
        raise ValueError(f'{where}: nothing says where the points are from; expected a line "# citation: …"')
    table = np.array(sorted(rows))
    scale = factor * (table[:, 0] if times_temperature else np.ones(len(table)))
    return Literature(
        quantity,
        citation[:_LONGEST],
        table[:, 0],
        table[:, 1] * scale,
        table[:, 2] * scale,
        unit,
        where.name,
        notes.get('ion', ''),
    )


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Lines that hold something, with their numbers from 1."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f'{path}: {path.stat().st_size / 1e6:.1f} MB, expected a table of at most 1 MB')
        text = path.read_bytes().decode('utf-8-sig')
    except OSError as error:
        raise ValueError(f'{path}: cannot be read ({error.strerror or error})') from error
    except UnicodeDecodeError:
        raise ValueError(f'{path}: no text in UTF-8, expected a CSV file') from None
    if '\0' in text:
        raise ValueError(f'{path}: a binary file, expected a CSV file')
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            yield number, line.strip()


def _head(path: Path, number: int, fields: list[str]) -> list[str]:
    """Names of the columns."""
    if not {'T_K', 'value'} <= set(fields) or not set(fields) <= {'T_K', 'value', 'error'}:
        raise ValueError(
            f'{path}, line {number}: columns {", ".join(fields)[:60]}; expected T_K,value or T_K,value,error'
        )
    if len(set(fields)) < len(fields):
        raise ValueError(f'{path}, line {number}: a column stands twice in {", ".join(fields)}')
    return fields


def _row(path: Path, number: int, head: list[str], fields: list[str]) -> tuple[float, float, float]:
    """Temperature, value, error; the error is nan where its field is empty."""
    if len(fields) != len(head):
        raise ValueError(f'{path}, line {number}: {len(fields)} fields, expected {len(head)} ({", ".join(head)})')
    found: dict[str, float] = {'error': math.nan}
    for name, field in zip(head, fields, strict=True):
        if name == 'error' and not field:
            continue
        try:
            found[name] = float(field)
        except ValueError:
            raise ValueError(f'{path}, line {number}: {name} is {field[:40]!r}, expected a number') from None
        if not math.isfinite(found[name]) or found[name] < 0 or (found[name] == 0 and name != 'error'):
            raise ValueError(f'{path}, line {number}: {name} is {field[:40]}, expected a positive number')
    return found['T_K'], found['value'], found['error']


def _unit(path: Path, given: str) -> tuple[str, tuple[Quantity, float, bool]]:
    """The unit as this program writes it, and what it means."""
    plain = given.replace('²', '2').replace('Å', 'angstrom').replace('·', ' ').replace('*', ' ')
    plain = plain.replace('^', '').replace('−', '-').replace('⁻¹', '-1')
    plain = re.sub(r'\s*/\s*', '/', ' '.join(plain.split()))
    plain = re.sub(r'\s+(cm|s|m|ps)-1$', r'/\1', plain)
    if not plain:
        raise ValueError(f'{path}: no unit; expected a line "# unit: …" with one of {", ".join(_UNITS)}')
    for name, meaning in _UNITS.items():
        if plain in (name, ' '.join(reversed(name.partition('/')[0].split())) + '/' + name.partition('/')[2]):
            return name, meaning
    raise ValueError(f'{path}: unit {given[:40]!r}, expected one of {", ".join(_UNITS)}')

"""Numbers as people read them: a mean with its standard error, rounded to what the error allows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Number:
    """A number with its error.

    :param value: mean, or the only value.
    :param error: standard error, None where one replica knows no spread.
    :param n: number of replicas behind it, None where it is one replica's own value.
    """

    value: float
    error: float | None = None
    n: int | None = None

    def __str__(self) -> str:
        return format_number(self)

    def scaled(self, factor: float) -> Number:
        """The number in another unit."""
        return Number(self.value * factor, None if self.error is None else self.error * factor, self.n)


def read_number(record: Any) -> Number | None:
    """A leaf of a report: a plain number, or ``{'mean', 'standard_error', 'n'}``; None for anything else."""
    if isinstance(record, Mapping) and isinstance(record.get('mean'), (int, float)) and 'standard_error' in record:
        error = record['standard_error']
        n = record.get('n')
        found = Number(
            float(record['mean']),
            float(error) if isinstance(error, (int, float)) else None,
            int(n) if isinstance(n, (int, float)) else None,
        )
    elif isinstance(record, (int, float)) and not isinstance(record, bool):
        found = Number(float(record))
    else:
        return None
    return found if math.isfinite(found.value) else None


def find_number(record: Any, *path: str) -> Number | None:
    """The number at a path of keys, None where it is not there."""
    for key in path:
        if not isinstance(record, Mapping) or key not in record:
            return None
        record = record[key]
    return read_number(record)


def walk_numbers(record: Mapping[str, Any], prefix: str = '') -> Iterator[tuple[str, Number]]:
    """Every number of a nested report with its dotted name, in the report's order."""
    for key, value in record.items():
        number = read_number(value)
        if number is not None:
            yield f'{prefix}{key}', number
        elif isinstance(value, Mapping):
            yield from walk_numbers(value, f'{prefix}{key}.')


def format_number(number: Number | None, digits: int = 4, like: Number | None = None) -> str:
    """``2.483 ± 0.012``: the error with two significant digits, the value to the same place.

    :param digits: significant digits of a value that has no error.
    :param like: give a value without error the decimal places of this one.
    """
    if number is None:
        return '–'
    places = _places(number) if number.error else _places(like or number)
    if places is None:
        error = f' ± {_plain(number.error, 2)}' if number.error else ''
        return _plain(number.value, digits) + error
    error = f' ± {number.error:.{places}f}' if number.error else ''
    return _minus(f'{number.value:.{places}f}') + error


def value_text(value: Any) -> str:
    """A value or limit of a criterion: a number, yes or no, or words."""
    if isinstance(value, bool):
        return 'yes' if value else 'no'
    if isinstance(value, float):
        return format_number(Number(value), 3) if math.isfinite(value) else '–'
    return '–' if value is None else str(value)


def _places(number: Number) -> int | None:
    """Decimal places that the error leaves; None without error, or where powers of ten read better."""
    if number.error is None or not math.isfinite(number.error) or number.error <= 0:
        return None
    places = 1 - math.floor(math.log10(number.error))
    return places if 0 <= places <= 6 else None


def _plain(value: float, digits: int) -> str:
    if value == 0:
        return '0'
    size = math.floor(math.log10(abs(value)))
    if not -4 <= size <= 6:
        return _minus(f'{value:.{digits - 1}e}')
    return _minus(f'{value:.{max(0, digits - 1 - size)}f}')


def _minus(text: str) -> str:
    return text.replace('-', '−', 1) if text.startswith('-') else text

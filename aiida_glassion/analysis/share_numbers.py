"""Shares and counts of kinds that are not known beforehand, averaged over frames: what a frame lacks is 0 there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from aiida_glassion.kernels.block_sums import BlockSums

Path = tuple[str, ...]


class ShareNumbers:
    """Mean and error of every number of records whose keys may differ from frame to frame."""

    def __init__(self) -> None:
        self._sums = BlockSums()
        self._columns: dict[Path, int] = {}

    def add(self, record: Mapping[str, Any]) -> None:
        """Take the numbers of one frame in.

        :param record: numbers or dictionaries of numbers, by any keys; None is left out.
        """
        leaves = dict(_leaves(record))
        for path in leaves:
            self._columns.setdefault(path, len(self._columns))
        self._sums.widen(len(self._columns))
        values = np.zeros(len(self._columns))
        for path, value in leaves.items():
            values[self._columns[path]] = value
        self._sums.add(values)

    def averages(self) -> dict[str, Any]:
        """The layout of the records, each number replaced by ``{'mean', 'standard_error', 'n'}``."""
        averaged: dict[str, Any] = {}
        means, errors = self._sums.mean(), self._sums.error()
        for path, i in self._columns.items():
            place = averaged
            for key in path[:-1]:
                place = place.setdefault(key, {})
            error = None if errors is None else float(errors[i])
            place[path[-1]] = {'mean': float(means[i]), 'standard_error': error, 'n': self._sums.n}
        return averaged


def _leaves(record: Mapping[str, Any], path: Path = ()) -> Iterator[tuple[Path, float]]:
    for key, value in record.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*path, key))
        elif value is not None:
            yield (*path, key), float(value)

"""Numbers of each frame, nested by name, averaged over the frames with errors from blocks of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from aiida_glassion.analysis.system import System
from aiida_glassion.kernels.block_sums import BlockSums


class BlockNumbers:
    """Mean and error of every number of records of one layout, one record per frame."""

    def __init__(self) -> None:
        self._sums = BlockSums()
        self._paths: list[tuple[str, ...]] = []

    def add(self, record: Mapping[str, Any]) -> None:
        """Take the numbers of one frame in.

        :param record: numbers, or dictionaries of numbers; of the same keys in every frame.
        :raises ValueError: other keys than in the frames before.
        """
        leaves = dict(_leaves(record))
        if not self._sums.n:
            self._paths = list(leaves)
        elif list(leaves) != self._paths:
            raise ValueError('the numbers of a frame are not those of the frames before')
        self._sums.add([float(value) for value in leaves.values()])

    def averages(self) -> dict[str, Any]:
        """The layout of the records, each number replaced by ``{'mean', 'standard_error', 'n'}``."""
        averaged: dict[str, Any] = {}
        means, errors = self._sums.mean(), self._sums.error()
        for i, path in enumerate(self._paths):
            place = averaged
            for key in path[:-1]:
                place = place.setdefault(key, {})
            error = None if errors is None else float(errors[i])
            place[path[-1]] = {'mean': float(means[i]), 'standard_error': error, 'n': self._sums.n}
        return averaged


def _leaves(record: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in record.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key), value


def require_periodic(system: System, kind: str) -> None:
    """Refuse a system that is not periodic in all directions.

    :raises ValueError: it is not.
    """
    if not all(system.pbc):
        raise ValueError(f'{kind}: the cell must be periodic in all directions, pbc is {list(system.pbc)}')


def elements_among(system: System, wanted: list[str] | None, setting: str) -> list[str]:
    """The wanted elements, all where none are named.

    :raises ValueError: one is not in the system; names the setting.
    """
    if wanted is None:
        return list(system.elements)
    for element in wanted:
        if element not in system.elements:
            raise ValueError(f'{setting}: {element!r} is not among {", ".join(system.elements)}')
    if not wanted:
        raise ValueError(f'{setting}: an empty list; leave it out for all elements')
    return list(wanted)

"""Cavities: connected parts of the free space of a periodic cell, and which of them lead through it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.integer]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Cavities:
    """Connected parts of a periodic grid, largest first.

    :param labels: (n_a, n_b, n_c), int32: number of the cavity of each grid point from 0, −1 where there is none.
    :param sizes: (n_cavities,), grid points.
    :param axes: (n_cavities, 3), whether a cavity connects to its own image along each cell vector.
    :param dimensions: (n_cavities,), 0 for a closed cavity, 1 for a channel, 2 for a layer, 3 for a network.
    """

    labels: npt.NDArray[np.int32]
    sizes: IntArray
    axes: BoolArray
    dimensions: IntArray

    def __len__(self) -> int:
        return len(self.sizes)

    @property
    def percolating(self) -> BoolArray:
        """(n_cavities,), whether a cavity leads through the cell in any direction."""
        return np.asarray(self.dimensions > 0)


def find_cavities(free: BoolArray) -> Cavities:
    """Connected parts of the free points of a grid that is periodic along its three axes.

    Points are connected through their six neighbours along the grid's axes (choice: two that touch at an edge only
    leave no way through). A part is labelled inside the cell first; parts that meet across a face are then joined, each
    with the number of cells between the two, so that a way that ends in another image of its beginning is told from one
    that merely crosses a face.

    :param free: (n_a, n_b, n_c).
    :raises ValueError: not three-dimensional, or without points.
    """
    from scipy import ndimage

    if free.ndim != 3 or not free.size:
        raise ValueError(f'free: shape {free.shape}, expected (n_a, n_b, n_c), at least one point each')
    parts, n_parts = ndimage.label(free)
    links: dict[int, set[tuple[int, int, int, int]]] = defaultdict(set)
    for axis in range(3):
        low, high = parts.take(0, axis).ravel(), parts.take(-1, axis).ravel()
        meet = (low > 0) & (high > 0)
        for below, above in np.unique(np.stack([high[meet], low[meet]], axis=1), axis=0).tolist():
            step = [int(axis == i) for i in range(3)]
            links[below].add((above, step[0], step[1], step[2]))
            links[above].add((below, -step[0], -step[1], -step[2]))

    cavity = np.full(n_parts + 1, -1, dtype=np.int32)
    windings: list[FloatArray] = []
    for part in range(1, n_parts + 1):
        if cavity[part] < 0:
            windings.append(_walk(part, len(windings), links, cavity))
    of_parts = np.zeros(n_parts + 1, dtype=np.int64)
    _count(parts.reshape(-1), of_parts)
    sizes = np.bincount(cavity[1:], of_parts[1:], minlength=len(windings)).astype(np.int64)
    order = np.argsort(-sizes, kind='stable')
    rank = np.empty(len(order) + 1, dtype=np.int32)
    rank[order], rank[-1] = np.arange(len(order)), -1
    labels = np.empty(parts.shape, dtype=np.int32)
    _translate(parts.reshape(-1), rank[cavity], labels.reshape(-1))
    axes = np.array([(windings[i] != 0).any(axis=0) for i in order], dtype=bool).reshape(-1, 3)
    dimensions = np.array([_rank(windings[i]) for i in order], dtype=np.int64)
    return Cavities(labels, sizes[order], axes, dimensions)


def _walk(
    start: int, number: int, links: dict[int, set[tuple[int, int, int, int]]], cavity: npt.NDArray[np.int32]
) -> FloatArray:
    """Number all parts that are linked to one; return the cells (n, 3) by which ways come back to their beginning."""
    where = {start: (0, 0, 0)}
    cavity[start] = number
    waiting, windings = [start], {(0, 0, 0)}
    while waiting:
        part = waiting.pop()
        here = where[part]
        for other, *step in links.get(part, ()):
            there = (here[0] + step[0], here[1] + step[1], here[2] + step[2])
            if other not in where:
                where[other] = there
                cavity[other] = number
                waiting.append(other)
            else:
                known = where[other]
                windings.add((there[0] - known[0], there[1] - known[1], there[2] - known[2]))
    return np.array(sorted(windings), dtype=np.float64)


def _rank(windings: FloatArray) -> int:
    return int(np.linalg.matrix_rank(windings)) if len(windings) > 1 else 0


@numba.njit(cache=True, nogil=True)
def _count(labels: npt.NDArray[np.int32], counts: npt.NDArray[np.int64]) -> None:
    for label in labels:
        counts[label] += 1


@numba.njit(cache=True, nogil=True)
def _translate(labels: npt.NDArray[np.int32], table: npt.NDArray[np.int32], translated: npt.NDArray[np.int32]) -> None:
    for i in range(len(labels)):
        translated[i] = table[labels[i]]

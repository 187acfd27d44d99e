"""How the polyhedra of a glass are joined: pairs of formers that share one, two or three anions, or are bonded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.structure.neighbours import NeighbourList

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.integer[Any]]
FloatArray = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class JoinedFormers:
    """Pairs of formers; the two ends of a pair may be images of one atom.

    :param first: (n_pairs,), one former of each pair.
    :param second: (n_pairs,), the other.
    :param shared: (n_pairs,), number of anions that both are bonded to; 0 where the formers themselves are bonded.
    """

    first: IntArray
    second: IntArray
    shared: IntArray

    def of_kind(self, kind: str) -> BoolArray:
        """(n_pairs,) which pairs are joined by ``bonded``, ``corner``, ``edge`` or ``face`` (three anions or more)."""
        number = {'bonded': 0, 'corner': 1, 'edge': 2}.get(kind)
        return np.asarray(self.shared >= 3 if number is None else self.shared == number)

    def atoms(self, kind: str, n_atoms: int) -> BoolArray:
        """(n_atoms,) which atoms have at least one neighbour of that kind."""
        found = np.zeros(n_atoms, dtype=bool)
        pairs = self.of_kind(kind)
        found[self.first[pairs]] = True
        found[self.second[pairs]] = True
        return found


KINDS = ('bonded', 'corner', 'edge', 'face')


def joined_formers(
    bonds: NeighbourList, positions: FloatArray, cell: FloatArray, is_former: BoolArray, is_anion: BoolArray
) -> JoinedFormers:
    """Find the formers that are joined, image by image, in time that grows with the atoms.

    Two formers within their cut-off count as bonded only where they share no anion (choice): in an edge-sharing pair
    of SiO4 the two Si are as near as in a bond (2.4 Å) and repel each other.

    :param bonds: neighbour list with the cut-offs of former–anion and former–former pairs.
    :param positions: (n_atoms, 3), Å, those of the list.
    :param cell: (3, 3), Å.
    :param is_former: (n_atoms,).
    :param is_anion: (n_atoms,).
    """
    ends = positions[bonds.second] - positions[bonds.first]
    images = np.rint((bonds.vectors - ends) @ np.linalg.pinv(cell)).astype(np.int64)

    around = np.flatnonzero(is_anion[bonds.first] & is_former[bonds.second])
    i, j = _pairs_of_equal(bonds.first[around])
    shared = _canonical(bonds.second[around[i]], bonds.second[around[j]], images[around[j]] - images[around[i]])
    keys, counts = np.unique(shared, axis=0, return_counts=True)

    close = np.flatnonzero(is_former[bonds.first] & is_former[bonds.second])
    near = np.unique(_canonical(bonds.first[close], bonds.second[close], images[close]), axis=0)
    _, index, seen = np.unique(np.concatenate([keys, near]), axis=0, return_index=True, return_counts=True)
    alone = near[index[(index >= len(keys)) & (seen == 1)] - len(keys)]
    rows = np.concatenate([keys, alone])
    return JoinedFormers(rows[:, 0], rows[:, 1], np.concatenate([counts, np.zeros(len(alone), dtype=counts.dtype)]))


def _pairs_of_equal(groups: IntArray) -> tuple[IntArray, IntArray]:
    """Positions i < j of all pairs of equal entries of a sorted array."""
    first, second = [], []
    step = 1
    while step < len(groups):
        equal = np.flatnonzero(groups[step:] == groups[:-step])
        if not len(equal):
            break
        first.append(equal)
        second.append(equal + step)
        step += 1
    none = np.zeros(0, dtype=np.int64)
    return np.concatenate([none, *first]), np.concatenate([none, *second])


def _canonical(first: IntArray, second: IntArray, image: IntArray) -> IntArray:
    """Rows (i, j, image of j) of pairs, the same for both directions of a pair."""
    rows = np.column_stack([first, second, image]).astype(np.int64).reshape(-1, 5)
    leading = np.zeros(len(rows), dtype=np.int64)
    for axis in (4, 3, 2):
        leading = np.where(rows[:, axis] != 0, rows[:, axis], leading)
    turn = (rows[:, 0] > rows[:, 1]) | ((rows[:, 0] == rows[:, 1]) & (leading < 0))
    rows[turn] = np.column_stack([rows[turn, 1], rows[turn, 0], -rows[turn, 2:]])
    return rows

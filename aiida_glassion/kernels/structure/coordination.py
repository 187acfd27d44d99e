"""Coordination numbers and how they are distributed, from a neighbour list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.structure.neighbours import NeighbourList, check_types

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class CoordinationDistribution:
    """How many neighbours the atoms of one kind have.

    :param fractions: fraction of the centres by number of neighbours, ascending, only numbers that occur; sums to 1.
    :param mean: mean number of neighbours.
    :param n_centres: number of atoms counted.
    """

    fractions: dict[int, float]
    mean: float
    n_centres: int


def pair_cutoffs(elements: Sequence[str], cutoffs: dict[tuple[str, str], float]) -> FloatArray:
    """Return the symmetric (n_types, n_types) array of cut-offs, Å, for :func:`.neighbour_list`; 0 for pairs not named.

    :param elements: names of the types.
    :param cutoffs: Å by pair of elements, in either order.
    :raises ValueError: an element is unknown, a cutoff is not positive, or the two orders of a pair disagree.
    """
    table = np.zeros((len(elements), len(elements)))
    for (first, second), cutoff in cutoffs.items():
        for element in (first, second):
            if element not in elements:
                raise ValueError(f'cutoff {first}-{second}: {element} is not among {", ".join(elements)}')
        if not cutoff > 0:
            raise ValueError(f'cutoff {first}-{second}: {cutoff}, expected a positive number')
        i, j = list(elements).index(first), list(elements).index(second)
        if table[i, j] not in (0.0, cutoff):
            raise ValueError(f'cutoff {first}-{second}: given twice, {table[i, j]} and {cutoff} Å')
        table[i, j] = table[j, i] = cutoff
    return table


def coordination_numbers(
    neighbours: NeighbourList,
    types: IntArray,
    centre_type: int,
    neighbour_types: int | Sequence[int],
    cutoff: float | None = None,
) -> npt.NDArray[np.int64]:
    """Count the neighbours of chosen types around each atom of one type.

    :param neighbours: full neighbour list, of one cutoff or of one per pair of types.
    :param types: (n_atoms,), from 0.
    :param centre_type: type of the atoms to count around.
    :param neighbour_types: type or types to count.
    :param cutoff: Å, count only nearer ones than this, if the list reaches further than wanted.
    :returns: (n_centres,), number of neighbours of each centre, in the order of the atoms.
    :raises ValueError: types do not fit the list.
    """
    types = check_types(types, neighbours.n_atoms, np.iinfo(np.int32).max)
    wanted = np.isin(types[neighbours.second], np.atleast_1d(neighbour_types))
    if cutoff is not None:
        wanted &= neighbours.distances < cutoff
    numbers = np.bincount(neighbours.first[wanted], minlength=neighbours.n_atoms)
    centres: npt.NDArray[np.int64] = numbers[types == centre_type]
    return centres


def coordination_distribution(numbers: IntArray) -> CoordinationDistribution:
    """Turn coordination numbers (n_centres,), of one frame or of many, into fractions and a mean.

    :raises ValueError: there is no centre.
    """
    numbers = np.asarray(numbers)
    if numbers.ndim != 1 or not len(numbers):
        raise ValueError(f'coordination numbers: shape {numbers.shape}, expected (n_centres,), at least one')
    values, counts = np.unique(numbers, return_counts=True)
    fractions = {int(value): float(count / len(numbers)) for value, count in zip(values, counts, strict=True)}
    return CoordinationDistribution(fractions, float(numbers.mean()), len(numbers))

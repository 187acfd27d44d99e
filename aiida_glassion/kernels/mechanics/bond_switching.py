"""Which network formers have other bonds than before the strain: fewer, more, as many to others, or the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.mechanics._compiled import compare_sets
from aiida_glassion.kernels.mechanics.nonaffine import region_masks
from aiida_glassion.kernels.space.regions import REGIONS
from aiida_glassion.kernels.structure.neighbours import check_types, neighbour_list

SWITCHES = ('unchanged', 'swapped', 'decreased', 'increased')
"""Names of the labels 0 to 3."""


@dataclass(frozen=True, eq=False)
class NeighbourSets:
    """Who each former is bonded to, by identity.

    :param centres: (n_centres,), int32, the formers, ascending.
    :param offsets: (n_centres + 1,), int64, where each one's neighbours begin.
    :param members: (n_bonds,), int32, atoms, ascending within each set; one that is near by several images counts once.
    """

    centres: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]
    members: npt.NDArray[np.int32]

    @property
    def sizes(self) -> npt.NDArray[np.int64]:
        """(n_centres,), coordination number of each."""
        return np.asarray(np.diff(self.offsets), dtype=np.int64)


@dataclass(frozen=True, eq=False)
class BondSwitching:
    """What became of each former.

    :param centres: (n_centres,), int32, the formers, ascending.
    :param labels: (n_centres,), int8, index into :data:`SWITCHES`.
    :param change: (n_centres,), int64, coordination number less the one before.
    """

    centres: npt.NDArray[np.int32]
    labels: npt.NDArray[np.int8]
    change: npt.NDArray[np.int64]

    def per_atom(self, n_atoms: int) -> npt.NDArray[np.int8]:
        """(n_atoms,), int8: the label of each atom, −1 of those that are no formers; for maps."""
        labels = np.full(n_atoms, -1, dtype=np.int8)
        labels[self.centres] = self.labels
        return labels


def neighbour_sets(
    positions: npt.NDArray[np.floating[Any]],
    cell: npt.NDArray[np.floating[Any]],
    types: npt.NDArray[np.integer[Any]],
    cutoffs: Mapping[tuple[int, int], float],
    pbc: tuple[bool, bool, bool] = (True, True, True),
) -> NeighbourSets:
    """Neighbours of each former within the cut-offs.

    :param positions: (n_atoms, 3), Å, wrapped or not.
    :param cell: (3, 3), Å, rows are the cell vectors.
    :param types: (n_atoms,), from 0.
    :param cutoffs: Å, by (type of the former, type of the neighbour): ``{(1, 0): 2.2}``. Take those of the unstrained
        glass, the first minima of g(r), for all strains.
    :raises ValueError: no cutoff, one that is not positive, a type that no atom has, or as :func:`.neighbour_list`.
    """
    checked = np.asarray(types)
    n_types = int(checked.max(initial=-1)) + 1
    checked = check_types(checked, len(positions), max(1, n_types))
    if not cutoffs:
        raise ValueError('cutoffs: none; expected one for each pair of former and neighbour, as {(1, 0): 2.2}')
    limits = np.zeros((n_types, n_types))
    wanted = np.zeros((n_types, n_types), dtype=bool)
    for (former, other), cutoff in cutoffs.items():
        if not (0 <= former < n_types and 0 <= other < n_types):
            raise ValueError(f'cutoffs: pair {(former, other)}, expected types 0 … {n_types - 1}')
        if not 0 < cutoff < np.inf:
            raise ValueError(f'cutoffs: {cutoff} of the pair {(former, other)}, expected a positive length in Å')
        wanted[former, other] = True
        limits[former, other] = limits[other, former] = max(limits[former, other], cutoff)
    found = neighbour_list(positions, cell, limits, checked, pbc)
    first, second = found.first, found.second
    keep = wanted[checked[first], checked[second]] & (first != second)
    for (former, other), cutoff in cutoffs.items():
        if cutoff < limits[former, other]:
            pair = (checked[first] == former) & (checked[second] == other)
            keep &= ~pair | (found.distances < cutoff)
    # one number for each pair: sorted and unique at once, in the order of the first atoms
    pairs = np.unique(first[keep].astype(np.int64) * len(checked) + second[keep])
    is_centre = np.asarray(wanted.any(axis=1))
    centres = np.flatnonzero(is_centre[checked]).astype(np.int32)
    offsets = np.searchsorted(pairs, np.append(centres, len(checked)).astype(np.int64) * len(checked))
    return NeighbourSets(centres, offsets.astype(np.int64), (pairs % len(checked)).astype(np.int32))


def bond_switching(before: NeighbourSets, now: NeighbourSets) -> BondSwitching:
    """Compare the neighbours of each former with those it had in the unstrained sample.

    *decreased*: fewer; *increased*: more; *swapped*: as many, but others; *unchanged*: the same atoms. With N₀ the set
    before and N the set now: |N| < |N₀|, |N| > |N₀|, |N| = |N₀| and N ≠ N₀, N = N₀.

    :raises ValueError: the two are not of the same formers.
    """
    if not np.array_equal(before.centres, now.centres):
        raise ValueError(
            f'before and now: {len(before.centres)} and {len(now.centres)} formers; expected the same atoms in both'
        )
    labels = np.empty(len(now.centres), dtype=np.int8)
    compare_sets(before.offsets, before.members, now.offsets, now.members, labels)
    return BondSwitching(now.centres, labels, now.sizes - before.sizes)


def switching_numbers(
    switching: BondSwitching,
    types: npt.NDArray[np.integer[Any]],
    elements: Sequence[str],
    regions: npt.NDArray[np.integer[Any]] | None = None,
    names: Sequence[str] = REGIONS,
) -> dict[str, dict[str, dict[str, float | int]]]:
    """Shares of formers that switched, by element and region.

    :param types: (n_atoms,), from 0.
    :param elements: symbol of each type.
    :param regions: (n_atoms,), index into ``names``, where each atom was before.
    :returns: ``{'Si': {'all': {'unchanged': …, 'swapped': …, 'decreased': …, 'increased': …, 'change': …, 'n': …},
        'glass': …}}``: shares that sum to 1, and the mean change of the coordination number. Regions and elements
        without a former are left out.
    :raises ValueError: the regions do not fit the atoms or the names.
    """
    kinds = np.asarray(types)
    places = {'all': np.ones(len(kinds), dtype=bool)}
    if regions is not None:
        places |= region_masks(regions, len(kinds), names)
    numbers: dict[str, dict[str, dict[str, float | int]]] = {}
    for index, element in enumerate(elements):
        of_element = kinds[switching.centres] == index
        for place, mask in places.items():
            chosen = of_element & mask[switching.centres]
            n = int(np.count_nonzero(chosen))
            if n:
                counts = np.bincount(switching.labels[chosen], minlength=len(SWITCHES)) / n
                numbers.setdefault(element, {})[place] = {
                    **dict(zip(SWITCHES, counts.tolist(), strict=True)),
                    'change': float(switching.change[chosen].mean()),
                    'n': n,
                }
    return numbers

"""The network of a glass: bridging and non-bridging anions, Qn of each former, connectivity."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.structure.elements import network_roles
from aiida_glassion.kernels.structure.neighbours import NeighbourList, check_types

IntArray = npt.NDArray[np.integer[Any]]

CLASSES = ('free', 'non-bridging', 'bridging', 'tricluster')
"""Anions by the number of formers that they are bonded to: 0, 1, 2, 3 or more."""


@dataclass(frozen=True, eq=False)
class Network:
    """The network of one configuration, atom by atom.

    An anion bonded to no former is *free*, to one *non-bridging*, to two or more *bridging*; the bridging ones with
    three or more are also called *tricluster*. Qn of a former: n is the number of its bonds to bridging anions.

    :param elements: element of each type.
    :param types: (n_atoms,), index into ``elements``.
    :param formers: elements that make the network.
    :param anions: elements that bridge it.
    :param formers_around: (n_atoms,), number of formers bonded to each anion, −1 for all other atoms.
    :param qn: (n_atoms,), number of bridging anions bonded to each former, −1 for all other atoms.
    """

    elements: tuple[str, ...]
    types: npt.NDArray[np.int32]
    formers: tuple[str, ...]
    anions: tuple[str, ...]
    formers_around: npt.NDArray[np.int32]
    qn: npt.NDArray[np.int32]

    def _of(self, element: str) -> npt.NDArray[np.bool_]:
        return np.asarray(self.types == self.elements.index(element))

    @cached_property
    def anion_counts(self) -> dict[str, dict[str, int]]:
        """Numbers of ``free``, ``non_bridging``, ``bridging`` (triclusters included) and ``tricluster`` by anion."""
        counts = {}
        for anion in self.anions:
            around = self.formers_around[self._of(anion)]
            counts[anion] = {
                'free': int((around == 0).sum()),
                'non_bridging': int((around == 1).sum()),
                'bridging': int((around >= 2).sum()),
                'tricluster': int((around >= 3).sum()),
            }
        return counts

    @cached_property
    def anion_fractions(self) -> dict[str, dict[str, float]]:
        """As :attr:`anion_counts`, as fractions of each anion's atoms: free + non_bridging + bridging = 1."""
        sizes = {anion: int(self._of(anion).sum()) for anion in self.anions}
        return {
            anion: {kind: count / sizes[anion] for kind, count in counts.items()}
            for anion, counts in self.anion_counts.items()
            if sizes[anion]
        }

    @cached_property
    def qn_counts(self) -> dict[str, dict[int, int]]:
        """Number of atoms of each former by n, from 0 to the largest n that occurs, 4 at least."""
        counts = {}
        for former in self.formers:
            found = np.bincount(self.qn[self._of(former)], minlength=5)
            counts[former] = {n: int(count) for n, count in enumerate(found)}
        return counts

    @cached_property
    def qn_fractions(self) -> dict[str, dict[int, float]]:
        """As :attr:`qn_counts`, as fractions of each former's atoms."""
        return {
            former: {n: count / sum(counts.values()) for n, count in counts.items()}
            for former, counts in self.qn_counts.items()
            if sum(counts.values())
        }

    @cached_property
    def connectivity(self) -> dict[str, float]:
        """Mean n of each former that is present."""
        return {
            former: sum(n * fraction for n, fraction in fractions.items())
            for former, fractions in self.qn_fractions.items()
        }

    @cached_property
    def mean_connectivity(self) -> float | None:
        """Mean n of all formers together; None without formers."""
        n = self.qn[self.qn >= 0]
        return float(n.mean()) if len(n) else None

    @cached_property
    def labels(self) -> npt.NDArray[np.str_]:
        """(n_atoms,), in words: ``bridging O``, ``Q3 Si``, the element of a modifier."""
        symbols = np.array(self.elements)[self.types]
        classes = np.array(CLASSES)[np.clip(self.formers_around, 0, 3)]
        of_former = np.char.add(np.char.add('Q', np.maximum(self.qn, 0).astype(str)), ' ')
        is_anion, is_former = self.formers_around >= 0, self.qn >= 0
        prefixes = np.where(is_anion, np.char.add(classes, ' '), np.where(is_former, of_former, ''))
        return np.char.add(prefixes, symbols)

    def summary(self) -> dict[str, Any]:
        """JSON-ready fractions: ``anions`` by element and kind, ``qn`` by former with keys Q0, Q1, …, connectivities.

        Q0 to Q6 are always there, so that replicas average over the same keys.
        """
        return {
            'anions': self.anion_fractions,
            'qn': {
                former: {f'Q{n}': fractions.get(n, 0.0) for n in range(max(7, len(fractions)))}
                for former, fractions in self.qn_fractions.items()
            },
            'connectivity': self.connectivity,
            'mean_connectivity': self.mean_connectivity,
        }


def analyse_network(
    bonds: NeighbourList,
    types: IntArray,
    elements: Sequence[str],
    formers: Collection[str] | None = None,
    anions: Collection[str] | None = None,
) -> Network:
    """Find the bridging anions and the Qn of each former.

    Every bond counts: two anions shared by the same two formers (edge sharing) are two bridges. Bonds between two
    formers (P–P in P2S6) are not bridges.

    :param bonds: neighbour list whose former–anion cut-offs are the bond lengths (first minimum of g(r)).
    :param types: (n_atoms,), index into ``elements``.
    :param elements: element of each type.
    :param formers: elements that make the network; by default by :func:`network_roles`.
    :param anions: elements that may bridge; by default by :func:`network_roles`.
    :raises ValueError: types do not fit, an element is unknown to the glass, or is former and anion at once.
    """
    roles = network_roles(elements)
    chosen_formers = _chosen(formers, roles, 'former')
    chosen_anions = _chosen(anions, roles, 'anion')
    both = set(chosen_formers) & set(chosen_anions)
    if both:
        raise ValueError(f'{sorted(both)}: former and anion at once')
    checked = check_types(types, bonds.n_atoms, len(elements))
    is_former = np.array([element in chosen_formers for element in elements], dtype=bool)[checked]
    is_anion = np.array([element in chosen_anions for element in elements], dtype=bool)[checked]

    n_atoms = bonds.n_atoms
    to_former = is_anion[bonds.first] & is_former[bonds.second]
    formers_around = np.bincount(bonds.first[to_former], minlength=n_atoms).astype(np.int32)
    to_bridge = is_former[bonds.first] & is_anion[bonds.second] & (formers_around[bonds.second] >= 2)
    qn = np.bincount(bonds.first[to_bridge], minlength=n_atoms).astype(np.int32)
    formers_around[~is_anion] = -1
    qn[~is_former] = -1
    return Network(tuple(elements), checked, chosen_formers, chosen_anions, formers_around, qn)


def _chosen(wanted: Collection[str] | None, roles: Mapping[str, str], role: str) -> tuple[str, ...]:
    """The elements of one role, in the order of the glass's elements."""
    if wanted is None:
        return tuple(element for element, its_role in roles.items() if its_role == role)
    if isinstance(wanted, str):
        raise ValueError(f'{role}s: a collection of elements is needed, not the text {wanted!r}')
    unknown = set(wanted) - set(roles)
    if unknown:
        raise ValueError(f'{role}s: {sorted(unknown)} not among the elements {list(roles)}')
    return tuple(element for element in roles if element in wanted)


def bridge_shares(bonds: NeighbourList, network: Network) -> dict[str, dict[str, float]]:
    """Which formers the bridges of each anion join: ``B-O-P``, formers alphabetical.

    Each pair of formers around a bridging anion is a bridge; a tricluster makes three.

    :param bonds: those of the network.
    :param network: of :func:`analyse_network`.
    :returns: for each anion that bridges, by bridge, its ``share`` and the share ``at_random``, were the ends of all
        bridges joined without preference: p² for two like formers, 2 p q for unlike ones.
    """
    types, elements = network.types, network.elements
    found: dict[str, dict[str, float]] = {}
    is_end = (network.formers_around[bonds.first] >= 2) & (network.qn[bonds.second] >= 0)
    for anion in network.anions:
        chosen = is_end & (types[bonds.first] == elements.index(anion))
        around = np.zeros((bonds.n_atoms, len(elements)), dtype=np.int64)
        np.add.at(around, (bonds.first[chosen], types[bonds.second[chosen]]), 1)
        around = around[around.sum(axis=1) >= 2]
        both = around.T @ around - np.diag(around.sum(axis=0))
        total = both.sum()
        if not total:
            continue
        ends = both.sum(axis=1) / total
        for i, j in combinations_with_replacement(range(len(elements)), 2):
            if ends[i] and ends[j]:
                twice = 1 if i == j else 2
                found[f'{elements[i]}-{anion}-{elements[j]}'] = {
                    'share': float(twice * both[i, j] / total),
                    'at_random': float(twice * ends[i] * ends[j]),
                }
    return found

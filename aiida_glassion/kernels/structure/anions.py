"""Anions and the clusters they make: PS4, P2S7, P2S6 and their relatives, of any formers and anions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.structure.coordination import pair_cutoffs
from aiida_glassion.kernels.structure.elements import network_roles
from aiida_glassion.kernels.structure.fragments import fragments
from aiida_glassion.kernels.structure.neighbours import (
    NeighbourList,
    check_configuration,
    check_types,
    neighbour_list,
)
from aiida_glassion.kernels.structure.rdf import first_minimum
from aiida_glassion.kernels.structure.sharing import KINDS, JoinedFormers, joined_formers
from aiida_glassion.kernels.structure.shells import formula, shares, shell_names

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]
BoolArray = npt.NDArray[np.bool_]
Cutoffs = dict[tuple[str, str], float]

CLASSES = ('free', 'terminal', 'bridging', 'tricluster')
"""Anions by the number of formers that they are bonded to: 0, 1, 2, 3 or more."""
MANY = '3_or_more'
"""Kind of the clusters of three formers or more: chains, rings, a whole network."""
THIOPHOSPHATE: Cutoffs = {('P', 'S'): 2.5, ('P', 'P'): 2.6}
"""Bond lengths below which P and S, or two P, are bonded, Å: in the empty gap between the shells of thiophosphates."""
_BOND = 1.15
"""Bonds of two formers or two anions reach so many times the sum of their covalent radii (S–S 2.4 Å, O–O 1.5 Å)."""
_FIRST_SHELL = 1.3
"""The same for a former and an anion where g(r) shows no first shell."""


def default_cutoffs(
    elements: Sequence[str], r: FloatArray, g: FloatArray, given: Mapping[str, float] | None = None
) -> tuple[Cutoffs, list[str]]:
    """Bond lengths of former–anion, former–former and anion–anion pairs.

    Former–anion: the first minimum of g(r). In the presence of P and S: P–S 2.5 Å, P–P 2.6 Å. Two formers or two
    anions: 1.15 times the sum of their covalent radii (B. Cordero et al., Dalton Trans., 2832 (2008)).

    :param elements: names of the types.
    :param r: (n_bins,), Å.
    :param g: (n_types, n_types, n_bins).
    :param given: cut-offs that are wanted instead, e.g. {'P-S': 2.4}, Å.
    :returns: cut-offs by pair, and warnings in words.
    :raises ValueError: a given pair is not one of these.
    """
    roles, names, warnings = network_roles(elements), list(elements), []
    wanted, cutoffs = dict(given or {}), {}
    fixed = THIOPHOSPHATE if {'P', 'S'} <= set(names) else {}
    for i, a in enumerate(names):
        for j, b in enumerate(names):
            pair = {roles[a], roles[b]}
            if 'modifier' in pair or (len(pair) == 1 and j < i) or (len(pair) == 2 and roles[a] != 'former'):
                continue
            found = wanted.pop(f'{a}-{b}', None) or wanted.pop(f'{b}-{a}', None) or fixed.get((a, b))
            if found is None and len(pair) == 2:
                try:
                    found = first_minimum(r, g[i, j])
                except ValueError as error:
                    found = _FIRST_SHELL * _radii(a, b)
                    warnings.append(f'{a}-{b}: {error}; bonds are taken to reach {found:.2f} Å')
            cutoffs[a, b] = found if found is not None else _BOND * _radii(a, b)
    if wanted:
        raise ValueError(f'cutoffs: no pair of formers and anions of this glass: {", ".join(sorted(wanted))}')
    return cutoffs, warnings


def _radii(a: str, b: str) -> float:
    from ase.data import atomic_numbers, covalent_radii

    return float(covalent_radii[atomic_numbers[a]] + covalent_radii[atomic_numbers[b]])


@dataclass(frozen=True, eq=False)
class Speciation:
    """The anions and clusters of one configuration, atom by atom.

    :param elements: element of each type.
    :param types: (n_atoms,), index into ``elements``.
    :param shells: (n_atoms, n_types), number of neighbours of each former among the anions, by element; 0 for others.
    :param anion_class: (n_atoms,), index into :data:`CLASSES`, −1 for all that is no anion.
    :param anion_bonds: (n_atoms,), number of anions that an anion is bonded to.
    :param bridges: (n_atoms,), number of bonds of each former to bridging anions (the n of Qn), 0 for others.
    :param joined: pairs of formers.
    :param cluster: (n_atoms,), number of the cluster that a former or anion belongs to, −1 for modifiers.
    :param kind_of_cluster: (n_clusters,), kind of each cluster: its formula, with ``_edge``, ``_corner``, ``_face``,
        ``_bonded`` or ``_linked`` (by a bond of two anions) where it does not say how two formers are joined; or
        :data:`MANY`.
    :param chain: (n_atoms,), number of formers in the chain of former–former bonds that a former belongs to (1: no such
        bond), 0 for others.
    :param terminal: (n_atoms, n_types), as ``shells``, of those anions that no other former holds.
    :param anion_pairs: (n, 2), bonds of two anions, each seen from both ends.
    """

    elements: tuple[str, ...]
    types: npt.NDArray[np.int32]
    shells: IntArray
    anion_class: IntArray
    anion_bonds: IntArray
    bridges: IntArray
    joined: JoinedFormers
    cluster: IntArray
    kind_of_cluster: tuple[str, ...]
    chain: IntArray
    terminal: IntArray
    anion_pairs: IntArray

    @cached_property
    def is_former(self) -> BoolArray:
        """(n_atoms,)."""
        return np.asarray(self.chain > 0)

    @cached_property
    def is_anion(self) -> BoolArray:
        """(n_atoms,)."""
        return np.asarray(self.anion_class >= 0)

    @cached_property
    def coordination(self) -> IntArray:
        """(n_atoms,), number of anions around each former, 0 for others."""
        total: IntArray = self.shells.sum(axis=1)
        return total

    @cached_property
    def labels(self) -> npt.NDArray[np.str_]:
        """(n_atoms,), in words: the cluster of a former, class and element of an anion, the element of a modifier."""
        symbols = np.array(self.elements)[self.types]
        classes = np.array(CLASSES)[self.anion_class]
        kinds = np.array([*self.kind_of_cluster, ''])[self.cluster]
        anions = np.char.add(np.char.add(classes, ' '), symbols)
        return np.where(self.is_former, kinds, np.where(self.is_anion, anions, symbols))

    @cached_property
    def cluster_counts(self) -> dict[str, int]:
        """Number of clusters by kind, free anions included."""
        kinds, counts = np.unique(np.array(self.kind_of_cluster, dtype=str), return_counts=True)
        return {str(kind): int(count) for kind, count in zip(kinds, counts, strict=True)}

    @cached_property
    def pair_counts(self) -> dict[str, int]:
        """Number of pairs of formers that are ``bonded`` or share a ``corner``, an ``edge`` or a ``face``."""
        return {kind: int(self.joined.of_kind(kind).sum()) for kind in KINDS}

    def of(self, element: str) -> BoolArray:
        """(n_atoms,) which atoms are of an element."""
        return np.asarray(self.types == self.elements.index(element))

    def summary(self) -> dict[str, Any]:
        """JSON-ready fractions, of the atoms of each former or anion; ``pairs`` and ``clusters`` are counts.

        ``clusters_of`` and ``shells`` by former: share of its atoms in clusters of a kind, and with neighbours of a
        kind (PS3O). ``anions`` by element: the four classes, they sum to 1.
        """
        formers = {e: self.of(e) for e in self.elements if (self.of(e) & self.is_former).any()}
        anions = {e: self.of(e) for e in self.elements if (self.of(e) & self.is_anion).any()}
        n_atoms = len(self.types)
        joined = {kind: self.joined.atoms(kind, n_atoms)[self.is_former] for kind in KINDS}
        return {
            'anions': {
                e: dict(zip(CLASSES, (np.bincount(self.anion_class[w], minlength=4) / w.sum()).tolist(), strict=True))
                for e, w in anions.items()
            },
            'clusters_of': {e: shares(self.labels[w]) for e, w in formers.items()},
            'shells': {e: shares(shell_names(e, self.elements, self.shells[w])) for e, w in formers.items()},
            'formers': {kind: float(found.mean()) if len(found) else 0.0 for kind, found in joined.items()},
            'former_chains': float((self.chain[self.is_former] >= 3).mean()) if self.is_former.any() else 0.0,
            'anion_bonds': float((self.anion_bonds[self.is_anion] > 0).mean()) if self.is_anion.any() else 0.0,
            'pairs': self.pair_counts,
            'clusters': self.cluster_counts,
        }

    def detailed_summary(self) -> dict[str, Any]:
        """JSON-ready, beside :meth:`summary`: what it takes to read a speciation chemically.

        ``units`` by former and kind of shell (PS3O): ``share`` of the former's atoms, and how many of each anion are
        ``terminal_S``, ``bridging_O`` … in one such unit. ``cluster_shares``: share of all clusters with a former by
        kind. ``free_anions``: share of each anion's atoms that no former holds. ``anion_pairs``: bonds of two anions
        (S-S, O-S), counts. ``former_pairs``: bonds of two formers (P-P), counts. ``formers_per_cluster``: mean, of
        clusters with a former.
        """
        symbols = np.array(self.elements)
        holds_former = np.zeros(len(self.kind_of_cluster), dtype=bool)
        holds_former[self.cluster[self.is_former]] = True
        kinds = np.array(self.kind_of_cluster, dtype=str)[holds_former]
        formers = [e for e in self.elements if (self.of(e) & self.is_former).any()]
        anions = [e for e in self.elements if (self.of(e) & self.is_anion).any()]
        bonded = self.joined.of_kind('bonded')
        n_formers = int(self.is_former.sum())
        return {
            'units': {former: self._units(former, anions) for former in formers},
            'cluster_shares': shares(kinds) if len(kinds) else {},
            'free_anions': {e: float((self.anion_class[self.of(e)] == 0).mean()) for e in anions},
            'anion_pairs': _named_pairs(symbols[self.types], self.anion_pairs, 0.5),
            'former_pairs': _named_pairs(
                symbols[self.types], np.column_stack([self.joined.first[bonded], self.joined.second[bonded]]), 1.0
            ),
            'formers_per_cluster': n_formers / len(kinds) if len(kinds) else None,
        }

    def _units(self, former: str, anions: Sequence[str]) -> dict[str, dict[str, float]]:
        which = self.of(former)
        names = shell_names(former, self.elements, self.shells[which])
        units: dict[str, dict[str, float]] = {}
        for name in np.unique(names):
            of_kind = names == name
            units[str(name)] = {'share': float(of_kind.mean())}
            for e in anions:
                terminal = self.terminal[which][of_kind, self.elements.index(e)]
                in_all = self.shells[which][of_kind, self.elements.index(e)]
                if in_all.any():
                    units[str(name)][f'terminal_{e}'] = float(terminal.mean())
                    units[str(name)][f'bridging_{e}'] = float((in_all - terminal).mean())
        return units


def speciate(
    positions: FloatArray,
    cell: FloatArray,
    types: IntArray,
    elements: Sequence[str],
    cutoffs: Mapping[tuple[str, str], float],
    pbc: tuple[bool, bool, bool] = (True, True, True),
) -> Speciation:
    """Classify the anions and the clusters that they make with the formers.

    A cluster is what bonds between formers and anions, of two formers and of two anions hold together; modifiers (Na,
    Li …) bind nothing. Two formers make P2S7 (one shared S), P2S6 (a P–P bond) or P2S6_edge (two shared S).

    :param positions: (n_atoms, 3), Å, wrapped or not.
    :param cell: (3, 3), Å, any shape, periodic in all directions.
    :param types: (n_atoms,), index into ``elements``.
    :param elements: element of each type.
    :param cutoffs: Å by pair of elements, see :func:`default_cutoffs`; pairs not named make no bond.
    :param pbc: periodic along each cell vector.
    :raises ValueError: a shape does not fit, an element or cut-off is wrong.
    """
    positions, cell = check_configuration(positions, cell)
    checked = check_types(types, len(positions), len(elements))
    bonds = neighbour_list(positions, cell, pair_cutoffs(elements, dict(cutoffs)), checked, pbc)
    return speciate_bonds(bonds, positions, cell, checked, elements)


def speciate_bonds(
    bonds: NeighbourList, positions: FloatArray, cell: FloatArray, types: IntArray, elements: Sequence[str]
) -> Speciation:
    """As :func:`speciate`, with neighbours that were found before.

    :param bonds: neighbour list within the cut-offs; bonds of modifiers in it do not matter.
    :param positions: (n_atoms, 3), Å, those of the list.
    :param cell: (3, 3), Å.
    :param types: (n_atoms,), index into ``elements``.
    :param elements: element of each type.
    :raises ValueError: types do not fit.
    """
    n_atoms = bonds.n_atoms
    checked = check_types(types, n_atoms, len(elements))
    roles = network_roles(elements)
    is_former = np.array([roles[e] == 'former' for e in elements], dtype=bool)[checked]
    is_anion = np.array([roles[e] == 'anion' for e in elements], dtype=bool)[checked]
    joined = joined_formers(bonds, positions, cell, is_former, is_anion)

    shell = is_former[bonds.first] & is_anion[bonds.second]
    shells = np.zeros((n_atoms, len(elements)), dtype=np.int64)
    np.add.at(shells, (bonds.first[shell], checked[bonds.second[shell]]), 1)
    formers_around = np.bincount(bonds.second[shell], minlength=n_atoms)
    alike = is_anion[bonds.first] & is_anion[bonds.second]

    terminal = np.zeros_like(shells)
    only = shell & (formers_around[bonds.second] == 1)
    np.add.at(terminal, (bonds.first[only], checked[bonds.second[only]]), 1)
    bonded = joined.of_kind('bonded')
    chains = fragments(joined.first[bonded], joined.second[bonded], n_atoms)
    every = shell | alike
    whole = fragments(
        np.concatenate([bonds.first[every], joined.first[bonded]]),
        np.concatenate([bonds.second[every], joined.second[bonded]]),
        n_atoms,
    )
    ours = is_former | is_anion
    cluster = np.full(n_atoms, -1, dtype=np.int64)
    cluster[ours] = np.unique(whole[ours], return_inverse=True)[1].reshape(-1)
    return Speciation(
        tuple(elements),
        checked,
        shells,
        np.where(is_anion, np.minimum(formers_around, 3), -1),
        np.bincount(bonds.first[alike], minlength=n_atoms),
        np.bincount(bonds.first[shell & (formers_around[bonds.second] >= 2)], minlength=n_atoms),
        joined,
        cluster,
        _kinds(cluster, checked, elements, is_former, joined),
        np.where(is_former, np.bincount(chains, minlength=1)[chains], 0),
        terminal,
        np.column_stack([bonds.first[alike], bonds.second[alike]]),
    )


def _kinds(
    cluster: IntArray, types: IntArray, elements: Sequence[str], is_former: BoolArray, joined: JoinedFormers
) -> tuple[str, ...]:
    """Kind of each cluster, from its composition and from how its two formers are joined."""
    n_clusters = int(cluster.max(initial=-1)) + 1
    counts = np.zeros((n_clusters, len(elements)), dtype=np.int64)
    inside = cluster >= 0
    np.add.at(counts, (cluster[inside], types[inside]), 1)
    formers = np.bincount(cluster[is_former], minlength=n_clusters)
    closest = np.full(n_clusters, -1, dtype=np.int64)
    np.maximum.at(closest, cluster[joined.first], np.minimum(joined.shared, 3))
    # many clusters are alike: each kind is named once
    rows, inverse = np.unique(np.column_stack([counts, formers, closest]), axis=0, return_inverse=True)
    names = [_name(elements, row[:-2], int(row[-2]), int(row[-1])) for row in rows]
    return tuple(names[i] for i in inverse.reshape(-1))


def _name(elements: Sequence[str], counts: IntArray, n_formers: int, shared: int) -> str:
    if n_formers >= 3:
        return MANY
    name = formula(elements, counts)
    n_anions = int(counts.sum()) - n_formers
    if n_formers < 2 or (shared, n_anions) in ((1, 7), (0, 6)):
        return name
    return name + '_' + {-1: 'linked', 0: 'bonded', 1: 'corner', 2: 'edge', 3: 'face'}[shared]


def _named_pairs(symbols: npt.NDArray[np.str_], pairs: IntArray, weight: float) -> dict[str, float]:
    """Number of pairs by their elements, alphabetical: ``S-S``."""
    ends = np.sort(symbols[pairs.reshape(-1, 2)], axis=1)
    names, counts = np.unique(ends, axis=0, return_counts=True)
    return {f'{a}-{b}': float(weight * count) for (a, b), count in zip(names, counts, strict=True)}

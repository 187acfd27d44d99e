"""Rings of a network: closed paths of nodes and links, by King, by Guttman, or without a shortcut."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.topology._near import DONE, Net
from aiida_glassion.kernels.topology._primitive import primitive_rings
from aiida_glassion.kernels.topology._shortest import shortest_rings
from aiida_glassion.kernels.topology.links import Links

FloatArray = npt.NDArray[np.floating[Any]]

CRITERIA = ('king', 'guttman', 'primitive')
"""``king``: the shortest closed paths through a node and each two of its links (S. V. King, Nature 213, 1112 (1967)).
``guttman``: the shortest closed paths through each link (L. Guttman, J. Non-Cryst. Solids 116, 145 (1990)).
``primitive``: closed paths without a shortcut, that is a path between two of their nodes shorter than both ways along
the ring (D. S. Franzblau, Phys. Rev. B 44, 4925 (1991); X. Yuan and A. N. Cormack, Comput. Mater. Sci. 24, 343 (2002)).
"""
LARGEST = 64
"""Sizes beyond this are refused: the search grows with the cube of the size, at the least."""


@dataclass(frozen=True, eq=False)
class Rings:
    """The rings of one configuration. A size is the number of nodes (formers), sizes run from 0 to the largest asked.

    Arrays by atom hold zeros for atoms that are no nodes.

    :param criterion: of :data:`CRITERIA`.
    :param n_nodes: number of nodes.
    :param nodes: (n_nodes,), which atoms.
    :param counts: (largest + 1,), number of rings in the cell by size, each counted once whatever its translations.
    :param through: (n_atoms, largest + 1), number of rings that each atom is part of, by size.
    :param at_origin: (n_atoms, largest + 1), number of rings found by a search that starts from that atom. A ring may
        be the shortest from one of its nodes and not from another; primitive rings are found from all of theirs.
    """

    criterion: str
    n_nodes: int
    nodes: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]
    through: npt.NDArray[np.int64]
    at_origin: npt.NDArray[np.int64]

    @cached_property
    def sizes(self) -> npt.NDArray[np.int64]:
        """0, 1, …, largest."""
        return np.arange(len(self.counts))

    @cached_property
    def per_node(self) -> FloatArray:
        """(largest + 1,), R_C(n): rings of each size in the cell over the number of nodes."""
        return np.asarray(self.counts / max(1, self.n_nodes))

    @cached_property
    def origin_fraction(self) -> FloatArray:
        """(largest + 1,), P_N(n): fraction of the nodes from which at least one ring of that size is found."""
        return np.asarray((self._found > 0).sum(axis=0) / max(1, self.n_nodes))

    @cached_property
    def shortest_fraction(self) -> FloatArray:
        """(largest + 1,), P_min(n): of those nodes the fraction from which none smaller is found."""
        return self._share_of_origins(np.argmax(self._found > 0, axis=1))

    @cached_property
    def longest_fraction(self) -> FloatArray:
        """(largest + 1,), P_max(n): of those nodes the fraction from which none larger is found."""
        return self._share_of_origins(len(self.counts) - 1 - np.argmax(self._found[:, ::-1] > 0, axis=1))

    @cached_property
    def smallest(self) -> npt.NDArray[np.int64]:
        """(n_atoms,), size of the smallest ring that each atom is part of; 0 where there is none."""
        return np.asarray(np.argmax(self.through > 0, axis=1))

    @cached_property
    def mean_size(self) -> float | None:
        """Mean over all rings; None without any."""
        n_rings = self.counts.sum()
        return float((self.sizes * self.counts).sum() / n_rings) if n_rings else None

    @property
    def _found(self) -> npt.NDArray[np.int64]:
        return self.at_origin[self.nodes]

    def _share_of_origins(self, extreme: npt.NDArray[np.int64]) -> FloatArray:
        any_ring = (self._found > 0).any(axis=1)
        origins = (self._found > 0).sum(axis=0)
        chosen = np.bincount(extreme[any_ring], minlength=len(self.counts))
        return np.asarray(chosen / np.maximum(1, origins))


def find_rings(links: Links, criterion: str = 'king', largest: int = 12) -> Rings:
    """Count the rings of a network up to a size.

    The network is endless: a path that leaves the cell and arrives at an image of its start is not closed, and rings
    are right in cells smaller than they are. Of several equally short paths all are counted. Two nodes linked twice
    (shared edges) make a ring of 2, k links k(k − 1)/2 of them; in larger rings such a link counts once (choice). No
    ring goes through one anion twice: the three formers of a tricluster make no ring by themselves (choice).

    :param links: of the network.
    :param criterion: of :data:`CRITERIA`.
    :param largest: size in nodes.
    :raises ValueError: an unknown criterion, a size out of range, or more rings than can be counted.
    """
    if criterion not in CRITERIA:
        raise ValueError(f'criterion: {criterion!r}, expected one of {", ".join(CRITERIA)}')
    if not 2 <= largest <= LARGEST:
        raise ValueError(f'largest: {largest}, expected 2 to {LARGEST}')
    net = Net(links.offsets, links.ends, links.images, links.via, links.via_images, links.multiplicity)
    crowded = _has_crowded_anion(links)
    if criterion == 'primitive':
        status, counts, through = primitive_rings(net, largest, crowded)
        found = through.copy()
    else:
        status, counts, through, found = shortest_rings(net, largest, criterion == 'guttman', crowded)
    if status != DONE:
        raise ValueError(
            f'largest: more rings of up to {largest} nodes than can be counted, with up to '
            f'{int(np.diff(links.offsets).max())} links of a node; ask for smaller rings or take shorter bonds'
        )
    doubled = links.multiplicity * (links.multiplicity - 1) // 2
    of_node = np.add.reduceat(np.append(doubled, 0), links.offsets[:-1]) if len(links.nodes) else doubled
    of_node = np.where(np.diff(links.offsets) > 0, of_node, 0)
    counts[2] += int(doubled.sum()) // 2
    through[:, 2] += of_node
    found[:, 2] += of_node
    return Rings(criterion, len(links.nodes), links.nodes, counts, _by_atom(through, links), _by_atom(found, links))


def _by_atom(values: npt.NDArray[np.int64], links: Links) -> npt.NDArray[np.int64]:
    spread = np.zeros((links.n_atoms, values.shape[1]), dtype=np.int64)
    spread[links.nodes] = values
    return spread


def _has_crowded_anion(links: Links) -> bool:
    """Whether some anion makes more than one link (that is two ends): it has three formers or more."""
    single = links.via[links.via >= 0]
    return bool(len(single) and np.bincount(single).max() > 2)

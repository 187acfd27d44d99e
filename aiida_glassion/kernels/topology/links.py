"""The network as nodes and links: formers joined by the anions that they share, or atoms joined by their bonds.

A link knows into which image of the cell it leads. A path is followed in the endless network, so that one that returns
to an image of its start has not returned, and rings are right in a cell of one atom.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.structure.neighbours import NeighbourList
from aiida_glassion.kernels.topology._near import pairs_around

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.integer[Any]]
FloatArray = npt.NDArray[np.floating[Any]]

_DIGIT = 1 << 21
"""Images (a, b, c) are kept as one number (a · _DIGIT + b) · _DIGIT + c, so that they add and compare as one."""
SEVERAL, DIRECT = -1, -2
"""Instead of the one anion that makes a link: several anions, or a bond without an anion."""


@dataclass(frozen=True, eq=False)
class Links:
    """The links of a periodic network, each seen from both ends, sorted by the node that looks.

    :param n_atoms: of the configuration.
    :param nodes: (n_nodes,), the atoms that are nodes, ascending.
    :param offsets: (n_nodes + 1,), the links of node k are ``offsets[k]:offsets[k + 1]``.
    :param ends: (n_links,), node at the other end, an index into ``nodes``.
    :param images: (n_links,), image of the cell in which the other end lies, packed into one number.
    :param via: (n_links,), the anion that makes the link; :data:`SEVERAL` or :data:`DIRECT`.
    :param via_images: (n_links,), image in which that anion lies, as seen from the node that looks.
    :param multiplicity: (n_links,), number of anions (and bonds) that make the link; 2 for shared edges.
    """

    n_atoms: int
    nodes: npt.NDArray[np.int64]
    offsets: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    images: npt.NDArray[np.int64]
    via: npt.NDArray[np.int64]
    via_images: npt.NDArray[np.int64]
    multiplicity: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ends)


def cell_images(bonds: NeighbourList, positions: FloatArray, cell: FloatArray) -> npt.NDArray[np.int64]:
    """Image of the cell, (n_pairs, 3), in which each neighbour lies as seen from the first atom.

    :param bonds: neighbour list.
    :param positions: (n_atoms, 3), Å, those of the list.
    :param cell: (3, 3), Å.
    """
    positions = np.asarray(positions, dtype=np.float64)
    across = bonds.vectors - (positions[bonds.second] - positions[bonds.first])
    return np.asarray(np.rint(across @ np.linalg.pinv(np.asarray(cell, dtype=np.float64))), dtype=np.int64)


def network_links(
    bonds: NeighbourList,
    positions: FloatArray,
    cell: FloatArray,
    is_node: BoolArray,
    is_bridge: BoolArray | None = None,
    direct: bool = False,
) -> Links:
    """Links between nodes that share a bridging atom, or that are bonded.

    Anions (or bonds) between the same two nodes make one link of that multiplicity. An anion with three formers links
    each two of them.

    :param bonds: neighbour list whose cut-offs are the bond lengths.
    :param positions: (n_atoms, 3), Å, those of the list.
    :param cell: (3, 3), Å.
    :param is_node: (n_atoms,).
    :param is_bridge: (n_atoms,), atoms that link the nodes that they are bonded to; None: none does.
    :param direct: bonds between nodes are links too; so they are where nothing bridges.
    :raises ValueError: a shape does not fit, or an atom is node and bridge at once.
    """
    n_atoms = bonds.n_atoms
    is_node = np.asarray(is_node, dtype=bool)
    bridging = np.zeros(n_atoms, dtype=bool) if is_bridge is None else np.asarray(is_bridge, dtype=bool)
    for name, flags in (('is_node', is_node), ('is_bridge', bridging)):
        if flags.shape != (n_atoms,):
            raise ValueError(f'{name}: shape {flags.shape}, expected ({n_atoms},)')
    if (is_node & bridging).any():
        raise ValueError(f'atom {int(np.flatnonzero(is_node & bridging)[0])}: node and bridge at once')
    shifts = cell_images(bonds, positions, cell)
    packed = (shifts[:, 0] * _DIGIT + shifts[:, 1]) * _DIGIT + shifts[:, 2]

    around = np.flatnonzero(bridging[bonds.first] & is_node[bonds.second])
    first, second, image, via, via_image = pairs_around(
        bonds.first[around].astype(np.int64), bonds.second[around].astype(np.int64), packed[around]
    )
    if direct or is_bridge is None:
        own = np.flatnonzero(is_node[bonds.first] & is_node[bonds.second])
        first = np.concatenate([first, bonds.first[own]])
        second = np.concatenate([second, bonds.second[own]])
        image = np.concatenate([image, packed[own]])
        via = np.concatenate([via, np.full(len(own), DIRECT)])
        via_image = np.concatenate([via_image, np.zeros(len(own), dtype=np.int64)])
    return _collect(n_atoms, is_node, first, second, image, via, via_image)


def explicit_links(n_nodes: int, first: IntArray, second: IntArray, images: IntArray) -> Links:
    """Links that are known, without positions.

    :param n_nodes: number of nodes, all atoms of the configuration.
    :param first: (n_links,), one end of each link.
    :param second: (n_links,), the other end.
    :param images: (n_links, 3), image of the cell in which the second end lies as seen from the first.
    :raises ValueError: a shape does not fit, an end is no node, or a node is linked to itself.
    """
    first, second = np.asarray(first, dtype=np.int64), np.asarray(second, dtype=np.int64)
    images = np.asarray(images, dtype=np.int64)
    if first.ndim != 1 or second.shape != first.shape or images.shape != (len(first), 3):
        raise ValueError(f'links: shapes {first.shape}, {second.shape}, {images.shape}, expected (n,), (n,), (n, 3)')
    if len(first) and not 0 <= min(first.min(), second.min()) <= max(first.max(), second.max()) < n_nodes:
        raise ValueError(f'links: an end is not among the nodes 0 … {n_nodes - 1}')
    if ((first == second) & ~images.any(axis=1)).any():
        raise ValueError(f'links: node {int(first[(first == second) & ~images.any(axis=1)][0])} is linked to itself')
    packed = (images[:, 0] * _DIGIT + images[:, 1]) * _DIGIT + images[:, 2]
    both = np.concatenate([first, second]), np.concatenate([second, first]), np.concatenate([packed, -packed])
    via = np.full(len(both[0]), DIRECT)
    return _collect(n_nodes, np.ones(n_nodes, dtype=bool), *both, via, np.zeros_like(via))


def _collect(
    n_atoms: int,
    is_node: BoolArray,
    first: IntArray,
    second: IntArray,
    image: IntArray,
    via: IntArray,
    via_image: IntArray,
) -> Links:
    """Sort, and make one link of those with the same ends."""
    nodes = np.flatnonzero(is_node)
    number = np.cumsum(is_node) - 1
    order = np.lexsort((image, second, first))
    first, second, image = number[first[order]], number[second[order]], image[order]
    new = np.ones(len(first), dtype=bool)
    new[1:] = (first[1:] != first[:-1]) | (second[1:] != second[:-1]) | (image[1:] != image[:-1])
    starts = np.flatnonzero(new)
    multiplicity = np.diff(np.append(starts, len(first)))
    offsets = np.concatenate([[0], np.cumsum(np.bincount(first[starts], minlength=len(nodes)))])
    alone = np.where(multiplicity == 1, via[order][starts], SEVERAL)
    return Links(
        n_atoms,
        nodes,
        offsets.astype(np.int64),
        np.asarray(second[starts], dtype=np.int64),
        np.asarray(image[starts], dtype=np.int64),
        alone,
        np.asarray(via_image[order][starts], dtype=np.int64),
        multiplicity,
    )

"""The network around one node, as compiled searches see it.

numba's cache sees a change in the file of a function but not in what it calls elsewhere: after a change here, touch
``_shortest`` and ``_primitive``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.integer[Any]]

MOST_PER_NODE = 2_000_000
"""A search that finds more rings than this from one node is given up: the network is too dense for that size."""
DONE, TOO_MANY = 0, 1


class Net(NamedTuple):
    """Links of the periodic network, as in :class:`.links.Links`."""

    offsets: IntArray
    ends: IntArray
    images: IntArray
    via: IntArray
    via_images: IntArray
    multiplicity: IntArray


class Bar(NamedTuple):
    """An anion that a path may not use again, since the ring came through it."""

    via: int
    """Which; negative for none."""
    image: int


class Near(NamedTuple):
    """The part of the endless network around one node, with numbers of its own; the node itself is 0."""

    node: IntArray
    """(room,), which node of the cell each one is."""
    image: IntArray
    """(room,), in which image."""
    depth: IntArray
    """(room,), number of links from the origin, where known."""
    ways: IntArray
    """(room,), which links of the origin a shortest way to it can begin with, a bit for each."""
    start: IntArray
    """(room,), where its links begin in ``ends``; -1 until they were followed."""
    ends: IntArray
    """(room * most links,), numbers of its neighbours in the order of ``Net``; -1 outside."""
    same: IntArray
    """(room,), the next one that is an image of the same node; -1 at the end."""
    head: IntArray
    """(n_nodes,), the first of these; -1 without any. Clean between searches."""
    size: IntArray
    """(2,), numbers in use of ``node`` and of ``ends``."""


@numba.njit(cache=True, nogil=True)
def pairs_around(
    centres: IntArray, nodes: IntArray, images: IntArray
) -> tuple[IntArray, IntArray, IntArray, IntArray, IntArray]:
    """All ordered pairs of nodes around one centre: first, second, image of the second, the centre, its image.

    :param centres: (n,), ascending.
    """
    count = 0
    low = 0
    for high in range(1, len(centres) + 1):
        if high == len(centres) or centres[high] != centres[low]:
            count += (high - low) * (high - low - 1)
            low = high
    first, second = np.empty(count, dtype=np.int64), np.empty(count, dtype=np.int64)
    image, via = np.empty(count, dtype=np.int64), np.empty(count, dtype=np.int64)
    via_image = np.empty(count, dtype=np.int64)
    k = 0
    low = 0
    for high in range(1, len(centres) + 1):
        if high == len(centres) or centres[high] != centres[low]:
            for i in range(low, high):
                for j in range(low, high):
                    if i != j:
                        first[k], second[k] = nodes[i], nodes[j]
                        image[k] = images[j] - images[i]
                        via[k] = centres[low]
                        via_image[k] = -images[i]
                        k += 1
            low = high
    return first, second, image, via, via_image


@numba.njit(cache=True, nogil=True)
def empty_near(n_nodes: int, room: int, most_links: int) -> Near:
    return Near(
        np.empty(room, np.int64),
        np.empty(room, np.int64),
        np.empty(room, np.int64),
        np.empty(room, np.int64),
        np.empty(room, np.int64),
        np.empty(room * most_links, np.int64),
        np.empty(room, np.int64),
        np.full(n_nodes, -1),
        np.zeros(2, np.int64),
    )


@numba.njit(cache=True, nogil=True)
def add_place(near: Near, node: int, image: int, depth: int) -> int:
    n: int = near.size[0]
    near.node[n] = node
    near.image[n] = image
    near.depth[n] = depth
    near.ways[n] = 0
    near.start[n] = -1
    near.same[n] = near.head[node]
    near.head[node] = n
    near.size[0] = n + 1
    return n


@numba.njit(cache=True, nogil=True)
def clear(near: Near) -> None:
    for k in range(near.size[0]):
        near.head[near.node[k]] = -1
    near.size[0] = 0
    near.size[1] = 0


@numba.njit(cache=True, nogil=True)
def follow(near: Near, net: Net, k: int, add: bool) -> bool:
    """Follow the links of number k, once; False if there was no room."""
    if near.start[k] >= 0:
        return True
    low, high = net.offsets[near.node[k]], net.offsets[near.node[k] + 1]
    if add and near.size[0] + high - low > len(near.node):
        return False
    place = near.size[1]
    near.start[k] = place
    near.size[1] = place + high - low
    for link in range(low, high):
        node, image = net.ends[link], near.image[k] + net.images[link]
        found = near.head[node]
        while found >= 0 and near.image[found] != image:
            found = near.same[found]
        if found < 0 and add:
            found = add_place(near, node, image, near.depth[k] + 1)
        if found >= 0 and near.depth[found] > near.depth[k]:
            near.ways[found] |= near.ways[k] if k > 0 else np.int64(1) << min(link - low, 63)
        near.ends[place] = found
        place += 1
    return True


@numba.njit(cache=True, nogil=True)
def before(near: Near, k: int, other: int) -> bool:
    """An order of all nodes and images that no translation changes."""
    if near.node[k] != near.node[other]:
        return bool(near.node[k] < near.node[other])
    return bool(near.image[k] < near.image[other])


@numba.njit(cache=True, nogil=True)
def _via(near: Near, net: Net, k: int, other: int) -> Bar:
    """The anion that makes the link between two numbers."""
    low = net.offsets[near.node[k]]
    for link in range(low, net.offsets[near.node[k] + 1]):
        if net.ends[link] == near.node[other] and net.images[link] == near.image[other] - near.image[k]:
            return Bar(net.via[link], near.image[k] + net.via_images[link])
    return Bar(-1, 0)


@numba.njit(cache=True, nogil=True)
def uses_twice(near: Near, net: Net, ring: IntArray, n: int) -> bool:
    """Whether a ring goes through one anion twice, which is none."""
    before = _via(near, net, ring[n - 1], ring[0])
    for i in range(n):
        via = _via(near, net, ring[i], ring[(i + 1) % n])
        if via.via >= 0 and via.via == before.via and via.image == before.image:
            return True
        before = via
    return False

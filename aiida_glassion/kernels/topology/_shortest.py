"""The compiled search for the shortest closed paths through two links, or one, of a node."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.topology._near import (
    DONE,
    MOST_PER_NODE,
    TOO_MANY,
    Bar,
    Near,
    Net,
    add_place,
    before,
    clear,
    empty_near,
    follow,
    uses_twice,
)

IntArray = npt.NDArray[np.integer[Any]]


@numba.njit(cache=True, nogil=True)
def _mixed(key: np.uint64, value: int) -> np.uint64:
    key = (key ^ np.uint64(value)) * np.uint64(0x9E3779B97F4A7C15)
    mixed: np.uint64 = key ^ (key >> np.uint64(29))
    return mixed


@numba.njit(cache=True, nogil=True)
def _ring_keys(near: Near, ring: IntArray, n: int) -> tuple[np.uint64, np.uint64]:
    """Two hashes of a ring that depend neither on where one starts, nor which way one goes, nor on translations."""
    low = 0
    for i in range(1, n):
        if before(near, ring[i], ring[low]):
            low = i
    step = 1 if before(near, ring[(low + 1) % n], ring[(low + n - 1) % n]) else n - 1
    one, two = np.uint64(n), np.uint64(n + 77)
    i = low
    origin = near.image[ring[low]]
    for _ in range(n):
        one = _mixed(_mixed(one, near.node[ring[i]]), near.image[ring[i]] - origin)
        two = _mixed(_mixed(two, near.image[ring[i]] - origin), near.node[ring[i]])
        i = (i + step) % n
    return one, two


@numba.njit(cache=True, nogil=True)
def _remember(keys: npt.NDArray[np.uint64], one: np.uint64, two: np.uint64) -> bool:
    """Put a ring into the open-addressed table (n, 2); False if it was there."""
    mask = np.uint64(len(keys) - 1)
    place = one & mask
    while keys[place, 0] != 0 or keys[place, 1] != 0:
        if keys[place, 0] == one and keys[place, 1] == two:
            return False
        place = (place + np.uint64(1)) & mask
    keys[place, 0], keys[place, 1] = one, two
    return True


@numba.njit(cache=True, nogil=True)
def _twice(keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    larger = np.zeros((2 * len(keys), 2), dtype=np.uint64)
    for k in range(len(keys)):
        if keys[k, 0] != 0 or keys[k, 1] != 0:
            _remember(larger, keys[k, 0], keys[k, 1])
    return larger


@numba.njit(cache=True, nogil=True)
def _is_barred(near: Near, net: Net, k: int, link: int, bar: Bar) -> bool:
    """Whether a link goes through an anion that is taken."""
    return bar.via >= 0 and net.via[link] == bar.via and near.image[k] + net.via_images[link] == bar.image


@numba.njit(cache=True, nogil=True)
def _bar(net: Net, link: int, crowded: bool) -> Bar:
    """The anion of a link of the origin; with two nodes at most it need not be watched."""
    return Bar(net.via[link] if crowded else -1, net.via_images[link])


@numba.njit(cache=True, nogil=True)
def _next_level(near: Near, net: Net, distance: IntArray, queue: IntArray, begin: int, end: int, bar: Bar) -> int:
    """Add to a queue what lies one link beyond its entries [begin, end); return its new length, -1 without room."""
    last = end
    for q in range(begin, end):
        k = queue[q]
        if not follow(near, net, k, True):
            return -1
        low = net.offsets[near.node[k]]
        for link in range(low, net.offsets[near.node[k] + 1]):
            other = near.ends[near.start[k] + link - low]
            if other == 0 or distance[other] >= 0 or _is_barred(near, net, k, link, bar):
                continue
            distance[other] = distance[k] + 1
            queue[last] = other
            last += 1
    return last


@numba.njit(cache=True, nogil=True)
def _meet(
    near: Near,
    net: Net,
    queue: IntArray,
    begin: int,
    end: int,
    other: IntArray,
    level: int,
    longest: int,
    bar: Bar,
    other_bar: Bar,
) -> int:
    """Length of the shortest path between two neighbours of the origin if it is 2 level or 2 level + 1; else -1."""
    for q in range(begin, end):
        if other[queue[q]] == level:
            return 2 * level
    if 2 * level + 1 > longest:
        return -1
    for q in range(begin, end):
        k = queue[q]
        low = net.offsets[near.node[k]]
        for link in range(low, net.offsets[near.node[k] + 1]):
            if _is_barred(near, net, k, link, bar) or _is_barred(near, net, k, link, other_bar):
                continue
            beyond = near.ends[near.start[k] + link - low]
            if other[beyond] == level:
                return 2 * level + 1
    return -1


@numba.njit(cache=True, nogil=True)
def _paths(near: Near, net: Net, distance: IntArray, start: int, bar: Bar) -> tuple[IntArray, int]:
    """All shortest paths (n, length + 1) from a number back to where its distance is 0, and how many."""
    length = distance[start]
    found = np.empty((8, length + 1), dtype=np.int64)
    n = 0
    path = np.empty(length + 1, dtype=np.int64)
    turn = np.zeros(length + 1, dtype=np.int64)
    path[0] = start
    if length == 0:
        found[0, 0] = start
        return found, 1
    at = 0
    while at >= 0:
        k = path[at]
        low, high = net.offsets[near.node[k]], net.offsets[near.node[k] + 1]
        if near.start[k] < 0 or turn[at] >= high - low:
            at -= 1
            continue
        link = low + turn[at]
        other = near.ends[near.start[k] + turn[at]]
        turn[at] += 1
        if other <= 0 or distance[other] != distance[k] - 1 or _is_barred(near, net, k, link, bar):
            continue
        path[at + 1] = other
        if distance[other] > 0:
            at += 1
            turn[at] = 0
            continue
        if n == len(found):
            larger = np.empty((2 * n, length + 1), dtype=np.int64)
            larger[:n] = found
            found = larger
        found[n] = path
        n += 1
        if n > MOST_PER_NODE:
            break
    return found, n


@numba.njit(cache=True, nogil=True)
def shortest_rings(net: Net, largest: int, guttman: bool, crowded: bool) -> tuple[int, IntArray, IntArray, IntArray]:
    """Rings by King, or by Guttman.

    :param largest: size in nodes.
    :param crowded: whether an anion has more than two nodes.
    :returns: status; rings by size; (n_nodes, largest + 1) rings through each node; the same found from each node.
    """
    n_nodes = len(net.offsets) - 1
    total = np.zeros(largest + 1, dtype=np.int64)
    through = np.zeros((n_nodes, largest + 1), dtype=np.int64)
    origin = np.zeros((n_nodes, largest + 1), dtype=np.int64)
    most_links = 1
    for node in range(n_nodes):
        most_links = max(most_links, net.offsets[node + 1] - net.offsets[node])
    room = 256 + most_links
    near = empty_near(n_nodes, room, most_links)
    distance = np.full((most_links, room), -1)
    queue = np.empty((most_links, room), dtype=np.int64)
    keys = np.zeros((1024, 2), dtype=np.uint64)
    n_keys = 0
    levels = np.empty((most_links, 2), dtype=np.int64)
    length = np.empty((most_links, most_links), dtype=np.int64)
    shortest = np.empty(most_links, dtype=np.int64)
    ring = np.empty(largest + 1, dtype=np.int64)
    node = 0
    while node < n_nodes:
        first = net.offsets[node]
        degree = net.offsets[node + 1] - first
        origin[node] = 0
        add_place(near, node, 0, 0)
        fits = follow(near, net, 0, True)
        open_pairs = 0
        for a in range(degree):
            shortest[a] = 0 if net.multiplicity[first + a] > 1 else largest + 1
            start = near.ends[near.start[0] + a]
            distance[a, start] = 0
            queue[a, 0] = start
            levels[a, 0], levels[a, 1] = 0, 1
            fits = fits and follow(near, net, start, True)
            for b in range(a):
                same = _is_barred(near, net, 0, first + b, _bar(net, first + a, crowded))
                length[a, b] = -2 if same else -1
                open_pairs += not same
        level = 0
        while fits and open_pairs > 0 and 2 * level + 2 <= largest:
            for a in range(degree):
                for b in range(a):
                    if length[a, b] != -1:
                        continue
                    begin, end = levels[a, 0], levels[a, 1]
                    bar, other_bar = _bar(net, first + a, crowded), _bar(net, first + b, crowded)
                    met = _meet(near, net, queue[a], begin, end, distance[b], level, largest - 2, bar, other_bar)
                    if met >= 0:
                        length[a, b] = met
                        open_pairs -= 1
                        shortest[a], shortest[b] = min(shortest[a], met), min(shortest[b], met)
            if guttman and level > 0:
                waiting = False
                for a in range(degree):
                    waiting = waiting or shortest[a] > 2 * level + 1
                if not waiting:
                    break
            level += 1
            if open_pairs == 0 or 2 * level + 2 > largest:
                break
            for a in range(degree):
                bar = _bar(net, first + a, crowded)
                end = _next_level(near, net, distance[a], queue[a], levels[a, 0], levels[a, 1], bar)
                fits = fits and end >= 0
                if not fits:
                    break
                levels[a, 0], levels[a, 1] = levels[a, 1], end
            # the links of the new level are needed to see whether two of its members are neighbours
            for a in range(degree):
                if not fits or 2 * level + 3 > largest:
                    break
                for q in range(levels[a, 0], levels[a, 1]):
                    fits = fits and follow(near, net, queue[a, q], True)
        if fits:
            for a in range(degree):
                for b in range(a):
                    size = length[a, b] + 2
                    if length[a, b] < 0 or size > largest:
                        continue
                    if guttman and length[a, b] > shortest[a] and length[a, b] > shortest[b]:
                        continue
                    half = length[a, b] // 2
                    bar, other_bar = _bar(net, first + a, crowded), _bar(net, first + b, crowded)
                    for member in range(levels[a, 1]):
                        q = queue[a, member]
                        if distance[a, q] != half:
                            continue
                        follow(near, net, q, False)
                        low = net.offsets[near.node[q]]
                        odd = length[a, b] % 2
                        # an even path meets in a node, an odd one in a link
                        for link in range(low, net.offsets[near.node[q] + 1] if odd else low + 1):
                            meeting = near.ends[near.start[q] + link - low] if odd else q
                            if meeting <= 0 or distance[b, meeting] != half:
                                continue
                            if odd and (
                                _is_barred(near, net, q, link, bar) or _is_barred(near, net, q, link, other_bar)
                            ):
                                continue
                            follow(near, net, meeting, False)
                            left, n_left = _paths(near, net, distance[a], q, bar)
                            right, n_right = _paths(near, net, distance[b], meeting, other_bar)
                            if n_left * n_right + origin[node, size] > MOST_PER_NODE:
                                return TOO_MANY, total, through, origin
                            for i in range(n_left):
                                for j in range(n_right):
                                    ring[0] = 0
                                    for step in range(half + 1):
                                        ring[1 + half - step] = left[i, step]
                                        ring[size - 1 - half + step] = right[j, step]
                                    if crowded and uses_twice(near, net, ring, size):
                                        continue
                                    origin[node, size] += 1
                                    one, two = _ring_keys(near, ring, size)
                                    if not _remember(keys, one, two):
                                        continue
                                    n_keys += 1
                                    total[size] += 1
                                    for step in range(size):
                                        through[near.node[ring[step]], size] += 1
                                    if 2 * n_keys > len(keys):
                                        keys = _twice(keys)
        for a in range(degree):
            for q in range(min(levels[a, 1], room)):
                distance[a, queue[a, q]] = -1
        if not fits:
            distance[:] = -1
        clear(near)
        if fits:
            node += 1
        else:
            room *= 2
            near = empty_near(n_nodes, room, most_links)
            distance = np.full((most_links, room), -1)
            queue = np.empty((most_links, room), dtype=np.int64)
    return DONE, total, through, origin

"""The compiled searches for rings.

All in one file, since numba's cache sees a change in the file of a function but not in what it calls elsewhere.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.integer[Any]]

MOST_PER_NODE = 2_000_000
"""A search that finds more rings than this from one node is given up: the network is too dense for that size."""
DONE, NO_ROOM, TOO_MANY = 0, 1, 2


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
def _near(n_nodes: int, room: int, most_links: int) -> Near:
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
def _add(near: Near, node: int, image: int, depth: int) -> int:
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
def _clear(near: Near) -> None:
    for k in range(near.size[0]):
        near.head[near.node[k]] = -1
    near.size[0] = 0
    near.size[1] = 0


@numba.njit(cache=True, nogil=True)
def _follow(near: Near, net: Net, k: int, add: bool) -> bool:
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
            found = _add(near, node, image, near.depth[k] + 1)
        if found >= 0 and near.depth[found] > near.depth[k]:
            near.ways[found] |= near.ways[k] if k > 0 else np.int64(1) << min(link - low, 63)
        near.ends[place] = found
        place += 1
    return True


@numba.njit(cache=True, nogil=True)
def _before(near: Near, k: int, other: int) -> bool:
    """An order of all nodes and images that no translation changes."""
    if near.node[k] != near.node[other]:
        return bool(near.node[k] < near.node[other])
    return bool(near.image[k] < near.image[other])


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
        if _before(near, ring[i], ring[low]):
            low = i
    step = 1 if _before(near, ring[(low + 1) % n], ring[(low + n - 1) % n]) else n - 1
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
        if not _follow(near, net, k, True):
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
def _via(near: Near, net: Net, k: int, other: int) -> Bar:
    """The anion that makes the link between two numbers."""
    low = net.offsets[near.node[k]]
    for link in range(low, net.offsets[near.node[k] + 1]):
        if net.ends[link] == near.node[other] and net.images[link] == near.image[other] - near.image[k]:
            return Bar(net.via[link], near.image[k] + net.via_images[link])
    return Bar(-1, 0)


@numba.njit(cache=True, nogil=True)
def _uses_twice(near: Near, net: Net, ring: IntArray, n: int) -> bool:
    """Whether a ring goes through one anion twice, which is none."""
    before = _via(near, net, ring[n - 1], ring[0])
    for i in range(n):
        via = _via(near, net, ring[i], ring[(i + 1) % n])
        if via.via >= 0 and via.via == before.via and via.image == before.image:
            return True
        before = via
    return False


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
    near = _near(n_nodes, room, most_links)
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
        _add(near, node, 0, 0)
        fits = _follow(near, net, 0, True)
        open_pairs = 0
        for a in range(degree):
            shortest[a] = 0 if net.multiplicity[first + a] > 1 else largest + 1
            start = near.ends[near.start[0] + a]
            distance[a, start] = 0
            queue[a, 0] = start
            levels[a, 0], levels[a, 1] = 0, 1
            fits = fits and _follow(near, net, start, True)
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
                    fits = fits and _follow(near, net, queue[a, q], True)
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
                        _follow(near, net, q, False)
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
                            _follow(near, net, meeting, False)
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
                                    if crowded and _uses_twice(near, net, ring, size):
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
        _clear(near)
        if fits:
            node += 1
        else:
            room *= 2
            near = _near(n_nodes, room, most_links)
            distance = np.full((most_links, room), -1)
            queue = np.empty((most_links, room), dtype=np.int64)
    return DONE, total, through, origin


@numba.njit(cache=True, nogil=True)
def _surround(near: Near, net: Net, node: int, largest: int) -> bool:
    """Everything on rings from a node, within half their size; False if there was no room.

    Ways lead only through nodes that come after the origin in :func:`_before`. The links of the outermost nodes are
    followed only where they can be the far side of a ring: those of an even size need two ways to get there.
    """
    _clear(near)
    _add(near, node, 0, 0)
    radius, odd = largest // 2, largest % 2 == 1
    k = 0
    while k < near.size[0]:
        if k > 0 and not _before(near, 0, k):
            near.ways[k] = 0
        inside = near.depth[k] < radius
        if (inside or odd or _is_several(near.ways[k])) and not _follow(near, net, k, inside):
            return False
        k += 1
    return True


@numba.njit(cache=True, nogil=True)
def _is_several(ways: int) -> bool:
    """Whether there are two ways or more; the last bit stands for all links from the 64th on."""
    return ways & (ways - 1) != 0 or ways < 0


@numba.njit(cache=True, nogil=True)
def _look_around(near: Near, net: Net, start: int, reach: int, row: IntArray, queue: IntArray) -> int:
    """Number of links from one number to those within reach, and the list of these, the nearest first; its length."""
    row[start] = 0
    queue[0] = start
    done, n = 0, 1
    while done < n:
        k = queue[done]
        done += 1
        if row[k] == reach:
            break
        low = near.start[k]
        if low < 0:
            continue
        for place in range(low, low + net.offsets[near.node[k] + 1] - net.offsets[near.node[k]]):
            other = near.ends[place]
            if other >= 0 and row[other] < 0:
                row[other] = row[k] + 1
                queue[n] = other
                n += 1
    return n


class Around(NamedTuple):
    """What lies around some of the numbers, looked at once."""

    row_of: IntArray
    """(room,), row of each number; -1 before it was looked at."""
    rows: npt.NDArray[np.int8]
    """(n_rows, room), number of links to each other number; -1 beyond reach."""
    members: IntArray
    """(n_rows, room), those within reach, the nearest first."""
    counts: IntArray
    """(n_rows,), how many these are."""
    n_rows: IntArray
    """(1,)."""


@numba.njit(cache=True, nogil=True)
def _around(n_rows: int, room: int) -> Around:
    return Around(
        np.full(room, -1),
        np.full((n_rows, room), -1).astype(np.int8),
        np.empty((n_rows, room), np.int32),
        np.empty(n_rows, np.int64),
        np.zeros(1, np.int64),
    )


@numba.njit(cache=True, nogil=True)
def _forget(around: Around, size: int) -> None:
    around.row_of[:size] = -1
    for r in range(around.n_rows[0]):
        for m in range(around.counts[r]):
            around.rows[r, around.members[r, m]] = -1
    around.n_rows[0] = 0


@numba.njit(cache=True, nogil=True)
def _row(near: Near, net: Net, around: Around, k: int, reach: int) -> int:
    row: int = around.row_of[k]
    if row < 0:
        row = around.n_rows[0]
        around.n_rows[0] = row + 1
        around.row_of[k] = row
        around.counts[row] = _look_around(near, net, k, reach, around.rows[row], around.members[row])
    return row


@numba.njit(cache=True, nogil=True)
def _is_far(near: Near, net: Net, around: Around, k: int, other: int, least: int, reach: int) -> bool:
    """Whether two numbers are no nearer than ``least`` links: what is around the one does not meet the other's."""
    mine, theirs = _row(near, net, around, k, reach), _row(near, net, around, other, reach)
    for m in range(around.counts[mine]):
        w = around.members[mine, m]
        here = around.rows[mine, w]
        if 2 * here > least - 1:
            break
        there = around.rows[theirs, w]
        if there >= 0 and here + there < least:
            return False
    return True


@numba.njit(cache=True, nogil=True)
def primitive_rings(net: Net, largest: int, crowded: bool) -> tuple[int, IntArray, IntArray]:
    """Rings without a shortcut: between any two members the way along the ring is as short as any.

    Each is found once, from the first of its members in an order that no translation changes: as two ways from there to
    the opposite node, or to the ends of the opposite link.

    :returns: status; rings by size; (n_nodes, largest + 1) rings through each node.
    """
    n_nodes = len(net.offsets) - 1
    total = np.zeros(largest + 1, dtype=np.int64)
    through = np.zeros((n_nodes, largest + 1), dtype=np.int64)
    most_links = 1
    for node in range(n_nodes):
        most_links = max(most_links, net.offsets[node + 1] - net.offsets[node])
    room = 256 + most_links
    near = _near(n_nodes, room, most_links)
    radius = largest // 2
    reach = radius // 2
    around = _around(room, room)
    one, two = np.empty(radius + 1, dtype=np.int64), np.empty(radius + 1, dtype=np.int64)
    turn_one, turn_two = np.zeros(radius + 1, dtype=np.int64), np.zeros(radius + 1, dtype=np.int64)
    ring = np.empty(largest + 1, dtype=np.int64)
    for node in range(n_nodes):
        while not _surround(near, net, node, largest):
            room *= 2
            near = _near(n_nodes, room, most_links)
            around = _around(room, room)
        size = near.size[0]
        steps = 0
        for p in range(1, size):
            depth = near.depth[p]
            if near.ways[p] == 0 or near.start[p] < 0:
                continue
            n_links_p = net.offsets[near.node[p] + 1] - net.offsets[near.node[p]]
            # the other way begins at p itself, or across a link at a node that is as far from the origin
            for across in range(-1, n_links_p):
                q = p
                if across >= 0:
                    q = near.ends[near.start[p] + across]
                    if q <= p or near.depth[q] != depth or 2 * depth + 1 > largest or near.ways[q] == 0:
                        continue
                    if not _is_several(near.ways[p] | near.ways[q]):
                        continue
                elif not _is_several(near.ways[p]):
                    continue
                n = 2 * depth + (across >= 0)
                if n > largest or n < 3:
                    continue
                at = depth
                one[depth] = p
                turn_one[depth] = 0
                while at <= depth:
                    k = one[at]
                    if turn_one[at] >= net.offsets[near.node[k] + 1] - net.offsets[near.node[k]]:
                        at += 1
                        continue
                    other = near.ends[near.start[k] + turn_one[at]]
                    turn_one[at] += 1
                    if other < 0 or near.depth[other] != at - 1 or (at > 1 and near.ways[other] == 0):
                        continue
                    one[at - 1] = other
                    if at > 1:
                        at -= 1
                        turn_one[at] = 0
                        continue
                    # one way is complete: the other must keep away from it at every step
                    own = near.ways[one[1]] if near.ways[one[1]] > 0 else 0
                    if near.ways[q] & ~own == 0:
                        continue
                    two[depth] = q
                    here = depth
                    turn_two[depth] = 0
                    if q == p:
                        # of two ways to the same node each is taken first once: only one order counts
                        turn_two[depth] = turn_one[depth]
                    elif not _is_far(near, net, around, one[1], q, depth, reach):
                        continue
                    while here <= depth:
                        steps += 1
                        if steps > 100 * MOST_PER_NODE:
                            return TOO_MANY, total, through
                        k = two[here]
                        if turn_two[here] >= net.offsets[near.node[k] + 1] - net.offsets[near.node[k]]:
                            here += 1
                            continue
                        other = near.ends[near.start[k] + turn_two[here]]
                        turn_two[here] += 1
                        if other < 0 or near.depth[other] != here - 1:
                            continue
                        below = here - 1
                        if below > 0 and near.ways[other] & ~own == 0:
                            continue
                        if below > 0:
                            if not _is_far(near, net, around, one[depth - below], other, depth, reach):
                                continue
                            after = one[depth + 1 - below]
                            if across >= 0 and not _is_far(near, net, around, after, other, depth, reach):
                                continue
                            two[below] = other
                            here = below
                            turn_two[here] = 0
                            continue
                        for step in range(depth + 1):
                            ring[step] = one[step]
                        for step in range(1, depth + (across >= 0)):
                            ring[n - step] = two[step]
                        if crowded and n == 3 and _uses_twice(near, net, ring, n):
                            continue
                        total[n] += 1
                        for step in range(n):
                            through[near.node[ring[step]], n] += 1
        _forget(around, size)
    return DONE, total, through

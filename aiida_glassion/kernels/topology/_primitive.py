"""The compiled search for closed paths without a shortcut."""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.topology._near import (
    DONE,
    MOST_PER_NODE,
    TOO_MANY,
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

_FIRST_LOOKS = 64
"""Nodes after which it is known whether looking ahead for the largest ring spares work."""


@numba.njit(cache=True, nogil=True)
def _surround(near: Near, net: Net, node: int, largest: int) -> bool:
    """Everything on rings from a node, within half their size; False if there was no room.

    Ways lead only through nodes that come after the origin in :func:`.before`. The links of the outermost nodes are
    followed only where they can be the far side of a ring: those of an even size need two ways to get there.
    """
    clear(near)
    add_place(near, node, 0, 0)
    radius, odd = largest // 2, largest % 2 == 1
    k = 0
    while k < near.size[0]:
        if k > 0 and not before(near, 0, k):
            near.ways[k] = 0
        inside = near.depth[k] < radius
        if (inside or odd or _is_several(near.ways[k])) and not follow(near, net, k, inside):
            return False
        k += 1
    return True


@numba.njit(cache=True, nogil=True)
def _largest_candidate(near: Near, net: Net, node: int, largest: int) -> int:
    """No ring of which a node is the first is larger than this; 0 if there is none, -1 if there was no room.

    Only nodes after the origin are followed. All members of such a ring are, and it is without a shortcut: so they are
    found as many links away as along the ring, from both sides.
    """
    clear(near)
    add_place(near, node, 0, 0)
    radius, odd = largest // 2, largest % 2 == 1
    k = best = 0
    while k < near.size[0]:
        inside = near.depth[k] < radius
        if k > 0 and not before(near, 0, k):
            near.ways[k] = 0
        elif (inside or odd) and not follow(near, net, k, inside):
            return -1
        k += 1
    for p in range(1, near.size[0]):
        size, ways = 2 * near.depth[p], near.ways[p]
        if ways == 0:
            continue
        if size > best and _is_several(ways):
            best = size
        if size + 1 <= best or size + 1 > largest or near.start[p] < 0:
            continue
        low = near.start[p]
        for place in range(low, low + net.offsets[near.node[p] + 1] - net.offsets[near.node[p]]):
            q = near.ends[place]
            if q > p and near.depth[q] == near.depth[p] and near.ways[q] != 0 and _is_several(ways | near.ways[q]):
                best = size + 1
                break
    return best


@numba.njit(cache=True, nogil=True)
def _is_several(ways: int) -> bool:
    """Whether there are two ways or more; the last bit stands for all links from the 64th on."""
    return ways & (ways - 1) != 0 or ways < 0


@numba.njit(cache=True, nogil=True)
def _touches(near: Near, net: Net, k: int, other: int) -> bool:
    """Whether a number that was followed is linked to another one."""
    low = near.start[k]
    for place in range(low, low + net.offsets[near.node[k] + 1] - net.offsets[near.node[k]]):
        if near.ends[place] == other:
            return True
    return False


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
    near = empty_near(n_nodes, room, most_links)
    radius = largest // 2
    around = _around(room, room)
    one, two = np.empty(radius + 1, dtype=np.int64), np.empty(radius + 1, dtype=np.int64)
    turn_one, turn_two = np.zeros(radius + 1, dtype=np.int64), np.zeros(radius + 1, dtype=np.int64)
    ring = np.empty(largest + 1, dtype=np.int64)
    looked = spared = 0
    for node in range(n_nodes):
        limit = -1
        # a look ahead is worth its time where many nodes are not on large rings
        if looked < _FIRST_LOOKS or 4 * spared > looked:
            limit = _largest_candidate(near, net, node, largest)
            looked += 1
            spared += 0 <= limit < largest // 2
        if limit == 0:
            continue
        if limit < 0:
            limit = largest
        while not _surround(near, net, node, limit):
            room *= 2
            near = empty_near(n_nodes, room, most_links)
            around = _around(room, room)
        reach = limit // 4
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
                    if q <= p or near.depth[q] != depth or 2 * depth + 1 > limit or near.ways[q] == 0:
                        continue
                    if not _is_several(near.ways[p] | near.ways[q]):
                        continue
                elif not _is_several(near.ways[p]):
                    continue
                n = 2 * depth + (across >= 0)
                if n > limit or n < 3:
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
                    if across >= 0 and at == depth > 1 and _touches(near, net, other, q):
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
                        if across >= 0 and here == depth > 1 and _touches(near, net, other, p):
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
                        if crowded and n == 3 and uses_twice(near, net, ring, n):
                            continue
                        total[n] += 1
                        for step in range(n):
                            through[near.node[ring[step]], n] += 1
        _forget(around, size)
    return DONE, total, through

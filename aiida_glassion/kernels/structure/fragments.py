"""Fragments: what bonds hold together, found in one pass over the bonds."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.integer[Any]]
BoolArray = npt.NDArray[np.bool_]


def fragments(first: IntArray, second: IntArray, n_atoms: int) -> npt.NDArray[np.int32]:
    """Number of the fragment that each atom belongs to, from 0 in the order of their first atoms.

    :param first: (n_bonds,), one end of each bond.
    :param second: (n_bonds,), the other; a bond may be there twice, from both ends.
    :param n_atoms: atoms; one without a bond is a fragment of its own.
    :raises ValueError: the ends do not fit each other, or the atoms.
    """
    first, second = np.asarray(first), np.asarray(second)
    if first.ndim != 1 or first.shape != second.shape:
        raise ValueError(f'first and second: shapes {first.shape} and {second.shape}, expected the same (n_bonds,)')
    for name, ends in (('first', first), ('second', second)):
        if len(ends) and not 0 <= ends.min() <= ends.max() < n_atoms:
            raise ValueError(f'{name}: {ends.min()} … {ends.max()}, expected 0 … {n_atoms - 1}')
    found: npt.NDArray[np.int32] = _joined(
        np.ascontiguousarray(first, dtype=np.int32), np.ascontiguousarray(second, dtype=np.int32), n_atoms
    )
    return found


def fragment_sizes(numbers: IntArray, counted: BoolArray | None = None) -> npt.NDArray[np.int64]:
    """Atoms of each fragment, (n_fragments,), all or only those that count.

    :param numbers: (n_atoms,), of :func:`fragments`.
    :param counted: (n_atoms,), e.g. which are formers; fragments without any have size 0.
    """
    n_fragments = int(numbers.max(initial=-1)) + 1
    sizes = np.bincount(numbers if counted is None else numbers[counted], minlength=n_fragments)
    return np.asarray(sizes, dtype=np.int64)


@numba.njit(cache=True, nogil=True)
def _joined(first: IntArray, second: IntArray, n_atoms: int) -> IntArray:
    """Rem's union, the two ways up spliced while they are walked (E. W. Dijkstra, A Discipline of Programming, 1976).

    No parent has a higher number than its atom, so that one pass upwards numbers all in the end.
    """
    parent = np.arange(n_atoms).astype(np.uint32)
    for k in range(len(first)):
        i, j = np.uint32(first[k]), np.uint32(second[k])
        p, q = parent[i], parent[j]
        while p != q:
            if p > q:
                parent[i] = q
                if i == p:
                    break
                i = p
                p = parent[i]
            else:
                parent[j] = p
                if j == q:
                    break
                j = q
                q = parent[j]
    n = np.uint32(0)
    for i in range(n_atoms):
        if parent[i] == i:
            parent[i] = n
            n += np.uint32(1)
        else:
            # the parent was numbered before, and now holds its number
            parent[i] = parent[parent[i]]
    numbers: IntArray = parent.view(np.int32)
    return numbers

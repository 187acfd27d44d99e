"""Frames that show the same geometry twice, to a tolerance (exactly the same: :mod:`..fingerprint`).

Two frames have **the same geometry** if they hold the same atoms in the same cell (every component of the cell vectors
within the tolerance) and one rigid translation, with periodic wrapping, brings each atom of one within the tolerance of
an atom of the same element of the other, one to one. The translation is the one that leaves no mean displacement.
Rotated or mirrored copies, and the same crystal in another choice of cell vectors, are *not* the same: their forces are
other numbers. A frame is a duplicate if an earlier frame that is not itself one has its geometry.

Candidates are found by numbers that neither translation nor order change and that change by no more than the atoms
move: order statistics of the distance to the nearest neighbour. Candidates are then compared atom by atom.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.frames import Frames

FloatArray = npt.NDArray[np.floating[Any]]

TOLERANCE = 1e-3
"""Å, by which atoms of the same geometry may differ: rounding in files, not thermal motion."""

_REACH = 4.0
_RANKS = 8
_DIGITS = 8
_NUMBERS_AT_ONCE = 10_000_000
_ROWS_AT_ONCE = 1000


def same_geometry(first: Frames, second: Frames, tolerance: float = TOLERANCE) -> bool:
    """Whether two frames have the same geometry (see above).

    :param first: one frame.
    :param second: one frame.
    :param tolerance: Å.
    """
    a, b = first.sorted_by_element(), second.sorted_by_element()
    if a.symbols != b.symbols or a.pbc != b.pbc:
        return False
    periodic = any(a.pbc)
    if periodic and np.abs(a.cells[0] - b.cells[0]).max() > tolerance:
        return False
    cell = a.cells[0].astype(float) if periodic else None
    there, here = b.positions[0].astype(float), a.positions[0].astype(float)
    if _small(_wrapped(there - here - (there[0] - here[0]), cell, a.pbc), tolerance):
        return True
    kinds, numbers = np.unique(a.types, return_counts=True)
    order = kinds[np.argsort(numbers, kind='stable')]
    blocks = [np.flatnonzero(a.types == kind) for kind in order]
    reference = blocks[0][0]
    for candidate in blocks[0]:
        moved = here + (there[candidate] - here[reference])
        displacements = []
        for block in blocks:
            found = _matched(moved[block], there[block], cell, a.pbc, 2 * tolerance)
            if found is None:
                break
            displacements.append(found)
        else:
            if _small(np.concatenate(displacements), tolerance):
                return True
    return False


def find_duplicates(read: Callable[[], Iterable[Frames]], tolerance: float = TOLERANCE) -> list[tuple[int, int]]:
    """Duplicates among frames of any compositions.

    Frames are read once for the candidates, and again for those that have to be compared atom by atom; memory holds a
    few dozen numbers per frame and some candidates.

    :param read: gives the frames, one set after another, always the same.
    :param tolerance: Å.
    :returns: number of each duplicate and of the first frame with its geometry, in the order in which frames come.
    :raises ValueError: the tolerance is not positive.
    """
    if not tolerance > 0:
        raise ValueError(f'tolerance: {tolerance} Å is not positive')
    numbers: dict[Any, list[int]] = {}
    rows: dict[Any, list[FloatArray]] = {}
    sizes: dict[int, int] = {}
    for index, frame in _numbered(read()):
        key = (tuple(frame.counts.items()), frame.pbc)
        numbers.setdefault(key, []).append(index)
        rows.setdefault(key, []).append(_invariants(frame))
    groups: list[list[int]] = []
    for key, members in numbers.items():
        found = _candidates(np.array(rows[key]), 4 * tolerance)
        groups += [[members[i] for i in group] for group in found]
        sizes.update({members[i]: sum(n for _, n in key[0]) for group in found for i in group})
    duplicates: list[tuple[int, int]] = []
    for batch in _batches(groups, sizes):
        wanted = {index for group in batch for index in group}
        frames = {index: frame for index, frame in _numbered(read()) if index in wanted}
        for group in batch:
            originals: list[int] = []
            for index in group:
                twin = next((o for o in originals if same_geometry(frames[o], frames[index], tolerance)), None)
                if twin is None:
                    originals.append(index)
                else:
                    duplicates.append((index, twin))
    return sorted(duplicates)


def _numbered(parts: Iterable[Frames]) -> Iterator[tuple[int, Frames]]:
    start = 0
    for part in parts:
        for i in range(part.n_frames):
            yield start + i, part[i]
        start += part.n_frames


def _invariants(frame: Frames) -> FloatArray:
    """Cell, and for each element some order statistics of the distance to the nearest neighbour, Å."""
    from aiida_glassion.kernels.structure.neighbours import neighbour_list

    pairs = neighbour_list(frame.positions[0], frame.cells[0], _REACH, pbc=frame.pbc)
    nearest = np.full(frame.n_atoms, _REACH)
    np.minimum.at(nearest, pairs.first, pairs.distances)
    cell = frame.cells[0].ravel() if any(frame.pbc) else np.zeros(9)
    parts = [np.asarray(cell, dtype=float)]
    for kind in range(len(frame.elements)):
        distances = np.sort(nearest[frame.types == kind])
        ranks = np.linspace(0, len(distances) - 1, min(_RANKS, len(distances))).astype(int)
        parts.append(distances[ranks])
    return np.concatenate(parts)


def _candidates(rows: FloatArray, window: float) -> list[list[int]]:
    """Groups of rows that are linked by differing nowhere by more than a window; those of one row are left out."""
    from scipy.spatial import cKDTree

    unique, belongs = np.unique(np.round(rows, _DIGITS), axis=0, return_inverse=True)
    parent = list(range(len(unique)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    tree = cKDTree(unique)
    for start in range(0, len(unique), _ROWS_AT_ONCE):
        near = tree.query_ball_point(unique[start : start + _ROWS_AT_ONCE], window, p=np.inf)
        for i, others in enumerate(near, start):
            for j in others:
                if j < i:
                    a, b = root(i), root(j)
                    parent[max(a, b)] = min(a, b)
    groups: dict[int, list[int]] = {}
    for row, index in enumerate(belongs.ravel().tolist()):
        groups.setdefault(root(index), []).append(row)
    return [group for group in groups.values() if len(group) > 1]


def _batches(groups: list[list[int]], sizes: dict[int, int]) -> Iterator[list[list[int]]]:
    batch: list[list[int]] = []
    total = 0
    for group in groups:
        size = 3 * sum(sizes[index] for index in group)
        if batch and total + size > _NUMBERS_AT_ONCE:
            yield batch
            batch, total = [], 0
        batch.append(group)
        total += size
    if batch:
        yield batch


def _wrapped(vectors: FloatArray, cell: FloatArray | None, pbc: tuple[bool, bool, bool]) -> FloatArray:
    """Vectors between atoms, brought near zero by cell vectors of the periodic directions."""
    if cell is None:
        return vectors
    fractions = vectors @ np.linalg.inv(cell)
    wrapped: FloatArray = vectors - (np.round(fractions) * np.array(pbc)) @ cell
    return wrapped


def _matched(
    here: FloatArray, there: FloatArray, cell: FloatArray | None, pbc: tuple[bool, bool, bool], limit: float
) -> FloatArray | None:
    """Displacement of each atom to its partner, one to one; None: an atom has no partner within the limit."""
    vectors = _wrapped(there[None, :, :] - here[:, None, :], cell, pbc)
    squares = (vectors**2).sum(axis=2)
    partners = squares.argmin(axis=1)
    rows = np.arange(len(here))
    if (squares[rows, partners] > limit**2).any() or len(np.unique(partners)) < len(here):
        return None
    found: FloatArray = vectors[rows, partners]
    return found


def _small(displacements: FloatArray, tolerance: float) -> bool:
    rest = displacements - displacements.mean(axis=0)
    return bool((rest**2).sum(axis=1).max(initial=0.0) <= tolerance**2)

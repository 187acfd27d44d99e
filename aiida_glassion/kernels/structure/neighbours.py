"""Neighbour list of one configuration: any cell, any cutoff, linear in atoms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.structure._cells import grid_of_cells, neighbours_by_cells
from aiida_glassion.kernels.structure._columns import build_columns, periodic_cell, turned_frame
from aiida_glassion.kernels.structure._compiled import list_neighbours

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class NeighbourList:
    """Neighbours of every atom: each pair is seen from both atoms, sorted by the first.

    An atom is a neighbour once per periodic image within the cutoff, its own images included, itself never.

    :param first: (n_pairs,), int32, the atom that looks, ascending.
    :param second: (n_pairs,), int32, the atom that is seen, in no particular order within one first atom.
    :param vectors: (n_pairs, 3), Å, from the first atom to the image of the second.
    :param distances: (n_pairs,), Å.
    :param offsets: (n_atoms + 1,), int64, the neighbours of atom i are ``offsets[i]:offsets[i + 1]``.
    """

    first: npt.NDArray[np.int32]
    second: npt.NDArray[np.int32]
    vectors: npt.NDArray[np.float64]
    distances: npt.NDArray[np.float64]
    offsets: npt.NDArray[np.int64]

    @property
    def n_atoms(self) -> int:
        """Number of atoms, with neighbours or without."""
        return len(self.offsets) - 1

    def __len__(self) -> int:
        return len(self.first)

    def of(self, atom: int) -> npt.NDArray[np.int32]:
        """Return the neighbours of one atom."""
        return self.second[self.offsets[atom] : self.offsets[atom + 1]]


def neighbour_list(
    positions: FloatArray,
    cell: FloatArray,
    cutoff: float | FloatArray,
    types: IntArray | None = None,
    pbc: tuple[bool, bool, bool] = (True, True, True),
) -> NeighbourList:
    """Find all pairs nearer than a cutoff.

    :param positions: (n_atoms, 3), Å, wrapped or not.
    :param cell: (3, 3), Å, rows are the cell vectors; those of directions that are not periodic do not matter.
    :param cutoff: Å, or a symmetric (n_types, n_types) array of cut-offs by pair of types, 0 where none is wanted.
        A pair counts if its distance is *smaller*; one within rounding (1e-14) of the cutoff may be seen from one
        side only, so do not put a cutoff exactly on a shell of a perfect crystal.
        May exceed half the cell, or the cell: then images count one by one.
    :param types: (n_atoms,), from 0; needed if the cutoff is by types.
    :param pbc: periodic along each cell vector.
    :returns: full neighbour list, vectors and distances in double precision.
    :raises ValueError: a shape does not fit, a number is not finite, the cell has no volume, or a cutoff is negative.
    """
    positions, cell = check_configuration(positions, cell)
    limits, types = _check_cutoff(cutoff, types, len(positions))
    largest = float(limits.max(initial=0.0))
    if len(positions) == 0 or largest == 0.0:
        return _empty(len(positions))
    full = periodic_cell(positions, cell, pbc, largest)
    shape = grid_of_cells(full, largest, len(positions))
    if shape is not None:
        return NeighbourList(*neighbours_by_cells(positions, full, shape, types, limits**2))
    turned, frame = turned_frame(full)
    columns = build_columns(positions, turned, frame, largest)
    squares, back = limits**2, np.ascontiguousarray(frame.T)
    first, second = np.empty(0, dtype=np.int32), np.empty(0, dtype=np.int32)
    vectors, distances = np.empty((0, 3)), np.empty(0)
    offsets = np.empty(0, dtype=np.int64)
    counts = np.zeros(len(positions), dtype=np.int64)
    list_neighbours(columns, types, squares, counts, offsets, back, first, second, vectors, distances)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    n_pairs = int(offsets[-1])
    first, second = np.empty(n_pairs, dtype=np.int32), np.empty(n_pairs, dtype=np.int32)
    vectors, distances = np.empty((n_pairs, 3)), np.empty(n_pairs)
    list_neighbours(columns, types, squares, counts, offsets, back, first, second, vectors, distances)
    return NeighbourList(first, second, vectors, distances, offsets)


def check_configuration(positions: FloatArray, cell: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return positions (n_atoms, 3) and cell (3, 3) in double precision.

    :raises ValueError: a shape does not fit, or a number is not finite.
    """
    positions = np.ascontiguousarray(positions, dtype=np.float64)
    cell = np.ascontiguousarray(cell, dtype=np.float64)
    if positions.ndim != 2 or positions.shape[1] != 3:
        raise ValueError(f'positions: shape {positions.shape}, expected (n_atoms, 3)')
    if cell.shape != (3, 3):
        raise ValueError(f'cell: shape {cell.shape}, expected (3, 3)')
    if not (np.isfinite(positions).all() and np.isfinite(cell).all()):
        raise ValueError('positions or cell: not finite (NaN or infinity)')
    return positions, cell


def check_types(types: IntArray, n_atoms: int, n_types: int) -> npt.NDArray[np.int32]:
    """Return types (n_atoms,) as int32.

    :raises ValueError: the shape does not fit, or a type is outside 0 … n_types − 1.
    """
    checked = np.asarray(types)
    if checked.shape != (n_atoms,) or checked.dtype.kind not in 'iu':
        raise ValueError(f'types: {checked.dtype} of shape {checked.shape}, expected integers of shape ({n_atoms},)')
    if n_atoms and not 0 <= checked.min() <= checked.max() < n_types:
        raise ValueError(f'types: {checked.min()} … {checked.max()}, expected 0 … {n_types - 1}')
    return np.ascontiguousarray(checked, dtype=np.int32)


def _check_cutoff(
    cutoff: float | FloatArray, types: IntArray | None, n_atoms: int
) -> tuple[FloatArray, npt.NDArray[np.int32]]:
    limits = np.array(cutoff, dtype=np.float64)
    if not np.isfinite(limits).all() or (limits < 0).any():
        raise ValueError('cutoff: must be finite and not negative')
    if limits.ndim == 0:
        if limits == 0.0:
            raise ValueError('cutoff: must be positive')
        return limits.reshape(1, 1), np.zeros(n_atoms, dtype=np.int32)
    if limits.ndim != 2 or limits.shape[0] != limits.shape[1] or not np.array_equal(limits, limits.T):
        raise ValueError(f'cutoff: shape {limits.shape}, expected a number or a symmetric (n_types, n_types) array')
    if types is None:
        raise ValueError('types: needed for cut-offs by pair of types')
    return limits, check_types(types, n_atoms, len(limits))


def _empty(n_atoms: int) -> NeighbourList:
    none = np.zeros(0, dtype=np.int32)
    return NeighbourList(none, none, np.zeros((0, 3)), np.zeros(0), np.zeros(n_atoms + 1, dtype=np.int64))

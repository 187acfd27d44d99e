"""Displacements of some ions over a trajectory of any length, kept in single precision as its frames come by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.transport.unwrap import (
    fractional_coordinates,
    say_jump,
    unwrap_fractional,
    widest_jump,
)

FloatArray = npt.NDArray[np.floating[Any]]
DoubleArray = npt.NDArray[np.float64]
SingleArray = npt.NDArray[np.float32]

Unwrap = Literal['check', 'minimum_image', 'trust']


class DisplacementStore:
    """Takes frames in pieces; gives displacements from the first frame, in the frame of the framework.

    Kept are, for each frame, 12 bytes per tracked ion and the mean displacement of every element.

    :param types: (n_atoms,), element of each atom, from 0.
    :param tracked: (n_atoms,), ions whose displacements are kept.
    :param reference: (n_atoms,), atoms whose mean displacement is taken off; none set: no drift is removed.
    :param pbc: periodic along each cell vector.
    :param unwrap: ``check``: jumps at the boundaries are an error; ``minimum_image``: they are undone; ``trust``:
        steps of any length are taken for motion.
    """

    def __init__(
        self,
        types: npt.NDArray[np.integer[Any]],
        tracked: npt.NDArray[np.bool_],
        reference: npt.NDArray[np.bool_],
        pbc: Sequence[bool] = (True, True, True),
        unwrap: Unwrap = 'check',
    ) -> None:
        self.pbc, self.unwrap = tuple(pbc), unwrap
        self._tracked = np.flatnonzero(tracked)
        n_types = int(types.max()) + 1
        self._means = np.array([(types == kind) / max(1, (types == kind).sum()) for kind in range(n_types)])
        self._weights = reference / reference.sum() if reference.any() else np.zeros(len(types))
        self._pieces: list[SingleArray] = []
        self._by_type: list[DoubleArray] = []
        self._start: DoubleArray | None = None
        self._last: DoubleArray | None = None
        self._cell = np.zeros((3, 3))
        self._cell_sum = np.zeros((3, 3))
        self._volumes: list[DoubleArray] = []
        self.n_frames = 0

    def add(self, positions: FloatArray, cells: FloatArray) -> None:
        """Take the next frames in.

        :param positions: (n, n_atoms, 3), Å.
        :param cells: (n, 3, 3), Å, rows are the vectors.
        :raises ValueError: atoms jump at the boundaries, and that is not to be undone.
        """
        cells = np.asarray(cells, dtype=np.float64)
        fractional = fractional_coordinates(positions, cells)
        if self._start is None or self._last is None:
            self._start = self._last = fractional[0].copy()
            self._cell = cells[0].copy()
        if self.unwrap == 'minimum_image':
            fractional = unwrap_fractional(fractional, self.pbc, self._last)
        elif self.unwrap == 'check':
            jump = widest_jump(np.concatenate([self._last[None], fractional]), self.pbc)
            if jump is not None:
                moved = type(jump)(self.n_frames + jump.frame - 1, jump.atom, jump.axis, jump.size, jump.n_atoms)
                raise ValueError(
                    f'{say_jump(moved)}; or set unwrap: minimum_image where no ion goes further than half the cell '
                    'between frames, trust where ions really go so far'
                )
        self._last = fractional[-1].copy()
        moved_by = (fractional - self._start) @ self._cell
        moved_by -= (self._weights @ moved_by)[:, None]
        self._pieces.append(moved_by[:, self._tracked].astype(np.float32))
        self._by_type.append(self._means @ moved_by)
        self._cell_sum += cells.sum(axis=0)
        self._volumes.append(np.abs(np.linalg.det(cells)))
        self.n_frames += len(cells)

    @property
    def _to_mean_cell(self) -> DoubleArray:
        """What turns displacements in the first frame's cell into those in the mean cell, (3, 3)."""
        mean = self._cell_sum / self.n_frames
        if np.allclose(mean, self._cell, rtol=1e-12, atol=1e-12):
            return np.eye(3)
        return np.linalg.inv(self._cell) @ mean

    @property
    def volumes(self) -> DoubleArray:
        """Volume of the cell in each frame, Å³."""
        return np.concatenate(self._volumes)

    def of_ions(self, ions: npt.NDArray[np.integer[Any]]) -> list[SingleArray]:
        """Displacements of some tracked ions, Å, in consecutive pieces (n, n_ions, 3), as the MSD takes them.

        :param ions: indices of atoms, in ascending order; all tracked ions are given without a copy.
        """
        turn = self._to_mean_cell
        columns = np.searchsorted(self._tracked, ions)
        whole = len(columns) == len(self._tracked)
        same = np.array_equal(turn, np.eye(3))
        pieces = self._pieces if whole else [piece[:, columns] for piece in self._pieces]
        return pieces if same else [np.matmul(piece, turn.astype(np.float32)) for piece in pieces]

    def by_type(self) -> DoubleArray:
        """Mean displacement of the atoms of each type, (n_frames, n_types, 3), Å, in the frame of the framework."""
        means: DoubleArray = np.concatenate(self._by_type) @ self._to_mean_cell
        return means

"""What all analyses of a trajectory share: its atoms, the cut-offs of its bonds, one frame with its neighbours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.structure.coordination import pair_cutoffs
from aiida_glassion.kernels.structure.neighbours import NeighbourList, neighbour_list

FloatArray = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class System:
    """What is known before the first frame is analysed.

    :param symbols: of the atoms, the same in every frame.
    :param elements: alphabetical; they number the types.
    :param types: (n_atoms,), index into ``elements``.
    :param pbc: periodic along each cell vector.
    :param roles: of each element: ``former``, ``modifier``, ``anion``.
    :param cutoffs: Å, by pair of elements, cation first (first minimum of g(r) of the surveyed frames, or given);
        pairs of formers or of anions where they bond (P–P, S–S).
    :param bond_lengths: Å, first maximum of g(r), by the same pairs.
    :param shortest_width: Å, the least distance between opposite faces of the cell over the surveyed frames.
    :param n_surveyed: frames that were looked at for all this.
    :param warnings: what the survey found odd.
    :param cutoff_sources: where each cut-off comes from, in words.
    """

    symbols: tuple[str, ...]
    elements: tuple[str, ...]
    types: npt.NDArray[np.int32]
    pbc: tuple[bool, bool, bool]
    roles: Mapping[str, str]
    cutoffs: Mapping[tuple[str, str], float]
    bond_lengths: Mapping[tuple[str, str], float]
    shortest_width: float
    n_surveyed: int
    warnings: tuple[str, ...] = ()
    cutoff_sources: Mapping[tuple[str, str], str] = field(default_factory=dict)

    @property
    def n_atoms(self) -> int:
        """Number of atoms."""
        return len(self.symbols)

    @cached_property
    def cutoff_matrix(self) -> FloatArray:
        """Cut-offs by types, (n_types, n_types), symmetric, Å; 0 where two elements make no bond."""
        return pair_cutoffs(self.elements, dict(self.cutoffs))


@dataclass(frozen=True, eq=False)
class View:
    """One frame, with what several analyses need of it, found once.

    :param system: whose frame it is.
    :param index: of the frame in the trajectory, as it was read.
    :param positions: (n_atoms, 3), Å.
    :param cell: (3, 3), Å, rows are the vectors.
    """

    system: System
    index: int
    positions: FloatArray
    cell: FloatArray

    @cached_property
    def bonds(self) -> NeighbourList:
        """All pairs nearer than the cut-off of their elements."""
        system = self.system
        return neighbour_list(self.positions, self.cell, system.cutoff_matrix, system.types, system.pbc)

    @cached_property
    def volume(self) -> float:
        """Å³."""
        return float(abs(np.linalg.det(self.cell)))


@dataclass(frozen=True, eq=False)
class Chunk:
    """Some consecutive frames, small enough for memory.

    :param frames: of ``system``.
    :param first: index of the first of them in the trajectory.
    """

    system: System
    frames: Frames
    first: int

    @cached_property
    def views(self) -> list[View]:
        """The frames one by one."""
        frames = self.frames
        return [
            View(self.system, self.first + index, np.asarray(frames.positions[index]), np.asarray(frames.cells[index]))
            for index in range(frames.n_frames)
        ]

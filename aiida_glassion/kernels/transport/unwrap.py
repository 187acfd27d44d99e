"""Displacements of atoms: boundaries undone, what the cell itself does left out, the drift of the framework removed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating[Any]]
DoubleArray = npt.NDArray[np.float64]

HALF = 0.5
"""A step of more than half the cell is not told from one the other way round."""


def fractional_coordinates(positions: FloatArray, cells: FloatArray) -> DoubleArray:
    """Coordinates along the cell vectors, not folded back into the cell.

    :param positions: (n_frames, n_atoms, 3), Å.
    :param cells: (n_frames, 3, 3), Å, rows are the vectors.
    :returns: (n_frames, n_atoms, 3), in units of the vectors.
    """
    found: DoubleArray = np.asarray(positions, dtype=np.float64) @ np.linalg.inv(np.asarray(cells, dtype=np.float64))
    return found


@dataclass(frozen=True)
class Jump:
    """The widest step of an atom between two frames.

    :param frame: index of the later frame, counted as the frames were given.
    :param atom: index of the atom.
    :param axis: cell vector along which it went furthest, 0 to 2.
    :param size: in units of that vector.
    :param n_atoms: how many atoms went further than half the cell in some step.
    """

    frame: int
    atom: int
    axis: int
    size: float
    n_atoms: int


def widest_jump(fractional: DoubleArray, pbc: Sequence[bool] = (True, True, True)) -> Jump | None:
    """The widest step beyond half a periodic cell vector; None where no atom goes so far.

    A wrapped trajectory shows steps of nearly a whole cell vector whenever an atom crosses a boundary.

    :param fractional: (n_frames, n_atoms, 3).
    :param pbc: periodic along each cell vector.
    """
    if len(fractional) < 2:
        return None
    steps = np.abs(np.diff(fractional, axis=0))[..., np.asarray(pbc, dtype=bool)]
    if not steps.size or (largest := float(steps.max())) <= HALF:
        return None
    frame, atom, axis = np.unravel_index(int(steps.argmax()), steps.shape)
    periodic = [i for i in range(3) if pbc[i]]
    beyond = int((steps > HALF).any(axis=(0, 2)).sum())
    return Jump(int(frame) + 1, int(atom), periodic[int(axis)], largest, beyond)


def unwrap_fractional(
    fractional: DoubleArray, pbc: Sequence[bool] = (True, True, True), before: DoubleArray | None = None
) -> DoubleArray:
    """Undo jumps at the boundaries: of all images of an atom, the one nearest to where it was.

    Right as long as no atom goes further than half the cell between two frames.

    :param fractional: (n_frames, n_atoms, 3), folded into the cell or not.
    :param pbc: periodic along each cell vector.
    :param before: (n_atoms, 3), unwrapped, of the frame before the first; None: the first is where it is.
    :returns: (n_frames, n_atoms, 3).
    """
    start = fractional[:1] if before is None else before[None]
    steps = np.diff(np.concatenate([start, fractional]), axis=0)
    whole = np.cumsum(np.rint(steps), axis=0)
    unwrapped: DoubleArray = fractional - np.where(np.asarray(pbc, dtype=bool), whole, 0.0)
    return unwrapped


def unwrapped_displacements(
    positions: FloatArray, cells: FloatArray, pbc: Sequence[bool] = (True, True, True), *, wrapped: bool
) -> DoubleArray:
    """Displacements from the first frame, without what a changing cell does to all atoms alike.

    Differences of fractional coordinates times the mean cell: where a barostat lets the cell breathe, an atom at rest
    among its neighbours stays at rest, however far from the origin it is (differences of unwrapped Cartesian
    coordinates grow with the number of cells that an atom has crossed).

    :param positions: (n_frames, n_atoms, 3), Å.
    :param cells: (n_frames, 3, 3), Å.
    :param wrapped: undo jumps at the boundaries first; otherwise they are an error.
    :returns: (n_frames, n_atoms, 3), Å.
    :raises ValueError: not wrapped, and yet an atom jumps.
    """
    fractional = fractional_coordinates(positions, cells)
    if wrapped:
        fractional = unwrap_fractional(fractional, pbc)
    elif (jump := widest_jump(fractional, pbc)) is not None:
        raise ValueError(say_jump(jump))
    displacements: DoubleArray = (fractional - fractional[0]) @ np.mean(cells, axis=0)
    return displacements


def say_jump(jump: Jump) -> str:
    """What is wrong with a trajectory whose atoms jump, in one sentence."""
    return (
        f'frame {jump.frame}: atom {jump.atom} moved by {jump.size:.2f} of the cell along {"abc"[jump.axis]} in one '
        f'step ({jump.n_atoms} such atoms): positions are wrapped into the cell; dump unwrapped ones (xu yu zu), or '
        'image flags'
    )


def remove_drift(displacements: FloatArray, reference: npt.NDArray[np.bool_]) -> DoubleArray:
    """Displacements in the frame of some atoms: their mean displacement is taken from all.

    :param displacements: (n_frames, n_atoms, 3), Å.
    :param reference: (n_atoms,), the atoms (a glass's framework) whose mean shall rest.
    :raises ValueError: no atom to refer to.
    """
    if not np.any(reference):
        raise ValueError('reference: no atom; the frame of the framework needs at least one')
    x = np.asarray(displacements, dtype=np.float64)
    relative: DoubleArray = x - x[:, np.asarray(reference, dtype=bool)].mean(axis=1, keepdims=True)
    return relative

"""A short row of numbers for a whole configuration, so that two of them have a distance: how differently atoms sit.

For each pair of elements (a, b) the neighbours b of every atom a are counted in overlapping smooth shells (cubic
B-splines in the distance, zero with two derivatives at the cutoff); the row keeps mean and standard deviation of these
counts over the atoms a. Fractions of the elements and the number density come last. Radial functions of this kind are
the G2 of Behler and Parrinello (Phys. Rev. Lett. 98, 146401 (2007)), here averaged over atoms of one element as global
descriptors are made of local ones (De, Bartók, Csányi and Ceriotti, Phys. Chem. Chem. Phys. 18, 13754 (2016)).

**What a distance means** (choice). A count is divided by its fluctuation in an ideal gas at 0.075 Å⁻³ (a silicate
glass), so that near and far shells weigh alike; rows of element a by √(fraction of a), so that a squared distance is a
mean over atoms, and the noise of few atoms of a rare element does not drown the rest. Independent frames of one melt of
100 atoms are about 1 apart. Bond angles are seen only through the distances that they make within 6 Å.

The row does not change with rotation, reflection, translation, the order of atoms or the choice of cell (a supercell
has that of its cell), and changes continuously with positions and cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.structure.neighbours import neighbour_list

FloatArray = npt.NDArray[np.floating[Any]]

CUTOFF = 6.0
"""Å."""
N_SHELLS = 13
"""Shells, 0.375 Å from centre to centre, the first at 0.75 Å."""
_GAS_DENSITY = 0.075
SETTINGS = {'version': 1, 'cutoff': CUTOFF, 'n_shells': N_SHELLS}
"""What rows must have in common to be compared; stored beside them."""


def n_columns(n_elements: int) -> int:
    """Length of a row."""
    return 2 * n_elements**2 * N_SHELLS + n_elements + 1


def shell_centres() -> FloatArray:
    """Distance at which each shell counts most, Å, (N_SHELLS,)."""
    centres: FloatArray = (np.arange(N_SHELLS) + 2) * CUTOFF / (N_SHELLS + 3)
    return centres


def describe(frames: Frames, elements: Sequence[str]) -> npt.NDArray[np.float32]:
    """Row of every frame.

    Columns: mean counts (centre a, neighbour b, shell), their standard deviations in the same order, fraction of each
    element, number density over 0.075 Å⁻³ (0 without a periodic cell). An element that is absent has zeros.

    :param frames: configurations, periodic or not.
    :param elements: those that the layout has room for, distinct; others may be among them than in the frames.
    :returns: (n_frames, :func:`n_columns`), dimensionless.
    :raises ValueError: an element of the frames is not among ``elements``.
    """
    columns = {element: index for index, element in enumerate(elements)}
    missing = [element for element in frames.elements if element not in columns]
    if missing or len(columns) < len(elements):
        raise ValueError(f'elements: {list(elements)} given, expected distinct ones with {", ".join(frames.elements)}')
    n = len(elements)
    types = np.array([columns[symbol] for symbol in frames.symbols], dtype=np.int64)
    numbers = np.bincount(types, minlength=n)
    weights = np.sqrt(numbers / max(1, frames.n_atoms))
    scale = weights[:, None, None] * _shell_scales()
    rows = np.zeros((frames.n_frames, n_columns(n)), dtype=np.float32)
    size = n * n * N_SHELLS
    periodic = all(frames.pbc)
    for index, (positions, cell) in enumerate(zip(frames.positions, frames.cells, strict=True)):
        pairs = neighbour_list(np.asarray(positions, float), np.asarray(cell, float), CUTOFF, pbc=frames.pbc)
        mean, square = _count(pairs.offsets, pairs.second, pairs.distances, types, n, N_SHELLS, CUTOFF)
        mean /= np.maximum(numbers, 1)[:, None, None]
        square /= np.maximum(numbers, 1)[:, None, None]
        spread = np.sqrt(np.maximum(square - mean**2, 0.0))
        rows[index, :size] = (mean * scale).ravel()
        rows[index, size : 2 * size] = (spread * scale).ravel()
        if periodic:
            rows[index, -1] = frames.n_atoms / abs(np.linalg.det(cell)) / _GAS_DENSITY
    rows[:, 2 * size : -1] = numbers / max(1, frames.n_atoms)
    return rows


def rearrange(rows: npt.NDArray[np.float32], old: Sequence[str], new: Sequence[str]) -> npt.NDArray[np.float32]:
    """Rows of one list of elements in the layout of another: what :func:`describe` would have given for it.

    :param rows: (n_frames, n_columns).
    :param old: elements of the rows.
    :param new: all of the old ones, others too, in any order.
    :raises ValueError: an old element has no place among the new ones, or the rows have another length.
    """
    if rows.ndim != 2 or rows.shape[1] != n_columns(len(old)):
        raise ValueError(f'rows: shape {rows.shape}, expected (n_frames, {n_columns(len(old))}) for {list(old)}')
    if list(old) == list(new):
        return rows
    missing = [element for element in old if element not in new]
    if missing:
        raise ValueError(f'elements: {list(new)} given, but rows have {", ".join(missing)} too')
    places = [list(new).index(element) for element in old]
    n_old, n_new, size = len(old), len(new), len(new) ** 2 * N_SHELLS
    moved = np.zeros((len(rows), n_columns(n_new)), dtype=np.float32)
    shells = np.zeros((len(rows), 2, n_new, n_new, N_SHELLS), dtype=np.float32)
    before = rows[:, : 2 * n_old**2 * N_SHELLS].reshape(len(rows), 2, n_old, n_old, N_SHELLS)
    shells[:, :, np.array(places)[:, None], places] = before
    moved[:, : 2 * size] = shells.reshape(len(rows), -1)
    moved[:, 2 * size + np.array(places)] = rows[:, -1 - n_old : -1]
    moved[:, -1] = rows[:, -1]
    return moved


@lru_cache
def _shell_scales() -> FloatArray:
    """One over the standard deviation of each shell's count in an ideal gas, ρ ∫ φ² dV (Campbell), (N_SHELLS,)."""
    r = np.linspace(0.0, CUTOFF, 20_001)[1:]
    height = CUTOFF / (N_SHELLS + 3)
    u = np.abs(r[:, None] - shell_centres()) / height
    inner, outer = 2 / 3 - u**2 + u**3 / 2, np.maximum(2 - u, 0) ** 3 / 6
    spline = np.where(u < 1, inner, outer)
    variance = _GAS_DENSITY * np.sum(4 * np.pi * r[:, None] ** 2 * spline**2, axis=0) * (r[1] - r[0])
    scales: FloatArray = 1 / np.sqrt(variance)
    return scales


@numba.njit(cache=True, nogil=True)
def _count(
    offsets: npt.NDArray[np.int64],
    second: npt.NDArray[np.int32],
    distances: FloatArray,
    types: npt.NDArray[np.int64],
    n_types: int,
    n_shells: int,
    cutoff: float,
) -> tuple[FloatArray, FloatArray]:
    """Sums over atoms of their counts and of the squares, by types of centre and neighbour and shell."""
    total = np.zeros((n_types, n_types, n_shells))
    square = np.zeros((n_types, n_types, n_shells))
    # room for three splines below the first shell and two above the last, so that no distance needs a question
    counts = np.empty((n_types, n_shells + 6))
    weights = np.empty(4)
    per_length = (n_shells + 3) / cutoff
    for atom in range(len(types)):
        counts[:] = 0.0
        for pair in range(offsets[atom], offsets[atom + 1]):
            u = distances[pair] * per_length
            i = min(int(u), n_shells + 2)
            f = u - i
            weights[0] = (1 - f) ** 3 / 6
            weights[1] = (3 * f**3 - 6 * f**2 + 4) / 6
            weights[2] = (-3 * f**3 + 3 * f**2 + 3 * f + 1) / 6
            weights[3] = f**3 / 6
            mine = counts[types[second[pair]]]
            for k in range(4):
                mine[i + k] += weights[k]
        a = types[atom]
        for b in range(n_types):
            for k in range(n_shells):
                x = counts[b, k + 3]
                total[a, b, k] += x
                square[a, b, k] += x * x
    return total, square

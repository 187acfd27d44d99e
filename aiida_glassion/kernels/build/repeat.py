"""A cell repeated along its vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.frames import Frames


def repeat_cell(frames: Frames, size: Sequence[int]) -> Frames:
    """Copies of the last frame side by side, one copy after the other; velocities are left out.

    :param size: how often along each cell vector.
    :raises ValueError: not three whole numbers of at least 1.
    """
    _check(size)
    cell = np.asarray(frames.cells[-1], dtype=np.float64)
    shifts = np.stack(np.meshgrid(*map(np.arange, size), indexing='ij'), axis=-1).reshape(-1, 3) @ cell
    positions = (shifts[:, None, :] + np.asarray(frames.positions[-1], dtype=np.float64)).reshape(1, -1, 3)
    copies = len(shifts)
    return Frames(
        symbols=frames.symbols * copies,
        positions=positions,
        cells=(cell * np.asarray(size, dtype=np.float64)[:, None])[None],
        pbc=frames.pbc,
        charges=None if frames.charges is None else np.tile(frames.charges, copies),
    )


def repeat_labels(labels: npt.NDArray[Any], size: Sequence[int]) -> npt.NDArray[Any]:
    """What there is of each atom, (n_atoms,), for the atoms of :func:`repeat_cell`.

    :raises ValueError: as :func:`repeat_cell`.
    """
    _check(size)
    return np.tile(labels, int(np.prod(size)))


def _check(size: Sequence[int]) -> None:
    wrong = [n for n in size if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1]
    if len(size) != 3 or wrong:
        raise ValueError(f'size: {list(size)}, expected three whole numbers of at least 1')

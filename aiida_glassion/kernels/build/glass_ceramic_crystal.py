"""The crystal as a potential has it: repeated to be relaxed, and its mean unit cell taken from that run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.build.glass_ceramic_order import mean_structure
from aiida_glassion.kernels.build.repeat import repeat_cell
from aiida_glassion.kernels.space.images import heights

FloatArray = npt.NDArray[np.float64]

MOST_SPREAD = 0.5
"""Å; a crystal whose unit cells differ by more, vibrations averaged out, is none any more with this potential."""


@dataclass(frozen=True, eq=False)
class MeanCrystal:
    """A crystal after a run at a temperature.

    :param frames: one unit cell, in the orientation of the one given.
    :param spread: largest root mean square, over the unit cells, of an atom's distance from its mean place, Å.
    :param report: JSON-ready: cell lengths (Å) and angles (degrees) given and used, density g/cm³, ``spread``.
    """

    frames: Frames
    spread: float
    report: dict[str, Any]


def supercell_size(cell: FloatArray, length: float) -> tuple[int, int, int]:
    """How often a cell must be repeated to be at least so high in every direction.

    :param cell: (3, 3), Å.
    :param length: Å.
    """
    a, b, c = (max(1, int(np.ceil(length / height - 1e-9))) for height in heights(np.asarray(cell, dtype=float)))
    return a, b, c


def supercell(crystal: Frames, length: float) -> Frames:
    """The crystal repeated so that it is at least so high in every direction."""
    return repeat_cell(crystal, supercell_size(crystal.cells[-1], length))


def mean_unit_cell(crystal: Frames, length: float, sample: Frames) -> MeanCrystal:
    """Mean unit cell of a supercell over some frames: as the potential has the crystal at that temperature.

    A crystal laid into a glass with the lattice constants of a measurement is strained as far as those of the potential
    differ, and gives way once it is set free.

    :param crystal: as it was repeated.
    :param length: least height of the supercell, Å, as it was repeated.
    :param sample: frames of the supercell, Å, the atoms in their order.
    :raises ValueError: its unit cells differ by more than :data:`MOST_SPREAD`.
    """
    size = np.array(supercell_size(crystal.cells[-1], length))
    own = np.asarray(crystal.cells[-1], dtype=np.float64)
    sites = np.asarray(crystal.positions[-1], dtype=np.float64) @ np.linalg.inv(own)
    positions, cell = mean_structure(sample)
    unit = cell / size[:, None]
    copies = int(size.prod())
    moved = positions @ np.linalg.inv(unit) - np.tile(sites, (copies, 1))
    moved -= np.rint(moved)
    moved = moved.reshape(copies, crystal.n_atoms, 3)
    moved -= moved.mean(axis=(0, 1))
    shift = moved.mean(axis=0)
    spread = float(np.sqrt((((moved - shift) @ unit) ** 2).sum(axis=2).mean(axis=0)).max())
    if spread > MOST_SPREAD:
        raise ValueError(
            f'its unit cells differ by {spread:.2f} Å, more than {MOST_SPREAD:g} Å: it is not stable with this '
            'potential at this temperature'
        )
    used = _turned_back(own, unit)
    frames = Frames(symbols=crystal.symbols, positions=((sites + shift) @ used)[None], cells=used[None])
    report = {
        'given': _parameters(own),
        'used': _parameters(used),
        'density_given': float(crystal.densities[-1]),
        'density': float(frames.densities[0]),
        'spread': spread,
        'n_frames': sample.n_frames,
    }
    return MeanCrystal(frames, spread, report)


def _turned_back(before: FloatArray, after: FloatArray) -> FloatArray:
    """A cell in the orientation of another: what leads from one to the other is a pure stretch."""
    from scipy.linalg import polar

    stretch = polar(np.linalg.inv(before) @ after, side='left')[1]
    return np.asarray(before @ stretch, dtype=np.float64)


def _parameters(cell: FloatArray) -> list[float]:
    from ase.geometry import cell_to_cellpar

    return [round(float(number), 5) for number in cell_to_cellpar(cell)]

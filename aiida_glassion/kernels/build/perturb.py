"""Structures near a crystal, to learn from: supercells, scaled, strained and with displaced atoms.

A potential that has only seen a crystal at rest knows no forces. What is made here is what J. Mater. Chem. A 12, 33518
(2024) began with, in the definitions of DP-GEN (Y. Zhang et al., Comput. Phys. Commun. 253, 107206 (2020)).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.structure.closest import closest_atoms

FloatArray = npt.NDArray[np.floating[Any]]

DISTRIBUTIONS = ('normal', 'uniform')
LARGEST_STRAIN = 0.3
"""A larger one could turn the cell inside out: three shears of this size still leave it a volume."""


def repeats_for(cell: FloatArray, wanted: int | Sequence[int] | None, least_height: float | None = None) -> list[int]:
    """How often to repeat a cell along its three vectors.

    :param cell: (3, 3), Å, rows are the cell vectors.
    :param wanted: three numbers, or one for all directions; None: as few as give ``least_height``.
    :param least_height: smallest distance of opposite faces that the supercell shall have, Å.
    :raises ValueError: not whole numbers above 0, or neither was given.
    """
    if wanted is None:
        if least_height is None or not 0 < least_height < math.inf:
            raise ValueError(f'supercell: give repeats, e.g. [2, 2, 2], or a least height in Å, not {least_height!r}')
        heights = 1 / np.linalg.norm(np.linalg.inv(cell), axis=0)
        return [max(1, math.ceil(least_height / height - 1e-9)) for height in heights]
    numbers = [wanted] * 3 if isinstance(wanted, int) else list(wanted)
    whole = all(isinstance(number, int) and not isinstance(number, bool) and number >= 1 for number in numbers)
    if len(numbers) != 3 or not whole:
        raise ValueError(f'supercell: {wanted!r} given, expected three whole numbers above 0, e.g. [2, 2, 2]')
    return numbers


def supercell(frames: Frames, repeats: Sequence[int]) -> Frames:
    """Repeat every frame along its cell vectors; the atoms come cell by cell, the last direction fastest.

    Only positions, cells and charges are kept: labels and velocities of the small cell are none of the large one.

    :param repeats: three whole numbers above 0.
    """
    numbers = repeats_for(frames.cells[-1], repeats)
    shifts = np.array([(i, j, k) for i in range(numbers[0]) for j in range(numbers[1]) for k in range(numbers[2])])
    moves = shifts @ frames.cells
    positions = (frames.positions[:, None] + moves[:, :, None]).reshape(frames.n_frames, -1, 3)
    return Frames(
        symbols=frames.symbols * len(shifts),
        positions=positions,
        cells=frames.cells * np.array(numbers)[:, None],
        pbc=frames.pbc,
        charges=None if frames.charges is None else np.tile(frames.charges, len(shifts)),
    )


def scaled(frames: Frames, factor: float) -> Frames:
    """Multiply every length by a factor (choice: the length, not the volume, as DP-GEN does); labels are dropped.

    :param factor: 0.95 shortens each cell vector by 5 % and takes 14 % of the volume.
    :raises ValueError: not between 0.5 and 2.
    """
    if not 0.5 <= factor <= 2:
        raise ValueError(f'scale: {factor!r} given, expected a factor of the lengths between 0.5 and 2')
    return _bare(frames, frames.positions * factor, frames.cells * factor)


def strain_tensors(number: int, strain: float, generator: np.random.Generator) -> FloatArray:
    """Random symmetric strains: a pure stretch, which does not turn the crystal.

    The six Voigt components are independent and uniform between ``-strain`` and ``strain``; an off-diagonal element of
    the tensor is half its (engineering) component.

    :param strain: 0.03 for a cell perturbation of 3 %.
    :returns: (number, 3, 3); the cell becomes ``cell @ (1 + tensor)``.
    :raises ValueError: the strain is negative or too large.
    """
    if not 0 <= strain <= LARGEST_STRAIN:
        raise ValueError(f'strain: {strain!r} given, expected a fraction between 0 and {LARGEST_STRAIN}, e.g. 0.03')
    voigt = generator.uniform(-1.0, 1.0, (number, 6)) * strain
    tensors = np.zeros((number, 3, 3))
    tensors[:, range(3), range(3)] = voigt[:, :3]
    for component, (i, j) in enumerate([(1, 2), (0, 2), (0, 1)], start=3):
        tensors[:, i, j] = tensors[:, j, i] = voigt[:, component] / 2
    return tensors


def displacements(
    number: int, n_atoms: int, length: float, distribution: str, generator: np.random.Generator
) -> FloatArray:
    """Random displacements of atoms whose mean over the atoms of a structure is zero: nothing drifts as a whole.

    :param length: Å. ``normal``: root mean square of the displacement's length, each component having a standard
        deviation of ``length``/√3. ``uniform``: radius of the sphere that they fill evenly, before the mean is removed.
    :param distribution: ``normal`` or ``uniform``.
    :returns: (number, n_atoms, 3), Å. One atom alone is not displaced.
    :raises ValueError: the length is negative or beyond 2 Å, or the distribution is unknown.
    """
    if not 0 <= length <= 2:
        raise ValueError(f'displacement: {length!r} given, expected a length between 0 and 2 Å, e.g. 0.01')
    if distribution not in DISTRIBUTIONS:
        raise ValueError(f'distribution: {distribution!r} given, expected one of {", ".join(DISTRIBUTIONS)}')
    moves: FloatArray = generator.standard_normal((number, n_atoms, 3))
    if distribution == 'uniform':
        radii = length * np.cbrt(generator.uniform(0.0, 1.0, (number, n_atoms, 1)))
        moves *= radii / np.linalg.norm(moves, axis=2, keepdims=True)
    else:
        moves *= length / math.sqrt(3) * math.sqrt(n_atoms / max(1, n_atoms - 1))
    moves -= moves.mean(axis=1, keepdims=True)
    return moves


def perturbed(
    frames: Frames, number: int, displacement: float, strain: float, distribution: str, generator: np.random.Generator
) -> Frames:
    """Strain the last frame at random, then displace its atoms.

    :param number: how many structures to make.
    :param displacement: see :func:`displacements`, Å.
    :param strain: see :func:`strain_tensors`.
    """
    stretch = np.eye(3) + strain_tensors(number, strain, generator)
    moves = displacements(number, frames.n_atoms, displacement, distribution, generator)
    return _bare(frames, frames.positions[-1] @ stretch + moves, frames.cells[-1] @ stretch)


def too_close(frames: Frames, fraction: float) -> list[str]:
    """What is wrong with each frame: its pair of atoms nearer than a fraction of their covalent radii's sum.

    :param fraction: 0.6 lets a bond be compressed by about a third; 0 switches the check off.
    :returns: (n_frames,) a sentence with pair and distance, Å, or an empty string.
    """
    return [
        '' if close is None else f'{close.pair} {close.distance:.3f} Å, nearer than {close.limit:.3f} Å'
        for close in closest_atoms(frames, fraction)
    ]


@dataclass(frozen=True)
class Perturbation:
    """How to make structures around a crystal.

    :param repeats: of the cell, see :func:`repeats_for`; None: as few as give ``least_height``.
    :param least_height: smallest distance of opposite faces, Å, where ``repeats`` is None.
    :param scales: factors of the lengths.
    :param structures: perturbed structures altogether, shared evenly among the scales.
    :param unperturbed: whether the scaled crystal itself is one of the structures too.
    :param displacement: of the atoms, Å, see :func:`displacements`.
    :param distribution: ``normal`` or ``uniform``.
    :param strain: of the cell, fraction, see :func:`strain_tensors`.
    :param closest: see :func:`too_close`.
    :param max_atoms: most atoms that a structure may have.
    """

    repeats: int | Sequence[int] | None = (2, 2, 2)
    least_height: float | None = None
    scales: Sequence[float] = (0.95, 1.0, 1.05)
    structures: int = 30
    unperturbed: bool = True
    displacement: float = 0.01
    distribution: str = 'normal'
    strain: float = 0.03
    closest: float = 0.6
    max_atoms: int = 1000

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        :raises ValueError: names the setting, what was given and what would be right.
        """
        if self.repeats is not None or self.least_height is None:
            repeats_for(np.eye(3), self.repeats, self.least_height)
        if isinstance(self.scales, (str, int, float)) or not self.scales:
            raise ValueError(f'scales: {self.scales!r} given, expected a list of factors, e.g. [0.95, 1.0, 1.05]')
        for scale in self.scales:
            if isinstance(scale, bool) or not isinstance(scale, (int, float)) or not 0.5 <= scale <= 2:
                raise ValueError(f'scales: {scale!r} given, expected factors of the lengths between 0.5 and 2')
        for name, least in (('structures', 0), ('max_atoms', 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ValueError(f'{name}: {value!r} given, expected a whole number of at least {least}')
        if not self.structures and not self.unperturbed:
            raise ValueError('structures: 0 given and unperturbed is false: nothing would be made')
        for name in ('displacement', 'strain', 'closest'):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise ValueError(f'{name}: {value!r} given, expected a number')
        if not 0 <= self.closest < 1:
            raise ValueError(f'closest: {self.closest!r} given, expected a fraction of the radii, 0 to below 1')
        generator = np.random.default_rng(0)
        strain_tensors(0, self.strain, generator)
        displacements(0, 1, self.displacement, self.distribution, generator)


@dataclass(frozen=True)
class PerturbedCrystal:
    """Structures around a crystal.

    :param frames: those that may be labelled; None: none is left.
    :param scales: scale of each frame.
    :param refused: what was left out: index in the order of making, scale and reason.
    :param repeats: of the cell.
    """

    frames: Frames | None
    scales: list[float]
    refused: list[dict[str, Any]] = field(default_factory=list)
    repeats: list[int] = field(default_factory=list)


def perturb_crystal(frames: Frames, settings: Perturbation, seed: int) -> PerturbedCrystal:
    """Repeat the last frame, scale it, perturb it; leave out structures whose atoms came too close.

    Scale by scale: first the scaled crystal itself (if wanted), then its perturbed structures. The numbers of a scale
    come from a stream of their own, so that another list of scales changes nothing in those that stay.

    :param seed: 0 or more.
    :raises ValueError: not periodic, or more atoms than ``max_atoms``.
    """
    if not all(frames.pbc):
        raise ValueError(f'periodic in {frames.pbc}, expected a crystal periodic in all three directions')
    repeats = repeats_for(frames.cells[-1], settings.repeats, settings.least_height)
    n_atoms = frames.n_atoms * math.prod(repeats)
    if n_atoms > settings.max_atoms:
        raise ValueError(
            f'a supercell of {" × ".join(map(str, repeats))} has {n_atoms} atoms, more than max_atoms '
            f'({settings.max_atoms}): take fewer repeats, or allow more atoms'
        )
    start = supercell(_bare(frames, frames.positions[-1:], frames.cells[-1:]), repeats)
    shares = np.array_split(np.arange(settings.structures), len(settings.scales))
    parts: list[Frames] = []
    scales: list[float] = []
    for scale, share in zip(settings.scales, shares, strict=True):
        generator = np.random.default_rng([seed, round(scale * 1e9)])
        crystal = scaled(start, scale)
        if settings.unperturbed:
            parts.append(crystal)
        if len(share):
            options = (settings.displacement, settings.strain, settings.distribution)
            parts.append(perturbed(crystal, len(share), *options, generator))
        scales += [float(scale)] * (len(share) + settings.unperturbed)
    made = Frames.concatenate(parts)
    said = too_close(made, settings.closest)
    good = [index for index, text in enumerate(said) if not text]
    refused = [{'index': i, 'scale': scales[i], 'reason': text} for i, text in enumerate(said) if text]
    return PerturbedCrystal(made[good] if good else None, [scales[i] for i in good], refused, repeats)


def _bare(frames: Frames, positions: FloatArray, cells: FloatArray) -> Frames:
    """The same atoms elsewhere, without what belonged to where they were."""
    return Frames(frames.symbols, positions, cells, frames.pbc, charges=frames.charges)

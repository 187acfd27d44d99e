"""The gate: which labelled frames must not be learned from, and why.

One wrong frame among thousands is enough to spoil a model: its forces are the largest of all, so the loss follows it.
Every refusal has a kind and a sentence with the numbers, so that the limits themselves can be judged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.structure.closest import closest_atoms

Array = npt.NDArray[np.float64]

MAD_TO_SIGMA = 1.4826
"""Standard deviation of normally distributed numbers over their median absolute deviation."""
MOVED = 1e-3
"""Å. A label belongs to the frame that was asked for only if no atom lies further from its place."""


@dataclass(frozen=True)
class Limits:
    """What a frame must keep.

    :param max_force: largest force on an atom, eV/Å; None: no limit.
    :param min_distance_factor: shortest distance of two atoms over the sum of their covalent radii; None: no limit.
    :param max_energy_z: distance of the energy per atom from the median, in robust standard deviations; None: no limit.
    :param energy_spread_floor: smallest standard deviation that is assumed, eV/atom, so that frames which are all
        alike do not refuse each other over nothing.
    :param min_frames: fewer frames than this have no statistics: their energies are not judged.
    :param labels: which of ``energies``, ``forces``, ``virials`` every frame needs; virials only where it is periodic.
    :raises ValueError: a limit that cannot be.
    """

    max_force: float | None = 50.0
    min_distance_factor: float | None = 0.5
    max_energy_z: float | None = 10.0
    energy_spread_floor: float = 0.005
    min_frames: int = 10
    labels: tuple[str, ...] = ('energies', 'forces', 'virials')

    def __post_init__(self) -> None:
        object.__setattr__(self, 'labels', tuple(self.labels))
        for name in ('max_force', 'min_distance_factor', 'max_energy_z', 'energy_spread_floor', 'min_frames'):
            value = getattr(self, name)
            if value is None and name.startswith(('max_', 'min_d')):
                continue
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < float('inf'):
                raise ValueError(f'gate.{name}: {value!r} given, expected a positive number')
        unknown = sorted(set(self.labels) - {'energies', 'forces', 'virials'})
        if unknown or 'energies' not in self.labels:
            raise ValueError(
                f'gate.labels: {list(self.labels)} given, expected energies and what else of forces, virials'
            )


@dataclass(frozen=True)
class Refusal:
    """Why a frame is refused.

    :param kind: ``too_close``, ``wrong_atoms``, ``missing``, ``not_finite``, ``large_force``, ``energy_outlier``.
    :param reason: one sentence with the numbers.
    """

    kind: str
    reason: str


def check_geometry(frames: Frames, limits: Limits) -> dict[int, Refusal]:
    """Refuse configurations with atoms that are too close: nobody can label them, and no one should learn them.

    :param frames: configurations.
    :param limits: see :class:`Limits`.
    :returns: refusal by index of the frame.
    """
    if limits.min_distance_factor is None:
        return {}
    refused = {}
    for index, close in enumerate(closest_atoms(frames, limits.min_distance_factor)):
        if close is not None:
            pair = f'{frames.symbols[close.first]} {close.first} and {frames.symbols[close.second]} {close.second}'
            refused[index] = Refusal(
                'too_close', f'{pair} are {close.distance:.3f} Å apart, less than {close.limit:.3f} Å'
            )
    return refused


def check_labels(asked: Frames, labelled: Frames, limits: Limits) -> Refusal | None:
    """Judge the labels of one frame by themselves.

    :param asked: the frame as it was given, one frame.
    :param labelled: the frame with its labels, one frame, as the engine gave it back.
    :param limits: see :class:`Limits`.
    :returns: None: good.
    """
    if labelled.symbols != asked.symbols:
        return Refusal('wrong_atoms', f'{_formula(labelled)} was labelled, {_formula(asked)} was asked for')
    moved = float(np.abs(_minimum_image(labelled, asked)).max())
    strained = float(np.abs(np.asarray(labelled.cells) - asked.cells).max()) if any(asked.pbc) else 0.0
    if moved > MOVED or strained > MOVED:
        return Refusal(
            'wrong_atoms', f'the labels are those of other atoms: moved by {moved:.3g} Å, cell by {strained:.3g} Å'
        )
    missing = [
        name for name in limits.labels if getattr(labelled, name) is None and (name != 'virials' or all(asked.pbc))
    ]
    if missing:
        return Refusal('missing', f'no {" and no ".join(missing)} among the labels')
    for name in ('energies', 'forces', 'virials'):
        values = getattr(labelled, name)
        if values is not None and not np.isfinite(values).all():
            return Refusal('not_finite', f'{name} that are no numbers')
    if limits.max_force is not None and labelled.forces is not None:
        norms = np.linalg.norm(labelled.forces[0], axis=1)
        atom = int(norms.argmax())
        if norms[atom] > limits.max_force:
            return Refusal(
                'large_force',
                f'{norms[atom]:.4g} eV/Å on {labelled.symbols[atom]} {atom}, more than {limits.max_force:g} eV/Å',
            )
    return None


def check_energies(counts: Sequence[Mapping[str, int]], energies: npt.ArrayLike, limits: Limits) -> dict[int, Refusal]:
    """Refuse energies per atom far from those of their like.

    Frames of one composition are compared with their own median, in robust standard deviations (1.4826 times the
    median absolute deviation; Leys et al., J. Exp. Soc. Psychol. 49, 764 (2013)). Compositions with fewer frames than
    ``limits.min_frames`` are put together, after the part of the energy that is linear in the numbers of atoms was
    taken away (least squares on the medians of all compositions); that judges them only where there are more
    compositions than elements.

    :param counts: atoms of each element, of each frame.
    :param energies: (n_frames,), eV, of the whole cell.
    :param limits: see :class:`Limits`.
    :returns: refusal by index of the frame.
    """
    if limits.max_energy_z is None or not len(counts):
        return {}
    sizes = np.array([sum(count.values()) for count in counts], dtype=float)
    per_atom = np.asarray(energies, dtype=float) / sizes
    names = [_name(count) for count in counts]
    members = {name: np.flatnonzero(np.array(names) == name) for name in dict.fromkeys(names)}
    refused: dict[int, Refusal] = {}
    for name, rows in members.items():
        if len(rows) >= limits.min_frames:
            refused |= _outliers(rows, per_atom[rows], limits, f'the {len(rows)} frames of {name}')
    few = [name for name, rows in members.items() if len(rows) < limits.min_frames]
    together = np.concatenate([members[name] for name in few]) if few else np.empty(0, dtype=int)
    if len(together) < limits.min_frames or len(members) <= len({e for count in counts for e in count}):
        return refused
    residual = per_atom[together] - _linear_part(members, per_atom, counts)[together]
    refused |= _outliers(together, residual, limits, f'{len(together)} frames of {len(few)} compositions')
    return dict(sorted(refused.items()))


def _outliers(rows: npt.NDArray[Any], values: Array, limits: Limits, like: str) -> dict[int, Refusal]:
    median = float(np.median(values))
    spread = max(MAD_TO_SIGMA * float(np.median(np.abs(values - median))), limits.energy_spread_floor)
    largest = limits.max_energy_z or float('inf')
    return {
        int(row): Refusal(
            'energy_outlier',
            f'{value - median:+.4g} eV/atom from the median of {like}: {abs(value - median) / spread:.3g} robust '
            f'standard deviations of {spread:.3g} eV/atom, more than {largest:g}',
        )
        for row, value in zip(rows, values, strict=True)
        if abs(value - median) > largest * spread
    }


def _linear_part(
    members: Mapping[str, npt.NDArray[Any]], per_atom: Array, counts: Sequence[Mapping[str, int]]
) -> Array:
    """Energy per atom of each frame as a sum over its elements, eV/atom."""
    elements = sorted({element for count in counts for element in count})
    firsts = [rows[0] for rows in members.values()]
    fractions = np.array([[count.get(e, 0) for e in elements] for count in counts], dtype=float)
    fractions /= fractions.sum(axis=1, keepdims=True)
    medians = np.array([np.median(per_atom[rows]) for rows in members.values()])
    shifts = np.linalg.lstsq(fractions[firsts], medians, rcond=None)[0]
    linear: Array = fractions @ shifts
    return linear


def _minimum_image(labelled: Frames, asked: Frames) -> Array:
    """How far each atom lies from where it should, Å; whole cell vectors do not count."""
    moved = np.asarray(labelled.positions[0], dtype=float) - asked.positions[0]
    if any(asked.pbc):
        cell = np.asarray(asked.cells[0], dtype=float)
        moved = moved - np.rint(moved @ np.linalg.inv(cell)) * np.asarray(asked.pbc, dtype=float) @ cell
    return np.asarray(moved, dtype=np.float64)


def _name(counts: Mapping[str, int]) -> str:
    return ''.join(f'{element}{number}' for element, number in sorted(counts.items()) if number)


def _formula(frames: Frames) -> str:
    return _name(frames.counts)

"""What models predict beside what they were to predict: the arrays of a parity plot, and the disagreement of models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.learning.deviation import atom_deviations

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class Parity:
    """Reference and prediction of labelled frames of any compositions; NaN where a frame has no such label.

    Atoms stand frame after frame, so that atom arrays have ``n_atoms.sum()`` rows.

    :param formulas: formula of each frame (atoms of the cell), length n_frames.
    :param n_atoms: atoms of each frame, (n_frames,).
    :param elements: the elements that ``atom_elements`` counts.
    :param atom_elements: index of each atom's element, (n_atoms_total,).
    :param energies: reference energy of each cell, eV, (n_frames,).
    :param predicted_energies: eV, (n_frames,).
    :param forces: reference force on each atom, eV/Å, (n_atoms_total, 3).
    :param predicted_forces: eV/Å, (n_atoms_total, 3).
    :param virials: reference virial of each cell, eV, positive under pressure, (n_frames, 3, 3); None: none known.
    :param predicted_virials: eV, (n_frames, 3, 3).
    :raises ValueError: a shape does not fit, or a prediction is not finite where there is a reference.
    """

    formulas: tuple[str, ...]
    n_atoms: IntArray
    elements: tuple[str, ...]
    atom_elements: IntArray
    energies: FloatArray
    predicted_energies: FloatArray
    forces: FloatArray
    predicted_forces: FloatArray
    virials: FloatArray | None = None
    predicted_virials: FloatArray | None = None

    def __post_init__(self) -> None:
        n_frames, n_total = len(self.formulas), int(np.sum(self.n_atoms))
        if (self.virials is None) != (self.predicted_virials is None):
            raise ValueError('virials: reference and prediction belong together')
        shapes = {
            'n_atoms': (n_frames,),
            'atom_elements': (n_total,),
            'energies': (n_frames,),
            'forces': (n_total, 3),
            'virials': (n_frames, 3, 3),
        }
        for name, shape in shapes.items():
            for key in (name, f'predicted_{name}'):
                array = getattr(self, key, None)
                if array is not None and np.shape(array) != shape:
                    raise ValueError(f'{key}: shape {np.shape(array)}, expected {shape}')
        for name in ('energies', 'forces', 'virials'):
            reference, predicted = getattr(self, name), getattr(self, f'predicted_{name}')
            if reference is not None and not np.isfinite(predicted[np.isfinite(reference)]).all():
                raise ValueError(f'predicted_{name}: not finite (NaN or infinity)')

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Every array that is present, by name; ``formula`` holds the index of each frame's formula."""
        names = list(dict.fromkeys(self.formulas))
        found: dict[str, npt.NDArray[Any]] = {'formula': np.array([names.index(name) for name in self.formulas])}
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name not in ('formulas', 'elements') and value is not None:
                found[field.name] = np.asarray(value)
        return found

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, npt.NDArray[Any]], formulas: Sequence[str], elements: Sequence[str]
    ) -> Parity:
        """The reverse of :meth:`arrays`.

        :param arrays: by name; others are left aside.
        :param formulas: the distinct ones, in the order that ``formula`` counts.
        :param elements: as ``atom_elements`` counts.
        """
        names = {field.name for field in fields(cls)}
        chosen: dict[str, Any] = {name: array for name, array in arrays.items() if name in names}
        return cls(formulas=tuple(formulas[int(i)] for i in arrays['formula']), elements=tuple(elements), **chosen)

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return len(self.formulas)

    @property
    def frame_of_atom(self) -> IntArray:
        """Index of the frame that each atom belongs to, (n_atoms_total,)."""
        frames: IntArray = np.repeat(np.arange(self.n_frames), self.n_atoms)
        return frames

    @property
    def max_force_errors(self) -> FloatArray:
        """Length of the largest error of a force in each frame, eV/Å, (n_frames,); NaN: without forces."""
        lengths = np.linalg.norm(self.predicted_forces - self.forces, axis=1)
        return _max_of_each(lengths, self.n_atoms)


def check_same_frames(members: Sequence[Parity]) -> None:
    """Refuse parities that are not of the same frames.

    :raises ValueError: none is given, or they differ in frames, atoms or references.
    """
    if not members:
        raise ValueError('no parity given')
    first = members[0]
    for other in members[1:]:
        same = first.formulas == other.formulas and first.elements == other.elements
        same = same and np.array_equal(first.atom_elements, other.atom_elements)
        if not (same and np.allclose(first.energies, other.energies, rtol=1e-6, atol=1e-6, equal_nan=True)):
            raise ValueError('the members were tested on different frames')


def mean_prediction(members: Sequence[Parity]) -> Parity:
    """Prediction of the committee as a whole: the mean over its members.

    :raises ValueError: the members were tested on different frames.
    """
    check_same_frames(members)
    names = ['energies', 'forces'] + ['virials'] * all(member.virials is not None for member in members)
    means: dict[str, Any] = {
        f'predicted_{name}': np.mean([getattr(member, f'predicted_{name}') for member in members], axis=0)
        for name in names
    }
    if 'virials' not in names:
        means |= {'virials': None, 'predicted_virials': None}
    return replace(members[0], **means)


def force_deviations(members: Sequence[Parity]) -> FloatArray:
    """Largest disagreement of the members about a force in each frame, eV/Å, (n_frames,).

    ``ε = max_i √⟨|F_i − ⟨F_i⟩|²⟩`` with means over the members (Zhang et al., Phys. Rev. Mater. 3, 023804 (2019)), the
    number that ``pair_style deepmd`` writes as ``max_devi_f``.

    :raises ValueError: fewer than two members, or tested on different frames.
    """
    check_same_frames(members)
    if len(members) < 2:
        raise ValueError(f'{len(members)} member: two at least can disagree')
    return _max_of_each(_deviation_of_atoms(members), members[0].n_atoms)


def error_over_deviation(members: Sequence[Parity]) -> float:
    """How many times larger than the members' disagreement the error of their mean is, over all atoms (rms / rms).

    Members that err independently around the truth give 1/√(n − 1) for n members; a value far above it means that
    they err together: then a small deviation promises more than is kept.

    :raises ValueError: fewer than two members, different frames, or no forces.
    """
    check_same_frames(members)
    mean = mean_prediction(members)
    errors = np.sum((mean.predicted_forces - mean.forces) ** 2, axis=1)
    known = np.isfinite(errors)
    if not known.any():
        raise ValueError('no frame has forces')
    disagreement = float(np.mean(_deviation_of_atoms(members)[known] ** 2))
    return float(np.sqrt(errors[known].mean() / disagreement)) if disagreement > 0 else float('inf')


def _deviation_of_atoms(members: Sequence[Parity]) -> FloatArray:
    forces = np.stack([member.predicted_forces for member in members])
    deviations: FloatArray = atom_deviations(forces[:, None])[0]
    return deviations


def _max_of_each(values: FloatArray, n_atoms: IntArray) -> FloatArray:
    starts = np.concatenate([[0], np.cumsum(n_atoms)[:-1]]).astype(np.intp)
    largest: FloatArray = np.maximum.reduceat(values, starts) if len(values) else np.zeros(0)
    return largest

"""How far the models of a committee disagree about a configuration.

``ε_i = √⟨|F_i − ⟨F_i⟩|²⟩``, means over the models, for the force on atom i (L. Zhang et al., Phys. Rev. Mater. 3,
023804 (2019), eq. 4); DP-GEN judges a configuration by its largest (Y. Zhang et al., Comput. Phys. Commun. 253, 107206
(2020)). The mean is over all models, not over one less.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating[Any]]


def atom_deviations(forces: FloatArray) -> FloatArray:
    """Disagreement about the force on each atom.

    :param forces: (n_models, n_frames, n_atoms, 3), eV/Å.
    :returns: (n_frames, n_atoms), eV/Å.
    :raises ValueError: another shape, or fewer than two models.
    """
    if np.ndim(forces) != 4 or np.shape(forces)[-1] != 3:
        raise ValueError(f'forces: shape {np.shape(forces)}, expected (n_models, n_frames, n_atoms, 3)')
    _check_models(forces)
    deviations: FloatArray = np.sqrt(np.sum(np.var(forces, axis=0), axis=-1))
    return deviations


def force_deviation(forces: FloatArray) -> dict[str, FloatArray]:
    """Largest, smallest and mean disagreement over the atoms of each frame.

    :param forces: (n_models, n_frames, n_atoms, 3), eV/Å.
    :returns: ``max_force_deviation``, ``min_force_deviation``, ``mean_force_deviation``, each (n_frames,), eV/Å.
    """
    deviations = atom_deviations(forces)
    return {
        'max_force_deviation': deviations.max(axis=1),
        'min_force_deviation': deviations.min(axis=1),
        'mean_force_deviation': deviations.mean(axis=1),
    }


def virial_deviation(virials: FloatArray, n_atoms: int) -> dict[str, FloatArray]:
    """Largest, smallest and root mean square disagreement over the nine components of the virial, per atom.

    :param virials: (n_models, n_frames, 3, 3), eV.
    :param n_atoms: atoms of a frame.
    :returns: ``max_virial_deviation``, ``min_virial_deviation``, ``mean_virial_deviation``, each (n_frames,), eV/atom.
    :raises ValueError: another shape, or fewer than two models.
    """
    if np.ndim(virials) != 4 or np.shape(virials)[-2:] != (3, 3):
        raise ValueError(f'virials: shape {np.shape(virials)}, expected (n_models, n_frames, 3, 3)')
    _check_models(virials)
    spread = np.std(virials / n_atoms, axis=0).reshape(np.shape(virials)[1], 9)
    return {
        'max_virial_deviation': spread.max(axis=1),
        'min_virial_deviation': spread.min(axis=1),
        'mean_virial_deviation': np.sqrt(np.mean(spread**2, axis=1)),
    }


def _check_models(array: FloatArray) -> None:
    if np.shape(array)[0] < 2:
        raise ValueError(f'{np.shape(array)[0]} model given: one alone cannot disagree')

"""Two trust levels sort visited configurations: accurate < lower ≤ candidate < upper ≤ failed.

The number that is compared is the largest force deviation of a frame (:mod:`.deviation`), in DP-GEN's manner (Y. Zhang
et al., Comput. Phys. Commun. 253, 107206 (2020)): where the committee agrees there is nothing to learn, where it
disagrees without measure the configuration itself is suspect. Deviations of the virial may be judged beside it: a frame
is candidate if either says so and failed if either says so. How the levels are found: :mod:`.calibration`.

**Relative deviation** (option ``relative``: w, eV/Å). Large forces carry large errors, so in DP-GEN's and LAMMPS'
``relative`` the deviation of each atom is divided by |F| + w. Runs record the largest deviation of a frame only, so
here it is the frame's force that counts (choice): ``d → d · w / (F + w)`` with F = √⟨|F_i|²⟩ over the atoms of the
frame. It is still in eV/Å, equal to d where there is no force, and w times DP-GEN's number if all forces were alike. It
needs the forces in the trajectory. A run that is stopped while it goes on is judged by its deviation in eV/Å alone,
against what a relative level means at the largest forces known (:func:`at_force`).
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, PositiveFloat, model_validator

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.learning.settings import Settings

FloatArray = npt.NDArray[np.floating[Any]]

ACCURATE, CANDIDATE, FAILED = 0, 1, 2

RELATIVE = 0.5
"""eV/Å, w of calibrated levels unless another is given: less than the rms force in an oxide or sulphide glass at 300 K,
so that there, too, the errors that count are a part of the forces."""


class LevelSettings(Settings):
    """How the trust levels are found; the words for each key stand in ``protocols/active_learning.yaml``."""

    kind: Literal['fixed', 'calibrated'] = 'calibrated'
    lower: float = Field(0.05, gt=0, description='eV/Å; of kind fixed, and where there is nothing to calibrate with.')
    upper: float = Field(0.15, gt=0, description='eV/Å; likewise.')
    quantile: float = Field(0.9, gt=0, lt=1, description='Share of held-out frames whose error the ratio must cover.')
    accept_error: float | None = Field(None, gt=0, description='Largest force error of a frame to live with, eV/Å.')
    accept_over_rms: float = Field(0.25, gt=0, description='Instead: over the rms force component, or w.')
    reject_error: float | None = Field(None, gt=0, description='Largest force error that makes a frame suspect, eV/Å.')
    reject_over_rms: float = Field(1.0, gt=0, description='Instead: over the rms force component, or w.')
    floor_quantile: float = Field(0.95, gt=0, le=1, description='Share of held-out frames that should be accurate.')
    floor_factor: float = Field(1.2, gt=0, description='Times the deviation of that quantile: least lower level.')
    floor_full: float = Field(1.2, ge=1, description='Test over training error up to which that least level holds.')
    floor_none: float = Field(1.6, gt=1, description='The same ratio from which on it does not.')
    largest_factor: float = Field(2.0, ge=1, description='Lower level over the largest held-out deviation, at most.')
    upper_over_lower: float = Field(3.0, gt=1, description='Least ratio of the levels.')
    min_frames: int = Field(20, ge=2, description='Held-out frames that a calibration needs.')
    relative: Literal['auto'] | PositiveFloat | None = Field(
        'auto', description='Deviations relative to the forces, w in eV/Å; None: not; auto: 0.5 where calibrated.'
    )

    @model_validator(mode='after')
    def _ordered(self) -> LevelSettings:
        if self.upper <= self.lower:
            raise ValueError(f'upper ({self.upper:g}) must be above lower ({self.lower:g}) eV/Å')
        accept, reject = self.accept_error, self.reject_error
        if accept is not None and reject is not None and reject <= accept:
            raise ValueError(f'reject_error ({reject:g}) must be above accept_error ({accept:g}) eV/Å')
        if accept is None and reject is None and self.reject_over_rms <= self.accept_over_rms:
            raise ValueError(f'reject_over_rms ({self.reject_over_rms:g}) must be above {self.accept_over_rms:g}')
        if self.floor_none <= self.floor_full:
            raise ValueError(f'floor_none ({self.floor_none:g}) must be above floor_full ({self.floor_full:g})')
        return self

    @property
    def force_level(self) -> float | None:
        """The w of relative deviations, eV/Å; None: they are absolute."""
        if self.relative == 'auto':
            return RELATIVE if self.kind == 'calibrated' else None
        return self.relative


def classify(deviations: FloatArray, lower: float, upper: float) -> npt.NDArray[np.int8]:
    """Sort by two levels.

    :param deviations: (n,), in the unit of the levels; what is not a number has failed.
    :param lower: from here on a candidate.
    :param upper: from here on failed.
    :returns: :data:`ACCURATE`, :data:`CANDIDATE` or :data:`FAILED`, (n,).
    :raises ValueError: the levels are not 0 < lower < upper.
    """
    if not 0 < lower < upper:
        raise ValueError(f'levels: lower {lower:g} and upper {upper:g}, expected 0 < lower < upper')
    deviations = np.asarray(deviations, dtype=float)
    classes = np.full(deviations.shape, FAILED, dtype=np.int8)
    classes[deviations < upper] = CANDIDATE
    classes[deviations < lower] = ACCURATE
    return classes


def worse_of(*classes: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """Join several opinions: failed if any says so, else candidate if any says so."""
    worst: npt.NDArray[np.int8] = np.maximum.reduce(classes)
    return worst


def rms_forces(frames: Frames) -> FloatArray:
    """Root mean square length of the force on an atom in each frame, √⟨|F_i|²⟩, eV/Å, (n_frames,).

    :raises ValueError: the frames have no forces.
    """
    if frames.forces is None:
        raise ValueError('relative levels need the forces of every frame, but the trajectory has none')
    rms: FloatArray = np.sqrt(np.mean(np.sum(np.asarray(frames.forces, dtype=float) ** 2, axis=2), axis=1))
    return rms


def relative_to_force(values: FloatArray, forces: FloatArray, level: float) -> FloatArray:
    """Deviations or errors seen relative to the forces, ``d · w / (F + w)``, eV/Å.

    :param values: (n,), eV/Å.
    :param forces: F of each frame (:func:`rms_forces`), (n,), eV/Å.
    :param level: w, eV/Å.
    """
    scaled: FloatArray = np.asarray(values, dtype=float) * level / (np.asarray(forces, dtype=float) + level)
    return scaled


def at_force(level: float, force: float, relative: float | None) -> float:
    """The deviation that :func:`relative_to_force` turns into this level in a frame with this rms force, eV/Å.

    :param level: eV/Å.
    :param force: F, eV/Å.
    :param relative: w, eV/Å; None: the level holds for any force.
    """
    return level if relative is None else level * (force + relative) / relative

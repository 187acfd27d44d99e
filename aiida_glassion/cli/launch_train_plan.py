"""What a training will do, worked out before anything is submitted. Knows nothing of AiiDA."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SECONDS_PER_ATOM = {'tiny': 0.1e-3, 'small': 0.12e-3, 'single': 0.75e-3, 'double': 1.7e-3}
"""Time of a batch for each atom in it, s, measured on one core (DeePMD-kit 3.2, TensorFlow, se_e2_a): embedding nets up
to 16 and up to 40 wide, 100 wide in single precision with type_one_side, 100 wide in double precision."""
SECONDS_PER_BATCH = 4e-3
"""What a batch takes besides, s."""
SECONDS_AROUND = 40.0
"""Start, freezing, compressing and testing of a member, s."""
_AUTO_ATOMS = 32


@dataclass(frozen=True)
class TrainingPlan:
    """A committee's training before it is submitted.

    :param counts: frames to learn from (``training``), to watch (``validation``) and held out (``test``).
    :param atoms_per_batch: on average over the systems.
    :param passes: how often each training frame is seen.
    :param seconds_per_batch: on one core, an estimate.
    :param speed_kind: the size of net that the estimate is of.
    """

    settings: dict[str, Any]
    counts: dict[str, int]
    elements: tuple[str, ...]
    steps: int
    atoms_per_batch: float
    passes: float
    seconds_per_batch: float
    speed_kind: str
    max_concurrent: int
    seed: int

    @property
    def committee(self) -> int:
        """Number of models."""
        return int(self.settings['committee'])

    @property
    def member_seconds(self) -> float:
        """Time of one member, s."""
        return self.steps * self.seconds_per_batch + SECONDS_AROUND

    @property
    def seconds_waiting(self) -> float:
        """Time until the end, s, where ``max_concurrent`` members run side by side on a core each."""
        return math.ceil(self.committee / self.max_concurrent) * self.member_seconds

    @property
    def core_seconds(self) -> float:
        """Computing time of all members together, s."""
        return self.committee * self.member_seconds


def speed_kind(parameters: Mapping[str, Any]) -> str:
    """Which of :data:`SECONDS_PER_ATOM` a model is nearest to."""
    descriptor = parameters.get('model', {}).get('descriptor', {})
    width = max(descriptor.get('neuron') or [100])
    if width <= 16:
        return 'tiny'
    if width <= 40:
        return 'small'
    is_single = descriptor.get('precision') == 'float32' and descriptor.get('type_one_side')
    return 'single' if is_single else 'double'


def batch_of(size: Any, n_atoms: int) -> int:
    """Frames of a batch of a system, as DeePMD-kit understands ``batch_size``.

    :param size: a number, or ``auto`` or ``auto:N``: as few frames as have 32 (N) atoms.
    :param n_atoms: atoms of a frame.
    """
    if isinstance(size, str):
        number = size.partition(':')[2]
        return math.ceil((int(number) if number.isdigit() else _AUTO_ATOMS) / n_atoms)
    if isinstance(size, list):
        return max(1, round(sum(size) / len(size))) if size else 1
    return int(size)


def plan_training(
    settings: Mapping[str, Any],
    systems: Sequence[Mapping[str, Any]],
    counts: Mapping[str, int],
    max_concurrent: int,
    seed: int,
) -> TrainingPlan:
    """Plan of a training.

    :param settings: of a protocol.
    :param systems: ``counts`` (atoms by element) and ``n_frames`` of every system.
    :param counts: frames for each use.
    """
    parameters = settings['parameters']
    training = parameters.get('training', {})
    size = training.get('training_data', {}).get('batch_size', 'auto')
    total = sum(system['n_frames'] for system in systems)
    frames_per_batch = atoms_per_batch = 0.0
    for system in systems:  # a system is drawn as often as it has frames
        n_atoms, share = sum(system['counts'].values()), system['n_frames'] / total
        frames_per_batch += share * batch_of(size, n_atoms)
        atoms_per_batch += share * batch_of(size, n_atoms) * n_atoms
    kind = speed_kind(parameters)
    steps = int(training.get('numb_steps', 0))
    return TrainingPlan(
        settings=dict(settings),
        counts=dict(counts),
        elements=tuple(sorted({element for system in systems for element in system['counts']})),
        steps=steps,
        atoms_per_batch=atoms_per_batch,
        passes=steps * frames_per_batch / max(1, counts['training']),
        seconds_per_batch=SECONDS_PER_BATCH + atoms_per_batch * SECONDS_PER_ATOM[kind],
        speed_kind=kind,
        max_concurrent=max_concurrent,
        seed=seed,
    )

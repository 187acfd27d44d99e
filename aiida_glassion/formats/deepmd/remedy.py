"""What to change in the input of a training that failed."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

_DEEPMD_RATE = 1e-3
_AUTO_ATOMS = 32
"""``batch_size: auto`` takes as many frames as make this many atoms."""


def other_seed(seed: int, attempt: int) -> int:
    """Another seed that follows from the first and the number of the attempt."""
    return int(np.random.SeedSequence([seed, attempt]).generate_state(1)[0]) & 0x7FFFFFFF


def lower_rate(parameters: dict[str, Any], factor: float) -> dict[str, Any]:
    """The same parameters with a learning rate that begins lower; it ends where it did, or lower still.

    :param factor: of the rate at the start.
    """
    content = copy.deepcopy(parameters)
    rate = content.setdefault('learning_rate', {})
    rate['start_lr'] = start_rate(parameters) * factor
    if 'stop_lr' in rate:
        rate['stop_lr'] = min(float(rate['stop_lr']), 0.1 * rate['start_lr'])
    return content


def halve_batch(parameters: dict[str, Any], n_atoms: int) -> dict[str, Any] | None:
    """The same parameters with half the frames in a batch; None if a batch is one frame already.

    :param n_atoms: atoms of the smallest system, of which ``auto`` takes most frames.
    """
    content = copy.deepcopy(parameters)
    data = content.setdefault('training', {}).setdefault('training_data', {})
    size = data.get('batch_size', 'auto')
    if isinstance(size, int) and size > 1:
        data['batch_size'] = size // 2
    elif isinstance(size, list) and max(size) > 1:
        data['batch_size'] = [max(1, number // 2) for number in size]
    elif isinstance(size, str):
        kind, _, number = size.partition(':')
        atoms = int(number) if number.isdigit() else _AUTO_ATOMS
        if atoms <= n_atoms:
            return None
        data['batch_size'] = f'{kind}:{atoms // 2}'
    else:
        return None
    return content


def start_rate(parameters: dict[str, Any]) -> float:
    """Learning rate at the start; deepmd's own where none is given."""
    return float(parameters.get('learning_rate', {}).get('start_lr', _DEEPMD_RATE))

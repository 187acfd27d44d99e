"""How long a committee is trained: by the number of frames, less where it begins with models that know most of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

_AUTO_ATOMS = 32
"""``batch_size: auto`` takes as many frames as make this many atoms."""
_DEEPMD = {'decay_steps': 5000, 'disp_freq': 1000, 'save_freq': 1000}
"""DeePMD-kit's own where a protocol does not say."""


def training_parameters(
    parameters: Mapping[str, Any],
    n_frames: int,
    settings: Mapping[str, Any],
    warm: bool,
    n_atoms: float | None = None,
) -> dict[str, Any]:
    """What a training of so many frames changes in the parameters of its protocol.

    ``batches = clamp(passes × n_frames / frames_per_batch, fewest × numb_steps, most × numb_steps)``. The learning rate
    takes as many steps down as in the protocol, so it ends where it ends there; so do the prefactors of the loss.
    A warm start is the last part of a cold one: it begins where the rate has fallen to ``warm_rate`` of its start, with
    the prefactors that belong to that rate, and has ``warm_length`` times the batches.

    :param parameters: content of ``input.json`` of a training protocol.
    :param n_frames: frames to learn from.
    :param settings: ``passes``, ``frames_per_batch`` (None: from ``batch_size``), ``fewest`` and ``most`` (of the
        protocol's batches), ``warm_length``, ``warm_rate``.
    :param warm: whether it begins with a model.
    :param n_atoms: mean number of atoms of a frame, where ``batch_size`` counts atoms.
    :returns: overrides of ``parameters``.
    :raises ValueError: a setting or a number makes no sense.
    """
    check_training_settings(settings)
    training, rate = parameters.get('training') or {}, parameters.get('learning_rate') or {}
    planned = int(training['numb_steps'])
    if n_frames < 1:
        raise ValueError(f'n_frames: {n_frames}, expected at least 1')
    per_batch = settings.get('frames_per_batch') or frames_per_batch(training, n_atoms)
    wanted = settings['passes'] * n_frames / per_batch
    steps = min(max(wanted, settings['fewest'] * planned), settings['most'] * planned)
    steps *= settings['warm_length'] if warm else 1.0
    batches = max(1, round(steps))
    changes: dict[str, Any] = {'training': {'numb_steps': batches}, 'learning_rate': {}}
    for key, section, given in (
        ('disp_freq', 'training', training),
        ('save_freq', 'training', training),
        ('decay_steps', 'learning_rate', rate),
    ):
        if key != 'decay_steps' or rate.get('type', 'exp') == 'exp':
            changes[section][key] = max(1, round(float(given.get(key, _DEEPMD[key])) * batches / planned))
    if warm:
        factor = float(settings['warm_rate'])
        start, stop = float(rate.get('start_lr', 1e-3)), float(rate.get('stop_lr', 0.0) or 0.0)
        changes['learning_rate']['start_lr'] = max(factor * start, stop)
        changes['loss'] = _prefactors(parameters.get('loss') or {}, changes['learning_rate']['start_lr'] / start)
    return {section: content for section, content in changes.items() if content}


def training_overrides(
    parameters: Mapping[str, Any], n_frames: int, settings: Mapping[str, Any], n_atoms: float | None = None
) -> dict[str, Any]:
    """Overrides of the settings of a committee's training: for members that begin from nothing, and for the others.

    A model to begin with may turn out not to fit the data; its member then needs the whole length.

    :returns: ``parameters`` and ``warm.parameters``; the latter hold all that the former change.
    :raises ValueError: see :func:`training_parameters`.
    """
    cold, warm = (training_parameters(parameters, n_frames, settings, begun, n_atoms) for begun in (False, True))
    return {'parameters': cold, 'warm': {'parameters': warm}}


def frames_per_batch(training: Mapping[str, Any], n_atoms: float | None = None) -> int:
    """Frames that a batch takes; where ``batch_size`` counts atoms and theirs is not known, one.

    :param training: section ``training`` of the parameters.
    :param n_atoms: mean number of atoms of a frame.
    """
    size = (training.get('training_data') or {}).get('batch_size', 'auto')
    if isinstance(size, list):
        return max(1, round(sum(size) / len(size)))
    if isinstance(size, int):
        return max(1, size)
    kind, _, number = str(size).partition(':')
    atoms = int(number) if number.isdigit() else _AUTO_ATOMS
    if not n_atoms:
        return 1
    return max(1, math.floor(atoms / n_atoms) if kind == 'max' else math.ceil(atoms / n_atoms))


def check_training_settings(settings: Mapping[str, Any]) -> None:
    """Refuse settings that make no sense.

    :raises ValueError: names the setting, its value and what would be right.
    """
    for key, most in (('passes', None), ('fewest', None), ('most', None), ('warm_length', None), ('warm_rate', 1.0)):
        value = settings.get(key)
        right = isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0
        if not right or (most is not None and value is not None and value > most):
            raise ValueError(
                f'training.{key}: {value!r} given, expected a positive number{"" if most is None else " up to 1"}'
            )
    if settings['fewest'] > settings['most']:
        raise ValueError(f'training.fewest: {settings["fewest"]} is more than training.most, {settings["most"]}')
    number = settings.get('frames_per_batch')
    if number is not None and (not isinstance(number, (int, float)) or number < 1):
        raise ValueError(f'training.frames_per_batch: {number!r} given, expected a number of frames, or null')


def _prefactors(loss: Mapping[str, Any], factor: float) -> dict[str, float]:
    """Prefactors at the start of a course whose rate has fallen by a factor: they go with the rate, linearly."""
    found = {}
    for key, start in loss.items():
        limit = loss.get(key.replace('start_', 'limit_', 1))
        if key.startswith('start_pref_') and limit is not None:
            found[key] = float(limit) + (float(start) - float(limit)) * factor
    return found

"""What the inputs of a committee's training mean, and the checks that refuse those that make no sense."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from aiida import orm

from aiida_glassion.calculations.deepmd_inputs import check_training, type_map_of_model
from aiida_glassion.data.dataset import DatasetData, check_one_method
from aiida_glassion.kernels.dataset.split import split_by_frame
from aiida_glassion.workchains import protocols
from aiida_glassion.workchains.train_member import TrainMemberWorkChain

TRAINING, TEST, BOTH = 'training', 'test', 'both'
LARGEST_SEED = 2**31 - 1
MOST_MEMBERS = 100
Systems = Sequence[Mapping[str, Any]]


def member_seed(seed: int, member: int, attempt: int = 0) -> int:
    """Seed of a member: it does not change when the committee grows, and every attempt has its own.

    :param seed: of the committee.
    :param member: number of the member, from 1.
    :param attempt: 0, then 1 for the first retry …
    """
    sequence = np.random.SeedSequence(seed, spawn_key=(member, attempt))
    return int(sequence.generate_state(1)[0]) & LARGEST_SEED


def warm_parameters(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of a member that begins with a model.

    :param settings: of a protocol; those before there were any for a warm start have none.
    """
    changes = (settings.get('warm') or {}).get('parameters') or {}
    return protocols.merge(settings['parameters'], changes, 'parameters.')


def assign_parts(datasets: Mapping[str, Systems], split: Mapping[str, Any]) -> dict[str, str]:
    """What becomes of each dataset: ``training``, ``test``, or ``both`` where it is to be divided.

    :param datasets: systems (``formula``, ``n_frames``) of each dataset.
    :param split: ``test_fraction``, or ``test_formulas`` if any.
    :raises ValueError: nothing would be left to learn from or to test on.
    """
    formulas = {name: {system['formula'] for system in systems} for name, systems in datasets.items()}
    held_out = set(split['test_formulas'])
    if held_out:
        known = set.union(*formulas.values())
        unknown = sorted(held_out - known)
        if unknown:
            near = protocols.nearest(unknown[0], dict.fromkeys(sorted(known)))
            raise ValueError(f'split.test_formulas: there are no frames of {", ".join(unknown)}{near}')
        if held_out == known:
            raise ValueError(f'split.test_formulas: {sorted(known)} is everything; nothing would be left to learn from')
        parts = {
            name: (TEST if own <= held_out else BOTH if own & held_out else TRAINING) for name, own in formulas.items()
        }
        return parts
    fraction = split['test_fraction']
    if not 0 < fraction < 1:
        raise ValueError(
            f'split.test_fraction: {fraction} given, expected a fraction between 0 and 1, e.g. 0.1; without test '
            'frames nobody knows the error of a model. Or give a test set as the input test'
        )
    parts = {
        name: BOTH if any(system['n_frames'] > 1 for system in systems) else TRAINING
        for name, systems in datasets.items()
    }
    if BOTH not in parts.values():
        total = sum(system['n_frames'] for systems in datasets.values() for system in systems)
        raise ValueError(
            f'datasets: {total} frame(s), none of the same composition; no frame can be held out to test on. '
            'Give more frames, or a test set as the input test'
        )
    return parts


def count_split(datasets: Mapping[str, Systems], split: Mapping[str, Any], seed: int, has_test: bool) -> dict[str, int]:
    """Frames for ``training``, ``validation`` and ``test`` from the datasets.

    :param has_test: a test set is given, so that none is taken from the datasets.
    :raises ValueError: see :func:`assign_parts`.
    """
    parts = dict.fromkeys(datasets, TRAINING) if has_test else assign_parts(datasets, split)
    counts = {'training': 0, 'validation': 0, 'test': 0}
    for name, systems in datasets.items():
        sizes = {system['name']: system['n_frames'] for system in systems}
        held_out = dict.fromkeys(sizes, 0)
        if parts[name] == TEST:
            held_out = dict(sizes)
        elif parts[name] == BOTH and split['test_formulas']:
            held_out = {s['name']: s['n_frames'] if s['formula'] in split['test_formulas'] else 0 for s in systems}
        elif parts[name] == BOTH:
            held_out = {
                key: int(mask.sum()) for key, mask in split_by_frame(sizes, split['test_fraction'], seed).items()
            }
        left = {key: number - held_out[key] for key, number in sizes.items() if number > held_out[key]}
        watched = 0
        if split['validation_fraction'] and left and max(left.values()) > 1:
            watched = sum(int(m.sum()) for m in split_by_frame(left, split['validation_fraction'], seed).values())
        counts['test'] += sum(held_out.values())
        counts['validation'] += watched
        counts['training'] += sum(left.values()) - watched
    return counts


def systems_of(datasets: Mapping[str, DatasetData]) -> dict[str, list[dict[str, Any]]]:
    """Systems of each dataset, by its name."""
    return {name: node.systems for name, node in sorted(datasets.items())}


def check_settings(node: orm.Dict, _: Any) -> str | None:
    """Settings are those of a protocol, with numbers that make sense."""
    settings = node.get_dict()
    try:
        name = settings.pop('protocol', None)
        protocols.load('train', name if name in protocols.available('train') else None, settings)
    except ValueError as error:
        return f'settings: {error}'
    try:
        return _check_numbers(settings)
    except (KeyError, TypeError) as error:
        return f'settings: {error} is missing or of the wrong kind; take them from a protocol'


def _check_numbers(settings: Mapping[str, Any]) -> str | None:
    for key, least, most in (('committee', 1, MOST_MEMBERS), ('fewest', 1, MOST_MEMBERS), ('retries', 0, 10)):
        value = settings[key]
        if type(value) is not int or not least <= value <= most:
            return f'settings.{key}: {value!r} given, expected a whole number, {least} to {most}'
    split = settings['split']
    if not isinstance(split['test_formulas'], list):
        return f'settings.split.test_formulas: {split["test_formulas"]!r} given, expected a list such as [O16Si8]'
    value = split['validation_fraction']
    if not isinstance(value, (int, float)) or not 0 <= value < 0.9:
        return f'settings.split.validation_fraction: {value!r} given, expected 0 (none) or a fraction below 0.9'
    if not isinstance(split['test_fraction'], (int, float)):
        return f'settings.split.test_fraction: {split["test_fraction"]!r} given, expected a fraction between 0 and 1'
    for key, value in settings['judge'].items():
        if not isinstance(value, (int, float)) or value <= 0 or (key == 'last' and value > 1):
            return f'settings.judge.{key}: {value!r} given, expected a positive number{" up to 1" * (key == "last")}'
    return None


def check_inputs(inputs: Any, _: Any) -> str | None:
    """Check what only shows when all inputs are seen together: what a member would refuse is refused here."""
    if 'settings' not in inputs or 'seed' not in inputs or 'member' not in inputs:
        return None
    problem = check_settings(inputs['settings'], None)
    if problem:
        return problem
    datasets, test, validation = (dict(inputs.get(name) or {}) for name in ('datasets', 'test', 'validation'))
    if not datasets:
        return 'datasets: none given, expected at least one, e.g. {"start": DatasetData}'
    if not 0 <= inputs['seed'].value <= LARGEST_SEED:
        return f'seed: {inputs["seed"].value} given, expected 0 to {LARGEST_SEED}'
    if inputs['max_concurrent'].value < 1:
        return f'max_concurrent: {inputs["max_concurrent"].value} given, expected at least 1'
    settings = inputs['settings'].get_dict()
    try:
        _check_data(datasets, test, validation, settings, inputs['seed'].value)
        _check_warm_start(dict(inputs.get('warm_start') or {}), settings)
    except ValueError as error:
        return str(error)
    return _check_member(inputs, datasets, validation, settings)


def _check_data(
    datasets: Mapping[str, DatasetData],
    test: Mapping[str, DatasetData],
    validation: Mapping[str, DatasetData],
    settings: Mapping[str, Any],
    seed: int,
) -> None:
    named = {
        f'{kind}.{name}': node
        for kind, nodes in (('test', test), ('validation', validation))
        for name, node in nodes.items()
    }
    check_one_method({**{f'datasets.{name}': node for name, node in datasets.items()}, **named})
    counts = count_split(systems_of(datasets), settings['split'], seed, bool(test))
    if counts['training'] < 1:
        raise ValueError(f'datasets: no frame is left to learn from ({counts}); give more frames or hold out fewer')
    known = {element for node in datasets.values() for element in node.elements}
    for name, node in named.items():
        missing = sorted(set(node.elements) - known)
        if missing:
            raise ValueError(f'{name}: {", ".join(missing)} is not in the datasets to learn from ({sorted(known)})')


def _check_warm_start(models: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    if models and len(models) < settings['committee']:
        raise ValueError(
            f'warm_start: {len(models)} model(s) for a committee of {settings["committee"]}; members that begin with '
            'the same weights do not disagree where they should: give as many, or none'
        )


def _check_member(
    inputs: Any, datasets: Mapping[str, DatasetData], validation: Mapping[str, DatasetData], settings: Mapping[str, Any]
) -> str | None:
    """What a member would say of its inputs."""
    elements = sorted({element for node in datasets.values() for element in node.elements})
    models = dict(inputs.get('warm_start') or {})
    given = {
        **inputs['member'].get('train', {}),
        'training': dict(datasets),
        'validation': dict(validation),
        'parameters': orm.Dict(settings['parameters']),
        'seed': orm.Int(member_seed(inputs['seed'].value, 1)),
        'backend': orm.Str(settings['backend']),
        'compress': orm.Bool(settings['compress']),
    }
    start = models[sorted(models)[0]] if models else None
    if start is not None and not set(elements) - set(type_map_of_model(start)):
        given |= {'warm_start': start, 'parameters': orm.Dict(warm_parameters(settings))}
    namespace = TrainMemberWorkChain.spec().inputs['train']
    problem = check_training(given, namespace)
    if problem is None:
        for name in ('backend',):
            validator = namespace[name].validator
            problem = validator(given[name], namespace[name]) if validator else None
    if problem is None:
        return None
    for own in ('parameters', 'backend', 'compress'):
        if problem.startswith(own):
            return f'settings.{problem}'
    return f'member.train.{problem}' if problem.startswith(('code', 'metadata', 'type_map')) else problem

"""``input.json`` of DeePMD-kit: what the plugin sets in it, and what deepmd's own check says of it."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

LABEL_PREFACTORS = {'energies': 'e', 'forces': 'f', 'virials': 'v'}
"""Label -> letter of its prefactors in the loss."""
SAVED_AS = {'save_ckpt': 'model.ckpt', 'disp_file': 'lcurve.out'}
"""Names of the files that a training leaves; the plugin looks for them there."""
_OWN = {
    'model.type_map': "the input 'type_map'",
    'training.training_data.systems': "the input 'training'",
    'training.validation_data.systems': "the input 'validation'",
    'training.seed': "the input 'seed'",
    'training.save_ckpt': 'the plugin',
    'training.disp_file': 'the plugin',
    'training.stat_file': 'the plugin',
}
_MULTITASK = ('model.model_dict', 'model.shared_dict', 'model.fitting_net_dict', 'training.data_dict', 'loss_dict')


def check_parameters(parameters: Mapping[str, Any]) -> None:
    """Refuse what the plugin sets by itself, and what it does not know how to run.

    :param parameters: content of ``input.json`` without type map, seeds, and paths.
    :raises ValueError: names the key and the input that sets it.
    """
    for path, owner in _OWN.items():
        if _get(parameters, path) is not None:
            raise ValueError(f'{path} is set by {owner}; leave it out')
    for where, part in _seeded(copy.deepcopy(parameters.get('model'))):
        if 'seed' in part:
            raise ValueError(f"{where}.seed is set by the input 'seed'; leave it out")
    for path in _MULTITASK:
        if _get(parameters, path) is not None:
            raise ValueError(f'{path}: multi-task training is not supported; train one model on one method of labels')


def write_input(
    parameters: Mapping[str, Any],
    *,
    type_map: Sequence[str],
    seed: int,
    training: Sequence[str],
    validation: Sequence[str] = (),
    sel: Sequence[int] | None = None,
) -> dict[str, Any]:
    """Complete the parameters by what the plugin sets.

    :param parameters: content of ``input.json`` without type map, seeds, and paths.
    :param type_map: elements in the order in which the model counts its types.
    :param seed: one number from which those of descriptor, fitting net and training are drawn.
    :param training: folders of the systems to learn from, relative to the job's.
    :param validation: folders of the systems whose error is only watched; empty: none.
    :param sel: largest number of neighbours of each type, in the order of the type map, where ``sel`` is ``auto``.
    :raises ValueError: see :func:`check_parameters`.
    """
    check_parameters(parameters)
    content: dict[str, Any] = copy.deepcopy(dict(parameters))
    model = content.setdefault('model', {})
    model['type_map'] = list(type_map)
    seeded = [part for _, part in _seeded(model)]
    training_seed, *seeds = derive_seeds(seed, len(seeded) + 1)
    for part, number in zip(seeded, seeds, strict=True):
        part['seed'] = number
    descriptor = model.get('descriptor')
    if sel is not None and isinstance(descriptor, dict) and _is_auto(descriptor.get('sel', 'auto')):
        descriptor['sel'] = list(sel)
    section = content.setdefault('training', {})
    section['seed'] = training_seed
    section.setdefault('training_data', {})['systems'] = list(training)
    if validation:
        section.setdefault('validation_data', {})['systems'] = list(validation)
    else:
        section.pop('validation_data', None)
    section.update(SAVED_AS)
    return content


def derive_seeds(seed: int, number: int) -> list[int]:
    """Draw seeds from one: for the training, then for each descriptor and net; each from 0 to 2³¹ − 1."""
    return [int(word) & 0x7FFFFFFF for word in np.random.SeedSequence(seed).generate_state(number)]


def normalise(content: Mapping[str, Any]) -> dict[str, Any]:
    """Let deepmd check the whole input and fill in its defaults; nothing is run, no backend is loaded.

    :raises ValueError: deepmd's own words, with its suggestion for a misspelt keyword.
    """
    return copy.deepcopy(_normalised(json.dumps(content)))


@lru_cache(maxsize=64)
def _normalised(text: str) -> dict[str, Any]:
    """As deepmd builds its whole tree of arguments anew for a check, and a committee has the same input many times."""
    from deepmd.utils.argcheck import normalize
    from deepmd.utils.compat import update_deepmd_input

    content = json.loads(text)
    if not isinstance(content.get('model'), dict) or not isinstance(content['model'].get('descriptor'), dict):
        raise ValueError('[at location `model`] no descriptor is given, e.g. {"type": "se_e2_a", "rcut": 6.0, …}')
    try:
        checked: dict[str, Any] = normalize(update_deepmd_input(content, warning=False, dump=None))
    except Exception as error:  # dargs has several classes of its own, some of which are no ValueError
        words = str(error)
        raise ValueError(words if len(words.split()) > 1 else f'{type(error).__name__}: {words}') from error
    steps = checked['training'].get('numb_steps')
    if not isinstance(steps, int) or isinstance(steps, bool) or steps < 1:
        raise ValueError(f'[at location `training`] numb_steps = {steps!r}; expected a number of steps, 1 or more')
    return checked


def wants_label(content: Mapping[str, Any], label: str) -> float:
    """Largest prefactor of a label in the loss of a normalised input; 0: the label plays no part."""
    letter = LABEL_PREFACTORS[label]
    loss = content.get('loss', {})
    return max(abs(float(loss.get(f'{end}_pref_{letter}', 0) or 0)) for end in ('start', 'limit'))


def cutoff_of(content: Mapping[str, Any]) -> float:
    """Cutoff of the descriptor, Å: the longest of a hybrid one; 0 where none is named."""
    descriptor = content.get('model', {}).get('descriptor', {})
    parts = descriptor.get('list', [descriptor])
    radii = [part.get('rcut') or part.get('repinit', {}).get('rcut') for part in parts if isinstance(part, Mapping)]
    return max((float(radius) for radius in radii if radius), default=0.0)


def descriptor_type(content: Mapping[str, Any]) -> str:
    """Type of the descriptor, e.g. ``se_e2_a``."""
    return str(content.get('model', {}).get('descriptor', {}).get('type', 'se_e2_a'))


def _is_auto(sel: Any) -> bool:
    return isinstance(sel, str) and sel.startswith('auto')


def _seeded(model: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Parts of a model that draw their first weights: descriptors, nets, type embedding."""
    if not isinstance(model, dict):
        return
    descriptor = model.get('descriptor')
    if isinstance(descriptor, dict):
        if isinstance(descriptor.get('list'), list):
            for index, part in enumerate(descriptor['list']):
                if isinstance(part, dict):
                    yield f'model.descriptor.list[{index}]', part
        else:
            yield 'model.descriptor', descriptor
    for name in ('fitting_net', 'type_embedding'):
        if isinstance(model.get(name), dict):
            yield f'model.{name}', model[name]
        elif name == 'fitting_net' and name not in model:
            yield f'model.{name}', model.setdefault(name, {})


def _get(mapping: Mapping[str, Any], path: str) -> Any:
    value: Any = mapping
    for key in path.split('.'):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value

"""``default_training_param`` of DP-GEN as parameters of a training here."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from aiida_glassion.formats.deepmd.input import normalise
from aiida_glassion.formats.dpgen_notes import Notes

_ROOT = 'default_training_param'
_MADE_HERE = {
    'model': ('type_map',),
    'training': ('seed', 'save_ckpt', 'disp_file', 'stat_file', 'time_training', 'disp_training', 'profiling',
                 'profiling_file', 'tensorboard', 'tensorboard_log_dir', 'tensorboard_freq'),
}  # fmt: skip
"""Keys that are set for each training anew, or only say how much is printed."""
_BY_TYPE = ('exclude_types', 'pair_exclude_types', 'atom_exclude_types', 'atom_ener')
"""Keys whose values follow the order of the elements."""
_DESCRIPTORS = ('se_e2_a', 'se_a')
_PARTS = ('model', 'learning_rate', 'loss', 'training')


def training_parameters(
    given: Mapping[str, Any], base: Mapping[str, Any], type_map: Sequence[str], elements: Sequence[str], notes: Notes
) -> dict[str, Any]:
    """Parameters that, laid over those of a protocol here, train as DP-GEN did.

    DeePMD-kit brings old spellings up to date and says its defaults; where the protocol has other ones they are
    written out, so that the model is the same.

    :param given: ``default_training_param``.
    :param base: parameters of the protocol that they are laid over.
    :param type_map: order of the elements there.
    :param elements: those of the data, alphabetical: the order here.
    :raises ValueError: what DeePMD-kit says against it.
    """
    content = {key: copy.deepcopy(value) for key, value in given.items() if key in _PARTS}
    for key in given:
        if key not in _PARTS:
            notes.lose(f'{_ROOT}.{key}', 'set by the training itself')
    model = content.get('model', {})
    kind = model.get('descriptor', {}).get('type')
    if 'type_embedding' in model or kind not in _DESCRIPTORS:
        notes.lose(_ROOT, f'descriptor {kind!r}: only se_e2_a is taken over; set train.overrides')
        return {}
    try:
        checked = normalise(_complete(content, type_map))
    except ValueError as error:
        raise ValueError(f'{_ROOT}: {error}') from error
    wanted = {part: _as_given(content.get(part, {}), checked.get(part, {})) for part in _PARTS}
    _rename(content.get('training', {}), checked, wanted)
    for part, keys in _MADE_HERE.items():
        for key in keys:
            wanted[part].pop(key, None)
    for side in ('training_data', 'validation_data'):
        data = wanted['training'].get(side)
        if isinstance(data, dict):
            for key in ('systems', 'sys_probs', 'auto_prob', 'set_prefix', 'rglob_patterns'):
                if data.pop(key, None) and key in ('sys_probs', 'auto_prob'):
                    notes.lose(f'{_ROOT}.training.{side}.{key}', 'every frame is drawn equally often')
    if wanted['training'].pop('validation_data', None):
        notes.change(f'{_ROOT}.training.validation_data', 'held-out frames are watched: train.overrides.split')
    for part in ('descriptor', 'fitting_net'):
        wanted['model'].setdefault(part, {}).pop('seed', None)
    _reorder(wanted['model'], type_map, elements, notes)
    batch = wanted['training'].get('training_data', {}).get('batch_size')
    if isinstance(batch, list):
        wanted['training']['training_data']['batch_size'] = 'auto'
        notes.change(f'{_ROOT}.training.training_data.batch_size', "one for each system there; 'auto' here")
    _spell_out(wanted, checked, base)
    return {part: values for part, values in wanted.items() if values}


def _complete(content: Mapping[str, Any], type_map: Sequence[str]) -> dict[str, Any]:
    """With what DP-GEN itself adds before a training, so that DeePMD-kit accepts it."""
    training = dict(content.get('training', {}))
    if 'training_data' in training:
        training['training_data'] = {'systems': [], **training['training_data']}
    else:
        training.setdefault('systems', [])
        training.setdefault('batch_size', 'auto')
    return {**content, 'model': {**content.get('model', {}), 'type_map': list(type_map)}, 'training': training}


def _as_given(given: Any, checked: Any) -> Any:
    """Keys that were given, with the values and names that DeePMD-kit understands today."""
    if not isinstance(given, Mapping) or not isinstance(checked, Mapping):
        return _plain(checked)
    return {key: _as_given(given[key], checked[key]) for key in given if key in checked}


def _rename(given: Mapping[str, Any], checked: Mapping[str, Any], wanted: dict[str, Any]) -> None:
    """Take what stood under an older name: ``stop_batch``, and ``batch_size`` outside of ``training_data``."""
    wanted['training']['numb_steps'] = int(checked['training']['numb_steps'])
    if 'batch_size' in given:
        wanted['training'].setdefault('training_data', {})['batch_size'] = given['batch_size']


def _reorder(model: dict[str, Any], type_map: Sequence[str], elements: Sequence[str], notes: Notes) -> None:
    """Bring lists by element from the order there to the order here."""
    descriptor = model['descriptor']
    sel = descriptor.get('sel')
    if isinstance(sel, list):
        if len(sel) == len(type_map) and set(type_map) == set(elements):
            descriptor['sel'] = [sel[list(type_map).index(element)] for element in elements]
            if list(elements) != list(type_map):
                notes.change(
                    f'{_ROOT}.model.descriptor.sel', f'{descriptor["sel"]}: elements are {list(elements)} here'
                )
        else:
            descriptor['sel'] = 'auto:1.1'
            notes.change(f'{_ROOT}.model.descriptor.sel', f'{sel} does not fit {list(elements)}: counted in the data')
    for name, part in (('model', model), ('model.descriptor', descriptor), ('model.fitting_net', model['fitting_net'])):
        for key in _BY_TYPE:
            if part.pop(key, None):
                notes.lose(f'{_ROOT}.{name}.{key}', 'goes by the order of the elements, which is another one here')


def _spell_out(wanted: dict[str, Any], checked: Mapping[str, Any], base: Mapping[str, Any]) -> None:
    """Write DeePMD-kit's default wherever nothing was given and the protocol here differs from it."""
    for key, value in base.items():
        if isinstance(value, Mapping):
            if isinstance(checked.get(key), Mapping):
                _spell_out(wanted.setdefault(key, {}), checked[key], value)
        elif key in checked and key not in wanted and checked[key] is not None and checked[key] != value:
            wanted[key] = _plain(checked[key])


def _plain(value: Any) -> Any:
    """Without numpy's numbers, which YAML does not know."""
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    return value.item() if hasattr(value, 'item') else copy.deepcopy(value)

"""The checks of an active learning: what makes no sense is refused before anything is submitted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from aiida import orm

from aiida_glassion.data.dataset import DatasetData, check_one_method
from aiida_glassion.data.frames import as_frames
from aiida_glassion.data.label_method import differences
from aiida_glassion.kernels.build.curriculum import read_curriculum
from aiida_glassion.kernels.learning.convergence_settings import read_convergence
from aiida_glassion.kernels.learning.levels import LevelSettings
from aiida_glassion.kernels.learning.selection_settings import SelectionSettings
from aiida_glassion.kernels.learning.settings import read_settings
from aiida_glassion.label_engines import engines
from aiida_glassion.workchains import label_inputs, protocols, structure_gate_inputs, train_inputs

LARGEST_SEED = train_inputs.LARGEST_SEED
_LIMITS = (('max_iterations', 1), ('max_labels', 1), ('max_failed_rounds', 0))
_NAME = re.compile(r'[a-zA-Z][A-Za-z0-9]*(_[A-Za-z0-9]+)*')
_OWN_SETS = ('earlier', 'glass', 'data')


def check_settings(node: orm.Dict, _: Any) -> str | None:
    """Settings are those of a protocol, with a curriculum and numbers that make sense."""
    settings = node.get_dict()
    try:
        stages = settings.pop('stages', None)
        if not isinstance(stages, list) or not stages:
            return f'settings.stages: {stages!r} given, expected a list of stages, see protocols/explore.yaml'
        read_curriculum(stages)
        read_convergence(settings.get('convergence') or {})
        read_settings(LevelSettings, settings.get('levels') or {}, 'levels')
        read_settings(SelectionSettings, settings.get('selection') or {}, 'selection')
        name = settings.pop('protocol', None)
        protocols.load('active_learning', name if name in protocols.available('active_learning') else None, settings)
    except ValueError as error:
        return f'settings: {error}'
    for key, least in _LIMITS:
        value = settings.get(key)
        if type(value) is not int or value < least:
            return f'settings.{key}: {value!r} given, expected a whole number of at least {least}'
    problem = structure_gate_inputs.check_settings(orm.Dict(settings['gate']['parameters']), None)
    if problem:
        return f'settings.gate.parameters: {problem.removeprefix("settings")}'
    fraction = settings['held_out']
    if not isinstance(fraction, (int, float)) or not 0 < fraction < 1:
        return f'settings.held_out: {fraction!r} given, expected a fraction between 0 and 1, e.g. 0.1'
    return None


def check_inputs(inputs: Any, _: Any) -> str | None:
    """Check what only shows when the inputs are seen together."""
    if 'settings' not in inputs or 'seed' not in inputs:
        return None
    problem = check_settings(inputs['settings'], None)
    if problem:
        return problem
    if not 0 <= inputs['seed'].value <= LARGEST_SEED:
        return f'seed: {inputs["seed"].value} given, expected 0 to {LARGEST_SEED}'
    datasets, test = (dict(inputs.get(name) or {}) for name in ('datasets', 'test'))
    makes = has_initial(inputs)
    if not datasets and not makes:
        return 'datasets: none given; give labelled frames, or in `initial` how the first ones are made'
    committee = inputs['train']['settings'].get_dict().get('committee', 0)
    if committee < 2:
        return f'train.settings.committee: {committee} given, expected at least 2: one model alone cannot disagree'
    continued = bool((inputs.get('earlier') or {}).get('iterations'))
    for name in (*datasets, *test, *(inputs.get('configurations') or {}), *(inputs.get('returned') or {})):
        if not _NAME.fullmatch(name) or (name.startswith(('iteration_', 'iterations_')) and not continued):
            return f'{name!r} as a name: expected letters, digits and single _, not iteration_…, e.g. quartz_melt'
    for name in inputs.get('configurations') or {}:
        if name.split('_')[0] in _OWN_SETS:
            return f'configurations.{name}: names that begin with {", ".join(_OWN_SETS)} are those of the loop itself'
    try:
        if datasets:
            named = {f'datasets.{name}': node for name, node in datasets.items()}
            check_one_method(named | {f'test.{name}': node for name, node in test.items()})
    except ValueError as error:
        return str(error)
    return _check_elements(inputs, datasets) or _check_parts(inputs, datasets, test)


def _check_elements(inputs: Any, datasets: Mapping[str, DatasetData]) -> str | None:
    """A potential cannot run atoms of an element that it never learned."""
    known = {element for node in datasets.values() for element in node.elements}
    for port in ('configurations', 'returned') if known else ():
        for name, node in (inputs.get(port) or {}).items():
            unknown = sorted(set(as_frames(node).elements) - known)
            if unknown:
                return f'{port}.{name}: {", ".join(unknown)} is in none of the datasets, which know {sorted(known)}'
    return None


def _check_parts(inputs: Any, datasets: Mapping[str, DatasetData], test: Mapping[str, DatasetData]) -> str | None:
    """What the parts of the loop would say of their inputs, hours later."""
    if 'code' not in inputs['explore'].get('md', {}).get('md', {}):
        return 'explore.md.md.code: missing, expected the LAMMPS beside DeePMD-kit, e.g. lmp-deepmd@localhost-deepmd'
    problem = _check_label(inputs)
    if problem:
        return f'label.{problem}'
    train = inputs['train']
    if datasets:
        held_out = dict(test) or dict(datasets)
        given = {**train, 'datasets': dict(datasets), 'test': held_out, 'seed': orm.Int(1)}
        problem = train_inputs.check_inputs(given, None)
    else:
        problem = train_inputs.check_settings(train['settings'], None)
    return f'train.{problem}' if problem else None


def _check_label(inputs: Any) -> str | None:
    """The engine, its method, and whether it can label the configurations that are there."""
    label = inputs['label']
    try:
        engine = label_inputs.chosen_engine(label)
        configurations = {name: node for name, node in (inputs.get('configurations') or {}).items()}
        if configurations and (problem := label_inputs.check_inputs({**label, 'frames': configurations}, None)):
            return problem
        method = engines()[engine].method(label['engine_settings'].get_dict(), label[engine])
        for name, node in (inputs.get('datasets') or {}).items():
            found = differences(node.method, method)
            if found:
                words = '; '.join(f'{key}: {one!r} there, {two!r} here' for key, (one, two) in found.items())
                return (
                    f'engine_settings: datasets.{name} was labelled by another method ({words}); energies of two '
                    'methods do not compare'
                )
    except KeyError as error:
        return f'engine_settings: {error} is missing; get_builder_from_protocol fills all of them in'
    except (TypeError, ValueError) as error:
        return str(error)
    return None


def has_initial(inputs: Mapping[str, Any]) -> bool:
    """Whether the first frames are to be made: the namespace has settings of its own."""
    return 'settings' in (inputs.get('initial') or {})

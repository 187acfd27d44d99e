"""What the inputs of an active learning mean, and the checks that refuse those that make no sense."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import ProcessSpec

from aiida_glassion.calculations.md import CONFIGURATIONS
from aiida_glassion.data.dataset import DatasetData, check_one_method
from aiida_glassion.data.frames import FramesData, as_frames
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.kernels.build.curriculum import read_curriculum
from aiida_glassion.kernels.learning.convergence_settings import read_convergence
from aiida_glassion.workchains import protocols
from aiida_glassion.workchains.explore import ExploreWorkChain
from aiida_glassion.workchains.initial_data import InitialDataWorkChain
from aiida_glassion.workchains.label import LabelWorkChain
from aiida_glassion.workchains.train import TrainWorkChain

LARGEST_SEED = 2**31 - 1
_LIMITS = (('max_iterations', 1), ('max_labels', 1), ('max_failed_rounds', 0))
_NAME = re.compile(r'[a-zA-Z][A-Za-z0-9]*(_[A-Za-z0-9]+)*')
_OWN_SETS = ('earlier', 'glass', 'data')


def seed_of(seed: int, iteration: int, part: str) -> int:
    """Seed of a part of an iteration, the same whenever it is run again.

    :param seed: of the whole.
    :param iteration: number of the iteration; 0: before the first.
    :param part: e.g. ``train``.
    """
    key = [iteration, *part.encode()]
    return int(np.random.SeedSequence(seed, spawn_key=key).generate_state(1)[0] % (LARGEST_SEED - 1)) + 1


def name_of(iteration: int) -> str:
    """Name of an iteration in links and outputs: ``iteration_02``."""
    return f'iteration_{iteration:02d}'


def define_inputs(spec: ProcessSpec) -> None:
    """Declare the input ports."""
    optional = {'required': False, 'populate_defaults': False}
    convert = {'serializer': orm.to_aiida_type}
    spec.input_namespace(
        'datasets',
        dynamic=True,
        valid_type=DatasetData,
        required=False,
        help='Labelled frames to begin with, by name: energies eV, forces eV/Å, virials eV.',
    )
    spec.input_namespace(
        'test',
        dynamic=True,
        valid_type=DatasetData,
        required=False,
        help='Labelled frames that are only tested on. Absent: a fraction of the datasets, see settings.held_out.',
    )
    spec.expose_inputs(
        InitialDataWorkChain,
        namespace='initial',
        namespace_options={**optional, 'help': 'How the first frames are made, where no labelled ones are given.'},
    )
    spec.input_namespace(
        'configurations',
        dynamic=True,
        valid_type=CONFIGURATIONS,
        required=False,
        help='Configurations by name from which exploration starts, Å. Absent: the first frames.',
    )
    spec.input_namespace(
        'returned',
        dynamic=True,
        valid_type=FramesData,
        required=False,
        help='Frames of any runs by name, Å, e.g. of a quench with an earlier committee: the first committee judges '
        'them, and what it does not know is labelled.',
    )
    spec.input_namespace(
        'reference',
        dynamic=True,
        valid_type=FramesData,
        required=False,
        help='Sampled frames of glasses with which the structure gate compares, by the name of the start; Å.',
    )
    spec.expose_inputs(
        LabelWorkChain,
        namespace='label',
        exclude=('frames', 'known'),
        namespace_options={
            'help': 'How frames are labelled: one engine, its settings and the gate.',
            'validator': None,
        },
    )
    spec.expose_inputs(
        TrainWorkChain,
        namespace='train',
        exclude=('datasets', 'test', 'validation', 'warm_start', 'seed'),
        namespace_options={'help': 'How every committee is trained.', 'validator': None},
    )
    spec.expose_inputs(
        ExploreWorkChain,
        namespace='explore',
        exclude=('configurations', 'potential', 'committee', 'stage', 'round', 'seed', 'levels'),
        namespace_options={'help': 'How exploring dynamics and the glasses of the gate are run.', 'validator': None},
    )
    spec.input(
        'settings',
        valid_type=orm.Dict,
        validator=check_settings,
        help='Curriculum, trust levels eV/Å, selection, convergence, limits: protocols/active_learning.yaml.',
        **convert,
    )
    spec.input(
        'seed',
        valid_type=orm.Int,
        help='Seed of the whole; every split, committee, run and selection derives its own from it.',
        **convert,
    )
    spec.input_namespace(
        'earlier', required=False, help='State of an earlier active learning that is continued, see its outputs.'
    )
    spec.input_namespace(
        'earlier.iterations', dynamic=True, valid_type=orm.Dict, required=False, help='Records of its iterations.'
    )
    spec.input_namespace(
        'earlier.memory', dynamic=True, valid_type=orm.ArrayData, required=False, help='Frames it chose before.'
    )
    spec.input_namespace(
        'earlier.frozen', dynamic=True, valid_type=PotentialData, required=False, help='Its last uncompressed models.'
    )
    spec.inputs.validator = check_inputs


def check_settings(node: orm.Dict, _: Any) -> str | None:
    """Settings are those of a protocol, with a curriculum and numbers that make sense."""
    settings = node.get_dict()
    try:
        stages = settings.pop('stages', None)
        if not isinstance(stages, list) or not stages:
            return f'settings.stages: {stages!r} given, expected a list of stages, see protocols/explore.yaml'
        read_curriculum(stages)
        read_convergence(settings.get('convergence') or {})
        name = settings.pop('protocol', None)
        protocols.load('active_learning', name if name in protocols.available('active_learning') else None, settings)
    except ValueError as error:
        return f'settings: {error}'
    for key, least in _LIMITS:
        value = settings.get(key)
        if type(value) is not int or value < least:
            return f'settings.{key}: {value!r} given, expected a whole number of at least {least}'
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
        if not _NAME.fullmatch(name) or (name.startswith('iteration_') and not continued):
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
    return _check_elements(inputs, datasets)


def _check_elements(inputs: Any, datasets: Mapping[str, DatasetData]) -> str | None:
    """A potential cannot run atoms of an element that it never learned."""
    known = {element for node in datasets.values() for element in node.elements}
    for port in ('configurations', 'returned') if known else ():
        for name, node in (inputs.get(port) or {}).items():
            unknown = sorted(set(as_frames(node).elements) - known)
            if unknown:
                return f'{port}.{name}: {", ".join(unknown)} is in none of the datasets, which know {sorted(known)}'
    return None


def has_initial(inputs: Mapping[str, Any]) -> bool:
    """Whether the first frames are to be made: the namespace has settings of its own."""
    return 'settings' in (inputs.get('initial') or {})

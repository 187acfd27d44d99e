"""The input ports of an active learning, the names of its iterations and the seeds of their parts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import ProcessSpec

from aiida_glassion.calculations.md import CONFIGURATIONS
from aiida_glassion.data.dataset import DatasetData
from aiida_glassion.data.frames import FramesData
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.workchains.active_learning_checks import check_inputs, check_settings
from aiida_glassion.workchains.explore import ExploreWorkChain
from aiida_glassion.workchains.initial_data import InitialDataWorkChain
from aiida_glassion.workchains.label import LabelWorkChain
from aiida_glassion.workchains.train import TrainWorkChain

LARGEST_SEED = 2**31 - 1
_TEN = 10
"""Fewest iterations whose data are merged."""
_SET = re.compile(r'iterations?_(\d+)(?:_(\d+))?')
"""``iteration_07``, ``iterations_01_10``."""


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


def number_of(name: str) -> int:
    """Number of an iteration by its name."""
    return int(name.rpartition('_')[2])


def blocks_of(done: int) -> list[tuple[int, int]]:
    """First and last iterations whose data are kept together: tens, as many in a block as a power of two.

    After 79 iterations 1 to 40, 41 to 60, 61 to 70; the last nine stay apart. So there are few sets at any time, and
    the data of an iteration are merged a few times, however many iterations follow.

    :param done: iterations that are over.
    """
    blocks, first, tens = [], 1, done // _TEN
    for power in reversed(range(tens.bit_length())):
        if tens & 1 << power:
            blocks.append((first, first + (_TEN << power) - 1))
            first = blocks[-1][1] + 1
    return blocks


def lies_within(name: str, first: int, last: int) -> bool:
    """Whether a set is that of an iteration, or of a block of them, between two iterations, these included."""
    found = _SET.fullmatch(name)
    return found is not None and first <= int(found[1]) and int(found[2] or found[1]) <= last


def explored_from(names: Iterable[str], initial: Any) -> list[str]:
    """Sets of first frames that exploration starts from: not packed boxes of which a dynamics was run.

    Atoms that were packed at random are pushed apart by forces that no dynamics ever meets again.

    :param names: of the sets that were made.
    :param initial: inputs of the process that made them.
    """
    made = set(names)
    packed = initial['mixtures'].get_dict() if 'mixtures' in initial else {}
    return sorted(name for name in made if name not in packed or f'{name}_dynamics' not in made)


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
        help='Sampled frames of glasses with which the structure gate compares those of the same composition; Å.',
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
        'earlier.parities',
        dynamic=True,
        valid_type=orm.ArrayData,
        required=False,
        help='Held-out predictions of its last iterations, by which the next errors are compared: eV, eV/Å.',
    )
    spec.input_namespace(
        'earlier.frozen', dynamic=True, valid_type=PotentialData, required=False, help='Its last uncompressed models.'
    )
    spec.inputs.validator = check_inputs

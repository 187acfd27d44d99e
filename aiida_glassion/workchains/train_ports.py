"""The ports of a committee's training."""

from __future__ import annotations

from aiida import orm
from aiida.engine import ProcessSpec

from aiida_glassion.calculations.deepmd_test import DeepmdTestCalculation
from aiida_glassion.data.dataset import DatasetData
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.workchains.train_inputs import check_inputs, check_settings
from aiida_glassion.workchains.train_member import TrainMemberWorkChain

_SET_HERE = ('training', 'validation', 'parameters', 'seed', 'backend', 'compress', 'warm_start', 'restart')


def define_inputs(spec: ProcessSpec) -> None:
    """Declare the input ports."""
    spec.expose_inputs(
        TrainMemberWorkChain,
        namespace='member',
        exclude=tuple(f'train.{name}' for name in _SET_HERE),
        namespace_options={'help': 'What every member has in common: the code and options of its jobs.'},
    )
    spec.inputs['member']['train'].validator = None
    spec.expose_inputs(
        DeepmdTestCalculation,
        namespace='test_job',
        exclude=('potential', 'datasets'),
        namespace_options={'help': 'The jobs that test; without a code, that of the training.', 'validator': None},
    )
    spec.input_namespace(
        'datasets', valid_type=DatasetData, dynamic=True, help='Labelled frames to learn from and to test on.'
    )
    for name, words in (
        ('test', 'Frames to test on, never learned from. Absent: some of the datasets, see settings.split.'),
        ('validation', 'Frames watched while learning. Absent: some of the datasets, see settings.split.'),
    ):
        spec.input_namespace(name, valid_type=DatasetData, dynamic=True, required=False, help=words)
    spec.input_namespace(
        'warm_start',
        valid_type=PotentialData,
        dynamic=True,
        required=False,
        help='Frozen, uncompressed models whose weights the members begin with, in the order of their names. One '
        'that does not fit the data (a new element, more neighbours) is left aside; the ledger says so.',
    )
    spec.input(
        'settings',
        valid_type=orm.Dict,
        serializer=orm.to_aiida_type,
        validator=check_settings,
        help='Settings of a protocol, see protocols/train.yaml; lengths Å, energies eV.',
    )
    spec.input(
        'seed',
        valid_type=orm.Int,
        serializer=orm.to_aiida_type,
        help='Seed of the committee; split and members derive theirs from it.',
    )
    spec.input(
        'max_concurrent',
        valid_type=orm.Int,
        serializer=orm.to_aiida_type,
        default=lambda: orm.Int(4),
        help='How many members are trained, or tested, at the same time.',
    )
    spec.inputs.validator = check_inputs


def define_outputs(spec: ProcessSpec) -> None:
    """Declare the output ports."""
    spec.output_namespace(
        'potentials',
        dynamic=True,
        valid_type=PotentialData,
        required=False,
        help='The models, by member; cutoff Å.',
    )
    spec.output_namespace(
        'frozen',
        dynamic=True,
        valid_type=PotentialData,
        required=False,
        help='The uncompressed models, by member, to begin the next training with.',
    )
    spec.output_namespace(
        'learning_curves',
        dynamic=True,
        valid_type=orm.ArrayData,
        required=False,
        help='By member: step, errors on batches in energy eV/atom, forces eV/Å, virial eV/atom.',
    )
    spec.output_namespace(
        'test_set',
        dynamic=True,
        valid_type=DatasetData,
        required=False,
        help='The frames held out of the datasets: the test of the next committee too.',
    )
    spec.output(
        'errors',
        valid_type=orm.Dict,
        required=False,
        help='Errors on the test set, mean and spread over the members with standard errors: energy meV/atom, '
        'forces meV/Å (by element and composition), virial meV/atom; deviation eV/Å; verdict.',
    )
    spec.output(
        'parity',
        valid_type=orm.ArrayData,
        required=False,
        help='Reference and mean prediction on the test set: energies eV, forces eV/Å, virials eV; of each frame '
        'the largest force deviation and error, eV/Å.',
    )
    spec.output('ledger', valid_type=orm.Dict, required=False, help='What failed, with which seed, and why.')

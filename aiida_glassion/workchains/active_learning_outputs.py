"""The output ports of an active learning, and the ways in which it ends."""

from __future__ import annotations

from aiida import orm
from aiida.engine import ProcessSpec

from aiida_glassion.data.dataset import DatasetData
from aiida_glassion.data.frames import FramesData
from aiida_glassion.data.potential import PotentialData


def define_outputs(spec: ProcessSpec) -> None:
    """Declare the output ports and the exit codes."""
    for name, kind, words in (
        (
            'iterations',
            orm.Dict,
            'Record of each iteration: fractions, errors, labels, cost, decision with reason.',
        ),
        ('datasets', DatasetData, 'Labelled frames that were learned, by origin: eV, eV/Å.'),
        ('test_set', DatasetData, 'Labelled frames that were held out, by origin: eV, eV/Å.'),
        ('memory', orm.ArrayData, 'Fingerprints and descriptors (no unit) of all chosen frames, by origin.'),
        ('selections', orm.ArrayData, 'What became of every visited frame, by iteration; deviations eV/Å.'),
        ('potentials', PotentialData, 'The models of the last committee; cutoff Å.'),
        ('frozen', PotentialData, 'The same, uncompressed, to begin a next training with.'),
        ('learning_curves', orm.ArrayData, 'Of the last training, by member: batches, eV/atom, eV/Å.'),
        ('glasses', FramesData, 'Sampled frames of the glasses of the last structure gate, Å.'),
    ):
        spec.output_namespace(name, dynamic=True, valid_type=kind, required=False, help=words)
    spec.output('errors', valid_type=orm.Dict, required=False, help='Errors of the last committee, meV/Å, meV/atom.')
    spec.output('parity', valid_type=orm.ArrayData, required=False, help='Reference and prediction: eV, eV/Å.')
    spec.output('report', valid_type=orm.Dict, required=False, help='Verdict, stages, labels, core-hours, failures.')
    spec.exit_code(510, 'ERROR_TOO_MANY_ITERATIONS', message='Not converged in {iterations} iterations: {reason}')
    spec.exit_code(511, 'ERROR_TOO_MANY_LABELS', message='Not converged with {labels} labelled frames: {reason}')
    spec.exit_code(512, 'ERROR_TRAINING_FAILED', message='The committee of {where} could not be trained: {reason}')
    spec.exit_code(513, 'ERROR_EXPLORATION_FAILED', message='The exploration of {where} failed: {reason}')
    spec.exit_code(514, 'ERROR_LABELLING_FAILED', message='The labelling of {where} failed: {reason}')
    spec.exit_code(515, 'ERROR_NOT_LEARNING', message='More data do not help: {reason}')
    spec.exit_code(516, 'ERROR_STRUCTURE_NOT_SETTLED', message='The structure does not settle: {reason}')
    spec.exit_code(520, 'ERROR_NO_INITIAL_DATA', message='There are no frames to begin with: {reason}')

"""Calcfunctions that report on a committee of trained models."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import calcfunction

from aiida_glassion.data.dataset import DatasetData
from aiida_glassion.frames import Frames
from aiida_glassion.kernels.learning.curve import LearningCurve, ends_of
from aiida_glassion.kernels.learning.errors import committee_errors
from aiida_glassion.kernels.learning.leak import frames_to_compare, nearest_training_frame
from aiida_glassion.kernels.learning.parity import Parity, force_deviations, mean_prediction
from aiida_glassion.kernels.learning.verdict import judge_committee

PARITY_UNITS = {
    'energies': 'eV', 'predicted_energies': 'eV', 'forces': 'eV/Å', 'predicted_forces': 'eV/Å', 'virials': 'eV',
    'predicted_virials': 'eV', 'max_force_deviation': 'eV/Å', 'max_force_error': 'eV/Å', 'else': '1',
}  # fmt: skip


@calcfunction
def compare_frames(**datasets: DatasetData) -> orm.ArrayData:
    """Distance of test frames to the nearest training frame of the same atoms, Å.

    :param datasets: ``test_<name>`` and ``training_<name>``.
    """
    test, training = _frames_of(datasets, 'test_'), _frames_of(datasets, 'training_')
    learned = sum(node.n_frames for name, node in datasets.items() if name.startswith('training_'))
    distances = nearest_training_frame(test, training, frames_to_compare(learned))
    node = orm.ArrayData({'nearest': distances})
    node.base.attributes.set('units', {'nearest': 'Å'})
    return node


@calcfunction
def report_committee(settings: orm.Dict, **members: orm.ArrayData) -> dict[str, Any]:
    """Errors of a committee with a verdict, and the parity of its mean prediction with its deviations.

    :param settings: ``fall``, ``last`` (part of the steps), ``test_over_training``, ``near`` (Å), see
        ``protocols/train.yaml``.
    :param members: ``parity_<label>`` and ``curve_<label>`` of each member, ``nearest`` of the test frames.
    """
    limits = settings.get_dict()
    last = limits.pop('last')
    parities = {name.removeprefix('parity_'): read_parity(node) for name, node in _named(members, 'parity_')}
    curves = {name.removeprefix('curve_'): read_curve(node) for name, node in _named(members, 'curve_')}
    errors = committee_errors(parities)
    ends = {label: ends_of(curve, last=last, limit=limits['fall']) for label, curve in curves.items()}
    nearest = members['nearest'].get_array('nearest') if 'nearest' in members else np.zeros(0)
    verdict = judge_committee(errors, ends, nearest.tolist(), **limits)
    return {'errors': orm.Dict({**errors, 'verdict': verdict}), 'parity': _parity_node(list(parities.values()))}


def _frames_of(datasets: dict[str, DatasetData], prefix: str) -> Iterator[Frames]:
    for name in sorted(datasets):
        if name.startswith(prefix):
            yield from datasets[name].iter_frames()


def _named(members: dict[str, orm.ArrayData], prefix: str) -> list[tuple[str, orm.ArrayData]]:
    return [(name, node) for name, node in sorted(members.items()) if name.startswith(prefix)]


def _parity_node(members: list[Parity]) -> orm.ArrayData:
    mean = mean_prediction(members)
    more = {'max_force_error': mean.max_force_errors}
    if len(members) > 1:
        more['max_force_deviation'] = force_deviations(members)
    node = orm.ArrayData({**mean.arrays(), **more})
    node.base.attributes.set_many(
        {'formulas': list(dict.fromkeys(mean.formulas)), 'elements': list(mean.elements), 'units': PARITY_UNITS}
    )
    return node


def read_parity(node: orm.ArrayData) -> Parity:
    """Parity that a test or :func:`report_committee` left in a node."""
    attributes = node.base.attributes
    return Parity.from_arrays(node.arrays, attributes.get('formulas'), attributes.get('elements'))


def read_curve(node: orm.ArrayData) -> LearningCurve:
    """Learning curve that a training left in a node."""
    return LearningCurve.from_columns(node.arrays)

"""All samples of an elastic run together: replicas pooled, temperatures apart, dense and porous side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from aiida_glassion.kernels.mechanics.elastic import Stiffness, pool_stiffness
from aiida_glassion.kernels.mechanics.elastic_plan import replica_groups
from aiida_glassion.kernels.mechanics.elastic_sample import UNITS, stiffness_record
from aiida_glassion.kernels.mechanics.moduli import MODULI
from aiida_glassion.kernels.statistics import mean_and_error
from aiida_glassion.kernels.transport.sweep import formula_of, temperature_label

_FEWEST_FOR_CHI2 = 6
"""Replicas from which their scatter is known well enough to be what a deviation is measured in."""


def summarise(plan: Mapping[str, Mapping[str, Any]], samples: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Every sample, and the means over replicas.

    :param plan: by label of the sample: ``glass``, ``temperature`` K, ``counts`` of atoms by element and, where it
        failed, ``reason``.
    :param samples: what :func:`~aiida_glassion.kernels.mechanics.elastic_sample.analyse_sample` gave, by label.
    :returns: ``samples`` by label; ``groups``: by name of the group and label of the temperature (see
        :func:`~aiida_glassion.kernels.mechanics.elastic_plan.replica_groups`); ``warnings``; ``units``.
    """
    about = {label: dict(entry) for label, entry in sorted(plan.items())}
    groups = replica_groups({entry['glass']: entry['counts'] for entry in about.values()})
    of_glass = {name: group for group, names in groups.items() for name in names}
    records: dict[str, dict[str, Any]] = {}
    warnings: list[str] = []
    for label, entry in about.items():
        found = samples.get(label)
        records[label] = {
            'glass': entry['glass'],
            'group': of_glass[entry['glass']],
            'formula': formula_of(entry['counts']),
            'temperature': float(entry['temperature']),
            'reason': entry.get('reason'),
            **({} if found is None else {key: value for key, value in found.items() if key != 'units'}),
        }
        if entry.get('reason'):
            warnings.append(f'{label}: {entry["reason"]}')
        warnings += [f'{label}: {text}' for text in (found or {}).get('warnings', [])]
    pooled: dict[str, Any] = {}
    for group in groups:
        members = [record for record in records.values() if record['group'] == group]
        temperatures = sorted({record['temperature'] for record in members})
        pooled[group] = {
            temperature_label(value): _pool(group, [one for one in members if one['temperature'] == value])
            for value in temperatures
        }
    return {'samples': records, 'groups': pooled, 'warnings': list(dict.fromkeys(warnings)), 'units': UNITS}


def _pool(group: str, members: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Means over the replicas of one group at one temperature; with one sample its own errors stay."""
    ended = [one for one in members if 'density' in one]
    tensors = [one['stiffness'] for one in ended if one.get('stiffness')]
    stable = [tensor['moduli'] for tensor in tensors if tensor['moduli'] is not None]
    bulks = [one['bulk']['modulus'] for one in ended if one.get('bulk')]
    stiffness = pool_stiffness([_stiffness_of(tensor) for tensor in tensors]) if tensors else None
    tensor = None if stiffness is None else stiffness_record(stiffness)
    if tensor is not None and 1 < len(tensors) < _FEWEST_FOR_CHI2:
        tensor['isotropy']['chi2'] = None
    return {
        'group': group,
        'formula': members[0]['formula'],
        'temperature': members[0]['temperature'],
        'glasses': [one['glass'] for one in members],
        'n': len(ended),
        'n_atoms': sorted({one['n_atoms'] for one in ended}),
        'density': _mean([{'mean': one['density'], 'standard_error': None} for one in ended]),
        'pressure': _mean([{'mean': one['pressure'], 'standard_error': None} for one in ended]),
        'bulk': _mean(bulks),
        'moduli': {name: _mean([values[name] for values in stable]) for name in MODULI} if stable else None,
        'stiffness': tensor and {key: value for key, value in tensor.items() if key != 'moduli'},
    }


def _mean(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Mean and the standard error of the scatter; of one, its own."""
    if not entries:
        return None
    if len(entries) == 1:
        return {'mean': entries[0]['mean'], 'standard_error': entries[0]['standard_error'], 'n': 1}
    found = mean_and_error([entry['mean'] for entry in entries])
    return {'mean': found.mean, 'standard_error': found.standard_error, 'n': found.n}


def _stiffness_of(record: Mapping[str, Any]) -> Stiffness:
    errors = record['errors']
    return Stiffness(
        np.asarray(record['constants'], dtype=np.float64),
        None if errors is None else np.asarray(errors, dtype=np.float64),
        np.zeros(6),
        float(record['asymmetry']),
        1,
    )

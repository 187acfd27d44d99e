"""Calcfunctions around the training of models."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.engine import calcfunction

from aiida_glassion.data.dataset import DatasetData
from aiida_glassion.formats.deepmd.lcurve import join_lcurves, units_of
from aiida_glassion.kernels.dataset.environments import most_neighbours


@calcfunction
def join_learning_curves(untils: orm.List, **pieces: orm.Data) -> dict[str, Any]:
    """Join the learning curves and the results of the pieces of one training.

    :param untils: for each piece the step of the checkpoint from which the next went on; no number: all of it counts.
    :param pieces: nodes ``learning_curve_<i>`` and ``results_<i>`` of each piece that has them.
    """
    indices = range(len(untils.get_list()))
    curves = [pieces[f'learning_curve_{i}'].arrays if f'learning_curve_{i}' in pieces else {} for i in indices]
    results = [pieces[f'results_{i}'].get_dict() for i in indices]
    outputs: dict[str, Any] = {'results': orm.Dict(_summarise(results))}
    curve = join_lcurves(curves, untils.get_list())
    if curve:
        outputs['learning_curve'] = orm.ArrayData(curve)
        outputs['learning_curve'].base.attributes.set('units', units_of(list(curve)))
    return outputs


@calcfunction
def count_neighbours(cutoff: orm.Float, **datasets: DatasetData) -> orm.Dict:
    """Largest number of neighbours of each element that any atom has: what a net must take in.

    :param cutoff: Å.
    :param datasets: labelled frames by name.
    """
    parts = (part for _, node in sorted(datasets.items()) for part in node.iter_frames())
    return orm.Dict({'most': most_neighbours(parts, cutoff.value), 'cutoff': cutoff.value, 'units': {'cutoff': 'Å'}})


def _summarise(results: list[dict[str, Any]]) -> dict[str, Any]:
    """The last piece's results for the whole training."""
    begun, ended = ([r[key] for r in results if r.get(key) is not None] for key in ('first_step', 'last_step'))
    errors = [result['last_errors'] for result in results if result.get('last_errors')]
    return results[-1] | {
        'pieces': len(results),
        'first_step': min(begun, default=None),
        'last_step': max(ended, default=None),
        'last_errors': errors[-1] if errors else {},
        'warnings': list(dict.fromkeys(w for result in results for w in result.get('warnings', [])))[:50],
    }

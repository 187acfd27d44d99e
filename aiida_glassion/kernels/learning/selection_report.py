"""What a selection decided, in numbers and words that go into one dictionary."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from aiida_glassion.kernels.learning.selection import CODES, Judged, Selection
from aiida_glassion.kernels.learning.selection_settings import SelectionSettings

HISTOGRAM_EDGES = np.geomspace(1e-3, 1e2, 101)
"""eV/Å, twenty to a decade, the same always, so that iterations can be laid over each other."""
_UNPHYSICAL = ('close_contact', 'density', 'detached')
_MANY_FAILED = 0.5


def report_selection(selection: Selection, settings: SelectionSettings, levels: Mapping[str, Any]) -> dict[str, Any]:
    """Count.

    Every visited frame (with a deviation and a stored configuration) is one of ``accurate``, ``candidate``, ``failed``
    or ``set_aside``. Set aside are frames between the levels that are unphysical or known: they could teach nothing, so
    they do not keep a loop from converging. ``similar`` ones are candidates, although not worth a label each.

    :param selection: what was decided.
    :param settings: by which.
    :param levels: ``lower`` and ``upper``, eV/Å.
    :returns: ``visited``, ``accurate``, ``candidate``, ``failed``, ``set_aside``, ``chosen`` (``chosen_failed`` of them
        above the upper level), ``discarded`` (number by reason: the kinds set aside, and ``similar``), ``fractions`` of
        the first four (None: nothing visited), ``histogram`` of the deviations (what lies outside is in the outermost
        bins), ``by_run`` and ``by_formula`` (the same numbers and ``max_deviation``), ``method``, ``levels``,
        ``distances`` (of descriptors, at the first, median and last choice), ``warnings``, ``examples``.
    """
    total = _count(selection.runs.values())
    visited = total['visited']
    deviations = np.concatenate([run.deviation for run in selection.runs.values()] or [np.zeros(0)])
    inside = np.clip(deviations[np.isfinite(deviations)], HISTOGRAM_EDGES[0], HISTOGRAM_EDGES[-1])
    code = np.concatenate([run.code for run in selection.runs.values()] or [np.zeros(0, dtype=np.int8)])
    discarded = {name: int(np.sum(code == CODES[name])) for name in (*_UNPHYSICAL, 'known', 'similar')}
    formulas = sorted({run.formula for run in selection.runs.values()})
    reached = selection.reached[np.isfinite(selection.reached)]
    kinds = ('accurate', 'candidate', 'failed', 'set_aside')
    return {
        **total,
        'discarded': discarded,
        'fractions': {kind: total[kind] / visited if visited else None for kind in kinds},
        'histogram': {
            'edges': HISTOGRAM_EDGES.tolist(),
            'counts': np.histogram(inside, HISTOGRAM_EDGES)[0].tolist(),
            'unit': 'eV/Å',
        },
        'by_run': {name: {'formula': run.formula, **_count([run])} for name, run in selection.runs.items()},
        'by_formula': {
            formula: _count([run for run in selection.runs.values() if run.formula == formula]) for formula in formulas
        },
        'method': settings.method,
        'levels': {
            **{key: levels.get(key) for key in ('lower', 'upper', 'kind', 'relative')},
            'virial_lower': settings.virial_lower,
            'virial_upper': settings.virial_upper,
        },
        'distances': {
            'first': float(reached[0]) if len(reached) else None,
            'median': float(np.median(reached)) if len(reached) else None,
            'last': float(reached[-1]) if len(reached) else None,
        },
        'warnings': _warnings(selection, total, discarded, deviations, settings),
        'examples': selection.examples,
    }


def _count(runs: Iterable[Judged]) -> dict[str, Any]:
    runs = list(runs)
    code = np.concatenate([run.code for run in runs] or [np.zeros(0, dtype=np.int8)])
    deviation = np.concatenate([run.deviation for run in runs] or [np.zeros(0)])
    number = {name: int(np.sum(code == value)) for name, value in CODES.items()}
    finite = deviation[np.isfinite(deviation)]
    return {
        'visited': len(code),
        'accurate': number['accurate'],
        'candidate': number['candidate_chosen'] + number['candidate_not_chosen'] + number['similar'],
        'failed': number['failed'] + number['failed_chosen'],
        'set_aside': sum(number[name] for name in (*_UNPHYSICAL, 'known')),
        'chosen': number['candidate_chosen'] + number['failed_chosen'],
        'chosen_failed': number['failed_chosen'],
        'max_deviation': float(finite.max()) if len(finite) else None,
    }


def _warnings(
    selection: Selection,
    total: Mapping[str, Any],
    discarded: Mapping[str, int],
    deviations: Any,
    settings: SelectionSettings,
) -> list[str]:
    said = []
    visited, failed = total['visited'], total['failed']
    if not visited:
        said.append('No visited frame has a deviation and a stored configuration.')
    elif not total['candidate'] and failed and not total['chosen']:
        said.append(
            f'Nothing can be chosen: of {visited} frames {failed} are above the upper level and none between the '
            'levels. Explore more gently, or set failed_fraction_labelled.'
        )
    elif failed > _MANY_FAILED * visited:
        said.append(f'{100 * failed / visited:.0f} % of the frames are above the upper level: explore more gently.')
    unphysical = sum(discarded[name] for name in _UNPHYSICAL)
    between = total['candidate'] + total['set_aside']
    if unphysical > 0.5 * between:
        said.append(
            f'{unphysical} of {between} frames between the levels are unphysical ('
            + ', '.join(f'{discarded[name]} {name}' for name in _UNPHYSICAL if discarded[name])
            + '): the potential lets atoms go where they cannot be.'
        )
    if selection.n_compared < selection.n_left:
        said.append(
            f'Of {selection.n_left} candidates {selection.n_compared}, drawn by the seed, were compared '
            f'(max_considered).'
        )
    if not_finite := int(np.sum(~np.isfinite(deviations))):
        said.append(f'{not_finite} frames have a deviation that is no number; they count as failed.')
    if without := sum(run.without_frame for run in selection.runs.values()):
        said.append(f'{without} records have no stored frame and were left aside.')
    if total['chosen'] < min(settings.max_labels, total['candidate']) and discarded['similar']:
        said.append(
            f'{total["chosen"]} frames were chosen of {settings.max_labels} allowed: the {discarded["similar"]} other '
            f'candidates compared are within {settings.exclude_similar:g} of the data or of chosen frames.'
        )
    return said

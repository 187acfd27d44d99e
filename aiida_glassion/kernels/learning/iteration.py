"""The record of an iteration of active learning: what every part of it reported, in one small table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

STATES = ('finished', 'left_trusted_region', 'exploded', 'failed')
_SELECTION = (
    'visited', 'accurate', 'candidate', 'failed', 'chosen', 'discarded', 'fractions', 'histogram', 'method', 'warnings',
)  # fmt: skip
_QUANTITIES = ('force', 'energy', 'virial')
_NUMBERS = ('mean', 'standard_error', 'spread', 'n')


def build_record(
    facts: Mapping[str, Any],
    stage: Mapping[str, Any],
    *,
    levels: Mapping[str, Any] | None = None,
    exploration: Mapping[str, Any] | None = None,
    selection: Mapping[str, Any] | None = None,
    errors: Mapping[str, Any] | None = None,
    ledger: Mapping[str, Any] | None = None,
    gate: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Everything that happened in an iteration but the decision; what is absent is None or counts nothing.

    :param facts: ``number`` (from 1), ``stage_index`` (from 0), ``stage_round`` (from 1), ``labels_total``, ``cost``.
    :param stage: of the curriculum; its ``name``.
    :param levels: trust levels, eV/Å.
    :param exploration: report of the exploration.
    :param selection: report of the selection.
    :param errors: of the committee on held-out frames.
    :param ledger: of the labels.
    :param gate: report of the structure gate.
    """
    return {
        'number': int(facts['number']),
        'stage': stage.get('name', str(facts['stage_index'])),
        'stage_index': int(facts['stage_index']),
        'stage_round': int(facts['stage_round']),
        'levels': dict(levels or {}),
        'exploration': _exploration(exploration or {}),
        'selection': {key: (selection or {}).get(key) for key in _SELECTION if key in (selection or {})},
        'errors': _errors(errors or {}),
        'labels': _labels(facts, selection or {}, ledger),
        'gate': _gate(gate),
        'cost': dict(facts.get('cost') or {}),
    }


def _exploration(report: Mapping[str, Any]) -> dict[str, int]:
    """How many runs ended in which way."""
    counts = Counter(str(run.get('state')) for run in (report.get('runs') or {}).values())
    given = report.get('counts') or {}
    found = {state: int(given.get(state, counts[state]) or 0) for state in STATES}
    return {'runs': len(report.get('runs') or {}) or sum(found.values()), **found}


def _errors(table: Mapping[str, Any]) -> dict[str, Any]:
    """Errors on all held-out frames and by composition; meV/Å, meV/atom, deviation eV/Å."""
    if not table:
        return {}
    found: dict[str, Any] = {'n_frames': table.get('n_frames'), 'units': dict(table.get('units') or {})}
    by_formula: dict[str, Any] = {name: {'n_frames': n} for name, n in (table.get('formulas') or {}).items()}
    for quantity in _QUANTITIES:
        entry = table.get(quantity)
        if not entry:
            continue
        found[quantity] = {'rmse': _numbers(entry['rmse'])}
        if 'reference_rms' in entry:
            found[quantity]['reference_rms'] = entry['reference_rms']
        parts = entry.get('by_formula') or (dict.fromkeys(by_formula, entry['rmse']) if len(by_formula) == 1 else {})
        for formula, numbers in parts.items():
            by_formula.setdefault(formula, {})[quantity] = _numbers(numbers)
    found['by_formula'] = by_formula
    if 'deviation' in table:
        found['deviation'] = dict(table['deviation'])
    return found


def _numbers(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: entry.get(key) for key in _NUMBERS if key in entry}


def _labels(facts: Mapping[str, Any], selection: Mapping[str, Any], ledger: Mapping[str, Any] | None) -> dict[str, Any]:
    """What was asked of the labels, what came, and where the frames came from."""
    ledger = ledger or {}
    refused = Counter(str(entry['frames']) for entry in ledger.get('refused') or [])
    chosen = {name: int(run.get('chosen') or 0) for name, run in (selection.get('by_run') or {}).items()}
    origins = {name: number - refused[name] for name, number in chosen.items() if number - refused[name] > 0}
    counts = {key: int(ledger.get(key) or 0) for key in ('labelled', 'known', 'twice')}
    return {
        'asked': counts['labelled'] + counts['known'] + counts['twice'] + sum(refused.values()),
        **counts,
        'refused': sum(refused.values()),
        'total': int(facts.get('labels_total') or 0),
        'by_origin': origins if ledger else {},
        'refused_reasons': dict(ledger.get('by_kind') or {}),
    }


def _gate(report: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if not report:
        return None
    return {
        'passed': bool(report.get('passed')),
        'reason': report.get('reason', ''),
        'criteria': list(report.get('criteria') or []),
        'flags': list(report.get('flags') or []),
    }

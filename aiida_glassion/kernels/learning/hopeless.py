"""When more of the same does not help active learning: what did not improve, in numbers, and what could be done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from aiida_glassion.kernels.learning.convergence_settings import Convergence
from aiida_glassion.kernels.learning.trend import Trend, trend_of, trend_of_fractions

_MANY_FAILED = 0.05
_WITHOUT_END = 2
"""Where a stage has no last round, this many times the patience is looked ahead."""


def why_stuck(
    limits: Convergence,
    stage: Mapping[str, Any],
    record: Mapping[str, Any],
    same: Sequence[Mapping[str, Any]],
    unmet: Sequence[Mapping[str, Any]],
    counts: Mapping[str, int],
) -> str | None:
    """Why another round of the stage would change nothing; None: it may.

    :param limits: of the stage.
    :param stage: the stage, for ``max_labels``.
    :param record: of this iteration.
    :param same: earlier records of this stage, oldest first.
    :param unmet: criteria that are not met.
    :param counts: ``gate_failures`` of this stage.
    """
    rounds = [*same, record]
    reason = (
        _gate_fails(limits, stage, record, counts)
        or _no_labels(limits, rounds, unmet)
        or _flat(limits, rounds, unmet)
        or _last_round(limits, rounds, unmet)
    )
    if reason is None:
        return None
    return f'{reason} What could help: {"; ".join(_advice(stage, rounds, unmet))}.'


def _gate_fails(
    limits: Convergence, stage: Mapping[str, Any], record: Mapping[str, Any], counts: Mapping[str, int]
) -> str | None:
    gate = record.get('gate')
    if not stage.get('gate') or gate is None or gate['passed'] or counts['gate_failures'] < limits.gate_failures:
        return None
    return f'The structure gate failed {counts["gate_failures"]} times, the last time: {gate.get("reason", "")}'


def _no_labels(
    limits: Convergence, rounds: Sequence[Mapping[str, Any]], unmet: Sequence[Mapping[str, Any]]
) -> str | None:
    """Without new labels nothing is learned, and the next round is like this one."""
    last = rounds[-limits.fruitless_rounds :]
    if len(last) < limits.fruitless_rounds or any((r.get('labels') or {}).get('labelled') for r in last):
        return None
    if _still_learning(unmet) or {criterion['name'] for criterion in unmet} <= {'checks', 'structure'}:
        return None
    discarded: dict[str, int] = {}
    for entry in last:
        for reason, number in ((entry.get('selection') or {}).get('discarded') or {}).items():
            discarded[reason] = discarded.get(reason, 0) + int(number)
    ranked = sorted(discarded.items(), key=lambda item: (-item[1], item[0]))
    why = f' Frames were left out: {", ".join(f"{reason} {number}" for reason, number in ranked)}.' if ranked else ''
    return f'No frame was labelled in the last {len(last)} rounds, and yet: {_sentences(unmet)}{why}'


def _flat(limits: Convergence, rounds: Sequence[Mapping[str, Any]], unmet: Sequence[Mapping[str, Any]]) -> str | None:
    """Frames beyond the lower level stay as many, and the error as large, over the rounds that patience allows."""
    names = {criterion['name'] for criterion in unmet}
    window = rounds[-limits.patience :]
    if len(window) < limits.patience or not names & {'candidates', 'failed'} or _still_learning(unmet):
        return None
    selections = [entry.get('selection') or {} for entry in window]
    totals = [int(part.get('visited') or 0) for part in selections]
    if not all(totals):
        return None
    hits = [int(part.get('candidate') or 0) + int(part.get('failed') or 0) for part in selections]
    limit = limits.candidate_fraction + limits.failed_fraction
    trend = trend_of_fractions(hits, totals)
    error = _error_trend(window)
    if sum(hits) < limit * sum(totals) or trend.falls(limits.sigma) or (error and error.falls(limits.sigma)):
        return None
    left = limits.max_rounds - rounds[-1]['stage_round'] if limits.max_rounds else _WITHOUT_END * limits.patience
    pace = trend.slope - limits.sigma * trend.error
    if sum(hits) / sum(totals) * np.exp(max(pace * left, -50.0)) < limit:
        return None
    first, last = hits[0] / totals[0], hits[-1] / totals[-1]
    words = (
        f'Over the last {len(window)} rounds the frames beyond the lower level did not get fewer '
        f'({100 * first:.2g} % at first, {100 * last:.2g} % now, {_pace(trend)}); at the fastest pace that this allows '
        f'the {left} rounds left would not bring them below {100 * limit:.2g} %.'
    )
    means = [_force_error(entry) for entry in window]
    if error and means[0] is not None and means[-1] is not None:
        words += (
            f' The held-out force error did not fall either ({means[0]:.4g} meV/Å at first, {means[-1]:.4g} now, '
            f'{_pace(error)}).'
        )
    return words


def _last_round(
    limits: Convergence, rounds: Sequence[Mapping[str, Any]], unmet: Sequence[Mapping[str, Any]]
) -> str | None:
    """The stage has had all its rounds: never passed over in silence."""
    number = int(rounds[-1]['stage_round'])
    if limits.max_rounds is None or number < limits.max_rounds:
        return None
    return f'It has had its {limits.max_rounds} rounds (max_rounds), and still: {_sentences(unmet)}'


def _still_learning(unmet: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the held-out error still changes."""
    return any(criterion['name'] == 'held_out_error' and criterion['value'] is not None for criterion in unmet)


def _advice(
    stage: Mapping[str, Any], rounds: Sequence[Mapping[str, Any]], unmet: Sequence[Mapping[str, Any]]
) -> list[str]:
    """What a user could change, the likeliest first."""
    names = {criterion['name'] for criterion in unmet}
    record = rounds[-1]
    selection, levels, labels = (record.get(key) or {} for key in ('selection', 'levels', 'labels'))
    found = []
    mean, lower = _force_error(record), levels.get('lower')
    if names & {'candidates'} and mean is not None and lower is not None and lower < 2 * mean / 1e3:
        found.append(
            f'other levels (the lower one, {lower:.3g} eV/Å for the largest deviation of a frame, lies near the error '
            f'of a single component that this net reaches, {mean / 1e3:.3g} eV/Å)'
        )
    if stage.get('max_labels') and int(selection.get('chosen') or 0) >= int(stage['max_labels']):
        found.append(f'more labels in a round (max_labels {stage["max_labels"]} was used up)')
    visited = int(selection.get('visited') or 0)
    many = visited and int(selection.get('failed') or 0) > _MANY_FAILED * visited
    if names & {'failed', 'broken_runs'} or many:
        found.append(
            'a softer stage (lower temperature, smaller strain, shorter runs), with more such stages before it'
        )
    if names & {'candidates', 'failed', 'relative_error', 'held_out_error', 'structure'}:
        found.append('a larger net or a longer training')
    if 'visited' in names:
        found.append('more or longer runs in a round, frames recorded more often, or a smaller min_frames')
    refused = int(labels.get('refused') or 0)
    if refused and refused >= int(labels.get('labelled') or 0):
        found.append(f'labels that succeed ({refused} frames were refused)')
    if 'structure' in names:
        found.append('more labels of the glass and its melt, or other limits of the gate')
    return found or ['more rounds (max_rounds)']


def _error_trend(window: Sequence[Mapping[str, Any]]) -> Trend | None:
    means = [_force_error(entry) for entry in window]
    known = [mean for mean in means if mean]
    if len(known) < len(means):
        return None
    errors = [float(entry['errors']['force']['rmse'].get('standard_error') or 0.0) for entry in window]
    return trend_of(known, [error / mean for error, mean in zip(errors, known, strict=True)])


def _force_error(record: Mapping[str, Any]) -> float | None:
    mean = (((record.get('errors') or {}).get('force') or {}).get('rmse') or {}).get('mean')
    return None if mean is None else float(mean)


def _pace(trend: Trend) -> str:
    """Change for each round, in per cent with its error."""
    return f'{100 * trend.slope:+.1f} ± {100 * trend.error:.1f} % a round'


def _sentences(criteria: Sequence[Mapping[str, Any]]) -> str:
    return ' '.join(criterion['words'] for criterion in criteria)

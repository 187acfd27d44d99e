"""Whether a stage of active learning is done, needs another round, or will never be done: with its reasons in numbers.

A stage is left when the committee is sure of what it meets and no longer gets better: few frames beyond the levels in
several checks running, a held-out error that has stopped to fall, and, where the stage wants it, glasses of the members
that agree. The fraction of candidates alone is the criterion of DP-GEN (Y. Zhang et al., Comput. Phys. Commun. 253,
107206 (2020)).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiida_glassion.kernels.learning.convergence_settings import Convergence
from aiida_glassion.kernels.learning.hopeless import why_stuck
from aiida_glassion.kernels.learning.trend import Fall, fall_of_records, wilson_interval

Criterion = dict[str, Any]

_MOVED = 0.1
"""Relative change of the lower level from which on two rounds ask different questions."""
REPEAT, GATE, ADVANCE, CONVERGED, STUCK = 'repeat', 'gate', 'advance', 'converged', 'stuck'


def decide(
    settings: Convergence,
    stage: Mapping[str, Any],
    n_stages: int,
    record: Mapping[str, Any],
    earlier: Sequence[Mapping[str, Any]] = (),
    fall: Fall | None = None,
) -> dict[str, Any]:
    """What comes next.

    :param settings: limits; those of the stage go before them.
    :param stage: ``name``, ``gate``, and what replaces limits (``candidate_fraction``, ``checks``, ``min_frames``,
        ``max_rounds``); ``max_labels``.
    :param n_stages: stages of the curriculum.
    :param record: of this iteration: ``number``, ``stage_index`` (from 0), ``stage_round`` (from 1), ``selection``,
        ``exploration``, ``errors``, ``labels``, ``levels``, ``gate``.
    :param earlier: records of the last iterations with their decisions, in any order.
    :param fall: of the held-out force error where it is known better than from the records.
    :returns: ``action``, ``reason``, ``criteria`` (name, value, limit, met, words), ``counts`` (checks met in a row and
        gates that failed, of this stage).
    """
    limits = settings.for_stage(stage)
    past = sorted((r for r in earlier if r['number'] < record['number']), key=lambda r: int(r['number']))
    same = [r for r in past if r['stage_index'] == record['stage_index']]
    record = {**record, 'gate': record.get('gate') if stage.get('gate') else None}
    check = _check(limits, record, same[-1] if same else {})
    counts = _counts(record, same, all(criterion['met'] for criterion in check))
    criteria = [*check, _checks(limits, counts['checks']), *_errors(limits, record, past, fall)]
    ready = all(criterion['met'] for criterion in criteria)
    if stage.get('gate'):
        criteria.append(_gate(record['gate']))
    decision = {'criteria': criteria, 'counts': counts}
    name = stage.get('name', record['stage_index'])
    if ready and stage.get('gate') and record['gate'] is None:
        reason = f'Stage {name}: all else is met; short glasses of the members are compared now.'
        return {'action': GATE, 'reason': reason, **decision}
    if all(criterion['met'] for criterion in criteria):
        last = record['stage_index'] + 1 >= n_stages
        words = 'the last stage is done' if last else 'the next stage begins'
        reason = f'Stage {name} is done, {words}. {_sentences(criteria)}'
        return {'action': CONVERGED if last else ADVANCE, 'reason': reason, **decision}
    unmet = [criterion for criterion in criteria if not criterion['met']]
    hopeless = why_stuck(limits, stage, record, same, unmet, counts)
    if hopeless:
        return {'action': STUCK, 'reason': f'Stage {name} is stuck. {hopeless}', **decision}
    labels = (record.get('labels') or {}).get('labelled', 0)
    reason = (
        f'Stage {name} is repeated with {labels} newly labelled frames: {len(unmet)} of {len(criteria)} criteria are '
        f'not met. {_sentences(unmet)}'
    )
    return {'action': REPEAT, 'reason': reason, **decision}


def _check(limits: Convergence, record: Mapping[str, Any], before: Mapping[str, Any]) -> list[Criterion]:
    """What one check asks of the frames that were visited."""
    selection, levels = record.get('selection') or {}, record.get('levels') or {}
    visited = int(selection.get('visited') or 0)
    found = [
        _criterion(
            'visited',
            visited,
            limits.min_frames,
            visited >= limits.min_frames,
            f'{visited} frames were visited; a check needs {limits.min_frames}.',
        )
    ]
    between = _between((levels.get('lower'), levels.get('upper')), before.get('levels') or {})
    for name, key, limit in (
        ('candidates', 'candidate', limits.candidate_fraction),
        ('failed', 'failed', limits.failed_fraction),
    ):
        number = int(selection.get(key) or 0)
        if not visited:
            found.append(_criterion(name, None, limit, False, f'No frame was visited, so no {name} were counted.'))
            continue
        fraction, most = number / visited, wilson_interval(min(number, visited), visited)[1]
        what = f'candidates{between}' if name == 'candidates' else 'beyond the upper level'
        words = (
            f'{number} of {visited} visited frames were {what}: {percent(fraction)}, limit {percent(limit)}; '
            f'were they independent, the true fraction could be as large as {percent(most)} (95 %).'
        )
        found.append(_criterion(name, fraction, limit, fraction < limit, words))
    return [*found, *_runs(limits, record.get('exploration') or {})]


def _between(levels: tuple[float | None, float | None], before: Mapping[str, Any]) -> str:
    """The levels in words, with those of the round before where they differ: then the fractions do not compare."""
    lower, upper = levels
    if lower is None or upper is None:
        return ''
    old = before.get('lower')
    moved = old is not None and abs(lower - old) > _MOVED * old
    return f' (levels {lower:.3g} and {upper:.3g} eV/Å{f", the lower one {old:.3g} a round before" if moved else ""})'


def _runs(limits: Convergence, exploration: Mapping[str, Any]) -> list[Criterion]:
    """Runs that break off visit few frames where the committee is worst: fractions alone would not show it."""
    if limits.broken_runs is None:
        return []
    runs = int(exploration.get('runs') or 0)
    broken = int(exploration.get('exploded') or 0) + int(exploration.get('left_trusted_region') or 0)
    if not runs:
        return [_criterion('broken_runs', None, limits.broken_runs, False, 'No run was made.')]
    words = f'{broken} of {runs} runs exploded or left the trusted region, at most {percent(limits.broken_runs)} may.'
    return [_criterion('broken_runs', broken / runs, limits.broken_runs, broken / runs <= limits.broken_runs, words)]


def _counts(record: Mapping[str, Any], same: Sequence[Mapping[str, Any]], met: bool) -> dict[str, int]:
    """Checks in a row and failed gates of this stage, carried on from the record before."""
    before = dict(((same[-1].get('decision') or {}).get('counts') or {}) if same else {})
    gate = record.get('gate')
    failed = int(gate is not None and not gate['passed'])
    return {
        'checks': int(before.get('checks', 0)) + 1 if met else 0,
        'gate_failures': int(before.get('gate_failures', 0)) + failed,
    }


def _checks(limits: Convergence, count: int) -> Criterion:
    words = f'{count} check{"s" * (count != 1)} in a row {"were" if count != 1 else "was"} met, {limits.checks} needed.'
    return _criterion('checks', count, limits.checks, count >= limits.checks, words)


def _errors(
    limits: Convergence, record: Mapping[str, Any], past: Sequence[Mapping[str, Any]], fall: Fall | None
) -> list[Criterion]:
    """The error on frames that nobody learned from: no longer falling, and small against the forces."""
    errors = record.get('errors') or {}
    force = errors.get('force') or {}
    if fall is None and past:
        far = [r for r in past if r['number'] <= record['number'] - limits.compared_with]
        old = far[-1] if far else past[0]
        fall = fall_of_records(old.get('errors') or {}, errors, int(old['number']))
    found = [_fall(limits, fall, bool(force))]
    if limits.relative_error is not None:
        mean, reference = (force.get('rmse') or {}).get('mean'), force.get('reference_rms')
        value = mean / reference if mean is not None and reference else None
        words = 'The held-out force error is not known.'
        if value is not None:
            words = (
                f'The held-out force error is {mean:.4g} meV/Å, {percent(value)} of the forces themselves, '
                f'limit {percent(limits.relative_error)}.'
            )
        met = value is not None and value < limits.relative_error
        found.append(_criterion('relative_error', value, limits.relative_error, met, words))
    return found


def _fall(limits: Convergence, fall: Fall | None, known: bool) -> Criterion:
    if fall is None:
        words = 'no earlier one to compare it with' if known else 'not known'
        return _criterion('held_out_error', None, limits.error_fall, False, f'The held-out force error: {words}.')
    sure = abs(fall.value) > limits.sigma * fall.error
    falls = fall.value >= limits.error_fall and sure
    # on frames that differ, a rise says that they are harder; on the same ones, that training is unstable
    rises = fall.same_frames and -fall.value >= limits.error_fall and sure
    change = 'fell' if fall.value >= 0 else 'rose'
    verdict = 'still falling' if falls else 'rising' if rises else 'settled'
    words = (
        f'The held-out force error {change} by {100 * abs(fall.value):.1f} ± {100 * fall.error:.1f} % since iteration '
        f'{fall.since} ({fall.before:.4g} to {fall.after:.4g} {fall.of}): {verdict}'
    )
    if verdict == 'settled' and abs(fall.value) >= limits.error_fall and not sure:
        words += ', since the change is within its error'
    words += f'; at least {percent(limits.error_fall)} beyond {limits.sigma:g} standard errors counts.'
    return _criterion('held_out_error', fall.value, limits.error_fall, not (falls or rises), words)


def _gate(gate: Mapping[str, Any] | None) -> Criterion:
    if gate is None:
        return _criterion('structure', None, True, False, 'Glasses of the members were not compared in this iteration.')
    passed = bool(gate['passed'])
    return _criterion('structure', passed, True, passed, f'Structure gate: {gate.get("reason", "")}')


def _criterion(name: str, value: float | bool | None, limit: float | bool, met: bool, words: str) -> Criterion:
    return {'name': name, 'value': value, 'limit': limit, 'met': bool(met), 'words': words}


def _sentences(criteria: Sequence[Criterion]) -> str:
    return ' '.join(criterion['words'] for criterion in criteria)


def percent(value: float) -> str:
    """A fraction in per cent with two digits: 0.0123 is '1.2 %'."""
    return f'{float(f"{100 * value:.2g}"):g} %'

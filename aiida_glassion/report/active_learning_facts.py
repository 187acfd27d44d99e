"""What the records of an active learning say, in words and rows: the page, the tables and the terminal share it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiida_glassion.report.active_learning import Loop, Part
from aiida_glassion.report.figures.active_learning import Iteration
from aiida_glassion.report.numbers import Number, find_number, read_number

CLASSES = ('accurate', 'candidate', 'failed', 'set_aside')
_COSTS = ('jobs', 'seconds', 'core_hours', 'cached', 'measured')
COST_PARTS = ('train', 'explore', 'label', 'gate')
_BEFORE, _AFTER = ('initial_data', 'label_initial'), ('final_train',)
"""Parts that cost something outside of the iterations."""
ACTIONS = {
    'repeat': 'again, with new data',
    'gate': 'judge structures',
    'advance': 'next stage',
    'converged': 'converged',
    'stuck': 'stuck',
}
"""What an assessment may decide."""
PARTS = {
    'initial_data': 'the first structures are made',
    'label_initial': 'the first structures are labelled',
    'train': 'a committee is trained',
    'levels': 'trust levels are set',
    'judge_returned': 'returned frames are judged',
    'explore': 'dynamics explore',
    'select': 'frames are selected',
    'label': 'frames are labelled',
    'split': 'new data are divided',
    'assess': 'the iteration is judged',
    'gate': 'short glasses are made and compared',
    'assess_again': 'the iteration is judged with its structures',
    'final_train': 'the final committee is trained',
}
"""What the loop does while a part runs."""


@dataclass(frozen=True)
class StageProgress:
    """How far a stage of the curriculum is.

    :param state: ``done``, ``here``, ``ended here`` or ``to come``.
    :param limit: part of the visited frames that may be candidates.
    """

    name: str
    rounds: int
    state: str
    iterations: tuple[int, ...]
    limit: float | None
    programs: tuple[str, ...]


def stage_progress(loop: Loop) -> list[StageProgress]:
    """Every stage of the curriculum, begun or not, also one that only the records name."""
    names = [str(stage.get('name', index + 1)) for index, stage in enumerate(loop.stages)]
    seen = [str(record.get('stage')) for record in loop.records]
    names += [name for name in dict.fromkeys(seen) if name not in names]
    contents = {str(stage.get('name')): stage for stage in loop.stages}
    found = []
    for name in names:
        own = [record for record in loop.records if str(record.get('stage')) == name]
        last = (own[-1].get('decision') or {}).get('action') if own else None
        state = 'to come'
        if last in ('advance', 'converged'):
            state = 'done'
        elif own or name == current_stage(loop):
            state = 'here' if loop.state == 'running' else 'ended here'
        found.append(
            StageProgress(
                name,
                len(own),
                state,
                tuple(int(record['number']) for record in own),
                candidate_limit(loop, name),
                tuple(str(program.get('kind', '')) for program in contents.get(name, {}).get('programs') or []),
            )
        )
    return found


def current_stage(loop: Loop) -> str | None:
    """Name of the stage that the loop is in, or was in when it ended; None when the curriculum is not known."""
    names = [str(stage.get('name')) for stage in loop.stages]
    if not loop.records:
        return names[0] if names else None
    index = int(loop.last.get('stage_index', 0))
    if loop.decision.get('action') == 'advance' and index + 1 < len(names):
        return names[index + 1]
    return str(loop.last.get('stage'))


def candidate_limit(loop: Loop, stage: str) -> float | None:
    """Part of the visited frames of a stage that may be candidates."""
    own = next((content for content in loop.stages if str(content.get('name')) == stage), {})
    if own.get('candidate_fraction') is not None:
        return float(own['candidate_fraction'])
    limit = (loop.settings.get('convergence') or {}).get('candidate_fraction')
    return None if limit is None else float(limit)


def fraction(record: Mapping[str, Any], name: str) -> float | None:
    """Part of the visited frames in a class; None where nothing was visited."""
    number = find_number(record, 'selection', 'fractions', name)
    return None if number is None else number.value


def force_error(record: Mapping[str, Any]) -> Number | None:
    """Force RMSE on held-out frames, meV/Å."""
    return find_number(record, 'errors', 'force', 'rmse')


def errors_by_formula(record: Mapping[str, Any]) -> dict[str, Number]:
    """Force RMSE on held-out frames of each composition, meV/Å."""
    found = {}
    for formula, entry in ((record.get('errors') or {}).get('by_formula') or {}).items():
        force = entry.get('force') if isinstance(entry, Mapping) else None
        number = read_number({'standard_error': None, **force}) if isinstance(force, Mapping) else None
        if number is not None:
            found[str(formula)] = number
    return found


def levels_of(record: Mapping[str, Any]) -> tuple[float, float] | None:
    """Trust levels of an iteration, eV/Å."""
    lower, upper = find_number(record, 'levels', 'lower'), find_number(record, 'levels', 'upper')
    return None if lower is None or upper is None else (lower.value, upper.value)


def labels_before(record: Mapping[str, Any]) -> int | None:
    """Labelled frames, training and held-out parts together, that the iteration's committee could learn from."""
    labels = record.get('labels') or {}
    total = labels.get('total')
    return None if total is None else int(total) - int(labels.get('labelled') or 0)


def initial_labels(loop: Loop) -> int | None:
    """Labelled frames that were there before the first iteration."""
    initial = (loop.report.get('labels') or {}).get('initial')
    if isinstance(initial, (int, float)):
        return int(initial)
    return labels_before(loop.records[0]) if loop.records else None


def labels_by_program(loop: Loop, record: Mapping[str, Any]) -> dict[str, int]:
    """New labels of an iteration by the program of the run that visited the frame; other origins by their own name."""
    programs = loop.programs.get(int(record.get('number', 0)), {})
    found: dict[str, int] = {}
    for origin, count in ((record.get('labels') or {}).get('by_origin') or {}).items():
        name = programs.get(origin) or str(origin)
        found[name] = found.get(name, 0) + int(count)
    return found


def core_hours(record: Mapping[str, Any]) -> dict[str, float]:
    """Cost of an iteration by part, core-hours."""
    found = {}
    for part, entry in (record.get('cost') or {}).items():
        number = find_number(entry, 'core_hours') if isinstance(entry, Mapping) else None
        if number is not None:
            found[str(part)] = number.value
    return {part: found[part] for part in (*COST_PARTS, *sorted(set(found) - set(COST_PARTS))) if part in found}


def total_cost(loop: Loop) -> dict[str, dict[str, float]]:
    """Jobs that ran, seconds and core-hours of every part: over all iterations, and once the loop has ended before
    the first and after the last.

    ``measured`` of the jobs said how long they took, the time of others includes waiting; ``cached`` cost nothing.
    """
    total: dict[str, dict[str, float]] = {}
    told = loop.report.get('cost') or {}
    before, after = ({part: told[part] for part in parts if part in told} for parts in (_BEFORE, _AFTER))
    for cost in (before, *(record.get('cost') or {} for record in loop.records), after):
        for part, entry in cost.items():
            if isinstance(entry, Mapping):
                own = total.setdefault(str(part), dict.fromkeys(_COSTS, 0.0))
                for key in own:
                    number = find_number(entry, key)
                    own[key] += number.value if number else 0.0
    return total


def drawn_iterations(loop: Loop) -> list[Iteration]:
    """What the figures draw of each iteration."""
    found = []
    for record in loop.records:
        selection, errors = record.get('selection') or {}, record.get('errors') or {}
        shares = {name: share for name in CLASSES if (share := fraction(record, name)) is not None}
        histogram, stage = selection.get('histogram') or {}, str(record.get('stage', ''))
        found.append(
            Iteration(
                int(record['number']),
                stage,
                shares,
                candidate_limit(loop, stage),
                levels_of(record),
                histogram.get('edges') or (),
                histogram.get('counts') or (),
                force_error(record),
                find_number(errors, 'energy', 'rmse'),
                find_number(errors, 'virial', 'rmse'),
                errors_by_formula(record),
                labels_before(record),
                labels_by_program(loop, record),
                dict((record.get('labels') or {}).get('refused_reasons') or {}),
                core_hours(record),
                (record.get('levels') or {}).get('relative'),
            )
        )
    return found


def criteria_of(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Criteria of the decision on an iteration."""
    return [entry for entry in (record.get('decision') or {}).get('criteria') or [] if isinstance(entry, Mapping)]


def criterion_name(entry: Mapping[str, Any]) -> str:
    """Name of a criterion as it is shown: words, where it is no name of something else."""
    name = str(entry.get('name', ''))
    return name.replace('_', ' ') if name.isascii() and name.isidentifier() else name


def failures_of(loop: Loop) -> list[dict[str, Any]]:
    """What failed: as the loop's report says; before its end, every part that did not end well."""
    reported = loop.report.get('failures')
    if reported:
        return [entry for entry in reported if isinstance(entry, dict)]
    return [
        {'iteration': part.iteration, 'part': part.name, 'what': part.label, 'why': part.reason, 'pk': part.pk}
        for part in loop.parts
        if part.state == 'failed'
    ]


def running_parts(loop: Loop) -> list[Part]:
    """What runs now."""
    return [part for part in loop.parts if part.state == 'running'] if loop.state == 'running' else []


def doing(loop: Loop) -> str:
    """What the loop does now, in words; empty when it ended."""
    if loop.state != 'running':
        return ''
    parts = running_parts(loop)
    newest = parts or loop.parts[-1:]
    if not newest:
        return 'it begins'
    part = newest[-1]
    words = PARTS.get(part.name, part.name.replace('_', ' '))
    number = part.iteration if part.iteration is not None else 0
    after = '' if parts else ' (ended; the next part is to begin)'
    return f'iteration {number}: {words}{after}' if number else f'{words}{after}'


def verdict_of(loop: Loop) -> str:
    """The verdict in a sentence or two."""
    said, reason = str(loop.report.get('verdict') or ''), short_reason({**loop.decision, **loop.report})
    if said:
        return f'{said[0].upper()}{said[1:].rstrip(".")}. {reason}'.strip()
    judged = f'{len(loop.records)} iteration{"s" if len(loop.records) != 1 else ""} judged so far'
    if loop.state == 'running':
        return f'The loop has not ended. {judged.capitalize()}; now {doing(loop)}.'
    last = f' The last decision: {reason}' if reason else ''
    if loop.state == 'failed':
        return f'The loop did not converge ({loop.exit_text}).{last}'
    return f'The loop ended well.{last}'


def short_reason(decision: Mapping[str, Any]) -> str:
    """First sentence of a decision's reason, the criteria tell the rest; all of it where no criterion does.

    :param decision: ``action``, ``reason``.
    """
    reason = str(decision.get('reason') or '')
    return reason if decision.get('action') == 'stuck' else re.split(r'(?<=\.) (?=[A-Z0-9])', reason, maxsplit=1)[0]


def is_converged(loop: Loop) -> bool:
    """Whether the loop ended by its own rule."""
    said = loop.report.get('converged')
    return bool(said) if said is not None else loop.decision.get('action') == 'converged'


def warnings_of(loop: Loop) -> list[str]:
    """What a reader must know before using the potentials."""
    found = []
    if loop.state == 'failed' and loop.report:
        found.append(f'The loop {loop.exit_text}. Everything that it made is kept.')
    if loop.earlier:
        found.append(f'It continues an earlier loop of {len(loop.earlier)} iterations, which are not drawn here.')
    found += [f'Structures: {flag}' for flag in (loop.last.get('gate') or {}).get('flags') or []]
    found += [f'Structures: {warning}' for warning in loop.gate.get('warnings') or []]
    found += [f'Trust levels: {warning}' for warning in (loop.last.get('levels') or {}).get('warnings') or []]
    found += [f'Last selection: {warning}' for warning in (loop.last.get('selection') or {}).get('warnings') or []]
    failed = failures_of(loop)
    if failed:
        found.append(f'{len(failed)} failure{"s" if len(failed) > 1 else ""} on the way; see the ledger.')
    return found


def iteration_rows(loop: Loop) -> Iterator[dict[str, Any]]:
    """One flat row for each iteration: numbers in the units that the keys name, None where there is none."""
    for record in loop.records:
        labels, exploration = record.get('labels') or {}, record.get('exploration') or {}
        error, levels = force_error(record), levels_of(record)
        energy = find_number(record, 'errors', 'energy', 'rmse')
        cost, decision = core_hours(record), record.get('decision') or {}
        yield {
            'iteration': record.get('number'),
            'stage': record.get('stage'),
            'round': record.get('stage_round'),
            'runs': exploration.get('runs'),
            'runs exploded': exploration.get('exploded'),
            'visited (frames)': (record.get('selection') or {}).get('visited'),
            **{f'{name.replace("_", " ")} (%)': _percent(fraction(record, name)) for name in CLASSES},
            'lower level (eV/Å)': levels[0] if levels else None,
            'upper level (eV/Å)': levels[1] if levels else None,
            'labels before': labels_before(record),
            'labels asked': labels.get('asked'),
            'labelled': labels.get('labelled'),
            'refused': labels.get('refused'),
            'force RMSE (meV/Å)': error.value if error else None,
            'force RMSE standard error (meV/Å)': error.error if error else None,
            'energy RMSE (meV/atom)': energy.value if energy else None,
            'energy RMSE standard error (meV/atom)': energy.error if energy else None,
            'held-out frames': (record.get('errors') or {}).get('n_frames'),
            **{f'{part} (core-hours)': cost.get(part) for part in COST_PARTS},
            'decision': decision.get('action'),
            'reason': decision.get('reason'),
        }


def criteria_rows(records: Sequence[Mapping[str, Any]]) -> Iterator[list[Any]]:
    """Every criterion of every decision: iteration, stage, name, value, limit, met, words."""
    for record in records:
        for entry in criteria_of(record):
            keys = ('name', 'value', 'limit', 'met', 'words')
            yield [record.get('number'), record.get('stage'), *(entry.get(key) for key in keys)]


def _percent(value: float | None) -> float | None:
    return None if value is None else 100 * value

"""What each iteration of an active learning brought, for its page: visited frames, errors, labels, structures, cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aiida_glassion.report.active_learning import Loop
from aiida_glassion.report.active_learning_facts import (
    CLASSES,
    criterion_name,
    force_error,
    fraction,
    initial_labels,
    labels_before,
    labels_by_program,
    levels_of,
    total_cost,
)
from aiida_glassion.report.markup import Figure, Markup, element, html, named_figure, table
from aiida_glassion.report.numbers import find_number, format_number, value_text
from aiida_glassion.report.page_parts import missing, section, soft

_COST_CAPTION = 'All iterations that were judged; of a loop that has ended also what came before and after them'

Figures = Mapping[str, Figure]
_MOST_REFUSED = 500


def visited_section(loop: Loop, figures: Figures) -> Markup:
    """Shares, deviations, levels, and what was discarded."""
    words = (
        'A committee runs; where its members agree about the forces, a frame is accurate, where they disagree beyond '
        'the lower level it is a candidate for a label, beyond the upper level it has failed.'
    )
    rows = []
    for record in loop.records:
        levels, exploration = levels_of(record), record.get('exploration') or {}
        shares = (fraction(record, name) for name in CLASSES)
        rows.append(
            (
                record.get('number'),
                record.get('stage', '–'),
                f'{exploration.get("runs", "–")} ({exploration.get("exploded", "–")})',
                (record.get('selection') or {}).get('visited', '–'),
                *('–' if share is None else percent(share) for share in shares),
                '–' if levels is None else f'{levels[0]:.3g} – {levels[1]:.3g}',
            )
        )
    head = (
        'Iteration',
        'Stage',
        'Runs (exploded)',
        'Visited',
        *(f'{name.replace("_", " ").capitalize()} (%)' for name in CLASSES),
        'Levels (eV/Å)',
    )
    parts: list[Any] = [soft(words)]
    if rows:
        parts += [named_figure(loop.title, figures, name) for name in ('shares', 'course_deviation')]
        parts += [table(head, rows, 'Frames visited in each iteration', numbers_from=2), _discarded(loop)]
    else:
        parts.append(missing('No exploration has been judged yet.'))
    return section('visited', 'What was visited', *parts)


def _discarded(loop: Loop) -> Markup:
    """Frames that were never candidates for a label, by reason."""
    totals: dict[str, int] = {}
    for record in loop.records:
        for reason, count in ((record.get('selection') or {}).get('discarded') or {}).items():
            totals[reason] = totals.get(reason, 0) + int(count)
    ranked = sorted(((count, reason) for reason, count in totals.items() if count), reverse=True)
    if not ranked:
        return html('')
    rows = [(reason.replace('_', ' '), count) for count, reason in ranked]
    return table(('Why a frame was not chosen', 'Frames'), rows, 'Discarded by the selection, all iterations', 1)


def course_section(loop: Loop, figures: Figures) -> Markup:
    """Errors on held-out frames by iteration, with the data behind them."""
    words = (
        'Every committee is tested on all frames held out so far: the set grows with the data and its frames become '
        'harder with the stages, so an error that stays is progress too. Bars: one standard error.'
    )
    rows = [
        (
            record.get('number'),
            format_number(force_error(record)),
            format_number(find_number(record, 'errors', 'energy', 'rmse')),
            format_number(find_number(record, 'errors', 'virial', 'rmse')),
            (record.get('errors') or {}).get('n_frames', '–'),
            '–' if labels_before(record) is None else labels_before(record),
        )
        for record in loop.records
        if record.get('errors')
    ]
    head = (
        'Iteration', 'Force (meV/Å)', 'Energy (meV/atom)', 'Virial (meV/atom)', 'Held-out frames', 'Labelled frames'
    )  # fmt: skip
    if not rows:
        return section('course', 'Errors on held-out frames', missing('No committee has been tested yet.'))
    figure = named_figure(loop.title, figures, 'course_error')
    listed = table(head, rows, 'RMSE of a member on average ± standard error', numbers_from=1)
    return section('course', 'Errors on held-out frames', soft(words), figure, listed)


def labels_section(loop: Loop, figures: Figures) -> Markup:
    """Labels by origin, refused frames by reason."""
    rows: list[Sequence[Any]] = []
    initial = initial_labels(loop)
    if initial is not None:
        rows.append(('first', 'given or made', '–', '–', initial, '–', initial))
    for record in loop.records:
        labels = record.get('labels') or {}
        origins = labels_by_program(loop, record)
        rows.append(
            (
                record.get('number'),
                ', '.join(f'{name.replace("_", " ")} {count}' for name, count in origins.items()) or '–',
                ', '.join(f'{k.replace("_", " ")} {n}' for k, n in (labels.get('refused_reasons') or {}).items())
                or '–',
                *(labels.get(key, '–') for key in ('asked', 'labelled', 'refused', 'total')),
            )
        )
    head = ('Iteration', 'Visited by', 'Why refused', 'Asked', 'Labelled', 'Refused', 'In all')
    if not rows:
        return section('labels', 'Labels', missing('No frame has been labelled yet.'))
    figure = named_figure(loop.title, figures, 'labels')
    return section('labels', 'Labels', figure, table(head, rows, 'Labelled frames by origin', 3), _refused(loop))


def _refused(loop: Loop) -> Markup:
    """Refused frames one by one, as the ledgers of the labellings have them."""
    rows = [
        (number or 'initial', f'{entry.get("frames")} {entry.get("index")}', entry.get('kind'), entry.get('reason'))
        for number, ledger in sorted(loop.ledgers.items())
        for entry in ledger.get('refused') or []
        if isinstance(entry, Mapping)
    ]
    if not rows:
        return html('')
    listed = table(('Iteration', 'Frame', 'Kind', 'Why'), rows[:_MOST_REFUSED])
    which = f'All {len(rows)}' if len(rows) <= _MOST_REFUSED else f'The first {_MOST_REFUSED} of {len(rows)}'
    return element('details', element('summary', f'{which} refused frames'), listed)


def structures_section(loop: Loop, figures: Figures) -> Markup:
    """Judgement on short glasses of the members, with their g(r)."""
    gate = loop.gate or loop.last.get('gate') or {}
    words = (
        'Short glasses that members of the committee make from the same start must agree among themselves, and with '
        'reference frames where there are any.'
    )
    if not gate:
        parts: list[Any] = [
            missing('No glasses have been made and compared: no stage with a structural gate got so far.')
        ]
    elif 'passed' not in gate:
        parts = [missing('Glasses are being made, or could not be judged.')]
    else:
        kind = 'good' if gate['passed'] else 'bad'
        said = element('span', '✓ passed' if gate['passed'] else '✗ not passed', class_=kind)
        where = f' (iteration {gate["iteration"]})' if gate.get('iteration') else ''
        parts = [element('p', said, f'{where}: {gate.get("reason", "")}')]
        parts += [criteria_table(gate.get('criteria') or []), _flags(gate.get('flags') or [])]
    return section('structures', 'Structures', soft(words), *parts, named_figure(loop.title, figures, 'structures'))


def _flags(flags: Sequence[Any]) -> Markup:
    if not flags:
        return element('p', 'No artefacts were flagged.')
    return element('div', element('h3', 'Flags'), element('ul', *(element('li', str(flag)) for flag in flags)))


def criteria_table(criteria: Iterable[Any]) -> Markup:
    """Criteria with value, limit, and whether they are met."""
    rows = []
    for entry in criteria:
        if isinstance(entry, Mapping):
            mark, kind = ('✓', 'good') if entry.get('met') else ('✗', 'bad')
            numbers = (value_text(entry.get(key)) for key in ('value', 'limit'))
            rows.append((criterion_name(entry), element('span', mark, class_=kind), *numbers, entry.get('words', '')))
    return table(('Criterion', 'Met', 'Value', 'Limit', 'In words'), rows) if rows else missing('No criteria yet.')


def cost_section(loop: Loop, figures: Figures) -> Markup:
    """Core-hours by part and iteration."""
    total = total_cost(loop)
    if not total:
        return section('cost', 'Cost', missing('No cost has been recorded yet.'))
    rows: list[Sequence[str]] = [
        (part.replace('_', ' '), f'{own["jobs"]:g}', f'{own["seconds"] / 3600:.3g}', f'{own["core_hours"]:.3g}')
        for part, own in total.items()
    ]
    rows.append(('all', *(f'{sum(own[k] for own in total.values()) / f:.4g}' for k, f in
                          (('jobs', 1), ('seconds', 3600), ('core_hours', 1)))))  # fmt: skip
    listed = table(('Part', 'Jobs', 'Hours in jobs', 'Core-hours'), rows, _COST_CAPTION, 1)
    waited = sum(own['jobs'] - own['measured'] for own in total.values())
    cached = sum(own['cached'] for own in total.values())
    notes = [
        f'The time of {waited:g} jobs is that from their creation to their end, waiting included.' if waited else '',
        f'{cached:g} more jobs were taken from the cache.' if cached else '',
    ]
    note = soft(' '.join(text for text in notes if text)) if any(notes) else ''
    return section('cost', 'Cost', named_figure(loop.title, figures, 'cost'), listed, note)


def percent(share: float) -> str:
    """Per cent with the digits that small shares need."""
    return f'{100 * share:.3g}' if share < 0.1 else f'{100 * share:.1f}'

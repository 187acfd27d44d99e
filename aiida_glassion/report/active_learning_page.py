"""The page of an active learning: did it converge, by what rule, what did each iteration bring and cost."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aiida_glassion.report.active_learning import Loop
from aiida_glassion.report.active_learning_facts import (
    ACTIONS,
    CLASSES,
    core_hours,
    criteria_of,
    failures_of,
    force_error,
    fraction,
    initial_labels,
    is_converged,
    labels_before,
    labels_by_program,
    levels_of,
    stage_progress,
    total_cost,
    verdict_of,
    warnings_of,
)
from aiida_glassion.report.markup import Figure, Markup, document, element, html, named_figure, table
from aiida_glassion.report.numbers import Number, find_number, format_number
from aiida_glassion.report.page import provenance_section
from aiida_glassion.report.training_page import disagreement_section, errors_section, learning_section

Figures = Mapping[str, Figure]
STAGE_STATES = {
    'done': ('✓ done', 'good'),
    'here': ('… here', 'wait'),
    'ended here': ('✗ ended here', 'bad'),
    'to come': ('to come', 'soft'),
}
_DECISION_KINDS = {'advance': 'good', 'converged': 'good', 'stuck': 'bad'}


def write_loop_page(loop: Loop, figures: Figures, provenance_svg: str, files: Sequence[str] = ()) -> str:
    """Page of an active learning.

    :param loop: what was read from the graph.
    :param figures: by name, as :func:`~aiida_glassion.report.active_learning_files.loop_figures` names them.
    :param provenance_svg: the provenance picture.
    :param files: names of the files that lie beside the page.
    """
    parts = [
        _head(loop), _verdict(loop), _navigation(), _stages(loop), _visited(loop, figures), _errors(loop, figures),
        _labels(loop, figures), _structures(loop, figures), _decisions(loop), *_training(loop, figures),
        _cost(loop, figures), _making(loop), provenance_section(provenance_svg), _data(loop, files), _ledger(loop),
    ]  # fmt: skip
    return document(loop.title, *[part for part in parts if part])


def _head(loop: Loop) -> Markup:
    text = ' · '.join(
        part
        for part in (
            f'protocol {loop.settings["protocol"]}' if loop.settings.get('protocol') else '',
            f'{len(loop.stages)} stages' if loop.stages else '',
            f'{len(loop.records)} iterations',
            f'{loop.started:%Y-%m-%d}',
            f'PK {loop.pk}',
        )
        if part
    )
    note = element('p', loop.description) if loop.description else ''
    return element('header', element('h1', loop.title), element('p', text, class_='soft'), note)


def _verdict(loop: Loop) -> Markup:
    warnings = warnings_of(loop)
    kind = loop.state
    if loop.state == 'ok':
        kind = 'ok' if is_converged(loop) and not warnings else 'warned'
    listed = element('ul', *(element('li', warning) for warning in warnings)) if warnings else ''
    box = element('section', element('p', verdict_of(loop)), listed, class_=f'verdict {kind}', aria_label='Verdict')
    return Markup(box + _tiles(loop)) if loop.records else box


def _tiles(loop: Loop) -> Markup:
    """The numbers that one looks for first."""
    labels = (loop.last.get('labels') or {}).get('total')
    share = fraction(loop.last, 'candidate')
    hours = sum(sum(core_hours(record).values()) for record in loop.records)
    chosen = [
        ('Iterations', str(len(loop.records))),
        ('Labelled frames', '–' if labels is None else str(labels)),
        ('Candidates, last iteration', '–' if share is None else f'{_percent(share)} %'),
        ('Force RMSE, held out (meV/Å)', format_number(force_error(loop.last))),
        ('Core-hours', f'{hours:.3g}' if hours else '–'),
    ]
    tiles = [element('div', element('dt', name), element('dd', value)) for name, value in chosen]
    return element('dl', *tiles, class_='tiles')


def _navigation() -> Markup:
    links = {
        'stages': 'Stages', 'visited': 'What was visited', 'course': 'Errors', 'labels': 'Labels',
        'structures': 'Structures', 'decisions': 'Decisions', 'errors': 'Potential', 'cost': 'Cost',
        'making': 'How it was made', 'provenance': 'Provenance', 'data': 'Data',
    }  # fmt: skip
    return element(
        'nav', *(element('a', text, href=f'#{name}') for name, text in links.items()), aria_label='On this page'
    )


def _section(name: str, heading: str, *parts: Any) -> Markup:
    return element('section', element('h2', heading), *parts, id=name)


def _soft(words: str) -> Markup:
    return element('p', words, class_='soft')


def _missing(words: str) -> Markup:
    return element('p', words)


def _stages(loop: Loop) -> Markup:
    rows = []
    for stage in stage_progress(loop):
        words, kind = STAGE_STATES[stage.state]
        limit = '–' if stage.limit is None else f'{100 * stage.limit:g} %'
        iterations = ', '.join(str(number) for number in stage.iterations) or '–'
        programs = ', '.join(name.replace('_', ' ') for name in stage.programs) or '–'
        rows.append((stage.name, programs, limit, iterations, element('span', words, class_=kind)))
    head = ('Stage', 'Programs', 'Candidates, limit', 'Iterations', 'State')
    body = table(head, rows) if rows else _missing('The curriculum is not known.')
    return _section('stages', 'Stages', body)


def _visited(loop: Loop, figures: Figures) -> Markup:
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
                *('–' if share is None else _percent(share) for share in shares),
                '–' if levels is None else f'{levels[0]:.3g} – {levels[1]:.3g}',
            )
        )
    head = (
        'Iteration',
        'Stage',
        'Runs (exploded)',
        'Visited',
        *(f'{n.capitalize()} (%)' for n in CLASSES),
        'Levels (eV/Å)',
    )
    parts: list[Any] = [_soft(words)]
    if rows:
        parts += [named_figure(loop.title, figures, name) for name in ('shares', 'course_deviation')]
        parts += [table(head, rows, 'Frames visited in each iteration', numbers_from=2), _discarded(loop)]
    else:
        parts.append(_missing('No exploration has been judged yet.'))
    return _section('visited', 'What was visited', *parts)


def _discarded(loop: Loop) -> Markup:
    """Frames that were never candidates for a label, by reason."""
    totals: dict[str, int] = {}
    for record in loop.records:
        for reason, count in ((record.get('selection') or {}).get('discarded') or {}).items():
            totals[reason] = totals.get(reason, 0) + int(count)
    if not any(totals.values()):
        return html('')
    rows = [(reason.replace('_', ' '), count) for reason, count in sorted(totals.items(), key=lambda item: -item[1])]
    return table(('Why a frame was not chosen', 'Frames'), rows, 'Discarded by the selection, all iterations', 1)


def _errors(loop: Loop, figures: Figures) -> Markup:
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
        return _section('course', 'Errors on held-out frames', _missing('No committee has been tested yet.'))
    figure = named_figure(loop.title, figures, 'course_error')
    listed = table(head, rows, 'RMSE of a member on average ± standard error', numbers_from=1)
    return _section('course', 'Errors on held-out frames', _soft(words), figure, listed)


def _labels(loop: Loop, figures: Figures) -> Markup:
    rows: list[Sequence[Any]] = []
    initial = initial_labels(loop)
    if initial is not None:
        rows.append(('before the first', 'given or made', '–', initial, '–', initial, '–'))
    for record in loop.records:
        labels = record.get('labels') or {}
        origins = labels_by_program(loop, record)
        rows.append(
            (
                record.get('number'),
                ', '.join(f'{name.replace("_", " ")} {count}' for name, count in origins.items()) or '–',
                *(labels.get(key, '–') for key in ('asked', 'labelled', 'refused', 'total')),
                ', '.join(f'{k.replace("_", " ")} {n}' for k, n in (labels.get('refused_reasons') or {}).items())
                or '–',
            )
        )
    head = ('Iteration', 'Visited by', 'Asked', 'Labelled', 'Refused', 'In all', 'Why refused')
    if not rows:
        return _section('labels', 'Labels', _missing('No frame has been labelled yet.'))
    figure = named_figure(loop.title, figures, 'labels')
    return _section('labels', 'Labels', figure, table(head, rows, 'Labelled frames by origin'), _refused(loop))


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
    listed = table(('Iteration', 'Frame', 'Kind', 'Why'), rows)
    return element('details', element('summary', f'All {len(rows)} refused frames'), listed)


def _structures(loop: Loop, figures: Figures) -> Markup:
    gate = loop.gate or loop.last.get('gate') or {}
    words = (
        'Short glasses that members of the committee make from the same start must agree among themselves, and with '
        'reference frames where there are any.'
    )
    if not gate:
        parts: list[Any] = [
            _missing('No glasses have been made and compared: no stage with a structural gate got so far.')
        ]
    elif 'passed' not in gate:
        parts = [_missing('Glasses are being made, or could not be judged.')]
    else:
        kind = 'good' if gate['passed'] else 'bad'
        said = element('span', '✓ passed' if gate['passed'] else '✗ not passed', class_=kind)
        where = f' (iteration {gate["iteration"]})' if gate.get('iteration') else ''
        parts = [element('p', said, f'{where}: {gate.get("reason", "")}')]
        parts += [_criteria(gate.get('criteria') or []), _flags(gate.get('flags') or [])]
    return _section('structures', 'Structures', _soft(words), *parts, named_figure(loop.title, figures, 'structures'))


def _flags(flags: Sequence[Any]) -> Markup:
    if not flags:
        return element('p', 'No artefacts were flagged.')
    return element('div', element('h3', 'Flags'), element('ul', *(element('li', str(flag)) for flag in flags)))


def _criteria(criteria: Iterable[Any]) -> Markup:
    rows = []
    for entry in criteria:
        if isinstance(entry, Mapping):
            mark, kind = ('✓', 'good') if entry.get('met') else ('✗', 'bad')
            name = str(entry.get('name', '')).replace('_', ' ')
            numbers = (limit_text(entry.get(key)) for key in ('value', 'limit'))
            rows.append((name, element('span', mark, class_=kind), *numbers, entry.get('words', '')))
    return table(('Criterion', 'Met', 'Value', 'Limit', 'In words'), rows) if rows else _missing('No criteria yet.')


def limit_text(value: Any) -> str:
    """A value or limit of a criterion."""
    if isinstance(value, bool):
        return 'yes' if value else 'no'
    if isinstance(value, (int, float)):
        return format_number(Number(float(value)), 3) if isinstance(value, float) else str(value)
    return '–' if value is None else str(value)


def _decisions(loop: Loop) -> Markup:
    if not loop.records:
        return _section('decisions', 'Decisions', _missing('No iteration has been judged yet.'))
    rows = []
    for record in loop.records:
        decision = record.get('decision') or {}
        action = str(decision.get('action', '–'))
        met = [bool(entry.get('met')) for entry in criteria_of(record)]
        words = element('span', ACTIONS.get(action, action), class_=_DECISION_KINDS.get(action, 'wait'))
        place = f'{record.get("stage", "–")}, round {record.get("stage_round", "–")}'
        rows.append((record.get('number'), place, words, f'{sum(met)} of {len(met)}', decision.get('reason', '')))
    head = ('Iteration', 'Stage', 'Decision', 'Criteria met', 'Why')
    last = element('h3', f'Criteria of the last decision, iteration {loop.last.get("number")}')
    listed = _criteria(criteria_of(loop.last))
    return _section('decisions', 'Decisions', last, listed, element('h3', 'All decisions'), table(head, rows))


def _training(loop: Loop, figures: Figures) -> Iterable[Markup]:
    """What the page of a training says, of the final one or the newest."""
    if loop.training is None:
        yield _section('errors', 'The potential', _missing('No committee has been trained yet.'))
        return
    which = 'the final training' if loop.final else 'the newest committee of the loop; there is no final training yet'
    about = f'From here on: {which} (PK {loop.training.pk}).'
    yield element('p', about, class_='soft')
    yield errors_section(loop.training, figures)
    yield disagreement_section(loop.training, figures)
    yield learning_section(loop.training, figures)


def _cost(loop: Loop, figures: Figures) -> Markup:
    total = total_cost(loop)
    if not total:
        return _section('cost', 'Cost', _missing('No cost has been recorded yet.'))
    rows: list[Sequence[str]] = [
        (part.replace('_', ' '), f'{own["jobs"]:g}', f'{own["seconds"] / 3600:.3g}', f'{own["core_hours"]:.3g}')
        for part, own in total.items()
    ]
    rows.append(('all', *(f'{sum(own[k] for own in total.values()) / f:.4g}' for k, f in
                          (('jobs', 1), ('seconds', 3600), ('core_hours', 1)))))  # fmt: skip
    listed = table(('Part', 'Jobs', 'Hours in jobs', 'Core-hours'), rows, 'All iterations', numbers_from=1)
    return _section('cost', 'Cost', named_figure(loop.title, figures, 'cost'), listed)


def _making(loop: Loop) -> Markup:
    facts: list[Sequence[Any]] = [('Seed', '–' if loop.seed is None else loop.seed)]
    reason = (loop.last.get('levels') or {}).get('reason')
    if reason:
        facts.append(('Trust levels of the last iteration', reason))
    facts += list(loop.software.items())
    settings = json.dumps(loop.settings, indent=1, ensure_ascii=False)
    return _section(
        'making',
        'How it was made',
        table(('What', 'Value'), facts),
        element('h3', 'Settings'),
        _soft('Deviations and levels eV/Å, temperatures K, pressures GPa, times ps, timesteps fs.'),
        element('details', element('summary', 'All settings'), element('pre', element('code', settings))),
    )


def _data(loop: Loop, files: Sequence[str]) -> Markup:
    commands = (
        f'glassion archive {loop.uuid} learning.aiida   # the whole loop with its provenance, one file\n'
        f'glassion report {loop.uuid[:8]} report/              # this page again'
    )
    rows: list[Sequence[Any]] = [('the loop', loop.pk, element('code', loop.uuid))]
    rows += [(name, pk, element('code', uuid)) for name, (pk, uuid) in loop.nodes.items()]
    sets = [(used.name, used.use, used.n_frames, _formulas(used.formulas), used.pk) for used in loop.data]
    parts = [(part.label, part.process, part.pk, part.reason) for part in loop.parts]
    listed = element('ul', *(element('li', element('code', name)) for name in files)) if files else ''
    return _section(
        'data',
        'How to get the data',
        element('pre', element('code', commands)),
        table(('Node', 'PK', 'UUID'), rows),
        element('h3', 'Labelled frames'),
        table(('Dataset', 'Use', 'Frames', 'Compositions (frames)', 'PK'), sets) if sets else _missing('None yet.'),
        element('h3', 'Parts of the loop'),
        element(
            'details',
            element('summary', f'{len(parts)} processes that the loop called'),
            table(('Part', 'Process', 'PK', 'How it ended'), parts),
        ),
        element('h3', 'Files beside this page') if files else '',
        listed,
    )


def _formulas(formulas: Mapping[str, int]) -> str:
    shown = [f'{formula} ({number})' for formula, number in list(formulas.items())[:8]]
    return ', '.join(shown) + (f' and {len(formulas) - 8} more' if len(formulas) > 8 else '')


def _ledger(loop: Loop) -> Markup:
    failures = failures_of(loop)
    if not failures:
        return _section('ledger', 'Ledger of failures', _missing('Nothing failed.'))
    keys = ('part', 'what', 'why', 'then', 'pk')
    rows = [(entry.get('iteration') or '–', *(entry.get(key, '–') for key in keys)) for entry in failures]
    head = ('Iteration', 'Part', 'What', 'Why', 'Then', 'PK')
    return _section('ledger', 'Ledger of failures', table(head, rows))


def _percent(share: float) -> str:
    """Per cent with the digits that small shares need."""
    return f'{100 * share:.3g}' if share < 0.1 else f'{100 * share:.1f}'

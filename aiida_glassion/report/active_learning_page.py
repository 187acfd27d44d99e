"""The page of an active learning: did it converge, by what rule, what did each iteration bring and cost."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aiida_glassion.report.active_learning import Loop
from aiida_glassion.report.active_learning_facts import (
    ACTIONS,
    core_hours,
    criteria_of,
    failures_of,
    force_error,
    fraction,
    is_converged,
    short_reason,
    stage_progress,
    verdict_of,
    warnings_of,
)
from aiida_glassion.report.active_learning_sections import (
    Figures,
    cost_section,
    course_section,
    criteria_table,
    labels_section,
    missing,
    percent,
    section,
    soft,
    structures_section,
    visited_section,
)
from aiida_glassion.report.markup import Markup, document, element, table
from aiida_glassion.report.numbers import format_number
from aiida_glassion.report.page import provenance_section
from aiida_glassion.report.training_page import disagreement_section, errors_section, learning_section

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
        _head(loop),
        _verdict(loop),
        _navigation(),
        _stages(loop),
        visited_section(loop, figures),
        course_section(loop, figures),
        labels_section(loop, figures),
        structures_section(loop, figures),
        _decisions(loop),
        *_training(loop, figures),
        cost_section(loop, figures),
        _making(loop),
        provenance_section(provenance_svg),
        _data(loop, files),
        _ledger(loop),
    ]
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
        ('Candidates, last iteration', '–' if share is None else f'{percent(share)} %'),
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


def _stages(loop: Loop) -> Markup:
    rows = []
    for stage in stage_progress(loop):
        words, kind = STAGE_STATES[stage.state]
        limit = '–' if stage.limit is None else f'{100 * stage.limit:g} %'
        iterations = ', '.join(str(number) for number in stage.iterations) or '–'
        programs = ', '.join(name.replace('_', ' ') for name in stage.programs) or '–'
        rows.append((stage.name, programs, limit, iterations, element('span', words, class_=kind)))
    head = ('Stage', 'Programs', 'Candidates, limit', 'Iterations', 'State')
    body = table(head, rows) if rows else missing('The curriculum is not known.')
    return section('stages', 'Stages', body)


def _decisions(loop: Loop) -> Markup:
    if not loop.records:
        return section('decisions', 'Decisions', missing('No iteration has been judged yet.'))
    rows = []
    for record in loop.records:
        decision = record.get('decision') or {}
        action = str(decision.get('action', '–'))
        met = [bool(entry.get('met')) for entry in criteria_of(record)]
        words = element('span', ACTIONS.get(action, action), class_=_DECISION_KINDS.get(action, 'wait'))
        place = f'{record.get("stage", "–")}, round {record.get("stage_round", "–")}'
        rows.append((record.get('number'), place, words, f'{sum(met)} of {len(met)}', _reason(decision)))
    head = ('Iteration', 'Stage', 'Decision', 'Criteria met', 'Why')
    last = element('h3', f'Criteria of the last decision, iteration {loop.last.get("number")}')
    listed = criteria_table(criteria_of(loop.last))
    return section('decisions', 'Decisions', last, listed, element('h3', 'All decisions'), table(head, rows))


def _reason(decision: Mapping[str, Any]) -> Any:
    """The reason of a decision, what is long folded behind its first sentence."""
    short, whole = short_reason(decision), str(decision.get('reason') or '')
    if short == whole:
        return whole
    return element('details', element('summary', short), element('p', whole.removeprefix(short).strip()))


def _training(loop: Loop, figures: Figures) -> Iterable[Markup]:
    """What the page of a training says, of the final one or the newest."""
    if loop.training is None:
        yield section('errors', 'The potential', missing('No committee has been trained yet.'))
        return
    which = 'the final training' if loop.final else 'the newest committee of the loop; there is no final training yet'
    about = f'From here on: {which} (PK {loop.training.pk}).'
    yield element('p', about, class_='soft')
    yield errors_section(loop.training, figures)
    yield disagreement_section(loop.training, figures)
    yield learning_section(loop.training, figures)


def _making(loop: Loop) -> Markup:
    facts: list[Sequence[Any]] = [('Seed', '–' if loop.seed is None else loop.seed)]
    reason = (loop.last.get('levels') or {}).get('reason')
    if reason:
        facts.append(('Trust levels of the last iteration', reason))
    facts += list(loop.software.items())
    settings = json.dumps(loop.settings, indent=1, ensure_ascii=False)
    return section(
        'making',
        'How it was made',
        table(('What', 'Value'), facts),
        element('h3', 'Settings'),
        soft('Deviations and levels eV/Å, temperatures K, pressures GPa, times ps, timesteps fs.'),
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
    return section(
        'data',
        'How to get the data',
        element('pre', element('code', commands)),
        table(('Node', 'PK', 'UUID'), rows),
        element('h3', 'Labelled frames'),
        table(('Dataset', 'Use', 'Frames', 'Compositions (frames)', 'PK'), sets) if sets else missing('None yet.'),
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
        return section('ledger', 'Ledger of failures', missing('Nothing failed.'))
    keys = ('part', 'what', 'why', 'then', 'pk')
    rows = [(entry.get('iteration') or '–', *(entry.get(key, '–') for key in keys)) for entry in failures]
    head = ('Iteration', 'Part', 'What', 'Why', 'Then', 'PK')
    return section('ledger', 'Ledger of failures', table(head, rows))

"""The page of an active learning: did it converge, by what rule, what did each iteration bring and cost."""

from __future__ import annotations

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
    percent,
    structures_section,
    visited_section,
)
from aiida_glassion.report.markup import Markup, document, element, table
from aiida_glassion.report.numbers import format_number
from aiida_glassion.report.page_parts import (
    data_section,
    head,
    making_section,
    missing,
    navigation,
    node_rows,
    provenance_section,
    section,
    soft,
    tiles,
    verdict,
)
from aiida_glassion.report.training_page import disagreement_section, errors_section, learning_section

_LINKS = {
    'stages': 'Stages', 'visited': 'What was visited', 'course': 'Errors', 'labels': 'Labels',
    'structures': 'Structures', 'decisions': 'Decisions', 'errors': 'Potential', 'cost': 'Cost',
    'making': 'How it was made', 'provenance': 'Provenance', 'data': 'Data',
}  # fmt: skip
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
        tiles(_tiles(loop)),
        navigation(_LINKS),
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
    facts = (
        loop.subject if loop.title != loop.subject else '',
        f'protocol {loop.settings["protocol"]}' if loop.settings.get('protocol') else '',
        f'{len(loop.stages)} stages' if loop.stages else '',
        f'{len(loop.records)} iterations',
        f'{loop.started:%Y-%m-%d}',
        f'PK {loop.pk}',
    )
    return head(loop.title, facts, loop.description)


def _verdict(loop: Loop) -> Markup:
    remarks = warnings_of(loop)
    return verdict(loop.state, verdict_of(loop), remarks, bool(remarks) or not is_converged(loop))


def _tiles(loop: Loop) -> list[tuple[str, str]]:
    """The numbers that one looks for first."""
    if not loop.records:
        return []
    labels = (loop.last.get('labels') or {}).get('total')
    share = fraction(loop.last, 'candidate')
    hours = sum(sum(core_hours(record).values()) for record in loop.records)
    return [
        ('Iterations', str(len(loop.records))),
        ('Labelled frames', '–' if labels is None else str(labels)),
        ('Candidates, last iteration', '–' if share is None else f'{percent(share)} %'),
        ('Force RMSE, held out (meV/Å)', format_number(force_error(loop.last))),
        ('Core-hours', f'{hours:.3g}' if hours else '–'),
    ]


def _stages(loop: Loop) -> Markup:
    rows = []
    for stage in stage_progress(loop):
        words, kind = STAGE_STATES[stage.state]
        limit = '–' if stage.limit is None else f'{100 * stage.limit:g} %'
        iterations = ', '.join(str(number) for number in stage.iterations) or '–'
        programs = ', '.join(name.replace('_', ' ') for name in stage.programs) or '–'
        rows.append((stage.name, programs, limit, iterations, element('span', words, class_=kind)))
    names = ('Stage', 'Programs', 'Candidates, limit', 'Iterations', 'State')
    body = table(names, rows) if rows else missing('The curriculum is not known.')
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
    names = ('Iteration', 'Stage', 'Decision', 'Criteria met', 'Why')
    last = element('h3', f'Criteria of the last decision, iteration {loop.last.get("number")}')
    listed = criteria_table(criteria_of(loop.last))
    return section('decisions', 'Decisions', last, listed, element('h3', 'All decisions'), table(names, rows))


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
    yield soft(about)
    yield errors_section(loop.training, figures)
    yield disagreement_section(loop.training, figures)
    yield learning_section(loop.training, figures)


def _making(loop: Loop) -> Markup:
    reason = (loop.last.get('levels') or {}).get('reason')
    facts = [('Trust levels of the last iteration', reason)] if reason else []
    units = 'Deviations and levels eV/Å, temperatures K, pressures GPa, times ps, timesteps fs.'
    return making_section(facts, loop.seed, loop.software, loop.settings, units)


def _data(loop: Loop, files: Sequence[str]) -> Markup:
    sets = [(used.name, used.use, used.n_frames, _formulas(used.formulas), used.pk) for used in loop.data]
    parts = [(part.label, part.process, part.pk, part.reason) for part in loop.parts]
    content = (
        element('h3', 'Labelled frames'),
        table(('Dataset', 'Use', 'Frames', 'Compositions (frames)', 'PK'), sets) if sets else missing('None yet.'),
        element('h3', 'Parts of the loop'),
        element(
            'details',
            element('summary', f'{len(parts)} processes that the loop called'),
            table(('Part', 'Process', 'PK', 'How it ended'), parts),
        ),
    )
    rows = node_rows({'the loop': (loop.pk, loop.uuid), **loop.nodes})
    return data_section(loop.uuid, 'learning.aiida', rows, files, content=content)


def _formulas(formulas: Mapping[str, int]) -> str:
    shown = [f'{formula} ({number})' for formula, number in list(formulas.items())[:8]]
    return ', '.join(shown) + (f' and {len(formulas) - 8} more' if len(formulas) > 8 else '')


def _ledger(loop: Loop) -> Markup:
    failures = failures_of(loop)
    if not failures:
        return section('ledger', 'Ledger of failures', missing('Nothing failed.'))
    keys = ('part', 'what', 'why', 'then', 'pk')
    rows = [(entry.get('iteration') or '–', *(entry.get(key, '–') for key in keys)) for entry in failures]
    names = ('Iteration', 'Part', 'What', 'Why', 'Then', 'PK')
    return section('ledger', 'Ledger of failures', table(names, rows))

"""The page of a committee's training: may this potential be trusted, with what error, and where not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiida_glassion.report.markup import Figure, Markup, document, element, html, named_figure, table
from aiida_glassion.report.numbers import Number, find_number, format_number
from aiida_glassion.report.page_parts import (
    STATES,
    data_section,
    head,
    ledger_section,
    making_section,
    missing,
    navigation,
    node_rows,
    provenance_section,
    verdict,
)
from aiida_glassion.report.training import Training, median_seconds_per_batch

QUANTITIES = {'energy': 'Energy', 'force': 'Force', 'virial': 'Virial'}
_LINKS = {
    'errors': 'Errors', 'disagreement': 'Disagreement', 'learning': 'Learning', 'frames': 'Frames',
    'making': 'How it was made', 'provenance': 'Provenance', 'data': 'Data',
}  # fmt: skip
_LEDGER = {'pk': 'PK', 'seed': 'Seed', 'exit_status': 'Exit code', 'reason': 'Why', 'then': 'Then'}
_NUMBERS = (
    ('rmse', 'RMSE'),
    ('mae', 'mean absolute error'),
    ('committee', 'RMSE of the members’ mean'),
    ('bias', 'bias'),
)


def write_training_page(
    training: Training, figures: Mapping[str, Figure], provenance_svg: str, files: Sequence[str] = ()
) -> str:
    """Page of a committee's training.

    :param training: what was read from the graph.
    :param figures: by name: ``parity``, ``elements``, ``deviation``, ``curves``.
    :param provenance_svg: the provenance picture.
    :param files: names of the files that lie beside the page.
    """
    parts = [
        _head(training),
        _verdict(training),
        navigation(_LINKS),
        errors_section(training, figures),
        disagreement_section(training, figures),
        learning_section(training, figures),
        _data(training),
        _making(training),
        provenance_section(provenance_svg),
        _nodes(training, files),
        ledger_section(training.ledger, 'Task', _LEDGER),
    ]
    return document(training.title, *[part for part in parts if part])


def warnings_of(training: Training) -> list[str]:
    """What a reader must know before using the potential."""
    found = []
    if training.state == 'running':
        found.append(f'The training has not ended ({training.exit_text}): what is shown is what is there so far.')
    elif training.state == 'failed':
        found.append(f'The training failed: {training.exit_text}.')
    wanted = training.settings.get('committee')
    if training.state != 'running' and wanted and len(training.trained) < wanted:
        found.append(f'{len(training.trained)} of {wanted} models were trained; see the ledger.')
    if len(training.trained) == 1:
        found.append('One model: nobody disagrees with it, so nothing warns where it is wrong.')
    for member in training.trained:
        if member.results and member.results.get('compressed') is False and training.settings.get('compress'):
            found.append(f'{member.label} could not be compressed; it is used as it is, three to four times slower.')
    judged = training.errors.get('verdict') or {}
    return [*found, *judged.get('warnings', [])]


def _head(training: Training) -> Markup:
    settings = training.settings
    facts = (
        f'committee of {settings.get("committee", "?")}, protocol {settings.get("protocol", "own")}',
        f'{training.n_frames("training")} frames learned, {training.n_frames("test")} tested',
        f'{training.started:%Y-%m-%d}',
        f'PK {training.pk}',
    )
    return head(training.title, facts, training.description)


def _verdict(training: Training) -> Markup:
    remarks = warnings_of(training)
    judged = training.errors.get('verdict') or {}
    said = {
        'ok': judged.get('reason') or 'The training ended well.',
        'failed': 'The training did not reach its end:',
        'running': 'The training has not ended:',
    }[training.state]
    return verdict(training.state, said, remarks, bool(remarks) or not judged.get('converged'))


def errors_section(training: Training, figures: Mapping[str, Figure]) -> Markup:
    """Errors on held-out frames: tiles, parity, every number, and for whom."""
    parts: list[Any] = [element('h2', 'Errors on frames that no model has seen')]
    if not training.errors:
        parts.append(element('p', 'No model has been tested yet.'))
        return element('section', *parts, id='errors')
    tiles = [
        element('div', element('dt', f'{words} RMSE ({unit_of(training, name)})'), element('dd', format_number(number)))
        for name, words in QUANTITIES.items()
        if (number := find_number(training.errors, name, 'rmse')) is not None
    ]
    parts.append(element('dl', *tiles, class_='tiles'))
    parts.append(named_figure(training.title, figures, 'parity'))
    parts += [element('h3', 'Numbers'), _table(training)]
    parts += [element('h3', 'For whom'), named_figure(training.title, figures, 'elements')]
    return element('section', *parts, id='errors')


def unit_of(training: Training, quantity: str) -> str:
    """Unit of an error."""
    return str((training.errors.get('units') or {}).get(quantity, ''))


def error_rows(training: Training) -> list[tuple[str, str, Mapping[str, Any]]]:
    """Every error of the report: what it is, its unit, and its numbers."""
    rows: list[tuple[str, str, Mapping[str, Any]]] = []
    for name, words in QUANTITIES.items():
        entry, unit = training.errors.get(name) or {}, unit_of(training, name)
        rows += [(f'{words} {label}', unit, entry[key]) for key, label in _NUMBERS if key in entry]
        for part in ('by_element', 'by_formula'):
            rows += [(f'{words} RMSE, {who}', unit, numbers) for who, numbers in (entry.get(part) or {}).items()]
    return rows


def _table(training: Training) -> Markup:
    rows = []
    for words, unit, entry in error_rows(training):
        number = find_number({'x': {'standard_error': None, **entry}}, 'x')
        spread = entry.get('spread')
        spread_text = '–' if spread is None else format_number(Number(float(spread)), like=number)
        rows.append((words, unit, format_number(number), spread_text))
    frames = training.errors.get('n_frames', 0)
    caption = f'Mean over the members ± standard error that {frames} test frames leave; spread: between the members'
    return table(('Quantity', 'Unit', 'Mean', 'Spread'), rows, caption, numbers_from=2)


def disagreement_section(training: Training, figures: Mapping[str, Figure]) -> Markup:
    """What the members' disagreement tells of their error."""
    deviation = training.errors.get('deviation') or {}
    if not deviation:
        return html('')
    ratio = find_number(deviation, 'error_over_deviation')
    words = (
        'Where the members disagree about a force, the data said too little. The largest disagreement in a frame is '
        'what an exploration watches; it is worth as much as it tells of the error, which is known here. '
        + (f'The error of the members’ mean is {ratio.value:.2g} times their disagreement (rms).' if ratio else '')
    )
    rows = [
        (label, format_number(number, 3))
        for key, label in (
            ('median', 'Median of the largest deviation in a frame'),
            ('quantile_95', '95 % of the frames are below'),
            ('largest', 'Largest'),
            ('median_largest_error', 'Median of the largest error in a frame'),
        )
        if (number := find_number(deviation, key)) is not None
    ]
    body = [
        element('h2', 'Do the members know what they do not know?'),
        element('p', words, class_='soft'),
        named_figure(training.title, figures, 'deviation'),
        table(('On the test set', 'eV/Å'), rows, numbers_from=1),
    ]
    return element('section', *body, id='disagreement')


def learning_section(training: Training, figures: Mapping[str, Figure]) -> Markup:
    """Learning curves and a row for each member."""
    rows = []
    for member in training.members:
        results = member.results
        steps = f'{results.get("last_step", "–")} of {results.get("steps_wanted", "–")}'
        last = results.get('last_errors') or {}
        force = find_number({'f': last.get('rmse_f_trn', last.get('rmse_f'))}, 'f')
        rows.append(
            (
                member.label.replace('_', ' '),
                '–' if member.seed is None else member.seed,
                steps,
                format_number(force.scaled(1e3) if force else None, 3),
                format_number(find_number(results, 'seconds_per_batch'), 2),
                member.potential[0] if member.potential else '–',
                element('span', STATES[member.state][0], class_=STATES[member.state][1]),
            )
        )
    head = ('Member', 'Seed', 'Batches', 'Force RMSE, training (meV/Å)', 's/batch', 'Model, PK', 'State')
    parts = [
        element('h2', 'How they learned'),
        named_figure(training.title, figures, 'curves'),
        table(head, rows) if rows else element('p', 'No member yet.'),
    ]
    return element('section', *parts, id='learning')


def _data(training: Training) -> Markup:
    rows = []
    for used in training.data:
        formulas = ', '.join(f'{formula} ({number})' for formula, number in list(used.formulas.items())[:8])
        more = f' and {len(used.formulas) - 8} more' if len(used.formulas) > 8 else ''
        method = ', '.join(f'{key} {value}' for key, value in list(used.method.items())[:6]) or 'unknown'
        rows.append((used.name, used.use, used.n_frames, formulas + more, method, used.pk))
    leak = (training.errors.get('verdict') or {}).get('leak') or {}
    note = ''
    if leak.get('median_distance') is not None:
        note = element(
            'p',
            f'A test frame is {leak["median_distance"]:.2g} Å (rms, median) from the nearest training frame of the '
            f'same atoms; {leak["n_near"]} of {leak["n_compared"]} are nearer than {leak["near"]:g} Å.',
            class_='soft',
        )
    head = ('Dataset', 'Used for', 'Frames', 'Compositions (frames)', 'Labels', 'PK')
    return element('section', element('h2', 'Frames'), table(head, rows), note, id='frames')


def _making(training: Training) -> Markup:
    seconds = median_seconds_per_batch(training)
    facts = [] if seconds is None else [('Time of a batch (s)', f'{seconds:.2g}')]
    ended = [(member.label, member.pk, member.reason) for member in training.members]
    members = table(('Member', 'PK', 'How it ended'), ended) if ended else missing('No member yet.')
    units = 'Lengths Å, energies eV; parameters as DeePMD-kit documents them.'
    content = (element('h3', 'Members'), members)
    return making_section(facts, training.seed, training.software, training.settings, units, content)


def _nodes(training: Training, files: Sequence[str]) -> Markup:
    rows = node_rows({'the training': (training.pk, training.uuid)})
    rows += node_rows({member.label: member.potential for member in training.members if member.potential}, 'model ')
    rows += node_rows(training.nodes)
    rows += [(f'{used.use} {used.name}', used.pk, element('code', used.uuid)) for used in training.data]
    return data_section(training.uuid, 'training.aiida', rows, files)

"""The page of a study: one self-contained HTML file that people can look at, print and send."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiida_glassion.report.markup import Markup, document, element, html, picture, table
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
    potential_facts,
    provenance_section,
    section,
    soft,
    tiles,
    verdict,
)
from aiida_glassion.report.quantities import GROUPS, flattened, quantities
from aiida_glassion.report.study import Glass, Study

_LEDGER = {'pk': 'PK', 'seed': 'Seed', 'exit_status': 'Exit code', 'reason': 'Why'}
Figures = Mapping[str, Sequence[tuple[str, str, bytes, str]]]
"""By rate: (heading, caption, content, kind of image)."""


def write_page(study: Study, figures: Figures, provenance_svg: str, files: Sequence[str] = ()) -> str:
    """Page of a study.

    :param study: what was read from the graph.
    :param figures: the figures of each glass by its rate's label.
    :param provenance_svg: the provenance picture.
    :param files: names of the files that lie beside the page.
    """
    parts = [_head(study), _verdict(study), _navigation(study)]
    for glass in study.glasses:
        parts.append(_glass(study, glass, figures.get(glass.label, ())))
    parts += [_melts(study), _making(study), provenance_section(provenance_svg), _data(study, files)]
    parts.append(ledger_section(study.ledger, 'Replica', _LEDGER))
    return document(study.title, *[part for part in parts if part])


def warnings_of(study: Study) -> list[str]:
    """What a reader must know before taking a number from the page."""
    found = []
    if study.state == 'running':
        found.append(f'The study has not ended ({study.exit_text}): what is shown is what is there so far.')
    elif study.state == 'failed':
        found.append(f'The study failed: {study.exit_text}.')
    for replica in study.replicas:
        if replica.state == 'failed':
            found.append(
                f'{replica.label} failed ({replica.reason}); it is not in the means unless its numbers are below.'
            )
        if len(replica.melts) > 1:
            found.append(
                f'{replica.label} was held {len(replica.melts)} times: the first hold did not make a melt of it.'
            )
        if replica.melts and not replica.melts[-1][1].get('is_melt'):
            found.append(f'{replica.label} never became a melt: {replica.melts[-1][1].get("reason", "")}.')
    for glass in study.glasses:
        name = _rate(glass) if len(study.glasses) > 1 else 'the glass'
        if not glass.replicas:
            found.append(f'No numbers of {name} yet.')
            continue
        if len(glass.replicas) == 1:
            found.append(f'One replica of {name}: no statistical error can be given.')
        if not glass.final and study.state != 'ok':
            found.append(
                f'The means of {name} are preliminary: formed from {len(glass.replicas)} replica(s) for this page.'
            )
        for label, numbers in glass.replicas.items():
            found += [f'{label}: {warning}' for warning in numbers.get('warnings') or []]
        missing = [label for label, curve in glass.cooling.items() if curve.transition is None]
        if missing:
            found.append(f'No T_g was found in {", ".join(missing)}: {glass.cooling[missing[0]].reason}.')
    return found


def _head(study: Study) -> Markup:
    how = study.settings.get('protocol')
    atoms = study.apportioned.get('n_atoms')
    facts = (
        f'melt-quench, protocol {how}' if how else 'melt-quench',
        f'{atoms} atoms' if atoms else '',
        f'{len(study.replicas)} replica(s)',
        f'potential {study.potential["name"]}' if study.potential.get('name') else '',
        f'{study.started:%Y-%m-%d}',
        f'PK {study.pk}',
    )
    return head(study.title, facts, study.description)


def _verdict(study: Study) -> Markup:
    remarks = warnings_of(study)
    said = {
        'ok': 'The study ended well' + (', with remarks:' if remarks else '; nothing is odd about the glass.'),
        'failed': 'The study did not reach its end:',
        'running': 'The study has not ended:',
    }[study.state]
    return verdict(study.state, said, remarks)


def _navigation(study: Study) -> Markup:
    last = {'melts': 'Melt tests', 'making': 'How it was made', 'provenance': 'Provenance', 'data': 'Data'}
    return navigation({glass.label: _rate(glass) for glass in study.glasses} | last)


def _rate(glass: Glass) -> str:
    return f'Glass at {glass.rate:g} K/ps' if glass.rate is not None else f'Glass {glass.label}'


def _glass(study: Study, glass: Glass, figures: Sequence[tuple[str, str, bytes, str]]) -> Markup:
    parts: list[Any] = []
    if not glass.replicas:
        parts.append(missing('No replica has reached a glass at this rate.'))
        parts += [_figure(study, figure) for figure in figures]
        return section(glass.label, _rate(glass), *parts)
    parts.append(tiles(_tiles(glass)))
    shown = list(figures)
    if shown and shown[0][3] == 'png':
        first = _figure(study, shown.pop(0))
        parts.append(element('div', first, _composition(study), class_='side'))
    else:
        parts.append(_composition(study))
    parts += [element('h3', 'Numbers'), _numbers(glass)]
    for figure in shown:
        parts += [element('h3', figure[0]), _figure(study, figure)]
    return section(glass.label, _rate(glass), *parts)


def _figure(study: Study, figure: tuple[str, str, bytes, str]) -> Markup:
    title, caption, content, kind = figure
    return picture(content, kind, f'{title} of {study.title}. {caption}', caption)


def _tiles(glass: Glass) -> list[tuple[str, str]]:
    """The numbers that one looks for first."""
    chosen: list[tuple[str, Number | None, str]] = [('Density', find_number(glass.numbers, 'density'), 'g/cm³')]
    for pair in _formers_first(glass):
        chosen.append((f'{pair.replace("-", "–")} bond', find_number(glass.numbers, 'bond_lengths', pair), 'Å'))
        mean = find_number(glass.numbers, 'coordination', pair, 'mean')
        chosen.append((f'{pair.replace("-", "–")} neighbours', mean, ''))
    network = glass.numbers.get('network') or {}
    for former in network.get('connectivity') or {}:
        chosen.append((f'Bridging per {former}', find_number(network, 'connectivity', former), ''))
    chosen.append(('T_g at this rate', glass.transition, 'K'))
    return [
        (f'{name} ({unit})' if unit else name, format_number(number))
        for name, number, unit in chosen
        if number is not None
    ]


def _formers_first(glass: Glass) -> list[str]:
    """Pairs of a network former with its anion, at most two; else the first pair."""
    from aiida_glassion.kernels.structure.elements import network_roles

    pairs = list(glass.numbers.get('coordination') or {})
    roles = network_roles([pair.partition('-')[0] for pair in pairs])
    return ([pair for pair in pairs if roles[pair.partition('-')[0]] == 'former'] or pairs)[:2]


def _composition(study: Study) -> Markup:
    counts = study.apportioned.get('counts') or {}
    if not counts:
        return element('p', f'Composition: {study.composition}, from a given configuration.')
    total = sum(counts.values())
    deviations, states = study.apportioned.get('deviations') or {}, study.apportioned.get('oxidation_states') or {}
    rows = []
    for name, count in counts.items():
        deviation, state = find_number(deviations, name), find_number(states, name)
        off = '–' if deviation is None else f'{1e4 * deviation.value:+.1f}'.replace('-', '−')
        rows.append((name, count, f'{100 * count / total:.2f}', off, '–' if state is None else f'{state.value:+g}'))
    caption = f'Composition: {study.composition}, as whole atoms, exactly neutral'
    names = ('Element', 'Atoms', 'Share (%)', 'Off by (10⁻⁴)', 'State (e)')
    density = find_number(study.apportioned, 'density')
    note = (
        soft(f'Packed at {format_number(density)} g/cm³ ({study.apportioned.get("density_from", "")}).')
        if density
        else ''
    )
    return element('div', table(names, rows, caption, numbers_from=1), note)


def _numbers(glass: Glass) -> Markup:
    mean = flattened(glass.numbers)
    own = {label: flattened(numbers) for label, numbers in glass.replicas.items()}
    rows: list[Sequence[Any]] = []
    wanted = quantities(glass.numbers)
    for group in GROUPS:
        members = [quantity for quantity in wanted if quantity.group == group]
        if members:
            rows.append((group,))
        for quantity in members:
            number = quantity.of(mean)
            cells = [format_number(quantity.of(numbers), like=number) for numbers in own.values()]
            few = number is not None and number.n is not None and number.n < len(own)
            text = format_number(number) + (f' (n = {number.n})' if few and number else '')
            rows.append((quantity.label, quantity.unit, text, *cells))
    caption = 'Mean ± standard error over the replicas' if len(own) > 1 else 'One replica: no error can be given'
    return table(('Quantity', 'Unit', 'Mean', *own), rows, caption, numbers_from=2)


def _melts(study: Study) -> Markup:
    holds = [(replica, hold, verdict) for replica in study.replicas for hold, verdict in replica.melts]
    names = list(dict.fromkeys(name for _, _, judged in holds for name in judged.get('tests') or {}))
    rows = []
    for replica, hold, judged in holds:
        cells = [_test((judged.get('tests') or {}).get(name)) for name in names]
        word = ('a melt', 'good') if judged.get('is_melt') else ('not a melt', 'bad')
        rows.append((f'{replica.label}, {hold}', *cells, element('span', word[0], class_=word[1])))
    heads = ('Replica', *(name.replace('_', ' ') for name in names), 'Verdict')
    body = table(heads, rows) if rows else missing('No melt has been judged.')
    why = (
        'A glass is only as good as its melt: the slowest former must move further than its bond (value above the '
        'limit), the energy must not drift and the starting sites must be forgotten (values below the limit).'
    )
    return section('melts', 'Was it a melt?', soft(why), body)


def _test(test: Any) -> Markup:
    """Value, unit, limit and mark of one test."""
    if not isinstance(test, Mapping):
        return html('–')
    mark, kind = ('✓', 'good') if test.get('passed') else ('✗', 'bad')
    value, limit = (format_number(find_number(test, key), digits=3) for key in ('value', 'threshold'))
    unit = test.get('unit', '')
    return Markup(element('span', mark, class_=kind) + html(f' {value} {unit} (limit {limit})'))


def _making(study: Study) -> Markup:
    facts: list[Sequence[Any]] = [*potential_facts(study.potential, charges=True)]
    if study.potential.get('notes'):
        facts.append(('Notes on the potential', study.potential['notes']))
    facts += [(f'Seed of {r.label}', '–' if r.seed is None else r.seed) for r in study.replicas]
    units = 'Temperatures K, durations ps, rates K/ps, pressures GPa, timestep fs.'
    replicas = [
        (r.label, r.pk, element('span', STATES[r.state][0], class_=STATES[r.state][1]), r.reason)
        for r in study.replicas
    ]
    how = table(('Replica', 'PK', 'State', 'How it ended'), replicas) if replicas else missing('No replica yet.')
    return making_section(facts, study.seed, study.software, study.settings, units, (element('h3', 'Replicas'), how))


def _data(study: Study, files: Sequence[str]) -> Markup:
    rows = node_rows({'the study': (study.pk, study.uuid)})
    for glass in study.glasses:
        rows += node_rows(glass.nodes, f'{_rate(glass)}, ')
    graph = {f'verdi node graph generate {study.uuid[:8]}': 'the full graph (needs graphviz)'}
    return data_section(study.uuid, 'study.aiida', rows, files, graph)

"""The page of a study: one self-contained HTML file that people can look at, print and send."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from aiida_glassion.report.markup import Markup, document, element, html, picture, table
from aiida_glassion.report.numbers import Number, find_number, format_number
from aiida_glassion.report.quantities import GROUPS, flattened, quantities
from aiida_glassion.report.study import Glass, Study

STATES = {'ok': ('✓ ended well', 'good'), 'failed': ('✗ failed', 'bad'), 'running': ('… not ended', 'wait')}

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
    parts += [_melts(study), _making(study), provenance_section(provenance_svg), _data(study, files), _ledger(study)]
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
    text = ' · '.join(
        part
        for part in (
            f'melt-quench, protocol {how}' if how else 'melt-quench',
            f'{atoms} atoms' if atoms else '',
            f'{len(study.replicas)} replica(s)',
            f'potential {study.potential["name"]}' if study.potential.get('name') else '',
            f'{study.started:%Y-%m-%d}',
            f'PK {study.pk}',
        )
        if part
    )
    note = element('p', study.description) if study.description else ''
    return element('header', element('h1', study.title), element('p', text, class_='soft'), note)


def _verdict(study: Study) -> Markup:
    warnings = warnings_of(study)
    words = {
        'ok': 'The study ended well' + (', with remarks:' if warnings else '; nothing is odd about the glass.'),
        'failed': 'The study did not reach its end:',
        'running': 'The study has not ended:',
    }[study.state]
    kind = {'ok': 'warned' if warnings else 'ok'}.get(study.state, study.state)
    listed = element('ul', *(element('li', warning) for warning in warnings)) if warnings else ''
    return element('section', element('p', words), listed, class_=f'verdict {kind}', aria_label='Verdict')


def _navigation(study: Study) -> Markup:
    links = [(glass.label, _rate(glass)) for glass in study.glasses]
    links += [('melts', 'Melt tests'), ('making', 'How it was made'), ('provenance', 'Provenance'), ('data', 'Data')]
    return element('nav', *(element('a', text, href=f'#{name}') for name, text in links), aria_label='On this page')


def _rate(glass: Glass) -> str:
    return f'Glass at {glass.rate:g} K/ps' if glass.rate is not None else f'Glass {glass.label}'


def _glass(study: Study, glass: Glass, figures: Sequence[tuple[str, str, bytes, str]]) -> Markup:
    parts: list[Any] = [element('h2', _rate(glass))]
    if not glass.replicas:
        parts.append(element('p', 'No replica has reached a glass at this rate.'))
        parts += [_figure(study, figure) for figure in figures]
        return element('section', *parts, id=glass.label)
    parts.append(_tiles(glass))
    shown = list(figures)
    if shown and shown[0][3] == 'png':
        first = _figure(study, shown.pop(0))
        parts.append(element('div', first, _composition(study), class_='side'))
    else:
        parts.append(_composition(study))
    parts += [element('h3', 'Numbers'), _numbers(glass)]
    for figure in shown:
        parts += [element('h3', figure[0]), _figure(study, figure)]
    return element('section', *parts, id=glass.label)


def _figure(study: Study, figure: tuple[str, str, bytes, str]) -> Markup:
    title, caption, content, kind = figure
    return picture(content, kind, f'{title} of {study.title}. {caption}', caption)


def _tiles(glass: Glass) -> Markup:
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
    tiles = [
        element('div', element('dt', f'{name} ({unit})' if unit else name), element('dd', format_number(number)))
        for name, number, unit in chosen
        if number is not None
    ]
    return element('dl', *tiles, class_='tiles')


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
    head = ('Element', 'Atoms', 'Share (%)', 'Off by (10⁻⁴)', 'State (e)')
    density = find_number(study.apportioned, 'density')
    note = (
        element(
            'p',
            f'Packed at {format_number(density)} g/cm³ ({study.apportioned.get("density_from", "")}).',
            class_='soft',
        )
        if density
        else ''
    )
    return element('div', table(head, rows, caption, numbers_from=1), note)


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
    names = list(dict.fromkeys(name for _, _, verdict in holds for name in verdict.get('tests') or {}))
    rows = []
    for replica, hold, verdict in holds:
        cells = [_test((verdict.get('tests') or {}).get(name)) for name in names]
        word = ('a melt', 'good') if verdict.get('is_melt') else ('not a melt', 'bad')
        rows.append((f'{replica.label}, {hold}', *cells, element('span', word[0], class_=word[1])))
    head = ('Replica', *(name.replace('_', ' ') for name in names), 'Verdict')
    body = table(head, rows) if rows else element('p', 'No melt has been judged.')
    why = (
        'A glass is only as good as its melt: the slowest former must move further than its bond (value above the '
        'limit), the energy must not drift and the starting sites must be forgotten (values below the limit).'
    )
    return element('section', element('h2', 'Was it a melt?'), element('p', why, class_='soft'), body, id='melts')


def _test(test: Any) -> Markup:
    """Value, unit, limit and mark of one test."""
    if not isinstance(test, Mapping):
        return html('–')
    mark, kind = ('✓', 'good') if test.get('passed') else ('✗', 'bad')
    value, limit = (format_number(find_number(test, key), digits=3) for key in ('value', 'threshold'))
    unit = test.get('unit', '')
    return Markup(element('span', mark, class_=kind) + html(f' {value} {unit} (limit {limit})'))


def _making(study: Study) -> Markup:
    potential = study.potential
    facts: list[Sequence[Any]] = []
    if potential:
        charges = ', '.join(
            f'{name} {charge:+g}' for name, charge in (potential.get('charges') or {}).items() if _is_number(charge)
        )
        facts += [
            ('Potential', f'{potential.get("name")} ({potential.get("kind")}), PK {potential.get("pk")}'),
            ('Citation', potential.get('citation') or 'none given'),
            ('Notes', potential.get('notes') or '–'),
            ('Charges (e)', charges or '–'),
        ]
    facts.append(('Seed of the study', '–' if study.seed is None else study.seed))
    facts += [(f'Seed of {r.label}', '–' if r.seed is None else r.seed) for r in study.replicas]
    facts += list(study.software.items())
    settings = json.dumps(study.settings, indent=1, ensure_ascii=False)
    replicas = [
        (r.label, r.pk, element('span', STATES[r.state][0], class_=STATES[r.state][1]), r.reason)
        for r in study.replicas
    ]
    return element(
        'section',
        element('h2', 'How it was made'),
        table(('What', 'Value'), facts),
        element('h3', 'Replicas'),
        table(('Replica', 'PK', 'State', 'How it ended'), replicas) if replicas else element('p', 'No replica yet.'),
        element('h3', 'Settings'),
        element('p', 'Temperatures K, durations ps, rates K/ps, pressures GPa, timestep fs.', class_='soft'),
        element(
            'details', element('summary', 'All settings of the protocol'), element('pre', element('code', settings))
        ),
        id='making',
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def provenance_section(svg: str) -> Markup:
    """Where the numbers come from, as a picture."""
    caption = (
        'Every box is a node of the AiiDA graph with its PK. Solid lines: who called whom; dashed: data. '
        'Hover over a box for its full text.'
    )
    image = element('div', Markup(svg), tabindex='0', aria_label='Provenance picture, scrollable')
    content = element('figure', image, element('figcaption', caption), class_='provenance')
    return element('section', element('h2', 'Where the numbers come from'), content, id='provenance')


def _data(study: Study, files: Sequence[str]) -> Markup:
    commands = (
        f'glassion archive {study.uuid} study.aiida      # the whole study with its provenance, one file\n'
        'verdi archive import study.aiida                # anybody, into any profile\n'
        f'verdi node graph generate {study.uuid[:8]}            # the full graph (needs graphviz)\n'
        f'glassion report {study.uuid[:8]} report/             # this page again'
    )
    rows = [('the study', study.pk, element('code', study.uuid))]
    rows += [
        (f'{_rate(glass)}, {name}', pk, element('code', uuid))
        for glass in study.glasses
        for name, (pk, uuid) in glass.nodes.items()
    ]
    listed = element('ul', *(element('li', element('code', name)) for name in files)) if files else ''
    return element(
        'section',
        element('h2', 'How to get the data'),
        element('pre', element('code', commands)),
        element('p', 'PKs change when an archive is imported, UUIDs never do.', class_='soft'),
        table(('Node', 'PK', 'UUID'), rows),
        element('h3', 'Files beside this page') if files else '',
        listed,
        id='data',
    )


def _ledger(study: Study) -> Markup:
    if not study.ledger:
        return html('')
    rows = [
        (name, *(entry.get(key, '–') for key in ('pk', 'seed', 'exit_status', 'reason')))
        for name, entry in study.ledger.items()
        if isinstance(entry, Mapping)
    ]
    head = ('Replica', 'PK', 'Seed', 'Exit code', 'Why')
    return element('section', element('h2', 'Ledger of failures'), table(head, rows), id='ledger')

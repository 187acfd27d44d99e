"""The page of a fracture study: how stiff, how strong, how tough, how it broke, and what its atoms did."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from aiida_glassion.report.fracture import Fracture
from aiida_glassion.report.fracture_facts import (
    KINDS,
    QUANTITIES,
    chosen_text,
    text_of,
    title_of,
    verdict_of,
    warnings_of,
)
from aiida_glassion.report.fracture_series import best_pull, main_groups
from aiida_glassion.report.fracture_tables import bonds_table, pooled_table, pulls_table, toughness_table
from aiida_glassion.report.markup import Figure, Markup, document, element, html, named_figure, table
from aiida_glassion.report.page import provenance_section

Figures = Mapping[str, Figure]


def write_fracture_page(study: Fracture, figures: Figures, provenance_svg: str, files: Sequence[str] = ()) -> str:
    """Page of a fracture study.

    :param study: what was read from the graph.
    :param figures: by name, as :func:`~aiida_glassion.report.fracture_figures.fracture_figures` names them.
    :param provenance_svg: the provenance picture.
    :param files: names of the files that lie beside the page.
    """
    parts = [
        _head(study),
        _verdict(study),
        _navigation(study),
        _numbers(study, figures),
        _breaking(study, figures),
        _atoms(study, figures),
        _section('pulls', 'Pulls', pulls_table(study)),
        _making(study),
        provenance_section(provenance_svg),
        _data(study, files),
        _ledger(study),
    ]
    return document(title_of(study), *[part for part in parts if part])


def _head(study: Fracture) -> Markup:
    text = ' · '.join(
        part
        for part in (
            f'protocol {study.settings["protocol"]}' if study.settings.get('protocol') else '',
            f'{len(study.pulls)} pulls' if len(study.pulls) != 1 else '1 pull',
            chosen_text(study),
            f'potential {study.potential["name"]}' if study.potential.get('name') else '',
            f'{study.started:%Y-%m-%d}',
            f'PK {study.pk}',
        )
        if part
    )
    note = element('p', study.description) if study.description else ''
    return element('header', element('h1', title_of(study)), element('p', text, class_='soft'), note)


def _verdict(study: Fracture) -> Markup:
    warnings = warnings_of(study)
    kind = {'ok': 'warned' if warnings else 'ok'}.get(study.state, study.state)
    listed = element('ul', *(element('li', warning) for warning in warnings)) if warnings else ''
    box = element('section', element('p', verdict_of(study)), listed, class_=f'verdict {kind}', aria_label='Verdict')
    return Markup(box + _tiles(study))


def _tiles(study: Fracture) -> Markup:
    """The numbers that one looks for first: of the slowest of the largest samples."""
    chosen: list[tuple[str, str]] = []
    for kind, names in (
        ('tension', ('young', 'strength', 'failure_strain')),
        ('notched', ('G_c', 'K_Ic', 'brittleness')),
    ):
        group = study.main(kind)
        if group is None:
            continue
        # of a notched sample alone the strength is still worth a tile
        told = names if kind == 'tension' or study.main('tension') else ('strength', *names)
        for name in told:
            words, unit, _ = QUANTITIES[name]
            text = text_of(group.record, name)
            if text != '–':
                chosen.append((f'{words} ({unit})' if unit else words, text))
    if not chosen:
        return html('')
    return element('dl', *(element('div', element('dt', w), element('dd', t)) for w, t in chosen), class_='tiles')


def _navigation(study: Fracture) -> Markup:
    links = [
        ('numbers', 'Strength and toughness'),
        ('breaking', 'How it broke'),
        ('atoms', 'What bonds and atoms did'),
        ('pulls', 'Pulls'),
        ('making', 'How it was made'),
        ('provenance', 'Provenance'),
        ('data', 'Data'),
    ]
    return element('nav', *(element('a', text, href=f'#{name}') for name, text in links), aria_label='On this page')


def _section(name: str, title: str, *content: Any) -> Markup:
    return element('section', element('h2', title), *content, id=name)


def _numbers(study: Fracture, figures: Figures) -> Markup:
    """Curves and what was read from them."""
    shown = named_figure(title_of(study), figures, 'stress_strain')
    parts: list[Any] = [shown or element('p', 'No pull has given a curve yet.'), pooled_table(study)]
    parts.append(
        element(
            'p',
            'E is the slope up to '
            f'{100 * float(study.settings.get("slope_to") or 0.01):g} % of strain. Strength, strain at failure and '
            'toughness rise with the rate, which is many orders of magnitude above that of a test, and fall with the '
            'size: compare only equal rates and sizes.',
            class_='soft',
        )
    )
    parts += [toughness_table(study), *_titled(study, figures, 'trends')]
    return _section('numbers', 'Strength and toughness', *parts)


def _titled(study: Fracture, figures: Figures, name: str) -> list[Markup]:
    if name not in figures:
        return []
    return [element('h3', figures[name][0]), named_figure(title_of(study), figures, name)]


def _breaking(study: Fracture, figures: Figures) -> Markup:
    parts = [part for kind in KINDS for part in _titled(study, figures, f'strain_map_{kind}')]
    parts += _titled(study, figures, 'crack')
    return _section('breaking', 'How it broke', *(parts or [element('p', 'No snapshots have been analysed yet.')]))


def _atoms(study: Fracture, figures: Figures) -> Markup:
    parts: list[Markup] = []
    for name in ('bond_switching', 'coordination'):
        parts += _titled(study, figures, name)
    for group in main_groups(study):
        pull = best_pull(group)
        parts += [bonds_table(pull)] if pull is not None else []
    for name in ('nonaffine', 'where', *(f'regions_{kind}' for kind in KINDS)):
        parts += _titled(study, figures, name)
    shown = [part for part in parts if part]
    return _section('atoms', 'What bonds and atoms did', *(shown or [element('p', 'Nothing has been analysed yet.')]))


_SETTINGS = (
    ('mode', 'Pulled'),
    ('rates', 'Strain rates (1/ps)'),
    ('rate', 'Strain rate (1/ps)'),
    ('step', 'Step (of the length at the start)'),
    ('hold', 'Hold after a step (ps)'),
    ('lateral', 'Sides'),
    ('pressure', 'Pressure (GPa)'),
    ('temperature', 'Temperature (K)'),
    ('timestep', 'Timestep (fs)'),
    ('equilibrate', 'Equilibration'),
    ('max_strain', 'Pulled at most to'),
    ('notch', 'Notch'),
    ('plane', 'Plane of K_Ic'),
    ('slope_to', 'Slope of E up to'),
    ('failure_part', 'Failed below (of the strength)'),
    ('broken_part', 'Broken below (of the strength)'),
    ('analysis', 'Analysis along the strain'),
)


def _making(study: Fracture) -> Markup:
    potential = study.potential
    facts: list[Sequence[Any]] = []
    if potential:
        facts += [
            ('Potential', f'{potential.get("name")} ({potential.get("kind")}), PK {potential.get("pk")}'),
            ('Citation of the potential', potential.get('citation') or 'none given'),
        ]
    facts += [(f'Glass {label or "of the pull"}', f'PK {pk}') for label, (pk, _) in study.glasses.items()]
    facts += [
        (words, _value(study.settings[key]))
        for key, words in _SETTINGS
        if study.settings.get(key) not in (None, [], {})
        and not (key in ('step', 'hold') and study.settings.get('mode') != 'steps')
    ]
    facts.append(('Seed', '–' if study.seed is None else study.seed))
    facts += list(study.software.items())
    settings = json.dumps(study.settings, indent=1, ensure_ascii=False)
    return _section(
        'making',
        'How it was made',
        table(('What', 'Value'), facts),
        element('p', 'Strains as fractions, rates 1/ps, durations ps, pressures GPa, timestep fs.', class_='soft'),
        element(
            'details', element('summary', 'All settings of the protocol'), element('pre', element('code', settings))
        ),
    )


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return ', '.join(f'{key} {_value(entry)}' for key, entry in value.items() if entry is not None)
    if isinstance(value, (list, tuple)):
        return '; '.join(_value(entry) for entry in value)
    return f'{value:g}' if isinstance(value, float) else str(value)


def _data(study: Fracture, files: Sequence[str]) -> Markup:
    commands = (
        f'glassion archive {study.uuid} fracture.aiida   # the whole study, one file\n'
        f'{"verdi archive import fracture.aiida":<69}# anybody, into any profile\n'
        f'{f"glassion report {study.uuid[:8]} report/":<69}# this page again'
    )
    rows: list[Sequence[Any]] = [('the study' if not study.single else 'the pull', study.pk, _code(study.uuid))]
    rows += [(name, pk, _code(uuid)) for name, (pk, uuid) in study.nodes.items()]
    rows += [(f'glass {label}'.strip(), pk, _code(uuid)) for label, (pk, uuid) in study.glasses.items()]
    if not study.single:
        rows += [(pull.label, pull.pk, _code(pull.uuid)) for pull in study.pulls]
    listed = element('ul', *(element('li', element('code', name)) for name in files)) if files else ''
    return _section(
        'data',
        'How to get the data',
        element('pre', element('code', commands)),
        element('p', 'PKs change when an archive is imported, UUIDs never do.', class_='soft'),
        table(('Node', 'PK', 'UUID'), rows),
        element('h3', 'Files beside this page') if files else '',
        listed,
    )


def _code(text: str) -> Markup:
    return element('code', text)


def _ledger(study: Fracture) -> Markup:
    if not study.ledger:
        return html('')
    rows = [
        (name, *(str(entry.get(key, '–')) for key in ('pk', 'exit_status', 'reason')))
        if isinstance(entry, Mapping)
        else (name, '–', '–', str(entry))
        for name, entry in study.ledger.items()
    ]
    return _section('ledger', 'Ledger of failures', table(('Pull', 'PK', 'Exit code', 'Why'), rows))

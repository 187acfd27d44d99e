"""The page of a diffusion sweep: how fast ions go, with what error, and where and how."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from aiida_glassion.report.diffusion import Estimate, Sweep, read_estimate
from aiida_glassion.report.diffusion_facts import (
    fits_of,
    interval_text,
    quantity_words,
    room_of,
    scientific,
    verdict_of,
    warnings_of,
)
from aiida_glassion.report.diffusion_figures import name_of
from aiida_glassion.report.diffusion_literature import Literature
from aiida_glassion.report.diffusion_tables import (
    excluded_table,
    fits_table,
    motion_table,
    plain_number,
    runs_table,
    temperatures_table,
)
from aiida_glassion.report.figures.style import formula_text
from aiida_glassion.report.markup import Figure, Markup, document, element, html, named_figure, table
from aiida_glassion.report.page import provenance_section

Figures = Mapping[str, Figure]
_MOST_TILES = 2


def write_sweep_page(
    sweep: Sweep,
    figures: Figures,
    provenance_svg: str,
    files: Sequence[str] = (),
    literature: Sequence[Literature] = (),
) -> str:
    """Page of a diffusion sweep.

    :param sweep: what was read from the graph.
    :param figures: by name, as :func:`~aiida_glassion.report.diffusion_figures.diffusion_figures` names them.
    :param provenance_svg: the provenance picture.
    :param files: names of the files that lie beside the page.
    :param literature: points that were drawn beside those of the sweep.
    """
    parts = [
        _head(sweep),
        _verdict(sweep),
        _navigation(sweep),
        _numbers(sweep, figures, literature),
        _series(sweep, figures),
        _regime(sweep, figures),
        *_motion(sweep, figures),
        _runs(sweep),
        _making(sweep),
        provenance_section(provenance_svg),
        _data(sweep, files),
        _ledger(sweep),
    ]
    return document(_title(sweep), *[part for part in parts if part])


def _title(sweep: Sweep) -> str:
    return formula_text(sweep.title)


def _head(sweep: Sweep) -> Markup:
    temperatures = sweep.temperatures
    text = ' · '.join(
        part
        for part in (
            f'protocol {sweep.settings["protocol"]}' if sweep.settings.get('protocol') else '',
            f'{len(temperatures)} temperatures'
            if len(temperatures) > 1
            else f'{temperatures[0]:g} K'
            if temperatures
            else '',
            f'{len(sweep.points)} runs' if len(sweep.points) != 1 else '1 run',
            f'potential {sweep.potential["name"]}' if sweep.potential.get('name') else '',
            f'{sweep.started:%Y-%m-%d}',
            f'PK {sweep.pk}',
        )
        if part
    )
    note = element('p', sweep.description) if sweep.description else ''
    return element('header', element('h1', _title(sweep)), element('p', text, class_='soft'), note)


def _verdict(sweep: Sweep) -> Markup:
    warnings = warnings_of(sweep)
    kind = {'ok': 'warned' if warnings else 'ok'}.get(sweep.state, sweep.state)
    listed = element('ul', *(element('li', warning) for warning in warnings)) if warnings else ''
    box = element('section', element('p', verdict_of(sweep)), listed, class_=f'verdict {kind}', aria_label='Verdict')
    return Markup(box + _tiles(sweep))


def _tiles(sweep: Sweep) -> Markup:
    """The numbers that one looks for first."""
    chosen: list[tuple[str, str]] = []
    for group in sweep.groups[:_MOST_TILES]:
        where = f', {formula_text(group.formula)}' if len(sweep.groups) > 1 else ''
        for name, fit in fits_of(group):
            energy = read_estimate(fit.get('activation_energy'))
            if energy is not None and not name.endswith('collective'):
                chosen.append((f'E_a of {quantity_words(name)}{where} (eV)', plain_number(energy)))
            room = room_of(fit)
            if room is not None and name == 'sigma_T':
                words = f'σ at 300 K{where} (S/cm), 95 %: {interval_text(room)}'
                chosen.append((words, scientific(Estimate(room.value))))
        for temperature in group.temperatures[:1]:
            sigma = (group.record_at(temperature).get('conductivity') or {}).get('nernst_einstein')
            haven = (group.record_at(temperature).get('conductivity') or {}).get('haven_ratio')
            for words, text in (
                (f'σ at {temperature:g} K{where} (S/cm)', scientific(read_estimate(sigma))),
                (f'Haven ratio at {temperature:g} K{where}', plain_number(read_estimate(haven))),
            ):
                if text != '–':
                    chosen.append((words, text))
    if not chosen:
        return html('')
    tiles = [element('div', element('dt', words), element('dd', text)) for words, text in chosen]
    return element('dl', *tiles, class_='tiles')


def _navigation(sweep: Sweep) -> Markup:
    links = [
        ('numbers', 'Diffusion and conductivity'),
        *([('series', 'Series')] if len(sweep.groups) > 1 else []),
        ('regime', 'Is it diffusion?'),
        ('motion', 'How ions move'),
        ('runs', 'Runs'),
        ('making', 'How it was made'),
        ('provenance', 'Provenance'),
        ('data', 'Data'),
    ]
    return element('nav', *(element('a', text, href=f'#{name}') for name, text in links), aria_label='On this page')


def _section(name: str, title: str, *content: Any) -> Markup:
    return element('section', element('h2', title), *content, id=name)


def _numbers(sweep: Sweep, figures: Figures, literature: Sequence[Literature]) -> Markup:
    parts: list[Any] = [named_figure(_title(sweep), figures, 'arrhenius')]
    if not sweep.single:
        parts += [element('h3', 'Energies of activation'), fits_table(sweep), excluded_table(sweep)]
    parts += [element('h3', 'By temperature'), temperatures_table(sweep), named_figure(_title(sweep), figures, 'haven')]
    notes = [str(fit['finite_size_note']) for g in sweep.groups for _, fit in fits_of(g) if fit.get('finite_size_note')]
    parts += [element('p', note, class_='soft') for note in dict.fromkeys(notes)]
    if literature:
        rows = [
            (given.citation, 'D' if given.quantity == 'D' else 'σT', given.unit, len(given.temperature), given.file)
            for given in literature
        ]
        head = ('Where from', 'Quantity', 'Unit of the file', 'Points', 'File')
        parts.append(table(head, rows, 'Drawn beside these results; given by the reader, not part of the study'))
    return _section('numbers', 'Diffusion and conductivity', *parts)


def _series(sweep: Sweep, figures: Figures) -> Markup:
    if len(sweep.groups) < 2:
        return html('')
    shown = named_figure(_title(sweep), figures, 'series')
    return _section('series', 'Series', shown or element('p', 'No conductivity of a second composition is known yet.'))


def _regime(sweep: Sweep, figures: Figures) -> Markup:
    parts: list[Any] = [
        element(
            'p',
            'D is read from the part of the MSD that grows in proportion to time. A run whose exponent there is not '
            'within 0.9 and 1.1 is not diffusive: its slope is no diffusion coefficient, and its temperature is left '
            'out of the line.',
            class_='soft',
        )
    ]
    parts += _all_figures(sweep, figures, ('msd', 'regime', 'history'))
    if len(parts) == 1:
        parts.append(element('p', 'No displacements have been analysed yet.'))
    return _section('regime', 'Is it diffusion, and how precise?', *parts)


def _all_figures(sweep: Sweep, figures: Figures, names: Sequence[str]) -> list[Markup]:
    """Figures of some names, of every composition and ion, each with its heading."""
    found: list[Markup] = []
    for group in sweep.groups:
        for ion in sweep.ions:
            for name in names:
                full = name_of(sweep, group, ion, name)
                if full in figures:
                    found += [element('h3', figures[full][0]), named_figure(_title(sweep), figures, full)]
    return found


def _motion(sweep: Sweep, figures: Figures) -> list[Markup]:
    parts: list[Any] = []
    for group in sweep.groups:
        for ion in sweep.ions:
            if len(sweep.groups) > 1 or len(sweep.ions) > 1:
                parts.append(element('h3', f'{ion} in {formula_text(group.formula)}'))
            parts.append(motion_table(group, ion))
    parts += _all_figures(sweep, figures, ('alpha2', 'mobile', 'van_hove', 'channels_1', 'channels_2'))
    return [_section('motion', 'How ions move', *(parts or [element('p', 'Nothing has been analysed yet.')]))]


def _runs(sweep: Sweep) -> Markup:
    warnings = [(point.label, warning) for point in sweep.points for warning in point.warnings]
    odd = ''
    if warnings:
        listed = element('ul', *(element('li', f'{label}: {text}') for label, text in warnings))
        odd = element('details', element('summary', f'What is odd about single runs ({len(warnings)})'), listed)
    return _section('runs', 'Runs', runs_table(sweep), odd)


def _making(sweep: Sweep) -> Markup:
    potential = sweep.potential
    facts: list[Sequence[Any]] = []
    if potential:
        charges = ', '.join(
            f'{name} {charge:+g}'
            for name, charge in (potential.get('charges') or {}).items()
            if isinstance(charge, (int, float))
        )
        facts += [
            ('Potential', f'{potential.get("name")} ({potential.get("kind")}), PK {potential.get("pk")}'),
            ('Citation of the potential', potential.get('citation') or 'none given'),
            ('Its charges (e)', charges or '–'),
        ]
    facts += [(f'Glass {label or "of the run"}', f'PK {pk}') for label, (pk, _) in sweep.glasses.items()]
    facts += [(words, _value(sweep.settings[key])) for key, words in _SETTINGS if sweep.settings.get(key) is not None]
    charges_used: Mapping[str, float] = next(
        (
            conductivity['charges']
            for point in sweep.points
            if (conductivity := (point.numbers.get('diffusion') or {}).get('conductivity') or {}).get('charges')
        ),
        {},
    )
    if charges_used:
        told = ', '.join(f'{ion} {charge:+g}' for ion, charge in charges_used.items())
        facts.append(('Charges of the conductivity (e)', told))
    facts.append(('Seed of the sweep', '–' if sweep.seed is None else sweep.seed))
    facts += list(sweep.software.items())
    settings = json.dumps(sweep.settings, indent=1, ensure_ascii=False)
    return _section(
        'making',
        'How it was made',
        table(('What', 'Value'), facts),
        element('p', 'Temperatures K, lengths ps, pressures GPa, timestep fs.', class_='soft'),
        element(
            'details', element('summary', 'All settings of the protocol'), element('pre', element('code', settings))
        ),
    )


_SETTINGS = (
    ('replicas', 'Runs of each glass at each temperature'),
    ('timestep', 'Timestep (fs)'),
    ('equilibrate', 'Equilibration'),
    ('ensemble', 'Ensemble of the production'),
    ('pressure', 'Pressure (GPa)'),
    ('segment', 'First segment (ps)'),
    ('budget', 'Budget of a run (ps)'),
    ('relative_error', 'Standard error of D aimed at (of D)'),
    ('frames_every', 'Frames every (ps)'),
    ('copy_every', 'Of the frames come home: one in'),
    ('ions', 'Ions'),
    ('reference', 'Framework at rest'),
    ('method', 'Estimator of D'),
    ('window', 'Window of the fit (ps)'),
)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return ', '.join(f'{key} {_value(entry)}' for key, entry in value.items())
    if isinstance(value, list):
        return '; '.join(_value(entry) for entry in value)
    return f'{value:g}' if isinstance(value, float) else str(value)


def _data(sweep: Sweep, files: Sequence[str]) -> Markup:
    commands = (
        f'glassion archive {sweep.uuid} sweep.aiida   # the whole study, one file\n'
        f'{"verdi archive import sweep.aiida":<66}# anybody, into any profile\n'
        f'{f"glassion report {sweep.uuid[:8]} report/":<66}# this page again'
    )
    rows = [('the sweep' if not sweep.single else 'the run', sweep.pk, element('code', sweep.uuid))]
    rows += [(name, pk, element('code', uuid)) for name, (pk, uuid) in sweep.nodes.items()]
    rows += [(f'glass {label}'.strip(), pk, element('code', uuid)) for label, (pk, uuid) in sweep.glasses.items()]
    if not sweep.single:
        rows += [(point.label, point.pk, element('code', point.uuid)) for point in sweep.points]
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


def _ledger(sweep: Sweep) -> Markup:
    if not sweep.ledger:
        return html('')
    rows = [
        (name, *(str(entry.get(key, '–')) for key in ('pk', 'exit_status', 'reason')))
        if isinstance(entry, Mapping)
        else (name, '–', '–', str(entry))
        for name, entry in sweep.ledger.items()
    ]
    return _section('ledger', 'Ledger of failures', table(('Run', 'PK', 'Exit code', 'Why'), rows))

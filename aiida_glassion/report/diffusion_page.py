"""The page of a diffusion sweep: how fast ions go, with what error, and where and how."""

from __future__ import annotations

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
from aiida_glassion.report.page_parts import (
    data_section,
    head,
    ledger_section,
    making_section,
    navigation,
    node_rows,
    potential_facts,
    provenance_section,
    section,
    setting_facts,
    tiles,
    verdict,
)

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
        verdict(sweep.state, verdict_of(sweep), warnings_of(sweep)),
        tiles(_tiles(sweep)),
        _navigation(sweep),
        _numbers(sweep, figures, literature),
        _series(sweep, figures),
        _regime(sweep, figures),
        *_motion(sweep, figures),
        _runs(sweep),
        _making(sweep),
        provenance_section(provenance_svg),
        _data(sweep, files),
        ledger_section(sweep.ledger, 'Run'),
    ]
    return document(_title(sweep), *[part for part in parts if part])


def _title(sweep: Sweep) -> str:
    return formula_text(sweep.title)


def _head(sweep: Sweep) -> Markup:
    temperatures = sweep.temperatures
    several = f'{len(temperatures)} temperatures' if len(temperatures) > 1 else ''
    facts = (
        f'protocol {sweep.settings["protocol"]}' if sweep.settings.get('protocol') else '',
        several or (f'{temperatures[0]:g} K' if temperatures else ''),
        f'{len(sweep.points)} runs' if len(sweep.points) != 1 else '1 run',
        f'potential {sweep.potential["name"]}' if sweep.potential.get('name') else '',
        f'{sweep.started:%Y-%m-%d}',
        f'PK {sweep.pk}',
    )
    return head(_title(sweep), facts, sweep.description)


def _tiles(sweep: Sweep) -> list[tuple[str, str]]:
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
    return chosen


def _navigation(sweep: Sweep) -> Markup:
    return navigation(
        {
            'numbers': 'Diffusion and conductivity',
            **({'series': 'Series'} if len(sweep.groups) > 1 else {}),
            'regime': 'Is it diffusion?',
            'motion': 'How ions move',
            'runs': 'Runs',
            'making': 'How it was made',
            'provenance': 'Provenance',
            'data': 'Data',
        }
    )


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
    return section('numbers', 'Diffusion and conductivity', *parts)


def _series(sweep: Sweep, figures: Figures) -> Markup:
    if len(sweep.groups) < 2:
        return html('')
    shown = named_figure(_title(sweep), figures, 'series')
    return section('series', 'Series', shown or element('p', 'No conductivity of a second composition is known yet.'))


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
    return section('regime', 'Is it diffusion, and how precise?', *parts)


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
    return [section('motion', 'How ions move', *(parts or [element('p', 'Nothing has been analysed yet.')]))]


def _runs(sweep: Sweep) -> Markup:
    warnings = [(point.label, warning) for point in sweep.points for warning in point.warnings]
    odd = ''
    if warnings:
        listed = element('ul', *(element('li', f'{label}: {text}') for label, text in warnings))
        odd = element('details', element('summary', f'What is odd about single runs ({len(warnings)})'), listed)
    return section('runs', 'Runs', runs_table(sweep), odd)


def _making(sweep: Sweep) -> Markup:
    facts: list[Sequence[Any]] = [*potential_facts(sweep.potential, charges=True)]
    facts += [(f'Glass {label or "of the run"}', f'PK {pk}') for label, (pk, _) in sweep.glasses.items()]
    facts += setting_facts(sweep.settings, _SETTINGS)
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
    units = 'Temperatures K, lengths ps, pressures GPa, timestep fs.'
    return making_section(facts, sweep.seed, sweep.software, sweep.settings, units)


_SETTINGS = {
    'replicas': 'Runs of each glass at each temperature',
    'timestep': 'Timestep (fs)',
    'equilibrate': 'Equilibration',
    'ensemble': 'Ensemble of the production',
    'pressure': 'Pressure (GPa)',
    'segment': 'First segment (ps)',
    'budget': 'Budget of a run (ps)',
    'relative_error': 'Standard error of D aimed at (of D)',
    'frames_every': 'Frames every (ps)',
    'copy_every': 'Of the frames come home: one in',
    'ions': 'Ions',
    'reference': 'Framework at rest',
    'method': 'Estimator of D',
    'window': 'Window of the fit (ps)',
}


def _data(sweep: Sweep, files: Sequence[str]) -> Markup:
    rows = node_rows({'the run' if sweep.single else 'the sweep': (sweep.pk, sweep.uuid)})
    rows += [*node_rows(sweep.nodes), *node_rows(sweep.glasses, 'glass ')]
    if not sweep.single:
        rows += node_rows({point.label: (point.pk, point.uuid) for point in sweep.points})
    return data_section(sweep.uuid, 'sweep.aiida', rows, files)

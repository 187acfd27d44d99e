"""The page of a porous glass: how much empty space there is, and what relaxation made of the pores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aiida_glassion.kernels.build.pores import shape_from_dict
from aiida_glassion.kernels.build.porous_plan import pores_in_words
from aiida_glassion.kernels.transport.sweep import formula_of
from aiida_glassion.report.figures.style import formula_text
from aiida_glassion.report.markup import Figure, Markup, document, element, html, named_figure, table
from aiida_glassion.report.numbers import format_number, read_number
from aiida_glassion.report.page_parts import (
    data_section,
    head,
    making_section,
    missing,
    navigation,
    node_rows,
    potential_facts,
    provenance_section,
    section,
    setting_facts,
    soft,
    tiles,
    verdict,
)
from aiida_glassion.report.porous import STATES, Porous

Figures = Mapping[str, Figure]

ROWS = (
    ('n_atoms', 'Atoms', '', 1.0),
    ('density', 'Density', 'g/cm³', 1.0),
    ('volume', 'Volume of the cell', 'Å³', 1.0),
    ('free_fraction', 'Outside all atoms', '% of the cell', 100.0),
    ('occupiable_fraction', 'Room for the probe', '% of the cell', 100.0),
    ('largest_sphere_diameter', 'Largest sphere between the atoms', 'Å', 1.0),
    ('mean_pore_diameter', 'Mean pore size', 'Å', 1.0),
    ('cavities', 'Cavities for the centre of the probe', '', 1.0),
    ('dimension', 'Directions in which they lead through the cell', '', 1.0),
    ('surface_per_mass', 'Accessible surface', 'm²/g', 1.0),
)
"""Numbers of each state: key, name, unit, factor."""
_MOST_CHOSEN = 40
_LINKS = {
    'pores': 'Pores',
    'space': 'Empty space',
    'cut': 'What was cut',
    'making': 'How it was made',
    'provenance': 'Provenance',
    'data': 'Data',
}


def write_porous_page(porous: Porous, figures: Figures, provenance_svg: str, files: Sequence[str] = ()) -> str:
    """Page of a porous glass.

    :param porous: what was read from the graph.
    :param figures: by name, as :func:`~aiida_glassion.report.porous_figures.porous_figures` names them.
    :param provenance_svg: the provenance picture.
    :param files: names of the files that lie beside the page.
    """
    parts = [
        _head(porous),
        verdict(porous.state, porous.verdict, porous.warnings, bool(porous.warnings or porous.closed.get('closed'))),
        tiles(_tiles(porous)),
        navigation(_LINKS),
        _pores(porous, figures),
        _space(porous, figures),
        _cut(porous),
        _making(porous),
        provenance_section(provenance_svg),
        _data(porous, files),
    ]
    return document(formula_text(porous.title), *[part for part in parts if part])


def _head(porous: Porous) -> Markup:
    shapes = [shape_from_dict(entry) for entry in porous.results.get('pores') or []]
    facts = (
        pores_in_words(shapes) if shapes else '',
        f'protocol {porous.settings["protocol"]}' if porous.settings.get('protocol') else '',
        f'potential {porous.potential["name"]}' if porous.potential.get('name') else '',
        f'{porous.started:%Y-%m-%d}',
        f'PK {porous.pk}',
    )
    return head(formula_text(porous.title), facts, porous.description)


def _tiles(porous: Porous) -> Iterator[tuple[str, str]]:
    """The numbers that one looks for first."""
    results = porous.results
    if results.get('porosity') is not None:
        yield 'Porosity as cut', f'{100 * results["porosity"]:.1f} %'
    after = (results.get('porosity_from_density') or {}).get('relaxed')
    if after is not None:
        yield 'Porosity from the density, relaxed', f'{100 * after:.1f} %'
    density = results.get('density') or {}
    if density.get('mean') is not None:
        yield 'Density (g/cm³)', format_number(read_number(density))
    pores = porous.closed.get('pores') or []
    if pores:
        largest = max(pores, key=lambda pore: float(pore['carved']))
        yield 'Largest sphere in the pore (Å)', f'{largest["carved"]:.2f} → {largest["relaxed"]:.2f}'


def _pores(porous: Porous, figures: Figures) -> Markup:
    parts: list[Any] = [named_figure(porous.title, figures, 'slices')]
    closed = porous.closed
    if closed:
        rows = [
            (
                f'{number}: {pores_in_words([shape_from_dict(shape)]).removeprefix("1 ")}',
                ', '.join(f'{x:.3f}' for x in shape['centre']),
                f'{pore["carved"]:.2f}',
                f'{pore["relaxed"]:.2f}',
                '–' if pore['kept'] is None else f'{100 * max(pore["kept"], 0):.0f}',
                'closed' if pore['closed'] else 'open',
            )
            for number, (shape, pore) in enumerate(zip(porous.results['pores'], closed['pores'], strict=True), 1)
        ]
        names = ('Pore', 'Centre (fractions)', 'Largest sphere as cut (Å)', 'Relaxed (Å)', 'Kept (%)', 'It is')
        parts.append(table(names, rows, 'Largest sphere between the atoms in each pore', 2))
        words = f'A pore is {closed["rule"]}. Largest sphere in the glass without pores: {closed["dense"]:.2f} Å.'
        parts.append(soft(words))
    elif not porous.results:
        parts.append(missing('Nothing has been cut yet.'))
    return section('pores', 'Pores', *parts)


def _space(porous: Porous, figures: Figures) -> Markup:
    states = porous.states
    parts: list[Any] = []
    if states:
        rows = [
            (f'{name} ({unit})' if unit else name, *(_number(state.get(key), factor) for state in states.values()))
            for key, name, unit, factor in ROWS
        ]
        parts.append(table(('Quantity', *(STATES[name] for name in states)), rows, numbers_from=1))
        voids = porous.settings.get('voids') or {}
        words = f'Atoms with their van der Waals radii; the probe has a radius of {voids.get("probe", 0):g} Å.'
        parts.append(soft(words))
    parts += [named_figure(porous.title, figures, name) for name in ('pore_sizes', 'density')]
    return section('space', 'Empty space and density', *(parts or [missing('Nothing has been measured yet.')]))


def _number(value: Any, factor: float) -> str:
    return '–' if value is None else f'{factor * float(value):.4g}'


def _cut(porous: Porous) -> Markup:
    carving = porous.results.get('carving')
    if not carving:
        return html('')
    after = carving['counts_after']
    rows = [
        (name, before, before - after.get(name, 0), after.get(name, 0))
        for name, before in carving['counts_before'].items()
    ]
    unit = formula_text(formula_of(carving['unit'])) if carving['unit'] else ''
    kept = (
        f'{carving["units_after"]} of {carving["units_before"]} formula units {unit} are left, exactly.'
        if unit
        else f'What is left is exactly neutral; atomic fractions change by at most {carving["composition_change"]:.2g}.'
    )
    chosen = [
        (entry['element'], entry['atom'], f'{entry["distance"]:+.2f}', what)
        for name, what in (('also_removed', 'taken out besides'), ('left_inside', 'left within'))
        for entry in porous.results.get(name) or []
    ]
    more = f'; the first {_MOST_CHOSEN} of {len(chosen)}, all in chosen.csv' if len(chosen) > _MOST_CHOSEN else ''
    return section(
        'cut',
        'What was cut',
        element('p', f'{carving["n_inside"]} atoms lay within the pores. {kept}'),
        table(('Element', 'Before', 'Taken out', 'Left'), rows, numbers_from=1),
        table(
            ('Element', 'Atom', 'Distance from the surface (Å)', 'Choice'),
            chosen[:_MOST_CHOSEN],
            f'Atoms chosen so that the composition holds (negative: within{more})',
            1,
        )
        if chosen
        else element('p', 'No atom had to be chosen besides.'),
    )


def _making(porous: Porous) -> Markup:
    facts = [*potential_facts(porous.potential), *setting_facts(porous.settings, _SETTINGS)]
    units = 'Lengths Å, temperatures K, times ps, pressures GPa, timestep fs.'
    return making_section(facts, porous.seed, porous.software, porous.settings, units)


_SETTINGS = {
    'exact': 'What must hold after the cut',
    'shell': 'Atoms up to so far from the surface count as equally near (Å)',
    'keep_clusters': 'Anion clusters stay whole',
    'temperature': 'Temperature (K)',
    'pressure': 'Pressure (GPa)',
    'coupling': 'Which lengths of the cell follow it',
    'timestep': 'Timestep (fs)',
    'relax': 'Relaxation',
    'closed_below': 'A pore is closed below this share of its width',
}


def _data(porous: Porous, files: Sequence[str]) -> Markup:
    rows = node_rows({'the porous glass': (porous.pk, porous.uuid), **porous.nodes})
    then = {f'glassion launch diffusion-sweep {porous.pk} …': 'ions in it; as well elastic, fracture'}
    return data_section(porous.uuid, 'porous.aiida', rows, files, then)

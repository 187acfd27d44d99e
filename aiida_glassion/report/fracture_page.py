"""The page of a fracture study: how stiff, how strong, how tough, how it broke, and what its atoms did."""

from __future__ import annotations

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
from aiida_glassion.report.markup import Figure, Markup, document, element, named_figure
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
    soft,
    tiles,
    verdict,
)

Figures = Mapping[str, Figure]
_LINKS = {
    'numbers': 'Strength and toughness',
    'breaking': 'How it broke',
    'atoms': 'What bonds and atoms did',
    'pulls': 'Pulls',
    'making': 'How it was made',
    'provenance': 'Provenance',
    'data': 'Data',
}


def write_fracture_page(study: Fracture, figures: Figures, provenance_svg: str, files: Sequence[str] = ()) -> str:
    """Page of a fracture study.

    :param study: what was read from the graph.
    :param figures: by name, as :func:`~aiida_glassion.report.fracture_figures.fracture_figures` names them.
    :param provenance_svg: the provenance picture.
    :param files: names of the files that lie beside the page.
    """
    parts = [
        _head(study),
        verdict(study.state, verdict_of(study), warnings_of(study)),
        tiles(_tiles(study)),
        navigation(_LINKS),
        _numbers(study, figures),
        _breaking(study, figures),
        _atoms(study, figures),
        section('pulls', 'Pulls', pulls_table(study)),
        _making(study),
        provenance_section(provenance_svg),
        _data(study, files),
        ledger_section(study.ledger, 'Pull'),
    ]
    return document(title_of(study), *[part for part in parts if part])


def _head(study: Fracture) -> Markup:
    facts = (
        f'protocol {study.settings["protocol"]}' if study.settings.get('protocol') else '',
        f'{len(study.pulls)} pulls' if len(study.pulls) != 1 else '1 pull',
        chosen_text(study),
        f'potential {study.potential["name"]}' if study.potential.get('name') else '',
        f'{study.started:%Y-%m-%d}',
        f'PK {study.pk}',
    )
    return head(title_of(study), facts, study.description)


def _tiles(study: Fracture) -> list[tuple[str, str]]:
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
    return chosen


def _numbers(study: Fracture, figures: Figures) -> Markup:
    """Curves and what was read from them."""
    shown = named_figure(title_of(study), figures, 'stress_strain')
    parts: list[Any] = [shown or element('p', 'No pull has given a curve yet.'), pooled_table(study)]
    words = (
        f'E is the slope up to {100 * float(study.settings.get("slope_to") or 0.01):g} % of strain. Strength, strain '
        'at failure and toughness rise with the rate, which is many orders of magnitude above that of a test, and fall '
        'with the size: compare only equal rates and sizes.'
    )
    parts.append(soft(words))
    parts += [toughness_table(study), *_titled(study, figures, 'trends')]
    return section('numbers', 'Strength and toughness', *parts)


def _titled(study: Fracture, figures: Figures, name: str) -> list[Markup]:
    if name not in figures:
        return []
    return [element('h3', figures[name][0]), named_figure(title_of(study), figures, name)]


def _breaking(study: Fracture, figures: Figures) -> Markup:
    parts = [part for kind in KINDS for part in _titled(study, figures, f'strain_map_{kind}')]
    parts += _titled(study, figures, 'crack')
    return section('breaking', 'How it broke', *(parts or [element('p', 'No snapshots have been analysed yet.')]))


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
    return section('atoms', 'What bonds and atoms did', *(shown or [element('p', 'Nothing has been analysed yet.')]))


_SETTINGS = {
    'mode': 'Pulled',
    'rates': 'Strain rates (1/ps)',
    'rate': 'Strain rate (1/ps)',
    'step': 'Step (of the length at the start)',
    'hold': 'Hold after a step (ps)',
    'lateral': 'Sides',
    'pressure': 'Pressure (GPa)',
    'temperature': 'Temperature (K)',
    'timestep': 'Timestep (fs)',
    'equilibrate': 'Equilibration',
    'max_strain': 'Pulled at most to',
    'notch': 'Notch',
    'plane': 'Plane of K_Ic',
    'slope_to': 'Slope of E up to',
    'failure_part': 'Failed below (of the strength)',
    'broken_part': 'Broken below (of the strength)',
    'analysis': 'Analysis along the strain',
}


def _making(study: Fracture) -> Markup:
    glasses = [(f'Glass {label or "of the pull"}', f'PK {pk}') for label, (pk, _) in study.glasses.items()]
    idle = () if study.settings.get('mode') == 'steps' else ('step', 'hold')
    told = {key: value for key, value in study.settings.items() if key not in idle}
    facts = [*potential_facts(study.potential), *glasses, *setting_facts(told, _SETTINGS)]
    units = 'Strains as fractions, rates 1/ps, durations ps, pressures GPa, timestep fs.'
    return making_section(facts, study.seed, study.software, study.settings, units)


def _data(study: Fracture, files: Sequence[str]) -> Markup:
    rows = node_rows({'the pull' if study.single else 'the study': (study.pk, study.uuid)})
    rows += [*node_rows(study.nodes), *node_rows(study.glasses, 'glass ')]
    if not study.single:
        rows += node_rows({pull.label: (pull.pk, pull.uuid) for pull in study.pulls})
    return data_section(study.uuid, 'fracture.aiida', rows, files)

"""The page of a glass-ceramic: how much crystal it holds, what became of it, and how wide the interface is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiida_glassion.report.glass_ceramic import Ceramic
from aiida_glassion.report.markup import Figure, Markup, document, element, html, named_figure, table
from aiida_glassion.report.page_parts import (
    data_section,
    head,
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
PROFILES = {'disorder': 'Degree of disorder F', 'order': 'Local order', 'mass_density': 'Density (g/cm³)'}
_LINKS = {
    'crystal': 'The crystal', 'interface': 'The interface', 'regions': 'Regions', 'making': 'How it was made',
    'provenance': 'Provenance', 'data': 'Data',
}  # fmt: skip
_SETTINGS = {
    'hot_temperature': 'Glass around the frozen crystal (K)',
    'room_temperature': 'Then (K)',
    'timestep': 'Timestep (fs)',
    'pressure': 'Pressure (GPa)',
}
LABELS = {
    'by_place': 'By place, as built',
    'by_order_built': 'By order, as built',
    'by_order_healed': 'By order, healed',
}


def write_ceramic_page(ceramic: Ceramic, figures: Figures, provenance_svg: str, files: Sequence[str] = ()) -> str:
    """Page of a glass-ceramic.

    :param ceramic: what was read from the graph.
    :param figures: by name, as :func:`~aiida_glassion.report.glass_ceramic_figures.ceramic_figures` names them.
    :param provenance_svg: the provenance picture.
    :param files: names of the files that lie beside the page.
    """
    remarks = ceramic.results.get('warnings') or []
    parts = [_head(ceramic), verdict(ceramic.state, verdict_of(ceramic), remarks), tiles(_tiles(ceramic))]
    if ceramic.results:
        parts += [
            navigation(_LINKS),
            _crystal(ceramic, figures),
            _interface(ceramic, figures),
            _regions(ceramic, figures),
        ]
    parts += [_making(ceramic), provenance_section(provenance_svg), _data(ceramic, files)]
    return document(ceramic.title, *[part for part in parts if part])


def verdict_of(ceramic: Ceramic) -> str:
    """How it ended, in a sentence."""
    results = ceramic.results
    if ceramic.state == 'running':
        return 'It has not ended yet.'
    if results.get('loss'):
        return f'The crystal melted or dissolved: {results["loss"]}.'
    if ceramic.state != 'ok':
        return f'It {ceramic.exit_text}.'
    kept = results.get('order_kept')
    share = '' if kept is None else f' It keeps {100 * kept:.0f} % of its order.'
    return f'The crystal is in the glass, and the interface has healed.{share}'


def _head(ceramic: Ceramic) -> Markup:
    counts = ceramic.results.get('counts') or {}
    facts = (
        f'protocol {ceramic.settings["protocol"]}' if ceramic.settings.get('protocol') else '',
        f'{sum(counts.values())} atoms' if counts else '',
        f'potential {ceramic.potential["name"]}' if ceramic.potential.get('name') else '',
        f'{ceramic.started:%Y-%m-%d}',
        f'PK {ceramic.pk}',
    )
    return head(ceramic.title, facts, ceramic.description)


def _tiles(ceramic: Ceramic) -> list[tuple[str, str]]:
    results = ceramic.results
    if not results:
        return []
    fraction, density = results['fraction'], results['density']
    chosen = [
        ('Crystal wanted (% of the volume)', percent(fraction['wanted'])),
        ('built', percent(fraction['built'])),
        ('after healing, by its order', percent(fraction['healed'])),
    ]
    for name, words in (('disorder', 'Interface by F (Å)'), ('order', 'Interface by local order (Å)')):
        if name in results['interface']:
            chosen.append((words, width_text(results['interface'][name])))
    chosen.append(('Density after healing (g/cm³)', number(density['healed'], 3)))
    return [(words, text) for words, text in chosen if text != '–']


def percent(value: float | None) -> str:
    """Share in per cent."""
    return '–' if value is None else f'{100 * value:.1f}'


def number(value: float | None, digits: int = 2) -> str:
    """Number with so many decimals, a dash where there is none."""
    return '–' if value is None else f'{value:.{digits}f}'.replace('-', '−')


def width_text(found: Mapping[str, Any]) -> str:
    """Width with its error; ``≤`` where the step is narrower than the bins."""
    if found['width'] is None:
        return '–'
    error = '' if found['error'] is None else f' ± {found["error"]:.1f}'
    return f'{"≤ " if found["at_most"] else ""}{found["width"]:.1f}{error}'


def _crystal(ceramic: Ceramic, figures: Figures) -> Markup:
    results = ceramic.results
    glass = results['order_of_glass']
    names = (
        'Grain', 'Shape', 'Atoms', 'Order built', 'Order now', 'Kept (%)', 'In place (%)', 'Moved (Å)', 'Drift (Å)',
        'Verdict',
    )  # fmt: skip
    rows = []
    for index, grain in enumerate(results['grains']):
        lost = grain.get('lost')
        said = html('not healed') if lost is None else element('span', *_MARKS[bool(lost)][:1], class_=_MARKS[lost][1])
        rows.append(
            (
                str(index), grain['shape'].replace('slit', 'slab'), grain['n_atoms'],
                number(grain.get('order_built')), number(grain.get('order_healed')), percent(grain.get('kept')),
                percent(grain.get('in_place')), number(grain.get('displacement')), number(grain.get('drift')), said,
            )
        )  # fmt: skip
    caption = f'Local order of the glass: {number(glass["built"])} as built, {number(glass["healed"])} now'
    words = (
        'Kept: local order of the formers of a grain above that of the glass, now over as built; '
        f'below {100 * results["least_kept"]:g} % a grain is lost. In place: within 1 Å of where the lattice puts it.'
    )
    return section(
        'crystal',
        'The crystal',
        named_figure(ceramic.title, figures, 'slice'),
        table(names, rows, caption, numbers_from=2),
        soft(words),
        _fit(results),
    )


_EXACT = {'formula': 'the composition', 'neutral': 'neutrality of the glass and of the grains'}
_MARKS = {None: ('not healed', 'soft'), False: ('kept', 'good'), True: ('lost', 'bad')}


def _fit(results: Mapping[str, Any]) -> Markup:
    """How the numbers came out: removed atoms, the fit of a slab, the cell of the crystal."""
    rows: list[tuple[Any, Any]] = [
        ('Atoms of the glass within the grains', results['n_inside']),
        ('too near to the crystal', results['n_overlapping']),
        ('to keep the numbers whole', results['n_also_removed']),
        ('What holds exactly', _EXACT[results['exact']]),
    ]
    match = results['match']
    if match:
        strains = ', '.join(number(100 * strain) for strain in match['strains'])
        plane = ' '.join(str(index) for index in match['miller'])
        rows += [
            ('Plane of the crystal', f'({plane})'),
            ('Supercell', '; '.join(' '.join(str(n) for n in row) for row in match['supercell'])),
            ('Principal strains (%)', strains),
        ]
    cell = results.get('crystal_cell')
    if cell:
        rows += [
            ('Cell of the crystal, given (Å, degrees)', ', '.join(f'{x:.5g}' for x in cell['given'])),
            ('as the potential has it', ', '.join(f'{x:.5g}' for x in cell['used'])),
            ('Density of the crystal (g/cm³)', number(cell['density'], 3)),
        ]
    return table(('How it was built', 'Value'), rows)


def _interface(ceramic: Ceramic, figures: Figures) -> Markup:
    rows = [
        (
            PROFILES.get(name, name.replace('share_', 'Share of ')),
            width_text(found), number(found['position']), number(found['inner']), number(found['outer']),
            'narrower than the bins, whose width is given' if found['at_most'] else found['reason'],
        )
        for name, found in ceramic.results['interface'].items()
    ]  # fmt: skip
    names = ('By', 'Width, 10–90 % (Å)', 'Middle (Å)', 'Crystal', 'Glass', '')
    return section(
        'interface',
        'The interface',
        named_figure(ceramic.title, figures, 'profiles'),
        table(names, rows, 'A smooth step, tanh, fitted to each profile over the distance from the surface'),
        named_figure(ceramic.title, figures, 'disorder_normal'),
    )


def _regions(ceramic: Ceramic, figures: Figures) -> Markup:
    regions = {key: found for key, found in ceramic.results['regions'].items() if found}
    names = ('glass', 'interface', 'crystal')
    rows = [(LABELS[key], *(found[name] for name in names)) for key, found in regions.items()]
    words = (
        'By order: three quarters of the formers around an atom have surroundings that are repeated nearby in the same '
        'orientation (crystal), at most a quarter (glass), or a share between (interface).'
    )
    return section(
        'regions',
        'Regions',
        table(('Label', 'Glass', 'Interface', 'Crystal'), rows, 'Atoms', numbers_from=1),
        soft(words),
        named_figure(ceramic.title, figures, 'order'),
    )


def _making(ceramic: Ceramic) -> Markup:
    given = [(f'The {name}', f'PK {pk}') for name, (pk, _) in ceramic.inputs.items()]
    facts = [*given, *potential_facts(ceramic.potential), *setting_facts(ceramic.settings, _SETTINGS)]
    units = 'Lengths Å, temperatures K, times ps, pressures GPa, timestep fs.'
    return making_section(facts, ceramic.seed, ceramic.software, ceramic.settings, units)


def _data(ceramic: Ceramic, files: Sequence[str]) -> Markup:
    rows = node_rows({'the glass-ceramic': (ceramic.pk, ceramic.uuid), **ceramic.nodes})
    return data_section(ceramic.uuid, 'ceramic.aiida', rows, files)

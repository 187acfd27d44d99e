"""The page of analysed trajectories: one self-contained HTML file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from aiida_glassion.analysis.request import Request
from aiida_glassion.report import analysis_numbers as numbers
from aiida_glassion.report.analysis import Analysed
from aiida_glassion.report.analysis_experiment import overlays
from aiida_glassion.report.figures.curve import axis_label
from aiida_glassion.report.markup import Figure, Markup, document, element, html, named_figure, table
from aiida_glassion.report.numbers import Number, format_number
from aiida_glassion.report.page_parts import head, navigation, section, soft, verdict

_FIGURES = {
    'rdf': ('radial',),
    'coordination': ('bonds',),
    'angles': ('angles',),
    'network': ('network',),
    'anions': ('anions',),
    'rings': ('rings',),
    'scattering': ('structure_factor', 'structure_factor_partial', 'total_correlation'),
    'powder': ('powder',),
    'voronoi': ('volumes',),
    'voids': ('voids',),
    'disorder': ('disorder',),
    'profiles': ('profiles',),
    'regions': ('profiles',),
    'checks': ('checks',),
    'diffusion': (),
    'dynamics': (),
    'channels': (),
    'flexibility': (),
}
"""Figures that stand with each kind of analysis; one that serves two stands with the first of them."""


def write_analysis_page(
    glasses: Sequence[Analysed], request: Request, figures: Mapping[str, Figure], said: str, files: Sequence[str] = ()
) -> str:
    """Page of one trajectory, or of several side by side.

    :param figures: by name.
    :param said: how several trajectories were taken, in words.
    :param files: names of the files that lie beside the page.
    """
    title = glasses[0].name if len(glasses) == 1 else f'{len(glasses)} structures side by side'
    kinds = numbers.kinds_in(glasses)
    parts = [_head(title, glasses, said), _verdict(glasses), _navigation(kinds)]
    parts.append(_overview(title, glasses, figures))
    if 'experiment' in figures:
        parts.append(_experiment(title, glasses, figures))
    shown: set[str] = set()
    for kind in kinds:
        names = [name for base in _FIGURES[kind] for name in figures if _is_of(name, base) and name not in shown]
        shown |= set(names)
        parts.append(_kind(title, kind, glasses, [named_figure(title, figures, name) for name in names]))
    parts += [_making(glasses, request), _data(files)]
    return document(title, *[part for part in parts if part])


def _sentence(text: str) -> str:
    """The text with a capital first; units in it stay as they are."""
    return text[:1].upper() + text[1:]


def _is_of(name: str, base: str) -> bool:
    """``network_2`` is of ``network``: one figure for each trajectory."""
    return name == base or (name.startswith(f'{base}_') and name.removeprefix(f'{base}_').isdigit())


def _head(title: str, glasses: Sequence[Analysed], said: str) -> Markup:
    words = [f'{glass.formula}, {glass.n_frames} frame{"s" if glass.n_frames != 1 else ""}' for glass in glasses]
    text = ' · '.join([*dict.fromkeys(words), *([said] if said else [])])
    return head(title, [text])


def _verdict(glasses: Sequence[Analysed]) -> Markup:
    odd, failed = list(numbers.warnings(glasses)), list(numbers.failures(glasses))
    if failed:
        return verdict('failed', 'Not all could be analysed:', [*failed, *odd])
    return verdict('ok', 'Analysed, with remarks:' if odd else 'Analysed; nothing is odd.', odd)


def _navigation(kinds: Sequence[str]) -> Markup:
    return navigation({kind: numbers.TITLES[kind] for kind in kinds} | {'making': 'How it was made', 'data': 'Data'})


def _overview(title: str, glasses: Sequence[Analysed], figures: Mapping[str, Figure]) -> Markup:
    if len(glasses) == 1:
        rows = [(_sentence(name), text) for name, text in numbers.facts(glasses[0]).items()]
        facts, picture = table(('What', 'Value'), rows), named_figure(title, figures, 'picture')
        return element('section', element('div', picture, facts, class_='side') if picture else facts, id='overview')
    names = list(dict.fromkeys(name for glass in glasses for name in numbers.facts(glass)))
    cells = [(_sentence(name), *(numbers.facts(glass).get(name, '–') for glass in glasses)) for name in names]
    return element('section', table(('What', *(glass.name for glass in glasses)), cells), id='overview')


def _experiment(title: str, glasses: Sequence[Analysed], figures: Mapping[str, Figure]) -> Markup:
    rows = []
    for glass in glasses:
        for overlay in overlays(glass):
            x = overlay.calculated.x
            agreement = '–' if overlay.r_chi is None else format_number(Number(overlay.r_chi), 3)
            quantity = axis_label(overlay.calculated.y_name, overlay.calculated.y_unit)
            reach = f'{float(x[0]):.3g} to {float(x[-1]):.3g} {overlay.calculated.x_unit}'
            rows.append((glass.name, overlay.title, quantity, reach, agreement))
    names = ('Trajectory', 'Measured', 'Compared as', 'Range', 'R_χ (%)')
    note = 'R_χ depends on quantity and range: compare it only with one formed in the same way.'
    shown = named_figure(title, figures, 'experiment')
    return section('experiment', 'Against experiment', shown, table(names, rows, numbers_from=4), soft(note))


def _kind(title: str, kind: str, glasses: Sequence[Analysed], figures: Sequence[Markup]) -> Markup:
    results = [glass.results.get(kind) for glass in glasses]
    if kind == 'checks':
        return section(kind, numbers.TITLES[kind], *figures, _checked(glasses))
    if len(glasses) == 1 and results[0] is not None:
        matrices, lines = numbers.compact_tables(results[0])
        rows = [(row.label, row.texts[0], row.unit) for row in lines]
        said = _sentence(glasses[0].errors_from)
        tables = [table(('Quantity', 'Value', 'Unit'), rows, said)] if rows else []
        tables += [table((_sentence(m.title), *m.columns), m.rows, '' if rows else said, 1) for m in matrices]
        body = Markup(''.join(tables))
    else:
        cells = [(row.label, row.unit, *row.texts) for row in numbers.compared_rows(results)]
        names = ('Quantity', 'Unit', *(glass.name for glass in glasses))
        body = table(names, cells, numbers_from=2) if cells else html('')
    if len(body) > 12_000:
        body = element('details', element('summary', 'All numbers'), body)
    return section(kind, numbers.TITLES[kind], *figures, body)


_VERDICTS = {'ok': ('✓ ', 'good'), 'warning': ('! ', 'wait'), 'skipped': ('– ', 'soft')}


def _checked(glasses: Sequence[Analysed]) -> Markup:
    """What the checks say."""
    lines = []
    for glass in glasses:
        for judged, said in numbers.verdicts(glass.results['checks']) if 'checks' in glass.results else ():
            mark, kind = _VERDICTS[judged]
            whose = f'{glass.name}: ' if len(glasses) > 1 else ''
            lines.append(element('li', element('span', mark, class_=kind), whose, said))
    return element('ul', *lines, class_='marked')


def _making(glasses: Sequence[Analysed], request: Request) -> Markup:
    from aiida_glassion import __version__

    plain = request.as_dict()
    facts: list[Sequence[Any]] = [('aiida-glassion', __version__), ('Errors', glasses[0].errors_from)]
    frames = (
        f'from {plain["first"]} to {"the last" if plain["last"] is None else plain["last"]}, every {plain["every"]}'
    )
    facts.append(('Frames', frames))
    rows = [(name, *(f'{glass.seconds.get(name, 0.0):.2f}' for glass in glasses)) for name in glasses[0].seconds]
    settings = json.dumps(_without_points(plain), indent=1, ensure_ascii=False)
    return section(
        'making',
        'How it was made',
        table(('What', 'Value'), facts),
        element('details', element('summary', 'The whole request'), element('pre', element('code', settings))),
        element(
            'details',
            element('summary', 'Seconds of each part'),
            table(('Part', *(glass.name for glass in glasses)), rows, numbers_from=1),
        ),
    )


def _without_points(request: dict[str, Any]) -> dict[str, Any]:
    """The request as it can be read: of measured curves the number of points; all of them are in ``request.json``."""
    scattering = dict(request['analyses'].get('scattering', {}))
    if scattering.get('experiments'):
        scattering['experiments'] = [
            {
                key: f'{len(value)} numbers' if isinstance(value, list) and len(value) > 4 else value
                for key, value in e.items()
            }
            for e in scattering['experiments']
        ]
        return {**request, 'analyses': {**request['analyses'], 'scattering': scattering}}
    return request


def _data(files: Sequence[str]) -> Markup:
    if not files:
        return html('')
    folders: dict[str, int] = {}
    for name in files:
        if '/' in name:
            folder = name.rpartition('/')[0]
            folders[folder] = folders.get(folder, 0) + 1
    listed = [name for name in files if '/' not in name]
    listed += [f'{folder}/ ({count} files)' for folder, count in folders.items()]
    words = (
        'numbers.csv has every number with its error; each folder of data holds numbers.json (with units and '
        'conventions), curves.npz and one CSV for each curve.'
    )
    names = element('ul', *(element('li', element('code', name)) for name in listed))
    return section('data', 'Data', element('p', words), names)

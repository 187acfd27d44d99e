"""``glassion show`` of a porous glass: what was taken out, and what became of the pores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from aiida_glassion.cli import show_parts as parts
from aiida_glassion.cli.launch_porous_glass_text import chosen_in_words, in_words, kept_in_words
from aiida_glassion.cli.values import with_error
from aiida_glassion.kernels.build.pores import shape_from_dict
from aiida_glassion.kernels.build.porous_plan import pores_in_words

if TYPE_CHECKING:
    from rich.console import RenderableType

_ROWS = (
    ('n_atoms', 'atoms', 1.0),
    ('density', 'density / g/cm³', 1.0),
    ('free_fraction', 'outside all atoms / %', 100.0),
    ('occupiable_fraction', 'room for the probe / %', 100.0),
    ('largest_sphere_diameter', 'largest sphere / Å', 1.0),
    ('mean_pore_diameter', 'mean pore size / Å', 1.0),
    ('surface_per_mass', 'surface / m²/g', 1.0),
)
"""Numbers of each state: key, name with its unit, factor."""
_TITLES = {'dense': 'without pores', 'carved': 'as cut', 'relaxed': 'relaxed'}
_MOST_PORES = 12


def porous_summary(node: Any) -> dict[str, Any]:
    """Everything that a porous glass gave, as plain numbers.

    :param node: the PorousGlassWorkChain, ended or not.
    """
    inputs, outputs = node.inputs, node.outputs
    settings = inputs.settings.get_dict()
    potential = inputs.md.md.potential
    return {
        **parts.process_facts(node),
        'glass': inputs.glass.pk,
        'protocol': settings.get('protocol', 'custom'),
        'pores': settings['pores'],
        'seed': inputs.seed.value,
        'potential': {'pk': potential.pk, 'name': potential.base.attributes.get('name', None)},
        'results': outputs.results.get_dict() if 'results' in outputs else {},
        'outputs': parts.outputs_of(node),
    }


def porous_tables(content: Mapping[str, Any], replicas: bool = False) -> list[RenderableType]:
    """Tables of a porous glass.

    :param content: what :func:`porous_summary` gave.
    :param replicas: every pore, where there are many.
    """
    results = content['results']
    shown: list[RenderableType] = [parts.heading(content), parts.facts_table(_facts(content))]
    if results.get('states'):
        shown += [parts.blank(), _states_table(results['states'])]
    closed = results.get('closed')
    if closed:
        shown += [parts.blank(), _pores_table(closed, None if replicas else _MOST_PORES)]
        shown += parts.warning_lines([closed['reason']], *(('✗', 'red') if closed['closed'] else ('✓', 'green')))
    shown += parts.warning_lines(results.get('warnings', []))
    if content['outputs']:
        outputs = ', '.join(f'{name} {pk}' for name, pk in content['outputs'].items())
        shown += [parts.blank(), parts.facts_table([('outputs (pk)', outputs)])]
    return [*shown, _next(content)]


def _facts(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    results = content['results']
    yield 'glass', f'pk {content["glass"]}'
    yield 'potential', f'{content["potential"]["name"]} (pk {content["potential"]["pk"]})'
    yield 'protocol', f'{content["protocol"]}; seed {content["seed"]}'
    carving = results.get('carving')
    if not carving:
        return
    shapes = [shape_from_dict(entry) for entry in results['pores']]
    yield 'pores', f'{pores_in_words(shapes)}; porosity as cut {results["porosity"]:.4f}'
    after = carving['counts_after']
    gone = {element: n - after.get(element, 0) for element, n in carving['counts_before'].items()}
    yield 'taken out', f'{in_words({element: n for element, n in gone.items() if n})}; {chosen_in_words(carving)}'
    yield 'left', f'{in_words(after)}; {kept_in_words(carving)}'
    density = results.get('density') or {}
    if density.get('mean') is not None:
        yield 'density', f'{with_error(density["mean"], density["standard_error"])} g/cm³, mean over the last stage'


def _states_table(states: Mapping[str, Any]) -> RenderableType:
    present = [name for name in _TITLES if name in states]
    rows = [
        [title, *(f'{factor * states[name][key]:.4g}' if key in states[name] else '–' for name in present)]
        for key, title, factor in _ROWS
    ]
    return parts.numbers_table('', ['', *(_TITLES[name] for name in present)], rows)


def _pores_table(closed: Mapping[str, Any], most: int | None) -> RenderableType:
    """Largest sphere in each pore before and after."""
    pores = closed['pores'][:most]
    rows = [
        [
            str(number),
            f'{pore["carved"]:.2f}',
            f'{pore["relaxed"]:.2f}',
            '–' if pore['kept'] is None else f'{100 * max(pore["kept"], 0):.0f}',
            'closed' if pore['closed'] else 'open',
        ]
        for number, pore in enumerate(pores, 1)
    ]
    left = len(closed['pores']) - len(pores)
    more = f', the first {len(pores)} (all: --replicas)' if left else ''
    title = f'Largest sphere in each pore{more}; the glass itself has holes of {closed["dense"]:.2f} Å'
    return parts.numbers_table(title, ['pore', 'as cut / Å', 'relaxed / Å', 'kept / %', '<'], rows)


def _next(content: Mapping[str, Any]) -> RenderableType:
    pk = content['pk']
    if content['state'] in ('created', 'running', 'waiting'):
        return parts.next_line(f'glassion watch {pk}')
    if 'glass' not in content['outputs']:
        return parts.next_line(f'verdi process report {pk}')
    return parts.next_line(f'glassion report {pk} report', f'glassion launch elastic {content["glass"]} {pk}')

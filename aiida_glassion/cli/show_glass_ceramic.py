"""``glassion show`` of a glass-ceramic: how much crystal it has, what became of it, and how wide the interface is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from aiida_glassion.cli import show_parts as parts
from aiida_glassion.cli.launch_glass_ceramic_text import grains_in_words, match_in_words, removed_in_words
from aiida_glassion.cli.values import with_error

if TYPE_CHECKING:
    from rich.console import RenderableType

_WORKING = ('created', 'running', 'waiting')
_PROFILES = {'disorder': 'F', 'order': 'local order', 'mass_density': 'density / g/cm³'}


def ceramic_summary(node: Any) -> dict[str, Any]:
    """Everything that a glass-ceramic gave, as plain numbers.

    :param node: the GlassCeramicWorkChain, ended or not.
    """
    outputs, inputs = node.outputs, node.inputs
    potential = inputs.md.md.potential
    return {
        **parts.process_facts(node),
        'settings': inputs.settings.get_dict(),
        'seed': inputs.seed.value,
        'glass': inputs.glass.pk,
        'crystal': inputs.crystal.pk,
        'potential': {'pk': potential.pk, 'name': potential.base.attributes.get('name', None)},
        'results': outputs.results.get_dict() if 'results' in outputs else {},
        'outputs': parts.outputs_of(node),
    }


def ceramic_tables(content: Mapping[str, Any], replicas: bool = False) -> list[RenderableType]:
    """Tables of a glass-ceramic.

    :param content: what :func:`ceramic_summary` gave.
    """
    results = content['results']
    shown: list[RenderableType] = [parts.heading(content), parts.facts_table(_facts(content))]
    if results:
        shown += [
            parts.blank(),
            _grains(results),
            parts.blank(),
            _interfaces(results),
            parts.blank(),
            _regions(results),
        ]
        shown += [parts.blank(), *parts.warning_lines(results['warnings'])] if results['warnings'] else []
    return [*shown, *_next(content)]


def _facts(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    results, settings = content['results'], content['settings']
    yield 'glass, crystal', f'pk {content["glass"]}, pk {content["crystal"]}'
    yield 'potential', f'{content["potential"]["name"]} (pk {content["potential"]["pk"]})'
    hot = f'glass at {settings["hot_temperature"]:g} K around the frozen crystal'
    yield 'protocol', f'{settings.get("protocol", "custom")}; {hot}; seed {content["seed"]}'
    if not results:
        return
    counts = ', '.join(f'{number} {element}' for element, number in results['counts'].items())
    yield 'atoms', f'{sum(results["counts"].values())}: {counts}; {grains_in_words(results["grains"])}'
    if results['match']:
        yield 'fit', match_in_words(results['match'])
    yield 'removed', removed_in_words(results)
    fraction = results['fraction']
    told = {
        'wanted': fraction['wanted'],
        'built': fraction['built'],
        'after healing, by its order': fraction['healed'],
    }
    yield 'crystal', ', '.join(f'{_percent(value)} {words}' for words, value in told.items()) + ' (of the volume)'
    density = results['density']
    yield 'density', f'{density["built"]:.3f} as built, {with_error(density["healed"])} after healing (g/cm³)'


def _percent(value: float | None) -> str:
    return '–' if value is None else f'{100 * value:.1f} %'


def _grains(results: Mapping[str, Any]) -> RenderableType:
    head = ['grain', 'atoms', 'order built', 'now', 'glass', 'kept', 'in place', 'moved / Å', 'drift / Å', '<verdict']
    glass = results['order_of_glass']['healed']
    rows = []
    for number, grain in enumerate(results['grains']):
        verdict = 'not healed' if 'lost' not in grain else 'lost' if grain['lost'] else 'kept'
        rows.append(
            [
                str(number),
                str(grain['n_atoms']),
                *(_plain(value) for value in (grain.get('order_built'), grain.get('order_healed'), glass)),
                *(_percent(grain.get(name)) for name in ('kept', 'in_place')),
                *(_plain(grain.get(name)) for name in ('displacement', 'drift')),
                verdict,
            ]
        )
    return parts.numbers_table('Grains', head, rows)


def _plain(value: float | None) -> str:
    return '–' if value is None else f'{value:.2f}'


def _interfaces(results: Mapping[str, Any]) -> RenderableType:
    head = ['by', 'width / Å', 'middle / Å', 'crystal', 'glass', '<']
    rows = []
    for name, found in results['interface'].items():
        label = _PROFILES.get(name, name.replace('share_', 'share of '))
        width = with_error(found['width'], found['error'])
        numbers = [_plain(found[key]) for key in ('position', 'inner', 'outer')]
        words = 'or less: narrower than the bins' if found['at_most'] else found['reason']
        rows.append([label, width, *numbers, words])
    return parts.numbers_table('Interface, from a tenth to nine tenths of the step', head, rows)


def _regions(results: Mapping[str, Any]) -> RenderableType:
    names = {'by_place': 'by place', 'by_order_built': 'by order, as built', 'by_order_healed': 'by order, healed'}
    regions = {key: found for key, found in results['regions'].items() if found}
    rows = [
        [names[key], *(str(found[name]) for name in ('glass', 'interface', 'crystal'))]
        for key, found in regions.items()
    ]
    return parts.numbers_table('Atoms by label', ['', 'glass', 'interface', 'crystal'], rows)


def _next(content: Mapping[str, Any]) -> Iterator[RenderableType]:
    pk = content['pk']
    if content['state'] in _WORKING:
        yield parts.next_line(f'glassion watch {pk}')
        return
    if not content['results']:
        yield parts.next_line(f'verdi process report {pk}')
        return
    more = [f'glassion launch elastic {pk} --dry-run'] if content['exit_status'] == 0 else []
    yield parts.next_line(f'glassion report {pk} results', *more, f'glassion archive {pk} ceramic.aiida')

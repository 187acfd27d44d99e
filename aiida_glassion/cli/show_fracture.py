"""``glassion show`` of a study of fracture, and of one of its pulls: what came out, as plain numbers and as tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from aiida_glassion.cli import show_parts as parts
from aiida_glassion.cli.values import mean_of, with_error

if TYPE_CHECKING:
    from rich.console import RenderableType

_WORKING = ('created', 'running', 'waiting')
_KINDS = {'tension': 'tension', 'notched': 'with a notch'}


def fracture_summary(node: Any) -> dict[str, Any]:
    """Everything that a study gave, as plain numbers.

    :param node: the FractureWorkChain, ended or not.
    """
    outputs, potential = node.outputs, node.inputs.md.md.potential
    return {
        **parts.process_facts(node),
        'settings': node.inputs.settings.get_dict(),
        'glasses': {label: glass.pk for label, glass in sorted(node.inputs.glasses.items())},
        'seed': node.inputs.seed.value,
        'given': {name: node.inputs[name].value for name in ('young', 'poisson') if name in node.inputs},
        'potential': {'pk': potential.pk, 'name': potential.base.attributes.get('name', None)},
        'results': outputs.results.get_dict() if 'results' in outputs else {},
        'ledger': outputs.ledger.get_dict() if 'ledger' in outputs else {},
        'outputs': parts.outputs_of(node),
    }


def fracture_tables(content: Mapping[str, Any], replicas: bool = False) -> list[RenderableType]:
    """Tables of a study.

    :param content: what :func:`fracture_summary` gave.
    :param replicas: every pull too.
    """
    results = content['results']
    shown: list[RenderableType] = [parts.heading(content), parts.facts_table(_facts(content))]
    pooled = results.get('pooled', [])
    if pooled:
        shown += [parts.blank(), *_pooled_tables(pooled, results.get('plane', 'strain'))]
    if results.get('samples') and (replicas or len(results['samples']) > len(pooled)):
        shown += [parts.blank(), _sample_table(results['samples'])]
    if results:
        shown.append(parts.blank())
    shown += parts.warning_lines(dict.fromkeys(results.get('warnings', [])))
    failed = (f'{name}: {entry["reason"]} (pk {entry["pk"]})' for name, entry in content['ledger'].items())
    shown += parts.warning_lines(failed, '✗', 'red')
    return [*shown, _next(content)]


def _facts(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    settings = content['settings']
    yield 'glasses (pk)', ', '.join(f'{label} ({pk})' for label, pk in content['glasses'].items())
    yield 'potential', f'{content["potential"]["name"]} (pk {content["potential"]["pk"]})'
    how = f'steps of {100 * settings["step"]:g} %' if settings['mode'] == 'steps' else 'at constant rates'
    sides = f'sides free at {settings["pressure"]:g} GPa' if settings['lateral'] == 'free' else 'sides fixed'
    about = f'{settings.get("protocol", "custom")}; {how}, {sides}, {settings["temperature"]:g} K; seed'
    yield 'protocol', f'{about} {content["seed"]}'
    given = content.get('given') or {}
    if given:
        yield 'given', ', '.join(f'{"E" if name == "young" else "ν"} {value:g}' for name, value in given.items())


def _pooled_tables(pooled: list[Mapping[str, Any]], plane: str) -> Iterator[RenderableType]:
    """What samples of one kind, rate and size say together."""
    head = [
        'pulls', 'size', 'rate\n1/s', 'n', 'broken', 'E\nGPa', 'ν', 'strength\nGPa', 'at\nstrain',
        'failure\nstrain', 'toughness\nMJ/m³', 'work\nJ/m²',
    ]  # fmt: skip
    rows = [
        [
            *_whose(group),
            f'{group["n_broken"]}',
            *(mean_of(group[name]) for name in ('young', 'poisson', 'strength', 'strength_strain', 'failure_strain')),
            mean_of(group['toughness'], 1e-6),
            mean_of(group['work']),
        ]
        for group in pooled
    ]
    yield parts.numbers_table('Means and standard errors', head, rows)
    cracked = [group for group in pooled if group['G_c'] is not None or group['surface_energy'] is not None]
    if not cracked:
        return
    head = ['pulls', 'size', 'rate\n1/s', 'n', 'G_c\nJ/m²', f'K_Ic (plane {plane})\nMPa·m^0.5', 'γ_s\nJ/m²', 'B']
    rows = [
        [*_whose(group), *(mean_of(group[name]) for name in ('G_c', 'K_Ic', 'surface_energy', 'brittleness'))]
        for group in cracked
    ]
    yield parts.blank()
    yield parts.numbers_table('Fracture', head, rows)


def _whose(group: Mapping[str, Any]) -> list[str]:
    from aiida_glassion import units

    rate = 'steps' if group['rate'] is None else f'{group["rate"] * units.PER_PS_TO_PER_S:.0e}'
    return [_KINDS[group['kind']], 'x'.join(map(str, group['size'])), rate, str(group['n'])]


def _sample_table(samples: Mapping[str, Mapping[str, Any]]) -> RenderableType:
    rows = []
    for label, record in samples.items():
        tension = record['tension'] or {}
        rows.append(
            [
                label,
                str(record['n_atoms']),
                _number(record['young']),
                with_error(tension.get('strength')),
                with_error(tension.get('failure_strain')),
                with_error(tension.get('work')),
                _number(record['G_c']),
                _number(record['K_Ic']),
                with_error(record['surface_energy']),
                record['reason'],
            ]
        )
    head = [
        '', 'atoms', 'E\nGPa', 'strength\nGPa', 'failure\nstrain', 'work\nJ/m²', 'G_c\nJ/m²', 'K_Ic\nMPa·m^0.5',
        'γ_s\nJ/m²', '<ended',
    ]  # fmt: skip
    return parts.numbers_table('Pulls', head, rows)


def _number(entry: Mapping[str, Any] | None) -> str:
    return '–' if entry is None else with_error(entry['value'], entry['error'])


def _next(content: Mapping[str, Any]) -> RenderableType:
    pk = content['pk']
    if content['state'] in _WORKING:
        return parts.next_line(f'glassion watch {pk}')
    if not content['results']:
        return parts.next_line(f'verdi process report {pk}')
    return parts.next_line(
        f'glassion report {pk} results', f'glassion show {pk} --replicas', f'glassion archive {pk} fracture.aiida'
    )


def pull_summary(node: Any) -> dict[str, Any]:
    """Everything that one pull gave, as plain numbers.

    :param node: the FracturePullWorkChain, ended or not.
    """
    outputs = node.outputs
    return {
        **parts.process_facts(node),
        'axis': node.inputs.axis.value,
        'seed': node.inputs.seed.value,
        'settings': node.inputs.settings.get_dict(),
        'notch': outputs.notch.get_dict() if 'notch' in outputs else {},
        'results': outputs.results.get_dict() if 'results' in outputs else {},
        'outputs': parts.outputs_of(node),
    }


def pull_tables(content: Mapping[str, Any], replicas: bool = False) -> list[RenderableType]:
    """Tables of one pull.

    :param content: what :func:`pull_summary` gave.
    """
    shown: list[RenderableType] = [parts.heading(content), parts.facts_table(_pull_facts(content))]
    shown += parts.warning_lines(content['results'].get('warnings', []))
    if content['state'] in _WORKING:
        return [*shown, parts.next_line(f'glassion watch {content["pk"]}')]
    snapshots = content['outputs'].get('snapshots')
    more = [f'glassion show {snapshots}'] if snapshots else []
    return [*shown, parts.next_line(*more, f'verdi process report {content["pk"]}')]


def _pull_facts(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    settings, results, notch = content['settings'], content['results'], content['notch']
    rate = f'{settings["rate"]:g} 1/ps' if settings['rate'] else f'steps of {100 * settings["step"]:g} %'
    yield 'pull', f'{_KINDS[settings["kind"]]} along {content["axis"]}, {rate}; seed {content["seed"]}'
    if notch:
        shape = notch['notch']
        size = f'{shape["length"]:.1f} × {shape["opening"]:.1f} Å'
        yield (
            'notch',
            f'{size}, {notch["n_removed"]} atoms removed; {notch["crack_area"] / notch["area"]:.1%} of the area',
        )
    if not results:
        return
    lengths = ' × '.join(f'{length:.2f}' for length in results['lengths'])
    yield 'sample', f'{results["n_atoms"]} atoms, {lengths} Å'
    yield 'ended', results['reason']
    yield 'E', f'{_number(results["young"])} GPa, ν {_number(results["poisson"])}'
    tension, fracture = results['tension'], results['fracture']
    if tension:
        at = with_error(tension['strength_strain'])
        yield 'strength', f'{with_error(tension["strength"])} GPa at a strain of {at}'
        yield 'failure', f'at a strain of {with_error(tension["failure_strain"])}'
        yield 'work', f'{with_error(tension["work"])} J/m², {with_error(tension["toughness"], None, 1e-6)} MJ/m³'
    if fracture:
        bound = '' if fracture['complete'] else ', a lower bound'
        yield 'G_c', f'{with_error(fracture["energy"])} J/m²{bound}'
    if results['surface_energy'] is not None:
        yield 'γ_s', f'{with_error(results["surface_energy"])} J/m²'

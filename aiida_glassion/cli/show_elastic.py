"""``glassion show`` of an elastic run, and of one of its samples: moduli side by side, C_ij, and what to be wary of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aiida_glassion.cli import show_parts as parts
from aiida_glassion.cli.values import mean_of, with_error

if TYPE_CHECKING:
    from rich.console import RenderableType

_WORKING = ('created', 'running', 'waiting')


def elastic_summary(node: Any) -> dict[str, Any]:
    """Everything that an elastic run gave, as plain numbers.

    :param node: the ElasticWorkChain, ended or not.
    """
    outputs, potential = node.outputs, node.inputs.md.md.potential
    return {
        **parts.process_facts(node),
        'settings': node.inputs.settings.get_dict(),
        'temperatures': node.inputs.temperatures.get_list(),
        'glasses': {label: glass.pk for label, glass in sorted(node.inputs.glasses.items())},
        'seed': node.inputs.seed.value,
        'potential': {'pk': potential.pk, 'name': potential.base.attributes.get('name', None)},
        'results': outputs.results.get_dict() if 'results' in outputs else {},
        'ledger': outputs.ledger.get_dict() if 'ledger' in outputs else {},
        'outputs': parts.outputs_of(node),
    }


def elastic_tables(content: Mapping[str, Any], replicas: bool = False) -> list[RenderableType]:
    """Tables of an elastic run.

    :param content: what :func:`elastic_summary` gave.
    :param replicas: every sample and its elastic constants too.
    """
    shown: list[RenderableType] = [parts.heading(content), parts.facts_table(_facts(content))]
    results = content['results']
    groups = [one for group in results.get('groups', {}).values() for one in group.values()]
    if groups:
        shown += [parts.blank(), moduli_table(groups)]
        tensors = [one for one in groups if one['stiffness']]
        if tensors:
            shown += [parts.blank(), isotropy_table(tensors)]
    if replicas:
        shown += [parts.blank(), sample_table(results.get('samples', {}))]
        for one in groups:
            if one['stiffness']:
                shown += [parts.blank(), constants_table(one['stiffness'], f'C of {_name(one)}')]
    if groups:
        shown.append(parts.blank())
    shown += parts.warning_lines(dict.fromkeys(results.get('warnings', [])))
    failed = (f'{name}: {entry["reason"]} (pk {entry["pk"]})' for name, entry in content['ledger'].items())
    shown += parts.warning_lines(failed, '✗', 'red')
    return [*shown, *_next(content)]


def _facts(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    settings = content['settings']
    yield 'glasses (pk)', ', '.join(f'{label} ({pk})' for label, pk in content['glasses'].items())
    yield 'potential', f'{content["potential"]["name"]} (pk {content["potential"]["pk"]})'
    wanted = []
    if 'bulk' in settings['methods']:
        wanted.append(f'K from p(V), ±{_percent(settings["volume_strains"])} of the volume')
    if 'stiffness' in settings['methods']:
        wanted.append(f'C from strains of ±{_percent(settings["strains"])}')
    yield 'protocol', f'{settings.get("protocol", "custom")}; {"; ".join(wanted)}; seed {content["seed"]}'
    if any(value == 0 for value in content['temperatures']):
        yield '0 K', 'atoms are relaxed at each strain'
    if any(value > 0 for value in content['temperatures']):
        yield 'at T', f'stresses are means over {settings["sample"]:g} ps, the cell fixed (isothermal)'


def _percent(sizes: Sequence[float]) -> str:
    return ', ±'.join(f'{100 * size:g} %' for size in sizes)


def _name(one: Mapping[str, Any]) -> str:
    return f'{one["group"]} at {one["temperature"]:g} K'


def moduli_table(groups: Sequence[Mapping[str, Any]]) -> RenderableType:
    """K, G, E and ν of every group at every temperature, side by side.

    :param groups: entries of ``groups`` of the results.
    """
    columns = ['', 'T / K', 'n', 'g/cm³', 'K from p(V)\nGPa', 'K\nGPa', 'G\nGPa', 'E\nGPa', 'ν', 'p\nGPa']
    rows = []
    for one in sorted(groups, key=lambda one: (one['temperature'], one['group'])):
        moduli = one['moduli'] or {}
        rows.append(
            [
                one['group'],
                f'{one["temperature"]:g}',
                str(one['n']),
                mean_of(one['density']),
                mean_of(one['bulk']),
                *(mean_of(moduli.get(name)) for name in ('bulk', 'shear', 'young', 'poisson')),
                mean_of(one['pressure']),
            ]
        )
    return parts.numbers_table('Moduli (of C: Hill); p: what pressure was left at no strain', columns, rows)


def isotropy_table(groups: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Bounds, isotropy and stability of every group that has elastic constants."""
    columns = [
        '', 'T / K', 'K Reuss … Voigt\nGPa', 'G Reuss … Voigt\nGPa', 'not isotropic\n%', 'Aᵁ', 'χ²', 'lowest of C\nGPa',
        'C_ij − C_ji\nGPa',
    ]  # fmt: skip
    rows = []
    for one in sorted(groups, key=lambda one: (one['temperature'], one['group'])):
        tensor, moduli = one['stiffness'], one['moduli'] or {}
        judged = tensor['isotropy']
        rows.append(
            [
                one['group'],
                f'{one["temperature"]:g}',
                *(_between(moduli.get(f'{name}_reuss'), moduli.get(f'{name}_voigt')) for name in ('bulk', 'shear')),
                f'{100 * judged["deviation"]:.2g}',
                with_error(judged['universal']) if judged['universal'] is not None else '–',
                '–' if judged['chi2'] is None else f'{judged["chi2"]:.2g}',
                f'{tensor["lowest_stiffness"]:.3g}' + ('' if tensor['stable'] else ' ✗'),
                f'{2 * tensor["asymmetry"]:.2g}',
            ]
        )
    return parts.numbers_table('Isotropy and stability', columns, rows)


def _between(low: Mapping[str, Any] | None, high: Mapping[str, Any] | None) -> str:
    return '–' if low is None or high is None else f'{low["mean"]:.4g} … {high["mean"]:.4g}'


def constants_table(tensor: Mapping[str, Any], title: str) -> RenderableType:
    """C in GPa, its upper half, with errors where they are known."""
    order, errors = tensor['order'], tensor['errors']
    rows = []
    for i, name in enumerate(order):
        cells = [
            '' if j < i else with_error(tensor['constants'][i][j], None if errors is None else errors[i][j])
            for j in range(6)
        ]
        rows.append([name, *cells])
    return parts.numbers_table(f'{title} / GPa', ['', *order], rows)


def sample_table(samples: Mapping[str, Mapping[str, Any]]) -> RenderableType:
    """Every sample."""
    columns = [
        '', 'atoms', 'g/cm³', 'K from p(V)\nGPa', 'K\nGPa', 'G\nGPa', 'E\nGPa', 'ν', 'largest stress left\nGPa',
        'came back to\nGPa',
    ]  # fmt: skip
    rows = []
    for label, one in samples.items():
        moduli = (one.get('stiffness') or {}).get('moduli') or {}
        left = max((abs(value) for value in one.get('residual_stress') or ()), default=None)
        rows.append(
            [
                label,
                str(one.get('n_atoms', '–')),
                mean_of(one.get('density')),
                mean_of((one.get('bulk') or {}).get('modulus')),
                *(mean_of(moduli.get(name)) for name in ('bulk', 'shear', 'young', 'poisson')),
                '–' if left is None else f'{left:.2g}',
                _came_back(one),
            ]
        )
    return parts.numbers_table('Samples', columns, rows)


def _came_back(one: Mapping[str, Any]) -> str:
    """By how much the stress at no strain differs from what it was before."""
    returns = one.get('returns') or ()
    if not returns:
        return '–'
    return f'± {max(each["stress"] for each in returns):.2g}' + ('' if one['reversible'] else ' ✗')


def _next(content: Mapping[str, Any]) -> Iterator[RenderableType]:
    pk = content['pk']
    if content['state'] in _WORKING:
        yield parts.next_line(f'glassion watch {pk}')
    elif not content['results']:
        yield parts.next_line(f'verdi process report {pk}')
    else:
        yield parts.next_line(
            f'glassion report {pk} results', f'glassion show {pk} --replicas', f'glassion archive {pk} elastic.aiida'
        )


def sample_summary(node: Any) -> dict[str, Any]:
    """Everything that one sample gave, as plain numbers.

    :param node: the ElasticSampleWorkChain, ended or not.
    """
    outputs = node.outputs
    return {
        **parts.process_facts(node),
        'temperature': node.inputs.temperature.value,
        'seed': node.inputs.seed.value,
        'settings': node.inputs.settings.get_dict(),
        'results': outputs.results.get_dict() if 'results' in outputs else {},
        'outputs': parts.outputs_of(node),
    }


def sample_tables(content: Mapping[str, Any], replicas: bool = False) -> list[RenderableType]:
    """Tables of one sample.

    :param content: what :func:`sample_summary` gave.
    """
    results = content['results']
    facts = [('temperature', f'{content["temperature"]:g} K; seed {content["seed"]}')]
    shown: list[RenderableType] = [parts.heading(content), parts.facts_table(facts)]
    if results:
        shown += [parts.blank(), sample_table({content['label'] or 'sample': results})]
        if results['stiffness']:
            shown += [parts.blank(), constants_table(results['stiffness'], 'C')]
        shown += parts.warning_lines(results['warnings'])
    if content['state'] in _WORKING:
        return [*shown, parts.next_line(f'glassion watch {content["pk"]}')]
    relaxed = content['outputs'].get('relaxed')
    more = [f'glassion show {relaxed}'] if relaxed else []
    return [*shown, parts.next_line(*more, f'glassion report {content["pk"]} results')]

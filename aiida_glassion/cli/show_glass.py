"""``glassion show`` of a melt-quench: the glass in numbers, with standard errors over the replicas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from aiida_glassion.cli import show_parts as parts
from aiida_glassion.cli.values import mean_of, plain, with_error

if TYPE_CHECKING:
    from rich.console import RenderableType

_LEAST_SHARE = 5e-4
"""Coordination numbers and Qn that are rarer than this are not listed."""


def glass_summary(node: Any) -> dict[str, Any]:
    """Everything that a melt-quench gave, as plain numbers.

    :param node: the MeltQuenchWorkChain, ended or not.
    """
    outputs = node.outputs
    settings = node.inputs.settings.get_dict()
    pks = parts.outputs_of(node)
    return {
        **parts.process_facts(node),
        'composition': outputs.composition_report.get_dict() if 'composition_report' in outputs else None,
        'protocol': settings['protocol'],
        'rates': settings['rates'],
        'n_replicas': settings['replicas'],
        'seed': node.inputs.seed.value,
        'potential': _potential(node),
        'melts': _melts(node),
        'structure': _dicts(outputs, 'structure'),
        'replicas': _dicts(outputs, 'replicas'),
        'ledger': outputs.ledger.get_dict() if 'ledger' in outputs else {},
        'glasses': {name.partition('.')[2]: pk for name, pk in pks.items() if name.startswith('glass.')},
        'curves': {name.partition('.')[2]: pk for name, pk in pks.items() if name.startswith('curves.')},
    }


def _dicts(outputs: Any, namespace: str) -> dict[str, Any]:
    if namespace not in outputs:
        return {}
    space = outputs[namespace]
    return {name: space[name].get_dict() for name in sorted(space)}


def _potential(node: Any) -> dict[str, Any]:
    potential = node.inputs.md.md.potential
    attributes = potential.base.attributes.all
    return {'pk': potential.pk, **{key: attributes.get(key) for key in ('name', 'citation')}}


def _melts(node: Any) -> dict[str, Any]:
    """Verdict on the melt of each replica that came so far."""
    from aiida.common.links import LinkType

    links = node.base.links.get_outgoing(link_type=LinkType.CALL_WORK).all()
    return {
        link.link_label: link.node.outputs.melt.get_dict()
        for link in sorted(links, key=lambda link: link.link_label)
        if 'melt' in link.node.outputs
    }


def glass_tables(content: Mapping[str, Any], replicas: bool = False) -> list[RenderableType]:
    """Tables of a melt-quench.

    :param content: what :func:`glass_summary` gave.
    :param replicas: the numbers of every replica too.
    """
    shown: list[RenderableType] = [parts.heading(content), parts.facts_table(_facts(content))]
    if content['melts']:
        shown += [parts.blank(), _melt_table(content['melts'])]
    for name, structure in content['structure'].items():
        shown += [parts.blank(), *_structure_tables(_rate_title(name), structure)]
    if replicas and content['replicas']:
        shown += [parts.blank(), _replica_table(content['replicas'])]
    shown += parts.warning_lines(_warnings(content))
    failed = (f'{name}: {entry["reason"]} (pk {entry["pk"]})' for name, entry in content['ledger'].items())
    shown += parts.warning_lines(failed, '✗', 'red')
    if content['glasses']:
        glasses = ', '.join(f'{name.removeprefix("replica_")}: {pk}' for name, pk in content['glasses'].items())
        shown += [parts.blank(), parts.facts_table([('glasses (pk)', glasses)])]
    return [*shown, _next(content)]


def _next(content: Mapping[str, Any]) -> RenderableType:
    pk = content['pk']
    if content['state'] in ('created', 'running', 'waiting'):
        return parts.next_line(f'glassion watch {pk}')
    return parts.next_line(f'glassion archive {pk} glass.aiida', f'glassion show {pk} --replicas')


def _facts(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    report = content['composition']
    if report:
        atoms = ', '.join(f'{number} {element}' for element, number in report['counts'].items())
        deviation = max(abs(value) for value in report['deviations'].values())
        yield 'composition', str(report['composition'])
        yield 'atoms', f'{report["n_atoms"]}: {atoms}; off by at most {100 * deviation:.2g} at. %'
        yield 'packed at', f'{report["density"]:.3f} g/cm³, {report["density_from"]}'
    potential = content['potential']
    yield 'potential', f'{potential["name"]} (pk {potential["pk"]})'
    rates = ', '.join(f'{rate:g}' for rate in content['rates'])
    yield 'protocol', f'{content["protocol"]}; {content["n_replicas"]} replicas, {rates} K/ps, seed {content["seed"]}'


def _rate_title(name: str) -> str:
    return f'Glass quenched at {name.removeprefix("rate_").replace("p", ".")} K/ps'


def _melt_table(melts: Mapping[str, Any]) -> RenderableType:
    """The three tests of each melt: value and threshold."""
    names = list(dict.fromkeys(test for verdict in melts.values() for test in verdict.get('tests', {})))
    rows = []
    for replica, verdict in melts.items():
        tests = verdict.get('tests', {})
        cells = [_test(tests[name]) if name in tests else '–' for name in names]
        rows.append([replica, *cells, 'yes' if verdict['is_melt'] else f'no: {verdict["reason"]}'])
    return parts.numbers_table('Is it a melt?', ['', *(n.replace('_', ' ') for n in names), 'melt'], rows)


def _test(test: Mapping[str, Any]) -> str:
    mark = '✓' if test.get('passed') else '✗'
    value, threshold = plain(test.get('value')), plain(test.get('threshold'))
    unit = '' if test.get('unit') in (None, '', '1') else f' {test["unit"]}'
    limit = '' if threshold is None else f' (limit {threshold:.3g})'
    return f'{mark} {with_error(value)}{unit}{limit}'


def _structure_tables(title: str, structure: Mapping[str, Any]) -> Iterator[RenderableType]:
    replicas = structure.get('replicas', 1)
    scope = f'mean ± standard error of {replicas} replicas' if replicas > 1 else 'one replica: no error'
    yield parts.numbers_table(f'{title} ({scope})', ['', '', ''], _bulk_rows(structure))
    if structure.get('bond_lengths'):
        yield parts.numbers_table(
            'Bonds', ['pair', 'length / Å', 'cut-off / Å', 'coordination', 'distribution'], _bond_rows(structure)
        )
    if structure.get('angles'):
        rows = [[name, mean_of(a.get('mean')), mean_of(a.get('width'))] for name, a in structure['angles'].items()]
        yield parts.numbers_table('Angles', ['', 'mean / °', 'width / °'], rows)
    network = list(_network_rows(structure.get('network', {})))
    if network:
        yield parts.numbers_table('Network', ['', '', ''], network)


def _bulk_rows(structure: Mapping[str, Any]) -> Iterator[list[str]]:
    for key, name, unit in (
        ('density', 'density', 'g/cm³'),
        ('potential_energy_per_atom', 'potential energy', 'eV/atom'),
        ('temperature', 'temperature', 'K'),
        ('pressure', 'pressure', 'GPa'),
    ):
        if key in structure:
            yield [name, mean_of(structure[key]), unit]
    transition = structure.get('glass_transition', {})
    entry = transition.get('temperature')
    if entry is not None:
        over = f', from {entry["n"]} of {structure.get("replicas")}' if _fewer(entry, structure) else ''
        yield ['T_g', mean_of(entry), f'K{over}']
    elif 'glass_transition' in structure:
        yield ['T_g', '–', 'not found']


def _fewer(entry: Any, structure: Mapping[str, Any]) -> bool:
    return isinstance(entry, Mapping) and entry.get('n') != structure.get('replicas', entry.get('n'))


def _bond_rows(structure: Mapping[str, Any]) -> Iterator[list[str]]:
    coordination = structure.get('coordination', {})
    pairs = list(dict.fromkeys([*structure['bond_lengths'], *coordination]))
    for pair in pairs:
        entry = coordination.get(pair, {})
        length, cutoff = structure['bond_lengths'].get(pair), structure.get('cutoffs', {}).get(pair)
        yield [
            pair,
            '' if length is None else mean_of(length),
            '' if cutoff is None else mean_of(cutoff),
            mean_of(entry.get('mean')) if entry else '',
            _shares(entry.get('distribution', {})),
        ]


def _shares(distribution: Mapping[str, Any]) -> str:
    """Shares in percent of what is there at all: `3: 2.1 %, 4: 97.9 %`."""
    shares = {name: plain(share) or 0.0 for name, share in distribution.items()}
    return ', '.join(f'{name}: {100 * share:.1f} %' for name, share in shares.items() if share >= _LEAST_SHARE)


def _network_rows(network: Mapping[str, Any]) -> Iterator[list[str]]:
    names = {'bridging': 'bridging', 'non_bridging': 'non-bridging', 'free': 'free', 'tricluster': 'tricluster'}
    for former, classes in network.get('qn', {}).items():
        for name, share in classes.items():
            if (plain(share) or 0.0) >= _LEAST_SHARE:
                yield [f'{former} {name}', mean_of(share, 100), '%']
        if former in network.get('connectivity', {}):
            yield [f'{former} connectivity', mean_of(network['connectivity'][former]), 'bridges per atom']
    for anion, kinds in network.get('anions', {}).items():
        for kind, name in names.items():
            if kind in kinds and (plain(kinds[kind]) or 0.0) >= _LEAST_SHARE:
                yield [f'{name} {anion}', mean_of(kinds[kind], 100), '%']


def _replica_table(replicas: Mapping[str, Any]) -> RenderableType:
    """The numbers of every replica, with the error from its own time series where there is one."""
    rows = []
    for name, numbers in replicas.items():
        energy = numbers.get('potential_energy_per_atom')
        rows.append(
            [
                name.removeprefix('replica_').replace('_rate_', ', ').replace('p', '.'),
                with_error(numbers.get('density'), numbers.get('density_error')),
                with_error(energy, numbers.get('potential_energy_per_atom_error')),
                mean_of(numbers.get('network', {}).get('mean_connectivity')),
                with_error(*(numbers.get('glass_transition', {}).get(key) for key in ('temperature', 'error'))),
                '; '.join(f'{pair} {mean_of(entry["mean"])}' for pair, entry in numbers['coordination'].items()),
            ]
        )
    columns = ['replica, K/ps', 'density / g/cm³', 'energy / eV/atom', 'connectivity', 'T_g / K', 'coordination']
    return parts.numbers_table('Replicas', columns, rows)


def _warnings(content: Mapping[str, Any]) -> Iterator[str]:
    """Every warning once, with those of whom it is true."""
    who: dict[str, list[str]] = {}
    for rate, structure in content['structure'].items():
        for replica, warnings in structure.get('warnings', {}).items():
            for warning in warnings:
                name = f'{replica.removeprefix("replica_")} at {rate.removeprefix("rate_").replace("p", ".")} K/ps'
                who.setdefault(warning, []).append(name)
    for warning, names in who.items():
        yield f'{warning}  (replica {", ".join(names)})'

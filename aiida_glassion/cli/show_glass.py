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
    report = [f'glassion report {pk} report'] if content['structure'] else []
    return parts.next_line(*report, f'glassion show {pk} --replicas', f'glassion archive {pk} glass.aiida')


def _facts(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    report = content['composition']
    if report:
        atoms = ', '.join(f'{number} {element}' for element, number in report['counts'].items())
        deviation = max(abs(value) for value in report['deviations'].values())
        exact = 'exactly as wanted' if deviation < 1e-9 else f'off by at most {100 * deviation:.2g} at. %'
        yield 'composition', str(report['composition'])
        yield 'atoms', f'{report["n_atoms"]}: {atoms}; {exact}'
        yield 'packed at', f'{report["density"]:.3f} g/cm³, {report["density_from"]}'
    potential = content['potential']
    yield 'potential', f'{potential["name"]} (pk {potential["pk"]})'
    rates = ', '.join(f'{rate:g}' for rate in content['rates'])
    yield 'protocol', f'{content["protocol"]}; {content["n_replicas"]} replicas, {rates} K/ps, seed {content["seed"]}'


def _rate_title(name: str) -> str:
    return f'Glass quenched at {name.removeprefix("rate_").replace("p", ".")} K/ps'


def _melt_table(melts: Mapping[str, Any]) -> RenderableType:
    """The three tests of each melt: value and threshold."""
    units = {name: test.get('unit') for verdict in melts.values() for name, test in verdict.get('tests', {}).items()}
    rows = []
    for replica, verdict in melts.items():
        tests = verdict.get('tests', {})
        cells = [_test(tests[name]) if name in tests else '–' for name in units]
        rows.append(
            [replica.removeprefix('replica_'), *cells, 'yes' if verdict['is_melt'] else f'no: {verdict["reason"]}']
        )
    columns = [f'{name.replace("_", " ")}\n{unit}' for name, unit in units.items()]
    return parts.numbers_table('Is it a melt? (in brackets: the limit)', ['', *columns, '<melt'], rows)


def _test(test: Mapping[str, Any]) -> str:
    mark = '✓' if test.get('passed') else '✗'
    value, threshold = plain(test.get('value')), plain(test.get('threshold'))
    limit = '' if threshold is None else f' ({threshold:.3g})'
    return f'{mark} {"–" if value is None else f"{value:.3g}"}{limit}'


def _structure_tables(title: str, structure: Mapping[str, Any]) -> Iterator[RenderableType]:
    replicas = structure.get('replicas', 1)
    scope = f'mean ± standard error of {replicas} replicas' if replicas > 1 else 'one replica: no error'
    yield parts.section(title, scope)
    yield parts.facts_table([*_bulk(structure), *_network(structure.get('network', {}))])
    if structure.get('bond_lengths'):
        columns = ['bond', 'length / Å', 'cut-off / Å', 'coordination', '<distribution / %']
        yield parts.blank()
        yield parts.numbers_table('', columns, _bond_rows(structure))
    if structure.get('angles'):
        rows = [[name, mean_of(a.get('mean')), mean_of(a.get('width'))] for name, a in structure['angles'].items()]
        yield parts.blank()
        yield parts.numbers_table('', ['angle', 'mean / °', 'width / °'], rows)


def _bulk(structure: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, name, unit in (
        ('density', 'density', 'g/cm³'),
        ('potential_energy_per_atom', 'potential energy', 'eV/atom'),
        ('temperature', 'temperature', 'K'),
        ('pressure', 'pressure', 'GPa'),
    ):
        if key in structure:
            yield name, f'{mean_of(structure[key])} {unit}'
    transition = structure.get('glass_transition', {})
    entry = transition.get('temperature')
    if entry is not None:
        over = f', from {entry["n"]} of {structure.get("replicas")}' if _fewer(entry, structure) else ''
        yield 'T_g', f'{mean_of(entry)} K{over}'
    elif 'glass_transition' in structure:
        yield 'T_g', 'not found in the cooling curve'


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
    """Shares in percent of what is there at all: `3: 2.1, 4: 97.9`."""
    shares = {name: plain(share) or 0.0 for name, share in distribution.items()}
    return ', '.join(f'{name}: {100 * share:.1f}' for name, share in shares.items() if share >= _LEAST_SHARE)


def _network(network: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Qn and connectivity of each former, kinds of each anion; shares in percent."""
    for former, classes in network.get('qn', {}).items():
        shares = [f'{name} {mean_of(share, 100)} %' for name, share in classes.items() if _is_there(share)]
        yield f'Qn of {former}', ', '.join(shares)
        if former in network.get('connectivity', {}):
            yield '', f'connectivity {mean_of(network["connectivity"][former])}'
    for anion, kinds in network.get('anions', {}).items():
        shares = [f'{kind.replace("_", "-")} {mean_of(s, 100)} %' for kind, s in kinds.items() if _is_there(s)]
        yield anion, ', '.join(shares)


def _is_there(share: Any) -> bool:
    return (plain(share) or 0.0) >= _LEAST_SHARE


def _replica_table(replicas: Mapping[str, Any]) -> RenderableType:
    """The numbers of every replica, with the error from its own time series where there is one."""
    rows = []
    for name, numbers in replicas.items():
        energy = numbers.get('potential_energy_per_atom')
        connectivity = plain(numbers.get('network', {}).get('mean_connectivity'))
        rows.append(
            [
                name.removeprefix('replica_').replace('_rate_', ' @').replace('p', '.'),
                with_error(numbers.get('density'), numbers.get('density_error')),
                with_error(energy, numbers.get('potential_energy_per_atom_error')),
                with_error(*(numbers.get('glass_transition', {}).get(key) for key in ('temperature', 'error'))),
                '–' if connectivity is None else f'{connectivity:.3f}',
                ', '.join(f'{pair} {plain(entry["mean"]):.2f}' for pair, entry in numbers['coordination'].items()),
            ]
        )
    columns = ['', 'density / g/cm³', 'energy / eV/atom', 'T_g / K', 'connect.', '<coordination']
    return parts.numbers_table('Replicas (number @K/ps)', columns, rows)


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

"""``glassion show`` of initial data: what was made of each crystal and mixture, what was left out, what failed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from aiida_glassion.cli import show_parts as parts

if TYPE_CHECKING:
    from rich.console import RenderableType

_TOO_CLOSE = re.compile(r'(?P<pair>\S+) (?P<distance>[\d.]+) Å, nearer than (?P<limit>[\d.]+) Å')


def initial_data_summary(node: Any) -> dict[str, Any]:
    """Everything that was made, as plain numbers.

    :param node: the InitialDataWorkChain, ended or not.
    """
    report = node.outputs.report.get_dict() if 'report' in node.outputs else {}
    pks = parts.outputs_of(node)
    return {
        **parts.process_facts(node),
        'settings': node.inputs.settings.get_dict(),
        'seed': node.inputs.seed.value,
        'structures': report.get('structures', {}),
        'failed': report.get('failed', {}),
        'frames': {name.partition('.')[2]: pk for name, pk in pks.items() if name.startswith('frames.')},
        'labelled': pks.get('labelled'),
        'units': {'scales': 'factor of the lengths'},
    }


def initial_data_tables(content: Mapping[str, Any], replicas: bool = False) -> list[RenderableType]:
    """Tables of initial data.

    :param content: what :func:`initial_data_summary` gave.
    :param replicas: everything that was left out, however much it is.
    """
    shown: list[RenderableType] = [parts.heading(content), parts.facts_table(_facts(content))]
    made = content['structures']
    if made:
        pks = {**content['frames'], 'labelled': content['labelled']}
        rows = (
            [name, str(entry['n_frames']), str(len(entry.get('refused', []))), str(pks.get(name) or '–')]
            for name, entry in sorted(made.items())
        )
        shown += [parts.blank(), parts.numbers_table('Structures', ['of', 'made', 'left out', 'node'], rows)]
    refused = {name: [entry['reason'] for entry in of.get('refused', [])] for name, of in sorted(made.items())}
    said = list if replicas else summed_up
    shown += parts.warning_lines(f'{name}: {reason}' for name, reasons in refused.items() for reason in said(reasons))
    failed = (f'{label} ({entry["pk"]}): {entry["reason"]}' for label, entry in sorted(content['failed'].items()))
    shown += parts.warning_lines(failed, sign='✗', style='red')
    if content['state'] in ('created', 'running', 'waiting'):
        shown.append(parts.next_line(f'glassion watch {content["pk"]}'))
    elif content['frames']:
        shown.append(parts.next_line(f'glassion launch label {content["pk"]} --engine …'))
    return shown


def summed_up(reasons: Iterable[str]) -> list[str]:
    """One line for all frames that were left out for the same pair of atoms, others as they are."""
    pairs: dict[tuple[str, str], list[float]] = {}
    others: dict[str, int] = {}
    for reason in reasons:
        found = _TOO_CLOSE.fullmatch(reason)
        if found:
            pairs.setdefault((found['pair'], found['limit']), []).append(float(found['distance']))
        else:
            others[reason] = others.get(reason, 0) + 1
    lines = [
        f'{len(distances)} left out: {pair} down to {min(distances):.3f} Å, nearer than {limit} Å'
        for (pair, limit), distances in pairs.items()
    ]
    return lines + [reason if number == 1 else f'{number} × {reason}' for reason, number in others.items()]


def _facts(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    settings = content['settings']
    yield 'protocol', f'{settings.get("protocol", "own")}, seed {content["seed"]}'
    yield 'relaxation', settings['relax']['engine']
    dynamics = settings['dynamics']
    if dynamics['engine'] == 'none':
        yield 'dynamics', 'none'
    else:
        yield 'dynamics', f'{dynamics["engine"]}, {dynamics["steps"]} steps of {dynamics["timestep"]:g} fs'

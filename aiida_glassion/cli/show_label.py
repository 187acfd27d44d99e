"""``glassion show`` of a labelling: how many frames got labels, which did not, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from aiida_glassion.cli import show_parts as parts
from aiida_glassion.cli.launch_label_plan import method_lines

if TYPE_CHECKING:
    from rich.console import RenderableType

_MOST_ROWS = 20


def label_summary(node: Any) -> dict[str, Any]:
    """Everything that a labelling gave, as plain numbers.

    :param node: the LabelWorkChain, ended or not.
    """
    from aiida.orm import CalcFunctionNode

    outputs = node.outputs
    jobs = [called for called in node.called if not isinstance(called, CalcFunctionNode)]
    dataset = outputs.dataset if 'dataset' in outputs else None
    pks = parts.outputs_of(node)
    return {
        **parts.process_facts(node),
        'ledger': outputs.ledger.get_dict() if 'ledger' in outputs else None,
        'jobs': {
            'all': len(jobs),
            'ended': sum(job.is_terminated for job in jobs),
            'failed': sum(job.is_terminated and not job.is_finished_ok for job in jobs),
            'from_cache': sum(job.base.caching.is_created_from_cache for job in jobs),
        },
        'dataset': None if dataset is None else {'pk': dataset.pk, **_dataset_facts(dataset)},
        'refused': {name.partition('.')[2]: pk for name, pk in pks.items() if name.startswith('refused.')},
        'tolerated': node.inputs.tolerated_failures.value,
        'gate': node.inputs.settings.get_dict()['gate'],
        'protocol': node.inputs.engine_settings.get_dict().get('protocol'),
        'units': {'max_force': 'eV/Å', 'energy_spread_floor': 'eV/atom'},
    }


def _dataset_facts(dataset: Any) -> dict[str, Any]:
    return {
        'n_frames': dataset.n_frames,
        'formulas': dataset.formulas,
        'labels': dataset.labels,
        'method': dataset.method,
        'method_hash': dataset.method_hash,
    }


def label_tables(content: Mapping[str, Any], replicas: bool = False) -> list[RenderableType]:
    """Tables of a labelling.

    :param content: what :func:`label_summary` gave.
    :param replicas: every refused frame, however many there are.
    """
    shown: list[RenderableType] = [parts.heading(content), parts.facts_table(_facts(content))]
    ledger = content['ledger'] or {'refused': [], 'by_kind': {}}
    if ledger['refused']:
        refused = ledger['refused'] if replicas else ledger['refused'][:_MOST_ROWS]
        rows = ([f'{e["frames"]} {e["index"]}', e['kind'], e['reason'], str(e.get('pk', ''))] for e in refused)
        shown += [parts.blank(), parts.numbers_table('Refused', ['frame', '<kind', '<reason', 'job'], rows)]
        if len(ledger['refused']) > len(refused):
            shown += parts.warning_lines([f'and {len(ledger["refused"]) - len(refused)} more (--replicas: all)'])
    if content['state'] in ('created', 'running', 'waiting'):
        shown.append(parts.next_line(f'glassion watch {content["pk"]}'))
    return shown


def _facts(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    ledger, jobs, dataset = content['ledger'], content['jobs'], content['dataset']
    if ledger is not None:
        yield 'labelled', f'{ledger["labelled"]} frames'
        kinds = ', '.join(f'{number} {kind.replace("_", " ")}' for kind, number in ledger['by_kind'].items())
        yield (
            'refused',
            f'{len(ledger["refused"])}{f": {kinds}" if kinds else ""}; {content["tolerated"]:.0%} tolerated',
        )
        yield 'left out', f'{ledger["known"]} known already, {ledger["twice"]} given twice'
    cached = f', {jobs["from_cache"]} from the cache' if jobs['from_cache'] else ''
    yield 'jobs', f'{jobs["ended"]} of {jobs["all"]} begun have ended, {jobs["failed"]} failed{cached}'
    if dataset is not None:
        formulas = ', '.join(f'{name} ({number})' for name, number in dataset['formulas'].items())
        yield 'dataset', f'pk {dataset["pk"]}: {dataset["n_frames"]} frames with {", ".join(dataset["labels"])}'
        yield '', formulas
        yield 'engine', f'{dataset["method"].get("engine")}, protocol {content["protocol"]}'
        for number, line in enumerate(method_lines(dataset['method'])):
            yield ('' if number else 'method'), line
    for name, pk in content['refused'].items():
        yield 'refused frames', f'{name}: pk {pk}'

"""``glassion show`` of a diffusion sweep, and of one of its runs: what came out, as plain numbers and as tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from aiida_glassion.cli import show_parts as parts
from aiida_glassion.cli.show_diffusion_tables import (
    line_table,
    run_table,
    series_table,
    temperature_table,
)
from aiida_glassion.cli.values import with_error

if TYPE_CHECKING:
    from rich.console import RenderableType

_WORKING = ('created', 'running', 'waiting')


def sweep_summary(node: Any) -> dict[str, Any]:
    """Everything that a sweep gave, as plain numbers.

    :param node: the DiffusionSweepWorkChain, ended or not.
    """
    outputs, settings = node.outputs, node.inputs.settings.get_dict()
    potential = node.inputs.md.md.potential
    return {
        **parts.process_facts(node),
        'settings': settings,
        'temperatures': node.inputs.temperatures.get_list(),
        'glasses': {label: glass.pk for label, glass in sorted(node.inputs.glasses.items())},
        'seed': node.inputs.seed.value,
        'potential': {'pk': potential.pk, 'name': potential.base.attributes.get('name', None)},
        'beside_data': node.inputs.analysis.code.full_label if 'analysis' in node.inputs else None,
        'results': outputs.results.get_dict() if 'results' in outputs else {},
        'ledger': outputs.ledger.get_dict() if 'ledger' in outputs else {},
        'outputs': parts.outputs_of(node),
    }


def sweep_tables(content: Mapping[str, Any], replicas: bool = False) -> list[RenderableType]:
    """Tables of a sweep.

    :param content: what :func:`sweep_summary` gave.
    :param replicas: every run too.
    """
    shown: list[RenderableType] = [parts.heading(content), parts.facts_table(_facts(content))]
    results = content['results']
    for entry in results.get('compositions', {}).values():
        shares = ', '.join(f'{element} {100 * share:.3g}' for element, share in entry['x'].items())
        atoms = ', '.join(str(number) for number in entry['n_atoms'])
        shown += [parts.blank(), parts.section(entry['formula'], f'{shares} at. %; {atoms} atoms')]
        shown += [*temperature_table(entry), parts.blank(), *line_table(entry)]
        if replicas:
            shown += [parts.blank(), run_table(entry)]
    if len(results.get('series', [])) > 1:
        shown += [parts.blank(), series_table(results)]
    if results:
        shown.append(parts.blank())
    shown += parts.warning_lines(dict.fromkeys(results.get('warnings', [])))
    failed = (f'{name}: {entry["reason"]} (pk {entry["pk"]})' for name, entry in content['ledger'].items())
    shown += parts.warning_lines(failed, '✗', 'red')
    return [*shown, *_next(content)]


def _facts(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    settings = content['settings']
    glasses = ', '.join(f'{label} ({pk})' for label, pk in content['glasses'].items())
    yield 'glasses (pk)', glasses
    yield 'potential', f'{content["potential"]["name"]} (pk {content["potential"]["pk"]})'
    error = f'{100 * settings["relative_error"]:g} %'
    wanted = f'runs of up to {_budget(settings["budget"])} until the error of D is {error}'
    runs = f'{settings["replicas"]} of each glass, {wanted}; seed {content["seed"]}'
    yield 'protocol', f'{settings.get("protocol", "custom")}; {runs}'
    counts = Counter(run['status'] for run in runs_of(content['results']))
    if counts:
        told = ', '.join(f'{number} {status.replace("_", " ")}' for status, number in sorted(counts.items()))
        yield 'runs', f'{sum(counts.values())}: {told}'


def _budget(budget: Any) -> str:
    if isinstance(budget, (int, float)):
        return f'{budget:g} ps'
    return ', '.join(f'{entry["budget"]:g} ps above {entry["above"]:g} K' for entry in budget)


def runs_of(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every run in the results of a sweep."""
    return [
        run
        for entry in results.get('compositions', {}).values()
        for one in entry['temperatures'].values()
        for run in one['replicas'].values()
    ]


def _next(content: Mapping[str, Any]) -> Iterator[RenderableType]:
    pk = content['pk']
    if content['state'] in _WORKING:
        yield parts.next_line(f'glassion watch {pk}')
        return
    if not content['results']:
        yield parts.next_line(f'verdi process report {pk}', f'glassion launch diffusion-sweep --continue {pk}')
        return
    statuses = Counter(run['status'] for run in runs_of(content['results']))
    if set(statuses) - {'converged'}:
        short = sum(number for status, number in statuses.items() if status != 'converged')
        larger = _larger(content['settings']['budget'])
        yield from parts.warning_lines(
            [f'{short} of {sum(statuses.values())} runs could be longer; what is done is not run again:'], '·', ''
        )
        yield parts.next_line(f'glassion launch diffusion-sweep --continue {pk} {larger}')
    yield parts.next_line(
        f'glassion report {pk} results', f'glassion show {pk} --replicas', f'glassion archive {pk} diffusion.aiida'
    )


def _larger(budget: Any) -> str:
    """Option for a budget four times as large: half the error."""
    if isinstance(budget, (int, float)):
        return f'--budget {4 * budget:g}'
    longest = max(entry['budget'] for entry in budget)
    return f'--budget {4 * longest:g}'


def point_summary(node: Any) -> dict[str, Any]:
    """Everything that one run gave, as plain numbers.

    :param node: the DiffusionPointWorkChain, ended or not.
    """
    outputs = node.outputs
    return {
        **parts.process_facts(node),
        'temperature': node.inputs.temperature.value,
        'seed': node.inputs.seed.value,
        'settings': node.inputs.settings.get_dict(),
        'results': outputs.results.get_dict() if 'results' in outputs else {},
        'history': outputs.history.get_dict() if 'history' in outputs else {},
        'numbers': outputs.numbers.get_dict() if 'numbers' in outputs else {},
        'outputs': parts.outputs_of(node),
    }


def point_tables(content: Mapping[str, Any], replicas: bool = False) -> list[RenderableType]:
    """Tables of one run.

    :param content: what :func:`point_summary` gave.
    """
    from aiida_glassion.cli.show_diffusion_tables import history_table, numbers_tables

    results = content['results']
    facts = [('temperature', f'{content["temperature"]:g} K; seed {content["seed"]}')]
    if results:
        facts.append(('production', f'{results["length"]:g} ps in {results["n_segments"]} segments'))
        facts.append(('ended', f'{results["status"].replace("_", " ")}: {results["reason"]}'))
        facts.append(('density', '–' if results['density'] is None else f'{with_error(results["density"])} g/cm³'))
    shown: list[RenderableType] = [parts.heading(content), parts.facts_table(facts)]
    if content['history'].get('segments'):
        shown += [parts.blank(), history_table(content['history'])]
    if content['numbers']:
        shown += [parts.blank(), *numbers_tables(content['numbers'])]
    if content['state'] in _WORKING:
        return [*shown, parts.next_line(f'glassion watch {content["pk"]}')]
    trajectory = content['outputs'].get('trajectory')
    more = [f'glassion show {trajectory}'] if trajectory else []
    return [*shown, parts.next_line(*more, f'verdi process report {content["pk"]}')]

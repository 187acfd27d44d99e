"""``glassion show`` of an exploration: what ran, how far, and how it ended; and of a structural gate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from aiida_glassion.cli import show_parts as parts
from aiida_glassion.cli.show_active_learning import criteria_rows

if TYPE_CHECKING:
    from rich.console import RenderableType

_ENDS = ('finished', 'left_trusted_region', 'exploded', 'failed')
_MOST_RUNS = 12


def explore_summary(node: Any) -> dict[str, Any]:
    """Everything that an exploration reported.

    :param node: the ExploreWorkChain, ended or not.
    """
    inputs, outputs = node.inputs, node.outputs
    runs = [child for child in node.called if child.process_label == 'MdWorkChain']
    return {
        **parts.process_facts(node),
        'stage': inputs.stage.get_dict() if 'stage' in inputs else {},
        'round': inputs.round.value if 'round' in inputs else None,
        'levels': inputs.levels.get_dict() if 'levels' in inputs else {},
        'begun': {'all': len(runs), 'ended': sum(run.is_terminated for run in runs)},
        'report': outputs.report.get_dict() if 'report' in outputs else {},
        'outputs': parts.outputs_of(node),
        'units': {'levels': 'eV/Å', 'temperature': 'K', 'pressure': 'GPa', 'wanted_ps': 'ps', 'reached_ps': 'ps'},
    }


def explore_tables(content: Mapping[str, Any], replicas: bool = False) -> list[RenderableType]:
    """Tables of an exploration.

    :param content: what :func:`explore_summary` gave.
    :param replicas: every run, also those that ended well.
    """
    shown: list[RenderableType] = [parts.heading(content), parts.facts_table(_facts(content))]
    runs = content['report'].get('runs') or {}
    if runs:
        columns = ['program', 'runs', 'T / K', *(end.replace('_', ' ') for end in _ENDS), 'frames', 'ps']
        shown += [parts.blank(), parts.numbers_table('Runs by program', columns, _programs(runs))]
    told = {name: run for name, run in runs.items() if replicas or run.get('state') != 'finished'}
    if told:
        columns = ['run', '<start', 'ps', 'softer', '<end', '<why', 'pk']
        rows = (_run_row(name, run) for name, run in list(told.items())[: None if replicas else _MOST_RUNS])
        title = 'Every run' if replicas else 'Runs that did not reach their end'
        shown += [parts.blank(), parts.numbers_table(title, columns, rows)]
        if not replicas and len(told) > _MOST_RUNS:
            shown += parts.warning_lines([f'and {len(told) - _MOST_RUNS} more (--replicas: every run)'])
    if content['state'] in ('created', 'running', 'waiting'):
        shown.append(parts.next_line(f'glassion watch {content["pk"]}'))
    return shown


def _facts(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    stage, levels = content['stage'], content['levels']
    programs = ', '.join(dict.fromkeys(str(program.get('kind')) for program in stage.get('programs') or []))
    yield 'stage', f'{stage.get("name", "?")}, round {content["round"]}: {programs.replace("_", " ")}'
    if 'lower' in levels and 'upper' in levels:
        yield 'levels', f'{levels["lower"]:.3g} and {levels["upper"]:.3g} eV/Å'
    begun = content['begun']
    yield 'runs', f'{begun["ended"]} of {begun["all"]} begun have ended'


def _programs(runs: Mapping[str, Mapping[str, Any]]) -> Iterator[list[str]]:
    """Runs counted by program and end."""
    for program in dict.fromkeys(str(run.get('program')) for run in runs.values()):
        own = [run for run in runs.values() if str(run.get('program')) == program]
        temperatures = [float(run['temperature']) for run in own if run.get('temperature') is not None]
        low, high = (min(temperatures), max(temperatures)) if temperatures else (0.0, 0.0)
        span = '' if not temperatures else f'{low:g}' if low == high else f'{low:g} – {high:g}'
        ends = (str(sum(run.get('state') == end for run in own)) for end in _ENDS)
        frames = sum(int(run.get('n_frames') or 0) for run in own)
        reached, wanted = (sum(float(run.get(key) or 0) for run in own) for key in ('reached_ps', 'wanted_ps'))
        yield [program.replace('_', ' '), str(len(own)), span, *ends, str(frames), f'{reached:.4g} of {wanted:.4g}']


def _run_row(name: str, run: Mapping[str, Any]) -> list[str]:
    reached, wanted = run.get('reached_ps') or 0.0, run.get('wanted_ps') or 0.0
    return [
        name,
        f'{run.get("set", "")} {run.get("index", "")}',
        f'{reached:.3g} of {wanted:.3g}',
        str(run.get('softer') or ''),
        str(run.get('state', '')).replace('_', ' '),
        str(run.get('reason') or ''),
        str(run.get('pk') or ''),
    ]


def gate_summary(node: Any) -> dict[str, Any]:
    """Everything that a structural gate reported.

    :param node: the StructureGateWorkChain, ended or not.
    """
    glasses = [child for child in node.called if child.process_label == 'MdWorkChain']
    return {
        **parts.process_facts(node),
        'begun': {'all': len(glasses), 'ended': sum(glass.is_terminated for glass in glasses)},
        'report': node.outputs.report.get_dict() if 'report' in node.outputs else {},
        'outputs': parts.outputs_of(node),
    }


def gate_tables(content: Mapping[str, Any], replicas: bool = False) -> list[RenderableType]:
    """Tables of a structural gate.

    :param content: what :func:`gate_summary` gave.
    :param replicas: of no meaning here.
    """
    report, begun = content['report'], content['begun']
    facts = [('glasses', f'{begun["ended"]} of {begun["all"]} begun have ended')]
    if 'passed' in report:
        facts.append(('verdict', f'{"✓ passed" if report["passed"] else "✗ not passed"}: {report.get("reason", "")}'))
    shown: list[RenderableType] = [parts.heading(content), parts.facts_table(facts)]
    if report.get('criteria'):
        table = parts.numbers_table('Criteria', ['', 'value', 'limit', '<'], criteria_rows(report))
        shown += [parts.blank(), table]
    shown += parts.warning_lines([*report.get('flags', []), *report.get('warnings', [])])
    numbers = [
        (f'{start}, {member}', f'density {values["density"]:.4g} g/cm³')
        for start, members in (report.get('by_glass') or {}).items()
        for member, values in members.items()
        if isinstance(values, Mapping) and isinstance(values.get('density'), (int, float))
    ]
    if numbers:
        shown += [parts.blank(), parts.facts_table(numbers)]
    if content['state'] in ('created', 'running', 'waiting'):
        shown.append(parts.next_line(f'glassion watch {content["pk"]}'))
    return shown

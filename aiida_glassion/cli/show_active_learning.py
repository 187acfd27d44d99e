"""``glassion show`` of an active learning: verdict, stages, iterations, the last decision, cost and failures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from aiida_glassion.cli import show_parts as parts
from aiida_glassion.cli.values import with_error

if TYPE_CHECKING:
    from rich.console import RenderableType

_MOST_ROWS = 30
_MOST_FAILURES = 12
_STATES = {'done': '✓ done', 'here': '▶ here', 'ended here': '✗ ended here', 'to come': '· to come'}


def loop_summary(node: Any) -> dict[str, Any]:
    """Everything that an active learning says of itself, as plain numbers.

    :param node: the ActiveLearningWorkChain, ended or not.
    """
    from aiida_glassion.report import active_learning_facts as facts
    from aiida_glassion.report.active_learning import read_loop
    from aiida_glassion.report.active_learning_files import loop_summary as said

    loop = read_loop(node)
    running = [{'part': part.label, 'process': part.process, 'pk': part.pk} for part in facts.running_parts(loop)]
    return {
        **said(loop),
        **parts.process_facts(node),
        'title': loop.title,
        'subject': loop.subject,
        'doing': facts.doing(loop),
        'because': facts.short_reason(loop.decision),
        'running': running,
        'labels': {'initial': facts.initial_labels(loop), 'total': (loop.last.get('labels') or {}).get('total')},
        'max_iterations': loop.settings.get('max_iterations'),
        'max_labels': loop.settings.get('max_labels'),
        'outputs': parts.outputs_of(node),
        'units': {'levels': 'eV/Å', 'force': 'meV/Å', 'energy': 'meV/atom', 'cost': 'core-hours'},
    }


def loop_tables(content: Mapping[str, Any], replicas: bool = False) -> list[RenderableType]:
    """Tables of an active learning.

    :param content: what :func:`loop_summary` gave.
    :param replicas: every iteration and failure, however many there are.
    """
    shown: list[RenderableType] = [parts.heading(content), parts.facts_table(_facts(content))]
    shown += parts.warning_lines(content['warnings'])
    if content['stages']:
        columns = ['stage', '<programs', 'limit', 'iterations', '<']
        shown += [parts.blank(), parts.numbers_table('Stages', columns, map(_stage_row, content['stages']))]
    iterations = content['iterations']
    if iterations:
        rows = iterations if replicas else iterations[-_MOST_ROWS:]
        more = '' if len(rows) == len(iterations) else f', the last {len(rows)} of {len(iterations)} (--replicas: all)'
        columns = ['', '<stage', 'visited', 'accurate', 'candidate', 'failed', 'labels', 'force RMSE', '<decision']
        table = parts.numbers_table(f'Iterations{more}; % of the visited frames, meV/Å', columns, map(_row, rows))
        shown += [parts.blank(), table]
    shown += _decision(content)
    gate = content['gate']
    if 'passed' in gate:
        said = f'{"✓ passed" if gate["passed"] else "✗ not passed"}: {gate.get("reason", "")}'
        shown += [parts.blank(), parts.facts_table([('structures', said)])]
    if content['cost']:
        rows_ = ([part, f'{own["jobs"]:g}', f'{own["core_hours"]:.3g}'] for part, own in content['cost'].items())
        shown += [parts.blank(), parts.numbers_table('Cost', ['', 'jobs', 'core-hours'], rows_)]
    return [*shown, *_failures(content, replicas), *_next(content)]


def _facts(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield 'what', content['subject']
    yield 'verdict', content['verdict']
    limits = (f'at most {content[key]} {name}' for key, name in
              (('max_iterations', 'iterations'), ('max_labels', 'labels')) if content[key] is not None)  # fmt: skip
    labels = content['labels']
    if labels['total'] is not None:
        yield 'labels', f'{labels["total"]} frames, {labels["initial"]} of them before the first iteration'
    yield 'limits', ', '.join(limits) or 'none'
    for part in content['running']:
        yield 'running', f'{part["part"]} ({part["process"]}, pk {part["pk"]})'
    models = [str(pk) for name, pk in content['outputs'].items() if name.startswith('potentials.')]
    if models:
        yield 'models (pk)', ', '.join(models)


def _stage_row(stage: Mapping[str, Any]) -> list[str]:
    programs = ', '.join(dict.fromkeys(name.replace('_', ' ') for name in stage['programs']))
    limit = '' if stage['limit'] is None else f'{100 * stage["limit"]:g} %'
    return [stage['name'], programs, limit, str(stage['rounds']), _STATES[stage['state']]]


def _row(row: Mapping[str, Any]) -> list[str]:
    shares = (row[f'{name} (%)'] for name in ('accurate', 'candidate', 'failed'))
    asked, labelled = row['labels asked'], row['labelled']
    labels = '' if labelled is None else str(labelled) if asked == labelled else f'{labelled} of {asked}'
    return [
        str(row['iteration']),
        f'{row["stage"]} {row["round"]}',
        '' if row['visited (frames)'] is None else str(row['visited (frames)']),
        *('–' if share is None else f'{share:.3g}' for share in shares),
        labels,
        with_error(row['force RMSE (meV/Å)'], row['force RMSE standard error (meV/Å)']),
        str(row['decision'] or ''),
    ]


def _decision(content: Mapping[str, Any]) -> list[RenderableType]:
    """The last decision with its criteria."""
    decision = content['decision']
    if not decision:
        return []
    number = content['iterations'][-1]['iteration']
    title = f'Decision after iteration {number}: {decision.get("action", "")}'
    shown = [parts.blank(), parts.numbers_table(title, ['', 'value', 'limit', '<'], criteria_rows(decision))]
    return [*shown, parts.facts_table([('because', content['because'])])]


def criteria_rows(judged: Mapping[str, Any]) -> Iterator[list[str]]:
    """A row for each criterion of a decision or of a structural gate.

    :param judged: with ``criteria``: name, value, limit, met, words.
    """
    from aiida_glassion.report.active_learning_facts import criterion_name
    from aiida_glassion.report.numbers import value_text

    for entry in judged.get('criteria') or []:
        mark = '✓' if entry.get('met') else '✗'
        yield [
            f'{mark} {criterion_name(entry)}',
            value_text(entry.get('value')),
            value_text(entry.get('limit')),
            entry.get('words', ''),
        ]


def _failures(content: Mapping[str, Any], everything: bool) -> list[RenderableType]:
    failures = content['failures'] if everything else content['failures'][-_MOST_FAILURES:]
    lines = [f'{_where(entry)}: {entry.get("why", "")} (pk {entry.get("pk", "–")})' for entry in failures]
    if len(failures) < len(content['failures']):
        lines.insert(0, f'{len(content["failures"]) - len(failures)} earlier failures (--replicas: all)')
    return [parts.blank(), *parts.warning_lines(lines, '✗', 'red')] if lines else []


def _where(entry: Mapping[str, Any]) -> str:
    number = entry.get('iteration')
    what = f'{entry.get("part", "")} {entry.get("what", "")}'.strip()
    return f'iteration {number}, {what}' if number else what


def _next(content: Mapping[str, Any]) -> list[RenderableType]:
    pk, commands = content['pk'], []
    if content['state'] in ('created', 'running', 'waiting'):
        commands.append(f'glassion watch {pk}')
    commands.append(f'glassion report {pk} report')
    if len(commands) == 1:
        commands.append(f'glassion archive {pk} learning.aiida')
        if not content['converged']:
            commands.append(f'glassion launch active-learning --continue {pk}')
    return [parts.blank(), parts.next_line(*commands)]

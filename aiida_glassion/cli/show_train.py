"""``glassion show`` of a committee's training, one of its members, or one of its jobs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from aiida_glassion.cli import show_parts as parts

if TYPE_CHECKING:
    from rich.console import RenderableType

JOBS = ('TrainMemberWorkChain', 'DeepmdTrainCalculation', 'DeepmdTestCalculation', 'DeepmdDeviationCalculation')
_QUANTITIES = ('energy', 'force', 'virial')
_NAMES = {'rmse': 'RMSE', 'mae': 'mean absolute error', 'committee': 'RMSE of the mean', 'bias': 'bias'}


def train_summary(node: Any) -> dict[str, Any]:
    """Everything that a committee's training gave, as plain numbers.

    :param node: the TrainWorkChain, ended or not.
    """
    outputs, settings = node.outputs, node.inputs.settings.get_dict()
    return {
        **parts.process_facts(node),
        'protocol': settings.get('protocol'),
        'committee': settings['committee'],
        'steps': settings['parameters'].get('training', {}).get('numb_steps'),
        'seed': node.inputs.seed.value,
        'datasets': {name: _dataset(node.inputs.datasets[name]) for name in sorted(node.inputs.datasets)},
        'members': _members(node),
        'errors': outputs.errors.get_dict() if 'errors' in outputs else {},
        'ledger': outputs.ledger.get_dict() if 'ledger' in outputs else {},
        'outputs': parts.outputs_of(node),
    }


def _dataset(node: Any) -> dict[str, Any]:
    return {'pk': node.pk, 'n_frames': node.n_frames, 'formulas': node.formulas}


def _members(node: Any) -> dict[str, Any]:
    """What each member said of itself."""
    from aiida.common.links import LinkType

    links = node.base.links.get_outgoing(link_type=LinkType.CALL_WORK).all()
    return {
        link.link_label.removeprefix('train_'): {
            'pk': link.node.pk,
            'seed': link.node.inputs.train.seed.value,
            'state': link.node.process_state.value if link.node.process_state else 'created',
            'exit_status': link.node.exit_status,
            'potential': link.node.outputs.potential.pk if 'potential' in link.node.outputs else None,
            **(link.node.outputs.results.get_dict() if 'results' in link.node.outputs else {}),
        }
        for link in sorted(links, key=lambda link: link.link_label)
        if link.node.process_label == 'TrainMemberWorkChain'
    }


def train_tables(content: Mapping[str, Any], replicas: bool = False) -> list[RenderableType]:
    """Tables of a committee's training.

    :param content: what :func:`train_summary` gave.
    :param replicas: of no meaning here.
    """
    shown: list[RenderableType] = [parts.heading(content), parts.facts_table(_facts(content))]
    errors = content['errors']
    if errors:
        columns = ['', '', 'mean ± error', 'spread']
        title = f'Errors on {errors["n_frames"]} test frames'
        shown += [parts.blank(), parts.numbers_table(title, columns, _error_rows(errors))]
    if content['members']:
        columns = ['member', 'seed', 'batches', 's/batch', 'model (pk)', '<state']
        rows = (_member_row(name, member) for name, member in content['members'].items())
        shown += [parts.blank(), parts.numbers_table('Members', columns, rows)]
    verdict = errors.get('verdict', {})
    if verdict:
        shown += [parts.blank(), parts.facts_table([('verdict', verdict['reason'])])]
    shown += parts.warning_lines(verdict.get('warnings', []))
    failed = (f'{name}: {e["reason"]} (pk {e["pk"]}); {e["then"]}' for name, e in content['ledger'].items())
    shown += parts.warning_lines(failed, '✗', 'red')
    pk = content['pk']
    if content['state'] in ('created', 'running', 'waiting'):
        return [*shown, parts.next_line(f'glassion watch {pk}')]
    report = [f'glassion report {pk} report'] if content['members'] else []
    return [*shown, parts.next_line(*report, f'glassion archive {pk} training.aiida')]


def _facts(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, dataset in content['datasets'].items():
        formulas = list(dataset['formulas'].items())
        shown = ', '.join(f'{formula} ({number})' for formula, number in formulas[:6])
        more = f' and {len(formulas) - 6} more' if len(formulas) > 6 else ''
        yield 'dataset', f'{name} (pk {dataset["pk"]}): {dataset["n_frames"]} frames; {shown}{more}'
    numbers = f'{content["committee"]} models, {content["steps"]} batches, seed {content["seed"]}'
    yield 'protocol', f'{content["protocol"]}; {numbers}'


def _error_rows(errors: Mapping[str, Any]) -> Iterator[list[str]]:
    for quantity in _QUANTITIES:
        entry, unit = errors.get(quantity) or {}, errors['units'].get(quantity, '')
        for key, words in _NAMES.items():
            if key in entry:
                yield [f'{quantity} {words}', unit, *_cells(entry[key])]
        for part in ('by_element', 'by_formula'):
            for who, numbers in (entry.get(part) or {}).items():
                yield [f'  RMSE, {who}', unit, *_cells(numbers)]
    deviation = errors.get('deviation')
    if deviation:
        yield ['largest force deviation, median', deviation['unit'], f'{deviation["median"]:.3g}', '']


def _cells(entry: Mapping[str, Any]) -> list[str]:
    from aiida_glassion.report.numbers import find_number, format_number

    number = find_number({'x': {'standard_error': None, **entry}}, 'x')
    spread = entry.get('spread')
    return [format_number(number), '' if spread is None else f'{spread:.3g}']


def _member_row(name: str, member: Mapping[str, Any]) -> list[str]:
    state = member['state']
    if state == 'finished':
        state = '✓' if member['exit_status'] == 0 else f'✗ [{member["exit_status"]}]'
    seconds, potential = member.get('seconds_per_batch'), member['potential']
    return [
        name.replace('_', ' '),
        str(member['seed']),
        f'{member.get("last_step", "–")} of {member.get("steps_wanted", "–")}',
        '' if seconds is None else f'{seconds:.2g}',
        '' if potential is None else str(potential),
        state,
    ]


def job_summary(node: Any) -> dict[str, Any]:
    """What a member, a training, test or deviation job gave.

    :param node: TrainMemberWorkChain, DeepmdTrainCalculation, DeepmdTestCalculation or DeepmdDeviationCalculation.
    """
    results = node.outputs.results.get_dict() if 'results' in node.outputs else {}
    return {**parts.process_facts(node), 'results': results, 'outputs': parts.outputs_of(node)}


def job_tables(content: Mapping[str, Any], replicas: bool = False) -> list[RenderableType]:
    """Tables of one job.

    :param content: what :func:`job_summary` gave.
    :param replicas: of no meaning here.
    """
    results = content['results']
    shown: list[RenderableType] = [parts.heading(content), parts.facts_table(_job_facts(results))]
    rows = list(_test_rows(results))
    if rows:
        shown += [parts.blank(), parts.numbers_table('Errors', ['', '', 'RMSE', 'mean absolute'], rows)]
    shown += parts.warning_lines([*results.get('warnings', []), *results.get('problems', [])])
    if content['outputs']:
        outputs = ', '.join(f'{name} {pk}' for name, pk in content['outputs'].items())
        shown += [parts.blank(), parts.facts_table([('outputs (pk)', outputs)])]
    if content['state'] in ('created', 'running', 'waiting'):
        shown.append(parts.next_line(f'glassion watch {content["pk"]}'))
    return shown


def _job_facts(results: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    units = results.get('units') or {}
    if 'steps_wanted' in results:
        yield 'batches', f'{results.get("last_step")} of {results["steps_wanted"]}'
    for key, name in (
        ('n_frames', 'frames'),
        ('seconds_per_batch', 'time of a batch'),
        ('compression_error', 'compression error'),
        ('rcut', 'cutoff'),
        ('seed', 'seed'),
    ):
        value = results.get(key)
        if value is not None:
            yield name, f'{value:.4g} {units.get(key, "")}'.strip() if isinstance(value, float) else str(value)
    last = results.get('last_errors') or {}
    for key, value in last.items():
        unit = units.get(key.removesuffix('_trn').removesuffix('_val'))
        if unit and value is not None:
            yield f'last {key}', f'{value:.3g} {unit}'
    if results.get('deepmd_version'):
        yield 'DeePMD-kit', f'{results["deepmd_version"]}{", " + results["backend"] if results.get("backend") else ""}'


def _test_rows(results: Mapping[str, Any]) -> Iterator[list[str]]:
    for quantity in _QUANTITIES:
        entry, unit = results.get(quantity), (results.get('units') or {}).get(quantity, '')
        if not isinstance(entry, Mapping):
            continue
        yield [quantity, unit, f'{entry["rmse"]:.4g}', f'{entry["mae"]:.4g}']
        for part in ('by_element', 'by_formula'):
            for who, numbers in (entry.get(part) or {}).items():
                yield [f'  {who}', unit, f'{numbers["rmse"]:.4g}', f'{numbers["mae"]:.4g}']

"""``glassion launch train``: a committee of models from labelled frames."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from aiida_glassion.cli.errors import GlassionError
from aiida_glassion.cli.launch_inputs import Assignment, Walltime, code_of, job_options, nested
from aiida_glassion.cli.launch_submit import submission_options, submit
from aiida_glassion.cli.profile import load
from aiida_glassion.cli.terminal import console

if TYPE_CHECKING:
    from rich.console import RenderableType

    from aiida_glassion.cli.launch_train_plan import TrainingPlan
    from aiida_glassion.data.dataset import DatasetData

Datasets = Mapping[str, 'DatasetData']


@click.command('train')
@click.argument('datasets', nargs=-1, required=True, metavar='DATASET_PK...')
@click.option('--test', multiple=True, metavar='PK', help='Dataset to test on.  [default: some of the frames]')
@click.option('--hold-out', multiple=True, metavar='FORMULA', help='Test on every frame of it: O16Si8.')
@click.option('--validation', multiple=True, metavar='PK', help='Dataset to watch.  [default: some of the frames]')
@click.option('--protocol', metavar='NAME', help='tiny, fast, moderate, napso.  [default: moderate]')
@click.option('--committee', type=click.IntRange(min=1), help='How many models.  [default: of the protocol]')
@click.option('--steps', type=click.IntRange(min=1), help='Batches that each model learns from.')
@click.option('--warm-start', metavar='PK', help='Earlier training whose models the members begin with.')
@click.option('--set', 'changes', type=Assignment(), multiple=True, help='Any setting: parameters.loss.limit_pref_v=0')
@click.option('--seed', type=click.IntRange(min=0), default=1, show_default=True, help='Of the whole committee.')
@click.option('--threads', type=click.IntRange(min=1), default=1, show_default=True, help='Cores of each job.')
@click.option('--walltime', type=Walltime(), help='Of each job, HH:MM:SS; a training that is cut goes on in the next.')
@click.option('--option', 'options', type=Assignment(), multiple=True, help='Of the scheduler: queue_name=…, account=…')
@click.option('--max-concurrent', type=click.IntRange(min=1), default=4, show_default=True, help='Members at a time.')
@click.option('--code', default='dp@localhost', show_default=True, help='The dp program of DeePMD-kit.')
@submission_options
@click.pass_context
def train(
    ctx: click.Context,
    /,
    profile: str | None,
    **given: Any,
) -> None:
    """Train a committee of DeePMD models on datasets (PK or UUID), and test it on frames held out.

    \b
    glassion launch train 42 --protocol fast --committee 4 --dry-run
    """  # noqa: D301
    terminal = console()
    load(profile)
    settings = settings_of(given)
    sets = {name: read_datasets(given[name], name) for name in ('datasets', 'test', 'validation')}
    terminal.print(describe(_plan(given, settings, sets), sets))
    code = code_of(given['code'], 'code', 'glassion.deepmd.train')
    builder = _builder(given, settings, sets, code)
    submit(ctx, builder, given)


def settings_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of the protocol with everything that was given laid over it.

    :raises ValueError: an unknown protocol or setting.
    """
    from aiida_glassion.workchains import protocols

    overrides: dict[str, Any] = {}
    if given['committee'] is not None:
        overrides['committee'] = given['committee']
    if given['steps'] is not None:
        overrides['parameters'] = {'training': {'numb_steps': given['steps']}}
    if given['hold_out']:
        overrides['split'] = {'test_formulas': list(dict.fromkeys(given['hold_out']))}
    settings = protocols.load('train', given['protocol'], overrides)
    name = settings.pop('protocol')
    for path, value in given['changes']:
        settings = protocols.merge(settings, nested(path, value, settings))
    return {'protocol': name, **settings}


def read_datasets(identifiers: Sequence[str], option: str) -> dict[str, DatasetData]:
    """Datasets by PK or UUID of them or of the labelling that made them, under names that AiiDA takes.

    :raises GlassionError: there is no such node, or it is no dataset.
    """
    from aiida.orm import ProcessNode

    from aiida_glassion.cli.launch_outputs import datasets_of
    from aiida_glassion.cli.show import find_node
    from aiida_glassion.data.dataset import DatasetData

    found: dict[str, DatasetData] = {}
    nodes: list[Any] = []
    for identifier in dict.fromkeys(identifiers):
        node = find_node(identifier)
        nodes += datasets_of(node) if isinstance(node, ProcessNode) else [node]
    for node in {node.uuid: node for node in nodes}.values():
        if not isinstance(node, DatasetData):
            where = 'DATASET_PK' if option == 'datasets' else f'--{option}'
            message = f'{where}: node {node.pk} is {type(node).__name__}, no dataset of labelled frames.'
            raise GlassionError(message, mend='glassion dataset import --help', exit_code=2)
        name = re.sub(r'\W+', '_', node.label, flags=re.ASCII).strip('_').lower() or f'data_{node.pk}'
        name = name if name[0].isalpha() else f'data_{name}'
        found[f'{name}_{node.pk}' if name in found else re.sub('__+', '_', name)] = node
    return found


def _plan(given: Mapping[str, Any], settings: Mapping[str, Any], sets: Mapping[str, Datasets]) -> TrainingPlan:
    """Plan of the training.

    :raises ValueError: the frames cannot be divided as wanted.
    """
    from aiida_glassion.cli.launch_train_plan import plan_training
    from aiida_glassion.workchains.train_inputs import count_split, systems_of

    split = dict(settings['split'])
    if sets['validation']:
        split['validation_fraction'] = 0
    counts = count_split(systems_of(sets['datasets']), split, given['seed'], bool(sets['test']))
    for name in ('test', 'validation'):
        counts[name] += sum(node.n_frames for node in sets[name].values())
    systems = [system for node in sets['datasets'].values() for system in node.systems]
    return plan_training(settings, systems, counts, given['max_concurrent'], given['seed'])


def _builder(given: Mapping[str, Any], settings: Mapping[str, Any], sets: Mapping[str, Datasets], code: Any) -> Any:
    """Builder of the WorkChain, checked as it will be on submission.

    :raises GlassionError: the WorkChain refuses the inputs.
    """
    from aiida_glassion.workchains.train import TrainWorkChain

    builder = TrainWorkChain.get_builder_from_protocol(
        code,
        sets['datasets'],
        settings['protocol'],
        {key: value for key, value in settings.items() if key != 'protocol'},
        seed=given['seed'],
        test=sets['test'],
        validation=sets['validation'],
        warm_start=_models(given['warm_start']),
        options=job_options({**given, 'ranks': 1}),
        max_concurrent=given['max_concurrent'],
    )
    elements = '-'.join(sorted({element for node in sets['datasets'].values() for element in node.elements}))
    builder.metadata.label = f'train {elements} ({settings["protocol"]})'
    ports = TrainWorkChain.spec().inputs
    problem = ports.validate(ports.pre_process(builder._inputs(prune=True)))
    if problem is not None:
        raise GlassionError(f'{problem.port}: {problem.message}', exit_code=2)
    return builder


def _models(identifier: str | None) -> dict[str, Any]:
    """Uncompressed models of an earlier training.

    :raises GlassionError: the node has none.
    """
    if identifier is None:
        return {}
    from aiida_glassion.cli.show import find_node

    outputs: Any = getattr(find_node(identifier), 'outputs', {})
    if 'frozen' not in outputs:
        message = f'--warm-start: node {identifier} is no training with models.'
        raise GlassionError(message, mend=f'glassion show {identifier}', exit_code=2)
    return {name: outputs.frozen[name] for name in outputs.frozen}


def describe(plan: TrainingPlan, sets: Mapping[str, Datasets]) -> RenderableType:
    """What will be done, ready to print."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    facts = Table(box=None, show_header=False, padding=(0, 0, 0, 2))
    facts.add_column(style='bold', no_wrap=True)
    facts.add_column(overflow='fold')
    for name, text in _facts(plan, sets):
        facts.add_row(name, Text(text))
    title = f'Train a committee on {"-".join(plan.elements)}'
    return Group(Text(title, style='bold'), facts, Text(), _cost(plan))


def _facts(plan: TrainingPlan, sets: Mapping[str, Datasets]) -> Iterator[tuple[str, str]]:
    from aiida_glassion.cli.launch_label_plan import method_lines
    from aiida_glassion.workchains import protocols

    for use, nodes in sets.items():
        for name, node in nodes.items():
            formulas = ', '.join(f'{formula} ({number})' for formula, number in list(node.formulas.items())[:6])
            more = f' and {len(node.formulas) - 6} more' if len(node.formulas) > 6 else ''
            word = 'dataset' if use == 'datasets' else use
            yield word, f'{name} (pk {node.pk}): {node.n_frames} frames; {formulas}{more}'
    node = next(iter(sets['datasets'].values()))
    lines = [f'engine: {node.method["engine"]}'] if 'engine' in node.method else []
    yield 'labels', '; '.join([*lines, *method_lines(node.method)]) or 'of unknown origin'
    counts = plan.counts
    yield (
        'frames',
        f'{counts["training"]} to learn from, {counts["validation"]} to watch, {counts["test"]} held out to test',
    )
    settings, protocol = plan.settings, plan.settings['protocol']
    yield 'protocol', f'{protocol}: {protocols.available("train")[protocol]}'
    many = f', at most {min(plan.committee, plan.max_concurrent)} at a time' if plan.committee > 1 else ''
    again = f'; a failed one is trained again {settings["retries"]}×' if settings['retries'] else ''
    yield 'committee', f'{plan.committee} model{"s" * (plan.committee > 1)}{many}; seed {plan.seed}{again}'
    descriptor = settings['parameters'].get('model', {}).get('descriptor', {})
    packed = ', compressed' if settings['compress'] else ''
    yield 'model', f'{descriptor.get("type")}, cutoff {descriptor.get("rcut")} Å, {settings["backend"]}{packed}'
    yield (
        'learning',
        f'{plan.steps} batches of about {plan.atoms_per_batch:.0f} atoms: each frame {plan.passes:.3g} times',
    )


def _cost(plan: TrainingPlan) -> RenderableType:
    """How much work it is, and at which speed that was reckoned."""
    from rich.text import Text

    from aiida_glassion.cli.watch import duration

    return Text.assemble(
        '  An estimate: about ',
        (duration(plan.seconds_waiting), 'bold'),
        f', {plan.core_seconds / 3600:.2g} core-hours, at {plan.seconds_per_batch:.2g} s a batch on one core\n'
        f'  (measured with a net of this size: {plan.speed_kind}); a GPU is many times faster, yours may differ by 3.',
    )

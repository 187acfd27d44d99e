"""What an active learning will do, ready to print: where it begins, what it explores, who labels, when it ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import RenderableType

    from aiida_glassion.cli.launch_active_learning_plan import LoopOutlook


def describe(title: str, outlook: LoopOutlook, builder: Any, remarks: Sequence[str]) -> RenderableType:
    """The plan of a loop before it is submitted."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    inputs = builder._inputs(prune=True)
    facts = Table(box=None, show_header=False, padding=(0, 0, 0, 2))
    facts.add_column(style='bold', no_wrap=True)
    facts.add_column(overflow='fold')
    for name, line in _facts(outlook, inputs):
        facts.add_row(name, Text(line))
    return Group(
        Text(title, style='bold'),
        facts,
        Text(),
        _stages(outlook, inputs['settings']['convergence']['max_rounds']),
        Text(),
        *_cost(outlook, inputs),
        *(Text(f'! {remark}', style='yellow') for remark in remarks),
    )


def _facts(outlook: LoopOutlook, inputs: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    settings = inputs['settings'].get_dict()
    yield 'begins with', _first(outlook, inputs)
    yield 'protocol', f'{settings["protocol"]}; curriculum {settings["curriculum"]}, {len(outlook.stages)} stages'
    yield from _labels(inputs)
    yield 'committee', _committee(inputs)
    yield 'levels', _levels(settings['levels'])
    yield 'selection', _selection(settings)
    yield 'stage ends', _stage_end(settings)
    yield 'loop ends', _loop_end(settings)
    yield 'seed', str(inputs['seed'].value)


def _first(outlook: LoopOutlook, inputs: Mapping[str, Any]) -> str:
    if not outlook.n_first:
        return 'nothing known yet'
    sets = ', '.join(f'{name} ({part.n_frames} of {part.n_atoms} atoms)' for name, part in [*outlook.sets.items()][:6])
    more = f' and {len(outlook.sets) - 6} more' if len(outlook.sets) > 6 else ''
    what = 'labelled frames' if outlook.are_labelled else 'structures, made and labelled first'
    judged = len(inputs.get('returned') or {})
    returned = f'; frames of {judged} other runs are judged by the first committee' if judged else ''
    return f'{outlook.n_first} {what}; explores from {sets}{more}{returned}'


def _labels(inputs: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    from aiida_glassion.cli.launch_label_plan import method_lines
    from aiida_glassion.label_engines import engines
    from aiida_glassion.workchains.label_inputs import chosen_engine

    label = inputs['label']
    engine, settings = chosen_engine(label), label['engine_settings'].get_dict()
    refused = f'at most {label["tolerated_failures"].value:.0%} of a round may be refused'
    jobs = f'{label["max_concurrent"].value} jobs at a time'
    yield 'labels', f'{engine}, protocol {settings["protocol"]}, {jobs}; {refused}'
    for line in method_lines(engines()[engine].method(settings, label[engine])):
        yield '', line


def _committee(inputs: Mapping[str, Any]) -> str:
    training = inputs['train']['settings'].get_dict()
    descriptor = training['parameters'].get('model', {}).get('descriptor', {})
    net = f'{descriptor.get("type")}, cutoff {descriptor.get("rcut")} Å'
    return f'{training["committee"]} models ({training["protocol"]}: {net}), {training["backend"]}'


def _levels(levels: Mapping[str, Any]) -> str:
    fixed = f'accurate below {levels["lower"]:g}, failed above {levels["upper"]:g} eV/Å'
    from aiida_glassion.kernels.learning.levels import LevelSettings

    force_level = LevelSettings(**levels).force_level
    relative = '' if force_level is None else f', relative to the forces + {force_level:g} eV/Å'
    if levels['kind'] == 'fixed':
        return f'fixed: {fixed}{relative}'
    return f'calibrated from the held-out frames of each iteration; until these suffice {fixed}{relative}'


def _selection(settings: Mapping[str, Any]) -> str:
    selection = settings['selection']
    how = {'farthest': 'the most unlike each other', 'random': 'at random', 'largest': 'the least certain'}
    return f'of the candidates {how.get(selection["method"], selection["method"])}, at most as many as below'


def _stage_end(settings: Mapping[str, Any]) -> str:
    ends = settings['convergence']
    checks = f'{ends["checks"]} checks in a row' if ends['checks'] > 1 else 'a check'
    return (
        f'under {ends["candidate_fraction"]:.2g} candidates and {ends["failed_fraction"]:.2g} failed in {checks}, the '
        'held-out error falling no more; where marked, glasses of the members agree'
    )


def _loop_end(settings: Mapping[str, Any]) -> str:
    final = 'then a final training' if settings['final']['train'] else 'without a final training'
    return (
        f'the last stage has ended ({final}), or at {settings["max_iterations"]} iterations, '
        f'{settings["max_labels"]} labels, or when more data do not help; it always says why'
    )


def _stages(outlook: LoopOutlook, most_rounds: int | None) -> RenderableType:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 0, 0, 2), header_style='dim')
    for column in ('stage', 'programs'):
        table.add_column(column, overflow='fold')
    for column in ('runs', 'ps in all', 'longest', 'labels', 'rounds', 'glasses'):
        table.add_column(column, justify='right')
    for entry in outlook.stages:
        rounds = entry.stage.max_rounds or most_rounds
        table.add_row(
            entry.stage.name,
            Text('; '.join(entry.programs)),
            str(entry.runs) if entry.runs else '?',
            f'{entry.picoseconds:.4g}',
            f'{entry.longest:.4g}',
            f'≤ {entry.stage.max_labels}',
            '' if rounds is None else f'≤ {rounds}',
            'judged' if entry.stage.gate else '',
        )
    return table


def _cost(outlook: LoopOutlook, inputs: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Work of a first round, part by part, and what cannot be known."""
    from rich.text import Text

    from aiida_glassion.cli.watch import duration
    from aiida_glassion.workchains.label_inputs import chosen_engine

    yield Text('An estimate of one round on cores of a desktop machine (yours may differ by 3; a GPU is far faster):')
    if outlook.training is not None:
        plan = outlook.training
        yield Text(
            f'  training     about {duration(plan.seconds_waiting)}, {plan.core_seconds / 3600:.2g} core-hours: '
            f'{plan.committee} × {plan.steps} batches; grows with the data'
        )
    cheapest, dearest = (choose((s.core_seconds for s in outlook.stages), default=0.0) for choose in (min, max))
    yield Text(f'  exploration  {_hours(cheapest, dearest)} core-hours, by stage')
    engine = chosen_engine(inputs['label'])
    most = max(entry.stage.max_labels for entry in outlook.stages)
    cost = {'lammps': 'a fraction of a second each', 'ase': 'as long as its calculator takes'}
    words = cost.get(engine, 'by far the largest part; label ten frames first (glassion launch label) to know')
    yield Text(f'  labels       at most {most} frames: {words}')


def _hours(low: float, high: float) -> str:
    few, many = (f'{seconds / 3600:.2g}' for seconds in (low, high))
    return few if few == many else f'{few} to {many}'

"""An active learning that goes on: what it takes over, where it goes on, and what would be run again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aiida_glassion.cli.errors import GlassionError

if TYPE_CHECKING:
    from rich.console import RenderableType

_PLUGINS = {
    'lammps': 'glassion.label.lammps',
    'ase': 'glassion.label.ase',
    'quantumespresso': 'quantumespresso.pw',
    'vasp': 'vasp.vasp',
}
"""Calculation that labels, by engine."""


def take_up(
    identifier: str,
    changes: Sequence[tuple[str, Any]] = (),
    more_iterations: int | None = None,
    returned: Mapping[str, Any] | None = None,
) -> tuple[Any, RenderableType]:
    """Builder that goes on from an earlier loop, and what it takes over, ready to print.

    :param identifier: of that process.
    :param changes: dotted paths of settings, with or without ``settings.`` before them, and their values.
    :param more_iterations: after those that are done; None: the limit stays.
    :param returned: frames of other runs, by name, that the next committee judges.
    :raises GlassionError: no such process, it still runs, or the changed inputs are refused.
    """
    from rich.console import Group
    from rich.text import Text

    from aiida_glassion.cli.launch_active_learning_plan import look_ahead
    from aiida_glassion.cli.launch_active_learning_text import describe
    from aiida_glassion.workchains.active_learning import ActiveLearningWorkChain

    node = _loop(identifier)
    records = records_of(node)
    settings = node.inputs.settings.get_dict()
    overrides = _overrides(settings, changes)
    if more_iterations is not None:
        overrides['max_iterations'] = len(records) + more_iterations
    builder = ActiveLearningWorkChain.get_builder_from_earlier(node, overrides=overrides)
    if returned:
        builder.returned = dict(returned)
    ports = builder.process_class.spec().inputs
    problem = ports.validate(ports.pre_process(builder._inputs(prune=True)))
    if problem is not None:
        raise GlassionError(f'{problem.port}: {problem.message}', exit_code=2)
    outlook = look_ahead(builder, builder.seed.value, earlier=bool(records))
    title = f'Go on with {node.label or "active learning"} (pk {node.pk}, {state_of(node)})'
    lines = [Text(line) for line in taken_over(node, records, builder)]
    remarks = list(remarks_of(node, len(records), builder))
    return builder, Group(Text(title, style='bold'), *lines, Text(), describe('From there', outlook, builder, remarks))


def records_of(node: Any) -> list[dict[str, Any]]:
    """Records of the iterations that are done, in their order."""
    found = dict(node.outputs.iterations) if 'iterations' in node.outputs else {}
    return [found[name].get_dict() for name in sorted(found)]


def _loop(identifier: str) -> Any:
    """The process of a loop that has ended.

    :raises GlassionError: there is none, it is something else, or it runs.
    """
    from aiida.orm import ProcessNode

    from aiida_glassion.cli.show import find_node
    from aiida_glassion.workchains.active_learning_build import LABEL

    node = find_node(identifier)
    if not isinstance(node, ProcessNode) or node.process_label != LABEL:
        what = node.process_label if isinstance(node, ProcessNode) else type(node).__name__
        raise GlassionError(f'--continue: node {identifier} is {what}, no active learning.', exit_code=2)
    if not node.is_terminated:
        message = f'--continue: process {node.pk} still runs; two loops would do the same work.'
        raise GlassionError(message, mend=f'verdi process kill {node.pk}', exit_code=2)
    return node


def _overrides(settings: Mapping[str, Any], changes: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Changed settings, nested.

    :raises ValueError: no such setting.
    """
    from aiida_glassion.cli.launch_inputs import nested
    from aiida_glassion.cli.study_file import KEYS, lay_over
    from aiida_glassion.workchains import protocols

    overrides: dict[str, Any] = {}
    for path, value in changes:
        inner = path.removeprefix('settings.')
        section = inner.partition('.')[0]
        if section in KEYS and section not in settings:
            raise GlassionError(f'--set {path}: only settings of the loop can change where it goes on.', exit_code=2)
        base = {**settings, **overrides}
        lay_over(overrides, nested(inner, value, base))
    protocols.merge(settings, overrides)
    return overrides


def state_of(node: Any) -> str:
    """How a process ended, in words."""
    if node.is_finished_ok:
        return 'converged'
    if node.is_finished:
        return f'ended with {node.exit_status}: {node.exit_message}'
    return str(node.process_state.value) if node.process_state else 'lost'


def taken_over(node: Any, records: Sequence[Mapping[str, Any]], builder: Any) -> Iterator[str]:
    """Line by line what is not done again, and where the loop goes on."""
    inputs = builder._inputs(prune=True)
    n_frames = {name: sum(d.n_frames for d in (inputs.get(name) or {}).values()) for name in ('datasets', 'test')}
    if not n_frames['datasets']:
        yield '  nothing was labelled yet: it begins anew, and takes from the cache what has finished'
        return
    frozen = (inputs.get('earlier') or {}).get('frozen') or {}
    yield (
        f'  taken over: {len(records)} iterations, {n_frames["datasets"]} labelled frames to learn from and '
        f'{n_frames["test"]} held out, {len(frozen)} models to begin with'
    )
    if not records:
        yield '  goes on with iteration 1'
        return
    last = records[-1]
    decision = last.get('decision', {})
    yield f'  the last one, {last["number"]}, decided: {decision.get("action")}: {decision.get("reason")}'
    stages = [stage['name'] for stage in inputs['settings']['stages']]
    is_left = decision.get('action') in ('advance', 'converged')
    index = min(int(last['stage_index']) + is_left, len(stages) - 1)
    again = 1 if is_left else int(last['stage_round']) + 1
    yield f'  goes on with iteration {last["number"] + 1}: stage {stages[index]}, round {again}'


def remarks_of(node: Any, done: int, builder: Any) -> Iterator[str]:
    """What the user should know: an interrupted iteration, the cache, limits that are reached already."""
    if node.is_finished_ok:
        yield 'it had converged: its last stage is explored again, and the final training repeated'
    parts = interrupted(node, done)
    off = list(not_cached(builder))
    if parts:
        what = ', '.join(parts)
        yield f'iteration {done + 1} was interrupted; finished in it: {what}. Its jobs come from the cache.'
    if off and (parts or not done):
        names = ', '.join(off)
        commands = '; '.join(f'verdi config set --append caching.enabled_for aiida.calculations:{name}' for name in off)
        yield f'caching is off for {names}: what these have finished would run again. Switch it on first: {commands}'
    settings = builder.settings.get_dict()
    if settings['max_iterations'] <= done:
        limit = settings['max_iterations']
        yield f'the limit of {limit} iterations is reached already: it would end at once; give --more-iterations N'
    inputs = builder._inputs(prune=True)
    labels = sum(d.n_frames for name in ('datasets', 'test') for d in (inputs.get(name) or {}).values())
    if settings['max_labels'] <= labels:
        yield f'the limit of {settings["max_labels"]} labels is reached already: --set settings.max_labels=…'


def interrupted(node: Any, done: int) -> list[str]:
    """Parts that finished in the iteration that has no record."""
    prefix = f'iteration_{done + 1:02d}_'
    links = node.base.links.get_outgoing(link_label_filter=f'{prefix}%').all()
    found = [
        link for link in links if link.link_label.startswith(prefix) and getattr(link.node, 'is_finished_ok', False)
    ]
    return sorted({str(link.link_label).removeprefix(prefix) for link in found})


def not_cached(builder: Any) -> Iterator[str]:
    """Calculations of the loop whose results AiiDA would not take from its cache."""
    from aiida.manage.caching import get_use_cache

    from aiida_glassion.workchains.label_inputs import chosen_engine

    labels = _PLUGINS.get(chosen_engine(builder._inputs(prune=True)['label']))
    for name in ('glassion.deepmd.train', 'glassion.md', labels):
        if name and not get_use_cache(identifier=f'aiida.calculations:{name}'):
            yield name

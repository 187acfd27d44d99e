"""The provenance picture's content: what was called by what, how it ended, and the data that matter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from aiida import orm
from aiida.common.links import LinkType

from aiida_glassion.data.dataset import DatasetData

SHOWN_REPLICAS = 3
"""Of siblings of one kind so many are drawn with all that they called; failed ones always are (up to twice that)."""
SHOWN_LEAVES = 8

_KEY_INPUTS = (
    'composition',
    'configuration',
    'datasets',
    'test',
    'potential',
    'settings',
    'seed',
    'density',
    'oxidation_states',
    'code',
)
_NOT_TOLD = ('remote_folder', 'retrieved')


@dataclass
class Step:
    """A process in the call tree.

    :param name: label of the call link, the name that the study gives it.
    :param detail: class and PK.
    :param state: ``ok``, ``failed``, ``running`` or ``folded``.
    :param note: exit message, or what was folded.
    :param calls: what it called, in time.
    :param data: names and PKs of the outputs of the study that it made.
    """

    name: str
    detail: str
    state: str
    note: str = ''
    calls: list[Step] = field(default_factory=list)
    data: list[tuple[str, int]] = field(default_factory=list)

    def walk(self) -> Iterator[Step]:
        """The step and all below it."""
        yield self
        for step in self.calls:
            yield from step.walk()


@dataclass(frozen=True)
class Provenance:
    """The call tree of a study with its inputs.

    :param root: the study.
    :param inputs: name and short value of each input that matters.
    :param n_processes: all processes, also those that are folded.
    :param n_folded: processes that are not drawn one by one.
    """

    root: Step
    inputs: list[tuple[str, str]]
    n_processes: int
    n_folded: int


def read_provenance(node: orm.ProcessNode, shown: int = SHOWN_REPLICAS, depth: int | None = None) -> Provenance:
    """Call tree below a process, with repeated siblings folded.

    :param node: root process.
    :param shown: how many siblings of one kind are drawn.
    :param depth: how many levels of calls are read; what they called in turn is not. None: all.
    """
    names = _output_names(node)
    root = _read_step(node, node.label or node.process_label or 'study', names, depth)
    n_processes = sum(1 for _ in root.walk())
    folded = _fold(root, shown)
    return Provenance(root, _read_inputs(node), n_processes, folded)


def state_of(node: orm.ProcessNode) -> str:
    """``ok``, ``failed`` or ``running``: how a process ended, if it did."""
    if not node.is_terminated:
        return 'running'
    return 'ok' if node.is_finished_ok else 'failed'


def called(node: orm.ProcessNode) -> list[tuple[str, orm.ProcessNode]]:
    """What a process called, with the labels of the links, in time."""
    links = node.base.links.get_outgoing(link_type=(LinkType.CALL_CALC, LinkType.CALL_WORK)).all()
    return [(link.link_label, link.node) for link in sorted(links, key=lambda link: (link.node.ctime, link.node.pk))]


def _read_step(node: orm.ProcessNode, name: str, names: dict[str, str], depth: int | None) -> Step:
    note = node.exit_message or ''
    if node.exit_status:
        note = f'[{node.exit_status}] {note}'
    step = Step(name, f'{_kind(node)} <{node.pk}>', state_of(node), note)
    if isinstance(node, orm.WorkflowNode) and depth != 0:
        below = None if depth is None else depth - 1
        step.calls = [_read_step(child, label, names, below) for label, child in called(node)]
    elif not isinstance(node, orm.WorkflowNode):
        created = node.base.links.get_outgoing(link_type=LinkType.CREATE).all()
        step.data = [(names[link.node.uuid], link.node.pk) for link in created if link.node.uuid in names]
    return step


def _kind(node: orm.ProcessNode) -> str:
    label = node.process_label or 'process'
    return label.removesuffix('WorkChain').removesuffix('Calculation') or label


def _output_names(node: orm.ProcessNode) -> dict[str, str]:
    """UUID → name of each output of the study and of what it called directly; the nearest name counts."""
    names: dict[str, str] = {}
    if isinstance(node, orm.WorkflowNode):
        below = [child for _, child in called(node) if isinstance(child, orm.WorkflowNode)]
        for process in (node, *below):
            for link in process.base.links.get_outgoing(link_type=LinkType.RETURN).all():
                if link.link_label in _NOT_TOLD:
                    continue
                names[link.node.uuid] = link.link_label.replace('__', '.')
    return names


def _fold(step: Step, shown: int) -> int:
    """Replace what is beyond the number shown by one step that says so; returns how many processes went."""
    kinds: dict[str, list[Step]] = {}
    for child in step.calls:
        kinds.setdefault(child.detail.split(' <')[0], []).append(child)
    gone = 0
    for kind, siblings in kinds.items():
        limit = shown if any(sibling.calls for sibling in siblings) else SHOWN_LEAVES
        if len(siblings) <= limit:
            continue
        failed = [sibling for sibling in siblings if sibling.state != 'ok'][: 2 * limit]
        good = [sibling for sibling in siblings if sibling.state == 'ok']
        keep = good[: max(1, limit - len(failed))] + failed
        away = [sibling for sibling in siblings if all(sibling is not kept for kept in keep)]
        if len(away) < 2:
            continue
        count = sum(1 for sibling in away for _ in sibling.walk())
        ends = ', '.join(
            f'{sum(s.state == state for s in away)} {state}'
            for state in ('ok', 'failed', 'running')
            if any(s.state == state for s in away)
        )
        position = step.calls.index(away[0])
        step.calls = [child for child in step.calls if all(child is not gone_child for gone_child in away)]
        names = f'{away[0].name} … {away[-1].name}'
        folded = Step(f'{len(away)} more like these', names, 'folded', f'{kind}, {count} processes: {ends}')
        step.calls.insert(min(position, len(step.calls)), folded)
        gone += count
    return gone + sum(_fold(child, shown) for child in step.calls)


def _read_inputs(node: orm.ProcessNode) -> list[tuple[str, str]]:
    links = node.base.links.get_incoming(link_type=(LinkType.INPUT_WORK, LinkType.INPUT_CALC)).all()
    found = {link.link_label: link.node for link in links}
    inputs = []
    for key in _KEY_INPUTS:
        for label in sorted(found):
            is_member = label.startswith(f'{key}__')
            if is_member or label.split('__')[-1] == key:
                name = label.replace('__', '.') if key == 'code' or is_member else key
                inputs.append((name, _preview(found[label])))
    return inputs


def _preview(node: Any) -> str:
    """A word on a data node: its value, name or formula."""
    if isinstance(node, orm.BaseType):
        text = str(node.value)
    elif isinstance(node, orm.AbstractCode):
        text = node.full_label
    elif isinstance(node, orm.Dict):
        content = node.get_dict()
        text = str(content.get('protocol') or ', '.join(f'{key}: {value}' for key, value in content.items()))
    elif isinstance(node, DatasetData):
        text = f'{node.n_frames} frames'
    else:
        counts = node.base.attributes.get('counts', None)
        text = node.base.attributes.get('name', None) or (
            ''.join(f'{element}{count}' for element, count in counts.items())
            if isinstance(counts, dict)
            else type(node).__name__
        )
    return f'{text} <{node.pk}>'

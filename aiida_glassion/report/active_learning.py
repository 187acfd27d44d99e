"""A loop of active learning read from its provenance graph, whether it ended, failed, was killed or still runs."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aiida import orm

from aiida_glassion.data.dataset import DatasetData
from aiida_glassion.report.provenance import called, state_of
from aiida_glassion.report.study import content_of, exit_text_of, input_of, output_of, value_of
from aiida_glassion.report.training import TRAINING, Training, read_training

LOOP, EXPLORATION, GATE = 'ActiveLearningWorkChain', 'ExploreWorkChain', 'StructureGateWorkChain'
LABELLING, FINAL = 'LabelWorkChain', 'final_train'
_SHOWN_OUTPUTS = ('potentials__', 'frozen__', 'report', 'errors', 'parity')
_LABEL = re.compile(r'iteration_(\d+)_(.+)')


@dataclass(frozen=True)
class Part:
    """A process that the loop called.

    :param iteration: its number; None: before the first or after the last.
    :param name: what it does in the iteration: ``train``, ``levels``, ``explore``, ``select``, ``label``, …
    """

    iteration: int | None
    name: str
    label: str
    process: str
    pk: int
    uuid: str
    state: str
    reason: str
    started: datetime
    ended: datetime | None

    @property
    def seconds(self) -> float | None:
        """Time from its beginning to its end, s; None while it runs."""
        return None if self.ended is None else (self.ended - self.started).total_seconds()


@dataclass(frozen=True)
class Data:
    """Labelled frames of the loop.

    :param use: ``given``, ``training`` or ``held out``.
    """

    name: str
    use: str
    pk: int
    uuid: str
    n_frames: int
    formulas: dict[str, int]


@dataclass
class Loop:
    """All that a reader of an active learning wants to know.

    :param records: of its iterations, in order; keys as :func:`~aiida_glassion.functions.learning.assess_iteration`
        gives them.
    :param earlier: records of the loop that this one continues.
    :param report: of the whole; empty before its end.
    :param programs: program of each run of each iteration, by number and label.
    :param training: the newest training: the final one where there is one.
    :param final: whether ``training`` is the final one.
    :param gate: the newest structural gate: its report, and its curves by glass.
    """

    pk: int
    uuid: str
    state: str
    exit_text: str
    exit_status: int | None
    started: datetime
    ended: datetime | None
    label: str = ''
    description: str = ''
    settings: dict[str, Any] = field(default_factory=dict)
    seed: int | None = None
    records: list[dict[str, Any]] = field(default_factory=list)
    earlier: list[dict[str, Any]] = field(default_factory=list)
    report: dict[str, Any] = field(default_factory=dict)
    parts: list[Part] = field(default_factory=list)
    programs: dict[int, dict[str, str]] = field(default_factory=dict)
    ledgers: dict[int, dict[str, Any]] = field(default_factory=dict)
    training: Training | None = None
    final: bool = False
    gate: dict[str, Any] = field(default_factory=dict)
    gate_curves: dict[str, dict[str, Any]] = field(default_factory=dict)
    data: list[Data] = field(default_factory=list)
    nodes: dict[str, tuple[int, str]] = field(default_factory=dict)
    software: dict[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Title that its author gave, else what was learned."""
        return self.label or self.subject

    @property
    def subject(self) -> str:
        """What was learned."""
        formulas = [formula for used in self.data for formula in used.formulas]
        elements = sorted({element for formula in formulas for element in re.findall('[A-Z][a-z]?', formula)})
        return f'Active learning of {"-".join(elements)}' if elements else 'Active learning'

    @property
    def stages(self) -> list[dict[str, Any]]:
        """The curriculum."""
        return [stage for stage in self.settings.get('stages') or [] if isinstance(stage, dict)]

    @property
    def last(self) -> dict[str, Any]:
        """Record of the newest iteration that was judged; empty before the first."""
        return self.records[-1] if self.records else {}

    @property
    def decision(self) -> dict[str, Any]:
        """The newest decision."""
        return dict(self.last.get('decision') or {})

    @property
    def unjudged(self) -> int | None:
        """Number of the iteration that began and was not judged yet, None if there is none."""
        begun = max((part.iteration for part in self.parts if part.iteration is not None), default=None)
        judged = self.last.get('number', 0)
        return begun if begun is not None and begun > judged else None


def read_loop(node: orm.ProcessNode) -> Loop:
    """Read a loop of active learning.

    :param node: an ``ActiveLearningWorkChain``.
    :raises ValueError: another kind of node.
    """
    if not isinstance(node, orm.ProcessNode) or node.process_label != LOOP:
        raise ValueError(f'node {node.pk} is no {LOOP}')
    children = called(node)
    loop = Loop(
        pk=node.pk,
        uuid=node.uuid,
        state=state_of(node),
        exit_text=exit_text_of(node),
        exit_status=node.exit_status,
        started=node.ctime,
        ended=node.mtime if node.is_terminated else None,
        label=node.label or '',
        description=node.description or '',
        settings=content_of(input_of(node, 'settings')),
        seed=value_of(input_of(node, 'seed')),
        report=content_of(output_of(node, 'report')),
        parts=[_part(label, child) for label, child in children],
    )
    loop.records = read_records(node, children)
    loop.earlier = _ordered(
        link.node for link in node.base.links.get_incoming().all() if link.link_label.startswith('earlier__iterations')
    )
    _read_children(loop, children)
    loop.data = _data(node)
    for link in node.base.links.get_outgoing().all():
        if link.link_label.startswith(('potentials__', 'frozen__')) or link.link_label in (
            'report',
            'errors',
            'parity',
        ):
            loop.nodes[link.link_label.replace('__', '.')] = (link.node.pk, link.node.uuid)
    loop.software = _software(node, loop)
    return loop


def read_records(node: orm.ProcessNode, children: list[tuple[str, orm.ProcessNode]]) -> list[dict[str, Any]]:
    """Records of the iterations, in order: outputs of the loop, and what was judged but is no output yet.

    :param node: the loop.
    :param children: what it called, with the labels of the links.
    """
    judged = [
        output_of(child, 'result')
        for label, child in children
        if label.endswith(('_assess', '_assess_again')) and child.is_finished_ok
    ]
    links = node.base.links.get_outgoing().all()
    return _ordered([*judged, *(link.node for link in links if link.link_label.startswith('iterations__'))])


def _ordered(nodes: Any) -> list[dict[str, Any]]:
    """Records by number; of two with the same number the later node."""
    found: dict[int, dict[str, Any]] = {}
    for node in sorted((node for node in nodes if isinstance(node, orm.Dict)), key=lambda node: int(node.pk)):
        content = node.get_dict()
        if isinstance(content.get('number'), (int, float)):
            found[int(content['number'])] = content
    return [found[number] for number in sorted(found)]


def _part(label: str, node: orm.ProcessNode) -> Part:
    match = _LABEL.fullmatch(label)
    return Part(
        int(match[1]) if match else None,
        match[2] if match else label,
        label,
        node.process_label or '',
        node.pk,
        node.uuid,
        state_of(node),
        exit_text_of(node),
        node.ctime,
        node.mtime if node.is_terminated else None,
    )


def _read_children(loop: Loop, children: list[tuple[str, orm.ProcessNode]]) -> None:
    """What explorations and labellings reported, the newest gate, and the final training or else the newest."""
    trainings, gates = {}, {}
    for label, node in children:
        match = _LABEL.fullmatch(label)
        number = int(match[1]) if match else 0
        if node.process_label == TRAINING:
            trainings[label] = node
        elif node.process_label == GATE:
            gates[number] = node
        elif node.process_label == EXPLORATION:
            runs = content_of(output_of(node, 'report')).get('runs') or {}
            loop.programs[number] = {name: str(run.get('program', '')) for name, run in runs.items()}
        elif node.process_label == LABELLING:
            loop.ledgers[number] = content_of(output_of(node, 'ledger'))
    if trainings:
        loop.final = FINAL in trainings
        loop.training = read_training(trainings.get(FINAL) or _newest_tested(list(trainings.values())))
    if gates:
        number, node = max(gates.items())
        loop.gate = {**content_of(output_of(node, 'report')), 'pk': node.pk, 'iteration': number}
        loop.gate_curves = gate_curves(node)


def _newest_tested(trainings: list[orm.ProcessNode]) -> orm.ProcessNode:
    """The last training with errors; without any, the last."""
    tested = [node for node in trainings[-2:] if output_of(node, 'errors') is not None]
    return (tested or trainings)[-1]


def gate_curves(node: orm.ProcessNode) -> dict[str, dict[str, Any]]:
    """Curves of the glasses that a structural gate compared, by glass and member."""
    return {
        link.link_label.removeprefix('curves__'): link.node.arrays
        for link in sorted(node.base.links.get_outgoing().all(), key=lambda link: link.link_label)
        if link.link_label.startswith('curves__') and isinstance(link.node, orm.ArrayData)
    }


def _data(node: orm.ProcessNode) -> list[Data]:
    """Labelled frames: the training and held-out parts that the loop made of them; before that, as they were given."""
    made, given = node.base.links.get_outgoing().all(), node.base.links.get_incoming().all()
    training = _datasets(made, 'datasets__', 'training') or _datasets(given, 'datasets__', 'given')
    return training + (_datasets(made, 'test_set__', 'held out') or _datasets(given, 'test__', 'held out'))


def _datasets(links: list[Any], prefix: str, use: str) -> list[Data]:
    found = {
        link.link_label.removeprefix(prefix): link.node
        for link in sorted(links, key=lambda link: link.link_label)
        if link.link_label.startswith(prefix) and isinstance(link.node, DatasetData)
    }
    return [Data(name, use, data.pk, data.uuid, data.n_frames, data.formulas) for name, data in found.items()]


def _software(node: orm.ProcessNode, loop: Loop) -> dict[str, str]:
    versions = node.base.attributes.get('version', {}) or {}
    own = {'aiida-core': str(versions.get('core', '')), 'aiida-glassion': str(versions.get('plugin', ''))}
    trained = loop.training.software if loop.training else {}
    return {**{name: version for name, version in own.items() if version}, **trained}

"""The training of a committee read from its provenance graph, whether it ended, failed in part or still runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
from aiida import orm

from aiida_glassion.data.dataset import DatasetData
from aiida_glassion.functions.committee import read_curve, read_parity
from aiida_glassion.kernels.learning.curve import LearningCurve
from aiida_glassion.kernels.learning.parity import Parity
from aiida_glassion.report.provenance import called, state_of
from aiida_glassion.report.study import content_of, exit_text_of, input_of, output_of, value_of

TRAINING, MEMBER = 'TrainWorkChain', 'TrainMemberWorkChain'


@dataclass
class Member:
    """One attempt to train a model: how it ended and what it said of itself."""

    label: str
    pk: int
    state: str
    reason: str
    seed: int | None
    results: dict[str, Any] = field(default_factory=dict)
    potential: tuple[int, str] | None = None
    curve: LearningCurve | None = None


@dataclass(frozen=True)
class UsedData:
    """A dataset and what it was used for.

    :param use: ``training``, ``validation`` or ``test``.
    :param method: how it was labelled.
    """

    name: str
    use: str
    pk: int
    uuid: str
    n_frames: int
    formulas: dict[str, int]
    elements: list[str]
    method: dict[str, Any]


@dataclass
class Training:
    """All that the page tells of a committee's training.

    :param errors: report of the study; empty while there is none.
    :param deviations: largest force deviation and error of each test frame, eV/Å.
    """

    pk: int
    uuid: str
    state: str
    exit_text: str
    started: datetime
    ended: datetime | None
    description: str = ''
    settings: dict[str, Any] = field(default_factory=dict)
    seed: int | None = None
    members: list[Member] = field(default_factory=list)
    data: list[UsedData] = field(default_factory=list)
    errors: dict[str, Any] = field(default_factory=dict)
    parity: Parity | None = None
    deviations: dict[str, npt.NDArray[Any]] = field(default_factory=dict)
    ledger: dict[str, Any] = field(default_factory=dict)
    nodes: dict[str, tuple[int, str]] = field(default_factory=dict)
    software: dict[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """What was learned."""
        elements = sorted({element for used in self.data for element in used.elements})
        return f'{"-".join(elements)} potential' if elements else 'Potential'

    @property
    def trained(self) -> list[Member]:
        """The members that gave a model."""
        return [member for member in self.members if member.potential is not None]

    def n_frames(self, use: str) -> int:
        """Frames of one use."""
        return sum(used.n_frames for used in self.data if used.use == use)


def read_training(node: orm.ProcessNode) -> Training:
    """Read the training of a committee.

    :param node: a ``TrainWorkChain``.
    :raises ValueError: another kind of node.
    """
    if not isinstance(node, orm.ProcessNode) or node.process_label != TRAINING:
        raise ValueError(f'node {node.pk} is no {TRAINING}')
    training = Training(
        pk=node.pk,
        uuid=node.uuid,
        state=state_of(node),
        exit_text=exit_text_of(node),
        started=node.ctime,
        ended=node.mtime if node.is_terminated else None,
        description=node.description or '',
        settings=content_of(input_of(node, 'settings')),
        seed=value_of(input_of(node, 'seed')),
        errors=content_of(output_of(node, 'errors')),
        ledger=content_of(output_of(node, 'ledger')),
    )
    children = called(node)
    members = [(label, child) for label, child in children if child.process_label == MEMBER]
    training.members = [_member(label, child) for label, child in members]
    training.data = _used_data(node, members)
    parity = output_of(node, 'parity')
    if isinstance(parity, orm.ArrayData):
        training.parity = read_parity(parity)
        names = ('max_force_deviation', 'max_force_error')
        training.deviations = {name: parity.get_array(name) for name in names if name in parity.get_arraynames()}
    for name in ('errors', 'parity', 'ledger'):
        output = output_of(node, name)
        if output is not None:
            training.nodes[name] = (output.pk, output.uuid)
    training.software = _software(node, training)
    return training


def _member(label: str, node: orm.ProcessNode) -> Member:
    potential, curve = output_of(node, 'potential'), output_of(node, 'learning_curve')
    return Member(
        label.removeprefix('train_'),
        node.pk,
        state_of(node),
        exit_text_of(node),
        value_of(input_of(node, 'train__seed')),
        content_of(output_of(node, 'results')),
        None if potential is None else (potential.pk, potential.uuid),
        read_curve(curve) if isinstance(curve, orm.ArrayData) else None,
    )


def _used_data(node: orm.ProcessNode, members: list[tuple[str, orm.ProcessNode]]) -> list[UsedData]:
    """The datasets as they were divided; before that, as they were given."""
    found: list[UsedData] = []
    if members:
        found += _datasets(members[0][1], 'train__training__', 'training')
        found += _datasets(members[0][1], 'train__validation__', 'validation')
    else:
        found += _datasets(node, 'datasets__', 'training')
        found += _datasets(node, 'validation__', 'validation')
    held_out = [
        _used(link.node, link.link_label.removeprefix('test_set__'), 'test')
        for link in node.base.links.get_outgoing().all()
        if link.link_label.startswith('test_set__')
    ]
    return found + (held_out or _datasets(node, 'test__', 'test'))


def _datasets(node: orm.ProcessNode, prefix: str, use: str) -> list[UsedData]:
    links = [link for link in node.base.links.get_incoming().all() if link.link_label.startswith(prefix)]
    return [
        _used(link.node, link.link_label.removeprefix(prefix), use)
        for link in sorted(links, key=lambda link: link.link_label)
        if isinstance(link.node, DatasetData)
    ]


def _used(node: DatasetData, name: str, use: str) -> UsedData:
    return UsedData(name, use, node.pk, node.uuid, node.n_frames, node.formulas, node.elements, node.method)


def _software(node: orm.ProcessNode, training: Training) -> dict[str, str]:
    """Versions that made the study, as the processes noted them, and where the program was."""
    versions = node.base.attributes.get('version', {}) or {}
    software = {'aiida-core': str(versions.get('core', '')), 'aiida-glassion': str(versions.get('plugin', ''))}
    for member in training.members:
        if member.results.get('deepmd_version'):
            software['DeePMD-kit'] = f'{member.results["deepmd_version"]}, backend {member.results.get("backend")}'
    code = input_of(node, 'member__train__code')
    if isinstance(code, orm.AbstractCode):
        software[f'code {code.full_label}'] = str(getattr(code, 'filepath_executable', '') or type(code).__name__)
    return {name: version for name, version in software.items() if version}


def median_seconds_per_batch(training: Training) -> float | None:
    """Time of a batch as measured, median over the members, s."""
    values = [member.results.get('seconds_per_batch') for member in training.members]
    known = [float(value) for value in values if value]
    return float(np.median(known)) if known else None

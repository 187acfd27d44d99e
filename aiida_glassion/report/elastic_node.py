"""An elastic run read from its provenance graph, whether it ended, failed in part or still runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy.typing as npt
from aiida import orm

from aiida_glassion.data.frames import as_frames
from aiida_glassion.kernels.mechanics.elastic_summary import summarise
from aiida_glassion.report.provenance import called, state_of
from aiida_glassion.report.study import content_of, exit_text_of, input_of, output_of, potential_of, value_of

ELASTIC, SAMPLE = 'ElasticWorkChain', 'ElasticSampleWorkChain'
_OWN = ('results', 'curves', 'relaxed', 'ledger')


@dataclass(eq=False)
class Sample:
    """One glass at one temperature.

    :param record: its results; empty before its end.
    :param curves: arrays by name, as the output ``curves`` has them.
    """

    label: str
    glass: str
    temperature: float
    pk: int = 0
    uuid: str = ''
    seed: int | None = None
    state: str = 'ok'
    exit_text: str = ''
    record: Mapping[str, Any] = field(default_factory=dict)
    curves: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)


@dataclass(eq=False)
class ElasticStudy:
    """All that a reader of an elastic run wants to know.

    :param results: ``samples``, ``groups``, ``warnings`` as the summary writes them.
    :param preliminary: they were formed for the page, from the samples that had ended.
    """

    pk: int
    uuid: str
    state: str
    exit_text: str
    started: datetime
    description: str = ''
    settings: dict[str, Any] = field(default_factory=dict)
    seed: int | None = None
    potential: dict[str, Any] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)
    preliminary: bool = False
    samples: list[Sample] = field(default_factory=list)
    glasses: dict[str, tuple[int, str]] = field(default_factory=dict)
    nodes: dict[str, tuple[int, str]] = field(default_factory=dict)
    ledger: dict[str, Any] = field(default_factory=dict)
    software: dict[str, str] = field(default_factory=dict)

    @property
    def groups(self) -> list[dict[str, Any]]:
        """Every group of replicas at every temperature, the coldest first."""
        found = [dict(one) for group in (self.results.get('groups') or {}).values() for one in group.values()]
        return sorted(found, key=lambda one: (one['temperature'], one['group']))

    def members(self, group: Mapping[str, Any]) -> list[Sample]:
        """Samples of a group at its temperature."""
        wanted = group['glasses'], group['temperature']
        return [one for one in self.samples if one.glass in wanted[0] and one.temperature == wanted[1]]

    @property
    def title(self) -> str:
        """What is stiff."""
        formulas = list(dict.fromkeys(str(one['formula']) for one in self.groups))
        where = formulas[0] if len(formulas) == 1 else f'{len(formulas)} compositions' if formulas else 'glass'
        return f'Elasticity of {where}'


def read_elastic(node: orm.ProcessNode) -> ElasticStudy:
    """Read an elastic run, or one of its samples as a run of one.

    :param node: an ``ElasticWorkChain`` or an ``ElasticSampleWorkChain``.
    :raises ValueError: another kind of node.
    """
    if not isinstance(node, orm.ProcessNode) or node.process_label not in (ELASTIC, SAMPLE):
        raise ValueError(f'node {node.pk} is no {ELASTIC}')
    single = node.process_label == SAMPLE
    children = [(node.label or 'sample', node)] if single else called(node)
    versions = node.base.attributes.get('version', {}) or {}
    software = {'aiida-core': versions.get('core'), 'aiida-glassion': versions.get('plugin')}
    links = sorted(node.base.links.get_outgoing().all(), key=lambda link: link.link_label)
    study = ElasticStudy(
        pk=node.pk,
        uuid=node.uuid,
        state=state_of(node),
        exit_text=exit_text_of(node),
        started=node.ctime,
        description=node.description or '',
        settings=content_of(input_of(node, 'settings')),
        seed=value_of(input_of(node, 'seed')),
        potential=potential_of(node),
        results={} if single else content_of(output_of(node, 'results')),
        samples=[_sample(label, child) for label, child in children if child.process_label == SAMPLE],
        glasses=_glasses(node),
        nodes={
            link.link_label.replace('__', '.'): (link.node.pk, link.node.uuid)
            for link in links
            if link.link_label.split('__')[0] in _OWN
        },
        ledger=content_of(output_of(node, 'ledger')),
        software={name: str(version) for name, version in software.items() if version},
    )
    if not study.results:
        _summarise(study, node)
    return study


def _sample(label: str, node: orm.ProcessNode) -> Sample:
    """One sample, as far as it came."""
    temperature, curves = input_of(node, 'temperature'), output_of(node, 'curves')
    return Sample(
        label=label,
        glass=label.partition('_')[2] or label,
        temperature=float(temperature.value) if isinstance(temperature, orm.BaseType) else 0.0,
        pk=node.pk,
        uuid=node.uuid,
        seed=value_of(input_of(node, 'seed')),
        state='ok' if node.exit_status == 452 else state_of(node),
        exit_text=exit_text_of(node),
        record=content_of(output_of(node, 'results')),
        curves=curves.arrays if isinstance(curves, orm.ArrayData) else {},
    )


def _summarise(study: ElasticStudy, node: orm.ProcessNode) -> None:
    """Means over the samples that have ended, where the run has none yet."""
    glasses = {
        link.link_label.removeprefix('glasses__'): link.node
        for link in node.base.links.get_incoming().all()
        if link.link_label.startswith('glasses__')
    }
    alone = input_of(node, 'configuration')
    ended = [one for one in study.samples if one.record]
    plan = {
        one.label: {
            'glass': one.glass,
            'temperature': one.temperature,
            'counts': as_frames(glasses.get(one.glass, alone)).counts,
        }
        for one in ended
    }
    if plan:
        study.results, study.preliminary = summarise(plan, {one.label: one.record for one in ended}), True


def _glasses(node: orm.ProcessNode) -> dict[str, tuple[int, str]]:
    """PK and UUID of each glass, by its label."""
    return {
        link.link_label.removeprefix('glasses__'): (link.node.pk, link.node.uuid)
        for link in sorted(node.base.links.get_incoming().all(), key=lambda link: link.link_label)
        if link.link_label.startswith('glasses__') or link.link_label == 'configuration'
    }

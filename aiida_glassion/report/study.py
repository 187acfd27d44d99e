"""A melt-quench study read from its provenance graph, whether it ended, failed in part or still runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
from aiida import orm
from aiida.common.links import LinkType

from aiida_glassion.data.frames import FramesData, as_frames
from aiida_glassion.frames import Frames
from aiida_glassion.kernels.statistics import curve_mean_and_error
from aiida_glassion.kernels.structure.glass import average_reports
from aiida_glassion.report.figures.run import Cooling, Run, Stage
from aiida_glassion.report.numbers import Number, find_number
from aiida_glassion.report.provenance import called, state_of

STUDY, REPLICA = 'MeltQuenchWorkChain', 'MeltQuenchReplicaWorkChain'


@dataclass
class Replica:
    """One replica: how it ended, its melt tests and seed."""

    label: str
    pk: int
    state: str
    reason: str
    seed: int | None
    melts: list[tuple[str, dict[str, Any]]]


@dataclass
class Glass:
    """The glass at one quench rate.

    :param label: name of the rate in the outputs, ``rate_10``.
    :param rate: K/ps.
    :param numbers: mean and standard error over the replicas; of those that are there where the study is not finished.
    :param replicas: each replica's own numbers.
    :param curves: mean curves with ``…_error``.
    :param final: the means are the study's own; else they were formed here from the replicas that are there so far.
    """

    label: str
    rate: float | None
    numbers: dict[str, Any] = field(default_factory=dict)
    replicas: dict[str, dict[str, Any]] = field(default_factory=dict)
    curves: dict[str, Any] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)
    cooling: dict[str, Cooling] = field(default_factory=dict)
    nodes: dict[str, tuple[int, str]] = field(default_factory=dict)
    frames: Frames | None = None
    final: bool = True

    @property
    def transition(self) -> Number | None:
        """T_g over the replicas, K."""
        return find_number(self.numbers, 'glass_transition', 'temperature')

    @property
    def cutoffs(self) -> dict[str, float]:
        """Bond cut-offs by pair, Å."""
        pairs = self.numbers.get('cutoffs')
        found = {pair: find_number(pairs, pair) for pair in pairs} if isinstance(pairs, Mapping) else {}
        return {pair: number.value for pair, number in found.items() if number is not None}


@dataclass
class Study:
    """All that the page tells of a study."""

    pk: int
    uuid: str
    composition: str
    state: str
    exit_text: str
    started: datetime
    ended: datetime | None
    description: str = ''
    apportioned: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    potential: dict[str, Any] = field(default_factory=dict)
    seed: int | None = None
    replicas: list[Replica] = field(default_factory=list)
    glasses: list[Glass] = field(default_factory=list)
    ledger: dict[str, Any] = field(default_factory=dict)
    software: dict[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """What the study is about."""
        return f'{self.composition} glass'


def read_study(node: orm.ProcessNode) -> Study:
    """Read a melt-quench study.

    :param node: a ``MeltQuenchWorkChain``, or one replica of it.
    :raises ValueError: another kind of node.
    """
    if not isinstance(node, orm.ProcessNode) or node.process_label not in (STUDY, REPLICA):
        kind = getattr(node, 'process_label', None) or type(node).__name__
        raise ValueError(
            f'node {node.pk} is a {kind}; a report is made of a {STUDY} (or a {REPLICA}), an AnalysisCalculation, '
            'an ActiveLearningWorkChain or a TrainWorkChain'
        )
    settings = content_of(input_of(node, 'settings'))
    study = Study(
        pk=node.pk,
        uuid=node.uuid,
        composition=_composition(node),
        state=state_of(node),
        exit_text=exit_text_of(node),
        started=node.ctime,
        ended=node.mtime if node.is_terminated else None,
        description=node.description or '',
        apportioned=content_of(output_of(node, 'composition_report')),
        settings=settings,
        potential=potential_of(node),
        seed=value_of(input_of(node, 'seed')),
        ledger=content_of(output_of(node, 'ledger')),
    )
    members = [(node.label or 'replica_00', node)] if node.process_label == REPLICA else called(node)
    replicas = [(label, child) for label, child in members if child.process_label == REPLICA]
    study.replicas = [_replica(label, child) for label, child in replicas]
    study.glasses = [_glass(node, rate, replicas) for rate in _rates(settings, replicas)]
    study.software = _software(node, replicas)
    return study


def _glass(node: orm.ProcessNode, rate: tuple[str, float | None], replicas: list[tuple[str, orm.ProcessNode]]) -> Glass:
    glass = Glass(*rate)
    arrays = {}
    for label, replica in replicas:
        numbers, curves = output_of(replica, f'structure__{glass.label}'), output_of(replica, f'curves__{glass.label}')
        run = _run(replica, glass.label)
        if run is not None:
            glass.runs[label] = run
        if numbers is None:
            continue
        glass.replicas[label] = content_of(numbers)
        glass.nodes[f'{label}: numbers'] = (numbers.pk, numbers.uuid)
        if isinstance(curves, orm.ArrayData):
            arrays[label] = curves.arrays
            glass.nodes[f'{label}: curves'] = (curves.pk, curves.uuid)
            glass.cooling[label] = _cooling(arrays[label], glass.replicas[label])
        configuration = output_of(replica, f'glass__{glass.label}')
        if isinstance(configuration, FramesData):
            glass.nodes[f'{label}: glass'] = (configuration.pk, configuration.uuid)
            glass.frames = glass.frames or configuration.frames
    mean, mean_curves = output_of(node, f'structure__{glass.label}'), output_of(node, f'curves__{glass.label}')
    if node.process_label == STUDY and mean is not None:
        glass.numbers = content_of(mean)
        glass.nodes['mean: numbers'] = (mean.pk, mean.uuid)
        if isinstance(mean_curves, orm.ArrayData):
            glass.curves = mean_curves.arrays
            glass.nodes['mean: curves'] = (mean_curves.pk, mean_curves.uuid)
    elif glass.replicas:
        glass.final = False
        glass.numbers = average_reports(glass.replicas)
        glass.curves = _average(list(arrays.values()))
    return glass


def _average(replicas: list[dict[str, Any]]) -> dict[str, Any]:
    """Mean curves of the replicas that are there so far."""
    averaged: dict[str, Any] = {}
    for name in sorted(set.intersection(*(set(part) for part in replicas))) if replicas else []:
        parts = [part[name] for part in replicas]
        if len({part.shape for part in parts}) == 1:
            averaged[name], error = curve_mean_and_error(parts)
            if error is not None and name not in ('r', 'r_outer', 'angle'):
                averaged[f'{name}_error'] = error
    return averaged


def _cooling(curves: Mapping[str, Any], numbers: Mapping[str, Any]) -> Cooling:
    found = numbers.get('glass_transition') or {}
    empty = np.zeros(0)
    value = find_number(found, 'temperature') if found.get('converged') else None
    error = find_number(found, 'error')
    return Cooling(
        curves.get('cooling_temperature', empty),
        curves.get('cooling_value', empty),
        str(found.get('from', 'volume')),
        None if value is None else Number(value.value, None if error is None else error.value),
        str(found.get('reason', '')),
    )


def _run(replica: orm.ProcessNode, rate: str) -> Run | None:
    """The MD of a replica from the packed box to the glass of one rate, its pieces one after another in time."""
    pieces, stages, offset = [], [], 0.0
    for label, child in called(replica):
        if not (label.startswith('melt') or label == f'quench_{rate}'):
            continue
        thermo = output_of(child, 'thermo')
        if not isinstance(thermo, orm.ArrayData) or not len(thermo.get_array('time')):
            continue
        arrays = thermo.arrays
        keep = arrays['iteration'] == 0 if 'iteration' in arrays else np.ones(len(arrays['time']), dtype=bool)
        if not keep.any():
            continue
        n_atoms = _n_atoms(child)
        names = [stage.get('name') or stage.get('kind') for stage in _schedule(child).get('stages', [])]
        time = arrays['time'][keep] + offset
        edges = offset
        for index in np.unique(arrays['stage'][keep]):
            end = float(time[arrays['stage'][keep] == index][-1])
            name = names[index] if index < len(names) else f'stage {index}'
            stages.append(Stage(label.replace('_', ' ') if 'longer' in label else str(name), edges, end))
            edges = end
        offset = float(time[-1])
        columns = [arrays[name][keep] for name in ('temperature', 'density', 'potential_energy')]
        pieces.append(np.stack([time, columns[0], columns[1], columns[2] / n_atoms]))
    if not pieces:
        return None
    time, temperature, density, energy = np.concatenate(pieces, axis=1)
    return Run(time, temperature, density, energy, stages)


def _n_atoms(node: orm.ProcessNode) -> int:
    for candidate in (output_of(node, 'final'), output_of(node, 'trajectory'), input_of(node, 'md__configuration')):
        if isinstance(candidate, FramesData):
            return candidate.n_atoms
        if candidate is not None:
            return as_frames(candidate).n_atoms
    return 1


def _schedule(node: orm.ProcessNode) -> dict[str, Any]:
    return content_of(input_of(node, 'md__schedule'))


def _replica(label: str, node: orm.ProcessNode) -> Replica:
    melts: list[tuple[str, dict[str, Any]]] = []
    for _, child in called(node):
        verdict = output_of(child, 'result') if child.process_label == 'judge_melt' else None
        if isinstance(verdict, orm.Dict):
            melts.append((f'hold {len(melts) + 1}', verdict.get_dict()))
    return Replica(label, node.pk, state_of(node), exit_text_of(node), value_of(input_of(node, 'seed')), melts)


def _rates(settings: Mapping[str, Any], replicas: list[tuple[str, orm.ProcessNode]]) -> list[tuple[str, float | None]]:
    """Names and values of the quench rates, K/ps."""
    from aiida_glassion.kernels.build.melt_quench import rate_label

    rates: dict[str, float | None] = {rate_label(rate): float(rate) for rate in settings.get('rates', [])}
    for _, replica in replicas:
        for link in replica.base.links.get_outgoing().all():
            if link.link_label.startswith('structure__'):
                rates.setdefault(link.link_label.removeprefix('structure__'), None)
    return list(rates.items())


def _composition(node: orm.ProcessNode) -> str:
    given = input_of(node, 'composition')
    if isinstance(given, orm.Str):
        return str(given.value)
    if isinstance(given, orm.Dict):
        return '-'.join(f'{share:g}{name}' for name, share in given.get_dict().items())
    configuration = input_of(node, 'configuration')
    if configuration is not None:
        return ''.join(f'{element}{count}' for element, count in as_frames(configuration).counts.items())
    counts = content_of(input_of(node, 'packmol__counts'))
    return ''.join(f'{element}{count}' for element, count in counts.items()) or 'unnamed'


def _software(node: orm.ProcessNode, replicas: list[tuple[str, orm.ProcessNode]]) -> dict[str, str]:
    """Versions that made the study, as the processes noted them, and where the programs were."""
    versions = node.base.attributes.get('version', {}) or {}
    software = {'aiida-core': str(versions.get('core', '')), 'aiida-glassion': str(versions.get('plugin', ''))}
    for _, replica in replicas:
        for _, child in called(replica):
            results = content_of(output_of(child, 'results'))
            if results.get('lammps_version'):
                software['LAMMPS'] = str(results['lammps_version'])
                break
    for label in ('md__md__code', 'packmol__code'):
        code = input_of(node, label)
        if isinstance(code, orm.AbstractCode):
            software[f'code {code.full_label}'] = str(getattr(code, 'filepath_executable', '') or type(code).__name__)
    return {name: version for name, version in software.items() if version}


def exit_text_of(node: orm.ProcessNode) -> str:
    """How a process ended, in words."""
    if not node.is_terminated:
        return f'not ended: {node.process_state.value if node.process_state else "unknown"}'
    if node.is_finished_ok:
        return 'ended well'
    if node.is_finished:
        return f'ended with exit code {node.exit_status}: {node.exit_message}'
    return f'{node.process_state.value}: {node.process_status or "no reason given"}'


def input_of(node: orm.ProcessNode, label: str) -> Any:
    """Input of a process by the label of its link, None where there is none."""
    link = node.base.links.get_incoming(link_label_filter=label).first()
    return None if link is None else link.node


def potential_of(node: orm.ProcessNode) -> dict[str, Any]:
    """What is known of the potential that a process was given, and its PK; empty if there was none."""
    names = ('name', 'kind', 'elements', 'charges', 'cutoff', 'citation', 'notes', 'commands')
    for link in node.base.links.get_incoming().all():
        if link.link_label.endswith('potential'):
            return {name: link.node.base.attributes.get(name, None) for name in names} | {'pk': link.node.pk}
    return {}


def output_of(node: orm.ProcessNode, label: str) -> Any:
    """Output of a process by the label of its link, None where there is none."""
    made = (LinkType.CREATE, LinkType.RETURN)  # a call may have the label of an output
    link = node.base.links.get_outgoing(link_type=made, link_label_filter=label).first()
    return None if link is None else link.node


def content_of(node: Any) -> dict[str, Any]:
    """Content of a Dict; empty for anything else."""
    return node.get_dict() if isinstance(node, orm.Dict) else {}


def value_of(node: Any) -> int | None:
    """Value of an Int; None for anything else."""
    return int(node.value) if isinstance(node, orm.Int) else None

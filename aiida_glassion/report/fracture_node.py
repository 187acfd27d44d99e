"""A fracture study read from its provenance graph, whether it ended, failed in part or still runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy.typing as npt
from aiida import orm

from aiida_glassion.data.frames import as_frames
from aiida_glassion.kernels.mechanics.fracture import Plane
from aiida_glassion.kernels.mechanics.fracture_summary import group_curves, summarise
from aiida_glassion.kernels.transport.sweep import formula_of
from aiida_glassion.report.fracture import Fracture, Pictures, Pull
from aiida_glassion.report.provenance import called, state_of
from aiida_glassion.report.study import content_of, exit_text_of, input_of, output_of, potential_of, value_of

STUDY, PULL = 'FractureWorkChain', 'FracturePullWorkChain'
NOT_BROKEN = 460
_OWN = ('results', 'curves', 'ledger', 'snapshots', 'reference', 'final', 'notch', 'regions')
_LABEL = re.compile(r'(.+)_(tension|notched)_([xyz])_(\d+)x(\d+)x(\d+)_(?:steps|r.+)')
_GRID = 0.002


def read_fracture(node: orm.ProcessNode) -> Fracture:
    """Read a fracture study, or one of its pulls as a study of one.

    :param node: a ``FractureWorkChain`` or a ``FracturePullWorkChain``.
    :raises ValueError: another kind of node.
    """
    if not isinstance(node, orm.ProcessNode) or node.process_label not in (STUDY, PULL):
        raise ValueError(f'node {node.pk} is no {STUDY}')
    single = node.process_label == PULL
    study = Fracture(
        pk=node.pk,
        uuid=node.uuid,
        state=_ended(node) if single else state_of(node),
        exit_text=exit_text_of(node),
        exit_status=node.exit_status,
        started=node.ctime,
        ended=node.mtime if node.is_terminated else None,
        description=node.description or '',
        settings=content_of(input_of(node, 'settings')),
        seed=value_of(input_of(node, 'seed')),
        potential=potential_of(node),
        results={} if single else content_of(output_of(node, 'results')),
        ledger=content_of(output_of(node, 'ledger')),
        glasses=_glasses(node),
        single=single,
    )
    children = [(node.label or 'pull', node)] if single else called(node)
    study.pulls = [_pull(label, child) for label, child in children if child.process_label == PULL]
    if not study.results.get('pooled'):
        _summarise(study)
    else:
        study.means = _means(output_of(node, 'curves'))
    for pull in study.pulls:
        pull.results = (study.results.get('samples') or {}).get(pull.label) or pull.results
    study.planned = _planned(study)
    for link in sorted(node.base.links.get_outgoing().all(), key=lambda link: link.link_label):
        if link.link_label in _OWN or link.link_label.startswith('analysis__'):
            study.nodes[link.link_label.replace('__', ': ')] = (link.node.pk, link.node.uuid)
    versions = node.base.attributes.get('version', {}) or {}
    software = {'aiida-core': versions.get('core'), 'aiida-glassion': versions.get('plugin')}
    study.software = {name: str(version) for name, version in software.items() if version}
    return study


def _pull(label: str, node: orm.ProcessNode) -> Pull:
    """One pull, as far as it came."""
    match = _LABEL.fullmatch(label)
    settings, axis = content_of(input_of(node, 'settings')), input_of(node, 'axis')
    given = input_of(node, 'configuration')
    counts = None if given is None else given.base.attributes.get('counts', None)
    return Pull(
        label=label,
        sample=match[1] if match else '',
        kind=str(settings.get('kind') or (match[2] if match else '')),
        axis=str(axis.value) if isinstance(axis, orm.Str) else match[3] if match else '',
        rate=settings.get('rate'),
        size=(int(match[4]), int(match[5]), int(match[6])) if match else (1, 1, 1),
        pk=node.pk,
        uuid=node.uuid,
        seed=value_of(input_of(node, 'seed')),
        state=_ended(node),
        exit_text=exit_text_of(node),
        results=content_of(output_of(node, 'results')),
        curves=_arrays(output_of(node, 'curves')),
        numbers=content_of(output_of(node, 'analysis__numbers')),
        along=_arrays(output_of(node, 'analysis__curves')),
        formula=formula_of({name: int(n) for name, n in counts.items()}) if isinstance(counts, Mapping) else '',
        load=_loader(node),
    )


def _ended(node: orm.ProcessNode) -> str:
    """One that was pulled to its end without breaking is no failure: it has results."""
    state = state_of(node)
    return 'ok' if state == 'failed' and node.exit_status == NOT_BROKEN else state


def _arrays(node: Any) -> dict[str, npt.NDArray[Any]]:
    return node.arrays if isinstance(node, orm.ArrayData) else {}


def _loader(node: orm.ProcessNode) -> Callable[[], Pictures]:
    """Reads snapshots and maps when they are drawn."""

    def load() -> Pictures:
        snapshots = output_of(node, 'snapshots')
        frames = as_frames(snapshots) if isinstance(snapshots, orm.TrajectoryData) else None
        return Pictures(frames, _arrays(output_of(node, 'analysis__maps')))

    return load


def _means(node: Any) -> dict[int, dict[str, npt.NDArray[Any]]]:
    """Mean curves by the index of the group."""
    found: dict[int, dict[str, npt.NDArray[Any]]] = {}
    for name, array in _arrays(node).items():
        index, _, column = name.partition('__')
        if index.isdigit():
            found.setdefault(int(index), {})[column] = array
    return {index: arrays for index, arrays in found.items() if {'strain', 'stress'} <= set(arrays)}


def _summarise(study: Fracture) -> None:
    """Means over the pulls that have ended, where the study has none yet."""
    told = [pull for pull in study.pulls if pull.results]
    if not told:
        return
    plan = {pull.label: {'sample': pull.sample, 'size': pull.size} for pull in told}
    plane: Plane = 'stress' if study.settings.get('plane') == 'stress' else 'strain'
    study.results = summarise(plan, {pull.label: pull.results for pull in told}, plane=plane)
    study.preliminary = not study.single
    curves = {pull.label: pull.curves for pull in told if pull.curves}
    study.means = _columns(*group_curves(study.results, curves, _GRID))


def _columns(arrays: Mapping[str, npt.NDArray[Any]], _: Any) -> dict[int, dict[str, npt.NDArray[Any]]]:
    found: dict[int, dict[str, npt.NDArray[Any]]] = {}
    for name, array in arrays.items():
        index, _, column = name.partition('__')
        found.setdefault(int(index), {})[column] = array
    return found


def _planned(study: Fracture) -> int:
    """How many pulls there are to be."""
    if study.single:
        return 1
    counts = [len(study.settings.get(name) or [0]) for name in ('kinds', 'axes', 'rates', 'sizes')]
    planned = max(1, len(study.glasses))
    for count in counts:
        planned *= count
    return max(planned, len(study.pulls))


def _glasses(node: orm.ProcessNode) -> dict[str, tuple[int, str]]:
    """PK and UUID of each glass, by its label."""
    return {
        link.link_label.removeprefix('glasses__'): (link.node.pk, link.node.uuid)
        for link in sorted(node.base.links.get_incoming().all(), key=lambda link: link.link_label)
        if link.link_label.startswith('glasses__') or link.link_label == 'configuration'
    }

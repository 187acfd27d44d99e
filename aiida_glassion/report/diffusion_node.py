"""A diffusion sweep read from its provenance graph, whether it ended, failed in part or still runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from aiida import orm

from aiida_glassion.analysis.result import Curve
from aiida_glassion.data.frames import as_frames
from aiida_glassion.frames import Frames
from aiida_glassion.kernels.transport.sweep import formula_of, read_run
from aiida_glassion.kernels.transport.sweep_lines import line_curves
from aiida_glassion.kernels.transport.sweep_summary import summarise
from aiida_glassion.report.diffusion import Maps, Point, Sweep
from aiida_glassion.report.provenance import called, state_of
from aiida_glassion.report.study import content_of, exit_text_of, input_of, output_of, potential_of, value_of

SWEEP, POINT = 'DiffusionSweepWorkChain', 'DiffusionPointWorkChain'
_OF_POINT = {
    'numbers': 'numbers',
    'curves': 'curves_of_points',
    'per_atom': 'maps',
    'trajectory': 'trajectories',
    'history': 'histories',
}
"""Outputs of a point, and the namespaces in which the sweep hands them on."""
_OWN = ('results', 'curves', 'ledger')
_LABEL = re.compile(r'T(\d+(?:p\d+)?)_(.+)_(\d+)')


def read_sweep(node: orm.ProcessNode) -> Sweep:
    """Read a diffusion sweep, or one of its points as a sweep of one temperature.

    :param node: a ``DiffusionSweepWorkChain`` or a ``DiffusionPointWorkChain``.
    :raises ValueError: another kind of node.
    """
    if not isinstance(node, orm.ProcessNode) or node.process_label not in (SWEEP, POINT):
        raise ValueError(f'node {node.pk} is no {SWEEP}')
    single = node.process_label == POINT
    temperatures = input_of(node, 'temperatures')
    sweep = Sweep(
        pk=node.pk,
        uuid=node.uuid,
        state=state_of(node),
        exit_text=exit_text_of(node),
        exit_status=node.exit_status,
        started=node.ctime,
        ended=node.mtime if node.is_terminated else None,
        description=node.description or '',
        settings=content_of(input_of(node, 'settings')),
        temperatures=[float(t) for t in temperatures.get_list()] if isinstance(temperatures, orm.List) else [],
        seed=value_of(input_of(node, 'seed')),
        potential=potential_of(node),
        results={} if single else content_of(output_of(node, 'results')),
        ledger=content_of(output_of(node, 'ledger')),
        single=single,
    )
    if not single and isinstance(output_of(node, 'curves'), orm.ArrayData):
        sweep.lines, sweep.about_lines = _lines(node.outputs.curves)
    sweep.glasses = _glasses(node)
    sweep.points = [_point(label, child) for label, child in _points(node, single)]
    if not sweep.temperatures:
        sweep.temperatures = sorted({point.temperature for point in sweep.points}, reverse=True)
    if not sweep.results.get('compositions'):
        _summarise(sweep)
    _name_compositions(sweep)
    for link in sorted(node.base.links.get_outgoing().all(), key=lambda link: link.link_label):
        if link.link_label in _OWN or (single and link.link_label in _OF_POINT):
            sweep.nodes[link.link_label] = (link.node.pk, link.node.uuid)
    versions = node.base.attributes.get('version', {}) or {}
    software = {'aiida-core': versions.get('core'), 'aiida-glassion': versions.get('plugin')}
    sweep.software = {name: str(version) for name, version in software.items() if version}
    return sweep


def _points(node: orm.ProcessNode, single: bool) -> list[tuple[str, orm.ProcessNode]]:
    if single:
        return [(node.label or 'the run', node)]
    return [(label, child) for label, child in called(node) if child.process_label == POINT]


def _point(label: str, node: orm.ProcessNode) -> Point:
    """One run, as far as it came."""
    match = _LABEL.fullmatch(label)
    results = content_of(output_of(node, 'results'))
    plain = content_of(output_of(node, 'numbers'))
    temperature = input_of(node, 'temperature')
    entries = plain.get('analyses') or {}
    history = content_of(output_of(node, 'history')).get('segments') or {}
    kelvin = float(match[1].replace('p', '.')) if match else 0.0
    warnings = [str(text) for text in plain.get('warnings') or []]
    warnings += [str(text) for entry in entries.values() for text in entry.get('warnings') or []]
    warnings += [f'{kind} failed: {why}' for kind, why in (plain.get('failed') or {}).items()]
    return Point(
        label=label,
        temperature=float(temperature.value) if isinstance(temperature, orm.BaseType) else kelvin,
        glass=match[2] if match else '',
        composition=formula_of(counts) if (counts := _counts(node, plain)) else '',
        counts=counts,
        pk=node.pk,
        uuid=node.uuid,
        seed=value_of(input_of(node, 'seed')),
        state=_ended(node),
        exit_text=exit_text_of(node),
        status=str(results.get('status') or ''),
        reason=str(results.get('reason') or ''),
        length=results.get('length'),
        results=results,
        plain=plain,
        numbers={kind: entry.get('numbers') or {} for kind, entry in entries.items()},
        curves=_curves(output_of(node, 'curves')),
        warnings=list(dict.fromkeys(warnings)),
        history=[entry for _, entry in sorted(history.items())],
        load=_loader(node),
    )


def _ended(node: orm.ProcessNode) -> str:
    """One that ended without its error is no failure: it has results."""
    state = state_of(node)
    return 'ok' if state == 'failed' and node.exit_status in (430, 431) else state


def _counts(node: orm.ProcessNode, plain: Mapping[str, Any]) -> dict[str, int]:
    """Atoms by element: of the analysis, else of the glass that went in."""
    counts = (plain.get('system') or {}).get('counts')
    if counts:
        return {element: int(n) for element, n in counts.items()}
    glass = input_of(node, 'configuration')
    kept = None if glass is None else glass.base.attributes.get('counts', None)
    return {element: int(n) for element, n in kept.items()} if isinstance(kept, Mapping) else {}


def _curves(node: Any) -> dict[str, dict[str, Curve]]:
    """Curves by kind of analysis and name."""
    if not isinstance(node, orm.ArrayData):
        return {}
    arrays = node.arrays
    found: dict[str, dict[str, Curve]] = {}
    for name, about in (node.base.attributes.get('curves', None) or {}).items():
        kind, _, own = name.partition('__')
        if f'{name}__x' in arrays and f'{name}__y' in arrays:
            curve = Curve(arrays[f'{name}__x'], arrays[f'{name}__y'], error=arrays.get(f'{name}__error'), **about)
            found.setdefault(kind, {})[own] = curve
    return found


def _loader(node: orm.ProcessNode) -> Callable[[], Maps]:
    """Reads the maps of a point when they are drawn."""

    def load() -> Maps:
        arrays, trajectory = output_of(node, 'per_atom'), output_of(node, 'trajectory')
        frames: Frames | None = None
        if isinstance(trajectory, orm.TrajectoryData):
            frames = as_frames(trajectory)[:1]
        elif (glass := input_of(node, 'configuration')) is not None:
            frames = as_frames(glass)[-1]
        return Maps(arrays.arrays if isinstance(arrays, orm.ArrayData) else {}, frames)

    return load


def _lines(node: orm.ArrayData) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """Arrhenius lines and what they are of, by name."""
    lines: dict[str, dict[str, Any]] = {}
    for name, array in node.arrays.items():
        whose, _, column = name.rpartition('__')
        lines.setdefault(whose, {})[column] = array
    complete = {name: columns for name, columns in lines.items() if {'T', 'value', 'low', 'high'} <= set(columns)}
    return complete, dict(node.base.attributes.get('curves', None) or {})


def _summarise(sweep: Sweep) -> None:
    """Means over the runs that have ended, where the sweep has none yet."""
    runs = [
        read_run(
            point.label,
            {
                'temperature': point.temperature,
                'glass': point.glass or 'glass',
                'seed': point.seed or 0,
                'counts': point.counts,
                'reason': point.exit_text,
            },
            point.results,
            point.plain or None,
        )
        for point in sweep.points
        if point.counts and point.results
    ]
    if not runs:
        return
    results, lines = summarise(runs, {})
    sweep.results, sweep.preliminary = results, True
    for index, formula in enumerate(sorted(results['compositions'])):
        for quantity, fit in lines[formula].items():
            sweep.lines[f'{index}__{quantity}'] = line_curves(fit)
            sweep.about_lines[f'{index}__{quantity}'] = {'composition': formula, 'quantity': quantity}


def _name_compositions(sweep: Sweep) -> None:
    """The composition of each point, as the results name it."""
    for name, record in (sweep.results.get('compositions') or {}).items():
        labels = {
            label for entry in (record.get('temperatures') or {}).values() for label in entry.get('replicas') or {}
        }
        for point in sweep.points:
            if point.label in labels:
                point.composition = name


def _glasses(node: orm.ProcessNode) -> dict[str, tuple[int, str]]:
    """PK and UUID of each glass, by its label."""
    return {
        link.link_label.removeprefix('glasses__'): (link.node.pk, link.node.uuid)
        for link in sorted(node.base.links.get_incoming().all(), key=lambda link: link.link_label)
        if link.link_label.startswith('glasses__') or link.link_label == 'configuration'
    }

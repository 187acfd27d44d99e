"""Calcfunctions around molecular dynamics runs."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.engine import calcfunction

from aiida_glassion.data.frames import FramesData
from aiida_glassion.kernels.segments import Segment, join_deviations, join_frames, join_thermo


@calcfunction
def join_segments(bookkeeping: orm.List, **pieces: orm.Data) -> dict[str, Any]:
    """Join the trajectories, thermodynamic output, deviations and results of the pieces of one run.

    :param bookkeeping: one entry a piece: steps and time (ps) before it, its stages, the last step that counts.
    :param pieces: nodes ``trajectory_<i>``, ``thermo_<i>``, ``deviations_<i>`` and ``results_<i>`` of each piece that
        has them.
    """
    segments = [Segment(**{**entry, 'stages': tuple(entry['stages'])}) for entry in bookkeeping]
    outputs: dict[str, Any] = {}
    frames = [(pieces[f'trajectory_{i}'].frames, s) for i, s in enumerate(segments) if f'trajectory_{i}' in pieces]
    if frames:
        outputs['trajectory'] = FramesData(frames=join_frames(*zip(*frames, strict=True)))
    tables = {name: _tables(name, pieces, segments) for name in ('thermo', 'deviations')}
    if tables['thermo']:
        outputs['thermo'] = _array_data(join_thermo(*zip(*tables['thermo'], strict=True)), pieces, 'thermo')
    if tables['deviations']:
        stored = outputs['trajectory'].frames.steps if frames else []
        joined = join_deviations(*zip(*tables['deviations'], strict=True), frame_steps=stored)
        outputs['deviations'] = _array_data(joined, pieces, 'deviations')
    results = [pieces[f'results_{i}'].get_dict() for i in range(len(segments)) if f'results_{i}' in pieces]
    outputs['results'] = orm.Dict(_summarise(results, segments))
    return outputs


def _tables(name: str, pieces: dict[str, orm.Data], segments: list[Segment]) -> list[tuple[dict[str, Any], Segment]]:
    return [(pieces[f'{name}_{i}'].arrays, s) for i, s in enumerate(segments) if f'{name}_{i}' in pieces]


def _array_data(arrays: dict[str, Any], pieces: dict[str, orm.Data], name: str) -> orm.ArrayData:
    """Node of these arrays with the units of the first piece."""
    node = orm.ArrayData(arrays)
    first = next(piece for label, piece in sorted(pieces.items()) if label.startswith(f'{name}_'))
    node.base.attributes.set('units', first.base.attributes.get('units'))
    return node


def _summarise(results: list[dict[str, Any]], segments: list[Segment]) -> dict[str, Any]:
    last, seconds = results[-1], sum(result.get('loop_seconds') or 0.0 for result in results)
    left = last.get('left_trusted_region')
    work = sum((r.get('atom_steps_per_second') or 0.0) * (r.get('loop_seconds') or 0.0) for r in results)
    return last | {
        'segments': len(segments),
        'stage': segments[-1].stages[min(last['stage'], len(segments[-1].stages) - 1)],
        'last_step': segments[-1].step + last['last_step'],
        'left_trusted_region': left
        and left | {'step': segments[-1].step + left['step'], 'stage': segments[-1].stages[left['stage']]},
        'steps_wanted': segments[-1].step + last['steps_wanted'],
        'stages_done': sorted({s.stages[i] for r, s in zip(results, segments, strict=True) for i in r['stages_done']}),
        'loop_seconds': seconds,
        'atom_steps_per_second': work / seconds if seconds else None,
        'warnings': list(dict.fromkeys(w for r in results for w in r.get('warnings', [])))[:50],
    }

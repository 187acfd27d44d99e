"""What the engines of this package share: their jobs give labelled frames and a list of those that got no label."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from aiida import orm

from aiida_glassion.data.frames import FramesData
from aiida_glassion.frames import Frames
from aiida_glassion.label_engines.engine import Refused


def outputs_of(node: orm.ProcessNode) -> dict[str, orm.Data]:
    """``labels`` and ``results`` of a job, as far as it gave them."""
    return {name: node.outputs[name] for name in ('labels', 'results') if name in node.outputs}


def read_labels(frames: Frames, outputs: Mapping[str, orm.Data]) -> list[Frames | Refused]:
    """Labels of each frame of a job.

    :param frames: those that the job was given.
    :param outputs: ``labels``: frames with energies, forces, maybe virials, whose ``steps`` are their index among
        those given; ``results``: with ``refused``, a list of ``index``, ``kind`` and ``reason``.
    """
    found: list[Frames | Refused] = [Refused('failed', 'the job left no label of it') for _ in range(frames.n_frames)]
    results: dict[str, Any] = outputs['results'].get_dict() if 'results' in outputs else {}
    for entry in results.get('refused', []):
        found[entry['index']] = Refused(entry['kind'], entry['reason'])
    labels = outputs.get('labels')
    if not isinstance(labels, FramesData):
        return found
    labelled = labels.frames
    indices = np.arange(labelled.n_frames) if labelled.steps is None else labelled.steps
    for row, index in enumerate(indices):
        if 0 <= index < frames.n_frames:
            found[int(index)] = replace(labelled[row], steps=None)
    return found

"""Calcfunction of the structure gate."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.engine import calcfunction

from aiida_glassion.data.frames import FramesData
from aiida_glassion.frames import Frames
from aiida_glassion.kernels.structure.gate import judge_glasses

_CURVE_UNITS = {'r': 'Å', 'T': 'Å⁻²', 'g': '1'}


@calcfunction
def judge_structures(settings: orm.Dict, failures: orm.Dict, **nodes: Any) -> dict[str, Any]:
    """Judge whether glasses made by several potentials agree, and what is odd about them.

    :param settings: ``limits``, ``artefacts``, ``fail_on``, ``analysis`` (r_max Å), see protocols/structure_gate.yaml.
    :param failures: by start and member, why there is no glass.
    :param nodes: ``glasses``: FramesData by start and member, positions Å; the frames of their last stage are taken.
        ``reference``: FramesData by name, all their frames.
    """
    glasses = {start: {m: _sampled(node) for m, node in made.items()} for start, made in nodes['glasses'].items()}
    reference = {name: node.frames for name, node in nodes.get('reference', {}).items()}
    judged = judge_glasses(glasses, failures.get_dict(), reference, settings.get_dict())
    curves = {label: orm.ArrayData(arrays) for label, arrays in judged.curves.items()}
    for node in curves.values():
        node.base.attributes.set('units', _CURVE_UNITS)
    return {'report': orm.Dict(judged.report), **({'curves': curves} if curves else {})}


def _sampled(node: FramesData) -> Frames:
    """The frames of the last stage of a run."""
    frames = node.frames
    return frames if frames.stages is None else frames[(frames.stages == frames.stages.max()).nonzero()[0]]

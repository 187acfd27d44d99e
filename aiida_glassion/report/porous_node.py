"""A porous glass read from its provenance graph, whether it ended, failed or still runs."""

from __future__ import annotations

from typing import Any

from aiida import orm

from aiida_glassion.analysis.result import Curve
from aiida_glassion.data.frames import as_frames
from aiida_glassion.frames import Frames
from aiida_glassion.report.porous import Porous
from aiida_glassion.report.provenance import state_of
from aiida_glassion.report.study import content_of, exit_text_of, input_of, output_of, potential_of, value_of

POROUS = 'PorousGlassWorkChain'
_CLOSED = 450
_OUTPUTS = ('glass', 'carved', 'results', 'curves', 'chosen')


def read_porous(node: orm.ProcessNode) -> Porous:
    """Read a porous glass.

    :param node: a ``PorousGlassWorkChain``, ended or not.
    :raises ValueError: another kind of node.
    """
    if not isinstance(node, orm.ProcessNode) or node.process_label != POROUS:
        raise ValueError(f'node {node.pk} is no {POROUS}')
    state = state_of(node)
    chosen = output_of(node, 'chosen')
    versions = node.base.attributes.get('version', {}) or {}
    software = {'aiida-core': versions.get('core'), 'aiida-glassion': versions.get('plugin')}
    glass = input_of(node, 'glass')
    nodes = {'glass without pores': glass} if glass is not None else {}
    nodes |= {name: found for name in _OUTPUTS if (found := output_of(node, name)) is not None}
    return Porous(
        pk=node.pk,
        uuid=node.uuid,
        state='ok' if state == 'failed' and node.exit_status == _CLOSED else state,
        exit_text=exit_text_of(node),
        exit_status=node.exit_status,
        started=node.ctime,
        description=node.description or '',
        settings=content_of(input_of(node, 'settings')),
        seed=value_of(input_of(node, 'seed')),
        potential=potential_of(node),
        results=content_of(output_of(node, 'results')),
        curves=read_curves(output_of(node, 'curves')),
        chosen=chosen.arrays if isinstance(chosen, orm.ArrayData) else {},
        frames=_frames(node),
        nodes={name: (found.pk, found.uuid) for name, found in nodes.items()},
        software={name: str(version) for name, version in software.items() if version},
    )


def _frames(node: orm.ProcessNode) -> dict[str, Frames]:
    found = {'dense': input_of(node, 'glass'), 'carved': output_of(node, 'carved'), 'relaxed': output_of(node, 'glass')}
    return {name: as_frames(one)[-1] for name, one in found.items() if one is not None}


def read_curves(node: Any) -> dict[str, Curve]:
    """Curves of a node by their names; empty where it is none."""
    if not isinstance(node, orm.ArrayData):
        return {}
    arrays = node.arrays
    return {
        name: Curve(arrays[f'{name}__x'], arrays[f'{name}__y'], error=arrays.get(f'{name}__error'), **about)
        for name, about in (node.base.attributes.get('curves', None) or {}).items()
        if f'{name}__x' in arrays and f'{name}__y' in arrays
    }

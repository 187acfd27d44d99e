"""A glass-ceramic read from its provenance graph, as its page takes it, whether it ended, failed or still runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
from aiida import orm

from aiida_glassion.analysis.result import Curve
from aiida_glassion.data.frames import as_frames
from aiida_glassion.frames import Frames
from aiida_glassion.report.provenance import state_of
from aiida_glassion.report.study import content_of, exit_text_of, input_of, output_of, potential_of, value_of

CERAMIC = 'GlassCeramicWorkChain'
_OUTPUTS = ('glass', 'built', 'regions', 'results', 'curves')


@dataclass(eq=False)
class Ceramic:
    """All that a reader of a glass-ceramic wants to know.

    :param results: numbers as the WorkChain left them; empty before it measured.
    :param curves: profiles by name, over the distance from the grains, Å.
    :param per_atom: ``labels``, ``labels_built``, ``grain``, ``order``, ``distance``; empty before it measured.
    :param frames: one frame: healed, or as built; None before.
    :param glass: PK and UUID of the glass; ``crystal``: of the crystal.
    """

    pk: int
    uuid: str
    label: str
    state: str
    exit_text: str
    started: datetime
    description: str = ''
    settings: dict[str, Any] = field(default_factory=dict)
    seed: int | None = None
    potential: dict[str, Any] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)
    curves: dict[str, Curve] = field(default_factory=dict)
    per_atom: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    frames: Frames | None = None
    inputs: dict[str, tuple[int, str]] = field(default_factory=dict)
    nodes: dict[str, tuple[int, str]] = field(default_factory=dict)
    software: dict[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """What it is."""
        name = self.label.rpartition(' (')[0] or self.label or 'crystal in glass'
        return f'Glass-ceramic: {name}'

    @property
    def is_slab(self) -> bool:
        """Whether the crystal goes through the whole cell."""
        return bool(self.results.get('match'))


def read_ceramic(node: orm.ProcessNode) -> Ceramic:
    """Read a glass-ceramic.

    :param node: the ``GlassCeramicWorkChain``.
    :raises ValueError: another kind of node.
    """
    if not isinstance(node, orm.ProcessNode) or node.process_label != CERAMIC:
        raise ValueError(f'node {node.pk} is no {CERAMIC}')
    regions = output_of(node, 'regions')
    configuration = output_of(node, 'glass') or output_of(node, 'built')
    versions = node.base.attributes.get('version', {}) or {}
    software = {'aiida-core': versions.get('core'), 'aiida-glassion': versions.get('plugin')}
    nodes = {name: output_of(node, name) for name in _OUTPUTS}
    given = {name: input_of(node, name) for name in ('glass', 'crystal')}
    return Ceramic(
        pk=node.pk,
        uuid=str(node.uuid),
        label=node.label,
        state=state_of(node),
        exit_text=exit_text_of(node),
        started=node.ctime,
        description=node.description or '',
        settings=content_of(input_of(node, 'settings')),
        seed=value_of(input_of(node, 'seed')),
        potential=potential_of(node),
        results=content_of(output_of(node, 'results')),
        curves=_curves(output_of(node, 'curves')),
        per_atom=regions.arrays if isinstance(regions, orm.ArrayData) else {},
        frames=None if configuration is None else as_frames(configuration)[-1],
        inputs={name: (data.pk, data.uuid) for name, data in given.items() if data is not None},
        nodes={name: (data.pk, data.uuid) for name, data in nodes.items() if data is not None},
        software={name: str(version) for name, version in software.items() if version},
    )


def _curves(node: Any) -> dict[str, Curve]:
    if not isinstance(node, orm.ArrayData):
        return {}
    arrays = node.arrays
    return {
        name.partition('__')[2]: Curve(
            arrays[f'{name}__x'], arrays[f'{name}__y'], error=arrays.get(f'{name}__error'), **about
        )
        for name, about in node.base.attributes.get('curves').items()
    }


def region_names(ceramic: Ceramic) -> list[str]:
    """Names of the labels 0, 1 and 2."""
    from aiida_glassion.kernels.space.regions import REGIONS

    return list(REGIONS)


def order_by_place(ceramic: Ceramic) -> dict[str, npt.NDArray[np.float64]]:
    """Local order of the centres, by the region in which each was when it was built; without the others."""
    if 'order' not in ceramic.per_atom:
        return {}
    order, labels = (np.asarray(ceramic.per_atom[name]) for name in ('order', 'labels_built'))
    known = np.isfinite(order)
    found = {name: order[known & (labels == i)] for i, name in enumerate(region_names(ceramic))}
    return {name: values for name, values in found.items() if len(values)}

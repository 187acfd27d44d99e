"""Rings of the network by size."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from aiida_glassion.analysis.base import Analysis, AnalysisSettings
from aiida_glassion.analysis.result import Curve, Result
from aiida_glassion.analysis.system import Chunk, System
from aiida_glassion.kernels.block_sums import BlockSums
from aiida_glassion.kernels.topology.links import network_links
from aiida_glassion.kernels.topology.rings import LARGEST, Rings, find_rings

Criterion = Literal['king', 'guttman', 'primitive']

_ROWS = ('per_node', 'origin_fraction', 'shortest_fraction', 'longest_fraction')


class RingSettings(AnalysisSettings):
    """Settings of rings.

    :param criteria: definitions of a ring.
    :param largest: size in nodes up to which rings are looked for.
    :param nodes: elements of the nodes; default: the formers.
    :param bridges: elements that link nodes; default: the anions. An empty list: only bonds between nodes do.
    :param direct: bonds between two nodes (P–P) are links too.
    """

    criteria: list[Criterion] = Field(default=['king', 'guttman', 'primitive'], min_length=1)
    largest: int = Field(default=12, ge=3, le=LARGEST)
    nodes: list[str] | None = Field(default=None, min_length=1)
    bridges: list[str] | None = None
    direct: bool = False


class RingAnalysis(Analysis[RingSettings]):
    """Rings per node, and the share of the nodes from which a ring of a size is found."""

    Settings = RingSettings

    def __init__(self, settings: RingSettings, system: System) -> None:
        super().__init__(settings, system)
        self.nodes = self._elements(settings.nodes, 'nodes', 'former')
        self.bridges = self._elements(settings.bridges, 'bridges', 'anion')
        if both := set(self.nodes) & set(self.bridges):
            raise ValueError(f'nodes and bridges: {", ".join(sorted(both))} is both')
        ends = [(a, b) for a in self.nodes for b in self.bridges]
        if settings.direct or not self.bridges:
            ends += [(a, b) for a in self.nodes for b in self.nodes]
        if not any({(a, b), (b, a)} & set(system.cutoffs) for a, b in ends):
            raise ValueError(
                f'nodes: no cut-off links {", ".join(self.nodes) or "no element"}; give one, or name nodes and bridges'
            )
        self.is_node = np.isin(np.array(system.symbols), self.nodes)
        self.is_bridge = np.isin(np.array(system.symbols), self.bridges) if self.bridges else None
        self.sums = {criterion: BlockSums() for criterion in self.criteria}
        self.counts = {criterion: BlockSums() for criterion in self.criteria}
        self.last: dict[Criterion, Rings] = {}

    @property
    def criteria(self) -> list[Criterion]:
        """Each definition once."""
        return list(dict.fromkeys(self.settings.criteria))

    def _elements(self, wanted: list[str] | None, setting: str, role: str) -> list[str]:
        system = self.system
        if wanted is None:
            return [element for element in system.elements if system.roles[element] == role]
        for element in wanted:
            if element not in system.elements:
                raise ValueError(f'{setting}: {element!r} is not among {", ".join(system.elements)}')
        return list(wanted)

    def add(self, chunk: Chunk) -> None:
        """Find the rings of some frames."""
        direct, largest = self.settings.direct, self.settings.largest
        for view in chunk.views:
            links = network_links(view.bonds, view.positions, view.cell, self.is_node, self.is_bridge, direct)
            for criterion in self.criteria:
                found = find_rings(links, criterion, largest)
                self.sums[criterion].add(np.stack([getattr(found, name) for name in _ROWS]))
                self.counts[criterion].add(found.counts)
                self.last[criterion] = found

    def result(self) -> Result:
        """Curves ``rings_king`` (rings per node by size); by atom ``smallest_king`` and ``through_king``."""
        if not self.last:
            raise ValueError('rings: no frame was added')
        numbers: dict[str, Any] = {'nodes': '-'.join(self.nodes), 'bridges': '-'.join(self.bridges)}
        curves: dict[str, Curve] = {}
        per_atom: dict[str, npt.NDArray[Any]] = {}
        warnings = []
        for criterion in self.criteria:
            rings = self.last[criterion]
            mean, error = self.sums[criterion].mean(), self.sums[criterion].error()
            numbers[criterion] = self._numbers(criterion)
            chosen = rings.sizes >= 2
            curves[f'rings_{criterion}'] = Curve(
                rings.sizes[chosen].astype(float), mean[0][chosen], 'n', '', 'rings per node', '',
                None if error is None else error[0][chosen], criterion,
                {
                    'nodes': list(self.nodes), 'bridges': list(self.bridges), 'direct': self.settings.direct,
                    'largest': self.settings.largest, 'n_frames': self.sums[criterion].n,
                },
            )  # fmt: skip
            per_atom[f'smallest_{criterion}'] = rings.smallest
            per_atom[f'through_{criterion}'] = rings.through
            if mean[0].sum() == 0:
                warnings.append(f'{criterion}: no ring of up to {self.settings.largest} nodes')
        return Result(numbers, {}, curves, per_atom, warnings)

    def _numbers(self, criterion: Criterion) -> dict[str, Any]:
        mean, error = self.sums[criterion].mean(), self.sums[criterion].error()
        counts, count_error = self.counts[criterion].mean(), self.counts[criterion].error()
        n = self.sums[criterion].n
        sizes = np.arange(len(counts))

        def entry(value: float, its_error: float | None) -> dict[str, Any]:
            return {'mean': float(value), 'standard_error': None if its_error is None else float(its_error), 'n': n}

        table: dict[str, Any] = {
            name: {
                str(size): entry(mean[row, size], None if error is None else error[row, size])
                for size in sizes[2:].tolist()
            }
            for row, name in enumerate(_ROWS)
        }
        table['per_cell'] = {
            str(size): entry(counts[size], None if count_error is None else count_error[size])
            for size in sizes[2:].tolist()
        }
        table['mean_size'] = float((sizes * counts).sum() / counts.sum()) if counts.sum() else None
        return table

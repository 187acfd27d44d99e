"""Voronoi cells of the atoms, by element."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pydantic import Field

from aiida_glassion.analysis.base import Analysis, AnalysisSettings
from aiida_glassion.analysis.block_numbers import BlockNumbers, require_periodic
from aiida_glassion.analysis.result import Curve, Result
from aiida_glassion.analysis.system import Chunk, System
from aiida_glassion.kernels.block_sums import BlockSums
from aiida_glassion.kernels.space.voronoi import VoronoiCells, voronoi_cells


class VoronoiSettings(AnalysisSettings):
    """Settings of Voronoi cells.

    :param least_face: a face counts as a neighbour if it is larger than this share of its cell's surface.
    :param n_bins: of the distribution of volumes, from 0 to twice the largest volume of the first frame.
    """

    least_face: float = Field(default=0.01, ge=0, lt=0.5)
    n_bins: int = Field(default=200, ge=10, le=10_000)


class VoronoiAnalysis(Analysis[VoronoiSettings]):
    """Volumes, faces and coordination by faces; cells sum to the volume."""

    Settings = VoronoiSettings

    def __init__(self, settings: VoronoiSettings, system: System) -> None:
        super().__init__(settings, system)
        require_periodic(system, 'voronoi')
        self.numbers, self.histograms = BlockNumbers(), BlockSums()
        self.edges: npt.NDArray[np.float64] | None = None
        self.beyond = 0
        self.last: VoronoiCells | None = None

    def add(self, chunk: Chunk) -> None:
        """Find the cells of some frames."""
        system, least = self.system, self.settings.least_face
        for view in chunk.views:
            cells = self.last = voronoi_cells(view.positions, view.cell)
            if self.edges is None:
                self.edges = np.linspace(0, 2 * float(cells.volumes.max()), self.settings.n_bins + 1)
            large = cells.large_faces(least)
            per_atom = {
                'volume': cells.volumes,
                'faces': np.bincount(cells.first, minlength=cells.n_atoms),
                'coordination': cells.coordination(least),
                'effective_coordination': cells.effective_coordination(),
                'sphericity': cells.sphericity(),
            }
            record = {
                name: {e: float(values[system.types == i].mean()) for i, e in enumerate(system.elements)}
                for name, values in per_atom.items()
            }
            pairs = np.zeros((len(system.elements),) * 2)
            np.add.at(pairs, (system.types[cells.first[large]], system.types[cells.second[large]]), 1)
            counts = np.bincount(system.types, minlength=len(pairs))
            partial = {
                f'{a}-{b}': float(pairs[i, j] / counts[i])
                for i, a in enumerate(system.elements)
                for j, b in enumerate(system.elements)
            }
            self.numbers.add({**record, 'coordination_by': partial})
            inside = cells.volumes < self.edges[-1]
            self.beyond += int((~inside).sum())
            self.histograms.add(
                [np.histogram(cells.volumes[system.types == i], self.edges)[0] for i in range(len(system.elements))]
            )

    def result(self) -> Result:
        """Means by element, curves ``volumes_Si``, and the last frame's volumes and coordination per atom."""
        if self.edges is None or self.last is None:
            raise ValueError('voronoi: no frame was added')
        numbers = {**self.numbers.averages(), 'least_face': self.settings.least_face}
        mean, error = self.histograms.mean(), self.histograms.error()
        width = float(self.edges[1])
        counts = np.bincount(self.system.types, minlength=len(self.system.elements))
        curves = {
            f'volumes_{element}': Curve(
                (self.edges[1:] + self.edges[:-1]) / 2,
                mean[i] / (counts[i] * width),
                'v', 'Å³', 'p(v)', 'Å⁻³',
                None if error is None else error[i] / (counts[i] * width),
                'its integral is 1',
                {'planes': 'half-way between two atoms', 'n_frames': self.histograms.n},
            )
            for i, element in enumerate(self.system.elements)
        }  # fmt: skip
        warnings = []
        if self.beyond:
            warnings.append(f'{self.beyond} cells are larger than {self.edges[-1]:.0f} Å³ and not in the curves')
        per_atom = {'volume': self.last.volumes, 'coordination': self.last.coordination(self.settings.least_face)}
        return Result(numbers, {'volume': 'Å³'}, curves, per_atom, warnings)

"""Partial and total radial distribution functions, running coordination and the first shells."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
from pydantic import Field

from aiida_glassion.analysis.base import Analysis, AnalysisSettings
from aiida_glassion.analysis.result import Curve, Result
from aiida_glassion.analysis.system import Chunk, System
from aiida_glassion.kernels.block_sums import BlockSums
from aiida_glassion.kernels.structure.rdf import PartialRdf, first_minimum, first_peak, partial_rdfs, total_rdf

FloatArray = npt.NDArray[np.floating[Any]]

_LEAST_R_MAX = 1.0
_NORMALISATION = {'normalisation': 'density of the second element in the cell, itself included'}


class RdfSettings(AnalysisSettings):
    """Settings of g(r).

    :param r_max: range, Å; default: half the shortest distance between opposite faces of the cell, beyond which every
        pair is counted with its own images too.
    :param bin_width: Å.
    """

    r_max: float | None = Field(default=None, gt=_LEAST_R_MAX, le=100.0)
    bin_width: float = Field(default=0.01, ge=1e-3, le=0.5)


class RdfAnalysis(Analysis[RdfSettings]):
    """g(r) of all pairs of elements, averaged over frames with each frame's own density."""

    Settings = RdfSettings

    def __init__(self, settings: RdfSettings, system: System) -> None:
        super().__init__(settings, system)
        r_max = settings.r_max if settings.r_max is not None else system.shortest_width / 2
        if r_max <= _LEAST_R_MAX:
            raise ValueError(f'r_max: half the shortest width of the cell is {r_max:.2f} Å; give one larger than 1 Å')
        self.n_bins = max(5, int(r_max / settings.bin_width + 1e-9))
        self.r_max = self.n_bins * settings.bin_width if settings.r_max is None else r_max
        self.g, self.total, self.running, self.density = BlockSums(), BlockSums(), BlockSums(), BlockSums()
        self.r: FloatArray = np.zeros(0)
        self.edges: FloatArray = np.zeros(0)

    def add(self, chunk: Chunk) -> None:
        """Count the pairs of some frames, frame by frame, so that sums do not depend on how frames are chunked."""
        frames, system = chunk.frames, self.system

        def count(index: int) -> PartialRdf:
            one = slice(index, index + 1)
            return partial_rdfs(
                frames.positions[one], frames.cells[one], system.types, system.elements, self.r_max, self.n_bins,
                system.pbc, n_threads=per_frame,
            )  # fmt: skip

        threads = numba.config.NUMBA_NUM_THREADS
        several = frames.n_frames > 1 and threads > 1
        per_frame = 1 if several else threads
        with ThreadPoolExecutor(threads) as pool:
            for first in range(0, frames.n_frames, threads):
                group = range(first, min(first + threads, frames.n_frames))
                for found in pool.map(count, group) if several else map(count, group):
                    self.r, self.edges = found.r, found.edges
                    self.g.add(found.g)
                    self.total.add(total_rdf(found))
                    self.running.add(found.running)
                    self.density.add(found.density)

    def result(self) -> Result:
        """Curves ``g_O_Si`` (alphabetical), ``g_total``, ``running_Si_O`` (O around Si), and the first shells."""
        system = self.system
        g, g_error = self.g.mean(), self.g.error()
        running, running_error = self.running.mean(), self.running.error()
        about = {'r_max': self.r_max, 'bin_width': self.r_max / self.n_bins, 'n_frames': self.g.n}
        curves, shells, warnings = {}, {}, []
        for i, a in enumerate(system.elements):
            for j, b in enumerate(system.elements):
                curves[f'running_{a}_{b}'] = Curve(
                    self.edges[1:], running[i, j], 'r', 'Å', f'N_{a}{b}(r)', '',
                    None if running_error is None else running_error[i, j],
                    about={**about, 'counts': f'{b} around {a} nearer than r'},
                )  # fmt: skip
                if j < i:
                    continue
                error = None if g_error is None else g_error[i, j]
                curves[f'g_{a}_{b}'] = Curve(
                    self.r, g[i, j], 'r', 'Å', f'g_{a}{b}(r)', '', error, about={**about, **_NORMALISATION}
                )
                shells[f'{a}-{b}'] = self._shell(a, b, g[i, j], running[i, j], running[j, i])
        curves['g_total'] = Curve(
            self.r, self.total.mean(), 'r', 'Å', 'g(r)', '', self.total.error(),
            about={**about, **_NORMALISATION, 'weights': 'number fractions of both elements'},
        )  # fmt: skip
        if self.r_max > system.shortest_width / 2 + 0.1:
            warnings.append(
                f'r_max {self.r_max:.2f} Å is more than half the shortest width of the cell '
                f'({system.shortest_width / 2:.2f} Å): beyond that atoms are seen together with their own images'
            )
        density, density_error = self.density.mean(), self.density.error()
        numbers = {
            'first_shells': shells,
            'cutoffs': {
                '-'.join(pair): {'value': value, 'source': system.cutoff_sources.get(pair, 'given')}
                for pair, value in system.cutoffs.items()
            },
            'number_density': {
                'mean': float(density),
                'standard_error': None if density_error is None else float(density_error),
                'n': self.density.n,
            },
            'r_max': self.r_max,
        }
        units = {
            'distance': 'Å',
            'minimum': 'Å',
            'cutoffs': 'Å',
            'number_density': 'Å⁻³',
            'r_max': 'Å',
        }
        return Result(numbers, units, curves, {}, warnings)

    def _shell(self, a: str, b: str, g: FloatArray, around_a: FloatArray, around_b: FloatArray) -> dict[str, Any]:
        """First maximum and minimum of one pair, and the atoms within the minimum; None where there is none."""
        shell: dict[str, Any] = dict.fromkeys(('distance', 'height', 'minimum', f'{b}_around_{a}', f'{a}_around_{b}'))
        try:
            shell['distance'], shell['height'] = first_peak(self.r, g)
            shell['minimum'] = first_minimum(self.r, g)
        except ValueError:
            return shell
        shell[f'{b}_around_{a}'] = float(np.interp(shell['minimum'], self.edges[1:], around_a))
        shell[f'{a}_around_{b}'] = float(np.interp(shell['minimum'], self.edges[1:], around_b))
        return shell

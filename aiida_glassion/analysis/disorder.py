"""Degree of disorder along an axis of the cell."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from aiida_glassion.analysis.base import Analysis, AnalysisSettings
from aiida_glassion.analysis.block_numbers import BlockNumbers, elements_among, require_periodic
from aiida_glassion.analysis.result import Curve, Result
from aiida_glassion.analysis.system import Chunk, System
from aiida_glassion.kernels.block_sums import BlockSums
from aiida_glassion.kernels.space.disorder import degree_of_disorder


class DisorderSettings(AnalysisSettings):
    """Settings of the degree of disorder.

    :param axis: cell vector across which slabs are cut.
    :param elements: whose atoms are looked at; default: all.
    :param thickness: of a slab, Å; a whole number of them fills the cell of the first frame.
    :param sigma: width of an atom's Gaussian, Å.
    :param k_min: Å⁻¹.
    :param k_max: Å⁻¹.
    """

    axis: Literal['a', 'b', 'c'] = 'c'
    elements: list[str] | None = None
    thickness: float = Field(default=5.0, gt=0, le=1000)
    sigma: float = Field(default=0.5, gt=0, le=5)
    k_min: float = Field(default=0.5, ge=0, le=20)
    k_max: float = Field(default=4.0, gt=0, le=20)


class DisorderAnalysis(Analysis[DisorderSettings]):
    """F of each slab: near 1 without order, near 0 in a crystal."""

    Settings = DisorderSettings

    def __init__(self, settings: DisorderSettings, system: System) -> None:
        super().__init__(settings, system)
        require_periodic(system, 'disorder')
        if settings.k_min >= settings.k_max:
            raise ValueError(f'k_min: {settings.k_min}, expected less than k_max, {settings.k_max} Å⁻¹')
        self.elements = elements_among(system, settings.elements, 'elements')
        self.chosen = np.isin(np.array(system.symbols), self.elements)
        self.n_slabs: int | None = None
        self.numbers, self.slabs = BlockNumbers(), BlockSums()

    def add(self, chunk: Chunk) -> None:
        """Transform the slabs of some frames."""
        settings = self.settings
        axis = 'abc'.index(settings.axis)
        for view in chunk.views:
            found = degree_of_disorder(
                view.positions[self.chosen], view.cell, axis, settings.thickness, settings.sigma, settings.k_min,
                settings.k_max, self.n_slabs,
            )  # fmt: skip
            self.n_slabs = len(found.degree)
            self.slabs.add([found.centres, found.degree, found.ratio, found.atoms])
            full = np.isfinite(found.degree)
            self.numbers.add(
                {
                    'degree': float(found.degree[full].mean()) if full.any() else float('nan'),
                    'ratio': float(found.ratio[full].mean()) if full.any() else float('nan'),
                    'wave_vectors': found.n_wave_vectors,
                }
            )

    def result(self) -> Result:
        """Curves ``disorder`` (over that of an ideal gas) and ``disorder_ratio`` (F itself), and their means."""
        settings = self.settings
        mean, error = self.slabs.mean(), self.slabs.error()
        about = {
            'elements': self.elements,
            'axis': settings.axis,
            'sigma': settings.sigma,
            'k_min': settings.k_min,
            'k_max': settings.k_max,
            'n_frames': self.slabs.n,
            'maximum': 'the largest intensity of the slab, zero frequency excluded',
        }
        curves = {
            name: Curve(
                mean[0], mean[row], 'z', 'Å', label, '', None if error is None else error[row], convention, about
            )
            for name, row, label, convention in (
                ('disorder', 1, 'F/F_gas', 'mean over largest intensity, over that of an ideal gas'),
                ('disorder_ratio', 2, 'F', 'mean over largest intensity'),
            )
        }
        empty = int((~np.isfinite(mean[1])).sum())
        warnings = [f'{empty} of {len(mean[1])} slabs hold too few atoms in some frame to be judged'] if empty else []
        return Result(self.numbers.averages(), {}, curves, {}, warnings)

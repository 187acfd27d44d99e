"""The powder diffraction pattern of a structure."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from aiida_glassion.analysis.base import Analysis, AnalysisSettings
from aiida_glassion.analysis.result import Curve, Result
from aiida_glassion.analysis.system import Chunk, System
from aiida_glassion.kernels.block_sums import error_of_blocks
from aiida_glassion.kernels.scattering.diffraction import momentum_transfer, polarisation, smoothed_shells
from aiida_glassion.kernels.scattering.sums import Recipe, StructureFactorSums
from aiida_glassion.kernels.scattering.tables import XRAY_TABLE, form_factors
from aiida_glassion.kernels.scattering.weights import mean_square, square_of_mean, total_structure_factor

FloatArray = npt.NDArray[np.floating[Any]]

CU_K_ALPHA = 1.54184
"""Å, mean of Cu Kα₁ and Kα₂ weighted 2:1."""

SCHERRER = 0.9


class PowderSettings(AnalysisSettings):
    """Settings of the powder pattern.

    :param wavelength: Å; default Cu Kα.
    :param low: degrees, begin of 2θ.
    :param high: degrees, end of 2θ.
    :param step: degrees.
    :param width: Å⁻¹, full width at half height of the lines in Q; default 0.9 · 2π over the least width of the cell,
        what a crystallite as large as the cell would show.
    :param polarised: multiply by the polarisation factor of unpolarised X-rays.
    :param monochromator: degrees, its 2θ.
    :param q_step: Å⁻¹, width of the shells of wave vectors; lines are placed no finer.
    :param max_vectors: about so many wave vectors by frame at most; default all.
    :param seed: of their choice.
    """

    wavelength: float = Field(CU_K_ALPHA, gt=0)
    low: float = Field(5.0, ge=0, lt=180)
    high: float = Field(90.0, gt=0, lt=180)
    step: float = Field(0.1, gt=0)
    width: float | None = Field(None, gt=0)
    polarised: bool = False
    monochromator: float | None = Field(None, ge=0, lt=180)
    q_step: float = Field(0.002, gt=0)
    max_vectors: int | None = Field(None, ge=1)
    seed: int = Field(0, ge=0)


class PowderAnalysis(Analysis[PowderSettings]):
    """Intensity per atom against 2θ: direct sums on all wave vectors of the cell, so crystalline lines stay sharp."""

    Settings = PowderSettings

    def __init__(self, settings: PowderSettings, system: System) -> None:
        super().__init__(settings, system)
        if not all(system.pbc):
            raise ValueError(f'powder needs a cell that is periodic along all its vectors, pbc is {system.pbc}')
        if not settings.low + settings.step < settings.high:
            raise ValueError(
                f'low, high, step: {settings.low}, {settings.high} and {settings.step} give no range of 2θ'
            )
        if settings.monochromator is not None and not settings.polarised:
            raise ValueError('monochromator: only with polarised: true')
        self._width = settings.width or SCHERRER * 2 * np.pi / system.shortest_width
        n_steps = round((settings.high - settings.low) / settings.step)
        self._angles = np.linspace(settings.low, settings.high, n_steps + 1)
        q_max = float(momentum_transfer(settings.high, settings.wavelength)) + 2 * self._width
        recipe = Recipe('direct', q_max, settings.q_step, max_vectors=settings.max_vectors, seed=settings.seed)
        form_factors(system.elements, [0.0, q_max])
        self._sums = StructureFactorSums(system.types, system.elements, recipe)

    def add(self, chunk: Chunk) -> None:
        """Take some frames in."""
        for view in chunk.views:
            self._sums.add(view.positions, view.cell, view.index)

    def result(self) -> Result:
        """The pattern averaged over all frames, from the shortest wave vector of the cell on."""
        settings, factors = self.settings, self._sums.result()
        f = form_factors(factors.elements, factors.q)
        every = np.concatenate([factors.partials[None], factors.blocks])
        s = total_structure_factor(every, factors.fractions, f)
        intensity = square_of_mean(factors.fractions, f) * (s - 1.0) + mean_square(factors.fractions, f)
        intensity = np.where(np.isfinite(intensity), intensity, intensity[0])
        q = momentum_transfer(self._angles, settings.wavelength)
        pattern = smoothed_shells(factors.q, intensity, factors.n_vectors, q, self._width)
        known = np.isfinite(pattern[0]) & (q >= factors.least_q * (1 - 1e-9))
        angles, pattern = self._angles[known], pattern[:, known]
        if settings.polarised:
            pattern = pattern * polarisation(angles, settings.monochromator)
        result = Result()
        if not known.all():
            result.warnings.append(
                f'{int((~known).sum())} angles are left out where the cell has no wave vector near by (the '
                f'shortest is {factors.least_q:.3g} Å⁻¹); a larger width or cell fills gaps'
            )
        if not known.any():
            raise ValueError(f'no wave vector of the cell lies between {settings.low} and {settings.high} degrees')
        about = {
            'wavelength': settings.wavelength,
            'width': self._width,
            'polarised': settings.polarised,
            'monochromator': settings.monochromator,
            'compton': False,
            'table': XRAY_TABLE,
            **factors.recipe.about(),
        }
        error = error_of_blocks(pattern[1:])
        axis = ('2theta', 'degrees', 'I(2theta)', 'electron²/atom')
        result.curves['powder_xray'] = Curve(angles, pattern[0], *axis, error, 'per atom', about)
        numbers = {'wavelength': settings.wavelength, 'width': self._width, 'n_frames': factors.n_frames}
        result.numbers.update(numbers)
        result.units.update({'wavelength': 'Å', 'width': 'Å⁻¹'})
        return result

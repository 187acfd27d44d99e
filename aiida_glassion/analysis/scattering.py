"""Structure factors and real-space correlation functions, X-ray and neutron, and experiments beside them."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from aiida_glassion.analysis.base import Analysis, AnalysisSettings
from aiida_glassion.analysis.experiment import Experiment, Radiation, match
from aiida_glassion.analysis.result import Curve, Result
from aiida_glassion.analysis.system import Chunk, System
from aiida_glassion.kernels.block_sums import error_of_blocks
from aiida_glassion.kernels.scattering.peaks import DiffractionPeak, first_sharp_peak
from aiida_glassion.kernels.scattering.sums import Method, Recipe, StructureFactors, StructureFactorSums
from aiida_glassion.kernels.scattering.tables import (
    NEUTRON_TABLE,
    XRAY_Q_LIMIT,
    XRAY_TABLE,
    form_factors,
    scattering_lengths,
)
from aiida_glassion.kernels.scattering.transform import Window, broaden, correlation_function
from aiida_glassion.kernels.scattering.weights import (
    Normalisation,
    ashcroft_langreth,
    mean_square,
    partial_weights,
    square_of_mean,
    total_structure_factor,
)

FloatArray = npt.NDArray[np.floating[Any]]

MOST_R_MAX = 30.0
"""Å: g(r) is not followed further by default."""

FEW_ANGSTROM = 15.0
"""Å: a plain transform that ends before this ripples, and broadens the first peaks."""


class ScatteringSettings(AnalysisSettings):
    """Settings of the scattering analysis.

    :param radiations: which totals are made.
    :param q_max: Å⁻¹; default 25 (10 with ``method: direct``), or as far as the experiments go.
    :param q_step: Å⁻¹, step of Q and width of the shells of wave vectors.
    :param method: ``joined``: direct from positions below ``direct_below``, transform of g(r) above; or one of both.
    :param direct_below: Å⁻¹.
    :param r_max: Å, end of g(r) in the transform; default half the least width of the cell, at most 30 Å.
    :param r_step: Å, bins of g(r).
    :param window: of the transform from r to Q.
    :param resolution: Å⁻¹, standard deviation of a Gaussian in Q, applied to the totals.
    :param normalisation: of the totals: ``faber-ziman`` (⟨f⟩²) or ``mean-square`` (⟨f²⟩; then without T(r)).
    :param partials: give the partial structure factors too.
    :param convention: of the partials.
    :param real_space_q_max: Å⁻¹, where S(Q) is cut for D(r) and T(r); default ``q_max``.
    :param real_space_window: of that transform.
    :param real_space_r_max: Å, end of D(r) and T(r).
    :param first_peak_range: Å⁻¹, where the first sharp diffraction peak is looked for.
    :param max_vectors: about so many wave vectors by frame at most in the direct part; default all.
    :param seed: of their choice.
    :param isotopes: mass number of elements that are not the natural mixture, for neutrons.
    :param scattering_lengths: fm, in place of the table's.
    :param experiments: measured curves to compare with.
    """

    radiations: tuple[Radiation, ...] = ('neutron', 'xray')
    q_max: float | None = Field(None, gt=0)
    q_step: float = Field(0.02, gt=0)
    method: Method = 'joined'
    direct_below: float = Field(0.5, gt=0)
    r_max: float | None = Field(None, gt=0)
    r_step: float = Field(0.01, gt=0)
    window: Window = 'none'
    resolution: float = Field(0.0, ge=0)
    normalisation: Normalisation = 'faber-ziman'
    partials: bool = True
    convention: Literal['faber-ziman', 'ashcroft-langreth'] = 'faber-ziman'
    real_space_q_max: float | None = Field(None, gt=0)
    real_space_window: Window = 'lorch'
    real_space_r_max: float = Field(10.0, gt=0)
    first_peak_range: tuple[float, float] = (0.4, 2.5)
    max_vectors: int | None = Field(None, ge=1)
    seed: int = Field(0, ge=0)
    isotopes: dict[str, int] = Field(default_factory=dict)
    scattering_lengths: dict[str, float] = Field(default_factory=dict)
    experiments: tuple[Experiment, ...] = ()


class ScatteringAnalysis(Analysis[ScatteringSettings]):
    """S(Q) of partials and totals, D(r), T(r), the first sharp diffraction peak, R_χ of experiments."""

    Settings = ScatteringSettings

    def __init__(self, settings: ScatteringSettings, system: System) -> None:
        super().__init__(settings, system)
        self._warnings: list[str] = []
        if not all(system.pbc):
            raise ValueError(f'scattering needs a cell that is periodic along all its vectors, pbc is {system.pbc}')
        q_max = self._q_max()
        r_max = settings.r_max or min(system.shortest_width / 2, MOST_R_MAX)
        chosen = ('method', 'q_step', 'direct_below', 'r_step', 'window', 'max_vectors', 'seed')
        recipe = Recipe(q_max=q_max, r_max=r_max, **{name: getattr(settings, name) for name in chosen})
        self._sums = StructureFactorSums(system.types, system.elements, recipe)
        if (settings.real_space_q_max or 0.0) > q_max:
            raise ValueError(f'real_space_q_max: {settings.real_space_q_max} Å⁻¹ is beyond q_max = {q_max:g} Å⁻¹')
        if not settings.first_peak_range[0] < settings.first_peak_range[1]:
            raise ValueError(f'first_peak_range: {settings.first_peak_range}, expected low < high')
        names = [experiment.name for experiment in settings.experiments]
        if len(set(names)) < len(names):
            raise ValueError(f'experiments: names must differ, given are {", ".join(names)}')
        for experiment in settings.experiments:
            if experiment.radiation not in settings.radiations:
                raise ValueError(f'radiations: {experiment.radiation} is needed by the experiment {experiment.name}')
            if experiment.in_real_space and experiment.needed_q_max > q_max * (1 + 1e-6):
                raise ValueError(
                    f'q_max: S(Q) ends at {q_max:g} Å⁻¹, the experiment {experiment.name} was cut at '
                    f'{experiment.needed_q_max:g} Å⁻¹'
                )
            if not experiment.in_real_space and experiment.points[0] > q_max:
                raise ValueError(
                    f'q_max: S(Q) ends at {q_max:g} Å⁻¹, the experiment {experiment.name} begins at '
                    f'{experiment.points[0]:g} Å⁻¹'
                )
        self._lengths = np.empty(0)
        if 'neutron' in settings.radiations:
            self._lengths = scattering_lengths(system.elements, settings.isotopes, settings.scattering_lengths)
        if 'xray' in settings.radiations:
            form_factors(system.elements, [0.0, q_max])
        self._warn(r_max)

    def _q_max(self) -> float:
        settings = self.settings
        needed = max((experiment.needed_q_max for experiment in settings.experiments), default=0.0)
        if settings.q_max is not None:
            return settings.q_max
        limit = XRAY_Q_LIMIT if 'xray' in settings.radiations else np.inf
        return min(max(10.0 if settings.method == 'direct' else 25.0, needed, settings.real_space_q_max or 0.0), limit)

    def _warn(self, r_max: float) -> None:
        settings, width = self.settings, self.system.shortest_width
        if settings.method == 'direct':
            return
        if r_max > width / 2 * (1 + 1e-9):
            self._warnings.append(
                f'r_max: {r_max:.2f} Å is more than half the width of the cell ({width:.2f} Å): images of the same '
                'atoms are counted, so the structure beyond is that of the periodic cell'
            )
        if r_max < FEW_ANGSTROM:
            self._warnings.append(
                f'g(r) ends at {r_max:.2f} Å: features of S(Q) narrower than {3.8 / r_max:.2f} Å⁻¹ are broadened '
                'where it is by transform; a larger cell helps, or the direct method (direct_below) for the first peaks'
            )

    def add(self, chunk: Chunk) -> None:
        """Take some frames in."""
        for view in chunk.views:
            self._sums.add(view.positions, view.cell, view.index)

    def result(self) -> Result:
        """Structure factors averaged over all frames, with errors over blocks of them."""
        factors = self._sums.result()
        result = Result(warnings=list(self._warnings))
        numbers = {'density': factors.density, 'n_frames': factors.n_frames, 'least_q': factors.least_q}
        result.numbers.update(numbers)
        result.units.update({'density': 'Å⁻³', 'least_q': 'Å⁻¹'})
        if factors.recipe.method == 'joined':
            result.numbers['join'] = factors.recipe.join
            result.units['join'] = 'Å⁻¹'
            if not factors.n_vectors.any():
                result.warnings.append(
                    f'the shortest wave vector of the cell is {factors.least_q:.3g} Å⁻¹, none lies below the join at '
                    f'{factors.recipe.join:g} Å⁻¹: all of S(Q) is by transform'
                )
        if self.settings.partials:
            self._add_partials(result, factors)
        for radiation in dict.fromkeys(self.settings.radiations):
            self._add_total(result, factors, radiation)
        for experiment in self.settings.experiments:
            try:
                comparison = match(experiment, result.curves)
            except (
                ValueError
            ) as error:  # the frames were read: what they gave is not lost for a curve that does not fit
                result.warnings.append(f'no comparison: {error}')
                continue
            result.numbers.setdefault('experiments', {})[experiment.name] = comparison.numbers
            result.curves.update(comparison.curves)
            result.warnings.extend(comparison.warnings)
        if self.settings.experiments:
            result.units['experiments'] = 'r_chi: %, low and high: Å⁻¹ or Å'
        return result

    def _add_partials(self, result: Result, factors: StructureFactors) -> None:
        mean, blocks = factors.partials, factors.blocks
        if self.settings.convention == 'ashcroft-langreth':
            mean, blocks = (ashcroft_langreth(partials, factors.fractions) for partials in (mean, blocks))
        error = error_of_blocks(blocks)
        for i, first in enumerate(factors.elements):
            for j in range(i, len(factors.elements)):
                name = f'{first}_{factors.elements[j]}'
                result.curves[f'S_{name}'] = Curve(
                    factors.q,
                    mean[i, j],
                    *('Q', 'Å⁻¹', 'S(Q)', '1'),
                    None if error is None else error[i, j],
                    self.settings.convention,
                    factors.recipe.about() | {'density': factors.density},
                )

    def _add_total(self, result: Result, factors: StructureFactors, radiation: Radiation) -> None:
        settings, fractions, q = self.settings, factors.fractions, factors.q
        about: dict[str, Any] = factors.recipe.about()
        about |= {
            'density': factors.density,
            'composition': dict(zip(factors.elements, (float(c) for c in fractions), strict=True)),
            'normalisation': settings.normalisation,
            'resolution': settings.resolution,
            'table': NEUTRON_TABLE if radiation == 'neutron' else XRAY_TABLE,
        }
        amplitudes = form_factors(factors.elements, q) if radiation == 'xray' else self._lengths[:, None]
        if radiation == 'neutron':
            about['scattering_lengths'] = dict(zip(factors.elements, self._lengths.tolist(), strict=True))
            self._check_contrast(result, fractions, amplitudes)
        total = _totals(factors, amplitudes, settings)
        blocks = total[1:]
        convention = settings.normalisation
        axis = ('Q', 'Å⁻¹', 'S(Q)', '1')
        result.curves[f'S_{radiation}'] = Curve(q, total[0], *axis, error_of_blocks(blocks), convention, about)
        self._add_real_space(result, factors, radiation, np.where(np.isfinite(total), total, total[0]), about)
        low, high = settings.first_peak_range
        peak = first_sharp_peak(q, total[0], low, high)
        if peak is not None:
            near = (max(low, peak.position - peak.width), min(high, peak.position + peak.width))
            found = [first_sharp_peak(q, block, *near) for block in blocks]
            numbers = _peak_numbers(peak, found, factors.n_frames)
            result.numbers.setdefault('first_sharp_peak', {})[radiation] = numbers
            result.units['first_sharp_peak'] = 'position, width: Å⁻¹; height: 1'

    def _add_real_space(
        self, result: Result, factors: StructureFactors, radiation: Radiation, total: FloatArray, about: dict[str, Any]
    ) -> None:
        settings, recipe = self.settings, factors.recipe
        r_max = settings.real_space_r_max if recipe.method == 'direct' else min(settings.real_space_r_max, recipe.r_max)
        r = np.linspace(0.0, r_max, max(2, round(r_max / 0.02)) + 1)
        q_max = settings.real_space_q_max or float(factors.q[-1])
        d = correlation_function(factors.q, total, r, q_max, settings.real_space_window)
        error = error_of_blocks(d[1:])
        about = about | {'real_space_q_max': q_max, 'window': settings.real_space_window}
        slope = 4 * np.pi * factors.density * r
        # below the first distance D = -4πρr after Faber and Ziman alone, so only there is D + 4πρr a density
        sums = {'D': d[0], 'T': d[0] + slope} if settings.normalisation == 'faber-ziman' else {'D': d[0]}
        for symbol, values in sums.items():
            name = f'{symbol}_{radiation}'
            axis = ('r', 'Å', f'{symbol}(r)', 'Å⁻²')
            result.curves[name] = Curve(r, values, *axis, error, settings.normalisation, about)
        if radiation == 'neutron' and len(factors.r):
            weights = partial_weights(factors.fractions, self._lengths[:, None])[:, :, 0]
            every = np.concatenate([factors.g[None], factors.g_blocks])
            t = 4 * np.pi * factors.density * factors.r * np.einsum('ij,bijr->br', weights, every)
            bare = {key: about[key] for key in ('density', 'composition', 'scattering_lengths', 'table', 'r_step')}
            axis = ('r', 'Å', 'T(r)', 'Å⁻²')
            result.curves['T_neutron_unbroadened'] = Curve(
                factors.r, t[0], *axis, error_of_blocks(t[1:]), 'faber-ziman', bare
            )

    @staticmethod
    def _check_contrast(result: Result, fractions: FloatArray, amplitudes: FloatArray) -> None:
        share = float(square_of_mean(fractions, amplitudes)[0] / mean_square(fractions, amplitudes)[0])
        if share < 0.02:
            result.warnings.append(
                f'neutron: ⟨b⟩² is {100 * share:.2g} % of ⟨b²⟩, positive and negative scattering lengths cancel: S(Q) '
                'by Faber and Ziman diverges; take normalisation mean-square, or compare F(Q) in barn/sr/atom'
            )


def _totals(factors: StructureFactors, amplitudes: FloatArray, settings: ScatteringSettings) -> FloatArray:
    """Total S(Q) of the mean and of each block, (1 + n_blocks, n_q), broadened."""
    every = np.concatenate([factors.partials[None], factors.blocks])
    total = total_structure_factor(every, factors.fractions, amplitudes, settings.normalisation)
    if settings.resolution == 0:
        return total
    return broaden(factors.q, np.where(np.isfinite(total), total, total[0]), settings.resolution)


def _peak_numbers(peak: DiffractionPeak, blocks: list[DiffractionPeak | None], n_frames: int) -> dict[str, Any]:
    """Of the mean curve; the error over blocks where each of them shows the peak."""
    found = [block for block in blocks if block is not None]
    numbers: dict[str, Any] = {}
    for name in ('position', 'height', 'width'):
        error = None
        if len(found) == len(blocks) > 1:
            values = np.array([getattr(block, name) for block in found])
            error = float(values.std(ddof=1) / np.sqrt(len(values)))
        numbers[name] = {'mean': getattr(peak, name), 'standard_error': error, 'n': n_frames}
    return numbers

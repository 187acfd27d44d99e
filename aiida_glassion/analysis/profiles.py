"""Density and composition along an axis, or by distance from a centre."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from aiida_glassion.analysis.base import Analysis, AnalysisSettings
from aiida_glassion.analysis.block_numbers import BlockNumbers, require_periodic
from aiida_glassion.analysis.result import Curve, Result
from aiida_glassion.analysis.system import Chunk, System, View
from aiida_glassion.kernels.block_sums import BlockSums
from aiida_glassion.kernels.space.profiles import Profile, axis_profile, radial_profile


class ProfileSettings(AnalysisSettings):
    """Settings of profiles.

    :param along: a cell vector, or ``radial``.
    :param centre: of a radial profile, in fractions of the cell vectors.
    :param r_max: of a radial profile, Å; default: half the shortest width of the cell.
    :param bin_width: Å; a whole number of bins fills the cell of the first frame.
    """

    along: Literal['a', 'b', 'c', 'radial'] = 'c'
    centre: tuple[float, float, float] = (0.5, 0.5, 0.5)
    r_max: float | None = Field(default=None, gt=0, le=1000)
    bin_width: float = Field(default=0.5, ge=0.01, le=100)


class ProfileAnalysis(Analysis[ProfileSettings]):
    """Number density by element, mass density and composition; the counts behind them sum to the atoms."""

    Settings = ProfileSettings

    def __init__(self, settings: ProfileSettings, system: System) -> None:
        super().__init__(settings, system)
        require_periodic(system, 'profiles')
        if settings.along != 'radial' and settings.r_max is not None:
            raise ValueError(
                f'r_max: {settings.r_max} Å means nothing along {settings.along}; is `along: radial` meant?'
            )
        from ase.data import atomic_masses, atomic_numbers

        self.masses: npt.NDArray[np.float64] = np.array([atomic_masses[atomic_numbers[e]] for e in system.elements])
        self.r_max = settings.r_max if settings.r_max is not None else system.shortest_width / 2
        self.n_bins: int | None = None
        self.densities, self.edges, self.numbers = BlockSums(), BlockSums(), BlockNumbers()

    def _profile(self, view: View) -> Profile:
        settings, system = self.settings, self.system
        if settings.along == 'radial':
            self.n_bins = max(1, round(self.r_max / settings.bin_width))
            centre = np.array(settings.centre) @ view.cell
            return radial_profile(
                view.positions, view.cell, system.types, len(system.elements), centre, self.r_max, self.n_bins
            )
        axis = 'abc'.index(settings.along)
        if self.n_bins is None:
            height = float(1 / np.linalg.norm(np.linalg.inv(view.cell), axis=0)[axis])
            self.n_bins = max(1, round(height / settings.bin_width))
        return axis_profile(view.positions, view.cell, system.types, len(system.elements), axis, self.n_bins)

    def add(self, chunk: Chunk) -> None:
        """Count the atoms of some frames."""
        for view in chunk.views:
            profile = self._profile(view)
            density = profile.number_density
            self.densities.add(
                np.concatenate([density, [density.sum(axis=0), profile.mass_density(self.masses)], profile.composition])
            )
            self.edges.add(profile.edges)
            counted = profile.counts.sum(axis=1)
            self.numbers.add({'atoms': {e: int(counted[i]) for i, e in enumerate(self.system.elements)}})

    def result(self) -> Result:
        """Curves ``number_density_Si``, ``number_density``, ``mass_density``, ``share_Si``, and the atoms counted."""
        settings, elements = self.settings, self.system.elements
        mean, error, edges = self.densities.mean(), self.densities.error(), self.edges.mean()
        names = [
            *((f'number_density_{e}', f'n_{e}', 'Å⁻³') for e in elements),
            ('number_density', 'n', 'Å⁻³'),
            ('mass_density', 'ρ', 'g/cm³'),
            *((f'share_{e}', f'x_{e}', '') for e in elements),
        ]
        radial = settings.along == 'radial'
        about: dict[str, Any] = {
            'along': settings.along,
            'n_frames': self.densities.n,
            'volumes': 'of the whole shell or slab',
        }
        if radial:
            about |= {'centre': list(settings.centre), 'r_max': self.r_max}
        centres = (edges[1:] + edges[:-1]) / 2
        curves = {
            name: Curve(
                centres, mean[i], 'r' if radial else 'z', 'Å', label, unit, None if error is None else error[i],
                about=about,
            )
            for i, (name, label, unit) in enumerate(names)
        }  # fmt: skip
        warnings = []
        if radial and self.r_max > self.system.shortest_width / 2 + 0.1:
            warnings.append(
                f'r_max {self.r_max:.2f} Å is more than half the shortest width of the cell '
                f'({self.system.shortest_width / 2:.2f} Å): atoms are counted together with their own images'
            )
        return Result(self.numbers.averages(), {}, curves, {}, warnings)

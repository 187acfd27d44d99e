"""Where ions go: their density, the level at which it leads through the cell, sites, and hops between them."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from aiida_glassion.analysis.base import Analysis
from aiida_glassion.analysis.block_numbers import require_periodic
from aiida_glassion.analysis.motion import MOTION_UNITS, Motion, MotionSettings
from aiida_glassion.analysis.position_record import PositionRecord
from aiida_glassion.analysis.result import Curve, Result
from aiida_glassion.analysis.system import Chunk, System
from aiida_glassion.kernels.space.distance_field import grid_shape
from aiida_glassion.kernels.transport.cages import CageHops
from aiida_glassion.kernels.transport.channels import (
    LEAST_COUNTS,
    DensitySums,
    PathSums,
    channels_at,
    level_of_share,
    percolation,
    smooth_density,
)
from aiida_glassion.kernels.transport.displacements import Unwrap
from aiida_glassion.kernels.transport.hops import (
    Hops,
    HopStatistics,
    assign_sites,
    density_sites,
    find_hops,
    hop_statistics,
    stay_survival,
)

FloatArray = npt.NDArray[np.float64]

_AXES = ('a', 'b', 'c')
_DIMENSIONS = ('1', '2', '3')


class ChannelSettings(MotionSettings):
    """Settings of channels.

    :param unwrap: as in :class:`.MotionSettings`, but jumps are undone by default: what counts is where ions are.
    :param spacing: of the grid, Å.
    :param smoothing: standard deviation of the normal distribution that the density is smoothed by, Å.
    :param share: of the ions' time; channels are judged at the density above which it is spent.
    :param sites: ``density``: hops between the maxima of the density; ``given``: between ``site_positions``; ``cages``:
        out of the anions around an ion; ``none``.
    :param site_positions: fractional coordinates (n_sites, 3), in the framework at rest.
    :param site_radius: of a site, Å; default: half the separation.
    :param separation: least distance of two maxima that are two sites, Å.
    :param least_stay: ps on a new site, or out of the cage, that make a hop.
    :param paths: ions whose ways are kept for a plot, those that end farthest from their start.
    """

    unwrap: Unwrap = 'minimum_image'
    spacing: float = Field(default=0.3, ge=0.05, le=5)
    smoothing: float = Field(default=0.4, ge=0, le=5)
    share: float = Field(default=0.95, gt=0, le=1)
    sites: Literal['density', 'given', 'cages', 'none'] = 'density'
    site_positions: list[tuple[float, float, float]] | None = None
    site_radius: float | None = Field(default=None, gt=0, le=20)
    separation: float = Field(default=2.0, ge=0.2, le=20)
    least_stay: float = Field(default=0.5, ge=0)
    paths: int = Field(default=20, ge=0, le=1000)


class ChannelAnalysis(Analysis[ChannelSettings]):
    """Density of each kind of ion in the frame of the framework, its percolation, and hops."""

    Settings = ChannelSettings

    def __init__(self, settings: ChannelSettings, system: System) -> None:
        super().__init__(settings, system)
        require_periodic(system, 'channels')
        if (settings.sites == 'given') != (settings.site_positions is not None):
            raise ValueError('site_positions: they go with sites: given, and only with it')
        self.motion = Motion(settings, system)
        self.atoms = {element: self.motion.atoms_of(element) for element in self.motion.ions}
        self.sums: dict[str, DensitySums] = {}
        self.paths = {element: PathSums(len(atoms)) for element, atoms in self.atoms.items()}
        self.records = {element: PositionRecord(len(atoms)) for element, atoms in self.atoms.items()}
        self.cages: dict[str, CageHops] = {}
        self._ion_of = np.full(system.n_atoms, -1, dtype=np.int64)
        for atoms in self.atoms.values():
            self._ion_of[atoms] = np.arange(len(atoms))
        self._is_anion = np.isin(self.motion.symbols, [e for e in system.elements if system.roles[e] == 'anion'])
        if settings.sites == 'cages':
            for element in self.motion.ions:
                if not any(element in pair for pair in system.cutoffs):
                    raise ValueError(
                        f'sites: no bonds of {element} to anions are known; give a cut-off, or sites: density'
                    )

    def add(self, chunk: Chunk) -> None:
        """Count visits; note where ions are, or what is around them."""
        kind = self.settings.sites
        for moment in self.motion.take(chunk):
            if not self.sums:
                shape = grid_shape(moment.cell, self.settings.spacing)
                self.sums = {element: DensitySums(shape) for element in self.atoms}
            for element, atoms in self.atoms.items():
                self.sums[element].add(moment.fractional[atoms])
                self.paths[element].add(moment.positions[atoms])
                if kind in ('density', 'given'):
                    self.records[element].add(moment.fractional[atoms])
            if kind == 'cages':
                bonds = moment.view.bonds
                for element, atoms in self.atoms.items():
                    if element not in self.cages:
                        self.cages[element] = CageHops(len(atoms))
                    self.cages[element].least = self._least_frames()
                    of_ion = (self.motion.symbols[bonds.first] == element) & self._is_anion[bonds.second]
                    self.cages[element].add(self._ion_of[bonds.first[of_ion]], bonds.second[of_ion])

    def _least_frames(self) -> int:
        """Frames that make a stay; the first frame, when their distance may not be known, can end none."""
        first = self.motion.n_frames < 2
        return 1 if first else max(1, round(self.settings.least_stay / self.motion.frame_time))

    def result(self) -> Result:
        """By element: thresholds and dimension of the channels, hops; densities on a grid, sites, ways of ions."""
        motion, settings = self.motion, self.settings
        numbers: dict[str, Any] = {**motion.numbers(), 'spacing': settings.spacing, 'smoothing': settings.smoothing}
        numbers |= {'share': settings.share, 'ions': {}}
        curves: dict[str, Curve] = {}
        arrays: dict[str, npt.NDArray[Any]] = {}
        warnings = motion.warnings()
        cell = motion.mean_cell
        for element, atoms in self.atoms.items():
            density = smooth_density(
                self.sums[element].density(float(abs(np.linalg.det(cell)))), cell, settings.smoothing
            )
            entry = self._channels(density, cell, element, warnings)
            arrays[f'density_{element}'] = density.astype(np.float32)
            if settings.sites != 'none':
                entry['hops'] = self._hops(density, cell, element, curves, arrays, warnings)
            numbers['ions'][element] = entry
            ways = self.paths[element].paths()
            if settings.paths and ways.shape[1]:
                far = np.argsort(-np.linalg.norm(ways[:, -1] - ways[:, 0], axis=1), kind='stable')[: settings.paths]
                arrays[f'paths_{element}'], arrays[f'path_atoms_{element}'] = ways[far], atoms[far]
        units = {
            **MOTION_UNITS, 'spacing': 'Å', 'smoothing': 'Å', 'highest': 'Å⁻³', 'density': 'Å⁻³', 'level': 'Å⁻³',
            'site_radius': 'Å', 'rate': 'ps⁻¹', 'residence_time': 'ps',
            'median_stay': 'ps', 'distance': 'Å', 'interval': 'ps', 'least_stay': 'ps',
        }  # fmt: skip
        for element in self.atoms:
            units |= {f'ions.{element}.{key}': 'Å⁻³' for key in ('thresholds', 'thresholds_along')}
            units[f'ions.{element}.barriers'] = 'k_BT'
        return Result(numbers, units, curves, arrays, warnings)

    def _channels(self, density: FloatArray, cell: FloatArray, element: str, warnings: list[str]) -> dict[str, Any]:
        """Percolation of a density."""
        found = percolation(density)
        level = level_of_share(density, self.settings.share)
        parts = channels_at(density, level)
        point = float(abs(np.linalg.det(cell))) / density.size
        # a normal distribution of this width counts as so many grid points
        points = max(1.0, (2 * np.sqrt(np.pi) * self.settings.smoothing) ** 3 / point)
        first = found.thresholds[0]
        visits = None if first is None else first * point * self.motion.n_frames * points
        if visits is not None and visits < LEAST_COUNTS:
            warnings.append(
                f'{element}: only {visits:.1f} visits make the density at which channels open: the threshold is noise; '
                'take more frames, or a larger smoothing'
            )
        if first is None:
            warnings.append(f'{element}: the places where ions were do not lead through the cell')
        return {
            'density': len(self.atoms[element]) / (point * density.size),
            'highest': found.highest,
            'thresholds': dict(zip(_DIMENSIONS, found.thresholds, strict=True)),
            'thresholds_along': dict(zip(_AXES, found.along, strict=True)),
            'barriers': dict(zip(_DIMENSIONS, found.barriers, strict=True)),
            'visits_at_threshold': visits,
            'level': level,
            'dimension': int(parts.dimensions.max(initial=0)),
            'parts': len(parts),
            'leading_through': int(parts.percolating.sum()),
            'volume_fraction': float(parts.sizes.sum() / density.size),
        }

    def _hops(
        self, density: FloatArray, cell: FloatArray, element: str, curves: dict[str, Curve],
        arrays: dict[str, npt.NDArray[Any]], warnings: list[str],
    ) -> dict[str, Any]:  # fmt: skip
        """Sites, hops between them and stays on them."""
        settings, sites = self.settings, None
        interval = self.motion.frame_time
        about: dict[str, Any] = {'sites': settings.sites, 'least_stay': settings.least_stay}
        if settings.sites == 'cages':
            hops = self.cages[element].hops()
        else:
            record = self.records[element]
            interval *= record.every
            sites = density_sites(density, cell, level_of_share(density, settings.share), settings.separation)
            if settings.site_positions is not None:
                sites = np.array(settings.site_positions, dtype=np.float64)
            radius = settings.site_radius or settings.separation / 2
            least = max(1, round(settings.least_stay / interval))
            assigned = np.concatenate([assign_sites(block, sites, cell, radius) for block in record.blocks()])
            hops = find_hops(assigned, len(sites), least)
            arrays[f'sites_{element}'], arrays[f'site_occupancy_{element}'] = sites, hops.occupied
            about |= {'site_radius': radius, 'on_sites': float((assigned >= 0).mean()), 'n_sites': len(sites)}
            if about['on_sites'] < 0.5:
                warnings.append(f'{element}: only {100 * about["on_sites"]:.0f} % of the time is spent on sites')
        self._survival(hops, interval, element, about, curves)
        found = hop_statistics(hops, interval, sites, cell)
        if found.n_hops < 10:
            warnings.append(f'{element}: {found.n_hops} hops only; rates and residence times mean little')
        return {
            **about,
            'interval': interval,
            'n_hops': found.n_hops,
            'rate': None if found.rate is None else _rate(found),
            'residence_time': found.residence_time,
            'median_stay': found.median_stay,
            'return_share': found.return_share,
            'distance': found.distance,
            'never_hopped': found.never,
        }

    def _survival(
        self, hops: Hops, interval: float, element: str, about: dict[str, Any], curves: dict[str, Curve]
    ) -> None:
        survival = stay_survival(hops)
        if len(survival) > 1:
            curves[f'stays_{element}'] = Curve(
                np.arange(len(survival)) * interval, survival, 't', 'ps', 'stays longer than t', '',
                None, 'Kaplan-Meier', about,
            )  # fmt: skip


def _rate(found: HopStatistics) -> dict[str, Any]:
    return {'mean': found.rate, 'standard_error': found.rate_error, 'n': found.n_hops}

"""Free volume, cavities and pore sizes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from aiida_glassion import units
from aiida_glassion.analysis.base import Analysis, AnalysisSettings
from aiida_glassion.analysis.block_numbers import BlockNumbers, require_periodic
from aiida_glassion.analysis.result import Curve, Result
from aiida_glassion.analysis.system import Chunk, System
from aiida_glassion.kernels.block_sums import BlockSums
from aiida_glassion.kernels.space.voids import Voids, accessible_surface, find_voids, pore_radii, van_der_waals_radius

FloatArray = npt.NDArray[np.float64]

_AXES = ('a', 'b', 'c')
_RESOLVED = 4.0
"""Diameter of a sphere, in steps of the grid, from which sizes of pores are given: a smaller one holds 1, 7, 19, 27 …
points of the grid as it outgrows the distances between them, whatever the pore."""
_SQUARE_ANGSTROM_PER_AMU = 1e-20 / units.AMU_TO_GRAM
"""Å² per g/mol to m²/g."""
_CUBIC_ANGSTROM_PER_AMU = 1 / units.AMU_PER_ANGSTROM3_TO_G_PER_CM3
"""Å³ per g/mol to cm³/g."""


class VoidSettings(AnalysisSettings):
    """Settings of voids.

    :param probe: radius of the probe, Å.
    :param radii: Å, by element; van der Waals radii (Alvarez 2013) for those not named.
    :param spacing: of the grid, Å.
    :param pore_sizes: find the distribution of pore sizes too (some ten times slower than the rest).
    :param surface: find the accessible surface too.
    :param bin_width: of diameters and radii in the curves, Å.
    :param largest: end of the curves, Å.
    """

    probe: float = Field(default=0.0, ge=0, le=50)
    radii: dict[str, float] = Field(default_factory=dict)
    spacing: float = Field(default=0.25, ge=0.02, le=5)
    pore_sizes: bool = True
    surface: bool = True
    bin_width: float = Field(default=0.1, ge=0.01, le=5)
    largest: float = Field(default=40.0, gt=1, le=1000)


class VoidAnalysis(Analysis[VoidSettings]):
    """The space between the atoms, and what of it a probe can reach."""

    Settings = VoidSettings

    def __init__(self, settings: VoidSettings, system: System) -> None:
        super().__init__(settings, system)
        require_periodic(system, 'voids')
        for element, radius in settings.radii.items():
            if element not in system.elements:
                raise ValueError(f'radii: {element!r} is not among {", ".join(system.elements)}')
            if not 0 <= radius <= 10:
                raise ValueError(f'radii: {radius} Å for {element}, expected 0 to 10')
        self.radii = {e: settings.radii.get(e, None) for e in system.elements}
        self.radii = {e: van_der_waals_radius(e) if r is None else r for e, r in self.radii.items()}
        self.per_atom: FloatArray = np.array([self.radii[e] for e in system.elements], dtype=float)[system.types]
        self.mass = _mass(system)
        self.edges = np.linspace(0, settings.largest, round(settings.largest / settings.bin_width) + 1)
        self.numbers, self.pores, self.cavities = BlockNumbers(), BlockSums(), BlockSums()
        self.surface: FloatArray = np.zeros(system.n_atoms)
        self.beyond = False

    def add(self, chunk: Chunk) -> None:
        """Find the voids of some frames."""
        settings = self.settings
        for view in chunk.views:
            voids = find_voids(view.positions, view.cell, self.per_atom, settings.probe, settings.spacing)
            record = self._record(voids)
            self.cavities.add(np.histogram(voids.cavity_radii, self.edges)[0])
            self.beyond |= 2 * voids.largest_radius > settings.largest
            if settings.pore_sizes:
                covered = pore_radii(voids.field, voids.cell, settings.probe)
                diameters = 2 * covered[covered > 0]
                self.pores.add(np.histogram(diameters, self.edges)[0] / voids.field.size)
                record['occupiable_fraction'] = diameters.size / voids.field.size
                record['mean_pore_diameter'] = float(diameters.mean()) if diameters.size else 0.0
            if settings.surface:
                self.surface = accessible_surface(view.positions, view.cell, self.per_atom, settings.probe)
                record['surface'] = float(self.surface.sum())
                record['surface_per_mass'] = float(self.surface.sum()) / self.mass * _SQUARE_ANGSTROM_PER_AMU
            self.numbers.add(record)

    def _record(self, voids: Voids) -> dict[str, Any]:
        volumes = voids.cavity_volumes
        return {
            'free_fraction': voids.free_fraction,
            'free_volume_per_mass': voids.free_fraction
            * voids.volume
            / self.mass
            / units.AMU_PER_ANGSTROM3_TO_G_PER_CM3,
            'centre_fraction': voids.centre_fraction,
            'percolating_fraction': voids.percolating_fraction,
            'percolates': dict(zip(_AXES, map(float, voids.axes), strict=True)),
            'dimension': float(voids.cavities.dimensions.max(initial=0)),
            'cavities': len(voids.cavities),
            'largest_cavity': float(volumes[0]) if len(volumes) else 0.0,
            'mean_cavity': float(volumes.mean()) if len(volumes) else 0.0,
            'largest_sphere_radius': voids.largest_radius,
        }

    def result(self) -> Result:
        """Fractions and sizes, curves ``pore_sizes`` and ``cavity_radii``, the surface per atom of the last frame."""
        settings = self.settings
        about = {
            'probe': settings.probe,
            'radii': self.radii,
            'spacing': settings.spacing,
            'n_frames': self.cavities.n,
        }
        numbers = {**self.numbers.averages(), 'radii': self.radii, 'probe': settings.probe, 'spacing': settings.spacing}
        least = _RESOLVED * settings.spacing
        counted = {**about, 'counts': 'cavities per frame by the largest sphere with its centre in each'}
        axis = ('radius', 'cavities', '')
        curves = {'cavity_radii': _curve(self.edges, self.cavities, 1.0, least / 2, axis, counted)}
        if settings.pore_sizes:
            scale = float(self.pores.mean().sum()) * float(self.edges[1])
            covered = {**about, 'covers': 'points by the largest sphere without atoms that covers them'}
            curves['pore_sizes'] = _curve(self.edges, self.pores, scale, least, ('diameter', 'p(d)', 'Å⁻¹'), covered)
        warnings = []
        if self.beyond:
            warnings.append(f'a void is wider than {settings.largest:g} Å, the end of the curves: raise `largest`')
        found_units = {
            'free_volume_per_mass': 'cm³/g',
            'largest_cavity': 'Å³',
            'mean_cavity': 'Å³',
            'largest_sphere_radius': 'Å',
            'mean_pore_diameter': 'Å',
            'surface': 'Å²',
            'surface_per_mass': 'm²/g',
            'radii': 'Å',
            'probe': 'Å',
            'spacing': 'Å',
        }
        return Result(numbers, found_units, curves, {'surface': self.surface} if settings.surface else {}, warnings)


def _mass(system: System) -> float:
    """Mass of all atoms, g/mol."""
    from ase.data import atomic_masses, atomic_numbers

    return float(sum(atomic_masses[atomic_numbers[symbol]] for symbol in system.symbols))


def _curve(
    edges: FloatArray, sums: BlockSums, scale: float, least: float, axis: tuple[str, str, str], about: dict[str, Any]
) -> Curve:
    """A histogram over its scale, from what the grid resolves up to the last bin that holds anything.

    :param least: Å, lower edge of the first bin; ``about`` tells it as ``from``, and the share below as ``left_out``.
    :param axis: name of x, name and unit of y.
    """
    mean, error = sums.mean(), sums.error()
    first = min(int(np.searchsorted(edges, least - 1e-9)), len(mean) - 1)
    filled = np.flatnonzero(mean)
    last = max(first + 1, int(filled[-1]) + 2 if len(filled) else 1)
    scale = scale if scale > 0 else 1.0
    total = float(mean.sum())
    left_out = float(mean[:first].sum()) / total if total > 0 else 0.0
    x_name, y_name, y_unit = axis
    return Curve(
        ((edges[1:] + edges[:-1]) / 2)[first:last], mean[first:last] / scale, x_name, 'Å', y_name, y_unit,
        None if error is None else error[first:last] / scale, None,
        {**about, 'from': float(edges[first]), 'left_out': left_out},
    )  # fmt: skip

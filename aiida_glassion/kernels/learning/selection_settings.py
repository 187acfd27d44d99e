"""Settings of the selection of frames to be labelled."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from aiida_glassion.kernels.learning.settings import Settings


class SelectionSettings(Settings):
    """How frames are chosen; the words for each key stand in ``protocols/active_learning.yaml``."""

    max_labels: int = Field(200, ge=0, description='Number of frames chosen in a round, at most.')
    method: Literal['farthest', 'random', 'largest'] = 'farthest'
    exclude_similar: float = Field(0.1, ge=0, description='Distance of descriptors at which frames are alike.')
    max_considered: int = Field(5000, ge=1, description='Number of candidates compared; of more, a seeded draw.')
    failed_fraction_labelled: float = Field(0.0, ge=0, le=1, description='Share of labels for frames that failed.')
    failed_reach: float = Field(2.0, gt=1, description='Those below this many times the upper level.')
    min_distance_factor: float | None = Field(0.6, ge=0, description='Shortest distance over covalent radii.')
    detached_factor: float | None = Field(2.0, ge=0, description='Farthest nearest neighbour over covalent radii.')
    density_change: float | None = Field(3.0, gt=1, description="Factor from the density of the run's first frame.")
    density_min: float | None = Field(None, gt=0, description='g/cm³.')
    density_max: float | None = Field(None, gt=0, description='g/cm³.')
    virial_lower: float | None = Field(None, gt=0, description='eV/atom; with virial_upper.')
    virial_upper: float | None = Field(None, gt=0, description='eV/atom.')

    @model_validator(mode='after')
    def _ordered(self) -> SelectionSettings:
        for low, high in (('virial_lower', 'virial_upper'), ('density_min', 'density_max')):
            first, second = getattr(self, low), getattr(self, high)
            if first is not None and second is not None and second <= first:
                raise ValueError(f'{high} ({second:g}) must be above {low} ({first:g})')
        if (self.virial_lower is None) != (self.virial_upper is None):
            raise ValueError('virial_lower and virial_upper belong together: give both or none')
        return self

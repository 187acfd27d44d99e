"""Distributions of bond angles."""

from __future__ import annotations

from itertools import combinations_with_replacement
from typing import Any

import numpy as np
from pydantic import Field

from aiida_glassion.analysis.base import Analysis, AnalysisSettings
from aiida_glassion.analysis.result import Curve, Result
from aiida_glassion.analysis.system import Chunk, System
from aiida_glassion.kernels.block_sums import BlockSums
from aiida_glassion.kernels.structure.angles import AngleDistribution, angle_distributions

Triple = tuple[str, str, str]


class AngleSettings(AnalysisSettings):
    """Settings of bond angles.

    :param triples: kinds of angle, ``'O-Si-O'``, centre in the middle; default: anions around each former, and formers
        around each anion (cations, in a system without formers).
    :param bin_width: degrees.
    :param per_solid_angle: give P(θ)/sin θ, 1 everywhere for directions without correlation, instead of P(θ).
    """

    triples: list[str] | None = None
    bin_width: float = Field(default=1.0, ge=0.05, le=30.0)
    per_solid_angle: bool = False


class AngleAnalysis(Analysis[AngleSettings]):
    """Angles between bonds within the cut-offs that share an atom, each angle once."""

    Settings = AngleSettings

    def __init__(self, settings: AngleSettings, system: System) -> None:
        super().__init__(settings, system)
        self.triples = _default(system) if settings.triples is None else _parsed(settings.triples, system)
        if not self.triples:
            raise ValueError('triples: no cut-offs make an angle; give cut-offs, or triples like O-Si-O')
        index = {element: i for i, element in enumerate(system.elements)}
        self.numbers = [(index[a], index[c], index[b]) for a, c, b in self.triples]
        self.n_bins = round(180 / settings.bin_width)
        self.total: list[AngleDistribution] | None = None
        self.counts, self.means = BlockSums(), BlockSums()

    def add(self, chunk: Chunk) -> None:
        """Count the angles of some frames."""
        for view in chunk.views:
            found = angle_distributions(view.bonds, self.system.types, self.numbers, self.n_bins)
            self.total = found if self.total is None else [a + b for a, b in zip(self.total, found, strict=True)]
            self.counts.add([one.counts for one in found])
            self.means.add([np.nan if one.mean is None else one.mean for one in found])

    def result(self) -> Result:
        """Curves ``angle_O_Si_O``, and for each kind the mean, the width and the number of angles per frame."""
        if self.total is None:
            raise ValueError('angles: no frame was added')
        numbers: dict[str, Any] = {}
        curves, warnings = {}, []
        count_errors, mean_errors = self.counts.error(), self.means.error()
        solid = self.settings.per_solid_angle
        for i, (triple, angles) in enumerate(zip(self.triples, self.total, strict=True)):
            name = '-'.join(triple)
            error = None if mean_errors is None or not np.isfinite(mean_errors[i]) else float(mean_errors[i])
            numbers[name] = {
                'mean': {'mean': angles.mean, 'standard_error': error, 'n': self.means.n},
                'width': angles.std,
                'per_frame': angles.n_angles / self.means.n,
            }
            if not angles.n_angles:
                warnings.append(f'{name}: no such angle in any frame')
                continue
            density = angles.density_per_solid_angle if solid else angles.density
            scale = density / np.maximum(angles.counts, 1) * self.means.n
            curves[f'angle_{"_".join(triple)}'] = Curve(
                angles.centres, density, 'angle', '°', 'P(θ)/sin θ' if solid else 'P(θ)', '' if solid else '1/°',
                None if count_errors is None else count_errors[i] * scale,
                'per solid angle, 1 for an isotropic distribution' if solid else 'per degree, its integral is 1',
                {'cutoffs': self._cutoffs(triple), 'bin_width': 180 / self.n_bins, 'n_frames': self.means.n},
            )  # fmt: skip
        return Result(numbers, dict.fromkeys(('mean', 'width'), '°'), curves, {}, warnings)

    def _cutoffs(self, triple: Triple) -> dict[str, float]:
        first, centre, second = triple
        matrix, elements = self.system.cutoff_matrix, self.system.elements
        return {f'{centre}-{e}': float(matrix[elements.index(centre), elements.index(e)]) for e in (first, second)}


def _default(system: System) -> list[Triple]:
    roles = system.roles
    inner = 'former' if 'former' in roles.values() else 'modifier'
    triples = []
    for centre in system.elements:
        ends = 'anion' if roles[centre] == inner else inner if roles[centre] == 'anion' else None
        around = [e for e in system.elements if roles[e] == ends and _bonded(system, centre, e)]
        triples += [(a, centre, b) for a, b in combinations_with_replacement(around, 2)]
    return triples


def _bonded(system: System, a: str, b: str) -> bool:
    return (a, b) in system.cutoffs or (b, a) in system.cutoffs


def _parsed(triples: list[str], system: System) -> list[Triple]:
    found: list[Triple] = []
    for text in triples:
        parts = text.split('-')
        if len(parts) != 3 or any(part not in system.elements for part in parts):
            raise ValueError(f'triples: {text!r}, expected three of {", ".join(system.elements)} like O-Si-O')
        first, centre, second = parts[0], parts[1], parts[2]
        for end in (first, second):
            if not _bonded(system, centre, end):
                raise ValueError(f'triples: {text!r} needs a cut-off for {centre}-{end}; none is known, give one')
        if (first, centre, second) in found or (second, centre, first) in found:
            raise ValueError(f'triples: {text!r} is there twice')
        found.append((first, centre, second))
    return found

"""Anions and the clusters that they make: PS4, P2S7, P2S6, oxysulfide units, and what should not be there."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from aiida_glassion.analysis.base import Analysis, AnalysisSettings
from aiida_glassion.analysis.result import Result
from aiida_glassion.analysis.share_numbers import ShareNumbers
from aiida_glassion.analysis.system import Chunk, System
from aiida_glassion.kernels.structure.anions import Speciation, speciate_bonds
from aiida_glassion.kernels.structure.artefacts import ARTEFACT_LIMITS, Artefact, bonding_artefacts
from aiida_glassion.kernels.structure.elements import network_roles


class AnionSettings(AnalysisSettings):
    """Settings of the speciation.

    :param limits: shares above which an artefact is warned of, by name (``edge_sharing``, ``former_chains``,
        ``former_bonds``, ``anion_bonds``).
    """

    limits: dict[str, float] = Field(default_factory=dict)


_LIMITS = ('edge_sharing', 'former_chains', 'former_bonds', 'anion_bonds')


class AnionAnalysis(Analysis[AnionSettings]):
    """Shares of anions, units and clusters, their counts, and the artefacts that bonds show."""

    Settings = AnionSettings

    def __init__(self, settings: AnionSettings, system: System) -> None:
        super().__init__(settings, system)
        for name, limit in settings.limits.items():
            if name not in _LIMITS:
                raise ValueError(f'limits: {name!r}, expected some of {", ".join(_LIMITS)}')
            if not 0 <= limit <= 1:
                raise ValueError(f'limits: {name}: {limit}, expected a share from 0 to 1')
        self.limits = {name: settings.limits.get(name, ARTEFACT_LIMITS[name]) for name in _LIMITS}
        roles = network_roles(system.elements)
        if not {'former', 'anion'} <= set(roles.values()):
            raise ValueError(
                f'anions: {", ".join(system.elements)} hold no former with an anion, so there are no clusters'
            )
        self.numbers = ShareNumbers()
        self.artefacts: list[Artefact] = []
        self.last: Speciation | None = None

    def add(self, chunk: Chunk) -> None:
        """Classify the anions of some frames."""
        system = self.system
        for view in chunk.views:
            found = speciate_bonds(view.bonds, view.positions, view.cell, system.types, system.elements)
            summary = found.summary()
            self.artefacts = bonding_artefacts(system.elements, [found], self.limits)
            self.numbers.add(
                {
                    'anions': summary['anions'],
                    'clusters': summary['clusters_of'],
                    'cluster_counts': summary['clusters'],
                    'joined': {'pairs': summary['pairs'], 'formers': summary['formers']},
                    'former_chains': summary['former_chains'],
                    'anion_bonds': summary['anion_bonds'],
                    **found.detailed_summary(),
                    'artefacts': {artefact['name']: artefact['value'] for artefact in self.artefacts},
                }
            )
            self.last = found

    def result(self) -> Result:
        """Shares and counts per cell; ``artefacts`` with value, limit and whether it is flagged; labels by atom."""
        if self.last is None:
            raise ValueError('anions: no frame was added')
        averages = self.numbers.averages()
        artefacts, warnings = {}, []
        for artefact in self.artefacts:
            name, limit = artefact['name'], self.limits[artefact['name']]
            share = averages['artefacts'][name]
            flagged = share['mean'] > limit
            artefacts[name] = {'value': share, 'limit': limit, 'flagged': flagged}
            if flagged:
                what = artefact['words'].partition('% ')[2].partition(' (limit')[0]
                warnings.append(f'{name}: {share["mean"]:.1%} {what} (limit {limit:.1%})')
        found = self.last
        per_atom: dict[str, npt.NDArray[Any]] = {
            'species': found.labels,
            'anion_class': found.anion_class,
            'cluster': found.cluster,
            'terminal_anions': np.where(found.is_former, found.terminal.sum(axis=1), -1),
        }
        return Result({**averages, 'artefacts': artefacts}, {}, {}, per_atom, warnings)

"""The network: bridging and other anions, Qn, which formers bridges join, fragments."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from aiida_glassion.analysis.base import Analysis, AnalysisSettings
from aiida_glassion.analysis.result import Result
from aiida_glassion.analysis.share_numbers import ShareNumbers
from aiida_glassion.analysis.system import Chunk, System, View
from aiida_glassion.kernels.structure.fragments import fragment_sizes, fragments
from aiida_glassion.kernels.structure.network import Network, analyse_network, bridge_shares
from aiida_glassion.kernels.structure.shells import shares, shell_names


class NetworkSettings(AnalysisSettings):
    """Settings of the network.

    :param formers: elements that make it; default: those of the system's roles.
    :param anions: elements that may bridge; default: those of the system's roles.
    """

    formers: list[str] | None = Field(default=None, min_length=1)
    anions: list[str] | None = Field(default=None, min_length=1)


class NetworkAnalysis(Analysis[NetworkSettings]):
    """Shares of bridging, non-bridging and free anions, Qn, connectivity, units, bridges and fragments."""

    Settings = NetworkSettings

    def __init__(self, settings: NetworkSettings, system: System) -> None:
        super().__init__(settings, system)
        self.formers = _chosen(settings.formers, 'former', system)
        self.anions = _chosen(settings.anions, 'anion', system)
        if both := set(self.formers) & set(self.anions):
            raise ValueError(f'formers and anions: {", ".join(sorted(both))} is both')
        bonded = [(f, a) for f in self.formers for a in self.anions if {(f, a), (a, f)} & set(system.cutoffs)]
        if not bonded:
            raise ValueError(
                f'formers: no cut-off between {", ".join(self.formers) or "no former"} and '
                f'{", ".join(self.anions) or "no anion"}; give one, or name formers and anions'
            )
        self.numbers = ShareNumbers()
        self.last: tuple[Network, npt.NDArray[np.int32]] | None = None

    def add(self, chunk: Chunk) -> None:
        """Look at the network of some frames."""
        for view in chunk.views:
            self._add(view)

    def _add(self, view: View) -> None:
        system, bonds = self.system, view.bonds
        network = analyse_network(bonds, system.types, system.elements, self.formers, self.anions)
        is_former, is_anion = network.qn >= 0, network.formers_around >= 0
        held = is_former[bonds.first] & is_anion[bonds.second]
        numbers = fragments(bonds.first[held], bonds.second[held], system.n_atoms)
        sizes = fragment_sizes(numbers, is_former)
        sizes = sizes[sizes > 0]
        n_formers = int(is_former.sum())
        record: dict[str, Any] = {
            **network.summary(),
            'units': self._units(view, network),
            'bridges': bridge_shares(bonds, network),
            'fragments': {
                'number': len(sizes),
                'largest_share': float(sizes.max() / n_formers) if n_formers else None,
                'formers_by_size': {
                    name: float(sizes[(sizes >= low) & (sizes <= high)].sum() / max(1, n_formers))
                    for name, low, high in (
                        ('1', 1, 1),
                        ('2', 2, 2),
                        ('3', 3, 3),
                        ('4_to_9', 4, 9),
                        ('10_or_more', 10, 1 << 62),
                    )
                },
            },
        }
        self.numbers.add(record)
        self.last = network, numbers

    def _units(self, view: View, network: Network) -> dict[str, dict[str, float]]:
        """Share of each former's atoms by the anions around them: BO3, BO4."""
        system, bonds = self.system, view.bonds
        is_anion = network.formers_around >= 0
        chosen = is_anion[bonds.second]
        around = np.zeros((system.n_atoms, len(system.elements)), dtype=np.int64)
        np.add.at(around, (bonds.first[chosen], system.types[bonds.second[chosen]]), 1)
        units = {}
        for former in self.formers:
            which = system.types == system.elements.index(former)
            if which.any():
                units[former] = shares(shell_names(former, system.elements, around[which]))
        return units

    def result(self) -> Result:
        """Shares, and of the last frame ``formers_around``, ``qn``, ``fragment`` and ``network_label`` by atom."""
        if self.last is None:
            raise ValueError('network: no frame was added')
        network, numbers = self.last
        averages = self.numbers.averages()
        per_atom: dict[str, npt.NDArray[Any]] = {
            'formers_around': network.formers_around,
            'qn': network.qn,
            'fragment': np.where((network.qn >= 0) | (network.formers_around >= 0), numbers, -1),
            'network_label': network.labels,
        }
        return Result(averages, {}, {}, per_atom, _warnings(averages))


def _warnings(averages: dict[str, Any]) -> list[str]:
    warnings = []
    for anion, entry in averages['anions'].items():
        if entry['tricluster']['mean'] > 0.05:
            warnings.append(f'{entry["tricluster"]["mean"]:.1%} of {anion} are bonded to three formers or more')
    return warnings


def _chosen(wanted: list[str] | None, role: str, system: System) -> list[str]:
    if wanted is None:
        return [element for element in system.elements if system.roles[element] == role]
    for element in wanted:
        if element not in system.elements:
            raise ValueError(f'{role}s: {element!r} is not among {", ".join(system.elements)}')
    return list(wanted)

"""Numbers of neighbours, bond lengths, and short and long bonds of one shell."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from aiida_glassion.analysis.base import Analysis, AnalysisSettings
from aiida_glassion.analysis.result import Curve, Result
from aiida_glassion.analysis.share_numbers import ShareNumbers
from aiida_glassion.analysis.system import Chunk, System, View
from aiida_glassion.kernels.block_sums import BlockSums
from aiida_glassion.kernels.structure.bond_split import LengthSplit, bonds_by_length, short_and_long, split_lengths
from aiida_glassion.kernels.structure.coordination import coordination_numbers
from aiida_glassion.kernels.structure.elements import odd_coordination
from aiida_glassion.kernels.structure.neighbours import NeighbourList

Pair = tuple[str, str]

ALL = 'all'
"""In the place of an anion: all anions together."""
MOST_NEIGHBOURS = 24
"""Distributions run from 0 to this many (or more)."""


class CoordinationSettings(AnalysisSettings):
    """Settings of coordination numbers.

    :param pairs: ``'V-O'``: O around V; default: each anion around each cation, and all anions around each cation.
    :param splits: length, Å, that parts short from long bonds of a pair; default: found for former–anion pairs, at the
        minimum of g(r) within the first shell, where there is one.
    :param bin_width: of the distribution of bond lengths, Å.
    :param tolerance: share of a former's atoms outside its usual coordination that is not warned of.
    """

    pairs: list[str] | None = None
    splits: dict[str, float] = Field(default_factory=dict)
    bin_width: float = Field(default=0.02, ge=0.002, le=0.2)
    tolerance: float = Field(default=0.05, ge=0, lt=1)


class CoordinationAnalysis(Analysis[CoordinationSettings]):
    """How many neighbours the atoms have within the cut-offs, and how far these are."""

    Settings = CoordinationSettings

    def __init__(self, settings: CoordinationSettings, system: System) -> None:
        super().__init__(settings, system)
        self.pairs = (
            _default(system) if settings.pairs is None else [_parsed(p, 'pairs', system) for p in settings.pairs]
        )
        if not self.pairs:
            raise ValueError('pairs: no cut-off is known for any pair; give cut-offs')
        single = [pair for pair in self.pairs if pair[1] != ALL]
        self.given = {_parsed(name, 'splits', system): length for name, length in settings.splits.items()}
        for pair, length in self.given.items():
            if not 0 < length < _cutoff(system, pair):
                raise ValueError(
                    f'splits: {"-".join(pair)}: {length} Å, expected a length below the cut-off, '
                    f'{_cutoff(system, pair):.2f} Å'
                )
        self.edges = {pair: self._edges(pair) for pair in dict.fromkeys([*single, *self.given])}
        self.counts: dict[Pair, npt.NDArray[np.int64]] = {}
        self.lengths = {pair: BlockSums() for pair in self.edges}
        self.numbers = ShareNumbers()
        self.last: NeighbourList | None = None

    def _edges(self, pair: Pair) -> npt.NDArray[np.float64]:
        cutoff = _cutoff(self.system, pair)
        edges = np.linspace(0, cutoff, max(2, round(cutoff / self.settings.bin_width)) + 1)
        if pair in self.given:
            # one of the edges is the length that was asked for
            edges = np.unique(np.append(edges[np.abs(edges - self.given[pair]) > 1e-9], self.given[pair]))
        return edges

    def add(self, chunk: Chunk) -> None:
        """Count the neighbours in some frames."""
        for view in chunk.views:
            self.numbers.add({'-'.join(pair): self._one(view, pair) for pair in self.pairs})
            for pair, edges in self.edges.items():
                self._measure(view, pair, edges)
            self.last = view.bonds

    def _one(self, view: View, pair: Pair) -> dict[str, Any]:
        elements = list(self.system.elements)
        around = _anions(self.system, pair[0]) if pair[1] == ALL else [pair[1]]
        found = coordination_numbers(
            view.bonds, self.system.types, elements.index(pair[0]), [elements.index(e) for e in around]
        )
        counts = np.bincount(np.minimum(found, MOST_NEIGHBOURS), minlength=MOST_NEIGHBOURS + 1)
        shares = counts / max(1, len(found))
        return {'mean': float(found.mean()), 'distribution': {str(n): float(s) for n, s in enumerate(shares)}}

    def _measure(self, view: View, pair: Pair, edges: npt.NDArray[np.float64]) -> None:
        types, bonds = self.system.types, view.bonds
        centre, neighbour = (self.system.elements.index(element) for element in pair)
        if self.system.roles[pair[0]] == 'former' or pair in self.given:
            found = bonds_by_length(bonds, types, centre, neighbour, edges)
            self.counts[pair] = self.counts[pair] + found if pair in self.counts else found
        chosen = (types[bonds.first] == centre) & (types[bonds.second] == neighbour)
        lengths = bonds.distances[chosen]
        histogram = np.histogram(lengths, edges)[0]
        self.lengths[pair].add([*histogram, lengths.sum()])

    def result(self) -> Result:
        """``coordination``, ``bond_lengths``, ``cutoffs`` and ``splits`` by pair; curves ``bond_length_V_O``."""
        system = self.system
        coordination = self.numbers.averages()
        lengths, curves = {}, {}
        for pair, sums in self.lengths.items():
            mean, error = sums.mean(), sums.error()
            n_bonds = mean[:-1].sum()
            lengths['-'.join(pair)] = float(mean[-1] / n_bonds) if n_bonds else None
            if n_bonds:
                scale = n_bonds * np.diff(self.edges[pair])
                curves[f'bond_length_{"_".join(pair)}'] = Curve(
                    (self.edges[pair][1:] + self.edges[pair][:-1]) / 2, mean[:-1] / scale, 'r', 'Å', 'P(r)', '1/Å',
                    None if error is None else error[:-1] / scale, 'per length, its integral is 1',
                    {'cutoff': _cutoff(system, pair), 'bin_width': self.settings.bin_width, 'n_frames': sums.n},
                )  # fmt: skip
        numbers: dict[str, Any] = {
            'coordination': coordination,
            'bond_lengths': lengths,
            'cutoffs': {'-'.join(pair): _cutoff(system, pair) for pair in self.edges},
            'splits': {'-'.join(pair): found for pair in self.counts if (found := self._split(pair)) is not None},
        }
        units = {'bond_lengths': 'Å', 'cutoffs': 'Å', 'splits.length': 'Å'}
        return Result(numbers, units, curves, self._per_atom(), self._odd(coordination))

    def _split(self, pair: Pair) -> dict[str, Any] | None:
        """Short and long bonds; None where the shell has one length only."""
        edges, counts = self.edges[pair], self.counts[pair]
        if pair in self.given:
            found, place = None, int(np.argmin(np.abs(edges - self.given[pair])))
        else:
            shorter = (counts * np.arange(counts.shape[1])[:, None]).sum(axis=(1, 2))
            found = split_lengths(edges, np.diff(shorter))
            if found is None:
                return None
            place = int(np.argmin(np.abs(edges - found.length)))
        return {'length': float(edges[place]), **_maxima(found), 'bonds': short_and_long(counts[place])}

    def _per_atom(self) -> dict[str, npt.NDArray[Any]]:
        """``neighbours`` (n_atoms, n_elements), and ``coordination``: anions of a cation, cations of an anion."""
        system, bonds = self.system, self.last
        if bonds is None:
            raise ValueError('coordination: no frame was added')
        neighbours = np.zeros((system.n_atoms, len(system.elements)), dtype=np.int64)
        np.add.at(neighbours, (bonds.first, system.types[bonds.second]), 1)
        is_anion = np.array([system.roles[e] == 'anion' for e in system.elements])
        mine = is_anion[system.types]
        coordination = np.where(mine, neighbours[:, ~is_anion].sum(axis=1), neighbours[:, is_anion].sum(axis=1))
        return {'neighbours': neighbours, 'coordination': coordination}

    def _odd(self, coordination: dict[str, Any]) -> list[str]:
        warnings = []
        for former in (e for e in self.system.elements if self.system.roles[e] == 'former'):
            anions = _anions(self.system, former)
            name = f'{former}-{ALL}' if len(anions) > 1 else f'{former}-{anions[0]}' if anions else ''
            if name in coordination:
                shares = {int(n): entry['mean'] for n, entry in coordination[name]['distribution'].items()}
                odd = odd_coordination(former, anions, shares, self.settings.tolerance)
                warnings += [] if odd is None else [odd.message]
        return warnings


def _maxima(split: LengthSplit | None) -> dict[str, Any]:
    if split is None:
        return {'source': 'given'}
    return {
        'short_maximum': split.short,
        'long_maximum': split.long,
        'depth': split.depth,
        'source': 'minimum of g(r) within the first shell',
    }


def _anions(system: System, cation: str) -> list[str]:
    return [e for e in system.elements if system.roles[e] == 'anion' and (cation, e) in system.cutoffs]


def _default(system: System) -> list[Pair]:
    pairs: list[Pair] = []
    for cation in (e for e in system.elements if system.roles[e] != 'anion'):
        anions = _anions(system, cation)
        pairs += [(cation, anion) for anion in anions]
        pairs += [(cation, ALL)] if len(anions) > 1 else []
    return pairs


def _cutoff(system: System, pair: Pair) -> float:
    return float(system.cutoffs.get(pair) or system.cutoffs[pair[1], pair[0]])


def _parsed(text: str, setting: str, system: System) -> Pair:
    first, _, second = text.partition('-')
    if first not in system.elements or second not in system.elements:
        raise ValueError(f'{setting}: {text!r}, expected two of {", ".join(system.elements)} like Si-O')
    if (first, second) not in system.cutoffs and (second, first) not in system.cutoffs:
        raise ValueError(f'{setting}: {text!r} needs a cut-off; none is known, give one')
    return first, second

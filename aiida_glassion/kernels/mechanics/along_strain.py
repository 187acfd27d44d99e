"""What becomes of bonds, surroundings and the crack while a sample is pulled: its snapshots against the unstrained one.

Every snapshot is compared with the reference, never with the one before it, so that all that is said is a function of
the strain and does not depend on how many snapshots were kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.mechanics.along_strain_settings import AlongStrainSettings
from aiida_glassion.kernels.mechanics.bond_switching import (
    NeighbourSets,
    bond_switching,
    neighbour_sets,
    switching_numbers,
)
from aiida_glassion.kernels.mechanics.cation_bonds import Pairs, bond_lengths, join_sets
from aiida_glassion.kernels.mechanics.crack import Crack, find_crack, separation
from aiida_glassion.kernels.mechanics.localisation import half_in, participation
from aiida_glassion.kernels.mechanics.nonaffine import LocalStrain, by_region, local_strain, region_masks
from aiida_glassion.kernels.space.regions import REGIONS
from aiida_glassion.kernels.structure.elements import network_roles
from aiida_glassion.kernels.transport.unwrap import fractional_coordinates, unwrap_fractional

FloatArray = npt.NDArray[np.float64]
Record = dict[str, Any]

_N_MAPS = 4


@dataclass(frozen=True, eq=False)
class AlongStrain:
    """A pull, snapshot by snapshot.

    :param strains: (n,), L/L₀ − 1 of each snapshot, from the cells.
    :param reference: of the unstrained sample: ``coordination`` by pair and ``crack``, which is the notch.
    :param records: of each snapshot ``bonds`` (shares that switched, by former and region), ``coordination`` (by pair:
        mean, its change, distribution), ``d2min`` (Å²) and ``shear`` (by region: mean, median, 95th percentile),
        ``localisation`` and ``crack``.
    :param profiles: along the load, in slabs of the reference: ``place`` (n_slabs,), Å, and ``d2min``, ``shear``,
        ``switched`` (n, n_slabs); NaN where a slab has none.
    :param paths: of the crack: ``across``, ``middle``, ``opening`` (n, n_across), Å; NaN where it is closed, and beyond
        the last column of a cell that has become narrower.
    :param maps: at some of the snapshots: ``snapshot`` (m,) indices, ``strain`` (m,), ``d2min``, ``shear`` (m, n_atoms)
        float32, ``switching`` (m, n_atoms) int8, −1 of what is no former.
    :param cutoffs: Å, by pair, as they were used.
    """

    strains: FloatArray
    reference: Record
    records: list[Record]
    profiles: dict[str, FloatArray]
    paths: dict[str, FloatArray]
    maps: dict[str, npt.NDArray[Any]]
    cutoffs: dict[str, float]
    warnings: list[str]


def along_strain(
    reference: Frames,
    snapshots: Frames,
    settings: AlongStrainSettings,
    regions: npt.NDArray[np.integer[Any]] | None = None,
    names: Sequence[str] = REGIONS,
) -> AlongStrain:
    """Compare the snapshots of a pull with the configuration in which it began.

    Images of the atoms are followed from snapshot to snapshot, so that positions may be wrapped or not; an atom must
    not go further than half the cell between two of them.

    :param reference: the unstrained sample, Å; its last frame.
    :param snapshots: the same atoms in the same order at increasing strain, Å.
    :param settings: axes, cut-offs and lengths.
    :param regions: (n_atoms,), index into ``names``, where each atom was in the reference.
    :raises ValueError: the atoms differ, no snapshot, a cut-off for a pair that is not there, or regions that do not
        fit.
    """
    before = reference[-1]
    if snapshots.symbols != before.symbols:
        raise ValueError('snapshots: other atoms, or another order of them, than the reference')
    if not snapshots.n_frames:
        raise ValueError('snapshots: none; expected at least one')
    if regions is not None:
        region_masks(regions, before.n_atoms, names)
    strains = _strains(before, snapshots, settings.load)
    pairs, warnings = bond_lengths(before, settings.cutoffs)
    look = _Look(before, pairs, settings, regions, names)
    kept = _map_places(strains, settings.map_strains)
    records, profiles, cracks = [], [], []
    maps: dict[str, list[Any]] = {name: [] for name in ('d2min', 'shear', 'switching')}
    for index, strain in enumerate(strains.tolist()):
        record, profile, crack, atoms = look.at(snapshots, index)
        records.append({'strain': strain, **record})
        profiles.append(profile)
        cracks.append(crack)
        if index in kept:
            for name, values in atoms.items():
                maps[name].append(values)
    return AlongStrain(
        strains,
        look.first,
        records,
        {'place': look.slab_places, **{name: np.array([own[name] for own in profiles]) for name in profiles[0]}},
        _paths(cracks),
        {
            'snapshot': np.array(kept, dtype=np.int32),
            'strain': strains[kept],
            **{name: np.array(values) for name, values in maps.items()},
        },
        {f'{a}-{b}': length for (a, b), length in pairs.items()},
        warnings,
    )


class _Look:
    """What is known of the reference, and how a snapshot is looked at beside it."""

    def __init__(
        self,
        before: Frames,
        pairs: Pairs,
        settings: AlongStrainSettings,
        regions: npt.NDArray[np.integer[Any]] | None,
        names: Sequence[str],
    ) -> None:
        self._frames, self._settings, self._regions, self._names = before, settings, regions, names
        roles = network_roles(before.elements)
        index = {element: place for place, element in enumerate(before.elements)}
        self._pairs = {(index[a], index[b]): length for (a, b), length in pairs.items()}
        self._words = {(index[a], index[b]): f'{a}-{b}' for a, b in pairs}
        self._formers = [index[element] for element in before.elements if roles[element] == 'former']
        self._fractional = fractional_coordinates(before.positions, before.cells)[0]
        self._last = self._fractional
        folded = (self._fractional[:, settings.load] % 1.0) % 1.0
        length = float(np.linalg.norm(before.cells[0][settings.load]))
        n_slabs = max(1, round(length / settings.slab))
        self._slab = (folded * n_slabs).astype(np.int64)
        self.slab_places: FloatArray = (np.arange(n_slabs) + 0.5) / n_slabs * length
        self._neighbours = self._sets(self._fractional, before.cells[0])
        crack, numbers = self._crack(before.positions[0], before.cells[0])
        self._notch = crack.open_area
        self.first: Record = {
            'coordination': dict(self._coordination(self._neighbours)),
            'crack': numbers,
        }

    def at(self, snapshots: Frames, index: int) -> tuple[Record, dict[str, FloatArray], Crack, dict[str, Any]]:
        """Record, profiles, crack and maps of one snapshot."""
        frames, settings = self._frames, self._settings
        cell = np.asarray(snapshots.cells[index], dtype=np.float64)
        folded = fractional_coordinates(snapshots.positions[index : index + 1], cell[None])
        self._last = unwrap_fractional(folded, frames.pbc, self._last)[0]
        positions = self._last @ cell
        local = local_strain(
            frames.positions[0], frames.cells[0], positions, cell, settings.radius, frames.pbc, unwrapped=True
        )
        now = self._sets(self._last, cell)
        crack, opened = self._crack(positions, cell)
        record: Record = {
            'bonds': {},
            'coordination': self._changed(now),
            'd2min': by_region(local.d2min, self._regions, self._names),
            'shear': by_region(local.shear, self._regions, self._names),
            'localisation': _localisation(local),
            'crack': {**opened, 'grown_area': crack.open_area - self._notch},
        }
        labels = np.full(frames.n_atoms, -1, dtype=np.int8)
        formers = _formers_of(self._neighbours, now, self._formers, frames.types)
        if formers is not None:
            switching = bond_switching(*formers)
            labels = switching.per_atom(frames.n_atoms)
            record['bonds'] = switching_numbers(switching, frames.types, frames.elements, self._regions, self._names)
        profiles = {
            'd2min': self._profile(local.d2min, local.valid),
            'shear': self._profile(local.shear, local.valid),
            'switched': self._profile((labels > 0).astype(np.float64), labels >= 0),
        }
        maps = {'d2min': local.d2min.astype(np.float32), 'shear': local.shear.astype(np.float32), 'switching': labels}
        return record, profiles, crack, maps

    def _sets(
        self, fractional: FloatArray, cell: npt.NDArray[np.floating[Any]]
    ) -> dict[tuple[int, int], NeighbourSets]:
        """Neighbours pair by pair, so that each has its own coordination number."""
        frames = self._frames
        positions = fractional @ cell
        return {
            pair: neighbour_sets(positions, cell, frames.types, {pair: length}, frames.pbc)
            for pair, length in self._pairs.items()
        }

    def _coordination(self, sets: Mapping[tuple[int, int], NeighbourSets]) -> Iterator[tuple[str, Record]]:
        for pair, own in sets.items():
            shares = np.bincount(own.sizes) / max(1, len(own.sizes))
            distribution = {str(number): share for number, share in enumerate(shares.tolist()) if share}
            yield self._words[pair], {'mean': float(own.sizes.mean()), 'distribution': distribution}

    def _changed(self, now: Mapping[tuple[int, int], NeighbourSets]) -> Record:
        first = self.first['coordination']
        return {
            word: {**record, 'change': record['mean'] - first[word]['mean']} for word, record in self._coordination(now)
        }

    def _crack(self, positions: npt.NDArray[Any], cell: npt.NDArray[Any]) -> tuple[Crack, Record]:
        settings = self._settings
        crack = find_crack(positions, cell, settings.load, settings.way, settings.column, settings.least)
        is_open = crack.opening > 0
        return crack, {
            'open_area': crack.open_area,
            'open_share': crack.open_share,
            'opening': float(crack.opening[is_open].mean()) if is_open.any() else 0.0,
            'widest': float(crack.opening.max()),
            'roughness': crack.roughness,
            'separated': separation(positions, cell, settings.load, settings.chain).separated,
        }

    def _profile(self, values: FloatArray, known: npt.NDArray[np.bool_]) -> FloatArray:
        counts = np.bincount(self._slab[known], minlength=len(self.slab_places))
        sums = np.bincount(self._slab[known], weights=values[known], minlength=len(self.slab_places))
        return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _formers_of(
    before: Mapping[tuple[int, int], NeighbourSets],
    now: Mapping[tuple[int, int], NeighbourSets],
    formers: Sequence[int],
    types: npt.NDArray[np.integer[Any]],
) -> tuple[NeighbourSets, NeighbourSets] | None:
    """Neighbours of all formers, with all anions together; None where none has bonds."""
    found = [join_sets([own for (centre, _), own in sets.items() if centre in formers]) for sets in (before, now)]
    return None if found[0] is None or found[1] is None else (found[0], found[1])


def _localisation(local: LocalStrain) -> Record:
    d2min, shear = local.d2min[local.valid], local.shear[local.valid]
    return {
        'participation': participation(d2min),
        'half_in': half_in(d2min),
        'shear_spread': float(shear.std()) if len(shear) else None,
    }


def _strains(before: Frames, snapshots: Frames, load: int) -> FloatArray:
    lengths = np.linalg.norm(np.asarray(snapshots.cells, dtype=np.float64)[:, load], axis=1)
    strains: FloatArray = lengths / float(np.linalg.norm(before.cells[0][load])) - 1
    return strains


def _map_places(strains: FloatArray, wanted: Sequence[float] | None) -> list[int]:
    """Indices of the snapshots of which maps are kept, ascending."""
    if wanted is None:
        spread = np.linspace(0, len(strains) - 1, _N_MAPS + 1)[1:]
        return sorted({round(place) for place in spread.tolist()})
    return sorted({int(np.argmin(np.abs(strains - strain))) for strain in wanted})


def _paths(cracks: Sequence[Crack]) -> dict[str, FloatArray]:
    width = max(len(crack.across) for crack in cracks)
    found = {name: np.full((len(cracks), width), np.nan) for name in ('across', 'middle', 'opening')}
    for row, crack in enumerate(cracks):
        for name, values in (('across', crack.across), ('middle', crack.path), ('opening', crack.profile)):
            found[name][row, : len(values)] = values
    return found

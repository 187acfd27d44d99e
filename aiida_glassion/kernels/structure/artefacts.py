"""Known artefacts of potentials in glasses: what a glass should not show, in numbers and words."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.structure.anions import Speciation
from aiida_glassion.kernels.structure.crystallinity import crystallinity_by_element
from aiida_glassion.kernels.structure.elements import network_roles, odd_coordination, usual_coordination
from aiida_glassion.kernels.structure.melt import site_overlap
from aiida_glassion.kernels.structure.neighbours import check_configuration, neighbour_list

FloatArray = npt.NDArray[np.floating[Any]]
Artefact = dict[str, Any]

ARTEFACT_LIMITS: dict[str, float] = {
    'edge_sharing': 0.05,
    'former_chains': 0.02,
    'former_bonds': 0.02,
    'anion_bonds': 0.02,
    'odd_coordination': 0.1,
    'crystallised': 3.0,
    'detached': 0.0,
    'void': 2.0,
    'shared_sites': 0.1,
}
"""Above what a glass is flagged.

``edge_sharing``: share of the tetrahedral formers that share an edge or a face with another (not counted where it is
usual: SiS2, GeS2, B, Al, Ga, Sn with S or Se); ``former_chains``: share of formers in chains of three or more bonded
formers (P–P–P); ``former_bonds``: share of formers bonded to another, in oxides; ``anion_bonds``: share of anions
bonded to another; ``odd_coordination``: share of a former outside its usual coordination; ``crystallised``: contrast of
Bragg peaks, a glass has about 1; ``detached``: share of atoms without any neighbour; ``void``: radius of the largest
empty sphere over the cube root of the volume per atom; ``shared_sites``: share of the formers' sites that two glasses
of one start have in common beyond chance: above it the melt did not forget the start, and agreement says little.
"""
_EDGES_ARE_USUAL = frozenset({'Si', 'Ge', 'B', 'Al', 'Ga', 'Sn'})
"""Formers of which chalcogenides share edges by nature."""
_CHALCOGENS = frozenset({'S', 'Se', 'Te'})
_REACH = 1.5
"""An atom without another within so many times the sum of their covalent radii is detached."""
_SITE = 0.3
"""Radius of a site over the sum of the covalent radii of a former and an anion."""
_GRID = 0.6
"""Spacing of the grid on which voids are looked for, Å: the radius is found to half of it."""


def tetrahedral_formers(elements: Collection[str]) -> list[str]:
    """Formers whose polyhedra should share corners only: usual coordination up to 4, edges not usual."""
    roles = network_roles(elements)
    anions = [element for element, role in roles.items() if role == 'anion']
    found = []
    for former in (element for element, role in roles.items() if role == 'former'):
        usual = usual_coordination(former, anions)
        edges = former in _EDGES_ARE_USUAL and _CHALCOGENS & set(anions)
        if (usual is None or usual.high <= 4) and not edges:
            found.append(former)
    return found


def find_artefacts(
    frames: Frames, species: Sequence[Speciation], limits: Mapping[str, float] | None = None
) -> list[Artefact]:
    """Look for every known artefact.

    :param frames: sampled glass; crystal, void and detached atoms are looked for in the last frame.
    :param species: of each frame.
    :param limits: see :data:`ARTEFACT_LIMITS`.
    :returns: for each ``name``, ``value``, ``limit``, ``error`` (of counting atoms; None where there is none),
        ``flagged`` and ``words``.
    """
    chosen = {**ARTEFACT_LIMITS, **(limits or {})}
    return [
        *bonding_artefacts(frames.elements, species, chosen),
        *_coordination(species, chosen['odd_coordination']),
        *_crystal(frames, chosen['crystallised']),
        *_loose(frames, chosen['detached']),
        *_void(frames, chosen['void']),
    ]


def _share(name: str, flags: Sequence[npt.NDArray[np.bool_]], limit: float, words: str) -> list[Artefact]:
    """A share of atoms, averaged over frames, with the error of counting so few."""
    n_atoms = len(flags[0])
    if not n_atoms:
        return []
    share = float(np.mean(flags))
    error = float(np.sqrt(max(share * (1 - share), 1.0 / n_atoms) / n_atoms))
    said = f'{share:.1%} {words} (limit {limit:.1%})'
    return [_artefact(name, share, limit, error, said)]


def _artefact(name: str, value: float, limit: float, error: float | None, words: str) -> Artefact:
    return {
        'name': name,
        'value': value,
        'limit': limit,
        'error': error,
        'flagged': bool(value > limit),
        'words': words,
    }


def bonding_artefacts(
    elements: Sequence[str], species: Sequence[Speciation], limits: Mapping[str, float] | None = None
) -> list[Artefact]:
    """Those that the bonds alone show: edges shared, chains of formers, bonds of like atoms.

    :param elements: of the glass.
    :param species: of each frame.
    :param limits: see :data:`ARTEFACT_LIMITS`.
    """
    chosen = {**ARTEFACT_LIMITS, **(limits or {})}
    return [*_edges(species, chosen['edge_sharing']), *_bonds(elements, species, chosen)]


def _edges(species: Sequence[Speciation], limit: float) -> list[Artefact]:
    tetrahedral = tetrahedral_formers(species[0].elements)
    flags = []
    for s in species:
        which = np.isin(np.array(s.elements)[s.types], tetrahedral)
        joined = s.joined.atoms('edge', len(s.types)) | s.joined.atoms('face', len(s.types))
        flags.append((joined & (s.coordination <= 4))[which])
    return _share('edge_sharing', flags, limit, f'of {", ".join(tetrahedral)} share edges with another tetrahedron')


def _bonds(elements: Sequence[str], species: Sequence[Speciation], limits: Mapping[str, float]) -> list[Artefact]:
    roles = network_roles(elements)
    formers = [e for e in elements if roles[e] == 'former']
    anions = [e for e in elements if roles[e] == 'anion']
    is_former, is_anion = species[0].is_former, species[0].is_anion
    chains = [(s.chain >= 3)[is_former] for s in species]
    words = f'of {", ".join(formers)} are in chains of three or more bonded to each other'
    found = _share('former_chains', chains, limits['former_chains'], words)
    if not _CHALCOGENS & set(anions):
        bonded = [(s.chain >= 2)[is_former] for s in species]
        words = f'of {", ".join(formers)} are bonded to each other'
        found += _share('former_bonds', bonded, limits['former_bonds'], words)
    alike = [(s.anion_bonds > 0)[is_anion] for s in species]
    words = f'of {", ".join(anions)} are bonded to each other'
    return found + _share('anion_bonds', alike, limits['anion_bonds'], words)


def _coordination(species: Sequence[Speciation], limit: float) -> list[Artefact]:
    elements = species[0].elements
    roles = network_roles(elements)
    anions = [e for e in elements if roles[e] == 'anion']
    found = []
    for former in (e for e in elements if roles[e] == 'former'):
        numbers = np.concatenate([s.coordination[s.of(former)] for s in species])
        n_atoms = int(species[0].of(former).sum())
        if not n_atoms:
            continue
        shares = {int(n): float(np.mean(numbers == n)) for n in np.unique(numbers)}
        odd = odd_coordination(former, anions, shares, tolerance=-1.0)
        if odd is None:
            continue
        error = float(np.sqrt(max(odd.fraction * (1 - odd.fraction), 1 / n_atoms) / n_atoms))
        words = f'{odd.message} (limit {limit:.1%})'
        found.append(_artefact(f'odd_coordination_{former}', odd.fraction, limit, error, words))
    return found


def _crystal(frames: Frames, limit: float) -> list[Artefact]:
    last = (frames.positions[-1], frames.cells[-1], frames.types, frames.elements)
    judged = {e: c for e, c in crystallinity_by_element(*last, threshold=limit).items() if c.judged}
    if not judged:
        return []
    element, worst = max(judged.items(), key=lambda item: item[1].contrast)
    words = f'Bragg peaks of {element} stand out by a contrast of {worst.contrast:.1f} (limit {limit:g}, a glass has 1)'
    return [_artefact('crystallised', worst.contrast, limit, None, words)]


def _loose(frames: Frames, limit: float) -> list[Artefact]:
    loose = detached_atoms(frames)
    words = f'of the atoms have no neighbour within {_REACH:g} times the sum of their covalent radii'
    found = _share('detached', [loose], limit, words)
    for entry in found:
        entry['error'] = None
    return found


def detached_atoms(frames: Frames, index: int = -1, reach: float = _REACH) -> npt.NDArray[np.bool_]:
    """(n_atoms,) which atoms have no other within ``reach`` times the sum of their covalent radii."""
    from ase.data import atomic_numbers, covalent_radii

    radii = np.array([covalent_radii[atomic_numbers[element]] for element in frames.elements])
    positions, cell = check_configuration(frames.positions[index], frames.cells[index])
    pairs = neighbour_list(positions, cell, reach * (radii[:, None] + radii), frames.types, frames.pbc)
    return np.asarray(np.bincount(pairs.first, minlength=frames.n_atoms) == 0)


def shared_sites(glasses: Mapping[str, Frames], limit: float) -> list[Artefact]:
    """The two glasses of one start that have most sites in common.

    :param glasses: of the same atoms, by member; their last frames are compared in fractional coordinates.
    :param limit: share of sites, beyond chance (:func:`.melt.site_overlap`).
    """
    found = []
    for a, b in combinations(sorted(glasses), 2):
        share, error, element = _overlap(glasses[a], glasses[b])
        words = (
            f'{share:.0%} of the {element} sites of {a} and {b} are the same beyond chance (limit {limit:.0%}): the '
            'melt did not forget its start, so that their agreement says little; hold it longer or hotter'
        )
        found.append(_artefact('shared_sites', share, limit, error, words))
    return [max(found, key=lambda artefact: artefact['value'])] if found else []


def _overlap(one: Frames, other: Frames) -> tuple[float, float, str]:
    from ase.data import atomic_numbers, covalent_radii

    roles = network_roles(one.elements)
    ranked = sorted(one.elements, key=lambda e: (roles[e] != 'former', -one.counts[e]))
    element = ranked[0]
    partner = next((e for e in one.elements if roles[e] == 'anion'), element)
    radius = _SITE * float(covalent_radii[atomic_numbers[element]] + covalent_radii[atomic_numbers[partner]])
    which = one.types == one.elements.index(element)
    cell = np.asarray(one.cells[-1], dtype=np.float64)
    sites = np.asarray(one.positions[-1][which], dtype=np.float64)
    there = np.asarray(other.positions[-1][which] @ np.linalg.inv(other.cells[-1]) @ cell, dtype=np.float64)
    chance = -np.expm1(-len(sites) / abs(np.linalg.det(cell)) * 4 / 3 * np.pi * radius**3)
    error = float(np.sqrt(chance / (1 - chance) / len(sites)))
    return site_overlap(sites, there, cell, radius), error, element


def _void(frames: Frames, limit: float) -> list[Artefact]:
    radius = largest_void(frames.positions[-1], frames.cells[-1])
    spacing = float((frames.volumes[-1] / frames.n_atoms) ** (1 / 3))
    words = (
        f'the largest empty sphere has a radius of {radius:.1f} Å, {radius / spacing:.2f} times the spacing of atoms '
        f'(limit {limit:g})'
    )
    return [_artefact('void', radius / spacing, limit, None, words)]


def largest_void(positions: FloatArray, cell: FloatArray, spacing: float = _GRID) -> float:
    """Radius of the largest sphere without an atom's centre in it, Å.

    :param positions: (n_atoms, 3), Å, at least one atom.
    :param cell: (3, 3), Å, periodic in all directions.
    :param spacing: of the grid of trial centres, Å; the radius may come out too small by up to this.
    """
    from scipy.spatial import cKDTree

    positions, cell = check_configuration(positions, cell)
    numbers = np.maximum(np.ceil(np.linalg.norm(cell, axis=1) / spacing), 1).astype(int)
    axes = [np.arange(n) / n for n in numbers]
    inside = positions @ np.linalg.inv(cell) % 1
    heights = 1 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    reach = min(4 * float((abs(np.linalg.det(cell)) / len(positions)) ** (1 / 3)), float(heights.max()))
    while True:
        tree = cKDTree(_with_images(inside, cell, reach / heights))
        largest = 0.0
        for x in axes[0]:
            plane = np.stack(np.meshgrid([x], axes[1], axes[2], indexing='ij'), axis=-1).reshape(-1, 3) @ cell
            largest = max(largest, float(tree.query(plane)[0].max()))
        if largest <= reach:
            return largest
        reach = 1.01 * largest


def _with_images(inside: FloatArray, cell: FloatArray, margin: FloatArray) -> FloatArray:
    """Atoms of the cell and all images within a margin (in fractions of each height) around it, Å."""
    points = inside
    for axis in range(3):
        n = int(np.ceil(margin[axis]))
        shifted = [points + shift * np.eye(3)[axis] for shift in range(-n, n + 1)]
        points = np.concatenate(shifted)
        keep = (points[:, axis] >= -margin[axis]) & (points[:, axis] <= 1 + margin[axis])
        points = points[keep]
    turned: FloatArray = points @ cell
    return turned

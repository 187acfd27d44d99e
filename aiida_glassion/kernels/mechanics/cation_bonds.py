"""How long the bonds of cations with anions are in a sample, and neighbours of several pairs together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.mechanics.bond_switching import NeighbourSets
from aiida_glassion.kernels.structure.elements import network_roles
from aiida_glassion.kernels.structure.rdf import first_minimum, partial_rdfs

Pairs = dict[tuple[str, str], float]

_RDF_RANGE = 6.0


def bond_lengths(frames: Frames, given: Mapping[str, float]) -> tuple[Pairs, list[str]]:
    """Cut-offs of each cation with each anion: as given, else the first minimum of g(r) in the last frame.

    :param frames: the unstrained sample, Å.
    :param given: Å by pair, in either order.
    :returns: cut-offs with the cation first, and what could not be found, in words.
    :raises ValueError: a given pair is not one of a cation and an anion of this sample.
    """
    roles = network_roles(frames.elements)
    anions = [element for element in frames.elements if roles[element] == 'anion']
    cations = [element for element in frames.elements if roles[element] != 'anion']
    wanted = dict(given)
    found: Pairs = {}
    warnings: list[str] = []
    rdf = partial_rdfs(
        frames.positions[-1:], frames.cells[-1:], frames.types, frames.elements, _RDF_RANGE, 600, frames.pbc, 1
    )
    for cation in sorted(cations, key=lambda element: (roles[element] != 'former', element)):
        for anion in anions:
            length = wanted.pop(f'{cation}-{anion}', None) or wanted.pop(f'{anion}-{cation}', None)
            try:
                found[cation, anion] = float(length or first_minimum(rdf.r, rdf.g[rdf.pair(cation, anion)]))
            except ValueError as error:
                warnings.append(f'{cation}-{anion}: {error}; its bonds are left out, unless a cut-off is given')
    if wanted:
        raise ValueError(f'cutoffs: no pair of a cation and an anion of this sample: {", ".join(sorted(wanted))}')
    if not any(roles[cation] == 'former' for cation, _ in found):
        warnings.append('no bond of a network former with an anion: no bond switching')
    return found, warnings


def join_sets(parts: Sequence[NeighbourSets]) -> NeighbourSets | None:
    """Sets of several pairs as one, by the atoms that look: all anions of a former together.

    :param parts: each with the atoms that look in ascending order.
    :returns: None where there is no part.
    """
    if not parts:
        return None
    owners = np.concatenate([np.repeat(part.centres, part.sizes) for part in parts])
    members = np.concatenate([part.members for part in parts])
    order = np.lexsort((members, owners))
    centres = np.unique(np.concatenate([part.centres for part in parts]))
    offsets = np.append(np.searchsorted(owners[order], centres), len(owners))
    return NeighbourSets(centres, offsets.astype(np.int64), members[order])

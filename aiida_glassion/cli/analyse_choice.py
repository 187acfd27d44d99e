"""Which analyses a trajectory gets where none is named, and about how long they take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from aiida_glassion.kernels.structure.elements import network_roles

WHAT = {
    'rdf': 'partial and total g(r), running coordination, first shells',
    'coordination': 'number of neighbours, bond lengths',
    'angles': 'bond angles',
    'network': 'bridging and non-bridging anions, Qn, connectivity, fragments',
    'anions': 'clusters that anions make: PS4, P2S7, BO3, free S; artefacts',
    'rings': 'rings of the network by size: Guttman, King, primitive',
    'scattering': 'S(Q), partial and total, neutron and X-ray; T(r), D(r); measured curves',
    'powder': 'powder diffraction pattern by angle',
    'voronoi': 'volume of each atom',
    'voids': 'free volume and cavities for a probe',
    'disorder': 'degree of disorder along an axis',
    'profiles': 'density and elements along an axis or from a centre',
    'regions': 'glass, interface and crystal, told apart',
    'checks': 'crystallised? phase-separated? wrong coordination?',
    'diffusion': 'MSD, diffusion coefficients, conductivity; needs unwrapped positions and times',
    'dynamics': 'van Hove functions, non-Gaussian parameter, mobile ions; needs unwrapped positions and times',
    'channels': 'where ions go: density, thresholds and dimension of channels, sites and hops; needs times',
    'flexibility': 'spread and jumps of the formers, correlation with the ions near by; needs times',
}
"""What each kind of analysis gives, in a line."""

_SECONDS_PER_ATOM = {
    'rdf': 2e-6,
    'coordination': 1e-6,
    'angles': 2e-6,
    'network': 2e-6,
    'anions': 6e-6,
    'rings': 6e-5,
    'scattering': 3e-4,
    'powder': 3e-4,
    'voronoi': 3e-5,
    'voids': 1e-4,
    'disorder': 2e-5,
    'profiles': 1e-6,
    'regions': 1e-4,
    'checks': 2e-5,
    'diffusion': 1e-6,
    'dynamics': 1e-6,
    'channels': 2e-6,
    'flexibility': 3e-6,
}
_MOST_ATOMS_FOR_RINGS = 50_000
_MOST_ATOMS_FOR_VOIDS = 20_000
_CLUSTERS = frozenset({'P', 'B', 'S', 'Se'})
"""Elements that make anions worth to be told apart; in a silicate Qn says it all."""


def default_kinds(counts: Mapping[str, int]) -> list[str]:
    """Analyses that say something about a glass of these elements and can be had in reasonable time.

    :param counts: atoms of each element.
    """
    roles, n_atoms = network_roles(counts), sum(counts.values())
    of_role = {role: [element for element in counts if roles[element] == role] for role in ('former', 'anion')}
    kinds = ['rdf']
    if of_role['anion'] and len(counts) > 1:
        kinds += ['coordination', 'angles']
    if of_role['former'] and of_role['anion']:
        kinds.append('network')
        if _CLUSTERS & set(counts):
            kinds.append('anions')
        if n_atoms <= _MOST_ATOMS_FOR_RINGS:
            kinds.append('rings')
    kinds.append('scattering')
    if n_atoms <= _MOST_ATOMS_FOR_VOIDS:
        kinds += ['voronoi', 'voids']
    return [*kinds, 'checks']


def estimated_seconds(kinds: Iterable[str], n_atoms: int, n_frames: int) -> float:
    """About how long the analyses take on one core, s; a factor of three either way."""
    return sum(_SECONDS_PER_ATOM[kind] for kind in kinds) * n_atoms * n_frames + 2.0

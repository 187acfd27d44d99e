"""First look at a trajectory: what its elements do, how long their bonds are, how large the cell is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.analysis.request import Request
from aiida_glassion.analysis.sources import FrameSource
from aiida_glassion.analysis.system import System
from aiida_glassion.frames import Frames
from aiida_glassion.kernels.structure.anions import THIOPHOSPHATE, default_cutoffs
from aiida_glassion.kernels.structure.elements import network_roles
from aiida_glassion.kernels.structure.rdf import PartialRdf, first_minimum, first_peak, partial_rdfs

FloatArray = npt.NDArray[np.floating[Any]]
Pair = tuple[str, str]

MOST_FRAMES = 20
"""At most so many frames are looked at, evenly spaced."""
MOST_ATOMS = 1_000_000
"""Fewer, where they would hold more atoms than this together; but two where there are two."""
_LEAST_FRAMES = 2
R_MAX, N_BINS = 10.0, 1000
"""Range (Å) and bins of the g(r) in which bonds are looked for."""


def survey(source: FrameSource, request: Request) -> System:
    """Look at up to 20 evenly spaced frames, of a million atoms in all, of those that are asked for.

    The first and the last are among them.

    Bonds: a cation and an anion up to the first minimum of their g(r); P–S, P–P and pairs of formers or of anions as
    :func:`.default_cutoffs` says; any pair whose cut-off is given.

    :raises ValueError: no frame, no cell, or a cut-off for an element that is not there; names the file.
    """
    frames = Frames.concatenate(list(_spaced(source, request)))
    if (frames.volumes < 1e-6).any():
        raise ValueError(f'{source.name}: no cell, so there is no density; the structure needs one in every direction')
    rdf = partial_rdfs(frames.positions, frames.cells, frames.types, frames.elements, R_MAX, N_BINS, frames.pbc)
    roles = network_roles(frames.elements)
    cutoffs, warnings = _cutoffs(rdf, roles, request.cutoffs, source.name)
    return System(
        symbols=frames.symbols,
        elements=frames.elements,
        types=frames.types,
        pbc=frames.pbc,
        roles=roles,
        cutoffs=cutoffs,
        bond_lengths=_bond_lengths(rdf, cutoffs),
        shortest_width=float(widths(frames.cells, frames.pbc).min()),
        n_surveyed=frames.n_frames,
        warnings=tuple(warnings),
        cutoff_sources={pair: _source(pair, value, rdf, roles, request.cutoffs) for pair, value in cutoffs.items()},
    )


def widths(cells: FloatArray, pbc: tuple[bool, bool, bool] = (True, True, True)) -> FloatArray:
    """Distances between opposite faces of cells, Å, (n_cells, n), along the periodic vectors (all, where none is).

    :param cells: (n_cells, 3, 3), Å, rows are the vectors.
    """
    directions = [axis for axis in range(3) if pbc[axis]] or [0, 1, 2]
    found: FloatArray = 1.0 / np.linalg.norm(np.linalg.inv(cells), axis=1)
    return found[:, directions]


def _spaced(source: FrameSource, request: Request) -> Iterable[Frames]:
    taken = source.indices(request.first, request.last, request.every)
    first = source.read(taken[:1])
    yield first
    most = max(_LEAST_FRAMES, min(MOST_FRAMES, MOST_ATOMS // first.n_atoms, len(taken)))
    places = np.unique(np.linspace(0, len(taken) - 1, most).round().astype(int))
    for place in places[1:].tolist():
        yield source.read(taken[place : place + 1])


def _cutoffs(
    rdf: PartialRdf, roles: Mapping[str, str], given: Mapping[str, float], name: str
) -> tuple[dict[Pair, float], list[str]]:
    elements = rdf.elements
    wanted = {_ordered(pair, roles): value for pair, value in given.items()}
    for pair in wanted:
        if absent := [element for element in pair if element not in elements]:
            raise ValueError(f'cutoffs: {"-".join(pair)}: {name} holds no {absent[0]}, only {", ".join(elements)}')
    bonding = {f'{a}-{b}': value for (a, b), value in wanted.items() if 'modifier' not in (roles[a], roles[b])}
    cutoffs, warnings = default_cutoffs(elements, rdf.r, rdf.g, bonding)
    for cation in (e for e in elements if roles[e] == 'modifier'):
        for anion in (e for e in elements if roles[e] == 'anion'):
            if (cation, anion) in wanted:
                continue
            try:
                cutoffs[cation, anion] = first_minimum(rdf.r, rdf.g[rdf.pair(cation, anion)])
            except ValueError as error:
                warnings.append(f'{cation}-{anion}: {error}; taken to make no bonds, unless a cut-off is given')
    return {**cutoffs, **wanted}, warnings


def _ordered(pair: str, roles: Mapping[str, str]) -> Pair:
    """Cation first; two of a kind in alphabetical order."""
    order = {'former': 0, 'modifier': 0, 'anion': 1}
    a, b = sorted(pair.split('-'), key=lambda element: (order.get(roles.get(element, ''), 0), element))
    return a, b


def _source(pair: Pair, cutoff: float, rdf: PartialRdf, roles: Mapping[str, str], given: Mapping[str, float]) -> str:
    if pair in {_ordered(name, roles) for name in given}:
        return 'given'
    if cutoff == THIOPHOSPHATE.get(pair) and {'P', 'S'} <= set(rdf.elements):
        return 'gap between the shells of thiophosphates'
    if roles[pair[0]] != roles[pair[1]]:
        try:
            if cutoff == first_minimum(rdf.r, rdf.g[rdf.pair(*pair)]):
                return 'first minimum of g(r)'
        except ValueError:
            pass
    return 'covalent radii'


def _bond_lengths(rdf: PartialRdf, cutoffs: Mapping[Pair, float]) -> dict[Pair, float]:
    """First maximum of g(r), for pairs that have one within their cut-off."""
    lengths: dict[Pair, float] = {}
    for pair, cutoff in cutoffs.items():
        try:
            length = first_peak(rdf.r, rdf.g[rdf.pair(*pair)])[0]
        except ValueError:
            continue
        if length < cutoff:
            lengths[pair] = length
    return lengths

"""Known artefacts: each is found where it was put, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.structure.anions import speciate
from aiida_glassion.kernels.structure.artefacts import (
    ARTEFACT_LIMITS,
    detached_atoms,
    find_artefacts,
    largest_void,
    shared_sites,
    tetrahedral_formers,
)

CUTOFFS = {('O', 'Si'): 2.1, ('Si', 'Si'): 2.5, ('O', 'O'): 1.5}


def artefacts(frames, cutoffs=CUTOFFS, **limits):
    known = {pair: value for pair, value in cutoffs.items() if set(pair) <= set(frames.elements)}
    species = [
        speciate(positions, cell, frames.types, frames.elements, known)
        for positions, cell in zip(frames.positions, frames.cells, strict=True)
    ]
    return {artefact['name']: artefact for artefact in find_artefacts(frames, species, limits)}


def with_atoms(frames, symbols, positions):
    """The frames with some atoms more, at the same places in each."""
    more = np.tile(np.asarray(positions, float), (frames.n_frames, 1, 1))
    return Frames((*frames.symbols, *symbols), np.concatenate([frames.positions, more], axis=1), frames.cells)


def without(frames, atoms):
    kept = np.setdiff1d(np.arange(frames.n_atoms), atoms)
    return Frames(tuple(frames.symbols[i] for i in kept), frames.positions[:, kept], frames.cells)


def flagged(found):
    return {name for name, artefact in found.items() if artefact['flagged']}


def test_a_network_without_artefacts(network):
    """A vibrating crystal: nothing but its Bragg peaks."""
    found = artefacts(network(1, disorder=0.1))
    assert flagged(found) == {'crystallised'}
    assert found['crystallised']['value'] > ARTEFACT_LIMITS['crystallised']
    assert 'Bragg' in found['crystallised']['words']
    assert set(found) == {
        'edge_sharing', 'former_chains', 'former_bonds', 'anion_bonds', 'odd_coordination_Si', 'crystallised',
        'detached', 'void',
    }  # fmt: skip


def test_odd_coordination_says_how_many(network):
    odd = artefacts(network(1, opened=0.1))['odd_coordination_Si']
    assert odd['flagged']
    assert odd['value'] > 0.15
    assert 'of Si do not have 4 anions' in odd['words']


def test_edges_chains_and_bonded_anions_of_thiophosphates():
    """Of 6 P: 2 share an edge, 3 make a chain, 1 is PS4; of 14 S 2 are bonded."""
    edge = [[0, 0, 0], [2.8, 0, 0], [1.4, 1.5, 0], [1.4, -1.5, 0], [-1.1, 0, 1.73], [-1.1, 0, -1.73], [3.9, 0, 1.73],
            [3.9, 0, -1.73]]  # fmt: skip
    chain = [[0, 0, 0], [2.2, 0, 0], [2.9, 2.1, 0], [-1.2, 1.6, 0], [5.9, 0, 0], [5.9, 2.05, 0]]
    single = 2.05 / np.sqrt(3) * np.array([[0, 0, 0], [1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    positions = np.vstack([np.array(edge) + 5, np.array(chain) + 15, single + 25])
    symbols = ('P', 'P', *['S'] * 6, 'P', 'P', 'P', *['S'] * 3, 'P', *['S'] * 4)
    frames = Frames(symbols, positions[None], 32 * np.eye(3)[None])
    found = artefacts(frames, {('P', 'S'): 2.5, ('P', 'P'): 2.6, ('S', 'S'): 2.4})
    assert found['edge_sharing']['value'] == pytest.approx(2 / 6)
    assert found['former_chains']['value'] == pytest.approx(3 / 6)
    assert found['anion_bonds']['value'] == pytest.approx(2 / 13)
    assert 'former_bonds' not in found, 'P-P bonds belong to P2S6'
    assert {'edge_sharing', 'former_chains', 'anion_bonds'} <= flagged(found)
    assert '33.3% of P share edges' in found['edge_sharing']['words']


def test_edges_are_usual_in_silicon_sulfide():
    assert tetrahedral_formers(['Li', 'S', 'Si']) == []
    assert tetrahedral_formers(['Na', 'O', 'P', 'S']) == ['P']
    assert tetrahedral_formers(['Al', 'O', 'Si']) == ['Si']


def test_a_void_that_was_cut(network):
    """All atoms within 6 Å of a point go: the sphere is empty, and found to half an Å; across the boundary too."""
    frames = network(1)
    cell = frames.cells[0]
    for centre in (cell.sum(axis=0) / 2, np.zeros(3)):
        apart = frames.positions[0] - centre
        apart -= np.rint(apart @ np.linalg.inv(cell)) @ cell
        holey = without(frames, np.flatnonzero(np.linalg.norm(apart, axis=1) < 6.0))
        radius = largest_void(holey.positions[0], cell)
        nearest = np.sort(np.linalg.norm(apart, axis=1)[np.linalg.norm(apart, axis=1) >= 6.0])[0]
        assert nearest - 0.5 < radius < nearest + 1.0
        assert 'void' in flagged(artefacts(holey))
    assert 'void' not in flagged(artefacts(frames))


@pytest.mark.parametrize('cell', [np.diag([8.0, 9.0, 10.0]), [[8.0, 0, 0], [3.0, 7.0, 0], [-2.0, 3.0, 9.0]]])
def test_the_largest_void_against_brute_force(cell):
    cell = np.asarray(cell)
    rng = np.random.default_rng(4)
    positions = rng.random((12, 3)) @ cell
    images = np.array([[i, j, k] for i in range(-2, 3) for j in range(-2, 3) for k in range(-2, 3)]) @ cell
    every = (positions[None] + images[:, None]).reshape(-1, 3)
    trial = rng.random((20000, 3)) @ cell
    best = max(np.linalg.norm(every - point, axis=1).min() for point in trial[:4000])
    assert largest_void(positions, cell, spacing=0.25) == pytest.approx(best, abs=0.25)


def test_one_atom_leaves_a_void_of_half_the_diagonal():
    assert largest_void(np.zeros((1, 3)), 10 * np.eye(3), 0.5) == pytest.approx(np.sqrt(75), abs=0.01)


def test_detached_atoms(network):
    frames = network(1)
    assert not detached_atoms(frames).any()
    apart = frames.positions[-1] - 10.0
    gone = np.flatnonzero(np.linalg.norm(apart, axis=1) < 5.0)
    with_one = with_atoms(without(frames, gone), ['Na'], [[10.0, 10.0, 10.0]])
    loose = detached_atoms(with_one)
    assert np.flatnonzero(loose).tolist() == [with_one.n_atoms - 1]
    found = artefacts(with_one)
    assert found['detached']['flagged']
    assert found['detached']['value'] == pytest.approx(1 / with_one.n_atoms)


def test_limits_are_inputs(network):
    found = artefacts(network(1, opened=0.1), odd_coordination=0.9, crystallised=1e6)
    assert flagged(found) == set()


def test_glasses_that_remember_their_start_share_its_sites(network):
    """Vibrating about the same sites: nearly all; the same atoms at random places: none beyond chance."""
    one, same = network(1, disorder=0.2), network(2, disorder=0.2)
    (found,) = shared_sites({'a': one, 'b': same}, 0.1)
    assert found['flagged']
    assert found['value'] > 0.9
    assert 'of the Si sites of a and b' in found['words']
    places = np.random.default_rng(1).random((2, *one.positions.shape)) * one.cells[0].diagonal()
    random = {name: Frames(one.symbols, where, one.cells) for name, where in zip('cd', places, strict=True)}
    (forgotten,) = shared_sites(random, 0.1)
    assert abs(forgotten['value']) < 3 * forgotten['error']
    (worst,) = shared_sites({'a': one, 'b': same, **random}, 0.1)
    assert worst == found
    assert shared_sites({'a': one}, 0.1) == []

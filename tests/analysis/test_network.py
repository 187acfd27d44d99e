"""The network over a trajectory: 20Na2O-80SiO2 by counting, borate units, and what does not fit."""

from __future__ import annotations

import json

import numpy as np
import pytest
from ase.spacegroup import crystal

from aiida_glassion.analysis.request import read_request
from aiida_glassion.analysis.run import analyse
from aiida_glassion.analysis.sources import of_frames
from aiida_glassion.frames import Frames
from aiida_glassion.kernels.structure.neighbours import neighbour_list


def outcome(frames, cutoffs, **settings):
    return analyse(read_request({'analyses': {'network': settings}, 'cutoffs': cutoffs}), of_frames(frames))


def sodium_silicate(seed=0):
    """80 SiO2 with 20 Na2O, 300 atoms: cristobalite of 80 Si with 20 bridges opened."""
    rng = np.random.default_rng(seed)
    atoms = crystal(['Si', 'O'], [(0.125,) * 3, (0, 0, 0)], spacegroup=227, setting=2, cellpar=[7.16] * 3 + [90] * 3)
    atoms = atoms * (5, 2, 1)
    symbols, positions, cell = list(atoms.symbols), atoms.positions.copy(), atoms.cell.array
    types = np.array([int(symbol == 'Si') for symbol in symbols])
    bonds = neighbour_list(positions, cell, np.array([[0, 2.2], [2.2, 0]]), types)
    added = []
    for atom in rng.permutation(np.flatnonzero(types == 0))[:20]:
        one, two = bonds.vectors[bonds.offsets[atom] : bonds.offsets[atom + 1]]
        added.append(positions[atom] + 0.5 * two)
        positions[atom] += 0.5 * one
    symbols += ['O'] * 20 + ['Na'] * 40
    positions = np.vstack([positions, added, rng.uniform(size=(40, 3)) @ cell])
    return Frames(tuple(symbols), positions[None], cell[None])


def test_counting_of_a_sodium_silicate():
    """40 non-bridging and 140 bridging O among 300 atoms; connectivity 3.5."""
    frames = Frames.concatenate([sodium_silicate(0), sodium_silicate(1)])
    assert frames.n_atoms == 300
    result = outcome(frames, {'Si-O': 2.0, 'Na-O': 2.5}).results['network']
    oxygen = {kind: entry['mean'] * 180 for kind, entry in result.numbers['anions']['O'].items()}
    assert oxygen == pytest.approx({'free': 0, 'non_bridging': 40, 'bridging': 140, 'tricluster': 0})
    assert result.numbers['connectivity']['Si']['mean'] == pytest.approx(3.5)
    assert sum(entry['mean'] for entry in result.numbers['qn']['Si'].values()) == pytest.approx(1)
    assert result.numbers['units'] == {'Si': {'SiO4': {'mean': 1.0, 'standard_error': 0.0, 'n': 2}}}
    assert result.numbers['fragments']['largest_share']['mean'] > 0.9
    labels = result.per_atom['network_label']
    assert (labels == 'bridging O').sum() == 140
    assert (labels == 'Na').sum() == 40
    assert (result.per_atom['fragment'] == -1).sum() == 40
    json.dumps(result.numbers)


def borate():
    """Two BO3 and a BO4 that is bonded to a P, apart; the second frame has lost the bond to P."""
    triangle = 1.37 * np.array([[1, 0, 0], [-0.5, np.sqrt(3) / 2, 0], [-0.5, -np.sqrt(3) / 2, 0]])
    tetrahedron = 1.47 * np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3)
    far = 2 * tetrahedron[0] * 1.03
    aside, above = np.array([8, 0, 0]), np.array([0, 8, 0])
    parts = [np.zeros((1, 3)), triangle, aside[None], triangle + aside, above[None], tetrahedron + above]
    first = np.vstack([*parts, far + above]) + 2
    second = first.copy()
    second[-1] += 3
    symbols = ['B', *['O'] * 3] * 2 + ['B', *['O'] * 4, 'P']
    return Frames(tuple(symbols), np.array([first, second]), np.tile(18.0 * np.eye(3), (2, 1, 1)))


def test_borate_units_bridges_and_fragments():
    result = outcome(borate(), {'B-O': 1.8, 'P-O': 1.8}).results['network']
    assert {name: entry['mean'] for name, entry in result.numbers['units']['B'].items()} == pytest.approx(
        {'BO3': 2 / 3, 'BO4': 1 / 3}
    )
    # the bridge is there in one of two frames
    assert result.numbers['bridges']['B-O-P']['share'] == {'mean': 0.5, 'standard_error': 0.5, 'n': 2}
    assert result.numbers['fragments']['number']['mean'] == 3.5
    assert result.numbers['fragments']['formers_by_size']['2']['mean'] == 0.25
    assert result.per_atom['formers_around'].max() == 1


def test_other_formers_and_anions_on_request():
    result = outcome(borate(), {'B-O': 1.8, 'P-O': 1.8}, formers=['B']).results['network']
    assert list(result.numbers['connectivity']) == ['B']
    assert result.numbers['anions']['O']['bridging']['mean'] == 0


@pytest.mark.parametrize(
    ('settings', 'words'),
    [
        ({'formers': ['Si']}, "formers: 'Si' is not among B, O, P"),
        ({'formers': ['O']}, 'O is both'),
    ],
)
def test_refuses(settings, words):
    assert words in outcome(borate(), {'B-O': 1.8, 'P-O': 1.8}, **settings).failed['network']


def test_without_a_network():
    atoms = Frames(('Na', 'Cl'), np.array([[[0, 0, 0], [2.8, 0, 0]]]), 5.6 * np.eye(3)[None])
    assert 'no former' in outcome(atoms, {'Na-Cl': 3.0}).failed['network']

"""Rings over a trajectory: silica, what a broken bond changes, bonds as links, and what does not fit."""

from __future__ import annotations

import json

import numpy as np
import pytest
from ase.build import bulk
from ase.spacegroup import crystal

from aiida_glassion.analysis.request import read_request
from aiida_glassion.analysis.run import analyse
from aiida_glassion.analysis.sources import of_frames
from aiida_glassion.frames import Frames


def outcome(frames, cutoffs, **settings):
    return analyse(read_request({'analyses': {'rings': settings}, 'cutoffs': cutoffs}), of_frames(frames))


def silica():
    """One cell of cristobalite, and the same with one O taken from its two Si."""
    atoms = crystal(['Si', 'O'], [(0.125,) * 3, (0, 0, 0)], spacegroup=227, setting=2, cellpar=[7.16] * 3 + [90] * 3)
    frames = Frames.from_ase([atoms, atoms])
    positions = np.array(frames.positions)
    positions[1, frames.symbols.index('O')] += [0.0, 0.0, 1.3]
    return Frames(frames.symbols, positions, frames.cells)


def test_silica_whole_and_with_a_bond_broken():
    """Two six-rings per Si, six through each link: without one of the links 10 of 16 are left."""
    result = outcome(silica(), {'Si-O': 1.8}, largest=6).results['rings']
    for name in ('king', 'guttman', 'primitive'):
        per_cell = result.numbers[name]['per_cell']['6']
        assert per_cell['mean'] == pytest.approx((16 + 10) / 2)
        curve = result.curves[f'rings_{name}']
        assert curve.x.tolist() == [2, 3, 4, 5, 6]
        assert curve.y[-1] == pytest.approx(13 / 8)
        assert curve.error[-1] == pytest.approx(3 / 8)
        assert curve.convention == name
        assert result.per_atom[f'smallest_{name}'].max() == 6
        assert result.per_atom[f'through_{name}'].shape == (24, 7)
        assert result.per_atom[f'through_{name}'][:, 6].sum() == 60
    assert result.numbers['king']['mean_size'] == 6
    assert result.numbers['king']['origin_fraction']['6']['mean'] == 1
    json.dumps(result.numbers)


def test_bonds_as_links():
    diamond = Frames.from_ase([bulk('Si', 'diamond', 5.43)])
    settings = {'nodes': ['Si'], 'bridges': [], 'criteria': ['primitive', 'primitive'], 'largest': 8}
    found = outcome(diamond, {'Si-Si': 2.6}, **settings)
    result = found.results['rings']
    assert list(result.curves) == ['rings_primitive']
    assert result.curves['rings_primitive'].y.tolist() == [0, 0, 0, 0, 2, 0, 0]
    assert result.curves['rings_primitive'].error is None


def test_no_rings_are_said():
    pair = Frames(('Si', 'O', 'Si'), np.array([[[0, 0, 0], [1.6, 0, 0], [3.2, 0, 0]]]), 12 * np.eye(3)[None])
    result = outcome(pair, {'Si-O': 2.0}, criteria=['king']).results['rings']
    assert result.warnings == ['king: no ring of up to 12 nodes']
    assert result.numbers['king']['mean_size'] is None


@pytest.mark.parametrize(
    ('settings', 'words'),
    [({'nodes': ['P']}, "nodes: 'P' is not among O, Si"), ({'nodes': ['O']}, 'O is both')],
)
def test_refuses(settings, words):
    assert words in outcome(silica(), {'Si-O': 1.8}, **settings).failed['rings']


def test_without_links():
    salt = Frames.from_ase(bulk('NaCl', 'rocksalt', a=5.64, cubic=True).repeat(2))
    assert 'no cut-off links no element' in outcome(salt, {'Na-Cl': 3.5}).failed['rings']
    assert 'no cut-off links Na' in outcome(salt, {'Na-Cl': 3.5}, nodes=['Na'], bridges=[]).failed['rings']

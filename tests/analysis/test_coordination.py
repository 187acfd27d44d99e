"""Coordination over a trajectory: crystals, vanadyl groups, and what does not fit."""

from __future__ import annotations

import numpy as np
import pytest
from ase.build import bulk

from aiida_glassion.analysis.request import read_request
from aiida_glassion.analysis.run import analyse
from aiida_glassion.analysis.sources import of_frames
from aiida_glassion.frames import Frames

PYRAMID = np.array([[0, 0, 1.6], [1.9, 0, -0.3], [-1.9, 0, -0.3], [0, 1.9, -0.3], [0, -1.9, -0.3]])


def outcome(frames, cutoffs=None, **settings):
    return analyse(read_request({'analyses': {'coordination': settings}, 'cutoffs': cutoffs or {}}), of_frames(frames))


def vanadyl(n_frames=4, width=0.03):
    """27 VO5, one short bond each, 8 Å apart in a triclinic cell; the last one in the first frame lost a long bond."""
    rng = np.random.default_rng(0)
    centres = np.stack(np.meshgrid(*[np.arange(3)] * 3, indexing='ij'), axis=-1).reshape(-1, 3) @ np.array(
        [[8.0, 0, 0], [1, 8, 0], [0, -1, 8]]
    )
    groups = (centres[:, None] + np.vstack([[[0, 0, 0]], PYRAMID])[None]).reshape(-1, 3)
    positions = groups + rng.normal(0, width, (n_frames, *groups.shape))
    positions[0, -1] += [0, -2.0, 0]
    cell = np.array([[24.0, 0, 0], [3, 24, 0], [0, -3, 24]])
    return Frames(('V', *['O'] * 5) * 27, positions, np.tile(cell, (n_frames, 1, 1)))


def test_rock_salt_by_frames_and_atoms():
    atoms = bulk('NaCl', 'rocksalt', a=5.64, cubic=True).repeat(2)
    result = outcome(Frames.from_ase([atoms, atoms]), {'Na-Cl': 3.5}).results['coordination']
    pair = result.numbers['coordination']['Na-Cl']
    assert pair['mean'] == {'mean': 6.0, 'standard_error': 0.0, 'n': 2}
    assert pair['distribution']['6']['mean'] == 1
    assert sum(entry['mean'] for entry in pair['distribution'].values()) == pytest.approx(1)
    assert result.numbers['bond_lengths']['Na-Cl'] == pytest.approx(2.82)
    assert result.numbers['cutoffs'] == {'Na-Cl': 3.5}
    assert result.units['bond_lengths'] == 'Å'
    assert result.per_atom['coordination'].tolist() == [6] * 64
    assert result.per_atom['neighbours'][0].tolist() in ([0, 6], [6, 0])


def test_short_and_long_bonds_of_vanadium():
    result = outcome(vanadyl(), {'V-O': 2.5}).results['coordination']
    split = result.numbers['splits']['V-O']
    assert 1.65 < split['length'] < 1.85
    assert split['short_maximum'] == pytest.approx(1.6, abs=0.03)
    assert split['long_maximum'] == pytest.approx(np.hypot(1.9, 0.3), abs=0.03)
    assert split['bonds']['short'] == 1
    lost = 1 / (27 * 4)
    assert split['bonds']['distribution'] == pytest.approx({'1+4': 1 - lost, '1+3': lost})
    assert result.numbers['coordination']['V-O']['mean']['mean'] == pytest.approx(5 - lost)
    curve = result.curves['bond_length_V_O']
    assert (curve.y * np.diff(curve.x)[0]).sum() == pytest.approx(1)
    assert curve.error is not None
    assert result.warnings == []


def test_a_split_that_was_given_is_taken():
    result = outcome(vanadyl(), {'V-O': 2.5}, splits={'V-O': 1.777}).results['coordination']
    split = result.numbers['splits']['V-O']
    assert (split['length'], split['source']) == (1.777, 'given')
    assert split['bonds']['short'] == 1


def test_odd_coordination_is_said():
    result = outcome(vanadyl(), {'V-O': 1.75}).results['coordination']
    assert 'V do not have 4 to 6 anions' in result.warnings[0]


def test_the_order_of_a_pair_says_who_looks():
    result = outcome(vanadyl(), {'V-O': 2.5}, pairs=['O-V', 'V-O']).results['coordination']
    means = {name: entry['mean']['mean'] for name, entry in result.numbers['coordination'].items()}
    assert means['O-V'] == pytest.approx(means['V-O'] / 5)


@pytest.mark.parametrize(
    ('settings', 'words'),
    [
        ({'pairs': ['Na-Si']}, "pairs: 'Na-Si', expected two of Cl, Na"),
        ({'pairs': ['Na-Na']}, "'Na-Na' needs a cut-off"),
        ({'splits': {'Na-Cl': 3.6}}, 'expected a length below the cut-off, 3.50'),
    ],
)
def test_refuses(settings, words):
    frames = Frames.from_ase(bulk('NaCl', 'rocksalt', a=5.64, cubic=True).repeat(2))
    assert words in outcome(frames, {'Na-Cl': 3.5}, **settings).failed['coordination']

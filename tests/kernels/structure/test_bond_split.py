"""Short and long bonds of one shell: VO5 built by hand, and shells that have one length only."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_glassion.kernels.structure.bond_split import bonds_by_length, short_and_long, split_lengths
from aiida_glassion.kernels.structure.neighbours import neighbour_list

EDGES = np.linspace(0, 2.5, 126)


def shell(*parts, seed=0):
    """Counts of bonds of given (number, length, width)."""
    rng = np.random.default_rng(seed)
    lengths = np.concatenate([rng.normal(length, width, number) for number, length, width in parts])
    return np.histogram(lengths, EDGES)[0]


def test_vanadyl_is_told_from_the_other_bonds():
    found = split_lengths(EDGES, shell((2000, 1.60, 0.04), (8000, 1.92, 0.07)))
    assert found.short == pytest.approx(1.60, abs=0.02)
    assert found.long == pytest.approx(1.92, abs=0.03)
    assert 1.68 < found.length < 1.76
    assert 0 < found.depth < 0.4


def test_apart_the_split_is_in_the_middle_of_the_gap():
    found = split_lengths(EDGES, shell((500, 1.5, 0.01), (500, 2.1, 0.01)))
    assert found.length == pytest.approx(1.8, abs=0.04)
    assert found.depth == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize('seed', range(10))
@pytest.mark.parametrize('number', [100, 3000, 100_000])
def test_one_length_is_not_split(number, seed):
    """Whatever the noise, and with a few defects far out."""
    assert split_lengths(EDGES, shell((number, 1.9, 0.08), (number // 50, 2.4, 0.02), seed=seed)) is None


def test_an_empty_shell_is_not_split():
    assert split_lengths(EDGES, np.zeros(125)) is None
    with pytest.raises(ValueError, match='shapes'):
        split_lengths(EDGES, np.zeros(4))


def test_square_pyramids():
    """Two VO5 with one short and four long bonds, one VO4 without a short one; the last V is across the boundary."""
    pyramid = np.array([[0, 0, 1.6], [1.9, 0, -0.3], [-1.9, 0, -0.3], [0, 1.9, -0.3], [0, -1.9, -0.3]])
    centres = np.array([[5, 5, 5], [15, 5, 5], [0, 15, 19.5]])
    positions = np.vstack([centres, centres[0] + pyramid, centres[1] + pyramid, centres[2] + pyramid[1:]])
    types = np.array([1] * 3 + [0] * 14)
    bonds = neighbour_list(positions, 20 * np.eye(3), np.array([[0, 2.5], [2.5, 0]]), types)
    counts = bonds_by_length(bonds, types, 1, 0, EDGES)
    assert counts.shape == (126, 13, 13)
    assert (counts.sum(axis=(1, 2)) == 3).all()
    at = short_and_long(counts[np.searchsorted(EDGES, 1.75)])
    assert at['distribution'] == pytest.approx({'1+4': 2 / 3, '0+4': 1 / 3})
    assert (at['short'], at['long']) == (pytest.approx(2 / 3), 4)
    assert short_and_long(counts[-1])['distribution'] == pytest.approx({'5+0': 2 / 3, '4+0': 1 / 3})
    assert short_and_long(counts[0])['short'] == 0
    assert short_and_long(np.zeros((13, 13))) == {'short': 0.0, 'long': 0.0, 'distribution': {}}

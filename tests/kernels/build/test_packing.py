"""Cell, distances, radii and the check of a packing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_glassion.kernels.build.molecules import formula_unit, unit_atoms
from aiida_glassion.kernels.build.packing import (
    IONIC_RADII,
    cubic_length,
    filled_fraction,
    minimum_distances,
    packing_radii,
    shortest_distances,
    wrap,
)


def test_cubic_length_of_silica():
    length = cubic_length({'Si': 100, 'O': 200}, 2.2)
    assert 100 * 60.084 / 0.602214 / length**3 == pytest.approx(2.2, rel=1e-4)


@pytest.mark.parametrize(
    ('counts', 'density'), [({'Si': 1}, 0.0), ({'Si': 1}, -1.0), ({}, 2.0), ({'Si': 1}, float('nan'))]
)
def test_impossible_cell(counts, density):
    with pytest.raises(ValueError, match='impossible'):
        cubic_length(counts, density)


def test_default_distances_are_below_or_near_the_bonds():
    distances = minimum_distances(['Na', 'Si', 'P', 'S', 'O'])
    bonds = {'O-Si': 1.61, 'Na-O': 2.35, 'P-S': 2.05, 'Na-S': 2.8, 'O-O': 2.6, 'S-S': 3.3}
    for pair, bond in bonds.items():
        assert 0.7 * bond < distances[pair] < bond
    assert len(distances) == 15


def test_given_distances_in_either_order():
    assert minimum_distances(['Si', 'O'], {'Si-O': 1.4})['O-Si'] == 1.4
    assert minimum_distances(['Si', 'O'], {'O-Si': 1.4})['O-Si'] == 1.4


@pytest.mark.parametrize(
    ('given_distances', 'words'),
    [
        ({'Si-Na': 2.0}, "'Si-Na' is not one of"),
        ({'SiO': 2.0}, "'SiO'"),
        ({'Si-O': -1}, '-1'),
        ({'Si-O': 'near'}, "'near'"),
        ({'Si-O': True}, 'True'),
        ({'Si-O': 1.0, 'O-Si': 2.0}, 'twice'),
    ],
)
def test_bad_distances(given_distances, words):
    with pytest.raises(ValueError, match=words):
        minimum_distances(['Si', 'O'], given_distances)


def test_unknown_radius_asks_for_distances():
    with pytest.raises(ValueError, match='no ionic radius is known for Xe'):
        minimum_distances(['Xe', 'O'])
    assert minimum_distances(['Xe'], {'Xe-Xe': 3.0}) == {'Xe-Xe': 3.0}


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0.5, 4.0), min_size=6, max_size=6))
def test_radii_keep_every_pair(values):
    names = list(minimum_distances(['Na', 'O', 'Si']))
    distances = dict(zip(names, values, strict=True))
    radii = packing_radii(distances)
    for name, distance in distances.items():
        first, second = name.split('-')
        assert radii[first] + radii[second] >= distance - 1e-5


def test_default_radii_are_no_larger_than_needed():
    radii = packing_radii(minimum_distances(['Na', 'O']))
    assert radii == pytest.approx({'Na': 0.75 * 1.02, 'O': 0.75 * 1.38}, abs=1e-3)


def test_filled_fraction():
    assert filled_fraction({'O': 8}, {'O': 1.0}, 64.0) == pytest.approx(np.pi / 6)


def test_wrap():
    wrapped = wrap(np.array([[-0.1, 5.05, 1e-18], [-1e-18, 5.0, 2.0]]), [5.0, 5.0, 5.0])
    np.testing.assert_allclose(wrapped, [[4.9, 0.05, 0.0], [0.0, 0.0, 2.0]], atol=1e-12)
    assert (wrapped < 5.0).all()


def test_shortest_distances_against_all_pairs():
    random = np.random.default_rng(3)
    lengths = np.array([6.0, 7.0, 9.0])
    symbols = tuple(random.choice(['Na', 'O', 'Si'], size=60))
    positions = random.uniform(-1, 1, size=(60, 3)) + random.uniform(size=(60, 3)) * lengths
    vectors = positions[:, None] - positions[None]
    vectors -= np.round(vectors / lengths) * lengths
    all_distances = np.sqrt((vectors**2).sum(axis=-1))
    np.fill_diagonal(all_distances, np.inf)
    labels = np.array(symbols)
    for pair, distance in shortest_distances(symbols, positions, lengths).items():
        first, second = pair.split('-')
        assert distance == pytest.approx(all_distances[np.ix_(labels == first, labels == second)].min())


def test_shortest_distances_of_lonely_atoms():
    assert shortest_distances(('O',), np.zeros((1, 3)), [5.0, 5.0, 5.0]) == {}
    across = shortest_distances(('O', 'Si'), np.array([[0.1, 0, 0], [4.9, 0, 0]]), [5.0, 5.0, 5.0])
    assert across == pytest.approx({'O-Si': 0.2})


@pytest.mark.parametrize(
    'formula', ['Na2S', 'Li2O', 'SiO2', 'P2S5', 'B2O3', 'P2O5', 'Li3PS4', 'LiI', 'Ca(PO3)2', 'V2O5']
)
def test_formula_units_are_compact_and_do_not_overlap(formula):
    symbols, positions = formula_unit(formula)
    assert {element: symbols.count(element) for element in set(symbols)} == unit_atoms(formula)
    wanted = minimum_distances(symbols, scale=0.7)
    for pair, distance in shortest_distances(symbols, positions, None).items():
        assert distance > wanted[pair], pair
    charged = [IONIC_RADII[element] for element in symbols]
    assert np.linalg.norm(positions, axis=1).max() < 2 * max(charged) + 1.1 * len(symbols) ** (1 / 2)
    np.testing.assert_allclose(positions.mean(axis=0), 0, atol=1e-5)


def test_silica_unit_is_linear_with_a_plausible_bond():
    symbols, positions = formula_unit('SiO2')
    distances = shortest_distances(symbols, positions, None)
    assert distances['O-Si'] == pytest.approx(1.64, rel=0.05)
    assert distances['O-O'] == pytest.approx(2 * distances['O-Si'], rel=0.01)


def test_formula_unit_is_the_same_every_time():
    np.testing.assert_array_equal(formula_unit('P2S5')[1], formula_unit('P2S5')[1])
    assert formula_unit('Na')[1].shape == (1, 3)


@pytest.mark.parametrize(
    ('formula', 'words'),
    [('S8', 'no cation or no anion'), ('Na3PS3.85O0.15', 'fractional'), ('Si30O60', 'at most 60'), ('Xx2', 'Xx')],
)
def test_what_is_no_formula_unit(formula, words):
    with pytest.raises(ValueError, match=words):
        formula_unit(formula)

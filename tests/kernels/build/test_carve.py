"""Carving: whatever is cut, stoichiometry and neutrality hold, and the fewest atoms change, nearest to the surface."""

from __future__ import annotations

import json
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_glassion.kernels.build.carve import carve
from aiida_glassion.kernels.build.pores import Box, Cylinder, Slit, Sphere
from aiida_glassion.kernels.build.pores_together import distance_to_regions
from aiida_glassion.kernels.structure.fragments import fragments
from aiida_glassion.kernels.structure.neighbours import neighbour_list

CELL = np.array([[22.0, 0, 0], [4, 20, 0], [-3, 5, 21]])
PARTIAL = {'Na': 0.6, 'Si': 2.4, 'O': -1.2}
FORMAL = {'Na': 1, 'Si': 4, 'O': -2}


def rng(seed=1):
    return np.random.default_rng(seed)


@lru_cache
def disilicate(units=70, seed=0):
    """Na2Si2O5, atoms anywhere: worse than any glass, since nothing keeps the numbers of neighbours even."""
    symbols = ('Na', 'Na', 'Si', 'Si', 'O', 'O', 'O', 'O', 'O') * units
    return symbols, rng(seed).uniform(0, 1, (len(symbols), 3)) @ CELL


def counts(symbols, atoms):
    names, numbers = np.unique(np.array(symbols)[atoms], return_counts=True)
    return dict(zip(names.tolist(), numbers.tolist(), strict=True))


fractions = st.tuples(*(st.floats(-1, 2),) * 3)
pores = st.one_of(
    st.builds(Sphere, fractions, st.floats(8, 17)),
    st.builds(Cylinder, st.sampled_from('abc'), fractions, st.floats(6, 14)),
    st.builds(Slit, st.sampled_from('abc'), fractions, st.floats(3, 12)),
    st.builds(Box, fractions, st.tuples(*(st.floats(0.4, 0.8),) * 3)),
)


@settings(max_examples=1000, deadline=None)
@given(pores, st.integers(0, 2**32 - 1), st.sampled_from(['formula', 'neutral']), st.sampled_from([0.0, 1.5]))
def test_a_thousand_random_carvings_keep_stoichiometry_and_neutrality(pore, seed, exact, shell):
    symbols, positions = disilicate()
    made = carve(
        positions, CELL, symbols, [pore], charges=PARTIAL, exact=exact, shell=shell, seed=seed, most_changed=5.0
    )
    left = counts(symbols, made.kept)
    # neutral in whole tenths of the charge of Na, without rounding
    assert left['Na'] + 4 * left['Si'] - 2 * left['O'] == 0
    if exact == 'formula':
        units = made.report['units_after']
        assert left == {'Na': 2 * units, 'O': 5 * units, 'Si': 2 * units}
        assert units < made.report['units_before'] == 70
        assert made.report['composition_change'] == pytest.approx(0, abs=1e-15)
    else:
        share = np.array([left[name] for name in ('Na', 'Si', 'O')]) / len(made.kept)
        assert np.abs(share - np.array([2, 2, 5]) / 9).max() * len(made.kept) <= 2
    assert made.report['charge'] == 0
    everything = np.sort(np.concatenate([made.kept, made.removed]))
    np.testing.assert_array_equal(everything, np.arange(len(symbols)))
    # what was chosen, and nothing else, is where the surface would not have it
    inside = pore.inside(positions, CELL)
    gone = np.zeros(len(symbols), dtype=bool)
    gone[made.removed] = True
    assert set(made.also_removed) == set(np.flatnonzero(gone & ~inside))
    assert set(made.left_inside) == set(np.flatnonzero(~gone & inside))


@settings(max_examples=50, deadline=None)
@given(pores, st.integers(0, 1000))
def test_the_fewest_atoms_change_and_they_are_the_nearest(pore, seed):
    symbols, positions = disilicate(seed=seed)
    names, unit = np.array(symbols), {'Na': 2, 'Si': 2, 'O': 5}
    distance = pore.distances(positions, CELL)
    outside = {name: int(((names == name) & (distance >= 0)).sum()) for name in unit}
    fewest = min(sum(abs(units * unit[name] - outside[name]) for name in unit) for units in range(1, 70))
    made = carve(positions, CELL, symbols, [pore], seed=seed, most_changed=5.0)
    assert made.report['n_also_removed'] + made.report['n_left_inside'] == fewest
    for changed, depth in ((made.also_removed, distance), (made.left_inside, -distance)):
        for name in unit:
            own = depth[changed[names[changed] == name]]
            side = np.sort(depth[(names == name) & (depth >= 0)])
            np.testing.assert_allclose(np.sort(own), side[: len(own)], atol=1e-5)
    for key, changed in (('farthest_also_removed', made.also_removed), ('deepest_left_inside', made.left_inside)):
        expected = np.abs(distance[changed]).max() if len(changed) else None
        assert made.report[key] == (expected if expected is None else pytest.approx(expected))


def test_the_seed_decides_among_atoms_equally_near():
    """In a crystal cut on a mirror plane many are: any of them may go, and the same seed takes the same."""
    grid = np.stack(np.meshgrid(*(np.arange(10),) * 3, indexing='ij'), axis=-1).reshape(-1, 3) * 2.0
    symbols = np.where(grid.sum(axis=1) / 2 % 2 == 0, 'Na', 'Cl')
    made = [
        carve(grid, 20 * np.eye(3), symbols, [Sphere((0.5, 0.5, 0.5), 11.0)], seed=seed) for seed in (0, 0, 1, 2, 3)
    ]
    np.testing.assert_array_equal(made[0].kept, made[1].kept)
    assert len({tuple(one.kept) for one in made}) > 2
    away = np.linalg.norm(grid - 10, axis=1)
    for one in made:
        assert len(one.also_removed) + len(one.left_inside) == 5
        for changed in (one.also_removed, one.left_inside):
            assert len(set(away[changed].round(6))) <= 1


def test_a_shell_makes_other_pores_of_the_same_glass():
    symbols, positions = disilicate(300)
    pore = Sphere(diameter=12.0)
    nearest = [carve(positions, CELL, symbols, [pore], seed=seed).kept for seed in (1, 2)]
    np.testing.assert_array_equal(*nearest)
    several = [carve(positions, CELL, symbols, [pore], seed=seed, shell=2.0) for seed in (1, 2)]
    assert set(several[0].kept) != set(several[1].kept)
    assert all(one.report['farthest_also_removed'] <= 2.0 for one in several)


def thiophosphate():
    """250 P in PS4 and P2S7 with free S beside each P2S7, so that all is Na3PS4."""
    generator = rng(3)
    symbols, positions, groups = [], [], []
    for number in range(200):
        centre = generator.uniform(0, 1, 3) @ (2 * CELL)
        cluster = ['P'] * 2 + ['S'] * 7 if number % 4 == 0 else ['P'] + ['S'] * 4
        beside = ['S'] + ['Na'] * 6 if number % 4 == 0 else ['Na'] * 3
        symbols += cluster + beside
        positions += [
            *(centre + generator.normal(0, 1, (len(cluster), 3))),
            *(generator.random((len(beside), 3)) @ (2 * CELL)),
        ]
        groups += [number] * len(cluster) + [-1] * len(beside)
    return symbols, np.array(positions), np.array(groups)


@pytest.mark.parametrize('exact', ['formula', 'neutral'])
@pytest.mark.parametrize('seed', range(5))
def test_clusters_stay_whole(exact, seed):
    symbols, positions, groups = thiophosphate()
    pore = Sphere(tuple(rng(seed).random(3)), 18.0)
    made = carve(positions, 2 * CELL, symbols, [pore], groups=groups, exact=exact, seed=seed)
    kept = np.isin(np.arange(len(symbols)), made.kept)
    for number in range(200):
        assert len(set(kept[groups == number])) == 1
    left = counts(symbols, made.kept)
    assert left['Na'] + 5 * left['P'] - 2 * left['S'] == 0
    if exact == 'formula':
        assert left['Na'] == 3 * left['P']
        assert left['S'] == 4 * left['P']
    assert made.report['kept_whole'] == 200
    # a cluster that lies within for the most part goes, but for a few that make the numbers whole
    gone_inside = [
        ~kept[groups == k].any() for k in range(200) if pore.distances(positions, 2 * CELL)[groups == k].mean() < 0
    ]
    assert np.mean(gone_inside) > 0.7


def test_clusters_found_by_their_bonds_can_be_given():
    symbols, positions, _ = thiophosphate()
    framework = np.array(symbols) != 'Na'
    bonds = neighbour_list(positions, 2 * CELL, np.array([[0.0, 0.9], [0.9, 0.9]]), framework.astype(int))
    labels = np.where(framework, fragments(bonds.first, bonds.second, len(symbols)), -1)
    made = carve(positions, 2 * CELL, symbols, [Sphere(diameter=18.0)], groups=labels, exact='neutral')
    kept = np.isin(np.arange(len(symbols)), made.kept)
    assert all(len(set(kept[labels == number])) == 1 for number in np.unique(labels[labels >= 0]))


def test_a_network_cannot_be_kept_whole():
    symbols, positions = disilicate()
    groups = np.where(np.array(symbols) == 'Na', -1, 0)
    with pytest.raises(ValueError, match=r'groups: a cluster of 490 atoms reaches into the regions, which hold \d+'):
        carve(positions, CELL, symbols, [Sphere(diameter=12.0)], groups=groups)


def test_oxidation_states_of_one_element_count_as_species():
    symbols = ['V'] * 200 + ['O'] * 450
    charges = np.array([5.0] * 100 + [4.0] * 100 + [-2.0] * 450)
    positions = rng().uniform(0, 1, (650, 3)) @ CELL
    for exact in ('formula', 'neutral'):
        made = carve(positions, CELL, symbols, [Sphere(diameter=13.0)], charges=charges, exact=exact)
        assert charges[made.kept].sum() == 0
        assert made.report['charge'] == 0
    left = carve(positions, CELL, symbols, [Sphere(diameter=13.0)], charges=charges).report['counts_after']
    assert left['V+4'] == left['V+5']
    assert 2 * left['O'] == 9 * left['V+4']


def test_a_unit_may_be_given():
    symbols, positions = disilicate(300)
    made = carve(positions, CELL, symbols, [Sphere(diameter=14.0)], unit='Na6Si6O15')
    assert made.report['unit'] == {'Na': 6, 'O': 15, 'Si': 6}
    assert made.report['units_after'] * 27 == len(made.kept)
    with pytest.raises(ValueError, match=r'unit: 2 Na, 4 O, 2 Si given, but 600 Na, 1500 O, 600 Si in the cell are no'):
        carve(positions, CELL, symbols, [Sphere(diameter=14.0)], unit='NaSiO2NaSiO2')
    with pytest.raises(ValueError, match=r'unit: .*expected whole numbers of atoms of each of Na, O, Si'):
        carve(positions, CELL, symbols, [Sphere(diameter=14.0)], unit={'Si': 1, 'O': 2})


def test_a_composition_without_a_common_divisor():
    symbols = ['Na'] * 201 + ['Cl'] * 201 + ['Si'] * 100 + ['O'] * 200
    positions = rng().uniform(0, 1, (len(symbols), 3)) @ CELL
    pore = [Sphere(diameter=12.0)]
    with pytest.raises(ValueError, match=r"201 Cl, 201 Na, 200 O, 100 Si have no common divisor.*use exact='neutral'"):
        carve(positions, CELL, symbols, pore)
    made = carve(positions, CELL, symbols, pore, exact='neutral')
    left = made.report['counts_after']
    assert left['Na'] - left['Cl'] + 4 * left['Si'] - 2 * left['O'] == 0
    assert made.report['charge'] is None
    assert 0 < made.report['composition_change'] < 2 / len(made.kept)


def test_a_unit_larger_than_the_pore_is_refused():
    """The cell is two units of 999 atoms: one of the two would have to go."""
    symbols = ['Na'] * 2 * 199 + ['Si'] * 2 * 200 + ['O'] * 2 * 600
    positions = rng().uniform(0, 1, (len(symbols), 3)) @ (2 * CELL)
    with pytest.raises(ValueError, match=r"atoms lie within, and \d+ more would have to go or stay.*exact='neutral'"):
        carve(positions, 2 * CELL, symbols, [Sphere(diameter=14.0)])


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'regions': []}, 'regions: none given'),
        ({'regions': [Sphere(diameter=0.01)]}, r'regions: no atom lies within; take a larger pore'),
        ({'regions': [Sphere(diameter=30.0)]}, r'diameter: a sphere of 30 Å reaches its own image'),
        ({'symbols': ['Na']}, r'symbols: 1 given for 630 positions'),
        ({'exact': 'roughly'}, r"exact: 'roughly' given, expected one of formula, neutral"),
        ({'shell': -1.0}, r'shell: -1\.0 given'),
        ({'most_changed': 0.0}, r'most_changed: 0\.0 given'),
        ({'charges': {'Na': 1.0, 'Si': 4.0}}, r'charges: none given for O'),
        ({'charges': {'Na': 1.0, 'Si': 4.0, 'O': -1.9}}, r'charges: the cell carries \+35 e with Na \+1, O -1\.9, Si'),
        ({'charges': {'Na': 1.0, 'Si': 4.0, 'O': -1.9}, 'exact': 'neutral'}, r'charges: the cell carries \+35 e'),
        ({'charges': {'Na': 0.0, 'Si': 0.0, 'O': 0.0}, 'exact': 'neutral'}, r'charges: all zero'),
        ({'charges': np.ones(3)}, r'charges: shape \(3,\), expected one finite number for each of 630'),
        ({'charges': np.linspace(0, 1, 630)}, r'charges: 630 different kinds of atoms'),
        ({'groups': np.zeros(3, dtype=int)}, r'groups: int64 of shape \(3,\), expected integers of shape \(630,\)'),
        ({'groups': np.zeros(630)}, r'groups: float64'),
        ({'positions': np.zeros((4, 2))}, r'positions: shape \(4, 2\)'),
    ],
)
def test_what_cannot_be(changes, message):
    symbols, positions = disilicate()
    arguments = {
        'positions': positions,
        'cell': CELL,
        'symbols': symbols,
        'regions': [Sphere(diameter=12.0)],
        **changes,
    }
    with pytest.raises(ValueError, match=message):
        carve(**arguments)


def test_overlapping_regions_are_one_pore_and_the_report_goes_through_json():
    symbols, positions = disilicate(200)
    regions = [Sphere((0.4, 0.5, 0.5), 10.0), Sphere((0.6, 0.5, 0.5), 10.0)]
    made = carve(positions, CELL, symbols, regions, seed=np.int64(3))
    assert made.report['n_inside'] == int((distance_to_regions(regions, positions, CELL) < 0).sum())
    assert json.loads(json.dumps(made.report)) == made.report

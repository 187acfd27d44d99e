"""Anions and clusters, on clusters built by hand and on crystals whose every number is known."""

from __future__ import annotations

import json

import numpy as np
import pytest

from aiida_glassion.kernels.structure.anions import (
    CLASSES,
    MANY,
    THIOPHOSPHATE,
    default_cutoffs,
    speciate,
    speciate_bonds,
)
from aiida_glassion.kernels.structure.neighbours import neighbour_list

TETRAHEDRON = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3)
BOND = 2.05
CUTOFFS = {**THIOPHOSPHATE, ('S', 'S'): 2.4}
TRICLINIC = np.array([[17.0, 0, 0], [6.0, 16.0, 0], [-4.0, 5.0, 18.0]])


def ps4():
    return ['P', *['S'] * 4], np.vstack([np.zeros(3), BOND * TETRAHEDRON])


def p2s7():
    """Two tetrahedra that share a corner, straight P–S–P."""
    left = BOND * TETRAHEDRON
    centre = 2 * left[0]
    return ['P', *['S'] * 4, 'P', *['S'] * 3], np.vstack([np.zeros(3), left, centre, centre - left[1:]])


def p2s6():
    """A P–P bond of 2.2 Å, three S at either end, staggered."""
    axis = TETRAHEDRON[0]
    ends = BOND * TETRAHEDRON[1:]
    return ['P', *['S'] * 3, 'P', *['S'] * 3], np.vstack([np.zeros(3), ends, 2.2 * axis, 2.2 * axis - ends])


def p2s6_edge():
    """Two P 2.8 Å apart, two S between them, two more on each."""
    out = 1.1
    height = np.sqrt(BOND**2 - 1.4**2)
    ends = [[-out, 0, 1.73], [-out, 0, -1.73]]
    other = [[2.8 + out, 0, 1.73], [2.8 + out, 0, -1.73]]
    bridges = [[1.4, height, 0], [1.4, -height, 0]]
    return ['P', 'P', *['S'] * 6], np.array([[0, 0, 0], [2.8, 0, 0], *bridges, *ends, *other])


def chain(n=3):
    """n P joined by corners, straight, each with two more S."""
    symbols, positions = ['S'], [[-BOND, 0, 0]]
    for i in range(n):
        x = 2 * BOND * i
        symbols += ['P', 'S', 'S', 'S']
        positions += [[x, 0, 0], [x, BOND, 0], [x, -BOND, 0], [x + BOND, 0, 0]]
    return symbols, np.array(positions, dtype=float)


def species(symbols, positions, cell=TRICLINIC, shift=(1.0, 2.0, 3.0), cutoffs=CUTOFFS):
    elements = tuple(sorted(set(symbols)))
    types = np.array([elements.index(symbol) for symbol in symbols])
    known = {pair: value for pair, value in cutoffs.items() if set(pair) <= set(elements)}
    return speciate(np.asarray(positions) + np.array(shift), cell, types, elements, known)


CLUSTERS = {
    'PS4': (ps4, {'free': 0, 'terminal': 4, 'bridging': 0, 'tricluster': 0}, {}),
    'P2S7': (p2s7, {'free': 0, 'terminal': 6, 'bridging': 1, 'tricluster': 0}, {'corner': 1}),
    'P2S6': (p2s6, {'free': 0, 'terminal': 6, 'bridging': 0, 'tricluster': 0}, {'bonded': 1}),
    'P2S6_edge': (p2s6_edge, {'free': 0, 'terminal': 4, 'bridging': 2, 'tricluster': 0}, {'edge': 1}),
    MANY: (chain, {'free': 0, 'terminal': 8, 'bridging': 2, 'tricluster': 0}, {'corner': 2}),
}


@pytest.mark.parametrize('shift', [(0.0, 0.0, 0.0), (8.0, 8.0, 8.0), (0.1, 17.9, 12.0)])
@pytest.mark.parametrize('wrapped', [False, True])
@pytest.mark.parametrize('kind', CLUSTERS)
def test_clusters_built_by_hand(kind, wrapped, shift):
    """In a triclinic cell, inside it and across its boundary."""
    build, classes, pairs = CLUSTERS[kind]
    symbols, positions = build()
    positions = positions + np.array(shift)
    if wrapped:
        positions = (positions @ np.linalg.inv(TRICLINIC) % 1) @ TRICLINIC
    found = species(symbols, positions, shift=(0, 0, 0))
    assert found.cluster_counts == {kind: 1}
    assert found.pair_counts == {'bonded': 0, 'corner': 0, 'edge': 0, 'face': 0} | pairs
    counted = np.bincount(found.anion_class[found.is_anion], minlength=4)
    assert dict(zip(CLASSES, counted.tolist(), strict=True)) == classes
    assert found.summary()['clusters_of'] == {'P': {kind: 1.0}}


def test_all_together_with_modifiers_and_free_sulfur():
    """One of each, far apart, in a large cell: counts and per-atom labels; Na binds nothing."""
    cell, symbols, positions = 90 * np.eye(3), [], []
    for i, (build, _, _) in enumerate(CLUSTERS.values()):
        more, where = build()
        symbols += more
        positions.append(where + 15 * i)
    symbols += ['S', 'S', 'S', 'Na']
    positions.append(np.array([[80, 0, 0], [0, 80, 0], [0, 82.1, 0], [80, 2.0, 0]]))
    found = species(symbols, np.vstack(positions), cell)
    assert found.cluster_counts == dict.fromkeys(CLUSTERS, 1) | {'S': 1, 'S2': 1}
    assert found.summary()['clusters_of']['P'] == pytest.approx(
        {'PS4': 0.1, 'P2S7': 0.2, 'P2S6': 0.2, 'P2S6_edge': 0.2, MANY: 0.3}
    )
    assert found.labels[:5].tolist() == ['PS4', *['terminal S'] * 4]
    assert found.labels[-4:].tolist() == ['free S', 'free S', 'free S', 'Na']
    summary = found.summary()
    assert summary['anion_bonds'] == pytest.approx(2 / found.is_anion.sum())
    assert summary['formers'] == pytest.approx({'bonded': 0.2, 'corner': 0.5, 'edge': 0.2, 'face': 0})
    assert sum(summary['anions']['S'].values()) == pytest.approx(1)
    json.dumps(summary)


def test_chains_of_phosphorus_are_counted_apart_from_pairs():
    symbols, positions = ['P'] * 3, np.array([[0, 0, 0], [2.2, 0, 0], [2.9, 2.1, 0]])
    found = species([*symbols, 'S'], [*positions, [30, 0, 0]], 60 * np.eye(3))
    assert found.chain.tolist() == [3, 3, 3, 0]
    assert found.summary()['former_chains'] == 1
    assert species(*p2s6()).chain.max() == 2


def test_two_thiophosphates_linked_by_their_sulfur():
    symbols, positions = ps4()
    other = -positions + 2 * positions[1] + 2.05 * TETRAHEDRON[0]
    found = species(symbols * 2, np.vstack([positions, other]), 40 * np.eye(3))
    assert found.cluster_counts == {'P2S8_linked': 1}
    assert found.anion_bonds.sum() == 2


@pytest.mark.parametrize('n', range(5))
def test_oxysulfides_by_their_oxygen(n):
    """PS4−nOn with n from 0 to 4."""
    symbols = ['P', *['O'] * n, *['S'] * (4 - n)]
    lengths = np.array([0.0, *[1.52] * n, *[BOND] * (4 - n)])
    positions = np.vstack([np.zeros(3), TETRAHEDRON]) * lengths[:, None]
    found = species(symbols, positions, cutoffs={**CUTOFFS, ('O', 'P'): 2.0})
    name = ['PS4', 'PS3O', 'PS2O2', 'PSO3', 'PO4'][n]
    assert found.summary()['shells'] == {'P': {name: 1.0}}
    assert found.cluster_counts == {name: 1}
    assert all(shares['terminal'] == 1 for shares in found.summary()['anions'].values())


def test_bridging_oxygen_is_told_from_terminal_sulfur():
    """(PS3)2O: the oxygen bridges, the sulfur does not."""
    left = TETRAHEDRON * np.array([1.6, BOND, BOND, BOND])[:, None]
    centre = 2 * left[0]
    positions = np.vstack([np.zeros(3), left, centre, centre - left[1:]])
    found = species(['P', 'O', *['S'] * 3, 'P', *['S'] * 3], positions, cutoffs={**CUTOFFS, ('O', 'P'): 2.0})
    anions = found.summary()['anions']
    assert (anions['O']['bridging'], anions['S']['terminal']) == (1, 1)
    assert found.cluster_counts == {'P2S6O': 1}


def quartz(repeat=(1, 1, 1)):
    from ase.spacegroup import crystal

    positions = [(0.4697, 0, 1 / 3), (0.4135, 0.2669, 0.2144)]
    return crystal(['Si', 'O'], positions, spacegroup=152, cellpar=[4.913, 4.913, 5.405, 90, 90, 120]) * repeat


@pytest.mark.parametrize('repeat', [(1, 1, 1), (3, 2, 2)])
def test_alpha_quartz_shares_corners_only(repeat):
    """Each Si has four others at its corners, also in one cell, where they are images of three atoms."""
    atoms = quartz(repeat)
    n_si = len(atoms) // 3
    found = species(
        list(atoms.symbols), atoms.positions, atoms.cell.array, cutoffs={('Si', 'O'): 2.2, ('Si', 'Si'): 2.6}
    )
    assert found.pair_counts == {'bonded': 0, 'corner': 2 * n_si, 'edge': 0, 'face': 0}
    assert found.summary()['anions'] == {'O': {'free': 0, 'terminal': 0, 'bridging': 1, 'tricluster': 0}}
    assert set(found.coordination[found.is_former].tolist()) == {4}
    assert found.cluster_counts == {MANY: 1}


def test_rutile_shares_edges_and_its_oxygen_has_three_formers():
    """Each Ti has two neighbours across edges and eight at corners."""
    from ase.spacegroup import crystal

    atoms = crystal(
        ['Ti', 'O'], [(0, 0, 0), (0.305, 0.305, 0)], spacegroup=136, cellpar=[4.594, 4.594, 2.959, 90, 90, 90]
    )
    found = species(
        list(atoms.symbols), atoms.positions, atoms.cell.array, cutoffs={('Ti', 'O'): 2.4, ('Ti', 'Ti'): 2.7}
    )
    n_ti = 2
    assert found.pair_counts == {'bonded': 0, 'corner': 8 * n_ti // 2, 'edge': 2 * n_ti // 2, 'face': 0}
    assert found.summary()['anions']['O']['tricluster'] == 1


def test_close_silicon_across_an_edge_is_no_bond():
    """Si–Si 2.4 Å over two shared oxygen: edge sharing; the same distance without them: a bond."""
    positions = np.array([[0, 0, 0], [2.4, 0, 0], [1.2, 1.2, 0], [1.2, -1.2, 0]])
    cutoffs = {('O', 'Si'): 2.2, ('Si', 'Si'): 2.6}
    edge = species(['Si', 'Si', 'O', 'O'], positions, cutoffs=cutoffs)
    assert (edge.pair_counts['edge'], edge.pair_counts['bonded']) == (1, 0)
    bond = species(['Si', 'Si', 'O', 'O'], positions + np.array([[0], [0], [8], [8]]), cutoffs=cutoffs)
    assert (bond.pair_counts['edge'], bond.pair_counts['bonded']) == (0, 1)


def test_stoichiometry_of_a_sodium_silicate():
    """20Na2O-80SiO2 without defects: 40 terminal of 180 O, connectivity 3.5, whatever the arrangement.

    The network is quartz with some bridges opened: an O is moved onto one of its two Si, a second one is put on the
    other, as one Na2O does.
    """
    atoms = quartz((4, 4, 4))
    symbols, positions = list(atoms.symbols), atoms.positions
    centre = positions.mean(axis=0)
    cutoffs = {('Si', 'O'): 2.2}
    whole = species(symbols, positions, atoms.cell.array, (0, 0, 0), cutoffs)
    assert whole.summary()['anions']['O']['bridging'] == 1
    n_si = symbols.count('Si')
    n_opened = n_si // 4
    rng = np.random.default_rng(3)
    elements = ('O', 'Si')
    types = np.array([elements.index(symbol) for symbol in symbols])
    bonds = neighbour_list(positions, atoms.cell.array, np.array([[0, 2.2], [2.2, 0]]), types)
    oxygen = rng.permutation(np.flatnonzero(types == 0))[:n_opened]
    added = []
    positions = positions.copy()
    for atom in oxygen:
        one, two = bonds.vectors[bonds.offsets[atom] : bonds.offsets[atom + 1]]
        added.append(positions[atom] + 0.5 * two)
        positions[atom] = positions[atom] + 0.5 * one
    symbols = [*symbols, *['O'] * n_opened, *['Na'] * (2 * n_opened)]
    positions = np.vstack([positions, added, np.tile(centre, (2 * n_opened, 1))])
    found = species(symbols, positions, atoms.cell.array, (0, 0, 0), {('Si', 'O'): 2.0})
    assert symbols.count('Na') / 2 / (symbols.count('Na') / 2 + n_si) == pytest.approx(0.2)
    anions = found.summary()['anions']['O']
    assert anions == pytest.approx({'free': 0, 'terminal': 40 / 180, 'bridging': 140 / 180, 'tricluster': 0})
    assert 2 * (found.anion_class == 2).sum() / n_si == 3.5


def test_cutoffs_by_default():
    r = np.linspace(0.01, 8, 400)
    g = np.zeros((4, 4, 400))
    g[:] = 1 + 5 * np.exp(-((r - 1.5) ** 2) / 0.005) - np.exp(-((r - 2.0) ** 2) / 0.1)
    cutoffs, warnings = default_cutoffs(('Na', 'O', 'P', 'S'), r, g, {'S-S': 2.3})
    assert cutoffs['P', 'S'] == 2.5
    assert cutoffs['P', 'P'] == 2.6
    assert cutoffs['S', 'S'] == 2.3
    assert cutoffs['P', 'O'] == pytest.approx(2.0, abs=0.2)
    assert cutoffs['O', 'O'] == pytest.approx(1.15 * 1.32)
    assert set(cutoffs) == {('P', 'S'), ('P', 'P'), ('P', 'O'), ('O', 'O'), ('O', 'S'), ('S', 'S')}
    assert warnings == []
    with pytest.raises(ValueError, match='Na-O'):
        default_cutoffs(('Na', 'O', 'P', 'S'), r, g, {'Na-O': 3.0})
    fallback, warnings = default_cutoffs(('O', 'Si'), r, np.zeros((2, 2, 400)))
    assert fallback['Si', 'O'] == pytest.approx(1.3 * 1.77)
    assert 'Si-O' in warnings[0]


def test_counts_equal_a_brute_force_search():
    """Random atoms in a small triclinic cell, all images by hand."""
    rng = np.random.default_rng(5)
    cell = np.array([[6.0, 0, 0], [2.0, 5.5, 0], [-1.0, 1.5, 6.5]])
    symbols = ['P'] * 6 + ['S'] * 14
    positions = rng.random((20, 3)) @ cell
    found = species(symbols, positions, cell, (0, 0, 0))
    images = np.array([[i, j, k] for i in range(-2, 3) for j in range(-2, 3) for k in range(-2, 3)]) @ cell
    around = [
        {
            (s, n)
            for s in range(6, 20)
            for n in range(125)
            if np.linalg.norm(positions[s] + images[n] - positions[p]) < 2.5
        }
        for p in range(6)
    ]
    assert found.coordination[:6].tolist() == [len(shell) for shell in around]
    shared = {0: 0, 1: 0, 2: 0, 3: 0}
    index = {tuple(np.round(image, 6)): n for n, image in enumerate(images)}
    for p in range(6):
        for q in range(p, 6):
            for image in images:
                if p == q and tuple(np.round(image, 6)) <= tuple(np.round(-image, 6)):
                    continue
                moved = {(s, index.get(tuple(np.round(images[n] + image, 6)))) for s, n in around[q]}
                common = len(around[p] & moved)
                distance = np.linalg.norm(positions[q] + image - positions[p])
                if common:
                    shared[min(common, 3)] += 1
                elif distance < 2.6:
                    shared[0] += 1
    assert found.pair_counts == {'bonded': shared[0], 'corner': shared[1], 'edge': shared[2], 'face': shared[3]}
    assert sum(shared.values()) > 5


@pytest.mark.parametrize('n_atoms', [0, 1])
def test_nothing_or_one_atom(n_atoms):
    found = speciate(np.zeros((n_atoms, 3)), 10 * np.eye(3), np.zeros(n_atoms, dtype=int), ('P', 'S'), THIOPHOSPHATE)
    assert found.cluster_counts == ({'P': 1} if n_atoms else {})
    json.dumps(found.summary())


def test_shapes_are_checked():
    with pytest.raises(ValueError, match='positions'):
        speciate(np.zeros((2, 2)), np.eye(3), np.zeros(2, dtype=int), ('P', 'S'), THIOPHOSPHATE)
    with pytest.raises(ValueError, match='types'):
        speciate(np.zeros((2, 3)), np.eye(3), np.zeros(3, dtype=int), ('P', 'S'), THIOPHOSPHATE)


def test_terminal_and_bridging_anions_of_each_unit():
    """(PS3)2O beside PS4 and a free S–S: units with their anions, shares of clusters, pairs of anions."""
    left = TETRAHEDRON * np.array([1.6, BOND, BOND, BOND])[:, None]
    centre = 2 * left[0]
    bridged = np.vstack([np.zeros(3), left, centre, centre - left[1:]])
    symbols, alone = ps4()
    positions = np.vstack([bridged, alone + 15, [[-12, 0, 0], [-10, 0, 0]]])
    symbols = ['P', 'O', *['S'] * 3, 'P', *['S'] * 3, *symbols, 'S', 'S']
    found = species(symbols, positions, 60 * np.eye(3), cutoffs={**CUTOFFS, ('O', 'P'): 2.0})
    details = found.detailed_summary()
    assert details['units'] == {
        'P': {
            'PS3O': {
                'share': pytest.approx(2 / 3),
                'terminal_O': 0, 'bridging_O': 1, 'terminal_S': 3, 'bridging_S': 0,
            },
            'PS4': {'share': pytest.approx(1 / 3), 'terminal_S': 4, 'bridging_S': 0},
        }
    }  # fmt: skip
    assert details['cluster_shares'] == {'P2S6O': 0.5, 'PS4': 0.5}
    assert details['free_anions'] == {'O': 0, 'S': pytest.approx(2 / 12)}
    assert (details['anion_pairs'], details['former_pairs']) == ({'S-S': 1}, {})
    assert details['formers_per_cluster'] == 1.5
    assert found.terminal[:2].sum(axis=1).tolist() == [3, 0]
    assert species(*p2s6()).detailed_summary()['former_pairs'] == {'P-P': 1}
    json.dumps(details)


def test_bonds_found_before_give_the_same():
    symbols, positions = p2s7()
    elements, types = ('P', 'S'), np.array([int(symbol == 'S') for symbol in symbols])
    positions = positions + 1.0
    bonds = neighbour_list(positions, TRICLINIC, np.array([[2.6, 2.5], [2.5, 2.4]]), types)
    found = speciate_bonds(bonds, positions, TRICLINIC, types, elements)
    assert found.cluster_counts == {'P2S7': 1}
    assert found.labels.tolist() == species(symbols, positions, shift=(0, 0, 0)).labels.tolist()


def test_nothing_to_classify():
    bonds = neighbour_list(np.zeros((0, 3)), np.eye(3), 1.0)
    found = speciate_bonds(bonds, np.zeros((0, 3)), np.eye(3), np.zeros(0, int), ('P', 'S'))
    assert found.detailed_summary()['formers_per_cluster'] is None
    assert found.cluster_counts == {}

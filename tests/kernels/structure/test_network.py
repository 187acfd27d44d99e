from __future__ import annotations

import json

import numpy as np
import pytest

from aiida_glassion.kernels.structure.neighbours import neighbour_list
from aiida_glassion.kernels.structure.network import analyse_network, bridge_shares

TETRAHEDRON = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3)


def network_of(symbols, positions, cell, cutoff=2.2, **choice):
    """Network with the same bond length for all former–anion pairs."""
    elements = tuple(sorted(set(symbols)))
    types = np.array([elements.index(symbol) for symbol in symbols])
    bonds = neighbour_list(np.asarray(positions, float), np.asarray(cell, float), cutoff)
    return analyse_network(bonds, types, elements, **choice)


def cristobalite(repeat=(1, 1, 1), a=7.16):
    """Ideal β-cristobalite: Si on a diamond lattice, O midway between neighbours."""
    corner = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
    silicon = np.vstack([corner, corner + 0.25])
    oxygen = np.vstack([corner + np.sqrt(3) * d / 8 for d in TETRAHEDRON])
    basis = np.vstack([silicon, oxygen])
    cells = np.array([[i, j, k] for i in range(repeat[0]) for j in range(repeat[1]) for k in range(repeat[2])])
    positions = (basis[None] + cells[:, None]).reshape(-1, 3) * a
    symbols = np.tile(['Si'] * 8 + ['O'] * 16, len(cells))
    return symbols, positions, a * np.diag(repeat).astype(float)


def test_isolated_tetrahedron_is_q0():
    positions = np.vstack([[[5, 5, 5]], 5 + 1.6 * TETRAHEDRON])
    found = network_of(['Si', 'O', 'O', 'O', 'O'], positions, 12 * np.eye(3))
    assert found.qn_counts == {'Si': {0: 1, 1: 0, 2: 0, 3: 0, 4: 0}}
    assert found.anion_counts == {'O': {'free': 0, 'non_bridging': 4, 'bridging': 0, 'tricluster': 0}}
    assert found.qn.tolist() == [0, -1, -1, -1, -1]
    assert found.formers_around.tolist() == [-1, 1, 1, 1, 1]


def test_pyro_unit_with_a_free_oxygen():
    """Si2O7: two Q1 that share one oxygen; one more oxygen far away."""
    left = 1.6 * TETRAHEDRON
    shared = left[0]
    right_centre = 2 * shared
    right = right_centre - 1.6 * TETRAHEDRON[1:]
    positions = np.vstack([[[0, 0, 0]], left, right_centre[None], right, [[-6, -6, -6]]]) + 8
    found = network_of(['Si', *['O'] * 4, 'Si', *['O'] * 3, 'O'], positions, 20 * np.eye(3))
    assert found.qn_counts['Si'] == {0: 0, 1: 2, 2: 0, 3: 0, 4: 0}
    assert found.anion_counts['O'] == {'free': 1, 'non_bridging': 6, 'bridging': 1, 'tricluster': 0}
    assert found.mean_connectivity == 1.0
    fractions = found.anion_fractions['O']
    assert fractions['free'] + fractions['non_bridging'] + fractions['bridging'] == pytest.approx(1)


def test_tricluster_is_bridging_too():
    around = 1.7 * np.array([[1, 0, 0], [-0.5, np.sqrt(3) / 2, 0], [-0.5, -np.sqrt(3) / 2, 0]])
    found = network_of(['O', 'Al', 'Al', 'Si'], np.vstack([[[0, 0, 0]], around]) + 5, 12 * np.eye(3))
    assert found.anion_counts['O'] == {'free': 0, 'non_bridging': 0, 'bridging': 1, 'tricluster': 1}
    assert found.connectivity == {'Al': 1.0, 'Si': 1.0}


def test_edge_sharing_counts_both_bridges():
    positions = np.array([[0, 0, 0], [2.8, 0, 0], [1.4, 1.5, 0], [1.4, -1.5, 0]]) + 5
    found = network_of(['Si', 'Si', 'S', 'S'], positions, 14 * np.eye(3), 2.4)
    assert found.qn_counts['Si'][2] == 2
    assert found.anion_counts['S']['bridging'] == 2


def test_alpha_quartz_is_all_q4():
    from ase.spacegroup import crystal

    quartz = crystal(
        ['Si', 'O'],
        [(0.4697, 0, 1 / 3), (0.4135, 0.2669, 0.2144)],
        spacegroup=152,
        cellpar=[4.913, 4.913, 5.405, 90, 90, 120],
    )
    assert len(quartz) == 9
    for atoms in (quartz, quartz * (2, 2, 3)):
        found = network_of(atoms.get_chemical_symbols(), atoms.positions, atoms.cell.array)
        assert found.qn_fractions['Si'][4] == 1.0
        assert found.anion_fractions['O']['bridging'] == 1.0
        assert found.connectivity == {'Si': 4.0}


def test_beta_cristobalite_is_all_q4():
    found = network_of(*cristobalite())
    assert found.qn_counts['Si'] == {0: 0, 1: 0, 2: 0, 3: 0, 4: 8}
    assert found.anion_counts['O']['bridging'] == 16


def sodium_silicate(seed=0):
    """20Na2O-80SiO2 of 300 atoms: a cristobalite of 80 Si with 20 bridges cut, each by one Na2O.

    A cut bridge becomes two oxygens, one on either silicon, bent away from the other by 55°.
    """
    symbols, positions, cell = cristobalite((1, 2, 5))
    rng = np.random.default_rng(seed)
    silicon, oxygen = positions[symbols == 'Si'], positions[symbols == 'O']
    inverse = np.linalg.inv(cell)
    cut = rng.choice(len(oxygen), 20, replace=False)
    ends, sodium = [], []
    for bridge in oxygen[cut]:
        away = (silicon - bridge) @ inverse
        away = (away - np.round(away)) @ cell
        for to_silicon in away[np.argsort(np.linalg.norm(away, axis=1))[:2]]:
            along = -to_silicon / np.linalg.norm(to_silicon)
            across = np.cross(along, [0.3, 0.5, 0.8])
            across /= np.linalg.norm(across)
            turn = np.radians(55)
            ends.append(bridge + to_silicon + 1.6 * (np.cos(turn) * along + np.sin(turn) * across))
        sodium += [bridge + np.array([0.3, 0, 0]), bridge - np.array([0.3, 0, 0])]
    everything = np.vstack([silicon, np.delete(oxygen, cut, axis=0), ends, sodium])
    return ['Si'] * 80 + ['O'] * 180 + ['Na'] * 40, everything, cell


def test_sodium_silicate_counts():
    """Each Na2O cuts one bridge: 40 non-bridging, 140 bridging, connectivity 4 − 40/80 = 3.5."""
    found = network_of(*sodium_silicate())
    assert len(found.types) == 300
    assert found.anion_counts['O'] == {'free': 0, 'non_bridging': 40, 'bridging': 140, 'tricluster': 0}
    assert found.mean_connectivity == 3.5
    assert found.connectivity == {'Si': 3.5}
    assert sum(found.qn_counts['Si'].values()) == 80
    assert found.formers == ('Si',)
    assert found.anions == ('O',)


def test_phosphate_chain_is_all_q2():
    """50Na2O-50P2O5 = NaPO3: a periodic zigzag chain P–O–P, two terminal oxygens on each P."""
    n, step, dy = 10, 1.45, 0.65
    symbols, positions = [], []
    for i in range(n):
        side = 1 if i % 2 else -1
        x = 2 * step * i
        symbols += ['P', 'O', 'O', 'O', 'Na']
        positions += [
            [x, side * dy, 0],
            [x + step, 0, 0],
            [x, side * (dy + 0.8), 1.25],
            [x, side * (dy + 0.8), -1.25],
            [x, side * (dy + 3), 0],
        ]
    found = network_of(symbols, np.array(positions) + 10, np.diag([2 * step * n, 20, 20]), 1.9)
    assert found.qn_fractions['P'][2] == 1.0
    assert found.anion_counts['O'] == {'free': 0, 'non_bridging': 20, 'bridging': 10, 'tricluster': 0}


def test_mixed_anions_and_formers():
    """O3P–S–PO3 with a B on one oxygen: sulfur and oxygen both bridge, each counted for itself."""
    positions = np.array(
        [
            [0, 0, 0],
            [2.1, 0, 0],
            [4.2, 0, 0],
            [-0.5, 1.4, 0],
            [-0.5, -0.7, 1.2],
            [4.7, 1.4, 0],
            [4.7, -0.7, 1.2],
            [-1, 2.8, 0],
        ]
    )
    symbols = ['P', 'S', 'P', 'O', 'O', 'O', 'O', 'B']
    found = network_of(symbols, positions + 6, 20 * np.eye(3), 2.2)
    assert found.anion_counts['S']['bridging'] == 1
    assert found.anion_counts['O'] == {'free': 0, 'non_bridging': 3, 'bridging': 1, 'tricluster': 0}
    assert found.qn_counts['P'][1] == 1
    assert found.qn_counts['P'][2] == 1
    assert found.connectivity == {'B': 1.0, 'P': 1.5}
    only_oxygen = network_of(symbols, positions + 6, 20 * np.eye(3), 2.2, anions=['O'], formers=['P'])
    assert only_oxygen.connectivity == {'P': 0.0}
    assert list(only_oxygen.anion_counts) == ['O']


def test_summary_is_json_and_feeds_the_average():
    from aiida_glassion.kernels.statistics import average_records

    summaries = [network_of(*sodium_silicate(seed)).summary() for seed in range(3)]
    assert json.loads(json.dumps(summaries[0])) == summaries[0]
    averaged = average_records(summaries)
    assert averaged['connectivity']['Si'] == {'mean': 3.5, 'standard_error': 0.0, 'n': 3}
    assert averaged['anions']['O']['bridging']['mean'] == pytest.approx(140 / 180)


def test_without_formers_or_atoms():
    lone = network_of(['Na', 'Cl'], [[0, 0, 0], [2.5, 0, 0]], 10 * np.eye(3), 3.0)
    assert lone.anion_counts == {'Cl': {'free': 1, 'non_bridging': 0, 'bridging': 0, 'tricluster': 0}}
    assert lone.qn_counts == {}
    assert lone.mean_connectivity is None
    bonds = neighbour_list(np.zeros((0, 3)), np.eye(3), 1.0)
    nothing = analyse_network(bonds, np.zeros(0, int), ('O', 'Si'))
    assert nothing.anion_fractions == {}
    assert nothing.connectivity == {}


@pytest.mark.parametrize(
    ('choice', 'match'),
    [
        ({'formers': ['B']}, 'not among'),
        ({'formers': ['O'], 'anions': ['O']}, 'at once'),
        ({'formers': 'Si'}, 'collection'),
    ],
)
def test_refuses(choice, match):
    with pytest.raises(ValueError, match=match):
        network_of(*cristobalite(), **choice)


def test_bridges_by_the_formers_that_they_join():
    """P–O–B, twice P–O–P, and a tricluster of Al and two Si: shares, and what chance would give."""
    positions, symbols = [], []
    for i, ends in enumerate([('P', 'B'), ('P', 'P'), ('P', 'P')]):
        symbols += [ends[0], 'O', ends[1]]
        positions += [[6 * i, 0, 0], [6 * i + 1.5, 0, 0], [6 * i + 3, 0, 0]]
    elements = ('B', 'O', 'P')
    types = np.array([elements.index(symbol) for symbol in symbols])
    bonds = neighbour_list(np.array(positions, float), 30 * np.eye(3), 1.8)
    network = analyse_network(bonds, types, elements)
    found = bridge_shares(bonds, network)
    assert {name: entry['share'] for name, entry in found.items()} == pytest.approx(
        {'B-O-B': 0, 'B-O-P': 1 / 3, 'P-O-P': 2 / 3}
    )
    assert found['B-O-P']['at_random'] == pytest.approx(2 * 1 / 6 * 5 / 6)
    assert sum(entry['at_random'] for entry in found.values()) == pytest.approx(1)
    around = 1.7 * np.array([[1, 0, 0], [-0.5, np.sqrt(3) / 2, 0], [-0.5, -np.sqrt(3) / 2, 0]])
    elements, types = ('Al', 'O', 'Si'), np.array([1, 0, 2, 2])
    bonds = neighbour_list(np.vstack([[[0, 0, 0]], around]) + 5, 12 * np.eye(3), 2.0)
    shares = {name: e['share'] for name, e in bridge_shares(bonds, analyse_network(bonds, types, elements)).items()}
    assert shares == pytest.approx({'Al-O-Al': 0, 'Al-O-Si': 2 / 3, 'Si-O-Si': 1 / 3})


def test_labels_by_atom():
    left = 1.6 * TETRAHEDRON
    positions = np.vstack([[[0, 0, 0]], left, [2 * left[0]], [[-6, -6, -6]], [[6, 6, -6]]]) + 8
    found = network_of(['Si', *['O'] * 4, 'Si', 'O', 'Na'], positions, 20 * np.eye(3))
    assert found.labels.tolist() == [
        'Q1 Si', 'bridging O', *['non-bridging O'] * 3, 'Q1 Si', 'free O', 'Na'
    ]  # fmt: skip

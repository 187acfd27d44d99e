"""Rings of crystals whose numbers are known, and of small networks against every closed path there is."""

from __future__ import annotations

from collections import Counter, deque

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.spacegroup import crystal

from aiida_glassion.kernels.structure.neighbours import neighbour_list
from aiida_glassion.kernels.topology.links import cell_images, explicit_links, network_links
from aiida_glassion.kernels.topology.rings import CRITERIA, find_rings


def links_of(atoms, cutoff, nodes, bridges=None, direct=False):
    symbols = np.array(atoms.get_chemical_symbols())
    bonds = neighbour_list(atoms.positions, atoms.cell.array, cutoff, pbc=tuple(atoms.pbc))
    is_bridge = None if bridges is None else np.isin(symbols, bridges)
    return network_links(bonds, atoms.positions, atoms.cell.array, np.isin(symbols, nodes), is_bridge, direct)


def per_node(rings):
    """Rings per node and found from each node, by size; every node must see the same."""
    seen = rings.at_origin[rings.nodes]
    assert (seen == seen[0]).all()
    return {int(n): (rings.per_node[n], int(seen[0, n])) for n in rings.sizes if rings.counts[n]}


def quartz():
    positions = [(0.4697, 0, 1 / 3), (0.4135, 0.2669, 0.2144)]
    return crystal(['Si', 'O'], positions, spacegroup=152, cellpar=[4.913, 4.913, 5.405, 90, 90, 120])


def cristobalite():
    return crystal(
        ['Si', 'O'], [(0.125, 0.125, 0.125), (0, 0, 0)], spacegroup=227, setting=2, cellpar=[7.16] * 3 + [90] * 3
    )


def graphene():
    sheet = [[0, 0, 0.5], [1 / 3, 2 / 3, 0.5]]
    return Atoms('C2', scaled_positions=sheet, cell=[[2.46, 0, 0], [-1.23, 2.1304, 0], [0, 0, 10]], pbc=True)


KNOWN = {
    # the vertex symbols of these nets (six angles of two six-rings each in diamond) say what is found from a node
    'diamond': (lambda: bulk('C', 'diamond', 3.57), 1.7, ['C'], None, {key: {6: (2, 12)} for key in CRITERIA}),
    'graphene': (graphene, 1.6, ['C'], None, {key: {6: (0.5, 3)} for key in CRITERIA}),
    'cristobalite': (cristobalite, 2.0, ['Si'], ['O'], {key: {6: (2, 12)} for key in CRITERIA}),
    # in α-quartz six-rings close four of the six angles (1 + 1 + 2 + 2); 40 eight-rings without shortcut meet in a Si
    'quartz': (
        quartz,
        2.0,
        ['Si'],
        ['O'],
        {'king': {6: (1, 6), 8: (7, 18)}, 'guttman': {6: (1, 6)}, 'primitive': {6: (1, 6), 8: (5, 40)}},
    ),
    # squares, and hexagons around the diagonals of cubes; straight angles close by rectangles, which have a shortcut
    'rock salt': (
        lambda: bulk('NaCl', 'rocksalt', 5.6),
        3.0,
        ['Na', 'Cl'],
        None,
        {'king': {4: (3, 12), 6: (6, 12)}, 'guttman': {4: (3, 12)}, 'primitive': {4: (3, 12), 6: (4, 24)}},
    ),
    'one atom': (
        lambda: Atoms('C', cell=[2, 2, 2], pbc=True),
        2.1,
        ['C'],
        None,
        {'king': {4: (3, 12), 6: (6, 12)}, 'guttman': {4: (3, 12)}, 'primitive': {4: (3, 12), 6: (4, 24)}},
    ),
}


@pytest.mark.parametrize('criterion', CRITERIA)
@pytest.mark.parametrize('name', KNOWN)
def test_crystals(name, criterion):
    """In the primitive cell, where a ring spans several cells, and in a larger one, shifted across its faces."""
    build, cutoff, nodes, bridges, known = KNOWN[name]
    atoms = build()
    assert per_node(find_rings(links_of(atoms, cutoff, nodes, bridges), criterion, 8)) == known[criterion]
    larger = atoms * (3, 2, 2)
    larger.positions += [0.3, -40.0, 0.0]
    assert per_node(find_rings(links_of(larger, cutoff, nodes, bridges), criterion, 8)) == known[criterion]


def steps(around, place):
    node, image = place
    for other, shift in around[node]:
        yield other, tuple(np.add(image, shift).tolist())


def distances(around, start, reach):
    found, queue = {start: 0}, deque([start])
    while queue:
        place = queue.popleft()
        if found[place] < reach:
            for other in steps(around, place):
                if other not in found:
                    found[other] = found[place] + 1
                    queue.append(other)
    return found


def closed_paths(around, node, largest):
    """Every closed path through a node up to a size, one way around only."""
    start = (node, (0, 0, 0))
    near = distances(around, start, largest // 2 + 1)
    found = []

    def walk(path):
        for other in steps(around, path[-1]):
            if other == start and len(path) >= 3 and path[1] < path[-1]:
                found.append(tuple(path))
            elif other not in path and other in near and len(path) + near[other] <= largest:
                walk([*path, other])

    walk([start])
    return found


def one_name(ring):
    """The same for all starts, both ways round and all translations."""
    n = len(ring)
    names = []
    for i in range(n):
        origin = ring[i][1]
        for way in (1, -1):
            members = (ring[(i + way * k) % n] for k in range(n))
            names.append(tuple((node, tuple(np.subtract(image, origin).tolist())) for node, image in members))
    return min(names)


def brute_force(around, largest):
    """By each definition the rings by size, and those found from each node, from all closed paths."""
    unique = {criterion: set() for criterion in CRITERIA}
    found = {criterion: Counter() for criterion in CRITERIA}
    for node in range(len(around)):
        paths = closed_paths(around, node, largest)
        angle, link = {}, {}
        for ring in paths:
            ends = frozenset((ring[1], ring[-1]))
            angle[ends] = min(angle.get(ends, 99), len(ring))
            for end in ends:
                link[end] = min(link.get(end, 99), len(ring))
        rows = {}
        for ring in paths:
            n = len(ring)
            for place in ring:
                rows.setdefault(place, distances(around, place, largest // 2))
            is_ring = {
                'king': angle[frozenset((ring[1], ring[-1]))] == n,
                'guttman': n in (link[ring[1]], link[ring[-1]]),
                'primitive': all(
                    rows[ring[i]].get(ring[j], 99) >= min(j - i, n - j + i) for i in range(n) for j in range(i + 1, n)
                ),
            }
            for criterion, holds in is_ring.items():
                if holds:
                    unique[criterion].add(one_name(ring))
                    found[criterion][node, n] += 1
    return {c: (Counter(len(ring) for ring in unique[c]), found[c]) for c in CRITERIA}


def assert_as_brute_force(links, around, largest):
    expected = brute_force(around, largest)
    for criterion in CRITERIA:
        rings = find_rings(links, criterion, largest)
        counts, found = expected[criterion]
        assert rings.counts.tolist() == [counts[n] for n in range(largest + 1)], criterion
        seen = [[found[node, n] for n in range(largest + 1)] for node in range(len(around))]
        assert rings.at_origin.tolist() == seen, criterion
        assert rings.through.sum(axis=0).tolist() == [n * counts[n] for n in range(largest + 1)], criterion


@pytest.mark.parametrize(('seed', 'largest'), [(seed, 7 + seed % 2) for seed in range(10)])
def test_random_periodic_networks_against_all_closed_paths(seed, largest):
    """Up to four links of a node into random images: nothing of the geometry of a crystal."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 12))
    around, ends = [set() for _ in range(n)], []
    for _ in range(200):
        i, j = rng.integers(0, n, 2).tolist()
        image = tuple(rng.integers(-1, 2, 3).tolist()) if rng.random() < 0.5 else (0, 0, 0)
        if (i == j and not any(image)) or max(len(around[i]), len(around[j])) > (2 if i == j else 3):
            continue
        if (j, image) not in around[i]:
            ends.append((i, j, image))
        around[i].add((j, image))
        around[j].add((i, tuple(-k for k in image)))
    first, second, images = (np.array([end[k] for end in ends]) for k in range(3))
    links = explicit_links(n, first, second, images.reshape(-1, 3))
    assert_as_brute_force(links, around, largest)


@pytest.mark.parametrize('seed', range(4))
def test_random_atoms_against_all_closed_paths(seed):
    """Atoms thrown into a small triclinic cell, wrapped and not, on its faces too; many odd rings."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 14))
    cell = np.array([[3.0, 0, 0], [1.1, 2.7, 0], [-0.8, 0.6, 3.2]]) * (n / 8) ** (1 / 3)
    positions = np.vstack([[[0, 0, 0]], rng.uniform(-1, 2, (n - 1, 3))]) @ cell
    bonds = neighbour_list(positions, cell, 1.1)
    links = network_links(bonds, positions, cell, np.ones(n, dtype=bool))
    around = [set() for _ in range(n)]
    for i, j, image in zip(bonds.first, bonds.second, cell_images(bonds, positions, cell).tolist(), strict=True):
        around[i].add((int(j), tuple(image)))
    assert_as_brute_force(links, around, 7)


def test_a_path_that_closes_through_the_boundary_is_no_ring():
    """A chain of four atoms across a cell comes back to its image; the same four in a square are a ring."""
    chain = Atoms('Si4', [[2.0 * i, 0, 0] for i in range(4)], cell=[8, 20, 20], pbc=True)
    for criterion in CRITERIA:
        assert find_rings(links_of(chain, 2.2, ['Si']), criterion).counts.sum() == 0
    square = Atoms('Si4', [[0, 0, 0], [2, 0, 0], [2, 2, 0], [0, 2, 0]], cell=[20, 20, 20], pbc=True)
    square.positions -= 1.0
    square.wrap()
    for criterion in CRITERIA:
        rings = find_rings(links_of(square, 2.2, ['Si']), criterion)
        assert (rings.counts[4], rings.counts.sum()) == (1, 1)
        assert rings.smallest.tolist() == [4, 4, 4, 4]


def test_without_periodicity_nothing_closes_across_the_faces():
    atoms = cristobalite()
    periodic = find_rings(links_of(atoms, 2.0, ['Si'], ['O']), 'king').counts[6]
    atoms.pbc = False
    assert find_rings(links_of(atoms, 2.0, ['Si'], ['O']), 'king').counts[6] < periodic
    molecule = Atoms('C6', [[1.4 * np.cos(k), 1.4 * np.sin(k), 0] for k in np.arange(6) * np.pi / 3])
    assert find_rings(links_of(molecule, 1.6, ['C']), 'primitive').counts[6] == 1


def test_shared_edges_are_rings_of_two():
    """Si2S6: two SiS4 that share two S; and a third that closes a triangle with them counts the double link once."""
    positions = [[0, 0, 0], [2.8, 0, 0], [1.4, 1.5, 0], [1.4, -1.5, 0]]
    atoms = Atoms('Si2S2', positions, cell=[20, 20, 20], pbc=True)
    for criterion in CRITERIA:
        rings = find_rings(links_of(atoms, 2.4, ['Si'], ['S']), criterion)
        assert (rings.counts[2], rings.counts.sum()) == (1, 1)
        assert rings.through[:, 2].tolist() == [1, 1, 0, 0]
    triangle = Atoms('Si3S4', [*positions[:2], [1.4, 0, 2.4], *positions[2:], [0.5, 0.0, 1.3], [2.3, 0, 1.3]], pbc=True)
    triangle.cell = [20, 20, 20]
    expected = {'king': [1, 1], 'guttman': [1, 1], 'primitive': [1, 1]}
    for criterion in CRITERIA:
        rings = find_rings(links_of(triangle, 2.1, ['Si'], ['S']), criterion)
        assert rings.counts[2:4].tolist() == expected[criterion]


def test_a_tricluster_alone_makes_no_ring():
    """Three Al around one O; with three more O between them the ring of three is there, once."""
    three = 1.8 * np.array([[1, 0, 0], [-0.5, np.sqrt(3) / 2, 0], [-0.5, -np.sqrt(3) / 2, 0]])
    between = -1.0 * three
    alone = Atoms('OAl3', np.vstack([[[0, 0, 0]], three]) + 10, cell=[20, 20, 20], pbc=True)
    closed = Atoms('OAl3O3', np.vstack([[[0, 0, 0]], three, between]) + 10, cell=[20, 20, 20], pbc=True)
    for criterion in CRITERIA:
        assert find_rings(links_of(alone, 2.0, ['Al'], ['O']), criterion).counts.sum() == 0
        rings = find_rings(links_of(closed, 2.0, ['Al'], ['O']), criterion)
        # each pair of Al is linked by two O, and that is the shortest ring of such a link
        assert (rings.counts[2], rings.counts[3]) == (3, 0 if criterion == 'guttman' else 1)


def test_bonds_between_nodes_count_on_request():
    """P–P closed by one S: no ring by bridges alone, a ring of two with the bond."""
    atoms = Atoms('P2S', [[0, 0, 0], [2.2, 0, 0], [1.1, 1.7, 0]], cell=[15, 15, 15], pbc=True)
    assert find_rings(links_of(atoms, 2.4, ['P'], ['S'])).counts.sum() == 0
    assert find_rings(links_of(atoms, 2.4, ['P'], ['S'], direct=True)).counts[2] == 1


def test_statistics_of_le_roux_and_jund():
    """A ring of three and one of five that share a node, and a node beside them."""
    first = np.array([0, 1, 2, 0, 3, 4, 5, 6])
    second = np.array([1, 2, 0, 3, 4, 5, 6, 0])
    rings = find_rings(explicit_links(8, first, second, np.zeros((8, 3))), 'guttman', 8)
    assert rings.counts[[3, 5]].tolist() == [1, 1]
    assert rings.per_node[5] == pytest.approx(1 / 8)
    assert rings.origin_fraction[[3, 5]] == pytest.approx([3 / 8, 5 / 8])
    assert rings.shortest_fraction[[3, 5]] == pytest.approx([1, 4 / 5])
    assert rings.longest_fraction[[3, 5]] == pytest.approx([2 / 3, 1])
    assert rings.smallest.tolist() == [3, 3, 3, 5, 5, 5, 5, 0]
    assert rings.mean_size == 4


def test_nothing_to_find():
    rings = find_rings(explicit_links(0, [], [], np.zeros((0, 3))))
    assert (rings.n_nodes, rings.mean_size, rings.counts.sum()) == (0, None, 0)
    assert rings.origin_fraction.tolist() == [0] * 13
    lone = find_rings(explicit_links(3, [0], [1], np.zeros((1, 3))), 'primitive', 3)
    assert lone.smallest.tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ('call', 'message'),
    [
        (lambda: find_rings(explicit_links(1, [], [], np.zeros((0, 3))), 'kings'), "criterion: 'kings'"),
        (lambda: find_rings(explicit_links(1, [], [], np.zeros((0, 3))), 'king', 65), 'largest: 65'),
        (lambda: explicit_links(2, [0], [0], np.zeros((1, 3))), 'linked to itself'),
        (lambda: explicit_links(2, [0], [2], np.zeros((1, 3))), 'not among the nodes'),
        (lambda: explicit_links(2, [0], [1], np.zeros((2, 3))), 'shapes'),
        (lambda: links_of(Atoms('Si', cell=[3, 3, 3], pbc=True), 2.0, ['Si'], ['Si']), 'node and bridge at once'),
    ],
)
def test_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()

"""Fragments and rings: aiida-glassion against scipy, ovito and matscipy. See README.md beside this file.

One thread each, the same networks, runs of all programs in turn, medians; answers are compared before times.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

os.environ.setdefault('OVITO_THREAD_COUNT', '1')

from aiida_glassion.kernels.structure.fragments import fragments
from aiida_glassion.kernels.structure.neighbours import neighbour_list
from aiida_glassion.kernels.topology.links import Links, cell_images, explicit_links
from aiida_glassion.kernels.topology.rings import find_rings

FRAGMENT_SIZES = (1_600, 12_800, 102_400)
RING_REPEATS = (6, 8)
MATSCIPY_SIZES = (500, 4_000)
LARGEST = 12
EDGE = 7.16  # Å, of the cube of eight Si of silica
SWITCHED = 0.3  # bonds switched per node

Task = Callable[[], Any]


def installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


class Network:
    """The Si of a silica network of which bonds were switched at random (Wooten, Winer and Weaire), O left out."""

    def __init__(self, repeat: int, seed: int = 0) -> None:
        corner = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
        shifts = np.stack(np.meshgrid(*[np.arange(repeat)] * 3, indexing='ij'), axis=-1).reshape(-1, 3)
        self.positions = (shifts[:, None] + np.vstack([corner, corner + 0.25])[None]).reshape(-1, 3) * EDGE
        self.cell = EDGE * repeat * np.eye(3)
        bonds = neighbour_list(self.positions, self.cell, 3.3)
        around: list[dict[int, np.ndarray]] = [{} for _ in self.positions]
        for i, j, image in zip(bonds.first, bonds.second, cell_images(bonds, self.positions, self.cell), strict=True):
            around[i][int(j)] = image
        self._switch(around, np.random.default_rng(seed))
        ends = [(i, j, image) for i, table in enumerate(around) for j, image in table.items() if i < j]
        self.first, self.second, self.images = (np.array([end[k] for end in ends]) for k in range(3))

    @staticmethod
    def _switch(around: list[dict[int, np.ndarray]], rng: np.random.Generator) -> None:
        done = 0
        while done < SWITCHED * len(around):
            a = int(rng.integers(len(around)))
            b, c = (int(rng.choice(list(around[a]))) for _ in range(2))
            d = int(rng.choice(list(around[b])))
            if len({a, b, c, d}) < 4 or d in around[a] or c in around[b]:
                continue
            to_b, to_c, from_b_to_d = around[a][b], around[a].pop(c), around[b].pop(d)
            del around[c][a], around[d][b]
            around[a][d], around[d][a] = to_b + from_b_to_d, -to_b - from_b_to_d
            around[b][c], around[c][b] = to_c - to_b, to_b - to_c
            done += 1

    @property
    def links(self) -> Links:
        """The network as our kernel takes it."""
        return explicit_links(len(self.positions), self.first, self.second, self.images)


def ring_tasks(network: Network) -> dict[str, Task]:
    links = network.links

    def ours(name: str) -> Task:
        def counts() -> list[int]:
            return find_rings(links, name, LARGEST).counts[3:].tolist()

        return counts

    tasks: dict[str, Task] = {'aiida-glassion': ours('primitive')}
    if installed('ovito'):
        from ovito.data import DataCollection
        from ovito.modifiers import FindRingsModifier

        data = DataCollection()
        particles = data.create_particles(count=len(network.positions))
        particles.create_property('Position', data=network.positions)
        data.create_cell(np.column_stack([network.cell.T, np.zeros(3)]), pbc=(True, True, True))
        bonds = particles.create_bonds(count=len(network.first))
        bonds.create_property('Topology', data=np.column_stack([network.first, network.second]))
        bonds.create_property('Periodic Image', data=network.images)
        finder = FindRingsModifier(minimum_ring_size=3, maximum_ring_size=LARGEST)

        def with_ovito() -> list[int]:
            done = data.clone()
            done.apply(finder)
            return done.tables['ring-size-histogram'].xy()[:, 1].astype(int).tolist()

        tasks['ovito'] = with_ovito
    # definitions that the others lack
    tasks['aiida-glassion (king)'], tasks['aiida-glassion (guttman)'] = ours('king'), ours('guttman')
    return tasks


def matscipy_tasks(n_atoms: int) -> dict[str, Task]:
    """Random atoms with 3.7 neighbours each: matscipy finds its bonds by a distance; so do we, on the clock."""
    length = (n_atoms / 0.05) ** (1 / 3)
    positions, cell = np.random.default_rng(1).uniform(0, length, (n_atoms, 3)), length * np.eye(3)
    largest, reach = 9, 2.6

    def ours() -> list[int]:
        from aiida_glassion.kernels.topology.links import network_links

        bonds = neighbour_list(positions, cell, reach)
        links = network_links(bonds, positions, cell, np.ones(n_atoms, dtype=bool))
        return find_rings(links, 'primitive', largest).counts[3:].tolist()

    tasks: dict[str, Task] = {'aiida-glassion': ours}
    if installed('matscipy'):
        from ase import Atoms
        from matscipy.rings import ring_statistics

        atoms = Atoms('C' * n_atoms, positions, cell=cell, pbc=True)

        def with_matscipy() -> list[int]:
            # its last entry is the size before the one that it is asked for
            counts = ring_statistics(atoms, reach, maxlength=largest + 1)
            return np.pad(counts, (0, largest))[3 : largest + 1].tolist()

        tasks['matscipy'] = with_matscipy
    return tasks


def fragment_tasks(n_atoms: int) -> dict[str, Task]:
    """Random atoms with 1.2 neighbours each: fragments of all sizes."""
    length = (n_atoms / 0.075) ** (1 / 3)
    positions = np.random.default_rng(0).uniform(0, length, (n_atoms, 3))
    bonds = neighbour_list(positions, length * np.eye(3), 1.56)
    first, second = bonds.first, bonds.second

    def with_scipy() -> Any:
        from scipy.sparse import coo_matrix
        from scipy.sparse.csgraph import connected_components

        graph = coo_matrix((np.ones(len(first), dtype=np.int8), (first, second)), shape=(n_atoms, n_atoms))
        return connected_components(graph, directed=False)[1]

    return {
        'aiida-glassion': lambda: fragments(first, second, n_atoms),
        'scipy csgraph': with_scipy,
    }


def comparable(answer: Any) -> list[int]:
    """Rings by size as they are; of fragments the sizes, whatever their numbers."""
    return answer if isinstance(answer, list) else sorted(np.bincount(answer).tolist())


def measure(tasks: dict[str, Task], repeats: int) -> dict[str, tuple[float, float]]:
    """Median wall and CPU seconds of each task, one run of each in turn, after a first run that compares answers."""
    answers = {name: comparable(task()) for name, task in tasks.items() if '(' not in name}
    first = next(iter(answers.values()))
    for name, answer in answers.items():
        assert answer == first, f'{name}: {answer}, expected {first}'
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in tasks}
    for _ in range(repeats):
        for name, task in tasks.items():
            wall, cpu = time.perf_counter(), time.process_time()
            task()
            times[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return {name: tuple(statistics.median(column) for column in zip(*t, strict=True)) for name, t in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--repeats', type=int, default=7)
    parser.add_argument('--only', choices=('fragments', 'rings', 'bonds'), help='leave the others out')
    arguments = parser.parse_args()
    packages = ('numpy', 'numba', 'scipy', 'ovito', 'matscipy')
    print('Python', platform.python_version(), *(f'· {name} {installed(name) or "absent"}' for name in packages))
    print(f'one thread each; medians of {arguments.repeats} runs in turn; same answers asserted\n')
    print('| what | atoms | program | wall ms | CPU ms | katoms/s (CPU) | CPU, times ours | wall, times ours |')
    print('|---|---|---|---|---|---|---|---|')
    work: list[tuple[str, int, Callable[[], dict[str, Task]]]] = [
        *(('fragments', n, lambda n=n: fragment_tasks(n)) for n in FRAGMENT_SIZES),
        # an Si and its two O
        *(
            (f'rings to {LARGEST} in SiO2', 24 * repeat**3, lambda repeat=repeat: ring_tasks(Network(repeat)))
            for repeat in RING_REPEATS
        ),
        *(('bonds and rings to 9', n, lambda n=n: matscipy_tasks(n)) for n in MATSCIPY_SIZES),
    ]
    for what, n_atoms, tasks in work:
        if arguments.only and not what.startswith(arguments.only):
            continue
        results = measure(tasks(), arguments.repeats)
        own_wall, own_cpu = next(iter(results.values()))
        for name, (wall, cpu) in results.items():
            print(
                f'| {what} | {n_atoms} | {name} | {wall * 1e3:.2f} | {cpu * 1e3:.2f} | {n_atoms / cpu / 1e3:.0f} '
                f'| {cpu / own_cpu:.1f} | {wall / own_wall:.1f} |',
                flush=True,
            )


if __name__ == '__main__':
    main()

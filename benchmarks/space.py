"""Voids and bond angles: aiida-glassion against vitrum and ovito. See README.md beside this file.

One thread each, the same configurations, runs of all programs in turn, medians; answers are compared before times.
"""

from __future__ import annotations

import argparse
import os
import platform

os.environ.setdefault('OMP_NUM_THREADS', '1')
os.environ.setdefault('OVITO_THREAD_COUNT', '1')

import numpy as np

from aiida_glassion.kernels.space.voids import find_voids
from aiida_glassion.kernels.space.voronoi import voronoi_cells
from aiida_glassion.kernels.structure.angles import angle_distributions
from aiida_glassion.kernels.structure.neighbours import neighbour_list
from benchmarks.structure import Answer, Task, installed

SIZES = (1_600, 12_800)
ATOM_DENSITY = 0.075  # per cubic ångström, of a silicate glass
LEAST_DISTANCE = 1.6
RADII = np.array([1.4, 1.1, 1.0])
PROBE, SPACING = 0.3, 0.25
BOND = 2.4
N_BINS = 180


def packing(n_atoms: int, length: float, rng: np.random.Generator) -> np.ndarray:
    """Random atoms pushed apart until few are nearer than the least distance: bonds and voids as in a glass."""
    positions = rng.uniform(0, length, (n_atoms, 3))
    for _ in range(60):
        pairs = neighbour_list(positions, length * np.eye(3), LEAST_DISTANCE)
        if not len(pairs):
            break
        push = (0.3 * (LEAST_DISTANCE - pairs.distances) + 1e-3) / pairs.distances
        for axis in range(3):
            positions[:, axis] -= np.bincount(pairs.first, push * pairs.vectors[:, axis], minlength=n_atoms)
    return positions % length


def void_tasks(positions: np.ndarray, length: float, types: np.ndarray) -> dict[str, Task]:
    cell, radii = length * np.eye(3), RADII[types]
    n = int(np.ceil(length / SPACING - 1e-9))

    def ours() -> Answer:
        found = find_voids(positions, cell, radii, PROBE, length / n)
        return {'voxels': found.field.size, 'free': found.cavities.sizes.sum(), 'largest': found.cavities.sizes[:3]}

    tasks: dict[str, Task] = {'aiida-glassion': ours}
    if installed('vitrum'):
        from ase import Atoms
        from vitrum.voids import compute_occupancy_grid, find_cavities

        symbols = np.array(['O', 'Si', 'Na'])
        atoms = Atoms(symbols[types], positions=positions, cell=cell, pbc=True)
        overrides = dict(zip(symbols.tolist(), RADII.tolist(), strict=True))

        def with_vitrum() -> Answer:
            occupied, _ = compute_occupancy_grid(atoms, length / n, 1.0, PROBE, overrides)
            cavities = find_cavities(occupied, 1)
            sizes = np.sort([len(cavity) for cavity in cavities])[::-1]
            return {'voxels': occupied.size, 'free': (~occupied).sum(), 'largest': sizes[:3]}

        tasks['vitrum'] = with_vitrum

    from scipy import ndimage
    from scipy.spatial import cKDTree

    def with_scipy() -> Answer:
        axis = np.arange(n) * (length / n)
        points = np.stack(np.meshgrid(axis, axis, axis, indexing='ij'), axis=-1).reshape(-1, 3)
        free = np.ones(len(points), dtype=bool)
        for radius in np.unique(radii):
            free &= cKDTree(positions[radii == radius], boxsize=length).query(points)[0] >= radius + PROBE
        ndimage.label(free.reshape(n, n, n))
        return {'voxels': free.size, 'free': free.sum()}

    tasks['scipy (labels not joined across faces)'] = with_scipy
    return tasks


def angle_tasks(positions: np.ndarray, length: float, types: np.ndarray) -> dict[str, Task]:
    cell, every = length * np.eye(3), np.zeros(len(positions), dtype=np.int64)

    def ours() -> Answer:
        found = angle_distributions(neighbour_list(positions, cell, BOND), every, [(0, 0, 0)], N_BINS)[0]
        return {'angles': found.counts}

    def by_kind() -> Answer:
        triples = [(a, c, b) for c in range(3) for a in range(3) for b in range(a, 3)]
        bonds = neighbour_list(positions, cell, BOND)
        found = angle_distributions(bonds, types, triples, N_BINS)
        return {'angles': sum(one.counts for one in found)}

    tasks: dict[str, Task] = {'aiida-glassion': ours, 'aiida-glassion (18 kinds)': by_kind}
    if installed('ovito'):
        from ovito.data import DataCollection
        from ovito.modifiers import BondAngleDistributionModifier, CreateBondsModifier
        from ovito.pipeline import Pipeline, StaticSource

        data = DataCollection()
        data.create_cell(np.column_stack([cell, np.zeros(3)]), pbc=(True, True, True))
        data.create_particles(count=len(positions)).create_property('Position', data=positions)

        def with_ovito() -> Answer:
            pipeline = Pipeline(source=StaticSource(data=data))
            pipeline.modifiers.append(CreateBondsModifier(cutoff=BOND))
            pipeline.modifiers.append(BondAngleDistributionModifier(bins=N_BINS))
            table = pipeline.compute().tables['bond-angle-distr'].y
            return {'angles': np.asarray(table, dtype=float).ravel()}

        tasks['ovito'] = with_ovito
    return tasks


def voronoi_tasks(positions: np.ndarray, length: float, _types: np.ndarray) -> dict[str, Task]:
    cell = length * np.eye(3)
    tasks: dict[str, Task] = {'aiida-glassion (Qhull)': lambda: {'volumes': voronoi_cells(positions, cell).volumes}}
    if installed('freud-analysis'):
        import freud

        freud.parallel.set_num_threads(1)
        box = freud.box.Box.cube(length)

        def with_freud() -> Answer:
            voronoi = freud.locality.Voronoi()
            voronoi.compute((box, positions - length / 2))
            return {'volumes': np.asarray(voronoi.volumes)}

        tasks['freud'] = with_freud
    return tasks


def assert_same(name: str, answer: Answer, ours: Answer) -> None:
    """Equal but for grid points and angles within rounding of a surface or of the edge of a bin."""
    for key in set(ours) & set(answer):
        if key == 'angles':
            # ovito leaves one of the two bins at an edge to chance as we do, and gives counts or shares
            mine, other = np.asarray(ours[key], dtype=float), np.asarray(answer[key], dtype=float)
            difference = np.abs(np.cumsum(mine) / mine.sum() - np.cumsum(other) / other.sum()).max()
            assert difference < 2e-5, f'{name}: angles differ by {difference}'
        elif key == 'volumes':
            np.testing.assert_allclose(answer[key], ours[key], rtol=1e-6, err_msg=name)
        else:
            np.testing.assert_allclose(answer[key], ours[key], rtol=1e-3, err_msg=f'{name}: {key}')


def measure(tasks: dict[str, Task], repeats: int) -> dict[str, tuple[float, float]]:
    """Median wall and CPU seconds of each task, one run of each in turn, after a first run that compares answers."""
    import statistics
    import time

    answers = {name: task() for name, task in tasks.items()}
    first = next(iter(answers.values()))
    for name, answer in answers.items():
        assert_same(name, answer, first)
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in tasks}
    for _ in range(repeats):
        for name, task in tasks.items():
            wall, cpu = time.perf_counter(), time.process_time()
            task()
            times[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return {name: tuple(statistics.median(column) for column in zip(*t, strict=True)) for name, t in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--repeats', type=int, default=5)
    parser.add_argument('--sizes', type=int, nargs='+', default=SIZES)
    parser.add_argument('--only', choices=('voids', 'angles', 'Voronoi'), help='leave the others out')
    arguments = parser.parse_args()
    packages = ('numpy', 'numba', 'scipy', 'vitrum', 'ovito', 'freud-analysis')
    print('Python', platform.python_version(), *(f'· {name} {installed(name) or "absent"}' for name in packages))
    print(f'one thread each; medians of {arguments.repeats} runs in turn; same answers asserted\n')
    print('| what | atoms | program | wall ms | CPU ms | per CPU second | CPU, times ours | wall, times ours |')
    print('|---|---|---|---|---|---|---|---|')
    rng = np.random.default_rng(0)
    for n_atoms in arguments.sizes:
        length = (n_atoms / ATOM_DENSITY) ** (1 / 3)
        positions, types = packing(n_atoms, length, rng), rng.integers(0, 3, n_atoms)
        n_voxels = int(np.ceil(length / SPACING - 1e-9)) ** 3
        for what, make, amount, unit in (
            (f'voids, probe {PROBE:g} Å, {SPACING:g} Å', void_tasks, n_voxels / 1e6, 'Mvoxel'),
            (f'angles, bonds to {BOND:g} Å', angle_tasks, n_atoms / 1e3, 'katoms'),
            ('Voronoi volumes', voronoi_tasks, n_atoms / 1e3, 'katoms'),
        ):
            if arguments.only and not what.startswith(arguments.only):
                continue
            results = measure(make(positions, length, types), arguments.repeats)
            own_wall, own_cpu = next(iter(results.values()))
            for name, (wall, cpu) in results.items():
                print(
                    f'| {what} | {n_atoms} | {name} | {wall * 1e3:.1f} | {cpu * 1e3:.1f} | {amount / cpu:.3g} {unit} '
                    f'| {cpu / own_cpu:.1f} | {wall / own_wall:.1f} |',
                    flush=True,
                )


if __name__ == '__main__':
    main()

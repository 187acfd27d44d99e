"""D²min and local strain: aiida-glassion against OVITO and matscipy; bond switching, which neither has.

One thread each, the same atoms, runs of all programs in turn, medians of processor time; answers are compared before
times. See README.md beside this file.
"""

from __future__ import annotations

import argparse
import itertools
import os
import platform
import resource
import statistics
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault('OMP_NUM_THREADS', '1')
os.environ.setdefault('OVITO_THREAD_COUNT', '1')
os.environ.setdefault('QT_QPA_PLATFORM', 'offscreen')

import numpy as np

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.mechanics.along_strain import along_strain
from aiida_glassion.kernels.mechanics.along_strain_settings import AlongStrainSettings
from aiida_glassion.kernels.mechanics.bond_switching import bond_switching, neighbour_sets
from aiida_glassion.kernels.mechanics.nonaffine import local_strain
from benchmarks.structure import installed

SIZES = (12_500, 100_000)
DENSITY = 0.075  # Å⁻³, a silicate glass
CUTOFF = 6.0  # Å
STRAIN = np.array([[1.03, 0.02, 0.0], [0.0, 0.99, 0.0], [0.0, 0.0, 0.99]])
ORDERS = ('in order', 'shuffled')
NOISE = 0.15  # Å, of each component: what a strain leaves behind beyond its affine part
MATSCIPY_UP_TO = 20_000
"""Atoms beyond which matscipy's arrays of pairs are not waited for."""

Answer = dict[str, np.ndarray]
Task = Callable[[], Answer]


def sample(n: int, order: str, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Reference, its cell, the strained positions and their cell; atoms keep a distance, as atoms do.

    In memory they stand by their place in space, or shuffled, as in a melt that has forgotten how it was packed.
    """
    rng = np.random.default_rng(seed)
    edge = (n / DENSITY) ** (1 / 3)
    per_edge = int(np.ceil(n ** (1 / 3)))
    grid = np.stack(np.meshgrid(*3 * [np.arange(per_edge)], indexing='ij'), axis=-1).reshape(-1, 3)
    chosen = rng.choice(len(grid), n, replace=False)
    if order == 'in order':
        chosen = np.sort(chosen)
    reference = (grid[chosen] + rng.random((n, 3)) * 0.8) * edge / per_edge
    cell = edge * np.eye(3)
    return reference, cell, reference @ STRAIN + rng.normal(0, NOISE, (n, 3)), cell @ STRAIN


def strain_tasks(reference: np.ndarray, cell: np.ndarray, positions: np.ndarray, box: np.ndarray) -> dict[str, Task]:
    def ours() -> Answer:
        found = local_strain(reference, cell, positions, box, CUTOFF)
        return {'d2min': found.d2min, 'shear': found.shear, 'volumetric': found.volumetric}

    tasks: dict[str, Task] = {'aiida-glassion': ours}
    if installed('ovito'):
        tasks['OVITO'] = ovito_task(reference, cell, positions, box)
    if installed('matscipy') and len(reference) <= MATSCIPY_UP_TO:
        import ase
        from matscipy.atomic_strain import get_D_square_min, get_delta_plus_epsilon_dgesv
        from matscipy.neighbours import mic, neighbour_list

        old = ase.Atoms(positions=reference, cell=cell, pbc=True, numbers=np.ones(len(reference)))
        now = ase.Atoms(positions=positions, cell=box, pbc=True, numbers=np.ones(len(reference)))

        def with_matscipy() -> Answer:
            i, j = neighbour_list('ij', old, CUTOFF)
            # its faster way to the maps; by default it searches the list of pairs once for each atom
            maps = get_delta_plus_epsilon_dgesv(
                len(old), i, mic(positions[i] - positions[j], box), mic(reference[i] - reference[j], cell)
            )
            return {'d2min': get_D_square_min(now, old, i, j, maps)[1]}

        tasks['matscipy (D²min only)'] = with_matscipy
    return tasks


def ovito_task(reference: np.ndarray, cell: np.ndarray, positions: np.ndarray, box: np.ndarray) -> Task:
    from ovito.data import DataCollection
    from ovito.modifiers import AtomicStrainModifier
    from ovito.pipeline import ReferenceConfigurationModifier, StaticSource

    def collection(atoms: np.ndarray, vectors: np.ndarray) -> Any:
        data = DataCollection()
        data.create_particles(count=len(atoms)).create_property('Position', data=atoms)
        matrix = np.zeros((3, 4))
        matrix[:, :3] = vectors.T
        data.create_cell(matrix, pbc=(True, True, True))
        return data

    modifier = AtomicStrainModifier(
        cutoff=CUTOFF,
        output_nonaffine_squared_displacements=True,
        affine_mapping=ReferenceConfigurationModifier.AffineMapping.Off,
        minimum_image_convention=True,
    )
    modifier.reference = StaticSource(data=collection(reference, cell))
    now = collection(positions, box)

    def with_ovito() -> Answer:
        data = now.clone()
        data.apply(modifier)
        return {
            'd2min': np.asarray(data.particles['Nonaffine Squared Displacement']),
            'shear': np.asarray(data.particles['Shear Strain']),
            'volumetric': np.asarray(data.particles['Volumetric Strain']),
        }

    return with_ovito


def switching_tasks(reference: np.ndarray, cell: np.ndarray, positions: np.ndarray, box: np.ndarray) -> dict[str, Task]:
    types = np.random.default_rng(1).permutation(np.arange(len(reference)) % 3 == 0).astype(np.int32)
    before = neighbour_sets(reference, cell, types, {(1, 0): 2.2})

    def ours() -> Answer:
        return {'labels': bond_switching(before, neighbour_sets(positions, box, types, {(1, 0): 2.2})).labels}

    return {'aiida-glassion': ours}


def pull(n: int, n_snapshots: int) -> tuple[Frames, Frames]:
    """A sample and its snapshots at growing strain, single precision, as a pull hands them out."""
    reference, cell, _, _ = sample(n, 'shuffled')
    types = np.random.default_rng(1).permutation(np.arange(n) % 3 == 0)
    symbols = tuple(np.where(types, 'Si', 'O').tolist())
    rng = np.random.default_rng(2)
    positions, cells = np.empty((n_snapshots, n, 3), dtype=np.float32), np.empty((n_snapshots, 3, 3))
    for k in range(n_snapshots):
        stretch = np.diag([1.0, 1.0, 1 + 0.01 * (k + 1)])
        positions[k] = reference @ stretch + rng.normal(0, NOISE, (n, 3))
        cells[k] = cell @ stretch
    return Frames(symbols, reference[None], cells=cell[None]), Frames(symbols, positions, cells=cells)


def measure_along(n: int, n_snapshots: int) -> str:
    """CPU and wall milliseconds a snapshot, and how much more memory the process took at its highest, MB."""
    settings = AlongStrainSettings('z', cutoffs={'Si-O': 2.2})
    along_strain(*pull(1000, 2), settings)
    reference, snapshots = pull(n, n_snapshots)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wall, cpu = time.perf_counter(), time.process_time()
    along_strain(reference, snapshots, settings)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return f'| {n} | {n_snapshots} | {wall / n_snapshots * 1e3:.0f} | {cpu / n_snapshots * 1e3:.0f} | {more:.0f} |'


def measure(tasks: dict[str, Task], repeats: int) -> dict[str, tuple[float, float]]:
    """Median wall and CPU seconds of each task, one run of each in turn, after a first run that compares answers."""
    answers = {name: task() for name, task in tasks.items()}
    ours = answers['aiida-glassion']
    for name, answer in answers.items():
        for key, values in answer.items():
            np.testing.assert_allclose(values, ours[key], rtol=1e-5, atol=1e-6, err_msg=f'{name}: {key}')
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in tasks}
    for _ in range(repeats):
        for name, task in tasks.items():
            wall, cpu = time.perf_counter(), time.process_time()
            task()
            times[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return {
        name: (statistics.median(wall for wall, _ in taken), statistics.median(cpu for _, cpu in taken))
        for name, taken in times.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--repeats', type=int, default=5)
    parser.add_argument('--sizes', type=int, nargs='+', default=list(SIZES))
    parser.add_argument('--orders', choices=ORDERS, nargs='+', default=list(ORDERS))
    parser.add_argument('--along', type=int, nargs='*', default=None, help='only along_strain, of so many atoms')
    parser.add_argument('--snapshots', type=int, default=20)
    arguments = parser.parse_args()
    if arguments.along is not None:
        print('| atoms | snapshots | wall ms a snapshot | CPU ms a snapshot | memory beyond the input, MB |')
        print('|---|---|---|---|---|')
        for n in arguments.along or (20_000,):
            print(measure_along(n, arguments.snapshots), flush=True)
        return
    packages = ('numpy', 'numba', 'ovito', 'matscipy')
    print('Python', platform.python_version(), *(f'· {name} {installed(name) or "absent"}' for name in packages))
    print(f'one thread each; medians of {arguments.repeats} runs in turn; same answers asserted\n')
    print('| what | atoms | in memory | program | wall ms | CPU ms | CPU, times ours |')
    print('|---|---|---|---|---|---|---|')
    for n, order in itertools.product(arguments.sizes, arguments.orders):
        atoms = sample(n, order)
        for what, tasks in (
            ('D²min and strain, 6 Å', strain_tasks(*atoms)),
            ('bond switching, 2.2 Å', switching_tasks(*atoms)),
        ):
            results = measure(tasks, arguments.repeats)
            own = results['aiida-glassion'][1]
            for name, (wall, cpu) in results.items():
                times = f'{wall * 1e3:.1f} | {cpu * 1e3:.1f} | {cpu / own:.1f}'
                print(f'| {what} | {n} | {order} | {name} | {times} |', flush=True)


if __name__ == '__main__':
    main()

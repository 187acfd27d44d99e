"""Pores, notches and crystal grains in large cells: what carving and labelling take. See README.md beside this file.

One thread, processor time, medians of runs in turn; where ASE can do a part, its answer is compared before its time.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable

os.environ.setdefault('OMP_NUM_THREADS', '1')
os.environ.setdefault('NUMBA_NUM_THREADS', '1')

import numpy as np

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.build.carve import carve
from aiida_glassion.kernels.build.glass_ceramic import Grains, build_glass_ceramic
from aiida_glassion.kernels.build.glass_ceramic_orientation import Orientation
from aiida_glassion.kernels.build.notch import Notch
from aiida_glassion.kernels.build.pores import Sphere
from aiida_glassion.kernels.build.pores_place import spheres_for_porosity
from aiida_glassion.kernels.structure.fragments import fragments
from aiida_glassion.kernels.structure.neighbours import neighbour_list
from benchmarks.structure import installed

SIZES = (10_000, 100_000)
ATOM_DENSITY = 0.066  # per cubic ångström, of silica glass
Task = Callable[[], object]


def glass(n_atoms: int, symbols: tuple[str, ...], rng: np.random.Generator) -> Frames:
    """Random atoms in an oblique cell: the numbers by element are less even than in any glass."""
    units = n_atoms // len(symbols)
    cell = np.array([[1.0, 0, 0], [0.2, 1, 0], [-0.1, 0.15, 1]]) * (units * len(symbols) / ATOM_DENSITY) ** (1 / 3)
    positions = rng.uniform(0, 1, (units * len(symbols), 3)) @ cell
    return Frames(symbols * units, positions[None], cell[None])


def quartz() -> Frames:
    from ase.spacegroup import crystal

    sites = [(0.4697, 0, 2 / 3), (0.4135, 0.2669, 0.7858)]
    return Frames.from_ase(crystal(['Si', 'O'], sites, spacegroup=154, cellpar=[4.916, 4.916, 5.4054, 90, 90, 120]))


def tasks(n_atoms: int, rng: np.random.Generator) -> dict[str, Task]:
    silica = glass(n_atoms, ('Si', 'O', 'O'), rng)
    positions, cell, symbols = silica.positions[0], silica.cells[0], silica.symbols
    charges = {'Si': 2.4, 'O': -1.2}
    edge = float(cell[0, 0])
    pores = spheres_for_porosity(cell, 0.2, edge / 6, seed=1, gap=2.0)
    notch = Notch(edge / 3, edge / 12)
    # pairs of atoms stand for clusters: enough that every kind of piece is there
    bonds = neighbour_list(positions, cell, 0.9)
    groups = fragments(bonds.first, bonds.second, len(symbols))
    sphere = Sphere(diameter=edge / 2)
    random = Orientation(random=True)
    return {
        'one pore': lambda: carve(positions, cell, symbols, [sphere], charges=charges),
        'one pore, neutral only': lambda: carve(positions, cell, symbols, [sphere], charges=charges, exact='neutral'),
        f'{len(pores)} pores, porosity 0.2': lambda: carve(positions, cell, symbols, pores, charges=charges),
        'one pore, clusters whole': lambda: carve(positions, cell, symbols, [sphere], groups=groups),
        'notch': lambda: carve(positions, cell, symbols, [notch], charges=charges),
        'crystal sphere, 0.2': lambda: build_glass_ceramic(silica, quartz(), Grains(0.2), 1),
        '8 crystal spheres, 0.2': lambda: build_glass_ceramic(
            silica, quartz(), Grains(0.2, n=8, orientation=random), 1
        ),
        'crystal slab, 0.3': lambda: build_glass_ceramic(silica, quartz(), Grains(0.3, shape='slab'), 1),
    }


def inside_tasks(n_atoms: int, rng: np.random.Generator) -> dict[str, Callable[[], np.ndarray]]:
    """Which atoms are in a sphere: the part that ASE has too."""
    from ase.geometry import find_mic

    silica = glass(n_atoms, ('Si', 'O', 'O'), rng)
    positions, cell = silica.positions[0], silica.cells[0]
    sphere = Sphere((0.9, 0.1, 0.5), float(cell[0, 0]) / 2)
    centre = np.array(sphere.centre) @ cell
    return {
        'aiida-glassion': lambda: sphere.inside(positions, cell),
        'ASE find_mic': lambda: find_mic(positions - centre, cell)[1] < sphere.diameter / 2,
    }


def cpu_times(wanted: dict[str, Task], repeats: int) -> dict[str, float]:
    """Median processor seconds of each task, one run of each in turn, after a first run."""
    for task in wanted.values():
        task()
    times: dict[str, list[float]] = {name: [] for name in wanted}
    for _ in range(repeats):
        for name, task in wanted.items():
            start = time.process_time()
            task()
            times[name].append(time.process_time() - start)
    return {name: statistics.median(column) for name, column in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--repeats', type=int, default=3)
    parser.add_argument('--sizes', type=int, nargs='+', default=SIZES)
    arguments = parser.parse_args()
    packages = ('numpy', 'numba', 'scipy', 'ase')
    print('Python', platform.python_version(), *(f'· {name} {installed(name) or "absent"}' for name in packages))
    print(f'one thread; processor time, medians of {arguments.repeats} runs in turn\n')
    print('| what | atoms | program | CPU s | katoms per CPU second | CPU, times ours |')
    print('|---|---|---|---|---|---|')
    rng = np.random.default_rng(0)
    for n_atoms in arguments.sizes:
        inside = inside_tasks(n_atoms, rng)
        answers = [task() for task in inside.values()]
        assert all(np.array_equal(answer, answers[0]) for answer in answers)
        times = cpu_times(dict(inside), arguments.repeats)
        own = times['aiida-glassion']
        for name, cpu in times.items():
            print(
                f'| atoms in a sphere | {n_atoms} | {name} | {cpu:.4f} | {n_atoms / cpu / 1e3:.0f} | {cpu / own:.1f} |'
            )
        for name, cpu in cpu_times(tasks(n_atoms, rng), arguments.repeats).items():
            print(f'| {name} | {n_atoms} | aiida-glassion | {cpu:.3f} | {n_atoms / cpu / 1e3:.0f} | 1.0 |', flush=True)


if __name__ == '__main__':
    main()

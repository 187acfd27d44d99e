"""Neighbour pairs and RDFs: aiida-glassion against vesin, freud and vitrum. See README.md beside this file.

One thread each, the same configurations, runs of all programs in turn, medians; answers are compared before times.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from aiida_glassion.kernels.structure.neighbours import neighbour_list
from aiida_glassion.kernels.structure.rdf import partial_rdfs

SIZES = (1_600, 12_800, 102_400)
ATOM_DENSITY = 0.075  # per cubic ångström, of a silicate glass
CUTOFF = 6.0
R_MAX, N_BINS = 10.0, 1000

Answer = dict[str, Any]
Task = Callable[[], Answer]


def installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def pair_tasks(positions: np.ndarray, length: float) -> dict[str, Task]:
    cell = length * np.eye(3)

    def ours() -> Answer:
        found = neighbour_list(positions, cell, CUTOFF)
        return {'first': found.first, 'distances': found.distances, 'vectors': found.vectors}

    tasks: dict[str, Task] = {'aiida-glassion': ours}
    if installed('vesin'):
        import vesin

        finder = vesin.NeighborList(cutoff=CUTOFF, full_list=True)

        def with_vesin() -> Answer:
            i, _, d, vectors = finder.compute(points=positions, box=cell, periodic=True, quantities='ijdD')
            return {'first': i, 'distances': d, 'vectors': vectors}

        tasks['vesin'] = with_vesin
    return tasks


def rdf_tasks(positions: np.ndarray, length: float, types: np.ndarray) -> dict[str, Task]:
    cells = length * np.eye(3)[None]

    def ours() -> Answer:
        found = partial_rdfs(positions[None], cells, types, 'ABC', R_MAX, N_BINS, n_threads=1)
        per_centre = np.diff(found.running, axis=-1, prepend=0.0)
        return {'counts': np.rint((per_centre * found.counts[:, None, None]).sum(axis=(0, 1)))}

    tasks: dict[str, Task] = {'aiida-glassion (6 partials)': ours}
    if installed('freud-analysis'):
        import freud

        freud.parallel.set_num_threads(1)
        box = freud.box.Box.cube(length)
        rdf = freud.density.RDF(N_BINS, R_MAX)  # once: making it takes seconds at this number of bins

        def with_freud() -> Answer:
            rdf.compute((box, positions))
            return {'counts': np.asarray(rdf.bin_counts, dtype=float)}

        tasks['freud (total)'] = with_freud
    if installed('vesin'):
        import vesin

        finder = vesin.NeighborList(cutoff=R_MAX, full_list=True)

        def with_vesin() -> Answer:
            i, j, d = finder.compute(points=positions, box=cells[0], periodic=True, quantities='ijd')
            bins = np.minimum((d * (N_BINS / R_MAX)).astype(np.int64), N_BINS - 1)
            counts = np.bincount((types[i] * 3 + types[j]) * N_BINS + bins, minlength=9 * N_BINS)
            return {'counts': counts.reshape(9, N_BINS).sum(axis=0).astype(float)}

        tasks['vesin + bincount (6 partials)'] = with_vesin
    if installed('vitrum'):
        import numba
        from ase import Atoms
        from vitrum.geometry import cell_list_pair_counts

        numba.set_num_threads(1)
        atoms = Atoms(np.array(['Na', 'O', 'Si'])[types], positions=positions, cell=cells[0], pbc=True)

        def with_vitrum() -> Answer:
            counts = cell_list_pair_counts(atoms, types, R_MAX, N_BINS, 3)
            return {'counts': counts.sum(axis=0).astype(float)}

        tasks['vitrum (6 partials)'] = with_vitrum
    return tasks


def assert_same(name: str, answer: Answer, ours: Answer) -> None:
    """Equal but for pairs within rounding (freud and we bin in single precision) of the edge of a bin."""
    for key, value in ours.items():
        if key == 'counts':
            misplaced = np.abs(np.cumsum(answer[key]) - np.cumsum(value)).max()
            assert misplaced <= max(8, 2e-6 * value.sum()), f'{name}: {misplaced} of {value.sum()} pairs in another bin'
        else:
            np.testing.assert_allclose(
                np.sort(answer[key], axis=0), np.sort(value, axis=0), atol=1e-9, err_msg=f'{name}: {key}'
            )


def measure(tasks: dict[str, Task], repeats: int) -> dict[str, tuple[float, float]]:
    """Median wall and CPU seconds of each task, one run of each in turn, after a first run that compares answers."""
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
    parser.add_argument('--repeats', type=int, default=7)
    parser.add_argument('--sizes', type=int, nargs='+', default=SIZES)
    parser.add_argument('--only', choices=('pairs', 'RDF'), help='leave the other out')
    arguments = parser.parse_args()
    packages = ('numpy', 'numba', 'vesin', 'freud-analysis', 'vitrum')
    print('Python', platform.python_version(), *(f'· {name} {installed(name) or "absent"}' for name in packages))
    print(f'one thread each; medians of {arguments.repeats} runs in turn; same answers asserted\n')
    print('| what | atoms | program | wall ms | CPU ms | CPU, times ours | wall, times ours |')
    print('|---|---|---|---|---|---|---|')
    rng = np.random.default_rng(0)
    for n_atoms in arguments.sizes:
        length = (n_atoms / ATOM_DENSITY) ** (1 / 3)
        positions, types = rng.uniform(0, length, (n_atoms, 3)), rng.integers(0, 3, n_atoms)
        for what, tasks in (
            (f'pairs, {CUTOFF:g} Å', pair_tasks(positions, length)),
            (f'RDF, {R_MAX:g} Å, {N_BINS} bins', rdf_tasks(positions, length, types)),
        ):
            if arguments.only and not what.startswith(arguments.only):
                continue
            results = measure(tasks, arguments.repeats)
            own_wall, own_cpu = next(iter(results.values()))
            for name, (wall, cpu) in results.items():
                print(
                    f'| {what} | {n_atoms} | {name} | {wall * 1e3:.1f} | {cpu * 1e3:.1f} '
                    f'| {cpu / own_cpu:.1f} | {wall / own_wall:.1f} |',
                    flush=True,
                )


if __name__ == '__main__':
    main()

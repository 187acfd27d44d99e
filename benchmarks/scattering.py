"""Direct structure factors: aiida-glassion against dynasor. See README.md beside this file.

One thread each, the same configurations and the same wave vectors, runs of both programs in turn, medians; answers are
compared before times. Run as ``python -m benchmarks.scattering``.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time

for name in ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS', 'NUMBA_NUM_THREADS'):
    os.environ.setdefault(name, '1')

import numpy as np  # noqa: E402

from aiida_glassion.kernels.scattering.direct import shell_sums  # noqa: E402
from benchmarks.structure import ATOM_DENSITY, Answer, Task, installed  # noqa: E402

SIZES = ((1_600, 8.0), (12_800, 4.0), (102_400, 2.0))
"""Atoms, and q_max in Å⁻¹: about the same number of wave vectors each."""
SHELLS = 100


def half_grid(length: float, q_max: float) -> np.ndarray:
    """All wave vectors of a cube with 0 < |q| ≤ q_max, one of each pair ±q."""
    reach = int(q_max * length / (2 * np.pi))
    axis = np.arange(-reach, reach + 1)
    m = np.stack(np.meshgrid(axis, axis, axis, indexing='ij'), axis=-1).reshape(-1, 3)
    half = (m[:, 0] > 0) | ((m[:, 0] == 0) & ((m[:, 1] > 0) | ((m[:, 1] == 0) & (m[:, 2] > 0))))
    q = 2 * np.pi / length * m[half]
    return q[np.linalg.norm(q, axis=1) <= q_max]


def tasks_of(positions: np.ndarray, length: float, types: np.ndarray, q_max: float, q: np.ndarray) -> dict[str, Task]:
    cell = length * np.eye(3)

    def ours() -> Answer:
        found = shell_sums(positions, cell, types, 3, q_max, SHELLS)
        return {'products': found.products, 'counts': found.counts}

    tasks: dict[str, Task] = {'aiida-glassion': ours}
    if installed('dynasor'):
        from dynasor.core.reciprocal import calc_rho_q

        shell = np.minimum((np.linalg.norm(q, axis=1) / q_max * SHELLS).astype(int), SHELLS - 1)
        by_type = [np.ascontiguousarray(positions[types == kind]) for kind in range(3)]

        def with_dynasor() -> Answer:
            rho = [calc_rho_q(x, q) for x in by_type]
            products = np.zeros((3, 3, SHELLS))
            for i in range(3):
                for j in range(i, 3):
                    parts = (rho[i] * rho[j].conj()).real
                    products[i, j] = products[j, i] = np.bincount(shell, parts, SHELLS) / len(positions)
            return {'products': products, 'counts': np.bincount(shell, minlength=SHELLS)}

        tasks['dynasor'] = with_dynasor
    return tasks


def assert_same(name: str, answer: Answer, ours: Answer) -> None:
    np.testing.assert_array_equal(answer['counts'], ours['counts'], err_msg=name)
    scale = ours['counts'].max() ** 0.5
    np.testing.assert_allclose(answer['products'], ours['products'], rtol=1e-4, atol=1e-4 * scale, err_msg=name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--repeats', type=int, default=7)
    parser.add_argument('--sizes', type=int, nargs='+', default=[size for size, _ in SIZES])
    arguments = parser.parse_args()
    packages = ('numpy', 'numba', 'dynasor')
    print('Python', platform.python_version(), *(f'· {name} {installed(name) or "absent"}' for name in packages))
    print(f'one thread each; medians of {arguments.repeats} runs in turn; same answers asserted\n')
    print('| atoms | q_max Å⁻¹ | vectors | program | wall ms | CPU ms | G(q·atom)/s, CPU | CPU × ours | wall × ours |')
    print('|---|---|---|---|---|---|---|---|---|')
    rng = np.random.default_rng(0)
    for n_atoms in arguments.sizes:
        q_max = dict(SIZES).get(n_atoms, 8.0 * (1_600 / n_atoms) ** (1 / 3))
        length = (n_atoms / ATOM_DENSITY) ** (1 / 3)
        positions, types = rng.uniform(0, length, (n_atoms, 3)), rng.integers(0, 3, n_atoms)
        q = half_grid(length, q_max)
        tasks = tasks_of(positions, length, types, q_max, q)
        answers = {name: task() for name, task in tasks.items()}
        for name, answer in answers.items():
            assert_same(name, answer, answers['aiida-glassion'])
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in tasks}
        for _ in range(arguments.repeats):
            for name, task in tasks.items():
                wall, cpu = time.perf_counter(), time.process_time()
                task()
                times[name].append((time.perf_counter() - wall, time.process_time() - cpu))
        medians = {name: [statistics.median(column) for column in zip(*t, strict=True)] for name, t in times.items()}
        own_wall, own_cpu = medians['aiida-glassion']
        for name, (wall, cpu) in medians.items():
            print(
                f'| {n_atoms} | {q_max:.2f} | {len(q)} | {name} | {wall * 1e3:.1f} | {cpu * 1e3:.1f} '
                f'| {len(q) * n_atoms / cpu / 1e9:.2f} | {cpu / own_cpu:.1f} | {wall / own_wall:.1f} |',
                flush=True,
            )


if __name__ == '__main__':
    main()

"""Displacements, van Hove functions: aiida-glassion against numpy and pymatgen-analysis-diffusion.

One thread each, the same trajectories, runs of all programs in turn, medians; answers are compared before times.
See README.md beside this file.
"""

from __future__ import annotations

import argparse
import os
import platform
from types import SimpleNamespace

os.environ.setdefault('OMP_NUM_THREADS', '1')
os.environ.setdefault('OPENBLAS_NUM_THREADS', '1')
os.environ.setdefault('MPLBACKEND', 'Agg')

import numpy as np

from aiida_glassion.kernels.transport.lags import log_lags
from aiida_glassion.kernels.transport.van_hove import displacements, distinct_van_hove
from benchmarks.structure import Answer, Task, installed, measure

SIZES = ('1600x2000', '12800x500')
PEER_SIZE = '40x60'  # pymatgen loops over pairs in Python
BIN, R_MAX = 0.05, 10.0
N_ORIGINS, SKIP = 10, 12
SIGMA = 0.1


def trajectory(n_ions: int, n_frames: int) -> np.ndarray:
    """Half of the ions walk, half rattle: (n_frames, n_ions, 3), Å."""
    rng = np.random.default_rng(0)
    positions = rng.normal(0, 0.15, (n_frames, n_ions, 3))
    positions[:, ::2] = positions[:, ::2].cumsum(axis=0)
    return positions + rng.uniform(0, (n_ions / 0.03) ** (1 / 3), (n_ions, 3))


def fused_tasks(positions: np.ndarray) -> dict[str, Task]:
    lags = log_lags(len(positions) // 2, 4)
    n_bins = round(R_MAX / BIN)

    def ours() -> Answer:
        found = displacements(positions, lags, None, BIN, R_MAX)
        return {'squared': found.squared, 'fourth': found.fourth, 'counts': found.counts[:, 0].ravel().astype(float)}

    def with_numpy() -> Answer:
        squared, fourth, counts = [], [], []
        for lag in lags:
            moved = positions[lag:] - positions[:-lag]
            r2 = np.einsum('tid,tid->ti', moved, moved)
            squared.append(r2.mean(axis=0))
            fourth.append((r2 * r2).mean(axis=0))
            cells = np.minimum((np.sqrt(r2) / BIN).astype(np.int64), n_bins)
            counts.append(np.bincount(cells.ravel(), minlength=n_bins + 1))
        return {
            'squared': np.array(squared),
            'fourth': np.array(fourth),
            'counts': np.concatenate(counts).astype(float),
        }

    return {'aiida-glassion': ours, 'numpy': with_numpy}


def peer_tasks(positions: np.ndarray) -> dict[str, Task]:
    """Self and distinct part from the same few origins, smeared as pymatgen smears them."""
    n_frames, n_ions, _ = positions.shape
    length = (n_ions / 0.03) ** (1 / 3)
    r_max = 0.45 * length
    n_grid = 46
    width = r_max / (n_grid - 1)
    lags = np.arange(SKIP, n_frames - N_ORIGINS + 1, SKIP)
    grid = np.linspace(0, r_max, n_grid)
    smear = np.exp(-0.5 * ((grid[:, None] - grid) / SIGMA) ** 2) / (SIGMA * np.sqrt(2 * np.pi))

    def ours() -> Answer:
        own, others = [], []
        for lag in lags:
            part = positions[: N_ORIGINS + lag]
            shares = displacements(part, [lag], None, width, r_max).self_van_hove()[0] * width
            own.append(smear[: n_grid - 1].T @ shares)
            _, ratio = distinct_van_hove(part, length * np.eye(3), [lag], bin_width=width, r_max=r_max)
            pairs = ratio[0] * n_ions / length**3 * 4 / 3 * np.pi * np.diff(grid**3)
            area = 4 * np.pi * grid**2
            area[0] = np.pi * width**2
            others.append(smear[: n_grid - 1].T @ (pairs / area[:-1]) / (n_ions / length**3))
        return {'self': np.array(own), 'distinct': np.array(others)}

    tasks: dict[str, Task] = {'aiida-glassion': ours}
    if installed('pymatgen-analysis-diffusion'):
        from pymatgen.analysis.diffusion.aimd.van_hove import VanHoveAnalysis
        from pymatgen.core import Lattice, Structure

        lattice = Lattice.cubic(length)
        structures = [Structure(lattice, ['Li'] * n_ions, frame / length) for frame in positions]
        run = SimpleNamespace(
            disp=np.zeros((n_ions, n_frames, 3)), structure=structures[0], time_step=1, step_skip=1,
            get_drift_corrected_structures=lambda: structures,
        )  # fmt: skip

        def with_pymatgen() -> Answer:
            found = VanHoveAnalysis(run, N_ORIGINS, n_grid, r_max, SKIP, SIGMA, 1, ('Li',))
            return {'self': found.gsrt[1:], 'distinct': found.gdrt[1:]}  # its first lag is 0

        tasks['pymatgen-analysis-diffusion'] = with_pymatgen
    return tasks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--repeats', type=int, default=5)
    parser.add_argument('--sizes', nargs='+', default=SIZES, help='ions x frames')
    parser.add_argument('--peer-size', default=PEER_SIZE, help='ions x frames, for pymatgen')
    arguments = parser.parse_args()
    packages = ('numpy', 'numba', 'pymatgen-analysis-diffusion')
    print('Python', platform.python_version(), *(f'· {name} {installed(name) or "absent"}' for name in packages))
    print(f'one thread each; medians of {arguments.repeats} runs in turn; same answers asserted\n')
    print('| what | ions x frames | program | wall ms | CPU ms | CPU, times ours | wall, times ours |')
    print('|---|---|---|---|---|---|---|')
    for size in arguments.sizes:
        n_ions, n_frames = map(int, size.split('x'))
        table('MSD, α₂ and G_s by ion', size, fused_tasks(trajectory(n_ions, n_frames)), arguments.repeats)
    n_ions, n_frames = map(int, arguments.peer_size.split('x'))
    table('G_s and G_d', arguments.peer_size, peer_tasks(trajectory(n_ions, n_frames)), min(arguments.repeats, 3))


def table(what: str, size: str, tasks: dict[str, Task], repeats: int) -> None:
    results = measure(tasks, repeats)
    own_wall, own_cpu = next(iter(results.values()))
    for name, (wall, cpu) in results.items():
        print(
            f'| {what} | {size} | {name} | {wall * 1e3:.1f} | {cpu * 1e3:.1f} '
            f'| {cpu / own_cpu:.1f} | {wall / own_wall:.1f} |',
            flush=True,
        )


if __name__ == '__main__':
    main()

"""Descriptors, farthest points and a whole selection, against dscribe and scikit-matter. See README.md beside it.

One thread each, the same frames, runs of all programs in turn, medians; answers are compared before times.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.dataset.fingerprint import fingerprints
from aiida_glassion.kernels.learning.farthest_points import farthest_points
from aiida_glassion.kernels.learning.memory import Memory, to_table
from aiida_glassion.kernels.learning.selection import Visited, select_frames
from aiida_glassion.kernels.learning.selection_settings import SelectionSettings
from aiida_glassion.kernels.structure.descriptor import CUTOFF, N_SHELLS, describe, n_columns, shell_centres

ELEMENTS = ('Na', 'O', 'Si')
N_ATOMS = 100
ATOM_DENSITY = 0.075  # per cubic ångström, of a silicate glass
N_CHOSEN = 200

ONE_THREAD = {name: '1' for name in ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'NUMBA_NUM_THREADS')}

Task = Callable[[], Any]


def installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def shaken(rng: np.random.Generator, n_frames: int) -> Frames:
    """A simple cubic mixture of 100 atoms, shaken by 0.25 Å: no close contacts, no two frames alike."""
    length = (N_ATOMS / ATOM_DENSITY) ** (1 / 3)
    sites = np.stack(np.meshgrid(*[np.arange(5)] * 3, indexing='ij'), -1).reshape(-1, 3)[:N_ATOMS] * length / 5
    symbols = tuple(np.repeat(ELEMENTS, (24, 52, 24))[np.random.default_rng(0).permutation(N_ATOMS)])
    positions = sites + rng.normal(scale=0.25, size=(n_frames, N_ATOMS, 3))
    return Frames(symbols, positions, np.repeat(length * np.eye(3)[None], n_frames, axis=0))


def descriptor_tasks(frames: Frames) -> dict[str, Task]:
    """Rows of all frames; dscribe's radial functions (as many, of other shape) averaged over atoms do like work."""
    tasks: dict[str, Task] = {'aiida-glassion': lambda: describe(frames, ELEMENTS)}
    if installed('dscribe'):
        from dscribe.descriptors import ACSF

        width = 1 / (CUTOFF / (N_SHELLS + 3)) ** 2
        acsf = ACSF(
            r_cut=CUTOFF, g2_params=[[width, centre] for centre in shell_centres()], species=ELEMENTS, periodic=True
        )
        images = [frames.to_ase(i) for i in range(frames.n_frames)]
        types = frames.types

        def with_dscribe() -> Any:
            rows = []
            for image in images:
                atoms = acsf.create(image)
                rows.append([(atoms[types == a].mean(axis=0), atoms[types == a].std(axis=0)) for a in range(3)])
            return np.array(rows)

        tasks['dscribe (ACSF G2, mean and spread)'] = with_dscribe
    return tasks


def farthest_tasks(points: np.ndarray) -> dict[str, Task]:
    """Choose from a first point on, nothing known beside it: what scikit-matter does too."""
    chosen = {'aiida-glassion': lambda: np.r_[0, farthest_points(points[1:], N_CHOSEN - 1, [points[:1]])[0] + 1]}
    if installed('skmatter'):
        from skmatter.sample_selection import FPS

        chosen['scikit-matter FPS'] = lambda: FPS(n_to_select=N_CHOSEN, initialize=0).fit(points).selected_idx_
    if installed('scipy'):
        from scipy.spatial.distance import cdist

        def square() -> Any:
            table = cdist(points, points)
            picks, near = [0], table[0].copy()
            for _ in range(N_CHOSEN - 1):
                picks.append(int(near.argmax()))
                np.minimum(near, table[picks[-1]], out=near)
            return np.array(picks)

        chosen['scipy, all distances'] = square
    return chosen


def measure(tasks: dict[str, Task], repeats: int, same: Callable[[Any, Any], None]) -> dict[str, tuple[float, float]]:
    """Median wall and CPU seconds of each task, one run of each in turn, after a first run that compares answers."""
    answers = [task() for task in tasks.values()]
    for answer in answers[1:]:
        same(answers[0], answer)
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in tasks}
    for _ in range(repeats):
        for name, task in tasks.items():
            wall, cpu = time.perf_counter(), time.process_time()
            task()
            times[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return {name: tuple(statistics.median(column) for column in zip(*t, strict=True)) for name, t in times.items()}


def show(what: str, results: dict[str, tuple[float, float]]) -> None:
    own = next(iter(results.values()))
    for name, (wall, cpu) in results.items():
        print(f'| {what} | {name} | {wall:.2f} | {cpu:.2f} | {cpu / own[1]:.1f} |', flush=True)


def same_order(ours: np.ndarray, other: np.ndarray) -> None:
    """The very same points in the same order."""
    np.testing.assert_array_equal(ours, other)


def same_size(ours: np.ndarray, other: np.ndarray) -> None:
    """Other functions: only the numbers of frames and of radial functions can agree."""
    assert len(ours) == len(other)
    assert ours.shape[1] - len(ELEMENTS) - 1 <= other[0].size


def whole_selection(rng: np.random.Generator, n_known: int, n_visited: int) -> None:
    """One round: visited frames, all of them candidates, against what is known."""
    known = shaken(rng, 200)
    prints = to_table([bytes.fromhex(text) for text in fingerprints(known)])
    copies = -(-n_known // 200)
    rows = np.tile(describe(known, ELEMENTS), (copies, 1))[:n_known]
    rows += rng.normal(scale=0.05, size=rows.shape).astype(np.float32)
    memory = [Memory(np.tile(prints, (copies, 1))[:n_known], rows)]
    frames = shaken(rng, n_visited)
    deviations = {'frame': np.arange(n_visited), 'max_force_deviation': np.full(n_visited, 0.2)}
    settings = SelectionSettings(max_labels=N_CHOSEN, min_distance_factor=0.3)
    wall, cpu = time.perf_counter(), time.process_time()
    selection = select_frames(
        {'run': Visited(lambda: frames, deviations)}, memory, {'lower': 0.1, 'upper': 0.5}, settings, ELEMENTS, 1
    )
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    chosen = sum(len(rows) for rows in selection.chosen.values())
    print(f'| {n_known} | {n_visited} | {chosen} | {wall:.2f} | {cpu:.2f} | {peak:.0f} |', flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--repeats', type=int, default=3)
    parser.add_argument('--frames', type=int, default=200, help='of the descriptor')
    parser.add_argument('--points', type=int, nargs='+', default=[1_000, 4_000], help='of the farthest points')
    parser.add_argument('--visited', type=int, default=2_000, help='of the whole selection')
    arguments = parser.parse_args()
    packages = ('numpy', 'numba', 'scipy', 'dscribe', 'skmatter')
    print('Python', platform.python_version(), *(f'· {name} {installed(name) or "absent"}' for name in packages))
    print(f'one thread each; medians of {arguments.repeats} runs in turn; same answers asserted\n')
    print('| what | program | wall s | CPU s | CPU, times ours |')
    print('|---|---|---|---|---|')
    rng = np.random.default_rng(1)
    describe(shaken(rng, 2), ELEMENTS)
    frames = shaken(rng, arguments.frames)
    what = f'descriptors, {arguments.frames} frames of {N_ATOMS} atoms'
    show(what, measure(descriptor_tasks(frames), arguments.repeats, same_size))
    for n_points in arguments.points:
        points = rng.normal(size=(n_points, n_columns(len(ELEMENTS))))
        what = f'{N_CHOSEN} farthest of {n_points} points in {points.shape[1]} dimensions'
        show(what, measure(farthest_tasks(points), arguments.repeats, same_order))
    print('\n| known | candidates | chosen | wall s | CPU s | peak MB |\n|---|---|---|---|---|---|')
    for n_known in (1_000, 4_000, 16_000):
        whole_selection(rng, n_known, arguments.visited)


if __name__ == '__main__':
    if ONE_THREAD.items() <= os.environ.items():
        main()
    else:  # libraries read it when they are loaded
        sys.exit(subprocess.run([sys.executable, *sys.argv], env=os.environ | ONE_THREAD, check=False).returncode)

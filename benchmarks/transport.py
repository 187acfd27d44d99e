"""MSD over all origins, and D with its error: aiida-glassion against freud, MDAnalysis, tidynamics and kinisi.

One thread each, the same trajectories, runs of all programs in turn, medians; answers are compared before times. See
README.md beside this file.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from aiida_glassion.kernels.transport.diffusion import diffusion_coefficient
from aiida_glassion.kernels.transport.msd import mean_squared_displacement
from benchmarks.structure import installed

SHAPES = ((1_600, 2_000), (12_800, 500))
"""Atoms and frames of the MSD."""
WALK = (100, 1_000)
"""Ions and frames of the walk whose D is fitted."""
STEP = 0.3  # Å, of each Cartesian component between frames
EXACT = 1e-6
SINGLE = 2e-3
"""Relative error that is let pass for a program that computes in single precision."""

Answer = dict[str, Any]
Task = Callable[[], Answer]


def walk(n_ions: int, n_frames: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, STEP, (n_frames, n_ions, 3)).cumsum(axis=0)


def msd_tasks(x: np.ndarray) -> dict[str, Task]:
    single = x.astype(np.float32)
    tasks: dict[str, Task] = {'aiida-glassion': lambda: {'msd': mean_squared_displacement(single).total}}
    if installed('freud-analysis'):
        import freud

        freud.parallel.set_num_threads(1)
        msd = freud.msd.MSD(mode='window')
        tasks['freud'] = lambda: {'msd': np.asarray(msd.compute(single).msd, dtype=float)}
    if installed('tidynamics'):
        import tidynamics

        def with_tidynamics() -> Answer:
            total = np.zeros(len(x))
            for ion in range(x.shape[1]):
                total += tidynamics.msd(x[:, ion])
            return {'msd': total / x.shape[1]}

        tasks['tidynamics'] = with_tidynamics
    if installed('MDAnalysis') and installed('tidynamics'):
        import MDAnalysis
        from MDAnalysis.analysis.msd import EinsteinMSD

        universe = MDAnalysis.Universe.empty(x.shape[1], trajectory=True)
        universe.load_new(single)

        def with_mdanalysis() -> Answer:
            run = EinsteinMSD(universe, select='all', msd_type='xyz', fft=True).run()
            return {'msd': np.asarray(run.results.timeseries)}

        tasks['MDAnalysis'] = with_mdanalysis
    return tasks


def diffusion_tasks(x: np.ndarray) -> dict[str, Task]:
    frame_time = 1.0

    def ours() -> Answer:
        fit, _ = diffusion_coefficient(x, frame_time, window=(1, len(x) // 2))
        return {'D': fit.D, 'error': fit.error}

    tasks: dict[str, Task] = {'aiida-glassion': ours}
    if installed('kinisi'):
        import scipp as sc
        from kinisi.diffusion import Diffusion
        from kinisi.displacement import calculate_msd
        from kinisi.parser import Parser

        # kinisi unwraps itself: ions in a cell so wide that they are never taken for jumping, and one that rests
        length = 1e4
        rest = np.concatenate([x, np.zeros((len(x), 1, 3))], axis=1) / length + 0.5
        lags = np.unique(np.geomspace(1, len(x) // 2, 60).round())

        def with_kinisi() -> Answer:
            parser = Parser(
                sc.array(dims=['time', 'particle', 'dimension'], values=rest, unit=sc.units.dimensionless),
                sc.array(
                    dims=['time', 'dimension1', 'dimension2'],
                    values=np.tile(length * np.eye(3), (len(x), 1, 1)),
                    unit=sc.units.angstrom,
                ),
                time_step=frame_time * sc.Unit('ps'),
                step_skip=1 * sc.units.dimensionless,
                dt=sc.array(dims=['time interval'], values=lags, unit='ps'),
                specie_indices=sc.arange('particle', x.shape[1]),
                drift_indices=sc.array(dims=['particle'], values=[x.shape[1]]),
            )
            found = Diffusion(calculate_msd(parser, progress=False))
            found._diffusion(frame_time * sc.Unit('ps'), progress=False)
            samples = found.D.values
            return {'D': float(samples.mean()), 'error': float(samples.std())}

        tasks['kinisi'] = with_kinisi
    return tasks


def assert_same(name: str, answer: Answer, ours: Answer, x: np.ndarray) -> None:
    if 'msd' in ours:
        tolerance = SINGLE if name == 'freud' else EXACT
        np.testing.assert_allclose(answer['msd'][1:], ours['msd'][1:], rtol=tolerance, err_msg=name)
        return
    true = STEP**2 / 2 * 1e-4
    both = float(np.hypot(answer['error'], ours['error']))
    assert abs(answer['D'] - ours['D']) < 2 * both, f'{name}: D {answer["D"]:.4g}, ours {ours["D"]:.4g} ± {both:.2g}'
    assert abs(ours['D'] - true) < 4 * ours['error'], f'D {ours["D"]:.4g} ± {ours["error"]:.2g}, true {true:.4g}'


def measure(tasks: dict[str, Task], repeats: int, x: np.ndarray) -> dict[str, tuple[float, float, Answer]]:
    """Median wall and CPU seconds of each task, one run of each in turn, after a first run that compares answers."""
    answers = {name: task() for name, task in tasks.items()}
    first = next(iter(answers.values()))
    for name, answer in answers.items():
        assert_same(name, answer, first, x)
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in tasks}
    for _ in range(repeats):
        for name, task in tasks.items():
            wall, cpu = time.perf_counter(), time.process_time()
            task()
            times[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return {
        name: (*(statistics.median(column) for column in zip(*taken, strict=True)), answers[name])
        for name, taken in times.items()
    }


def slow_atoms(n_frames: int = 2_000) -> dict[str, float]:
    """Worst relative error of each program for atoms that rattle by 0.001 Å, 30 Å from the origin."""
    x = 30 + np.random.default_rng(1).normal(0, 1e-3, (n_frames, 50, 3))
    x = x.astype(np.float32).astype(np.float64)
    lags = [1, 10, 100, 1000, n_frames - 1]
    exact = np.array([((x[lag:] - x[:-lag]) ** 2).sum(axis=-1).mean() for lag in lags])
    return {name: float(np.abs(task()['msd'][lags] / exact - 1).max()) for name, task in msd_tasks(x).items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--repeats', type=int, default=5)
    parser.add_argument(
        '--shapes', nargs='+', default=[f'{a}x{f}' for a, f in SHAPES], help='atoms x frames: 1600x2000'
    )
    parser.add_argument('--only', choices=('MSD', 'D'), help='leave the other out')
    arguments = parser.parse_args()
    warnings.simplefilter('ignore')
    packages = ('numpy', 'scipy', 'freud-analysis', 'MDAnalysis', 'tidynamics', 'kinisi')
    print('Python', platform.python_version(), *(f'· {name} {installed(name) or "absent"}' for name in packages))
    print(f'one thread each; medians of {arguments.repeats} runs in turn; same answers asserted\n')
    print('| what | program | wall ms | CPU ms | CPU, times ours | wall, times ours | answer |')
    print('|---|---|---|---|---|---|---|')
    jobs: list[tuple[str, dict[str, Task], np.ndarray]] = []
    if arguments.only != 'D':
        for shape in arguments.shapes:
            n_atoms, n_frames = map(int, shape.split('x'))
            x = walk(n_atoms, n_frames)
            jobs.append((f'MSD, {n_atoms} atoms × {n_frames} frames', msd_tasks(x), x))
    if arguments.only != 'MSD':
        x = walk(*WALK)
        jobs.append((f'D, {WALK[0]} ions × {WALK[1]} frames', diffusion_tasks(x), x))
    for what, tasks, x in jobs:
        results = measure(tasks, arguments.repeats, x)
        own_wall, own_cpu, _ = next(iter(results.values()))
        for name, (wall, cpu, answer) in results.items():
            said = f'({answer["D"] * 1e6:.3f} ± {answer["error"] * 1e6:.3f})e-6 cm²/s' if 'D' in answer else ''
            print(
                f'| {what} | {name} | {wall * 1e3:.1f} | {cpu * 1e3:.1f} | {cpu / own_cpu:.1f} | {wall / own_wall:.1f} '
                f'| {said} |',
                flush=True,
            )
    if arguments.only != 'D':
        print('\nworst relative error for atoms that rattle by 0.001 Å:')
        print(*(f'{name} {error:.1e}' for name, error in slow_atoms().items()), sep=' · ')


if __name__ == '__main__':
    main()

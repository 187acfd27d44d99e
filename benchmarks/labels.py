"""What a cheap label costs: frames labelled by a potential, grouped into jobs and each in a job of its own.

Makes an AiiDA home of its own in a temporary folder, labels rattled MgO (64 atoms, PMMCS with damped Coulomb) through
the daemon, copies every job out of the provenance and runs it again by ``bash``. Prints for each grouping the wall
time, the overhead of a label (wall time less that of the bare jobs), and the memory of the daemon's worker.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import ase.io
import numpy as np
import psutil
from ase.build import bulk

BIN = Path(sys.executable).parent
COLLECT = """
import json, shutil, sys
from pathlib import Path
from aiida import orm
root, target = orm.load_node(int(sys.argv[1])), Path(sys.argv[2])
jobs = [node for node in root.called if isinstance(node, orm.CalcJobNode)]
for index, job in enumerate(jobs):
    shutil.copytree(job.outputs.remote_folder.get_remote_path(), target / f'{index:04d}')
ends = max(node.mtime for node in root.called)
print(json.dumps({'jobs': len(jobs), 'labelled': root.outputs.ledger['labelled'],
                  'seconds': (ends - root.ctime).total_seconds(), 'exit_status': root.exit_status}))
"""


def call(environment: dict[str, str], program: str, *arguments: str) -> str:
    """Run a program of this environment and return what it prints."""
    return subprocess.run(
        [BIN / program, *arguments], env=environment, check=True, capture_output=True, text=True
    ).stdout


def write_frames(path: Path, n_frames: int) -> None:
    """Rattled MgO, 64 atoms, no two frames alike."""
    rng = np.random.default_rng(n_frames)
    crystal = bulk('MgO', 'rocksalt', 4.21, cubic=True) * 2
    images = []
    for _ in range(n_frames):
        atoms = crystal.copy()
        atoms.positions += rng.normal(0, 0.08, atoms.positions.shape)
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + rng.normal(0, 0.01, (3, 3))), scale_atoms=True)
        images.append(atoms)
    ase.io.write(path, images, format='extxyz')


class Memory:
    """Resident memory of the daemon's workers, MB, sampled until told to stop."""

    def __init__(self, environment: dict[str, str]) -> None:
        status = call(environment, 'verdi', 'daemon', 'status')
        self.workers = [psutil.Process(int(pid)) for pid in re.findall(r'^\s*(\d+)\s+[\d.]', status, re.MULTILINE)]
        self.samples: list[float] = []
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.sample, daemon=True)
        self.thread.start()

    def sample(self) -> None:
        """Take a sample twice a second."""
        while not self.done.wait(0.5):
            self.samples.append(sum(worker.memory_info().rss for worker in self.workers) / 1e6)

    def stop(self) -> tuple[float, float]:
        """First sample and largest, MB."""
        self.done.set()
        self.thread.join()
        return (self.samples[0], max(self.samples)) if self.samples else (float('nan'), float('nan'))


def bare(folder: Path) -> float:
    """Run the jobs one after the other by bash; return the wall time, s."""
    start = time.perf_counter()
    for job in sorted(folder.iterdir()):
        subprocess.run(['bash', '_aiidasubmit.sh'], cwd=job, check=True, capture_output=True)
    return time.perf_counter() - start


def measure(home: dict[str, str], folder: Path, n_frames: int, per_job: int, at_a_time: int) -> None:
    """Label and print one row."""
    folder.mkdir()
    write_frames(folder / 'frames.extxyz', n_frames)
    (folder / 'collect.py').write_text(COLLECT)
    memory = Memory(home)
    options = '--engine lammps --potential pmmcs --coulomb dsf --yes'
    limits = ['--frames-per-job', str(per_job), '--max-concurrent', str(at_a_time), '--pk-file', str(folder / 'pk')]
    call(home, 'glassion', 'launch', 'label', str(folder / 'frames.extxyz'), *options.split(), *limits)
    pk = (folder / 'pk').read_text().strip()
    call(home, 'glassion', 'watch', pk)
    before, most = memory.stop()
    found = json.loads(
        call(home, 'verdi', 'run', str(folder / 'collect.py'), pk, str(folder / 'jobs')).splitlines()[-1]
    )
    without = bare(folder / 'jobs')
    overhead = (found['seconds'] - without) / n_frames
    print(
        f'{n_frames:6d} frames, {per_job:4d} per job: {found["labelled"]} labelled in {found["jobs"]} jobs, '
        f'{found["seconds"]:.1f} s with AiiDA, {without:.1f} s by bash, {1e3 * overhead:.0f} ms of overhead per label '
        f'({(found["seconds"] - without) / found["jobs"]:.2f} s per job); worker {before:.0f} MB before, {most:.0f} MB '
        f'at most; load {os.getloadavg()[0]:.1f}',
        flush=True,
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--frames', type=int, default=1000, help='grouped')
    parser.add_argument('--per-job', type=int, default=200)
    parser.add_argument('--alone', type=int, default=40, help='frames that get a job each; 0: none')
    parser.add_argument('--at-a-time', type=int, default=8)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        path = f'{BIN}{os.pathsep}{os.environ["PATH"]}'
        home = {**os.environ, 'AIIDA_PATH': name, 'OMP_NUM_THREADS': '1', 'PATH': path}
        call(home, 'glassion', 'setup', '--no-caching')
        try:
            measure(home, Path(name) / 'warm_up', 5, 5, options.at_a_time)  # the worker imports everything
            measure(home, Path(name) / 'grouped', options.frames, options.per_job, options.at_a_time)
            if options.alone:
                measure(home, Path(name) / 'alone', options.alone, 1, options.at_a_time)
        finally:
            call(home, 'verdi', '-p', 'glassion', 'daemon', 'stop')


if __name__ == '__main__':
    main()

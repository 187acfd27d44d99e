"""What AiiDA costs: a melt-quench as a workflow against the very same packmol and LAMMPS inputs run by a bare shell.

Makes an AiiDA home of its own in a temporary folder, runs one replica through the daemon, copies the inputs of every
job out of the provenance and runs them again by ``bash``. Prints both wall times, the ratio, the seconds per job.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BIN = Path(sys.executable).parent
COLLECT = """
import json, shutil, sys
from pathlib import Path
from aiida import orm
root, target = orm.load_node(int(sys.argv[1])), Path(sys.argv[2])
jobs = sorted((n for n in root.called_descendants if isinstance(n, orm.CalcJobNode)), key=lambda n: n.ctime)
for index, job in enumerate(jobs):
    shutil.copytree(job.outputs.remote_folder.get_remote_path(), target / f'{index:02d}')
print(json.dumps({'jobs': len(jobs), 'seconds': (root.mtime - root.ctime).total_seconds()}))
"""


def call(environment: dict[str, str], program: str, *arguments: str) -> str:
    """Run a program of this environment and return what it prints."""
    return subprocess.run(
        [BIN / program, *arguments], env=environment, check=True, capture_output=True, text=True
    ).stdout


def workflow(folder: Path, atoms: int) -> tuple[float, int]:
    """Run the workflow, leave its jobs' folders below ``folder/jobs``; return its wall time (s) and number of jobs."""
    home = {**os.environ, 'AIIDA_PATH': str(folder), 'OMP_NUM_THREADS': '1'}
    call(home, 'glassion', 'setup', '--no-caching')
    arguments = 'launch melt-quench 20Na2O-80SiO2 --potential pmmcs --coulomb dsf --protocol fast --yes --replicas 1'
    try:
        call(home, 'glassion', *arguments.split(), '--atoms', str(atoms), '--pk-file', str(folder / 'pk'))
        pk = (folder / 'pk').read_text().strip()
        call(home, 'glassion', 'watch', pk)
        script = folder / 'collect.py'
        script.write_text(COLLECT)
        found = json.loads(call(home, 'verdi', 'run', str(script), pk, str(folder / 'jobs')).splitlines()[-1])
    finally:
        call(home, 'verdi', '-p', 'glassion', 'daemon', 'stop')
    return found['seconds'], found['jobs']


def bare(folder: Path) -> float:
    """Run the same jobs one after the other by bash; return the wall time, s."""
    start = time.perf_counter()
    for job in sorted((folder / 'jobs').iterdir()):
        subprocess.run(['bash', '_aiidasubmit.sh'], cwd=job, check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--atoms', type=int, default=600)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with_aiida, jobs = workflow(folder, options.atoms)
        without = bare(folder)
    print(f'workflow {with_aiida:.1f} s, bare shell {without:.1f} s, ratio {with_aiida / without:.2f}')
    print(f'{jobs} jobs: {(with_aiida - without) / jobs:.1f} s of overhead for each')


if __name__ == '__main__':
    main()

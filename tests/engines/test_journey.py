"""The way of a user through the command line, with what happens to long runs: kill -9 of LAMMPS and of the daemon."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.engine

LAUNCH = (
    'launch melt-quench 20Na2O-80SiO2 --potential pmmcs --coulomb dsf --protocol fast --yes --atoms 150 --replicas 1 '
    '--set melt.melt.duration=10 --set melt_test.energy_tolerance=0.2 --set relax.relax.duration=1 '
    '--set relax.sample.duration=1 --set restart_every=2 --set analysis.r_max=6'
)


@pytest.fixture
def home(tmp_path):
    """An AiiDA home of its own, whose daemon is stopped in the end."""
    environment = {**os.environ, 'AIIDA_PATH': str(tmp_path), 'OMP_NUM_THREADS': '1', 'COLUMNS': '120'}
    environment.pop('GLASSION_PROFILE', None)
    yield environment
    run(environment, 'verdi', '-p', 'glassion', 'daemon', 'stop', check=False)


def run(environment, program, *arguments, check=True):
    path = Path(sys.executable).parent / program
    done = subprocess.run([path, *arguments], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0 or not check, f'{program} {" ".join(arguments)}\n{done.stdout}\n{done.stderr}'
    return done.stdout


def processes_of(home: str, name: str) -> list[int]:
    """Processes below this AiiDA home whose command line holds a word."""
    found = []
    for entry in Path('/proc').iterdir():
        try:
            if entry.name.isdigit() and name in (entry / 'cmdline').read_text().replace('\0', ' '):
                in_home = home in (entry / 'environ').read_text() or home in str((entry / 'cwd').resolve())
                found += [int(entry.name)] if in_home else []
        except OSError:
            continue
    return found


def wait_for_quench(home: str, step: int, seen: set[Path]) -> Path:
    """The folder of a new job that is in the middle of its quench."""
    deadline = time.time() + 240
    while time.time() < deadline:
        for log in set(Path(home).rglob('log.lammps')) - seen:
            text = log.read_text(errors='ignore')
            if 'GLASSION stage 0 quench' in text and f'\n{step:>10} ' in text:
                return log
        time.sleep(0.05)
    pytest.fail('no quench was seen')


def test_from_setup_to_archive_through_kills(home, tmp_path):
    run(home, 'glassion', 'setup')
    pk_file = tmp_path / 'pk'
    run(home, 'glassion', *LAUNCH.split(), '--pk-file', str(pk_file))
    pk = pk_file.read_text().strip()

    log = wait_for_quench(str(tmp_path), 3000, set())
    killed = [os.kill(process, signal.SIGKILL) for process in processes_of(str(log.parent), 'lmp -in')]
    assert killed, 'LAMMPS was not found: nothing was tested'

    wait_for_quench(str(tmp_path), 9000, {log})
    workers = processes_of(str(tmp_path), 'daemon worker')
    assert workers, "the daemon's worker was not found: nothing was tested"
    for worker in workers:
        os.kill(worker, signal.SIGKILL)

    run(home, 'glassion', 'watch', pk)
    shown = json.loads(run(home, 'glassion', 'show', pk, '--json'))
    assert shown['structure']['rate_100']['bond_lengths']['Si-O']['mean'] == pytest.approx(1.61, abs=0.06)
    assert 'Glass quenched at 100 K/ps' in run(home, 'glassion', 'show', pk)

    script = tmp_path / 'check.py'
    script.write_text(CHECK)
    steps, exits = json.loads(run(home, 'verdi', 'run', str(script), pk).splitlines()[-1])
    np.testing.assert_array_equal(steps, np.arange(0, 19_501, 50))
    assert exits.count(304) == 1, exits
    assert exits.count(0) == 3, 'one packing, one melt, the end of the quench'

    run(home, 'glassion', 'report', pk, str(tmp_path / 'report'))
    page = (tmp_path / 'report' / 'index.html').read_text()
    assert '20Na2O-80SiO2' in page

    archive = tmp_path / 'study.aiida'
    run(home, 'glassion', 'archive', pk, str(archive))
    empty = {**home, 'AIIDA_PATH': str(tmp_path / 'elsewhere')}
    (tmp_path / 'elsewhere').mkdir()
    run(empty, 'verdi', 'presto', '-n', '--profile-name', 'other')
    run(empty, 'verdi', 'archive', 'import', str(archive))
    count = tmp_path / 'count.py'
    count.write_text('from aiida import orm\nprint(orm.QueryBuilder().append(orm.WorkChainNode).count())\n')
    assert int(run(empty, 'verdi', 'run', str(count)).splitlines()[-1]) == 4, 'study, replica, melt, quench'


CHECK = """
import json, sys
from aiida import orm
root = orm.load_node(int(sys.argv[1]))
jobs = [node for node in root.called_descendants if isinstance(node, orm.CalcJobNode)]
quench = next(node for node in root.called_descendants
              if 'quench_rate_100' in node.base.links.get_incoming().all_link_labels())
thermo = quench.outputs.thermo.arrays
print(json.dumps([thermo['step'].tolist(), [job.exit_status for job in jobs]]))
"""

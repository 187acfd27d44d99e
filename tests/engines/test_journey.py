"""The way of a user through the command line, with what happens to long runs: kill -9 of LAMMPS and of the daemon."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from programs import end_all, processes_of, run, wait_for

pytestmark = pytest.mark.engine

LAUNCH = (
    'launch melt-quench 20Na2O-80SiO2 --potential pmmcs --coulomb dsf --protocol fast --yes --atoms 150 --replicas 1 '
    '--set melt.melt.duration=10 --set melt_test.energy_tolerance=0.2 --set relax.relax.duration=1 '
    '--set relax.sample.duration=1 --set restart_every=2 --set analysis.r_max=6'
)


@pytest.fixture
def home(tmp_path):
    """An AiiDA home of its own, whose daemon is stopped in the end."""
    path = f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}'
    environment = {**os.environ, 'AIIDA_PATH': str(tmp_path), 'OMP_NUM_THREADS': '1', 'COLUMNS': '120', 'PATH': path}
    environment.pop('GLASSION_PROFILE', None)
    try:
        yield environment
        call(environment, 'verdi', '-p', 'glassion', 'daemon', 'stop', check=False)
    finally:
        end_all(tmp_path)


def call(environment, program, *arguments, check=True, limit=300):
    """What a program prints."""
    command = [Path(sys.executable).parent / program, *arguments]
    return run(command, environment, check=check, limit=limit, home=Path(environment['AIIDA_PATH'])).stdout


def quench_beyond(home, step, seen):
    """Wait for a new job that is in the middle of its quench; its folder."""

    def see():
        for log in set(home.rglob('log.lammps')) - seen:
            text = log.read_text(errors='ignore')
            if 'GLASSION stage 0 quench' in text and f'\n{step:>10} ' in text:
                return log
        return None

    return wait_for('a quench', see, home, every=0.05)


def test_from_setup_to_archive_through_kills(home, tmp_path):
    call(home, 'glassion', 'setup')
    pk_file = tmp_path / 'pk'
    call(home, 'glassion', *LAUNCH.split(), '--pk-file', str(pk_file))
    pk = pk_file.read_text().strip()

    log = quench_beyond(tmp_path, 3000, set())
    killed = [process.kill() for process in processes_of(log.parent, 'lmp -in')]
    assert killed, 'LAMMPS was not found: nothing was tested'

    quench_beyond(tmp_path, 9000, {log})
    workers = processes_of(tmp_path, 'daemon worker')
    assert workers, "the daemon's worker was not found: nothing was tested"
    for worker in workers:
        worker.kill()

    call(home, 'glassion', 'watch', pk, limit=600)
    shown = json.loads(call(home, 'glassion', 'show', pk, '--json'))
    assert shown['structure']['rate_100']['bond_lengths']['Si-O']['mean'] == pytest.approx(1.61, abs=0.06)
    assert 'Glass quenched at 100 K/ps' in call(home, 'glassion', 'show', pk)

    script = tmp_path / 'check.py'
    script.write_text(CHECK)
    steps, exits = json.loads(call(home, 'verdi', 'run', str(script), pk).splitlines()[-1])
    np.testing.assert_array_equal(steps, np.arange(0, 19_501, 50))
    assert exits.count(304) == 1, exits
    assert exits.count(0) == 3, 'one packing, one melt, the end of the quench'

    call(home, 'glassion', 'report', pk, str(tmp_path / 'report'))
    page = (tmp_path / 'report' / 'index.html').read_text()
    assert '20Na2O-80SiO2' in page

    archive = tmp_path / 'study.aiida'
    call(home, 'glassion', 'archive', pk, str(archive))
    empty = {**home, 'AIIDA_PATH': str(tmp_path / 'elsewhere')}
    (tmp_path / 'elsewhere').mkdir()
    call(empty, 'verdi', 'presto', '-n', '--profile-name', 'other')
    call(empty, 'verdi', 'archive', 'import', str(archive))
    count = tmp_path / 'count.py'
    count.write_text('from aiida import orm\nprint(orm.QueryBuilder().append(orm.WorkChainNode).count())\n')
    assert int(call(empty, 'verdi', 'run', str(count)).splitlines()[-1]) == 4, 'study, replica, melt, quench'


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

"""A loop of active learning under a daemon: kill -9 of the worker and of dp, a full stop, and nothing is done twice.

The programs are stand-ins, which take their time; the engine that is put to the test is AiiDA's own.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from pathlib import Path

import pytest
from programs import end_all, processes_of, run, wait_for

pytestmark = pytest.mark.engine

TESTS = Path(__file__).parents[1]
BEGIN = """
import sys
from pathlib import Path
from aiida import orm
from aiida.engine import submit
sys.path[:0] = [f'{sys.argv[1]}/support', f'{sys.argv[1]}/fakes']
from codes import fake_code_inputs
from small_loop import small_loop
computer = orm.Computer('fakes', 'localhost', '', 'core.local', 'core.direct', sys.argv[2]).store()
computer.set_minimum_job_poll_interval(0)
computer.set_default_mpiprocs_per_machine(1)
computer.set_mpirun_command(['env'])
computer.configure(use_login_shell=False, safe_interval=0)
told = {'dp': {'FAKE_DP_SECONDS': 10}, 'lmp': {'FAKE_LMP_CANDIDATES': 0.7}, 'label': {'FAKE_LABEL_SECONDS': 15}}
codes = {
    kind: orm.InstalledCode(label=kind, computer=computer, **fake_code_inputs(kind, **variables)).store()
    for kind, variables in told.items()
}
print(submit(small_loop(codes, {'max_iterations': 1})).pk)
"""
GO_ON = """
import sys
from aiida import orm
from aiida.engine import submit
from aiida_glassion.workchains.active_learning import ActiveLearningWorkChain
print(submit(ActiveLearningWorkChain.get_builder_from_earlier(orm.load_node(int(sys.argv[1])))).pk)
"""
TELL = """
import json, sys
from aiida import orm
node = orm.load_node(int(sys.argv[1]))
jobs = [job for job in node.called_descendants if isinstance(job, orm.CalcJobNode)]
print(json.dumps({
    'state': node.process_state.value, 'terminated': node.is_terminated, 'exit': node.exit_status,
    'outputs': sorted(node.base.links.get_outgoing().all_link_labels()),
    'jobs': [(job.process_label, job.exit_status, job.base.caching.is_created_from_cache) for job in jobs],
}))
"""


@pytest.fixture
def home(tmp_path):
    """An AiiDA home of its own with a daemon, which is stopped in the end."""
    path = f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}'
    environment = {**os.environ, 'AIIDA_PATH': str(tmp_path), 'OMP_NUM_THREADS': '1', 'PATH': path}
    try:
        verdi(environment, 'presto', '-n', '--profile-name', 'faults')
        for name, value in (('runner.poll.interval', '1'), ('caching.default_enabled', 'true')):
            verdi(environment, 'config', 'set', name, value)
        verdi(environment, 'daemon', 'start', '1')
        yield environment
        verdi(environment, 'daemon', 'stop', check=False)
    finally:
        end_all(tmp_path)


def verdi(environment, *arguments, check=True):
    command = [Path(sys.executable).parent / 'verdi', *arguments]
    return run(command, environment, check=check, home=Path(environment['AIIDA_PATH'])).stdout


def call(environment, tmp_path, script, *arguments):
    """Last line that a script prints in the profile."""
    path = tmp_path / 'script.py'
    path.write_text(script)
    return verdi(environment, 'run', str(path), *map(str, arguments)).splitlines()[-1]


def processes(home, words):
    """Wait until processes whose command holds some words run."""
    return wait_for(words, lambda: processes_of(home, words), home)


def end_of(environment, tmp_path, pk):
    """Wait for the end of a process, and tell how it ended."""

    def told():
        seen = json.loads(call(environment, tmp_path, TELL, pk))
        return seen if seen['terminated'] else None

    return wait_for(f'the end of {pk}', told, tmp_path, every=1)


def test_kills_and_a_full_stop_cost_only_what_was_under_way(home, tmp_path):
    """The worker and a training are killed; the loop is stopped while it labels; then it goes on from there."""
    pk = call(home, tmp_path, BEGIN, TESTS, tmp_path / 'work')
    processes(tmp_path, 'fake_dp.py --tf train')[0].kill()
    for worker in processes(tmp_path, 'daemon worker'):
        worker.kill()

    processes(tmp_path, 'fake_label.py')
    verdi(home, 'process', 'kill', pk)
    stopped = end_of(home, tmp_path, pk)
    assert stopped['state'] == 'killed'
    assert 'iterations__iteration_01' not in stopped['outputs']
    finished = Counter(kind for kind, status, _ in stopped['jobs'] if status == 0)
    assert finished == {'DeepmdTrainCalculation': 2, 'DeepmdTestCalculation': 2, 'MdCalculation': 2}
    cut = [(kind, status) for kind, status, _ in stopped['jobs'] if status]
    assert [kind for kind, _ in cut] == ['DeepmdTrainCalculation'], (
        'the killed training was taken up; the others went on'
    )

    again = call(home, tmp_path, GO_ON, pk)
    ended = end_of(home, tmp_path, again)
    assert ended['exit'] == 510
    assert 'iterations__iteration_01' in ended['outputs']
    assert [kind for kind, _, cached in ended['jobs'] if not cached] == ['AseLabelCalculation']

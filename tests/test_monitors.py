"""When a run is worth being stopped."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from aiida import orm
from aiida.engine.processes.calcjobs.monitors import CalcJobMonitorAction

from aiida_glassion.formats.lammps.log import read_log
from aiida_glassion.monitors import seconds_left, watch_training
from aiida_glassion.schedule import read_schedule

LOG = (Path(__file__).parent / 'fixtures' / 'deepmd' / 'md' / 'log.lammps').read_bytes()
HOLD = {'kind': 'hold', 'temperature': 1500, 'ensemble': 'nve'}


def schedule(last):
    """That of the recorded run, with a last stage of its own length, ps."""
    minimise = {'kind': 'minimise', 'max_steps': 23}
    return read_schedule({'stages': [minimise, {**HOLD, 'duration': 0.033}, minimise, {**HOLD, 'duration': last}]})


def test_a_run_that_is_over_is_let_be():
    assert seconds_left(read_log(LOG), schedule(0.03)) == 0


def test_the_rest_takes_as_long_as_the_fastest_pace_says():
    cut = LOG[: LOG.index(b'\n        55  ')] + b'\n'
    log = read_log(cut)
    paces = [speed for block in log.blocks for speed in block.columns['S/CPU'] if speed > 0]
    assert len(paces) > 3
    assert seconds_left(log, schedule(0.03)) == pytest.approx((63 - 50) / max(paces[1:]))
    assert seconds_left(log, schedule(50.0)) == pytest.approx((50033 - 50) / max(paces[1:]))


def test_a_run_whose_pace_is_not_known_yet_is_let_be():
    assert seconds_left(read_log(LOG[: LOG.index(b'GLASSION stage 1')]), schedule(50.0)) == 0


NOT_A_NUMBER = ('# step rmse_trn lr', '0 1.0 1e-3', '100 nan 1e-3')


@pytest.fixture
def training(localhost, tmp_path):
    """A training with a learning curve, whose job is a program of this machine."""

    def make(program: subprocess.Popen[bytes], *rows: str) -> orm.CalcJobNode:
        node = orm.CalcJobNode(computer=localhost, process_type='aiida.calculations:glassion.deepmd.train')
        node.set_remote_workdir(str(tmp_path))
        node.set_job_id(str(program.pid))
        (tmp_path / 'lcurve.out').write_text('\n'.join(rows) + '\n')
        return node

    return make


def test_only_a_job_that_still_runs_is_stopped(training, localhost):
    """One that has just ended cannot be killed: AiiDA would pause it for ever."""
    program = subprocess.Popen(['sleep', '600'])
    try:
        node = training(program, *NOT_A_NUMBER, '200 nan 1e-3')
        with localhost.get_transport() as transport:
            stopped = watch_training(node, transport)
            assert stopped.action is CalcJobMonitorAction.KILL
            assert 'nan at step 100' in stopped.message
            program.kill()
            program.wait(60)
            assert watch_training(node, transport) is None
    finally:
        program.kill()


def test_a_training_at_its_first_row_without_a_number_ends_by_itself(training, localhost):
    program = subprocess.Popen(['sleep', '600'])
    try:
        with localhost.get_transport() as transport:
            assert watch_training(training(program, *NOT_A_NUMBER), transport) is None
    finally:
        program.kill()
        program.wait(60)

"""Restart files of the real LAMMPS hold the steps expected of them; a run taken up from them ends where it should."""

from __future__ import annotations

import os
import re
import subprocess

import numpy as np
import pytest
from ase.build import bulk

from aiida_glassion.formats.lammps.data import write_data
from aiida_glassion.formats.lammps.dump import read_dump
from aiida_glassion.formats.lammps.log import read_log
from aiida_glassion.formats.lammps.script import (
    DATA_FILE,
    FINAL_FILE,
    RestartPoint,
    newest_interval_restart,
    stage_end_restart,
    write_script,
)
from aiida_glassion.formats.lammps.thermo import read_thermo
from aiida_glassion.frames import Frames
from aiida_glassion.schedule import read_schedule

pytestmark = pytest.mark.engine

ARGON = ('pair_style lj/cut 5.0', 'pair_coeff * * 0.0104 3.4')
SCHEDULE = read_schedule(
    {
        'thermo_every': 0.01,
        'frames_every': 0.02,
        'restart_every': 0.04,
        'stages': [
            {'kind': 'hold', 'temperature': 20, 'duration': 0.13},
            {'kind': 'deform', 'name': 'pull', 'temperature': 20, 'mode': 'z', 'strain': 0.1, 'duration': 0.25},
            {'kind': 'deform', 'name': 'shear', 'temperature': 20, 'mode': 'xy', 'strain': 0.1, 'duration': 0.2},
            {
                'kind': 'ramp',
                'name': 'press',
                'ensemble': 'npt',
                'temperature': 20,
                'temperature_end': 40,
                'duration': 0.2,
            },
        ],
    }
)


@pytest.fixture(scope='module')
def run_lammps(lmp):
    def _run(folder, script):
        (folder / 'input.in').write_text(script)
        environment = {**os.environ, 'OMP_NUM_THREADS': '1'}
        command = [lmp, '-in', 'input.in', '-log', 'log.lammps']
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=600
        )
        assert done.returncode == 0, done.stdout[-2000:]
        return done.stdout

    return _run


def script(**more):
    return write_script(SCHEDULE, ARGON, lammps_units='metal', atom_style='atomic', seed=7, **more)


@pytest.fixture(scope='module')
def whole(tmp_path_factory, run_lammps):
    """The folder of an uninterrupted run."""
    folder = tmp_path_factory.mktemp('whole')
    (folder / DATA_FILE).write_text(
        write_data(Frames.from_ase(bulk('Ar', 'fcc', 5.3, cubic=True) * (3, 3, 3)), atom_style='atomic')
    )
    run_lammps(folder, script())
    return folder


def test_files_hold_the_steps_expected(whole, tmp_path, run_lammps):
    for plan in SCHEDULE.plan():
        expected = {stage_end_restart(plan.index): plan.last}
        for upto in (plan.last, plan.last - plan.restart):
            found = newest_interval_restart(plan, upto, plan.first)
            assert found is not None
            expected[found[0]] = found[1]
        for name, step in expected.items():
            said = run_lammps(tmp_path, f'read_restart {whole / name}\nprint "STEP $(step)"\n')
            assert int(re.search(r'^STEP (\d+)$', said, re.M)[1]) == step, name


@pytest.mark.parametrize('stage', [0, 1, 2, 3])
def test_taken_up_in_the_middle_of_a_stage_it_ends_the_same(whole, tmp_path, run_lammps, stage):
    plan = SCHEDULE.plan()[stage]
    file, step = newest_interval_restart(plan, plan.last - plan.restart, plan.first)
    (tmp_path / file).write_bytes((whole / file).read_bytes())
    run_lammps(tmp_path, script(restart=RestartPoint(file, stage, step)))
    ends = [read_thermo(read_log((f / 'log.lammps').read_bytes()), SCHEDULE, 'metal') for f in (whole, tmp_path)]
    assert ends[1]['step'][0] == step
    # LAMMPS sets a barostat's mass from the temperature at which a job begins: with a ramp it is not quite the same
    tolerance = 0.02 if stage == 3 else 1e-3
    after = ends[0]['step'] > step
    for name in ('step', 'time', 'stage'):
        np.testing.assert_array_equal(ends[1][name][1:], ends[0][name][after])
    for name in ('cell_lx', 'cell_lz', 'cell_xy', 'temperature', 'potential_energy'):
        np.testing.assert_allclose(ends[1][name][1:], ends[0][name][after], rtol=tolerance, atol=1e-6, err_msg=name)
    if stage < 3:
        positions = [read_dump(f / FINAL_FILE).positions[-1] for f in (whole, tmp_path)]
        np.testing.assert_allclose(positions[1], positions[0], atol=0.05)

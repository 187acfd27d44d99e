"""A cell strained at once, atoms that stay where they are, and single lengths under pressure, by the real LAMMPS."""

from __future__ import annotations

import os
import subprocess

import numpy as np
import pytest
from ase.build import bulk

from aiida_glassion.formats.lammps.data import write_data
from aiida_glassion.formats.lammps.dump import read_dump
from aiida_glassion.formats.lammps.log import read_log
from aiida_glassion.formats.lammps.script import DATA_FILE, FINAL_FILE, RestartPoint, stage_end_restart, write_script
from aiida_glassion.formats.lammps.thermo import read_thermo
from aiida_glassion.frames import Frames
from aiida_glassion.schedule import read_schedule

pytestmark = pytest.mark.engine

ARGON = ('pair_style lj/cut 5.0', 'pair_coeff * * 0.0104 3.4')
STAY = {'kind': 'hold', 'ensemble': 'nve', 'temperature': 1e-8, 'duration': 1e-5, 'timestep': 0.01}
"""One step, too short for an atom to move."""


@pytest.fixture
def run(lmp, tmp_path):
    """Run stages from a configuration; gives the last frame, the cell's edges and the thermodynamic output."""

    def _run(atoms, stages, restart=None, **more):
        schedule = read_schedule({'stages': stages, 'thermo_every': 0.01, 'frames_every': 0})
        (tmp_path / DATA_FILE).write_text(write_data(Frames.from_ase(atoms), atom_style='atomic'))
        script = write_script(
            schedule, ARGON, lammps_units='metal', atom_style='atomic', seed=7, restart=restart, **more
        )
        (tmp_path / 'input.in').write_text(script)
        environment = {**os.environ, 'OMP_NUM_THREADS': '1'}
        done = subprocess.run(
            [lmp, '-in', 'input.in', '-log', 'log.lammps'],
            cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-2000:]
        content = (tmp_path / 'log.lammps').read_bytes()
        last = read_dump(tmp_path / FINAL_FILE)
        return last, read_thermo(read_log(content), schedule, 'metal')

    return _run


def argon(seed=1, cell=None):
    """108 atoms off their sites, in a box or in a cell of LAMMPS' orientation."""
    atoms = bulk('Ar', 'fcc', 5.3, cubic=True) * (3, 3, 3)
    if cell is not None:
        atoms.set_cell(cell, scale_atoms=True)
    atoms.rattle(0.05, seed=seed)
    return atoms


def between(positions):
    """Vectors from the first atom."""
    return positions - positions[:1]


@pytest.mark.parametrize(
    ('mode', 'gradient'),
    [
        ('x', [[1.02, 0, 0], [0, 1, 0], [0, 0, 1]]),
        ('y', [[1, 0, 0], [0, 1.02, 0], [0, 0, 1]]),
        ('z', [[1, 0, 0], [0, 1, 0], [0, 0, 1.02]]),
        ('xy', [[1, 0.02, 0], [0, 1, 0], [0, 0, 1]]),
        ('xz', [[1, 0, 0.02], [0, 1, 0], [0, 0, 1]]),
        ('yz', [[1, 0, 0], [0, 1, 0.02], [0, 0, 1]]),
        ('volume', [[1.02, 0, 0], [0, 1.02, 0], [0, 0, 1.02]]),
    ],
)
def test_a_strain_moves_cell_and_atoms_by_one_map_also_in_an_oblique_cell(run, mode, gradient):
    cell = np.array([[16.0, 0, 0], [2.0, 15.0, 0], [-1.5, 1.0, 17.0]])
    atoms, f = argon(cell=cell), np.array(gradient)
    last, _ = run(atoms, [{'kind': 'strain', 'mode': mode, 'strain': 0.02}, STAY])
    np.testing.assert_allclose(last.cells[-1], cell @ f.T, atol=1e-9)
    np.testing.assert_allclose(between(last.positions[-1]), between(atoms.positions @ f.T), atol=2e-6)


def test_strains_follow_each_other_and_are_taken_up_from_a_restart(run):
    atoms = argon()
    stages = [
        {'kind': 'strain', 'mode': 'z', 'strain': 0.1},
        STAY,
        {'kind': 'strain', 'mode': 'z', 'strain': -0.1},
        STAY,
    ]
    whole, thermo = run(atoms, stages)
    assert np.allclose(np.diag(whole.cells[-1]), [15.9, 15.9, 15.9 * 1.1 * 0.9])
    assert set(thermo['stage']) == {1, 3}
    assert np.allclose(thermo['cell_lz'][thermo['stage'] == 1], 15.9 * 1.1)
    again, _ = run(atoms, stages, RestartPoint(stage_end_restart(1), 2, 1))
    np.testing.assert_allclose(again.cells[-1], whole.cells[-1], atol=1e-9)
    np.testing.assert_allclose(between(again.positions[-1]), between(whole.positions[-1]), atol=1e-9)


def test_frozen_atoms_stay_until_they_are_let_go(run):
    atoms = argon()
    frozen = [0, 1, 2, 40, 42, *range(60, 80)]
    moving = np.setdiff1d(np.arange(108), frozen)
    hold = {'kind': 'hold', 'name': 'hot', 'temperature': 60, 'duration': 2.0, 'frozen': True}
    still, thermo = run(atoms, [{'kind': 'minimise', 'frozen': True}, hold], frozen=frozen)
    moved = np.linalg.norm(between(still.positions[-1]) - between(atoms.positions), axis=1)
    assert moved[frozen].max() < 1e-9
    assert moved[moving].min() > 1e-3
    assert np.all(still.velocities[-1][frozen] == 0)
    assert thermo['temperature'][-100:].mean() == pytest.approx(60, abs=8)

    free = {'kind': 'hold', 'name': 'free', 'temperature': 60, 'duration': 0.05}
    last, thermo = run(atoms, [{'kind': 'minimise', 'frozen': True}, hold, free], frozen=frozen)
    of_free = thermo['temperature'][thermo['stage'] == 2]
    assert of_free[0] == pytest.approx(60, abs=15)
    assert np.all(np.linalg.norm(between(last.positions[-1]) - between(atoms.positions), axis=1)[frozen[1:]] > 1e-3)


def test_only_the_lengths_that_are_named_follow_the_pressure(run):
    atoms = argon()
    hold = {'kind': 'hold', 'temperature': 20, 'duration': 1.0, 'ensemble': 'npt', 'pressure': 0.5, 'coupling': 'xy'}
    last, _ = run(atoms, [hold])
    edges = np.diag(last.cells[-1])
    assert edges[2] == pytest.approx(15.9, abs=1e-9)
    assert abs(edges[0] - 15.9) > 0.05
    assert abs(edges[0] - edges[1]) > 1e-6
    relaxed, _ = run(atoms, [{'kind': 'minimise', 'pressure': 0.5, 'coupling': 'z'}])
    edges = np.diag(relaxed.cells[-1])
    assert edges[:2] == pytest.approx([15.9, 15.9], abs=1e-9)
    assert abs(edges[2] - 15.9) > 0.01
    pull = {'kind': 'deform', 'mode': 'z', 'strain': 0.05, 'duration': 0.5, 'temperature': 20}
    pulled, _ = run(atoms, [pull | {'ensemble': 'npt', 'coupling': 'xy'}])
    assert pulled.cells[-1][2, 2] == pytest.approx(15.9 * 1.05, rel=1e-6)
    assert abs(pulled.cells[-1][0, 0] - 15.9) > 1e-3


@pytest.mark.parametrize('cell', [None, [[16.0, 0, 0], [2.0, 15.0, 0], [-1.5, 1.0, 17.0]]])
def test_forces_alone_find_the_minimum_and_give_the_velocities_back(run, cell):
    atoms = argon(cell=cell)
    hold = {'kind': 'hold', 'temperature': 60, 'duration': 0.5}
    before, _ = run(atoms, [hold])
    minimise = {'kind': 'minimise', 'method': 'fire', 'force_tolerance': 1e-6}
    after, thermo = run(atoms, [hold, minimise])
    assert np.abs(before.velocities[-1]).min(axis=0).max() > 0
    np.testing.assert_allclose(after.velocities[-1], before.velocities[-1], rtol=1e-12)
    moved = np.linalg.norm(between(after.positions[-1]) - between(before.positions[-1]), axis=1)
    assert moved.max() > 0.05
    # what is printed there is the pressure of atoms at rest: no kinetic part
    assert thermo['temperature'][-1] < 1e-6
    again, _ = run(atoms, [hold, minimise, {**hold, 'name': 'on', 'duration': 0.01, 'ensemble': 'nve'}])
    assert again.velocities is not None
    # they go on with the velocities of before, from the minimum
    np.testing.assert_allclose(again.velocities[-1], before.velocities[-1], atol=0.05 * np.abs(before.velocities).max())

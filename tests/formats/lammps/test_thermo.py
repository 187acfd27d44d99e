"""Which stage owns which row, how far a run came, and what counts as gone wrong."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_glassion.formats.lammps.log import Block, Log, Mark
from aiida_glassion.formats.lammps.script import THERMO_COLUMNS
from aiida_glassion.formats.lammps.thermo import (
    UNITS,
    Limits,
    find_fault,
    read_progress,
    read_thermo,
    stages_of_blocks,
)
from aiida_glassion.schedule import read_schedule

SCHEDULE = read_schedule(
    {
        'thermo_every': 0.01,
        'stages': [
            {'kind': 'minimise'},
            {'kind': 'hold', 'temperature': 1000, 'duration': 0.03},
            {'kind': 'ramp', 'temperature': 1000, 'temperature_end': 300, 'duration': 0.02, 'timestep': 2.0},
        ],
    }
)
NAMES = ('Step', 'Temp', 'Press', 'PotEng', 'KinEng', 'TotEng', 'Econserve', 'Volume', 'Density',
         'Pxx', 'Pyy', 'Pzz', 'Pxy', 'Pxz', 'Pyz', 'Lx', 'Ly', 'Lz', 'Xy', 'Xz', 'Yz', 'S/CPU')  # fmt: skip


def block(*steps):
    columns = {name: np.full(len(steps), float(number)) for number, name in enumerate(NAMES)}
    return Block({**columns, 'Step': np.array(steps, dtype=np.int64)})


def log(blocks, *marks):
    return Log(None, tuple(blocks), tuple(Mark(*mark) for mark in marks), (), (), False, None, False)


BLOCKS = [block(0, 7), block(0, 10, 20, 30), block(30, 35, 40)]
STAGES = [(0, 'stage 0'), (1, 'done 0 at 0'), (1, 'stage 1'), (2, 'done 1 at 30'), (2, 'stage 2')]


def test_columns_are_those_that_the_script_asks_for():
    assert len(NAMES) == len(THERMO_COLUMNS)


def test_a_boundary_belongs_to_the_stage_that_it_ends():
    thermo = read_thermo(log(BLOCKS, *STAGES), SCHEDULE, 'metal')
    assert set(thermo) == set(UNITS)
    assert thermo['stage'].tolist() == [0, 0, 1, 1, 1, 2, 2]
    assert thermo['step'].tolist() == [0, 0, 10, 20, 30, 35, 40]
    assert thermo['iteration'].tolist() == [0, 7, 0, 0, 0, 0, 0]
    np.testing.assert_allclose(thermo['time'], [0, 0, 0.01, 0.02, 0.03, 0.04, 0.05])


def test_without_a_minimisation_step_0_belongs_to_the_first_stage():
    schedule = read_schedule({'stages': [{'kind': 'hold', 'temperature': 300, 'duration': 0.02}]})
    thermo = read_thermo(log([block(0, 10, 20)], (0, 'stage 0')), schedule, 'metal')
    assert thermo['step'].tolist() == [0, 10, 20]


@pytest.mark.parametrize(('name', 'pressure', 'energy'), [('metal', 1e-4, 1.0), ('real', 1.01325e-4, 0.0433641)])
def test_units(name, pressure, energy):
    thermo = read_thermo(log(BLOCKS, *STAGES), SCHEDULE, name)
    np.testing.assert_allclose(thermo['pressure'], 2 * pressure)
    np.testing.assert_allclose(thermo['pressure_xx'], 9 * pressure)
    np.testing.assert_allclose(thermo['potential_energy'], 3 * energy, rtol=1e-5)
    np.testing.assert_allclose(thermo['density'], 8)


def test_nothing_written_gives_empty_arrays():
    for empty in (log([]), log([block(0, 10)]), log([Block({'Step': np.arange(3)})], (0, 'stage 1'))):
        thermo = read_thermo(empty, SCHEDULE, 'metal')
        assert set(thermo) == set(UNITS)
        assert all(len(array) == 0 for array in thermo.values())


def test_stages_of_blocks():
    assert stages_of_blocks(log(BLOCKS, *STAGES)) == [0, 1, 2]
    assert stages_of_blocks(log(BLOCKS, (1, 'stage 2'))) == [None, 2, 2]


def test_progress():
    reached = read_progress(log(BLOCKS, *STAGES), SCHEDULE)
    assert (reached.stage, reached.step, reached.begun, reached.done) == (2, 40, 30, (0, 1))
    assert not reached.finished
    stopped = read_progress(log(BLOCKS, *STAGES, (3, 'stopped 2 at 37')), SCHEDULE)
    assert (stopped.step, stopped.stopped) == (37, True)
    whole = read_progress(log(BLOCKS, *STAGES, (3, 'done 2 at 40'), (3, 'finished')), SCHEDULE)
    assert whole.finished
    assert whole.done == (0, 1, 2)
    assert read_progress(log([]), SCHEDULE, 1, 20) == read_progress(log([], (0, 'stage 1')), SCHEDULE, 1, 20)


def test_limits_follow_the_hottest_stage():
    assert Limits.of(SCHEDULE).temperature == 5000
    cold = read_schedule({'stages': [{'kind': 'hold', 'temperature': 300, 'duration': 1}]})
    assert Limits.of(cold).temperature == 3300
    heating = {'kind': 'ramp', 'temperature': 300, 'temperature_end': 4000, 'rate': 100}
    assert Limits.of(read_schedule({'stages': [heating]})).temperature == 20000


def thermo(**changes):
    healthy = {'step': np.arange(0, 50, 10), 'iteration': np.zeros(5, dtype=int), 'temperature': np.full(5, 300.0),
               'pressure': np.zeros(5), 'potential_energy': np.full(5, -9.0)}  # fmt: skip
    for name, (row, value) in changes.items():
        healthy[name][row] = value
    return healthy


LIMITS = Limits(temperature=3000.0)


def test_a_healthy_run_has_no_fault():
    assert find_fault(thermo(), LIMITS) is None


@pytest.mark.parametrize('name', ['temperature', 'pressure', 'potential_energy'])
@pytest.mark.parametrize('value', [np.nan, np.inf, -np.inf])
def test_a_number_that_is_none(name, value):
    kind, reason = find_fault(thermo(**{name: (2, value)}), LIMITS)
    assert kind == 'not_a_number'
    assert name in reason
    assert 'step 20' in reason


@pytest.mark.parametrize(
    ('name', 'value', 'limit'), [('temperature', 3001.0, '3000 K'), ('pressure', -501.0, '500 GPa')]
)
def test_a_runaway_names_step_value_and_limit(name, value, limit):
    kind, reason = find_fault(thermo(**{name: (3, value)}), LIMITS)
    assert kind == 'runaway'
    for words in (name, 'step 30', f'{value:.4g}', limit):
        assert words in reason


def test_the_packed_start_and_minimisations_are_let_be():
    assert find_fault(thermo(pressure=(0, 900.0)), LIMITS) is None
    minimising = thermo(pressure=(3, 900.0), potential_energy=(3, np.nan))
    minimising['iteration'][3] = 12
    assert find_fault(minimising, LIMITS) is None

"""Records of a committee: which steps, which stage, which frame, and where trust ends."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_glassion.formats.lammps.deviation import (
    UNITS,
    OutOfTrust,
    find_out_of_trust,
    interval_in_steps,
    missing_records,
    read_deviations,
    up_to,
)
from aiida_glassion.schedule import read_schedule

RECORDED = (Path(__file__).parents[2] / 'fixtures' / 'deepmd' / 'md' / 'model_devi.out').read_bytes()
MINIMISE = {'kind': 'minimise'}


def hold(duration, **more):
    return {'kind': 'hold', 'temperature': 300, 'duration': duration, **more}


def schedule(*stages, **more):
    return read_schedule({'stages': list(stages), 'frames_every': 0.01, **more})


SCHEDULE = schedule(MINIMISE, hold(0.033), MINIMISE, hold(0.03))


def line(step, force=0.1):
    return f'{step:12d} 6e-2 1e-2 4e-2 {force} 3e-2 2e-1\n'.encode()


def test_a_recorded_run():
    arrays = read_deviations(RECORDED, SCHEDULE)
    assert set(arrays) == set(UNITS) - {'frame'}
    np.testing.assert_array_equal(arrays['step'], np.arange(0, 64, 5))
    np.testing.assert_array_equal(arrays['stage'], [1] * 7 + [3] * 6)
    np.testing.assert_allclose(arrays['time'], arrays['step'] * 1e-3)
    assert arrays['max_force_deviation'][:2].tolist() == [0.3497009, 0.302999]
    assert arrays['mean_force_deviation'][-1] == 0.1865071
    assert arrays['max_virial_deviation'][-1] == 0.02524591


@settings(max_examples=50, deadline=None)
@given(cut=st.integers(0, len(RECORDED)))
def test_cut_anywhere_it_gives_the_first_part(cut):
    whole, part = (read_deviations(content, SCHEDULE) for content in (RECORDED, RECORDED[:cut]))
    for name, array in part.items():
        np.testing.assert_array_equal(array, whole[name][: len(array)])


def test_a_boundary_belongs_to_the_stage_that_it_ends():
    """It comes twice; a job taken up in the middle has no header and begins with the step of its restart file."""
    both = schedule(hold(0.02), hold(0.02))
    content = line(10) + line(15) + line(20, 0.2) + line(20, 0.9) + line(25)
    arrays = read_deviations(content, both)
    np.testing.assert_array_equal(arrays['step'], [10, 15, 20, 25])
    np.testing.assert_array_equal(arrays['stage'], [0, 0, 0, 1])
    assert arrays['max_force_deviation'][2] == 0.2


def test_a_stage_with_a_timestep_of_its_own():
    arrays = read_deviations(line(10) + line(20), schedule(hold(0.005, timestep=0.5), hold(0.02, timestep=2)))
    np.testing.assert_allclose(arrays['time'], [0.005, 0.025])


@pytest.mark.parametrize(
    'garbage',
    [
        b'',
        b'\xff\x00\n',
        b'5 1 2 3\n',
        b'5 a b c d e f\n',
        b'-5 1 1 1 1 1 1\n',
        b'5.5 1 1 1 1 1 1\n',
        b'9' * 30 + b' 1' * 6 + b'\n',
    ],
)
def test_what_is_no_record_is_left_out(garbage):
    arrays = read_deviations(garbage + line(10), SCHEDULE)
    np.testing.assert_array_equal(arrays['step'], [10])
    assert len(read_deviations(garbage, SCHEDULE)['step']) == 0


def test_nothing_but_a_minimisation():
    assert len(read_deviations(line(0) + line(10**12), schedule(MINIMISE))['step']) == 0


def test_trust_ends_with_the_last_of_a_row_of_records():
    forces = [0.1, 0.5, 0.5, 0.3, 0.5, float('nan'), 0.6, 0.1, 0.9]
    arrays = read_deviations(b''.join(line(5 * i, force) for i, force in enumerate(forces)), SCHEDULE)
    assert find_out_of_trust(arrays, 0.4, 4) is None
    assert find_out_of_trust(arrays, 0.4, 1) == OutOfTrust(5, 1, 1, 0.5, 0.4)
    end = find_out_of_trust(arrays, 0.4, 3)
    assert end == OutOfTrust(30, 1, 3, 0.6, 0.4)
    assert str(end) == 'the largest force deviation stayed above 0.4 eV/Å for 3 records, 0.6 eV/Å at step 30'
    np.testing.assert_array_equal(up_to(arrays, end)['step'], np.arange(0, 31, 5))
    assert up_to(arrays, None) is arrays


def test_a_later_stage_at_the_same_step_is_beyond_the_end():
    table = {'step': np.array([5, 10, 10, 10]), 'stage': np.array([1, 1, 2, 3])}
    np.testing.assert_array_equal(up_to(table, OutOfTrust(10, 1, 1, 0.5, 0.4))['stage'], [1, 1])


def test_missing_records():
    arrays = read_deviations(line(10) + line(20), SCHEDULE)
    np.testing.assert_array_equal(missing_records(arrays, 5, 8, 23), [15])
    np.testing.assert_array_equal(missing_records(arrays, 10, 10, 29), [])


def test_interval_in_steps():
    assert interval_in_steps(schedule(hold(1), timestep=0.5), 0.005) == 10
    assert interval_in_steps(schedule(hold(1)), 0.05) == 50, 'every fifth frame has a record'
    assert interval_in_steps(schedule(MINIMISE, hold(1, frames_every=0)), 0.007) == 7
    assert interval_in_steps(schedule(hold(1, timestep=0.5), hold(1)), 0.005) == 5


@given(
    timestep=st.sampled_from([0.25, 0.5, 1.0, 2.0, 4.0]), steps=st.integers(1, 50), frames=st.integers(1, 20),
    inverse=st.booleans(), halvings=st.integers(0, 4),
)  # fmt: skip
def test_a_softer_retry_keeps_frames_and_records_together(timestep, steps, frames, inverse, halvings):
    """What is let in with one timestep is let in with half of it."""
    every, frames_every = (steps * timestep * 1e-3 * (frames if i else 1) for i in (inverse, not inverse))
    given = schedule(hold(10), timestep=timestep, frames_every=frames_every)
    wanted = interval_in_steps(given, every)
    softer = given.remaining(0, 0, 0.5**halvings)
    assert interval_in_steps(softer, every) == wanted * 2**halvings


@pytest.mark.parametrize(
    ('stages', 'settings_', 'every', 'message'),
    [
        ([hold(1)], {}, 0.0004, '0.0004 ps is not a whole number of timesteps of 1 fs'),
        ([hold(1)], {'timestep': 2}, 0.005, '0.005 ps is not a whole number of timesteps of 2 fs'),
        ([hold(1)], {}, 0.003, r'stage 0 \(hold\) stores a frame every 0.01 ps, which are 10 steps'),
        (
            [hold(1), hold(1, name='long', frames_every=0.025)],
            {},
            0.01,
            r'stage 1 \(long\) .* 25 steps: .* whole multiple',
        ),
        ([hold(1, timestep=0.75)], {}, 0.001, '13.3333 steps'),
    ],
)
def test_records_that_miss_the_frames_are_refused(stages, settings_, every, message):
    with pytest.raises(ValueError, match=message):
        interval_in_steps(schedule(*stages, **settings_), every)

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiida_glassion.schedule import Schedule, read_schedule

MELT_QUENCH = {
    'timestep': 2.0,
    'stages': [
        {'kind': 'minimise'},
        {'kind': 'hold', 'name': 'melt', 'temperature': 3000, 'duration': 10},
        {'kind': 'ramp', 'name': 'quench', 'temperature': 3000, 'temperature_end': 300, 'rate': 10},
        {'kind': 'hold', 'name': 'relax', 'ensemble': 'npt', 'temperature': 300, 'duration': 5, 'timestep': 1.0},
        {'kind': 'deform', 'name': 'pull', 'temperature': 300, 'mode': 'z', 'strain': 0.5, 'rate': 0.01},
    ],
}


def test_plan_counts_steps_and_time():
    schedule = read_schedule(MELT_QUENCH)
    minimise, melt, quench, relax, pull = schedule.plan()
    assert (minimise.first, minimise.last) == (0, 0)
    assert (melt.first, melt.last) == (0, 5000)
    assert (quench.first, quench.last) == (5000, 5000 + 135_000)  # 2700 K at 10 K/ps and 2 fs
    assert (relax.first, relax.last) == (140_000, 145_000)
    assert pull.time == pytest.approx(10 + 270 + 5)
    assert schedule.duration == pytest.approx(10 + 270 + 5 + 50)
    assert quench.time_at(quench.last) == pytest.approx(280)
    assert schedule.stage_at(5000).index == 1
    assert schedule.stage_at(5001).index == 2


def test_restart_interval_is_a_multiple_of_the_thermo_interval():
    schedule = read_schedule({**MELT_QUENCH, 'thermo_every': 0.3, 'restart_every': 1.0})
    for plan in schedule.plan()[1:]:
        assert plan.restart % plan.thermo == 0


def temperature(schedule: Schedule, time: float) -> float:
    for plan in schedule.plan():
        stage = plan.stage
        if stage.kind == 'ramp' and plan.time <= time <= plan.time_at(plan.last):
            fraction = (time - plan.time) / (plan.time_at(plan.last) - plan.time)
            return stage.temperature + fraction * (stage.temperature_end - stage.temperature)
    return np.nan


@given(st.integers(5001, 139_998), st.sampled_from([1.0, 0.5, 0.25]), st.floats(0, 0.999))
def test_the_rest_of_a_ramp_follows_the_same_temperatures(step, factor, where):
    whole = read_schedule(MELT_QUENCH)
    rest = whole.remaining(2, step, factor)
    offset = whole.plan()[2].time_at(step)
    time = offset + where * (280 - offset)
    assert rest.duration == pytest.approx(whole.duration - offset, abs=0.01)
    assert temperature(rest, time - offset) == pytest.approx(temperature(whole, time), abs=0.1)


def test_the_rest_of_a_deformation_ends_at_the_same_length():
    whole = read_schedule(MELT_QUENCH)
    pull = whole.plan()[4]
    middle = (pull.first + pull.last) // 2
    rest = whole.remaining(4, middle)
    assert (1 + 0.25) * (1 + rest.stages[0].strain) == pytest.approx(1.5)
    assert rest.duration == pytest.approx(25)


def test_remaining_keeps_a_minimisation_that_was_not_reached():
    schedule = read_schedule(
        {'stages': [{'kind': 'hold', 'temperature': 300, 'duration': 1}, {'kind': 'minimise'}] * 2}
    )
    assert [s.kind for s in schedule.remaining(1, 1000).stages] == ['minimise', 'hold', 'minimise']
    assert [s.kind for s in schedule.remaining(0, 1000).stages] == ['minimise', 'hold', 'minimise']
    assert [s.kind for s in schedule.remaining(2, 1000).stages] == ['hold', 'minimise']
    with pytest.raises(ValueError, match='does not lie in stage'):
        schedule.remaining(0, 2000)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'stages': []}, 'at least 1 item'),
        ({'stages': [{'kind': 'hodl'}]}, "kind must be one of 'minimise', 'strain'"),
        ({'stages': [{'kind': 'hold', 'temprature': 3, 'duration': 1}]}, "did you mean 'temperature'"),
        ({'stages': [{'kind': 'hold', 'temperature': -3, 'duration': 1}]}, 'greater than 0 .given: -3'),
        ({'stages': [{'kind': 'hold', 'temperature': 3, 'duration': 1e-6}]}, 'shorter than one timestep'),
        ({'stages': [{'kind': 'hold', 'temperature': float('nan'), 'duration': 1}]}, 'temperature'),
        ({'stages': [{'kind': 'ramp', 'temperature': 3, 'temperature_end': 4}]}, 'give either rate'),
        ({'stages': [{'kind': 'ramp', 'temperature': 3, 'temperature_end': 3, 'rate': 1}]}, 'use a hold'),
        ({'stages': [{'kind': 'deform', 'temperature': 3, 'mode': 'z', 'strain': 0, 'rate': 1}]}, 'deforms nothing'),
        ({'stages': [{'kind': 'hold', 'temperature': 3, 'duration': 1, 'name': 'a b; rm'}]}, 'name'),
        ({'timestep': 0}, 'timestep'),
        ({'timestep': 'fast'}, 'timestep'),
    ],
)
def test_nonsense_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        read_schedule({**MELT_QUENCH, **change})


def test_a_schedule_survives_its_own_dump():
    schedule = read_schedule(MELT_QUENCH)
    assert read_schedule(schedule.model_dump()) == schedule


def test_a_strain_takes_no_time_and_is_left_where_it_was_not_reached():
    schedule = read_schedule(
        {
            'stages': [
                {'kind': 'strain', 'mode': 'z', 'strain': 0.01},
                {'kind': 'minimise', 'frozen': True},
                {'kind': 'hold', 'temperature': 300, 'duration': 1, 'frozen': True},
            ]
        }
    )
    assert [(plan.first, plan.last) for plan in schedule.plan()] == [(0, 0), (0, 0), (0, 1000)]
    assert [stage.kind for stage in schedule.remaining(1, 0).stages] == ['minimise', 'hold']
    assert schedule.remaining(2, 500).stages[0].frozen


@pytest.mark.parametrize(
    ('stage', 'message'),
    [
        ({'kind': 'strain', 'mode': 'z', 'strain': 0}, 'a strain of 0 changes nothing'),
        ({'kind': 'strain', 'mode': 'w', 'strain': 0.1}, 'mode'),
        ({'kind': 'minimise', 'frozen': True, 'pressure': 0}, 'leave the pressure out'),
        ({'kind': 'hold', 'temperature': 300, 'duration': 1, 'ensemble': 'npt', 'frozen': True}, "'nvt' or 'langevin'"),
        ({'kind': 'deform', 'temperature': 300, 'duration': 1, 'mode': 'z', 'strain': 0.1, 'frozen': True}, 'strained'),
        (
            {'kind': 'deform', 'temperature': 300, 'duration': 1, 'mode': 'z', 'strain': 0.1, 'ensemble': 'npt',
             'coupling': 'yz'},
            'z is strained and cannot be free too',
        ),
        ({'kind': 'squeeze'}, "'minimise', 'strain', 'hold', 'ramp', 'deform'"),
    ],
)  # fmt: skip
def test_what_cannot_be_strained_or_frozen(stage, message):
    with pytest.raises(ValueError, match=message):
        read_schedule({'stages': [stage]})

"""The schedules that the settings of a protocol make."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

import aiida_glassion
from aiida_glassion.kernels.build.melt_quench import (
    cooling_stage,
    deviation_interval,
    longer_melt_schedule,
    melt_schedule,
    quench_schedule,
    rate_label,
)

PROTOCOLS = Path(aiida_glassion.__file__).parent / 'workchains' / 'protocols' / 'melt_quench.yaml'


def settings(**changes):
    """The default protocol, read without the package's own reader, with changes at the top level."""
    content = yaml.safe_load(PROTOCOLS.read_text(encoding='utf-8'))
    return {**content['default'], **changes}


def quench(**changes):
    return {**settings()['quench'], **changes}


def test_the_melt_ends_with_the_hold_that_is_judged():
    minimise, hold = melt_schedule(settings(melt_temperature=3500)).stages
    assert minimise.kind == 'minimise'
    assert (hold.kind, hold.temperature, hold.duration) == ('hold', 3500, 50)


@pytest.mark.parametrize(('times', 'duration'), [(1, 100), (2, 200), (3, 400)])
def test_a_longer_melt_is_the_hold_alone_twice_as_long_each_time(times, duration):
    (hold,) = longer_melt_schedule(settings(), times).stages
    assert (hold.name, hold.temperature, hold.duration) == ('melt', 4000, duration)


def test_a_quench_is_at_fixed_volume_while_hot_and_free_below():
    schedule = quench_schedule(settings(), 10)
    hot, cool, relax, sample = schedule.stages
    assert (hot.name, hot.ensemble, hot.temperature, hot.temperature_end) == ('quench_hot', 'nvt', 4000, 2500)
    assert (cool.name, cool.ensemble, cool.temperature, cool.temperature_end) == ('quench', 'npt', 2500, 300)
    assert (relax.name, sample.name) == ('relax', 'sample')
    plans = schedule.plan()
    assert plans[0].steps == pytest.approx(150_000)  # 1500 K at 10 K/ps, 1 fs
    assert plans[1].time_at(plans[1].last) == pytest.approx(3700 / 10)
    assert cooling_stage(settings(), 10) == 1


@pytest.mark.parametrize('free_below', [None, 4000, 4500, 300, 100])
def test_without_a_temperature_in_between_it_is_one_ramp(free_below):
    changed = settings(quench=quench(free_below=free_below))
    schedule = quench_schedule(changed, 10)
    assert [stage.name for stage in schedule.stages] == ['quench', 'relax', 'sample']
    assert (schedule.stages[0].temperature, schedule.stages[0].temperature_end) == (4000, 300)
    assert cooling_stage(changed, 10) == 0


def test_a_pressure_acts_only_where_the_volume_is_free():
    hot, cool, *_ = quench_schedule(settings(quench=quench(pressure=2.0, coupling='aniso')), 10).stages
    assert (hot.pressure, hot.ensemble) == (0.0, 'nvt')
    assert (cool.pressure, cool.coupling) == (2.0, 'aniso')


@pytest.mark.parametrize('name', ['fast', 'moderate', 'napso', 'aau', 'pmmcs'])
def test_every_protocol_makes_schedules_that_cool_at_its_rate(name):
    content = yaml.safe_load(PROTOCOLS.read_text(encoding='utf-8'))
    given = {**content['default'], **content['protocols'][name]}
    given['quench'] = {**content['default']['quench'], **given['quench']}
    for rate in given['rates']:
        schedule = quench_schedule(given, rate)
        ramps = [plan for plan in schedule.plan() if plan.stage.kind == 'ramp']
        assert ramps[-1].index == cooling_stage(given, rate)
        duration = sum(plan.time_at(plan.last) - plan.time for plan in ramps)
        assert duration == pytest.approx((given['melt_temperature'] - 300) / rate, abs=0.01)
    assert melt_schedule(given).stages[-1].temperature == given['melt_temperature']


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'melt': [{'kind': 'minimise'}]}, "last stage must be a 'hold'"),
        ({'melt': [{'kind': 'hold', 'temperature': 'hot', 'duration': 5}]}, "'hot' given"),
        ({'melt_temperature': 200}, 'expected more than room_temperature'),
        ({'melt_temperature': 'warm'}, "melt_temperature: 'warm' given"),
        ({'room_temperature': 0}, 'room_temperature: 0 given'),
        ({'quench': {'ensemble': 'nvt', 'temperature': 'melt', 'temperature_end': 'room', 'free_below': 2000}}, 'npt'),
        ({'relax': [{'kind': 'hold', 'temperature': 'room', 'duration': 5, 'frames_every': 0}]}, 'frames_every'),
        ({'relax': [{'kind': 'hold', 'temperature': 'room', 'duration': 5, 'frames_every': 6}]}, 'frames_every'),
        ({'timestep': -1}, 'timestep'),
    ],
)
def test_settings_that_cannot_be_are_refused(changes, words):
    def both(given):
        return melt_schedule(given), quench_schedule(given, 10)

    with pytest.raises(ValueError, match=words):
        both(settings(**changes))


@pytest.mark.parametrize(
    ('rate', 'label'),
    [(10, 'rate_10'), (2.2, 'rate_2p2'), (0.001, 'rate_0p001'), (1e-5, 'rate_1em05'), (1e7, 'rate_1e07')],
)
def test_a_rate_may_stand_in_a_link_label(rate, label):
    assert rate_label(rate) == label
    assert label.isidentifier()


def test_every_stored_frame_has_its_deviation():
    from aiida_glassion.formats.lammps.deviation import interval_in_steps

    for changes in ({}, {'timestep': 2.0}, {'rates': [10, 100]}):
        chosen = settings(**changes)
        every = deviation_interval(chosen)
        schedules = [melt_schedule(chosen), *(quench_schedule(chosen, rate) for rate in chosen['rates'])]
        for schedule in schedules:
            steps = interval_in_steps(schedule, every)
            assert all(plan.frames % steps == 0 for plan in schedule.plan() if plan.frames)
    assert deviation_interval(settings()) == pytest.approx(0.5)

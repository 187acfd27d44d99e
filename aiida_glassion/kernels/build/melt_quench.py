"""The schedules of a melt-quench, from the settings of a protocol."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from aiida_glassion import units
from aiida_glassion.schedule import Schedule, read_schedule

MELT_STAGE = 'melt'
SAMPLE_STAGE = 'sample'
QUENCH_STAGE = 'quench'


def melt_schedule(settings: Mapping[str, Any]) -> Schedule:
    """From the packed box to the melt; its last stage is the hold that is judged.

    :raises ValueError: the settings make no valid schedule, or the last stage is not a hold.
    """
    schedule = _schedule(settings, settings['melt'])
    if schedule.stages[-1].kind != 'hold':
        raise ValueError("melt: its last stage must be a 'hold', the one that is judged to be a melt or not")
    return schedule


def longer_melt_schedule(settings: Mapping[str, Any], times: int) -> Schedule:
    """The hold of the melt again, twice as long with every time.

    :param times: 1 for the first repetition.
    """
    hold = dict(settings['melt'][-1])
    hold['duration'] = hold['duration'] * 2**times
    return _schedule(settings, [hold])


def quench_schedule(settings: Mapping[str, Any], rate: float) -> Schedule:
    """From the melt to a relaxed and sampled glass at one rate, K/ps; the frames of its last stage are analysed.

    :raises ValueError: the settings make no valid schedule, or no frames would be sampled.
    """
    schedule = _schedule(settings, [*_quench_stages(settings, rate), *settings['relax']])
    last = schedule.plan()[-1]
    if last.frames == 0 or last.steps < last.frames:
        raise ValueError('relax: its last stage must store frames (frames_every), they are what is analysed')
    return schedule


def deviation_interval(settings: Mapping[str, Any]) -> float:
    """The longest interval, ps, at which a committee can be asked so that every stored frame has its deviation."""
    timestep = settings['timestep'] * units.FS_TO_PS
    schedules = [melt_schedule(settings), *(quench_schedule(settings, rate) for rate in settings['rates'])]
    steps = [plan.frames for schedule in schedules for plan in schedule.plan() if plan.frames]
    return float(math.gcd(*steps) * timestep)


def cooling_stage(settings: Mapping[str, Any], rate: float) -> int:
    """Index of the stage of a quench in which the glass transition is looked for: the last ramp."""
    return len(_quench_stages(settings, rate)) - 1


def _quench_stages(settings: Mapping[str, Any], rate: float) -> list[dict[str, Any]]:
    """One ramp; or two, where the volume is let free only below ``free_below``.

    Without pressure a melt far above its glass transition swells and may boil, and a fast quench leaves no time to
    shrink again.
    """
    quench = {'kind': 'ramp', 'name': QUENCH_STAGE, 'rate': rate, **settings['quench']}
    free_below = quench.pop('free_below', None)
    named = _with_temperatures(quench, _temperatures(settings))
    if free_below is None or not named['temperature_end'] < free_below < named['temperature']:
        return [quench]
    if quench.get('ensemble') != 'npt':
        raise ValueError("quench.free_below: only for a quench with ensemble 'npt'; at fixed volume leave it null")
    hot = {key: value for key, value in quench.items() if not key.startswith('pressure') and key != 'coupling'}
    hot |= {'name': f'{QUENCH_STAGE}_hot', 'ensemble': 'nvt', 'temperature_end': free_below}
    return [hot, {**quench, 'temperature': free_below}]


def _temperatures(settings: Mapping[str, Any]) -> dict[str, float]:
    melt, room = settings['melt_temperature'], settings['room_temperature']
    for key, value in (('melt_temperature', melt), ('room_temperature', room)):
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
            raise ValueError(f'{key}: {value!r} given, expected a positive number in K')
    if melt <= room:
        raise ValueError(f'melt_temperature: {melt:g} K given, expected more than room_temperature ({room:g} K)')
    return {'melt': melt, 'room': room}


def rate_label(rate: float) -> str:
    """Name of a quench rate that may stand in a link label, e.g. 2.2 K/ps: rate_2p2."""
    return f'rate_{rate:g}'.replace('.', 'p').replace('-', 'm').replace('+', '')


def _schedule(settings: Mapping[str, Any], stages: Sequence[Mapping[str, Any]]) -> Schedule:
    return read_schedule(
        {
            'timestep': settings['timestep'],
            'thermo_every': settings['thermo_every'],
            'restart_every': settings['restart_every'],
            'stages': [_with_temperatures(stage, _temperatures(settings)) for stage in stages],
        }
    )


def _with_temperatures(stage: Mapping[str, Any], temperatures: Mapping[str, float]) -> dict[str, Any]:
    named = dict(stage)
    for key in ('temperature', 'temperature_end'):
        value = named.get(key)
        if isinstance(value, str):
            if value not in temperatures:
                raise ValueError(f"{key}: {value!r} given, expected a number in K, 'melt' or 'room'")
            named[key] = temperatures[value]
    return named

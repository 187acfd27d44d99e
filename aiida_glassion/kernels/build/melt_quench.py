"""The schedules of a melt-quench, from the settings of a protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

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
    quench = {'kind': 'ramp', 'name': QUENCH_STAGE, 'rate': rate, **settings['quench']}
    schedule = _schedule(settings, [quench, *settings['relax']])
    last = schedule.plan()[-1]
    if last.frames == 0 or last.steps < last.frames:
        raise ValueError('relax: its last stage must store frames (frames_every), they are what is analysed')
    return schedule


def rate_label(rate: float) -> str:
    """Name of a quench rate that may stand in a link label, e.g. 2.2 K/ps: rate_2p2."""
    return f'rate_{rate:g}'.replace('.', 'p').replace('-', 'm').replace('+', '')


def _schedule(settings: Mapping[str, Any], stages: Sequence[Mapping[str, Any]]) -> Schedule:
    temperatures = {'melt': settings['melt_temperature'], 'room': settings['room_temperature']}
    return read_schedule(
        {
            'timestep': settings['timestep'],
            'thermo_every': settings['thermo_every'],
            'restart_every': settings['restart_every'],
            'stages': [_with_temperatures(stage, temperatures) for stage in stages],
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

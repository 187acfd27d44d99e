"""The strains of elastic runs: which jobs there are, and the schedules that make them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiida_glassion.kernels.mechanics.elastic_settings import ElasticSettings
from aiida_glassion.kernels.mechanics.strain import VOIGT
from aiida_glassion.kernels.transport.sweep import temperature_label
from aiida_glassion.kernels.transport.sweep_plan import seed_of
from aiida_glassion.schedule import Schedule, read_schedule

VOLUME, NONE = 'volume', 'none'
"""Components beside Voigt's: all three lengths alike, and no strain at all."""
_MODES = {'xx': 'x', 'yy': 'y', 'zz': 'z', 'yz': 'yz', 'xz': 'xz', 'xy': 'xy', VOLUME: 'volume'}


@dataclass(frozen=True)
class State:
    """One strained state of a job, and the stage of the schedule whose output tells its stress.

    :param component: one of Voigt's, ``volume``, or ``none``: not strained.
    :param strain: Green–Lagrange strain; of ``volume`` the relative change of the volume; fractions.
    :param stage: index.
    """

    component: str
    strain: float
    stage: int


@dataclass(frozen=True)
class ElasticJob:
    """One job: it begins with the relaxed sample, goes through its states and comes back.

    :param label: ``strains``, or ``strain_xx`` …
    :param states: the first and the last, and at 0 K one after each sign of a component, are not strained.
    """

    label: str
    schedule: Schedule
    states: tuple[State, ...]


def relaxation(settings: ElasticSettings) -> Schedule:
    """To the nearest minimum; then, unless the cell is to stay, hardly warm dynamics at the pressure."""
    stages = [_minimise(settings, 'relax')]
    if settings.coupling != 'none':
        cold = _hold(settings, 'relax_cell', settings.relax.temperature, settings.relax.duration)
        stages.append(cold | _barostat(settings))
    return _schedule(settings, stages)


def equilibration(settings: ElasticSettings, temperature: float) -> Schedule:
    """Hold at temperature and pressure."""
    stage = _hold(settings, 'equilibrate', temperature, settings.equilibrate)
    if settings.coupling != 'none':
        stage |= _barostat(settings)
    return _schedule(settings, [stage])


def plan_jobs(settings: ElasticSettings, temperature: float) -> list[ElasticJob]:
    """All strains of one sample at one temperature.

    At 0 K every sign of a component begins and ends without strain, and goes to its largest strain first. Where atoms
    change their places for good, they do so there; what is measured from then on until no strain is elastic, and
    counted from the unstrained state that follows it. So the states do not depend on their order.
    """
    groups = [VOLUME] if 'bulk' in settings.methods else []
    groups += list(VOIGT) if 'stiffness' in settings.methods else []
    if settings.jobs == 'sample':
        return [_job(settings, temperature, 'strains', groups)]
    return [_job(settings, temperature, f'strain_{group}', [group]) for group in groups]


def _job(settings: ElasticSettings, temperature: float, label: str, groups: Sequence[str]) -> ElasticJob:
    stages: list[dict[str, Any]] = []
    states: list[State] = []

    def measure(component: str, strain: float) -> None:
        name = f'unstrained_{len(states):02d}' if component == NONE else _name(component, strain)
        if temperature == 0:
            stages.append(_minimise(settings, name))
        else:
            stages.append(_hold(settings, f'{name}_settle', temperature, settings.settle))
            stages.append(_hold(settings, name, temperature, settings.sample))
        states.append(State(component, strain, len(stages) - 1))

    measure(NONE, 0.0)
    for group in groups:
        sizes = settings.volume_strains if group == VOLUME else settings.strains
        now = 0.0
        for sign in (1.0, -1.0):
            for size in sorted(sizes, reverse=True):
                stages.append(_step(group, now, sign * size))
                now = sign * size
                measure(group, now)
            if temperature == 0 or sign < 0:
                stages.append(_step(group, now, 0.0))
                now = 0.0
            if temperature == 0:
                measure(NONE, 0.0)
    if temperature > 0:
        measure(NONE, 0.0)
    return ElasticJob(label, _schedule(settings, stages), tuple(states))


def _step(component: str, before: float, after: float) -> dict[str, Any]:
    """The stage that takes a cell from one strain of a component to another."""
    if component in ('yz', 'xz', 'xy'):
        strain = after - before
    else:
        strain = _stretch(component, after) / _stretch(component, before) - 1
    name = f'to_{_name(component, after) if after else NONE}'
    return {'kind': 'strain', 'name': name, 'mode': _MODES[component], 'strain': strain}


def _stretch(component: str, strain: float) -> float:
    """Length over length at no strain: of a Green–Lagrange strain, or of each side of a volume that changes."""
    return float((1 + strain) ** (1 / 3) if component == VOLUME else (1 + 2 * strain) ** 0.5)


def _name(component: str, strain: float) -> str:
    size = f'{abs(strain):g}'.replace('.', 'p').replace('-', 'm')
    return f'{component}_{"plus" if strain > 0 else "minus"}_{size}'


def _minimise(settings: ElasticSettings, name: str) -> dict[str, Any]:
    relax = settings.relax
    return {
        'kind': 'minimise', 'name': name, 'method': 'fire',
        'force_tolerance': relax.force_tolerance, 'max_steps': relax.max_steps,
    }  # fmt: skip


def _hold(settings: ElasticSettings, name: str, temperature: float, duration: float) -> dict[str, Any]:
    return {
        'kind': 'hold', 'name': name, 'temperature': temperature, 'duration': duration,
        'temperature_damping': settings.temperature_damping, 'pressure_damping': settings.pressure_damping,
    }  # fmt: skip


def _barostat(settings: ElasticSettings) -> dict[str, Any]:
    return {'ensemble': 'npt', 'pressure': settings.pressure, 'coupling': settings.coupling}


def _schedule(settings: ElasticSettings, stages: Sequence[Mapping[str, Any]]) -> Schedule:
    intervals = ('timestep', 'thermo_every', 'restart_every')
    content = {name: getattr(settings, name) for name in intervals}
    return read_schedule({'stages': [dict(stage) for stage in stages], 'frames_every': 0.0, **content})


@dataclass(frozen=True)
class PlannedSample:
    """One glass at one temperature.

    :param label: ``T0300_dense``.
    :param temperature: K; 0: relaxed.
    :param glass: its name.
    :param seed: its own.
    """

    label: str
    temperature: float
    glass: str
    seed: int


def plan_samples(temperatures: Collection[float], glasses: Collection[str], seed: int) -> list[PlannedSample]:
    """All glasses at all temperatures, the coldest first; a seed depends on its own sample alone."""
    return [
        PlannedSample(label, float(temperature), glass, seed_of(seed, label))
        for temperature in sorted(temperatures)
        for glass in sorted(glasses)
        for label in (f'{temperature_label(temperature)}_{glass}',)
    ]


def replica_groups(glasses: Mapping[str, Mapping[str, int]]) -> dict[str, list[str]]:
    """Which glasses are replicas: of one name but for a number at its end, with as many atoms of each element.

    :param glasses: atoms by element, by name of the glass.
    :returns: names of the glasses by group; ``dense_1`` and ``dense_2`` are of the group ``dense``.
    """
    stems: dict[str, list[str]] = defaultdict(list)
    for name in sorted(glasses):
        stems[re.sub(r'_?\d+$', '', name) or name].append(name)
    found: dict[str, list[str]] = {}
    for stem, names in stems.items():
        first = dict(glasses[names[0]])
        alike = len(names) > 1 and all(dict(glasses[name]) == first for name in names)
        found |= {stem: names} if alike else {name: [name] for name in names}
    return found

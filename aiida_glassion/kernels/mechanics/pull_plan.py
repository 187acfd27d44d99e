"""The pulls of a study, and what molecular dynamics does in each piece of one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aiida_glassion.kernels.mechanics.pull_settings import AXES, Axis, FractureSettings, Kind, PullSettings
from aiida_glassion.kernels.transport.sweep_plan import seed_of
from aiida_glassion.schedule import Schedule, read_schedule

RIGHT_ANGLE = 1e-3
"""Largest part of its length by which a cell vector may lean."""


@dataclass(frozen=True)
class PlannedPull:
    """One pull of a study.

    :param label: ``glass_00_notched_z_2x2x1_r0p001``.
    :param rate: 1/ps; None of steps.
    :param size: how often the sample is repeated along its cell vectors.
    :param seed: its own; that depends on the label alone.
    """

    label: str
    glass: str
    kind: Kind
    axis: Axis
    rate: float | None
    size: tuple[int, int, int]
    seed: int


def plan_pulls(settings: FractureSettings, glasses: Collection[str], seed: int) -> list[PlannedPull]:
    """All pulls: small samples and high rates first, for they tell soonest; of a sample tension before the notch."""
    rates: Sequence[float | None] = sorted(settings.rates, reverse=True) or [None]
    kinds = sorted(settings.kinds, reverse=True)
    return [
        PlannedPull(label, glass, kind, axis, rate, size, seed_of(seed, label))
        for size in sorted(settings.sizes, key=lambda one: (one[0] * one[1] * one[2], one))
        for rate in rates
        for glass in sorted(glasses)
        for axis in settings.axes
        for kind in kinds
        for label in (f'{glass}_{kind}_{axis}_{size_label(size)}_{rate_label(rate)}',)
    ]


def size_label(size: Sequence[int]) -> str:
    """``2x2x1``."""
    return 'x'.join(str(number) for number in size)


def rate_label(rate: float | None) -> str:
    """``r0p001`` of 0.001 1/ps; ``steps`` where there is none."""
    return 'steps' if rate is None else 'r' + f'{rate:.6g}'.replace('.', 'p').replace('-', 'm').replace('+', '')


def cell_lengths(cell: Any) -> tuple[float, float, float]:
    """Lengths of a cell with right angles, Å.

    :param cell: (3, 3), Å, rows are the cell vectors.
    :raises ValueError: it leans.
    """
    box = np.asarray(cell, dtype=np.float64)
    lengths = np.linalg.norm(box, axis=1)
    cosines = (box @ box.T) / np.outer(lengths, lengths) - np.eye(3)
    if np.abs(cosines).max() > RIGHT_ANGLE:
        angles = ', '.join(f'{np.degrees(np.arccos(cosines[i, j])):.1f}°' for i, j in ((1, 2), (0, 2), (0, 1)))
        raise ValueError(f'a cell with the angles {angles}; samples are pulled along edges at right angles')
    return float(lengths[0]), float(lengths[1]), float(lengths[2])


def across(axis: Axis) -> str:
    """The two other axes: ``xy`` of z."""
    return ''.join(other for other in AXES if other != axis)


def equilibration(settings: PullSettings) -> Schedule:
    """Hold at temperature and pressure before the pull."""
    stages: list[dict[str, Any]] = [_minimise(settings, 'minimise')] if settings.equilibrate.minimise else []
    hold = {**_bath(settings, free=True), 'kind': 'hold', 'name': 'equilibrate', 'coupling': 'aniso'}
    return _schedule(settings, [*stages, {**hold, 'duration': settings.equilibrate.duration, 'frames_every': 0.0}])


def piece(settings: PullSettings, axis: Axis, number: int) -> Schedule:
    """What one job of a pull does.

    :param number: of the piece, from 0.
    """
    stages = _steps(settings, axis, number) if settings.mode == 'steps' else [_deform(settings, axis, number)]
    return _schedule(settings, stages)


def relaxation(settings: PullSettings, axis: Axis, broken: bool) -> Schedule:
    """Minimise at no stress; along the load a broken sample has none, whatever its length.

    Conjugate gradients, which alone can move the cell; FIRE then goes on in the cell that was found.
    """
    most = {'max_steps': 10 * settings.minimise.max_steps}
    cell = {**_minimise(settings, 'relax'), **most, 'method': 'cg', 'pressure': 0.0}
    cell['coupling'] = across(axis) if broken else 'aniso'
    return _schedule(settings, [cell, {**_minimise(settings, 'settle'), **most}])


def _deform(settings: PullSettings, axis: Axis, number: int) -> dict[str, Any]:
    begin, end = settings.reach(number)
    rate = settings.rate or 1.0
    return {
        **_bath(settings, free=settings.lateral == 'free'),
        'kind': 'deform',
        'name': 'pull',
        'mode': axis,
        'coupling': 'aniso',
        'strain': (1 + end) / (1 + begin) - 1,
        'duration': (end - begin) / rate,
        'frames_every': settings.snapshots_every / rate,
    }


def _steps(settings: PullSettings, axis: Axis, number: int) -> list[dict[str, Any]]:
    begin, end = (round(strain / settings.step) for strain in settings.reach(number))
    stages: list[dict[str, Any]] = []
    for k in range(0 if begin == 0 else begin + 1, end + 1):
        strain = (1 + k * settings.step) / (1 + (k - 1) * settings.step) - 1
        if k > 0:
            stages.append({'kind': 'strain', 'name': f'strain_{k:03d}', 'mode': axis, 'strain': strain})
        stages += [_minimise(settings, f'minimise_{k:03d}'), _hold(settings, axis, k)]
        if settings.measure == 'minimised':
            stages.append(_minimise(settings, f'measure_{k:03d}'))
    return stages


def _hold(settings: PullSettings, axis: Axis, k: int) -> dict[str, Any]:
    free = settings.lateral == 'free'
    stored = k > 0 and k % round(settings.snapshots_every / settings.step) == 0
    return {
        **_bath(settings, free=free),
        'kind': 'hold',
        'name': f'hold_{k:03d}',
        **({'coupling': across(axis)} if free else {}),
        'duration': settings.hold,
        'frames_every': settings.hold if stored else 0.0,
    }


def _bath(settings: PullSettings, free: bool) -> dict[str, Any]:
    bath = {
        'ensemble': 'npt' if free else 'nvt',
        'temperature': settings.temperature,
        'temperature_damping': settings.temperature_damping,
    }
    pressed = {'pressure': settings.pressure, 'pressure_damping': settings.pressure_damping}
    return {**bath, **(pressed if free else {})}


def _minimise(settings: PullSettings, name: str) -> dict[str, Any]:
    """By forces alone (FIRE): conjugate gradients end early where energies jump at a cutoff."""
    return {'kind': 'minimise', 'name': name, 'method': 'fire', **settings.minimise.model_dump()}


def _schedule(settings: PullSettings, stages: Sequence[Mapping[str, Any]]) -> Schedule:
    content = {name: getattr(settings, name) for name in ('timestep', 'thermo_every', 'restart_every')}
    return read_schedule({**content, 'frames_every': 0.0, 'stages': [dict(stage) for stage in stages]})

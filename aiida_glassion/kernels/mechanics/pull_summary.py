"""What one pull says: modulus, strength, work, energy of fracture and of the new surfaces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.mechanics.crack import separation
from aiida_glassion.kernels.mechanics.fracture import fracture_energy, fracture_warnings, surface_energy
from aiida_glassion.kernels.mechanics.pull_curve import FloatArray, PullCurve, is_broken
from aiida_glassion.kernels.mechanics.pull_settings import AXES, Axis, PullSettings
from aiida_glassion.kernels.mechanics.tension import Tension, analyse_tension
from aiida_glassion.kernels.statistics import line_fit

Number = dict[str, float | None]

_HELD_TOGETHER = 3.5
"""Å; atoms nearer than that hold a sample together."""

UNITS = {
    'rate': '1/ps', 'temperature': 'K', 'lengths': 'Å', 'area': 'Å²', 'crack_area': 'Å²', 'young': 'GPa',
    'poisson': '1', 'surface_energy': 'J/m²', 'energies': 'eV', 'end': '1', 'tension.young': 'GPa',
    'tension.residual_stress': 'GPa', 'tension.strength': 'GPa', 'tension.toughness': 'J/m³', 'tension.work': 'J/m²',
    'fracture.energy': 'J/m²', 'fracture.work': 'J/m²', 'fracture.length': 'Å',
}  # fmt: skip


def report_pull(about: Mapping[str, Any], curve: PullCurve | None, settings: PullSettings) -> dict[str, Any]:
    """Numbers of one pull.

    :param about: ``axis``, ``n_atoms``, ``lengths`` (Å, three, at the start), ``crack_area`` (Å²), ``separated`` (None
        if nobody looked), ``energies`` (eV: ``whole`` and ``broken``, where they are known), ``stopped``: why the pull
        ended early, or None.
    :param curve: None: nothing was measured.
    """
    notched, lengths = settings.kind == 'notched', about['lengths']
    area = _area(lengths, about['axis'])
    crack_area = about['crack_area'] if notched else 0.0
    tension, problem = _tension(curve, settings)
    broken = curve is not None and tension is not None and is_broken(curve, settings, about.get('separated'))
    fracture = None
    if curve is not None and tension is not None and notched and len(curve.strain) > 2:
        free = curve.areas if settings.lateral == 'free' else None
        found = fracture_energy(
            curve.lengths, curve.stress, area, crack_area, free, settings.broken_part, settings.window
        )
        fracture = {**asdict(found), 'complete': found.complete or broken}
    young, poisson = elastic_of(curve, settings) if curve is not None and tension is not None else (None, None)
    energies = about.get('energies') or {}
    surface = None
    if broken and 'whole' in energies and 'broken' in energies:
        surface = surface_energy(energies['broken'], energies['whole'], area - crack_area)
    end = None if curve is None else float(curve.strain[-1])
    return {
        'kind': settings.kind,
        'mode': settings.mode,
        'axis': about['axis'],
        'rate': settings.rate,
        'temperature': settings.temperature,
        'lateral': settings.lateral,
        'n_atoms': about['n_atoms'],
        'lengths': list(lengths),
        'area': area,
        'crack_area': crack_area,
        'tension': None if tension is None else asdict(tension),
        'young': young,
        'poisson': poisson,
        'fracture': fracture,
        'surface_energy': surface,
        'energies': dict(energies),
        'broken': broken,
        'separated': about.get('separated'),
        'end': end,
        'reason': _reason(about.get('stopped'), problem, broken, end, settings),
        'warnings': _warnings(about, tension, broken, notched, settings),
        'units': UNITS,
    }


def is_separated(frames: Frames, axis: Axis) -> bool:
    """Whether no chain of atoms leads through a sample along the load, in the last frame."""
    cell = np.asarray(frames.cells[-1], dtype=np.float64)
    return separation(frames.positions[-1], cell, AXES.index(axis), _HELD_TOGETHER).separated


def elastic_of(curve: PullCurve, settings: PullSettings) -> tuple[Number | None, Number | None]:
    """Young's modulus, GPa, and Poisson's ratio of the first part of a pull, of an isotropic body.

    With free sides, the slope and how much thinner the sample gets. With fixed sides, C11 and C12 by the stresses along
    and across the load: ν = C12/(C11 + C12), E = C11 (1 + ν)(1 − 2ν)/(1 − ν).

    :returns: each as ``value`` and ``error`` (None where not known); None where there is no such number.
    """
    chosen = curve.strain <= settings.slope_to * (1 + 1e-6)
    x = curve.strain[chosen]
    if len(x) < 2:
        return None, None
    slope, error = _line(x, curve.stress[chosen])
    first, second = curve.sides
    if settings.lateral == 'free':
        thinner = np.mean([curve.cells[chosen, side] / curve.cells[0, side] for side in (first, second)], axis=0)
        ratio, ratio_error = _line(x, -thinner)
        return {'value': slope, 'error': error}, {'value': ratio, 'error': ratio_error}
    other, other_error = _line(x, curve.stresses[chosen][:, [first, second]].mean(axis=1))
    if slope + other <= 0:
        return None, None
    nu = other / (slope + other)
    factor = (1 + nu) * (1 - 2 * nu) / (1 - nu)
    told = error is not None and other_error is not None
    spread = float(np.hypot(slope * (other_error or 0.0), other * (error or 0.0))) / (slope + other) ** 2
    steep = slope * (2 * nu**2 - 4 * nu) / (1 - nu) ** 2
    modulus_error = float(np.hypot(factor * (error or 0.0), steep * spread))
    return (
        {'value': slope * factor, 'error': modulus_error if told else None},
        {'value': nu, 'error': spread if told else None},
    )


def _line(x: FloatArray, y: FloatArray) -> tuple[float, float | None]:
    if len(x) >= 4:
        fit = line_fit(x, y)
        return fit.slope, fit.slope_error
    return float(np.polyfit(x, y, 1)[0]), None


def _area(lengths: Any, axis: str) -> float:
    sides = [length for name, length in zip('xyz', lengths, strict=True) if name != axis]
    return float(sides[0] * sides[1])


def _tension(curve: PullCurve | None, settings: PullSettings) -> tuple[Tension | None, str | None]:
    """The numbers of the curve, or why there are none."""
    if curve is None:
        return None, 'nothing was measured'
    try:
        found = analyse_tension(
            curve.strain,
            curve.stress,
            float(curve.lengths[0] / (1 + curve.strain[0])),
            settings.slope_to,
            settings.failure_part,
            settings.broken_part,
            settings.window,
        )
    except ValueError as error:
        return None, str(error)
    return found, None


def _reason(stopped: str | None, problem: str | None, broken: bool, end: float | None, settings: PullSettings) -> str:
    if stopped:
        return stopped + (f'; {problem}' if problem else '')
    if problem:
        return problem
    where = f'at a strain of {end:.3g}' if end is not None else 'at once'
    part = f'{100 * settings.broken_part:g} %'
    if broken:
        return f'broken: ended {where}, the stress below {part} of the strength over the last {settings.lasting:g}'
    return f'not broken {where}: the stress has not stayed below {part} of the strength over {settings.lasting:g}'


def _warnings(
    about: Mapping[str, Any], tension: Tension | None, broken: bool, notched: bool, settings: PullSettings
) -> list[str]:
    if tension is None:
        return []
    free = settings.lateral == 'free'
    said = fracture_warnings(about['n_atoms'], settings.rate, notched, broken, free)
    if broken and about.get('separated') is False:
        said.append('there is no stress, but chains of atoms still lead through: γ_s is not that of two whole surfaces')
    if broken and settings.surface_energy and len(about.get('energies') or {}) < 2:
        said.append('no surface energy: a minimisation failed')
    return said

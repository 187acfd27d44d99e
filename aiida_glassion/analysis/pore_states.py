"""A glass before pores were cut, with the pores as they were cut, and after they relaxed: what changed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.analysis.request import read_request
from aiida_glassion.analysis.result import Curve, Result
from aiida_glassion.analysis.run import analyse
from aiida_glassion.analysis.sources import of_frames
from aiida_glassion.analysis.voids import VoidSettings
from aiida_glassion.frames import Frames
from aiida_glassion.kernels.build.pores import shape_from_dict
from aiida_glassion.kernels.build.porous_plan import PorousSettings
from aiida_glassion.kernels.space.pore_spheres import judge_closed, largest_in_regions
from aiida_glassion.kernels.space.voids import van_der_waals_radius
from aiida_glassion.kernels.statistics import block_standard_error

FloatArray = npt.NDArray[np.float64]

DENSE, CARVED, RELAXED = 'dense', 'carved', 'relaxed'
STATES = (DENSE, CARVED, RELAXED)
_PLAIN = (
    'free_fraction',
    'centre_fraction',
    'percolating_fraction',
    'occupiable_fraction',
    'mean_pore_diameter',
    'cavities',
    'largest_cavity',
    'surface',
    'surface_per_mass',
    'dimension',
)
UNITS = {
    'density': 'g/cm³',
    'volume': 'Å³',
    'free_fraction': '1',
    'largest_sphere_diameter': 'Å',
    'mean_pore_diameter': 'Å',
    'largest_cavity': 'Å³',
    'surface': 'Å²',
    'surface_per_mass': 'm²/g',
    'porosity': '1',
    'pores': 'Å',
    'distance': 'Å',
}
_DRIFT = 3.0
"""The density still changes where the two halves of the last stage differ by more than so many standard errors …"""
_LEAST_DRIFT = 2e-3
"""… and by more than this share."""
_LEAST_ROWS = 8


def report_pores(
    glass: Frames,
    carved: Frames,
    relaxed: Frames | None,
    thermo: Mapping[str, npt.NDArray[Any]] | None,
    record: Mapping[str, Any],
    settings: PorousSettings,
) -> tuple[dict[str, Any], dict[str, Curve]]:
    """Everything there is to say of a porous glass.

    :param glass: without pores; the last frame counts.
    :param carved: with the pores as they were cut.
    :param relaxed: after relaxation; None where it failed.
    :param thermo: of the relaxation: ``time`` ps, ``density`` g/cm³, ``stage``, ``iteration``.
    :param record: of :class:`.PorousGlass`.
    :returns: numbers, JSON-ready, and curves by ``state__name``: ``pore_sizes`` and ``cavity_radii`` of each state,
        ``course__density`` of the relaxation.
    :raises ValueError: an element has no radius.
    """
    frames = {DENSE: glass, CARVED: carved} | ({} if relaxed is None else {RELAXED: relaxed})
    states: dict[str, Any] = {}
    curves: dict[str, Curve] = {}
    warnings: list[str] = []
    for name, one in frames.items():
        result = _voids(one[-1], settings)
        states[name] = _state(one[-1], result)
        curves |= {f'{name}__{curve}': entry for curve, entry in result.curves.items()}
        warnings += [f'{name}: {text}' for text in result.warnings]
    results: dict[str, Any] = {**record, 'states': states}
    if thermo is not None:
        curves['course__density'], results['density'] = _density(thermo)
        warnings += results['density'].pop('warnings')
    results['porosity_from_density'] = {
        name: 1.0 - state['density'] / states[DENSE]['density'] for name, state in states.items() if name != DENSE
    }
    results['pore_diameters'], results['closed'] = _pores(frames, states, record, settings)
    closed = results['closed']
    if closed is not None and closed['n_closed'] and not closed['closed']:
        warnings.append(closed['reason'])
    return {**results, 'warnings': warnings, 'units': UNITS}, curves


def check_voids(given: Mapping[str, Any]) -> None:
    """Refuse settings that the ``voids`` analysis does not have.

    :raises ValueError: says which.
    """
    read_request({'analyses': {'voids': dict(given)}})


def _voids(frames: Frames, settings: PorousSettings) -> Result:
    outcome = analyse(read_request({'analyses': {'voids': settings.voids}}), of_frames(frames))
    if 'voids' in outcome.failed:
        raise ValueError(f'voids: {outcome.failed["voids"]}')
    return outcome.results['voids']


def _state(frames: Frames, result: Result) -> dict[str, Any]:
    numbers = {name: _mean(result.numbers[name]) for name in _PLAIN if name in result.numbers}
    return {
        'n_atoms': frames.n_atoms,
        'density': float(frames.densities[0]),
        'volume': float(frames.volumes[0]),
        'largest_sphere_diameter': 2 * _mean(result.numbers['largest_sphere_radius']),
        **numbers,
    }


def _mean(entry: Any) -> float:
    return float(entry['mean'] if isinstance(entry, Mapping) else entry)


def _density(thermo: Mapping[str, npt.NDArray[Any]]) -> tuple[Curve, dict[str, Any]]:
    """Density in time, and its mean over the last stage."""
    rows = np.asarray(thermo['iteration']) == 0
    time, density, stage = (np.asarray(thermo[name])[rows] for name in ('time', 'density', 'stage'))
    curve = Curve(time.astype(float), density.astype(float), 't', 'ps', 'ρ', 'g/cm³')
    last = density[stage == stage.max()].astype(float) if len(stage) else np.zeros(0)
    found: dict[str, Any] = {'mean': None, 'standard_error': None, 'n': len(last), 'warnings': []}
    if len(last):
        found['mean'] = float(last.mean())
    if len(last) >= _LEAST_ROWS:
        found['standard_error'] = float(block_standard_error(last).standard_error)
        halves = [part for part in np.array_split(last, 2) if len(part) >= 4]
        if len(halves) == 2:
            errors = [float(block_standard_error(part).standard_error) for part in halves]
            change = float(halves[1].mean() - halves[0].mean())
            if abs(change) > max(_DRIFT * math.hypot(*errors), _LEAST_DRIFT * found['mean']):
                text = f'the density still {"rises" if change > 0 else "falls"} at the end of the relaxation'
                found['warnings'].append(f'{text} ({change:+.3f} g/cm³ from half to half of the last stage)')
    return curve, found


def _pores(
    frames: Mapping[str, Frames], states: Mapping[str, Any], record: Mapping[str, Any], settings: PorousSettings
) -> tuple[dict[str, list[float]], dict[str, Any] | None]:
    """Largest sphere in each pore, as cut and after relaxation, and whether they are open."""
    shapes = [shape_from_dict(entry) for entry in record['pores']]
    built = np.asarray(frames[CARVED].cells[-1], dtype=np.float64)
    voids = VoidSettings.model_validate(settings.voids)
    found: dict[str, FloatArray] = {}
    for name in (CARVED, RELAXED):
        if name not in frames:
            continue
        last = frames[name]
        radii = {e: voids.radii.get(e) or van_der_waals_radius(e) for e in last.elements}
        found[name] = largest_in_regions(
            np.asarray(last.positions[-1], dtype=np.float64),
            np.asarray(last.cells[-1], dtype=np.float64),
            np.array([radii[symbol] for symbol in last.symbols], dtype=np.float64),
            shapes,
            built,
            voids.spacing,
        )
    plain = {name: diameters.tolist() for name, diameters in found.items()}
    if RELAXED not in found:
        return plain, None
    dense = states[DENSE]['largest_sphere_diameter']
    return plain, judge_closed(dense, found[CARVED], found[RELAXED], settings.closed_below)

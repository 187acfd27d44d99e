"""What the strained states of one sample mean: K, elastic constants, moduli, isotropy, and what to be wary of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.mechanics.elastic import BulkModulus, Stiffness, bulk_modulus, elastic_constants
from aiida_glassion.kernels.mechanics.elastic_measure import (
    Measured,
    Return,
    pressure_volume,
    returns_of,
    stress_strain,
)
from aiida_glassion.kernels.mechanics.elastic_plan import NONE, VOLUME
from aiida_glassion.kernels.mechanics.elastic_settings import ElasticSettings
from aiida_glassion.kernels.mechanics.moduli import MODULI, isotropy, lowest_stiffness, moduli
from aiida_glassion.kernels.mechanics.strain import VOIGT

FloatArray = npt.NDArray[np.float64]
UNITS = {
    'temperature': 'K', 'density': 'g/cm³', 'volume': 'Å³', 'pressure': 'GPa', 'residual_stress': 'GPa',
    'modulus': 'GPa', 'constants': 'GPa', 'asymmetry': 'GPa', 'lowest_stiffness': 'GPa', 'moduli': 'GPa',
    'poisson': '1', 'energy': 'eV', 'stress': 'GPa',
}  # fmt: skip
"""Units of the numbers of a sample."""
CURVE_UNITS = {'strain': '1', 'stress': 'GPa', 'error': 'GPa', 'volume': 'Å³', 'pressure': 'GPa', 'constants': 'GPa'}
_ASYMMETRIC, _PRESSED = 0.05, 0.1
"""Share of the largest constant, and GPa, above which a reader should know."""


@dataclass(frozen=True, eq=False)
class SampleElastic:
    """One sample at one temperature.

    :param results: JSON-ready, see :func:`analyse_sample`.
    :param curves: arrays by name; units by the last part of it in :data:`CURVE_UNITS`.
    :param stiffness: None where it was not asked for, or not all of it came out.
    """

    results: dict[str, Any]
    curves: dict[str, FloatArray]
    stiffness: Stiffness | None


def analyse_sample(
    settings: ElasticSettings,
    temperature: float,
    n_atoms: int,
    measured: Sequence[Measured],
    failed: Mapping[str, str] | None = None,
) -> SampleElastic:
    """Everything that the states of one sample tell.

    Residual stress, pressure, volume and density are of the first state that is not strained.

    :param temperature: K.
    :param measured: states of all jobs that ended.
    :param failed: why the other jobs did not, by label.
    :raises ValueError: there is no state.
    """
    if not measured:
        raise ValueError('measured: no state at all')
    begin = _begin(measured)
    returns = returns_of(measured)
    bulk = _bulk(measured) if 'bulk' in settings.methods else None
    stiffness = _stiffness(measured) if 'stiffness' in settings.methods else None
    tensor = None if stiffness is None else stiffness_record(stiffness)
    warnings = [f'{label} failed: {reason}' for label, reason in (failed or {}).items()]
    warnings += _warnings(settings, measured, returns, begin, stiffness)
    results = {
        'temperature': temperature,
        'n_atoms': n_atoms,
        'volume': begin.volume,
        'density': begin.density,
        'pressure': begin.pressure,
        'residual_stress': begin.stress.tolist(),
        'residual_stress_error': None if begin.stress_error is None else begin.stress_error.tolist(),
        'bulk': None if bulk is None else _bulk_record(bulk),
        'stiffness': tensor,
        'returns': [
            {'after': one.after, 'energy': one.energy, 'stress': one.stress, 'reversible': one.reversible}
            for one in returns
        ],
        'reversible': all(one.reversible for one in returns),
        'warnings': warnings,
        'units': UNITS,
    }
    return SampleElastic(results, _curves(measured, begin, stiffness), stiffness)


def stiffness_record(stiffness: Stiffness) -> dict[str, Any]:
    """Elastic constants with what follows from them, JSON-ready; ``moduli`` is None where C is not stable."""
    lowest = lowest_stiffness(stiffness.constants)
    judged = isotropy(stiffness)
    found = moduli(stiffness) if lowest > 0 else None
    return {
        'constants': stiffness.constants.tolist(),
        'errors': None if stiffness.errors is None else stiffness.errors.tolist(),
        'order': list(VOIGT),
        'asymmetry': stiffness.asymmetry,
        'lowest_stiffness': lowest,
        'stable': lowest > 0,
        'moduli': None if found is None else {
            name: {
                'mean': found.values[name],
                'standard_error': None if found.errors is None else found.errors.get(name),
                'n': 1,
            }
            for name in MODULI
        },
        'isotropy': {
            'deviation': judged.deviation, 'universal': judged.universal, 'zener': judged.zener, 'chi2': judged.chi2,
        },
    }  # fmt: skip


def _bulk(measured: Sequence[Measured]) -> BulkModulus | None:
    """K from p(V); its error is that of the fit, or of the pressures where that is larger."""
    signs = {np.sign(one.state.strain) for one in measured if one.state.component == VOLUME}
    if signs != {1.0, -1.0}:
        return None
    points = pressure_volume(measured)
    volumes = np.array([volume for volume, _, _ in points])
    found = bulk_modulus(volumes, [pressure for _, pressure, _ in points], _begin(measured).volume)
    errors = [error for _, _, error in points if error is not None]
    if len(errors) < len(points):
        return found
    from_mean = (volumes - volumes.mean()) / found.volume
    stated = float(np.sqrt((from_mean**2 * np.array(errors) ** 2).sum()) / (from_mean**2).sum())
    error = stated if found.error is None else max(stated, found.error)
    return BulkModulus(found.modulus, error, found.pressure, found.volume, found.n)


def _begin(measured: Sequence[Measured]) -> Measured:
    """The first state, which is not strained."""
    return next(one for one in measured if one.state.component == NONE)


def _bulk_record(bulk: BulkModulus) -> dict[str, Any]:
    return {
        'modulus': {'mean': bulk.modulus, 'standard_error': bulk.error, 'n': 1},
        'pressure': bulk.pressure,
        'points': bulk.n,
    }


def _stiffness(measured: Sequence[Measured]) -> Stiffness | None:
    """C where every component was strained both ways, else None."""
    strains, stresses, errors = stress_strain(measured)
    try:
        return elastic_constants(strains, stresses, errors)
    except ValueError:
        return None


def _warnings(
    settings: ElasticSettings,
    measured: Sequence[Measured],
    returns: Sequence[Return],
    begin: Measured,
    stiffness: Stiffness | None,
) -> Iterator[str]:
    lost = [one for one in returns if not one.reversible]
    if lost and begin.stress_error is None:
        worst = max(lost, key=lambda one: one.stress)
        where = ', '.join(dict.fromkeys(one.after for one in lost))
        yield (
            f'atoms changed places for good when strained in {where} (stress: by up to {worst.stress:.2g} GPa); '
            'the constants are those of the way back'
        )
    elif lost:
        yield (
            f'the stress at no strain is not what it was at the beginning (by {lost[0].stress:.2g} GPa): the sample '
            'still ages; equilibrate longer, or take smaller strains'
        )
    short = [one for one in measured if not one.converged]
    if short and begin.stress_error is None:
        yield (
            f'{len(short)} of {len(measured)} states reached max_steps before the forces were below relax.'
            f'force_tolerance ({settings.relax.force_tolerance:g} eV/Å)'
        )
    elif short:
        yield (
            f'{len(short)} of {len(measured)} stress series are too short for their own memory: errors are lower '
            'bounds; sample longer'
        )
    if settings.coupling != 'none' and abs(begin.pressure - settings.pressure) > _PRESSED + 3 * (
        begin.pressure_error or 0.0
    ):
        yield (
            f'the pressure at no strain is {begin.pressure:.2g} GPa, {settings.pressure:g} GPa were wanted; '
            'relax or equilibrate longer'
        )
    if stiffness is None:
        return
    largest = float(np.abs(stiffness.constants).max())
    noise = 0.0 if stiffness.errors is None else 3 * float(stiffness.errors.max())
    if stiffness.asymmetry > max(_ASYMMETRIC * largest, noise):
        yield (
            f'the two sides of the diagonal of C differ by up to {2 * stiffness.asymmetry:.2g} GPa: strains are '
            'outside the linear range, or atoms are not relaxed'
        )
    lowest = lowest_stiffness(stiffness.constants)
    if lowest <= 0:
        yield f'not stable: the smallest eigenvalue of C is {lowest:.3g} GPa, so there are no moduli'


def _curves(measured: Sequence[Measured], begin: Measured, stiffness: Stiffness | None) -> dict[str, FloatArray]:
    """What was measured, by the last part of the name as in :data:`CURVE_UNITS`."""
    strained = [one for one in measured if one.state.component in VOIGT]
    curves: dict[str, FloatArray] = {}
    if strained:
        strains, stresses, errors = stress_strain(measured)
        curves |= {'stiffness__strain': strains, 'stiffness__stress': stresses}
        curves |= {} if errors is None else {'stiffness__error': errors}
    points = pressure_volume(measured)
    if points:
        curves['bulk__volume'] = np.array([volume for volume, _, _ in points])
        curves['bulk__strain'] = curves['bulk__volume'] / begin.volume - 1
        curves['bulk__pressure'] = np.array([pressure for _, pressure, _ in points])
        errors_of_pressure = [error for _, _, error in points if error is not None]
        if len(errors_of_pressure) == len(points):
            curves['bulk__error'] = np.array(errors_of_pressure)
    if stiffness is not None:
        curves['stiffness__constants'] = stiffness.constants
    return curves

"""All runs of a diffusion sweep together: by composition and temperature, lines through them, σ over compositions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from aiida_glassion.kernels.transport.arrhenius import ArrheniusFit
from aiida_glassion.kernels.transport.sweep import (
    Run,
    formula_of,
    is_told,
    plain_mean,
    pool_conductivity,
    pool_ion,
    temperature_label,
)
from aiida_glassion.kernels.transport.sweep_lines import Line, fit_line, line_entry, line_warnings

UNITS = {
    'temperature': 'K', 'temperatures': 'K', 'density': 'g/cm³', 'volume': 'Å³', 'D': 'cm²/s', 'upper_limit': 'cm²/s',
    'nernst_einstein': 'S/cm', 'collective': 'S/cm', 'haven_ratio': '1', 'length': 'ps', 'x': 'atomic fraction',
    'activation_energy': 'eV', 'prefactor of D': 'cm²/s', 'prefactor of sigma_T': 'S K/cm', 'at_300 of D': 'cm²/s',
    'at_300 of sigma_T': 'S/cm', 'sigma': 'S/cm',
}  # fmt: skip
Lines = dict[str, dict[str, ArrheniusFit]]


def summarise(runs: Sequence[Run], moved: Mapping[str, str] | None = None) -> tuple[dict[str, Any], Lines]:
    """What a sweep says.

    :param runs: every one that was begun, also those that failed.
    :param moved: by label of a run, that its framework moves as that of a melt, in words.
    :returns: the results, see docs/topics/diffusion-sweep.md, and by composition the lines that could be fitted.
    """
    formulas = sorted({formula_of(run.counts) for run in runs})
    ions = sorted({element for run in runs for element in run.ions})
    compositions, lines, warnings = {}, {}, []
    for formula in formulas:
        members = [run for run in runs if formula_of(run.counts) == formula]
        compositions[formula], lines[formula] = _composition(formula, members)
        before = f'{formula}: ' if len(formulas) > 1 else ''
        warnings += [f'{before}{words}' for words in _warnings(compositions[formula], lines[formula])]
    warnings += _framework(runs, moved or {})
    results = {
        'ions': ions,
        'temperatures': sorted({run.temperature for run in runs}),
        'n_points': len(runs),
        'units': UNITS,
        'compositions': compositions,
        'series': _series(compositions, ions),
        'warnings': warnings,
    }
    return results, lines


def _composition(formula: str, runs: Sequence[Run]) -> tuple[dict[str, Any], dict[str, ArrheniusFit]]:
    counts = runs[0].counts
    ions = sorted({element for run in runs for element in run.ions})
    temperatures = {
        temperature_label(value): _temperature(value, [run for run in runs if run.temperature == value], ions)
        for value in sorted({run.temperature for run in runs})
    }
    fits = {
        **{f'D_{ion}': fit_line('D', _points(temperatures, ion)) for ion in ions},
        'sigma_T': fit_line('sigma_T', _sigma_points(temperatures, 'nernst_einstein')),
        'sigma_T_collective': fit_line('sigma_T', _sigma_points(temperatures, 'collective')),
    }
    entry = {
        'formula': formula,
        'x': {element: number / sum(counts.values()) for element, number in sorted(counts.items())},
        'n_atoms': sorted({sum(run.counts.values()) for run in runs}),
        'temperatures': temperatures,
        'arrhenius': {name: line_entry(fit) for name, fit in fits.items()},
    }
    return entry, {name: fit for name, fit in fits.items() if isinstance(fit, ArrheniusFit)}


def _temperature(temperature: float, runs: Sequence[Run], ions: Sequence[str]) -> dict[str, Any]:
    return {
        'temperature': temperature,
        'density': plain_mean([run.density for run in runs if run.density is not None]),
        'volume': plain_mean([run.volume for run in runs if run.volume is not None]),
        'ions': {element: pool_ion(runs, element) for element in ions},
        'conductivity': pool_conductivity(runs),
        'replicas': {run.label: _replica(run) for run in sorted(runs, key=lambda run: run.label)},
    }


def _replica(run: Run) -> dict[str, Any]:
    return {
        'status': run.status,
        'reason': run.reason,
        'length': run.length,
        'seed': run.seed,
        'glass': run.glass,
        'ions': {
            element: {'D': pool_one(ion.D, ion.error), 'diffusive': ion.diffusive, 'reason': ion.reason}
            for element, ion in run.ions.items()
        },
        'conductivity': {
            name: None if pair is None else pool_one(*pair)
            for name, pair in (('nernst_einstein', run.nernst_einstein), ('collective', run.collective))
        },
    }


def pool_one(value: float, error: float) -> dict[str, Any]:
    """A number of one run as the pooled ones are written."""
    from aiida_glassion.kernels.transport.diffusion import positive_interval

    low, high = positive_interval(value, error) if error > 0 else (value, value)
    return {'mean': value, 'standard_error': error, 'low': low, 'high': high, 'n': 1, 'widened': 1.0}


def _points(temperatures: Mapping[str, Any], ion: str) -> list[Line]:
    found = []
    for entry in temperatures.values():
        one = entry['ions'][ion]
        found.append(Line(entry['temperature'], one['D'], one['excluded'], one['upper_limit']))
    return found


def _sigma_points(temperatures: Mapping[str, Any], name: str) -> list[Line]:
    found = []
    for entry in temperatures.values():
        number, excluded = entry['conductivity'][name], entry['conductivity']['excluded']
        if excluded is None and number is None:
            excluded = 'no charges'
        elif excluded is None and not is_told(number):
            told = f'{number["mean"]:.2g} ± {number["standard_error"]:.1g} S/cm'
            excluded, number = f'the runs are too short to tell it ({told})', None
        if number is not None:
            kelvin = entry['temperature']
            number = {**number, **{key: number[key] * kelvin for key in ('mean', 'standard_error')}}
        found.append(Line(entry['temperature'], number, excluded, None))
    return found


def _warnings(entry: Mapping[str, Any], lines: Mapping[str, ArrheniusFit]) -> list[str]:
    found = [
        f'{element} at {one["temperature"]:g} K is left out: {ion["excluded"]}'
        for one in entry['temperatures'].values()
        for element, ion in one['ions'].items()
        if ion['excluded']
    ]
    if not any(one['ions'] for one in entry['temperatures'].values()):
        found.append('no run gave a result')
    return found + [f'{name}: {words}' for name, line in lines.items() for words in line_warnings(line)]


def _framework(runs: Sequence[Run], moved: Mapping[str, str]) -> list[str]:
    found: dict[float, str] = {run.temperature: moved[run.label] for run in runs if run.label in moved}
    return [f'{kelvin:g} K: {words}' for kelvin, words in sorted(found.items())]


def _series(compositions: Mapping[str, Any], ions: Sequence[str]) -> list[dict[str, Any]]:
    """One entry for each composition, by what it holds of the first ion."""
    found = []
    for formula, entry in compositions.items():
        fit = entry['arrhenius']['sigma_T']
        sigma = {label: one['conductivity']['nernst_einstein'] for label, one in entry['temperatures'].items()}
        at_300 = fit.get('at_300')
        sigma['300'] = None if at_300 is None else {key: at_300[key] for key in ('mean', 'low', 'high')}
        found.append(
            {'formula': formula, 'x': entry['x'], 'sigma': sigma, 'activation_energy': fit.get('activation_energy')}
        )
    first = ions[0] if ions else ''
    return sorted(found, key=lambda one: (one['x'].get(first, 0.0), one['formula']))


def n_usable(results: Mapping[str, Any]) -> int:
    """The most temperatures of any composition and ion at which there is a D."""
    counts = [
        sum(1 for one in entry['temperatures'].values() if (one['ions'].get(ion) or {}).get('D'))
        for entry in results['compositions'].values()
        for ion in results['ions']
    ]
    return int(np.max(counts)) if counts else 0

"""Numbers and curves of a diffusion sweep as tables for other programs: what is in the figures, and every replica."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from aiida_glassion.report.diffusion import Curves, Estimate, Group, Sweep, read_estimate
from aiida_glassion.report.diffusion_facts import fits_of, point_status, replica_values, room_of, value_at
from aiida_glassion.report.diffusion_figures import name_of
from aiida_glassion.report.diffusion_literature import Literature
from aiida_glassion.report.diffusion_series import courses_of, havens_of, series_points
from aiida_glassion.report.figures.channels import PLANES, best_points, channels_of

Table = tuple[str, list[str], list[list[Any]]]
_ESTIMATE = ['value', 'standard_error', 'low_95', 'high_95', 'n']
_UNIT = {'D': 'cm2/s', 'sigma_T': 'S K/cm', 'sigma_T_collective': 'S K/cm'}
_CURVES = {
    'msd': ('diffusion', 'msd_{}', 'msd (angstrom2)'),
    'exponent': ('diffusion', 'exponent_{}', 'd ln msd/d ln t'),
    'alpha2': ('dynamics', 'alpha2_{}', 'alpha2'),
    'mobile': ('dynamics', 'mobile_{}', 'mobile share'),
}
_AXES = 'abc'
_REPLICA_HEAD = [
    *('composition', 'run', 'T (K)', 'glass', 'seed', 'state', 'length (ps)', 'quantity', 'unit'),
    *_ESTIMATE,
    'diffusive',
]
_FIT_HEAD = [
    *('composition', 'quantity', 'E_a (eV)', 'standard_error', 'low_95', 'high_95', 'prefactor', 'prefactor unit'),
    *('chi2 per degree of freedom', 'widened', 'used (K)', 'at 300 K', 'low_95', 'high_95', 'unit'),
]


def sweep_tables(sweep: Sweep, literature: Sequence[Literature] = ()) -> Iterator[Table]:
    """Name, head with units, and rows of every table that is not empty."""
    for table in _all_tables(sweep, literature):
        if table[2]:
            yield table


def _all_tables(sweep: Sweep, literature: Sequence[Literature]) -> Iterator[Table]:
    yield 'temperatures', _temperature_head(), list(_temperature_rows(sweep))
    yield 'replicas', _REPLICA_HEAD, list(_replica_rows(sweep))
    yield 'arrhenius_fits', _FIT_HEAD, list(_fit_rows(sweep))
    yield (
        'arrhenius_lines',
        ['composition', 'quantity', 'unit', 'T (K)', 'value', 'low_95', 'high_95'],
        [
            [about.get('composition', ''), about.get('quantity', name), unit_of(str(about.get('quantity', name))), *row]
            for name, line in sweep.lines.items()
            for about in [sweep.about_lines.get(name, {})]
            for row in zip(line['T'], line['value'], line['low'], line['high'], strict=True)
        ],
    )
    yield (
        'haven',
        ['composition', 'T (K)', *_ESTIMATE],
        [
            [each.name, temperature, *_cells(estimate)]
            for each in havens_of(sweep)
            for temperature, estimate in each.pooled
        ],
    )
    for ion in sweep.ions[:1]:
        yield (
            'series',
            ['composition', f'{ion} (atomic fraction)', 'T (K)', 'sigma (S/cm)', *_ESTIMATE[1:]],
            [
                [point.formula, point.x, temperature, *_cells(estimate)]
                for point in series_points(sweep, ion)
                for temperature, estimate in [*point.sigma.items(), (300.0, point.extrapolated)]
                if estimate is not None
            ],
        )
    yield (
        'literature',
        ['citation', 'quantity', 'unit', 'ion', 'T (K)', 'value', 'standard_error', 'file'],
        [
            [given.citation, given.quantity, _UNIT[given.quantity], given.ion, *row, given.file]
            for given in literature
            for row in zip(given.temperature, given.value, given.error, strict=True)
        ],
    )
    for group in sweep.groups:
        for ion in sweep.ions:
            yield from _of_ion(sweep, group, ion)


def unit_of(quantity: str) -> str:
    """Unit of ``D_Na``, ``sigma_T`` or ``sigma_T_collective``."""
    return _UNIT.get(quantity, _UNIT['D'])


def _cells(estimate: Estimate | None) -> list[Any]:
    if estimate is None:
        return [None] * len(_ESTIMATE)
    return [estimate.value, estimate.error, estimate.low, estimate.high, estimate.n]


def _temperature_head() -> list[str]:
    return ['composition', 'T (K)', 'quantity', 'unit', *_ESTIMATE, 'widened', 'upper limit', 'left out because']


def _quantities(sweep: Sweep, group: Group) -> list[str]:
    return [f'D_{ion}' for ion in sweep.ions] + ['sigma_T', 'sigma_T_collective']


def _temperature_rows(sweep: Sweep) -> Iterator[list[Any]]:
    """Means over the replicas: D, σT and the Haven ratio."""
    for group in sweep.groups:
        for temperature in group.temperatures:
            for quantity in _quantities(sweep, group):
                value, limit, reason = value_at(group, temperature, quantity)
                if value is not None or limit is not None or reason:
                    widened = None if value is None else value.widened
                    yield [
                        group.formula, temperature, quantity, unit_of(quantity), *_cells(value), widened, limit, reason
                    ]  # fmt: skip
            record = group.record_at(temperature)
            for name, unit in (('density', 'g/cm3'), ('volume', 'angstrom3')):
                estimate = read_estimate(record.get(name))
                if estimate is not None:
                    yield [group.formula, temperature, name, unit, *_cells(estimate), estimate.widened, None, None]


def _replica_rows(sweep: Sweep) -> Iterator[list[Any]]:
    """Every run: its D and σT."""
    for group in sweep.groups:
        points = {point.label: point for point in group.points}
        for temperature in group.temperatures:
            for quantity in _quantities(sweep, group):
                for label, estimate, diffusive in replica_values(group, temperature, quantity):
                    point = points.get(label)
                    about: list[Any] = [None] * 4
                    if point is not None:
                        about = [point.glass, point.seed, point_status(point), point.length]
                    cells = [quantity, unit_of(quantity), *_cells(estimate), diffusive]
                    yield [group.formula, label, temperature, *about, *cells]


def _fit_rows(sweep: Sweep) -> Iterator[list[Any]]:
    for group in sweep.groups:
        for name, fit in fits_of(group):
            energy = read_estimate(fit.get('activation_energy'))
            if energy is None:
                continue
            room = room_of(fit)
            yield [
                group.formula, name, energy.value, energy.error, energy.low, energy.high,
                (fit.get('prefactor') or {}).get('mean'), unit_of(name), fit.get('chi2'), fit.get('widened'),
                ' '.join(f'{t:g}' for t in fit.get('used') or []),
                *([room.value, room.low, room.high] if room else [None] * 3),
                'S/cm' if name.startswith('sigma') else 'cm2/s',
            ]  # fmt: skip


def _of_ion(sweep: Sweep, group: Group, ion: str) -> Iterator[Table]:
    """Curves of every run of one composition in long form, and what the maps show."""

    def named(name: str) -> str:
        return name_of(sweep, group, ion, name)

    for name, (kind, curve_name, unit) in _CURVES.items():
        rows = [
            [point.label, point.temperature, *row]
            for point in group.points
            if (curve := point.curve(kind, curve_name.format(ion))) is not None
            for row in zip(curve.x, curve.y, _errors(curve), strict=True)
        ]
        yield named(name), ['run', 'T (K)', 't (ps)', unit, 'standard_error'], rows
    for part, prefix in (('self', f'van_hove_self_{ion}_'), ('distinct', f'van_hove_distinct_{ion}_{ion}_')):
        rows = [
            [point.label, point.temperature, curve.about.get('lag'), *row]
            for point in group.points
            for curve in _lags(point.curves.get('dynamics') or {}, prefix)
            for row in zip(curve.x, curve.y, _errors(curve), strict=True)
            if row[1] or part == 'distinct'
        ]
        unit = '4 pi r2 G_s (1/angstrom)' if part == 'self' else 'G_d/rho'
        yield named(f'van_hove_{part}'), ['run', 'T (K)', 't (ps)', 'r (angstrom)', unit, 'standard_error'], rows
    yield (
        named('history'),
        ['run', 'T (K)', 'length (ps)', 'relative standard error of D', 'diffusive'],
        [
            [course.label, course.temperature, *row]
            for course in courses_of(sweep, group, ion)
            for row in zip(course.lengths, course.errors, course.diffusive, strict=True)
        ],
    )
    for number, point in enumerate(best_points(group.points)):
        channels = channels_of(point, point.load(), ion)
        if channels is None:
            continue
        if channels.density is not None:
            projected = [
                [f'{_AXES[a]}{_AXES[b]}', (i + 0.5) / seen.shape[0], (j + 0.5) / seen.shape[1], seen[i, j]]
                for a, b in PLANES
                for seen in [np.asarray(channels.density).max(axis=({0, 1, 2} - {a, b}).pop())]
                for i, j in np.ndindex(*seen.shape)
            ]
            head = ['plane', 'first (fraction of the cell)', 'second (fraction of the cell)', 'density (1/angstrom3)']
            yield named(f'channels_{number + 1}_density'), head, projected
        if channels.paths is not None:
            ways = [
                [ion_number, place, *position]
                for ion_number, path in enumerate(channels.paths)
                for place, position in enumerate(path)
            ]
            head = ['way', 'place', 'x (angstrom)', 'y (angstrom)', 'z (angstrom)']
            yield named(f'channels_{number + 1}_ways'), head, ways


def _errors(curve: Any) -> Any:
    return curve.error if curve.error is not None else [None] * len(curve.x)


def _lags(curves: Curves, prefix: str) -> list[Any]:
    """Curves of one part by lag."""
    own = [curve for name, curve in curves.items() if name.startswith(prefix) and name.removeprefix(prefix).isdigit()]
    return sorted(own, key=lambda curve: float(curve.about.get('lag') or 0.0))

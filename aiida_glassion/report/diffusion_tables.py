"""Tables of a diffusion sweep's page: temperatures, lines, what was left out, runs, how the ions move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from aiida_glassion.report.diffusion import Estimate, Group, Point, Sweep, read_estimate
from aiida_glassion.report.diffusion_facts import (
    STATUS,
    excluded_of,
    fits_of,
    interval_text,
    point_status,
    quantity_words,
    room_of,
    scientific,
    value_at,
)
from aiida_glassion.report.figures.style import formula_text
from aiida_glassion.report.markup import Markup, element, html, table
from aiida_glassion.report.numbers import Number, format_number


def plain_number(estimate: Estimate | None) -> str:
    """``0.62 ± 0.03``."""
    return '–' if estimate is None else format_number(Number(estimate.value, estimate.error), 3)


def fits_table(sweep: Sweep) -> Markup:
    """Energies of activation, prefactors and 300 K."""
    rows: list[Sequence[Any]] = []
    for group in sweep.groups:
        fits = fits_of(group)
        if fits and len(sweep.groups) > 1:
            rows.append((formula_text(group.formula),))
        for name, fit in fits:
            energy = read_estimate(fit.get('activation_energy'))
            if energy is None:
                rows.append((quantity_words(name), '–', '–', '–', '–', '–', str(fit.get('excluded') or '–')))
                continue
            room, prefactor = room_of(fit), read_estimate(fit.get('prefactor'))
            is_sigma = name.startswith('sigma')
            chi2, widened = fit.get('chi2'), fit.get('widened') or 1.0
            used = sorted(float(t) for t in fit.get('used') or [])
            rows.append(
                (
                    quantity_words(name),
                    Markup(html(plain_number(energy)) + element('div', interval_text(energy, True), class_='soft')),
                    _two(prefactor, 'S K/cm' if is_sigma else 'cm²/s'),
                    _two(room, 'S/cm' if is_sigma else 'cm²/s'),
                    '–' if chi2 is None else f'{chi2:.2g}',
                    f'{widened:.2f}',
                    f'{len(used)}: {used[0]:g} to {used[-1]:g} K' if used else '–',
                )
            )
    if not rows:
        return element('p', 'No line has been fitted yet.')
    head = (
        'Quantity',
        'E_a (eV)',
        'Prefactor',
        'At 300 K: D or σ',
        'χ² per degree',
        'Errors widened by',
        'Temperatures',
    )
    caption = (
        'Weighted lines through ln D and ln σT over 1/T; σT, not σ, whose slope is smaller by about k_BT. ± standard '
        'error; below, in grey, the 95 % interval (Student’s t). At 300 K: the line’s value, an extrapolation where no '
        'temperature of the fit is as low.'
    )
    return table(head, rows, caption, numbers_from=1)


def _two(estimate: Estimate | None, unit: str) -> Any:
    """A value, and its interval below."""
    if estimate is None:
        return '–'
    value = f'{scientific(Estimate(estimate.value))} {unit}'
    return Markup(html(value) + element('div', interval_text(estimate), class_='soft'))


def temperatures_table(sweep: Sweep) -> Markup:
    """D, both conductivities and the Haven ratio by temperature."""
    rows: list[Sequence[Any]] = []
    for group in sweep.groups:
        if len(sweep.groups) > 1:
            rows.append((formula_text(group.formula),))
        rows += [_temperature_row(sweep, group, temperature) for temperature in group.temperatures]
    ions = [f'D of {ion} (cm²/s)' for ion in sweep.ions]
    head = ('T (K)', *ions, 'σ Nernst-Einstein (S/cm)', 'σ collective (S/cm)', 'Haven ratio', 'Density (g/cm³)', 'Runs')
    caption = (
        'Weighted means over the runs ± standard error, widened to their scatter; below, in grey, 95 % intervals; < '
        'upper limit. Runs: those that ended, of those that were begun.'
    )
    return table(head, rows, caption, numbers_from=1) if rows else element('p', 'No temperature has been reached yet.')


def _temperature_row(sweep: Sweep, group: Group, temperature: float) -> Sequence[Any]:
    record = group.record_at(temperature)
    sigma = record.get('conductivity') or {}
    points = group.at(temperature)
    ended = sum(point.state != 'running' for point in points)
    diffusion = []
    for ion in sweep.ions:
        value, limit, reason = value_at(group, temperature, f'D_{ion}')
        if value is None:
            text = f'< {scientific(Estimate(limit), 2)}' if limit else '–'
            diffusion.append(Markup(html(text) + (element('div', 'left out', class_='soft') if reason else '')))
        else:
            diffusion.append(_with_interval(scientific(value), interval_text(value)))
    cells = []
    for key in ('nernst_einstein', 'collective'):
        estimate = read_estimate(sigma.get(key))
        cells.append(_with_interval(scientific(estimate), interval_text(estimate)))
    haven = read_estimate(sigma.get('haven_ratio'))
    cells.append(_with_interval(plain_number(haven), _open_interval(haven)))
    return (
        f'{temperature:g}',
        *diffusion,
        *cells,
        plain_number(read_estimate(record.get('density'))),
        f'{ended}/{len(points)}',
    )


def _with_interval(text: str, interval: str) -> Markup:
    return Markup(html(text) + (element('div', interval, class_='soft') if interval != '–' else ''))


def _open_interval(estimate: Estimate | None) -> str:
    """Interval of a ratio, whose upper end may be open."""
    if estimate is None or estimate.low is None:
        return '–'
    return interval_text(estimate, True) if estimate.high is not None else f'above {estimate.low:.3g}'


def excluded_table(sweep: Sweep) -> Markup:
    """What was left out of the lines, and why."""
    rows: list[Sequence[Any]] = []
    for group in sweep.groups:
        found = excluded_of(group)
        if found and len(sweep.groups) > 1:
            rows.append((formula_text(group.formula),))
        rows += found
    if not rows:
        return element('p', 'Nothing was left out of the lines.') if any(fits_of(g) for g in sweep.groups) else html('')
    return table(('What', 'Why'), rows, 'Left out of the lines')


def runs_table(sweep: Sweep) -> Markup:
    """Every run: how long, how it ended, what it gave."""
    rows: list[Sequence[Any]] = []
    for group in sweep.groups:
        if len(sweep.groups) > 1:
            rows.append((formula_text(group.formula) or 'unknown composition',))
        rows += [_run_row(sweep, point) for point in group.points]
    ions = [f'D of {ion} (cm²/s)' for ion in sweep.ions]
    head = ('Run', 'T (K)', 'Seed', 'Length (ps)', 'State', *ions, 'How it ended')
    caption = 'Every run by itself ± standard error; in grey: ions that were not diffusive, whose D is none.'
    return table(head, rows, caption) if rows else element('p', 'No run has begun.')


def _run_row(sweep: Sweep, point: Point) -> Sequence[Any]:
    words, kind = STATUS[point_status(point)]
    cells = []
    for ion in sweep.ions:
        entry = point.of_ion('diffusion', ion)
        text = scientific(read_estimate(entry.get('D')))
        cells.append(text if entry.get('diffusive') or text == '–' else element('span', text, class_='soft'))
    length = '–' if point.length is None else f'{point.length:g}'
    reason = point.reason or point.exit_text or '–'
    seed = '–' if point.seed is None else str(point.seed)
    return (point.label, f'{point.temperature:g}', seed, length, element('span', words, class_=kind), *cells, reason)


_SITES_HOLD = 0.5
"""Share of the time on sites from which on hops between them describe the motion (choice)."""
_MISSED = (
    'Where ions are on sites for less than half of the time, they leave them before they are seen to stay: hops are '
    'missed, and those counted are too few and too long'
)
_MOTION: Sequence[tuple[str, str, str, tuple[str, ...], float]] = (
    ('Exponent in the window', '', 'diffusion', ('exponent', 'mean'), 1.0),
    ('Largest α₂', '', 'dynamics', ('alpha2_peak', 'mean'), 1.0),
    ('Time of the largest α₂', 'ps', 'dynamics', ('alpha2_peak_time',), 1.0),
    ('Mobile ions', '%', 'dynamics', ('mobility', 'mobile_fraction', 'mean'), 100.0),
    ('Directions of the channels', '', 'channels', ('dimension',), 1.0),
    ('Barrier to percolation', 'k_BT', 'channels', ('barriers', '1'), 1.0),
    ('Barrier, all directions', 'k_BT', 'channels', ('barriers', '3'), 1.0),
    ('Time on sites', '%', 'channels', ('hops', 'on_sites'), 100.0),
    ('Hops of an ion', 'ns⁻¹', 'channels', ('hops', 'rate', 'mean'), 1000.0),
    ('Residence time', 'ps', 'channels', ('hops', 'residence_time'), 1.0),
    ('Hops back', '%', 'channels', ('hops', 'return_share'), 100.0),
    ('Hop distance', 'Å', 'channels', ('hops', 'distance'), 1.0),
    ('Correlation with flexibility', '', 'flexibility', ('correlation', 'mean'), 1.0),
)


def motion_table(group: Group, ion: str) -> Markup:
    """How the ions of one kind move, by temperature: means over the runs with their scatter."""
    temperatures = group.temperatures
    rows: list[Sequence[Any]] = []
    for words, unit, kind, path, factor in _MOTION:
        cells = [_scatter([_at(point.of_ion(kind, ion), path) for point in group.at(t)], factor) for t in temperatures]
        if any(cell != '–' for cell in cells):
            rows.append((words, unit, *cells))
    for former, cells in _spreads(group, temperatures).items():
        rows.append((f'Spread of {former} in a window', 'Å', *cells))
    if not rows:
        return element('p', 'No analysis of how they move has ended.')
    head = ('Quantity', 'Unit', *(f'{t:g} K' for t in temperatures))
    caption = 'Means over the runs ± standard error of the mean from their scatter; one run: no error'
    on_sites = [_at(point.of_ion('channels', ion), ('hops', 'on_sites')) for point in group.points]
    if any(share is not None and share < _SITES_HOLD for share in on_sites):
        caption += f'. {_MISSED}'
    return table(head, rows, caption, numbers_from=2)


def _spreads(group: Group, temperatures: Sequence[float]) -> dict[str, list[str]]:
    """Spread of the formers' positions."""
    found: dict[str, list[str]] = {}
    tables = [(point.numbers.get('flexibility') or {}).get('formers') or {} for point in group.points]
    for former in dict.fromkeys(name for formers in tables for name in formers):
        found[former] = [
            _scatter(
                [
                    _at(((point.numbers.get('flexibility') or {}).get('formers') or {}).get(former), ('spread', 'mean'))
                    for point in group.at(t)
                ],
                1.0,
            )
            for t in temperatures
        ]
    return found


def _at(record: Any, path: Sequence[str]) -> float | None:
    for key in path:
        if not isinstance(record, Mapping):
            return None
        record = record.get(key)
    return float(record) if isinstance(record, (int, float)) and not isinstance(record, bool) else None


def _scatter(values: Sequence[float | None], factor: float) -> str:
    known = factor * np.array([value for value in values if value is not None])
    if not len(known):
        return '–'
    error = float(known.std(ddof=1) / np.sqrt(len(known))) if len(known) > 1 else None
    mean = float(known.mean())
    return format_number(Number(mean, error), 3) if error else f'{mean:.3g}'.replace('-', '−')

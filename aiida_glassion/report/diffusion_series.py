"""What the figures of a diffusion sweep draw, from its records: Arrhenius lines, courses of errors, series."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from aiida_glassion.report.diffusion import Group, Sweep, read_estimate
from aiida_glassion.report.diffusion_facts import fits_of, replica_values, room_of, value_at
from aiida_glassion.report.diffusion_literature import Literature
from aiida_glassion.report.figures.arrhenius import ArrheniusPanel, ArrheniusSeries, Dot, Foreign, Line
from aiida_glassion.report.figures.diffusion_course import Course, Haven, SeriesPoint
from aiida_glassion.report.figures.style import formula_text

_UNITS = {'D': 'cm²/s', 'sigma_T': 'S K/cm'}


def arrhenius_series(sweep: Sweep, group: Group, quantity: str, words: str) -> ArrheniusSeries:
    """Points, replicas, line and 300 K of one quantity of one composition."""
    fit = dict(fits_of(group)).get(quantity, {})
    left_out = {
        float(entry['temperature']): str(entry['reason'])
        for entry in (fit.get('excluded') if isinstance(fit.get('excluded'), list) else None) or []
    }
    dots, replicas = [], []
    for temperature in group.temperatures:
        value, limit, excluded = value_at(group, temperature, quantity)
        reason = excluded or next((why for t, why in left_out.items() if abs(t - temperature) < 0.01), None)
        dots.append(Dot(temperature, value, limit, reason))
        replicas += [
            (temperature, own.value, counts) for _, own, counts in replica_values(group, temperature, quantity)
        ]
    line, used = sweep.line(group, quantity), [float(t) for t in fit.get('used') or []]
    room = room_of(fit)
    if room is not None and quantity.startswith('sigma'):
        room = room.scaled(300.0)
    return ArrheniusSeries(
        words,
        dots,
        replicas,
        Line(line['T'], line['value'], line['low'], line['high'], (min(used), max(used))) if line and used else None,
        room,
    )


def arrhenius_panels(sweep: Sweep, literature: Sequence[Literature] = ()) -> list[ArrheniusPanel]:
    """D of all ions, then σT; compositions by colour, or, of one composition, ions and both conductivities."""
    several = len(sweep.groups) > 1

    def of(quantity: str, words: str) -> list[ArrheniusSeries]:
        names = {group.formula: formula_text(group.formula) for group in sweep.groups}
        return [
            arrhenius_series(
                sweep, group, quantity, ' '.join(filter(None, (names[group.formula], words))) if several else words
            )
            for group in sweep.groups
        ]

    diffusion = [
        series for ion in sweep.ions for series in of(f'D_{ion}', ion if len(sweep.ions) > 1 or not several else '')
    ]
    own = [series for series in of('sigma_T', '' if several else 'Nernst-Einstein') if not series.empty]
    together = [] if several else [series for series in of('sigma_T_collective', 'collective') if not series.empty]

    def foreign(quantity: str) -> list[Foreign]:
        return [
            Foreign(
                _short(f'{given.citation}{f" ({given.ion})" if given.ion else ""}'),
                given.temperature,
                given.value,
                given.error,
            )
            for given in literature
            if given.quantity == quantity
        ]

    return [
        ArrheniusPanel('Diffusion coefficient', f'D ({_UNITS["D"]})', diffusion, foreign('D')),
        ArrheniusPanel('Conductivity', f'σT ({_UNITS["sigma_T"]})', [*own, *together], foreign('sigma_T')),
    ]


def _short(words: str, most: int = 44) -> str:
    return words if len(words) <= most else f'{words[: most - 1].rstrip()}…'


def courses_of(sweep: Sweep, group: Group, ion: str) -> list[Course]:
    """Errors by the length of the run, for every run that has been judged."""
    found = []
    for point in group.points:
        entries = [
            (float(entry['length']), relative_error(entry, ion), is_diffusive(entry, ion))
            for entry in point.history
            if entry.get('length')
        ]
        if entries:
            lengths, errors, diffusive = zip(*entries, strict=True)
            found.append(Course(point.label, point.temperature, lengths, errors, diffusive))
    return found


def of_ion(entry: Mapping[str, Any], key: str, ion: str) -> Any:
    """A value of one ion from a record that keeps it by ion, either way round, or once for all."""
    table = entry.get('ions')
    if isinstance(table, Mapping) and isinstance(table.get(ion), Mapping) and key in table[ion]:
        return table[ion][key]
    value = entry.get(key)
    return value.get(ion) if isinstance(value, Mapping) and ion in value else value


def relative_error(entry: Mapping[str, Any], ion: str) -> float | None:
    """Relative standard error of D after a segment, None where there is none."""
    value = of_ion(entry, 'relative_error', ion)
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None


def is_diffusive(entry: Mapping[str, Any], ion: str) -> bool:
    """Whether an ion was diffusive after a segment."""
    value = of_ion(entry, 'diffusive', ion)
    return bool(value) if not isinstance(value, Mapping) else False


def havens_of(sweep: Sweep) -> list[Haven]:
    """Haven ratios by composition."""
    found = []
    for group in sweep.groups:
        pooled, replicas = [], []
        for temperature in group.temperatures:
            record = group.record_at(temperature)
            value = read_estimate((record.get('conductivity') or {}).get('haven_ratio'))
            if value is not None:
                pooled.append((temperature, value))
            for point in group.at(temperature) if value is not None else []:
                conductivity = (point.numbers.get('diffusion') or {}).get('conductivity') or {}
                own = read_estimate(conductivity.get('haven_ratio'))
                if own is not None:
                    replicas.append((temperature, own.value))
        found.append(Haven(formula_text(group.formula), pooled, replicas))
    return found


def series_points(sweep: Sweep, ion: str) -> list[SeriesPoint]:
    """σ(x), where there are several compositions."""
    found = []
    for entry in sweep.results.get('series') or []:
        x = (entry.get('x') or {}).get(ion)
        if x is None:
            continue
        sigma = {}
        for key, value in (entry.get('sigma') or {}).items():
            estimate = read_estimate(value)
            if estimate is not None and key != '300':
                sigma[temperature_of(key)] = estimate
        found.append(
            SeriesPoint(
                str(entry.get('formula')),
                float(x),
                sigma,
                read_estimate((entry.get('sigma') or {}).get('300')),
                read_estimate(entry.get('activation_energy')),
            )
        )
    return found


def temperature_of(key: str) -> float:
    """``T0333p15`` is 333.15 K."""
    return float(key.removeprefix('T').replace('p', '.'))

"""What the records of a diffusion sweep say, in words and values: the page, figures and tables share it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from aiida_glassion.report.diffusion import Estimate, Group, Point, Sweep, read_estimate
from aiida_glassion.report.figures.style import formula_text
from aiida_glassion.report.numbers import Number, format_number

STATUS = {
    'converged': ('✓ converged', 'good'),
    'budget': ('✗ budget spent', 'wait'),
    'not_diffusive': ('✗ not diffusive', 'bad'),
    'running': ('… running', 'wait'),
    'failed': ('✗ failed', 'bad'),
}
_MOST_WARNINGS = 12


def scientific(estimate: Estimate | None, digits: int = 3) -> str:
    """``(1.23 ± 0.05) × 10⁻⁷``: the error with two significant digits; without powers from 0.01 to 1000."""
    if estimate is None:
        return '–'
    value, error = estimate.value, estimate.error
    if value == 0 and not error:
        return '0'
    if 0.01 <= abs(value) < 1000 and abs(error or 0.0) < 1000:
        return _whole(format_number(Number(value, error), digits))
    power = math.floor(math.log10(max(abs(value), abs(error or 0.0))))
    scale = 10.0**power
    if not error or not math.isfinite(error):
        text = f'{value / scale:.{digits - 1}f}'
    else:
        places = min(6, max(0, 1 - math.floor(math.log10(error / scale))))
        text = f'({value / scale:.{places}f} ± {error / scale:.{places}f})'
    return _whole(f'{text.replace("-", "−")} × 10{_superscript(power)}')


def _whole(text: str) -> str:
    """Without places where a line may end."""
    return text.replace(' ', '\u00a0')


def interval_text(estimate: Estimate | None, plain: bool = False) -> str:
    """``1.1 × 10⁻⁷ to 1.4 × 10⁻⁷``.

    :param plain: without powers of ten.
    """
    if estimate is None or estimate.interval is None:
        return '–'
    low, high = estimate.interval
    if plain:
        return f'{low:.3g} to {high:.3g}'.replace('-', '−')
    return f'{scientific(Estimate(low))} to {scientific(Estimate(high))}'


def _superscript(power: int) -> str:
    return str(power).translate(str.maketrans('-0123456789', '⁻⁰¹²³⁴⁵⁶⁷⁸⁹'))


def point_status(point: Point) -> str:
    """Key of :data:`STATUS`."""
    if point.state == 'running':
        return 'running'
    if point.status in STATUS:
        return point.status
    return 'failed' if point.state == 'failed' else 'converged'


def verdict_of(sweep: Sweep) -> str:
    """Whether there is an energy of activation, in one sentence."""
    fits = [fit for group in sweep.groups for _, fit in fits_of(group) if 'activation_energy' in fit]
    n = len({point.temperature for point in sweep.points})
    if sweep.single:
        what = {'ok': 'The run reached its error', 'failed': 'The run ended without reaching its error'}
        return f'{what.get(sweep.state, "The run has not ended")}; one temperature has no energy of activation.'
    if sweep.state == 'running':
        ended = sum(point.state != 'running' for point in sweep.points)
        return f'The sweep has not ended: {ended} of {_planned(sweep)} runs are through.'
    if sweep.state == 'failed':
        return f'The sweep did not reach its aim: {sweep.exit_text}.'
    if not fits:
        return 'The sweep ended, but no energy of activation can be given.'
    used = min(len(fit.get('used') or []) for fit in fits)
    return f'The sweep ended well: {used} of {n} temperatures make the Arrhenius lines.'


def _planned(sweep: Sweep) -> str:
    replicas = sweep.settings.get('replicas')
    if not sweep.temperatures or not isinstance(replicas, int) or not sweep.glasses:
        return str(len(sweep.points))
    return str(max(len(sweep.points), len(sweep.temperatures) * replicas * len(sweep.glasses)))


def warnings_of(sweep: Sweep) -> list[str]:
    """What a reader must know before taking a number from the page."""
    found: list[str] = []
    if sweep.preliminary and not sweep.single:
        found.append('The means are preliminary: formed for this page from the runs that have ended.')
    if not sweep.points:
        found.append('No run has begun.')
    for group in sweep.groups:
        where = f' of {formula_text(group.formula)}' if len(sweep.groups) > 1 else ''
        for name, fit in fits_of(group):
            if 'activation_energy' not in fit:
                found.append(f'{quantity_words(name)}{where} has no energy of activation: {fit.get("excluded", "–")}.')
        if group.points and all(len(group.at(t)) < 2 for t in group.temperatures):
            found.append(f'One run at each temperature{where}: errors are those of single runs, not of glasses.')
    found += [str(warning) for warning in sweep.results.get('warnings') or []]
    found += [f'{label} failed: {entry.get("reason", entry)}' for label, entry in _entries(sweep.ledger)]
    kept = list(dict.fromkeys(_sentence(text) for text in found))
    if len(kept) > _MOST_WARNINGS:
        kept = [*kept[:_MOST_WARNINGS], f'… and {len(kept) - _MOST_WARNINGS} more, see below.']
    return kept


def _sentence(text: str) -> str:
    """One full stop at the end."""
    return text.rstrip('. ') + '.'


def _entries(ledger: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for label, entry in ledger.items():
        yield label, entry if isinstance(entry, Mapping) else {'reason': entry}


def fits_of(group: Group) -> list[tuple[str, Mapping[str, Any]]]:
    """Name (``D_Na``, ``sigma_T``, ``sigma_T_collective``) and record of every Arrhenius fit, made or not."""
    return [(name, fit) for name, fit in (group.record.get('arrhenius') or {}).items() if isinstance(fit, Mapping)]


def quantity_words(name: str) -> str:
    """``D of Na``, ``σT``, ``collective σT``."""
    if name.startswith('D_'):
        return f'D of {name[2:]}'
    return 'collective σT' if name.endswith('collective') else 'σT'


def excluded_of(group: Group) -> list[tuple[str, str]]:
    """What is left out of a line, with the reason, each once."""
    found: dict[tuple[str, str], None] = {}
    for name, fit in fits_of(group):
        for entry in (fit.get('excluded') or []) if isinstance(fit.get('excluded'), list) else []:
            found[f'{quantity_words(name)} at {float(entry["temperature"]):g} K', str(entry['reason']).rstrip('.')] = (
                None
            )
    for temperature in group.temperatures:
        for ion, entry in (group.record_at(temperature).get('ions') or {}).items():
            if entry.get('excluded'):
                found.setdefault((f'D of {ion} at {temperature:g} K', str(entry['excluded']).rstrip('.')))
    return list(found)


def value_at(group: Group, temperature: float, name: str) -> tuple[Estimate | None, float | None, str | None]:
    """Value, upper limit and reason of exclusion of ``D_Na``, ``sigma_T`` or ``sigma_T_collective``."""
    record = group.record_at(temperature)
    if name.startswith('D_'):
        entry = (record.get('ions') or {}).get(name[2:]) or {}
        limit = entry.get('upper_limit')
        return read_estimate(entry.get('D')), None if limit is None else float(limit), entry.get('excluded')
    entry = record.get('conductivity') or {}
    sigma = read_estimate(entry.get('collective' if name.endswith('collective') else 'nernst_einstein'))
    return None if sigma is None else sigma.scaled(temperature), None, entry.get('excluded')


def replica_values(group: Group, temperature: float, name: str) -> list[tuple[str, Estimate, bool]]:
    """The same of every replica: its label, the value, and whether its ions are diffusive."""
    found = []
    for label, entry in (group.record_at(temperature).get('replicas') or {}).items():
        if name.startswith('D_'):
            value = read_estimate(((entry.get('ions') or {}).get(name[2:]) or {}).get('D'))
        else:
            key = 'collective' if name.endswith('collective') else 'nernst_einstein'
            value = read_estimate((entry.get('conductivity') or {}).get(key))
            value = None if value is None else value.scaled(temperature)
        ions = [ion for ion in (entry.get('ions') or {}).items() if not name.startswith('D_') or ion[0] == name[2:]]
        if value is not None:
            found.append((label, value, all(bool(ion.get('diffusive')) for _, ion in ions)))
    return found


def room_of(fit: Mapping[str, Any]) -> Estimate | None:
    """Value at 300 K with its interval: D, cm²/s, or σ, S/cm."""
    return read_estimate(fit.get('at_300'))

"""Tables of diffusion: D(T), σ(T), Haven ratio, energies of activation, single runs, σ over composition."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aiida_glassion.cli import show_parts as parts
from aiida_glassion.cli.values import mean_of, with_error

if TYPE_CHECKING:
    from rich.console import RenderableType

_NAMES = {'sigma_T': 'σT', 'sigma_T_collective': 'σT collective'}


def scientific(entry: Mapping[str, Any] | None) -> str:
    """A number with its standard error and one power of ten for both: ``(1.81 ± 0.13)e-06``.

    :param entry: ``mean`` and ``standard_error``; None: an en dash.
    """
    if entry is None or entry.get('mean') is None or not math.isfinite(entry['mean']):
        return '–'
    mean, error = float(entry['mean']), entry.get('standard_error')
    if error is None or not math.isfinite(error) or error == 0:
        return f'{mean:.2e}'
    largest = max(abs(mean), abs(error))
    exponent = math.floor(math.log10(largest))
    return f'({with_error(mean, error, 10.0**-exponent)})e{exponent:+03d}'


def interval(entry: Mapping[str, Any], spec: str) -> str:
    """``low … high``; ∞ where it has no end."""
    low, high = entry.get('low'), entry.get('high')
    return f'{"–" if low is None else format(low, spec)} … {"∞" if high is None else format(high, spec)}'


def temperature_table(entry: Mapping[str, Any]) -> Iterator[RenderableType]:
    """D and σ of one composition at each temperature; what was left out has its reason below.

    :param entry: one of the ``compositions`` of the results.
    """
    ions = list(dict.fromkeys(ion for one in entry['temperatures'].values() for ion in one['ions']))
    rows, reasons = [], []
    for one in entry['temperatures'].values():
        runs = list(one['replicas'].values())
        told = one['conductivity']
        rows.append(
            [
                f'{one["temperature"]:g}',
                str(len(runs)),
                _lengths(runs),
                mean_of(one['density']),
                *(_diffusion(one['ions'].get(ion)) for ion in ions),
                scientific(told['nernst_einstein']),
                scientific(told['collective']),
                mean_of(told['haven_ratio']),
            ]
        )
        of_ions = [ion['excluded'] for ion in one['ions'].values() if ion['excluded']]
        if told['excluded'] and not of_ions:
            reasons.append(f'σ at {one["temperature"]:g} K is left out: {told["excluded"]}')
    columns = ['T / K', 'runs', 'ps', 'g/cm³', *(f'D of {ion}\ncm²/s' for ion in ions)]
    yield parts.numbers_table('', [*columns, 'σ (Nernst-Einstein)\nS/cm', 'σ (collective)\nS/cm', 'Haven\nratio'], rows)
    yield from parts.warning_lines(reasons)


def _diffusion(ion: Mapping[str, Any] | None) -> str:
    if ion is None:
        return '–'
    if ion['D'] is None and ion['upper_limit'] is not None:
        return f'< {ion["upper_limit"]:.1e}'
    return scientific(ion['D'])


def _lengths(runs: Sequence[Mapping[str, Any]]) -> str:
    lengths = [run['length'] for run in runs]
    if not lengths or min(lengths) == max(lengths):
        return f'{lengths[0]:g}' if lengths else ''
    return f'{min(lengths):g} … {max(lengths):g}'


def line_table(entry: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Energies of activation, prefactors and values at 300 K of one composition."""
    rows, notes, extrapolated = [], [], False
    for name, fit in entry['arrhenius'].items():
        title = _NAMES.get(name, f'D of {name.removeprefix("D_")}')
        if 'activation_energy' not in fit:
            notes.append(f'{title}: no line: {fit.get("excluded")}')
            continue
        energy, prefactor, room = fit['activation_energy'], fit['prefactor'], fit['at_300']
        extrapolated = extrapolated or bool(room['extrapolated'])
        mark = ' *' if room['extrapolated'] else ''
        rows.append(
            [
                title,
                mean_of(energy),
                interval(energy, '.2f'),
                f'{prefactor["mean"]:.1e} ({interval(prefactor, ".0e")})',
                f'{room["mean"]:.1e} ({interval(room, ".0e")}){mark}',
                f'{min(fit["used"]):g} … {max(fit["used"]):g} ({len(fit["used"])})',
            ]
        )
    if rows:
        columns = [
            '',
            'E_a\neV',
            '95 %',
            'prefactor (95 %)\ncm²/s, S K/cm',
            'D, σ at 300 K (95 %)\ncm²/s, S/cm',
            'from T\nK',
        ]
        yield parts.numbers_table('Lines over 1/T', columns, rows)
    if extrapolated:
        yield parts.section('', '* extrapolated: the interval holds only if the line goes on to 300 K')
    yield from parts.warning_lines(notes)


def run_table(entry: Mapping[str, Any]) -> RenderableType:
    """Every run of one composition."""
    rows, ions = [], set[str]()
    for one in entry['temperatures'].values():
        for run in one['replicas'].values():
            ions |= set(run['ions'])
    names = sorted(ions)
    for one in entry['temperatures'].values():
        for label, run in one['replicas'].items():
            rows.append(
                [
                    label,
                    f'{run["length"]:g}',
                    *(_of_run(run['ions'].get(ion)) for ion in names),
                    *(_sigma_of_run(run, name) for name in ('nernst_einstein', 'collective')),
                    f'{run["status"].replace("_", " ")}: {run["reason"]}',
                ]
            )
    columns = ['', 'ps', *(f'D of {ion}\ncm²/s' for ion in names), 'σ (N.-E.)\nS/cm', 'σ (collective)\nS/cm', '<ended']
    return parts.numbers_table('Runs', columns, rows)


def _of_run(ion: Mapping[str, Any] | None) -> str:
    return scientific(ion['D']) if ion is not None and ion['diffusive'] else '–'


def _sigma_of_run(run: Mapping[str, Any], name: str) -> str:
    moves = any(ion['diffusive'] for ion in run['ions'].values())
    return scientific((run.get('conductivity') or {}).get(name)) if moves else '–'


def series_table(results: Mapping[str, Any]) -> RenderableType:
    """σ over composition."""
    series = results['series']
    ion = next(iter(results['ions']), '')
    labels = sorted({label for one in series for label in one['sigma'] if label != '300'})
    rows = []
    for one in series:
        room, energy = one['sigma'].get('300'), one['activation_energy']
        rows.append(
            [
                one['formula'],
                f'{100 * one["x"].get(ion, 0.0):.3g}',
                mean_of(energy) if energy else '–',
                *(scientific(one['sigma'].get(label)) for label in labels),
                '–' if room is None else f'{room["mean"]:.1e} ({interval(room, ".0e")})',
            ]
        )
    heads = [f'{float(label[1:].replace("p", ".")):g} K' for label in labels]
    columns = ['', f'{ion} / at. %', 'E_a / eV', *heads, '300 K (95 %)']
    return parts.numbers_table('Conductivity over composition / S/cm (Nernst-Einstein)', columns, rows)


def history_table(history: Mapping[str, Any]) -> RenderableType:
    """How D of one run became known."""
    rows = []
    for entry in (history['segments'][name] for name in sorted(history['segments'])):
        for ion in entry['D'] or {'': None}:
            value, error = entry['D'].get(ion), entry['relative_error'].get(ion)
            rows.append(
                [
                    f'{entry["length"]:g}',
                    ion,
                    '–' if value is None or not entry['diffusive'].get(ion) else f'{value:.3g}',
                    '–' if error is None else f'{100 * error:.0f}',
                    entry['reason'],
                ]
            )
    title = f'After each segment (wanted: {100 * history["wanted"]:g} %)'
    return parts.numbers_table(title, ['ps', 'ion', 'D / cm²/s', 'error / %', '<verdict'], rows)


def numbers_tables(numbers: Mapping[str, Any]) -> Iterator[RenderableType]:
    """D and conductivity of one run by its last analysis, and what the analyses warn of."""
    found = (numbers.get('analyses', {}).get('diffusion') or {}).get('numbers') or {}
    facts = []
    for ion, entry in found.get('ions', {}).items():
        if entry['diffusive']:
            facts.append((f'D of {ion}', f'{scientific(entry["D"])} cm²/s ({entry["D"]["n"]} ions)'))
        else:
            facts.append((f'D of {ion}', f'none: {entry["reason"]}'))
    moves = any(entry['diffusive'] for entry in found.get('ions', {}).values())
    sigma = (found.get('conductivity') or {}) if moves else {}
    for name, title in (('nernst_einstein', 'σ (Nernst-Einstein)'), ('collective', 'σ (collective)')):
        if sigma.get(name):
            facts.append((title, f'{scientific(sigma[name])} S/cm'))
    if facts:
        yield parts.facts_table(facts)
    warnings = [*numbers.get('warnings', []), *(f'{kind}: {why}' for kind, why in numbers.get('failed', {}).items())]
    yield from parts.warning_lines(str(warning) for warning in warnings)

"""Comparisons with measured curves among the results of an analysis."""

from __future__ import annotations

from aiida_glassion.report.analysis import Analysed
from aiida_glassion.report.figures.scattering import Overlay
from aiida_glassion.report.numbers import find_number

MEASURED, CALCULATED = 'measured_', 'calculated_'


def overlays(glass: Analysed) -> list[Overlay]:
    """Every measured curve with what the atoms give for it, in the order of the request."""
    curves = glass.curves('scattering')
    numbers = glass.results['scattering'].numbers.get('experiments', {}) if 'scattering' in glass.results else {}
    found = []
    for name, measured in curves.items():
        key = name.removeprefix(MEASURED)
        if not name.startswith(MEASURED) or f'{CALCULATED}{key}' not in curves:
            continue
        entry = numbers.get(key, {})
        agreement = find_number(entry, 'r_chi')
        title = str(measured.about.get('title') or entry.get('name') or key.replace('_', ' '))
        found.append(
            Overlay(title, measured, curves[f'{CALCULATED}{key}'], None if agreement is None else agreement.value)
        )
    return found

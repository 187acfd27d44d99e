"""Coordination, network and species of a result as the figures of a study take them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiida_glassion.report.analysis import Analysed
from aiida_glassion.report.figures.rings import known_shares
from aiida_glassion.report.numbers import Number

_MOST_SPECIES = 12


def network_numbers(glass: Analysed) -> dict[str, Any]:
    """``coordination`` and ``network`` of one trajectory; empty where neither was computed."""
    found: dict[str, Any] = {}
    if 'coordination' in glass.results:
        numbers = glass.results['coordination'].numbers
        table = numbers.get('coordination', numbers)
        found['coordination'] = {pair: e for pair, e in table.items() if isinstance(e, Mapping) and 'distribution' in e}
    if 'network' in glass.results:
        found['network'] = glass.results['network'].numbers
    return {name: table for name, table in found.items() if table}


def species_tables(glasses: Sequence[Analysed]) -> dict[str, dict[str, dict[str, Number]]]:
    """Shares of anions and clusters: title → trajectory → species → share; empty where they were not told apart."""
    tables: dict[str, dict[str, dict[str, Number]]] = {}
    for glass in glasses:
        numbers = glass.results['anions'].numbers if 'anions' in glass.results else {}
        for key, title in (('clusters', '{} in clusters'), ('anions', '{} by role')):
            for element, table in _groups(numbers.get(key, {})):
                shares = dict(list(known_shares(table).items())[:_MOST_SPECIES])
                if shares:
                    tables.setdefault(title.format(element), {})[glass.name] = shares
    return tables


def _groups(table: Any) -> list[tuple[str, Any]]:
    """A table of shares, or one for each element."""
    if not isinstance(table, Mapping) or not table:
        return []
    if all(isinstance(entry, Mapping) and 'standard_error' not in entry for entry in table.values()):
        return list(table.items())
    return [('atoms', table)]

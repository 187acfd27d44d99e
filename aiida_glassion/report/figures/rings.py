"""Rings of the network, and the clusters that anions make, as bars."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from aiida_glassion.report.figures.curve import Series, axis_label, colour_of, curves_named, names_in, short_name
from aiida_glassion.report.figures.style import PAGE_WIDTH, empty_figure, new_figure, styled
from aiida_glassion.report.numbers import Number, read_number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LEAST_SHOWN = 5e-4


def ring_curves(series: Series) -> list[str]:
    """Names of the distributions of ring sizes that are there."""
    return [name for name in names_in(series) if name.startswith('rings_')]


def draw_rings(axes: Any, series: Series, names: list[str]) -> None:
    """Ring sizes as bars: definitions side by side for one trajectory, trajectories side by side for one definition."""
    bars = [(name, label, curve) for name in names for label, curve in curves_named(series, name).items()]
    width = 0.84 / max(1, len(bars))
    seen: list[float] = []
    for index, (name, label, curve) in enumerate(bars):
        at = np.asarray(curve.x, dtype=float)
        text = short_name(name) if len(series) == 1 else label if len(names) == 1 else f'{short_name(name)}, {label}'
        place = at + (index - (len(bars) - 1) / 2) * width
        axes.bar(place, curve.y, width * 0.94, color=colour_of(index), label=text)
        if curve.error is not None:
            axes.errorbar(place, curve.y, curve.error, fmt='none', ecolor='#202020', elinewidth=0.8, capsize=1.5)
        seen += list(at[np.asarray(curve.y) > _LEAST_SHOWN])
        axes.set_xlabel('Formers in a ring' if curve.x_name == 'n' else axis_label(curve.x_name, curve.x_unit))
        axes.set_ylabel(axis_label(curve.y_name, curve.y_unit).capitalize())
    if seen:
        axes.set_xlim(min(seen) - 0.7, max(seen) + 0.7)
        axes.set_xticks(np.arange(int(min(seen)), int(max(seen)) + 1))
    axes.set_ylim(bottom=0)
    if len(bars) > 1:
        axes.legend(loc='best')


@styled
def rings_figure(series: Series) -> Figure:
    """Distributions of ring sizes; of several trajectories one panel for each definition."""
    names = ring_curves(series)
    if not names:
        return empty_figure('No rings were counted.')
    panels = [names] if len(series) == 1 else [[name] for name in names]
    figure = new_figure(PAGE_WIDTH if len(panels) > 1 else 5.0, 2.8)
    for index, members in enumerate(panels):
        axes = figure.add_subplot(1, len(panels), index + 1)
        draw_rings(axes, series, members)
        if len(panels) > 1:
            axes.set_title(short_name(members[0]))
            if index:
                axes.set_ylabel('')
    return figure


def known_shares(table: Any) -> dict[str, Number]:
    """Shares that occur at all, the largest first."""
    numbers = {key: read_number(value) for key, value in table.items()} if isinstance(table, Mapping) else {}
    known = {key: number for key, number in numbers.items() if number is not None and number.value > _LEAST_SHOWN}
    return dict(sorted(known.items(), key=lambda item: -item[1].value))


def draw_species(axes: Any, tables: Mapping[str, Mapping[str, Number]], unit: str = 'Share (%)') -> None:
    """Horizontal bars of species, each with its name; trajectories side by side.

    :param tables: shares by species, by trajectory.
    """
    species = list(dict.fromkeys(name for table in tables.values() for name in table))
    height = 0.8 / max(1, len(tables))
    at = np.arange(len(species))[::-1]
    for index, (label, table) in enumerate(tables.items()):
        numbers = [table.get(name, Number(0.0)).scaled(100) for name in species]
        place = at + ((len(tables) - 1) / 2 - index) * height
        axes.barh(place, [number.value for number in numbers], height * 0.92, color=colour_of(index), label=label)
        if any(number.error is not None for number in numbers):
            values, errors = [n.value for n in numbers], [n.error or 0.0 for n in numbers]
            axes.errorbar(values, place, xerr=errors, fmt='none', ecolor='#202020', elinewidth=0.9)
    axes.set_yticks(at, [name.replace('3_or_more', 'larger').replace('_', ' ') for name in species])
    axes.set_xlabel(unit)
    axes.set_xlim(left=0)
    if len(tables) > 1:
        axes.legend(loc='best')


@styled
def species_figure(groups: Mapping[str, Mapping[str, Mapping[str, Number]]]) -> Figure:
    """Species of anions and clusters.

    :param groups: title of the panel → trajectory → species → share (fraction).
    """
    shown = {title: tables for title, tables in groups.items() if any(tables.values())}
    if not shown:
        return empty_figure('No anions were told apart.')
    longest = max(len({name for table in tables.values() for name in table}) for tables in shown.values())
    figure = new_figure(PAGE_WIDTH if len(shown) > 1 else 5.0, 1.1 + 0.3 * min(longest, 14))
    for index, (title, tables) in enumerate(shown.items()):
        axes = figure.add_subplot(1, len(shown), index + 1)
        draw_species(axes, tables)
        axes.set_title(title)
    return figure

"""Curves of analyses on axes that are named by the curves themselves."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.analysis.result import Curve
from aiida_glassion.report.figures.style import (
    COLOURS,
    GREY,
    PAGE_WIDTH,
    draw_curve,
    element_colour,
    empty_figure,
    new_figure,
    styled,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FloatArray = npt.NDArray[np.floating[Any]]
Series = Mapping[str, Mapping[str, Curve]]
"""Curves by name, of each trajectory by its name."""

CLEAR = {'frameon': True, 'framealpha': 0.8, 'edgecolor': 'none', 'facecolor': 'white'}
"""Of a legend that lies over lines."""
LINES = ('-', '--', '-.', ':')
_MOST_LINES = 8
_NOISE, _WIDEST = 0.03, 0.1
"""A g(r) is drawn with so much noise at most, unless that took means over more than so many Å."""
_NAMES = {'xray': 'X-ray', 'neutron': 'neutron', 'king': 'King', 'guttman': 'Guttman', 'nan': ''}


def axis_label(name: str, unit: str) -> str:
    """``r (Å)``; a quantity without a unit has its name alone."""
    shown = name.replace('theta', 'θ')
    return f'{shown} ({unit})' if unit and unit != '1' else shown


def short_name(name: str) -> str:
    """Name of a curve without what its axis says already: ``S_O_Si`` is ``O–Si``, ``S_neutron`` is ``neutron``."""
    first, *rest = name.split('_')
    words = rest or [first]
    if len(words) in (2, 3) and all(word[:1].isupper() and len(word) <= 2 for word in words):
        return '–'.join(words)
    return ' '.join(_NAMES.get(word, word) for word in words if word)


def colour_of(number: int) -> str:
    """Colour of the number-th line."""
    return COLOURS[number % len(COLOURS)]


def curves_named(series: Series, name: str) -> dict[str, Curve]:
    """One curve of every trajectory that has it."""
    return {label: curves[name] for label, curves in series.items() if name in curves}


def names_in(series: Series) -> list[str]:
    """Names of all curves, in the order in which the trajectories have them."""
    return list(dict.fromkeys(name for curves in series.values() for name in curves))


def draw_named(axes: Any, series: Series, name: str, title: str | None = None, **line: Any) -> None:
    """One curve of every trajectory on an axis, with the standard error as a band.

    :param title: of the panel; else the short name of the curve.
    """
    for number, (label, curve) in enumerate(curves_named(series, name).items()):
        style = {'linestyle': LINES[number % len(LINES)], 'linewidth': 1.4, 'label': label, **line}
        draw_curve(axes, curve.x, curve.y, curve.error, colour_of(number), **style)
        axes.set_xlabel(axis_label(curve.x_name, curve.x_unit))
        axes.set_ylabel(axis_label(curve.y_name, curve.y_unit))
        if len(curve.x) > 1:
            axes.set_xlim(float(curve.x[0]), float(curve.x[-1]))
    axes.set_title(short_name(name) if title is None else title)


def name_series(figure: Figure, series: Series) -> None:
    """One legend below all panels, where there are several trajectories."""
    if len(series) < 2:
        return
    handles: dict[str, Any] = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            if label in series:
                handles.setdefault(label, handle)
    figure.legend(list(handles.values()), list(handles), loc='outside lower center', ncols=3)


@styled
def small_multiples(series: Series, names: Sequence[str], titles: Mapping[str, str] | None = None) -> Figure:
    """One panel for each curve, all trajectories in it.

    :param names: of the curves.
    :param titles: of the panels, where the short name does not do.
    """
    if not names:
        return empty_figure('No such curve was computed.')
    columns = 2 if len(names) == 4 else min(3, len(names))
    rows = math.ceil(len(names) / columns)
    figure = new_figure(PAGE_WIDTH if columns > 1 else 4.5, 2.0 * rows + 0.5 + 0.25 * (len(series) > 1))
    for index, name in enumerate(names):
        axes = figure.add_subplot(rows, columns, index + 1)
        draw_named(axes, series, name, (titles or {}).get(name))
        if index + columns < len(names):
            axes.set_xlabel('')
        if index % columns:
            axes.set_ylabel('')
    name_series(figure, series)
    return figure


def noise_bins(curve: Curve) -> int:
    """Bins over which a g(r) is averaged for the eye: more where few pairs make it noisy, at most 0.1 Å."""
    y = np.asarray(curve.y, dtype=float)
    outer = y[len(y) // 2 :]
    if len(outer) < 10:
        return 1
    noise = float(np.std(np.diff(outer)) / np.sqrt(2))
    width = float(curve.x[1] - curve.x[0])
    wanted = int(min((noise / _NOISE) ** 2, _WIDEST / width))
    return max(1, wanted - (wanted + 1) % 2)


def running_mean(values: FloatArray, bins: int) -> FloatArray:
    """Mean over an odd number of neighbouring bins, fewer at the ends."""
    y = np.asarray(values, dtype=float)
    if bins == 1:
        return y
    kernel = np.ones(bins)
    found: FloatArray = np.convolve(y, kernel, 'same') / np.convolve(np.ones(len(y)), kernel, 'same')
    return found


def smoothed(curve: Curve) -> Curve:
    """A g(r) with as little noise as is good for the eye."""
    bins = noise_bins(curve)
    error = None if curve.error is None else running_mean(curve.error, bins) / np.sqrt(bins)
    return replace(curve, y=running_mean(curve.y, bins), error=error)


def families(curves: Mapping[str, Curve]) -> list[list[str]]:
    """Names of the curves of one quantity, of this element and that, which fit into one panel."""
    found: dict[tuple[str, ...], list[str]] = {}
    for name, curve in curves.items():
        found.setdefault((family_name(name), curve.x_name, curve.x_unit, curve.y_unit), []).append(name)
    most = _MOST_LINES
    return [members[start : start + most] for members in found.values() for start in range(0, len(members), most)]


def family_name(name: str) -> str:
    """Name of a curve without the elements that it is of: ``share_Na`` is ``share``."""
    return re.sub(r'(_[A-Z][a-z]?)+$', '', name)


@styled
def family_figure(series: Series) -> Figure:
    """Every curve; those of one family in one panel, told apart by colour, trajectories by the kind of line."""
    first: dict[str, Curve] = {}
    for curves in series.values():
        first = {**curves, **first}
    groups = families(first)
    if not groups:
        return empty_figure('No curve was computed.')
    columns = 2 if len(groups) > 1 else 1
    rows = math.ceil(len(groups) / columns)
    figure = new_figure(PAGE_WIDTH if columns > 1 else 4.8, 2.4 * rows + 0.3)
    for index, members in enumerate(groups):
        axes = figure.add_subplot(rows, columns, index + 1)
        draw_family(axes, series, members)
    return figure


def draw_family(axes: Any, series: Series, members: Sequence[str]) -> None:
    """Curves with the same axes in one panel."""
    low, high = math.inf, -math.inf
    colours = family_colours(members)
    for number, name in enumerate(members):
        for style, (label, curve) in enumerate(curves_named(series, name).items()):
            own = name.removeprefix(family_name(name)).strip('_').replace('_', '–') or 'all'
            text = own if len(series) == 1 else f'{own}, {label}'
            line = {'linestyle': LINES[style % len(LINES)], 'linewidth': 1.3, 'label': text}
            draw_curve(axes, curve.x, curve.y, curve.error, colours[number], **line)
            axes.set_xlabel(axis_label(curve.x_name, curve.x_unit))
            symbol = curve.y_name if len(members) == 1 else re.sub(r'_[A-Z][a-z]?', '', curve.y_name)
            axes.set_ylabel(axis_label(symbol, curve.y_unit))
            start, end = extent(curve)
            low, high = min(low, start), max(high, end)
    if low < high:
        axes.set_xlim(low, high)
    if len(members) > 1 or len(series) > 1:
        axes.legend(loc='best', fontsize=7.5, ncols=2 if len(members) > 4 else 1, **CLEAR)
    title = (family_name(members[0]) if len(members) > 1 else members[0]).replace('_', ' ')
    axes.set_title(title[:1].upper() + title[1:])


def family_colours(members: Sequence[str]) -> list[str]:
    """Colours of elements where the curves are of elements, else of the palette."""
    elements = tuple(name.removeprefix(family_name(name)).strip('_') for name in members)
    known = tuple(name for name in elements if name[:1].isupper() and len(name) <= 2)
    if known and len(known) >= len(members) - 1 and len(set(elements)) == len(elements):
        return [element_colour(name, known) if name in known else GREY for name in elements]
    return [colour_of(number) for number in range(len(members))]


def extent(curve: Curve) -> tuple[float, float]:
    """Where on the x axis a curve that ends in zeros on either side has something to show."""
    x, y = np.asarray(curve.x, dtype=float), np.abs(np.asarray(curve.y, dtype=float))
    if not len(x):
        return 0.0, 0.0
    seen = np.flatnonzero(y > 1e-4 * np.nanmax(y)) if np.nanmax(y) > 0 else np.arange(len(x))
    margin = max(1, round(0.04 * (seen[-1] - seen[0] + 1)))
    return float(x[max(0, seen[0] - margin)]), float(x[min(len(x) - 1, seen[-1] + margin)])

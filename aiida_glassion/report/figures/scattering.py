"""What a diffractometer would see: S(Q) for neutrons and X-rays, partials, T(r), and the measured curve beside them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.analysis.result import Curve
from aiida_glassion.report.figures.curve import (
    Series,
    axis_label,
    curves_named,
    draw_named,
    name_series,
    names_in,
    short_name,
    small_multiples,
)
from aiida_glassion.report.figures.style import (
    COLOURS,
    GREY,
    PAGE_WIDTH,
    draw_curve,
    empty_figure,
    new_figure,
    styled,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FloatArray = npt.NDArray[np.floating[Any]]
RADIATIONS = ('neutron', 'xray')
_PARTIAL = re.compile(r'S_[A-Z][a-z]?_[A-Z][a-z]?')
_ASYMPTOTE = {'S(Q)': 1.0, 'g(r)': 1.0}


def totals(series: Series, quantity: str) -> list[str]:
    """Names of the total curves of a quantity that are there, neutrons first: ``S_neutron``, ``S_xray``."""
    there = names_in(series)
    return [name for name in (f'{quantity}_{radiation}' for radiation in RADIATIONS) if name in there]


def partials(series: Series) -> list[str]:
    """Names of the partial structure factors that are there."""
    return [name for name in names_in(series) if _PARTIAL.fullmatch(name)]


def draw_total(axes: Any, series: Series, name: str) -> None:
    """One total curve, with the line that it goes to far out."""
    draw_named(axes, series, name)
    for curve in curves_named(series, name).values():
        axes.axhline(_ASYMPTOTE.get(curve.y_name, 0.0), color=GREY, linewidth=0.6, alpha=0.6)
        break
    symbol = name.partition('_')[0]
    axes.set_title(f'{symbol}({"Q" if symbol == "S" else "r"}), {short_name(name)}')
    if symbol == 'S':
        axes.set_xlim(left=0)


@styled
def structure_factor_figure(series: Series) -> Figure:
    """Total S(Q), neutrons and X-rays side by side."""
    return _side_by_side(series, totals(series, 'S'), 'No structure factor was computed.')


@styled
def total_correlation_figure(series: Series) -> Figure:
    """Total correlation functions in real space: T(r), and D(r) where it is there."""
    names = [name for quantity in ('T', 'D') for name in totals(series, quantity)]
    return _side_by_side(series, names, 'No total correlation function was computed.')


def _side_by_side(series: Series, names: list[str], nothing: str) -> Figure:
    if not names:
        return empty_figure(nothing)
    columns = min(2, len(names))
    rows = -(-len(names) // columns)
    figure = new_figure(PAGE_WIDTH if columns > 1 else 4.8, 2.5 * rows + 0.2 + 0.25 * (len(series) > 1))
    for index, name in enumerate(names):
        draw_total(figure.add_subplot(rows, columns, index + 1), series, name)
    name_series(figure, series)
    return figure


def partial_figure(series: Series) -> Figure:
    """Partial structure factors, one panel for each pair."""
    return small_multiples(series, partials(series))


@dataclass(frozen=True, eq=False)
class Overlay:
    """A measured curve and what the model gives for it.

    :param title: what was measured.
    :param measured: as it was measured, in the quantity and unit of ``calculated``.
    :param calculated: at the measured points within the range of the comparison.
    :param r_chi: %, None where it was not formed.
    """

    title: str
    measured: Curve
    calculated: Curve
    r_chi: float | None = None


def draw_overlay(axes: Any, overlay: Overlay, label: str = 'calculated') -> None:
    """Measured points and calculated line on one axis, with the difference shifted below them."""
    measured, calculated = overlay.measured, overlay.calculated
    at, value = np.asarray(measured.x, dtype=float), np.asarray(measured.y, dtype=float)
    x, y = np.asarray(calculated.x, dtype=float), np.asarray(calculated.y, dtype=float)
    inside = (at >= x.min() - 1e-9) & (at <= x.max() + 1e-9)
    axes.plot(at[inside], value[inside], 'o', color='#303030', markersize=2.0, markeredgewidth=0, label='measured')
    draw_curve(axes, x, y, calculated.error, COLOURS[1], linewidth=1.4, label=label)
    difference = value[inside] - np.interp(at[inside], x, y)
    low = min(float(value[inside].min()), float(y.min()))
    shift = low - max(float(difference.max()), 0.0) - 0.06 * (max(float(value[inside].max()), float(y.max())) - low)
    axes.plot(at[inside], difference + shift, color=COLOURS[0], linewidth=0.9, label='difference, shifted')
    axes.axhline(shift, color=GREY, linewidth=0.6, alpha=0.6)
    axes.set_xlabel(axis_label(calculated.x_name, calculated.x_unit))
    axes.set_ylabel(axis_label(calculated.y_name, calculated.y_unit))
    axes.set_xlim(float(x.min()), float(x.max()))
    axes.set_title(overlay.title)
    if overlay.r_chi is not None:
        text = f'$R_\\chi$ = {overlay.r_chi:.3g} %'
        axes.text(0.98, 0.98, text, ha='right', va='top', transform=axes.transAxes, fontsize=9)


@styled
def experiment_figure(overlays: Mapping[str, list[Overlay]]) -> Figure:
    """Every comparison with a measured curve: a row for each curve, a column for each trajectory.

    :param overlays: comparisons by the name of the trajectory, in the same order for all.
    """
    shown = {name: found for name, found in overlays.items() if found}
    if not shown:
        return empty_figure('No measured curve was given.')
    rows, columns = max(len(found) for found in shown.values()), min(3, len(shown))
    figure = new_figure(PAGE_WIDTH if columns > 1 else 5.6, 2.9 * rows + 0.3)
    for column, (name, found) in enumerate(list(shown.items())[:columns]):
        for row, overlay in enumerate(found):
            axes = figure.add_subplot(rows, columns, row * columns + column + 1)
            draw_overlay(axes, overlay)
            if columns > 1:
                axes.set_title(f'{name}\n{axes.get_title(loc="left")}')
    handles = figure.axes[0].get_legend_handles_labels()
    figure.legend(*handles, loc='outside lower center', ncols=3)
    return figure

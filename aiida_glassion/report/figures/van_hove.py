"""Where ions are after a time: the self part of the van Hove function as a map, cuts through it, the distinct part."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from aiida_glassion.analysis.result import Curve
from aiida_glassion.report.diffusion import Group, mean_over_replicas
from aiida_glassion.report.figures.style import GREY, PAGE_WIDTH, draw_curve, empty_figure, new_figure, styled
from aiida_glassion.report.figures.temperature import kelvin

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_COLUMNS, _MOST_LINES = 3, 4
_SELF, _DISTINCT = 'van_hove_self_{}_', 'van_hove_distinct_{}_{}_'


def van_hove_curves(group: Group, temperature: float, prefix: str) -> list[Curve]:
    """Curves of one part at one temperature by their lag, means over the replicas that have all these lags."""
    tables: list[dict[float, Curve]] = []
    for point in group.at(temperature):
        found = {
            float(curve.about['lag']): curve
            for name, curve in (point.curves.get('dynamics') or {}).items()
            if re.fullmatch(re.escape(prefix) + r'\d+', name)
        }
        if found:
            tables.append(found)
    if not tables:
        return []
    shared = sorted(lag for lag in tables[0] if all(lag in table for table in tables))
    return [mean_over_replicas([table[lag] for table in tables]) for lag in shared]


def drawn_temperatures(group: Group, ion: str) -> list[float]:
    """Hottest, middle and coldest of those that have a van Hove function, at most three."""
    there = [t for t in group.temperatures if van_hove_curves(group, t, _SELF.format(ion))]
    if len(there) <= _MOST_COLUMNS:
        return there
    return [there[0], there[len(there) // 2], there[-1]]


@styled
def van_hove_figure(group: Group, ion: str) -> Figure:
    """A column for each temperature: the self part as a map, cuts at some lags, the distinct part at some lags."""
    temperatures = drawn_temperatures(group, ion)
    if not temperatures:
        return empty_figure('No van Hove function was computed.')
    own = {t: van_hove_curves(group, t, _SELF.format(ion)) for t in temperatures}
    distinct = {t: van_hove_curves(group, t, _DISTINCT.format(ion, ion)) for t in temperatures}
    rows = 3 if any(distinct.values()) else 2
    columns = len(temperatures)
    figure = new_figure(PAGE_WIDTH if columns > 1 else 4.8, 2.5 * rows + 0.1)
    axes = figure.subplots(rows, columns, squeeze=False)
    reach = max(_reach(curves) for curves in own.values())
    for column, temperature in enumerate(temperatures):
        mesh = draw_map(axes[0, column], own[temperature], reach)
        axes[0, column].set_title(kelvin(temperature))
        figure.colorbar(
            mesh, ax=axes[0, column], label='$4\\pi r^2 G_\\mathrm{s}$ (Å⁻¹)' if column == columns - 1 else None
        )
        _draw_cuts(axes[1, column], own[temperature], reach)
        axes[1, column].set_ylim(bottom=0)
        if rows == 3:
            _draw_cuts(axes[2, column], distinct[temperature], None)
            axes[2, column].axhline(1.0, color=GREY, linewidth=0.7, linestyle=':')
            axes[2, column].set_ylim(0, _top(distinct[temperature]))
        for row in range(1, rows):
            axes[row, column].set_xlabel('r (Å)')
    axes[0, 0].set_ylabel('Lag time t (ps)')
    axes[1, 0].set_ylabel('$4\\pi r^2 G_\\mathrm{s}(r, t)$ (Å⁻¹)')
    if rows == 3:
        axes[2, 0].set_ylabel('$G_\\mathrm{d}(r, t)/\\rho$')
    return figure


def _top(curves: Sequence[Curve]) -> float:
    """Largest value that is more than its own error."""
    told = [1.5]
    for curve in curves:
        y = np.asarray(curve.y, dtype=float)
        sure = y > 0 if curve.error is None else y > 2 * np.asarray(curve.error)
        told += [float(value) for value in y[sure & (np.asarray(curve.x) > 0.2)]]
    return 1.15 * max(told)


def _reach(curves: Sequence[Curve]) -> float:
    """Distance up to which nearly all ions went at the longest lag, Å."""
    last = curves[-1]
    share = np.cumsum(last.y) * float(last.x[1] - last.x[0])
    place = int(np.searchsorted(share, 0.98 * share[-1]))
    return float(last.x[min(place + 1, len(last.x) - 1)])


def draw_map(axes: Any, curves: Sequence[Curve], reach: float) -> Any:
    """The self part over (r, t); colour by the square root, so that the few that went far are seen.

    :param curves: by increasing lag, on one grid of r.
    :returns: the mesh.
    """
    from matplotlib.colors import PowerNorm

    r = np.asarray(curves[0].x, dtype=float)
    half = 0.5 * (r[1] - r[0])
    edges_r = np.append(r - half, r[-1] + half)
    lags = np.array([curve.about['lag'] for curve in curves], dtype=float)
    steps = np.sqrt(lags[1:] / lags[:-1]) if len(lags) > 1 else np.array([np.sqrt(2.0)])
    edges_t = np.concatenate([[lags[0] / steps[0]], lags[:-1] * steps if len(lags) > 1 else [], [lags[-1] * steps[-1]]])
    values = np.array([curve.y for curve in curves])
    # the first lags, nearly a spike at r = 0, would leave the rest dark
    bright = float(np.quantile(values[:, r < reach], 0.98)) or 1.0
    mesh = axes.pcolormesh(
        edges_r, edges_t, values, cmap='cividis', norm=PowerNorm(0.5, 0.0, bright), rasterized=True, shading='flat'
    )
    axes.set_yscale('log')
    axes.set_xlim(0, reach)
    return mesh


def _draw_cuts(axes: Any, curves: Sequence[Curve], reach: float | None) -> None:
    """Some lags as lines with their errors, from short, dark, to long."""
    from matplotlib import colormaps

    if not curves:
        axes.set_axis_off()
        axes.text(0.5, 0.5, 'not computed', ha='center', va='center', color=GREY, transform=axes.transAxes)
        return
    chosen = np.unique(np.linspace(0, len(curves) - 1, min(_MOST_LINES, len(curves))).round().astype(int))
    if reach is not None and len(curves) > _MOST_LINES:
        chosen = np.unique(np.linspace(len(curves) // 3, len(curves) - 1, _MOST_LINES).round().astype(int))
    shades = colormaps['viridis'](np.linspace(0.0, 0.8, len(chosen)))
    for shade, place in zip(shades, chosen, strict=True):
        curve = curves[place]
        draw_curve(axes, curve.x, curve.y, curve.error, shade, linewidth=1.1, label=f'{curve.about["lag"]:.3g} ps')
    axes.set_xlim(0, reach if reach is not None else float(curves[0].x[-1]))
    axes.legend(fontsize=7, handlelength=1.1, labelspacing=0.25, frameon=True, framealpha=0.8, edgecolor='none')

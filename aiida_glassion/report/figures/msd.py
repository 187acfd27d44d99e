"""Mean squared displacements: how far ions go, at each temperature, and whether that is diffusion."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from aiida_glassion.analysis.result import Curve
from aiida_glassion.report.diffusion import Group, mean_over_replicas
from aiida_glassion.report.figures.style import GREY, PAGE_WIDTH, draw_curve, empty_figure, new_figure, styled
from aiida_glassion.report.figures.temperature import kelvin, temperature_colours, temperature_legend
from aiida_glassion.units import ANGSTROM2_PER_PS_TO_CM2_PER_S

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NOTHING = 'No displacements have been analysed yet.'
_DIFFUSIVE = (0.9, 1.1)


@dataclass(frozen=True, eq=False)
class Walk:
    """Displacements of one kind of ion at one temperature.

    :param mean: over the replicas, Å² against ps.
    :param replicas: each of them.
    :param window: first and last lag of the fits, ps, means over the replicas.
    :param slope: of the mean fitted line, Å²/ps.
    :param exponent: d ln MSD/d ln t, mean over the replicas.
    :param diffusive: how many replicas are.
    """

    temperature: float
    mean: Curve
    replicas: tuple[Curve, ...]
    window: tuple[float, float] | None
    slope: float | None
    intercept: float
    exponent: Curve | None
    diffusive: int


def walks_of(group: Group, ion: str) -> list[Walk]:
    """One entry for each temperature that has displacements, from the hottest."""
    found = []
    for temperature in group.temperatures:
        points = [point for point in group.at(temperature) if point.curve('diffusion', f'msd_{ion}') is not None]
        curves = [curve for point in points if (curve := point.curve('diffusion', f'msd_{ion}')) is not None]
        if not curves:
            continue
        own = [point.of_ion('diffusion', ion) for point in points]
        fits = [entry for entry in own if entry.get('D') and entry.get('window')]
        exponents = [curve for point in points if (curve := point.curve('diffusion', f'exponent_{ion}')) is not None]
        window, slope, intercept = None, None, 0.0
        if fits:
            window = (_mean([fit['window']['first'] for fit in fits]), _mean([fit['window']['last'] for fit in fits]))
            directions = len(str(curves[0].about.get('directions') or 'xyz'))
            slope = 2 * directions * _mean([fit['D']['mean'] for fit in fits]) / ANGSTROM2_PER_PS_TO_CM2_PER_S
            intercept = _mean([(fit.get('intercept') or {}).get('mean') or 0.0 for fit in fits])
        usable = [curve for curve in exponents if len(curve.x)]
        found.append(
            Walk(
                temperature,
                mean_over_replicas(curves),
                tuple(curves),
                window,
                slope,
                intercept,
                mean_over_replicas(usable) if usable else None,
                sum(bool(entry.get('diffusive')) for entry in own),
            )
        )
    return found


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


@styled
def msd_figure(walks: Sequence[Walk]) -> Figure:
    """One panel for each temperature on linear axes: replicas, their mean with its error, the window and the fit."""
    if not walks:
        return empty_figure(NOTHING)
    columns = 2 if len(walks) in (2, 4) else min(3, len(walks))
    rows = math.ceil(len(walks) / columns)
    figure = new_figure(PAGE_WIDTH if columns > 1 else 4.6, 2.15 * rows + 0.5)
    colours = temperature_colours([walk.temperature for walk in walks])
    for index, walk in enumerate(walks):
        axes = figure.add_subplot(rows, columns, index + 1)
        draw_walk(axes, walk, colours[walk.temperature])
        if index % columns == 0:
            axes.set_ylabel('MSD (Å²)')
        if index + columns >= len(walks):
            axes.set_xlabel('Lag time t (ps)')
    handles = {}
    for axes in figure.axes:
        handles.update({label: handle for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)})
    figure.legend(list(handles.values()), list(handles), loc='outside lower center', ncols=4)
    return figure


def draw_walk(axes: Any, walk: Walk, colour: str) -> None:
    """One temperature on linear axes."""
    if walk.window:
        axes.axvspan(*walk.window, color=GREY, alpha=0.13, linewidth=0, label='fit window')
    if len(walk.replicas) > 1:
        for number, curve in enumerate(walk.replicas):
            axes.plot(curve.x, curve.y, color=colour, linewidth=0.6, alpha=0.55, label='' if number else 'replica')
    draw_curve(axes, walk.mean.x, walk.mean.y, walk.mean.error, colour, linewidth=1.6, label='mean ± standard error')
    if walk.slope is not None and walk.window:
        t = np.array(walk.window)
        axes.plot(t, walk.intercept + walk.slope * t, color='black', linestyle='--', linewidth=1.1, label='fit')
    end = float(walk.replicas[0].x[-1]) if len(walk.replicas) == 1 else max(float(c.x[-1]) for c in walk.replicas)
    axes.set_xlim(0, end)
    axes.set_ylim(bottom=0)
    n = len(walk.replicas)
    word = (
        ''
        if walk.diffusive == n
        else ', not diffusive'
        if not walk.diffusive
        else f', {walk.diffusive} of {n} diffusive'
    )
    axes.set_title(kelvin(walk.temperature) + word)


@styled
def regime_figure(walks: Sequence[Walk]) -> Figure:
    """All temperatures: MSD on logarithmic axes beside a line of slope 1, and the exponent against the lag."""
    if not walks:
        return empty_figure(NOTHING)
    figure = new_figure(PAGE_WIDTH, 3.5)
    left, right = figure.subplots(1, 2)
    draw_log_msd(left, walks)
    draw_exponents(right, walks)
    extra = _windows_handle() if any(walk.window for walk in walks) else []
    temperature_legend(figure, [walk.temperature for walk in walks], extra)
    return figure


def _windows_handle() -> list[tuple[Any, str]]:
    from matplotlib.lines import Line2D

    return [(Line2D([], [], color='black', linewidth=3.2), 'fit window')]


def draw_log_msd(axes: Any, walks: Sequence[Walk]) -> None:
    """MSD on logarithmic axes, the windows of the fits as thicker lines."""
    colours = temperature_colours([walk.temperature for walk in walks])
    for walk in walks:
        colour, mean = colours[walk.temperature], walk.mean
        positive = np.asarray(mean.y) > 0
        x, y = np.asarray(mean.x)[positive], np.asarray(mean.y)[positive]
        axes.plot(x, y, color=colour, linewidth=1.3)
        if mean.error is not None:
            error = np.asarray(mean.error)[positive]
            axes.fill_between(x, np.maximum(y - error, 0.05 * y), y + error, color=colour, alpha=0.25, linewidth=0)
        if walk.window:
            inside = (x >= walk.window[0]) & (x <= walk.window[1])
            axes.plot(x[inside], y[inside], color=colour, linewidth=3.2, solid_capstyle='butt')
    axes.set_xscale('log')
    axes.set_yscale('log')
    low, high = axes.get_ylim()
    guide(axes, walks, 1.0, 'slope 1')
    axes.set_ylim(low, high)
    axes.set_xlabel('Lag time t (ps)')
    axes.set_ylabel('MSD (Å²)')
    axes.set_title('Mean squared displacement')


def guide(axes: Any, walks: Sequence[Walk], slope: float, words: str) -> None:
    """A straight line above the hottest curve, over the last two decades at most."""
    top = max(walks, key=lambda walk: float(walk.mean.y[-1]))
    end = float(top.mean.x[-1])
    start = max(float(top.mean.x[0]), end / 30)
    middle = math.sqrt(start * end)
    height = 2.2 * float(np.interp(middle, top.mean.x, top.mean.y))
    t = np.array([start, end])
    axes.plot(t, height * (t / middle) ** slope, color=GREY, linestyle=':', linewidth=1.2)
    axes.text(start, height * (start / middle) ** slope * 1.25, words, color=GREY, fontsize=8, ha='right', va='bottom')


def draw_exponents(axes: Any, walks: Sequence[Walk]) -> None:
    """Exponents against the lag, with the range that counts as diffusion."""
    colours = temperature_colours([walk.temperature for walk in walks])
    axes.axhspan(*_DIFFUSIVE, color=GREY, alpha=0.15, linewidth=0)
    axes.axhline(1.0, color=GREY, linewidth=0.8, linestyle=':')
    for walk in walks:
        if walk.exponent is None:
            continue
        curve = walk.exponent
        draw_curve(axes, curve.x, curve.y, curve.error, colours[walk.temperature], linewidth=1.3)
    axes.set_xscale('log')
    axes.set_ylim(0, 2.05)
    axes.set_xlabel('Lag time t (ps)')
    axes.set_ylabel('d ln MSD / d ln t, from t to 2t')
    axes.set_title('Exponent (grey: diffusive, 0.9 to 1.1)')

"""Who moves and when: the non-Gaussian parameter, and mobile and trapped ions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from aiida_glassion.report.diffusion import Estimate, Group, Point, mean_over_replicas, read_estimate
from aiida_glassion.report.figures.style import COLOURS, GREY, PAGE_WIDTH, draw_curve, empty_figure, new_figure, styled
from aiida_glassion.report.figures.temperature import temperature_colours, temperature_legend

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KIND = 'dynamics'
NOTHING = 'No dynamics were analysed.'


def has_curve(group: Group, name: str) -> bool:
    """Whether any point has a curve of the dynamics."""
    return any(point.curve(KIND, name) is not None for point in group.points)


@styled
def alpha2_figure(group: Group, ion: str) -> Figure:
    """α₂ against the lag at every temperature; and the time of its peak against the temperature."""
    if not has_curve(group, f'alpha2_{ion}'):
        return empty_figure(NOTHING)
    figure = new_figure(PAGE_WIDTH, 3.5)
    left, right = figure.subplots(1, 2, width_ratios=(1.5, 1))
    draw_alpha2(left, group, ion)
    _draw_peak_times(right, group, ion)
    temperature_legend(figure, group.temperatures, _peak_handles())
    return figure


def draw_alpha2(axes: Any, group: Group, ion: str) -> None:
    """α₂ of every temperature with the peaks of the replicas; hollow: at the end of the lags."""
    colours = temperature_colours(group.temperatures)
    for temperature in group.temperatures:
        curves = [c for point in group.at(temperature) if (c := point.curve(KIND, f'alpha2_{ion}')) is not None]
        if not curves:
            continue
        mean = mean_over_replicas(curves)
        draw_curve(axes, mean.x, mean.y, mean.error, colours[temperature], linewidth=1.4)
        for point in group.at(temperature):
            peak = _peak(point, ion)
            if peak is not None:
                time, value, inside = peak
                axes.errorbar(
                    time, value.value, value.error, fmt='o', markersize=4, color=colours[temperature], linewidth=0.9,
                    markerfacecolor=colours[temperature] if inside else 'white', zorder=3,
                )  # fmt: skip
    axes.axhline(0.0, color=GREY, linewidth=0.7)
    axes.set_xscale('log')
    axes.set_xlabel('Lag time t (ps)')
    axes.set_ylabel('α₂(t) = 3⟨r⁴⟩/(5⟨r²⟩²) − 1')
    axes.set_title('Non-Gaussian parameter (0: all alike)')


def _peak(point: Point, ion: str) -> tuple[float, Estimate, bool] | None:
    """Time, height and whether it is inside the lags; None where it is no more than noise."""
    entry = point.of_ion(KIND, ion)
    value, time = read_estimate(entry.get('alpha2_peak')), entry.get('alpha2_peak_time')
    if value is None or not time or not entry.get('alpha2_significant'):
        return None
    return float(time), value, bool(entry.get('alpha2_peak_inside'))


def _draw_peak_times(axes: Any, group: Group, ion: str) -> None:
    """Times of the peaks, replica by replica, and their geometric mean with its error."""
    colours = temperature_colours(group.temperatures)
    drawn = False
    for temperature in group.temperatures:
        peaks = [peak for point in group.at(temperature) if (peak := _peak(point, ion)) is not None]
        for time, _, inside in peaks:
            axes.plot(
                1000 / temperature, time, 'o', color=colours[temperature], markersize=4,
                markerfacecolor=colours[temperature] if inside else 'white', alpha=0.7,
            )  # fmt: skip
            drawn = True
        inside_times = np.log([time for time, _, inside in peaks if inside])
        if len(inside_times) > 1:
            middle = float(inside_times.mean())
            error = float(inside_times.std(ddof=1) / math.sqrt(len(inside_times)))
            ends = [[math.exp(middle) * (1 - math.exp(-error))], [math.exp(middle) * (math.exp(error) - 1)]]
            axes.errorbar(1000 / temperature, math.exp(middle), ends, fmt='_', color='black', markersize=10)
    axes.set_title('Time of the peak')
    axes.set_xlabel('1000/T (K⁻¹)')
    axes.set_ylabel('t of largest α₂ (ps)')
    if drawn:
        axes.set_yscale('log')
        low, high = axes.get_ylim()
        if high / low < 4:
            axes.set_ylim(low / 2, high * 2)
        axes.margins(x=0.12)
    else:
        axes.text(0.5, 0.5, 'no peak above\nits error', ha='center', va='center', color=GREY, transform=axes.transAxes)
        axes.set_xticks([])
        axes.set_yticks([])


def _peak_handles() -> list[tuple[Any, str]]:
    from matplotlib.lines import Line2D

    full = Line2D([], [], marker='o', color=GREY, linestyle='', markersize=4)
    hollow = Line2D([], [], marker='o', color=GREY, markerfacecolor='white', linestyle='', markersize=4)
    return [(full, 'peak'), (hollow, 'at an end of the lags')]


@styled
def mobile_figure(group: Group, ion: str) -> Figure:
    """Share of the ions that moved, against the lag; and at one lag against the temperature, told apart twice."""
    if not has_curve(group, f'mobile_{ion}'):
        return empty_figure(NOTHING)
    figure = new_figure(PAGE_WIDTH, 3.5)
    left, right = figure.subplots(1, 2, width_ratios=(1.3, 1))
    colours = temperature_colours(group.temperatures)
    distance = 0.0
    for temperature in group.temperatures:
        curves = [c for point in group.at(temperature) if (c := point.curve(KIND, f'mobile_{ion}')) is not None]
        if curves:
            mean = mean_over_replicas(curves)
            distance = float(mean.about.get('distance') or distance)
            error = None if mean.error is None else 100 * np.asarray(mean.error)
            draw_curve(left, mean.x, 100 * np.asarray(mean.y), error, colours[temperature], linewidth=1.4)
    left.set_xscale('log')
    left.set_ylim(-3, 103)
    left.set_xlabel('Lag time t (ps)')
    left.set_ylabel(f'Ions beyond {distance:g} Å (%)' if distance else 'Mobile ions (%)')
    left.set_title('Mobile ions')
    _draw_shares(right, group, ion)
    temperature_legend(figure, group.temperatures)
    return figure


def _draw_shares(axes: Any, group: Group, ion: str) -> None:
    """Mobile share of each replica by the threshold and by two populations, with their errors."""
    ways = (('threshold', 'o', COLOURS[0], -1), ('two populations', '^', COLOURS[1], 1))
    steps = np.diff(sorted(group.temperatures)) if len(group.temperatures) > 1 else np.array([100.0])
    shift = 0.09 * float(steps.min())
    for way, marker, colour, side in ways:
        shown = False
        for temperature in group.temperatures:
            for point in group.at(temperature):
                mobility = point.of_ion(KIND, ion).get('mobility') or {}
                table = mobility if way == 'threshold' else mobility.get('two_populations') or {}
                share = read_estimate(table.get('mobile_fraction'))
                if share is None:
                    continue
                error = None if share.error is None else 100 * share.error
                axes.errorbar(
                    temperature + side * shift, 100 * share.value, error, fmt=marker, color=colour, markersize=4.5,
                    linewidth=0.9, alpha=0.85, label=None if shown else way,
                )  # fmt: skip
                shown = True
    axes.set_ylim(-3, 103)
    axes.set_xlabel('T (K)')
    axes.set_ylabel('Mobile ions (%)')
    axes.set_title('At the lag of the α₂ peak')
    axes.margins(x=0.1)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=7.5, loc='best', frameon=True, framealpha=0.8, edgecolor='none')

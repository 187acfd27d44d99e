"""D and σT over 1/T: points with their errors, the line with its band, and what it says at 300 K."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.report.diffusion import Estimate
from aiida_glassion.report.figures.style import COLOURS, GREY, PAGE_WIDTH, empty_figure, new_figure, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MARKERS = ('o', '^', 's', 'D', 'v', 'P')
_FOREIGN = ('s', 'D', 'p', 'h', '*', 'X')
ROOM = 300.0
NOTHING = 'No temperature has a value yet.'
_FAR = 100.0
"""An interval that reaches further, as a factor, leaves the axes, so that the points are still seen."""


@dataclass(frozen=True)
class Dot:
    """One temperature.

    :param estimate: with its 95 % interval; None: there is an upper limit at most.
    :param excluded: why it is no point of the line.
    """

    temperature: float
    estimate: Estimate | None
    upper_limit: float | None = None
    excluded: str | None = None


@dataclass(frozen=True, eq=False)
class Line:
    """The fitted line with its 95 % band, at increasing 1/T.

    :param used: lowest and highest temperature of the fit, K.
    """

    temperature: npt.NDArray[Any]
    value: npt.NDArray[Any]
    low: npt.NDArray[Any]
    high: npt.NDArray[Any]
    used: tuple[float, float]


@dataclass(frozen=True, eq=False)
class ArrheniusSeries:
    """One quantity of one composition.

    :param replicas: temperature and value of each replica, and whether it counts.
    :param room: the value at 300 K with its interval.
    """

    name: str
    dots: Sequence[Dot]
    replicas: Sequence[tuple[float, float, bool]] = ()
    line: Line | None = None
    room: Estimate | None = None

    @property
    def empty(self) -> bool:
        """Nothing to draw."""
        return not any(dot.estimate or dot.upper_limit for dot in self.dots)


@dataclass(frozen=True, eq=False)
class Foreign:
    """Somebody else's points.

    :param name: citation.
    :param error: standard errors, None where unknown.
    """

    name: str
    temperature: npt.NDArray[Any]
    value: npt.NDArray[Any]
    error: npt.NDArray[Any] | None = None


@dataclass(frozen=True, eq=False)
class ArrheniusPanel:
    """One quantity of all compositions.

    :param label: of the axis, with the unit.
    """

    title: str
    label: str
    series: Sequence[ArrheniusSeries]
    foreign: Sequence[Foreign] = ()


@styled
def arrhenius_figure(panels: Sequence[ArrheniusPanel]) -> Figure:
    """One panel for each quantity that has a value."""
    shown = [panel for panel in panels if any(not series.empty for series in panel.series)]
    if not shown:
        return empty_figure(NOTHING)
    columns = min(2, len(shown))
    rows = -(-len(shown) // columns)
    figure = new_figure(PAGE_WIDTH if columns > 1 else 5.2, 4.0 * rows + 0.1)
    for index, panel in enumerate(shown):
        axes = figure.add_subplot(rows, columns, index + 1)
        draw_arrhenius(axes, panel)
    return figure


def draw_arrhenius(axes: Any, panel: ArrheniusPanel, legend: bool = True) -> None:
    """One quantity against 1000/T."""
    for number, series in enumerate(panel.series):
        _draw_series(axes, series, COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)])
    for number, foreign in enumerate(panel.foreign):
        axes.errorbar(
            1000 / foreign.temperature, foreign.value, _positive_bars(foreign), fmt=_FOREIGN[number % len(_FOREIGN)],
            color='#222222', markerfacecolor='white', markersize=5, linewidth=0.8, zorder=2.5,
            label=plain_text(foreign.name),
        )  # fmt: skip
    axes.set_yscale('log')
    _value_axis(axes, panel)
    _temperature_axes(axes, panel)
    axes.set_ylabel(panel.label)
    axes.set_title(panel.title)
    if legend:
        _legend(axes, panel)


def _draw_series(axes: Any, series: ArrheniusSeries, colour: str, marker: str) -> None:
    """Line, band, points, limits, 300 K."""
    if series.line is not None:
        _draw_line(axes, series.line, colour)
    for temperature, value, counts in series.replicas:
        if value > 0:
            fill = {'markeredgewidth': 0.0} if counts else {'markerfacecolor': 'white', 'markeredgewidth': 0.7}
            axes.plot(1000 / temperature, value, marker, color=colour, markersize=2.8, alpha=0.5, **fill)
    labelled = False
    for dot in series.dots:
        x = 1000 / dot.temperature
        if dot.estimate is not None and dot.estimate.value > 0:
            used = dot.excluded is None
            axes.errorbar(
                x, dot.estimate.value, _bars(dot.estimate), fmt=marker, color=colour, markersize=5.5, linewidth=1.1,
                markerfacecolor=colour if used else 'white', zorder=3,
                label=plain_text(series.name) if used and not labelled else None,
            )  # fmt: skip
            labelled = labelled or used
        elif dot.upper_limit is not None and dot.upper_limit > 0:
            axes.plot(x, dot.upper_limit, marker='_', color=colour, markersize=9, markeredgewidth=1.4)
            axes.annotate(
                '', (x, dot.upper_limit), xytext=(0, -20), textcoords='offset points',
                arrowprops={'arrowstyle': '<|-', 'color': colour, 'linewidth': 1.1, 'shrinkA': 0, 'shrinkB': 0},
            )  # fmt: skip
    if not labelled:
        axes.plot([], [], marker, color=colour, markerfacecolor='white', label=plain_text(series.name))
    if series.room is not None and series.room.value > 0:
        axes.errorbar(
            1000 / ROOM, series.room.value, _bars(series.room), fmt='*', color=colour, markersize=10,
            markerfacecolor='white', linewidth=1.1, zorder=3,
        )  # fmt: skip


def _draw_line(axes: Any, line: Line, colour: str) -> None:
    """Solid with a dark band where it was fitted; dashed with a light one beyond."""
    x = 1000 / line.temperature
    inside = (line.temperature >= line.used[0] - 1e-6) & (line.temperature <= line.used[1] + 1e-6)
    axes.fill_between(x, line.low, line.high, color=colour, alpha=0.10, linewidth=0)
    axes.fill_between(x, line.low, line.high, where=inside, color=colour, alpha=0.22, linewidth=0)
    axes.plot(x, line.value, color=colour, linewidth=1.1, linestyle=(0, (4, 3)))
    axes.plot(x[inside], line.value[inside], color=colour, linewidth=1.6)


def _bars(estimate: Estimate) -> Any:
    """Distances to the ends of the interval; what would end at zero ends a decade below."""
    if estimate.interval is None:
        return None
    low, high = estimate.interval
    low = low if low > 0 else 0.1 * estimate.value
    return [[max(0.0, estimate.value - low)], [max(0.0, high - estimate.value)]]


def _positive_bars(foreign: Foreign) -> Any:
    if foreign.error is None:
        return None
    below = np.minimum(foreign.error, 0.9 * foreign.value)
    return [np.where(np.isfinite(below), below, 0), np.where(np.isfinite(foreign.error), foreign.error, 0)]


def _value_axis(axes: Any, panel: ArrheniusPanel) -> None:
    """Limits by what counts: what a run that is not diffusive calls its D may be anything."""
    values = [float(value) for foreign in panel.foreign for value in foreign.value]
    for series in panel.series:
        for estimate in (*(dot.estimate for dot in series.dots), series.room):
            if estimate is not None and estimate.value > 0:
                middle = estimate.value
                ends = [min(max(end, middle / _FAR), middle * _FAR) for end in estimate.interval or ()]
                values += [*ends, middle]
        values += [dot.upper_limit / 10 for dot in series.dots if dot.upper_limit]
        if series.line is not None:
            values += [float(value) for value in (series.line.value.min(), series.line.value.max())]
    positive = [value for value in values if value > 0]
    if positive:
        axes.set_ylim(min(positive) / 3, max(positive) * 3)


def _temperature_axes(axes: Any, panel: ArrheniusPanel) -> None:
    """1000/T below, T above, and the part beyond what was fitted in grey."""
    temperatures = [dot.temperature for series in panel.series for dot in series.dots]
    temperatures += [float(t) for foreign in panel.foreign for t in foreign.temperature]
    lines = [series.line for series in panel.series if series.line is not None]
    rooms = any(series.room is not None for series in panel.series)
    coldest = min([*temperatures, *([ROOM] if rooms or lines else [])])
    low, high = 1000 / max(temperatures), 1000 / coldest
    margin = 0.05 * (high - low) or 0.05 * low
    axes.set_xlim(low - margin, high + margin)
    axes.set_xlabel('1000/T (K⁻¹)')
    if lines:
        begin = 1000 / min(line.used[0] for line in lines)
        axes.axvspan(begin, high + margin, color=GREY, alpha=0.08, linewidth=0, zorder=0)
        if high - begin > 0.25 * (high - low):
            axes.text(
                0.98, 0.98, 'extrapolated', transform=axes.transAxes, ha='right', va='top', color=GREY, fontsize=8
            )
    with np.errstate(divide='ignore'):
        top = axes.secondary_xaxis('top', functions=(_kelvin, _kelvin))
    ticks = _thinned(sorted({*temperatures, *([ROOM] if coldest == ROOM else [])}), 0.11 * (high - low + 2 * margin))
    top.set_xticks(ticks, [f'{tick:g}' for tick in ticks])
    top.tick_params(labelsize=7.5)
    top.set_xlabel('T (K)', fontsize=8.5)


def _kelvin(x: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """1000/T ↔ T, its own inverse."""
    values = np.asarray(x, dtype=float)
    return np.asarray(1000 / np.where(np.abs(values) < 1e-9, 1e-9, values))


def _thinned(temperatures: Sequence[float], apart: float) -> list[float]:
    """Temperatures that are far enough apart in 1000/T to be written; the coldest and the hottest first."""
    kept: list[float] = []
    for temperature in [temperatures[0], temperatures[-1], *temperatures[1:-1]]:
        if all(abs(1000 / temperature - 1000 / other) >= apart for other in kept):
            kept.append(temperature)
    return sorted(kept)


def _legend(axes: Any, panel: ArrheniusPanel) -> None:
    """Names of the series, and what hollow points, arrows and stars are, where there are any."""
    from matplotlib.lines import Line2D

    handles, labels = axes.get_legend_handles_labels()
    dots = [dot for series in panel.series for dot in series.dots]
    hollow = any(not counts for series in panel.series for *_, counts in series.replicas)
    if hollow or any(dot.estimate is not None and dot.excluded for dot in dots):
        handles.append(Line2D([], [], marker='o', color=GREY, markerfacecolor='white', linestyle=''))
        labels.append('excluded')
    if any(dot.estimate is None and dot.upper_limit for dot in dots):
        handles.append(Line2D([], [], marker=r'$\downarrow$', color=GREY, linestyle='', markersize=8))
        labels.append('upper limit')
    if any(series.room is not None for series in panel.series):
        handles.append(Line2D([], [], marker='*', color=GREY, markerfacecolor='white', linestyle='', markersize=9))
        labels.append('300 K, 95 %')
    place = {'loc': 'upper center', 'bbox_to_anchor': (0.5, -0.16)}
    axes.legend(handles, labels, fontsize=7.5, ncols=1 if _long(labels) else 2, **place)


def _long(labels: Sequence[str]) -> bool:
    """Too long to stand side by side."""
    return max(map(len, labels)) > 24


def plain_text(words: str) -> str:
    """Text without what matplotlib would read as a formula."""
    return words.replace('$', r'\$')

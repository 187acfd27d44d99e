"""A diffusion sweep on one sheet, for a talk or a README."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from aiida_glassion.report.diffusion import Group
from aiida_glassion.report.figures.arrhenius import ArrheniusPanel, draw_arrhenius
from aiida_glassion.report.figures.channels import Channels, draw_density, draw_paths
from aiida_glassion.report.figures.diffusion_course import Course, SeriesPoint, draw_courses, draw_series
from aiida_glassion.report.figures.mobility import draw_alpha2, has_curve
from aiida_glassion.report.figures.msd import Walk, draw_exponents, draw_log_msd
from aiida_glassion.report.figures.style import GREY, new_figure, styled
from aiida_glassion.report.figures.temperature import temperature_legend

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PLACES = 6


@dataclass(frozen=True, eq=False)
class Sheet:
    """What is drawn.

    :param panels: Arrhenius lines of D and σT.
    :param group: the composition whose ions are shown.
    """

    title: str
    panels: Sequence[ArrheniusPanel]
    walks: Sequence[Walk]
    group: Group
    ion: str
    channels: Channels | None
    courses: Sequence[Course]
    goal: float | None
    series: Sequence[SeriesPoint] = ()


def panels_of(sheet: Sheet) -> list[tuple[str, Callable[[Any], Any]]]:
    """Names and drawers of the panels, the most telling first; at most six."""
    found: list[tuple[str, Callable[[Any], Any]]] = []
    for panel in sheet.panels:
        if any(not series.empty for series in panel.series):
            found.append((panel.title, partial(draw_arrhenius, panel=panel)))
    if len(sheet.series) > 1:
        temperatures = sorted({t for point in sheet.series for t in point.sigma}, reverse=True)
        found.append(('series', partial(draw_series, points=sheet.series, temperatures=temperatures)))
    if sheet.walks:
        found.append(('msd', partial(draw_log_msd, walks=sheet.walks)))
    if sheet.channels is not None and sheet.channels.density is not None:
        found.append(('density', partial(_density, channels=sheet.channels, ion=sheet.ion)))
    elif sheet.channels is not None:
        found.append(('paths', partial(draw_paths, channels=sheet.channels, plane=(0, 1))))
    if has_curve(sheet.group, f'alpha2_{sheet.ion}'):
        found.append(('alpha2', partial(draw_alpha2, group=sheet.group, ion=sheet.ion)))
    if sheet.courses:
        found.append(('history', partial(draw_courses, courses=sheet.courses, goal=sheet.goal)))
    if sheet.walks:
        found.append(('exponent', partial(draw_exponents, walks=sheet.walks)))
    return found[:_PLACES]


def _density(axes: Any, channels: Channels, ion: str) -> None:
    draw_density(axes, channels, (0, 1))
    axes.set_title(f'{ion} density at {channels.title}, lines: channels')


@styled
def diffusion_sheet(sheet: Sheet) -> Figure:
    """Two rows of three panels; fewer where there is less."""
    panels = panels_of(sheet)
    columns = min(3, max(1, len(panels)))
    rows = max(1, -(-len(panels) // columns))
    figure = new_figure(3.65 * columns + 0.3, 3.5 * rows + 0.6)
    figure.suptitle(sheet.title, fontsize=13, fontweight='bold', x=0.01, ha='left')
    if not panels:
        axes = figure.add_subplot()
        axes.set_axis_off()
        axes.text(0.5, 0.5, 'nothing has been found yet', ha='center', va='center', color=GREY)
        return figure
    for number, (_, draw) in enumerate(panels):
        draw(figure.add_subplot(rows, columns, number + 1))
    if sheet.walks:
        temperature_legend(figure, [walk.temperature for walk in sheet.walks])
    return figure

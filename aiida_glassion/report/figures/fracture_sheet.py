"""A fracture study on one sheet, for a talk or a README."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from aiida_glassion.report.figures.along_strain import Course, draw_switching
from aiida_glassion.report.figures.crack import Opening, draw_open_share
from aiida_glassion.report.figures.strain_map import Slices, colour_limit, draw_shear
from aiida_glassion.report.figures.stress_strain import Panel, draw_panel
from aiida_glassion.report.figures.style import COLOURS, GREY, new_figure, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_SLICES = 3


@dataclass(frozen=True, eq=False)
class Sheet:
    """What is drawn.

    :param chosen: rate, size, sides, plane: what the numbers depend on.
    :param heads, rows: of the table of numbers.
    """

    title: str
    chosen: str
    panels: Sequence[Panel]
    bonds: Sequence[dict[str, Course]]
    openings: Sequence[Opening]
    cut: Slices | None
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]


def panels_of(sheet: Sheet) -> list[tuple[str, Callable[[Any], Any]]]:
    """Names and drawers of the panels beside the slices and the table; at most four."""
    found: list[tuple[str, Callable[[Any], Any]]] = [
        (panel.title, partial(draw_panel, panel=panel)) for panel in sheet.panels
    ]
    for kinds in sheet.bonds[-1:]:
        former, course = next(iter(kinds.items()))
        found.append((f'bonds of {former}', partial(_bonds, course=course)))
    if sheet.openings:
        found.append(('crack', partial(_openings, openings=sheet.openings)))
    return found[:4]


@styled
def fracture_sheet(sheet: Sheet) -> Figure:
    """Curves on the left, slices and numbers on the right; less where there is less."""
    panels = panels_of(sheet)
    columns = 2 if len(panels) > 1 else 1
    rows = max(1, -(-len(panels) // columns))
    figure = new_figure(12.0, 3.3 * max(2, rows) + 0.8)
    figure.suptitle(sheet.title, fontsize=13, fontweight='bold', x=0.01, ha='left')
    halves: Any = figure.subfigures(1, 2, width_ratios=(1.25, 1.0))
    left, right = halves
    for number, (_, draw) in enumerate(panels):
        draw(left.add_subplot(rows, columns, number + 1))
    grid = right.add_gridspec(2, 1, height_ratios=(1.7, 1.0))
    if sheet.cut is not None:
        _slices(right, grid[0], sheet.cut)
    _table(right.add_subplot(grid[1]), sheet)
    return figure


def _slices(figure: Any, place: Any, cut: Slices) -> None:
    chosen = np.unique(np.linspace(0, len(cut.slices) - 1, min(_MOST_SLICES, len(cut.slices))).round().astype(int))
    inner = place.subgridspec(1, len(chosen))
    top = colour_limit(cut)
    points = None
    for column, number in enumerate(chosen):
        one = cut.slices[int(number)]
        axes = figure.add_subplot(inner[column])
        points = draw_shear(axes, cut, one, top)
        axes.set_title(f'{100 * one.strain:.1f} %', fontsize=10)
    if points is not None:
        figure.colorbar(points, ax=figure.axes[-len(chosen) :], label='Local shear strain', extend='max', shrink=0.8)


def _bonds(axes: Any, course: Course) -> None:
    draw_switching(axes, course)
    axes.set_xlabel('Strain along the load (%)')
    axes.set_ylabel('Share of its atoms (%)')
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=7.5, loc='best')


def _openings(axes: Any, openings: Sequence[Opening]) -> None:
    for one in openings:
        draw_open_share(axes, one, COLOURS[1] if one.notched else COLOURS[0])
    handles = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    axes.legend(list(handles.values()), list(handles), fontsize=7.5)
    axes.set_title('Open share of the cross section')
    axes.set_xlabel('Strain along the load (%)')
    axes.set_ylabel('%')
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)


def _table(axes: Any, sheet: Sheet) -> None:
    axes.set_axis_off()
    if sheet.rows:
        shown = axes.table(
            [list(row) for row in sheet.rows], colLabels=['', *sheet.heads], loc='upper center', edges='horizontal',
            cellLoc='right', colLoc='right',
        )  # fmt: skip
        shown.auto_set_font_size(False)
        shown.set_fontsize(9)
        for (_, column), cell in shown.get_celld().items():
            cell.set_edgecolor('#d5dae0')
            if column == 0:
                cell.set_text_props(ha='left')
    axes.text(0.0, -0.02, sheet.chosen, transform=axes.transAxes, fontsize=8, color=GREY, va='top', wrap=True)

"""How a sample opens: the area that is open, how wide, and the path of the crack at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.report.figures.style import COLOURS, GREY, PAGE_WIDTH, empty_figure, new_figure, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Opening:
    """One sample.

    :param open_share: (n,), of the cross section, the notch included.
    :param opening: (n,), Å, mean over what is open.
    :param separated: strain of the first snapshot in which nothing held it together; None where there is none.
    :param path: (m, 3), Å: along the way of the crack, middle less its mean, opening, of the last snapshot.
    :param notch: share that was open before.
    """

    name: str
    notched: bool
    strain: FloatArray
    open_share: FloatArray
    opening: FloatArray
    separated: float | None
    path: FloatArray
    notch: float = 0.0


@styled
def crack_figure(openings: Sequence[Opening]) -> Figure:
    """Open area, opening and the last path; samples with a notch and without have their own colours."""
    if not openings:
        return empty_figure('No snapshots have been analysed yet.')
    figure = new_figure(PAGE_WIDTH, 3.0)
    share, wide, path = (figure.add_subplot(1, 3, place) for place in (1, 2, 3))
    for one in openings:
        colour = COLOURS[1] if one.notched else COLOURS[0]
        draw_open_share(share, one, colour)
        is_open = np.where(one.opening > 0, one.opening, np.nan)
        wide.plot(100 * one.strain, is_open, color=colour, linewidth=1.1, marker='.', markersize=2.5, alpha=0.85)
        if len(one.path):
            draw_path(path, one, colour)
    share.set_title('Open cross section (%)')
    wide.set_title('Mean opening (Å)')
    path.set_title('Crack at the end (Å)')
    path.set_xlabel('Place along its way (Å)')
    for axes in (share, wide):
        axes.set_xlabel('Strain (%)')
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=0)
    if not any(len(one.path) for one in openings):
        path.text(0.5, 0.5, 'nothing is open', color=GREY, ha='center', va='center', transform=path.transAxes)
    handles = dict(zip(*reversed(share.get_legend_handles_labels()), strict=True))
    figure.legend(list(handles.values()), list(handles), loc='outside lower center', ncols=3)
    return figure


def draw_open_share(axes: Any, one: Opening, colour: str) -> None:
    """Share of the cross section that is open; a diamond where the sample fell apart."""
    label = 'notched' if one.notched else 'tension'
    axes.plot(100 * one.strain, 100 * one.open_share, color=colour, linewidth=1.1, alpha=0.85, label=label)
    if one.separated is not None:
        at = float(np.interp(one.separated, one.strain, one.open_share))
        axes.plot(
            100 * one.separated, 100 * at, 'D', color=colour, markersize=4.5, label=f'{label}: in two halves'
        )  # fmt: skip


def draw_path(axes: Any, one: Opening, colour: str) -> None:
    """The middle of the crack, with a band as wide as it is open."""
    across, middle, opening = one.path.T
    if len(across) > 1:
        axes.fill_between(across, middle - opening / 2, middle + opening / 2, color=colour, alpha=0.12, linewidth=0)
    axes.plot(across, middle, color=colour, linewidth=1.2, marker='o', markersize=2.5)

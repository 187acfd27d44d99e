"""A glass on one sheet: what it looks like, its bonds, its network, and how it froze."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aiida_glassion.frames import Frames
from aiida_glassion.report.figures.network import draw_qn, qn_shares
from aiida_glassion.report.figures.picture import draw_glass
from aiida_glassion.report.figures.radial import Curves, draw_pair, pairs_of
from aiida_glassion.report.figures.run import Cooling, draw_cooling
from aiida_glassion.report.figures.style import COLOURS, GREY, new_figure, styled
from aiida_glassion.report.numbers import Number, find_number

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@styled
def figure_sheet(
    title: str,
    frames: Frames,
    numbers: Mapping[str, Any],
    curves: Curves,
    cooling: Mapping[str, Cooling] | None = None,
    transition: Number | None = None,
) -> Figure:
    """Sheet for a README or a talk; what is missing is left blank with a word.

    :param title: name of the glass.
    :param frames: the glass, Å.
    :param numbers: report on the glass, averaged or of one replica.
    :param curves: its curves.
    :param cooling: cooling curves by replica.
    :param transition: T_g over the replicas, K.
    """
    figure = new_figure(10.0, 5.6)
    figure.suptitle(title, fontsize=13, fontweight='bold', x=0.01, ha='left')
    grid = figure.add_gridspec(2, 3, width_ratios=(1.55, 1, 1))
    cutoffs = {
        pair: cutoff.value for pair in numbers.get('cutoffs', {}) if (cutoff := find_number(numbers, 'cutoffs', pair))
    }
    draw_glass(figure.add_subplot(grid[:, 0]), frames, cutoffs)
    pairs = pairs_of(curves) if 'r' in curves else []
    for slot, place in enumerate((grid[0, 1], grid[0, 2])):
        axes = figure.add_subplot(place)
        if slot >= len(pairs):
            _blank(axes, 'no further pair')
            continue
        right = draw_pair(axes, curves, pairs[slot], cutoffs.get('-'.join(pairs[slot])))
        axes.set_xlabel('r (Å)')
        axes.set_ylabel('g(r)', color=COLOURS[0])
        if right is not None:
            right.set_ylabel('Neighbours within r', color=COLOURS[1])
    axes = figure.add_subplot(grid[1, 1])
    if qn_shares(numbers):
        draw_qn(axes, numbers)
    else:
        _blank(axes, 'no network former')
    axes = figure.add_subplot(grid[1, 2])
    drawn = {label: curve for label, curve in (cooling or {}).items() if len(curve.temperature) > 1}
    if drawn:
        draw_cooling(axes, drawn, transition)
    else:
        _blank(axes, 'no cooling curve')
    return figure


def _blank(axes: Any, text: str) -> None:
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, ha='center', va='center', color=GREY, transform=axes.transAxes)

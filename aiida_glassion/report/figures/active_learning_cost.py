"""What an active learning took and gave: labels by origin, refused frames, and core-hours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from aiida_glassion.report.figures.active_learning import Iteration, draw_stages
from aiida_glassion.report.figures.style import COLOURS, PAGE_WIDTH, empty_figure, new_figure, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_HATCHES = ('', '///', '\\\\\\', 'xxx', '---', '+++', '|||')
MOST_ORIGINS = 7
"""Rarer origins than these are drawn together."""


@styled
def label_figure(iterations: Sequence[Iteration], initial: int | None = None) -> Figure:
    """New labels of each iteration by what visited the frame, and the frames that were refused, by reason.

    :param iterations: in order.
    :param initial: labelled frames before the first iteration, told in the title.
    """
    labels = [iteration.labels for iteration in iterations]
    refused = [iteration.refused for iteration in iterations]
    panels = [(labels, 'New labels')] + ([(refused, 'Refused, not in the data')] if any(refused) else [])
    if not any(labels) and not any(refused):
        return empty_figure('No new frame has been labelled.')
    figure = new_figure(PAGE_WIDTH, 3.3)
    for index, (content, title) in enumerate(panels):
        axes = figure.add_subplot(1, len(panels), index + 1)
        _stack(axes, iterations, content, offset=3 * index)
        beside = f'; {initial} before the first' if initial is not None and index == 0 else ''
        axes.set_title(title + beside, pad=16)
        axes.set_xlabel('Iteration')
        if index == 0:
            axes.set_ylabel('Frames')
        draw_stages(axes, iterations)
        axes.legend(loc='upper center', bbox_to_anchor=(0.5, -0.22), ncols=2)
    return figure


@styled
def cost_figure(iterations: Sequence[Iteration]) -> Figure:
    """Core-hours of each iteration by part.

    :param iterations: in order.
    """
    if not any(sum(iteration.cost.values()) for iteration in iterations):
        return empty_figure('No cost has been recorded yet.')
    figure = new_figure(PAGE_WIDTH, 2.9)
    axes = figure.add_subplot()
    _stack(axes, iterations, [iteration.cost for iteration in iterations])
    axes.set_ylabel('Core-hours')
    axes.set_xlabel('Iteration')
    draw_stages(axes, iterations)
    figure.legend(*axes.get_legend_handles_labels(), loc='outside lower center', ncols=6)
    return figure


def _stack(axes: Any, iterations: Sequence[Iteration], content: Sequence[Mapping[str, float]], offset: int = 0) -> None:
    """Bars on each other, the commonest at the bottom; the rare together as `other`.

    :param offset: colour to begin with.
    """
    totals: dict[str, float] = {}
    for part in content:
        for name, value in part.items():
            totals[name] = totals.get(name, 0) + value
    names = sorted(totals, key=lambda name: -totals[name])
    shown, rest = (names, []) if len(names) <= MOST_ORIGINS else (names[: MOST_ORIGINS - 1], names[MOST_ORIGINS - 1 :])
    x = [iteration.number for iteration in iterations]
    bottom = np.zeros(len(x))
    for index, name in enumerate([*shown, *(['other'] if rest else [])]):
        own = rest if name == 'other' and rest else [name]
        heights = np.array([sum(part.get(key, 0) for key in own) for part in content], dtype=float)
        colour = COLOURS[(index + offset) % len(COLOURS)]
        axes.bar(x, heights, 0.78, bottom, color=colour, hatch=_HATCHES[index % len(_HATCHES)], edgecolor='white',
                 linewidth=0, label=name.replace('_', ' '))  # fmt: skip
        bottom += heights
    axes.set_ylim(0, 1.07 * max(float(bottom.max()), 1e-9))

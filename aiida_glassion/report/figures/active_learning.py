"""How an active learning went: shares of what was visited, deviations with their levels, and errors against data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.report.figures.style import (
    COLOURS,
    GREY,
    PAGE_WIDTH,
    empty_figure,
    formula_text,
    new_figure,
    plain_ticks,
    styled,
)
from aiida_glassion.report.numbers import Number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLASS_COLOURS = {'accurate': COLOURS[2], 'candidate': COLOURS[4], 'failed': COLOURS[1]}
_HATCHES = {'candidate': '///', 'failed': 'xxx', 'set_aside': '---'}
MOST_FORMULAS = 6
"""More compositions than this are not drawn one by one: those with the largest errors at the end are."""
_FLOOR = 0.01
"""Per cent; the logarithmic axis of shares ends here, what is less lies on its edge."""


@dataclass(frozen=True)
class Iteration:
    """What is drawn of an iteration.

    :param shares: parts of the visited frames by class (accurate, candidate, failed, set_aside); empty without any.
    :param limit: part that may be candidates before the stage is left.
    :param levels: trust levels, eV/Å.
    :param edges: of the histogram of largest force deviations, eV/Å, (n + 1,); ``counts`` (n,).
    :param force: RMSE on held-out frames, meV/Å; ``energy``, ``virial`` meV/atom; ``by_formula`` of forces, meV/Å.
    :param learned: labelled frames that were there when its committee was trained.
    :param labels: new labels by origin; ``refused`` by reason.
    :param cost: core-hours by part.
    :param relative: w, eV/Å, where deviations d and levels are those of d·w/(F + w), F the rms force of the frame.
    """

    number: int
    stage: str
    shares: dict[str, float] = field(default_factory=dict)
    limit: float | None = None
    levels: tuple[float, float] | None = None
    edges: Sequence[float] = ()
    counts: Sequence[float] = ()
    force: Number | None = None
    energy: Number | None = None
    virial: Number | None = None
    by_formula: dict[str, Number] = field(default_factory=dict)
    learned: int | None = None
    labels: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    cost: dict[str, float] = field(default_factory=dict)
    relative: float | None = None


def draw_stages(axes: Any, iterations: Sequence[Iteration], named: bool = True) -> None:
    """Bands behind the iterations of a stage, its name above, and ticks at whole iterations."""
    from matplotlib.ticker import MaxNLocator

    numbers = [iteration.number for iteration in iterations]
    axes.set_xlim(numbers[0] - 0.6, numbers[-1] + 0.6)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=12, integer=True, min_n_ticks=1))
    for index, (stage, group) in enumerate(groupby(iterations, key=lambda iteration: iteration.stage)):
        members = [iteration.number for iteration in group]
        start, end = members[0] - 0.5, members[-1] + 0.5
        if index % 2:
            axes.axvspan(start, end, color='#8899AA', alpha=0.14, zorder=0, linewidth=0)
        if named:
            room = max(4, round(60 * (end - start) / (numbers[-1] - numbers[0] + 1)))
            text = stage if len(stage) <= room else f'{stage[: room - 1]}…'
            axes.annotate(text, ((start + end) / 2, 1.0), (0, 3), xycoords=('data', 'axes fraction'), ha='center',
                          textcoords='offset points', fontsize=8, color=GREY)  # fmt: skip


@styled
def shares_figure(iterations: Sequence[Iteration]) -> Figure:
    """Shares of accurate, candidate and failed frames in each iteration; below on a logarithmic axis with the limit.

    :param iterations: in order.
    """
    drawn = [iteration for iteration in iterations if iteration.shares]
    if not drawn:
        return empty_figure('No exploration has been judged yet.')
    figure = new_figure(PAGE_WIDTH, 4.4)
    top, below = figure.subplots(2, 1, sharex=True, height_ratios=(1.0, 1.1))
    x = np.array([iteration.number for iteration in drawn])
    bottom = np.zeros(len(drawn))
    for name, colour in {**CLASS_COLOURS, 'set_aside': '#9AA3AC'}.items():
        shares = 100 * np.array([iteration.shares.get(name, 0.0) for iteration in drawn])
        style = {'color': colour, 'hatch': _HATCHES.get(name, ''), 'edgecolor': 'white', 'linewidth': 0}
        top.bar(x, shares, 0.78, bottom, label=name.replace('_', ' '), **style)
        bottom += shares
    top.set_ylim(0, 100)
    top.set_ylabel('Visited frames (%)')
    draw_stages(top, drawn)
    for name, marker in (('candidate', 'o'), ('failed', 'X')):
        shares = 100 * np.array([iteration.shares.get(name, 0.0) for iteration in drawn])
        below.plot(x, np.maximum(shares, _FLOOR), color=CLASS_COLOURS[name], marker=marker, markersize=6, clip_on=False)
    _draw_limits(below, drawn)
    below.set_yscale('log')
    below.set_ylim(bottom=_FLOOR)
    plain_ticks(below.yaxis)
    below.set_ylabel('The same, logarithmic (%)')
    below.set_xlabel('Iteration')
    draw_stages(below, drawn, named=False)
    handles, labels = top.get_legend_handles_labels()
    lines, words = below.get_legend_handles_labels()
    figure.legend([*handles, *lines], [*labels, *words], loc='outside lower center', ncols=5)
    return figure


def _draw_limits(axes: Any, drawn: Sequence[Iteration]) -> None:
    """Limit of each stage on the share of candidates."""
    label = 'limit of candidates'
    for (_, limit), group in groupby(drawn, key=lambda iteration: (iteration.stage, iteration.limit)):
        members = [iteration.number for iteration in group]
        if limit:
            ends = (members[0] - 0.5, members[-1] + 0.5)
            axes.plot(ends, [100 * limit] * 2, color='#303030', linestyle='--', linewidth=1.1, label=label)
            label = '_'


@styled
def deviation_course_figure(iterations: Sequence[Iteration]) -> Figure:
    """Distribution of the largest force deviation in each iteration, with the trust levels.

    Widths are the square root of the share of frames, so that the few that matter are seen.

    :param iterations: in order.
    """
    drawn = [iteration for iteration in iterations if len(iteration.counts) and sum(iteration.counts) > 0]
    if not drawn:
        return empty_figure('No deviations have been recorded yet.')
    figure = new_figure(PAGE_WIDTH, 3.6)
    axes = figure.add_subplot()
    spans = [_occupied(iteration) for iteration in drawn]
    inside = [level for iteration in drawn for level in iteration.levels or ()]
    low, high = min([s[0] for s in spans] + inside) / 1.3, max([s[1] for s in spans] + inside) * 1.3
    for iteration in drawn:
        _draw_distribution(axes, iteration)
    for index, style in enumerate(('--', '-')):
        known = [iteration for iteration in drawn if iteration.levels]
        for iteration in known:
            level = iteration.levels[index] if iteration.levels else 0.0
            label = ('lower level', 'upper level')[index] if iteration is known[0] else '_'
            x = (iteration.number - 0.47, iteration.number + 0.47)
            axes.plot(x, (level, level), color='#303030', linestyle=style, linewidth=1.1, label=label)
    axes.set_yscale('log')
    axes.set_ylim(low, high)
    plain_ticks(axes.yaxis)
    relative = {iteration.relative for iteration in drawn}
    scaled = (
        ''
        if relative == {None}
        else '\n× w/(F + w), w = ' + ', '.join(f'{w or "∞"}' for w in sorted(relative, key=str))
    )
    axes.set_ylabel(f'Largest force deviation (eV/Å){scaled}')
    axes.set_xlabel('Iteration')
    draw_stages(axes, drawn)
    figure.legend(*_class_handles(axes), loc='outside lower center', ncols=6)
    return figure


def _occupied(iteration: Iteration) -> tuple[float, float]:
    """Lowest and highest deviation with a frame, eV/Å."""
    filled = np.flatnonzero(np.asarray(iteration.counts) > 0)
    return float(iteration.edges[filled[0]]), float(iteration.edges[filled[-1] + 1])


def _draw_distribution(axes: Any, iteration: Iteration) -> None:
    """A column whose width follows the histogram, its parts coloured by class."""
    edges, counts = np.asarray(iteration.edges, dtype=float), np.asarray(iteration.counts, dtype=float)
    half = 0.44 * np.sqrt(counts / counts.max())
    lower, upper = iteration.levels or (np.inf, np.inf)
    for name, start, end in (('accurate', 0.0, lower), ('candidate', lower, upper), ('failed', upper, np.inf)):
        y, width = _between(edges, half, start, end, whole=iteration.shares.get(name) == 0)
        if len(y):
            axes.fill_betweenx(y, iteration.number - width, iteration.number + width, color=CLASS_COLOURS[name],
                               alpha=0.85, linewidth=0)  # fmt: skip


def _between(
    edges: npt.NDArray[Any], half: npt.NDArray[Any], start: float, end: float, *, whole: bool
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Outline of the part of a histogram between two values, as steps.

    :param whole: without the bin that the lower value cuts, whose frames are all below it.
    """
    left, right = np.maximum(edges[:-1], start), np.minimum(edges[1:], end)
    inside = (right > left) & ((edges[:-1] >= start) | (not whole))
    return np.stack([left[inside], right[inside]], axis=1).ravel(), np.repeat(half[inside], 2)


def _class_handles(axes: Any) -> tuple[list[Any], list[str]]:
    from matplotlib.patches import Patch

    handles, labels = axes.get_legend_handles_labels()
    patches = [Patch(color=colour, alpha=0.85) for colour in CLASS_COLOURS.values()]
    return [*patches, *handles], [*CLASS_COLOURS, *labels]


@styled
def error_course_figure(iterations: Sequence[Iteration]) -> Figure:
    """Errors on held-out frames in each iteration, the labelled frames behind them, and one against the other.

    :param iterations: in order; errors in meV/Å and meV/atom.
    """
    drawn = [iteration for iteration in iterations if iteration.force]
    if not drawn:
        return empty_figure('No committee has been tested yet.')
    figure = new_figure(PAGE_WIDTH, 5.0)
    (forces, others), (sizes, against) = figure.subplots(2, 2)
    _draw_forces(forces, drawn)
    for index, (name, label) in enumerate((('energy', 'energy'), ('virial', 'virial'))):
        known = [iteration for iteration in drawn if getattr(iteration, name)]
        if known:
            _points(others, [i.number for i in known], [getattr(i, name) for i in known],
                    color=COLOURS[2 + index], marker='os'[index], label=label)  # fmt: skip
    others.set_title('Energy and virial RMSE (meV/atom)', pad=16)
    if others.get_legend_handles_labels()[0]:
        others.legend()
    for axes in (forces, others):
        axes.set_ylim(bottom=0)
        draw_stages(axes, drawn)
    known = [iteration for iteration in drawn if iteration.learned is not None]
    sizes.bar([i.number for i in known], [i.learned for i in known], 0.78, color=COLOURS[5])
    sizes.set_title('Labelled frames at hand')
    draw_stages(sizes, drawn, named=False)
    sizes.set_xlabel('Iteration')
    _draw_against(against, [i for i in known if i.learned])
    return figure


def _draw_forces(axes: Any, drawn: Sequence[Iteration]) -> None:
    last = drawn[-1].by_formula
    names = list(dict.fromkeys(name for iteration in drawn for name in iteration.by_formula))
    worst = sorted(names, key=lambda name: -(last[name].value if name in last else 0.0))[:MOST_FORMULAS]
    for index, name in enumerate(worst if len(names) > 1 else []):
        known = [(i.number, i.by_formula[name]) for i in drawn if name in i.by_formula]
        axes.plot([n for n, _ in known], [number.value for _, number in known], marker='.', linewidth=0.9, alpha=0.85,
                  color=(*COLOURS[1:5], *COLOURS[5:])[index], label=formula_text(name))  # fmt: skip
    _points(axes, [i.number for i in drawn], [i.force for i in drawn], color=COLOURS[0], marker='o', label='all')
    axes.set_title('Force RMSE (meV/Å)', pad=16)
    if len(names) > 1:
        axes.legend(title=None if len(names) <= MOST_FORMULAS else f'{MOST_FORMULAS} worst of {len(names)}')


def _points(axes: Any, x: Sequence[float], numbers: Sequence[Number | None], **style: Any) -> None:
    """Points with bars of one standard error."""
    known = [(at, number) for at, number in zip(x, numbers, strict=True) if number is not None]
    bars = [number.error or 0.0 for _, number in known]
    axes.errorbar([at for at, _ in known], [number.value for _, number in known], bars, **style)


def _draw_against(axes: Any, known: Sequence[Iteration]) -> None:
    """Force error against the labelled frames, the stage told by colour."""
    axes.set_title('Force RMSE against labelled frames')
    if not known:
        axes.set_axis_off()
        return
    axes.plot(
        [i.learned for i in known], [i.force.value if i.force else np.nan for i in known], color=GREY, linewidth=0.8
    )
    for index, (stage, group) in enumerate(groupby(known, key=lambda iteration: iteration.stage)):
        members = list(group)
        _points(axes, [i.learned or 0 for i in members], [i.force for i in members], linestyle='none', marker='o',
                color=COLOURS[index % len(COLOURS)], label=stage)  # fmt: skip
    axes.set_xscale('log')
    axes.set_yscale('log')
    plain_ticks(axes.xaxis)
    plain_ticks(axes.yaxis)
    axes.set_xlabel('Labelled frames')
    axes.set_ylabel('meV/Å')
    axes.legend()

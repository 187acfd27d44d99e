"""The whole run in time, and the cooling curve with the glass transition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.report.figures.style import COLOURS, GREY, PAGE_WIDTH, empty_figure, new_figure, styled
from aiida_glassion.report.numbers import Number, format_number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FloatArray = npt.NDArray[np.floating[Any]]
MOST_POINTS = 1500
"""Longer series are drawn as means of consecutive samples: a page of vector graphics must stay small."""


@dataclass(frozen=True)
class Stage:
    """A stage of the run on the time axis, ps."""

    name: str
    start: float
    end: float


@dataclass(frozen=True, eq=False)
class Run:
    """One replica from the packed box to the glass.

    :param time: ps from the beginning, (n,).
    :param temperature: K, (n,).
    :param density: g/cm³, (n,).
    :param energy: potential energy, eV/atom, (n,).
    :param stages: in order.
    """

    time: FloatArray
    temperature: FloatArray
    density: FloatArray
    energy: FloatArray
    stages: Sequence[Stage] = ()


@dataclass(frozen=True, eq=False)
class Cooling:
    """Cooling curve of one replica and what was concluded from it.

    :param temperature: K, (n_bins,).
    :param value: volume or energy per atom, (n_bins,).
    :param quantity: what it is, with its unit: ``'volume (Å³/atom)'``.
    :param transition: T_g with its error, K; None where the curve has no clear break.
    :param reason: one sentence on T_g.
    """

    temperature: FloatArray
    value: FloatArray
    quantity: str
    transition: Number | None = None
    reason: str = ''


_PANELS = (
    ('temperature', 'Temperature\n(K)'),
    ('density', 'Density\n(g/cm³)'),
    ('energy', 'Potential energy\n(eV/atom)'),
)


def _without_the_start(runs: list[Run]) -> tuple[float, float]:
    """Limits of the energy panel that leave out the first hundredth, where packed atoms fall into their places."""
    settled = np.concatenate([run.energy[max(1, len(run.energy) // 100) :] for run in runs])
    low, high = float(settled.min()), float(settled.max())
    margin = 0.08 * (high - low) or 0.1
    return low - margin, high + margin


@styled
def run_figure(runs: Mapping[str, Run]) -> Figure:
    """Temperature, density and energy of every replica against time; the stages of the longest run are shaded.

    :param runs: by replica.
    """
    drawn = {label: run for label, run in runs.items() if len(run.time) > 1}
    if not drawn:
        return empty_figure('No thermodynamic output yet.')
    figure = new_figure(PAGE_WIDTH, 5.2)
    longest = max(drawn.values(), key=lambda run: float(run.time[-1]))
    first = None
    for index, (name, label) in enumerate(_PANELS):
        axes = figure.add_subplot(len(_PANELS), 1, index + 1, sharex=first)
        first = first or axes
        for colour, (replica, run) in zip(_cycle(len(drawn)), drawn.items(), strict=True):
            time, values = _thinned(run.time, getattr(run, name))
            axes.plot(time, values, color=colour, linewidth=1.0, label=replica.replace('_', ' '))
        if name == 'energy':
            axes.set_ylim(_without_the_start(list(drawn.values())))
        axes.set_ylabel(label)
        axes.margins(x=0)
        _shade(axes, longest.stages, named=index == 0)
        if index < len(_PANELS) - 1:
            axes.tick_params(labelbottom=False)
    axes.set_xlabel('Time (ps)')
    if len(drawn) > 1:
        figure.legend(*axes.get_legend_handles_labels(), loc='outside lower center', ncols=min(5, len(drawn)))
        if len({round(float(run.time[-1]), 3) for run in drawn.values()}) > 1:
            name = next(label for label, run in drawn.items() if run is longest)
            axes.set_xlabel(f'Time (ps); the stages shown are those of {name.replace("_", " ")}')
    figure.align_ylabels()
    return figure


def _shade(axes: Any, stages: Sequence[Stage], named: bool) -> None:
    """Every other stage on grey, names slanted above where there is time for them."""
    shown = [stage for stage in stages if stage.end > stage.start]
    for index, stage in enumerate(shown):
        if index % 2 == 0:
            axes.axvspan(stage.start, stage.end, color='#EDEFF2', zorder=0, linewidth=0)
        if named:
            middle = (stage.start + stage.end) / 2
            text = stage.name.replace('_', ' ')
            axes.annotate(
                text,
                (middle, 1.0),
                (0, 4),
                xycoords=('data', 'axes fraction'),
                textcoords='offset points',
                ha='center' if len(shown) <= 6 else 'left',
                rotation=0 if len(shown) <= 6 else 30,
                fontsize=8,
                color=GREY,
            )


def _thinned(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Means of as many consecutive samples as bring the curve to at most :data:`MOST_POINTS`."""
    block = -(-len(x) // MOST_POINTS)
    if block == 1:
        return np.asarray(x), np.asarray(y)
    edges = np.arange(0, len(x), block)
    sizes = np.diff(np.append(edges, len(x)))
    return np.add.reduceat(x, edges) / sizes, np.add.reduceat(y, edges) / sizes


def _cycle(n: int) -> list[str]:
    return [COLOURS[index % len(COLOURS)] for index in range(n)]


def draw_cooling(axes: Any, cooling: Mapping[str, Cooling], mean: Number | None = None) -> None:
    """Cooling curves of the replicas; two lines each where T_g was found, and their mean T_g."""
    for index, (colour, (label, curve)) in enumerate(zip(_cycle(len(cooling)), cooling.items(), strict=True)):
        axes.plot(
            curve.temperature, curve.value, 'os^Dv'[index % 5], color=colour, alpha=0.75, label=label.replace('_', ' ')
        )
        if curve.transition is not None:
            for branch in _branches(curve, curve.transition.value):
                axes.plot(*branch, color=colour, linewidth=1.1)
    if mean is not None:
        axes.axvline(mean.value, color=GREY, linewidth=1.1, linestyle='--')
        if mean.error:
            axes.axvspan(mean.value - mean.error, mean.value + mean.error, color=GREY, alpha=0.18, linewidth=0)
        title = f'T$_g$ = {format_number(mean)} K'
        if mean.n is not None and mean.n < len(cooling):
            title += f' ({mean.n} of {len(cooling)} replicas)'
    else:
        title = 'T$_g$ not converged: no clear break'
    axes.set_title(title)
    axes.set_xlabel('Temperature (K)')
    quantity = next(iter(cooling.values())).quantity
    axes.set_ylabel(quantity[:1].upper() + quantity[1:])
    if len(cooling) > 1:
        axes.legend(loc='best')


@styled
def cooling_figure(cooling: Mapping[str, Cooling], mean: Number | None = None) -> Figure:
    """Where the property against temperature breaks on cooling: the glass transition at this quench rate.

    :param cooling: by replica.
    :param mean: T_g over the replicas, K; None where none was found.
    """
    drawn = {label: curve for label, curve in cooling.items() if len(curve.temperature) > 1}
    if not drawn:
        return empty_figure('No cooling curve: ' + ('; '.join(c.reason for c in cooling.values()) or 'none was made.'))
    figure = new_figure(4.8, 3.3)
    draw_cooling(figure.add_subplot(), drawn, mean)
    return figure


def _branches(curve: Cooling, break_at: float) -> list[tuple[FloatArray, FloatArray]]:
    """Least-squares lines through the points on either side of T_g, each drawn a little beyond it."""
    reach = 0.08 * float(np.ptp(curve.temperature))
    lines = []
    for side, end in (
        (curve.temperature <= break_at, break_at + reach),
        (curve.temperature >= break_at, break_at - reach),
    ):
        if side.sum() >= 2:
            x = np.append(curve.temperature[side], end)
            slope, offset = np.polyfit(curve.temperature[side], curve.value[side], 1)
            ends = np.array([x.min(), x.max()])
            lines.append((ends, slope * ends + offset))
    return lines

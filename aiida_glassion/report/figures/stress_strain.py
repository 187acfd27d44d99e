"""Stress over strain: every sample, means with their errors, and how strength goes with the rate and the size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.mechanics.tension import smoothed
from aiida_glassion.report.figures.style import COLOURS, GREY, PAGE_WIDTH, draw_curve, empty_figure, new_figure, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FloatArray = npt.NDArray[np.float64]
NOTHING = 'No pull has given a curve yet.'


@dataclass(frozen=True, eq=False)
class PulledCurve:
    """Stress over strain of one sample.

    :param strength: strain and stress (GPa) of its maximum, noise averaged.
    :param failure: strain at which it failed for good; None where it did not.
    """

    strain: FloatArray
    stress: FloatArray
    strength: tuple[float, float] | None = None
    failure: float | None = None


@dataclass(frozen=True, eq=False)
class Bundle:
    """Samples of one kind, rate and size.

    :param mean: strains, means and their standard errors (None of one sample), GPa.
    """

    name: str
    samples: Sequence[PulledCurve] = ()
    mean: tuple[FloatArray, FloatArray, FloatArray | None] | None = None


@dataclass(frozen=True, eq=False)
class Panel:
    """Bundles that are drawn together: tension, or notched."""

    title: str
    bundles: Sequence[Bundle] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not any(bundle.samples or bundle.mean for bundle in self.bundles)


@styled
def stress_strain_figure(panels: Sequence[Panel]) -> Figure:
    """One panel for each kind, side by side on the same axes."""
    drawn = [panel for panel in panels if not panel.empty]
    if not drawn:
        return empty_figure(NOTHING)
    figure = new_figure(PAGE_WIDTH if len(drawn) > 1 else 5.2, 3.3)
    first = None
    for index, panel in enumerate(drawn):
        first = figure.add_subplot(1, len(drawn), index + 1, sharey=first) if first else figure.add_subplot(
            1, len(drawn), 1
        )  # fmt: skip
        draw_panel(figure.axes[-1], panel)
        if index:
            figure.axes[-1].set_ylabel('')
    return figure


def draw_panel(axes: Any, panel: Panel) -> None:
    """Samples thin, their mean thick with a band of one standard error; dots: strengths, crosses: failures."""
    several = len(panel.bundles) > 1
    for index, bundle in enumerate(panel.bundles):
        colour = COLOURS[index % len(COLOURS)]
        alone = len(bundle.samples) == 1 or bundle.mean is None
        for sample in bundle.samples:
            # alone, the curve itself is what there is to see
            width, alpha = (1.4, 1.0) if alone else (0.6, 0.55)
            axes.plot(100 * sample.strain, sample.stress, color=colour, linewidth=width, alpha=alpha)
        if bundle.mean is not None and not alone:
            strain, stress, error = bundle.mean
            draw_curve(axes, 100 * np.asarray(strain), stress, error, colour, linewidth=1.8)
        _marks(axes, bundle, colour)
        axes.plot([], [], color=colour, linewidth=1.8, label=bundle.name)
    axes.axhline(0, color=GREY, linewidth=0.7)
    axes.set_xlabel('Strain along the load (%)')
    axes.set_ylabel('Stress along the load (GPa)')
    axes.set_title(panel.title)
    axes.set_xlim(left=0)
    axes.legend(loc='upper right' if several else 'best', fontsize=7.5)


def _marks(axes: Any, bundle: Bundle, colour: str) -> None:
    for sample in bundle.samples:
        if sample.strength is not None:
            axes.plot(
                100 * sample.strength[0], sample.strength[1], 'o', color=colour, markersize=5, markeredgecolor='white'
            )
        if sample.failure is not None:
            at = float(np.interp(sample.failure, sample.strain, smoothed(sample.strain, sample.stress)))
            axes.plot(100 * sample.failure, at, 'x', color=colour, markersize=6, markeredgewidth=1.6, zorder=3)


@dataclass(frozen=True)
class Trend:
    """One quantity of several groups.

    :param points: by series: x, value, standard error (None where not known).
    :param logarithmic: the axis of x.
    """

    title: str
    x_label: str
    series: dict[str, list[tuple[float, float, float | None]]]
    logarithmic: bool = True


@styled
def trend_figure(trends: Sequence[Trend]) -> Figure:
    """How numbers go with the rate or the size, one panel each, with bars of one standard error."""
    if not trends:
        return empty_figure('One rate and one size: nothing goes with them.')
    columns = min(3, len(trends))
    rows = -(-len(trends) // columns)
    figure = new_figure(PAGE_WIDTH if columns > 1 else 4.0, 2.7 * rows)
    for index, trend in enumerate(trends):
        axes = figure.add_subplot(rows, columns, index + 1)
        for number, (name, points) in enumerate(trend.series.items()):
            x, y, error = zip(*sorted(points, key=lambda point: point[0]), strict=True)
            bars = [0.0 if one is None else one for one in error]
            axes.errorbar(x, y, bars, color=COLOURS[number % len(COLOURS)], marker='o', capsize=2.5, label=name)
        if trend.logarithmic:
            axes.set_xscale('log')
        axes.set_xlabel(trend.x_label)
        axes.set_title(trend.title)
        if len(trend.series) > 1:
            axes.legend(fontsize=7.5)
        axes.margins(0.12)
    return figure

"""How the error of D fell with the length of the runs; Haven ratio against temperature; conductivity of a series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from aiida_glassion.report.diffusion import Estimate
from aiida_glassion.report.figures.arrhenius import plain_text
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
from aiida_glassion.report.figures.temperature import temperature_colours, temperature_legend

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_TOP = 100.0
"""Percent; a D that is less certain is none, and its error may be anything."""


@dataclass(frozen=True)
class Course:
    """One run, segment by segment.

    :param lengths: of the run at the end of each segment, ps.
    :param errors: relative standard errors of D; None where there was none.
    :param diffusive: whether the ions were.
    """

    label: str
    temperature: float
    lengths: Sequence[float]
    errors: Sequence[float | None]
    diffusive: Sequence[bool]


@styled
def course_figure(courses: Sequence[Course], goal: float | None) -> Figure:
    """Relative error of D against the length of the run, with the goal and with the slope of independent time."""
    if not any(course.lengths for course in courses):
        return empty_figure('No segment has been judged yet.')
    figure = new_figure(PAGE_WIDTH, 3.9)
    draw_courses(figure.add_subplot(), courses, goal)
    temperature_legend(figure, [course.temperature for course in courses], _handles(courses))
    return figure


def draw_courses(axes: Any, courses: Sequence[Course], goal: float | None) -> None:
    """Every run as a line of its segments; hollow where the ions were not diffusive."""
    colours = temperature_colours([course.temperature for course in courses])
    lengths: list[float] = []
    heights: list[float] = []
    for course in courses:
        known = [
            (length, 100 * error, diffusive)
            for length, error, diffusive in zip(course.lengths, course.errors, course.diffusive, strict=True)
            if error is not None and error > 0
        ]
        if not known:
            continue
        colour = colours[course.temperature]
        axes.plot([k[0] for k in known], [k[1] for k in known], color=colour, linewidth=1.0, alpha=0.8)
        for length, error, diffusive in known:
            fill = colour if diffusive else 'white'
            axes.plot(length, error, 'o', color=colour, markerfacecolor=fill, markersize=5)
            lengths.append(length)
            heights.append(error)
    axes.set_xscale('log')
    axes.set_yscale('log')
    if lengths:
        t = np.array([min(lengths), max(lengths)])
        if t[1] > t[0]:
            axes.plot(t, 1.3 * min(max(heights), _TOP) * np.sqrt(t[0] / t), color=GREY, linestyle=':', linewidth=1.1)
        axes.set_xlim(t[0] / 1.4, t[1] * 1.4)
        bottom = min([*heights, *([100 * goal] if goal else [])])
        top = max([*heights, *([100 * goal] if goal else [])])
        axes.set_ylim(bottom / 1.5, min(top, _TOP) * 2)
        plain_ticks(axes.xaxis)
        plain_ticks(axes.yaxis)
    if goal:
        axes.axhline(100 * goal, color='black', linewidth=1.0, linestyle='--')
        axes.annotate(
            f'goal {100 * goal:g} %', (0.99, 100 * goal), xycoords=('axes fraction', 'data'), xytext=(0, 3),
            textcoords='offset points', ha='right', va='bottom', fontsize=8,
        )  # fmt: skip
    axes.set_xlabel('Length of the run (ps)')
    axes.set_ylabel('Standard error of D (% of D)')
    axes.set_title('How long is long enough')


def _handles(courses: Sequence[Course]) -> list[tuple[Any, str]]:
    from matplotlib.lines import Line2D

    found: list[tuple[Any, str]] = [(Line2D([], [], color=GREY, linestyle=':', linewidth=1.2), '1/√length')]
    if any(not diffusive for course in courses for diffusive in course.diffusive):
        hollow = Line2D([], [], marker='o', color=GREY, markerfacecolor='white', linestyle='', markersize=5)
        found.append((hollow, 'not diffusive'))
    return found


@dataclass(frozen=True)
class Haven:
    """Haven ratios of one composition: temperature, pooled value, values of the replicas."""

    name: str
    pooled: Sequence[tuple[float, Estimate]]
    replicas: Sequence[tuple[float, float]] = ()


@styled
def haven_figure(series: Sequence[Haven]) -> Figure:
    """Haven ratio against temperature, with 95 % intervals."""
    if not any(each.pooled for each in series):
        return empty_figure('No Haven ratio can be told.')
    figure = new_figure(5.2, 3.2)
    draw_haven(figure.add_subplot(), series)
    return figure


def draw_haven(axes: Any, series: Sequence[Haven]) -> None:
    """One colour for each composition; small: replicas."""
    axes.axhline(1.0, color=GREY, linewidth=0.8, linestyle=':')
    top = 1.0
    for number, each in enumerate(series):
        colour = COLOURS[number % len(COLOURS)]
        for temperature, value in each.replicas:
            axes.plot(temperature, value, 'o', color=colour, markersize=2.8, alpha=0.5, markeredgewidth=0)
        label = plain_text(each.name) if len(series) > 1 else None
        for temperature, estimate in each.pooled:
            ends = estimate.interval or (estimate.value, estimate.value)
            bars = [[max(0.0, estimate.value - max(0.0, ends[0]))], [max(0.0, ends[1] - estimate.value)]]
            axes.errorbar(temperature, estimate.value, bars, fmt='o', color=colour, markersize=5.5, label=label)
            label = None
            top = max(top, min(1.05 * ends[1], 3 * estimate.value))
    axes.set_ylim(0, max(top, 1.3))
    axes.set_xlabel('T (K)')
    axes.set_ylabel('Haven ratio $D^*/D_\\sigma$')
    axes.set_title('Haven ratio (1: ions move by themselves)')
    axes.margins(x=0.12)
    if len(series) > 1:
        axes.legend(fontsize=8)


@dataclass(frozen=True, eq=False)
class SeriesPoint:
    """One composition of a series.

    :param x: atomic fraction of the ion.
    :param sigma: by temperature, K, S/cm; 300 K where it was extrapolated.
    """

    formula: str
    x: float
    sigma: Mapping[float, Estimate]
    extrapolated: Estimate | None = None
    activation_energy: Estimate | None = None


@styled
def series_figure(points: Sequence[SeriesPoint], ion: str) -> Figure:
    """σ(x) at each temperature and extrapolated to 300 K; the energy of activation beside it."""
    if len(points) < 2:
        return empty_figure('One composition is no series.')
    figure = new_figure(PAGE_WIDTH, 3.7)
    left, right = figure.subplots(1, 2, width_ratios=(1.3, 1))
    temperatures = sorted({t for point in points for t in point.sigma}, reverse=True)
    draw_series(left, points, temperatures)
    energies = [(point.x, point.activation_energy) for point in points if point.activation_energy is not None]
    for x, energy in energies:
        right.errorbar(100 * x, energy.value, _bars(energy), fmt='o', color=COLOURS[0], markersize=5.5)
    if not energies:
        right.text(0.5, 0.5, 'no energy of activation', ha='center', color=GREY, transform=right.transAxes)
    right.set_ylabel('E_a of σT (eV)')
    right.set_title('Energy of activation')
    for axes in (left, right):
        axes.set_xlabel(f'{ion} (% of atoms)')
        axes.margins(x=0.12)
    if temperatures:
        extra = []
        if any(point.extrapolated for point in points):
            from matplotlib.lines import Line2D

            star = Line2D([], [], marker='*', color=GREY, markerfacecolor='white', linestyle='--', markersize=9)
            extra = [(star, 'extrapolated to 300 K')]
        temperature_legend(figure, temperatures, extra)
    return figure


def draw_series(axes: Any, points: Sequence[SeriesPoint], temperatures: Sequence[float]) -> None:
    """Nernst-Einstein conductivity against composition."""
    colours = temperature_colours(temperatures)
    ordered = sorted(points, key=lambda point: point.x)
    for temperature in temperatures:
        own = [(point.x, point.sigma[temperature]) for point in ordered if temperature in point.sigma]
        axes.plot([100 * x for x, _ in own], [e.value for _, e in own], color=colours[temperature], linewidth=0.9)
        for x, estimate in own:
            axes.errorbar(100 * x, estimate.value, _bars(estimate), fmt='o', color=colours[temperature], markersize=5)
    room = [(point.x, point.extrapolated) for point in ordered if point.extrapolated is not None]
    axes.plot([100 * x for x, _ in room], [e.value for _, e in room], color=GREY, linewidth=0.9, linestyle='--')
    for x, estimate in room:
        axes.errorbar(
            100 * x, estimate.value, _bars(estimate), fmt='*', color=GREY, markerfacecolor='white', markersize=10
        )
    axes.set_yscale('log')
    axes.set_ylabel('σ (S/cm), Nernst-Einstein')
    axes.set_title('Conductivity of the series')
    for point in ordered:
        values = [*point.sigma.values(), *([point.extrapolated] if point.extrapolated else [])]
        if values:
            top = max(estimate.interval[1] if estimate.interval else estimate.value for estimate in values)
            axes.annotate(
                plain_text(formula_text(point.formula)), (100 * point.x, top), xytext=(0, 5),
                textcoords='offset points', ha='center', fontsize=7.5, color=GREY,
            )  # fmt: skip
    axes.margins(y=0.12)


def _bars(estimate: Estimate) -> Any:
    if estimate.interval is None:
        return None
    low, high = estimate.interval
    low = low if low > 0 else 0.1 * estimate.value
    return [[max(0.0, estimate.value - low)], [max(0.0, high - estimate.value)]]

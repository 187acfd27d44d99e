"""What bonds and atoms do along the strain: switched bonds, coordination, D²min, local shear, and where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.report.figures.style import COLOURS, GREY, PAGE_WIDTH, draw_curve, empty_figure, new_figure, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FloatArray = npt.NDArray[np.float64]
Curve = tuple[FloatArray, FloatArray, FloatArray | None]
"""Strains, values, standard errors."""
SWITCH_COLOURS = {'decreased': COLOURS[1], 'swapped': COLOURS[4], 'increased': COLOURS[0]}
REGION_COLOURS = {'glass': COLOURS[0], 'interface': COLOURS[4], 'crystal': COLOURS[2]}


@dataclass(frozen=True, eq=False)
class Course:
    """Curves over strain of some equal pulls.

    :param curves: by name.
    :param strength: strain at which they are strongest, on average; None where not known.
    """

    title: str
    curves: Mapping[str, Curve] = field(default_factory=dict)
    strength: float | None = None


@styled
def switching_figure(courses: Sequence[Mapping[str, Course]]) -> Figure:
    """Shares of the formers whose bonds switched: a row for each kind of pull, a column for each former.

    :param courses: one for each kind; by former, curves ``decreased``, ``swapped``, ``increased``.
    """
    formers = list(dict.fromkeys(name for row in courses for name in row))
    if not formers:
        return empty_figure('No bonds were followed.')
    # one former: kinds stand side by side
    wide = len(formers) == 1
    shape = (1, len(courses)) if wide else (len(courses), len(formers))
    figure = new_figure(PAGE_WIDTH if shape[1] > 1 else 4.8, 2.7 * shape[0] + 0.35)
    for row, kinds in enumerate(courses):
        for column, former in enumerate(formers):
            if former not in kinds:
                continue
            place = row + 1 if wide else row * len(formers) + column + 1
            axes = figure.add_subplot(*shape, place, sharey=figure.axes[0] if figure.axes else None)
            draw_switching(axes, kinds[former])
            if wide or row == len(courses) - 1:
                axes.set_xlabel('Strain along the load (%)')
            if place % shape[1] == 1 or shape[1] == 1:
                axes.set_ylabel('Share of its atoms (%)')
    _from_zero(figure)
    _one_legend(figure)
    return figure


def draw_switching(axes: Any, course: Course) -> None:
    """Fewer, other, more bonds; what is left of 100 % is unchanged."""
    for name, colour in SWITCH_COLOURS.items():
        if name in course.curves:
            _draw(axes, course.curves[name], colour, f'{name} ({_WORDS[name]})', 100.0)
    _strength(axes, course)
    axes.set_title(course.title)
    axes.set_xlim(left=0)


_WORDS = {'decreased': 'fewer bonds', 'swapped': 'as many, others', 'increased': 'more bonds'}


@styled
def coordination_figure(courses: Sequence[Course]) -> Figure:
    """Change of mean coordination numbers, one panel for each kind of pull."""
    if not any(course.curves for course in courses):
        return empty_figure('No bonds were followed.')
    figure = new_figure(PAGE_WIDTH if len(courses) > 1 else 4.8, 2.9)
    for index, course in enumerate(courses):
        axes = figure.add_subplot(1, len(courses), index + 1, sharey=figure.axes[0] if figure.axes else None)
        for number, (pair, curve) in enumerate(course.curves.items()):
            _draw(axes, curve, COLOURS[number % len(COLOURS)], pair.replace('-', '–'))
        _strength(axes, course)
        axes.axhline(0, color=GREY, linewidth=0.7)
        axes.set_title(course.title)
        axes.set_xlabel('Strain along the load (%)')
        axes.set_xlim(left=0)
        if not index:
            axes.set_ylabel('Change of mean neighbours')
    _one_legend(figure)
    return figure


@dataclass(frozen=True, eq=False)
class Motion:
    """Motion that is not affine, of some equal pulls.

    :param curves: ``d2min_median``, ``d2min_p95`` (Å²), ``shear_median``, ``shear_p95``, ``half_in``,
        ``participation``; and by region ``region_<name>`` (median D²min).
    """

    course: Course
    colour: str = COLOURS[0]


@styled
def nonaffine_figure(motions: Sequence[Motion]) -> Figure:
    """D²min and local shear, typical and of the five per cent that move most; and how few atoms carry D²min."""
    told = [motion for motion in motions if motion.course.curves]
    if not told:
        return empty_figure('No snapshots have been analysed yet.')
    figure = new_figure(PAGE_WIDTH, 2.95)
    panels = (
        ('D²min (Å²)', ('d2min_median', 'd2min_p95'), True),
        ('Local shear strain', ('shear_median', 'shear_p95'), False),
        ('Atoms with half of D²min (%)', ('half_in',), False),
    )
    for index, (label, names, logarithmic) in enumerate(panels):
        axes = figure.add_subplot(1, 3, index + 1)
        for motion in told:
            for name in names:
                if name not in motion.course.curves:
                    continue
                style = '--' if name.endswith('p95') else '-'
                strain, value, error = motion.course.curves[name]
                keep = (value > 0) & (strain > 0) if logarithmic else np.isfinite(value)
                shown: Curve = (strain[keep], value[keep], None if error is None else error[keep])
                what = ', 95 % below' if style == '--' else ', median' if len(names) > 1 else ''
                scale = 100.0 if name == 'half_in' else 1.0
                _draw(axes, shown, motion.colour, f'{motion.course.title}{what}' if not index else '', scale, style)
            _strength(axes, motion.course, motion.colour)
        if logarithmic:
            axes.set_yscale('log')
        else:
            axes.set_ylim(bottom=0)
        axes.set_title(label, fontsize=9)
        axes.set_xlabel('Strain (%)')
        axes.set_xlim(left=0)
    _one_legend(figure)
    return figure


@styled
def regions_figure(course: Course, switched: Mapping[str, Curve]) -> Figure:
    """Glass, interface and crystal apart: median D²min, and share of the formers whose bonds switched.

    :param course: median D²min, Å², by region.
    :param switched: share of the formers that are not unchanged, by region.
    """
    figure = new_figure(PAGE_WIDTH if switched else 4.8, 2.9)
    panels = [('Median D²min (Å²)', course.curves, 1.0)]
    panels += [('Formers with switched bonds (%)', switched, 100.0)] if switched else []
    for index, (label, curves, factor) in enumerate(panels):
        axes = figure.add_subplot(1, len(panels), index + 1)
        for number, (name, curve) in enumerate(curves.items()):
            _draw(
                axes, curve, REGION_COLOURS.get(name, COLOURS[number % len(COLOURS)]), name if not index else '', factor
            )
        _strength(axes, course)
        axes.set_title(label)
        axes.set_xlabel('Strain along the load (%)')
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=0)
    _one_legend(figure)
    return figure


@dataclass(frozen=True, eq=False)
class Where:
    """Where along the load something happens, over strain.

    :param place: (n_slabs,), Å, in the unstrained sample.
    :param values: (n, n_slabs).
    """

    title: str
    label: str
    strain: FloatArray
    place: FloatArray
    values: FloatArray


@styled
def where_figure(maps: Sequence[Where]) -> Figure:
    """Strain across, place along the load upwards, brightness what happens there."""
    if not maps:
        return empty_figure('No snapshots have been analysed yet.')
    figure = new_figure(PAGE_WIDTH if len(maps) > 1 else 4.8, 3.0)
    for index, where in enumerate(maps):
        draw_where(figure.add_subplot(1, len(maps), index + 1), where)
        if index:
            figure.axes[-2 if len(figure.axes) > 2 else -1].set_ylabel('')
    return figure


def draw_where(axes: Any, where: Where) -> None:
    """One map with its scale; the brightest is the 99th percentile."""
    values = np.ma.masked_invalid(where.values).T
    known = np.asarray(where.values)[np.isfinite(where.values)]
    top = float(np.percentile(known, 99)) if len(known) else 1.0
    mesh = axes.pcolormesh(
        _edges(100 * np.asarray(where.strain)), _edges(np.asarray(where.place)), values,
        cmap='magma', vmin=0, vmax=top or 1.0, rasterized=True,
    )  # fmt: skip
    axes.figure.colorbar(mesh, ax=axes, label=where.label, extend='max')
    axes.set_title(where.title)
    axes.set_xlabel('Strain along the load (%)')
    axes.set_ylabel('Place along the load, unstrained (Å)')


def _edges(centres: FloatArray) -> FloatArray:
    if len(centres) < 2:
        return np.array([centres[0] - 0.5, centres[0] + 0.5])
    middles = (centres[1:] + centres[:-1]) / 2
    return np.concatenate([[2 * centres[0] - middles[0]], middles, [2 * centres[-1] - middles[-1]]])


def _draw(axes: Any, curve: Curve, colour: str, label: str, factor: float = 1.0, style: str = '-') -> None:
    strain, value, error = curve
    scaled = None if error is None else factor * np.asarray(error)
    draw_curve(
        axes, 100 * np.asarray(strain), factor * np.asarray(value), scaled, colour,
        linestyle=style, linewidth=1.4, label=label or None,
    )  # fmt: skip


def _strength(axes: Any, course: Course, colour: str = GREY) -> None:
    if course.strength is not None:
        axes.axvline(100 * course.strength, color=colour, linewidth=0.9, linestyle=':')


def _from_zero(figure: Any) -> None:
    """Axes of shares begin at 0 and reach beyond the highest of all that share them."""
    tops = [line.get_ydata() for axes in figure.axes for line in axes.lines if line.get_linestyle() != ':']
    highest = max((float(np.nanmax(values)) for values in tops if len(values)), default=0.0)
    for axes in figure.axes:
        axes.set_ylim(0, 1.06 * highest or 1.0)


def _one_legend(figure: Any) -> None:
    handles: dict[str, Any] = {}
    for axes in figure.axes:
        handles.update({label: handle for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)})
    if handles:
        most = 4 if figure.get_figwidth() >= PAGE_WIDTH else 2
        figure.legend(list(handles.values()), list(handles), loc='outside lower center', ncols=min(most, len(handles)))

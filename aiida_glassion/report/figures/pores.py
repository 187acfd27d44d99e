"""Pores: slices through one before and after, sizes of pores, the density while the glass relaxes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.analysis.result import Curve
from aiida_glassion.frames import Frames
from aiida_glassion.kernels.build.pores import Box, Cylinder, Slit, Sphere
from aiida_glassion.kernels.space.distance_field import distances_at
from aiida_glassion.kernels.space.images import heights
from aiida_glassion.report.figures.channels import plane_of
from aiida_glassion.report.figures.curve import extent
from aiida_glassion.report.figures.run import MOST_POINTS, Stage
from aiida_glassion.report.figures.style import (
    COLOURS,
    GREY,
    PAGE_WIDTH,
    element_colour,
    empty_figure,
    new_figure,
    styled,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FloatArray = npt.NDArray[np.float64]
Shape = Sphere | Cylinder | Slit | Box

TITLES = {'dense': 'without pores', 'carved': 'as cut', 'relaxed': 'relaxed'}
_STYLES = {'dense': (GREY, ':'), 'carved': (COLOURS[0], '--'), 'relaxed': (COLOURS[1], '-')}
_HALF_SLAB = 1.5
"""Å to either side of the plane, from which atoms are drawn."""
_ATOM = 0.55
"""Radius of a drawn atom, Å."""
_PIXELS = 220


@dataclass(frozen=True, eq=False)
class Slice:
    """One state of the glass, cut through a pore.

    :param frames: the last frame is drawn.
    :param radii: of the elements, Å.
    :param going: indices of atoms that are taken out of it, drawn hollow.
    :param marked: indices of atoms that were chosen, drawn with an outline.
    """

    title: str
    frames: Frames
    radii: Mapping[str, float]
    going: npt.NDArray[np.integer[Any]]
    marked: npt.NDArray[np.integer[Any]]


def plane_through(shape: Shape) -> tuple[int, int, int]:
    """Cell vectors that span the plane of the slices, and the one across it: such that the pore shows its width."""
    axis = 'abc'.index(shape.axis) if isinstance(shape, (Cylinder, Slit)) else 2
    if isinstance(shape, Slit):
        axis = (axis + 1) % 3
    first, second = (k for k in range(3) if k != axis)
    return first, second, axis


@styled
def slices_figure(slices: Sequence[Slice], shape: Shape, built: FloatArray) -> Figure:
    """The pore before and after; shades tell how far a point is from the surface of the nearest atom.

    :param slices: in the order in which they stand.
    :param shape: the pore, in the middle of each.
    :param built: (3, 3), cell in which it was cut, Å.
    """
    if not slices:
        return empty_figure('The pore was not cut.')
    figure = new_figure(PAGE_WIDTH, 0.88 * PAGE_WIDTH / max(2, len(slices)) + 0.9)
    figure.set_layout_engine('compressed')
    panels: list[Any] = list(np.atleast_1d(figure.subplots(1, len(slices))))
    maps = [_empty_space(one, shape) for one in slices]
    highest = max(float(field.max()) for _, _, field in maps)
    mesh = None
    for panel, one, (x, y, field) in zip(panels, slices, maps, strict=True):
        shown = np.ma.masked_less_equal(field, 0.0)
        mesh = panel.pcolormesh(
            x, y, shown, cmap='Blues', vmin=0.0, vmax=max(highest, 0.1), shading='nearest', rasterized=True
        )
        _draw_atoms(panel, one, shape)
        _outline(panel, one, shape, built)
        panel.set_title(one.title)
        panel.set_aspect('equal')
        panel.set_xticks([])
        panel.set_yticks([])
        panel.spines[:].set_visible(False)
    _same_scale(panels)
    _scale_bar(panels[0])
    if mesh is not None:
        figure.colorbar(mesh, ax=panels, label='from the nearest atom (Å)', shrink=0.8, pad=0.02)
    elements = slices[0].frames.elements
    handles = [
        panels[0].plot([], [], 'o', color=element_colour(name, elements), markersize=6, label=name)[0]
        for name in elements
    ]
    handles += [
        panels[0].plot([], [], 'o', markerfacecolor='white', markeredgecolor=GREY, markersize=6, label='taken out')[0],
        panels[0].plot([], [], 'o', markerfacecolor=GREY, markeredgecolor='black', markersize=6, label='chosen')[0],
    ]
    figure.legend(handles=handles, loc='outside lower center', ncols=len(handles), handletextpad=0.1)
    return figure


def _shift(shape: Shape) -> FloatArray:
    """Fractions by which the pore is moved into the middle."""
    return 0.5 - np.array(shape.centre)


def _empty_space(one: Slice, shape: Shape) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Points of the plane (x, y, Å) and their distance from the nearest atom's surface."""
    first, second, _ = plane_through(shape)
    cell = np.asarray(one.frames.cells[-1], dtype=float)
    steps = (np.arange(_PIXELS) + 0.5) / _PIXELS
    fractions = np.full((_PIXELS, _PIXELS, 3), 0.5)
    fractions[..., first], fractions[..., second] = np.meshgrid(steps, steps, indexing='ij')
    inside = fractions - _shift(shape)
    points = ((inside - np.floor(inside)) @ cell).reshape(-1, 3)
    radii = np.array([one.radii[symbol] for symbol in one.frames.symbols], dtype=float)
    field = distances_at(points, np.asarray(one.frames.positions[-1], dtype=float), cell, radii)
    x, y = np.moveaxis(fractions[..., [first, second]] @ plane_of(cell, (first, second)), -1, 0)
    return x, y, field.reshape(_PIXELS, _PIXELS)


def _draw_atoms(axes: Any, one: Slice, shape: Shape) -> None:
    """Atoms near the plane; the nearer ones lie above."""
    from matplotlib.collections import EllipseCollection

    first, second, axis = plane_through(shape)
    cell = np.asarray(one.frames.cells[-1], dtype=float)
    fractions = np.asarray(one.frames.positions[-1], dtype=float) @ np.linalg.inv(cell) + _shift(shape)
    fractions -= np.floor(fractions)
    away = (fractions[:, axis] - 0.5) * heights(cell)[axis]
    near = np.flatnonzero(np.abs(away) <= _HALF_SLAB)
    near = near[np.argsort(-np.abs(away[near]), kind='stable')]
    places = fractions[:, [first, second]] @ plane_of(cell, (first, second))
    elements = one.frames.elements
    colours = np.array([element_colour(symbol, elements) for symbol in one.frames.symbols])
    going, marked = np.isin(near, one.going), np.isin(near, one.marked)
    for chosen, face, edge, width in (
        (~going & ~marked, colours[near], 'white', 0.4),
        (going, np.full(len(near), 'white'), colours[near], 0.9),
        (~going & marked, colours[near], 'black', 1.1),
        (going & marked, np.full(len(near), 'white'), 'black', 1.1),
    ):
        part = near[chosen]
        if len(part):
            axes.add_collection(
                EllipseCollection(
                    np.full(len(part), 2 * _ATOM),
                    np.full(len(part), 2 * _ATOM),
                    np.zeros(len(part)),
                    units='xy',
                    offsets=places[part],
                    offset_transform=axes.transData,
                    facecolors=face[chosen],
                    edgecolors=edge if isinstance(edge, str) else edge[chosen],
                    linewidths=width,
                    zorder=3,
                )
            )


def _outline(axes: Any, one: Slice, shape: Shape, built: FloatArray) -> None:
    """Where the surface of the pore was cut, carried along by the cell; and the edges of the cell."""
    first, second, _ = plane_through(shape)
    cell = np.asarray(one.frames.cells[-1], dtype=float)
    plane = plane_of(cell, (first, second))
    steps = np.linspace(0, 1, _PIXELS)
    fractions = np.full((_PIXELS, _PIXELS, 3), 0.5)
    fractions[..., first], fractions[..., second] = np.meshgrid(steps, steps, indexing='ij')
    distance = shape.distances(((fractions - _shift(shape)) @ built).reshape(-1, 3), built).reshape(_PIXELS, _PIXELS)
    x, y = np.moveaxis(fractions[..., [first, second]] @ plane, -1, 0)
    axes.contour(x, y, distance, levels=[0.0], colors='black', linewidths=0.9, linestyles='dashed', zorder=4)
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]) @ plane
    axes.plot(*corners.T, color=GREY, linewidth=0.8, zorder=2)


def _same_scale(panels: Sequence[Any]) -> None:
    """As many Å to the inch in every panel, each glass in the middle of its own."""
    limits = [(panel.get_xlim(), panel.get_ylim()) for panel in panels]
    for index, set_limits in ((0, 'set_xlim'), (1, 'set_ylim')):
        widest = max(high - low for low, high in (pair[index] for pair in limits))
        for panel, pair in zip(panels, limits, strict=True):
            middle = sum(pair[index]) / 2
            getattr(panel, set_limits)(middle - widest / 2, middle + widest / 2)


def _scale_bar(axes: Any) -> None:
    left, right = axes.get_xlim()
    low, high = axes.get_ylim()
    length = 10.0 if right - left > 25 else 5.0
    place = low - 0.045 * (high - low)
    axes.plot([left, left + length], [place, place], color='#202020', linewidth=2, clip_on=False)
    axes.text(left + length / 2, place - 0.02 * (high - low), f'{length:g} Å', ha='center', va='top', fontsize=8)
    axes.set_ylim(low, high)
    axes.set_xlim(left, right)


@styled
def pore_sizes_figure(curves: Mapping[str, Curve], occupied: Mapping[str, float]) -> Figure:
    """Share of the cell in pores of each size: points by the largest sphere without atoms that covers them.

    :param curves: by state, normalised; sizes Å.
    :param occupied: share of the cell under each curve.
    """
    known = {name: curve for name, curve in curves.items() if len(curve.x) and occupied.get(name, 0.0) > 0}
    if not known:
        return empty_figure('No sphere as large as the probe fits anywhere.')
    figure = new_figure(4.8, 3.0)
    axes = figure.add_subplot()
    for name, curve in known.items():
        colour, line = _STYLES[name]
        share = 100 * occupied[name] * np.asarray(curve.y)
        label = f'{TITLES[name]}, {100 * occupied[name]:.2g} % of the cell'
        axes.step(curve.x, share, where='mid', color=colour, linestyle=line, linewidth=1.4, label=label)
    for name in curves:
        if name not in known:
            axes.plot([], [], color=_STYLES[name][0], linestyle=_STYLES[name][1], label=f'{TITLES[name]}: none')
    axes.set_xlabel('diameter (Å)')
    axes.set_ylabel('share of the cell (%/Å)')
    starts, ends = zip(*(extent(curve) for curve in known.values()), strict=True)
    axes.set_xlim(min(starts), max(ends))
    axes.set_ylim(bottom=0)
    axes.legend(loc='upper left')
    return figure


@styled
def density_figure(course: Curve, dense: float, carved: float, stages: Sequence[Stage]) -> Figure:
    """Density while the carved glass relaxes.

    :param dense: density without pores, g/cm³; ``carved``: as cut.
    :param stages: of the relaxation.
    """
    if not len(course.x):
        return empty_figure('The relaxation wrote no density.')
    figure = new_figure(PAGE_WIDTH, 2.6)
    axes = figure.add_subplot()
    bins = max(1, len(course.x) // MOST_POINTS)
    x, y = (
        np.asarray(a, dtype=float)[: len(a) // bins * bins].reshape(-1, bins).mean(axis=1) for a in (course.x, course.y)
    )
    axes.plot(x, y, color=COLOURS[1], linewidth=1.2, label='relaxing')
    axes.axhline(dense, color=GREY, linestyle=':', label='without pores')
    axes.axhline(carved, color=COLOURS[0], linestyle='--', label='as cut')
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.12 * (high - low))
    for number, stage in enumerate(stages):
        if stage.end <= stage.start:
            continue
        if number % 2:
            axes.axvspan(stage.start, stage.end, color='#F0F0F0', zorder=0)
        axes.text(
            (stage.start + stage.end) / 2, 0.97, stage.name, transform=axes.get_xaxis_transform(), ha='center',
            va='top', fontsize=8, color=GREY,
        )  # fmt: skip
    axes.set_xlim(0, float(course.x[-1]))
    axes.set_xlabel('time (ps)')
    axes.set_ylabel('density (g/cm³)')
    axes.legend(loc='center right')
    return figure

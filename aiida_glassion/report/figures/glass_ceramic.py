"""Figures of a glass-ceramic: profiles across its interface, a slice coloured by label, the order of its regions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.analysis.result import Curve
from aiida_glassion.frames import Frames
from aiida_glassion.kernels.space.images import heights
from aiida_glassion.kernels.space.regions import REGIONS
from aiida_glassion.kernels.structure.elements import network_roles
from aiida_glassion.report.figures.channels import plane_of
from aiida_glassion.report.figures.curve import CLEAR, axis_label
from aiida_glassion.report.figures.style import (
    COLOURS,
    GREY,
    PAGE_WIDTH,
    draw_curve,
    element_colour,
    empty_figure,
    new_figure,
    styled,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FloatArray = npt.NDArray[np.float64]

REGION_COLOURS = {'glass': '#9ECAE1', 'interface': '#E69F00', 'crystal': '#0B3C6F'}
_TITLES = {'disorder': 'Degree of disorder', 'order': 'Local order', 'mass_density': 'Density'}
_SIZES = {'former': 34.0, 'modifier': 40.0, 'anion': 14.0}


@styled
def profiles_figure(curves: Mapping[str, Curve], interfaces: Mapping[str, Mapping[str, Any]]) -> Figure:
    """F, local order, density and elements over the distance from the grains, with the steps fitted to them.

    :param curves: by name.
    :param interfaces: what was fitted, by the names of the curves.
    """
    names = [name for name in _TITLES if name in curves]
    shares = [name for name in curves if name.startswith('share_')]
    panels = len(names) + bool(shares)
    if not panels:
        return empty_figure('No profile was found.')
    columns = 2 if panels > 1 else 1
    rows = -(-panels // columns)
    figure = new_figure(PAGE_WIDTH, 2.5 * rows + 0.3)
    axes = [figure.add_subplot(rows, columns, index + 1) for index in range(panels)]
    for panel, name in zip(axes, names, strict=False):
        curve = curves[name]
        _draw_with_step(panel, curve, interfaces.get(name))
        panel.set_title(_TITLES[name])
        panel.set_ylabel(axis_label(curve.y_name, curve.y_unit))
    if shares:
        elements = tuple(name.removeprefix('share_') for name in shares)
        for name, element in zip(shares, elements, strict=True):
            curve = curves[name]
            colour = element_colour(element, elements)
            draw_curve(axes[-1], curve.x, curve.y, None, colour, linewidth=1.2, label=element)
        axes[-1].legend(loc='best', fontsize=8, ncols=len(shares), **CLEAR)
        axes[-1].set_title('Elements')
        axes[-1].set_ylabel('share of the atoms')
    low = min(float(curve.x[0]) for name, curve in curves.items() if name in (*names, *shares))
    high = max(float(curve.x[-1]) for name, curve in curves.items() if name in (*names, *shares))
    for panel in axes:
        panel.axvline(0, color=GREY, linewidth=0.8, linestyle=':')
        panel.set_xlim(low, high)
        panel.set_xlabel('distance from the surface (Å)')
    axes[0].text(0.02, 0.97, 'crystal', transform=axes[0].transAxes, va='top', fontsize=8, color=GREY)
    axes[0].text(0.98, 0.97, 'glass', transform=axes[0].transAxes, va='top', ha='right', fontsize=8, color=GREY)
    return figure


def _draw_with_step(axes: Any, curve: Curve, found: Mapping[str, Any] | None) -> None:
    draw_curve(axes, curve.x, curve.y, curve.error, COLOURS[0], linewidth=1.2, marker='o', markersize=3)
    if not found or found['width'] is None:
        return
    width, middle = found['width'], found['position']
    x = np.linspace(float(curve.x[0]), float(curve.x[-1]), 300)
    step = np.tanh((x - middle) / (width / np.log(9.0)))
    y = (found['inner'] + found['outer']) / 2 + (found['outer'] - found['inner']) / 2 * step
    axes.plot(x, y, color=COLOURS[1], linewidth=1.0)
    words = f'≤ {width:.1f} Å' if found['at_most'] else f'{width:.1f} Å'
    axes.axvspan(middle - width / 2, middle + width / 2, color=COLOURS[1], alpha=0.15, linewidth=0, label=words)
    axes.legend(loc='center right', fontsize=8, **CLEAR)


@styled
def normal_figure(curve: Curve) -> Figure:
    """F layer by layer along the normal of a slab, its faces marked."""
    figure = new_figure(PAGE_WIDTH, 2.7)
    axes = figure.add_subplot()
    half = float(curve.about['slab_width']) / 2
    axes.axvspan(-half, half, color=REGION_COLOURS['crystal'], alpha=0.12, linewidth=0, label='slab')
    draw_curve(axes, curve.x, curve.y, curve.error, COLOURS[0], linewidth=1.2, marker='o', markersize=3.5)
    axes.set_xlabel("distance from the slab's middle, along its normal (Å)")
    axes.set_ylabel('F')
    axes.set_ylim(bottom=0)
    axes.legend(loc='best', fontsize=8, **CLEAR)
    return figure


@styled
def order_figure(by_place: Mapping[str, FloatArray], threshold: float) -> Figure:
    """Histogram of the local order of the centres, by where they were when it was built."""
    if not by_place:
        return empty_figure('The local order is not known.')
    figure = new_figure(PAGE_WIDTH, 2.8)
    axes = figure.add_subplot()
    edges = np.linspace(0, 1, 41)
    for name, values in by_place.items():
        density, _ = np.histogram(values, edges, density=True)
        axes.stairs(density, edges, fill=True, color=REGION_COLOURS[name], alpha=0.45)
        axes.stairs(density, edges, color=REGION_COLOURS[name], linewidth=1.3, label=f'{name}, {len(values)} centres')
    axes.axvline(threshold, color=GREY, linewidth=0.9, linestyle='--')
    axes.set_xlim(0, 1)
    axes.set_xlabel('local order')
    axes.set_ylabel('density of centres')
    axes.legend(loc='upper right', fontsize=8, title='put there as', title_fontsize=8, **CLEAR)
    return figure


@styled
def slice_figure(
    frames: Frames, labels: Sequence[npt.NDArray[Any]], titles: Sequence[str], axis: int, place: float, thickness: float
) -> Figure:
    """A slice of the cell, its atoms coloured by label, once for each set of labels.

    :param frames: one frame, Å.
    :param labels: (n_atoms,) each.
    :param titles: of the panels.
    :param axis: cell vector that is looked along.
    :param place: middle of the slice, in fractions of it.
    :param thickness: Å.
    """
    cell = np.asarray(frames.cells[-1], dtype=float)
    fractional = np.asarray(frames.positions[-1], dtype=float) @ np.linalg.inv(cell)
    fractional -= np.floor(fractional)
    off = fractional[:, axis] - place
    off -= np.rint(off)
    seen = np.abs(off) * float(heights(cell)[axis]) <= thickness / 2
    plane = ((axis + 1) % 3, (axis + 2) % 3)
    first, second = sorted(plane)
    base = plane_of(cell, (first, second))
    points = fractional[:, [first, second]] @ base
    roles = network_roles(frames.elements)
    kinds = np.array([roles[symbol] for symbol in frames.symbols])
    # circles keep their size in Å: the larger the cell, the smaller they are
    scale = min(1.0, (28.0 / float(np.ptp(base))) ** 2) if np.ptp(base) > 0 else 1.0
    figure = new_figure(PAGE_WIDTH if len(labels) > 1 else 4.2, 3.9)
    for index, (own, title) in enumerate(zip(labels, titles, strict=True)):
        axes = figure.add_subplot(1, len(labels), index + 1)
        for kind, size in _SIZES.items():
            chosen = seen & (kinds == kind)
            colours = [REGION_COLOURS[REGIONS[label]] for label in own[chosen]]
            axes.scatter(
                points[chosen, 0], points[chosen, 1], s=size * scale, c=colours, linewidths=0.3, edgecolors='#404040'
            )
        corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]) @ base
        axes.plot(*corners.T, color=GREY, linewidth=0.8)
        axes.set_aspect('equal')
        axes.set_xlabel(f'along {"abc"[first]} (Å)')
        if index == 0:
            axes.set_ylabel(f'towards {"abc"[second]} (Å)')
        axes.set_title(title)
    _name_regions(figure)
    return figure


def _name_regions(figure: Any) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], marker='o', linestyle='', color=colour, markeredgecolor='#404040', markeredgewidth=0.3)
        for colour in REGION_COLOURS.values()
    ]
    figure.legend(handles, list(REGION_COLOURS), loc='outside lower center', ncols=3, fontsize=8.5)

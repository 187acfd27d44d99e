"""Slices of a sample at several strains: local shear, switched bonds and the crack, under its stress–strain curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.mechanics.bond_switching import SWITCHES
from aiida_glassion.report.figures.along_strain import SWITCH_COLOURS
from aiida_glassion.report.figures.style import COLOURS, GREY, PAGE_WIDTH, new_figure, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FloatArray = npt.NDArray[np.float64]
MOST_ATOMS = 2500
"""A slice is as thick as holds so many atoms,"""
MOST_THICK = 10.0
"""and no thicker than this, Å: more atoms behind each other hide what happens."""
_ATOM = 1.5
"""Diameter of a disc, Å."""
_CRACK = '#111111'
_MOST_PANELS = 5
_AXES = 'xyz'


@dataclass(frozen=True, eq=False)
class Slice:
    """Atoms of a slab of one snapshot, seen along its normal.

    :param points: (n, 2), Å: along the way of the crack, along the load.
    :param box: Å, width and height of the cell.
    :param crack: (m, 3), Å: along the way, middle of the crack, its opening; empty where nothing is open.
    :param column: Å, width of the columns of the crack.
    """

    strain: float
    points: FloatArray
    shear: FloatArray
    switching: npt.NDArray[np.int8]
    box: tuple[float, float]
    crack: FloatArray
    column: float = 5.0


@dataclass(frozen=True, eq=False)
class Slices:
    """Slices of one pull.

    :param axes: names of the axes across and along the load, ``xz``.
    :param thickness: of the slab, Å.
    :param curve: strain and stress (GPa) of the pull.
    """

    title: str
    axes: str
    thickness: float
    whole: bool
    slices: Sequence[Slice]
    curve: tuple[FloatArray, FloatArray] | None = None


def slices_of(
    title: str,
    frames: Frames,
    maps: dict[str, npt.NDArray[Any]],
    paths: dict[str, FloatArray],
    load: int,
    way: int,
    curve: tuple[FloatArray, FloatArray] | None = None,
) -> Slices:
    """Cut the snapshots of which there are maps; all move by the same part of the cell, so that the crack is inside.

    :param frames: the snapshots, Å.
    :param maps: ``snapshot``, ``strain`` (m,), ``shear``, ``switching`` (m, n_atoms).
    :param paths: ``across``, ``middle``, ``opening`` (n_snapshots, n_across), Å.
    :param load: index of the axis of the load.
    :param way: of the way of the crack.
    """
    thick = 3 - load - way
    share = min(1.0, MOST_ATOMS / frames.n_atoms, MOST_THICK / float(np.linalg.norm(frames.cells[0][thick])))
    snapshots = np.asarray(maps['snapshot'], dtype=int)
    last = snapshots[-1]
    middle = paths['middle'][last]
    length = float(np.linalg.norm(frames.cells[last][load]))
    opened = np.isfinite(middle)
    shift = 0.5 - float(np.mean(middle[opened])) / length if opened.any() else 0.0
    found = []
    rows = np.unique(np.linspace(0, len(snapshots) - 1, min(_MOST_PANELS, len(snapshots))).round().astype(int))
    for row in rows.tolist():
        index = int(snapshots[row])
        cell = np.asarray(frames.cells[index], dtype=float)
        lengths = np.linalg.norm(cell, axis=1)
        fractions = np.asarray(frames.positions[index], dtype=float) @ np.linalg.inv(cell)
        fractions[:, load] += shift
        fractions -= np.floor(fractions)
        shown = fractions[:, thick] < share
        points = fractions[shown][:, [way, load]] * lengths[[way, load]]
        known = np.isfinite(paths['middle'][index])
        height = (paths['middle'][index][known] + shift * lengths[load]) % lengths[load]
        crack = np.column_stack([paths['across'][index][known], height, paths['opening'][index][known]])
        shear = np.asarray(maps['shear'][row])[shown]
        switching = np.asarray(maps['switching'][row])[shown]
        size = (float(lengths[way]), float(lengths[load]))
        columns = paths['across'][index][np.isfinite(paths['across'][index])]
        width = float(lengths[way]) / max(1, len(columns))
        found.append(Slice(float(maps['strain'][row]), points, shear, switching, size, crack, width))
    thickness = share * float(np.linalg.norm(frames.cells[0][thick]))
    return Slices(title, _AXES[way] + _AXES[load], thickness, share == 1.0, found, curve)


@styled
def strain_map_figure(slices: Slices) -> Figure:
    """Above the curve with the strains of the slices; below local shear, then switched bonds."""
    n = len(slices.slices)
    panel = PAGE_WIDTH / n
    tallest = max(one.box[1] / max(1.0, _width(slices)) for one in slices.slices)
    height = min(3.6, (panel - 0.25) * tallest)
    has_curve = slices.curve is not None and len(slices.curve[0]) > 1
    rows = [1.7] if has_curve else []
    figure = new_figure(PAGE_WIDTH, sum(rows) + 2 * height + 1.25)
    grid = figure.add_gridspec(len(rows) + 2, n, height_ratios=[*rows, height, height])
    if has_curve:
        _draw_marks(figure.add_subplot(grid[0, :]), slices)
    top = colour_limit(slices)
    for column, one in enumerate(slices.slices):
        above = figure.add_subplot(grid[-2, column])
        points = draw_shear(above, slices, one, top)
        above.set_title(f'{_letter(column)}  {100 * one.strain:.1f} %', fontsize=9)
        below = figure.add_subplot(grid[-1, column])
        draw_switches(below, slices, one)
        if column == 0:
            above.set_ylabel('local shear', fontsize=8.5)
            below.set_ylabel('bonds', fontsize=8.5)
            _scale_bar(below, slices)
        if column == n - 1:
            figure.colorbar(points, ax=above, label='Local shear strain', extend='max', shrink=0.85)
    _legend(figure)
    return figure


def draw_shear(axes: Any, slices: Slices, one: Slice, top: float) -> Any:
    """Atoms by their local shear, the strongest in front."""
    known = np.isfinite(one.shear)
    order = np.argsort(one.shear[known])
    discs = _discs(axes, one.points[known][order], _ATOM)
    discs.set_array(one.shear[known][order])
    discs.set_cmap('viridis')
    discs.set_clim(0.0, top)
    _frame(axes, slices, one)
    return discs


def draw_switches(axes: Any, slices: Slices, one: Slice) -> None:
    """Formers by what became of their bonds; other atoms small and grey."""
    _discs(axes, one.points[one.switching < 0], 0.6 * _ATOM, '#d9d9d9')
    _discs(axes, one.points[one.switching == 0], _ATOM, '#a9b4bf')
    for name in ('increased', 'swapped', 'decreased'):
        _discs(axes, one.points[one.switching == SWITCHES.index(name)], 1.15 * _ATOM, SWITCH_COLOURS[name])
    _frame(axes, slices, one)


def colour_limit(slices: Slices) -> float:
    """Median over the slices of their 95th percentiles: what faces look like once they are apart does not matter."""
    tops = [np.percentile(known, 95) for one in slices.slices if len(known := one.shear[np.isfinite(one.shear)])]
    return max(0.05, float(np.median(tops)) if tops else 0.0)


def _discs(axes: Any, points: FloatArray, diameter: float, colour: str | None = None) -> Any:
    from matplotlib.collections import EllipseCollection

    collection = EllipseCollection(
        diameter, diameter, 0, units='xy', offsets=points, offset_transform=axes.transData,
        linewidths=0, **({} if colour is None else {'facecolors': colour}),
    )  # fmt: skip
    collection.set_rasterized(True)
    axes.add_collection(collection)
    return collection


def _frame(axes: Any, slices: Slices, one: Slice) -> None:
    """The cell, the crack, and the same scale in all panels."""
    width, height = one.box
    axes.plot([0, width, width, 0, 0], [0, 0, height, height, 0], color=GREY, linewidth=0.7)
    if len(one.crack):
        axes.bar(
            one.crack[:, 0], one.crack[:, 2], one.column, one.crack[:, 1] - one.crack[:, 2] / 2, color=_CRACK,
            alpha=0.1, linewidth=0, zorder=0,
        )  # fmt: skip
        axes.plot(one.crack[:, 0], one.crack[:, 1], '.', color=_CRACK, markersize=2.5)
    tallest = max(each.box[1] for each in slices.slices)
    margin = 0.03 * tallest
    axes.set_xlim(-margin, _width(slices) + margin)
    axes.set_ylim(height / 2 - tallest / 2 - margin, height / 2 + tallest / 2 + margin)
    axes.set_aspect('equal')
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def _width(slices: Slices) -> float:
    return max(one.box[0] for one in slices.slices)


def _scale_bar(axes: Any, slices: Slices) -> None:
    length = 20.0 if _width(slices) > 45 else 10.0 if _width(slices) > 18 else 5.0
    low = axes.get_ylim()[0]
    tallest = max(one.box[1] for one in slices.slices)
    axes.plot(
        [0, length], [low + 0.01 * tallest] * 2, color='#202020', linewidth=2, solid_capstyle='butt', clip_on=False
    )
    axes.text(length / 2, low - 0.01 * tallest, f'{length:g} Å', ha='center', va='top', fontsize=8)


def _draw_marks(axes: Any, slices: Slices) -> None:
    if slices.curve is None:
        return
    strain, stress = slices.curve
    axes.plot(100 * strain, stress, color=COLOURS[0], linewidth=1.2)
    axes.axhline(0, color=GREY, linewidth=0.7)
    for number, one in enumerate(slices.slices):
        at = float(np.interp(one.strain, strain, stress))
        axes.plot(100 * one.strain, at, 'o', color=COLOURS[1], markersize=5)
        axes.annotate(
            _letter(number), (100 * one.strain, at), xytext=(0, 6), textcoords='offset points', ha='center', fontsize=9,
            fontweight='bold', bbox={'facecolor': 'white', 'alpha': 0.8, 'pad': 0.5, 'linewidth': 0},
        )  # fmt: skip
    axes.set_title(slices.title)
    axes.set_xlabel('Strain along the load (%)')
    axes.set_ylabel('Stress (GPa)')
    axes.set_xlim(left=0)
    axes.margins(y=0.18)


def _letter(number: int) -> str:
    return 'abcdefgh'[number]


def _legend(figure: Any) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    words = {'unchanged': '#a9b4bf', **SWITCH_COLOURS}
    handles: list[Any] = [
        Line2D([], [], color=colour, marker='o', linestyle='none', markersize=5, label=name)
        for name, colour in words.items()
    ]
    handles.append(Patch(facecolor=_CRACK, alpha=0.2, linewidth=0, label='open (crack, notch)'))
    figure.legend(handles=handles, loc='outside lower center', ncols=5)

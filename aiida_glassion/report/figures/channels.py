"""Ways of the ions and their density, projected on three planes, with the surface at which channels open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.report.diffusion import Maps, Point
from aiida_glassion.report.figures.style import PAGE_WIDTH, element_colour, empty_figure, new_figure, styled
from aiida_glassion.report.figures.temperature import kelvin

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FloatArray = npt.NDArray[np.float64]

PLANES = ((0, 1), (0, 2), (1, 2))
_NAMES = 'abc'
_MOST_PATHS = 8


@dataclass(frozen=True, eq=False)
class Channels:
    """What is drawn of one point.

    :param cell: (3, 3), Å, rows are the cell vectors.
    :param density: (n_a, n_b, n_c), Å⁻³, over the cell.
    :param paths: (n_ions, n_points, 3), Å, unwrapped.
    :param framework: fractional coordinates of the other atoms, by element.
    :param thresholds: highest densities at which one, two, three directions are open, Å⁻³, by their number.
    """

    title: str
    cell: FloatArray
    density: FloatArray | None
    paths: FloatArray | None
    framework: Mapping[str, FloatArray]
    thresholds: Mapping[str, float]


def channels_of(point: Point, maps: Maps, ion: str) -> Channels | None:
    """What there is to be drawn of a point; None where there is neither density nor ways.

    Without a trajectory the cell is a cube of the mean volume.
    """
    density, paths = (maps.arrays.get(f'channels__{name}_{ion}') for name in ('density', 'paths'))
    if density is None and paths is None:
        return None
    framework: dict[str, FloatArray] = {}
    if maps.frames is not None:
        frames = maps.frames
        cell = np.asarray(frames.cells[0], dtype=float)
        fractional = np.asarray(frames.positions[0], dtype=float) @ np.linalg.inv(cell)
        symbols = np.array(frames.symbols)
        moving = set((point.numbers.get('channels') or {}).get('ions') or {ion})
        framework = {
            element: fractional[symbols == element] % 1.0 for element in frames.elements if element not in moving
        }
    else:
        volume = float((point.numbers.get('diffusion') or {}).get('volume') or 0.0)
        if volume <= 0:
            return None
        cell = np.eye(3) * volume ** (1 / 3)
    entry = point.of_ion('channels', ion)
    thresholds = {key: float(value) for key, value in (entry.get('thresholds') or {}).items() if value}
    return Channels(kelvin(point.temperature), cell, density, paths, framework, thresholds)


def plane_of(cell: FloatArray, plane: tuple[int, int]) -> FloatArray:
    """(2, 2): two cell vectors in the plane that they span, the first along x, Å."""
    first, second = cell[plane[0]], cell[plane[1]]
    length = float(np.linalg.norm(first))
    along = float(second @ first) / length
    return np.array([[length, 0.0], [along, float(np.sqrt(max(0.0, second @ second - along**2)))]])


@styled
def channels_figure(channels: Channels, ion: str) -> Figure:
    """Above: ways of ions; below: the largest density behind each point of the plane, with the thresholds."""
    rows = [name for name in ('paths', 'density') if getattr(channels, name) is not None]
    if not rows:
        return empty_figure('No density and no ways of ions were kept.')
    figure = new_figure(PAGE_WIDTH, 2.2 * len(rows) + 0.4)
    figure.set_layout_engine('compressed')
    axes = figure.subplots(len(rows), 3, squeeze=False)
    mesh = None
    for column, plane in enumerate(PLANES):
        for row, name in enumerate(rows):
            panel = axes[row, column]
            if name == 'paths':
                draw_paths(panel, channels, plane)
            else:
                mesh = draw_density(panel, channels, plane)
            if row == 0:
                panel.set_title(f'{_NAMES[plane[0]]}{_NAMES[plane[1]]} plane')
    if mesh is not None:
        figure.colorbar(mesh, ax=list(axes[-1]), label=f'largest {ion} density (Å⁻³)', shrink=0.85)
    handles = _handles(channels, ion)
    if handles:
        figure.legend(*zip(*handles, strict=True), loc='outside lower center', ncols=min(6, len(handles)), fontsize=8)
    return figure


def draw_paths(axes: Any, channels: Channels, plane: tuple[int, int]) -> None:
    """Ways of the ions that went farthest, folded into the cell, over the framework."""
    from matplotlib import colormaps

    base = plane_of(channels.cell, plane)
    _draw_framework(axes, channels, plane, 9.0)
    paths = channels.paths
    if paths is not None:
        chosen = np.asarray(paths[:_MOST_PATHS], dtype=float) @ np.linalg.inv(channels.cell)
        shades = colormaps['viridis'](np.linspace(0, 0.92, len(chosen)))
        for shade, path in zip(shades, chosen, strict=True):
            for piece in folded(path[:, list(plane)]):
                axes.plot(*(piece @ base).T, color=shade, linewidth=0.8, alpha=0.85)
    _frame(axes, base, plane)


def folded(path: FloatArray) -> list[FloatArray]:
    """A way within the cell, cut where it leaves at one side to come in at the other.

    :param path: (n_points, 2), fractional, unwrapped.
    """
    image = np.floor(path)
    cuts = np.flatnonzero((np.diff(image, axis=0) != 0).any(axis=1)) + 1
    return [piece - np.floor(piece[0]) for piece in np.split(path, cuts)]


def draw_density(axes: Any, channels: Channels, plane: tuple[int, int]) -> Any:
    """The largest density along the third direction, and the outlines of the surfaces at which channels open.

    :returns: the mesh.
    """
    assert channels.density is not None
    base = plane_of(channels.cell, plane)
    away = ({0, 1, 2} - set(plane)).pop()
    seen = np.asarray(channels.density, dtype=float).max(axis=away)
    n, m = seen.shape
    i, j = np.meshgrid(np.arange(n + 1) / n, np.arange(m + 1) / m, indexing='ij')
    x, y = np.moveaxis(np.stack([i, j], axis=-1) @ base, -1, 0)
    mesh = axes.pcolormesh(x, y, seen, cmap='Blues', shading='flat', rasterized=True, vmin=0.0)
    centres = np.stack([i[:-1, :-1] + 0.5 / n, j[:-1, :-1] + 0.5 / m], axis=-1) @ base
    for directions, style in (('1', 'solid'), ('3', 'dashed')):
        level = channels.thresholds.get(directions)
        if level is not None and seen.min() < level < seen.max():
            axes.contour(
                centres[..., 0], centres[..., 1], seen, levels=[level], colors=[_CONTOURS[directions]],
                linestyles=style, linewidths=1.0,
            )  # fmt: skip
    _draw_framework(axes, channels, plane, 5.0)
    _frame(axes, base, plane)
    return mesh


_CONTOURS = {'1': '#B03A00', '3': '#111111'}


def _draw_framework(axes: Any, channels: Channels, plane: tuple[int, int], size: float) -> None:
    base = plane_of(channels.cell, plane)
    for element, fractional in channels.framework.items():
        colour = element_colour(element, tuple(channels.framework))
        axes.scatter(*(fractional[:, list(plane)] @ base).T, s=size, color=colour, alpha=0.6, linewidth=0)


def _frame(axes: Any, base: FloatArray, plane: tuple[int, int]) -> None:
    """The outline of the cell, equal scales, lengths in Å."""
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]) @ base
    axes.plot(*corners.T, color='#404040', linewidth=0.8)
    axes.set_aspect('equal')
    margin = 0.02 * float(np.ptp(corners))
    axes.set_xlim(corners[:, 0].min() - margin, corners[:, 0].max() + margin)
    axes.set_ylim(corners[:, 1].min() - margin, corners[:, 1].max() + margin)
    axes.set_xlabel(f'along {_NAMES[plane[0]]} (Å)', fontsize=8)
    axes.set_ylabel(f'towards {_NAMES[plane[1]]} (Å)', fontsize=8)
    axes.tick_params(labelsize=7.5)


def _handles(channels: Channels, ion: str) -> list[tuple[Any, str]]:
    from matplotlib.lines import Line2D

    found: list[tuple[Any, str]] = []
    if channels.paths is not None:
        found.append((Line2D([], [], color='#21918c', linewidth=1.5), f'ways of {ion}'))
    for element in channels.framework:
        colour = element_colour(element, tuple(channels.framework))
        found.append((Line2D([], [], marker='o', color=colour, linestyle='', markersize=4), element))
    for directions, words, style in (('1', 'opens in one direction', '-'), ('3', 'in all three', '--')):
        if directions in channels.thresholds and channels.density is not None:
            found.append((Line2D([], [], color=_CONTOURS[directions], linestyle=style, linewidth=1.2), words))
    return found


def best_points(points: Sequence[Point]) -> list[Point]:
    """The points whose ways are drawn: of the hottest and of the coldest temperature that has channels, the first."""
    there = [point for point in points if point.numbers.get('channels')]
    if not there:
        return []
    ordered = sorted(there, key=lambda point: (-point.temperature, point.label))
    coldest = next(point for point in ordered if point.temperature == ordered[-1].temperature)
    return [ordered[0]] if coldest is ordered[0] else [ordered[0], coldest]

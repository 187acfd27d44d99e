"""Partial g(r) with running coordination, and bond-angle distributions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.structure.elements import network_roles
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
from aiida_glassion.report.numbers import find_number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Curves = Mapping[str, npt.NDArray[Any]]
MOST_NEIGHBOURS = 8.0
"""Top of the axis of running coordination: beyond the first shell it grows as r³ and says nothing."""
_ORDER = {'former': 0, 'modifier': 1, 'anion': 2}


def pairs_of(curves: Curves) -> list[tuple[str, str]]:
    """Pairs whose g(r) is there, cation before anion: bonds first, then former–former, last anion–anion."""
    names = [name.split('_')[1:] for name in curves if name.startswith('g_') and not name.endswith('_error')]
    roles = network_roles([element for pair in names for element in pair])
    pairs = [tuple(sorted(pair, key=lambda element: (_ORDER[roles[element]], element))) for pair in names]

    def key(pair: tuple[str, ...]) -> tuple[bool, int, int, tuple[str, ...]]:
        first, second = (_ORDER[roles[element]] for element in pair)
        return (not (first < 2 and second == 2), first, second, pair)

    return [(pair[0], pair[1]) for pair in sorted(pairs, key=key)]


def angles_of(curves: Curves) -> list[tuple[str, str, str]]:
    """Angles whose distribution is there, as (end, centre, end)."""
    names = [name.split('_')[1:] for name in curves if name.startswith('angle_') and not name.endswith('_error')]
    return [(name[0], name[1], name[2]) for name in names if len(name) == 3]


def draw_pair(axes: Any, curves: Curves, pair: tuple[str, str], cutoff: float | None = None) -> Any:
    """One g(r) (solid, left axis) with the running coordination (dashed, right axis).

    :param curves: ``r``, ``g_A_B``, ``running_A_B`` and their ``_error``, as the report on a glass names them.
    :param pair: whose neighbours of which kind are counted.
    :param cutoff: bond cut-off, Å, dotted.
    :returns: the right axis, None without a running coordination.
    """
    from matplotlib.ticker import MultipleLocator

    first, second = pair
    name = f'g_{first}_{second}' if f'g_{first}_{second}' in curves else f'g_{second}_{first}'
    r = np.asarray(curves['r'])
    draw_curve(axes, r, curves[name], curves.get(f'{name}_error'), COLOURS[0])
    inside = np.flatnonzero(np.asarray(curves[name]) > 0.01)
    start = max(0.0, math.floor(2 * r[inside[0]]) / 2 - 0.5) if len(inside) else 0.0
    axes.set_xlim(start, float(r[-1]))
    axes.xaxis.set_major_locator(MultipleLocator(2))
    axes.set_ylim(bottom=0)
    axes.axhline(1, color=GREY, linewidth=0.6, alpha=0.6)
    axes.set_title(f'{first}–{second}')
    if cutoff is not None:
        axes.axvline(cutoff, color=GREY, linewidth=0.9, linestyle=':')
    running = f'running_{first}_{second}'
    if running not in curves:
        return None
    right = axes.twinx()
    right.spines['right'].set_visible(True)
    right.spines['right'].set_color(COLOURS[1])
    right.tick_params(axis='y', colors=COLOURS[1])
    outer = curves.get('r_outer', r)
    draw_curve(right, outer, curves[running], curves.get(f'{running}_error'), COLOURS[1], linestyle='--', linewidth=1.2)
    right.set_ylim(0, MOST_NEIGHBOURS)
    return right


@styled
def radial_figure(curves: Curves, numbers: Mapping[str, Any] | None = None) -> Figure:
    """Every partial g(r) with the number of neighbours within r; bands are one standard error over the replicas.

    :param curves: ``r`` Å, ``g_A_B``, ``running_A_B``, and ``…_error`` where there are replicas.
    :param numbers: report on the glass, for the bond cut-offs, Å.
    """
    pairs = pairs_of(curves) if 'r' in curves else []
    if not pairs:
        return empty_figure('No radial distribution function was computed.')
    columns = min(3, len(pairs))
    rows = math.ceil(len(pairs) / columns)
    figure = new_figure(PAGE_WIDTH if columns > 1 else 4.0, 2.1 * rows + 0.5)
    for index, pair in enumerate(pairs):
        axes = figure.add_subplot(rows, columns, index + 1)
        cutoff = find_number(numbers or {}, 'cutoffs', '-'.join(pair))
        right = draw_pair(axes, curves, pair, None if cutoff is None else cutoff.value)
        if index % columns == 0:
            axes.set_ylabel('g(r)', color=COLOURS[0])
        if index + columns >= len(pairs):
            axes.set_xlabel('r (Å)')
        if right is not None and (index % columns == columns - 1 or index == len(pairs) - 1):
            right.set_ylabel('Neighbours within r', color=COLOURS[1])
    return figure


@styled
def overlay_figure(glasses: Mapping[str, Curves]) -> Figure:
    """Every partial g(r) of several glasses on each other: where the lines part, whoever made them disagrees.

    :param glasses: curves by name: ``r`` Å, ``g_A_B``.
    """
    drawn = {name: curves for name, curves in glasses.items() if 'r' in curves}
    pairs = list(dict.fromkeys(pair for curves in drawn.values() for pair in pairs_of(curves)))
    if not pairs:
        return empty_figure('No radial distribution function was computed.')
    columns = 2 if len(pairs) == 4 else min(3, len(pairs))
    rows = math.ceil(len(pairs) / columns)
    figure = new_figure(PAGE_WIDTH if columns > 1 else 4.0, 2.0 * rows + 0.7)
    styles = ('-', '--', '-.', ':')
    for index, (first, second) in enumerate(pairs):
        axes = figure.add_subplot(rows, columns, index + 1)
        for number, (name, curves) in enumerate(drawn.items()):
            key = next((key for key in (f'g_{first}_{second}', f'g_{second}_{first}') if key in curves), None)
            if key is not None:
                style = {'linestyle': styles[number % len(styles)], 'linewidth': 1.3, 'label': name.replace('_', ' ')}
                draw_curve(axes, curves['r'], curves[key], None, COLOURS[number % len(COLOURS)], **style)
        axes.set_ylim(bottom=0)
        axes.set_xlim(1, 8)
        axes.axhline(1, color=GREY, linewidth=0.6, alpha=0.6)
        axes.set_title(f'{first}–{second}')
        if index % columns == 0:
            axes.set_ylabel('g(r)')
        if index + columns >= len(pairs):
            axes.set_xlabel('r (Å)')
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc='outside lower center', ncols=3)
    return figure


def draw_angles(axes: Any, curves: Curves, angles: list[tuple[str, str, str]], elements: tuple[str, ...]) -> None:
    """Distributions of some angles on one axis."""
    styles = ('-', '--', '-.', ':')
    seen: dict[str, int] = {}
    for end, centre, other in angles:
        name = f'angle_{end}_{centre}_{other}'
        style = styles[seen.setdefault(centre, 0) % len(styles)]
        seen[centre] += 1
        draw_curve(
            axes,
            curves['angle'],
            curves[name],
            curves.get(f'{name}_error'),
            element_colour(centre, elements),
            linestyle=style,
            label=f'{end}–{centre}–{other}',
        )
    axes.set_xlabel('Angle (degrees)')
    axes.set_ylabel('Probability density (1/degree)')
    axes.set_xlim(40, 180)
    axes.set_xticks(range(60, 181, 30))
    axes.set_ylim(bottom=0)
    axes.legend(loc='upper left')


@styled
def angle_figure(curves: Curves) -> Figure:
    """Angles inside the units of the network (around formers) and between them (around anions).

    :param curves: ``angle`` degrees, ``angle_A_B_C`` with B in the middle, 1/degree, and ``…_error``.
    """
    angles = angles_of(curves) if 'angle' in curves else []
    if not angles:
        return empty_figure('No bond angles were computed.')
    elements = tuple(sorted({element for angle in angles for element in angle}))
    roles = network_roles(elements)
    groups = {
        'Within the units': [angle for angle in angles if roles[angle[1]] != 'anion'],
        'Between the units': [angle for angle in angles if roles[angle[1]] == 'anion'],
    }
    shown = {title: members for title, members in groups.items() if members}
    figure = new_figure(PAGE_WIDTH if len(shown) > 1 else 4.5, 2.9)
    for index, (title, members) in enumerate(shown.items()):
        axes = figure.add_subplot(1, len(shown), index + 1)
        draw_angles(axes, curves, members, elements)
        axes.set_title(title)
    return figure

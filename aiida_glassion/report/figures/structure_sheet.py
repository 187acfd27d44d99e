"""The structure of a glass on one sheet; of several glasses side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.structure.elements import network_roles
from aiida_glassion.report.figures.curve import (
    Series,
    axis_label,
    colour_of,
    curves_named,
    draw_family,
    names_in,
    smoothed,
)
from aiida_glassion.report.figures.network import coordination_shares, draw_qn, draw_shares, qn_shares
from aiida_glassion.report.figures.picture import draw_glass
from aiida_glassion.report.figures.rings import draw_rings, draw_species, ring_curves
from aiida_glassion.report.figures.scattering import Overlay, draw_overlay, draw_total, totals
from aiida_glassion.report.figures.style import GREY, draw_curve, new_figure, styled
from aiida_glassion.report.numbers import Number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Panel = Callable[[Any], None]
MOST_PANELS = 6


@dataclass(frozen=True, eq=False)
class Sheet:
    """What may be on the sheet; what is empty is left out.

    :param title: name of the glass, or of what is compared.
    :param series: all curves of each trajectory.
    :param frames: for the picture, Å; None: no picture.
    :param cutoffs: of the bonds in it, Å.
    :param overlays: comparisons with measured curves.
    :param network: coordination and Qn as :func:`.network_figure` takes them.
    :param species: anions or clusters by trajectory.
    """

    title: str
    series: Series
    frames: Frames | None = None
    cutoffs: Mapping[str, float] = field(default_factory=dict)
    overlays: Sequence[Overlay] = ()
    network: Mapping[str, Any] = field(default_factory=dict)
    species: Mapping[str, Mapping[str, Number]] = field(default_factory=dict)


@styled
def structure_sheet(sheet: Sheet) -> Figure:
    """Up to six panels, the most telling of what is there, and a picture of one glass."""
    panels = panels_of(sheet)[:MOST_PANELS]
    columns = min(3, max(1, len(panels)))
    rows = max(1, -(-len(panels) // 3))
    picture = sheet.frames is not None
    width = 2.75 * columns + (4.4 if picture else 0.6)
    figure = new_figure(width, max(4.6 if picture else 0, 2.75 * rows) + 0.4)
    figure.suptitle(sheet.title, fontsize=13, fontweight='bold', x=0.01, ha='left')
    ratios = [1.55] * picture + [1.0] * columns
    grid = figure.add_gridspec(rows, len(ratios), width_ratios=ratios)
    if sheet.frames is not None:
        draw_glass(figure.add_subplot(grid[:, 0]), sheet.frames, sheet.cutoffs)
    for index, draw in enumerate(panels):
        draw(figure.add_subplot(grid[index // 3, index % 3 + picture]))
    if len(sheet.series) > 1:
        handles = [
            figure.axes[0].plot([], [], color=colour_of(i), label=name)[0] for i, name in enumerate(sheet.series)
        ]
        figure.legend(handles=handles, loc='outside lower center', ncols=4)
    if not panels and not picture:
        axes = figure.add_subplot()
        axes.set_axis_off()
        axes.text(0.5, 0.5, 'nothing was computed', ha='center', color=GREY, transform=axes.transAxes)
    return figure


def panels_of(sheet: Sheet) -> list[Panel]:
    """What can be drawn, the most telling first."""
    series, found = sheet.series, list[Panel]()
    found += [partial(_overlay, overlay=overlay) for overlay in sheet.overlays[:2]]
    shown = totals(series, 'S')
    if not sheet.overlays:
        found += [partial(_total, series=series, name=name) for name in shown]
    bonds = bond_curves(series)
    if bonds:
        found.append(partial(_bonds, series=series, names=bonds))
    network = bool(qn_shares(sheet.network) or coordination_shares(sheet.network))
    if network:
        found.append(partial(_network, numbers=sheet.network))
    rings = ring_curves(series)
    if rings:
        found.append(partial(_rings, series=series, names=rings[:1] if len(series) > 1 else rings))
    if sheet.species:
        found.append(partial(_species, tables=sheet.species))
    found += [partial(_total, series=series, name=name) for name in totals(series, 'T')[:1]]
    angles = [name for name in names_in(series) if name.startswith('angle_')]
    if angles:
        found.append(partial(_family, series=series, names=angles[:4], title='Bond angles'))
    cavities = [name for name in names_in(series) if name.startswith(('cavity', 'cavities', 'void', 'volume'))]
    if cavities:
        found.append(partial(_family, series=series, names=cavities[:4], title='Volumes'))
    return found


def bond_curves(series: Series) -> list[str]:
    """Names of the g(r) of cations with anions, formers first, at most three."""
    pairs = [name.split('_') for name in names_in(series) if name.startswith('g_') and name.count('_') == 2]
    roles = network_roles([element for _, *pair in pairs for element in pair])
    bonds = [name for name in pairs if {roles[name[1]], roles[name[2]]} in ({'former', 'anion'}, {'modifier', 'anion'})]
    bonds.sort(key=lambda name: 'former' not in (roles[name[1]], roles[name[2]]))
    return ['_'.join(name) for name in bonds[:3]]


def _overlay(axes: Any, overlay: Overlay) -> None:
    draw_overlay(axes, overlay)
    axes.legend(fontsize=7, loc='center right', bbox_to_anchor=(1.0, 0.34))


def _total(axes: Any, series: Series, name: str) -> None:
    draw_total(axes, series, name)


def _bonds(axes: Any, series: Series, names: Sequence[str]) -> None:
    """Bonds of one glass by colour; of several glasses the first bond only, glasses by colour."""
    roles = network_roles([element for name in names for element in name.split('_')[1:]])
    for number, name in enumerate(names if len(series) == 1 else names[:1]):
        cation, anion = sorted(name.split('_')[1:], key=lambda element: roles[element] == 'anion')
        for index, (label, curve) in enumerate(curves_named(series, name).items()):
            text = f'{cation}–{anion}' if len(series) == 1 else label
            colour = colour_of(number if len(series) == 1 else index)
            drawn = smoothed(curve)
            draw_curve(axes, drawn.x, drawn.y, drawn.error, colour, label=text, linewidth=1.3)
            axes.set_xlabel(axis_label(curve.x_name, curve.x_unit))
        axes.set_title('g(r)' if len(series) == 1 else f'g(r) {cation}–{anion}')
    axes.set_ylabel('g(r)')
    axes.set_xlim(1, 8)
    axes.set_ylim(bottom=0)
    if len(series) == 1:
        axes.legend(loc='best')


def _network(axes: Any, numbers: Mapping[str, Any]) -> None:
    if qn_shares(numbers):
        draw_qn(axes, numbers)
        return
    shares = coordination_shares(numbers)
    labels = sorted(
        {label for values in shares.values() for label, number in values.items() if number.value > 5e-4}, key=int
    )
    draw_shares(axes, shares, labels)
    axes.set_title('Coordination')
    axes.set_xlabel('Number of neighbours')


def _rings(axes: Any, series: Series, names: list[str]) -> None:
    draw_rings(axes, series, names)
    axes.set_title('Rings')


def _species(axes: Any, tables: Mapping[str, Mapping[str, Number]]) -> None:
    draw_species(axes, tables)
    axes.set_title('Anions and clusters')


def _family(axes: Any, series: Series, names: Sequence[str], title: str) -> None:
    draw_family(axes, series, names)
    axes.set_title(title)

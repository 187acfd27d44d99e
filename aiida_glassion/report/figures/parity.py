"""Predicted against reference: energies, forces, virials, and below each its error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.learning.parity import Parity
from aiida_glassion.report.figures.style import (
    COLOURS,
    GREY,
    PAGE_WIDTH,
    element_colour,
    empty_figure,
    new_figure,
    styled,
)
from aiida_glassion.report.numbers import find_number, format_number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FloatArray = npt.NDArray[np.floating[Any]]

MOST_POINTS = 4000
"""More points than this are drawn as a density."""
_LABELS = {
    'energy': ('Energy', 'meV/atom'),
    'force': ('Force components', 'eV/Å'),
    'virial': ('Virial components', 'eV/atom'),
}


@styled
def parity_figure(parity: Parity, errors: Mapping[str, Any] | None = None) -> Figure:
    """Parity of energies, forces and virials; below, the error against the reference on a scale of its own.

    Energies are shown relative to the mean reference of their composition: else the differences between compositions,
    a thousand times larger, are all that is seen.

    :param parity: of one model, or the mean prediction of a committee.
    :param errors: table of :func:`~aiida_glassion.kernels.learning.errors.committee_errors`, for the numbers inside.
    """
    panels = {name: points for name in _LABELS if len((points := _points(parity, name))[0])}
    if not panels:
        return empty_figure('Nothing was tested.')
    figure = new_figure(PAGE_WIDTH if len(panels) > 1 else 3.4, 4.3)
    grid = figure.add_gridspec(2, len(panels), height_ratios=(2.3, 1))
    for index, (name, (reference, predicted, groups)) in enumerate(panels.items()):
        top, below = figure.add_subplot(grid[0, index]), figure.add_subplot(grid[1, index])
        title, unit = _LABELS[name]
        factor = 1.0 if name == 'energy' else 1e3
        _draw(top, below, reference, predicted, factor, groups, parity.elements)
        top.set_title(title)
        below.set_xlabel(f'Reference ({unit})')
        top.tick_params(labelbottom=False)
        top.set_ylabel(f'Predicted ({unit})')
        small = 'meV/Å' if name == 'force' else 'meV/atom'
        below.set_ylabel(f'Error ({small})')
        if errors is not None and name in errors:
            top.annotate(_words(errors[name], small), (0.04, 0.96), xycoords='axes fraction', va='top', fontsize=8)
        if name == 'force' and len(reference) <= MOST_POINTS:
            top.legend(loc='lower right', handletextpad=0.1, markerscale=1.4, borderpad=0.1)
    figure.align_ylabels()
    return figure


def _points(parity: Parity, name: str) -> tuple[FloatArray, FloatArray, list[tuple[str, npt.NDArray[np.bool_]]]]:
    """Reference, prediction, and which points belong to which element; energies meV/atom, the others eV."""
    reference: FloatArray
    predicted: FloatArray
    if name == 'energy':
        reference, predicted = parity.energies / parity.n_atoms, parity.predicted_energies / parity.n_atoms
        means = {
            formula: np.nanmean(reference[[f == formula for f in parity.formulas]])
            for formula in dict.fromkeys(parity.formulas)
            if np.isfinite(reference[[f == formula for f in parity.formulas]]).any()
        }
        zero = np.array([means.get(formula, np.nan) for formula in parity.formulas])
        reference, predicted = 1e3 * (reference - zero), 1e3 * (predicted - zero)
        owners = np.zeros(len(reference), dtype=int)
    elif name == 'force':
        reference, predicted = np.ravel(parity.forces), np.ravel(parity.predicted_forces)
        owners = np.repeat(parity.atom_elements, 3)
    elif parity.virials is None or parity.predicted_virials is None:
        return np.zeros(0), np.zeros(0), []
    else:
        atoms = parity.n_atoms[:, None]
        reference = (parity.virials.reshape(-1, 9) / atoms).ravel()
        predicted = (parity.predicted_virials.reshape(-1, 9) / atoms).ravel()
        owners = np.zeros(len(reference), dtype=int)
    known = np.isfinite(reference)
    names = parity.elements if name == 'force' else ('',)
    groups = [(text, (owners == index)[known]) for index, text in enumerate(names)]
    return reference[known], predicted[known], groups


def _draw(
    top: Any,
    below: Any,
    reference: FloatArray,
    predicted: FloatArray,
    factor: float,
    groups: list[tuple[str, npt.NDArray[np.bool_]]],
    elements: tuple[str, ...],
) -> None:
    """Points where they are few, a density where they are many."""
    low, high = float(min(reference.min(), predicted.min())), float(max(reference.max(), predicted.max()))
    margin = 0.05 * (high - low) or 1.0
    limits = (low - margin, high + margin)
    error = factor * (predicted - reference)
    if len(reference) > MOST_POINTS:
        reach = float(np.abs(error).max()) * 1.1 or 1.0
        _density(top, reference, predicted, (*limits, *limits), 90)
        _density(below, reference, error, (*limits, -reach, reach), (90, 40))
    else:
        for name, chosen in groups:
            colour = element_colour(name, elements) if name else COLOURS[0]
            alpha = float(np.clip(300 / len(reference), 0.25, 0.8))
            style: dict[str, Any] = {'color': colour, 'markersize': 3, 'markeredgewidth': 0, 'alpha': alpha}
            top.plot(reference[chosen], predicted[chosen], 'o', label=name, **style)
            below.plot(reference[chosen], error[chosen], 'o', **style)
    top.plot(limits, limits, color=GREY, linewidth=0.9, zorder=3)
    below.axhline(0, color=GREY, linewidth=0.9, zorder=3)
    top.set(xlim=limits, ylim=limits)
    below.set_xlim(limits)


def _density(axes: Any, x: FloatArray, y: FloatArray, extent: tuple[float, ...], bins: int | tuple[int, int]) -> None:
    """How many points fall into each cell, darker for more on a logarithmic scale; cells without any stay white."""
    from matplotlib.colors import LogNorm

    counts, x_edges, y_edges = np.histogram2d(x, y, bins, range=(extent[:2], extent[2:]))
    shown = np.ma.masked_equal(counts.T, 0)
    norm = LogNorm(vmin=0.4, vmax=max(10.0, float(counts.max())))
    mesh = axes.pcolormesh(x_edges, y_edges, shown, cmap='Blues', norm=norm, rasterized=True)
    mesh.set_edgecolor('face')


def _words(entry: Mapping[str, Any], unit: str) -> str:
    """RMSE with its standard error: of the members on average, and of their mean."""
    lines = [
        f'RMSE {format_number(find_number(entry, "rmse"), 3)}',
        f'MAE {format_number(find_number(entry, "mae"), 3)}',
    ]
    if 'committee' in entry:
        lines = [lines[0], f'of the mean {format_number(find_number(entry, "committee"), 3)}']
    return '\n'.join([*lines, unit])

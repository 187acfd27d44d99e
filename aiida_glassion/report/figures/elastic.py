"""Figures of elasticity: stress over strain with slopes, pressure over volume, C as a picture, moduli side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.report.figures.style import COLOURS, GREY, PAGE_WIDTH, new_figure, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = npt.NDArray[Any]
COMPONENTS = ('xx', 'yy', 'zz', 'yz', 'xz', 'xy')
_MARKERS = 'osD^v<'
_MODULI = (('bulk', 'K'), ('shear', 'G'), ('young', 'E'))


@dataclass(frozen=True, eq=False)
class Slopes:
    """Stress of one sample over strain.

    :param strain: (n, 6); ``stress``, ``error``: (n, 6), GPa, the last None at 0 K.
    :param constants: (6, 6), GPa.
    """

    title: str
    strain: Array
    stress: Array
    error: Array | None
    constants: Array | None


@styled
def stress_strain_figure(slopes: Slopes) -> Figure:
    """One panel for each strain: all six stresses, and the lines whose slopes are the constants."""
    figure = new_figure(PAGE_WIDTH, 4.6)
    for j, name in enumerate(COMPONENTS):
        axes = figure.add_subplot(2, 3, j + 1)
        rows = np.flatnonzero(slopes.strain[:, j])
        strain, stress = slopes.strain[rows, j], slopes.stress[rows]
        middle = _at_no_strain(strain, stress)
        for i, own in enumerate(COMPONENTS):
            error = None if slopes.error is None else slopes.error[rows, i]
            axes.errorbar(
                100 * strain, stress[:, i] - middle[i], error, fmt=_MARKERS[i], color=COLOURS[i], markersize=4,
                label=f'σ {own}', capsize=2,
            )  # fmt: skip
            if slopes.constants is not None and len(strain):
                ends = np.array([strain.min(), strain.max()])
                axes.plot(100 * ends, ends * slopes.constants[i, j], color=COLOURS[i], linewidth=1)
        axes.set_title(f'strained in {name}')
        axes.set_xlabel('strain / %')
        if j % 3 == 0:
            axes.set_ylabel('stress / GPa')
        axes.axhline(0, color=GREY, linewidth=0.5, zorder=0)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc='outside lower center', ncols=6)
    figure.suptitle(slopes.title)
    return figure


def _at_no_strain(strain: Array, stress: Array) -> Array:
    """Mean of the stresses at plus and minus each strain: what was left at none."""
    return np.asarray(stress.mean(axis=0)) if len(strain) else np.zeros(6)


@dataclass(frozen=True, eq=False)
class Compression:
    """Pressure of one sample over its volume.

    :param strain: V/V₀ − 1; ``pressure``, ``error``: GPa.
    :param modulus: K, GPa.
    :param colour: index of its group.
    """

    label: str
    strain: Array
    pressure: Array
    error: Array | None
    modulus: float
    colour: int
    named: bool = True


@styled
def pressure_figure(samples: Sequence[Compression]) -> Figure:
    """Pressure over the change of volume, that at no strain taken off, with the slopes."""
    figure = new_figure(4.8, 3.4)
    axes = figure.add_subplot()
    for one in samples:
        colour = COLOURS[one.colour % len(COLOURS)]
        left = one.pressure[int(np.argmin(np.abs(one.strain)))]
        axes.errorbar(100 * one.strain, one.pressure - left, one.error, fmt='o', color=colour, markersize=4, capsize=2)
        ends = np.array([one.strain.min(), one.strain.max()])
        line = -one.modulus * (ends - one.strain.mean()) + (one.pressure - left).mean()
        axes.plot(100 * ends, line, color=colour, label=one.label if one.named else None)
    axes.axhline(0, color=GREY, linewidth=0.5, zorder=0)
    axes.axvline(0, color=GREY, linewidth=0.5, zorder=0)
    axes.set_xlabel('V/V₀ − 1 / %')
    axes.set_ylabel('pressure − pressure at V₀ / GPa')
    axes.legend()
    return figure


@styled
def constants_figure(tensors: Sequence[tuple[str, Mapping[str, Any]]]) -> Figure:
    """The elastic constants of each group as a picture with its numbers.

    :param tensors: heading, and ``stiffness`` of the results.
    """
    columns = min(2, len(tensors))
    rows = -(-len(tensors) // columns)
    figure = new_figure(3.6 * columns, 3.3 * rows)
    most = max(float(np.abs(tensor['constants']).max()) for _, tensor in tensors)
    for number, (title, tensor) in enumerate(tensors):
        axes = figure.add_subplot(rows, columns, number + 1)
        c = np.asarray(tensor['constants'], dtype=float)
        image = axes.imshow(c, cmap='RdBu_r', vmin=-most, vmax=most)
        for i in range(6):
            for j in range(6):
                text = f'{c[i, j]:.0f}' if abs(c[i, j]) >= 9.95 else f'{c[i, j]:.1f}'
                colour = 'white' if abs(c[i, j]) > 0.6 * most else '#202020'
                axes.text(j, i, text.replace('-', '−'), ha='center', va='center', fontsize=7.5, color=colour)
        axes.set_xticks(range(6), COMPONENTS)
        axes.set_yticks(range(6), COMPONENTS)
        axes.tick_params(length=0)
        axes.grid(visible=False)
        axes.set_title(title)
    figure.colorbar(image, ax=figure.axes, label='GPa', shrink=0.8)
    return figure


@dataclass(frozen=True, eq=False)
class ModuliRow:
    """Moduli of one group.

    :param means: K from p(V) as ``compressed``, ``bulk``, ``shear``, ``young``: mean and standard error, GPa.
    :param samples: values of the single samples, by the same names.
    """

    label: str
    means: Mapping[str, tuple[float, float | None]]
    samples: Mapping[str, Sequence[float]]


@styled
def moduli_figure(rows: Sequence[ModuliRow]) -> Figure:
    """K, G and E of every group side by side; small points: single samples."""
    names = [('compressed', 'K from p(V)'), *_MODULI]
    names = [(key, text) for key, text in names if any(key in row.means for row in rows)]
    figure = new_figure(min(PAGE_WIDTH, 1.4 + 1.5 * len(names)), 3.4)
    axes = figure.add_subplot()
    width = 0.8 / max(1, len(rows))
    for number, row in enumerate(rows):
        colour = COLOURS[number % len(COLOURS)]
        first = True
        for place, (key, _) in enumerate(names):
            if key not in row.means:
                continue
            x = place + (number - (len(rows) - 1) / 2) * width
            mean, error = row.means[key]
            axes.bar(x, mean, 0.9 * width, color=colour, alpha=0.75, label=row.label if first else None)
            first = False
            if error is not None:
                axes.errorbar(x, mean, error, color='#202020', capsize=3, linewidth=1)
            values = row.samples.get(key) or ()
            if len(values) > 1:
                spread = x + 0.2 * width * np.linspace(-1, 1, len(values))
                axes.plot(spread, values, 'o', color='white', markeredgecolor='#202020', markersize=3.5)
    axes.set_xticks(range(len(names)), [text for _, text in names])
    axes.set_ylabel('GPa')
    axes.set_ylim(0, None)
    axes.grid(visible=False, axis='x')
    axes.legend(loc='upper left', ncols=2 if len(rows) > 4 else 1)
    axes.margins(y=0.15)
    return figure

"""How a committee learned, how far it errs, for whom, and where its members disagree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.learning.curve import QUANTITIES, LearningCurve
from aiida_glassion.report.figures.style import (
    COLOURS,
    GREY,
    PAGE_WIDTH,
    element_colour,
    empty_figure,
    formula_text,
    new_figure,
    plain_ticks,
    styled,
)
from aiida_glassion.report.numbers import find_number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FloatArray = npt.NDArray[np.floating[Any]]

_CURVES = {'energy': 'Energy RMSE (meV/atom)', 'force': 'Force RMSE (meV/Å)', 'virial': 'Virial RMSE (meV/atom)'}
_BINS_PER_DECADE = 20
MOST_FORMULAS = 12
"""More compositions than this are not drawn one by one: those with the largest errors are."""


@styled
def learning_curve_figure(curves: Mapping[str, LearningCurve]) -> Figure:
    """RMSE against batches on double logarithmic axes: validation solid, training thin, a colour for each member.

    Errors on single batches jump; what is drawn is their root mean square in bins of the logarithm of the step.

    :param curves: by member; eV/atom and eV/Å, drawn in meV.
    """
    shown = [name for name in QUANTITIES if any(np.isfinite(_both(curve, name)).sum() > 1 for curve in curves.values())]
    if not shown:
        return empty_figure('No learning curve yet.')
    figure = new_figure(PAGE_WIDTH if len(shown) > 1 else 4.5, 3.1)
    for index, quantity in enumerate(shown):
        axes = figure.add_subplot(1, len(shown), index + 1)
        for number, (member, curve) in enumerate(curves.items()):
            colour, name = COLOURS[number % len(COLOURS)], member.replace('_', ' ')
            has_validation = np.isfinite(curve.validation.get(quantity, np.zeros(0))).sum() > 1
            for kind, values in (('training', curve.training), ('validation', curve.validation)):
                if np.isfinite(values.get(quantity, np.zeros(0))).sum() < 2:
                    continue
                x, y = _binned(np.asarray(curve.step, dtype=float), 1e3 * np.asarray(values[quantity]))
                strong = kind == 'validation' or not has_validation
                style = {'linewidth': 1.5} if strong else {'linewidth': 0.8, 'alpha': 0.75, 'linestyle': (0, (3, 1.5))}
                axes.plot(x, y, color=colour, label=name if strong else '_', **style)
        axes.set_xscale('log')
        axes.set_yscale('log')
        plain_ticks(axes.yaxis)
        axes.set_title(_CURVES[quantity])
        axes.set_xlabel('Batches')
    _curve_legend(figure, curves, axes)
    return figure


def _both(curve: LearningCurve, quantity: str) -> FloatArray:
    parts = [curve.training.get(quantity, np.zeros(0)), curve.validation.get(quantity, np.zeros(0))]
    return np.concatenate([np.asarray(part, dtype=float) for part in parts])


def _binned(step: FloatArray, values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Root mean square of the values in bins of log(step); step 0 has no place on the axis."""
    known = np.isfinite(values) & (values > 0) & (step > 0)
    step, values = step[known], values[known]
    if not len(step):
        return step, values
    bins = np.floor(np.log10(step) * _BINS_PER_DECADE).astype(int)
    _, places, counts = np.unique(bins, return_inverse=True, return_counts=True)
    x = np.exp(np.bincount(places, weights=np.log(step)) / counts)
    return x, np.sqrt(np.bincount(places, weights=values**2) / counts)


def _curve_legend(figure: Figure, curves: Mapping[str, LearningCurve], axes: Any) -> None:
    from matplotlib.lines import Line2D

    handles, labels = axes.get_legend_handles_labels()
    if any(len(curve.validation) for curve in curves.values()):
        handles.append(Line2D([], [], color=GREY))
        handles.append(Line2D([], [], color=GREY, linewidth=0.8, linestyle=(0, (3, 1.5))))
        labels += ['validation', 'training']
    figure.legend(handles, labels, loc='outside lower center', ncols=min(6, len(labels)))


@styled
def element_error_figure(errors: Mapping[str, Any]) -> Figure:
    """Force RMSE of each element and, where there are several, of each composition; the mean and each error beside it.

    :param errors: table of :func:`~aiida_glassion.kernels.learning.errors.committee_errors`, meV/Å.
    """
    force = errors.get('force') or {}
    groups = [('Elements', force.get('by_element') or {}), ('Compositions', force.get('by_formula') or {})]
    groups = [(title, members) for title, members in groups if members]
    if not groups:
        return empty_figure('No forces were tested.')
    figure = new_figure(PAGE_WIDTH if len(groups) > 1 else 4.2, 2.9)
    grid = figure.add_gridspec(1, len(groups), width_ratios=[1.0, 1.6][: len(groups)])
    elements = tuple(force.get('by_element') or {})
    axes = None
    for index, (title, members) in enumerate(groups):
        names = list(members) if title == 'Elements' else sorted(members, key=lambda n: -float(members[n]['mean']))
        names = names[:MOST_FORMULAS]
        colours = [element_colour(name, elements) if title == 'Elements' else COLOURS[0] for name in names]
        axes = figure.add_subplot(grid[0, index], sharey=axes)
        _bars(axes, {name: members[name] for name in names}, colours)
        few = len(members) > MOST_FORMULAS
        axes.set_title(f'The {MOST_FORMULAS} worst of {len(members)} compositions' if few else title)
        if index == 0:
            axes.set_ylabel('Force RMSE (meV/Å)')
    overall = find_number(force, 'rmse')
    if axes is not None and overall is not None:
        place: dict[str, Any] = {'xycoords': ('axes fraction', 'data'), 'textcoords': 'offset points'}
        text = f'all\n{overall.value:.3g}'
        axes.annotate(text, (1.0, overall.value), (4, 0), va='center', fontsize=8, color=GREY, **place)
        for panel in figure.axes:
            panel.axhline(overall.value, color=GREY, linewidth=0.9, linestyle='--')
    return figure


def _bars(axes: Any, members: Mapping[str, Mapping[str, Any]], colours: list[str]) -> None:
    means = [float(entry['mean']) for entry in members.values()]
    bars = [_bar(entry) for entry in members.values()]
    axes.bar(range(len(means)), means, yerr=bars, color=colours, width=0.62, error_kw={'ecolor': '#303030'})
    axes.set_xticks(range(len(means)), [formula_text(name) for name in members])
    axes.set_xlim(-0.6, max(len(means), 2) - 0.4)
    if len(means) > 4:
        axes.tick_params(axis='x', rotation=40)


def _bar(entry: Mapping[str, Any]) -> float:
    """Half length of an error bar: spread over the members and finite test set together."""
    parts = [entry.get('spread'), entry.get('standard_error')]
    return float(np.sqrt(sum(float(part) ** 2 for part in parts if part is not None)))


@styled
def deviation_figure(
    deviations: Mapping[str, FloatArray],
    levels: tuple[float, float] | None = None,
    errors: Mapping[str, FloatArray] | None = None,
) -> Figure:
    """Histogram of the largest disagreement about a force in each frame; beside it, how it stands to the true error.

    :param deviations: by set of frames, eV/Å, each (n_frames,).
    :param levels: trust levels, eV/Å: below the lower a frame is known, between them it is worth a label, above the
        upper it is likely unphysical.
    :param errors: largest error of a force of the committee's mean in each frame, eV/Å, where it is known.
    """
    drawn = {name: np.asarray(values, dtype=float) for name, values in deviations.items()}
    drawn = {name: values[np.isfinite(values) & (values > 0)] for name, values in drawn.items()}
    drawn = {name: values for name, values in drawn.items() if len(values)}
    if not drawn:
        return empty_figure('No deviation of a committee: it takes two members at least.')
    known = {name: np.asarray(errors[name]) for name in drawn if errors and name in errors}
    figure = new_figure(PAGE_WIDTH if known else 4.6, 3.0)
    axes = figure.add_subplot(1, 2 if known else 1, 1)
    _histogram(axes, drawn, levels)
    if known:
        _against_error(figure.add_subplot(1, 2, 2), deviations, known, levels)
    return figure


def _histogram(axes: Any, drawn: Mapping[str, FloatArray], levels: tuple[float, float] | None) -> None:
    everything = np.concatenate(list(drawn.values()))
    low, high = float(everything.min()), float(everything.max())
    if levels is not None:
        low, high = min(low, levels[0]), max(high, levels[1])
    edges = np.geomspace(low / 1.15, high * 1.15, max(12, min(50, int(2 * len(everything) ** 0.5))))
    for index, (name, values) in enumerate(drawn.items()):
        shares = np.full(len(values), 100 / len(values))
        colour = COLOURS[index % len(COLOURS)]
        label = f'{name} ({len(values)})'
        axes.hist(values, edges, weights=shares, color=colour, alpha=0.35 if len(drawn) > 1 else 0.75)
        axes.hist(values, edges, weights=shares, color=colour, histtype='step', linewidth=1.3, label=label)
    axes.set_xscale('log')
    axes.set_xlim(edges[0], edges[-1])
    plain_ticks(axes.xaxis)
    axes.set_xlabel('Largest force deviation (eV/Å)')
    axes.set_ylabel('Frames (%)')
    axes.set_title('Disagreement of the members' if levels is None else '')
    if levels is not None:
        _draw_levels(axes, everything, levels, edges)
    if len(drawn) > 1:
        axes.figure.legend(*axes.get_legend_handles_labels(), loc='outside lower center', ncols=3)


def _draw_levels(axes: Any, values: FloatArray, levels: tuple[float, float], edges: FloatArray) -> None:
    """The three regions with the share of frames in each."""
    lower, upper = levels
    shares = [float(np.mean(part)) for part in (values < lower, (values >= lower) & (values < upper), values >= upper)]
    spans = [(edges[0], lower, COLOURS[2]), (lower, upper, COLOURS[4]), (upper, edges[-1], COLOURS[1])]
    for share, name, (start, end, colour) in zip(shares, ('accurate', 'candidate', 'failed'), spans, strict=True):
        axes.axvspan(start, end, color=colour, alpha=0.12, zorder=0, linewidth=0)
        text = f'{name}\n{100 * share:.3g} %'
        axes.annotate(text, (np.sqrt(start * end), 1.0), (0, 3), xycoords=('data', 'axes fraction'), ha='center',
                      textcoords='offset points', fontsize=8, color=GREY)  # fmt: skip
    for level in levels:
        axes.axvline(level, color=GREY, linewidth=0.9, linestyle='--')


def _against_error(
    axes: Any,
    deviations: Mapping[str, FloatArray],
    errors: Mapping[str, FloatArray],
    levels: tuple[float, float] | None,
) -> None:
    lowest, highest = np.inf, 0.0
    for index, (name, error) in enumerate(errors.items()):
        deviation = np.asarray(deviations[name], dtype=float)
        there = np.isfinite(error) & np.isfinite(deviation) & (deviation > 0)
        x, y = deviation[there], error[there]
        axes.plot(x, y, 'o', color=COLOURS[index % len(COLOURS)], alpha=_alpha(len(x)), markeredgewidth=0, markersize=4)
        lowest, highest = min(lowest, x.min(), y.min()), max(highest, x.max(), y.max())
    ends = np.array([lowest / 1.2, highest * 1.2])
    axes.plot(ends, ends, color=GREY, linewidth=0.9, linestyle='--')
    axes.set(xscale='log', yscale='log', xlim=ends, ylim=ends)
    for level in levels or ():
        axes.axvline(level, color=GREY, linewidth=0.9, linestyle=':')
    plain_ticks(axes.xaxis)
    plain_ticks(axes.yaxis)
    axes.set_xlabel('Largest force deviation (eV/Å)')
    axes.set_ylabel('Largest force error (eV/Å)')
    axes.set_title('Does it warn of errors?')


def _alpha(n: int) -> float:
    return float(np.clip(60 / max(n, 1), 0.15, 0.8))

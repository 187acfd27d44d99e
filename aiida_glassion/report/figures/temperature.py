"""Temperatures as colours, the same in every figure of a sweep."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from aiida_glassion.report.figures.style import COLOURS

_MOST_IN_LEGEND = 10
_LETTERS_PER_INCH = 12


def temperature_colours(temperatures: Sequence[float]) -> dict[float, str]:
    """From dark violet, cold, to orange, hot: lightness tells them apart with any colour vision and in print.

    :param temperatures: K, in any order.
    """
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    ordered = sorted(set(temperatures))
    if len(ordered) < 2:
        return dict.fromkeys(ordered, COLOURS[0])
    shades = colormaps['plasma'](np.linspace(0.03, 0.82, len(ordered)))
    return {temperature: to_hex(shade) for temperature, shade in zip(ordered, shades, strict=True)}


def kelvin(temperature: float) -> str:
    """``900 K``."""
    return f'{temperature:g} K'


def temperature_legend(figure: Any, temperatures: Sequence[float], extra: Sequence[tuple[Any, str]] = ()) -> None:
    """One legend below all panels: the temperatures, hottest first, and what else there is.

    :param extra: handles with their words.
    """
    from matplotlib.lines import Line2D

    colours = temperature_colours(temperatures)
    ordered = sorted(colours, reverse=True)
    if len(ordered) > _MOST_IN_LEGEND:
        places = np.linspace(0, len(ordered) - 1, _MOST_IN_LEGEND).round().astype(int)
        ordered = [ordered[place] for place in places]
    handles = [(Line2D([], [], color=colours[t], linewidth=2), kelvin(t)) for t in ordered] + list(extra)
    wide = sum(len(words) + 7 for _, words in handles) <= _LETTERS_PER_INCH * figure.get_figwidth()
    columns = len(handles) if wide else -(-len(handles) // 2)
    figure.legend(*zip(*handles, strict=True), loc='outside lower center', ncols=columns)

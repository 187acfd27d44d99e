"""The look that all figures share, and how a figure becomes SVG or PNG."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import resources
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from matplotlib.figure import Figure

P = ParamSpec('P')
R = TypeVar('R')

COLOURS = ('#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#4D4D4D')
"""Okabe and Ito's colours, told apart with any colour vision (jfly.uni-koeln.de/color); as in the style file."""

GREY = '#6B6B6B'
PAGE_WIDTH = 7.2
"""Width of a figure, inches: that of a printed page, so that the type is readable there."""

_ELEMENTS = {
    **dict.fromkeys(('Li', 'Mg'), '#B48BD9'),
    **dict.fromkeys(('Na', 'Ca'), '#E8B923'),
    **dict.fromkeys(('K', 'Ag', 'Cs'), '#8C6BB1'),
    **dict.fromkeys(('Si', 'Ge', 'Sn'), '#2F7FC1'),
    **dict.fromkeys(('P', 'As', 'Sb'), '#009E73'),
    **dict.fromkeys(('B', 'Al', 'Ga'), '#7A9E3B'),
    **dict.fromkeys(('V', 'Ti', 'Nb', 'Mo', 'W'), '#5D6D7E'),
    **dict.fromkeys(('O',), '#D1495B'),
    **dict.fromkeys(('S', 'Se', 'Te'), '#F2C14E'),
    **dict.fromkeys(('N', 'F', 'Cl', 'Br', 'I'), '#56B4E9'),
}


def element_colour(element: str, others: tuple[str, ...] = ()) -> str:
    """Colour of an element; one that an earlier element of the same glass has already gives way to a free one.

    :param element: chemical symbol.
    :param others: the elements of the glass, in their order.
    """
    taken: dict[str, str] = {}
    for name in (*others, element):
        if name not in taken:
            wanted = _ELEMENTS.get(name, COLOURS[-1])
            free = [colour for colour in (wanted, *COLOURS) if colour not in taken.values()]
            taken[name] = free[0] if free else wanted
    return taken[element]


@contextmanager
def house_style() -> Iterator[None]:
    """Matplotlib with the settings of ``glassion.mplstyle`` and nobody else's."""
    from matplotlib import style

    with (
        resources.as_file(resources.files(__package__) / 'glassion.mplstyle') as path,
        style.context(['default', str(path)]),
    ):
        yield


def styled(function: Callable[P, R]) -> Callable[P, R]:
    """Draw in the house style whatever the user's own settings are."""

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        with house_style():
            return function(*args, **kwargs)

    return wrapper


def new_figure(width: float = PAGE_WIDTH, height: float = 3.2) -> Figure:
    """Figure that belongs to no window: safe in a daemon, a thread or a test.

    :param width: inches.
    :param height: inches.
    """
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout='constrained')


def as_svg(figure: Figure) -> str:
    """The figure as SVG text, the same bytes for the same figure."""
    with house_style():
        buffer = io.StringIO()
        figure.savefig(buffer, format='svg', metadata={'Date': None})
    return buffer.getvalue()


def as_png(figure: Figure, dpi: int = 160) -> bytes:
    """The figure as PNG.

    :param dpi: dots per inch.
    """
    with house_style():
        buffer = io.BytesIO()
        figure.savefig(buffer, format='png', dpi=dpi, metadata={'Software': None})
    return buffer.getvalue()


def draw_curve(
    axes: Any,
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    error: npt.ArrayLike | None = None,
    colour: str = COLOURS[0],
    **line: Any,
) -> None:
    """A line, with a band of one standard error to either side where there is one."""
    x, y = np.asarray(x), np.asarray(y)
    axes.plot(x, y, color=colour, **line)
    if error is not None:
        error = np.asarray(error)
        axes.fill_between(x, y - error, y + error, color=colour, alpha=0.25, linewidth=0)


def plain_ticks(axis: Any) -> None:
    """Plain numbers instead of powers on a logarithmic axis; on one that spans little also 2 and 5, or 3.

    :param axis: ``axes.xaxis`` or ``axes.yaxis``.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = axis.get_view_interval()
    between = (1.0, 2.0, 5.0) if high / low < 50 else (1.0, 3.0) if high / low < 500 else (1.0,)
    axis.set_major_locator(LogLocator(subs=between))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f'{value:g}'))
    axis.set_minor_formatter(NullFormatter())


def formula_text(name: str) -> str:
    """Numbers of a formula as subscripts."""
    return name.translate(str.maketrans('0123456789', '₀₁₂₃₄₅₆₇₈₉'))


@styled
def empty_figure(text: str) -> Figure:
    """Figure that says why there is nothing to be seen."""
    figure = new_figure(height=1.2)
    axes = figure.add_subplot()
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, ha='center', va='center', color=GREY, wrap=True, transform=axes.transAxes)
    return figure

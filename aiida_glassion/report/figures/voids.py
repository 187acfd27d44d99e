"""Where the atoms are not: volumes of their cells, cavities, profiles along an axis or from a centre."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiida_glassion.report.figures.curve import Series, family_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def volumes_figure(series: Series) -> Figure:
    """Distributions of Voronoi volumes and of cavities, one panel for each quantity."""
    return family_figure(series)


def profiles_figure(series: Series) -> Figure:
    """Density, composition or order along an axis or from a centre, one panel for each quantity."""
    return family_figure(series)

"""Which figures analysed trajectories have, with what to say under each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.analysis.result import Curve
from aiida_glassion.report.analysis import Analysed
from aiida_glassion.report.analysis_experiment import overlays
from aiida_glassion.report.analysis_network import network_numbers, species_tables
from aiida_glassion.report.figures.curve import (
    Series,
    family_figure,
    names_in,
    noise_bins,
    running_mean,
    small_multiples,
    smoothed,
)
from aiida_glassion.report.figures.network import network_figure
from aiida_glassion.report.figures.picture import glass_figure
from aiida_glassion.report.figures.radial import angle_figure, radial_figure
from aiida_glassion.report.figures.rings import ring_curves, rings_figure, species_figure
from aiida_glassion.report.figures.scattering import (
    experiment_figure,
    partial_figure,
    partials,
    structure_factor_figure,
    total_correlation_figure,
    totals,
)
from aiida_glassion.report.figures.structure_sheet import Sheet, structure_sheet
from aiida_glassion.report.figures.voids import profiles_figure, volumes_figure
from aiida_glassion.report.folder import StudyFigure

_OTHERS = {
    'powder': ('Powder pattern', 'Intensity of a powder diffractometer, from S(Q).'),
    'disorder': ('Degree of disorder', 'From 1, disordered, to 0, ordered, slab by slab.'),
}


def series_of(glasses: Sequence[Analysed], *kinds: str) -> Series:
    """Curves of some kinds, of each trajectory that has any."""
    found = {glass.name: glass.curves(*kinds) for glass in glasses}
    return {name: curves for name, curves in found.items() if curves}


def bands(glasses: Sequence[Analysed]) -> str:
    """What the bands of the figures are."""
    if len(glasses) > 1:
        return 'Bands are one standard error, where there is one'
    glass = glasses[0]
    if len(glass.members) > 1:
        return f'Mean over {len(glass.members)} replicas, bands are one standard error'
    if glass.n_frames > 1:
        return f'Mean over {glass.n_frames} frames, bands are one standard error over blocks of them'
    return 'One frame, hence no error'


def analysis_figures(glasses: Sequence[Analysed]) -> Iterator[StudyFigure]:
    """Figures of everything that was found, one after the other so that only one is in memory."""
    first, said = glasses[0], bands(glasses)
    if len(glasses) == 1 and first.frames is not None:
        yield StudyFigure(
            'picture',
            'The structure',
            f'{first.n_atoms} atoms, last frame{" of the first replica" if len(first.members) > 1 else ""}, wrapped '
            'into the cell; lines join formers to the anions within the cut-off.',
            glass_figure(first.frames, first.cutoffs),
            vector=False,
        )
    yield from _experiments(glasses)
    yield from scattering_figures(glasses)
    yield from _radial(glasses, said)
    yield from _network(glasses, said)
    yield from ring_figures(glasses)
    volumes = _drawable(series_of(glasses, 'voronoi'))
    if volumes:
        yield StudyFigure('volumes', 'Volumes of the atoms', f'{said}.', volumes_figure(volumes))
    voids = _drawable(series_of(glasses, 'voids'))
    if voids:
        yield StudyFigure('voids', 'Cavities and pores', f'{_resolved(voids)} {said}.', volumes_figure(voids))
    profiles = _drawable(series_of(glasses, 'profiles', 'regions'))
    if profiles:
        yield StudyFigure('profiles', 'Profiles', f'{said}.', profiles_figure(profiles))
    for kind, (title, caption) in _OTHERS.items():
        series = _drawable(series_of(glasses, kind))
        if series:
            yield StudyFigure(
                kind, title, ' '.join(part for part in (caption, f'{said}.') if part), family_figure(series)
            )
    yield sheet_figure(glasses)


def _drawable(series: Series) -> Series:
    """Without curves that have no points."""
    kept = {label: {n: c for n, c in curves.items() if len(c.x) > 1} for label, curves in series.items()}
    return {label: curves for label, curves in kept.items() if curves}


def _resolved(voids: Series) -> str:
    """From which size on the grid tells pores, in words."""
    pores = [curves['pore_sizes'].about for curves in voids.values() if 'pore_sizes' in curves]
    least = [float(about['from']) for about in pores if 'from' in about]
    if not least:
        return 'What is narrower than the grid resolves is left out.'
    return f'Diameters below {max(least):.2g} Å, four steps of the grid, are not resolved and left out.'


def _experiments(glasses: Sequence[Analysed]) -> Iterator[StudyFigure]:
    compared = {glass.name: overlays(glass) for glass in glasses}
    if any(compared.values()):
        yield StudyFigure(
            'experiment',
            'Against experiment',
            'Points: measured; line: calculated from the atoms at the same points; below: measured minus calculated. '
            'R_χ as A. C. Wright (1993) defines it, over the range shown.',
            experiment_figure(compared),
        )


def ring_figures(glasses: Sequence[Analysed]) -> Iterator[StudyFigure]:
    """Rings by size."""
    rings = series_of(glasses, 'rings')
    if ring_curves(rings):
        bars = bands(glasses).replace('bands', 'bars').replace('Bands', 'Bars')
        caption = f'Rings by the number of formers in them, by definition. {bars}.'
        yield StudyFigure('rings', 'Rings', caption, rings_figure(rings))


def scattering_figures(glasses: Sequence[Analysed]) -> Iterator[StudyFigure]:
    """Structure factors, total and partial, and total correlation functions."""
    series, said = series_of(glasses, 'scattering'), bands(glasses)
    how = said + about(series, [*totals(series, 'S'), *partials(series)])
    drawn: list[tuple[str, str, bool, Any]] = [
        ('structure_factor', 'Structure factors', bool(totals(series, 'S')), structure_factor_figure),
        ('structure_factor_partial', 'Partial structure factors', bool(partials(series)), partial_figure),
    ]
    for name, title, there, draw in drawn:
        if there:
            yield StudyFigure(name, title, f'{how}.', draw(series))
    real = [*totals(series, 'T'), *totals(series, 'D')]
    if real:
        caption = f'{said}{about(series, real)}.'
        yield StudyFigure('total_correlation', 'Total correlation functions', caption, total_correlation_figure(series))


def about(series: Series, names: Sequence[str]) -> str:
    """Convention, window and range of curves, where all share them."""
    curves = [curve for table in series.values() for name, curve in table.items() if name in names]
    if not curves:
        return ''
    shared = [
        (key, curves[0].about[key])
        for key in ('window', 'r_max', 'q_max', 'method')
        if key in curves[0].about and all(curve.about.get(key) == curves[0].about[key] for curve in curves)
    ]
    conventions = {curve.convention for curve in curves if curve.convention}
    parts = [f'convention {next(iter(conventions))}'] if len(conventions) == 1 else []
    units = {'r_max': ' Å', 'q_max': ' Å⁻¹'}
    parts += [
        f'{key.replace("_", " ")} {value:.4g}{units.get(key, "")}' if isinstance(value, float) else f'{key} {value}'
        for key, value in shared
        if value is not None
    ]
    return f'; {", ".join(parts)}' if parts else ''


def _radial(glasses: Sequence[Analysed], said: str) -> Iterator[StudyFigure]:
    series = series_of(glasses, 'rdf')
    if len(glasses) == 1 and series:
        arrays = radial_arrays(glasses[0].curves('rdf'))
        yield StudyFigure(
            'radial',
            'Partial radial distribution functions',
            f'g(r) (solid, left) and neighbours of the second kind within r of the first (dashed, right); dotted: bond '
            f'cut-off; noisy curves are drawn as running means over at most 0.1 Å. {said}.',
            radial_figure(arrays, {'cutoffs': {pair: glasses[0].cutoffs[pair] for pair in glasses[0].bond_lengths}}),
        )
    elif series:
        names = [name for name in names_in(series) if name.startswith('g_')]
        shown = {label: {n: smoothed(c) for n, c in curves.items() if n in names} for label, curves in series.items()}
        yield StudyFigure('radial', 'Radial distribution functions', f'{said}.', small_multiples(shown, names))
    angles = series_of(glasses, 'angles')
    if len(glasses) == 1 and angles:
        figure = angle_figure(angle_arrays(glasses[0].curves('angles')))
        yield StudyFigure('angles', 'Bond angles', f'{said}.', figure)
    elif angles:
        yield StudyFigure('angles', 'Bond angles', f'{said}.', small_multiples(angles, names_in(angles)))
    bonds = _drawable(series_of(glasses, 'coordination'))
    if bonds:
        yield StudyFigure('bonds', 'Bond lengths', f'{said}.', family_figure(bonds))


def _network(glasses: Sequence[Analysed], said: str) -> Iterator[StudyFigure]:
    bars = said.replace('bands', 'bars').replace('Bands', 'Bars')
    for index, glass in enumerate(glasses):
        numbers = network_numbers(glass)
        if numbers:
            yield StudyFigure(
                'network' if len(glasses) == 1 else f'network_{index + 1}',
                'Coordination and network' + ('' if len(glasses) == 1 else f' of {glass.name}'),
                f'Shares of atoms by number of neighbours, Qn and the role of the anion. {bars}.',
                network_figure(numbers),
            )
    tables = species_tables(glasses)
    if tables:
        caption = f'Shares of what occurs. {bars}.'
        yield StudyFigure('anions', 'Anions and clusters', caption, species_figure(tables))


def radial_arrays(curves: Mapping[str, Curve]) -> dict[str, npt.NDArray[Any]]:
    """Curves of the rdf as arrays by name, as the figure of a study takes them."""
    arrays: dict[str, npt.NDArray[Any]] = {}
    for name, curve in curves.items():
        if name.count('_') != 2 or not name.startswith(('g_', 'running_')):
            continue
        arrays.setdefault('r' if name.startswith('g_') else 'r_outer', np.asarray(curve.x))
        bins = noise_bins(curve) if name.startswith('g_') else 1
        arrays[name] = running_mean(curve.y, bins)
        if curve.error is not None:
            arrays[f'{name}_error'] = running_mean(curve.error, bins) / np.sqrt(bins)
    return arrays


def angle_arrays(curves: Mapping[str, Curve]) -> dict[str, npt.NDArray[Any]]:
    """Curves of the angles as arrays by name."""
    arrays: dict[str, npt.NDArray[Any]] = {}
    for name, curve in curves.items():
        if name.startswith('angle_') and name.count('_') == 3:
            arrays.setdefault('angle', np.asarray(curve.x))
            arrays[name] = np.asarray(curve.y)
            if curve.error is not None:
                arrays[f'{name}_error'] = np.asarray(curve.error)
    return arrays


def sheet_figure(glasses: Sequence[Analysed]) -> StudyFigure:
    """Everything on one sheet."""
    return StudyFigure('structure_sheet', 'On one sheet', '', structure_sheet(sheet_of(glasses)), vector=False)


def sheet_of(glasses: Sequence[Analysed]) -> Sheet:
    """What goes on the sheet."""
    first, single = glasses[0], len(glasses) == 1
    kinds = list(dict.fromkeys(kind for glass in glasses for kind in glass.results))
    tables = next(iter(species_tables(glasses).values()), {})
    return Sheet(
        title=f'{first.reduced_formula}   {first.name}' if single else ' · '.join(glass.name for glass in glasses),
        series=series_of(glasses, *kinds),
        frames=first.frames if single else None,
        cutoffs=first.cutoffs,
        overlays=overlays(first) if single else (),
        network=network_numbers(first) if single else {},
        species=tables,
    )

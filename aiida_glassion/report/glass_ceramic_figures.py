"""Which figures the page of a glass-ceramic has, with their captions."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from aiida_glassion.report.figures.glass_ceramic import normal_figure, order_figure, profiles_figure, slice_figure
from aiida_glassion.report.folder import StudyFigure
from aiida_glassion.report.glass_ceramic import Ceramic, order_by_place

_SLICE = 6.0
"""Thickness of the slice, Å: about two layers of tetrahedra."""


def ceramic_figures(ceramic: Ceramic) -> Iterator[StudyFigure]:
    """Every figure that there is something for."""
    results = ceramic.results
    if not results:
        return
    state = 'after healing' if results['healed'] else 'as built'
    if ceramic.curves:
        yield StudyFigure(
            'profiles',
            'Across the interface',
            f'Profiles over the distance from the surface of the grains (dotted), {state}: degree of disorder F in '
            'shells (1: an ideal gas, near 0: a crystal), local order of the formers, mass density, elements. Orange: '
            'the step fitted, and where it goes from a tenth to nine tenths.',
            profiles_figure(ceramic.curves, results['interface']),
        )
    if 'disorder_normal' in ceramic.curves:
        yield StudyFigure(
            'disorder_normal',
            'Disorder along the normal of the slab',
            f'Degree of disorder F of each layer, {state}, from the two-dimensional Fourier transform of its atoms.',
            normal_figure(ceramic.curves['disorder_normal']),
        )
    if ceramic.frames is not None and 'labels' in ceramic.per_atom:
        axis, place = _slice_through(ceramic)
        yield StudyFigure(
            'slice',
            'A slice through the crystal',
            f'Atoms of a slice of {_SLICE:g} Å, {state}; left as they were put there, right by their local order. '
            'Large: formers and modifiers, small: anions.',
            slice_figure(
                ceramic.frames,
                [ceramic.per_atom['labels_built'], ceramic.per_atom['labels']],
                ['by place, as built', f'by local order, {state}'],
                axis,
                place,
                _SLICE,
            ),
            vector=ceramic.frames.n_atoms < 5000,
        )
    by_place = order_by_place(ceramic)
    if by_place:
        yield StudyFigure(
            'order',
            'Local order by region',
            f'How well the surroundings of each former are repeated nearby, {state}, by where it was when built. '
            'Dashed: above it a former counts as ordered.',
            order_figure(by_place, ceramic.settings.get('measure', {}).get('threshold', 0.4)),
        )


def _slice_through(ceramic: Ceramic) -> tuple[int, float]:
    """Cell vector to look along, and where: through the middle of the first grain, a slab from its side."""
    assert ceramic.frames is not None
    first = ceramic.results['grains'][0]
    axis = ('abc'.index(first['axis']) + 1) % 3 if first['shape'] == 'slit' else 2
    members = ceramic.per_atom['grain'] == 0
    if first['shape'] == 'slit' or not members.any():
        return axis, 0.5
    cell = np.asarray(ceramic.frames.cells[-1], dtype=float)
    turns = 2 * np.pi * (np.asarray(ceramic.frames.positions[-1], dtype=float) @ np.linalg.inv(cell))[members, axis]
    middle = np.arctan2(np.sin(turns).mean(), np.cos(turns).mean()) / (2 * np.pi)
    return axis, float(middle % 1.0)

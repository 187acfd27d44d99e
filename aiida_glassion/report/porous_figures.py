"""The figures of a porous glass, each with its name, heading and caption."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from aiida_glassion.analysis.voids import VoidSettings
from aiida_glassion.kernels.build.pores import shape_from_dict
from aiida_glassion.kernels.build.porous_plan import read_settings
from aiida_glassion.kernels.space.voids import van_der_waals_radius
from aiida_glassion.report.figures.pores import (
    Shape,
    Slice,
    density_figure,
    plane_through,
    pore_sizes_figure,
    slices_figure,
)
from aiida_glassion.report.figures.run import Stage
from aiida_glassion.report.folder import StudyFigure
from aiida_glassion.report.porous import STATES, Porous


def porous_figures(porous: Porous) -> Iterator[StudyFigure]:
    """Every figure that the porous glass has data for."""
    if porous.results.get('pores') and 'carved' in porous.frames:
        shape = largest_pore(porous)
        slices = list(_slices(porous))
        first, second, _ = ('abc'[axis] for axis in plane_through(shape))
        several = len(porous.results['pores'])
        which = 'the pore' if several == 1 else f'the largest of {several} pores'
        yield StudyFigure(
            'slices',
            'The pore before and after',
            f'Slices in the {first}{second} plane through the middle of {which}, atoms within 1.5 Å of it. Blue: empty '
            "space, the deeper the farther from the nearest atom's surface (van der Waals radii). Dashed: where the "
            'surface was cut, carried along by the cell. Hollow: atoms taken out. Black outline: atoms chosen to go '
            'besides those within, or to stay within, so that the composition holds.',
            slices_figure(slices, shape, np.asarray(porous.frames['carved'].cells[-1], dtype=float)),
            vector=sum(one.frames.n_atoms for one in slices) < 20_000,
        )
    sizes = {name: porous.curves[f'{name}__pore_sizes'] for name in STATES if f'{name}__pore_sizes' in porous.curves}
    if sizes:
        occupied = {name: float(state.get('occupiable_fraction') or 0.0) for name, state in porous.states.items()}
        probe = float(next(iter(sizes.values())).about.get('probe') or 0.0)
        yield StudyFigure(
            'pore_sizes',
            'Pore sizes',
            f'Points of a grid by the largest sphere without atoms that covers them, of at least {2 * probe:g} Å '
            '(Gelb and Gubbins); the area under each line is the share of the cell that such spheres reach.',
            pore_sizes_figure(sizes, occupied),
        )
    if 'course__density' in porous.curves and 'carved' in porous.states:
        yield StudyFigure(
            'density',
            'Density while it relaxes',
            'Density of the cell after the cut; the dotted line is that of the glass without pores.',
            density_figure(
                porous.curves['course__density'],
                porous.states['dense']['density'],
                porous.states['carved']['density'],
                _stages(porous.settings),
            ),
        )


def largest_pore(porous: Porous) -> Shape:
    """The pore that is drawn."""
    cell = np.asarray(porous.frames['carved'].cells[-1], dtype=np.float64)
    shapes = [shape_from_dict(entry) for entry in porous.results['pores']]
    return max(shapes, key=lambda shape: shape.volume(cell))


def _slices(porous: Porous) -> Iterator[Slice]:
    voids = VoidSettings.model_validate(porous.settings.get('voids') or {})
    nothing = np.zeros(0, dtype=np.int64)
    chosen = {name: porous.chosen.get(name, nothing) for name in ('kept', 'removed', 'also_removed', 'left_inside')}
    stayed = np.searchsorted(chosen['kept'], chosen['left_inside'])
    for name, title in STATES.items():
        if name not in porous.frames:
            continue
        frames = porous.frames[name]
        radii = {element: voids.radii.get(element) or van_der_waals_radius(element) for element in frames.elements}
        if name == 'dense':
            marked = np.concatenate([chosen['also_removed'], chosen['left_inside']])
            yield Slice(title, frames, radii, chosen['removed'], marked)
        else:
            yield Slice(title, frames, radii, nothing, stayed)


def _stages(settings: dict[str, Any]) -> list[Stage]:
    try:
        plans = read_settings(settings).schedule().plan()
    except ValueError:  # of a version that knew other settings
        return []
    return [Stage(plan.stage.name, plan.time, plan.time_at(plan.last)) for plan in plans if plan.steps]

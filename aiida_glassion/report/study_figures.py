"""Which figures a study has, with what to say under each."""

from __future__ import annotations

from collections.abc import Iterator

from aiida_glassion.report.figures.network import network_figure
from aiida_glassion.report.figures.picture import glass_figure
from aiida_glassion.report.figures.radial import angle_figure, radial_figure
from aiida_glassion.report.figures.run import cooling_figure, run_figure
from aiida_glassion.report.figures.sheet import figure_sheet
from aiida_glassion.report.folder import StudyFigure
from aiida_glassion.report.study import Glass, Study
from aiida_glassion.report.study_structure import structure_figures


def glass_figures(study: Study, glass: Glass) -> Iterator[StudyFigure]:
    """Figures of the glass at one rate, one after the other so that only one is in memory."""
    n = len(glass.replicas)
    bands = f'mean over {n} replicas, bands are one standard error' if n > 1 else 'one replica, hence no error'
    if glass.frames is not None:
        yield StudyFigure(
            f'{glass.label}_picture',
            'The glass',
            f'{glass.frames.n_atoms} atoms at the end of the first replica, wrapped into the cell; '
            'lines join formers to the anions within the cut-off.',
            glass_figure(glass.frames, glass.cutoffs),
            vector=False,
        )
    if glass.numbers:
        yield StudyFigure(
            f'{glass.label}_network',
            'Coordination and network',
            f'Shares of atoms by number of neighbours, Qn and the role of the anion; {bands.replace("bands", "bars")}.',
            network_figure(glass.numbers),
        )
    if glass.curves:
        yield StudyFigure(
            f'{glass.label}_radial',
            'Partial radial distribution functions',
            f'g(r) (solid, left) and neighbours of the second kind within r of the first (dashed, right); dotted: bond '
            f'cut-off; {bands}.',
            radial_figure(glass.curves, glass.numbers),
        )
        yield StudyFigure(f'{glass.label}_angles', 'Bond angles', f'{bands.capitalize()}.', angle_figure(glass.curves))
    yield from structure_figures(study.title, glass)
    if glass.runs:
        yield StudyFigure(
            f'{glass.label}_run',
            'The run in time',
            'From the packed box to the sampled glass; the stages of the schedule are shaded alternately. Long series '
            'are drawn as means of consecutive samples.',
            run_figure(glass.runs),
        )
    if glass.cooling:
        yield StudyFigure(
            f'{glass.label}_cooling',
            'Cooling curve',
            'T_g is where two lines meet on cooling. At the rates of a simulation it lies far above the laboratory’s.',
            cooling_figure(glass.cooling, glass.transition),
        )
    if glass.frames is not None and glass.numbers:
        sheet = figure_sheet(study.title, glass.frames, glass.numbers, glass.curves, glass.cooling, glass.transition)
        yield StudyFigure(f'{glass.label}_sheet', 'On one sheet', '', sheet, vector=False)

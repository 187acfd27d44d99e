"""Scattering and rings of the glass of a study, computed when its report is made."""

from __future__ import annotations

from collections.abc import Iterator

from aiida_glassion.analysis.request import read_request
from aiida_glassion.analysis.run import analyse
from aiida_glassion.analysis.sources import of_frames
from aiida_glassion.kernels.structure.elements import network_roles
from aiida_glassion.report.analysis import analysed
from aiida_glassion.report.analysis_figures import ring_figures, scattering_figures, sheet_figure
from aiida_glassion.report.folder import StudyFigure
from aiida_glassion.report.study import Glass

MOST_ATOMS = 20_000
"""A larger glass is left to ``glassion analyse``: a report should be there in a minute."""
_SCATTERING = {'q_max': 20.0, 'q_step': 0.05}


def structure_figures(title: str, glass: Glass) -> Iterator[StudyFigure]:
    """S(Q), T(r) and rings of the first replica's glass, and a sheet with them; nothing where they cannot be had.

    :param title: of the study.
    """
    frames = glass.frames
    if frames is None or frames.n_atoms > MOST_ATOMS or not all(frames.pbc):
        return
    roles = set(network_roles(frames.elements).values())
    kinds = {'rdf': {}, 'scattering': _SCATTERING} | ({'rings': {}} if {'former', 'anion'} <= roles else {})
    try:
        outcome = analyse(read_request({'analyses': kinds, 'cutoffs': glass.cutoffs}), of_frames(frames[-1], title))
    except ValueError:
        return
    found = [analysed(title, outcome, frames)]
    for drawn in (*scattering_figures(found), *ring_figures(found), sheet_figure(found)):
        caption = f'First replica. {drawn.caption}' if drawn.caption else ''
        yield StudyFigure(f'{glass.label}_{drawn.name}', drawn.title, caption, drawn.figure, drawn.vector)

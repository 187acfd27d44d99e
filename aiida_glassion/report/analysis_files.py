"""Analysed trajectories on disk: the page, the sheet, figures, and numbers and curves for other programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aiida_glassion.analysis import store
from aiida_glassion.analysis.request import Request
from aiida_glassion.analysis.run import Outcome
from aiida_glassion.report.analysis import Analysed
from aiida_glassion.report.analysis_figures import analysis_figures
from aiida_glassion.report.analysis_numbers import CSV_HEAD, csv_rows
from aiida_glassion.report.analysis_page import write_analysis_page
from aiida_glassion.report.folder import ReportFolder, safe_name

DATA = 'data'


def write_analysis(
    glasses: Sequence[Analysed], outcomes: Mapping[str, Outcome], request: Request, directory: Path, said: str = ''
) -> list[Path]:
    """Write everything about some trajectories.

    :param glasses: what is shown: each trajectory, or the mean over replicas.
    :param outcomes: of every trajectory, by name.
    :param directory: made if it is not there; files of the same names are replaced.
    :param said: how several trajectories were taken, in words.
    :returns: what was written, the page first.
    """
    folder = ReportFolder(directory)
    figures = {}
    for drawn in analysis_figures(glasses):
        figures[drawn.name] = folder.save_figure(drawn)
        if drawn.name == 'structure_sheet':
            folder.save('structure_sheet.pdf', as_pdf(drawn.figure))
    for name, outcome in outcomes.items():
        place = directory / DATA / safe_name(name) if len(outcomes) > 1 else directory / DATA
        store.write(outcome, place)
        folder.written += sorted(path for path in place.iterdir() if path.is_file())
    if any(len(glass.members) > 1 for glass in glasses):
        for glass in glasses:
            _save_mean(glass, folder)
    folder.save_table('numbers', CSV_HEAD, csv_rows(glasses))
    folder.save('request.json', json.dumps(request.as_dict(), ensure_ascii=False, allow_nan=False))
    summary = json.dumps(content(glasses, outcomes, request, said), indent=1, ensure_ascii=False, allow_nan=False)
    folder.save('analysis.json', summary)
    return folder.save_page(lambda names: write_analysis_page(glasses, request, figures, said, names))


def _save_mean(glass: Analysed, folder: ReportFolder) -> None:
    """Mean curves over replicas, one CSV each."""
    for kind, result in glass.results.items():
        for name, curve in result.curves.items():
            folder.save(f'{DATA}/{safe_name(glass.name)}/{kind}__{name}.csv', store.curve_csv(curve))


def content(
    glasses: Sequence[Analysed], outcomes: Mapping[str, Outcome], request: Request, said: str = ''
) -> dict[str, Any]:
    """Everything but curves, JSON-ready: each trajectory, and the mean over replicas where it was formed."""
    found: dict[str, Any] = {
        'taken_as': said or 'one trajectory',
        'request': request.as_dict(),
        'trajectories': {name: store.as_dict(outcome) for name, outcome in outcomes.items()},
    }
    means = [glass for glass in glasses if len(glass.members) > 1]
    if means:
        found['means'] = {
            glass.name: {
                'replicas': list(glass.members),
                'n_frames': glass.n_frames,
                'analyses': {
                    kind: {'numbers': result.numbers, 'units': dict(result.units)}
                    for kind, result in glass.results.items()
                },
                'warnings': [sentence for _, sentence in glass.all_warnings()],
                'failed': dict(glass.failed),
            }
            for glass in means
        }
    return found


def as_pdf(figure: Any) -> bytes:
    """The figure as PDF."""
    import io

    from aiida_glassion.report.figures.style import house_style

    with house_style():
        buffer = io.BytesIO()
        figure.savefig(buffer, format='pdf', metadata={'CreationDate': None})
    return buffer.getvalue()

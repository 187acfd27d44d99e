"""The report of an active learning on disk: the page, figures, and the numbers for other programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aiida import orm

from aiida_glassion.report.active_learning import Loop, read_loop
from aiida_glassion.report.active_learning_facts import (
    criteria_rows,
    drawn_iterations,
    failures_of,
    initial_labels,
    is_converged,
    iteration_rows,
    levels_of,
    stage_progress,
    total_cost,
    verdict_of,
    warnings_of,
)
from aiida_glassion.report.active_learning_page import write_loop_page
from aiida_glassion.report.figures.active_learning import (
    deviation_course_figure,
    error_course_figure,
    shares_figure,
)
from aiida_glassion.report.figures.active_learning_cost import cost_figure, label_figure
from aiida_glassion.report.figures.radial import overlay_figure
from aiida_glassion.report.folder import ReportFolder, StudyFigure
from aiida_glassion.report.provenance import read_provenance
from aiida_glassion.report.training_files import training_figures

_DEPTH = 2
"""Levels of calls in the provenance picture: a loop of a hundred iterations calls tens of thousands of processes."""


def write_loop_report(node: orm.ProcessNode, directory: Path) -> list[Path]:
    """Write the whole report of an active learning.

    :param node: the ``ActiveLearningWorkChain``, ended or not.
    :param directory: made if it is not there; files of the same names are replaced.
    :returns: what was written, the page first.
    """
    loop, folder = read_loop(node), ReportFolder(directory)
    figures = {drawn.name: folder.save_figure(drawn) for drawn in loop_figures(loop)}
    picture = folder.save_provenance(read_provenance(node, depth=_DEPTH))
    rows = list(iteration_rows(loop))
    if rows:
        folder.save_table('iterations', list(rows[0]), (row.values() for row in rows))
        head = ['iteration', 'stage', 'criterion', 'value', 'limit', 'met', 'words']
        folder.save_table('criteria', head, criteria_rows(loop.records))
    folder.save('records.json', json.dumps(loop.records, indent=1, ensure_ascii=False))
    folder.save('report.json', json.dumps(loop_summary(loop), indent=1, ensure_ascii=False, default=str))
    return folder.save_page(lambda names: write_loop_page(loop, figures, picture, names))


def loop_figures(loop: Loop) -> Iterator[StudyFigure]:
    """Figures of an active learning, one after the other; those without anything to show are left out."""
    iterations = drawn_iterations(loop)
    if iterations:
        yield StudyFigure(
            'shares',
            'What was visited',
            'Above: shares of the visited frames in each iteration. Below: the same for candidates (circles) and '
            f'failed frames (crosses), 0.01 % or less on the lower edge; dashed: the limit of candidates of the stage. '
            f'Stages: {", ".join(dict.fromkeys(iteration.stage for iteration in iterations))}.',
            shares_figure(iterations),
        )
        yield StudyFigure(
            'course_deviation',
            'Deviations by iteration',
            'Largest disagreement of the committee about a force in each visited frame, with the trust levels of the '
            'iteration. Width: square root of the number of frames, so that the few that matter are seen.',
            deviation_course_figure(iterations),
        )
        yield StudyFigure(
            'course_error',
            'Errors by iteration',
            'Errors on held-out frames with one standard error, the labelled frames that were there, and one against '
            'the other.',
            error_course_figure(iterations),
        )
        yield StudyFigure(
            'labels',
            'Labels by origin',
            'New labels in each iteration by the program that visited the frame, and frames that were refused.',
            label_figure(iterations, initial_labels(loop)),
        )
    if any(iteration.cost for iteration in iterations):
        yield StudyFigure('cost', 'Cost', 'Core-hours of each iteration by part.', cost_figure(iterations))
    if loop.gate_curves:
        yield StudyFigure(
            'structures',
            'Radial distribution functions of the glasses',
            'g(r) of short glasses of the members; where lines part, the members disagree about the structure.',
            overlay_figure(loop.gate_curves),
        )
    if loop.training is not None:
        yield from training_figures(loop.training, levels_of(loop.last))


def loop_summary(loop: Loop) -> dict[str, Any]:
    """What the page says, for programs."""
    return {
        'uuid': loop.uuid,
        'state': loop.state,
        'exit': loop.exit_text,
        'converged': is_converged(loop),
        'verdict': verdict_of(loop),
        'warnings': warnings_of(loop),
        'stages': [vars(stage) for stage in stage_progress(loop)],
        'iterations': list(iteration_rows(loop)),
        'decision': loop.decision,
        'gate': loop.gate,
        'cost': total_cost(loop),
        'failures': failures_of(loop),
        'report': loop.report,
        'settings': loop.settings,
        'seed': loop.seed,
        'data': [vars(used) for used in loop.data],
        'software': loop.software,
    }

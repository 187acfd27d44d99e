"""The report of a committee's training on disk: the page, figures, and the numbers and arrays for other programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from aiida import orm

from aiida_glassion.report.figures.learning import deviation_figure, element_error_figure, learning_curve_figure
from aiida_glassion.report.figures.parity import parity_figure
from aiida_glassion.report.folder import ReportFolder, StudyFigure
from aiida_glassion.report.provenance import read_provenance
from aiida_glassion.report.training import Training, read_training
from aiida_glassion.report.training_page import error_rows, warnings_of, write_training_page


def write_training_report(node: orm.ProcessNode, directory: Path) -> list[Path]:
    """Write the whole report of a committee's training.

    :param node: the ``TrainWorkChain``.
    :param directory: made if it is not there; files of the same names are replaced.
    :returns: what was written, the page first.
    """
    training, folder = read_training(node), ReportFolder(directory)
    provenance = read_provenance(node)
    figures = {drawn.name: folder.save_figure(drawn) for drawn in training_figures(training)}
    picture = folder.save_provenance(provenance)
    for name, head, rows in _tables(training):
        folder.save_table(name, head, rows)
    folder.save('report.json', json.dumps(summary(training), indent=1, ensure_ascii=False, default=str))
    return folder.save_page(lambda names: write_training_page(training, figures, picture, names))


def training_figures(training: Training, levels: tuple[float, float] | None = None) -> Iterator[StudyFigure]:
    """Figures of a training, one after the other.

    :param levels: trust levels of an exploration, eV/Å, drawn into the deviations.
    """
    curves = {member.label: member.curve for member in training.members if member.curve is not None}
    if training.parity is not None:
        who = 'The mean prediction of the members' if len(training.trained) > 1 else 'The model'
        yield StudyFigure(
            'parity',
            'Predicted against reference',
            f'{who} on {training.parity.n_frames} test frames; below, its error. Energies relative to the mean of '
            'their composition. RMSE: of a member on average; many points are shown as a density.',
            parity_figure(training.parity, training.errors),
        )
        yield StudyFigure(
            'elements',
            'Force error by element and composition',
            'Root mean square error of force components, mean over the members; bars: spread between the members and '
            'standard error of the finite test set together.',
            element_error_figure(training.errors),
        )
    if 'max_force_deviation' in training.deviations:
        errors = training.deviations.get('max_force_error')
        yield StudyFigure(
            'deviation',
            'Disagreement of the members',
            'Left: largest disagreement about a force in each test frame. Right: against the largest error of the mean '
            'prediction; points above the dashed line err by more than the members disagree.'
            + ('' if levels is None else ' Vertical lines: the trust levels of the exploration.'),
            deviation_figure(
                {'test': training.deviations['max_force_deviation']},
                levels,
                None if errors is None else {'test': errors},
            ),
        )
    if curves:
        yield StudyFigure(
            'curves',
            'Learning curves',
            'Errors on batches while learning, root mean square in bins of the logarithm of the step; solid: '
            'validation data (where there are none, training data), thin: training data.',
            learning_curve_figure(curves),
        )


def summary(training: Training) -> dict[str, Any]:
    """What the page says, for programs."""
    return {
        'uuid': training.uuid,
        'state': training.state,
        'exit': training.exit_text,
        'warnings': warnings_of(training),
        'errors': training.errors,
        'settings': training.settings,
        'seed': training.seed,
        'members': [
            {'label': m.label, 'seed': m.seed, 'state': m.state, 'reason': m.reason, 'results': m.results,
             'potential': m.potential[1] if m.potential else None}
            for m in training.members
        ],
        'data': [{**vars(used)} for used in training.data],
        'ledger': training.ledger,
        'software': training.software,
    }  # fmt: skip


def _tables(training: Training) -> Iterator[tuple[str, list[str], Any]]:
    """Name, head with units, and rows of every table."""
    if training.errors:
        rows = [
            [words, unit, entry.get('mean'), entry.get('spread'), entry.get('standard_error'), entry.get('n')]
            for words, unit, entry in error_rows(training)
        ]
        yield 'errors', ['quantity', 'unit', 'mean', 'spread', 'standard_error', 'n'], rows
    for member in training.members:
        if member.curve is not None:
            columns = {'step': member.curve.step}
            for kind, curves in (('training', member.curve.training), ('validation', member.curve.validation)):
                for quantity, values in curves.items():
                    columns[f'{quantity} {kind} ({"eV/Å" if quantity == "force" else "eV/atom"})'] = values
            yield f'curve_{member.label}', list(columns), np.stack(list(columns.values()), axis=1)
    if training.parity is not None:
        parity = training.parity
        head = ['formula', 'atoms', 'energy (eV)', 'predicted energy (eV)']
        columns = training.deviations
        series = (parity.formulas, parity.n_atoms, parity.energies, parity.predicted_energies, *columns.values())
        yield 'test_frames', [*head, *(f'{name} (eV/Å)' for name in columns)], zip(*series, strict=True)

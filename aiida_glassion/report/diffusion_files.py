"""The report of a diffusion sweep on disk: the page, figures, and the numbers and curves for other programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aiida import orm

from aiida_glassion.report.diffusion import Sweep
from aiida_glassion.report.diffusion_csv import sweep_tables
from aiida_glassion.report.diffusion_facts import point_status, verdict_of, warnings_of
from aiida_glassion.report.diffusion_figures import diffusion_figures
from aiida_glassion.report.diffusion_literature import Literature, read_literature
from aiida_glassion.report.diffusion_node import read_sweep
from aiida_glassion.report.diffusion_page import write_sweep_page
from aiida_glassion.report.folder import ReportFolder
from aiida_glassion.report.provenance import read_provenance

_DEPTH = 3
"""Levels of calls in the provenance picture: sweep, runs, their dynamics and analyses."""


def write_sweep_report(node: orm.ProcessNode, directory: Path, literature: Sequence[Path] = ()) -> list[Path]:
    """Write the whole report of a diffusion sweep, or of one of its points.

    :param node: the ``DiffusionSweepWorkChain`` or ``DiffusionPointWorkChain``, ended or not.
    :param directory: made if it is not there; files of the same names are replaced.
    :param literature: CSV files of published points, see
        :func:`~aiida_glassion.report.diffusion_literature.read_literature`.
    :returns: what was written, the page first.
    :raises ValueError: a literature file is none.
    """
    beside = [read_literature(path) for path in literature]
    sweep, folder = read_sweep(node), ReportFolder(directory)
    figures = {drawn.name: folder.save_figure(drawn) for drawn in diffusion_figures(sweep, beside)}
    picture = folder.save_provenance(read_provenance(node, depth=_DEPTH))
    for name, head, rows in sweep_tables(sweep, beside):
        folder.save_table(name, head, rows)
    folder.save('report.json', json.dumps(sweep_summary(sweep, beside), indent=1, ensure_ascii=False, default=str))
    return folder.save_page(lambda names: write_sweep_page(sweep, figures, picture, names, beside))


def sweep_summary(sweep: Sweep, literature: Sequence[Literature] = ()) -> dict[str, Any]:
    """What the page says, for programs."""
    return {
        'uuid': sweep.uuid,
        'state': sweep.state,
        'exit': sweep.exit_text,
        'verdict': verdict_of(sweep),
        'warnings': warnings_of(sweep),
        'preliminary': sweep.preliminary,
        'results': sweep.results,
        'runs': [
            {
                'label': point.label,
                'uuid': point.uuid,
                'temperature': point.temperature,
                'glass': point.glass,
                'composition': point.composition,
                'seed': point.seed,
                'status': point_status(point),
                'reason': point.reason or point.exit_text,
                'length': point.length,
                'warnings': list(point.warnings),
            }
            for point in sweep.points
        ],
        'settings': sweep.settings,
        'potential': sweep.potential,
        'seed': sweep.seed,
        'glasses': {label: uuid for label, (_, uuid) in sweep.glasses.items()},
        'literature': [
            {'file': given.file, 'citation': given.citation, 'quantity': given.quantity, 'unit': given.unit}
            for given in literature
        ],
        'ledger': sweep.ledger,
        'software': sweep.software,
    }

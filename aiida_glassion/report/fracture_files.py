"""The report of a fracture study on disk: the page, figures, and the numbers and curves for other programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from aiida import orm

from aiida_glassion.report.folder import ReportFolder
from aiida_glassion.report.fracture import Fracture
from aiida_glassion.report.fracture_csv import fracture_tables
from aiida_glassion.report.fracture_facts import pull_status, verdict_of, warnings_of
from aiida_glassion.report.fracture_figures import fracture_figures
from aiida_glassion.report.fracture_node import read_fracture
from aiida_glassion.report.fracture_page import write_fracture_page
from aiida_glassion.report.provenance import read_provenance

_DEPTH = 3
"""Levels of calls in the provenance picture: study, pulls, their dynamics and analyses."""


def write_fracture_report(node: orm.ProcessNode, directory: Path) -> list[Path]:
    """Write the whole report of a fracture study, or of one of its pulls.

    :param node: the ``FractureWorkChain`` or ``FracturePullWorkChain``, ended or not.
    :param directory: made if it is not there; files of the same names are replaced.
    :returns: what was written, the page first.
    """
    study, folder = read_fracture(node), ReportFolder(directory)
    figures = {drawn.name: folder.save_figure(drawn) for drawn in fracture_figures(study)}
    picture = folder.save_provenance(read_provenance(node, depth=_DEPTH))
    for name, head, rows in fracture_tables(study):
        folder.save_table(name, head, rows)
    folder.save('report.json', json.dumps(fracture_summary(study), indent=1, ensure_ascii=False, default=str))
    return folder.save_page(lambda names: write_fracture_page(study, figures, picture, names))


def fracture_summary(study: Fracture) -> dict[str, Any]:
    """What the page says, for programs."""
    return {
        'uuid': study.uuid,
        'state': study.state,
        'exit': study.exit_text,
        'verdict': verdict_of(study),
        'warnings': warnings_of(study),
        'preliminary': study.preliminary,
        'results': study.results,
        'pulls': [
            {
                'label': pull.label,
                'uuid': pull.uuid,
                'kind': pull.kind,
                'axis': pull.axis,
                'rate': pull.rate,
                'size': list(pull.size),
                'seed': pull.seed,
                'status': pull_status(pull),
                'reason': pull.results.get('reason') or pull.exit_text,
                'along_strain': pull.numbers,
            }
            for pull in study.pulls
        ],
        'settings': study.settings,
        'potential': study.potential,
        'seed': study.seed,
        'glasses': {label: uuid for label, (_, uuid) in study.glasses.items()},
        'ledger': study.ledger,
        'software': study.software,
    }

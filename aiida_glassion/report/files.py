"""The report of a study on disk: the page, figures, and the numbers and curves for other programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from aiida import orm

from aiida_glassion.report.active_learning import LOOP
from aiida_glassion.report.active_learning_files import write_loop_report
from aiida_glassion.report.analysis_node import ANALYSIS, write_analysis_report
from aiida_glassion.report.diffusion_files import write_sweep_report
from aiida_glassion.report.diffusion_node import POINT, SWEEP
from aiida_glassion.report.elastic_files import write_elastic_report
from aiida_glassion.report.elastic_node import ELASTIC
from aiida_glassion.report.elastic_node import SAMPLE as ELASTIC_SAMPLE
from aiida_glassion.report.folder import ReportFolder, safe_name
from aiida_glassion.report.fracture_files import write_fracture_report
from aiida_glassion.report.fracture_node import PULL
from aiida_glassion.report.fracture_node import STUDY as FRACTURE
from aiida_glassion.report.glass_ceramic import CERAMIC
from aiida_glassion.report.glass_ceramic_files import write_ceramic_report
from aiida_glassion.report.markup import Figure
from aiida_glassion.report.page import warnings_of, write_page
from aiida_glassion.report.porous_files import write_porous_report
from aiida_glassion.report.porous_node import POROUS
from aiida_glassion.report.provenance import read_provenance
from aiida_glassion.report.quantities import flattened, quantities, unit_of_curve
from aiida_glassion.report.study import Glass, Study, read_study
from aiida_glassion.report.study_figures import glass_figures
from aiida_glassion.report.training import TRAINING
from aiida_glassion.report.training_files import write_training_report


def write_report(node: orm.ProcessNode, directory: Path, literature: Sequence[Path] = ()) -> list[Path]:
    """Write the whole report of a study.

    :param node: the study.
    :param directory: made if it is not there; files of the same names are replaced.
    :param literature: files of published D or σ, for the figures of a diffusion sweep.
    :returns: what was written, the page first.
    :raises ValueError: a kind of node that has no report, or none with literature; a file that is no such table.
    """
    if getattr(node, 'process_label', None) in (SWEEP, POINT):
        return write_sweep_report(node, directory, literature)
    if literature:
        raise ValueError(f'node {node.pk} is no {SWEEP}: only the report of one has literature beside it')
    if getattr(node, 'process_label', None) == TRAINING:
        return write_training_report(node, directory)
    if getattr(node, 'process_label', None) == LOOP:
        return write_loop_report(node, directory)
    if getattr(node, 'process_label', None) == ANALYSIS:
        return write_analysis_report(node, directory)
    if getattr(node, 'process_label', None) == POROUS:
        return write_porous_report(node, directory)
    if getattr(node, 'process_label', None) in (FRACTURE, PULL):
        return write_fracture_report(node, directory)
    if getattr(node, 'process_label', None) == CERAMIC:
        return write_ceramic_report(node, directory)
    if getattr(node, 'process_label', None) in (ELASTIC, ELASTIC_SAMPLE):
        return write_elastic_report(node, directory)
    study = read_study(node)
    provenance = read_provenance(node)
    folder = ReportFolder(directory)
    figures: dict[str, list[Figure]] = {}
    for glass in study.glasses:
        shown = {drawn.name: folder.save_figure(drawn) for drawn in glass_figures(study, glass)}
        figures[glass.label] = [figure for name, figure in shown.items() if not name.endswith('_sheet')]
    svg_text = folder.save_provenance(provenance)
    for glass in study.glasses:
        _save_tables(glass, folder)
    folder.save('report.json', json.dumps(summary(study), indent=1, ensure_ascii=False, default=str))
    return folder.save_page(lambda names: write_page(study, figures, svg_text, names))


def summary(study: Study) -> dict[str, Any]:
    """What the page says, for programs: numbers with their errors, how it was made, warnings."""
    return {
        'uuid': study.uuid,
        'composition': study.composition,
        'state': study.state,
        'exit': study.exit_text,
        'warnings': warnings_of(study),
        'apportioned': study.apportioned,
        'settings': study.settings,
        'potential': study.potential,
        'seed': study.seed,
        'replicas': [
            {'label': r.label, 'state': r.state, 'reason': r.reason, 'seed': r.seed, 'melts': dict(r.melts)}
            for r in study.replicas
        ],
        'glasses': {
            glass.label: {
                'rate': glass.rate,
                'rate_unit': 'K/ps',
                'final': glass.final,
                'mean': glass.numbers,
                'replicas': glass.replicas,
                'uuids': {name: uuid for name, (_, uuid) in glass.nodes.items()},
            }
            for glass in study.glasses
        },
        'ledger': study.ledger,
        'software': study.software,
    }


def _save_tables(glass: Glass, folder: ReportFolder) -> None:
    """Numbers, curves, cooling and runs as CSV, units in the first line."""

    def save(name: str, head: list[str], rows: Any) -> None:
        folder.save_table(f'{safe_name(glass.label)}_{name}', head, rows)

    if glass.numbers:
        mean = flattened(glass.numbers)
        own = {name: flattened(numbers) for name, numbers in glass.replicas.items()}
        rows = []
        for quantity in quantities(glass.numbers, everything=True):
            number = quantity.of(mean)
            values = [quantity.of(numbers) for numbers in own.values()]
            row = [quantity.path, quantity.label, quantity.unit, number.value, number.error, number.n] if number else []
            rows.append([*row, *(None if value is None else value.value for value in values)])
        save('numbers', ['name', 'quantity', 'unit', 'mean', 'standard_error', 'n', *own], rows)
    for name, axis, prefixes in (('radial', 'r', ('r_', 'g_', 'running_')), ('angles', 'angle', ('angle_',))):
        if axis in glass.curves:
            chosen = {axis: glass.curves[axis]} | {
                key: curve for key, curve in glass.curves.items() if key.startswith(prefixes)
            }
            save(name, *_columns(chosen))
    for replica, curve in glass.cooling.items():
        if len(curve.temperature):
            head = ['temperature (K)', curve.quantity]
            save(f'cooling_{safe_name(replica)}', head, zip(curve.temperature, curve.value, strict=True))
    for replica, run in glass.runs.items():
        head = ['time (ps)', 'temperature (K)', 'density (g/cm³)', 'potential energy (eV/atom)']
        save(f'run_{safe_name(replica)}', head, zip(run.time, run.temperature, run.density, run.energy, strict=True))


def _columns(curves: Mapping[str, Any]) -> tuple[list[str], Any]:
    head = [f'{name} ({unit})' if (unit := unit_of_curve(name)) else name for name in curves]
    return head, np.stack(list(curves.values()), axis=1)

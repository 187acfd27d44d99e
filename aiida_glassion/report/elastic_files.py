"""The report of an elastic run on disk: the page, figures, and the numbers and curves for other programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from aiida import orm

from aiida_glassion.kernels.mechanics.moduli import MODULI
from aiida_glassion.kernels.mechanics.strain import VOIGT
from aiida_glassion.report.elastic_figures import elastic_figures
from aiida_glassion.report.elastic_node import ElasticStudy, read_elastic
from aiida_glassion.report.elastic_page import verdict_of, write_elastic_page
from aiida_glassion.report.folder import ReportFolder, safe_name
from aiida_glassion.report.provenance import read_provenance

_DEPTH = 3
"""Levels of calls in the provenance picture: run, samples, their jobs."""


def write_elastic_report(node: orm.ProcessNode, directory: Path) -> list[Path]:
    """Write the whole report of an elastic run, or of one of its samples.

    :param node: the ``ElasticWorkChain`` or ``ElasticSampleWorkChain``, ended or not.
    :param directory: made if it is not there; files of the same names are replaced.
    :returns: what was written, the page first.
    """
    study, folder = read_elastic(node), ReportFolder(directory)
    figures = {drawn.name: folder.save_figure(drawn) for drawn in elastic_figures(study)}
    picture = folder.save_provenance(read_provenance(node, depth=_DEPTH))
    for name, head, rows in elastic_csv(study):
        folder.save_table(name, head, rows)
    folder.save('report.json', json.dumps(elastic_record(study), indent=1, ensure_ascii=False, default=str))
    return folder.save_page(lambda names: write_elastic_page(study, figures, picture, names))


def elastic_record(study: ElasticStudy) -> dict[str, Any]:
    """What the page says, for programs."""
    return {
        'uuid': study.uuid,
        'state': study.state,
        'exit': study.exit_text,
        'verdict': verdict_of(study),
        'preliminary': study.preliminary,
        'results': study.results,
        'settings': study.settings,
        'potential': study.potential,
        'seed': study.seed,
        'glasses': {label: uuid for label, (_, uuid) in study.glasses.items()},
        'ledger': study.ledger,
        'software': study.software,
    }


def elastic_csv(study: ElasticStudy) -> Iterator[tuple[str, Sequence[str], list[list[Any]]]]:
    """Name, columns with units, and rows of each table."""
    rows = [
        [group['group'], group['temperature'], group['n'], *_pair(group['density']), *_pair(group['bulk'])]
        + [part for name in MODULI for part in _pair((group['moduli'] or {}).get(name))]
        for group in study.groups
    ]
    named = [
        column
        for name in ('density (g/cm3)', 'bulk_from_pressure (GPa)', *(f'{name} {_unit(name)}' for name in MODULI))
        for column in (name, f'{name.partition(" ")[0]}_error')
    ]
    yield 'moduli', ['group', 'temperature (K)', 'n', *named], rows
    tensors = [
        [group['group'], group['temperature'], i, j, tensor['constants'][a][b], _error(tensor, a, b)]
        for group in study.groups
        if (tensor := group['stiffness'])
        for a, i in enumerate(VOIGT)
        for b, j in enumerate(VOIGT)
        if b >= a
    ]
    if tensors:
        yield 'constants', ['group', 'temperature (K)', 'i', 'j', 'C_ij (GPa)', 'error (GPa)'], tensors
    for sample in study.samples:
        curves, label = sample.curves, safe_name(sample.label)
        if 'stiffness__strain' in curves:
            head = [*(f'strain_{name}' for name in VOIGT), *(f'stress_{name} (GPa)' for name in VOIGT)]
            yield (
                f'{label}_stress',
                head,
                [
                    [*strain, *stress]
                    for strain, stress in zip(curves['stiffness__strain'], curves['stiffness__stress'], strict=True)
                ],
            )
        if 'bulk__volume' in curves:
            columns = [curves['bulk__volume'], curves['bulk__strain'], curves['bulk__pressure']]
            head = ['volume (A^3)', 'strain', 'pressure (GPa)']
            yield f'{label}_pressure', head, [list(row) for row in zip(*columns, strict=True)]


def _pair(entry: Any) -> list[float | None]:
    return [entry['mean'], entry['standard_error']] if entry else [None, None]


def _unit(name: str) -> str:
    return '(1)' if name == 'poisson' else '(GPa)'


def _error(tensor: Any, a: int, b: int) -> float | None:
    return None if tensor['errors'] is None else float(tensor['errors'][a][b])

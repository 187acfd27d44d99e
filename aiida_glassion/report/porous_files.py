"""The report of a porous glass on disk: the page, figures, and the numbers and curves for other programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from aiida import orm

from aiida_glassion.report.folder import ReportFolder
from aiida_glassion.report.porous import STATES, Porous
from aiida_glassion.report.porous_figures import porous_figures
from aiida_glassion.report.porous_node import read_porous
from aiida_glassion.report.porous_page import ROWS, write_porous_page
from aiida_glassion.report.provenance import read_provenance


def write_porous_report(node: orm.ProcessNode, directory: Path) -> list[Path]:
    """Write the whole report of a porous glass.

    :param node: the ``PorousGlassWorkChain``, ended or not.
    :param directory: made if it is not there; files of the same names are replaced.
    :returns: what was written, the page first.
    """
    porous, folder = read_porous(node), ReportFolder(directory)
    figures = {drawn.name: folder.save_figure(drawn) for drawn in porous_figures(porous)}
    picture = folder.save_provenance(read_provenance(node))
    for name, head, rows in porous_tables(porous):
        folder.save_table(name, head, rows)
    folder.save('report.json', json.dumps(porous_summary(porous), indent=1, ensure_ascii=False, default=str))
    return folder.save_page(lambda names: write_porous_page(porous, figures, picture, names))


def porous_summary(porous: Porous) -> dict[str, Any]:
    """What the page says, for programs."""
    return {
        'uuid': porous.uuid,
        'state': porous.state,
        'exit': porous.exit_text,
        'verdict': porous.verdict,
        'warnings': list(porous.warnings),
        'results': porous.results,
        'settings': porous.settings,
        'potential': porous.potential,
        'seed': porous.seed,
        'nodes': {name: uuid for name, (_, uuid) in porous.nodes.items()},
        'software': porous.software,
    }


def porous_tables(porous: Porous) -> Iterator[tuple[str, list[str], Any]]:
    """Name, head and rows of each CSV file."""
    states = porous.states
    if states:
        rows = [
            [f'{name} ({unit})' if unit else name, *(_scaled(state.get(key), factor) for state in states.values())]
            for key, name, unit, factor in ROWS
        ]
        yield 'states', ['quantity', *(STATES[name] for name in states)], rows
    closed = porous.closed
    if closed:
        head = ['pore', 'shape', 'a', 'b', 'c', 'largest sphere as cut (Å)', 'relaxed (Å)', 'kept', 'closed']
        pores = zip(porous.results['pores'], closed['pores'], strict=True)
        yield (
            'pores',
            head,
            [
                [
                    number,
                    shape['shape'],
                    *shape['centre'],
                    *(pore[key] for key in ('carved', 'relaxed', 'kept', 'closed')),
                ]
                for number, (shape, pore) in enumerate(pores, 1)
            ],
        )
    if porous.results.get('carving'):
        yield (
            'chosen',
            ['atom', 'element', 'distance from the surface (Å)', 'choice'],
            [
                [entry['atom'], entry['element'], entry['distance'], name]
                for name in ('also_removed', 'left_inside')
                for entry in porous.results.get(name) or []
            ],
        )
    for name, curve in porous.curves.items():
        axes = ((curve.x_name, curve.x_unit), (curve.y_name, curve.y_unit))
        head = [f'{symbol} ({unit})' if unit else symbol for symbol, unit in axes]
        yield name.replace('__', '_'), head, np.column_stack([curve.x, curve.y])


def _scaled(value: Any, factor: float) -> float | None:
    return None if value is None else factor * float(value)

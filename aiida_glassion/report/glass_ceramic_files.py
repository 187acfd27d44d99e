"""The report of a glass-ceramic on disk: the page, figures, and the numbers and curves for other programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from aiida import orm

from aiida_glassion.analysis.store import curve_csv
from aiida_glassion.report.folder import ReportFolder
from aiida_glassion.report.glass_ceramic import Ceramic, read_ceramic, region_names
from aiida_glassion.report.glass_ceramic_figures import ceramic_figures
from aiida_glassion.report.glass_ceramic_page import verdict_of, write_ceramic_page
from aiida_glassion.report.provenance import read_provenance

_DEPTH = 3
"""Levels of calls in the provenance picture: the glass-ceramic, its runs, their jobs."""


def write_ceramic_report(node: orm.ProcessNode, directory: Path) -> list[Path]:
    """Write the whole report of a glass-ceramic.

    :param node: the ``GlassCeramicWorkChain``, ended or not.
    :param directory: made if it is not there; files of the same names are replaced.
    :returns: what was written, the page first.
    """
    ceramic, folder = read_ceramic(node), ReportFolder(directory)
    figures = {drawn.name: folder.save_figure(drawn) for drawn in ceramic_figures(ceramic)}
    picture = folder.save_provenance(read_provenance(node, depth=_DEPTH))
    for name, curve in ceramic.curves.items():
        folder.save(f'data/{name}.csv', curve_csv(curve))
    for name, head, rows in _tables(ceramic):
        folder.save_table(name, head, rows)
    folder.save('report.json', json.dumps(ceramic_content(ceramic), indent=1, ensure_ascii=False, default=str))
    return folder.save_page(lambda names: write_ceramic_page(ceramic, figures, picture, names))


def ceramic_content(ceramic: Ceramic) -> dict[str, Any]:
    """What the page says, for programs."""
    return {
        'uuid': ceramic.uuid,
        'state': ceramic.state,
        'exit': ceramic.exit_text,
        'verdict': verdict_of(ceramic),
        'results': ceramic.results,
        'settings': ceramic.settings,
        'potential': ceramic.potential,
        'seed': ceramic.seed,
        'inputs': {name: uuid for name, (_, uuid) in ceramic.inputs.items()},
        'software': ceramic.software,
    }


def _tables(ceramic: Ceramic) -> Iterator[tuple[str, list[str], list[list[Any]]]]:
    """Interfaces, grains, and every atom with its label."""
    if not ceramic.results:
        return
    head = ['by', 'width (Å)', 'error (Å)', 'middle (Å)', 'crystal', 'glass', 'at most', 'reason']
    keys = ('width', 'error', 'position', 'inner', 'outer', 'at_most', 'reason')
    interfaces = ceramic.results['interface']
    yield 'interface', head, [[name, *(found[key] for key in keys)] for name, found in interfaces.items()]
    names = ['shape', 'n_atoms', 'order_built', 'order_healed', 'kept', 'in_place', 'displacement', 'drift', 'lost']
    titles = ['grain', *(f'{name} (Å)' if name in ('displacement', 'drift') else name for name in names)]
    rows = [[i, *(grain.get(name) for name in names)] for i, grain in enumerate(ceramic.results['grains'])]
    yield 'grains', titles, rows
    if ceramic.frames is not None and 'labels' in ceramic.per_atom:
        yield 'atoms', *_atoms(ceramic)


def _atoms(ceramic: Ceramic) -> tuple[list[str], list[list[Any]]]:
    assert ceramic.frames is not None
    words, arrays = region_names(ceramic), ceramic.per_atom
    head = ['element', 'x (Å)', 'y (Å)', 'z (Å)', 'label', 'label as built', 'grain', 'order', 'distance (Å)']
    rows = []
    for i, (symbol, place) in enumerate(zip(ceramic.frames.symbols, ceramic.frames.positions[-1], strict=True)):
        order = float(arrays['order'][i])
        rows.append(
            [
                symbol,
                *(round(float(x), 5) for x in place),
                words[arrays['labels'][i]],
                words[arrays['labels_built'][i]],
                int(arrays['grain'][i]),
                round(order, 4) if np.isfinite(order) else '',
                round(float(arrays['distance'][i]), 4),
            ]
        )
    return head, rows

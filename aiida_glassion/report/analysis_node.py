"""The report of an analysis that ran as a job."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from aiida import orm

from aiida_glassion.analysis import store
from aiida_glassion.analysis.request import read_request
from aiida_glassion.analysis.run import Outcome
from aiida_glassion.data.frames import as_frames
from aiida_glassion.report.analysis import Analysed, analysed
from aiida_glassion.report.analysis_files import write_analysis

ANALYSIS = 'AnalysisCalculation'


def outcome_of(node: orm.ProcessNode) -> Outcome | None:
    """What an analysis found, whole or partial; None where it left nothing.

    :param node: the AnalysisCalculation, ended or not.
    """
    if 'numbers' not in node.outputs:
        return None
    plain = node.outputs.numbers.get_dict()
    arrays = node.outputs.curves.arrays if 'curves' in node.outputs else {}
    about = node.outputs.curves.base.attributes.get('curves') if 'curves' in node.outputs else {}
    per_atom = {**node.outputs.per_atom.arrays} if 'per_atom' in node.outputs else {}
    per_atom['system__types'] = _types(node, plain['system'])
    for kind, entry in plain['analyses'].items():
        prefix = f'{kind}__'
        entry['curves'] = {name.removeprefix(prefix): table for name, table in about.items() if name.startswith(prefix)}
    run = node.outputs.run.get_dict() if 'run' in node.outputs else {}
    return store.from_dict({**plain, 'seconds': run.get('seconds', {})}, arrays, per_atom)


def _types(node: orm.ProcessNode, system: Mapping[str, Any]) -> npt.NDArray[np.int32]:
    """Index of each atom's element; in the order of the elements where no array of atoms tells the order."""
    elements = list(system['elements'])
    if 'per_atom' in node.outputs:
        symbols = node.outputs.per_atom.base.attributes.get('symbols')
        return np.array([elements.index(symbol) for symbol in symbols], dtype=np.int32)
    return np.repeat(np.arange(len(elements), dtype=np.int32), [system['counts'][element] for element in elements])


def analysed_node(node: orm.ProcessNode) -> Analysed:
    """The same, as tables and figures take it.

    :raises ValueError: the analysis has no result.
    """
    outcome = outcome_of(node)
    if outcome is None:
        raise ValueError(f'{ANALYSIS} {node.pk} has no result; `glassion show {node.pk}` says why')
    frames = as_frames(node.inputs.frames)[-1] if 'frames' in node.inputs else None
    return analysed(node.label or f'{ANALYSIS} {node.pk}', outcome, frames)


def write_analysis_report(node: orm.ProcessNode, directory: Path) -> list[Path]:
    """Write page, figures and data of an analysis that ran as a job.

    :param directory: made if it is not there; files of the same names are replaced.
    :returns: what was written, the page first.
    """
    glass, outcome = analysed_node(node), outcome_of(node)
    assert outcome is not None
    return write_analysis([glass], {glass.name: outcome}, read_request(node.inputs.request.get_dict()), directory)

"""Analyse the structure of a trajectory beside it: run or submit AnalysisCalculation with the inputs of a YAML file.

verdi run workchains/analysis/launch.py [FILE] [--submit]

Without --submit it runs here, in the foreground; with it the daemon takes it up, and `glassion watch PK` shows it.
"""

from __future__ import annotations

from pathlib import Path

from aiida import orm
from aiida.engine import ProcessBuilder

from aiida_glassion.calculations.analysis import AnalysisCalculation
from aiida_glassion.cli.launch_script import main, read_inputs

KEYS = {'data', 'files', 'format', 'species', 'request', 'code', 'options'}
NEEDED = {'data', 'request', 'code'}


def place(data: str | int, folder: Path, code: orm.AbstractCode) -> tuple[str, orm.Data]:
    """Port and node of the data."""
    if isinstance(data, int):
        node = orm.load_node(data)
    elif (folder / data).is_file():
        node = orm.SinglefileData(folder / data)
    elif data.startswith('/'):
        node = orm.RemoteData(remote_path=data, computer=code.computer)
    else:
        raise ValueError(f'data: there is no file {folder / data}')
    if isinstance(node, orm.RemoteData):
        return 'remote', node
    return ('folder' if isinstance(node, (orm.FolderData, orm.SinglefileData)) else 'frames'), node


def builder(path: Path) -> ProcessBuilder:
    inputs = read_inputs(path, KEYS, NEEDED, 'data: glass.extxyz')
    prepared = AnalysisCalculation.get_builder()
    prepared.code = orm.load_code(inputs['code'])
    port, node = place(inputs['data'], path.parent, prepared.code)
    prepared[port] = node
    for name in ('files', 'format', 'species'):
        if inputs.get(name):
            prepared[name] = inputs[name]
    prepared.request = inputs['request']
    if inputs.get('options'):
        prepared.metadata.options = inputs['options']
    return prepared


if __name__ == '__main__':
    main(builder, 'Analyse the structure of a trajectory beside it.')

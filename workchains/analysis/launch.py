"""Analyse the structure of a trajectory beside it: run or submit AnalysisCalculation with the inputs of a YAML file.

verdi run workchains/analysis/launch.py [FILE] [--submit]

Without --submit it runs here, in the foreground; with it the daemon takes it up, and `glassion watch PK` shows it.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import yaml
from aiida import orm
from aiida.common.exceptions import NotExistent
from aiida.engine import ProcessBuilder, run_get_node, submit

from aiida_glassion.calculations.analysis import AnalysisCalculation

INPUTS = Path(__file__).with_name('inputs.yaml')
KEYS = {'data', 'files', 'format', 'species', 'request', 'code', 'options'}
NEEDED = {'data', 'request', 'code'}


def read(path: Path) -> dict[str, Any]:
    inputs = yaml.safe_load(path.read_text(encoding='utf-8'))
    if not isinstance(inputs, dict):
        raise ValueError(f'{path}: expected settings by name, such as data: glass.extxyz')
    unknown, missing = set(inputs) - KEYS, sorted(key for key in NEEDED if not inputs.get(key))
    if unknown:
        raise ValueError(f'{path}: unknown {", ".join(sorted(unknown))}; known are {", ".join(sorted(KEYS))}')
    if missing:
        raise ValueError(f'{path}: {", ".join(missing)} missing; see {INPUTS}')
    return inputs


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
    inputs = read(path)
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


def main() -> None:
    parser = argparse.ArgumentParser(description='Analyse the structure of a trajectory beside it.')
    parser.add_argument('file', nargs='?', type=Path, default=INPUTS, help='inputs; default: %(default)s')
    parser.add_argument('--submit', action='store_true', help='leave it to the daemon')
    arguments = parser.parse_args()
    try:
        prepared = builder(arguments.file)
    except (OSError, ValueError, yaml.YAMLError, NotExistent) as error:
        raise SystemExit(f'{arguments.file}: {error}') from None
    if arguments.submit:
        node = submit(prepared)
        print(f'submitted: {node.pk}; watch it with: glassion watch {node.pk}')
        return
    node = run_get_node(prepared).node
    print(f'exit status {node.exit_status}; see: glassion show {node.pk}')
    raise SystemExit(0 if node.is_finished_ok else 1)


if __name__ == '__main__':
    main()

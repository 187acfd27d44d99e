"""Train a committee: run or submit TrainWorkChain with the inputs of a YAML file.

verdi run workchains/train/launch.py [FILE] [--submit]

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

from aiida_glassion.data.dataset import DatasetData
from aiida_glassion.workchains.train import TrainWorkChain

INPUTS = Path(__file__).with_name('inputs.yaml')
KEYS = {
    'datasets', 'test', 'validation', 'warm_start', 'protocol', 'overrides', 'seed', 'committee', 'max_concurrent',
    'code', 'options',
}  # fmt: skip
NEEDED = {'datasets', 'code'}


def read(path: Path) -> dict[str, Any]:
    inputs = yaml.safe_load(path.read_text(encoding='utf-8'))
    if not isinstance(inputs, dict):
        raise ValueError(f'{path}: expected settings by name, such as datasets: {{start: 42}}')
    unknown, missing = set(inputs) - KEYS, NEEDED - set(inputs)
    if unknown:
        raise ValueError(f'{path}: unknown {", ".join(sorted(unknown))}; known are {", ".join(sorted(KEYS))}')
    if missing:
        raise ValueError(f'{path}: {", ".join(sorted(missing))} missing; see {INPUTS}')
    if not isinstance(inputs['datasets'], dict) or not inputs['datasets']:
        raise ValueError(f'{path}: datasets: name at least one, such as {{start: 42}} with the PK of a dataset')
    return inputs


def load_datasets(given: dict[str, Any], port: str) -> dict[str, DatasetData]:
    nodes = {name: orm.load_node(identifier) for name, identifier in given.items()}
    for name, node in nodes.items():
        if not isinstance(node, DatasetData):
            raise ValueError(f'{port}.{name}: node {given[name]} is {type(node).__name__}, expected a dataset')
    return nodes


def builder(path: Path) -> ProcessBuilder:
    inputs = read(path)
    datasets = load_datasets(inputs.pop('datasets'), 'datasets')
    for port in ('test', 'validation'):
        if port in inputs:
            inputs[port] = load_datasets(inputs[port], port)
    if 'warm_start' in inputs:
        outputs = orm.load_node(inputs['warm_start']).outputs
        if 'frozen' not in outputs:
            raise ValueError(f'{path}: warm_start: node {inputs["warm_start"]} is no training with models')
        inputs['warm_start'] = dict(outputs.frozen.items())
    code = orm.load_code(inputs.pop('code'))
    return TrainWorkChain.get_builder_from_protocol(code, datasets, **inputs)


def main() -> None:
    parser = argparse.ArgumentParser(description='Train a committee of models.')
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

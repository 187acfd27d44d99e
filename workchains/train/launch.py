"""Train a committee: run or submit TrainWorkChain with the inputs of a YAML file.

verdi run workchains/train/launch.py [FILE] [--submit]

Without --submit it runs here, in the foreground; with it the daemon takes it up, and `glassion watch PK` shows it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aiida import orm
from aiida.engine import ProcessBuilder

from aiida_glassion.cli.launch_script import main, read_inputs
from aiida_glassion.data.dataset import DatasetData
from aiida_glassion.workchains.train import TrainWorkChain

KEYS = {
    'datasets', 'test', 'validation', 'warm_start', 'protocol', 'overrides', 'seed', 'committee', 'max_concurrent',
    'code', 'options',
}  # fmt: skip
NEEDED = {'datasets', 'code'}


def load_datasets(given: dict[str, Any], port: str) -> dict[str, DatasetData]:
    nodes = {name: orm.load_node(identifier) for name, identifier in given.items()}
    for name, node in nodes.items():
        if not isinstance(node, DatasetData):
            raise ValueError(f'{port}.{name}: node {given[name]} is {type(node).__name__}, expected a dataset')
    return nodes


def builder(path: Path) -> ProcessBuilder:
    inputs = read_inputs(path, KEYS, NEEDED, 'datasets: {start: 42}')
    if not isinstance(inputs['datasets'], dict) or not inputs['datasets']:
        raise ValueError('datasets: name at least one, such as {start: 42} with the PK of a dataset')
    datasets = load_datasets(inputs.pop('datasets'), 'datasets')
    for port in ('test', 'validation'):
        if port in inputs:
            inputs[port] = load_datasets(inputs[port], port)
    if 'warm_start' in inputs:
        outputs = orm.load_node(inputs['warm_start']).outputs
        if 'frozen' not in outputs:
            raise ValueError(f'warm_start: node {inputs["warm_start"]} is no training with models')
        inputs['warm_start'] = dict(outputs.frozen.items())
    code = orm.load_code(inputs.pop('code'))
    return TrainWorkChain.get_builder_from_protocol(code, datasets, **inputs)


if __name__ == '__main__':
    main(builder, 'Train a committee of models.')

"""Compare short glasses of a committee: run or submit StructureGateWorkChain with the inputs of a YAML file.

verdi run workchains/structure_gate/launch.py [FILE] [--submit]

Without --submit it runs here, in the foreground; with it the daemon takes it up, and `glassion watch PK` shows it.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import ase.io
import yaml
from aiida import orm
from aiida.common.exceptions import NotExistent
from aiida.engine import ProcessBuilder, run_get_node, submit

from aiida_glassion.data.frames import FramesData
from aiida_glassion.workchains.structure_gate import StructureGateWorkChain

INPUTS = Path(__file__).with_name('inputs.yaml')
KEYS = {
    'configurations', 'training', 'members', 'reference', 'protocol', 'overrides', 'seed', 'max_concurrent', 'code',
    'options',
}  # fmt: skip
NEEDED = {'configurations', 'training', 'code'}


def read(path: Path) -> dict[str, Any]:
    inputs = yaml.safe_load(path.read_text(encoding='utf-8'))
    if not isinstance(inputs, dict):
        raise ValueError(f'{path}: expected settings by name, such as training: 42')
    unknown = set(inputs) - KEYS
    missing = sorted(key for key in NEEDED if not inputs.get(key))
    if unknown:
        raise ValueError(f'{path}: unknown {", ".join(sorted(unknown))}; known are {", ".join(sorted(KEYS))}')
    if missing:
        raise ValueError(f'{path}: {", ".join(missing)} missing; see {INPUTS}')
    return inputs


def configurations(where: str | int, folder: Path) -> orm.Data:
    if isinstance(where, int):
        return orm.load_node(where)
    return FramesData.from_ase(ase.io.read(folder / where, index=':'))


def models(training: int) -> dict[str, orm.Data]:
    outputs = orm.load_node(training).outputs
    if 'potentials' not in outputs:
        raise ValueError(f'training: node {training} is no training with models')
    return dict(outputs.potentials)


def builder(path: Path) -> ProcessBuilder:
    inputs = read(path)
    starts = {name: configurations(where, path.parent) for name, where in inputs.pop('configurations').items()}
    potentials = models(inputs.pop('training'))
    members = dict(sorted(potentials.items())[: inputs.pop('members', 2)])
    reference = {
        name: configurations(where, path.parent) for name, where in (inputs.pop('reference', None) or {}).items()
    }
    code = orm.load_code(inputs.pop('code'))
    return StructureGateWorkChain.get_builder_from_protocol(code, starts, members, reference=reference, **inputs)


def main() -> None:
    parser = argparse.ArgumentParser(description='Compare short glasses of a committee.')
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

"""Make a glass: run or submit MeltQuenchWorkChain with the inputs of a YAML file.

verdi run workchains/melt_quench/launch.py [FILE] [--submit]

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

from aiida_glassion.data.potential import PotentialData
from aiida_glassion.kernels.build.composition import parse_composition
from aiida_glassion.workchains.melt_quench import MeltQuenchWorkChain

INPUTS = Path(__file__).with_name('inputs.yaml')
KEYS = {
    'composition', 'potential', 'protocol', 'overrides', 'seed', 'max_concurrent', 'density', 'oxidation_states',
    'code', 'packmol', 'options',
}  # fmt: skip


NEEDED = {'composition', 'potential', 'code', 'packmol'}


def read(path: Path) -> dict[str, Any]:
    inputs = yaml.safe_load(path.read_text(encoding='utf-8'))
    if not isinstance(inputs, dict):
        raise ValueError(f'{path}: expected settings by name, such as composition: 20Na2O-80SiO2')
    unknown, missing = set(inputs) - KEYS, NEEDED - set(inputs)
    if unknown:
        raise ValueError(f'{path}: unknown {", ".join(sorted(unknown))}; known are {", ".join(sorted(KEYS))}')
    if missing:
        raise ValueError(f'{path}: {", ".join(sorted(missing))} missing; see {INPUTS}')
    if not isinstance(inputs['potential'], dict) or not {'name', 'file'} & set(inputs['potential']):
        raise ValueError(f'{path}: potential: give a published one by `name`, or your own by `file`')
    return inputs


def potential(choice: dict[str, Any], composition: Any, folder: Path) -> PotentialData:
    if 'file' in choice:
        return PotentialData.from_file(folder / choice['file'])
    options = {key: value for key, value in choice.items() if key != 'name'}
    elements = list(parse_composition(composition).elements)
    return PotentialData.from_library(choice['name'], elements=elements, **options)


def builder(path: Path) -> ProcessBuilder:
    inputs = read(path)
    chosen = potential(inputs.pop('potential'), inputs['composition'], path.parent)
    code, packmol = orm.load_code(inputs.pop('code')), orm.load_code(inputs.pop('packmol'))
    return MeltQuenchWorkChain.get_builder_from_protocol(code, packmol, chosen, inputs.pop('composition'), **inputs)


def main() -> None:
    parser = argparse.ArgumentParser(description='Make a glass.')
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

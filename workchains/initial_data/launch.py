"""Structures to begin with: run or submit InitialDataWorkChain with the inputs of a YAML file.

verdi run workchains/initial_data/launch.py [FILE] [--submit]

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

from aiida_glassion.data.frames import FramesData
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.formats.crystal import read_crystals
from aiida_glassion.workchains.initial_data import InitialDataWorkChain

INPUTS = Path(__file__).with_name('inputs.yaml')
CODES = ('code', 'packmol', 'dft_code')
KEYS = {
    'crystals', 'mixtures', 'protocol', 'overrides', 'seed', 'max_concurrent', 'potential', 'options', 'dft_protocol',
    'dft_overrides', 'dft_options', *CODES,
}  # fmt: skip


def read(path: Path) -> dict[str, Any]:
    inputs = yaml.safe_load(path.read_text(encoding='utf-8'))
    if not isinstance(inputs, dict):
        raise ValueError(f'{path}: expected settings by name, such as crystals: {{quartz: quartz.cif}}')
    unknown = set(inputs) - KEYS
    if unknown:
        raise ValueError(f'{path}: unknown {", ".join(sorted(unknown))}; known are {", ".join(sorted(KEYS))}')
    if not inputs.get('crystals') and not inputs.get('mixtures'):
        raise ValueError(f'{path}: crystals and mixtures are both missing; give one of them; see {INPUTS}')
    return inputs


def crystal(where: str | int, folder: Path) -> orm.Data:
    if isinstance(where, int):
        return orm.load_node(where)
    found = read_crystals(folder / where)
    if len(found) > 1:
        raise ValueError(f'{where} holds {len(found)} structures; give one file for each')
    return FramesData(frames=found[0].frames)


def potential(choice: dict[str, Any], folder: Path) -> PotentialData:
    if 'file' in choice:
        return PotentialData.from_file(folder / choice['file'])
    options = {key: value for key, value in choice.items() if key != 'name'}
    return PotentialData.from_library(choice['name'], **options)


def builder(path: Path) -> ProcessBuilder:
    inputs = read(path)
    crystals = {name: crystal(where, path.parent) for name, where in (inputs.pop('crystals', None) or {}).items()}
    for name in CODES:
        if inputs.get(name):
            inputs[name] = orm.load_code(inputs[name])
    if inputs.get('potential'):
        inputs['potential'] = potential(inputs['potential'], path.parent)
    return InitialDataWorkChain.get_builder_from_protocol(crystals, inputs.pop('mixtures', None), **inputs)


def main() -> None:
    parser = argparse.ArgumentParser(description='Make structures to begin with.')
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

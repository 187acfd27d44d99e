"""Label frames: run or submit LabelWorkChain with the inputs of a YAML file.

verdi run workchains/label/launch.py [FILE] [--submit]

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
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.workchains.label import LabelWorkChain

INPUTS = Path(__file__).with_name('inputs.yaml')
KEYS = {
    'frames', 'engine', 'code', 'potential', 'pseudo_family', 'protocol', 'overrides', 'gate', 'settings', 'known',
    'max_concurrent', 'tolerated_failures', 'options',
}  # fmt: skip
NEEDED = {'frames', 'engine', 'code'}


def read(path: Path) -> dict[str, Any]:
    inputs = yaml.safe_load(path.read_text(encoding='utf-8'))
    if not isinstance(inputs, dict):
        raise ValueError(f'{path}: expected settings by name, such as engine: lammps')
    unknown, missing = set(inputs) - KEYS, NEEDED - set(inputs)
    if unknown:
        raise ValueError(f'{path}: unknown {", ".join(sorted(unknown))}; known are {", ".join(sorted(KEYS))}')
    if missing:
        raise ValueError(f'{path}: {", ".join(sorted(missing))} missing; see {INPUTS}')
    return inputs


def configurations(where: str | int, folder: Path) -> orm.Data:
    if isinstance(where, int):
        return orm.load_node(where)
    return FramesData.from_ase(ase.io.read(folder / where, index=':'))


def potential(choice: dict[str, Any], folder: Path) -> PotentialData:
    if 'file' in choice:
        return PotentialData.from_file(folder / choice['file'])
    options = {key: value for key, value in choice.items() if key != 'name'}
    return PotentialData.from_library(choice['name'], **options)


def builder(path: Path) -> ProcessBuilder:
    inputs = read(path)
    frames = {name: configurations(where, path.parent) for name, where in inputs.pop('frames').items()}
    engine, code = inputs.pop('engine'), orm.load_code(inputs.pop('code'))
    known = {f'dataset_{pk}': orm.load_node(pk) for pk in inputs.pop('known', None) or []}
    chosen = inputs.pop('potential', None)
    if engine == 'lammps' and chosen:
        inputs['potential'] = potential(chosen, path.parent)
    if engine in ('quantumespresso', 'vasp'):
        inputs['elements'] = sorted({symbol for node in frames.values() for symbol in elements_of(node)})
    return LabelWorkChain.get_builder_from_protocol(engine, code, frames, known=known, **inputs)


def elements_of(node: orm.Data) -> list[str]:
    if isinstance(node, orm.StructureData):
        return sorted(node.get_symbols_set())
    return sorted(set(node.symbols))


def main() -> None:
    parser = argparse.ArgumentParser(description='Label frames.')
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

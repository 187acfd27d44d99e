"""What the scripts ``workchains/*/launch.py`` share: their YAML file, nodes named in it, and running or submitting."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import ase.io
import yaml
from aiida import orm
from aiida.common.exceptions import NotExistent
from aiida.engine import ProcessBuilder, run_get_node, submit
from click import ClickException

from aiida_glassion.data.frames import FramesData
from aiida_glassion.data.potential import PotentialData


def main(builder: Callable[[Path], ProcessBuilder], purpose: str, inputs: str = 'inputs.yaml') -> None:
    """Run or submit what a script builds from the file on its command line, and exit with the status of the process.

    :param builder: of the script; its argument is the file of inputs.
    :param purpose: what the script does, in a sentence.
    :param inputs: name of the file beside the script that is read where none is given.
    """
    beside = Path(inspect.getfile(builder)).resolve().with_name(inputs)
    parser = argparse.ArgumentParser(description=purpose)
    parser.add_argument('file', nargs='?', type=Path, default=beside, help='inputs; default: %(default)s')
    parser.add_argument('--submit', action='store_true', help='leave it to the daemon')
    arguments = parser.parse_args()
    try:
        prepared = builder(arguments.file)
    except ClickException as error:
        raise SystemExit(error.message) from None
    except (OSError, ValueError, yaml.YAMLError, NotExistent) as error:
        raise SystemExit(f'{arguments.file}: {error}') from None
    if arguments.submit:
        node = submit(prepared)
        print(f'submitted: {node.pk}; watch it with: glassion watch {node.pk}')
        return
    node = run_get_node(prepared).node
    print(f'exit status {node.exit_status}; see: glassion show {node.pk}')
    raise SystemExit(0 if node.is_finished_ok else 1)


def read_inputs(path: Path, known: Collection[str], needed: Collection[str], example: str) -> dict[str, Any]:
    """Settings of a YAML file, by name.

    :param known: names that may be there; ``needed``: those that must have a value.
    :param example: of one setting, for who wrote something else.
    :raises ValueError: it has no settings, an unknown one, or lacks one.
    """
    inputs = yaml.safe_load(path.read_text(encoding='utf-8'))
    if not isinstance(inputs, dict):
        raise ValueError(f'expected settings by name, such as {example}')
    unknown = sorted(set(inputs) - set(known))
    missing = sorted(name for name in needed if inputs.get(name) is None)
    if unknown:
        raise ValueError(f'unknown {", ".join(unknown)}; known are {", ".join(sorted(known))}')
    if missing:
        raise ValueError(f'{", ".join(missing)} missing; the file of inputs beside the script shows all')
    return inputs


def configurations(where: str | int, folder: Path) -> orm.Data:
    """Node by its PK, or every frame of a file.

    :param folder: in which a file's name is looked up.
    """
    if isinstance(where, int):
        return orm.load_node(where)
    return FramesData.from_ase(ase.io.read(folder / where, index=':'))


def potential(choice: Mapping[str, Any], folder: Path, elements: Collection[str] | None = None) -> PotentialData:
    """Potential by ``pk``, from a ``file``, or published by ``name`` with its options.

    :param folder: in which a file's name is looked up.
    :param elements: those that a published one is taken for; None: all that it has.
    :raises ValueError: neither is given, or the node is no potential.
    """
    if not isinstance(choice, Mapping) or not {'name', 'file', 'pk'} & set(choice):
        raise ValueError('potential: give a published one by `name`, your own by `file`, or a node by `pk`')
    if 'pk' in choice:
        node = orm.load_node(choice['pk'])
        if not isinstance(node, PotentialData):
            raise ValueError(f'potential: node {choice["pk"]} is {type(node).__name__}, no potential')
        return node
    if 'file' in choice:
        return PotentialData.from_file(folder / choice['file'])
    options = {key: value for key, value in choice.items() if key != 'name'}
    given = {} if elements is None else {'elements': list(elements)}
    return PotentialData.from_library(choice['name'], **given, **options)


def models(training: int) -> dict[str, orm.Data]:
    """Models that a training handed out, by name.

    :raises ValueError: it is no training with models.
    """
    outputs = orm.load_node(training).outputs
    if 'potentials' not in outputs:
        raise ValueError(f'training: node {training} is no training with models')
    return dict(sorted(outputs.potentials.items()))

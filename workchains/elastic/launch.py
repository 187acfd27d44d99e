"""How stiff glasses are, relaxed and at temperatures: run or submit ElasticWorkChain with the inputs of a YAML file.

verdi run workchains/elastic/launch.py [FILE] [--submit]

Without --submit it runs here, in the foreground; with it the daemon takes it up, and `glassion watch PK` shows it.
`glassion launch elastic GLASS --dry-run` says first what it would do.
"""

from __future__ import annotations

from pathlib import Path

from aiida import orm
from aiida.engine import ProcessBuilder

from aiida_glassion.cli.launch_script import main, potential, read_inputs
from aiida_glassion.data.frames import FramesData, as_frames
from aiida_glassion.workchains.elastic import ElasticWorkChain

KEYS = {
    'glasses', 'potential', 'temperatures', 'protocol', 'overrides', 'seed', 'max_concurrent', 'code', 'options',
}  # fmt: skip
NEEDED = {'glasses', 'potential', 'code'}


def glass(where: str | int, folder: Path) -> orm.Data:
    if isinstance(where, int):
        return orm.load_node(where)
    import ase.io

    return FramesData.from_ase(ase.io.read(folder / where))


def builder(path: Path) -> ProcessBuilder:
    inputs = read_inputs(path, KEYS, NEEDED, 'glasses: {dense: dense.extxyz}')
    glasses = {name: glass(where, path.parent) for name, where in inputs.pop('glasses').items()}
    elements = sorted({element for node in glasses.values() for element in as_frames(node).counts})
    chosen = potential(inputs.pop('potential'), path.parent, elements)
    return ElasticWorkChain.get_builder_from_protocol(orm.load_code(inputs.pop('code')), chosen, glasses, **inputs)


if __name__ == '__main__':
    main(builder, 'Find elastic constants.')

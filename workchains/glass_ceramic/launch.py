"""A crystal in a glass: run or submit GlassCeramicWorkChain with the inputs of a YAML file.

verdi run workchains/glass_ceramic/launch.py [FILE] [--submit]

Without --submit it runs here, in the foreground; with it the daemon takes it up, and `glassion watch PK` shows it.
`glassion launch glass-ceramic GLASS CRYSTAL --dry-run` says first what it would do.
"""

from __future__ import annotations

from pathlib import Path

from aiida import orm
from aiida.engine import ProcessBuilder

from aiida_glassion.cli.launch_script import main, potential, read_inputs
from aiida_glassion.data.frames import FramesData, as_frames
from aiida_glassion.formats.crystal import read_crystals
from aiida_glassion.workchains.glass_ceramic import GlassCeramicWorkChain

KEYS = {'glass', 'crystal', 'potential', 'protocol', 'overrides', 'charges', 'seed', 'code', 'options'}
NEEDED = {'glass', 'crystal', 'potential', 'code'}


def structure(where: str | int, folder: Path) -> orm.Data:
    if isinstance(where, int):
        return orm.load_node(where)
    return FramesData(frames=read_crystals(folder / where)[-1].frames)


def builder(path: Path) -> ProcessBuilder:
    inputs = read_inputs(path, KEYS, NEEDED, 'glass: glass.extxyz')
    glass, crystal = (structure(inputs.pop(name), path.parent) for name in ('glass', 'crystal'))
    elements = sorted({*as_frames(glass).elements, *as_frames(crystal).elements})
    chosen = potential(inputs.pop('potential'), path.parent, elements)
    code = orm.load_code(inputs.pop('code'))
    return GlassCeramicWorkChain.get_builder_from_protocol(code, chosen, glass, crystal, **inputs)


if __name__ == '__main__':
    main(builder, 'Put a crystal into a glass.')

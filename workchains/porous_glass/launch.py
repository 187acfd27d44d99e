"""Pores in a glass: run or submit PorousGlassWorkChain with the inputs of a YAML file.

verdi run workchains/porous_glass/launch.py [FILE] [--submit]

Without --submit it runs here, in the foreground; with it the daemon takes it up, and `glassion watch PK` shows it.
`glassion launch porous-glass GLASS --dry-run` says first what it would cut.
"""

from __future__ import annotations

from pathlib import Path

from aiida import orm
from aiida.engine import ProcessBuilder

from aiida_glassion.cli.launch_script import configurations, main, potential, read_inputs
from aiida_glassion.data.frames import as_frames
from aiida_glassion.workchains.porous_glass import PorousGlassWorkChain

KEYS = {'glass', 'potential', 'protocol', 'overrides', 'charges', 'seed', 'code', 'options'}
NEEDED = {'glass', 'potential', 'code'}


def builder(path: Path) -> ProcessBuilder:
    inputs = read_inputs(path, KEYS, NEEDED, 'glass: glass.extxyz')
    glass = configurations(inputs.pop('glass'), path.parent)
    elements = sorted(as_frames(glass).counts)
    chosen = potential(inputs.pop('potential'), path.parent, elements)
    return PorousGlassWorkChain.get_builder_from_protocol(orm.load_code(inputs.pop('code')), chosen, glass, **inputs)


if __name__ == '__main__':
    main(builder, 'Cut pores into a glass and relax it.')

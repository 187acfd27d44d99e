"""Make a glass: run or submit MeltQuenchWorkChain with the inputs of a YAML file.

verdi run workchains/melt_quench/launch.py [FILE] [--submit]

Without --submit it runs here, in the foreground; with it the daemon takes it up, and `glassion watch PK` shows it.
"""

from __future__ import annotations

from pathlib import Path

from aiida import orm
from aiida.engine import ProcessBuilder

from aiida_glassion.cli.launch_script import main, potential, read_inputs
from aiida_glassion.kernels.build.composition import parse_composition
from aiida_glassion.workchains.melt_quench import MeltQuenchWorkChain

KEYS = {
    'composition', 'potential', 'protocol', 'overrides', 'seed', 'max_concurrent', 'density', 'oxidation_states',
    'code', 'packmol', 'options',
}  # fmt: skip
NEEDED = {'composition', 'potential', 'code', 'packmol'}


def builder(path: Path) -> ProcessBuilder:
    inputs = read_inputs(path, KEYS, NEEDED, 'composition: 20Na2O-80SiO2')
    elements = parse_composition(inputs['composition']).elements
    chosen = potential(inputs.pop('potential'), path.parent, elements)
    code, packmol = orm.load_code(inputs.pop('code')), orm.load_code(inputs.pop('packmol'))
    return MeltQuenchWorkChain.get_builder_from_protocol(code, packmol, chosen, inputs.pop('composition'), **inputs)


if __name__ == '__main__':
    main(builder, 'Make a glass.')

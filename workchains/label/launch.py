"""Label frames: run or submit LabelWorkChain with the inputs of a YAML file.

verdi run workchains/label/launch.py [FILE] [--submit]

Without --submit it runs here, in the foreground; with it the daemon takes it up, and `glassion watch PK` shows it.
"""

from __future__ import annotations

from pathlib import Path

from aiida import orm
from aiida.engine import ProcessBuilder

from aiida_glassion.cli.launch_script import configurations, main, potential, read_inputs
from aiida_glassion.workchains.label import LabelWorkChain

KEYS = {
    'frames', 'engine', 'code', 'potential', 'pseudo_family', 'protocol', 'overrides', 'gate', 'settings', 'known',
    'max_concurrent', 'tolerated_failures', 'options',
}  # fmt: skip
NEEDED = {'frames', 'engine', 'code'}


def builder(path: Path) -> ProcessBuilder:
    inputs = read_inputs(path, KEYS, NEEDED, 'engine: lammps')
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


if __name__ == '__main__':
    main(builder, 'Label frames.')

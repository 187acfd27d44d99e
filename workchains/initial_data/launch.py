"""Structures to begin with: run or submit InitialDataWorkChain with the inputs of a YAML file.

verdi run workchains/initial_data/launch.py [FILE] [--submit]

Without --submit it runs here, in the foreground; with it the daemon takes it up, and `glassion watch PK` shows it.
"""

from __future__ import annotations

from pathlib import Path

from aiida import orm
from aiida.engine import ProcessBuilder

from aiida_glassion.cli.launch_script import main, potential, read_inputs
from aiida_glassion.data.frames import FramesData
from aiida_glassion.formats.crystal import read_crystals
from aiida_glassion.workchains.initial_data import InitialDataWorkChain

CODES = ('code', 'packmol', 'dft_code')
KEYS = {
    'crystals', 'mixtures', 'protocol', 'overrides', 'seed', 'max_concurrent', 'potential', 'options', 'dft_protocol',
    'dft_overrides', 'dft_options', *CODES,
}  # fmt: skip


def crystal(where: str | int, folder: Path) -> orm.Data:
    if isinstance(where, int):
        return orm.load_node(where)
    found = read_crystals(folder / where)
    if len(found) > 1:
        raise ValueError(f'{where} holds {len(found)} structures; give one file for each')
    return FramesData(frames=found[0].frames)


def builder(path: Path) -> ProcessBuilder:
    inputs = read_inputs(path, KEYS, (), 'crystals: {quartz: quartz.cif}')
    if not inputs.get('crystals') and not inputs.get('mixtures'):
        raise ValueError('crystals and mixtures are both missing; give one of them')
    crystals = {name: crystal(where, path.parent) for name, where in (inputs.pop('crystals', None) or {}).items()}
    for name in CODES:
        if inputs.get(name):
            inputs[name] = orm.load_code(inputs[name])
    if inputs.get('potential'):
        inputs['potential'] = potential(inputs['potential'], path.parent)
    return InitialDataWorkChain.get_builder_from_protocol(crystals, inputs.pop('mixtures', None), **inputs)


if __name__ == '__main__':
    main(builder, 'Make structures to begin with.')

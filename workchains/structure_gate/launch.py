"""Compare short glasses of a committee: run or submit StructureGateWorkChain with the inputs of a YAML file.

verdi run workchains/structure_gate/launch.py [FILE] [--submit]

Without --submit it runs here, in the foreground; with it the daemon takes it up, and `glassion watch PK` shows it.
"""

from __future__ import annotations

from pathlib import Path

from aiida import orm
from aiida.engine import ProcessBuilder

from aiida_glassion.cli.launch_script import configurations, main, models, read_inputs
from aiida_glassion.workchains.structure_gate import StructureGateWorkChain

KEYS = {
    'configurations', 'training', 'members', 'reference', 'protocol', 'overrides', 'seed', 'max_concurrent', 'code',
    'options',
}  # fmt: skip
NEEDED = {'configurations', 'training', 'code'}


def builder(path: Path) -> ProcessBuilder:
    inputs = read_inputs(path, KEYS, NEEDED, 'training: 42')
    starts = {name: configurations(where, path.parent) for name, where in inputs.pop('configurations').items()}
    members = dict(list(models(inputs.pop('training')).items())[: inputs.pop('members', 2)])
    reference = {
        name: configurations(where, path.parent) for name, where in (inputs.pop('reference', None) or {}).items()
    }
    code = orm.load_code(inputs.pop('code'))
    return StructureGateWorkChain.get_builder_from_protocol(code, starts, members, reference=reference, **inputs)


if __name__ == '__main__':
    main(builder, 'Compare short glasses of a committee.')

"""Run where a committee may not be at home: run or submit ExploreWorkChain with the inputs of a YAML file.

verdi run workchains/explore/launch.py [FILE] [--submit]

Without --submit it runs here, in the foreground; with it the daemon takes it up, and `glassion watch PK` shows it.
"""

from __future__ import annotations

from pathlib import Path

from aiida import orm
from aiida.engine import ProcessBuilder

from aiida_glassion.cli.launch_script import configurations, main, models, read_inputs
from aiida_glassion.workchains.explore import ExploreWorkChain

KEYS = {
    'configurations', 'training', 'stage', 'protocol', 'overrides', 'levels', 'round', 'seed', 'max_concurrent',
    'tolerated_failures', 'code', 'options',
}  # fmt: skip
NEEDED = {'configurations', 'training', 'stage', 'levels', 'code'}


def builder(path: Path) -> ProcessBuilder:
    inputs = read_inputs(path, KEYS, NEEDED, 'training: 42')
    starts = {name: configurations(where, path.parent) for name, where in inputs.pop('configurations').items()}
    potentials = models(inputs.pop('training'))
    code, stage, levels = orm.load_code(inputs.pop('code')), inputs.pop('stage'), inputs.pop('levels')
    return ExploreWorkChain.get_builder_from_protocol(code, starts, potentials, stage, levels, **inputs)


if __name__ == '__main__':
    main(builder, 'Explore with a committee.')

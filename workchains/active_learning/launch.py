"""Learn a potential: run or submit ActiveLearningWorkChain with the study of a YAML file.

verdi run workchains/active_learning/launch.py [FILE] [--submit]

Without --submit it runs here, in the foreground; with it the daemon takes it up, and `glassion watch PK` shows it.
`glassion launch active-learning FILE --dry-run` says first what it would do.
"""

from __future__ import annotations

from pathlib import Path

from aiida.engine import ProcessBuilder

from aiida_glassion.cli.launch_script import main
from aiida_glassion.cli.study_builder import assemble


def builder(path: Path) -> ProcessBuilder:
    return assemble(path).builder


if __name__ == '__main__':
    main(builder, 'Learn a potential.', 'teacher.yaml')

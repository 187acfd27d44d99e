"""Learn a potential: run or submit ActiveLearningWorkChain with the study of a YAML file.

verdi run workchains/active_learning/launch.py [FILE] [--submit]

Without --submit it runs here, in the foreground; with it the daemon takes it up, and `glassion watch PK` shows it.
`glassion launch active-learning FILE --dry-run` says first what it would do.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from aiida.engine import ProcessBuilder, run_get_node, submit
from click import ClickException

from aiida_glassion.cli.study_builder import assemble

INPUTS = Path(__file__).with_name('teacher.yaml')


def builder(path: Path) -> ProcessBuilder:
    return assemble(path).builder


def main() -> None:
    parser = argparse.ArgumentParser(description='Learn a potential.')
    parser.add_argument('file', nargs='?', type=Path, default=INPUTS, help='study; default: %(default)s')
    parser.add_argument('--submit', action='store_true', help='leave it to the daemon')
    arguments = parser.parse_args()
    try:
        prepared = builder(arguments.file)
    except ClickException as error:
        raise SystemExit(error.message) from None
    if arguments.submit:
        node = submit(prepared)
        print(f'submitted: {node.pk}; watch it with: glassion watch {node.pk}')
        return
    node = run_get_node(prepared).node
    print(f'exit status {node.exit_status}; see: glassion show {node.pk}')
    raise SystemExit(0 if node.is_finished_ok else 1)


if __name__ == '__main__':
    main()

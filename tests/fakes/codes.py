"""The stand-ins as AiiDA codes, for tests and for benchmarks."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

PLUGINS = {'dp': 'glassion.deepmd.train', 'lmp': 'glassion.md', 'label': 'glassion.label.ase'}


def fake_code_inputs(kind: str, **environment: object) -> dict[str, Any]:
    """Keyword arguments of an InstalledCode, all but its label and computer.

    :param kind: dp, lmp or label.
    :param environment: variables that steer it, see README.md.
    """
    variables = {'FAKE_PYTHON': sys.executable, 'OMP_NUM_THREADS': 1, **environment}
    return {
        'default_calc_job_plugin': PLUGINS[kind],
        'filepath_executable': str(Path(__file__).parent / kind),
        'prepend_text': '\n'.join(f"export {name}='{value}'" for name, value in variables.items()),
        'with_mpi': kind == 'lmp',  # the mpirun of its computer may be `env`
    }

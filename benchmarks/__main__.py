"""Run every benchmark, one after the other: ``python -m benchmarks``; modules without a main program are left out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent

for script in sorted(HERE.glob('[!_]*.py')):
    if "__name__ == '__main__'" not in script.read_text(encoding='utf-8'):
        continue
    print(f'== {script.name}', flush=True)
    command = [sys.executable, '-m', f'benchmarks.{script.stem}', *sys.argv[1:]]
    subprocess.run(command, cwd=HERE.parent, check=True)

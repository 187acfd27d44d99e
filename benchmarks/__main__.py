"""Run every benchmark, one after the other: ``python -m benchmarks``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

for script in sorted(Path(__file__).parent.glob('[!_]*.py')):
    print(f'== {script.name}', flush=True)
    subprocess.run([sys.executable, str(script), *sys.argv[1:]], check=True)

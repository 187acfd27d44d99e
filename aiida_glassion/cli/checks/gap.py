"""QUIP: gap_fit fits a curve through six dimers of argon, and the Python beside it has quippy to run the result."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from aiida_glassion.cli.checks import Finding, Machine, check, remote
from aiida_glassion.cli.engines import Program, find
from aiida_glassion.formats.gap import GAP_FILE, TRAINING_FILE, read_label, read_parameters, write_config, write_frames
from aiida_glassion.frames import Frames

PLUGIN = 'glassion.gap.train'
INSTALL = 'pip install quippy-ase'
MEND = 'glassion setup --gap-fit PATH'
_VERSION = re.compile(r'git version\s+\S+?,v?(\S+)')
_ASK = """
import quippy
from importlib import metadata
print(metadata.version('quippy-ase'))
"""
_PARAMETERS = {
    'e0': {'Ar': 0.0},
    'sigma': {'energy': 0.001, 'force': 0.01, 'virial': 0.1},
    'descriptors': [{'kind': 'distance_2b', 'cutoff': 6.0, 'n_sparse': 4, 'delta': 0.1}],
}


@check('gap_fit', order=160)
def gap(machine: Machine) -> Iterator[Finding]:
    """Every gap_fit of the profile, or the one on this machine where the profile has none."""
    codes = machine.codes(PLUGIN)
    if not codes:
        path = find('gap_fit')
        if path is None:
            yield Finding('gap_fit', 'skipped', 'not found; not needed until you fit a GAP', INSTALL)
            return
        codes = [('gap_fit', Program(path))]
    for label, program in codes:
        yield remote(label) if program is None else examine(label, program)


def examine(label: str, program: Program) -> Finding:
    """Fit a pair potential to six dimers; see whether its Python can run dynamics."""
    if not program.path.is_file():
        return Finding(label, 'failed', f'{program.path} no longer exists', MEND)
    with tempfile.TemporaryDirectory(prefix='glassion-doctor-') as name:
        directory = Path(name)
        with open(directory / TRAINING_FILE, 'w', encoding='utf-8') as handle:
            write_frames(handle, [_dimers()])
        fit = read_parameters(_PARAMETERS, ['Ar'])
        (directory / 'gap_fit.in').write_text(write_config(fit, ['Ar'], 1), encoding='utf-8')
        try:
            answer = program.run(['config_file=gap_fit.in'], directory, timeout=60)
            read_label((directory / GAP_FILE).read_bytes())
        except subprocess.TimeoutExpired:
            return Finding(label, 'failed', f'{program.path}: a tiny fit took more than a minute', MEND)
        except (OSError, ValueError):
            said = [line.strip() for line in (answer.stderr + answer.stdout).splitlines() if line.strip()]
            return Finding(label, 'failed', f'{program.path} made no potential: {(said or ["no output"])[-1]}', MEND)
    version = _VERSION.search(answer.stdout)
    seen = f'QUIP {version[1] if version else "of unknown version"}: a pair potential was fitted'
    quippy = _quippy(program.path)
    if quippy is None:
        no_md = 'the Python beside it has no quippy, so no errors and no dynamics by glassion.gap.md'
        return Finding(label, 'warning', f'{seen}; {no_md}', f'{program.path.parent}/pip install quippy-ase')
    return Finding(label, 'ok', f'{seen}; quippy {quippy} beside it')


def _dimers() -> Frames:
    """Six dimers of argon with Lennard-Jones energies and forces, eV and eV/Å."""
    r = np.linspace(3.4, 5.4, 6)
    positions = np.zeros((6, 2, 3))
    positions[:, 1, 0] = r
    six = (3.4 / r) ** 6
    forces = np.zeros((6, 2, 3))
    forces[:, 1, 0] = 4 * 0.0104 * (12 * six**2 - 6 * six) / r
    forces[:, 0] = -forces[:, 1]
    cells = np.repeat(20 * np.eye(3)[None], 6, axis=0)
    return Frames(('Ar', 'Ar'), positions, cells, energies=4 * 0.0104 * (six**2 - six), forces=forces)


def _quippy(gap_fit: Path) -> str | None:
    """Version of quippy in the Python of gap_fit's environment."""
    python = gap_fit.parent / 'python'
    if not python.is_file():
        return None
    try:
        answer = subprocess.run([python, '-c', _ASK], capture_output=True, text=True, check=False, timeout=60)
    except subprocess.TimeoutExpired:
        return None
    return answer.stdout.strip().splitlines()[-1] if answer.returncode == 0 and answer.stdout.strip() else None

"""Packmol: twenty atoms in a small periodic box, none closer than asked."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import combinations
from math import dist
from pathlib import Path

from aiida_glassion.cli.checks import Finding, Machine, check, remote
from aiida_glassion.cli.checks.lammps import MEND
from aiida_glassion.cli.engines import Program, find_packmol

_LENGTH = 12.0
_TOLERANCE = 2.0
_INPUT = f"""
seed 1
tolerance {_TOLERANCE}
filetype xyz
output packed.xyz
pbc {_LENGTH} {_LENGTH} {_LENGTH}
structure Na.xyz
  number 10
end structure
structure Cl.xyz
  number 10
end structure
"""


@check('packmol', order=110)
def packmol(machine: Machine) -> Iterator[Finding]:
    """Every ``packmol`` of the profile, or the one on this machine where the profile has none."""
    codes = machine.codes('glassion.packmol')
    if not codes:
        found = find_packmol()
        if found is None:
            yield Finding('packmol', 'failed', 'not found beside this Python or on PATH', MEND)
            return
        codes = [('packmol', found)]
    for label, program in codes:
        yield remote(label) if program is None else _pack(label, program)


def _pack(label: str, program: Program) -> Finding:
    if not program.path.is_file():
        return Finding(label, 'failed', f'{program.path} no longer exists', MEND)
    with tempfile.TemporaryDirectory(prefix='glassion-doctor-') as name:
        directory = Path(name)
        for element in ('Na', 'Cl'):
            (directory / f'{element}.xyz').write_text(f'1\n\n{element} 0.0 0.0 0.0\n')
        (directory / 'packmol.inp').write_text(_INPUT)
        answer = program.run([], directory, stdin=directory / 'packmol.inp')
        packed = directory / 'packed.xyz'
        lines = packed.read_text().splitlines()[2:] if packed.is_file() else []
    if answer.returncode or not lines:
        said = [text for text in (answer.stdout + answer.stderr).splitlines() if 'ERROR' in text or 'rror' in text]
        return Finding(label, 'failed', f'{program.path}: {(said or ["no output"])[0].strip()}', MEND)
    points = [tuple(float(number) for number in text.split()[1:4]) for text in lines]
    nearest = min(_periodic(first, second) for first, second in combinations(points, 2))
    if len(points) != 20 or nearest < 0.98 * _TOLERANCE:
        return Finding(label, 'failed', f'{len(points)} of 20 atoms, the nearest two {nearest:.2f} Å apart', MEND)
    return Finding(label, 'ok', f'20 atoms packed in a periodic box, none closer than {nearest:.2f} Å')


def _periodic(first: tuple[float, ...], second: tuple[float, ...]) -> float:
    """Distance to the nearest image, Å."""
    apart = [(a - b) - _LENGTH * round((a - b) / _LENGTH) for a, b in zip(first, second, strict=True)]
    return dist(apart, (0.0, 0.0, 0.0))

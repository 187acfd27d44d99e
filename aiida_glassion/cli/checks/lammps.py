"""LAMMPS: ten steps of a small MgO crystal with every pair style that the shipped potentials need, and with MPI.

Parameters: Pedone et al., J. Phys. Chem. B 110, 11780 (2006), and Du and Cormack (see ``glassion.potential``).
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from aiida_glassion.cli.checks import Finding, Machine, check, remote
from aiida_glassion.cli.engines import Program, find_lammps, mpirun_candidates, mpirun_command

MEND = 'pip install "aiida-glassion[engines]" && glassion setup'

_CRYSTAL = """
units metal
atom_style charge
lattice custom 4.21 a1 1 0 0 a2 0 1 0 a3 0 0 1 &
  basis 0 0 0 basis 0.5 0.5 0 basis 0.5 0 0.5 basis 0 0.5 0.5 &
  basis 0.5 0 0 basis 0 0.5 0 basis 0 0 0.5 basis 0.5 0.5 0.5
region cell block 0 2 0 2 0 2
create_box 2 cell
create_atoms 1 region cell basis 5 2 basis 6 2 basis 7 2 basis 8 2
mass 1 24.305
mass 2 15.999
set type 1 charge 1.2
set type 2 charge -1.2
"""
_RUN = """
velocity all create 300 1 loop geom
fix move all nve
timestep 0.001
thermo 10
run 10
"""
_LONG = 'pair_coeff * * coul/long\nkspace_style pppm 1.0e-5\n'
_PPPM = 'kspace_style pppm 1.0e-5\n'
_PEDONE = """
pair_coeff 1 1 pedone 0 1 1 0
pair_coeff 1 2 pedone 0.038908 2.281000 2.586153 5
pair_coeff 2 2 pedone 0.042395 1.379316 3.618701 22
"""
_BUCKINGHAM = """
pair_coeff 1 1 0 1 0
pair_coeff 1 2 7063.4907 0.2109 19.21
pair_coeff 2 2 2029.2204 0.343645 192.58
"""
_BORN = """
pair_coeff 1 1 0 1 0 0 0
pair_coeff 1 2 7063.4907 0.2109 0 19.21 0
pair_coeff 2 2 2029.2204 0.343645 0 192.58 0
"""
_TABLE = """
pair_coeff 1 1 table doctor.table ZERO 4.0
pair_coeff 1 2 table doctor.table REPULSION 4.0
pair_coeff 2 2 table doctor.table ZERO 4.0
"""
#: pair style -> the commands of a potential that uses it.
STYLES = {
    'pedone + coul/long': f'pair_style hybrid/overlay pedone 4.0 coul/long 4.0\n{_PEDONE}{_LONG}',
    'coul/dsf': f'pair_style hybrid/overlay pedone 4.0 coul/dsf 0.25 4.0\n{_PEDONE}pair_coeff * * coul/dsf\n',
    'buck/coul/long': f'pair_style buck/coul/long 4.0\n{_BUCKINGHAM}{_PPPM}',
    'born/coul/long': f'pair_style born/coul/long 4.0\n{_BORN}{_PPPM}',
    'table': f'pair_style hybrid/overlay table linear 200 coul/long 4.0\n{_TABLE}{_LONG}',
}
_ENERGY = re.compile(r'^\s+10\s+\S+\s+\S+\s+\S+\s+(\S+)', re.MULTILINE)
_GRID = re.compile(r'(\d+) by (\d+) by (\d+) MPI processor grid')
_VERSION = re.compile(r'^LAMMPS \((.+?)\)', re.MULTILINE)


def ten_steps(program: Program, style: str, ranks: int | None = None) -> tuple[float, int, str]:
    """Run ten steps with a pair style.

    :param style: key of :data:`STYLES`.
    :param ranks: MPI ranks; None: without mpirun.
    :return: total energy at the end, eV; ranks that LAMMPS saw; its version.
    :raises ValueError: LAMMPS did not reach the end; the message says why.
    """
    with tempfile.TemporaryDirectory(prefix='glassion-doctor-') as name:
        directory = Path(name)
        (directory / 'doctor.in').write_text(_CRYSTAL + STYLES[style] + _RUN)
        (directory / 'doctor.table').write_text(_table())
        answer = program.run(['-in', 'doctor.in', '-log', 'none', '-nocite'], directory, ranks)
    energy, grid, version = (pattern.search(answer.stdout) for pattern in (_ENERGY, _GRID, _VERSION))
    if answer.returncode or not (energy and grid and version):
        lines = [text for text in (answer.stdout + answer.stderr).splitlines() if text.strip()]
        errors = [text for text in lines if 'error' in text.lower()]
        raise ValueError((errors or lines or [f'exit status {answer.returncode}'])[0].strip())
    x, y, z = (int(number) for number in grid.groups())
    return float(energy.group(1)), x * y * z, version.group(1)


def find_mpirun(program: Program, wanted: Path | None = None) -> list[str]:
    """Return the mpirun command with which LAMMPS really runs on two ranks, empty if there is none.

    A mismatched mpirun starts two single runs instead, so each candidate is tried.

    :param wanted: the only candidate.
    """
    for path in [wanted] if wanted else mpirun_candidates(program.path):
        command = mpirun_command(path)
        try:
            if ten_steps(Program(program.path, program.prepend, command), 'coul/dsf', 2)[1] == 2:
                return command
        except ValueError:
            continue
    return []


@check('lmp', order=100)
def lammps(machine: Machine) -> Iterator[Finding]:
    """Every ``lmp`` of the profile, or the one on this machine where the profile has none."""
    codes = machine.codes('glassion.md')
    if not codes:
        program = find_lammps()
        if program is None:
            yield Finding('lmp', 'failed', 'not found beside this Python or on PATH', MEND)
            return
        codes = [('lmp', Program(program.path, program.prepend, find_mpirun(program)))]
    for label, program in codes:
        if program is None:
            yield remote(label)
        else:
            yield _styles(label, program)
            yield _ranks(f'{label}, 2 ranks', program)


def _styles(label: str, program: Program) -> Finding:
    if not program.path.is_file():
        return Finding(label, 'failed', f'{program.path} no longer exists', MEND)
    missing, version = {}, ''
    for style in STYLES:
        try:
            _, _, version = ten_steps(program, style)
        except ValueError as error:
            missing[style] = str(error)
    if len(missing) == len(STYLES):
        return Finding(label, 'failed', f'{program.path} does not run: {missing[next(iter(STYLES))]}', MEND)
    if missing:
        why = '; '.join(f'{style}: {message}' for style, message in missing.items())
        return Finding(label, 'failed', f'LAMMPS {version} lacks {why}', MEND)
    return Finding(label, 'ok', f'LAMMPS {version}, 10 steps each: {", ".join(STYLES)}, pppm')


def _ranks(label: str, program: Program) -> Finding:
    if not program.path.is_file():
        return Finding(label, 'skipped', 'needs the program')
    if not program.mpirun:
        return Finding(label, 'warning', 'no mpirun that fits: one rank only', 'glassion setup --mpirun PATH')
    style = next(iter(STYLES))
    try:
        one, two = ten_steps(program, style), ten_steps(program, style, 2)
    except ValueError as error:
        return Finding(label, 'failed', f'{program.mpirun[0]}: {error}', 'glassion setup --mpirun PATH')
    if two[1] != 2:
        seen = f'{program.mpirun[0]} is not the one of this LAMMPS: it started two single runs'
        return Finding(label, 'failed', seen, 'glassion setup --mpirun PATH')
    if abs(one[0] - two[0]) > 1e-6 * abs(one[0]):
        return Finding(label, 'failed', f'1 rank gives {one[0]} eV, 2 ranks {two[0]} eV', MEND)
    return Finding(label, 'ok', f'1 and 2 ranks give the same energy, {one[0]:.4f} eV ({program.mpirun[0]})')


def _table() -> str:
    """Two tabulated pair potentials on 0.5–4 Å: nothing, and the Born–Mayer repulsion of Mg–O."""
    from math import exp

    radii = [0.5 + 3.5 * i / 199 for i in range(200)]
    born = [(7063.4907 * exp(-r / 0.2109), 7063.4907 / 0.2109 * exp(-r / 0.2109)) for r in radii]
    sections = {'ZERO': [(0.0, 0.0)] * len(radii), 'REPULSION': born}
    text = ''
    for name, values in sections.items():
        text += f'\n{name}\nN {len(radii)} R 0.5 4.0\n\n'
        text += ''.join(
            f'{i} {r:.10f} {u:.10e} {f:.10e}\n'
            for i, (r, (u, f)) in enumerate(zip(radii, values, strict=True), start=1)
        )
    return text

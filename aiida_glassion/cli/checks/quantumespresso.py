"""Quantum ESPRESSO: pw.x converges two atoms of silicon, and its stress has the same sign in both of its outputs."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from aiida_glassion.cli.checks import Finding, Machine, check, remote
from aiida_glassion.cli.engines import Program, find

PLUGIN = 'quantumespresso.pw'
INSTALL = 'sudo apt-get install quantum-espresso quantum-espresso-data'
ADD_CODE = 'glassion setup --pw PATH'
ADD_FAMILY = 'aiida-pseudo -p {profile} install family DIRECTORY LABEL -P pseudo.upf -F pseudo.family.cutoffs'
ADD_CUTOFFS = 'aiida-pseudo -p {profile} family cutoffs set -s standard -u Ry LABEL cutoffs.json'
PSEUDO = Path('/usr/share/espresso/pseudo/Si.pbe-rrkj.UPF')
"""A small pseudopotential that Debian's quantum-espresso-data installs."""

_INPUT = """
&CONTROL
  calculation = 'scf', tprnfor = .true., tstress = .true., outdir = '.', prefix = 'doctor', pseudo_dir = '{folder}'
/
&SYSTEM
  ibrav = 0, nat = 2, ntyp = 1, ecutwfc = 12, occupations = 'fixed', nosym = .true.
/
&ELECTRONS
  conv_thr = 1.0d-8
/
ATOMIC_SPECIES
Si 28.085 {file}
ATOMIC_POSITIONS crystal
Si 0.00 0.00 0.00
Si 0.26 0.25 0.25
K_POINTS gamma
CELL_PARAMETERS angstrom
0.0 2.6 2.6
2.6 0.0 2.6
2.6 2.6 0.0
"""
_VERSION = re.compile(r'Program PWSCF v\.(\S+)')
_ENERGY = re.compile(r'^!\s+total energy\s+=\s+(\S+) Ry', re.MULTILINE)
_PRESSURE = re.compile(r'P=\s*(\S+)')
_STRESS = re.compile(r'<stress rank[^>]*>(.*?)</stress>', re.DOTALL)
_HARTREE_PER_BOHR3_TO_KBAR = 294210.15


@check('pw.x', order=150)
def quantumespresso(machine: Machine) -> Iterator[Finding]:
    """Every pw.x of the profile, or the one on this machine where the profile has none; and the pseudopotentials."""
    codes = machine.codes(PLUGIN)
    if not codes:
        path = find('pw.x')
        if path is None:
            yield Finding('pw.x', 'skipped', 'not found; not needed until you label with Quantum ESPRESSO', INSTALL)
            return
        yield examine('pw.x', Program(path), PSEUDO)
        return
    for label, program in codes:
        yield remote(label) if program is None else examine(label, program, PSEUDO)
    yield from _families(machine.profile)


def examine(label: str, program: Program, pseudo: Path) -> Finding:
    """Run a tiny SCF where the pseudopotential is there; else see whether the program starts.

    :param label: name of the part in the report.
    :param pseudo: a file of silicon.
    """
    if not program.path.is_file():
        return Finding(label, 'failed', f'{program.path} does not exist', ADD_CODE)
    with tempfile.TemporaryDirectory(prefix='glassion-doctor-') as name:
        directory = Path(name)
        (directory / 'doctor.in').write_text(_INPUT.format(folder=pseudo.parent, file=pseudo.name))
        quiet = Program(program.path, f'{program.prepend}\nexport OMP_NUM_THREADS=1')
        try:
            text = quiet.run(['-in', 'doctor.in'], directory).stdout
        except subprocess.TimeoutExpired:
            return Finding(label, 'failed', f'{program.path}: two atoms of silicon took longer than a minute', INSTALL)
        xml = directory / 'doctor.xml'
        stress = _STRESS.search(xml.read_text()) if xml.is_file() else None
    version = _VERSION.search(text)
    if version is None:
        return Finding(label, 'failed', f'{program.path} does not start: {_last(text)}', INSTALL)
    if not pseudo.is_file():
        return Finding(label, 'ok', f'pw.x {version[1]} starts; no SCF was run: {pseudo.name} is not here')
    energy, pressure = _ENERGY.search(text), _PRESSURE.search(text)
    if energy is None or pressure is None:
        return Finding(label, 'failed', f'pw.x {version[1]}: {_last(text)}', INSTALL)
    printed = float(pressure[1])
    seen = f'pw.x {version[1]}, SCF of Si2 {float(energy[1]):.4f} Ry, {printed:.0f} kbar'
    if stress is not None:
        kept = np.trace(np.array(stress[1].split(), dtype=float).reshape(3, 3)) / 3 * _HARTREE_PER_BOHR3_TO_KBAR
        if abs(kept - printed) > 0.1:
            wrong = f'{seen}, but {kept:.0f} kbar in its XML, which labels are read from: virials would be wrong'
            return Finding(label, 'failed', wrong, INSTALL)
    return Finding(label, 'ok', seen)


def _families(profile: str | None) -> Iterator[Finding]:
    """Families of pseudopotentials in the profile, and which of them recommend cutoffs."""
    from aiida.orm import QueryBuilder
    from aiida_pseudo.groups.family import PseudoPotentialFamily

    families = QueryBuilder().append(PseudoPotentialFamily).all(flat=True)
    if not families:
        seen = 'no family in this profile: labels need pseudopotentials, one by one or as a family'
        yield Finding('pseudopotentials', 'warning', seen, ADD_FAMILY.format(profile=profile))
    mend = ADD_CUTOFFS.format(profile=profile)
    for family in sorted(families, key=lambda family: str(family.label)):
        part = f'pseudopotentials {family.label}'
        seen = f'{len(family.elements)} elements'
        stringencies = family.get_cutoff_stringencies() if hasattr(family, 'get_cutoff_stringencies') else ()
        if stringencies:
            yield Finding(part, 'ok', f'{seen}, cutoffs {", ".join(stringencies)}')
        else:
            yield Finding(part, 'warning', f'{seen}, without cutoffs: set ecutwfc and ecutrho yourself', mend)


def _last(text: str) -> str:
    """What pw.x said went wrong: the lines between its rows of percent signs, else its last words."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    frames = [number for number, line in enumerate(lines) if line.startswith('%%%')]
    if len(frames) > 1:
        return ' '.join(lines[frames[0] + 1 : frames[1]])[:300]
    return (lines or ['it left no word'])[-1][:300]

"""Quantum ESPRESSO's pw.x output: scf, relax, vc-relax and md; every self-consistent step is a frame.

The energy is the total energy after ``!``, with the entropy of smeared electrons, whose derivatives forces and stress
are. The printed stress is positive when compressed, so the virial is volume times it. It has eight decimals in
Ry/bohr³, a resolution of 0.0015 kbar.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from aiida_glassion import units
from aiida_glassion.formats.labelled.frame import LabelledFrame, NoFramesError, SkippedFrame
from aiida_glassion.formats.labelled.text import numbers_of, open_lines
from aiida_glassion.frames import FloatArray

RYDBERG_PER_BOHR3_TO_EV_PER_ANGSTROM3 = units.RYDBERG_TO_EV / units.BOHR_TO_ANGSTROM**3
RYDBERG_PER_BOHR_TO_EV_PER_ANGSTROM = units.RYDBERG_TO_EV / units.BOHR_TO_ANGSTROM

_TAU = re.compile(r'^\s*\d+\s+(\S+)\s+tau\(\s*\d+\)\s*=\s*\(\s*(.*?)\s*\)')
_MOMENT = re.compile(r'atom:?\s*\d+.*?magn\s*[:=]\s*(-?[\d.]+)')


@dataclass
class _Geometry:
    n_atoms: int = 0
    alat: float = float('nan')
    cell: FloatArray | None = None
    symbols: tuple[str, ...] = ()
    positions: FloatArray | None = None


@dataclass
class _Step:
    energy: float | None = None
    forces: FloatArray | None = None
    stress: FloatArray | None = None
    magnetisations: FloatArray | None = None
    unconverged: str = ''

    @property
    def begun(self) -> bool:
        """Whether a self-consistent calculation has ended, one way or the other."""
        return self.energy is not None or bool(self.unconverged)


class _Reader:
    def __init__(self, path: Path, skipped: list[SkippedFrame]) -> None:
        self.path = path
        self.skipped = skipped
        self.lines = open_lines(path)
        self.geometry = _Geometry()
        self.step = _Step()
        self.index = 0
        self.finished = False
        self.complaint = ''

    def frames(self) -> Iterator[LabelledFrame]:
        for line in self.lines:
            if any(word in line for word in ('ATOMIC_POSITIONS', 'CELL_PARAMETERS', 'crystal axes:', 'Program PWSCF')):
                yield from self._end_step()
            self.finished = 'JOB DONE' in line or (self.finished and 'Program PWSCF' not in line)
            if 'Error in routine' in line:
                self.complaint = line.strip()
            self._read_geometry(line)
            self._read_labels(line)
        yield from self._end_step(at_end=True)
        if not self.index:
            raise NoFramesError(
                f'{self.path}: ends before its first self-consistent step is complete'
                + (f' ({self.complaint})' if self.complaint else '')
            )
        if not self.finished:
            why = self.complaint or 'pw.x was killed or is still running'
            self._skip('truncated', f'the file has no `JOB DONE` ({why}); an unfinished step is lost')

    def _skip(self, kind: str, reason: str) -> None:
        self.skipped.append(SkippedFrame(str(self.path), self.index, kind, reason))

    def _end_step(self, at_end: bool = False) -> Iterator[LabelledFrame]:
        step, self.step = self.step, _Step()
        if not step.begun:
            return
        if at_end and not self.finished:
            return  # any number of it may be cut off
        geometry = self.geometry
        where = f'{self.path}, step {self.index + 1}'
        if step.unconverged:
            self._skip('unconverged', step.unconverged)
        elif geometry.cell is None or geometry.positions is None:
            raise ValueError(f'{where}: an energy before any cell and positions')
        else:
            volume = abs(float(np.linalg.det(geometry.cell)))
            yield LabelledFrame(
                where=where,
                symbols=geometry.symbols,
                positions=geometry.positions,
                cell=geometry.cell,
                energy=step.energy,
                forces=None if step.forces is None else step.forces * RYDBERG_PER_BOHR_TO_EV_PER_ANGSTROM,
                virial=None if step.stress is None else step.stress * RYDBERG_PER_BOHR3_TO_EV_PER_ANGSTROM3 * volume,
                magnetisations=step.magnetisations,
            )
        self.index += 1

    def _read_geometry(self, line: str) -> None:
        geometry = self.geometry
        if found := re.match(r'\s*number of atoms/cell\s*=\s*(\d+)', line):
            geometry.n_atoms = int(found[1])
        elif found := re.match(r'\s*celldm\(1\)=\s*([\d.]+)', line):
            geometry.alat = float(found[1]) * units.BOHR_TO_ANGSTROM
        elif 'crystal axes:' in line:
            rows = [row.split('=')[-1].strip(' ()') for row in islice(self.lines, 3)]
            geometry.cell = _scaled(numbers_of(rows, 0, 3, (3, 3)), geometry.alat)
        elif 'site n.' in line and 'alat' in line:
            sites = [_TAU.match(row) for row in islice(self.lines, geometry.n_atoms)]
            if all(sites):
                geometry.symbols = tuple(_symbol(site[1]) for site in sites if site)
                rows = [site[2] for site in sites if site]
                geometry.positions = _scaled(numbers_of(rows, 0, 3, (geometry.n_atoms, 3)), geometry.alat)
        elif line.startswith('CELL_PARAMETERS'):
            scale = self._scale(line)
            geometry.cell = _scaled(numbers_of(list(islice(self.lines, 3)), 0, 3, (3, 3)), scale)
        elif line.startswith('ATOMIC_POSITIONS'):
            rows = list(islice(self.lines, geometry.n_atoms))
            numbers = numbers_of(rows, 1, 4, (geometry.n_atoms, 3))
            if 'crystal' in line and numbers is not None and geometry.cell is not None:
                geometry.positions = numbers @ geometry.cell
            else:
                geometry.positions = _scaled(numbers, self._scale(line))

    def _scale(self, line: str) -> float:
        """Å per unit of a card's header."""
        if 'angstrom' in line:
            return 1.0
        if 'bohr' in line:
            return units.BOHR_TO_ANGSTROM
        alat = re.search(r'alat\s*=\s*([\d.]+)', line)
        return float(alat[1]) * units.BOHR_TO_ANGSTROM if alat else self.geometry.alat

    def _read_labels(self, line: str) -> None:
        n_atoms, step = self.geometry.n_atoms, self.step
        if line.startswith('!') and 'total energy' in line:
            energy = numbers_of([line.partition('=')[2]], 0, 1, (1, 1))
            step.energy = None if energy is None else float(energy[0, 0]) * units.RYDBERG_TO_EV
        elif 'convergence NOT achieved' in line:
            step.unconverged = line.strip()
        elif 'Forces acting on atoms' in line:
            next(self.lines, None)
            rows = [row.partition('force =')[2] for row in islice(self.lines, n_atoms)]
            step.forces = numbers_of(rows, 0, 3, (n_atoms, 3))
        elif 'total   stress' in line:
            step.stress = numbers_of(list(islice(self.lines, 3)), 0, 3, (3, 3))
        elif 'Magnetic moment per site' in line:
            found = [_MOMENT.search(row) for row in islice(self.lines, n_atoms)]
            if all(found):
                step.magnetisations = np.array([float(match[1]) for match in found if match])


def read_espresso(path: Path, skipped: list[SkippedFrame]) -> Iterator[LabelledFrame]:
    """Read self-consistent step by self-consistent step; memory holds one.

    Steps that did not converge and a step that was cut off are noted and left out.

    :param path: the file, may be compressed by gzip.
    :param skipped: what was left out.
    :raises NoFramesError: cut off before the end of the first step.
    """
    return _Reader(path, skipped).frames()


def _scaled(numbers: FloatArray | None, scale: float) -> FloatArray | None:
    return None if numbers is None else numbers * scale


def _symbol(label: str) -> str:
    """Element of a species such as ``Fe1`` or ``O_h``."""
    return label[:2] if len(label) > 1 and label[1].islower() else label[0]

"""VASP's OUTCAR: every ionic step is a frame. Energies and signs as in :mod:`.vasp_xml`, which has more digits.

Positions have five decimals here (1e-5 Å) and forces six.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np

from aiida_glassion.formats.labelled.frame import LabelledFrame, NoFramesError, SkippedFrame
from aiida_glassion.formats.labelled.text import numbers_of, open_lines
from aiida_glassion.formats.labelled.vasp_xml import KBAR_TO_EV_PER_ANGSTROM3
from aiida_glassion.frames import FloatArray

_SPECIES = re.compile(r'VRHFIN\s*=\s*([A-Z][a-z]?)\s*:')
_SETTING = re.compile(r'\s*(NELM|EDIFF)\s*=\s*([-+.\dEe]+)')
_CHANGE = re.compile(r'[-+]?\d*\.\d+(?:[Ee][-+]?\d+)?')
_MINUS = re.compile(r'(?<=\d)-')


@dataclass
class _Step:
    """What was seen of an ionic step."""

    electronic_steps: int = 0
    last_change: float = float('nan')
    cell: FloatArray | None = None
    positions: FloatArray | None = None
    forces: FloatArray | None = None
    stress: FloatArray | None = None
    magnetisations: FloatArray | None = None


@dataclass
class _Header:
    species: list[str] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    n_max: float = float('nan')
    limit: float = float('nan')

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(s for s, n in zip(self.species, self.numbers, strict=False) for _ in range(n))


def read_outcar(path: Path, skipped: list[SkippedFrame]) -> Iterator[LabelledFrame]:
    """Read ionic step by ionic step; memory holds one.

    A step is converged if its electrons took fewer than NELM steps, or changed energy and eigenvalues by less than
    EDIFF in the last one. ("aborting loop because EDIFF is reached" is no proof: VASP 5 writes it at NELM too.) Steps
    that did not converge or have no electronic steps (machine-learned force field), and a step that was cut off are
    noted and left out.

    :param path: the file, may be compressed by gzip.
    :param skipped: what was left out.
    :raises NoFramesError: not an OUTCAR, or cut off before the end of its first ionic step.
    """
    lines = open_lines(path)
    header, step = _Header(), _Step()
    index, closed = 0, False
    for line in lines:
        if species := _SPECIES.search(line):
            header.species.append(species[1])
        elif 'ions per type =' in line and not header.numbers:
            header.numbers = [int(word) for word in line.partition('=')[2].split()]
        elif found := _SETTING.match(line):
            header.n_max, header.limit = (
                (float(found[2]), header.limit) if found[1] == 'NELM' else (header.n_max, float(found[2]))
            )
        elif ' Iteration ' in line:
            step.electronic_steps += 1
        elif 'free  energy   TOTEN' in line or 'free  energy ML TOTEN' in line:
            frame = _finish(step, line, header, f'{path}, ionic step {index + 1}')
            if isinstance(frame, LabelledFrame):
                yield frame
            else:
                skipped.append(SkippedFrame(str(path), index, *frame))
            index, step = index + 1, _Step()
        elif 'General timing and accounting' in line:
            closed = True
        else:
            _collect(step, line, lines, len(header.symbols))
    if not index:
        raise NoFramesError(f'{path}: ends before its first ionic step is complete')
    if not closed:
        reason = 'the file has no closing lines: VASP was killed or is still running; an unfinished step is lost'
        skipped.append(SkippedFrame(str(path), index, 'truncated', reason))


def _collect(step: _Step, line: str, lines: Iterator[str], n_atoms: int) -> None:
    """Take what a line announces."""
    if 'total energy-change (2. order)' in line:
        changes = [abs(float(word)) for word in _CHANGE.findall(line.partition(':')[2])]
        step.last_change = max(changes, default=float('nan'))
    elif line.lstrip().startswith('in kB'):
        step.stress = numbers_of([_MINUS.sub(' -', line)], 2, 8, (1, 6))
    elif 'direct lattice vectors' in line:
        step.cell = numbers_of([_MINUS.sub(' -', row) for row in islice(lines, 3)], 0, 3, (3, 3))
    elif 'TOTAL-FORCE' in line:
        next(lines, None)
        table = numbers_of([_MINUS.sub(' -', row) for row in islice(lines, n_atoms)], 0, 6, (n_atoms, 6))
        if table is not None:
            step.positions, step.forces = table[:, :3], table[:, 3:]
    elif line.strip() == 'magnetization (x)':
        rows = list(islice(lines, n_atoms + 3))[3:]
        table = numbers_of([row.split()[-1] for row in rows if row.split()], 0, 1, (n_atoms, 1))
        step.magnetisations = None if table is None else table[:, 0]


def _finish(step: _Step, line: str, header: _Header, where: str) -> LabelledFrame | tuple[str, str]:
    """Frame of a step that has ended, or why it is none (kind and reason)."""
    if len(header.species) < len(header.numbers) or not header.numbers:
        raise ValueError(f'{where}: no elements found before it; give the vasprun.xml')
    if 'ML TOTEN' in line or not step.electronic_steps:
        return 'unconverged', 'no electronic steps: a step of a machine-learned force field'
    if step.electronic_steps >= header.n_max and not step.last_change < header.limit:
        return 'unconverged', (
            f'{step.electronic_steps} electronic steps, NELM = {header.n_max:.0f}; '
            f'last change {step.last_change:.1e} eV, EDIFF = {header.limit:.0e} eV'
        )
    energy = numbers_of([line.partition('=')[2]], 0, 1, (1, 1)) if line.rstrip().endswith('eV') else None
    parts = {'cell': step.cell, 'forces': step.forces, 'energy': energy}
    missing = [name for name, value in parts.items() if value is None]
    if missing or energy is None or step.cell is None or step.positions is None:
        return 'incomplete', f'no {", ".join(missing)} (or not numbers)'
    virial = None
    if step.stress is not None:
        xx, yy, zz, xy, yz, zx = step.stress[0]
        tensor = np.array([[xx, xy, zx], [xy, yy, yz], [zx, yz, zz]])
        virial = tensor * KBAR_TO_EV_PER_ANGSTROM3 * abs(float(np.linalg.det(step.cell)))
    return LabelledFrame(
        where=where,
        symbols=header.symbols,
        positions=step.positions,
        cell=step.cell,
        energy=float(energy[0, 0]),
        forces=step.forces,
        virial=virial,
        magnetisations=step.magnetisations,
    )

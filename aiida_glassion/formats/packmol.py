"""Packmol's input and output files.

The program and its keywords: L. Martínez et al., J. Comput. Chem. 30, 2157 (2009); `pbc` needs version 20.15 or newer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating]

_FLOAT = r'([-+]?(?:\d+\.?\d*|\.\d+)(?:[EDed][-+]?\d+)?)'


@dataclass(frozen=True)
class Molecule:
    """What is packed many times: an atom or a rigid formula unit.

    :param name: for messages and file names.
    :param symbols: chemical symbol of each atom.
    :param positions: (n_atoms, 3), Å.
    :param number: copies.
    """

    name: str
    symbols: tuple[str, ...]
    positions: FloatArray
    number: int


@dataclass(frozen=True)
class PackmolLog:
    """What packmol says about its run; None where the log ends before.

    :param version: of packmol.
    :param solved: it reported success.
    :param imperfect: it gave up before every distance was kept (exit status 173).
    :param error: its message about the input (exit status 172).
    :param objective: final value of its objective function, Å⁴-like and 0 for a perfect packing.
    :param distance_violation: largest violation of a distance, packmol's measure, Å².
    """

    version: str | None
    solved: bool
    imperfect: bool
    error: str | None
    objective: float | None
    distance_violation: float | None


def write_xyz(molecule: Molecule) -> str:
    """One molecule as xyz text, Å."""
    lines = [str(len(molecule.symbols)), molecule.name]
    for symbol, position in zip(molecule.symbols, molecule.positions, strict=True):
        lines.append(f'{symbol:2s} ' + ' '.join(f'{x:12.6f}' for x in position))
    return '\n'.join(lines) + '\n'


def write_input(
    molecules: Sequence[Molecule],
    lengths: Sequence[float],
    radii: Mapping[str, float],
    seed: int,
    output: str = 'packed.xyz',
    loops: int | None = None,
) -> dict[str, str]:
    """Every file that packmol reads.

    :param molecules: packed in this order, which is the order of the atoms in the output.
    :param lengths: edges of the orthorhombic periodic cell, Å.
    :param radii: of each element, Å; atoms of different molecules stay as far apart as their radii add up to.
    :param seed: of packmol's random numbers.
    :param output: name of the file to be written.
    :param loops: cap on the optimisation loops of each kind of molecule; packmol's own when None.
    :returns: text of each file by name; `packmol.inp` is the one for the standard input.
    :raises ValueError: nothing to pack.
    """
    if not molecules:
        raise ValueError('nothing to pack: no molecules were given')
    files: dict[str, str] = {}
    lines = [f'tolerance {2 * max(radii.values()):.6f}', f'seed {seed}', 'filetype xyz', f'output {output}']
    lines += ['pbc 0.0 0.0 0.0 ' + ' '.join(f'{length:.6f}' for length in lengths)]
    if loops is not None:
        lines.append(f'nloop {loops}')
    for index, molecule in enumerate(molecules):
        name = f'{index + 1:02d}_{re.sub("[^A-Za-z0-9]", "_", molecule.name)}.xyz'
        files[name] = write_xyz(molecule)
        lines += ['', f'structure {name}', f'  number {molecule.number}']
        for symbol in sorted(set(molecule.symbols)):
            atoms = ' '.join(str(i + 1) for i, other in enumerate(molecule.symbols) if other == symbol)
            lines += [f'  atoms {atoms}', f'    radius {radii[symbol]:.6f}', '  end atoms']
        lines.append('end structure')
    return {'packmol.inp': '\n'.join(lines) + '\n', **files}


def read_xyz(text: str) -> tuple[tuple[str, ...], FloatArray]:
    """Symbols and positions (n_atoms, 3), Å, of one xyz configuration.

    :raises ValueError: truncated, or not xyz; the message names the line.
    """
    lines = text.splitlines()
    if len(lines) < 2 or not re.fullmatch(r'\s*\d+\s*', lines[0], flags=re.ASCII):
        raise ValueError('xyz: the first line is not a number of atoms')
    size = int(lines[0])
    body = lines[2 : 2 + size]
    if len(body) < size or not text.endswith('\n'):
        raise ValueError(f'xyz: {len(body)} whole or broken lines for {size} atoms')
    symbols, positions = [], np.empty((size, 3))
    for i, line in enumerate(body):
        words = line.split()
        if len(words) != 4 or not re.fullmatch('[A-Z][a-z]?', words[0]):
            raise ValueError(f'xyz: line {i + 3} is not a symbol and three coordinates: {line[:60]!r}')
        symbols.append(words[0])
        try:
            positions[i] = [float(word) for word in words[1:]]
        except ValueError as error:
            raise ValueError(f'xyz: line {i + 3}: {error}') from error
    if not np.isfinite(positions).all():
        raise ValueError('xyz: a coordinate is not finite')
    return tuple(symbols), positions


def read_log(text: str) -> PackmolLog:
    """Read packmol's standard output, whole or truncated anywhere."""
    version = re.search(r'Version +([\w.]+)', text)
    success = text.find('Success!')
    final = text[success:] if success >= 0 else text
    objective = re.search(rf'(?:Final objective function value:|\n f =)\s*{_FLOAT}', final)
    violation = re.search(rf'Maximum violation of target distance:\s*{_FLOAT}', final) if success >= 0 else None
    error = re.search(r'ERROR:\s*(.+(?:\n {5,}\S.*)*)', text)
    return PackmolLog(
        version=version.group(1) if version else None,
        solved=success >= 0 and 'Running time' in final,
        imperfect='ENDED WITHOUT PERFECT PACKING' in text,
        error=' '.join(error.group(1).split()) if error else None,
        objective=_number(objective),
        distance_violation=_number(violation),
    )


def _number(found: re.Match[str] | None) -> float | None:
    """Fortran's way of writing numbers."""
    return float(found.group(1).upper().replace('D', 'E')) if found else None

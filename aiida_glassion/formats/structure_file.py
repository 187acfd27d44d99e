"""Files of one configuration or of a short trajectory: VASP, Quantum ESPRESSO, CIF, LAMMPS data, and what ASE reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from aiida_glassion.formats.crystal import read_crystals
from aiida_glassion.formats.labelled.espresso import read_espresso
from aiida_glassion.formats.labelled.frame import LabelledFrame, SkippedFrame
from aiida_glassion.formats.labelled.text import head_of
from aiida_glassion.formats.labelled.vasp_outcar import read_outcar
from aiida_glassion.formats.labelled.vasp_xml import read_vasprun
from aiida_glassion.formats.lammps.data import read_data
from aiida_glassion.frames import Frames

_RUNS: dict[str, Callable[[Path, list[SkippedFrame]], Iterator[LabelledFrame]]] = {
    'vasprun': read_vasprun,
    'outcar': read_outcar,
    'espresso': read_espresso,
}
_ASE = {'xdatcar': 'vasp-xdatcar', 'poscar': 'vasp', 'ase': None}


def tell_format(path: Path) -> str:
    """Tell the format of a file by its content and its name.

    :raises ValueError: there is no such file, or it is empty.
    """
    if path.is_dir():
        if (path / 'positions.npy').exists():
            return 'arrays'
        raise ValueError(f'{path}: a folder without positions.npy, expected a file or a folder of arrays')
    if not path.is_file():
        raise ValueError(f'{path}: there is no such file')
    head = head_of(path, 4096)
    lines = head.splitlines()
    if not head.strip('\0 \r\n\t'):
        raise ValueError(f'{path}: the file is empty')
    name = path.name.removesuffix('.gz').lower()
    if head.startswith('ITEM:') or 'DUMPCUSTOM' in head[:64]:
        return 'lammps-dump'
    if '<modeling>' in head:
        return 'vasprun'
    if lines[0].lstrip().startswith('vasp.'):
        return 'outcar'
    if 'Program PWSCF' in head:
        return 'espresso'
    if name.endswith(('.cif', '.mcif')) or head.lstrip().startswith('data_'):
        return 'cif'
    if any(line.split('#')[0].split()[1:] == ['atoms'] for line in lines[:20]) and 'xlo xhi' in head:
        return 'lammps-data'
    if 'xdatcar' in name:
        return 'xdatcar'
    if name.startswith(('poscar', 'contcar')) or name.endswith(('.vasp', '.poscar')):
        return 'poscar'
    if lines[0].strip().isdigit() and (name.endswith(('xyz', '.ext')) or 'Lattice=' in head or 'Properties=' in head):
        return 'extxyz'
    return 'ase'


def read_structures(path: Path, format: str, species: Mapping[str, str] | None = None) -> tuple[Frames, list[str]]:
    """Read all configurations of a file.

    :param format: ``vasprun``, ``outcar``, ``xdatcar``, ``poscar``, ``espresso``, ``cif``, ``lammps-data`` or ``ase``.
    :param species: element of each type of LAMMPS data, where their masses do not tell.
    :returns: the frames, and what is odd about the file.
    :raises ValueError: unreadable, no frame, no cell, or the atoms change; names file and frame.
    """
    if not path.is_file() or not path.stat().st_size:
        raise ValueError(f'{path}: ' + ('the file is empty' if path.is_file() else 'there is no such file'))
    if format in _RUNS:
        return _of_a_run(path, format)
    if format == 'lammps-data':
        return _data(path, species), []
    if format == 'cif':
        crystals = read_crystals(path)
        notes = [f'{path}: {note}' for crystal in crystals for note in crystal.notes]
        return _joined([(f'{path}, structure {i}', crystal.frames) for i, crystal in enumerate(crystals)]), notes
    return _of_ase(path, _ASE[format]), []


def _of_a_run(path: Path, format: str) -> tuple[Frames, list[str]]:
    skipped: list[SkippedFrame] = []
    try:
        parts = [
            (frame.where, Frames(frame.symbols, frame.positions[None], frame.cell[None], frame.pbc))
            for frame in _RUNS[format](path, skipped)
        ]
    except (OSError, EOFError) as error:
        raise ValueError(f'{path}: cannot be read: {error}') from error
    told = [f'{path}: frame {entry.frame} is left out, it is {entry.kind}: {entry.reason}' for entry in skipped[:3]]
    if len(skipped) > len(told):
        told.append(f'{path}: {len(skipped)} frames are left out in all')
    if not parts:
        raise ValueError(f'{path}: no whole frame in it' + (f' ({told[0].partition(": ")[2]})' if told else ''))
    return _joined(parts), told


def _data(path: Path, species: Mapping[str, str] | None) -> Frames:
    try:
        numbers = {int(number): element for number, element in (species or {}).items()}
        elements = [numbers.get(number, 'X') for number in range(1, max(numbers) + 1)] if numbers else None
        frames = read_data(path.read_text(encoding='utf-8', errors='replace'), elements)
    except ValueError as error:
        raise ValueError(f'{path}: cannot be read as LAMMPS data: {error}') from error
    if 'X' in frames.symbols:
        raise ValueError(f'{path}: an atom has a type without an element; name each in species')
    return frames


def _of_ase(path: Path, format: str | None) -> Frames:
    import ase.io

    try:
        images: Any = ase.io.read(path, index=':', format=format)
    except Exception as error:  # every reader of ASE has errors of its own
        raise ValueError(f'{path}: cannot be read: {type(error).__name__}: {error}') from error
    parts = []
    for index, atoms in enumerate(images):
        where = f'{path}, frame {index}' if len(images) > 1 else str(path)
        if 'X' in atoms.get_chemical_symbols():
            raise ValueError(f'{where}: an atom without an element')
        if abs(np.linalg.det(atoms.cell.array)) < 1e-6:
            raise ValueError(f'{where}: no cell; a structure is analysed in its cell')
        if not np.isfinite(atoms.positions).all():
            raise ValueError(f'{where}: a position that is not finite')
        parts.append((where, Frames.from_ase(atoms)))
    if not parts or not parts[0][1].n_atoms:
        raise ValueError(f'{path}: no atoms in it')
    return _joined(parts)


def _joined(parts: list[tuple[str, Frames]]) -> Frames:
    first = parts[0][1]
    for where, frames in parts:
        if frames.symbols != first.symbols or frames.pbc != first.pbc:
            raise ValueError(
                f'{where}: {frames.n_atoms} atoms, {first.n_atoms} in the first, or another order; an analysis over '
                'frames needs the same atoms in the same order in each'
            )
    return Frames(
        first.symbols,
        np.concatenate([frames.positions for _, frames in parts]),
        np.concatenate([frames.cells for _, frames in parts]),
        first.pbc,
    )

"""LAMMPS' data file: one configuration, as `read_data` takes it and as `write_data` makes it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from aiida_glassion import units
from aiida_glassion.formats.lammps.cell import to_lammps
from aiida_glassion.frames import Frames

Array = npt.NDArray[np.float64]
AtomStyle = Literal['charge', 'atomic']
UnitStyle = Literal['metal', 'real']

_VELOCITY_PER_ANGSTROM_PER_PS = {'metal': 1.0, 'real': units.FS_TO_PS}
_COLUMNS_BEFORE_POSITION = {'atomic': ('id', 'type'), 'charge': ('id', 'type', 'q'), 'full': ('id', 'mol', 'type', 'q')}
_SECTION = re.compile(r'^([A-Z][A-Za-z]*(?: [A-Z][A-Za-z]*)*)\s*(?:#\s*(\S+))?\s*$')
_SIZE = re.compile(r'^\s*(\d+)\s+(atoms|atom types)\b')
_BOX = re.compile(r'^\s*(\S+)\s+(\S+)\s+[xyz]lo\s+[xyz]hi\b')
_TILTS = re.compile(r'^\s*(\S+)\s+(\S+)\s+(\S+)\s+xy\s+xz\s+yz\b')
_LARGEST_IMAGE = 511
_UNITS = re.compile(r'units = (\w+)')


def write_data(
    frames: Frames,
    index: int = -1,
    charges: Mapping[str, float] | None = None,
    atom_style: AtomStyle = 'charge',
    velocities: bool = True,
    unit_style: UnitStyle = 'metal',
) -> str:
    """Write one frame as a LAMMPS data file, every number such that reading it gives the same double.

    Types are numbered by :attr:`Frames.elements` from 1, ids by the order of the atoms from 1. The cell is turned into
    LAMMPS' orientation (:func:`~aiida_glassion.formats.lammps.cell.to_lammps`) with its corner at 0; positions are
    wrapped into it along the periodic vectors. The image flags say from where, so that a run goes on with the unwrapped
    positions with which the one before it ended.

    :param frames: the configurations.
    :param index: which frame to write.
    :param charges: charge of each element, e; default: the atoms' own charges. Only for the style `charge`.
    :param atom_style: LAMMPS' atom style.
    :param velocities: write the velocities if the frame has any.
    :param unit_style: LAMMPS' units, which decide the unit of the velocities (metal: Å/ps, real: Å/fs).
    :raises ValueError: no charge is known for an atom, or the cell cannot be turned into LAMMPS' form.
    """
    cell, rotation = to_lammps(frames.cells[index])
    positions = np.asarray(frames.positions[index], dtype=float)
    rotated = positions if np.array_equal(rotation, np.eye(3)) else positions @ rotation
    wrapped, images = _wrap(rotated, cell.matrix, frames.pbc)
    ids = [str(number) for number in range(1, frames.n_atoms + 1)]
    lines = [
        f'{"".join(f"{element}{count}" for element, count in frames.counts.items())}, units = {unit_style}',
        '',
        f'{frames.n_atoms} atoms',
        f'{len(frames.elements)} atom types',
        '',
        *(f'0.0 {edge!r} {axis}lo {axis}hi' for edge, axis in zip(cell[:3], 'xyz', strict=True)),
    ]
    if cell.triclinic:
        lines.append(f'{cell.xy!r} {cell.xz!r} {cell.yz!r} xy xz yz')
    masses = dict(zip(frames.symbols, frames.masses.tolist(), strict=True))
    lines += ['', 'Masses', '']
    lines += [f'{number} {masses[element]!r} # {element}' for number, element in enumerate(frames.elements, 1)]
    lines += ['', f'Atoms # {atom_style}', '']
    numbers = [str(number) for number in range(1, len(frames.elements) + 1)]
    if atom_style == 'charge':
        charge = [repr(value) for value in _charges(frames, charges)]
        heads = [f'{i} {numbers[kind]} {q}' for i, kind, q in zip(ids, frames.types.tolist(), charge, strict=True)]
    else:
        heads = [f'{i} {numbers[kind]}' for i, kind in zip(ids, frames.types.tolist(), strict=True)]
    lines.append(_rows(heads, wrapped, _image_flags(images)))
    if velocities and frames.velocities is not None:
        speeds = np.asarray(frames.velocities[index], dtype=float) @ rotation
        lines += ['', 'Velocities', '', _rows(ids, speeds * _VELOCITY_PER_ANGSTROM_PER_PS[unit_style])]
    return '\n'.join(lines) + '\n'


def read_data(
    text: str,
    elements: Sequence[str] | None = None,
    atom_style: str | None = None,
    unit_style: str | None = None,
) -> Frames:
    """Read a data file as LAMMPS' `write_data` makes it: one frame, atoms sorted by id, unwrapped by the image flags.

    :param text: the file's content.
    :param elements: element of each type; default: the element whose standard mass is nearest, within 0.1 g/mol.
    :param atom_style: atomic, charge or full; default: as the comment after `Atoms` says.
    :param unit_style: metal or real; default: as the first line says (`units = real`), else metal.
    :returns: one frame, positions from the corner of the box, velocities Å/ps, charges if the style has any.
    :raises ValueError: the text is not such a file; says what is missing or does not fit.
    """
    lines = text.splitlines()
    sections = _sections(lines)
    header = sections['']
    if unit_style is None:
        match = _UNITS.search(lines[0]) if lines else None
        unit_style = match.group(1) if match else 'metal'
    if unit_style not in _VELOCITY_PER_ANGSTROM_PER_PS:
        raise ValueError(f'units {unit_style}: only metal and real are understood')
    sizes = {match.group(2): int(match.group(1)) for line in header if (match := _SIZE.match(line))}
    box = [(float(match.group(1)), float(match.group(2))) for line in header if (match := _BOX.match(line))]
    tilts = next(([float(t) for t in match.groups()] for line in header if (match := _TILTS.match(line))), [0.0] * 3)
    if 'atoms' not in sizes or len(box) != 3:
        raise ValueError('no number of atoms, or no box, in the header')
    origin = np.array([low for low, _ in box])
    cell = np.diag([high - low for low, high in box])
    cell[1, 0], cell[2, 0], cell[2, 1] = tilts

    name = next((name for name in sections if name.split(' #')[0] == 'Atoms'), None)
    if name is None:
        raise ValueError('no section Atoms')
    style = atom_style or name.partition(' # ')[2]
    if style not in _COLUMNS_BEFORE_POSITION:
        raise ValueError(f'atom style {style or "unknown"}: only {", ".join(_COLUMNS_BEFORE_POSITION)} are understood')
    before = _COLUMNS_BEFORE_POSITION[style]
    atoms = _table(sections[name], sizes['atoms'], (len(before) + 3, len(before) + 6), 'Atoms')
    order = np.argsort(atoms[:, 0], kind='stable')
    atoms = atoms[order]
    positions = atoms[:, len(before) : len(before) + 3] - origin
    if atoms.shape[1] == len(before) + 6:
        positions = positions + atoms[:, -3:] @ cell
    velocities = None
    if 'Velocities' in sections:
        rows = _table(sections['Velocities'], sizes['atoms'], (4,), 'Velocities')
        rows = rows[np.argsort(rows[:, 0], kind='stable')]
        if not np.array_equal(rows[:, 0], atoms[:, 0]):
            raise ValueError('Velocities: other atom ids than in Atoms')
        velocities = rows[None, :, 1:] / _VELOCITY_PER_ANGSTROM_PER_PS[unit_style]
    names = list(elements) if elements is not None else _elements(sections)
    types = atoms[:, before.index('type')].astype(int)
    if types.min() < 1 or types.max() > len(names):
        raise ValueError(f'types {types.min()} to {types.max()} for {len(names)} elements')
    return Frames(
        symbols=tuple(names[number - 1] for number in types),
        positions=positions[None],
        cells=cell[None],
        velocities=velocities,
        charges=atoms[:, before.index('q')] if 'q' in before else None,
    )


def _wrap(positions: Array, cell: Array, pbc: Sequence[bool]) -> tuple[Array, npt.NDArray[np.int64]]:
    """Shift by whole cell vectors into the cell, and by how many; atoms inside keep their exact coordinates."""
    shifts = np.floor(positions @ np.linalg.inv(cell)) * np.asarray(pbc, dtype=float)
    return positions - shifts @ cell, shifts.astype(np.int64)


def _image_flags(images: npt.NDArray[np.int64]) -> list[str]:
    """What follows the position of each atom; flags too large for LAMMPS' ten bits would come back as others, so 0."""
    if not images.any():
        return [' 0 0 0'] * len(images)
    within = np.where(np.abs(images).max(axis=1, keepdims=True) <= _LARGEST_IMAGE, images, 0)
    return [f' {x} {y} {z}' for x, y, z in within.tolist()]


def _charges(frames: Frames, charges: Mapping[str, float] | None) -> list[float]:
    if charges is not None:
        missing = [element for element in frames.elements if element not in charges]
        if missing:
            raise ValueError(f'no charge given for {", ".join(missing)}')
        return [float(charges[symbol]) for symbol in frames.symbols]
    if frames.charges is None:
        raise ValueError('atom style charge: give the charge of each element, or frames with charges')
    return [float(charge) for charge in frames.charges]


def _rows(heads: Sequence[str], vectors: Array, ends: Sequence[str] | None = None) -> str:
    """One line for each atom: its head, its vector in the shortest digits that give the same doubles, and its end."""
    x, y, z = (map(repr, column) for column in vectors.T.tolist())
    lines = map(' '.join, zip(heads, x, y, z, strict=True))
    return '\n'.join(lines if ends is None else map(str.__add__, lines, ends))


def _sections(lines: Sequence[str]) -> dict[str, list[str]]:
    """Lines that are not blank, by section; the header's under ''. A style comment stays in the name."""
    sections: dict[str, list[str]] = {'': []}
    current = sections['']
    for line in lines[1:]:
        if match := _SECTION.match(line):
            name = match.group(1) + (f' # {match.group(2)}' if match.group(2) and match.group(1) == 'Atoms' else '')
            current = sections.setdefault(name, [])
        elif line.strip():
            current.append(line)
    return sections


def _table(rows: Sequence[str], n_rows: int, widths: tuple[int, ...], name: str) -> Array:
    words = [row.partition('#')[0].split() for row in rows]
    if len(words) != n_rows or n_rows == 0:
        raise ValueError(f'{name}: {len(words)} rows for {n_rows} atoms')
    if any(len(row) != len(words[0]) for row in words) or len(words[0]) not in widths:
        raise ValueError(f'{name}: rows of {len(words[0])} numbers, expected {" or ".join(map(str, widths))} in each')
    return np.array(words, dtype=float)


def _elements(sections: Mapping[str, list[str]]) -> list[str]:
    """The element of each type by its mass."""
    from ase.data import atomic_masses, chemical_symbols

    if 'Masses' not in sections:
        raise ValueError('no section Masses: give the elements')
    elements = []
    for row in sorted(sections['Masses'], key=lambda row: int(row.split()[0])):
        mass = float(row.split()[1])
        nearest = int(np.argmin(np.abs(atomic_masses[1:] - mass))) + 1
        if abs(atomic_masses[nearest] - mass) > 0.1:
            raise ValueError(f'no element has the mass {mass:g} g/mol: give the elements')
        elements.append(chemical_symbols[nearest])
    return elements

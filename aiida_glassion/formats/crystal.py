"""Crystals from files: CIF with its symmetry, extXYZ, POSCAR. What cannot be simulated is refused by name."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from aiida_glassion.frames import Frames


@dataclass(frozen=True)
class Crystal:
    """One structure of a file.

    :param name: made of the file's name, letters, digits and _ only.
    :param frames: one frame, positions and cell in Å.
    :param notes: what the reader remarked.
    """

    name: str
    frames: Frames
    notes: list[str] = field(default_factory=list)


def read_crystals(path: str | Path) -> list[Crystal]:
    """Read every structure of a file.

    A CIF's sites are repeated by its symmetry operations and give the conventional cell.

    :param path: ``.cif``; everything else is left to ASE (extXYZ, POSCAR, …).
    :raises FileNotFoundError: there is no such file.
    :raises ValueError: unreadable, disordered (a site that is occupied in part or by several elements), without a
        cell, or with something that is not an element; the message names file and site.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'there is no file {path}')
    read = _read_cif if path.suffix.lower() in ('.cif', '.mcif') else _read_with_ase
    found = read(path)
    name = crystal_name(path.stem)
    several = len(found) > 1
    return [
        Crystal(f'{name}_{index}' if several else name, frames, notes) for index, (frames, notes) in enumerate(found)
    ]


def crystal_name(text: str) -> str:
    """A name that may stand in a namespace of inputs: letters, digits and _, a letter first."""
    name = re.sub(r'\W+', '_', text, flags=re.ASCII).strip('_') or 'crystal'
    return name if name[0].isalpha() else f'crystal_{name}'


def from_pymatgen(structure: Any, where: str) -> Frames:
    """Frames of an ordered pymatgen structure.

    :param where: what to call it in an error.
    :raises ValueError: it is disordered, or holds something that is not an element.
    """
    for site in structure:
        occupied = {str(kind): round(float(share), 4) for kind, share in site.species.items()}
        if not site.is_ordered:
            at = ', '.join(f'{x:.4f}' for x in site.frac_coords)
            raise ValueError(
                f'{where}: the site at ({at}) is disordered, {occupied}. A simulation needs whole atoms: '
                'choose an ordered arrangement first (e.g. with pymatgen or supercell) and give that'
            )
    symbols = tuple(site.specie.symbol for site in structure)
    _check_symbols(symbols, where)
    return Frames(symbols, np.array(structure.cart_coords)[None], np.array(structure.lattice.matrix)[None])


def _read_cif(path: Path) -> list[tuple[Frames, list[str]]]:
    from pymatgen.io.cif import CifParser

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        try:
            # a sum of occupancies beyond 1 is only let through as far as the rounding of three thirds
            structures = CifParser(str(path), occupancy_tolerance=1.01).parse_structures(primitive=False)
        except Exception as error:  # pymatgen's reader has errors of many kinds for a broken file
            said = '; '.join(dict.fromkeys(str(entry.message) for entry in caught))
            raise ValueError(f'{path}: cannot be read as CIF: {error}' + (f' ({said})' if said else '')) from error
    notes = list(dict.fromkeys(' '.join(str(entry.message).split()) for entry in caught if _is_remark(entry)))
    if not structures:
        raise ValueError(f'{path}: holds no structure')
    return [(from_pymatgen(structure, str(path)), notes) for structure in structures]


def _is_remark(entry: warnings.WarningMessage) -> bool:
    return issubclass(entry.category, UserWarning) and 'fractional coordinates rounded' not in str(entry.message)


def _read_with_ase(path: Path) -> list[tuple[Frames, list[str]]]:
    import ase.io

    try:
        images: list[Any] = ase.io.read(path, index=':')
    except Exception as error:  # every reader of ASE has errors of its own
        raise ValueError(f'{path}: cannot be read: {type(error).__name__}: {error}') from error
    if not images:
        raise ValueError(f'{path}: holds no structure')
    found: list[tuple[Frames, list[str]]] = []
    for index, atoms in enumerate(images):
        where = f'{path}, structure {index}' if len(images) > 1 else str(path)
        _check_symbols(atoms.get_chemical_symbols(), where)
        if not all(atoms.pbc) or abs(np.linalg.det(atoms.cell.array)) < 1e-6:
            raise ValueError(f'{where}: periodic in {list(atoms.pbc)}, expected a crystal with a cell')
        found.append((Frames(tuple(atoms.get_chemical_symbols()), atoms.positions[None], atoms.cell.array[None]), []))
    return found


def _check_symbols(symbols: Any, where: str) -> None:
    from ase.data import chemical_symbols

    if not len(symbols):
        raise ValueError(f'{where}: holds no atoms')
    unknown = sorted(set(symbols) - set(chemical_symbols[1:]))
    if unknown:
        raise ValueError(f'{where}: {", ".join(unknown)} is not an element')

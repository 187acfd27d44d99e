"""Extended XYZ: energies, forces and stress or virial as ASE, GAP, MACE and others write them.

The sign: ``stress`` is ASE's (eV/Å³, negative when compressed), ``virial`` that of GAP (eV, −V times the stress), which
is ours. The energy is ``free_energy`` where there is one, because that is what forces are derivatives of (ASE writes
both for DFT codes); else ``energy``. Prefixes in use for reference labels (``REF_``, ``dft_``, …) are recognised.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from aiida_glassion.formats.labelled.frame import LabelledFrame, SkippedFrame
from aiida_glassion.formats.labelled.text import open_lines
from aiida_glassion.frames import FloatArray

PREFIXES = ('', 'REF_', 'ref_', 'dft_', 'DFT_', 'dft', 'DFT', 'GAP_')
NAMES = {
    'energy': ('free_energy', 'energy', 'Energy', 'energies'),
    'forces': ('forces', 'force', 'Forces'),
    'stress': ('stress', 'Stress'),
    'virial': ('virial', 'virials', 'Virial'),
    'magnetisations': ('magmoms', 'magmom', 'initial_magmoms'),
}
"""Label -> names that are tried, with each of :data:`PREFIXES`."""

_PAIR = re.compile(r'([^\s=]+)\s*=\s*(?:"([^"]*)"|\'([^\']*)\'|\{([^}]*)\}|\[(.*?)\](?=\s|$)|(\S+))')
_AGREE = 1e-3


@dataclass(frozen=True)
class _Columns:
    count: int
    species: int
    positions: int
    per_atom: dict[str, tuple[int, int]]


def read_extxyz(path: Path, skipped: list[SkippedFrame], keys: Mapping[str, str] | None = None) -> Iterator[
    LabelledFrame
]:  # fmt: skip
    """Read frame by frame.

    :param path: the file, may be compressed by gzip.
    :param skipped: a last frame that was cut off is noted here.
    :param keys: name of a label in this file (``energy``, ``forces``, ``stress``, ``virial``, ``magnetisations``).
    :raises ValueError: not extended XYZ, numbers that are none, or stress and virial that contradict each other.
    """
    columns: dict[str, _Columns] = {}
    for index, (line, comment, rows, is_last) in enumerate(_blocks(path)):
        where = f'{path}, frame {index}'
        if not line.strip().isdigit() or int(line) == 0:
            raise ValueError(f'{where}: expected the number of atoms, found {line[:40]!r}')
        if comment is None or len(rows) < int(line):
            skipped.append(
                SkippedFrame(str(path), index, 'truncated', f'only {len(rows)} of {int(line)} atoms are there')
            )
            return
        if is_last and _ends_within_a_line(path) and len(rows[-1]) < min(map(len, rows[:-1]), default=0):
            skipped.append(SkippedFrame(str(path), index, 'truncated', 'its last line is cut off'))
            return
        info = comment_of(comment)
        properties = info.get('Properties')
        if properties is None:
            raise ValueError(
                f'{where}: plain XYZ without `Properties=…` and `Lattice=…` in the second line; it has no labels'
            )
        if properties not in columns:
            columns[properties] = _read_columns(properties, where)
        yield _frame(where, info, columns[properties], rows, keys or {})


def _blocks(path: Path) -> Iterator[tuple[str, str | None, list[str], bool]]:
    """First line, comment and atoms of each frame, and whether the file ends with it."""
    lines = open_lines(path)
    following = next((line for line in lines if line.strip()), None)
    while following is not None:
        first, comment = following, next(lines, None)
        rows = list(islice(lines, int(first))) if first.strip().isdigit() else []
        following = next((line for line in lines if line.strip()), None)
        yield first, comment, rows, following is None


def _ends_within_a_line(path: Path) -> bool:
    """Whether the last line has no end, and so may be cut off; a compressed file that is cut off loses that line."""
    with path.open('rb') as file:
        compressed = file.read(2) == b'\x1f\x8b'
        file.seek(-1, 2)
        return not compressed and file.read(1) != b'\n'


def comment_of(line: str) -> dict[str, str]:
    """Keys and values of the second line of a frame."""
    return {found[0]: next((v for v in found[1:] if v), '') for found in _PAIR.findall(line)}


def _read_columns(properties: str, where: str) -> _Columns:
    words = properties.split(':')
    fields: dict[str, tuple[int, int]] = {}
    start = 0
    try:
        for name, width in zip(words[::3], words[2::3], strict=True):
            fields[name] = (start, start + int(width))
            start += int(width)
        species = fields.get('species', fields.get('element'))
        return _Columns(start, species[0], fields['pos'][0], fields)  # type: ignore[index]
    except (ValueError, KeyError, TypeError):
        raise ValueError(f'{where}: `Properties={properties}` does not name species and pos') from None


def _frame(
    where: str, info: Mapping[str, str], columns: _Columns, rows: list[str], keys: Mapping[str, str]
) -> LabelledFrame:
    words = ' '.join(rows).split()
    if len(words) != columns.count * len(rows):
        raise ValueError(f'{where}: {len(words)} words of atoms, expected {len(rows)} rows of {columns.count}')
    table = np.array(words, dtype=object).reshape(len(rows), columns.count)
    symbols = tuple(table[:, columns.species])
    positions = _floats(table[:, columns.positions : columns.positions + 3], f'{where}: pos')
    cell, pbc = cell_of(info, where)

    def per_atom(label: str, width: int) -> FloatArray | None:
        name = _name(label, columns.per_atom, keys, where)
        if name is None:
            return None
        first, last = columns.per_atom[name]
        if last - first != width:
            raise ValueError(f'{where}: {name} has {last - first} columns, expected {width}')
        return _floats(table[:, first:last], f'{where}: {name}')

    def per_frame(label: str) -> FloatArray | None:
        name = _name(label, info, keys, where)
        if name is None:
            return None
        values = _floats(np.array(info[name].replace(',', ' ').replace('[', ' ').replace(']', ' ').split()), where)
        return values

    energy = per_frame('energy')
    if energy is not None and energy.shape != (1,):
        raise ValueError(f'{where}: the energy is {energy.size} numbers')
    magnetisations = per_atom('magnetisations', 1)
    return LabelledFrame(
        where=where,
        symbols=symbols,
        positions=positions,
        cell=cell,
        pbc=pbc,
        energy=None if energy is None else float(energy[0]),
        forces=per_atom('forces', 3),
        virial=_virial(per_frame('stress'), per_frame('virial'), cell, where),
        magnetisations=None if magnetisations is None else magnetisations[:, 0],
    )


def _name(label: str, there: Mapping[str, Any], keys: Mapping[str, str], where: str) -> str | None:
    """How a label is called in this frame; None: it has none."""
    if label in keys:
        if keys[label] not in there:
            raise ValueError(f'{where}: no {keys[label]!r} for {label}; there are {", ".join(sorted(there))}')
        return keys[label]
    return next((prefix + name for prefix in PREFIXES for name in NAMES[label] if prefix + name in there), None)


def _floats(values: Any, what: str) -> FloatArray:
    try:
        return np.asarray(values, dtype=np.float64)
    except ValueError as error:
        raise ValueError(f'{what}: {error}') from None


def cell_of(info: Mapping[str, str], where: str) -> tuple[FloatArray, tuple[bool, bool, bool]]:
    """Cell, Å, and along which of its vectors it is periodic; without Lattice no volume, and not periodic.

    :param info: of the second line of a frame, see :func:`comment_of`.
    :param where: file and number of the frame, for messages.
    :raises ValueError: numbers that are none, or not as many as there must be.
    """
    if 'Lattice' not in info:
        return np.zeros((3, 3)), (False, False, False)
    cell = _floats(np.array(info['Lattice'].split()), f'{where}: Lattice')
    if cell.shape != (9,):
        raise ValueError(f'{where}: Lattice has {cell.size} numbers, expected 9')
    words = info.get('pbc', 'T T T').split()
    if len(words) != 3 or any(word[0] not in 'TtFf10' for word in words):
        raise ValueError(f'{where}: pbc is {info["pbc"]!r}, expected three of T and F')
    a, b, c = (word[0] in 'Tt1' for word in words)
    return cell.reshape(3, 3), (a, b, c)


def _virial(stress: FloatArray | None, virial: FloatArray | None, cell: FloatArray, where: str) -> FloatArray | None:
    """Virial, eV; the order of nine numbers does not matter because the tensor is symmetric."""
    if stress is not None:
        if stress.shape == (6,):  # Voigt: xx yy zz yz xz xy
            stress = stress[[0, 5, 4, 5, 1, 3, 4, 3, 2]]
        if stress.shape != (9,):
            raise ValueError(f'{where}: the stress is {stress.size} numbers, expected 6 or 9')
        from_stress = -np.abs(np.linalg.det(cell)) * stress.reshape(3, 3)
    if virial is None:
        return None if stress is None else from_stress
    if virial.shape != (9,):
        raise ValueError(f'{where}: the virial is {virial.size} numbers, expected 9')
    found = virial.reshape(3, 3)
    if stress is not None and np.abs(found - from_stress).max() > _AGREE * max(1.0, float(np.abs(found).max())):
        raise ValueError(
            f'{where}: stress and virial contradict each other: the virial must be −V times the stress, but its xx is '
            f'{found[0, 0]:.6g} eV and that of the stress gives {from_stress[0, 0]:.6g} eV'
        )
    return found

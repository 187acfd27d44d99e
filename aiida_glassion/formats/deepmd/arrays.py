"""What every layout of DeePMD-kit's data shares: names of the files, types of the atoms, arrays that become frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aiida_glassion.frames import Frames

FILES = {
    'cells': 'box',
    'positions': 'coord',
    'energies': 'energy',
    'forces': 'force',
    'virials': 'virial',
    'magnetisations': 'magnetisation',
}
"""Array of Frames -> file in a set."""

_NUMBERS_AT_ONCE = 1_500_000


def read_type_map(folder: Path, type_map: Sequence[str] | None = None) -> list[str]:
    """Elements by type.

    :raises ValueError: there is no ``type_map.raw``, and none is given.
    """
    file = folder / 'type_map.raw'
    if file.is_file():
        return file.read_text().split()
    if type_map is None:
        raise ValueError(f'{file} is missing: DeePMD data need it to name the atoms')
    return list(type_map)


def read_symbols(folder: Path, type_map: Sequence[str] | None = None) -> tuple[str, ...]:
    """Element of each atom.

    :raises ValueError: a file is missing, or its numbers name no element.
    """
    if not (folder / 'type.raw').is_file():
        raise ValueError(f'{folder / "type.raw"} is missing: DeePMD data need it to name the atoms')
    elements = read_type_map(folder, type_map)
    try:
        return name_types([int(word) for word in (folder / 'type.raw').read_text().split()], elements)
    except ValueError as error:
        raise ValueError(f'{folder / "type.raw"}: {error}') from error


def name_types(types: Sequence[int], elements: Sequence[str]) -> tuple[str, ...]:
    """Element of each type.

    :raises ValueError: no atoms, or a type without an element.
    """
    wrong = [kind for kind in types if not 0 <= kind < len(elements)]
    if wrong or not types:
        what = f'type {wrong[0]}' if wrong else 'no atoms'
        raise ValueError(f'{what}; its numbers must count the {len(elements)} elements from 0, one for each atom')
    return tuple(elements[kind] for kind in types)


def frames_of_arrays(arrays: dict[str, Any], symbols: tuple[str, ...], pbc: bool, where: str) -> Iterator[Frames]:
    """Frames of a set, a part at a time.

    :param arrays: by name as in Frames, of any shape with the right number of numbers; may be on disk.
    :param symbols: of the atoms.
    :param pbc: periodic in all directions, or in none.
    :param where: for messages.
    :raises ValueError: an array is missing or does not fit, or holds NaN.
    """
    if 'positions' not in arrays or ('cells' not in arrays and pbc):
        raise ValueError(f'{where}: coord.npy or box.npy is missing')
    n_frames = len(arrays['positions'])
    shapes: dict[str, tuple[int, ...]] = {
        'cells': (3, 3),
        'positions': (len(symbols), 3),
        'energies': (),
        'forces': (len(symbols), 3),
        'virials': (3, 3),
        'magnetisations': (len(symbols),),
    }
    for array, values in arrays.items():
        if values.size != n_frames * np.prod(shapes[array], dtype=int):
            raise ValueError(
                f'{where}/{FILES[array]}.npy: shape {values.shape}, expected {(n_frames, *shapes[array])} numbers'
            )
    step = max(1, _NUMBERS_AT_ONCE // (3 * len(symbols)))
    for start in range(0, n_frames, step):
        rows = slice(start, min(start + step, n_frames))
        size = rows.stop - rows.start
        part: dict[str, Any] = {
            array: np.array(values[rows], dtype=np.float64).reshape(size, *shapes[array])
            for array, values in arrays.items()
        }
        part.setdefault('cells', np.zeros((size, 3, 3)))
        for array, values in part.items():
            finite = np.isfinite(values).reshape(size, -1).all(axis=1)
            if not finite.all():
                raise ValueError(f'{where}, frame {start + int(finite.argmin())}: {array} is not a number (NaN)')
        try:
            yield Frames(symbols=symbols, pbc=(pbc, pbc, pbc), **part)
        except ValueError as error:
            raise ValueError(f'{where}: {error}') from error

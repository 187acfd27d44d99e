"""DeePMD-kit's other layouts of the same arrays: text (``raw``), mixed compositions (``npy/mixed``) and HDF5."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from aiida_glassion.formats.deepmd.arrays import FILES, frames_of_arrays, name_types, read_symbols, read_type_map
from aiida_glassion.formats.deepmd.systems import find_sets, system_name
from aiida_glassion.frames import Frames

MIXED_TYPES = 'real_atom_types.npy'
_ROWS = 500


def is_mixed(folder: Path) -> bool:
    """Whether a system's frames have compositions of their own."""
    return any(folder.glob(f'set.*/{MIXED_TYPES}'))


def is_raw(folder: Path) -> bool:
    """Whether a system is kept as text."""
    return (folder / 'coord.raw').is_file() and not any(folder.glob('set.*'))


def read_mixed(folder: Path, type_map: Sequence[str] | None = None) -> Iterator[Frames]:
    """Read a system of mixed compositions; atoms of type −1 are padding.

    :param folder: holds ``set.*/real_atom_types.npy``.
    :param type_map: names of the elements where there is no ``type_map.raw``.
    :raises ValueError: a file is missing or does not fit.
    """
    elements = read_type_map(folder, type_map)
    pbc = not (folder / 'nopbc').exists()
    for path in find_sets(folder):
        found = {
            array: np.load(path / f'{name}.npy', mmap_mode='r', allow_pickle=False)
            for array, name in FILES.items()
            if (path / f'{name}.npy').exists()
        }
        if not (path / MIXED_TYPES).is_file():
            raise ValueError(f'{path / MIXED_TYPES} is missing')
        types = np.load(path / MIXED_TYPES, mmap_mode='r', allow_pickle=False)
        for start in range(0, len(types), _ROWS):
            rows = slice(start, start + _ROWS)
            part = {array: np.array(values[rows]) for array, values in found.items()}
            yield from _by_composition(part, np.array(types[rows]), elements, pbc, f'{path}, from frame {start}')


def _by_composition(
    arrays: dict[str, Any], types: Any, elements: Sequence[str], pbc: bool, where: str
) -> Iterator[Frames]:
    kinds, belongs = np.unique(types, axis=0, return_inverse=True)
    for index, kind in enumerate(kinds):
        rows, real = belongs.ravel() == index, kind >= 0
        part: dict[str, Any] = {}
        for array, values in arrays.items():
            chosen = values[rows]
            if array in ('positions', 'forces', 'magnetisations'):
                chosen = chosen.reshape(len(chosen), len(kind), -1)[:, real]
            part[array] = chosen
        try:
            symbols = name_types(kind[real].tolist(), elements)
        except ValueError as error:
            raise ValueError(f'{where}: {error}') from error
        yield from frames_of_arrays(part, symbols, pbc, where)


def read_raw(folder: Path, type_map: Sequence[str] | None = None) -> Iterator[Frames]:
    """Read a system kept as text, one line per frame.

    :param folder: holds ``coord.raw``, ``box.raw``, ``energy.raw`` …
    :param type_map: names of the elements where there is no ``type_map.raw``.
    :raises ValueError: a file is missing or does not fit; files of different length.
    """
    symbols = read_symbols(folder, type_map)
    pbc = not (folder / 'nopbc').exists()
    with ExitStack() as stack:
        files = {
            array: stack.enter_context((folder / f'{name}.raw').open())
            for array, name in FILES.items()
            if (folder / f'{name}.raw').is_file()
        }
        start = 0
        while True:
            part: dict[str, Any] = {}
            for array, file in files.items():
                lines = [line for line in islice(file, _ROWS) if line.strip()]
                try:
                    part[array] = np.array([line.split() for line in lines], dtype=np.float64)
                except ValueError as error:
                    raise ValueError(f'{folder / FILES[array]}.raw, from line {start + 1}: {error}') from error
            lengths = {f'{FILES[array]}.raw': len(values) for array, values in part.items()}
            if len(set(lengths.values())) > 1:
                raise ValueError(f'{folder}: files of different length after line {start}: {lengths}')
            if not lengths or not next(iter(lengths.values())):
                return
            yield from frames_of_arrays(part, symbols, pbc, f'{folder}, from frame {start}')
            start += _ROWS


def read_hdf5(path: Path, type_map: Sequence[str] | None = None) -> Iterator[Frames]:
    """Read every system of an HDF5 file.

    :param path: the file.
    :param type_map: names of the elements where a system has no ``type_map.raw``.
    :raises ValueError: not HDF5, no system in it, or an array does not fit.
    """
    import h5py

    try:
        file = h5py.File(path, 'r')
    except OSError as error:
        raise ValueError(f'{path}: not an HDF5 file, or damaged ({error})') from error
    with file:
        groups = [file] if 'type.raw' in file else []
        file.visititems(
            lambda _, item: groups.append(item) if isinstance(item, h5py.Group) and 'type.raw' in item else None
        )
        if not groups:
            raise ValueError(f'{path}: no DeePMD system (a group with type.raw) in it')
        for group in groups:
            where = f'{path}#{group.name}'
            if 'type_map.raw' in group:
                elements = [name.decode() for name in group['type_map.raw'][:]]
            elif type_map is not None:
                elements = list(type_map)
            else:
                raise ValueError(f'{where}: type_map.raw is missing: DeePMD data need it to name the atoms')
            symbols = name_types(group['type.raw'][:].tolist(), elements)
            sets = sorted((name for name in group if name.startswith('set.')), key=lambda name: (len(name), name))
            for name in sets:
                arrays = {array: group[name][f'{f}.npy'] for array, f in FILES.items() if f'{f}.npy' in group[name]}
                yield from frames_of_arrays(arrays, symbols, 'nopbc' not in group, f'{where}/{name}')


class Hdf5Writer:
    """Write frames of any compositions into one HDF5 file as DeePMD-kit reads it (``file.hdf5#/O16Si8``).

    :param path: the file, made anew.
    """

    def __init__(self, path: Path) -> None:
        import h5py

        self._file: Any = h5py.File(path, 'w')

    def __enter__(self) -> Hdf5Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, frames: Frames) -> None:
        """Write frames as a set of their system.

        :raises ValueError: no energies, or periodic in some directions only.
        """
        name, frames = system_name(frames), frames.sorted_by_element()
        if name not in self._file:
            group = self._file.create_group(name)
            group.create_dataset('type.raw', data=frames.types)
            group.create_dataset('type_map.raw', data=np.array(frames.elements, dtype='S'))
            if not any(frames.pbc):
                group.create_dataset('nopbc', data=True)
        group = self._file[name]
        part = group.create_group(f'set.{sum(key.startswith("set.") for key in group):03d}')
        for array, file in FILES.items():
            values = getattr(frames, array)
            if values is not None and (array != 'cells' or any(frames.pbc)):
                part.create_dataset(f'{file}.npy', data=np.asarray(values, np.float64).reshape(frames.n_frames, -1))

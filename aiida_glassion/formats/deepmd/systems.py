"""Labelled frames as deepmd/npy systems: a folder for each composition, in it sets of frames as arrays.

``O8Si4/type_map.raw``, ``type.raw``, ``set.000/{box,coord,energy,force,virial}.npy`` as DeePMD-kit reads them
(https://docs.deepmodeling.com/projects/deepmd/en/stable/data/system.html); units Å, eV, eV/Å; virial eV with the sign
of :class:`~aiida_glassion.frames.Frames`. Besides them ``magnetisation.npy`` (µB per site), which DeePMD-kit leaves
aside. Everything in double precision: single precision would round a DFT total energy by meV.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from aiida_glassion.formats.deepmd.arrays import FILES, frames_of_arrays, read_symbols
from aiida_glassion.frames import Frames

LABELS = ('energies', 'forces', 'virials', 'magnetisations')
_INITIALS = {'energies': 'e', 'forces': 'f', 'virials': 'v', 'magnetisations': 'm'}
_USUAL = ('energies', 'forces', 'virials')
_NUMBERS_WAITING = 6_000_000


def formula_of(frames: Frames) -> str:
    """Atoms of the cell, elements alphabetical: ``O8Si4``."""
    return ''.join(f'{element}{number}' for element, number in frames.counts.items())


def system_name(frames: Frames) -> str:
    """Folder of these frames: the formula, and what is unusual: other labels than e, f, v; no periodicity.

    :raises ValueError: no energies, or periodic in some directions only, for which DeePMD-kit has no files.
    """
    if frames.energies is None:
        raise ValueError(f'{formula_of(frames)}: frames without energies cannot be learned from')
    if any(frames.pbc) and not all(frames.pbc):
        raise ValueError(f'{formula_of(frames)}: periodic in {frames.pbc}; DeePMD-kit knows all directions or none')
    labels = tuple(name for name in LABELS if getattr(frames, name) is not None)
    name = formula_of(frames)
    if labels != _USUAL:
        name += '_' + ''.join(_INITIALS[label] for label in labels)
    return name if all(frames.pbc) else f'{name}_nopbc'


@dataclass
class SystemSummary:
    """What a system holds.

    :param name: folder.
    :param formula: atoms of the cell.
    :param counts: number of atoms of each element.
    :param n_frames: frames.
    :param labels: which of :data:`LABELS` it has.
    :param content_hash: SHA-256 of the numbers, independent of how they are cut into sets.
    """

    name: str
    formula: str
    counts: dict[str, int]
    n_frames: int
    labels: list[str]
    content_hash: str


@dataclass
class _System:
    frames: Frames
    waiting: list[Frames] = field(default_factory=list)
    n_waiting: int = 0
    n_sets: int = 0
    n_frames: int = 0
    hashes: dict[str, Any] = field(default_factory=dict)


class SystemsWriter:
    """Write frames of any compositions as they come, in bounded memory: no more than a set of each composition waits,
    and where many compositions come together, sets get smaller.

    :param folder: made if it does not exist; must be empty.
    :param frames_per_set: frames of a set.
    """

    def __init__(self, folder: Path, frames_per_set: int = 1000) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise ValueError(f'{folder} is not empty')
        self.folder = folder
        self.frames_per_set = frames_per_set
        self._systems: dict[str, _System] = {}

    def __enter__(self) -> SystemsWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()

    def add(self, frames: Frames) -> None:
        """Take frames; atoms are sorted by element, so frames of one composition share a system.

        :raises ValueError: no energies, or periodic in some directions only.
        """
        if not frames.n_frames:
            return
        name = system_name(frames)
        frames = frames.sorted_by_element()
        system = self._systems.get(name)
        if system is None:
            system = self._systems[name] = _System(frames[:0])
            self._begin(name, frames)
        system.waiting.append(frames)
        system.n_waiting += frames.n_frames
        while system.n_waiting >= self.frames_per_set:
            self._write_set(name, system)
        while sum(s.n_waiting * s.frames.n_atoms * 3 for s in self._systems.values()) > _NUMBERS_WAITING:
            largest = max(
                self._systems, key=lambda key: self._systems[key].n_waiting * self._systems[key].frames.n_atoms
            )
            self._write_set(largest, self._systems[largest])

    def close(self) -> list[SystemSummary]:
        """Write what is left.

        :returns: what was written, by name.
        """
        for name, system in self._systems.items():
            while system.n_waiting:
                self._write_set(name, system)
        return self.summaries

    @property
    def summaries(self) -> list[SystemSummary]:
        """What was written so far, by name."""
        return [
            SystemSummary(
                name=name,
                formula=formula_of(system.frames),
                counts=system.frames.counts,
                n_frames=system.n_frames,
                labels=[label for label in LABELS if getattr(system.frames, label) is not None],
                content_hash=_digest(system),
            )
            for name, system in sorted(self._systems.items())
        ]

    def _begin(self, name: str, frames: Frames) -> None:
        folder = self.folder / name
        folder.mkdir()
        (folder / 'type_map.raw').write_text('\n'.join(frames.elements) + '\n')
        (folder / 'type.raw').write_text('\n'.join(str(kind) for kind in frames.types) + '\n')
        if not any(frames.pbc):
            (folder / 'nopbc').touch()

    def _write_set(self, name: str, system: _System) -> None:
        parts: list[Frames] = []
        room = self.frames_per_set
        while system.waiting and room:
            part = system.waiting.pop(0)
            if part.n_frames > room:
                system.waiting.insert(0, part[room:])
                part = part[:room]
            parts.append(part)
            room -= part.n_frames
        frames = Frames.concatenate(parts)
        folder = self.folder / name / f'set.{system.n_sets:03d}'
        folder.mkdir()
        for array, file in FILES.items():
            values = getattr(frames, array)
            if values is None:
                continue
            values = np.ascontiguousarray(values, dtype=np.float64).reshape(frames.n_frames, -1)
            system.hashes.setdefault(array, hashlib.sha256()).update(values.tobytes())
            np.save(folder / f'{file}.npy', values[:, 0] if array == 'energies' else values, allow_pickle=False)
        system.n_sets += 1
        system.n_frames += frames.n_frames
        system.n_waiting -= frames.n_frames


def _digest(system: _System) -> str:
    whole = hashlib.sha256(' '.join(system.frames.symbols).encode())
    for array in sorted(system.hashes):
        whole.update(array.encode() + system.hashes[array].digest())
    return whole.hexdigest()


def read_system(folder: Path, type_map: Sequence[str] | None = None) -> Iterator[Frames]:
    """Read one system; a set at once, or a part of it if it is large.

    :param folder: holds ``type.raw`` and sets; ``type_map.raw`` names the elements.
    :param type_map: names of the elements where there is no ``type_map.raw``.
    :raises ValueError: a file is missing or does not fit; the message names it.
    """
    symbols = read_symbols(folder, type_map)
    pbc = not (folder / 'nopbc').exists()
    for path in find_sets(folder):
        yield from _read_set(path, symbols, pbc)


def find_sets(folder: Path) -> list[Path]:
    """The ``set.*`` folders of a system in their order.

    :raises ValueError: there are none.
    """
    sets = sorted(
        (path for path in folder.glob('set.*') if path.is_dir()), key=lambda path: (len(path.name), path.name)
    )
    if not sets:
        raise ValueError(f'{folder}: no set.* folder in it')
    return sets


def is_system(folder: Path) -> bool:
    """Whether a folder is a deepmd/npy system."""
    return (folder / 'type.raw').is_file()


def find_systems(folder: Path) -> list[Path]:
    """Every deepmd/npy system at or below a folder, by name."""
    return sorted(path.parent for path in folder.rglob('type.raw'))


def copy_system(source: Path, target: Path) -> None:
    """Copy a system as it is."""
    shutil.copytree(source, target)


def _read_set(path: Path, symbols: tuple[str, ...], pbc: bool) -> Iterator[Frames]:
    arrays: dict[str, Any] = {}
    for array, name in FILES.items():
        file = path / f'{name}.npy'
        if not file.exists():
            continue
        try:
            arrays[array] = np.load(file, mmap_mode='r', allow_pickle=False)
        except (ValueError, EOFError, OSError) as error:
            raise ValueError(f'{file}: not an array ({error})') from error
    yield from frames_of_arrays(arrays, symbols, pbc, str(path))

"""One door for labelled files of every kind: tell the format, read in bounded memory, refuse what cannot be learned."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from aiida_glassion import units
from aiida_glassion.formats.deepmd.other_layouts import is_mixed, is_raw, read_hdf5, read_mixed, read_raw
from aiida_glassion.formats.deepmd.systems import find_systems, read_system
from aiida_glassion.formats.labelled.espresso import read_espresso
from aiida_glassion.formats.labelled.extxyz import read_extxyz
from aiida_glassion.formats.labelled.frame import LabelledFrame, NoFramesError, SkippedFrame, gather
from aiida_glassion.formats.labelled.text import head_of
from aiida_glassion.formats.labelled.vasp_outcar import read_outcar
from aiida_glassion.formats.labelled.vasp_xml import read_vasprun
from aiida_glassion.frames import Frames

FORMATS = {
    'extxyz': 'extended XYZ with energies and forces',
    'deepmd': 'folder of DeePMD systems (npy, npy/mixed or raw), at it or below it',
    'hdf5': 'DeePMD systems in an HDF5 file',
    'vasprun': "VASP's vasprun.xml",
    'outcar': "VASP's OUTCAR",
    'espresso': "Quantum ESPRESSO's pw.x output",
}
"""Name of each format -> what it is."""

_HDF5 = b'\x89HDF\r\n\x1a\n'
_LARGEST_ENERGY = 1e4
_LARGEST_FORCE = 200.0
_LARGEST_PRESSURE = 1000.0
_VOLUMES = (2.0, 500.0)


@dataclass
class Reading:
    """How files are read, and what happened.

    :param type_map: names of the elements for DeePMD systems without ``type_map.raw``.
    :param keys: names of labels in extended XYZ, where they are not the usual ones.
    :param without_forces: take frames that have energies only.
    :param skipped: frames that were left out.
    :param doubts: what looks like another unit than eV and Å; each kind once per file.
    """

    type_map: Sequence[str] | None = None
    keys: Mapping[str, str] = field(default_factory=dict)
    without_forces: bool = False
    skipped: list[SkippedFrame] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)


def detect_format(path: Path) -> str:
    """Tell the format of a file by its content, of a folder by what is in it.

    :returns: a key of :data:`FORMATS`.
    :raises ValueError: it is none of them, is empty or does not exist; names the known formats.
    """
    known = '; '.join(f'{name}: {text}' for name, text in FORMATS.items())
    if path.is_dir():
        if find_systems(path):
            return 'deepmd'
        raise ValueError(f'{path}: no DeePMD system (a folder with type.raw) at or below it. Known are {known}')
    if not path.is_file():
        raise ValueError(f'{path}: there is no such file')
    if not path.stat().st_size:
        raise ValueError(f'{path}: the file is empty')
    with path.open('rb') as file:
        if file.read(8) == _HDF5:
            return 'hdf5'
    head = head_of(path)
    lines = head.splitlines()
    if '<modeling>' in head:
        return 'vasprun'
    if lines and lines[0].lstrip().startswith('vasp.'):
        return 'outcar'
    if 'Program PWSCF' in head:
        return 'espresso'
    if lines and lines[0].strip().isdigit():
        return 'extxyz'
    raise ValueError(f'{path}: not a format that is known here. Known are {known}')


def read_labelled(path: Path, format: str | None = None, reading: Reading | None = None) -> Iterator[Frames]:
    """Read the labelled frames of a file or folder, some at a time.

    :param path: file, or folder of DeePMD systems.
    :param format: a key of :data:`FORMATS`; None: told by the content.
    :param reading: how; what is left out or looks doubtful is noted there.
    :raises NoFramesError: nothing in it is usable.
    :raises ValueError: an unknown format; frames without energies or forces; numbers that are none.
        The message names file and frame.
    """
    reading = reading or Reading()
    if format is None:
        format = detect_format(path)
    if format not in FORMATS:
        raise ValueError(f'format: there is no {format!r}; there are {", ".join(FORMATS)}')
    before = len(reading.skipped)
    doubts: set[str] = set()
    n_frames = 0
    for frames in _arrays(path, format, reading):
        if not frames.n_frames:
            continue
        _check_labels(frames, path, reading)
        for kind, text in doubts_of(frames):
            if kind not in doubts:
                doubts.add(kind)
                reading.doubts.append(f'{path}: {text}')
        n_frames += frames.n_frames
        yield frames
    if not n_frames:
        raise NoFramesError(f'{path}: no frame to learn from in it{_why_none(reading.skipped[before:])}')


def _arrays(path: Path, format: str, reading: Reading) -> Iterator[Frames]:
    if format == 'deepmd':
        for folder in find_systems(path):
            if is_mixed(folder):
                yield from read_mixed(folder, reading.type_map)
            elif is_raw(folder):
                yield from read_raw(folder, reading.type_map)
            else:
                yield from read_system(folder, reading.type_map)
    elif format == 'hdf5':
        yield from read_hdf5(path, reading.type_map)
    elif format == 'extxyz':
        yield from gather(_checked(read_extxyz(path, reading.skipped, reading.keys), reading))
    else:
        readers: dict[str, Callable[[Path, list[SkippedFrame]], Iterator[LabelledFrame]]] = {
            'vasprun': read_vasprun, 'outcar': read_outcar, 'espresso': read_espresso
        }  # fmt: skip
        yield from gather(_checked(readers[format](path, reading.skipped), reading))


def _checked(frames: Iterator[LabelledFrame], reading: Reading) -> Iterator[LabelledFrame]:
    """Frames as they come, each with its energy and forces.

    :raises ValueError: one has none; it is named.
    """
    for frame in frames:
        if frame.energy is None:
            raise ValueError(f'{frame.where}: no energy, so there is nothing to learn')
        if frame.forces is None and not reading.without_forces:
            raise ValueError(_no_forces(frame.where))
        yield frame


def _check_labels(frames: Frames, path: Path, reading: Reading) -> None:
    formula = ''.join(f'{element}{number}' for element, number in frames.counts.items())
    _check_elements(frames, path)
    if frames.energies is None:
        raise ValueError(f'{path}: frames of {formula} have no energy, so there is nothing to learn')
    if frames.forces is None and not reading.without_forces:
        raise ValueError(_no_forces(f'{path}: frames of {formula}'))


def _no_forces(where: str) -> str:
    return f'{where}: no forces; energies alone teach little (they are taken if you say that there are no forces)'


def _check_elements(frames: Frames, path: Path) -> None:
    from ase.data import chemical_symbols

    unknown = sorted(set(frames.elements) - set(chemical_symbols[1:]))
    if unknown:
        raise ValueError(f'{path}: {", ".join(unknown)} is not an element; a type map must name elements')


def doubts_of(frames: Frames) -> list[tuple[str, str]]:
    """What in labelled frames looks like another unit than eV and Å: kind and one sentence.

    :param frames: with energies.
    """
    found = []
    largest = float(np.abs(frames.energies).max()) / frames.n_atoms if frames.energies is not None else 0.0
    if largest > _LARGEST_ENERGY:
        found.append(
            (
                'energy',
                f'energies of {largest:.0f} eV per atom: in eV, of the whole cell? (all-electron codes have such)',
            )
        )
    if frames.forces is not None:
        rms = float(np.sqrt((frames.forces**2).mean()))
        if rms > _LARGEST_FORCE:
            found.append(('force', f'forces of {rms:.0f} eV/Å (rms): in eV/Å?'))
    if not all(frames.pbc):
        return found
    per_atom = frames.volumes / frames.n_atoms
    if per_atom.min() < _VOLUMES[0] or per_atom.max() > _VOLUMES[1]:
        strange = float(per_atom.min() if per_atom.min() < _VOLUMES[0] else per_atom.max())
        found.append(('volume', f'{strange:.3g} Å³ per atom: is the cell in Å?'))
    if frames.virials is not None:
        traces = np.abs(np.trace(frames.virials, axis1=1, axis2=2)) / 3 / frames.volumes
        pressure = float(traces.max()) * units.EV_PER_ANGSTROM3_TO_GPA
        if pressure > _LARGEST_PRESSURE:
            found.append(('virial', f'a pressure of {pressure:.0f} GPa: is the virial in eV, the stress in eV/Å³?'))
    return found


def _why_none(skipped: Sequence[SkippedFrame]) -> str:
    if not skipped:
        return ''
    first = skipped[0]
    return f': {len(skipped)} left out, the first because {first.kind}: {first.reason}'

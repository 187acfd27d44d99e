"""A LAMMPS job that labels many configurations of the same atoms: its input script, its frames, its answers.

Each frame is read into the box (``read_dump``), and ``run 0`` sets everything up anew for its cell: the mesh and the
splitting of an Ewald sum are those of the frame itself, so a label does not depend on the frames that share the job
(``rerun`` would keep the mesh of the first cell). The potential is loaded once. What a frame gave is written and
closed before the next one is begun; a line in the file of labels says that its forces are complete.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from aiida_glassion.formats.lammps.cell import LammpsCell, to_bounds, to_lammps
from aiida_glassion.formats.lammps.dump import Dump, read_dump
from aiida_glassion.formats.lammps.script import ENERGY_UNIT_EV
from aiida_glassion.frames import Frames

Array = npt.NDArray[np.float64]

DATA_FILE = 'first.data'
FRAMES_FILE = 'frames.dump'
FORCES_FILE = 'forces.dump'
LABELS_FILE = 'labels.txt'
PRESSURE_TIMES_VOLUME = {'metal': 1.6021765e6, 'real': 68568.415}
"""LAMMPS' own factor between energy and pressure times volume (`nktv2p` in update.cpp): bar Å³/eV; atm Å³ mol/kcal."""
_MARK = 'GLASSION frame'
_TENSOR = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))


def write_label_script(
    potential_commands: Sequence[str], n_frames: int, lammps_units: str, atom_style: str, triclinic: bool
) -> str:
    """Write the input script.

    :param potential_commands: pair style, coefficients, kspace, for the atoms of the data file.
    :param n_frames: how many frames the dump holds, steps 0 to n_frames - 1.
    :param lammps_units: metal or real.
    :param atom_style: charge or atomic.
    :param triclinic: whether any frame has a tilted cell.
    """
    values = ' '.join(f'$(c_virial_pressure[{number}]:%.17g)' for number in range(1, 7))
    lines = [
        f'units {lammps_units}',
        f'atom_style {atom_style}',
        'atom_modify map yes',
        'boundary p p p',
        f'read_data {DATA_FILE}',
        *(['change_box all triclinic'] if triclinic else []),
        *potential_commands,
        'compute virial_pressure all pressure NULL virial',
        'thermo_style custom step pe c_virial_pressure[*]',
        'thermo_modify format float %.17g',
        f'variable frame loop 0 {n_frames - 1}',
        'label next_frame',
        f'read_dump {FRAMES_FILE} ${{frame}} x y z box yes replace yes format native',
        'run 0 post no',
        f'write_dump all custom {FORCES_FILE} id type x y z fx fy fz modify sort id append yes format float %.17g',
        f'print "{_MARK} ${{frame}} $(pe:%.17g) {values}" append {LABELS_FILE} screen no',
        'next frame',
        'jump SELF next_frame',
        'print "GLASSION done"',
    ]
    return '\n'.join(lines) + '\n'


def oriented(cell: npt.ArrayLike) -> tuple[LammpsCell, Array]:
    """LAMMPS' form of a cell, left-handed ones too: minus the three vectors span the same lattice.

    :returns: the cell, and the rotation with positions_lammps = positions @ rotation.
    """
    return to_lammps(_right_handed(cell))


def first_frame(frames: Frames) -> Frames:
    """The first frame for the data file, its cell right-handed."""
    return Frames(symbols=frames.symbols, positions=frames.positions[:1], cells=_right_handed(frames.cells[0])[None])


def is_triclinic(frames: Frames) -> bool:
    """Whether any frame needs a tilted box."""
    return any(oriented(cell)[0].triclinic for cell in frames.cells)


def write_frames(frames: Frames, path: Path) -> None:
    """Write frames as a dump for ``read_dump``, each number such that the same double is read; steps 0, 1, 2 …

    :param frames: types are numbered by :attr:`Frames.elements` from 1, ids by the order of the atoms.
    :param path: file to write.
    """
    tilted = is_triclinic(frames)
    heads = [f'{number} {kind + 1} ' for number, kind in enumerate(frames.types.tolist(), 1)]
    with path.open('w', encoding='ascii') as handle:
        for step in range(frames.n_frames):
            cell, rotation = oriented(frames.cells[step])
            bounds, tilts = to_bounds(cell.matrix)
            handle.write(f'ITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n{frames.n_atoms}\n')
            handle.write(f'ITEM: BOX BOUNDS {"xy xz yz " if tilted else ""}pp pp pp\n')
            for (low, high), tilt in zip(bounds.tolist(), tilts.tolist(), strict=True):
                handle.write(f'{low!r} {high!r} {tilt!r}\n' if tilted else f'{low!r} {high!r}\n')
            handle.write('ITEM: ATOMS id type x y z\n')
            positions = np.asarray(frames.positions[step], dtype=float) @ rotation
            positions -= np.floor(positions @ np.linalg.inv(cell.matrix)) @ cell.matrix
            x, y, z = (map(repr, column) for column in positions.T.tolist())
            handle.writelines(f'{head}{a} {b} {c}\n' for head, a, b, c in zip(heads, x, y, z, strict=True))


@dataclass
class LabelledByLammps:
    """What a job gave, frames in the orientation that they had before.

    :param indices: of the frames that have labels, ascending.
    :param energies: (n,), eV.
    :param forces: (n, n_atoms, 3), eV/Å.
    :param virials: (n, 3, 3), eV.
    :param not_finite: frames whose energy or virial is no number, and what they are.
    :param damage: why reading stopped; empty where nothing was wrong.
    """

    indices: list[int] = field(default_factory=list)
    energies: list[float] = field(default_factory=list)
    forces: list[Array] = field(default_factory=list)
    virials: list[Array] = field(default_factory=list)
    not_finite: dict[int, str] = field(default_factory=dict)
    damage: str = ''


def read_labels(frames: Frames, labels: str, forces: Path | bytes | None, lammps_units: str) -> LabelledByLammps:
    """Read what a job left, cut anywhere.

    :param frames: those that the job was given.
    :param labels: content of :data:`LABELS_FILE`.
    :param forces: :data:`FORCES_FILE`.
    :param lammps_units: metal or real.
    """
    found = LabelledByLammps()
    rows = _rows(labels, frames.n_frames)
    energy_unit = ENERGY_UNIT_EV[lammps_units]
    blocks = split_dump(forces)
    for index, row in rows.items():
        if not np.isfinite(row).all():
            found.not_finite[index] = f'energy {row[0] * energy_unit:g} eV, pressures {row[1:].tolist()}'
            continue
        dump = read_dump(blocks[index]) if index in blocks else Dump(message='missing')
        if len(dump) != 1 or dump.forces is None or dump.forces.shape[1] != frames.n_atoms:
            found.damage = found.damage or f'forces of frame {index}: {dump.message}'
            continue
        cell, rotation = oriented(frames.cells[index])
        to_ev = energy_unit * abs(float(np.linalg.det(cell.matrix))) / PRESSURE_TIMES_VOLUME[lammps_units]
        virial = np.empty((3, 3))
        for (i, j), value in zip(_TENSOR, row[1:] * to_ev, strict=True):
            virial[i, j] = virial[j, i] = value
        found.indices.append(index)
        found.energies.append(float(row[0] * energy_unit))
        found.forces.append(np.asarray(dump.forces[0], dtype=float) * energy_unit @ rotation.T)
        found.virials.append(rotation @ virial @ rotation.T)
    return found


def split_dump(source: Path | bytes | None) -> dict[int, bytes]:
    """Text of each whole or broken frame of a dump by its step, so that one that is damaged does not hide the rest."""
    if source is None:
        return {}
    content = source if isinstance(source, bytes) else source.read_bytes()
    blocks = {}
    for block in content.split(b'ITEM: TIMESTEP\n')[1:]:
        step = block.partition(b'\n')[0].strip()
        if step.isdigit():
            blocks[int(step)] = b'ITEM: TIMESTEP\n' + block
    return blocks


def _right_handed(cell: npt.ArrayLike) -> Array:
    rows = np.asarray(cell, dtype=float)
    return rows if np.linalg.det(rows) > 0 else -rows


def _rows(labels: str, n_frames: int) -> dict[int, Array]:
    """Energy and six components of the virial's pressure of each frame whose line is whole."""
    rows = {}
    for line in labels.splitlines(keepends=True):
        words = line.removeprefix(_MARK).split()
        if not line.startswith(_MARK) or not line.endswith('\n') or len(words) != 8:
            continue
        try:
            index, values = int(words[0]), np.array([float(word) for word in words[1:]])
        except ValueError:
            continue
        if 0 <= index < n_frames:
            rows[index] = values
    return rows

"""Labelled frames as extended XYZ, as ASE reads it, with the virial besides the stress."""

from __future__ import annotations

from io import StringIO
from typing import IO

import numpy as np

from aiida_glassion.frames import Frames


def write_extxyz(file: IO[str], frames: Frames) -> None:
    """Append frames to an open file.

    Energies in eV, forces in eV/Å, ``stress`` in eV/Å³ with ASE's sign (−virial/V), ``virial`` in eV; numbers with the
    digits that give the same double precision back.

    :param file: open for text.
    :param frames: with or without labels.
    """
    columns = 'species:S:1:pos:R:3'
    tables = [frames.positions]
    if frames.forces is not None:
        columns += ':forces:R:3'
        tables.append(frames.forces)
    if frames.magnetisations is not None:
        columns += ':magmoms:R:1'
        tables.append(frames.magnetisations[:, :, None])
    periodic = any(frames.pbc)
    pbc = ' '.join('T' if axis else 'F' for axis in frames.pbc)
    volumes = frames.volumes
    names = [f'{symbol:<2}' for symbol in frames.symbols]
    for i in range(frames.n_frames):
        comment = [f'Lattice="{_row(frames.cells[i])}"'] if periodic else []
        comment.append(f'Properties={columns}')
        if frames.energies is not None:
            comment.append(f'energy={float(frames.energies[i])!r}')
        if frames.virials is not None and periodic:
            comment.append(f'stress="{_row(-frames.virials[i] / volumes[i])}"')
        if frames.virials is not None:
            comment.append(f'virial="{_row(frames.virials[i])}"')
        file.write(f'{frames.n_atoms}\n{" ".join(comment)} pbc="{pbc}"\n')
        body = StringIO()
        np.savetxt(body, np.hstack([table[i] for table in tables]), fmt='%.17g')
        file.writelines(f'{name} {row}\n' for name, row in zip(names, body.getvalue().splitlines(), strict=True))


def _row(numbers: object) -> str:
    return ' '.join(repr(float(number)) for number in np.ravel(np.asarray(numbers)))

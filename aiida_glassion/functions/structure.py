"""Calcfunctions at the door to programs that want one configuration as StructureData."""

from __future__ import annotations

from aiida import orm
from aiida.engine import calcfunction

from aiida_glassion.data.frames import FramesData
from aiida_glassion.frames import Frames


@calcfunction
def frame_structure(frames: FramesData) -> orm.StructureData:
    """The only configuration of a node as StructureData: sites in its order, kinds by element.

    A left-handed cell is given with all three vectors reversed: the same lattice, and programs accept it.

    :param frames: one configuration, positions and cell Å.
    """
    return _structure(frames.frames)


@calcfunction
def grouped_structure(frames: FramesData) -> orm.StructureData:
    """The same with the atoms of each element together, alphabetical, as a POSCAR needs them.

    :param frames: one configuration, positions and cell Å.
    """
    return _structure(frames.frames.sorted_by_element())


def _structure(frames: Frames) -> orm.StructureData:
    if frames.n_frames != 1:
        raise ValueError(f'frames: {frames.n_frames} configurations given, expected one')
    atoms = frames.to_ase(0)
    if atoms.cell.handedness < 0:
        atoms.set_cell(-atoms.cell.array)
    return orm.StructureData(ase=atoms)

"""FramesData: configurations as arrays, the currency between steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from aiida import orm

from aiida_glassion.frames import Frames

if TYPE_CHECKING:
    from ase import Atoms

UNITS = {
    'positions': 'Å',
    'cells': 'Å',
    'velocities': 'Å/ps',
    'forces': 'eV/Å',
    'energies': 'eV',
    'virials': 'eV',
    'magnetisations': 'µB',
    'charges': 'e',
    'times': 'ps',
}


class FramesData(orm.TrajectoryData):
    """One configuration or a trajectory of the same atoms, as arrays.

    A :class:`~aiida.orm.TrajectoryData` (whatever reads one, reads this) that is never turned into a
    ``StructureData`` on the way: for 100 000 atoms that would take a minute, the arrays take a blink.
    Positions in Å, unwrapped where the source kept track of periodic images; velocities in Å/ps; times in ps.
    A trajectory may hold positions and velocities in single precision (6e-6 Å at 100 Å); one configuration to
    start from is kept in double.
    """

    def __init__(self, frames: Frames | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if frames is not None:
            self._set_frames(frames)

    @classmethod
    def from_frames(cls, frames: Frames) -> FramesData:
        """Node of these frames, not stored yet."""
        return cls(frames=frames)

    @classmethod
    def from_structure(cls, structure: orm.StructureData) -> FramesData:
        """Node of one :class:`~aiida.orm.StructureData`; sites are named by element, not by kind."""
        return cls(frames=Frames.from_ase(structure.get_ase()))

    @classmethod
    def from_trajectory(cls, trajectory: orm.TrajectoryData) -> FramesData:
        """Node of a core ``TrajectoryData``, whose velocities are taken to be in Å/ps.

        :raises ValueError: the trajectory has no cells.
        """
        if isinstance(trajectory, cls):
            return trajectory
        return cls(frames=_read(trajectory))

    @classmethod
    def from_ase(cls, atoms: Atoms) -> FramesData:
        """Node of ASE Atoms, or of a list of them."""
        return cls(frames=Frames.from_ase(atoms))

    def _set_frames(self, frames: Frames) -> None:
        arrays = frames.arrays()
        steps = arrays.pop('steps', None)
        self.set_trajectory(
            symbols=list(frames.symbols),
            positions=arrays.pop('positions'),
            stepids=None if steps is None else np.asarray(steps, dtype=np.int64),
            cells=np.asarray(arrays.pop('cells'), dtype=float),
            times=_as_float(arrays.pop('times', None)),
            velocities=arrays.pop('velocities', None),
            pbc=list(frames.pbc),
        )
        for name, array in arrays.items():
            self.set_array(name, array)
        self.base.attributes.set_many(
            {
                'units': {name: UNITS[name] for name in frames.arrays() if name in UNITS},
                'n_atoms': frames.n_atoms,
                'n_frames': frames.n_frames,
                'counts': frames.counts,
            }
        )

    def _internal_validate(
        self,
        stepids: npt.NDArray[Any] | None,
        cells: npt.NDArray[Any] | None,
        symbols: list[str],
        positions: npt.NDArray[Any],
        times: npt.NDArray[Any] | None,
        velocities: npt.NDArray[Any] | None,
        pbc: tuple[bool, bool, bool] | list[bool] | None,
    ) -> None:
        """Check as core does, but let single precision through: Frames checks shapes and finiteness."""
        if cells is None:
            raise ValueError('FramesData needs cells')
        for name, array in {'positions': positions, 'velocities': velocities}.items():
            if array is not None and array.dtype not in (np.float32, np.float64):
                raise TypeError(f'{name}: dtype {array.dtype}, expected float64 or float32')
        Frames(tuple(symbols), positions, cells, _three(pbc), velocities, steps=stepids, times=times)

    @property
    def frames(self) -> Frames:
        """The arrays of this node."""
        return _read(self)

    @property
    def n_atoms(self) -> int:
        """Number of atoms."""
        return int(self.numsites)

    @property
    def n_frames(self) -> int:
        """Number of configurations."""
        return int(self.numsteps)

    @property
    def elements(self) -> tuple[str, ...]:
        """The elements in alphabetical order."""
        return tuple(sorted(self.base.attributes.get('counts')))

    def to_ase(self, index: int = -1) -> Atoms:
        """One frame (default: the last) as ASE Atoms."""
        return self.frames.to_ase(index)


def _three(pbc: Any) -> tuple[bool, bool, bool]:
    a, b, c = pbc or (True, True, True)
    return bool(a), bool(b), bool(c)


def _as_float(array: npt.NDArray[Any] | None) -> npt.NDArray[np.float64] | None:
    return None if array is None else np.asarray(array, dtype=float)


def _read(node: orm.TrajectoryData) -> Frames:
    names = set(node.get_arraynames())
    if 'cells' not in names:
        raise ValueError('a trajectory without cells has no density and no periodic images; give one with cells')
    optional = (
        'velocities', 'forces', 'energies', 'virials', 'magnetisations', 'charges', 'steps', 'times', 'stages',
    )  # fmt: skip
    return Frames(
        symbols=tuple(node.symbols),
        positions=node.get_array('positions'),
        cells=node.get_array('cells'),
        pbc=_three(node.pbc),
        **{name: node.get_array(name) for name in optional if name in names},
    )


def as_frames(node: orm.Data) -> Frames:
    """The configurations in any node that holds atoms: the door through which a process lets them in.

    :param node: FramesData, StructureData, TrajectoryData or aiida-lammps' LammpsTrajectory.
    :raises TypeError: another kind of node.
    :raises ValueError: a trajectory without cells.
    """
    from aiida_lammps.data.trajectory import LammpsTrajectory

    if isinstance(node, orm.TrajectoryData):
        return _read(node)
    if isinstance(node, orm.StructureData):
        return Frames.from_ase(node.get_ase())
    if isinstance(node, LammpsTrajectory):
        return Frames.from_ase(node.get_step_structure(-1).get_ase())
    raise TypeError(f'{type(node).__name__} holds no configuration; give FramesData, StructureData or TrajectoryData')

"""Configurations of one set of atoms as arrays: what readers return, kernels take and :class:`FramesData` stores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from aiida_glassion import units

if TYPE_CHECKING:
    from ase import Atoms

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]

_SHAPES = {
    'positions': ('frames', 'atoms', 3),
    'cells': ('frames', 3, 3),
    'velocities': ('frames', 'atoms', 3),
    'forces': ('frames', 'atoms', 3),
    'energies': ('frames',),
    'virials': ('frames', 3, 3),
    'magnetisations': ('frames', 'atoms'),
    'charges': ('atoms',),
    'steps': ('frames',),
    'times': ('frames',),
    'stages': ('frames',),
}
_PER_FRAME = tuple(name for name, shape in _SHAPES.items() if shape[0] == 'frames')


@dataclass(frozen=True, eq=False)
class Frames:
    """Configurations as arrays.

    :param symbols: chemical symbol of each atom, length n_atoms, the same in every frame.
    :param positions: (n_frames, n_atoms, 3), Å. Unwrapped where the source kept track of periodic images.
    :param cells: (n_frames, 3, 3), Å, rows are the cell vectors.
    :param pbc: periodic along each cell vector.
    :param velocities: (n_frames, n_atoms, 3), Å/ps.
    :param forces: (n_frames, n_atoms, 3), eV/Å.
    :param energies: (n_frames,), potential energy of the whole cell, eV.
    :param virials: (n_frames, 3, 3), eV: minus the derivative of the energy by a homogeneous strain, -dE/dε, which is
        minus volume times stress (positive where the cell wants to grow; DeePMD's sign, opposite to ASE's stress).
    :param magnetisations: (n_frames, n_atoms), magnetic moment of each site, µB.
    :param charges: (n_atoms,), e.
    :param steps: (n_frames,), integration step of each frame.
    :param times: (n_frames,), ps.
    :param stages: (n_frames,), index of the schedule's stage in which the frame was taken.
    :raises ValueError: a shape does not fit, a number is not finite, or a cell has no volume.
    """

    symbols: tuple[str, ...]
    positions: FloatArray
    cells: FloatArray
    pbc: tuple[bool, bool, bool] = (True, True, True)
    velocities: FloatArray | None = None
    forces: FloatArray | None = None
    energies: FloatArray | None = None
    virials: FloatArray | None = None
    magnetisations: FloatArray | None = None
    charges: FloatArray | None = None
    steps: IntArray | None = None
    times: FloatArray | None = None
    stages: IntArray | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, 'symbols', tuple(self.symbols))
        object.__setattr__(self, 'pbc', tuple(bool(p) for p in self.pbc))
        sizes = {'frames': len(self.positions), 'atoms': len(self.symbols)}
        for name, dims in _SHAPES.items():
            array = getattr(self, name)
            if array is None:
                continue
            shape = tuple(sizes[dim] if isinstance(dim, str) else dim for dim in dims)
            if np.shape(array) != shape:
                raise ValueError(f'{name}: shape {np.shape(array)}, expected {shape} {dims}')
            if not np.isfinite(array).all():
                raise ValueError(f'{name}: not finite (NaN or infinity)')
        if any(self.pbc) and len(self.cells) and (np.abs(np.linalg.det(self.cells)) < 1e-6).any():
            raise ValueError('cells: a periodic cell without volume')

    @property
    def n_frames(self) -> int:
        """Number of configurations."""
        return len(self.positions)

    @property
    def n_atoms(self) -> int:
        """Number of atoms."""
        return len(self.symbols)

    def __len__(self) -> int:
        return self.n_frames

    @cached_property
    def elements(self) -> tuple[str, ...]:
        """The elements in alphabetical order. This order numbers the types everywhere: kernels, LAMMPS, models."""
        return tuple(sorted(set(self.symbols)))

    @cached_property
    def types(self) -> npt.NDArray[np.int32]:
        """Index of each atom's element in :attr:`elements`, (n_atoms,), from 0."""
        index = {element: i for i, element in enumerate(self.elements)}
        return np.array([index[symbol] for symbol in self.symbols], dtype=np.int32)

    @cached_property
    def masses(self) -> FloatArray:
        """Mass of each atom, (n_atoms,), g/mol (ASE's table, IUPAC 2016)."""
        from ase.data import atomic_masses, atomic_numbers

        table: FloatArray = np.array([atomic_masses[atomic_numbers[element]] for element in self.elements])
        masses: FloatArray = table[self.types]
        return masses

    @property
    def counts(self) -> dict[str, int]:
        """Number of atoms of each element, alphabetical."""
        return dict(sorted(Counter(self.symbols).items()))

    @property
    def volumes(self) -> FloatArray:
        """Cell volume of each frame, Å³."""
        volumes: FloatArray = np.abs(np.linalg.det(self.cells))
        return volumes

    @property
    def densities(self) -> FloatArray:
        """Mass density of each frame, g/cm³."""
        densities: FloatArray = self.masses.sum() / self.volumes * units.AMU_PER_ANGSTROM3_TO_G_PER_CM3
        return densities

    def sorted_by_element(self) -> Frames:
        """The same configurations, atoms grouped by element, alphabetical; within an element the order stays."""
        order = np.argsort(self.types, kind='stable')
        if np.array_equal(order, np.arange(self.n_atoms)):
            return self
        per_atom: dict[str, Any] = {
            name: getattr(self, name).take(order, axis=dims.index('atoms'))
            for name, dims in _SHAPES.items()
            if 'atoms' in dims and getattr(self, name) is not None
        }
        return replace(self, symbols=tuple(self.symbols[i] for i in order), **per_atom)

    def __getitem__(self, index: int | slice | Sequence[int] | IntArray) -> Frames:
        """Return the chosen frames; an integer gives one frame, still with a frame axis."""
        if isinstance(index, (int, np.integer)):
            index = [range(self.n_frames)[index]]
        chosen = {name: getattr(self, name)[index] for name in _PER_FRAME if getattr(self, name) is not None}
        return replace(self, **chosen)

    @classmethod
    def concatenate(cls, parts: Sequence[Frames]) -> Frames:
        """Join frames of the same atoms; a per-frame array is kept where every part has it.

        :raises ValueError: no part given, or the atoms differ.
        """
        if not parts:
            raise ValueError('nothing to concatenate')
        if any(part.symbols != parts[0].symbols for part in parts[1:]):
            raise ValueError('frames of different atoms cannot be concatenated')
        joined: dict[str, Any] = {}
        for name in _PER_FRAME:
            arrays = [getattr(part, name) for part in parts]
            joined[name] = None if any(array is None for array in arrays) else np.concatenate(arrays)
        return replace(parts[0], **joined)

    @classmethod
    def from_ase(cls, atoms: Atoms | Sequence[Atoms]) -> Frames:
        """Frames from one or several ASE Atoms of the same atoms in the same order (velocities if any are set)."""
        images: list[Any] = list(atoms) if isinstance(atoms, (list, tuple)) else [atoms]
        first = images[0]
        if any(image.get_chemical_symbols() != first.get_chemical_symbols() for image in images[1:]):
            raise ValueError('every ASE Atoms must hold the same atoms in the same order')
        velocities = None
        if all(image.has('momenta') for image in images):
            from ase.units import fs

            velocities = np.array([image.get_velocities() for image in images]) * fs / units.FS_TO_PS
        return cls(
            symbols=tuple(first.get_chemical_symbols()),
            positions=np.array([image.get_positions() for image in images]),
            cells=np.array([image.cell.array for image in images]),
            pbc=tuple(first.pbc),
            velocities=velocities,
        )

    def to_ase(self, index: int = -1) -> Atoms:
        """One frame as ASE Atoms, with velocities and charges when known."""
        from ase import Atoms
        from ase.units import fs

        atoms = Atoms(self.symbols, positions=self.positions[index], cell=self.cells[index], pbc=self.pbc)
        if self.velocities is not None:
            atoms.set_velocities(self.velocities[index] * units.FS_TO_PS / fs)
        if self.charges is not None:
            atoms.set_initial_charges(self.charges)
        return atoms

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Every array that is present, by name."""
        found = {f.name: getattr(self, f.name) for f in fields(self) if f.name in _SHAPES}
        return {name: array for name, array in found.items() if array is not None}

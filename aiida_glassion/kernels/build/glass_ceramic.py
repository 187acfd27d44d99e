"""A crystal inside a glass: grains as spheres, a box or a slab, in whole formula units, no atom on top of another."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.build.carve_balance import EXACT
from aiida_glassion.kernels.build.glass_ceramic_fit import fit_glass
from aiida_glassion.kernels.build.glass_ceramic_grains import fill_grain
from aiida_glassion.kernels.build.glass_ceramic_orientation import Orientation
from aiida_glassion.kernels.build.glass_ceramic_slab import slab
from aiida_glassion.kernels.build.packing import DISTANCE_SCALE
from aiida_glassion.kernels.build.pores import Box, Slit, Sphere, shape_as_dict
from aiida_glassion.kernels.build.pores_distance import axis_index
from aiida_glassion.kernels.build.pores_place import DENSEST, place_spheres
from aiida_glassion.kernels.build.pores_together import distance_to_regions
from aiida_glassion.kernels.space.images import heights
from aiida_glassion.kernels.space.regions import REGIONS, regions_by_distance

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

SHAPES = ('sphere', 'slab', 'box')


@dataclass(frozen=True)
class Grains:
    """What crystal to put into a glass.

    :param fraction: share of the cell's volume within the grains, wanted: above 0, below 0.74 for spheres, else 1.
    :param shape: ``sphere``, ``slab`` (through the whole cell, strained to fit it) or ``box`` (edges along those of the
        cell, in the proportions of the cell).
    :param n: number of grains; several only as spheres, at random places.
    :param centre: of a single grain, in fractions of the cell vectors.
    :param gap: least distance between the surfaces of two spheres, Å.
    :param orientation: of spheres and boxes.
    :param axis: cell vector that a slab lies across: a, b or c.
    :param miller: lattice plane of the crystal that is parallel to a slab.
    :param max_strain: largest principal strain of a slab.
    :param aligned: a slab's first lattice vector lies along the cell's; else it is turned to where it fits best.
    :param interface: width of the shell that is labelled interface, Å, half of it on either side of the surface.
    :param distances: least distances between glass and crystal that replace the defaults, ``{'Si-O': 1.4}``, Å.
    :param overlap: the default of the others, as a share of the sum of the ionic radii (:func:`.minimum_distances`).
    :param exact: ``formula``: the whole has the composition of the glass in whole units; ``neutral``: the glass that is
        left is exactly neutral, and near its composition. None: ``formula`` where glass and crystal have the same
        composition.
    :param most_changed: refuse where more atoms would have to go for that than this share of those that make room.
    :raises ValueError: a setting is not of that kind.
    """

    fraction: float
    shape: str = 'sphere'
    n: int = 1
    centre: tuple[float, float, float] = (0.5, 0.5, 0.5)
    gap: float = 4.0
    orientation: Orientation = field(default_factory=Orientation)
    axis: str = 'c'
    miller: tuple[int, int, int] = (0, 0, 1)
    max_strain: float = 0.05
    aligned: bool = False
    interface: float = 6.0
    distances: Mapping[str, float] | None = None
    overlap: float = DISTANCE_SCALE
    exact: str | None = None
    most_changed: float = 0.5

    def __post_init__(self) -> None:
        if self.shape not in SHAPES:
            raise ValueError(f'shape: {self.shape!r} given, expected one of {", ".join(SHAPES)}')
        if isinstance(self.fraction, (bool, str)) or not 0 < self.fraction < 1:
            raise ValueError(f'fraction: {self.fraction!r} given, expected a share of the volume above 0 and below 1')
        if self.shape == 'sphere' and self.fraction > DENSEST:
            raise ValueError(
                f'fraction: {self.fraction:g} given, but spheres fill at most 0.74 of the space; take less, or a slab '
                'or a box'
            )
        if isinstance(self.n, bool) or not isinstance(self.n, (int, np.integer)) or self.n < 1:
            raise ValueError(f'n: {self.n!r} given, expected a whole number of grains, at least 1')
        if self.n > 1 and self.shape != 'sphere':
            raise ValueError(f'n: {self.n} grains given, but only spheres can be several; take one {self.shape}')
        axis_index('axis', self.axis)
        for name, least in (('gap', 0.0), ('interface', 0.0), ('most_changed', 0.0)):
            if not least <= getattr(self, name) < math.inf:
                raise ValueError(f'{name}: {getattr(self, name)!r} given, expected a number of at least {least:g}')
        if not 0 < self.overlap <= 1.5:
            raise ValueError(f'overlap: {self.overlap!r} given, expected a share of the radii above 0, e.g. 0.75')
        if self.exact not in (None, *EXACT):
            raise ValueError(f'exact: {self.exact!r} given, expected one of {", ".join(EXACT)}, or nothing')


@dataclass(frozen=True, eq=False)
class GlassCeramic:
    """A glass with crystal grains in it.

    :param frames: one frame, the atoms of the glass first, wrapped into the cell of the glass.
    :param labels: (n_atoms,), int8, by the distance from the grains' surfaces: 0 glass, 1 interface, 2 crystal
        (:data:`.REGIONS`).
    :param grain: (n_atoms,), int32, number of the grain that an atom was put there with, −1 for the atoms of the glass:
        what to hold still while the glass around it heals.
    :param from_glass: indices in the glass of the atoms left of it: the first ones of ``frames``, in their order.
    :param also_removed: indices in the glass of the atoms that went only to balance the whole, nearest first.
    :param regions: the grains.
    :param report: JSON-ready: ``fraction_wanted``, ``fraction`` (volume of the crystal's atoms, strained as they are,
        over that of the cell), ``atom_fraction`` (of the crystal), ``grains`` (shape, atoms, rotation matrix of each),
        ``match`` (of a slab: supercell, strains, angle), ``exact``, ``unit``, ``counts`` (whole), ``counts_glass``,
        ``counts_crystal``, ``n_inside``, ``n_overlapping``, ``n_also_removed``, ``farthest_also_removed`` (Å),
        ``charge``, ``composition_change`` (of what must keep its composition: the whole, or the glass), ``regions``
        (atoms by label), ``minimum_distances`` (Å by pair), ``seed``.
    """

    frames: Frames
    labels: npt.NDArray[np.int8]
    grain: npt.NDArray[np.int32]
    from_glass: IntArray
    also_removed: IntArray
    regions: Sequence[Sphere | Slit | Box]
    report: dict[str, Any]


def build_glass_ceramic(
    glass: Frames, crystal: Frames, grains: Grains, seed: int, charges: Mapping[str, float] | None = None
) -> GlassCeramic:
    """Put grains of a crystal into a glass.

    The grains are cut in whole formula units of the crystal. Atoms of the glass within them go, then those too near to
    an atom of the crystal, then those nearest to the grains' surfaces as far as composition or neutrality want it (of
    the choices that do, the one with the fewest). The crystal stays as it is.

    :param glass: the last frame counts; periodic in all directions. Only symbols, positions and cell are used.
    :param crystal: the same; its cell is repeated as needed.
    :param grains: what to put in.
    :param seed: of places, orientations and choices among equals, 0 or more.
    :param charges: e, by element. Default: the usual oxidation states where neutrality is wanted.
    :raises ValueError: a grain does not fit the cell, composition or neutrality cannot hold, or an element is unknown;
        the message names the setting and what would do.
    """
    for name, frames in (('glass', glass), ('crystal', crystal)):
        if not all(frames.pbc):
            raise ValueError(f'{name}: periodic in {frames.pbc}, expected periodic in all three directions')
    cell = np.asarray(glass.cells[-1], dtype=np.float64)
    generator = np.random.default_rng(seed)
    shapes, places, atoms, owner, notes = _grow(crystal, cell, grains, seed, generator)
    crystal_symbols = [crystal.symbols[atom] for atom in atoms]
    of_glass = np.asarray(glass.positions[-1], dtype=np.float64)
    fit = fit_glass(
        of_glass, glass.symbols, places, crystal_symbols, cell, shapes, charges,
        grains.distances, grains.overlap, grains.exact, grains.most_changed, generator,
    )  # fmt: skip
    symbols = (*(glass.symbols[atom] for atom in fit.kept), *crystal_symbols)
    positions = np.concatenate([of_glass[fit.kept], places])
    inside = positions @ np.linalg.inv(cell)
    inside -= np.floor(inside)
    positions = inside @ cell
    labels = regions_by_distance(distance_to_regions(shapes, positions, cell), grains.interface)
    grain = np.concatenate([np.full(len(fit.kept), -1, dtype=np.int32), owner])
    made = Frames(symbols=symbols, positions=positions[None], cells=cell[None])
    stretch = math.prod(1 + strain for strain in notes['match']['strains']) if notes['match'] else 1.0
    crystal_volume = abs(float(np.linalg.det(np.asarray(crystal.cells[-1], dtype=np.float64)))) * stretch
    filled = len(atoms) / crystal.n_atoms * crystal_volume / abs(float(np.linalg.det(cell)))
    counts = np.bincount(labels, minlength=len(REGIONS))
    report = {
        'fraction_wanted': float(grains.fraction),
        'fraction': filled,
        'atom_fraction': len(atoms) / len(symbols),
        **notes,
        **fit.report,
        'counts': made.counts,
        'regions': {name: int(number) for name, number in zip(REGIONS, counts, strict=True)},
        'interface': float(grains.interface),
        'seed': int(seed),
    }
    return GlassCeramic(made, labels, grain, fit.kept, fit.also_removed, shapes, report)


def grain_shapes(cell: FloatArray, grains: Grains, seed: int) -> list[Sphere | Box]:
    """Spheres or a box of the fraction wanted.

    :raises ValueError: they do not fit the cell.
    """
    volume = abs(float(np.linalg.det(cell)))
    if grains.shape == 'box':
        edge = grains.fraction ** (1 / 3)
        return [Box(grains.centre, (edge, edge, edge))]
    diameter = (6 * grains.fraction * volume / (math.pi * grains.n)) ** (1 / 3)
    try:
        if grains.n > 1:
            return list(place_spheres(cell, diameter, grains.n, seed, grains.gap))
        single = Sphere(grains.centre, diameter)
        single.volume(cell)
    except ValueError as error:
        raise ValueError(
            f'fraction: {grains.fraction:g} in {grains.n} sphere{"s" if grains.n > 1 else ""} cannot be ({error})'
        ) from error
    return [single]


def _grow(
    crystal: Frames, cell: FloatArray, grains: Grains, seed: int, generator: np.random.Generator
) -> tuple[Sequence[Sphere | Slit | Box], FloatArray, IntArray, npt.NDArray[np.int32], dict[str, Any]]:
    """Shapes, positions (n, 3), the crystal's atom and the grain behind each, and what the report says of them."""
    own = np.asarray(crystal.cells[-1], dtype=np.float64)
    fractions = np.asarray(crystal.positions[-1], dtype=np.float64) @ np.linalg.inv(own)
    if grains.shape == 'slab':
        return _grow_slab(fractions, own, cell, grains)
    types = crystal.types.astype(np.int64)
    counts = np.bincount(types)
    unit = counts // int(np.gcd.reduce(counts))
    shapes = grain_shapes(cell, grains, seed)
    found, rotations = [], []
    for shape in shapes:
        rotation = grains.orientation.matrix(own, cell, generator)
        found.append(fill_grain(fractions, own, types, unit, shape, cell, rotation, generator))
        rotations.append(rotation)
    owner = np.repeat(np.arange(len(found), dtype=np.int32), [len(atoms) for _, atoms in found])
    told = [
        {**shape_as_dict(shape), 'n_atoms': len(atoms), 'rotation': rotation.tolist()}
        for shape, (_, atoms), rotation in zip(shapes, found, rotations, strict=True)
    ]
    places, atoms = np.concatenate([p for p, _ in found]), np.concatenate([a for _, a in found])
    return shapes, places, atoms, owner, {'grains': told, 'match': None}


def _grow_slab(
    fractions: FloatArray, own: FloatArray, cell: FloatArray, grains: Grains
) -> tuple[list[Sphere | Slit | Box], FloatArray, IntArray, npt.NDArray[np.int32], dict[str, Any]]:
    axis = axis_index('axis', grains.axis)
    height = float(heights(cell)[axis])
    places, atoms, thickness, match = slab(
        fractions, own, cell, grains.axis, grains.fraction * height, grains.miller, grains.max_strain, grains.aligned
    )
    shape = Slit(grains.axis, grains.centre, thickness)
    # the layer is as high as it should be, whatever the tilt of the cell vector across it
    lowest = grains.centre[axis] - thickness / height / 2
    told = {**shape_as_dict(shape), 'n_atoms': len(atoms), 'rotation': None}
    matched = {
        'supercell': match.supercell.tolist(),
        'strains': list(match.strains),
        'strain': match.strain,
        'angle': match.angle,
        'miller': list(grains.miller),
    }
    owner = np.zeros(len(atoms), dtype=np.int32)
    return [shape], places + lowest * cell[axis], atoms, owner, {'grains': [told], 'match': matched}

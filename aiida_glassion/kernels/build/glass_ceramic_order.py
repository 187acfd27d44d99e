"""What became of a crystal put into a glass: how much of its order is left, and whether its atoms stayed in place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.build.pores import Box, Slit, Sphere
from aiida_glassion.kernels.build.pores_together import distance_to_regions
from aiida_glassion.kernels.space.regions import Regions, find_regions
from aiida_glassion.kernels.structure.elements import network_roles
from aiida_glassion.kernels.transport.unwrap import fractional_coordinates, unwrap_fractional

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
Shape = Sphere | Slit | Box

AWAY = 5.5
"""Å from the grains beyond which the surroundings of an atom are glass alone."""
_FEWEST = 10
_CONTRAST = 0.05
"""Less order above that of the glass than this, as built, tells nothing about its loss."""
_SITE = 1.0
"""Å from its place in the lattice within which an atom of a grain has stayed."""
LEAST_KEPT = 0.25
"""A grain that melts or dissolves keeps nothing, within a few per cent; one that is distorted a third or more."""
DISTORTED = 0.6
"""A grain that keeps less of its order than this is told to be distorted."""


@dataclass(frozen=True)
class Fate:
    """What became of one grain.

    :param order_built: mean local order of its centres as built; ``order_healed``: after healing; None: not judged.
    :param kept: order above that of the glass that is left, as a share of what was built; None: cannot be told.
    :param in_place: share of its atoms within 1 Å of their places in the lattice, its own drift taken off.
    :param displacement: root mean square distance from those places, Å.
    :param drift: by which the whole grain went, Å.
    :param lost: whether less than the least share is kept.
    :param judged_by: ``order``, or ``in_place`` where the order cannot tell.
    """

    order_built: float | None
    order_healed: float | None
    kept: float | None
    in_place: float
    displacement: float
    drift: float
    lost: bool
    judged_by: str

    @property
    def share(self) -> float:
        """The number that the grain is judged by."""
        return self.in_place if self.kept is None else self.kept


def mean_structure(frames: Frames) -> tuple[FloatArray, FloatArray]:
    """Mean positions (n_atoms, 3) and mean cell (3, 3) of a solid over some frames, Å: without its vibrations.

    :param frames: at least one; wrapped or not.
    """
    cell = np.asarray(frames.cells, dtype=np.float64).mean(axis=0)
    fractional = unwrap_fractional(fractional_coordinates(frames.positions, frames.cells), frames.pbc)
    return np.asarray(fractional.mean(axis=0) @ cell), cell


def judged_atoms(symbols: Sequence[str]) -> tuple[BoolArray, BoolArray]:
    """Centres whose surroundings are judged, and the framework that these consist of, both (n_atoms,).

    Formers, and formers with anions, as the analysis ``regions`` takes them; all atoms where there is no former.
    """
    roles = network_roles(sorted(set(symbols)))
    kind = np.array([roles[symbol] for symbol in symbols])
    if 'former' not in roles.values():
        every = np.ones(len(symbols), dtype=bool)
        return every, every
    return kind == 'former', kind != 'modifier'


def local_order(frames: Frames, **settings: Any) -> Regions:
    """Label and local order of each atom, from the mean structure.

    :param settings: of :func:`.find_regions`: ``radius``, ``reach``, ``threshold``, ``smoothing``.
    """
    positions, cell = mean_structure(frames)
    centres, framework = judged_atoms(frames.symbols)
    return find_regions(positions, cell, frames.types, centres, framework, **settings)


def order_of_glass(regions: Regions, distance: FloatArray, glass: BoolArray) -> float:
    """Mean local order of the glass: of centres that see no crystal, or of all where these are too few.

    :param distance: (n_atoms,), Å, from the surfaces of the grains.
    :param glass: (n_atoms,), atoms that belong to no grain.
    """
    known = np.isfinite(regions.order) & glass
    far = known & (distance > AWAY)
    chosen = far if far.sum() >= _FEWEST else known
    return float(regions.order[chosen].mean()) if chosen.any() else 0.0


def drifts(built: Frames, sample: Frames, grain: npt.NDArray[np.integer[Any]]) -> tuple[FloatArray, FloatArray]:
    """How far each grain went, and each atom of it in its grain.

    :returns: (n_grains, 3) in fractions of the cell vectors; (n_atoms, 3), Å, zero for the glass.
    """
    before = np.asarray(built.positions[-1], dtype=np.float64) @ np.linalg.inv(built.cells[-1])
    positions, cell = mean_structure(sample)
    moved = positions @ np.linalg.inv(cell) - before
    moved -= np.rint(moved)
    n_grains = int(grain.max(initial=-1)) + 1
    shifts, own = np.zeros((n_grains, 3)), np.zeros_like(moved)
    for number in range(n_grains):
        members = grain == number
        # an atom that diffused across the cell must not draw the whole grain along
        shifts[number] = np.median(moved[members], axis=0)
        relative = moved[members] - shifts[number]
        own[members] = (relative - np.rint(relative)) @ cell
    return shifts, own


def moved_shapes(shapes: Sequence[Shape], before: FloatArray, after: FloatArray, shifts: FloatArray) -> list[Shape]:
    """The grains in a cell that has changed: along with the cell, and where their atoms went.

    :param before: (3, 3), Å, cell as built; ``after``: as healed.
    :param shifts: (n_grains, 3), in fractions of the cell vectors.
    """
    stretch = abs(float(np.linalg.det(after) / np.linalg.det(before))) ** (1 / 3)
    found: list[Shape] = []
    for shape, shift in zip(shapes, shifts, strict=True):
        x, y, z = (float(number) for number in (np.array(shape.centre) + shift))
        if isinstance(shape, Sphere):
            found.append(Sphere((x, y, z), shape.diameter * stretch))
        elif isinstance(shape, Slit):
            axis = 'abc'.index(shape.axis)
            heights = [1 / float(np.linalg.norm(np.linalg.inv(cell)[:, axis])) for cell in (before, after)]
            found.append(Slit(shape.axis, (x, y, z), shape.width * heights[1] / heights[0]))
        else:
            found.append(Box((x, y, z), shape.lengths))
    return found


def fate_of(
    number: int,
    grain: npt.NDArray[np.integer[Any]],
    orders: tuple[Regions, Regions],
    of_glass: tuple[float, float],
    drift: float,
    own: FloatArray,
    least_kept: float = LEAST_KEPT,
) -> Fate:
    """Judge one grain: of the order of its centres above that of the glass, how much is left?

    A ratio of excesses, so that a small grain, half of whose surroundings are glass, is judged like a large one. Where
    the built crystal does not stand out of the glass (a cell narrower than the reach, a lattice vector beyond it) the
    atoms' distances from their places decide.

    :param number: of the grain.
    :param grain: (n_atoms,), grain of each atom.
    :param orders: as built and as healed.
    :param of_glass: order of the glass in both.
    :param drift: of the grain, Å.
    :param own: (n_atoms, 3), Å, displacements in the grain.
    :param least_kept: share below which a grain is lost.
    """
    members = grain == number
    distance = np.linalg.norm(own[members], axis=1)
    in_place = float((distance < _SITE).mean())
    displacement = float(np.sqrt((distance**2).mean()))
    means: list[float | None] = []
    for regions in orders:
        values = regions.order[members & np.isfinite(regions.order)]
        means.append(float(values.mean()) if regions.judged and len(values) else None)
    built, healed = means
    kept = None
    if built is not None and healed is not None and built - of_glass[0] >= _CONTRAST:
        kept = (healed - of_glass[1]) / (built - of_glass[0])
    share = in_place if kept is None else kept
    judged_by = 'in_place' if kept is None else 'order'
    return Fate(built, healed, kept, in_place, displacement, drift, share < least_kept, judged_by)


def excess_kept(
    orders: tuple[Regions, Regions], of_glass: tuple[float, float], near: tuple[BoolArray, BoolArray]
) -> float | None:
    """Order above that of the glass over all centres in and near the grains, healed over built; None: not judged.

    A count of crystal that needs no threshold and no border: 1 where nothing was lost or won, more where glass has
    crystallised on the grains.

    :param near: (n_atoms,), which atoms are counted, as built and as healed.
    """
    sums = []
    for regions, level, counted in zip(orders, of_glass, near, strict=True):
        known = np.isfinite(regions.order) & counted
        sums.append(float((regions.order[known] - level).sum()) if regions.judged else 0.0)
    n = int((np.isfinite(orders[0].order) & near[0]).sum())
    return sums[1] / sums[0] if n and sums[0] >= _CONTRAST * n else None


def distances(shapes: Sequence[Shape], positions: FloatArray, cell: FloatArray) -> FloatArray:
    """Distance of each atom from the nearest grain's surface, negative inside, (n_atoms,), Å."""
    return np.asarray(distance_to_regions(shapes, positions, cell), dtype=np.float64)

"""A grain of a crystal, cut as a sphere or a box, in whole formula units."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.build.pores import Box, Sphere
from aiida_glassion.kernels.space.images import heights

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_MARGIN = 5.0
"""Å around the surface in which atoms are found to fill whole units."""


def fill_grain(
    fractions: FloatArray,
    crystal: FloatArray,
    types: IntArray,
    unit: IntArray,
    shape: Sphere | Box,
    cell: FloatArray,
    rotation: FloatArray,
    generator: np.random.Generator,
) -> tuple[FloatArray, IntArray]:
    """Fill a sphere or a box with whole formula units of a crystal.

    As many units as atoms lie within; of each element those nearest to the inside, so that a few atoms beyond the
    surface make up for a few missing within. Where the crystal's lattice lies is left to chance.

    :param fractions: (n, 3), the atoms of the crystal in fractions of its cell vectors.
    :param crystal: (3, 3), Å, rows are the cell vectors of the crystal.
    :param types: (n,), element of each atom, from 0.
    :param unit: (n_types,), atoms of one formula unit.
    :param shape: where; it fits the cell.
    :param cell: (3, 3), Å, of the glass.
    :param rotation: (3, 3), of :meth:`.Orientation.matrix`.
    :param generator: of the place of the lattice, and among atoms equally deep.
    :returns: positions (n_atoms, 3), Å, not wrapped, and the atom of the crystal behind each.
    :raises ValueError: not one unit fits.
    """
    turned = crystal @ rotation.T
    shift = generator.random(3) @ turned
    half = np.array(shape.lengths) / 2 @ np.abs(cell) if isinstance(shape, Box) else np.full(3, shape.diameter / 2)
    corners = np.array([(i, j, k) for i in (-1, 1) for j in (-1, 1) for k in (-1, 1)]) * (half + _MARGIN)
    reach = (corners - shift) @ np.linalg.inv(turned)
    low, high = np.floor(reach.min(axis=0)).astype(int) - 1, np.ceil(reach.max(axis=0)).astype(int) + 1
    grid = np.stack(
        np.meshgrid(*(np.arange(start, stop + 1) for start, stop in zip(low, high, strict=True)), indexing='ij'),
        axis=-1,
    ).reshape(-1, 3)
    cells = grid @ turned + shift
    size = float(np.linalg.norm(np.abs(turned).sum(axis=0)))
    cells = cells[_depth(cells, shape, cell) < size + _MARGIN]
    places = (cells[:, None] + (fractions @ turned)[None]).reshape(-1, 3)
    atoms = np.tile(np.arange(len(fractions)), len(cells))
    depth = _depth(places, shape, cell)
    near = depth < _MARGIN
    places, atoms, depth = places[near], atoms[near], depth[near]
    n_units = round(float((depth < 0).sum()) / int(unit.sum()))
    if n_units < 1:
        raise ValueError(
            f'fraction: {int((depth < 0).sum())} atoms of the crystal lie within a grain, less than a formula unit of '
            f'{int(unit.sum())}; take a larger fraction, fewer grains, or a larger cell'
        )
    chosen = []
    chance = generator.random(len(places))
    for kind, number in enumerate(unit):
        own = np.flatnonzero(types[atoms] == kind)
        if len(own) < n_units * number:
            raise ValueError(
                f'fraction: the grain is smaller than the unit cell of the crystal, and no {n_units} whole formula '
                'units were found in and around it; take a larger fraction, fewer grains, or a larger cell'
            )
        order = np.lexsort((chance[own], depth[own].round(6)))
        chosen.append(own[order[: n_units * int(number)]])
    which = np.sort(np.concatenate(chosen))
    return places[which] + np.array(shape.centre) @ cell, atoms[which]


def _depth(points: FloatArray, shape: Sphere | Box, cell: FloatArray) -> FloatArray:
    """Distance from the surface of a shape around the origin, without images, negative inside, (n,), Å."""
    if isinstance(shape, Sphere):
        return np.asarray(np.linalg.norm(points, axis=1) - shape.diameter / 2)
    away = np.abs(points @ np.linalg.inv(cell)) - np.array(shape.lengths) / 2
    return np.asarray((away * heights(cell)).max(axis=1))

"""Spheres at random places that do not touch each other: several pores, or grains of a crystal."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.build.pores import Sphere
from aiida_glassion.kernels.build.pores_distance import distance_to_point, shortest_vector, to_nearest_image

FloatArray = npt.NDArray[np.float64]

DENSEST = math.pi / math.sqrt(18)
"""Share of the space that equal spheres can fill at most (0.7405); random packings end near 0.64."""

_TRIES = 2000
"""Places tried for each sphere before they are pushed apart."""
_PUSHES = 2000
_STARTS = 3


def place_spheres(cell: FloatArray, diameter: float, n: int, seed: int, gap: float = 0.0) -> list[Sphere]:
    """Equal spheres at random places, no two of them (images included) nearer than a gap.

    One after the other where there is room (random sequential addition, which ends near a share of 0.38); where that
    fails, all at random and pushed apart until they fit.

    :param cell: (3, 3), Å, rows are the cell vectors, periodic in all directions.
    :param diameter: Å.
    :param n: how many.
    :param seed: 0 or more; the same seed gives the same places.
    :param gap: least distance between two surfaces, Å.
    :raises ValueError: a setting cannot be, a sphere does not fit the cell, or n of them do not.
    """
    box = np.asarray(cell, dtype=np.float64)
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
        raise ValueError(f'n: {n!r} given, expected a whole number of spheres, at least 1')
    if not 0 <= gap < math.inf:
        raise ValueError(f'gap: {gap!r} given, expected a length of 0 Å or more')
    single = Sphere(diameter=diameter)
    single.volume(box)
    least = single.diameter + gap
    room = shortest_vector(box)
    if least > room:
        raise ValueError(
            f'gap: a sphere of {diameter:g} Å is {room - diameter:.2f} Å from its own image in this cell, less than '
            f'the gap of {gap:g} Å; take a smaller gap or diameter, or a larger cell'
        )
    filled = n * math.pi / 6 * least**3 / abs(float(np.linalg.det(box)))
    if filled > DENSEST:
        raise ValueError(_too_many(n, diameter, gap, filled))
    generator = np.random.default_rng(seed)
    centres = _one_by_one(box, least, n, generator)
    for _ in range(_STARTS):
        if centres is not None:
            break
        centres = _pushed_apart(box, least, n, generator)
    if centres is None:
        raise ValueError(_too_many(n, diameter, gap, filled))
    inside = centres @ np.linalg.inv(box)
    inside -= np.floor(inside)
    return [Sphere((float(a), float(b), float(c)), single.diameter) for a, b, c in inside]


def spheres_for_porosity(
    cell: FloatArray, porosity: float, diameter: float, seed: int, gap: float = 0.0, *, fit_diameter: bool = False
) -> list[Sphere]:
    """As many equal spheres as make a porosity, at random places.

    :param cell: (3, 3), Å.
    :param porosity: share of the cell inside the spheres, above 0 and below 0.74. The number of spheres is the nearest
        whole one; :func:`.volume_fraction` says what porosity they make.
    :param diameter: Å.
    :param seed: see :func:`place_spheres`.
    :param gap: see :func:`place_spheres`, Å.
    :param fit_diameter: change the diameter a little instead, so that the porosity is exact.
    :raises ValueError: the porosity is out of reach, also because one sphere makes more than twice as much; or as
        :func:`place_spheres`.
    """
    _check_porosity(porosity)
    box = np.asarray(cell, dtype=np.float64)
    total = abs(float(np.linalg.det(box)))
    one = Sphere(diameter=diameter).volume(box) / total
    n = round(porosity / one)
    if n == 0:
        fitting = (6 * porosity * total / math.pi) ** (1 / 3)
        raise ValueError(
            f'porosity: {porosity:g} given, but one sphere of {diameter:g} Å makes {one:.3f} of this cell already; '
            f'take a diameter of at most {fitting:.2f} Å, a higher porosity, or a larger cell'
        )
    chosen = float((6 * porosity * total / (math.pi * n)) ** (1 / 3)) if fit_diameter else diameter
    return place_spheres(box, chosen, n, seed, gap)


def _check_porosity(porosity: Any) -> None:
    if isinstance(porosity, (bool, str)) or not 0 < porosity <= DENSEST:
        raise ValueError(
            f'porosity: {porosity!r} given, expected a share of the cell above 0 and below 0.74, the densest packing '
            'of equal spheres (random places end near 0.6)'
        )


def _too_many(n: int, diameter: float, gap: float, filled: float) -> str:
    apart = f' {gap:g} Å apart' if gap else ''
    return (
        f'n: no places were found for {n} spheres of {diameter:g} Å{apart}, which would fill {filled:.2f} of the cell '
        '(0.74 is the densest packing, random places end near 0.6); take fewer, smaller or closer ones'
    )


def _one_by_one(cell: FloatArray, least: float, n: int, generator: np.random.Generator) -> FloatArray | None:
    centres = np.empty((n, 3))
    for k in range(n):
        for _ in range(_TRIES):
            centres[k] = generator.uniform(0.0, 1.0, 3) @ cell
            if k == 0 or distance_to_point(centres[:k], cell, centres[k]).min() >= least:
                break
        else:
            return None
    return centres


def _pushed_apart(cell: FloatArray, least: float, n: int, generator: np.random.Generator) -> FloatArray | None:
    """Random places; the two of every overlapping pair move apart until none is left."""
    centres = generator.uniform(0.0, 1.0, (n, 3)) @ cell
    first, second = np.triu_indices(n, 1)
    for _ in range(_PUSHES):
        apart = to_nearest_image(centres[second] - centres[first], cell)
        distances = np.linalg.norm(apart, axis=1)
        close = distances < least
        if not close.any():
            return centres
        push = (
            apart[close]
            * ((0.52 * (least * (1 + 1e-6) - distances[close])) / np.maximum(distances[close], 1e-9))[:, None]
        )
        np.add.at(centres, second[close], push)
        np.subtract.at(centres, first[close], push)
    return None

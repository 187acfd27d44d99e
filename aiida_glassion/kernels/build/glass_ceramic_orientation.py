"""How a crystal lies in a cell: by Euler angles, with one of its directions along a cell vector, or at random."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.build.pores_distance import axis_index

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Orientation:
    """Orientation of a crystal; without any setting it lies as its cell does.

    :param euler: φ1, Φ, φ2 in degrees: the crystal is turned by φ2 about z, then by Φ about x, then by φ1 about z, the
        axes being those of the cell at rest (Bunge's angles; his matrix is the inverse of the rotation made here).
    :param direction: [u, v, w], a direction of the crystal in its cell vectors, that shall point along ``along``.
    :param along: a cell vector of the glass: a, b or c.
    :param twist: turn about ``along`` afterwards, degrees.
    :param random: any orientation with the same probability, another for each grain.
    :raises ValueError: a setting is not of that kind, or two of the three ways are given.
    """

    euler: tuple[float, float, float] | None = None
    direction: tuple[float, float, float] | None = None
    along: str = 'c'
    twist: float = 0.0
    random: bool = False

    def __post_init__(self) -> None:
        for name in ('euler', 'direction'):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, _three(name, value))
        if (self.euler is not None) + (self.direction is not None) + bool(self.random) > 1:
            raise ValueError('orientation: give one of euler, direction and random, not several')
        if self.direction is not None and not any(self.direction):
            raise ValueError('direction: [0, 0, 0] given, expected a direction of the crystal, e.g. [0, 0, 1]')
        axis_index('along', self.along)
        if not math.isfinite(self.twist):
            raise ValueError(f'twist: {self.twist!r} given, expected an angle in degrees')

    def matrix(self, crystal: FloatArray, cell: FloatArray, generator: np.random.Generator) -> FloatArray:
        """The rotation, (3, 3): a column vector of the crystal at rest, multiplied by it, lies as wanted.

        :param crystal: (3, 3), Å, rows are the crystal's cell vectors.
        :param cell: (3, 3), Å, rows are those of the glass.
        :param generator: of the random orientation.
        """
        if self.random:
            return random_rotation(generator)
        if self.euler is not None:
            first, second, third = np.radians(self.euler)
            return _about('z', first) @ _about('x', second) @ _about('z', third)
        if self.direction is not None:
            target = cell[axis_index('along', self.along)]
            turned = rotation_onto(np.array(self.direction) @ crystal, target)
            return rotation_about(target, math.radians(self.twist)) @ turned
        return np.eye(3)


def rotation_about(axis: FloatArray, angle: float) -> FloatArray:
    """Rotation about an axis (Rodrigues' formula), (3, 3).

    :param axis: (3,), of any length above 0.
    :param angle: radians, right-handed.
    """
    x, y, z = axis / np.linalg.norm(axis)
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    turned: FloatArray = np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross
    return turned


def rotation_onto(start: FloatArray, end: FloatArray) -> FloatArray:
    """The smallest rotation that turns one direction into another, (3, 3)."""
    first, second = start / np.linalg.norm(start), end / np.linalg.norm(end)
    axis = np.cross(first, second)
    if np.linalg.norm(axis) > 1e-12:
        return rotation_about(axis, math.atan2(float(np.linalg.norm(axis)), float(first @ second)))
    if first @ second > 0:
        return np.eye(3)
    across = np.cross(first, np.eye(3)[int(np.argmin(np.abs(first)))])
    return rotation_about(across, math.pi)


def random_rotation(generator: np.random.Generator) -> FloatArray:
    """A rotation drawn evenly from all (a normal quaternion of length 1), (3, 3)."""
    w, x, y, z = (q := generator.standard_normal(4)) / np.linalg.norm(q)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def _about(axis: str, angle: float) -> FloatArray:
    return rotation_about(np.eye(3)['xyz'.index(axis)], angle)


def _three(name: str, value: Sequence[Any]) -> tuple[float, float, float]:
    try:
        x, y, z = (float(number) for number in value)
    except (TypeError, ValueError):
        x = y = z = math.nan
    if not all(map(math.isfinite, (x, y, z))):
        raise ValueError(f'{name}: {value!r} given, expected three numbers')
    return x, y, z

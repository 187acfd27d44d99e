"""Shapes in a periodic cell: spheres, cylinders, slits and boxes, as pores or as grains.

All of them measure how far an atom is from their surface, negative inside, with all periodic images and in cells of any
shape. Centres are fractions of the cell vectors, lengths Å.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.build.pores_distance import (
    axis_index,
    distance_to_layer,
    distance_to_line,
    distance_to_point,
    flattened,
    shortest_vector,
)
from aiida_glassion.kernels.space.images import heights

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
Positions = npt.NDArray[np.floating[Any]]
Centre = tuple[float, float, float]

MIDDLE: Centre = (0.5, 0.5, 0.5)


class _Shape:
    """What all shapes have in common."""

    def distances(self, positions: Positions, cell: FloatArray) -> FloatArray:
        raise NotImplementedError

    def inside(self, positions: Positions, cell: FloatArray) -> BoolArray:
        """Which positions lie inside, (n,); those on the surface do not.

        :param positions: (n, 3), Å, wrapped or not.
        :param cell: (3, 3), Å, rows are the cell vectors, periodic in all directions.
        :raises ValueError: as :meth:`distances`.
        """
        return np.asarray(self.distances(positions, cell) < 0)


@dataclass(frozen=True)
class Sphere(_Shape):
    """A sphere.

    :param centre: in fractions of the cell vectors.
    :param diameter: Å.
    :raises ValueError: a setting is not of that kind.
    """

    centre: Centre = MIDDLE
    diameter: float = 14.0

    def __post_init__(self) -> None:
        object.__setattr__(self, 'centre', _check_centre(self.centre))
        object.__setattr__(self, 'diameter', _check_length('diameter', self.diameter))

    def distances(self, positions: Positions, cell: FloatArray) -> FloatArray:
        """Distance of each position from the surface of the nearest image, negative inside, (n,), Å.

        :param positions: (n, 3), Å, wrapped or not.
        :param cell: (3, 3), Å.
        :raises ValueError: the sphere reaches itself through the boundary.
        """
        box = self._check(cell)
        return np.asarray(distance_to_point(positions, box, np.array(self.centre) @ box) - self.diameter / 2)

    def volume(self, cell: FloatArray) -> float:
        """Volume, Å³.

        :raises ValueError: as :meth:`distances`.
        """
        self._check(cell)
        return math.pi / 6 * self.diameter**3

    def _check(self, cell: FloatArray) -> FloatArray:
        box = np.asarray(cell, dtype=np.float64)
        room = shortest_vector(box)
        if self.diameter >= room:
            raise ValueError(
                f'diameter: a sphere of {self.diameter:g} Å reaches its own image, which is {room:.2f} Å away in this '
                f'cell; take less than {room:.2f} Å, or a larger cell'
            )
        return box


@dataclass(frozen=True)
class Cylinder(_Shape):
    """A channel along a cell vector, round in the plane across it.

    :param axis: the cell vector that it follows: a, b or c.
    :param centre: a point of its axis, in fractions of the cell vectors; the one along the axis does not matter.
    :param diameter: Å.
    :raises ValueError: a setting is not of that kind.
    """

    axis: str = 'c'
    centre: Centre = MIDDLE
    diameter: float = 14.0

    def __post_init__(self) -> None:
        axis_index('axis', self.axis)
        object.__setattr__(self, 'centre', _check_centre(self.centre))
        object.__setattr__(self, 'diameter', _check_length('diameter', self.diameter))

    def distances(self, positions: Positions, cell: FloatArray) -> FloatArray:
        """Distance of each position from the surface of the nearest image, negative inside, (n,), Å.

        :param positions: (n, 3), Å, wrapped or not.
        :param cell: (3, 3), Å.
        :raises ValueError: the cylinder reaches itself through the boundary.
        """
        box, axis = self._check(cell)
        return np.asarray(distance_to_line(positions, box, np.array(self.centre) @ box, axis) - self.diameter / 2)

    def volume(self, cell: FloatArray) -> float:
        """Volume in one cell, Å³.

        :raises ValueError: as :meth:`distances`.
        """
        box, axis = self._check(cell)
        return math.pi / 4 * self.diameter**2 * float(np.linalg.norm(box[axis]))

    def _check(self, cell: FloatArray) -> tuple[FloatArray, int]:
        box, axis = np.asarray(cell, dtype=np.float64), axis_index('axis', self.axis)
        room = shortest_vector(flattened(box, axis)[1])
        if self.diameter >= room:
            raise ValueError(
                f'diameter: a cylinder of {self.diameter:g} Å along {self.axis} reaches its own image, which is '
                f'{room:.2f} Å away in this cell; take less than {room:.2f} Å, or a larger cell'
            )
        return box, axis


@dataclass(frozen=True)
class Slit(_Shape):
    """A layer across a cell vector, its faces parallel to the other two.

    :param axis: the cell vector that it lies across: a, b or c.
    :param centre: of the layer, in fractions of the cell vectors; only the one along ``axis`` matters.
    :param width: Å, between the faces.
    :raises ValueError: a setting is not of that kind.
    """

    axis: str = 'c'
    centre: Centre = MIDDLE
    width: float = 10.0

    def __post_init__(self) -> None:
        axis_index('axis', self.axis)
        object.__setattr__(self, 'centre', _check_centre(self.centre))
        object.__setattr__(self, 'width', _check_length('width', self.width))

    def distances(self, positions: Positions, cell: FloatArray) -> FloatArray:
        """Distance of each position from the nearer face, negative inside, (n,), Å.

        :param positions: (n, 3), Å, wrapped or not.
        :param cell: (3, 3), Å.
        :raises ValueError: the layer fills the cell.
        """
        box, axis = self._check(cell)
        return distance_to_layer(positions, box, axis, self.centre[axis], self.width)

    def volume(self, cell: FloatArray) -> float:
        """Volume in one cell, Å³.

        :raises ValueError: as :meth:`distances`.
        """
        box, axis = self._check(cell)
        return self.width / float(heights(box)[axis]) * abs(float(np.linalg.det(box)))

    def _check(self, cell: FloatArray) -> tuple[FloatArray, int]:
        box, axis = np.asarray(cell, dtype=np.float64), axis_index('axis', self.axis)
        room = float(heights(box)[axis])
        if self.width >= room:
            raise ValueError(
                f'width: a slit of {self.width:g} Å across {self.axis} leaves nothing of this cell, which is '
                f'{room:.2f} Å high there; take less than {room:.2f} Å, or a larger cell'
            )
        return box, axis


@dataclass(frozen=True)
class Box(_Shape):
    """A parallelepiped with edges along the cell vectors.

    :param centre: in fractions of the cell vectors.
    :param lengths: of its edges, in fractions of the cell vectors, each above 0 and below 1.
    :raises ValueError: a setting is not of that kind.
    """

    centre: Centre = MIDDLE
    lengths: Centre = MIDDLE

    def __post_init__(self) -> None:
        object.__setattr__(self, 'centre', _check_centre(self.centre))
        lengths = _check_centre(self.lengths, 'lengths')
        if not all(0 < length < 1 for length in lengths):
            raise ValueError(f'lengths: {self.lengths!r} given, expected three fractions of the cell, above 0, below 1')
        object.__setattr__(self, 'lengths', lengths)

    def distances(self, positions: Positions, cell: FloatArray) -> FloatArray:
        """Distance of each position from the farthest face that it is beyond, else minus that to the nearest, (n,), Å.

        :param positions: (n, 3), Å, wrapped or not.
        :param cell: (3, 3), Å.
        """
        box = np.asarray(cell, dtype=np.float64)
        widths = np.array(self.lengths) * heights(box)
        layers = [distance_to_layer(positions, box, k, self.centre[k], float(widths[k])) for k in range(3)]
        return np.asarray(np.max(layers, axis=0))

    def volume(self, cell: FloatArray) -> float:
        """Volume, Å³."""
        return math.prod(self.lengths) * abs(float(np.linalg.det(np.asarray(cell, dtype=np.float64))))


SHAPES: dict[str, type[Sphere | Cylinder | Slit | Box]] = {
    'sphere': Sphere,
    'cylinder': Cylinder,
    'slit': Slit,
    'box': Box,
}
"""Shapes by name."""


def shape_from_dict(settings: Mapping[str, Any]) -> Sphere | Cylinder | Slit | Box:
    """A shape from its settings, as a file or a node holds them: ``{'shape': 'sphere', 'diameter': 14.0}``.

    :raises ValueError: no such shape, a setting that it does not have, or a value that cannot be.
    """
    given = dict(settings)
    name = given.pop('shape', None)
    if name not in SHAPES:
        raise ValueError(f'shape: {name!r} given, expected one of {", ".join(SHAPES)}')
    shape = SHAPES[name]
    known = list(shape.__dataclass_fields__)
    unknown = [key for key in given if key not in known]
    if unknown:
        raise ValueError(f'{unknown[0]}: not a setting of a {name}, which has {", ".join(known)}')
    return shape(**given)


def shape_as_dict(shape: Sphere | Cylinder | Slit | Box) -> dict[str, Any]:
    """The settings of a shape, ready for JSON; :func:`shape_from_dict` reads them."""
    settings = {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(shape).items()}
    return {'shape': type(shape).__name__.lower(), **settings}


def _check_centre(centre: Any, name: str = 'centre') -> Centre:
    try:
        x, y, z = (float(number) for number in centre)
    except (TypeError, ValueError):
        x = y = z = math.nan
    if not all(map(math.isfinite, (x, y, z))):
        raise ValueError(
            f'{name}: {centre!r} given, expected three fractions of the cell vectors, e.g. [0.5, 0.5, 0.5]'
        )
    return x, y, z


def _check_length(name: str, value: Any) -> float:
    if isinstance(value, (bool, str)) or not isinstance(value, (int, float, np.number)) or not 0 < value < math.inf:
        raise ValueError(f'{name}: {value!r} given, expected a length above 0 Å')
    return float(value)

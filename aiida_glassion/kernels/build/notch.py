"""A notch through the thickness of a sample, elliptical in cross-section: where a crack begins.

A crack runs across the load axis. The notch is as long as wanted along one cell vector, opens along the load axis, and
goes through the whole cell along the third. In the middle of a periodic cell it is a whole ellipse, one of a row of
equal ones; at an edge, half of one, which needs a free surface (:func:`open_faces`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.build.pores_distance import axis_index, flattened, to_nearest_image
from aiida_glassion.kernels.space.images import check_periodic

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
Positions = npt.NDArray[np.floating[Any]]

PLACES = ('middle', 'edge')


@dataclass(frozen=True)
class Notch:
    """An elliptical notch through a cell.

    Two cell vectors give its axes, the third is the one that it goes through. In a cell with oblique vectors the length
    is measured along the part of ``length_axis`` across the third, and the opening across both.

    :param length: of the notch along ``length_axis``, Å: the whole axis of the ellipse in the middle, half of it at an
        edge. The usual choice is a third of the cell.
    :param opening: widest opening along ``load_axis``, Å.
    :param load_axis: cell vector along which the sample will be pulled: a, b or c.
    :param length_axis: cell vector along which the crack will run.
    :param place: ``middle`` or ``edge``: then it begins at the low face of the cell across ``length_axis``.
    :param centre: of the notch, in fractions of ``length_axis`` (in the middle only) and of ``load_axis``.
    :raises ValueError: a setting is not of that kind.
    """

    length: float
    opening: float
    load_axis: str = 'c'
    length_axis: str = 'a'
    place: str = 'middle'
    centre: tuple[float, float] = (0.5, 0.5)

    def __post_init__(self) -> None:
        for name in ('length', 'opening'):
            value = getattr(self, name)
            if isinstance(value, (bool, str)) or not 0 < value < math.inf:
                raise ValueError(f'{name}: {value!r} given, expected a length above 0 Å')
        if axis_index('load_axis', self.load_axis) == axis_index('length_axis', self.length_axis):
            raise ValueError(
                f'length_axis: {self.length_axis!r} is the load axis too; a crack runs across the load: take another'
            )
        if self.place not in PLACES:
            raise ValueError(f'place: {self.place!r} given, expected one of {", ".join(PLACES)}')
        if len(self.centre) != 2 or not all(math.isfinite(part) for part in self.centre):
            raise ValueError(f'centre: {self.centre!r} given, expected two fractions, e.g. [0.5, 0.5]')

    @property
    def through_axis(self) -> str:
        """The cell vector that the notch goes through."""
        return next(axis for axis in 'abc' if axis not in (self.load_axis, self.length_axis))

    def distances(self, positions: Positions, cell: FloatArray) -> FloatArray:
        """Distance of each position from the surface of the notch, negative inside, (n,), Å.

        :param positions: (n, 3), Å, wrapped or not.
        :param cell: (3, 3), Å, rows are the cell vectors, periodic in all directions.
        :raises ValueError: the notch is longer, or opens wider, than the cell.
        """
        r, box = check_periodic(positions, cell)
        self._check(box)
        frame, plane, centre = self._frame(box)
        semi = np.array([self.length if self.place == 'edge' else self.length / 2, self.opening / 2])
        x = (r - centre) @ frame.T
        if self.place == 'edge':
            x = self._from_edge(r, box, x)
        else:
            # the image that counts is the nearest in units of the semi-axes
            scaled = to_nearest_image(np.column_stack([x / semi, np.zeros(len(x))]), _scaled_cell(plane, frame, semi))
            x = scaled[:, :2] * semi
        away: FloatArray = _from_ellipse(np.abs(np.ascontiguousarray(x)), float(semi[0]), float(semi[1]))
        return away

    def inside(self, positions: Positions, cell: FloatArray) -> BoolArray:
        """Which positions lie inside, (n,)."""
        return np.asarray(self.distances(positions, cell) < 0)

    def volume(self, cell: FloatArray) -> float:
        """Volume of the notch, Å³.

        :raises ValueError: as :meth:`distances`.
        """
        return math.pi / 4 * self.opening * self.crack_area(cell)

    def crack_area(self, cell: FloatArray) -> float:
        """Area of the notch seen along the load axis, length times thickness, Å²: A_crack of the fracture energy.

        :raises ValueError: as :meth:`distances`.
        """
        box = np.asarray(cell, dtype=np.float64)
        self._check(box)
        return self.length * float(np.linalg.norm(box[axis_index('through_axis', self.through_axis)]))

    def cross_section(self, cell: FloatArray) -> float:
        """Area of the cell across the load axis, Å²: A0 of the fracture energy."""
        box = np.asarray(cell, dtype=np.float64)
        first, second = (box[axis_index('axis', axis)] for axis in (self.length_axis, self.through_axis))
        return float(np.linalg.norm(np.cross(first, second)))

    def _check(self, cell: FloatArray) -> None:
        frame, _, _ = self._frame(cell)
        for name, axis, direction in (('length', self.length_axis, 0), ('opening', self.load_axis, 1)):
            room = abs(float(cell[axis_index(name, axis)] @ frame[direction]))
            if getattr(self, name) >= room:
                raise ValueError(
                    f'{name}: a notch of {getattr(self, name):g} Å along {axis} cuts through this cell, which is '
                    f'{room:.2f} Å wide there; take less, usually about a third of it: {room / 3:.1f} Å'
                )

    def _frame(self, cell: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Unit vectors (2, 3) along length and opening, the cell seen along the thickness, and the centre, Å."""
        through, load = axis_index('axis', self.through_axis), axis_index('axis', self.load_axis)
        running = axis_index('axis', self.length_axis)
        along, plane = flattened(cell, through)
        length = cell[running] - (cell[running] @ along) * along
        length /= np.linalg.norm(length)
        opening = np.cross(along, length)
        opening *= np.sign(cell[load] @ opening)
        fractions = np.zeros(3)
        fractions[running] = 0.0 if self.place == 'edge' else self.centre[0]
        fractions[load] = self.centre[1]
        return np.array([length, opening]), plane, fractions @ cell

    def _from_edge(self, positions: FloatArray, cell: FloatArray, x: FloatArray) -> FloatArray:
        """Coordinates along length and opening of positions wrapped into the cell, from the middle of the low face."""
        running, load = (axis_index('axis', axis) for axis in (self.length_axis, self.load_axis))
        frame, _, centre = self._frame(cell)
        fractions = positions @ np.linalg.inv(cell)
        fractions[:, running] -= np.floor(fractions[:, running])
        fractions[:, load] -= np.round(fractions[:, load] - self.centre[1])
        return np.asarray((fractions @ cell - centre) @ frame.T)


def open_faces(positions: Positions, cell: FloatArray, axis: str, vacuum: float) -> tuple[FloatArray, FloatArray]:
    """Give a periodic sample two free faces across one cell vector, with vacuum between them.

    :param positions: (n_atoms, 3), Å; they are wrapped along that vector, so cut nothing that must stay whole.
    :param cell: (3, 3), Å.
    :param axis: the cell vector that is lengthened: a, b or c.
    :param vacuum: distance between the faces, Å.
    :returns: positions, Å, the low face at 0, and the longer cell.
    :raises ValueError: a setting is not of that kind.
    """
    r, box = check_periodic(positions, cell)
    index = axis_index('axis', axis)
    if not 0 < vacuum < math.inf:
        raise ValueError(f'vacuum: {vacuum!r} given, expected a length above 0 Å')
    fractions = r @ np.linalg.inv(box)
    fractions[:, index] -= np.floor(fractions[:, index])
    longer = box.copy()
    longer[index] *= 1 + vacuum * float(np.linalg.norm(np.linalg.inv(box)[:, index]))
    return fractions @ box, longer


def _scaled_cell(plane: FloatArray, frame: FloatArray, semi: FloatArray) -> FloatArray:
    """The cell seen along the thickness, in units of the semi-axes, with a third vector that never counts."""
    scaled = np.zeros((3, 3))
    scaled[:2, :2] = plane[:2] @ frame.T / semi
    scaled[2, 2] = 10 * np.abs(scaled).sum()
    return scaled


@numba.njit(cache=True, nogil=True)
def _from_ellipse(points: FloatArray, a: float, b: float) -> FloatArray:
    """Distance of points of the first quadrant, (n, 2), from an ellipse with semi-axes a, b, negative inside.

    The foot of the perpendicular is (a² x/(t + a²), b² y/(t + b²)) with t the largest root of F(t) = (a x/(t + a²))² +
    (b y/(t + b²))² − 1, which falls from the pole at −min(a, b)² on: found by bisection.
    """
    distances = np.empty(len(points))
    small = min(a, b)
    for i in range(len(points)):
        x, y = points[i, 0], points[i, 1]
        inside = (x / a) ** 2 + (y / b) ** 2 < 1.0
        low = -small * small
        high = -small * small + np.sqrt((a * x) ** 2 + (b * y) ** 2) + 1e-12
        for _ in range(60):
            t = 0.5 * (low + high)
            value = (a * x / max(t + a * a, 1e-300)) ** 2 + (b * y / max(t + b * b, 1e-300)) ** 2 - 1.0
            if value > 0:
                low = t
            else:
                high = t
        t = 0.5 * (low + high)
        if t + small * small < 1e-9 * small * small:
            # on the longer axis, between the centres of curvature: the foot is off the axis
            if a >= b:
                foot_x = min(a, a * a * x / (a * a - b * b)) if a > b else 0.0
                foot_y = b * np.sqrt(max(0.0, 1.0 - (foot_x / a) ** 2))
            else:
                foot_y = min(b, b * b * y / (b * b - a * a))
                foot_x = a * np.sqrt(max(0.0, 1.0 - (foot_y / b) ** 2))
        else:
            foot_x, foot_y = a * a * x / (t + a * a), b * b * y / (t + b * b)
        distance = np.sqrt((x - foot_x) ** 2 + (y - foot_y) ** 2)
        distances[i] = -distance if inside else distance
    return distances

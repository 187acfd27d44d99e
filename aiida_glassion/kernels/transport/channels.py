"""Where ions have been: their density on a grid, and at which level it leads through the cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.space.cavities import Cavities, find_cavities

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

LEAST_COUNTS = 5.0
"""Below so many visits to a grid point at the level where channels open, that level is noise."""
_ROUNDING = 1e-9
_KERNEL_WIDTHS = 6.0


class DensitySums:
    """Counts the visits of ions to the points of a grid, frame by frame.

    :param shape: (n_a, n_b, n_c), of :func:`~aiida_glassion.kernels.space.distance_field.grid_shape`.
    :raises ValueError: a number of points is not positive.
    """

    def __init__(self, shape: tuple[int, int, int]) -> None:
        if len(shape) != 3 or min(shape) < 1:
            raise ValueError(f'shape: {shape}, expected three numbers of grid points, at least 1')
        self.counts = np.zeros(shape, dtype=np.int64)
        self.n_frames = 0

    def add(self, fractional: npt.NDArray[np.floating[Any]]) -> None:
        """Count the ions of one frame.

        :param fractional: (n_ions, 3), along the cell vectors, folded into the cell or not.
        :raises ValueError: the shape does not fit, or a number is not finite.
        """
        points = np.asarray(fractional, dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != 3 or not np.isfinite(points).all():
            raise ValueError(f'fractional: shape {points.shape}, expected (n_ions, 3), finite')
        _count(points, self.counts)
        self.n_frames += 1

    def density(self, volume: float) -> FloatArray:
        """Mean number density at each grid point, Å⁻³; its sum times the volume of a point is the number of ions.

        :param volume: of the cell, Å³.
        :raises ValueError: no frame was counted.
        """
        if not self.n_frames:
            raise ValueError('no frame was counted')
        return np.asarray(self.counts * (self.counts.size / (self.n_frames * volume)), dtype=np.float64)


@numba.njit(cache=True, nogil=True)
def _count(points: FloatArray, counts: IntArray) -> None:
    """Grid point k is the middle of its share of the cell: it takes what is nearer to it than to the next."""
    for i in range(len(points)):
        a = int(np.floor(points[i, 0] * counts.shape[0] + 0.5)) % counts.shape[0]
        b = int(np.floor(points[i, 1] * counts.shape[1] + 0.5)) % counts.shape[1]
        c = int(np.floor(points[i, 2] * counts.shape[2] + 0.5)) % counts.shape[2]
        counts[a, b, c] += 1


def smooth_density(density: FloatArray, cell: FloatArray, width: float) -> FloatArray:
    """A density convolved with a normal distribution, in a periodic cell of any shape; the number of ions stays.

    :param density: (n_a, n_b, n_c), Å⁻³.
    :param cell: (3, 3), Å, rows are the vectors.
    :param width: standard deviation of the distribution along each direction, Å; 0: nothing is done.
    :raises ValueError: the width is negative or not finite.
    """
    if not (np.isfinite(width) and width >= 0):
        raise ValueError(f'width: {width} Å, expected at least 0')
    if width == 0:
        return density
    from scipy.fft import irfftn, rfftn

    # sampled in space, so that it is nowhere negative, however coarse the grid
    inverse = np.linalg.inv(cell)
    index = np.meshgrid(*[np.arange(n) / n for n in density.shape], indexing='ij')
    fractional = np.stack(index, axis=-1)
    fractional -= np.rint(fractional)
    wide = _KERNEL_WIDTHS * width > 0.5 / np.linalg.norm(inverse, axis=0).max()
    shifts = np.stack(np.meshgrid(*[[-1, 0, 1] if wide else [0]] * 3, indexing='ij'), -1).reshape(-1, 3)
    kernel: FloatArray = np.zeros(density.shape)
    for shift in shifts:
        r2 = (((fractional + shift) @ cell) ** 2).sum(axis=-1)
        kernel += np.exp(-r2 / (2 * width**2))
    smooth = irfftn(rfftn(density) * rfftn(kernel / kernel.sum()), density.shape)
    # what the transform leaves where nothing is must not make a way
    smooth[smooth < _ROUNDING * smooth.max()] = 0.0
    return np.asarray(smooth * (density.sum() / smooth.sum()), dtype=np.float64)


@dataclass(frozen=True)
class Percolation:
    """At which densities the places where ions are lead through the cell.

    :param thresholds: for one, two and three dimensions: the highest density, Å⁻³, at which the points of at least that
        density lead through the cell in so many independent directions; None where they do not at any density above 0.
    :param along: likewise through the cell along each of its vectors.
    :param highest: largest density, Å⁻³.
    """

    thresholds: tuple[float | None, float | None, float | None]
    along: tuple[float | None, float | None, float | None]
    highest: float

    @property
    def barriers(self) -> tuple[float | None, float | None, float | None]:
        """ln(highest density/threshold): free energy in k_BT from the deepest site to the bottleneck, by dimension."""
        first, second, third = (None if t is None else float(np.log(self.highest / t)) for t in self.thresholds)
        return first, second, third

    def dimension(self, level: float) -> int:
        """Independent directions in which the points of at least a density lead through the cell."""
        return sum(threshold is not None and level <= threshold for threshold in self.thresholds)


def percolation(density: FloatArray) -> Percolation:
    """Thresholds of a density in a periodic cell, exact on its grid.

    Points are connected along the grid's axes. Where the level falls the connected region only grows, so the densities
    are bisected.

    :param density: (n_a, n_b, n_c), not negative.
    :raises ValueError: the shape does not fit, or nothing was counted.
    """
    if density.ndim != 3 or not density.size or not np.isfinite(density).all() or density.max() <= 0:
        raise ValueError(f'density: shape {density.shape}, expected (n_a, n_b, n_c), finite, somewhere above 0')
    levels = np.unique(density[density > 0])
    known: dict[int, tuple[int, tuple[bool, bool, bool]]] = {}

    def at(index: int) -> tuple[int, tuple[bool, bool, bool]]:
        if index not in known:
            found = find_cavities(density >= levels[index])
            along = np.asarray(found.axes.any(axis=0))
            axes = bool(along[0]), bool(along[1]), bool(along[2])
            known[index] = int(found.dimensions.max(initial=0)), axes
        return known[index]

    def highest(enough: Any) -> float | None:
        if not enough(at(0)):
            return None
        low, high = 0, len(levels)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if enough(at(middle)) else (low, middle)
        return float(levels[low])

    by_dimension = [highest(lambda found, d=d: found[0] >= d) for d in (1, 2, 3)]
    by_axis = [highest(lambda found, a=a: found[1][a]) for a in range(3)]
    return Percolation(
        (by_dimension[0], by_dimension[1], by_dimension[2]), (by_axis[0], by_axis[1], by_axis[2]), float(density.max())
    )


def level_of_share(density: FloatArray, share: float) -> float:
    """The density above which ions spend a share of their time, Å⁻³: the densest places first.

    :raises ValueError: the share is not between 0 and 1.
    """
    if not 0 < share <= 1:
        raise ValueError(f'share: {share}, expected more than 0 and at most 1')
    falling = np.sort(density, axis=None)[::-1]
    held = np.cumsum(falling)
    return float(falling[min(int(np.searchsorted(held, share * held[-1] * (1 - 1e-12))), falling.size - 1)])


def channels_at(density: FloatArray, level: float) -> Cavities:
    """Connected parts of the points of at least a density, largest first, with the directions they lead in."""
    return find_cavities(density >= level)


class PathSums:
    """The ways of ions for a plot: means over blocks of frames, which double as the trajectory grows.

    :param n_ions: how many.
    :param most: no more points on a way than this, and at least half as many once there are enough frames.
    """

    def __init__(self, n_ions: int, most: int = 400) -> None:
        self._shape, self._most = (n_ions, 3), max(2, most // 2 * 2)
        self._points: list[npt.NDArray[np.float32]] = []
        self._sum, self._n, self.frames_per_point = np.zeros(self._shape), 0, 1

    def add(self, positions: FloatArray) -> None:
        """Add a frame.

        :param positions: (n_ions, 3), Å, unwrapped.
        """
        self._sum += positions
        self._n += 1
        if self._n < self.frames_per_point:
            return
        self._points.append((self._sum / self._n).astype(np.float32))
        self._sum, self._n = np.zeros(self._shape), 0
        if len(self._points) == self._most:
            self._points = [
                np.float32(0.5) * (a + b) for a, b in zip(self._points[::2], self._points[1::2], strict=True)
            ]
            self.frames_per_point *= 2

    def paths(self) -> npt.NDArray[np.float32]:
        """(n_ions, n_points, 3), Å, points ``frames_per_point`` frames apart, each a mean over so many."""
        points: npt.NDArray[np.float32] = np.array(self._points, dtype=np.float32).reshape(-1, *self._shape)
        return np.ascontiguousarray(points.transpose(1, 0, 2))

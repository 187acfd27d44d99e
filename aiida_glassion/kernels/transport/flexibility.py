"""How flexible the framework is: how far its atoms spread within a window, and how often they jump."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

PARTS = 4
"""Parts of a window, by which it is moved on: a jump is never farther from the middle than an eighth of a window."""


@dataclass(frozen=True, eq=False)
class Window:
    """Two windows of frames, one right after the other.

    :param frame: number of frames before the second begins.
    :param mean: (n, 3), mean position in the second, Å.
    :param mean_before: (n, 3), in the first.
    :param spread: (n,), √⟨(r − ⟨r⟩)²⟩ in the second, Å.
    :param hop: (n,), hop indicator √(⟨(r_B − ⟨r⟩_A)²⟩_B ⟨(r_A − ⟨r⟩_B)²⟩_A), Å² (Candelier et al., Phys. Rev. Lett.
        105, 135702 (2010); Smessaert and Rottler, Phys. Rev. E 88, 022314 (2013)): the square of the distance that was
        jumped where there was a jump between the two, else that of the vibration.
    """

    frame: int
    mean: FloatArray
    mean_before: FloatArray
    spread: FloatArray
    hop: FloatArray


class MovingWindows:
    """Means and spreads of positions in windows that move on by a quarter, from sums: no frame is kept.

    :param n_atoms: how many.
    :param length: frames in a window, at least 4; rounded to a multiple of 4.
    :raises ValueError: too short.
    """

    def __init__(self, n_atoms: int, length: int) -> None:
        if length < PARTS:
            raise ValueError(f'length: {length} frames in a window, expected at least {PARTS}')
        self.part = round(length / PARTS)
        self._parts: deque[tuple[FloatArray, FloatArray]] = deque(maxlen=2 * PARTS)
        self._sum, self._squares, self._n = np.zeros((n_atoms, 3)), np.zeros(n_atoms), 0
        self._origin: FloatArray | None = None
        self.n_frames = 0

    @property
    def length(self) -> int:
        """Frames in a window."""
        return self.part * PARTS

    def add(self, positions: npt.NDArray[np.floating[Any]]) -> Window | None:
        """Add a frame; where two windows have become full with it, return them.

        :param positions: (n_atoms, 3), Å, unwrapped and without drift.
        """
        r = np.asarray(positions, dtype=np.float64)
        if self._origin is None:
            self._origin = r.copy()
        r = r - self._origin
        self._sum += r
        self._squares += (r**2).sum(axis=1)
        self._n += 1
        self.n_frames += 1
        if self._n < self.part:
            return None
        self._parts.append((self._sum / self._n, self._squares / self._n))
        self._sum, self._squares, self._n = np.zeros_like(self._sum), np.zeros_like(self._squares), 0
        if len(self._parts) < 2 * PARTS:
            return None
        means, squares = (np.array([part[k] for part in self._parts]) for k in range(2))
        a, b = means[:PARTS].mean(axis=0), means[PARTS:].mean(axis=0)
        around_a = np.maximum(squares[:PARTS].mean(axis=0) - (a**2).sum(axis=1), 0.0)
        around_b = np.maximum(squares[PARTS:].mean(axis=0) - (b**2).sum(axis=1), 0.0)
        apart = ((b - a) ** 2).sum(axis=1)
        return Window(
            self.n_frames - self.length,
            b + self._origin,
            a + self._origin,
            np.sqrt(around_b),
            np.sqrt((around_a + apart) * (around_b + apart)),
        )


@dataclass(frozen=True, eq=False)
class Jumps:
    """Jumps of atoms.

    :param frames: (n_jumps,), about when, ascending.
    :param atoms: (n_jumps,), index of the atom that jumped.
    :param lengths: (n_jumps,), distance between the mean positions before and after, Å.
    """

    frames: npt.NDArray[np.int64]
    atoms: npt.NDArray[np.int64]
    lengths: FloatArray

    def __len__(self) -> int:
        return len(self.frames)


class JumpFinder:
    """Finds jumps: where the hop indicator of an atom is above a threshold and largest within a window to both sides.

    :param distance: Å; the threshold of the indicator is its square.
    :raises ValueError: the distance is not positive.
    """

    def __init__(self, n_atoms: int, distance: float) -> None:
        if not (np.isfinite(distance) and distance > 0):
            raise ValueError(f'distance: {distance} Å, expected a positive number')
        self.threshold = distance**2
        self._best = np.zeros(n_atoms)
        self._age = np.zeros(n_atoms, dtype=np.int64)
        self._frame = np.zeros(n_atoms, dtype=np.int64)
        self._length = np.zeros(n_atoms)
        self._found: list[tuple[int, int, float]] = []

    def add(self, window: Window) -> None:
        """Take the next two windows in."""
        above = (window.hop > self.threshold) & (window.hop > self._best)
        self._age += 1
        self._best[above], self._age[above], self._frame[above] = window.hop[above], 0, window.frame
        self._length[above] = np.linalg.norm(window.mean - window.mean_before, axis=1)[above]
        self._close((self._best > 0) & (self._age >= PARTS))

    def _close(self, over: BoolArray) -> None:
        atoms = np.flatnonzero(over)
        self._found += zip(self._frame[atoms].tolist(), atoms.tolist(), self._length[atoms].tolist(), strict=True)
        self._best[atoms] = 0.0

    def jumps(self) -> Jumps:
        """All jumps so far, the one that may still be going on among them."""
        atoms = np.flatnonzero(self._best > 0)
        last = zip(self._frame[atoms].tolist(), atoms.tolist(), self._length[atoms].tolist(), strict=True)
        found = sorted([*self._found, *last])
        frames, who, lengths = ([entry[k] for entry in found] for k in range(3))
        return Jumps(np.array(frames, np.int64), np.array(who, np.int64), np.array(lengths, np.float64))


def windows(positions: npt.NDArray[np.floating[Any]], length: int) -> Iterator[Window]:
    """All pairs of windows of a trajectory.

    :param positions: (n_frames, n_atoms, 3), Å, unwrapped and without drift.
    :param length: frames in a window.
    :raises ValueError: the shape does not fit, or two windows are longer than the trajectory.
    """
    r = np.asarray(positions)
    if r.ndim != 3 or r.shape[2] != 3:
        raise ValueError(f'positions: shape {r.shape}, expected (n_frames, n_atoms, 3)')
    moving = MovingWindows(r.shape[1], length)
    if len(r) < 2 * moving.length:
        raise ValueError(f'length: two windows of {moving.length} frames in a trajectory of {len(r)}')
    for frame in r:
        if (window := moving.add(frame)) is not None:
            yield window


def position_spread(positions: npt.NDArray[np.floating[Any]], length: int) -> FloatArray:
    """Spread of each atom's position within a window, √⟨(r − ⟨r⟩)²⟩, mean over windows side by side, (n_atoms,), Å.

    In a harmonic well of variance s² along each axis it is s√(3(1 − 1/n)) for n independent frames. (Choice: the
    windows do not overlap, and a last one that is not full is left out.)

    :param positions: (n_frames, n_atoms, 3), Å, unwrapped and without drift.
    :param length: frames in a window, at least 2.
    :raises ValueError: the shape does not fit, or the trajectory is shorter than a window.
    """
    r = np.asarray(positions, dtype=np.float64)
    if r.ndim != 3 or r.shape[2] != 3 or not 2 <= length <= len(r):
        raise ValueError(f'positions: shape {r.shape}, expected (n_frames, n_atoms, 3), at least a window of {length}')
    n = len(r) // length
    parts = r[: n * length].reshape(n, length, -1, 3)
    spread: FloatArray = np.sqrt(parts.var(axis=1).sum(axis=-1)).mean(axis=0)
    return spread


def find_jumps(positions: npt.NDArray[np.floating[Any]], length: int, distance: float) -> Jumps:
    """Jumps of atoms from one place to another where they stay for about a window.

    :param positions: (n_frames, n_atoms, 3), Å, unwrapped and without drift.
    :param length: frames in a window: longer than a vibration, shorter than a stay.
    :param distance: Å, well above the spread of a vibration, below the length of a jump.
    :raises ValueError: as :func:`windows`, or the distance is not positive.
    """
    finder = JumpFinder(np.asarray(positions).shape[1], distance)
    for window in windows(positions, length):
        finder.add(window)
    return finder.jumps()


def nearby_mean(
    ions: FloatArray, atoms: FloatArray, values: FloatArray, cell: FloatArray, reach: float
) -> tuple[FloatArray, npt.NDArray[np.int64]]:
    """Mean of a quantity of the atoms within reach of each ion, periodic images included.

    :param ions: (n, 3), Å.
    :param atoms: (m, 3), Å.
    :param values: (m,), spread of each framework atom, say.
    :param cell: (3, 3), Å.
    :param reach: Å.
    :returns: (n,), NaN where no atom is near; and how many are, (n,).
    """
    from aiida_glassion.kernels.structure.neighbours import neighbour_list

    r = np.concatenate([ions, atoms])
    types = np.concatenate([np.zeros(len(ions), np.int32), np.ones(len(atoms), np.int32)])
    found = neighbour_list(r, cell, np.array([[0.0, reach], [reach, 0.0]]), types)
    of_ions = found.first < len(ions)
    first, second = found.first[of_ions], found.second[of_ions] - len(ions)
    counts = np.bincount(first, minlength=len(ions))
    sums = np.bincount(first, values[second], minlength=len(ions))
    mean: FloatArray = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return mean, counts


@dataclass(frozen=True)
class Correlation:
    """How two quantities go together.

    :param pearson: of the values (given as logarithms where that is meant).
    :param spearman: of their ranks.
    :param low: 95 % interval of Spearman's coefficient, by Fisher's transformation with the variance 1.06/(n − 3)
        (Fieller, Hartley and Pearson, Biometrika 44, 470 (1957)); None with fewer than 5 points.
    :param high: its other end.
    :param n: points.
    """

    pearson: float
    spearman: float
    low: float | None
    high: float | None
    n: int


def correlation(x: npt.ArrayLike, y: npt.ArrayLike) -> Correlation:
    """Correlation of flexibility and mobility: of ions in one glass, or of glasses of a series.

    :param x: (n,), finite; n ≥ 3.
    :param y: (n,), finite.
    :raises ValueError: lengths differ, too few points, not finite, or all equal.
    """
    from scipy.stats import rankdata

    a, b = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if a.ndim != 1 or a.shape != b.shape or len(a) < 3:
        raise ValueError(f'x and y: shapes {a.shape} and {b.shape}, expected (n,) of both, at least 3 points')
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError('x and y: not finite (NaN or infinity)')
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        raise ValueError('x and y: all values of one of them are equal, so nothing can go with them')
    rho = float(np.corrcoef(rankdata(a), rankdata(b))[0, 1])
    low = high = None
    if len(a) >= 5:
        half = 1.96 * np.sqrt(1.06 / (len(a) - 3))
        centre = np.arctanh(np.clip(rho, -1 + 1e-12, 1 - 1e-12))
        low, high = float(np.tanh(centre - half)), float(np.tanh(centre + half))
    return Correlation(float(np.corrcoef(a, b)[0, 1]), rho, low, high, len(a))

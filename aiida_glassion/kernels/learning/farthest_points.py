"""Farthest-point sampling: each choice is the point farthest from all that is known or chosen already.

Greedy k-centre covering: after any number of choices the largest distance left is at most twice that of the best
possible choice of as many points (T. F. Gonzalez, Theor. Comput. Sci. 38, 293 (1985)). It seeks what is rare, unlike a
random draw, which repeats what is common. Time grows as points × (known + chosen), memory as points.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]

_ROWS_AT_A_TIME = 2048
_MARGIN = 1e-4
"""Of the squared norms: more than rounding of a product in single precision."""


def nearest_distances(points: FloatArray, known: Iterable[FloatArray]) -> FloatArray:
    """Euclidean distance of each point to the nearest known one.

    Which known point is nearest is found by matrix products in the precision of the points, the distance to it from the
    difference in double precision: it is exact for that point, and a point that ties within rounding is as near.

    :param points: (n, d).
    :param known: blocks (m, d), one after another.
    :returns: (n,), float64; infinite where nothing is known.
    :raises ValueError: a shape does not fit.
    """
    points = _checked(points)
    best = np.full(len(points), np.inf)
    centre = points.mean(axis=0) if len(points) else np.zeros(points.shape[1], points.dtype)
    shifted = points - centre
    squares = np.einsum('ij,ij->i', shifted, shifted)
    for block in map(np.asarray, known):
        if block.ndim != 2 or block.shape[1] != points.shape[1]:
            raise ValueError(f'known: shape {block.shape}, expected (m, {points.shape[1]})')
        for start in range(0, len(block), _ROWS_AT_A_TIME):
            others = (block[start : start + _ROWS_AT_A_TIME] - centre).astype(points.dtype)
            other_squares = np.einsum('ij,ij->i', others, others)
            for first in range(0, len(points), _ROWS_AT_A_TIME):
                rows = slice(first, first + _ROWS_AT_A_TIME)
                table = shifted[rows] @ others.T
                table *= -2
                table += other_squares
                nearest = np.argmin(table, axis=1)
                # only where it may beat what is known do differences pay
                guess = table[np.arange(len(table)), nearest] + squares[rows]
                margin = _MARGIN * (squares[rows] + other_squares[nearest])
                better = np.flatnonzero(guess - margin < best[rows] ** 2)
                delta = shifted[rows][better].astype(np.float64) - others[nearest[better]]
                exact = np.sqrt(np.einsum('ij,ij->i', delta, delta))
                best[first + better] = np.minimum(best[first + better], exact)
    return best


def farthest_points(
    points: FloatArray,
    n_chosen: int,
    known: Iterable[FloatArray] = (),
    seed: int = 0,
    least: float = 0.0,
) -> tuple[IntArray, FloatArray]:
    """Choose points one after another, each the farthest from all known and chosen ones.

    :param points: (n, d).
    :param n_chosen: how many at most.
    :param known: blocks (m, d) of what is there already; without any the first point is drawn by the seed.
    :param seed: of that draw; it decides nothing else.
    :param least: stop where the farthest point is not farther than this.
    :returns: indices in the order of choice, and the distance at which each was chosen (infinite for a drawn one).
    :raises ValueError: a shape does not fit, or a number is not finite.
    """
    points = _checked(points)
    chosen, reached, _ = choose_apart(points, nearest_distances(points, known), n_chosen, seed=seed, least=least)
    return chosen, reached


def choose_apart(
    points: FloatArray,
    distances: FloatArray,
    n_chosen: int,
    order: IntArray | None = None,
    seed: int = 0,
    least: float = 0.0,
) -> tuple[IntArray, FloatArray, FloatArray]:
    """Choose points that are no nearer than ``least`` to what is known and to each other.

    :param points: (n, d).
    :param distances: of each to the nearest that is known, infinite for none, (n,).
    :param n_chosen: how many at most.
    :param order: in which the points come; None: the farthest comes next.
    :param seed: draws the first point where nothing is known and no order is given.
    :param least: a point as near as this, or nearer, is passed over.
    :returns: indices in the order of choice, the distance at which each was chosen, and the distance of every point to
        the nearest that is known or chosen now (0 for the chosen).
    """
    approach = _Approach(points)
    squares = np.array(distances, dtype=np.float64) ** 2
    limit = least**2
    chosen: list[int] = []
    reached: list[float] = []
    queue = iter(() if order is None else order.tolist())
    while len(chosen) < min(n_chosen, len(points)):
        if order is not None:
            pick = next((index for index in queue if squares[index] > limit), None)
        elif not chosen and np.isinf(squares).all():
            pick = int(np.random.default_rng(seed).integers(len(points)))
        else:
            pick = int(np.argmax(squares))
            pick = pick if squares[pick] > limit else None
        if pick is None:
            break
        chosen.append(pick)
        reached.append(float(np.sqrt(squares[pick])))
        approach(pick, squares)
    return np.array(chosen, dtype=np.int64), np.array(reached), np.sqrt(squares)


class _Approach:
    """Lowers squared distances to those from one point after another."""

    def __init__(self, points: FloatArray) -> None:
        self._points = points - points.mean(axis=0) if len(points) else points
        self._norms = np.einsum('ij,ij->i', self._points, self._points)

    def __call__(self, pick: int, squares: FloatArray) -> None:
        """One matrix product finds where a distance may become smaller; only there differences are taken.

        :param pick: index of the point.
        :param squares: changed in place, (n,).
        """
        norms = self._norms + self._norms[pick]
        guess = norms - 2 * (self._points @ self._points[pick])
        nearer = np.flatnonzero(guess - _MARGIN * norms < squares)
        for start in range(0, len(nearer), _ROWS_AT_A_TIME):
            rows = nearer[start : start + _ROWS_AT_A_TIME]
            delta = self._points[rows].astype(np.float64) - self._points[pick]
            squares[rows] = np.minimum(squares[rows], np.einsum('ij,ij->i', delta, delta))


def _checked(points: FloatArray) -> FloatArray:
    points = np.asarray(points)
    if points.ndim != 2:
        raise ValueError(f'points: shape {points.shape}, expected (n, d)')
    if not np.isfinite(points).all():
        raise ValueError('points: not finite (NaN or infinity)')
    return points

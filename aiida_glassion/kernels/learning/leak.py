"""Whether a test set tests: how near its frames lie to those that were learned."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.frames import Frames

FloatArray = npt.NDArray[np.floating[Any]]

MOST_TEST_FRAMES, FEWEST_TEST_FRAMES = 200, 20
"""Of more test frames so many are compared, evenly chosen: the first, or fewer where there is much to compare with."""
_MOST_PAIRS = 2_000_000
_AT_A_TIME = 4_000_000


def frames_to_compare(n_training: int) -> int:
    """How many test frames are compared so that it takes seconds: of pairs of 100 atoms 100 000 take about one.

    :param n_training: frames learned from.
    """
    return int(np.clip(_MOST_PAIRS // max(1, n_training), FEWEST_TEST_FRAMES, MOST_TEST_FRAMES))


def nearest_training_frame(
    test: Iterable[Frames], training: Iterable[Frames], most: int = MOST_TEST_FRAMES
) -> FloatArray:
    """Distance of test frames to the nearest training frame of the same atoms, Å.

    The distance of two frames is the root mean square over the atoms of their displacement, of periodic images the
    nearest, in fractional coordinates so that a cell that breathes counts little, times the cell of the test frame.
    Frames that follow each other in one run come out near, independent ones at about the distance of neighbours.
    Atoms that changed places, or a whole that was moved or turned, are not recognised: a lower bound on likeness.

    :param test: frames held out.
    :param training: frames learned from, set by set.
    :param most: of more test frames than this some are chosen evenly.
    :returns: of each test frame that was compared; infinite where no training frame has the same atoms.
    """
    chosen = _some([part.sorted_by_element() for part in test], most)
    fractions = [_fractions(part) for part in chosen]
    nearest = [np.full(part.n_frames, np.inf) for part in chosen]
    by_symbols: dict[tuple[str, ...], list[int]] = {}
    for index, frames in enumerate(chosen):
        by_symbols.setdefault(frames.symbols, []).append(index)
    for part in training:
        learned = part.sorted_by_element()
        alike = by_symbols.get(learned.symbols, [])
        if not alike:
            continue
        known = _fractions(learned)
        for index in alike:
            np.minimum(nearest[index], _distances(chosen[index], fractions[index], known), out=nearest[index])
    return np.concatenate(nearest) if nearest else np.zeros(0)


def _some(parts: list[Frames], most: int) -> list[Frames]:
    """At most so many frames, evenly over all."""
    total = sum(part.n_frames for part in parts)
    if total <= most:
        return parts
    wanted = np.unique(np.linspace(0, total - 1, most).astype(int))
    chosen, start = [], 0
    for part in parts:
        indices = wanted[(wanted >= start) & (wanted < start + part.n_frames)] - start
        if len(indices):
            chosen.append(part[indices])
        start += part.n_frames
    return chosen


def _distances(test: Frames, fractions: FloatArray, learned: FloatArray) -> FloatArray:
    """Of each test frame the distance to the nearest of the learned ones, both in :func:`_fractions`, Å."""
    best = np.full(test.n_frames, np.inf)
    block = max(1, _AT_A_TIME // (3 * test.n_atoms))
    for index, fraction in enumerate(fractions):
        for start in range(0, len(learned), block):
            shift = learned[start : start + block] - fraction
            if all(test.pbc):
                shift = shift - np.rint(shift)
                shift = shift @ test.cells[index]
            distance = float(np.sqrt(np.min(np.mean(np.sum(shift**2, axis=2), axis=1))))
            best[index] = min(best[index], distance)
    return best


def _fractions(frames: Frames) -> FloatArray:
    """Fractional coordinates; of atoms without a cell, positions from their centre, Å."""
    if all(frames.pbc):
        columns = np.linalg.solve(frames.cells.transpose(0, 2, 1), frames.positions.transpose(0, 2, 1))
        return np.asarray(columns.transpose(0, 2, 1))
    return np.asarray(frames.positions - frames.positions.mean(axis=1, keepdims=True))

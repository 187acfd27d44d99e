"""Atoms that are too close, against a loop over very many images."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.structure.closest import closest_atoms

RADII = {'O': 0.66, 'Si': 1.11}


def brute_force(frames, fraction):
    """Smallest distance over its limit, over all pairs and very many images, atoms with their own images too."""
    steps = np.arange(-6, 7)
    shifts = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3)
    best = np.inf
    for i, first in enumerate(frames.positions[0]):
        for j, second in enumerate(frames.positions[0]):
            distances = np.linalg.norm(second - first + shifts @ frames.cells[0], axis=1)
            if i == j:
                distances[(shifts == 0).all(axis=1)] = np.inf
            best = min(best, distances.min() / fraction / (RADII[frames.symbols[i]] + RADII[frames.symbols[j]]))
    return best


@pytest.mark.parametrize('seed', range(12))
@pytest.mark.parametrize('fraction', [0.3, 0.6, 1.4])
def test_small_and_skewed_cells(seed, fraction):
    rng = np.random.default_rng(seed)
    cell = np.diag(rng.uniform(2.5, 9.0, 3)) + np.tril(rng.uniform(-4, 4, (3, 3)), -1)
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    cell = cell @ rotation
    frames = Frames(('Si', 'O', 'Si', 'O', 'O'), rng.uniform(-2, 2, (5, 3))[None] @ cell, cell[None])
    expected = brute_force(frames, fraction)
    (found,) = closest_atoms(frames, fraction)
    if expected < 1:
        assert found.distance / found.limit == pytest.approx(expected)
        assert found.limit == pytest.approx(fraction * sum(RADII[e] for e in found.pair.split('-')))
        assert {frames.symbols[found.first], frames.symbols[found.second]} == set(found.pair.split('-'))
    else:
        assert found is None


def test_switched_off_and_nothing_there():
    frames = Frames(('O', 'O'), np.zeros((1, 2, 3)), np.eye(3)[None] * 9)
    assert closest_atoms(frames, 0.0) == [None]
    assert closest_atoms(frames[:0], 0.5) == []

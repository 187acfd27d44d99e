"""Neighbours are counted as DeePMD-kit counts them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aiida_glassion.formats.deepmd.systems import read_system
from aiida_glassion.frames import Frames
from aiida_glassion.kernels.dataset.environments import most_neighbours

SILICA = Path(__file__).parents[2] / 'fixtures' / 'deepmd' / 'silica' / 'O16Si8'


def test_against_a_loop_over_images():
    rng = np.random.default_rng(4)
    cell = np.array([[4.0, 0, 0], [0.7, 4.5, 0], [0.2, -0.4, 5.0]])
    frames = Frames(('O', 'Si', 'O', 'Na'), rng.random((3, 4, 3)) @ cell, np.repeat(cell[None], 3, axis=0))
    most = dict.fromkeys(('Na', 'O', 'Si'), 0)
    for positions in frames.positions:
        for i in range(4):
            counts = dict.fromkeys(most, 0)
            for j in range(4):
                for image in np.ndindex(7, 7, 7):
                    distance = np.linalg.norm(positions[j] + (np.array(image) - 3) @ cell - positions[i])
                    counts[frames.symbols[j]] += 0 < distance < 6.0
            most = {element: max(most[element], counts[element]) for element in most}
    assert most_neighbours([frames[:1], frames[1:]], 6.0) == most


def test_what_deepmd_said_of_the_same_frames():
    """``Neighbor statistics: training data with maximum neighbor size: [17 10] (cutoff radius: 4.000000)``."""
    assert most_neighbours(read_system(SILICA), 4.0) == {'O': 17, 'Si': 10}


def test_other_systems():
    alone = Frames(('O',), np.zeros((1, 1, 3)), np.zeros((1, 3, 3)), pbc=(False, False, False))
    silicon = Frames(('Si',), np.zeros((1, 1, 3)), 2.0 * np.eye(3)[None])
    assert most_neighbours([alone, silicon], 2.1) == {'O': 0, 'Si': 6}
    with pytest.raises(ValueError, match='cutoff: 0'):
        most_neighbours([alone], 0)

"""A network of silica whose statistics are known."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_glassion.frames import Frames

FCC = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
BONDS = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / 8
SITES = np.concatenate([FCC, FCC + 0.25, (FCC[:, None] + BONDS[None]).reshape(-1, 3)])


def _network(seed, scale=1.0, opened=0.0, repeats=3, n_frames=5, breathing=0.0, disorder=0.15):
    """Frames of a SiO2 network (β-cristobalite) whose atoms are frozen in at random places around their sites.

    :param opened: share of the oxygen that is torn off one of its two silicon.
    :param breathing: relative change of the lengths from frame to frame.
    """
    rng = np.random.default_rng(seed)
    shifts = np.stack(np.meshgrid(*[np.arange(repeats)] * 3, indexing='ij'), axis=-1).reshape(-1, 3)
    positions = (shifts[:, None] + SITES[None]).reshape(-1, 3) * 7.16
    symbols = (['Si'] * 8 + ['O'] * 16) * len(shifts)
    if opened:
        oxygen = rng.permutation(np.flatnonzero(np.array(symbols) == 'O'))
        chosen = oxygen[: round(opened * len(oxygen))]
        # turned to the other side of one of its two silicon, it is 1.55 Å from it and 3 Å from the next
        positions[chosen] -= 2 * 7.16 * BONDS[(chosen % 24 - 8) % 4]
    positions = positions + rng.normal(size=positions.shape) * disorder / np.sqrt(3)
    thermal = rng.normal(size=(n_frames, *positions.shape)) * 0.03
    sizes = scale * (1 + breathing * rng.normal(size=n_frames))
    cells = np.eye(3)[None] * 7.16 * repeats * sizes[:, None, None]
    return Frames(tuple(symbols), (positions + thermal) * sizes[:, None, None], cells)


@pytest.fixture(scope='session')
def network():
    """Makes frames of such a network."""
    return _network

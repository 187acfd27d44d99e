"""Blocks of frames: sums are exact, errors those of independent blocks."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_glassion.kernels.scattering.blocks import BlockSums, error_of_blocks


@pytest.mark.parametrize(('n', 'size', 'n_blocks'), [(1, 1, 1), (7, 1, 7), (19, 1, 19), (20, 2, 10), (45, 4, 11)])
def test_bounded_blocks(n, size, n_blocks):
    values = np.random.default_rng(0).normal(size=(n, 3))
    sums = BlockSums()
    for value in values:
        sums.add({'a': value, 'frames': 1.0})
    assert (sums.block_size, len(sums.blocks()), sums.n_frames) == (size, n_blocks, n)
    np.testing.assert_allclose(sums.total()['a'], values.sum(axis=0))
    for index, block in enumerate(sums.blocks()):
        np.testing.assert_allclose(block['a'], values[index * size : (index + 1) * size].sum(axis=0))
        assert block['frames'] == size


def test_nothing_added():
    with pytest.raises(ValueError, match='no frame'):
        BlockSums().total()


def test_error():
    values = np.array([[1.0, 2.0, np.nan, np.nan], [3.0, 2.0, 1.0, np.nan], [5.0, 2.0, 3.0, 1.0]])
    error = error_of_blocks(values)
    assert error is not None
    np.testing.assert_allclose(error, [2 / np.sqrt(3), 0, 1, np.nan])
    assert error_of_blocks(values[:1]) is None

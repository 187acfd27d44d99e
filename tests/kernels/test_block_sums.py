"""Mean and error over blocks of frames, of any number of them."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_glassion.kernels.block_sums import BlockSums, error_of_blocks


@pytest.mark.parametrize('n', [1, 2, 9, 20, 21, 40, 57, 400])
def test_blocks_of_any_number_of_frames(n):
    values = np.random.default_rng(n).normal(5, 1, (n, 3))
    sums = BlockSums()
    for row in values:
        sums.add(row)
    np.testing.assert_allclose(sums.mean(), values.mean(axis=0), rtol=1e-13)
    assert (sums.n, sums.block_size) == (n, max(1, 2 ** int(np.log2(n // 10))) if n >= 20 else 1)
    error = sums.error()
    assert (error is None) == (n == 1)
    if n >= 20:
        np.testing.assert_allclose(error, 1 / np.sqrt(n), rtol=0.7)
    with pytest.raises(ValueError, match='expected'):
        sums.add([1.0])


def test_blocks_widen_the_error_of_a_series_with_memory():
    noise = np.random.default_rng(4).normal(size=4000)
    slow = np.convolve(noise, np.ones(50) / np.sqrt(50), 'valid')
    sums = BlockSums()
    for value in slow:
        sums.add(value)
    naive = slow.std() / np.sqrt(len(slow))
    assert 4 < float(sums.error()) / naive < 12


@pytest.mark.parametrize(('n', 'size', 'n_blocks'), [(1, 1, 1), (7, 1, 7), (19, 1, 19), (20, 2, 10), (45, 4, 11)])
def test_bounded_blocks(n, size, n_blocks):
    values = np.random.default_rng(0).normal(size=(n, 3))
    sums, frames = BlockSums(), BlockSums()
    for value in values:
        sums.add(value)
        frames.add(1.0)
    assert (sums.block_size, len(sums.blocks()), sums.n) == (size, n_blocks, n)
    np.testing.assert_allclose(sums.total(), values.sum(axis=0))
    for index, (block, in_block) in enumerate(zip(sums.blocks(), frames.blocks(), strict=True)):
        np.testing.assert_allclose(block, values[index * size : (index + 1) * size].sum(axis=0))
        assert in_block == size


def test_nothing_added():
    with pytest.raises(ValueError, match='no frame'):
        BlockSums().total()
    with pytest.raises(ValueError, match='no frame'):
        BlockSums().mean()


def test_error_over_blocks_some_of_which_have_no_value():
    values = np.array([[1.0, 2.0, np.nan, np.nan], [3.0, 2.0, 1.0, np.nan], [5.0, 2.0, 3.0, 1.0]])
    error = error_of_blocks(values)
    assert error is not None
    np.testing.assert_allclose(error, [2 / np.sqrt(3), 0, 1, np.nan])
    assert error_of_blocks(values[:1]) is None

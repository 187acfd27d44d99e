"""Mean and error over blocks of frames, of any number of them."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_glassion.kernels.block_sums import BlockSums


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

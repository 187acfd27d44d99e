"""Direct sums over wave vectors against brute force, ideal crystals and the ideal gas."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_glassion.kernels.scattering.direct import shell_sums

SKEW = np.array([[8.0, 0, 0], [3.9, 7.0, 0], [-2.0, 3.0, 9.0]])


def brute_force(positions, cell, types, n_types, q_max, n_bins):
    """All wave vectors and atoms one by one, halved since q and −q count once."""
    reciprocal = 2 * np.pi * np.linalg.inv(cell).T
    reach = np.ceil(q_max * np.linalg.norm(cell, axis=1) / (2 * np.pi)).astype(int)
    orders = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in reach), indexing='ij'), axis=-1).reshape(-1, 3)
    q = orders @ reciprocal
    length = np.linalg.norm(q, axis=1)
    q, length = q[(length > 0) & (length <= q_max)], length[(length > 0) & (length <= q_max)]
    waves = np.exp(1j * q @ positions.T)
    rho = np.stack([waves[:, types == kind].sum(axis=1) for kind in range(n_types)])
    shell = np.minimum((length / q_max * n_bins).astype(int), n_bins - 1)
    products = np.zeros((n_types, n_types, n_bins))
    for i, j in np.ndindex(n_types, n_types):
        np.add.at(products[i, j], shell, (rho[i] * rho[j].conj()).real / len(positions) / 2)
    return products, np.bincount(shell, length, n_bins) / 2, np.bincount(shell, minlength=n_bins) // 2


@pytest.mark.parametrize(
    'cell', [np.diag([9.0, 12.0, 10.0]), SKEW, SKEW[[2, 0, 1]], np.array([[8.0, 0, 0], [3.9, 7, 0], [14, 3, 9]]), -SKEW]
)
def test_against_brute_force(cell):
    rng = np.random.default_rng(1)
    positions, types = rng.uniform(-1, 2, (30, 3)) @ cell, rng.integers(0, 3, 30)
    found = shell_sums(positions, cell, types, 3, 6.1, 37)
    products, q, counts = brute_force(positions, cell, types, 3, 6.1, 37)
    np.testing.assert_array_equal(found.counts, counts)
    np.testing.assert_allclose(found.q, q, rtol=1e-10)
    np.testing.assert_allclose(found.products, products, atol=2e-5)


def test_more_atoms_than_a_block():
    """5000 atoms are summed in three blocks; the same as by twos of a duplicated cell."""
    rng = np.random.default_rng(2)
    positions = rng.uniform(0, 30, (5000, 3))
    types = np.zeros(5000, dtype=int)
    found = shell_sums(positions, 30 * np.eye(3), types, 1, 1.0, 5)
    products, _, counts = brute_force(positions, 30 * np.eye(3), types, 1, 1.0, 5)
    np.testing.assert_array_equal(found.counts, counts)
    np.testing.assert_allclose(found.products, products, rtol=2e-4)


def test_rocksalt_bragg_peaks():
    """Positions, multiplicities and amplitudes of the lines; nothing between them."""
    a, repeat = 5.64, 2
    face = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    corners = np.array(list(np.ndindex(repeat, repeat, repeat)))
    positions = (corners[:, None] + np.concatenate([face, face + 0.5])).reshape(-1, 3) * a
    types = np.tile([1, 1, 1, 1, 0, 0, 0, 0], repeat**3)
    n = len(positions)
    found = shell_sums(positions, a * repeat * np.eye(3), types, 2, 5.0, 500)
    bright = np.flatnonzero(found.products[0, 0] > 1e-3)
    lines = {3: (8, -1), 4: (6, 1), 8: (12, 1), 11: (24, -1), 12: (8, 1), 16: (6, 1), 19: (24, -1), 20: (24, 1)}
    assert len(bright) == len(lines)
    for shell, (squares, (multiplicity, sign)) in zip(bright, lines.items(), strict=True):
        q = 2 * np.pi / a * np.sqrt(squares)
        assert found.q[shell] / found.counts[shell] == pytest.approx(q, abs=1e-9)
        assert found.products[0, 0, shell] == pytest.approx(multiplicity / 2 * n / 4, rel=1e-5)
        assert found.products[0, 1, shell] == pytest.approx(sign * multiplicity / 2 * n / 4, rel=1e-5)


def test_two_atoms():
    """I = 1 + cos(q·d) for two like atoms, exactly, on the axis of a long cell."""
    cell = np.diag([40.0, 2.0, 2.0])
    found = shell_sums(np.array([[0.0, 0, 0], [3.0, 0, 0]]), cell, np.array([0, 0]), 1, 3.0, 300)
    full = np.flatnonzero(found.counts)
    q = found.q[full] / found.counts[full]
    np.testing.assert_allclose(q, 2 * np.pi / 40 * np.arange(1, len(q) + 1))
    np.testing.assert_allclose(found.products[0, 0, full], 1 + np.cos(3 * q), atol=1e-5)


def test_ideal_gas_is_one():
    rng = np.random.default_rng(5)
    sums = [shell_sums(rng.uniform(0, 15, (200, 3)), 15 * np.eye(3), np.zeros(200, int), 1, 5.0, 5) for _ in range(10)]
    products, counts = sum(s.products[0, 0] for s in sums), sum(s.counts for s in sums)
    s = products / counts
    assert (np.abs(s - 1) < 5 / np.sqrt(counts)).all()
    assert np.abs(s[2:] - 1).max() < 0.05


def test_sampled_vectors_agree_with_all():
    """Half of the cap goes to small |q|, all of them there; the rest is a fair choice, the same for the same seed."""
    rng = np.random.default_rng(7)
    positions, types = rng.uniform(0, 20, (300, 3)), rng.integers(0, 2, 300)
    arguments = (positions, 20 * np.eye(3), types, 2, 8.0, 40)
    every, some = shell_sums(*arguments), shell_sums(*arguments, 4000, 3)
    assert 3000 < some.counts.sum() < 5000 < every.counts.sum()
    inner = int((0.5 * 4000 / every.counts.sum()) ** (1 / 3) * 40)
    np.testing.assert_array_equal(some.counts[:inner], every.counts[:inner])
    np.testing.assert_allclose(some.products[..., :inner], every.products[..., :inner], atol=1e-5)
    outer = slice(inner + 1, None)
    assert (some.counts[outer] < every.counts[outer]).all()
    mean = some.products[0, 0, outer].sum() / some.counts[outer].sum()
    assert mean == pytest.approx(every.products[0, 0, outer].sum() / every.counts[outer].sum(), rel=0.1)
    np.testing.assert_array_equal(some.products, shell_sums(*arguments, 4000, 3).products)
    assert (some.counts != shell_sums(*arguments, 4000, 4).counts).any()


def test_empty_type_and_small_sphere():
    found = shell_sums(np.zeros((1, 3)), 5 * np.eye(3), np.array([0]), 2, 0.5, 3)
    assert found.counts.sum() == 0
    found = shell_sums(np.zeros((1, 3)), 5 * np.eye(3), np.array([0]), 2, 1.3, 3)
    assert found.counts.sum() == 3
    assert found.products[0, 0].sum() == pytest.approx(3)
    assert not found.products[1].any()


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        ({'q_max': 0.0}, 'q_max'),
        ({'n_bins': 0}, 'shells'),
        ({'cell': np.zeros((3, 3))}, 'volume'),
        ({'positions': np.empty((0, 3)), 'types': np.empty(0, int)}, 'no atom'),
        ({'positions': np.full((1, 3), np.nan)}, 'finite'),
        ({'types': np.array([4])}, 'types'),
        ({'max_vectors': 0}, 'max_vectors'),
    ],
)
def test_refused(change, words):
    given = {'positions': np.zeros((1, 3)), 'cell': np.eye(3), 'types': np.array([0]), 'q_max': 1.0, 'n_bins': 3}
    with pytest.raises(ValueError, match=words):
        shell_sums(n_types=1, **(given | change))

"""Farthest-point sampling against a brute force with all distances, and what it promises."""

from __future__ import annotations

import tracemalloc
from itertools import combinations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from aiida_glassion.kernels.learning.farthest_points import choose_apart, farthest_points, nearest_distances


def brute_force(points, n_chosen, known):
    """All distances at once, in double precision."""
    points, known = points.astype(float), known.astype(float)
    chosen, reached = [], []
    for _ in range(n_chosen):
        to = np.concatenate([known, points[chosen]])
        distances = cdist(points, to).min(axis=1)
        chosen.append(int(distances.argmax()))
        reached.append(distances.max())
    return chosen, reached


@pytest.mark.parametrize('seed', range(8))
@pytest.mark.parametrize('offset', [0.0, 300.0])
def test_against_brute_force(seed, offset):
    rng = np.random.default_rng(seed)
    points = (rng.normal(size=(150, 12)) + offset).astype(np.float32)
    known = (rng.normal(size=(60, 12)) * 0.5 + offset).astype(np.float32)
    chosen, reached = farthest_points(points, 40, [known[:25], known[25:]], seed=seed)
    expected, distances = brute_force(points, 40, known)
    assert chosen.tolist() == expected
    np.testing.assert_allclose(reached, distances, rtol=1e-5)
    assert (np.diff(reached) <= 1e-6).all()


@pytest.mark.parametrize('dtype', [np.float32, np.float64])
def test_nearest_distances_are_exact_far_from_the_origin_too(dtype):
    rng = np.random.default_rng(1)
    known = (100 + rng.normal(size=(5000, 9))).astype(dtype)
    points = known[rng.integers(0, 5000, 300)] + rng.normal(scale=1e-3, size=(300, 9)).astype(dtype)
    points[:5] = known[:5]
    found = nearest_distances(points, [known[:1], known[1:3000], known[3000:]])
    expected = cdist(points.astype(float), known.astype(float)).min(axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-3 if dtype == np.float32 else 1e-9, atol=3e-5)
    assert (found[:5] == 0).all()
    assert np.isinf(nearest_distances(points, [])).all()


def test_the_first_of_nothing_known_is_drawn_by_the_seed():
    points = np.random.default_rng(0).normal(size=(200, 3))
    first = [farthest_points(points, 3, seed=seed)[0] for seed in (1, 1, 2, 3)]
    np.testing.assert_array_equal(first[0], first[1])
    assert len({int(chosen[0]) for chosen in first[1:]}) > 1
    chosen, reached = farthest_points(points, 5, seed=4)
    assert np.isinf(reached[0])
    assert chosen[1:].tolist() == brute_force(points, 4, points[chosen[:1]])[0]


@pytest.mark.parametrize('seed', range(10))
def test_covers_within_twice_the_best(seed):
    """Gonzalez: no point is farther from the chosen than twice the radius of the best choice of as many."""
    points = np.random.default_rng(seed).normal(size=(12, 2))
    table = cdist(points, points)
    best = min(table[list(some)].min(axis=0).max() for some in combinations(range(12), 4))
    chosen, _ = farthest_points(points, 4, seed=seed)
    assert table[chosen].min(axis=0).max() <= 2 * best + 1e-12


def test_clusters_are_all_found_where_a_draw_misses_the_small_ones():
    rng = np.random.default_rng(2)
    centres = rng.normal(size=(10, 6)) * 30
    owner = np.concatenate([np.zeros(2000, dtype=int), np.arange(1, 10)])
    points = centres[owner] + rng.normal(size=(len(owner), 6))
    chosen, _ = farthest_points(points, 10, seed=0)
    assert set(owner[chosen]) == set(range(10))
    # of known clusters none is chosen again before the others
    chosen, _ = farthest_points(points, 5, [centres[:5]])
    assert set(owner[chosen]) == set(range(5, 10))


def test_stops_where_points_are_alike():
    points = np.repeat(np.arange(5.0)[:, None], 3, axis=0) + np.tile([0.0, 0.01, 0.02], 5)[:, None]
    chosen, reached = farthest_points(points, 15, [np.array([[0.0]])], least=0.1)
    assert len(chosen) == 4
    assert reached.min() > 0.1
    assert len(farthest_points(np.repeat(points, 2, axis=0), 30, seed=1)[0]) == 15
    assert len(farthest_points(points[:0], 3)[0]) == 0


def test_given_order_skips_what_is_near():
    points = np.array([[0.0], [0.05], [1.0], [1.02], [2.0]])
    near = nearest_distances(points, [np.array([[2.01]])])
    chosen, reached, after = choose_apart(points, near, 5, np.array([1, 0, 3, 2, 4]), least=0.1)
    assert chosen.tolist() == [1, 3]
    np.testing.assert_allclose(reached, [1.96, 0.97])
    np.testing.assert_allclose(after, [0.05, 0, 0.02, 0, 0.01], atol=1e-12)
    assert choose_apart(points, near, 1, np.array([1, 0, 3, 2, 4]), least=0.1)[0].tolist() == [1]


def test_memory_grows_with_the_points_and_not_with_their_square():
    points = np.random.default_rng(0).normal(size=(20_000, 8)).astype(np.float32)
    tracemalloc.start()
    farthest_points(points, 20, [points[:5000] + 1])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 60e6  # a square would be 1.6 GB


@pytest.mark.parametrize(
    ('points', 'known', 'words'),
    [
        (np.zeros(3), [], 'expected \\(n, d\\)'),
        (np.zeros((3, 2)), [np.zeros((4, 3))], 'known: shape \\(4, 3\\), expected \\(m, 2\\)'),
        (np.array([[np.nan, 0.0]]), [], 'not finite'),
    ],
)
def test_wrong_shapes_are_refused(points, known, words):
    with pytest.raises(ValueError, match=words):
        farthest_points(points, 2, known)

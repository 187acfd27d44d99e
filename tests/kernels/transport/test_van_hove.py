"""Oracles: loops over every pair, random walks, ballistic motion, vibration in a well, the g(r) of a configuration."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import maxwell

from aiida_glassion.kernels.structure.rdf import partial_rdfs
from aiida_glassion.kernels.transport.lags import LagStream, lag_number, log_lags
from aiida_glassion.kernels.transport.van_hove import (
    DisplacementSums,
    displacements,
    distinct_counts,
    distinct_van_hove,
)

TRICLINIC = np.array([[9.0, 0, 0], [3.0, 8.0, 0], [-2.0, 2.5, 10.0]])


def walk(n_frames: int, n_ions: int, step: float = 0.1, seed: int = 0):
    return np.random.default_rng(seed).normal(0, step, (n_frames, n_ions, 3)).cumsum(axis=0)


@pytest.mark.parametrize('every', [1, 3])
def test_every_pair_of_frames_one_by_one(every):
    r, lags, groups = walk(40, 7), [1, 5, 12], np.array([0, 1, 0, 2, 1, 0, 2])
    found = displacements(r, lags, groups, 0.1, 1.0, every)
    for k, lag in enumerate(lags):
        origins = range(0, 40 - lag, every)
        distances = np.array([[np.linalg.norm(r[o + lag, i] - r[o, i]) for i in range(7)] for o in origins])
        assert found.n_origins[k] == len(origins)
        np.testing.assert_allclose(found.squared[k], (distances**2).mean(axis=0), rtol=1e-12)
        np.testing.assert_allclose(found.fourth[k], (distances**4).mean(axis=0), rtol=1e-12)
        for group in range(3):
            counts, _ = np.histogram(distances[:, groups == group], [*np.linspace(0, 1.0, 11), np.inf])
            np.testing.assert_array_equal(found.counts[k, group], counts)


def test_self_van_hove_of_a_random_walk_is_that_of_maxwell():
    r = walk(2000, 60, 0.3)
    found = displacements(r, [4], bin_width=0.05, r_max=3.5)
    shares = found.self_van_hove()[0] * 0.05
    assert shares.sum() + found.beyond()[0] == pytest.approx(1, abs=1e-12)
    scale = 0.3 * 2
    edges = np.arange(71) * 0.05
    np.testing.assert_allclose(shares, np.diff(maxwell.cdf(edges, scale=scale)), atol=1.5e-3)
    assert found.squared.mean() == pytest.approx(3 * scale**2, rel=0.02)
    assert found.farther(1.02)[0] == pytest.approx(maxwell.sf(1.02, scale=scale), abs=6e-3)
    assert found.farther(3.5)[0] == found.beyond()[0]


def test_groups_are_told_apart():
    r = np.zeros((5, 3, 3))
    r[:, 1:, 0] = np.arange(5)[:, None] * 0.55
    found = displacements(r, [1, 2], [0, 1, 1], 0.1, 1.0)
    assert found.self_van_hove([0])[0].argmax() == 0
    assert found.self_van_hove([1])[0].argmax() == 5
    assert found.beyond([1]).tolist() == [0, 1]
    assert found.beyond().tolist() == [0, pytest.approx(2 / 3)]


def test_the_series_of_lags():
    assert log_lags(64, 2).tolist() == [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64]
    assert log_lags(1, 8).tolist() == [1]
    with pytest.raises(ValueError, match='longest: 0'):
        log_lags(0)
    with pytest.raises(ValueError, match='per_octave: 0'):
        LagStream(0)


@pytest.mark.parametrize('per_octave', [1, 3, 8])
def test_frames_one_by_one_give_what_all_together_give(per_octave):
    r = walk(150, 5)
    stream, sums = LagStream(per_octave), DisplacementSums(np.zeros(5, dtype=int), 0.1, 4.0)
    for frame in r:
        now = np.ascontiguousarray(frame.T)
        for place, lag, then in stream.add(now):
            assert lag == lag_number(place, per_octave)
            sums.add(place, lag, now, then)
    found = sums.displacements(100)
    assert found.lags.tolist() == log_lags(100, per_octave).tolist()
    for k, lag in enumerate(found.lags):
        every = max(1, 2 ** int(np.ceil(np.log2(lag / (2 * per_octave)))))
        whole = displacements(r, [lag], None, 0.1, 4.0, every)
        np.testing.assert_allclose(found.squared[k], whole.squared[0], rtol=1e-12)
        np.testing.assert_array_equal(found.counts[k], whole.counts[0])
        assert found.n_origins[k] == whole.n_origins[0]


def test_a_stream_keeps_few_frames():
    stream = LagStream(4)
    for number in range(5000):
        list(stream.add(np.array([number])))
    kept = {int(frame[0]) for level in stream._levels for frame in level}
    assert len(kept) < 100


def brute_distinct(now, then, cell, n_bins, r_max, reach=3):
    shifts = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * 3, indexing='ij'), -1).reshape(-1, 3) @ cell
    counts = np.zeros(n_bins, dtype=int)
    for i in range(len(then)):
        for j in range(len(now)):
            if i != j:
                distances = np.linalg.norm(now[j] - then[i] + shifts, axis=1)
                counts += np.histogram(distances, n_bins, (0, r_max))[0]
    return counts


@pytest.mark.parametrize('r_max', [3.0, 12.0])
def test_distinct_part_against_all_pairs_in_a_slanted_cell(r_max):
    rng = np.random.default_rng(1)
    then = rng.random((9, 3)) @ TRICLINIC
    now = then + rng.normal(0, 1, (9, 3)) + rng.integers(-2, 3, (9, 3)) @ TRICLINIC
    wrapped = (now @ np.linalg.inv(TRICLINIC) % 1) @ TRICLINIC
    found = distinct_counts(now, then, TRICLINIC, 40, r_max)
    np.testing.assert_array_equal(found, brute_distinct(wrapped, then, TRICLINIC, 40, r_max))
    assert found.sum() > 0


def test_distinct_part_begins_as_the_pair_distribution():
    rng = np.random.default_rng(2)
    r, types = rng.random((1, 60, 3)) * 15, np.arange(60) % 2
    radii, found = distinct_van_hove(r, 15 * np.eye(3), [0], types == 0, types == 1, 0.25, 7.0)
    rdf = partial_rdfs(r, 15 * np.eye(3)[None], types, 'AB', 7.0, 28)
    np.testing.assert_allclose(found[0], rdf.g[0, 1], atol=1e-5)
    np.testing.assert_allclose(radii, rdf.r, atol=1e-9)


def test_ions_that_change_places_are_seen_at_the_origin():
    r = np.array([[[0.0, 0, 0], [3.0, 0, 0]], [[3.0, 0, 0], [0.0, 0, 0]]])
    radii, found = distinct_van_hove(r, 10 * np.eye(3), [0, 1], bin_width=0.5, r_max=4.0)
    assert radii[found[0].argmax()] == 3.25
    assert found[1].nonzero()[0].tolist() == [0]


def test_forgotten_places_have_a_distinct_part_of_one():
    r = np.random.default_rng(3).random((40, 50, 3)) * 12
    _, found = distinct_van_hove(r, 12 * np.eye(3), [1], np.arange(50) < 25, np.arange(50) >= 25, 1.0, 6.0)
    np.testing.assert_allclose(found[0, 2:], 1, atol=0.05)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'lags': [20]}, r'from 1 to 19, given \[20\]'),
        ({'lags': [0]}, 'from 1 to 19'),
        ({'groups': [0, 1]}, '2 of them for 4 ions'),
        ({'groups': [0, 1, -1, 0]}, 'numbers from 0'),
        ({'bin_width': 0.0}, 'bin_width: 0.0 Å'),
        ({'r_max': float('nan')}, 'r_max'),
        ({'every': 0}, 'every: 0'),
        ({'positions': np.zeros((20, 4))}, 'expected \\(n_frames'),
        ({'positions': np.full((20, 4, 3), np.nan)}, 'not finite'),
    ],
)
def test_what_cannot_be_done_is_said(change, message):
    with pytest.raises(ValueError, match=message):
        displacements(**{'positions': walk(20, 4), 'lags': [1], **change})
    with pytest.raises(ValueError, match='from 0 to 19'):
        distinct_van_hove(walk(20, 4), np.eye(3), [20])
    with pytest.raises(ValueError, match='0 and 4 ions'):
        distinct_van_hove(walk(20, 4), np.eye(3), [1], np.zeros(4, dtype=bool))

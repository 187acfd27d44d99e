"""Partial RDFs against a loop over images, ideal crystals and the ideal gas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_glassion.kernels.structure.rdf import first_minimum, first_peak, partial_rdfs, total_rdf

SKEW = np.array([[8.0, 0, 0], [3.9, 7.0, 0], [-2.0, 3.0, 9.0]])


def brute_force_counts(positions, cell, types, n_types, edges):
    """Ordered pairs by types and distance, looping over images of wrapped atoms."""
    cell = np.asarray(cell, float)
    fractions = positions @ np.linalg.inv(cell)
    positions = (fractions - np.floor(fractions)) @ cell
    heights = 1 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    reach = np.ceil(edges[-1] / heights).astype(int) + 1
    counts = np.zeros((n_types, n_types, len(edges) - 1), dtype=int)
    for shift in np.ndindex(*(2 * reach + 1)):
        image = np.array(shift) - reach
        distance = np.linalg.norm(positions[None] + image @ cell - positions[:, None], axis=2)
        if not image.any():
            np.fill_diagonal(distance, np.inf)
        for i in range(n_types):
            for j in range(n_types):
                block = distance[types == i][:, types == j]
                counts[i, j] += np.histogram(block[block < edges[-1]], edges)[0]
    return counts


def counts_of(partials, n_frames=1):
    """Ordered pairs per bin, back from the running number."""
    per_centre = np.diff(partials.running, axis=-1, prepend=0.0)
    return per_centre * partials.counts[:, None, None] * n_frames


def rocksalt(repeat, a=5.64):
    cation = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    corners = np.array(list(np.ndindex(repeat, repeat, repeat)))
    positions = (corners[:, None] + np.concatenate([cation, cation + 0.5])).reshape(-1, 3) * a
    return positions, np.eye(3) * repeat * a, np.tile([1, 1, 1, 1, 0, 0, 0, 0], repeat**3)


@pytest.mark.parametrize('cell', [np.diag([9.0, 12.0, 10.0]), SKEW, SKEW[[2, 0, 1]], SKEW[[1, 0, 2]] * [1, -1, 1]])
@pytest.mark.parametrize('r_max', [3.0, 8.1, 17.0])
def test_against_brute_force(cell, r_max):
    rng = np.random.default_rng(1)
    positions, types = rng.uniform(-1, 2, (30, 3)) @ cell, rng.integers(0, 3, 30)
    partials = partial_rdfs(positions[None], cell[None], types, ('A', 'B', 'C'), r_max, 40)
    expected = brute_force_counts(positions, cell, types, 3, partials.edges)
    np.testing.assert_allclose(counts_of(partials), expected, atol=1e-6)
    density = np.bincount(types, minlength=3) / abs(np.linalg.det(cell))
    shells = 4 / 3 * np.pi * np.diff(partials.edges**3)
    g = expected / np.bincount(types)[:, None, None] / density[None, :, None] / shells
    np.testing.assert_allclose(partials.g, g, rtol=1e-9)
    assert partials.density == pytest.approx(30 / abs(np.linalg.det(cell)))


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    n_atoms=st.integers(1, 8),
    shape=st.lists(st.floats(-4, 4), min_size=3, max_size=3),
    sides=st.lists(st.floats(2, 12), min_size=3, max_size=3),
    r_max=st.floats(0.5, 9),
)
def test_any_small_configuration(seed, n_atoms, shape, sides, r_max):
    cell = np.diag(sides)
    cell[1, 0], cell[2, 0], cell[2, 1] = shape
    rng = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    cell = cell @ turn
    positions, types = rng.uniform(-2, 2, (n_atoms, 3)) @ cell, rng.integers(0, 2, n_atoms)
    partials = partial_rdfs(positions[None], cell[None], types, 'AB', r_max, 20)
    expected = brute_force_counts(positions, cell, types, 2, partials.edges)
    # single precision may move a pair over an edge, never lose one in the middle
    difference = np.cumsum(counts_of(partials), axis=-1) - np.cumsum(expected, axis=-1)
    near = brute_force_counts(positions, cell, types, 2, np.sort(np.concatenate(([0], *edge_band(partials.edges)))))
    allowed = near[:, :, 1::2].sum()
    assert np.abs(difference).max() <= allowed + 1e-6


def edge_band(edges):
    return edges[1:] - 1e-5, edges[1:] + 1e-5


@pytest.mark.parametrize('repeat', [1, 2, 3])
def test_shells_of_rocksalt_are_exact(repeat):
    a = 5.64
    positions, cell, types = rocksalt(repeat, a)
    partials = partial_rdfs(positions[None], cell[None], types, ('Cl', 'Na'), 7.3, 730)

    def number(first, second, r):
        i, j = partials.pair(first, second)
        return partials.running[i, j, np.searchsorted(partials.r, r)]

    assert number('Na', 'Cl', 0.55 * a) == 6
    assert number('Na', 'Cl', 0.95 * a) == 14
    assert number('Cl', 'Na', 1.2 * a) == 38
    assert number('Na', 'Na', 0.55 * a) == 0
    assert number('Cl', 'Cl', 0.8 * a) == 12
    assert number('Na', 'Na', 1.1 * a) == 18
    assert number('Na', 'Na', 1.28 * a) == 42


def test_running_number_is_the_integral_of_g():
    rng = np.random.default_rng(4)
    positions, types = rng.uniform(size=(1, 60, 3)) @ SKEW, rng.integers(0, 2, 60)
    partials = partial_rdfs(positions, SKEW[None], types, 'AB', 9.0, 300)
    shells = 4 / 3 * np.pi * np.diff(partials.edges**3)
    density = partials.counts / np.linalg.det(SKEW)
    integral = np.cumsum(partials.g * shells * density[None, :, None], axis=-1)
    np.testing.assert_allclose(partials.running, integral, rtol=1e-9)


def test_ideal_gas():
    rng = np.random.default_rng(0)
    n_frames, n_atoms, length = 20, 1000, 20.0
    positions = rng.uniform(0, length, (n_frames, n_atoms, 3))
    types = np.repeat([0, 1], [300, 700])
    partials = partial_rdfs(positions, np.tile(length * np.eye(3), (n_frames, 1, 1)), types, 'AB', 10.0, 20)
    ideal = 1 - np.diag(1 / partials.counts)
    spread = (partials.g[:, :, 6:] - ideal[:, :, None]) / partials.g_error[:, :, 6:]
    assert np.abs(spread).mean() < 1.2  # the stated errors are the errors
    np.testing.assert_allclose(partials.g[:, :, 10:], np.broadcast_to(ideal[:, :, None], (2, 2, 10)), atol=0.02)
    np.testing.assert_allclose(total_rdf(partials)[10:], 1.0, atol=0.01)


def test_total_is_that_of_one_kind():
    rng = np.random.default_rng(8)
    positions, types = rng.uniform(size=(2, 80, 3)) @ SKEW, rng.integers(0, 3, 80)
    cells = np.array([SKEW, SKEW])
    partials = partial_rdfs(positions, cells, types, 'ABC', 7.0, 50)
    alike = partial_rdfs(positions, cells, np.zeros(80, int), 'A', 7.0, 50)
    np.testing.assert_allclose(total_rdf(partials), alike.g[0, 0], rtol=1e-9)


def test_frames_are_averaged_with_their_own_volume():
    rng = np.random.default_rng(9)
    types = rng.integers(0, 2, 50)
    cells = np.array([np.eye(3) * length for length in (9.0, 10.0, 11.0)])
    positions = rng.uniform(size=(3, 50, 3)) @ cells
    together = partial_rdfs(positions, cells, types, 'AB', 6.0, 30)
    alone = [partial_rdfs(positions[k : k + 1], cells[k : k + 1], types, 'AB', 6.0, 30) for k in range(3)]
    np.testing.assert_allclose(together.g, np.mean([one.g for one in alone], axis=0))
    np.testing.assert_allclose(together.running, np.mean([one.running for one in alone], axis=0))
    np.testing.assert_allclose(together.g_error, np.std([one.g for one in alone], axis=0, ddof=1) / np.sqrt(3))
    assert alone[0].g_error is None
    assert together.n_frames == 3


def test_error_is_that_of_blocks():
    rng = np.random.default_rng(10)
    positions = np.repeat(rng.uniform(0, 9, (10, 40, 3)), 7, axis=0)  # every frame seven times: nothing learnt
    partials = partial_rdfs(positions, np.tile(9 * np.eye(3), (70, 1, 1)), np.zeros(40, int), 'A', 4.0, 10)
    once = partial_rdfs(positions[::7], np.tile(9 * np.eye(3), (10, 1, 1)), np.zeros(40, int), 'A', 4.0, 10)
    np.testing.assert_allclose(partials.g_error, once.g_error)


@pytest.mark.parametrize('n_frames', [1, 3])
def test_threads_change_nothing(n_frames):
    rng = np.random.default_rng(12)
    positions, types = rng.uniform(0, 15, (n_frames, 300, 3)), rng.integers(0, 3, 300)
    cells = np.tile(15 * np.eye(3), (n_frames, 1, 1))
    one = partial_rdfs(positions, cells, types, 'ABC', 9.0, 100, n_threads=1)
    four = partial_rdfs(positions, cells, types, 'ABC', 9.0, 100, n_threads=4)
    np.testing.assert_array_equal(one.g, four.g)
    np.testing.assert_array_equal(one.running, four.running)


def test_unmoved_by_translation_and_permutation():
    rng = np.random.default_rng(13)
    positions, types = rng.uniform(size=(70, 3)) @ SKEW, rng.integers(0, 2, 70)
    reference = partial_rdfs(positions[None], SKEW[None], types, 'AB', 6.0, 6)
    order = rng.permutation(70)
    moved = partial_rdfs(positions[None, order] + [123.4, -5.0, 1e4], SKEW[None], types[order], 'AB', 6.0, 6)
    np.testing.assert_allclose(moved.running, reference.running, atol=1e-9)


def test_an_element_without_atoms():
    partials = partial_rdfs(np.zeros((1, 1, 3)), 3 * np.eye(3)[None], [1], ('A', 'B'), 4.0, 40)
    assert partials.running[1, 1, -1] == 6
    assert not partials.g[0].any()


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'positions': np.zeros((4, 3))}, 'positions'),
        ({'positions': np.zeros((0, 4, 3))}, 'positions'),
        ({'positions': np.zeros((1, 0, 3))}, 'positions'),
        ({'positions': np.full((1, 4, 3), np.nan)}, 'not finite'),
        ({'cells': np.eye(3)}, 'cells'),
        ({'cells': np.zeros((1, 3, 3))}, 'volume'),
        ({'cells': np.full((1, 3, 3), np.nan)}, 'cells'),
        ({'types': [0, 0, 0, 2]}, 'types'),
        ({'types': [0, 0]}, 'types'),
        ({'r_max': 0.0}, 'r_max'),
        ({'r_max': np.inf}, 'r_max'),
        ({'n_bins': 0}, 'n_bins'),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    inputs = {'positions': np.zeros((1, 4, 3)), 'cells': np.eye(3)[None], 'types': [0, 0, 1, 1], 'elements': 'AB'}
    with pytest.raises(ValueError, match=message):
        partial_rdfs(**{**inputs, **change})


def curve(r, noise=0.0):
    """Two shells at 1.62 and 3.1 Å with a shallow valley between, then the mean."""
    g = (
        12 * np.exp(-(((r - 1.62) / 0.08) ** 2))
        + 2.5 * np.exp(-(((r - 3.1) / 0.3) ** 2))
        + 1 / (1 + np.exp(9 * (3.2 - r)))
    )
    return g + noise * np.random.default_rng(0).normal(size=len(r)) * np.sqrt(g)


@pytest.mark.parametrize('noise', [0.0, 0.1])
def test_first_peak_is_finer_than_a_bin(noise):
    r = np.arange(0.005, 8, 0.01) + 0.0031
    position, height = first_peak(r, curve(r, noise))
    assert position == pytest.approx(1.62, abs=0.001 if noise == 0 else 0.004)
    assert height == pytest.approx(12, rel=0.04)


@pytest.mark.parametrize('noise', [0.0, 0.1])
def test_minimum_lies_in_the_empty_gap(noise):
    r = np.arange(0.005, 8, 0.01)
    assert 1.9 < first_minimum(r, curve(r, noise)) < 2.5


@pytest.mark.parametrize('noise', [0.0, 0.05])
def test_shallow_minimum(noise):
    r = np.arange(0.005, 8, 0.01)
    g = 1 + 2 * np.cos(2 * np.pi * (r - 2.3) / 2.5) * np.exp(-0.5 * (r - 2.3)) * (r > 1.6)
    g = np.where(r < 1.675, 0.0, g) + noise * np.random.default_rng(1).normal(size=len(r))
    smooth = 1 + 2 * np.cos(2 * np.pi * (r - 2.3) / 2.5) * np.exp(-0.5 * (r - 2.3))
    exact = r[(r > 2.3) & (r < 4.5)][np.argmin(smooth[(r > 2.3) & (r < 4.5)])]
    assert first_minimum(r, g) == pytest.approx(exact, abs=0.12)


def test_minimum_after_a_lonely_peak():
    r = np.arange(0.005, 5, 0.01)
    assert 1.9 < first_minimum(r, 5 * np.exp(-(((r - 1.6) / 0.1) ** 2))) < 5


@pytest.mark.parametrize('find', [first_minimum, first_peak])
@pytest.mark.parametrize('level', [0.0, 1.0])
def test_no_peak_is_said(find, level):
    r = np.arange(0.005, 8, 0.01)
    with pytest.raises(ValueError, match='no first peak'):
        find(r, np.full_like(r, level) + 0.02 * np.sin(40 * r))


def test_a_curve_that_ends_too_early():
    r = np.arange(0.005, 1.8, 0.01)
    with pytest.raises(ValueError, match='larger r_max'):
        first_minimum(r, curve(r))


@pytest.mark.parametrize('g', [np.ones(3), np.ones((10, 2)), np.full(10, np.nan)])
def test_curves_that_do_not_fit(g):
    with pytest.raises(ValueError, match='r'):
        first_minimum(np.arange(10.0), g)

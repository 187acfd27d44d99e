"""Oracles: lines, planes and nets of known geometry, saddles of known height, counts by hand."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_glassion.kernels.transport.channels import (
    DensitySums,
    PathSums,
    channels_at,
    level_of_share,
    percolation,
    smooth_density,
)

TRICLINIC = np.array([[9.0, 0, 0], [3.0, 8.0, 0], [-2.0, 2.5, 10.0]])


def grid(n=24):
    return np.stack(np.meshgrid(*[np.arange(n) / n] * 3, indexing='ij'))


def test_visits_are_counted_at_the_nearest_point_of_the_periodic_grid():
    sums = DensitySums((2, 4, 5))
    sums.add(np.array([[0.0, 0.0, 0.0], [0.99, -0.01, 1.02], [0.5, 0.25, 0.39], [-0.5, 3.24, 0.41]]))
    sums.add(np.zeros((4, 3)))
    assert sums.counts[0, 0, 0] == 6
    assert sums.counts[1, 1, 2] == 2
    density = sums.density(80.0)
    assert density.sum() * 80 / 40 == pytest.approx(4)
    with pytest.raises(ValueError, match='no frame'):
        DensitySums((2, 2, 2)).density(1.0)
    with pytest.raises(ValueError, match='n_ions, 3'):
        sums.add(np.zeros(3))
    with pytest.raises(ValueError, match='shape'):
        DensitySums((0, 2, 2))


def test_smoothing_is_a_normal_distribution_in_any_cell():
    density = np.zeros((27, 24, 30))
    density[0, 0, 0] = 1.0
    smooth = smooth_density(density, TRICLINIC, 0.8)
    assert smooth.sum() == pytest.approx(1.0, rel=1e-6)
    for point in ((2, 0, 0), (1, 2, 0), (25, 23, 3)):
        nearest = (np.array(point) / density.shape + 0.5) % 1 - 0.5
        r = np.linalg.norm(nearest @ TRICLINIC)
        assert smooth[point] / smooth[0, 0, 0] == pytest.approx(np.exp(-(r**2) / (2 * 0.8**2)), rel=1e-3)
    assert smooth_density(density, TRICLINIC, 0) is density
    with pytest.raises(ValueError, match='width: -1'):
        smooth_density(density, TRICLINIC, -1)


@pytest.mark.parametrize(
    ('kept', 'dimension', 'along'),
    [((0,), 1, (1, 0, 0)), ((0, 1), 2, (1, 1, 0)), ((0, 1, 2), 3, (1, 1, 1)), ((), 0, (0, 0, 0))],
)
def test_tubes_planes_and_nets(kept, dimension, along):
    """Sites in the middle, with ways out along some cell vectors whose density falls from one to the next."""
    f = grid()
    off = np.abs(f - 0.5)
    density = np.where((off < 0.15).all(axis=0), 5.0, 0.0)
    for level, axis in zip((2.0, 1.0, 0.5), kept, strict=False):
        others = [i for i in range(3) if i != axis]
        tube = (off[others] < 0.1).all(axis=0)
        density = np.maximum(density, np.where(tube, level, 0.0))
    found = percolation(density)
    expected = [(2.0, 1.0, 0.5)[i] if i < dimension else None for i in range(3)]
    assert list(found.thresholds) == expected
    assert [t is not None for t in found.along] == [bool(a) for a in along]
    assert found.highest == 5.0
    assert found.barriers[0] == (pytest.approx(np.log(2.5)) if dimension else None)
    assert found.dimension(0.1) == dimension
    assert found.dimension(1.5) == min(dimension, 1)
    assert channels_at(density, 0.1).dimensions[0] == dimension


def test_a_saddle_of_known_height():
    """The logarithm of the density is a sum of cosines: saddles lie two amplitudes below the top, axis by axis."""
    f = grid(20)
    density = np.exp(np.cos(2 * np.pi * f).sum(axis=0))
    found = percolation(density)
    np.testing.assert_allclose(found.barriers, 2.0, atol=1e-9)
    easier = percolation(np.exp(np.cos(2 * np.pi * f[0]) + np.cos(2 * np.pi * f[1]) + 0.3 * np.cos(2 * np.pi * f[2])))
    np.testing.assert_allclose(easier.barriers, [0.6, 2, 2], atol=1e-9)
    assert easier.along[2] == easier.thresholds[0]


def test_a_wandering_ion_in_a_winding_tube():
    rng = np.random.default_rng(0)
    along = rng.random((4000, 1))
    centre = np.concatenate([along, 0.5 + 0.2 * np.sin(2 * np.pi * along), 0.5 + 0.2 * np.cos(2 * np.pi * along)], 1)
    sums = DensitySums((30, 30, 30))
    sums.add(centre + rng.normal(0, 0.01, (4000, 3)))
    found = percolation(smooth_density(sums.density(1000.0), 10 * np.eye(3), 0.3))
    assert found.thresholds[0] is not None
    assert found.along[0] == found.thresholds[0]
    assert found.thresholds[1] is None or found.thresholds[1] < 1e-3 * found.thresholds[0]


def test_a_helix_that_closes_only_in_another_cell_still_leads_through():
    """A line along a + b: one dimension, through the cell along both vectors."""
    density = np.zeros((10, 10, 3))
    for i in range(10):
        density[i, i, 1] = density[(i + 1) % 10, i, 1] = 1.0
    found = percolation(density)
    assert found.thresholds == (1.0, None, None)
    assert found.along == (1.0, 1.0, None)


def test_level_that_holds_a_share():
    density = np.array([4.0, 3.0, 2.0, 1.0, 0.0, 0.0]).reshape(1, 2, 3)
    assert [level_of_share(density, share) for share in (0.3, 0.4, 0.6, 0.7, 0.9, 1.0)] == [4, 4, 3, 3, 2, 1]
    with pytest.raises(ValueError, match='share: 0'):
        level_of_share(density, 0)
    with pytest.raises(ValueError, match='somewhere above 0'):
        percolation(np.zeros((2, 2, 2)))


def test_paths_are_means_of_blocks_that_double():
    paths = PathSums(2, 8)
    r = np.arange(50)[:, None, None] + np.zeros((50, 2, 3))
    for frame in r:
        paths.add(frame)
    found = paths.paths()
    assert paths.frames_per_point == 8
    assert found.shape == (2, 6, 3)
    np.testing.assert_allclose(found[0, :, 0], np.arange(48).reshape(6, 8).mean(axis=1))

"""Structure factors of streams of frames: the two ways agree, and cells may change."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_glassion.kernels.scattering.sums import Recipe, StructureFactorSums

LENGTH = 20.0
N_ATOMS = 360


def hard_spheres(seed, n=N_ATOMS, length=LENGTH, diameter=2.2):
    """Random sequential addition: a liquid-like configuration with g = 0 below the diameter."""
    rng = np.random.default_rng(seed)
    placed = np.empty((0, 3))
    while len(placed) < n:
        for candidate in rng.uniform(0, length, (200, 3)):
            apart = placed - candidate
            apart -= length * np.rint(apart / length)
            if len(placed) < n and (len(placed) == 0 or (apart**2).sum(axis=1).min() > diameter**2):
                placed = np.vstack([placed, candidate])
    return placed


@pytest.fixture(scope='module')
def spheres():
    return [hard_spheres(seed) for seed in range(6)]


TYPES = np.arange(N_ATOMS) % 2


def summed(recipe, frames, cells=None, types=TYPES):
    sums = StructureFactorSums(types, ('A', 'B'), recipe)
    for index, positions in enumerate(frames):
        sums.add(positions, LENGTH * np.eye(3) if cells is None else cells[index], index)
    return sums.result()


def test_transform_and_direct_agree(spheres):
    """Two independent ways to the same partials, within the errors of the direct one, from the join upwards."""
    direct = summed(Recipe('direct', 8.0, 0.25), spheres)
    transform = summed(Recipe('transform', 8.0, 0.05, r_max=10.0), spheres)
    fine = np.array([np.interp(direct.q, transform.q, transform.partials[i, j]) for i, j in ((0, 0), (0, 1), (1, 1))])
    coarse = np.array([direct.partials[0, 0], direct.partials[0, 1], direct.partials[1, 1]])
    error = direct.blocks.std(axis=0, ddof=1)[[0, 0, 1], [0, 1, 1]] / np.sqrt(len(spheres))
    above = direct.q > 1.0
    deviation = np.abs(fine - coarse)[:, above] / error[:, above]
    assert np.median(deviation) < 1.2
    assert deviation.max() < 5
    total = np.array([0.25, 0.5, 0.25]) @ coarse
    assert total[above].max() > 1.1
    assert total[direct.q < 1.0].max() < 0.4


def test_joined_is_direct_below_and_transform_above(spheres):
    frames = spheres[:2]
    joined = summed(Recipe('joined', 6.0, 0.05, direct_below=1.0, r_max=10.0), frames)
    direct = summed(Recipe('direct', 6.0, 0.05), frames)
    transform = summed(Recipe('transform', 6.0, 0.05, r_max=10.0), frames)
    near = joined.q <= 1.0
    assert near.sum() > 3
    assert (joined.n_vectors > 0).tolist() == near.tolist()
    np.testing.assert_allclose(joined.q[near], direct.q[: near.sum()])
    np.testing.assert_allclose(joined.partials[..., near], direct.partials[..., : near.sum()], atol=1e-5)
    np.testing.assert_allclose(joined.q[~near], transform.q[-(~near).sum() :])
    np.testing.assert_allclose(joined.partials[..., ~near], transform.partials[..., -(~near).sum() :])
    assert joined.recipe.about()['join'] == pytest.approx(1.0)
    assert joined.least_q == pytest.approx(2 * np.pi / LENGTH)
    assert (transform.q >= joined.least_q - 1e-9).all()


def test_changing_cells(spheres):
    """The same configuration under a homogeneous strain has its wave vectors moved, not its amplitudes."""
    scales = [0.98, 1.0, 1.02]
    cells = [scale * LENGTH * np.eye(3) for scale in scales]
    found = summed(Recipe('direct', 0.5, 0.01), [scale * spheres[0] for scale in scales], cells)
    still = summed(Recipe('direct', 0.5, 0.01), spheres[:1])
    first = still.partials[0, 0, 0]
    np.testing.assert_allclose(found.q[:3], 2 * np.pi / LENGTH / np.array(scales[::-1]))
    np.testing.assert_allclose(found.partials[0, 0, :3], first, rtol=1e-4)
    assert np.isnan(found.blocks[0, 0, 0, 0])
    assert found.density == pytest.approx(np.mean([N_ATOMS / (scale * LENGTH) ** 3 for scale in scales]))


def test_blocks_average_to_the_mean(spheres):
    found = summed(Recipe('joined', 5.0, 0.05, r_max=10.0), spheres)
    np.testing.assert_allclose(found.blocks.mean(axis=0), found.partials, atol=1e-9)
    assert found.blocks.shape[0] == found.n_frames == 6


def test_triclinic_is_the_cubic_described_otherwise(spheres):
    """A cell vector more or less changes nothing."""
    skew = LENGTH * np.array([[1.0, 0, 0], [1, 1, 0], [0, -1, 1]])
    recipe = Recipe('joined', 5.0, 0.05, r_max=9.0)
    one, other = summed(recipe, spheres[:1]), summed(recipe, spheres[:1], [skew])
    np.testing.assert_allclose(other.q, one.q)
    np.testing.assert_allclose(other.partials, one.partials, atol=2e-4)


def test_refused():
    for change in ({'q_max': -1.0}, {'q_step': 20.0}, {'r_step': 9.0}, {'window': 'hann'}, {'method': 'fft'}):
        with pytest.raises(ValueError, match=next(iter(change))):
            Recipe(**change)
    with pytest.raises(ValueError, match='no atom of B'):
        StructureFactorSums(np.zeros(3, int), ('A', 'B'), Recipe())
    with pytest.raises(ValueError, match='no frame'):
        StructureFactorSums(np.zeros(3, int), ('A',), Recipe()).result()
    sums = StructureFactorSums(np.zeros(1, int), ('A',), Recipe('direct', 0.5))
    sums.add(np.zeros((1, 3)), 5 * np.eye(3))
    with pytest.raises(ValueError, match=r'shortest wave vector of the cell is 1\.26'):
        sums.result()

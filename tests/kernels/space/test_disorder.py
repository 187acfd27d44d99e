from __future__ import annotations

import numpy as np
import pytest
from ase.build import bulk

from aiida_glassion.kernels.space.disorder import degree_of_disorder

TRICLINIC = np.array([[24.0, 0, 0], [5.0, 22.0, 0], [-3.0, 4.0, 25.0]])


@pytest.mark.parametrize('axis', [0, 1, 2])
def test_an_ideal_gas_has_one(axis):
    rng = np.random.default_rng(axis)
    found = [degree_of_disorder(rng.random((900, 3)) @ TRICLINIC, TRICLINIC, axis) for _ in range(12)]
    degrees = np.concatenate([one.degree for one in found])
    assert degrees.mean() == pytest.approx(1, abs=0.1)
    assert degrees.min() > 0.4


@pytest.mark.parametrize('displacement', [0.0, 0.1, 0.2])
def test_a_crystal_has_almost_nothing(displacement):
    atoms = bulk('Cu', 'fcc', a=3.6, cubic=True) * (7, 7, 7)
    rng = np.random.default_rng(1)
    found = degree_of_disorder(atoms.positions + rng.normal(size=(len(atoms), 3)) * displacement, atoms.cell.array)
    assert (found.degree < 0.1).all()
    assert (found.ratio < found.degree).all()


def test_half_a_crystal_is_seen_half():
    atoms = bulk('Cu', 'fcc', a=3.6, cubic=True) * (6, 6, 10)
    rng = np.random.default_rng(2)
    positions = atoms.positions.copy()
    upper = positions[:, 2] > 18
    positions[upper] += rng.normal(size=(upper.sum(), 3)) * [2, 2, 0]
    found = degree_of_disorder(positions, atoms.cell.array, 2, 6.0)
    assert found.centres.tolist() == pytest.approx([3, 9, 15, 21, 27, 33])
    assert (found.degree[[0, 1]] < 0.1).all()
    assert (found.degree[[4, 5]] > 0.4).all()


def test_intensities_against_the_sum_over_atoms():
    """One slab holds every atom with weight one: F follows from exp(ik·r) written out."""
    rng = np.random.default_rng(3)
    cell = np.diag([11.0, 9.0, 8.0])
    positions = rng.random((30, 3)) @ cell
    found = degree_of_disorder(positions, cell, 2, 8.0, 0.5, 0.5, 3.0)
    m = np.stack(np.meshgrid(np.arange(-9, 10), np.arange(-9, 10), indexing='ij'), -1).reshape(-1, 2)
    k = 2 * np.pi * m / [11.0, 9.0]
    length = np.linalg.norm(k, axis=1)
    chosen = (length >= 0.5) & (length <= 3.0)
    intensity = np.abs(np.exp(1j * positions[:, :2] @ k[chosen].T).sum(axis=0)) ** 2
    assert 2 * found.n_wave_vectors == chosen.sum()
    assert found.ratio[0] == pytest.approx(intensity.mean() / intensity.max(), rel=1e-6)
    assert found.degree[0] == pytest.approx(found.ratio[0] * (1 / np.arange(1, chosen.sum() // 2 + 1)).sum())
    assert found.atoms.sum() == pytest.approx(30)


def test_it_does_not_matter_where_the_cell_is_cut():
    """Slabs moved by whole cells and wrapped atoms give the same, also where the axis is slanted."""
    rng = np.random.default_rng(4)
    positions = rng.random((300, 3)) @ TRICLINIC
    found = degree_of_disorder(positions, TRICLINIC, 2)
    moved = degree_of_disorder(positions + rng.integers(-2, 3, (300, 3)) @ TRICLINIC, TRICLINIC, 2)
    np.testing.assert_allclose(moved.degree, found.degree, rtol=1e-8)
    # the whole configuration moved by one slab along the axis: the slabs move along
    shifted = degree_of_disorder(positions + TRICLINIC[2] / len(found.degree), TRICLINIC, 2)
    np.testing.assert_allclose(np.roll(shifted.degree, -1), found.degree, rtol=1e-6)


def test_an_empty_slab_is_not_judged():
    rng = np.random.default_rng(5)
    positions = rng.random((200, 3)) * [15, 15, 10]
    found = degree_of_disorder(positions, np.diag([15.0, 15.0, 30.0]), 2)
    assert np.isnan(found.degree[3:5]).all()
    assert np.isfinite(found.degree[:2]).all()
    assert found.atoms.sum() == pytest.approx(200, rel=1e-6)


@pytest.mark.parametrize(
    ('settings', 'match'),
    [
        ({'axis': 3}, 'axis'),
        ({'thickness': 0.0}, 'thickness'),
        ({'sigma': -1.0}, 'sigma'),
        ({'k_min': 5.0}, 'k_min'),
        ({'k_min': 0.1, 'k_max': 0.2}, 'wave vectors'),
        ({'n_slabs': 0}, 'n_slabs'),
    ],
)
def test_refuses(settings, match):
    with pytest.raises(ValueError, match=match):
        degree_of_disorder(np.ones((3, 3)), TRICLINIC, **settings)

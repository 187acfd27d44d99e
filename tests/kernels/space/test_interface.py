"""The width of an interface is that of the step that was put in, and no step is found where there is none."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_glassion.kernels.space.disorder_groups import disorder_of_groups
from aiida_glassion.kernels.space.interface import fit_interface

X = np.arange(-10.0, 15.0, 0.5)


def step(delta, x=X, middle=1.0, inner=0.9, outer=0.2):
    return (inner + outer) / 2 + (outer - inner) / 2 * np.tanh((x - middle) / delta)


@pytest.mark.parametrize('delta', [0.6, 1.5, 3.0])
def test_a_known_step_is_found(delta):
    noise = np.random.default_rng(1).normal(0, 0.01, len(X))
    found = fit_interface(X, step(delta) + noise)
    fine = np.linspace(-10, 15, 5001)
    tenth, nine = np.interp([-0.83, -0.27], -step(delta, fine), fine)
    assert found.width == pytest.approx(nine - tenth, rel=0.1)
    assert found.position == pytest.approx(1.0, abs=0.1)
    assert (found.inner, found.outer) == pytest.approx((0.9, 0.2), abs=0.02)
    assert 0 < found.error < found.width
    assert found.reason == ''


def test_what_cannot_be_told_says_why():
    noise = np.random.default_rng(2).normal(0, 0.2, len(X))
    assert 'does not stand out of the scatter' in fit_interface(X, 0.5 + noise).reason
    assert 'does not stand out' in fit_interface(X, np.full(len(X), 0.5)).reason
    assert '3 points' in fit_interface(X[:3], X[:3]).reason
    assert fit_interface(X, np.full(len(X), np.nan)).width is None
    sharp = fit_interface(X, np.where(X < 1.1, 1.0, 0.0))
    assert sharp.at_most is True
    assert sharp.width == pytest.approx(0.5)
    spike = np.where(np.arange(len(X)) == 0, 9.0, 1.0)
    assert fit_interface(X, spike, np.where(spike > 1, 0.001, 1.0)).width is None
    with pytest.raises(ValueError, match='expected one'):
        fit_interface(X, X[:-1])


def test_disorder_of_groups_tells_crystal_from_gas():
    """Shells of fcc: small; of an ideal gas: near 1; whatever the shape of the group, if it is known."""
    generator = np.random.default_rng(3)
    n, a = 6, 4.05
    corners = np.stack(np.meshgrid(*[np.arange(n)] * 3, indexing='ij'), axis=-1).reshape(-1, 3)
    basis = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
    crystal = (corners[:, None] + basis).reshape(-1, 3) * a + generator.normal(0, 0.1, (4 * n**3, 3))
    cell = np.eye(3) * n * a
    gas = generator.uniform(0, n * a, crystal.shape)
    points = (np.stack(np.meshgrid(*[np.arange(30)] * 3, indexing='ij'), axis=-1).reshape(-1, 3) + 0.5) * n * a / 30
    for shell in (lambda r: np.linalg.norm(r - n * a / 2, axis=1) < 8, lambda r: np.abs(r[:, 2] - n * a / 2) < 2.5):
        degrees = [
            disorder_of_groups(r, cell, np.where(shell(r), 0, 1), 2, points, np.where(shell(points), 0, 1), 1.2, 4.0)
            for r in (crystal, gas)
        ]
        assert (degrees[0] < 0.2).all(), degrees
        assert (degrees[1] > 0.6).all(), degrees
        assert (degrees[1] < 1.5).all(), degrees
    few = disorder_of_groups(gas, cell, np.where(np.arange(len(gas)) < 5, 0, -1), 1)
    assert np.isnan(few).all()
    with pytest.raises(ValueError, match='k_min, k_max'):
        disorder_of_groups(gas, cell, np.zeros(len(gas), int), 1, k_min=3.0, k_max=2.0)

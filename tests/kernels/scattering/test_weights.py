"""Weights, normalisations and conventions on numbers done by hand."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_glassion.kernels.scattering.tables import form_factors
from aiida_glassion.kernels.scattering.weights import (
    ashcroft_langreth,
    faber_ziman,
    faber_ziman_from_products,
    mean_square,
    partial_weights,
    square_of_mean,
    total_structure_factor,
)

Q = np.linspace(0.0, 30.0, 61)
FRACTIONS = np.array([0.2, 0.3, 0.5])


def some_partials(seed=0):
    partials = np.random.default_rng(seed).normal(1, 0.3, (3, 3, len(Q)))
    return (partials + partials.transpose(1, 0, 2)) / 2


def test_weights_sum_to_one_at_every_q():
    weights = partial_weights(FRACTIONS, form_factors(['Na', 'Si', 'O'], Q))
    np.testing.assert_allclose(weights.sum(axis=(0, 1)), 1.0, rtol=1e-12)
    assert np.ptp(weights[2, 2]) > 0.01


def test_silica_by_hand():
    """SiO2, neutrons: ⟨b⟩ = (4.15 + 2·5.80)/3."""
    weights = partial_weights(np.array([2 / 3, 1 / 3]), np.array([[5.8], [4.15]]))[:, :, 0]
    mean = (4.15 + 11.6) / 3
    np.testing.assert_allclose(weights[0, 0], (11.6 / 3 / mean) ** 2)
    np.testing.assert_allclose(weights[0, 1], 11.6 / 3 * 4.15 / 3 / mean**2)


def test_total_is_the_intensity_over_its_norm():
    """From random amplitudes ρ_i: I = |Σ f_i ρ_i|²/N must come out of the partials, in both normalisations."""
    rng = np.random.default_rng(3)
    f = form_factors(['Na', 'Si', 'O'], Q)
    rho = rng.normal(size=(3, len(Q))) + 1j * rng.normal(size=(3, len(Q)))
    intensity = np.abs((f * rho).sum(axis=0)) ** 2
    products = (rho[:, None] * rho[None].conj()).real
    partials = faber_ziman_from_products(products, FRACTIONS)
    norm, square = square_of_mean(FRACTIONS, f), mean_square(FRACTIONS, f)
    s = total_structure_factor(partials, FRACTIONS, f)
    np.testing.assert_allclose(norm * (s - 1) + square, intensity, rtol=1e-9)
    s = total_structure_factor(partials, FRACTIONS, f, 'mean-square')
    np.testing.assert_allclose(s * square, intensity, rtol=1e-9)


def test_conventions_there_and_back():
    partials = some_partials()
    other = ashcroft_langreth(partials, FRACTIONS)
    np.testing.assert_allclose(other[0, 0], 1 + 0.2 * (partials[0, 0] - 1))
    np.testing.assert_allclose(other[0, 1], np.sqrt(0.06) * (partials[0, 1] - 1), atol=1e-12)
    np.testing.assert_allclose(faber_ziman(other, FRACTIONS), partials)


def test_unknown_normalisation():
    with pytest.raises(ValueError, match='mean-square'):
        total_structure_factor(some_partials(), FRACTIONS, np.ones((3, 1)), 'norm')

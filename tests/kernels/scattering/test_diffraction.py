"""Bragg's law, polarisation, and why the Lorentz factor is not applied to an average over directions."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_glassion.kernels.scattering.diffraction import (
    lorentz,
    momentum_transfer,
    polarisation,
    smoothed_shells,
    two_theta,
)


def test_bragg():
    """NaCl (200), a = 5.640 Å, Cu Kα₁: 2θ = 31.7°."""
    q = 2 * np.pi / 5.640 * 2
    assert two_theta(q, 1.5406) == pytest.approx(31.70, abs=0.01)
    np.testing.assert_allclose(momentum_transfer(two_theta([0.5, 3.0], 1.5406), 1.5406), [0.5, 3.0])
    with pytest.raises(ValueError, match='can be reached'):
        two_theta(9.0, 1.5406)
    with pytest.raises(ValueError, match='wavelength'):
        momentum_transfer(10.0, -1)


def test_polarisation():
    np.testing.assert_allclose(polarisation([0, 90]), [1, 0.5])
    np.testing.assert_allclose(polarisation([90.0], 90.0), [1.0], atol=1e-12)


def test_average_over_directions_contains_the_lorentz_factor():
    """Lines of a primitive cubic lattice with |F|² = 1, spread over Q: areas in 2θ go as multiplicity × Lorentz."""
    a, wavelength = 5.0, 1.54
    squares = np.array([9 * 36, 16 * 36, 25 * 36])  # far out, so that lines do not overlap
    q = 2 * np.pi / a * np.sqrt(squares / 36)
    sigma = 0.01
    angles = np.linspace(40, 140, 200001)
    at = momentum_transfer(angles, wavelength)
    # per direction: the density of lines on a sphere, 1/(4πQ²)
    pattern = sum(np.exp(-((at - line) ** 2) / (2 * sigma**2)) / (4 * np.pi * line**2) for line in q)
    centres = two_theta(q, wavelength)
    areas = [pattern[np.abs(angles - centre) < 4].sum() for centre in centres]
    np.testing.assert_allclose(areas / areas[0], lorentz(centres) / lorentz(centres)[0], rtol=1e-3)


def test_smoothing_keeps_the_mean():
    q = np.array([1.0, 1.1, 1.2, 3.0])
    values = np.array([[2.0, 2.0, 2.0, 5.0]])
    found = smoothed_shells(q, values, np.array([1, 4, 2, 1]), np.array([1.1, 2.0, 3.0]), 0.2)
    np.testing.assert_allclose(found, [[2, np.nan, 5]])
    np.testing.assert_allclose(
        smoothed_shells(q[:2], np.array([1.0, 3.0]), np.array([1.0, 3.0]), np.array([1.05]), 1.0), [2.5]
    )
    with pytest.raises(ValueError, match='fwhm'):
        smoothed_shells(q, values, np.ones(4), q, 0.0)

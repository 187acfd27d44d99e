"""Transforms against functions whose transforms are known."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_glassion.kernels.scattering.transform import (
    broaden,
    correlation_function,
    limited_correlation,
    rdf_transform,
    sine_transform,
    structure_factor,
    window_function,
)


def percus_yevick(q, eta, sigma=1.0):
    """S(Q) of hard spheres: Wertheim's solution of the Percus-Yevick equation, as Ashcroft and Lekner give it."""
    x = q * sigma
    alpha = (1 + 2 * eta) ** 2 / (1 - eta) ** 4
    beta = -6 * eta * (1 + eta / 2) ** 2 / (1 - eta) ** 4
    gamma = eta * alpha / 2
    g = alpha * (np.sin(x) - x * np.cos(x)) / x**2
    g += beta * (2 * x * np.sin(x) + (2 - x**2) * np.cos(x) - 2) / x**3
    g += gamma * (-(x**4) * np.cos(x) + 4 * ((3 * x**2 - 6) * np.cos(x) + (x**3 - 6 * x) * np.sin(x) + 6)) / x**5
    return 1 / (1 + 24 * eta * g / x)


def test_gaussian_g_against_its_transform():
    """g − 1 = a exp(−r²/2s²) gives S − 1 = ρ a (2πs²)^(3/2) exp(−Q²s²/2), at Q = 0 too."""
    edges = np.linspace(0, 12, 1201)
    r = (edges[1:] + edges[:-1]) / 2
    q = np.array([0.0, 1e-4, 0.3, 1.0, 2.5, 6.0])
    density, a, s = 0.07, -0.8, 0.9
    found = density * rdf_transform(edges, q) @ (a * np.exp(-(r**2) / (2 * s**2)))
    expected = density * a * (2 * np.pi * s**2) ** 1.5 * np.exp(-(q**2) * s**2 / 2)
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_bins_are_integrated_exactly():
    """One shell of constant g between a and b, at a Q where the middle of the bins would not do."""
    edges = np.array([2.0, 3.0])
    q = np.array([9.0])
    a, b = edges
    primitive = lambda r: np.sin(9 * r) / 81 - r * np.cos(9 * r) / 9  # noqa: E731
    expected = 4 * np.pi / 9 * (primitive(b) - primitive(a))
    np.testing.assert_allclose(rdf_transform(edges, q)[0, 0], expected, rtol=1e-12)


def test_sine_transform_of_straight_pieces():
    """∫ x sin(xy) from 0 to 3 is known, on a grid far coarser than the sine."""
    x = np.array([0.7, 1.0, 3.0])
    y = np.array([0.0, 0.01, 2.0, 40.0])
    expected = np.array([0.0, *(np.sin(3 * y[1:]) / y[1:] ** 2 - 3 * np.cos(3 * y[1:]) / y[1:])])
    np.testing.assert_allclose(sine_transform(x, x, y), expected, rtol=1e-7, atol=1e-9)


def test_percus_yevick_leaves_the_core_empty():
    """D(r) of the analytic S(Q) must be −4πρr inside the sphere: g = 0 there. And g at contact is the PY value."""
    eta = 0.3
    q = np.arange(0.02, 150, 0.02)
    density = 6 * eta / np.pi
    r = np.linspace(0.1, 3.0, 581)
    d = correlation_function(q, percus_yevick(q, eta), r, 149.9, 'lorch')
    g = 1 + d / (4 * np.pi * density * r)
    assert np.abs(g[r < 0.9]).max() < 0.02
    contact, slope = (1 + eta / 2) / (1 - eta) ** 2, -4.5 * eta * (1 + eta) / (1 - eta) ** 3
    assert np.interp(1.04, r, g) == pytest.approx(contact + 0.04 * slope, rel=0.03)


@pytest.mark.parametrize('window', ['none', 'lorch'])
def test_there_and_back(window):
    """D(r) of Gaussian shells → S(Q) → D(r), where S has ended before the cut."""
    r = np.linspace(0.0, 20.0, 4001)
    d = 3 * np.exp(-((r - 1.6) ** 2) / 0.02) - 1.5 * np.exp(-((r - 3.0) ** 2) / 0.08)
    q = np.linspace(0.0, 60.0, 3001)[1:]
    s = structure_factor(r, d, q)
    back = correlation_function(q, s, r, 60.0, window)
    if window == 'none':
        np.testing.assert_allclose(back, d, atol=5e-3)
    else:
        assert back.max() < d.max()
        np.testing.assert_allclose(np.trapezoid(back[:450], r[:450]), np.trapezoid(d[:450], r[:450]), rtol=0.02)


def test_limited_peak_has_the_width_of_the_window():
    """A sharp peak cut at 15 Å⁻¹ without window becomes sin(Q r)/r: its first zero beside the top is π/Q away."""
    r = np.linspace(0.0, 12.0, 6001)
    d = np.exp(-((r - 6.0) ** 2) / (2 * 0.005**2))
    cut = limited_correlation(r, d, 15.0, 'none')
    area = 0.005 * np.sqrt(2 * np.pi)
    assert cut[3000] == pytest.approx(area * 15 / np.pi, rel=0.01)
    zero = r[3000 + np.argmax(cut[3000:] < 0)]
    assert zero - 6.0 == pytest.approx(np.pi / 15, abs=0.004)
    lorch = limited_correlation(r, d, 15.0, 'lorch')
    assert lorch.min() > 0.5 * cut.min()


def test_windows():
    np.testing.assert_allclose(window_function([0, 5, 10, 10.1], 10, 'lorch'), [1, 2 / np.pi, 0, 0], atol=1e-12)
    np.testing.assert_array_equal(window_function([0, 5, 10, 10.1], 10, 'none'), [1, 1, 1, 0])
    with pytest.raises(ValueError, match='lorch'):
        window_function(1.0, 10, 'hann')
    with pytest.raises(ValueError, match='positive'):
        window_function(1.0, 0, 'none')


def test_cut_between_points():
    """The end of the integral lies between two points of Q: the same as on a finer grid."""
    r = np.linspace(0.1, 5, 50)
    shape = lambda q: 1 + np.sin(1.6 * q) / (1.6 * q)  # noqa: E731
    coarse, fine = np.arange(0.05, 20.05, 0.05), np.arange(0.01, 20.01, 0.01)
    first = correlation_function(coarse, shape(coarse), r, 17.333, 'none')
    np.testing.assert_allclose(first, correlation_function(fine, shape(fine), r, 17.333, 'none'), atol=2e-3)
    with pytest.raises(ValueError, match='S\\(Q\\) is known'):
        correlation_function(coarse, shape(coarse), r, 30.0, 'none')


def test_broadening_is_a_gaussian_in_r():
    """sin(Qr0)/Q r0 convolved: multiplied by exp(−σ²r0²/2)."""
    q = np.linspace(0.02, 30, 1500)
    s = 1 + np.sin(3 * q) / (3 * q)
    broadened = broaden(q, s, 0.1)
    inside = (q > 0.1) & (q < 29)
    np.testing.assert_allclose(broadened[inside] - 1, (s[inside] - 1) * np.exp(-0.09 / 2), atol=2e-4)
    np.testing.assert_array_equal(broaden(q, s, 0.0), s)
    with pytest.raises(ValueError, match='resolution'):
        broaden(q, s, -1)

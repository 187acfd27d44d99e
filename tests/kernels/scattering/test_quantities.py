"""The letters of diffraction papers, each by hand and back."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_glassion.kernels.scattering.quantities import (
    REAL_SPACE,
    UNITS_OF,
    check_unit,
    from_correlation,
    from_structure_factor,
    to_structure_factor,
)

Q = np.array([0.5, 2.0, 10.0])
S = np.array([0.1, 1.8, 1.05])


@pytest.mark.parametrize(
    ('quantity', 'unit', 'expected'),
    [
        ('S', '1', [0.1, 1.8, 1.05]),
        ('S-1', '1', [-0.9, 0.8, 0.05]),
        ('Q(S-1)', '1/angstrom', [-0.45, 1.6, 0.5]),
        ('F', '1/angstrom', [-0.45, 1.6, 0.5]),
        ('F', 'barn/sr/atom', [-0.225, 0.2, 0.0125]),
        ('i', 'barn/sr/atom', [-0.225, 0.2, 0.0125]),
        ('i', 'electron^2/atom', [-22.5, 20.0, 1.25]),
        ('i', '1', [-0.9, 0.8, 0.05]),
    ],
)
def test_in_q(quantity, unit, expected):
    """⟨b⟩² = 25 fm² = 0.25 barn."""
    np.testing.assert_allclose(from_structure_factor(Q, S, quantity, unit, 25.0), expected, atol=1e-12)
    np.testing.assert_allclose(to_structure_factor(Q, np.array(expected), quantity, unit, 25.0), S, rtol=1e-9)


def test_in_r():
    r, g, density = np.array([0.0, 1.6, 3.0]), np.array([0.0, 9.0, 1.2]), 0.07
    slope = 4 * np.pi * density * r
    d = slope * (g - 1)
    for quantity in ('D', 'G'):
        np.testing.assert_allclose(from_correlation(r, d, quantity, '1/angstrom^2', density), d)
    np.testing.assert_allclose(from_correlation(r, d, 'T', '1/angstrom^2', density), slope * g)
    np.testing.assert_allclose(from_correlation(r, d, 'T', 'barn/angstrom^2', density, 25.0), 0.25 * slope * g)
    np.testing.assert_allclose(from_correlation(r, d, 'g', '1', density)[1:], g[1:])


def test_refused():
    with pytest.raises(ValueError, match="'H'"):
        check_unit('H', '1')
    with pytest.raises(ValueError, match='expected one of 1'):
        check_unit('S', 'barn/sr/atom')
    with pytest.raises(ValueError, match='in r, not in Q'):
        from_structure_factor(Q, S, 'T', '1/angstrom^2')
    with pytest.raises(ValueError, match='in Q, not in r'):
        from_correlation(Q, S, 'S', '1', 0.07)
    assert set(REAL_SPACE) < set(UNITS_OF)

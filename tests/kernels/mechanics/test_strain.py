"""Strain tensors, deformed cells and LAMMPS' conventions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_glassion.formats.lammps.cell import to_lammps
from aiida_glassion.kernels.mechanics.strain import (
    deform,
    deformation,
    gradient_between,
    green_lagrange,
    restricted_cell,
    second_piola_kirchhoff,
    small_strain,
    strain_from_voigt,
    strain_to_voigt,
    stress_from_lammps,
    stress_from_voigt,
    stress_to_voigt,
)

TRICLINIC = np.array([[11.0, 0, 0], [2.5, 12.0, 0], [-1.5, 3.0, 10.0]])
STRAINS = st.lists(st.floats(-0.15, 0.15), min_size=6, max_size=6).map(np.array)


def rotation(seed):
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return q * np.sign(np.linalg.det(q))


def test_voigt_there_and_back():
    strain = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    tensor = strain_from_voigt(strain)
    np.testing.assert_allclose(tensor, [[0.1, 0.3, 0.25], [0.3, 0.2, 0.2], [0.25, 0.2, 0.3]])
    np.testing.assert_allclose(strain_to_voigt(tensor), strain)
    np.testing.assert_allclose(stress_to_voigt(stress_from_voigt(strain)), strain)
    # the work σ:ε is the plain product of the six
    stress = np.arange(6.0)
    assert (stress_from_voigt(stress) * tensor).sum() == pytest.approx(stress @ strain)


def test_lammps_order_and_sign():
    pressures = np.array([1.0, 2.0, 3.0, 12.0, 13.0, 23.0])
    np.testing.assert_allclose(stress_from_lammps(pressures), [-1, -2, -3, -23, -13, -12])


@settings(max_examples=50, deadline=None)
@given(STRAINS, st.sampled_from(['symmetric', 'restricted']))
def test_the_strain_asked_for_is_the_strain_made(strain, orientation):
    gradient = deformation(strain, 'green-lagrange', orientation)
    np.testing.assert_allclose(green_lagrange(gradient), strain, atol=1e-12)
    positions, cell = deform(TRICLINIC[:2] / 3, TRICLINIC, gradient)
    np.testing.assert_allclose(gradient_between(TRICLINIC, cell), gradient, atol=1e-12)
    np.testing.assert_allclose(positions, cell[:2] / 3, atol=1e-12)
    if orientation == 'restricted':
        assert not np.triu(cell, 1).any()
        assert (np.diag(cell) > 0).all()
    else:
        np.testing.assert_allclose(gradient, gradient.T, atol=1e-15)


@settings(max_examples=30, deadline=None)
@given(STRAINS)
def test_orientations_differ_by_a_rotation(strain):
    """The sheared cell turned to LAMMPS' axes is the one of the restricted map."""
    _, symmetric = deform(TRICLINIC, TRICLINIC, deformation(strain, 'small', 'symmetric'))
    _, restricted = deform(TRICLINIC, TRICLINIC, deformation(strain, 'small', 'restricted'))
    turned, _ = restricted_cell(symmetric)
    np.testing.assert_allclose(turned, restricted, atol=1e-10)


def test_small_strain():
    strain = np.array([0.01, -0.02, 0.0, 0.03, 0.0, 0.01])
    np.testing.assert_allclose(small_strain(deformation(strain, 'small', 'symmetric')), strain, atol=1e-14)


def test_restricted_cell_is_lammps_own():
    cell = TRICLINIC @ rotation(1)
    turned, q = restricted_cell(cell)
    expected, expected_rotation = to_lammps(cell)
    np.testing.assert_allclose(turned, expected.matrix, atol=1e-12)
    np.testing.assert_allclose(q, expected_rotation, atol=1e-12)
    np.testing.assert_allclose(cell @ q, turned, atol=1e-12)


def test_piola_kirchhoff_does_not_see_a_rotation():
    stress, gradient, q = np.array([1.0, 2, 3, 0.4, 0.5, 0.6]), deformation([0.05, 0, -0.02, 0.1, 0, 0.03]), rotation(2)
    turned = stress_to_voigt(q @ stress_from_voigt(stress) @ q.T)
    np.testing.assert_allclose(
        second_piola_kirchhoff(turned, q @ gradient), second_piola_kirchhoff(stress, gradient), atol=1e-12
    )
    # a pressure p on a cell stretched by λ along x: S_xx = −p/λ, S_yy = −p λ
    uniaxial = np.diag([1.1, 1, 1])
    np.testing.assert_allclose(
        second_piola_kirchhoff([-2, -2, -2, 0, 0, 0], uniaxial), [-2 / 1.1, -2.2, -2.2, 0, 0, 0], atol=1e-12
    )


@pytest.mark.parametrize(
    ('call', 'message'),
    [
        (lambda: deformation([0.1] * 5), r'expected \(…, 6\)'),
        (lambda: deformation([-0.6, 0, 0, 0, 0, 0]), 'crushes the cell'),
        (lambda: deformation([0.1, 0, 0, 0, 0, 0], 'true'), "measure: 'true', expected one of green-lagrange, small"),
        (lambda: deformation([np.nan, 0, 0, 0, 0, 0]), 'not finite'),
        (lambda: deform(TRICLINIC, TRICLINIC, -np.eye(3)), 'positive determinant'),
        (lambda: restricted_cell(TRICLINIC[::-1]), 'right-handed'),
        (lambda: gradient_between(np.zeros((3, 3)), TRICLINIC), 'span a volume'),
        (lambda: stress_to_voigt(np.zeros(6)), r'expected \(…, 3, 3\)'),
    ],
)
def test_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()

"""Two pinned values per element, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_glassion.kernels.scattering.tables import XRAY_Q_LIMIT, form_factors, scattering_lengths

# b in fm; electrons at Q = 0 and f at 10 Å⁻¹. Where NIST (Sears 1992) has another b: Li −1.90, V −0.3824, Ti −3.438.
PINNED = {
    'Li': (-1.93, 3, 0.5164),
    'B': (5.30, 5, 1.1508),
    'O': (5.8037, 8, 1.5723),
    'F': (5.654, 9, 1.7422),
    'Na': (3.63, 11, 2.3203),
    'Mg': (5.375, 12, 2.7490),
    'Al': (3.449, 13, 3.2436),
    'Si': (4.1507, 14, 3.7784),
    'P': (5.13, 15, 4.3154),
    'S': (2.847, 16, 4.8175),
    'Cl': (9.5792, 17, 5.2651),
    'K': (3.67, 19, 5.9756),
    'Ca': (4.70, 20, 6.2471),
    'Ti': (-3.37, 22, 6.7141),
    'V': (-0.443, 23, 6.9321),
    'Zn': (5.680, 30, 9.1470),
    'Ge': (8.185, 32, 10.2045),
    'Zr': (7.16, 40, 15.0651),
}


@pytest.mark.parametrize('element', PINNED)
def test_pinned(element):
    length, electrons, at_ten = PINNED[element]
    assert scattering_lengths([element])[0] == pytest.approx(length, abs=1e-3)
    f = form_factors([element], [0.0, 10.0])[0]
    assert f[0] == pytest.approx(electrons, abs=0.03)
    assert f[1] == pytest.approx(at_ten, abs=2e-4)


def test_against_the_international_tables():
    """f of Si and O at sin θ/λ of 0.1, 0.2, 0.3, 0.5 Å⁻¹ (International Tables for Crystallography C)."""
    q = 4 * np.pi * np.array([0.1, 0.2, 0.3, 0.5])
    np.testing.assert_allclose(form_factors(['Si'], q)[0], [12.16, 9.67, 8.22, 6.24], rtol=5e-3)
    np.testing.assert_allclose(form_factors(['O'], q)[0], [7.25, 5.63, 4.09, 2.34], rtol=5e-3)


def test_phosphorus_far_out():
    """A polynomial outside its range gave 5.3 elsewhere."""
    assert form_factors(['P'], [30.0])[0, 0] == pytest.approx(1.162, abs=1e-3)


def test_isotopes_and_given_lengths():
    lengths = scattering_lengths(['Li', 'B', 'O'], {'Li': 7, 'B': 11}, {'O': 5.9})
    np.testing.assert_allclose(lengths, [-2.28, 6.65, 5.9], atol=0.01)


@pytest.mark.parametrize(
    ('elements', 'isotopes', 'given', 'words'),
    [
        (['Xx'], {}, {}, 'Xx'),
        (['Po', 'O'], {}, {}, 'Po: no neutron scattering length'),
        (['Gd'], {}, {}, 'Gd: its neutron scattering length depends on the energy'),
        (['Li'], {'Li': 77}, {}, '77Li is not known'),
        (['Li'], {'B': 11}, {}, 'isotopes: B is not among'),
        (['Li'], {}, {'B': 1.0}, 'scattering_lengths: B is not among'),
    ],
)
def test_refused(elements, isotopes, given, words):
    with pytest.raises(ValueError, match=words):
        scattering_lengths(elements, isotopes, given)


def test_resonant_element_with_a_given_length():
    assert scattering_lengths(['Gd'], given={'Gd': 9.5})[0] == 9.5


def test_form_factors_refused():
    with pytest.raises(ValueError, match='Xx'):
        form_factors(['Xx'], [1.0])
    with pytest.raises(ValueError, match=r'75\.4'):
        form_factors(['Si'], [XRAY_Q_LIMIT + 1])
    with pytest.raises(ValueError, match='Lr: no X-ray form factor'):
        form_factors(['Lr'], [1.0])

"""Toughness from curves whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_glassion.kernels.mechanics.fracture import (
    Value,
    brittleness,
    fracture_energy,
    fracture_warnings,
    release_rate,
    surface_energy,
    toughness,
)


def linear_elastic(toughness_=0.75, young=72.0, poisson=0.17, length=150.0, area=3000.0, crack=1000.0, n=4001):
    """Lengths and stresses of a body that stores G_c (A₀ − A_crack) and breaks at once."""
    energy = (toughness_ * 1e6) ** 2 * (1 - poisson**2) / (young * 1e9)
    # G_c (A0 - A_c)/A0 = L0 s²/(2 E'), with the modulus along the load, Å and GPa
    modulus = 60.0
    strength = np.sqrt(2 * modulus * energy * (1 - crack / area) / (0.1 * length))
    strain = np.linspace(0, 0.3, n)
    stress = np.where(modulus * strain <= strength, modulus * strain, 0.0)
    return energy, length * (1 + strain), stress


def test_toughness_of_a_linear_elastic_curve():
    energy, lengths, stresses = linear_elastic()
    found = fracture_energy(lengths, stresses, 3000.0, 1000.0, window=0)
    assert found.complete
    assert found.ligament == pytest.approx(2 / 3)
    assert found.energy == pytest.approx(energy, rel=2e-3)
    assert found.work == pytest.approx(energy * 2 / 3, rel=2e-3)
    k = toughness(Value(found.energy), Value(72.0), Value(0.17))
    assert k.value == pytest.approx(0.75, rel=2e-3)
    assert k.error is None


def test_the_arithmetic_of_silica():
    """G_c = 7.6 J/m² and E = 72 GPa make 0.74 MPa√m; plane strain is larger by 1/√(1 − ν²)."""
    sheet = toughness(Value(7.6), Value(72.0), plane='stress')
    assert sheet.value == pytest.approx(np.sqrt(7.6 * 72e9) / 1e6)
    assert sheet.value == pytest.approx(0.740, abs=1e-3)
    assert toughness(Value(7.6), Value(72.0), Value(0.17)).value == pytest.approx(sheet.value / np.sqrt(1 - 0.17**2))
    assert release_rate(sheet.value, 72.0, plane='stress') == pytest.approx(7.6)


def test_errors_by_sampling():
    rng = np.random.default_rng(0)
    g, e, nu = rng.normal(8, 0.4, 20000), rng.normal(70, 2, 20000), rng.normal(0.25, 0.02, 20000)
    k = toughness(Value(8, 0.4), Value(70, 2), Value(0.25, 0.02))
    assert k.error == pytest.approx(np.std(np.sqrt(g * e * 1e9 / (1 - nu**2)) * 1e-6), rel=0.03)
    b = brittleness(Value(1.2, 0.1), Value(8, 0.4))
    assert b.value == pytest.approx(0.3)
    assert b.error == pytest.approx(np.std(2 * rng.normal(1.2, 0.1, 20000) / g), rel=0.03)


def test_the_tail_is_noise():
    """Noise around zero after the break neither adds work nor hides that it is broken."""
    energy, lengths, stresses = linear_elastic()
    noisy = stresses + np.random.default_rng(1).normal(0, 0.1, len(stresses))
    assert fracture_energy(lengths, noisy, 3000.0, 1000.0).energy == pytest.approx(energy, rel=0.03)
    half = fracture_energy(lengths[:200], noisy[:200], 3000.0, 1000.0)
    assert not half.complete
    assert half.energy < energy


def test_free_sides():
    """Sides that shrink by 10 %: the force, and so the work, is less than σ A₀."""
    _, lengths, stresses = linear_elastic()
    fixed = fracture_energy(lengths, stresses, 3000.0, window=0)
    free = fracture_energy(lengths, stresses, 3000.0, areas=np.full(len(lengths), 2700.0), window=0)
    assert free.work == pytest.approx(0.9 * fixed.work)


def test_surface_energy():
    """62.4 eV for two faces of 50 × 10 Å each are 1 J/m²."""
    assert surface_energy(-1000 + 62.415, -1000, 500.0) == pytest.approx(1.0, rel=1e-4)


def test_warnings():
    assert fracture_warnings(100_000, 1e-4) == []
    said = fracture_warnings(20_000, 0.005, complete=False, lateral_free=False, poisson_assumed=True)
    assert len(said) == 5
    assert said[0].startswith('20000 atoms: below 75000')
    assert '5.0e+09 1/s' in said[2]
    assert len(fracture_warnings(20_000, None, notched=False)) == 1


@pytest.mark.parametrize(
    ('call', 'message'),
    [
        (lambda: fracture_energy([1, 2, 3], [1, 1, 0], 10, 10), 'crack_area: 10 Å², expected 0 or more and below'),
        (lambda: fracture_energy([1, 2, 3], [1, 1, 0], 0), 'area: 0, expected'),
        (lambda: fracture_energy([1, 3, 2], [1, 1, 0], 10), 'increasing'),
        (lambda: fracture_energy([1, 2], [1, 1], 10), 'three at least'),
        (lambda: fracture_energy([1, 2, 3], [-1, -1, 0], 10), 'never tensile'),
        (lambda: fracture_energy([1, 2, 3], [1, 1, 0], 10, areas=[1, 2]), 'areas: shape'),
        (lambda: toughness(Value(8), Value(70)), "plane strain needs Poisson's ratio"),
        (lambda: toughness(Value(8), Value(70), Value(0.7)), 'poisson: 0.7'),
        (lambda: toughness(Value(-8), Value(70), plane='stress'), 'energy: -8 J/m²'),
        (lambda: toughness(Value(8), Value(70), plane='thick'), "plane: 'thick'"),
        (lambda: surface_energy(0, 0, 0), 'area: 0'),
        (lambda: brittleness(Value(1), Value(0)), 'energy: 0'),
        (lambda: release_rate(0, 70, plane='stress'), 'positive numbers'),
    ],
)
def test_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()

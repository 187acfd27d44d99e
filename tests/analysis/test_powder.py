"""Powder patterns of rock salt: lines where they belong, as high as they should be."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_glassion.analysis.powder import PowderAnalysis, PowderSettings
from aiida_glassion.analysis.system import Chunk, System
from aiida_glassion.frames import Frames
from aiida_glassion.kernels.scattering.diffraction import momentum_transfer
from aiida_glassion.kernels.scattering.tables import form_factors

A = 5.64


def rocksalt(repeat, n_frames=1, noise=0.0):
    face = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    corners = np.array(list(np.ndindex(repeat, repeat, repeat)))
    positions = (corners[:, None] + np.concatenate([face, face + 0.5])).reshape(-1, 3) * A
    moved = positions + np.random.default_rng(0).normal(0, noise, (n_frames, *positions.shape))
    symbols = (('Na',) * 4 + ('Cl',) * 4) * repeat**3
    return Frames(symbols, moved, repeat * A * np.eye(3)[None].repeat(n_frames, 0))


def pattern(frames, **settings):
    width = float(frames.cells[0, 0, 0])
    system = System(frames.symbols, frames.elements, frames.types, frames.pbc, {}, {}, {}, width, 1)
    analysis = PowderAnalysis(PowderSettings(**settings), system)
    analysis.add(Chunk(system, frames, 0))
    return analysis.result()


def test_lines_of_rock_salt():
    """Angles by Bragg's law; integrated intensities as multiplicity · |F|² · Lorentz · polarisation."""
    wavelength = 1.5406
    result = pattern(rocksalt(6), wavelength=wavelength, low=24.0, high=80.0, step=0.02, width=0.08, polarised=True)
    curve = result.curves['powder_xray']
    lines = {(1, 1, 1): 8, (2, 0, 0): 6, (2, 2, 0): 12, (2, 2, 2): 8, (4, 2, 0): 24}
    areas, expected = [], []
    for hkl, multiplicity in lines.items():
        q = 2 * np.pi / A * np.linalg.norm(hkl)
        theta = np.arcsin(q * wavelength / (4 * np.pi))
        near = np.abs(momentum_transfer(curve.x, wavelength) - q) < 0.15
        assert curve.x[near][np.argmax(curve.y[near])] == pytest.approx(2 * np.degrees(theta), abs=0.1)
        na, cl = form_factors(['Na', 'Cl'], [q])[:, 0]
        amplitude = cl + (1 if hkl[0] % 2 == 0 else -1) * na
        factor = (1 + np.cos(2 * theta) ** 2) / (np.sin(theta) ** 2 * np.cos(theta))
        areas.append(curve.y[near].sum())
        expected.append(multiplicity * amplitude**2 * factor)
    areas, expected = np.array(areas) / areas[1], np.array(expected) / expected[1]
    np.testing.assert_allclose(areas, expected, rtol=0.12)


def test_hot_crystal_with_errors():
    result = pattern(rocksalt(3, 4, 0.2), high=60.0)
    curve = result.curves['powder_xray']
    assert curve.error is not None
    assert (curve.error >= 0).all()
    assert curve.about['compton'] is False
    assert result.numbers['width'] == pytest.approx(0.9 * 2 * np.pi / (3 * A))
    assert (curve.y > 0).all()


def test_begins_with_the_shortest_wave_vector():
    result = pattern(rocksalt(1), high=60.0)
    assert result.curves['powder_xray'].x[0] == pytest.approx(2 * np.degrees(np.arcsin(1.54184 / (2 * A))), abs=0.1)
    assert 'left out' in result.warnings[0]


@pytest.mark.parametrize(
    ('settings', 'words'),
    [
        ({'low': 50.0, 'high': 40.0}, 'low, high'),
        ({'monochromator': 26.6}, 'polarised'),
        ({'wavelength': 0.15, 'high': 170.0}, r'form factors end at 75\.4'),
        ({'low': 5.0, 'high': 8.0}, 'shortest wave vector'),
        ({'low': 14.0, 'high': 15.5, 'width': 0.05}, 'no wave vector'),
    ],
)
def test_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        pattern(rocksalt(1), **{'step': 0.5, 'width': 0.01, **settings})

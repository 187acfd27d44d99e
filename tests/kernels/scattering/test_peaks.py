"""Peaks whose position, height and width are known."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_glassion.kernels.scattering.peaks import first_sharp_peak

Q = np.arange(0.3, 8.0, 0.02)


def gaussian(q, position, height, fwhm):
    return height * np.exp(-4 * np.log(2) * ((q - position) / fwhm) ** 2)


def test_a_gaussian():
    peak = first_sharp_peak(Q, 0.3 + gaussian(Q, 1.517, 1.2, 0.5))
    assert peak is not None
    assert peak.position == pytest.approx(1.517, abs=2e-3)
    assert peak.height == pytest.approx(1.5, rel=0.01)
    assert peak.width == pytest.approx(0.5, rel=0.03)


def test_uneven_noisy_points():
    rng = np.random.default_rng(0)
    q = np.sort(rng.uniform(0.3, 6.0, 600))
    peak = first_sharp_peak(q, 0.2 + gaussian(q, 1.3, 1.0, 0.6) + rng.normal(0, 0.02, 600))
    assert peak is not None
    assert peak.position == pytest.approx(1.3, abs=0.02)
    assert peak.width == pytest.approx(0.6, rel=0.1)


def test_first_of_two_and_no_ripple():
    s = 0.3 + gaussian(Q, 1.2, 0.4, 0.4) + gaussian(Q, 2.2, 1.4, 0.4)
    peak = first_sharp_peak(Q, s)
    assert peak is not None
    assert peak.position == pytest.approx(1.2, abs=0.02)
    rippled = 0.3 + gaussian(Q, 0.7, 0.06, 0.2) + gaussian(Q, 1.9, 1.4, 0.4)
    peak = first_sharp_peak(Q, rippled)
    assert peak is not None
    assert peak.position == pytest.approx(1.9, abs=0.01)


def test_none():
    assert first_sharp_peak(Q, 1 - np.exp(-Q)) is None
    assert first_sharp_peak(Q, 0.3 + gaussian(Q, 4.0, 1.2, 0.5)) is None
    assert first_sharp_peak(Q[:3], Q[:3]) is None
    with pytest.raises(ValueError, match='low < high'):
        first_sharp_peak(Q, Q, 2.0, 1.0)
    with pytest.raises(ValueError, match='shapes'):
        first_sharp_peak(Q, Q[1:])

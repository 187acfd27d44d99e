"""A powder diffraction pattern from a structure factor and a wavelength."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating[Any]]


def two_theta(q: npt.ArrayLike, wavelength: float) -> FloatArray:
    """Scattering angle 2θ of Q = 4π sin θ/λ, degrees.

    :param q: Å⁻¹.
    :param wavelength: Å.
    :raises ValueError: the wavelength is not positive, or Q is beyond 4π/λ.
    """
    sine = np.asarray(q, dtype=np.float64) * _positive(wavelength) / (4 * np.pi)
    if np.any(sine > 1) or np.any(sine < 0):
        raise ValueError(f'Q: only 0 to {4 * np.pi / wavelength:.3g} Å⁻¹ can be reached with {wavelength:g} Å')
    angles: FloatArray = 2 * np.degrees(np.arcsin(sine))
    return angles


def momentum_transfer(angles: npt.ArrayLike, wavelength: float) -> FloatArray:
    """Q = 4π sin θ/λ of angles 2θ in degrees, Å⁻¹."""
    q: FloatArray = 4 * np.pi * np.sin(np.radians(np.asarray(angles, dtype=np.float64)) / 2) / _positive(wavelength)
    return q


def polarisation(angles: npt.ArrayLike, monochromator: float | None = None) -> FloatArray:
    """Polarisation factor of unpolarised X-rays, (1 + K cos²2θ)/(1 + K), 1 at 2θ = 0.

    :param angles: 2θ, degrees.
    :param monochromator: its 2θ, degrees: K = cos² of it; None: no monochromator, K = 1.
    """
    k = 1.0 if monochromator is None else float(np.cos(np.radians(monochromator)) ** 2)
    factor: FloatArray = (1 + k * np.cos(np.radians(np.asarray(angles, dtype=np.float64))) ** 2) / (1 + k)
    return factor


def lorentz(angles: npt.ArrayLike) -> FloatArray:
    """Lorentz factor 1/(sin²θ cos θ) of a powder's Bragg lines, for *integrated* intensities of whole lines.

    An intensity averaged over all directions of Q contains it already: by the lines' density 1/Q² and by dQ/d(2θ).
    """
    theta = np.radians(np.asarray(angles, dtype=np.float64)) / 2
    factor: FloatArray = 1 / (np.sin(theta) ** 2 * np.cos(theta))
    return factor


def smoothed_shells(q: FloatArray, values: FloatArray, weights: FloatArray, at: FloatArray, fwhm: float) -> FloatArray:
    """Average of values on shells of |q| with a Gaussian of full width ``fwhm`` around other points.

    :param q: (n_q,), Å⁻¹.
    :param values: (..., n_q).
    :param weights: (n_q,), number of wave vectors behind each (or the width of a step, times Q²).
    :param at: (n,), Å⁻¹.
    :returns: (..., n); where no shell lies within four standard deviations, NaN.
    """
    if not fwhm > 0:
        raise ValueError(f'fwhm: {fwhm}, must be positive')
    sigma = fwhm / np.sqrt(8 * np.log(2))
    distance = (np.asarray(at)[:, None] - q) / sigma
    kernel = np.where(np.abs(distance) < 4, np.exp(-(distance**2) / 2), 0.0) * weights
    total = kernel.sum(axis=1)
    smooth: FloatArray = np.where(total > 0, values @ kernel.T / np.where(total > 0, total, 1.0), np.nan)
    return smooth


def _positive(wavelength: float) -> float:
    if not (np.isfinite(wavelength) and wavelength > 0):
        raise ValueError(f'wavelength: {wavelength} Å, must be positive')
    return wavelength

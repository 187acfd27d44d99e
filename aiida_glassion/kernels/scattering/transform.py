"""Sine transforms between g(r) and S(Q): windows, finite ranges, instrument broadening."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating[Any]]
Window = Literal['none', 'lorch']

WINDOWS: tuple[str, ...] = ('none', 'lorch')


def window_function(x: npt.ArrayLike, x_max: float, window: Window) -> FloatArray:
    """M(x): 1 to ``x_max`` (``none``), or sin(πx/x_max)/(πx/x_max) (``lorch``); 0 beyond.

    E. Lorch, J. Phys. C 2, 229 (1969).

    :raises ValueError: no such window, or ``x_max`` is not positive.
    """
    points = np.asarray(x, dtype=np.float64)
    if window not in WINDOWS:
        raise ValueError(f'window: {window!r}, expected one of {", ".join(WINDOWS)}')
    if not x_max > 0:
        raise ValueError(f'end of the window: {x_max}, must be positive')
    inside = points <= x_max * (1 + 1e-12)
    values: FloatArray = np.where(inside, np.sinc(points / x_max) if window == 'lorch' else 1.0, 0.0)
    return values


def rdf_transform(edges: FloatArray, q: FloatArray, window: Window = 'none') -> FloatArray:
    """Matrix K of S_ij(Q) − 1 = ρ Σ_bins K (g_ij − 1), for g constant in each bin.

    S_ij(Q) = 1 + (4πρ/Q) ∫ r [g_ij(r) − 1] M(r) sin(Qr) dr. The sine is integrated exactly over each bin; the window is
    taken in its middle and ends with the last bin. At Q = 0 the limit is taken.

    :param edges: (n_bins + 1,), Å, of the bins of g.
    :param q: (n_q,), Å⁻¹, not negative.
    :returns: (n_q, n_bins), Å³.
    """
    edges, q = np.asarray(edges, dtype=np.float64), np.asarray(q, dtype=np.float64)
    safe = np.where(q > 1e-8, q, 1.0)[:, None]
    phase = safe * edges
    integral = np.diff((np.sin(phase) - phase * np.cos(phase)) / safe**3, axis=1)
    integral = np.where(q[:, None] > 1e-8, integral, np.diff(edges**3) / 3)
    centres = (edges[1:] + edges[:-1]) / 2
    matrix: FloatArray = 4 * np.pi * integral * window_function(centres, float(edges[-1]), window)
    return matrix


def sine_transform(x: FloatArray, values: FloatArray, y: FloatArray) -> FloatArray:
    """∫ f(x) sin(x y) dx of a function that is linear between its points and starts with (0, 0).

    The sine is integrated exactly, so a coarse grid costs no accuracy at large y.

    :param x: (n,), increasing, positive; need not be evenly spaced.
    :param values: (..., n).
    :param y: (m,), not negative.
    :returns: (..., m).
    """
    x, values = np.asarray(x, dtype=np.float64), np.asarray(values, dtype=np.float64)
    if x[0] > 0:
        x = np.concatenate([[0.0], x])
        values = np.concatenate([np.zeros((*values.shape[:-1], 1)), values], axis=-1)
    slopes = np.diff(values, axis=-1) / np.diff(x)
    safe = np.where(y > 1e-8, y, 1.0)
    steps = np.diff(np.sin(np.outer(safe, x)), axis=1)
    ends = values[..., :1] * np.cos(safe * x[0]) - values[..., -1:] * np.cos(safe * x[-1])
    integral: FloatArray = np.where(y > 1e-8, ends / safe + slopes @ steps.T / safe**2, 0.0)
    return integral


def correlation_function(q: FloatArray, s: FloatArray, r: FloatArray, q_max: float, window: Window) -> FloatArray:
    """D(r) = G(r) = (2/π) ∫ Q [S(Q) − 1] M(Q) sin(Qr) dQ from 0 to ``q_max``.

    Below the first Q, Q[S − 1] is taken to be linear from 0.

    :param q: (n_q,), Å⁻¹, increasing.
    :param s: (..., n_q).
    :param r: (n_r,), Å.
    :param q_max: Å⁻¹, within the range of ``q``.
    :returns: (..., n_r), Å⁻².
    :raises ValueError: ``q`` ends before ``q_max``.
    """
    q, s = np.asarray(q, dtype=np.float64), np.asarray(s, dtype=np.float64)
    if not 0 < q_max <= q[-1] * (1 + 1e-6):
        raise ValueError(f'q_max: {q_max:g} Å⁻¹, S(Q) is known from {q[0]:g} to {q[-1]:g} Å⁻¹')
    inside = q < q_max * (1 - 1e-9)
    product = q * (s - 1.0)
    index = min(int(inside.sum()), len(q) - 1)
    share = 0.0 if index == 0 else (min(q_max, q[-1]) - q[index - 1]) / (q[index] - q[index - 1])
    last = product[..., index - 1] + share * (product[..., index] - product[..., index - 1])
    x = np.append(q[inside], q_max)
    values = np.concatenate([product[..., inside], last[..., None]], axis=-1) * window_function(x, q_max, window)
    return 2 / np.pi * sine_transform(x, values, np.asarray(r, dtype=np.float64))


def structure_factor(r: FloatArray, d: FloatArray, q: FloatArray) -> FloatArray:
    """S(Q) = 1 + (1/Q) ∫ D(r) sin(Qr) dr, the inverse of :func:`correlation_function`.

    :param r: (n_r,), Å, increasing.
    :param d: (..., n_r), Å⁻², 4πρr[g(r) − 1].
    :param q: (n_q,), Å⁻¹, positive.
    """
    q = np.asarray(q, dtype=np.float64)
    return 1.0 + sine_transform(r, d, q) / q


def limited_correlation(r: FloatArray, d: FloatArray, q_max: float, window: Window) -> FloatArray:
    """D(r) of a simulation as if it had been measured to ``q_max``: transformed to S(Q), cut, and transformed back.

    :param r: (n_r,), Å, increasing.
    :param d: (..., n_r), Å⁻².
    :returns: (..., n_r), Å⁻².
    """
    step = np.pi / (8 * float(r[-1]))
    q = np.linspace(0.0, q_max, max(int(np.ceil(q_max / step)), 2) + 1)[1:]
    return correlation_function(q, structure_factor(r, d, q), r, q_max, window)


def broaden(q: FloatArray, s: FloatArray, sigma: float) -> FloatArray:
    """S(Q) seen with an instrument of Gaussian resolution: Q[S(Q) − 1], odd in Q, convolved with a Gaussian.

    In real space that is D(r) exp(−σ²r²/2). Near the end of the range the Gaussian is cut and normalised to
    what is there.

    :param q: (n_q,), Å⁻¹, increasing, positive; need not be evenly spaced.
    :param s: (..., n_q).
    :param sigma: standard deviation, Å⁻¹; 0 changes nothing.
    """
    if sigma < 0:
        raise ValueError(f'resolution: {sigma}, must not be negative')
    if sigma == 0:
        return s
    x = np.concatenate([[0.0], q])
    weights = np.diff(x, append=x[-1]) / 2 + np.diff(x, prepend=0.0) / 2
    direct = np.exp(-((q[:, None] - x) ** 2) / (2 * sigma**2)) * weights
    mirror = np.exp(-((q[:, None] + x) ** 2) / (2 * sigma**2)) * weights
    kernel = ((direct - mirror) / (direct + mirror).sum(axis=1, keepdims=True))[:, 1:]
    smooth: FloatArray = 1.0 + (q * (s - 1.0)) @ kernel.T / q
    return smooth

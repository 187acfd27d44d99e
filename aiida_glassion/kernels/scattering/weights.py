"""From partial to total structure factors and back: weights, normalisations, conventions.

With the number fractions c, scattering amplitudes f (b for neutrons, f(Q) for X-rays), ⟨f⟩ = Σ c_i f_i and
⟨f²⟩ = Σ c_i f_i²; the intensity per atom is I = Σ_ij f_i f_j Re⟨ρ_i ρ_j*⟩/N.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating[Any]]
Normalisation = Literal['faber-ziman', 'mean-square']

NORMALISATIONS: dict[str, str] = {
    'faber-ziman': 'S = 1 + (I − ⟨f²⟩)/⟨f⟩²',
    'mean-square': 'S = I/⟨f²⟩ = 1 + (I − ⟨f²⟩)/⟨f²⟩',
}
"""What a total S(Q) is divided by."""


def square_of_mean(fractions: FloatArray, amplitudes: FloatArray) -> FloatArray:
    """⟨f⟩².

    :param fractions: (n_types,), sum 1.
    :param amplitudes: (n_types, n_q) or (n_types, 1).
    """
    mean: FloatArray = np.einsum('i,iq->q', fractions, amplitudes)
    return mean**2


def mean_square(fractions: FloatArray, amplitudes: FloatArray) -> FloatArray:
    """⟨f²⟩, arguments as for :func:`square_of_mean`."""
    mean: FloatArray = np.einsum('i,iq->q', fractions, amplitudes**2)
    return mean


def partial_weights(fractions: FloatArray, amplitudes: FloatArray) -> FloatArray:
    """Weights c_i c_j f_i f_j/⟨f⟩² of the Faber-Ziman partials in the total.

    :returns: (n_types, n_types, n_q), sum 1 at each Q.
    """
    share = fractions[:, None] * amplitudes
    weights: FloatArray = share[:, None] * share[None] / share.sum(axis=0) ** 2
    return weights


def total_structure_factor(
    partials: FloatArray,
    fractions: FloatArray,
    amplitudes: FloatArray,
    normalisation: Normalisation = 'faber-ziman',
) -> FloatArray:
    """Total S(Q) of Faber-Ziman partials.

    :param partials: (..., n_types, n_types, n_q).
    :param normalisation: see :data:`NORMALISATIONS`.
    :returns: (..., n_q).
    """
    weights = partial_weights(fractions, amplitudes)
    total: FloatArray = np.einsum('ijq,...ijq->...q', weights, partials - 1.0)
    return 1.0 + total * ratio_of_norms(fractions, amplitudes, normalisation)


def ratio_of_norms(fractions: FloatArray, amplitudes: FloatArray, normalisation: Normalisation) -> FloatArray:
    """S − 1 in a normalisation over S − 1 after Faber and Ziman, (n_q,) or (1,): 1 or ⟨f⟩²/⟨f²⟩.

    :raises ValueError: no such normalisation.
    """
    if normalisation not in NORMALISATIONS:
        raise ValueError(f'normalisation: {normalisation!r}, expected one of {", ".join(NORMALISATIONS)}')
    if normalisation == 'faber-ziman':
        return np.ones(amplitudes.shape[1])
    return square_of_mean(fractions, amplitudes) / mean_square(fractions, amplitudes)


def faber_ziman_from_products(products: FloatArray, fractions: FloatArray) -> FloatArray:
    """Faber-Ziman partials S_ij = 1 + (A_ij − c_i δ_ij)/(c_i c_j).

    :param products: (..., n_types, n_types, n_q), A_ij = Re⟨ρ_i ρ_j*⟩/N.
    """
    own = np.diag(fractions)[:, :, None]
    partials: FloatArray = 1.0 + (products - own) / np.outer(fractions, fractions)[:, :, None]
    return partials


def ashcroft_langreth(partials: FloatArray, fractions: FloatArray) -> FloatArray:
    """Ashcroft-Langreth partials √(c_i c_j) (S_ij − 1) + δ_ij of Faber-Ziman ones, (..., n_types, n_types, n_q)."""
    roots = np.sqrt(np.outer(fractions, fractions))[:, :, None]
    converted: FloatArray = roots * (partials - 1.0) + np.eye(len(fractions))[:, :, None]
    return converted


def faber_ziman(partials: FloatArray, fractions: FloatArray) -> FloatArray:
    """Faber-Ziman partials of Ashcroft-Langreth ones: the inverse of :func:`ashcroft_langreth`."""
    roots = np.sqrt(np.outer(fractions, fractions))[:, :, None]
    converted: FloatArray = 1.0 + (partials - np.eye(len(fractions))[:, :, None]) / roots
    return converted

"""Elastic constants from strains and the stresses they make, and the bulk modulus from p(V)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.mechanics.strain import VOIGT

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Stiffness:
    """Elastic constants in Voigt's order xx, yy, zz, yz, xz, xy.

    :param constants: (6, 6), GPa, symmetric.
    :param errors: (6, 6), their standard errors, GPa; None where nothing tells them (one pair of strains without
        errors of the stresses).
    :param offset: (6,), GPa, mean stress of the samples, tensile positive: what stress was left at no strain.
    :param asymmetry: largest |C_ij − C_ji|/2 before the two were averaged, GPa: what noise, or a strain too large, did.
    :param n_samples: strains used, or replicas pooled.
    """

    constants: FloatArray
    errors: FloatArray | None
    offset: FloatArray
    asymmetry: float
    n_samples: int


def six_strains(magnitudes: Sequence[float]) -> FloatArray:
    """The strains that give all constants: plus and minus each magnitude in each of the six components.

    :param magnitudes: fractions, e.g. 0.005.
    :returns: (12 n, 6), by component, then magnitude, plus before minus.
    :raises ValueError: none, not positive, twice the same, or above 0.2.
    """
    sizes = np.asarray(magnitudes, dtype=np.float64)
    if sizes.ndim != 1 or not len(sizes) or not ((sizes > 0) & (sizes <= 0.2)).all():
        raise ValueError(f'magnitudes: {sizes.tolist()}, expected strains above 0 and up to 0.2, e.g. 0.005')
    if len(np.unique(sizes)) < len(sizes):
        raise ValueError(f'magnitudes: {sizes.tolist()}, expected each once')
    return np.array([sign * size * np.eye(6)[j] for j in range(6) for size in sizes for sign in (1, -1)])


def elastic_constants(
    strains: npt.ArrayLike, stresses: npt.ArrayLike, stress_errors: npt.ArrayLike | None = None
) -> Stiffness:
    """All 21 constants from samples strained in one component each, as plus and minus.

    Half the difference of the stresses at ±ε is free of the stress at no strain and of every even power of ε; column j
    of C is its least squares slope through the origin over the magnitudes of component j. The two sides of the diagonal
    are then averaged. Errors: of the stresses where they are given, widened by √(χ²/(n − 1)) where magnitudes
    scatter more than those say, else of the scatter of the magnitudes about the slope; the error of an average of two
    sides is at least half their difference over √2.

    :param strains: (n, 6), Voigt, engineering shear; one component of each differs from 0, and for each sample there is
        one of the opposite strain (see :func:`six_strains`). Samples at no strain tell nothing here and are left out.
    :param stresses: (n, 6), GPa, tensile positive, in the axes of the cell at no strain.
    :param stress_errors: (n, 6), standard errors, GPa.
    :raises ValueError: shapes differ, not finite, a strain of several components, a component without its pair.
    """
    e, s = _samples('strains', strains), _samples('stresses', stresses)
    u = None if stress_errors is None else _samples('stress_errors', stress_errors)
    if e.shape != s.shape or (u is not None and (u.shape != s.shape or (u < 0).any())):
        raise ValueError(f'strains, stresses, errors: {len(e)}, {len(s)}; expected as many, errors not negative')
    mixed = np.count_nonzero(e, axis=1) > 1
    if mixed.any():
        raise ValueError(
            f'strains: sample {int(np.argmax(mixed))} is {e[mixed][0].tolist()}; expected one component at a time'
        )
    columns, errors, used = np.empty((6, 6)), np.full((6, 6), np.nan), 0
    for j in range(6):
        sizes, odd, variance = _odd_parts(j, e, s, u)
        columns[:, j], errors[:, j] = _slope(sizes, odd, variance)
        used += 2 * len(sizes)
    difference = (columns - columns.T) / 2
    known = bool(np.isfinite(errors).all())
    both = np.maximum(np.sqrt(errors**2 + errors.T**2) / 2, np.abs(difference) / np.sqrt(2))
    both[np.diag_indices(6)] = np.diag(errors)
    return Stiffness(
        (columns + columns.T) / 2, both if known else None, s.mean(axis=0), float(np.abs(difference).max()), used
    )


def pool_stiffness(samples: Sequence[Stiffness]) -> Stiffness:
    """Mean over replicas (or over the three axes of one), with the standard error of their scatter.

    With one sample its own errors stay.

    :raises ValueError: none.
    """
    if not samples:
        raise ValueError('samples: none; expected the elastic constants of at least one replica')
    if len(samples) == 1:
        return samples[0]
    constants = np.array([sample.constants for sample in samples])
    return Stiffness(
        constants.mean(axis=0),
        constants.std(axis=0, ddof=1) / np.sqrt(len(samples)),
        np.mean([sample.offset for sample in samples], axis=0),
        max(sample.asymmetry for sample in samples),
        len(samples),
    )


@dataclass(frozen=True)
class BulkModulus:
    """K from pressure and volume.

    :param modulus: GPa.
    :param error: standard error of the fit, GPa; None where points are as many as parameters.
    :param pressure: at the reference volume, GPa, positive in compression.
    :param volume: reference volume, Å³, or whatever unit was given.
    :param n: points.
    """

    modulus: float
    error: float | None
    pressure: float
    volume: float
    n: int


def bulk_modulus(
    volumes: npt.ArrayLike, pressures: npt.ArrayLike, volume: float | None = None, order: int = 1
) -> BulkModulus:
    """Bulk modulus K = −V dp/dV from the slope of pressure against volumetric strain V/V₀ − 1.

    Points at plus and minus the same strain make the slope of a line at V₀ free of curvature; else take ``order`` 2.

    :param volumes: (n,), Å³.
    :param pressures: (n,), GPa, **positive in compression**, as LAMMPS gives it.
    :param volume: V₀, at no strain; default: the mean of the smallest and the largest.
    :param order: 1, a line, or 2, a parabola.
    :raises ValueError: lengths differ, not finite, too few points for the order, or volumes not positive.
    """
    v, p = np.asarray(volumes, dtype=np.float64), np.asarray(pressures, dtype=np.float64)
    if order not in (1, 2):
        raise ValueError(f'order: {order}, expected 1 (a line) or 2 (a parabola)')
    if v.ndim != 1 or v.shape != p.shape or len(np.unique(v)) <= order:
        raise ValueError(
            f'volumes and pressures: {v.shape} and {p.shape}, expected as many of both, '
            f'at {order + 1} volumes or more for order {order}'
        )
    if not (np.isfinite(v).all() and np.isfinite(p).all() and (v > 0).all()):
        raise ValueError('volumes and pressures: expected finite numbers and positive volumes')
    middle = float((v.min() + v.max()) / 2) if volume is None else float(volume)
    if not 0 < middle < np.inf:
        raise ValueError(f'volume: {volume}, expected a positive volume')
    design = np.vander(v / middle - 1, order + 1, increasing=True)
    coefficients, *_ = np.linalg.lstsq(design, p, rcond=None)
    error = None
    if len(v) > order + 1:
        residuals = p - design @ coefficients
        covariance = np.linalg.inv(design.T @ design) * float(residuals @ residuals) / (len(v) - order - 1)
        error = float(np.sqrt(covariance[1, 1]))
    return BulkModulus(-float(coefficients[1]), error, float(coefficients[0]), middle, len(v))


def _samples(name: str, values: npt.ArrayLike) -> FloatArray:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != 6 or not np.isfinite(array).all():
        raise ValueError(f'{name}: shape {array.shape}, expected finite numbers of shape (n, 6)')
    return array


def _odd_parts(
    j: int, e: FloatArray, s: FloatArray, u: FloatArray | None
) -> tuple[FloatArray, FloatArray, FloatArray | None]:
    """Magnitudes of component j, half the difference of the stresses at plus and minus, and its variance."""
    plus, minus = np.flatnonzero(e[:, j] > 0), np.flatnonzero(e[:, j] < 0)
    plus, minus = plus[np.argsort(e[plus, j])], minus[np.argsort(-e[minus, j])]
    sizes = e[plus, j]
    if not len(plus) or len(plus) != len(minus) or not np.allclose(sizes, -e[minus, j], rtol=1e-6, atol=0):
        raise ValueError(
            f'strains: {VOIGT[j]} has {sizes.tolist()} and {e[minus, j].tolist()}; '
            'expected each magnitude as plus and as minus'
        )
    variance = None if u is None else (u[plus] ** 2 + u[minus] ** 2) / 4
    return sizes, (s[plus] - s[minus]) / 2, variance


def _slope(sizes: FloatArray, odd: FloatArray, variance: FloatArray | None) -> tuple[FloatArray, FloatArray]:
    """Slopes through the origin of six stresses, and their errors, NaN where nothing tells them."""
    spread = float(sizes @ sizes)
    slopes = sizes @ odd / spread
    scatter = np.full(6, np.nan)
    if len(sizes) > 1:
        scatter = np.sqrt(((odd - sizes[:, None] * slopes) ** 2).sum(axis=0) / (len(sizes) - 1) / spread)
    if variance is None:
        return slopes, scatter
    stated = np.sqrt(sizes**2 @ variance) / spread
    return slopes, np.fmax(stated, scatter)

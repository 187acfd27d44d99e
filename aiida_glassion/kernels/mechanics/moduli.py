"""What elastic constants mean for a glass: K, G, E, ν with errors, stability, and how isotropic it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.mechanics.elastic import Stiffness
from aiida_glassion.kernels.statistics import mean_and_error

FloatArray = npt.NDArray[np.float64]
MODULI = (
    'bulk_voigt', 'bulk_reuss', 'bulk', 'shear_voigt', 'shear_reuss', 'shear', 'young', 'poisson'
)  # fmt: skip
_KELVIN = np.sqrt(np.outer([1, 1, 1, 2, 2, 2], [1, 1, 1, 2, 2, 2]))
_ISOTROPIC = 19
"""Degrees of freedom of the 21 constants beside the two of an isotropic body."""


@dataclass(frozen=True)
class Moduli:
    """Moduli of a body of randomly turned grains, or of a glass: Voigt, Reuss and Hill.

    :param values: of each of :data:`MODULI`; GPa, ``poisson`` a number. ``bulk``, ``shear`` are Hill's, the mean of
        Voigt's (upper) and Reuss' (lower bound); ``young`` and ``poisson`` follow from them.
    :param errors: standard errors, or None where the constants have none.
    """

    values: dict[str, float]
    errors: dict[str, float] | None


@dataclass(frozen=True)
class Isotropy:
    """How far constants are from those of an isotropic body.

    :param deviation: |C − C_iso|/|C_iso|, both as tensors of fourth rank, C_iso the isotropic mean: 0 if isotropic.
    :param universal: Aᵁ = 5 G_V/G_R + K_V/K_R − 6 (Ranganathan and Ostoja-Starzewski, Phys. Rev. Lett. 101, 055504
        (2008)): 0 if isotropic; None of an unstable C.
    :param zener: 2 C44/(C11 − C12) of the cubic mean; 1 if isotropic; of use in cubic crystals only.
    :param chi2: mean of ((C_ij − C_iso)/error)² per degree of freedom (19); None without errors.
    """

    deviation: float
    universal: float | None
    zener: float
    chi2: float | None


def lowest_stiffness(constants: npt.ArrayLike) -> float:
    """Born's criterion: the smallest eigenvalue of C, GPa; a body is stable against any strain if it is positive.

    Mouhat and Coudert, Phys. Rev. B 90, 224104 (2014). In Kelvin's form, so that it does not depend on the axes.

    :raises ValueError: not a finite, symmetric (6, 6).
    """
    return float(np.linalg.eigvalsh(_checked(constants) * _KELVIN).min())


def moduli(stiffness: Stiffness) -> Moduli:
    """Voigt–Reuss–Hill averages, with errors of the constants carried through (independent of each other).

    Hill, Proc. Phys. Soc. A 65, 349 (1952).

    :raises ValueError: C is not stable: such a body has no Reuss mean.
    """
    constants = _checked(stiffness.constants)
    lowest = lowest_stiffness(constants)
    if lowest <= 0:
        raise ValueError(
            f'constants: not stable, the smallest eigenvalue is {lowest:.4g} GPa; expected a positive one. '
            'Relax the structure further, or take smaller strains'
        )
    values = _averages(constants)
    if stiffness.errors is None:
        return Moduli(dict(zip(MODULI, values.tolist(), strict=True)), None)
    variance = np.zeros(len(MODULI))
    for i in range(6):
        for j in range(i, 6):
            step = np.zeros((6, 6))
            step[i, j] = step[j, i] = 1e-4 * lowest
            slope = (_averages(constants + step) - _averages(constants - step)) / (2e-4 * lowest)
            variance += (slope * stiffness.errors[i, j]) ** 2
    return Moduli(
        dict(zip(MODULI, values.tolist(), strict=True)), dict(zip(MODULI, np.sqrt(variance).tolist(), strict=True))
    )


def pool_moduli(samples: Sequence[Moduli]) -> Moduli:
    """Mean over replicas, with the standard error of their scatter; with one its own errors stay.

    To be preferred to the moduli of pooled constants, since the constants of a replica rise and fall together.

    :raises ValueError: none.
    """
    if not samples:
        raise ValueError('samples: none; expected the moduli of at least one replica')
    if len(samples) == 1:
        return samples[0]
    pooled = {name: mean_and_error([sample.values[name] for sample in samples]) for name in MODULI}
    return Moduli(
        {name: each.mean for name, each in pooled.items()},
        {name: each.standard_error for name, each in pooled.items() if each.standard_error is not None},
    )


def isotropic_stiffness(bulk: float, shear: float) -> FloatArray:
    """Constants (6, 6), GPa, of an isotropic body of K and G, GPa."""
    constants = np.zeros((6, 6))
    constants[:3, :3] = bulk - 2 * shear / 3
    constants[np.diag_indices(6)] += np.array([2.0, 2.0, 2.0, 1.0, 1.0, 1.0]) * shear
    return constants


def isotropy(stiffness: Stiffness) -> Isotropy:
    """How far from isotropic. The isotropic mean has Voigt's K and G: of all isotropic bodies it is the nearest."""
    c = _checked(stiffness.constants)
    bulk_voigt, shear_voigt = _voigt(c)
    mean = isotropic_stiffness(bulk_voigt, shear_voigt)
    difference = (c - mean) * _KELVIN
    universal = None
    if lowest_stiffness(c) > 0:
        bulk_reuss, shear_reuss = _reuss(c)
        universal = float(5 * shear_voigt / shear_reuss + bulk_voigt / bulk_reuss - 6)
    chi2 = None
    if stiffness.errors is not None and (stiffness.errors > 0).all():
        rows, columns = np.triu_indices(6)
        chi2 = float((((c - mean) / stiffness.errors)[rows, columns] ** 2).sum()) / _ISOTROPIC
    c11, c12, c44 = np.trace(c[:3, :3]) / 3, (c[0, 1] + c[0, 2] + c[1, 2]) / 3, np.trace(c[3:, 3:]) / 3
    return Isotropy(
        float(np.linalg.norm(difference) / np.linalg.norm(mean * _KELVIN)),
        universal,
        float(2 * c44 / (c11 - c12)),
        chi2,
    )


def turn_stiffness(constants: npt.ArrayLike, rotation: npt.ArrayLike) -> FloatArray:
    """Constants (6, 6) in turned axes: those of a sample whose vectors were turned as v → R v.

    :param rotation: (3, 3), R, orthogonal.
    :raises ValueError: C is not a symmetric (6, 6), or R is not orthogonal.
    """
    r = np.asarray(rotation, dtype=np.float64)
    if r.shape != (3, 3) or not np.allclose(r @ r.T, np.eye(3), atol=1e-8):
        raise ValueError(f'rotation: {r.tolist()}, expected an orthogonal (3, 3) matrix')
    rows, columns = np.array([0, 1, 2, 1, 0, 0]), np.array([0, 1, 2, 2, 2, 1])
    place = np.array([[0, 5, 4], [5, 1, 3], [4, 3, 2]])
    tensor = _checked(constants)[place[:, :, None, None], place[None, None]]
    turned = np.einsum('ai,bj,ck,dl,ijkl->abcd', r, r, r, r, tensor)
    return np.asarray(turned[rows[:, None], columns[:, None], rows[None], columns[None]])


def young_and_poisson(bulk: float, shear: float) -> tuple[float, float]:
    """E = 9KG/(3K + G), GPa, and ν = (3K − 2G)/(6K + 2G) of an isotropic body.

    :raises ValueError: a modulus is not positive.
    """
    if not (bulk > 0 and shear > 0):
        raise ValueError(f'bulk, shear: {bulk}, {shear} GPa, expected positive moduli')
    return 9 * bulk * shear / (3 * bulk + shear), (3 * bulk - 2 * shear) / (6 * bulk + 2 * shear)


def _averages(c: FloatArray) -> FloatArray:
    (bulk_voigt, shear_voigt), (bulk_reuss, shear_reuss) = _voigt(c), _reuss(c)
    bulk, shear = (bulk_voigt + bulk_reuss) / 2, (shear_voigt + shear_reuss) / 2
    return np.array([bulk_voigt, bulk_reuss, bulk, shear_voigt, shear_reuss, shear, *young_and_poisson(bulk, shear)])


def _voigt(c: FloatArray) -> tuple[float, float]:
    normal, off, shear = np.trace(c[:3, :3]), c[0, 1] + c[0, 2] + c[1, 2], np.trace(c[3:, 3:])
    return float(normal + 2 * off) / 9, float(normal - off + 3 * shear) / 15


def _reuss(c: FloatArray) -> tuple[float, float]:
    s = np.linalg.inv(c)
    normal, off, shear = np.trace(s[:3, :3]), s[0, 1] + s[0, 2] + s[1, 2], np.trace(s[3:, 3:])
    return 1 / float(normal + 2 * off), 15 / float(4 * normal - 4 * off + 3 * shear)


def _checked(constants: npt.ArrayLike) -> FloatArray:
    c = np.asarray(constants, dtype=np.float64)
    if c.shape != (6, 6) or not np.isfinite(c).all() or not np.allclose(c, c.T, rtol=1e-6, atol=1e-9):
        raise ValueError(f'constants: shape {c.shape}, expected a finite, symmetric (6, 6) in GPa')
    return c

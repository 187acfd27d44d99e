"""Strain: tensors and Voigt's six numbers, cells that are deformed, and stress as LAMMPS gives it.

Order xx, yy, zz, yz, xz, xy everywhere; shear strains are engineering ones, γ = 2ε; tensile stress is positive. LAMMPS'
order is xx, yy, zz, xy, xz, yz, and its pressure is positive in compression: :func:`stress_from_lammps` is the one
place where both turn.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Measure = Literal['green-lagrange', 'small']
Orientation = Literal['symmetric', 'restricted']

VOIGT = ('xx', 'yy', 'zz', 'yz', 'xz', 'xy')
"""Names of the six components in their order."""
_ROWS, _COLUMNS = np.array([0, 1, 2, 1, 0, 0]), np.array([0, 1, 2, 2, 2, 1])
_SHEAR = np.array([1.0, 1.0, 1.0, 2.0, 2.0, 2.0])
_FROM_LAMMPS = [0, 1, 2, 5, 4, 3]


def strain_to_voigt(tensor: npt.ArrayLike) -> FloatArray:
    """Six numbers of a strain tensor, shears doubled: (…, 3, 3) → (…, 6).

    :raises ValueError: not (…, 3, 3).
    """
    return np.asarray(stress_to_voigt(tensor) * _SHEAR)


def strain_from_voigt(strain: npt.ArrayLike) -> FloatArray:
    """Symmetric strain tensor of six numbers, shears halved: (…, 6) → (…, 3, 3).

    :raises ValueError: not (…, 6), or not finite.
    """
    return stress_from_voigt(_six('strain', strain) / _SHEAR)


def stress_to_voigt(tensor: npt.ArrayLike) -> FloatArray:
    """Six numbers of a stress tensor, its symmetric part: (…, 3, 3) → (…, 6).

    :raises ValueError: not (…, 3, 3).
    """
    t = np.asarray(tensor, dtype=np.float64)
    if t.ndim < 2 or t.shape[-2:] != (3, 3):
        raise ValueError(f'tensor: shape {t.shape}, expected (…, 3, 3)')
    return np.asarray((t[..., _ROWS, _COLUMNS] + t[..., _COLUMNS, _ROWS]) / 2)


def stress_from_voigt(stress: npt.ArrayLike) -> FloatArray:
    """Symmetric stress tensor of six numbers: (…, 6) → (…, 3, 3).

    :raises ValueError: not (…, 6), or not finite.
    """
    six = _six('stress', stress)
    tensor = np.empty((*six.shape[:-1], 3, 3))
    tensor[..., _ROWS, _COLUMNS] = six
    tensor[..., _COLUMNS, _ROWS] = six
    return tensor


def stress_from_lammps(pressures: npt.ArrayLike) -> FloatArray:
    """Tensile stress of the six components of LAMMPS' pressure.

    :param pressures: (…, 6), pxx, pyy, pzz, pxy, pxz, pyz, positive in compression, any unit.
    :returns: (…, 6), xx, yy, zz, yz, xz, xy, positive in tension, the same unit.
    :raises ValueError: not (…, 6), or not finite.
    """
    return -_six('pressures', pressures)[..., _FROM_LAMMPS]


def green_lagrange(gradient: npt.ArrayLike) -> FloatArray:
    """Green–Lagrange strain (FᵀF − 1)/2 of a deformation gradient: (…, 3, 3) → (…, 6).

    It does not see rotations.
    """
    f = np.asarray(gradient, dtype=np.float64)
    return strain_to_voigt((np.swapaxes(f, -1, -2) @ f - np.eye(3)) / 2)


def small_strain(gradient: npt.ArrayLike) -> FloatArray:
    """Small strain (F + Fᵀ)/2 − 1: (…, 3, 3) → (…, 6). It takes a rotation for a strain of second order."""
    return strain_to_voigt(np.asarray(gradient, dtype=np.float64) - np.eye(3))


def deformation(
    strain: npt.ArrayLike, measure: Measure = 'green-lagrange', orientation: Orientation = 'restricted'
) -> FloatArray:
    """Deformation gradient F of a homogeneous strain: an edge or an atom at r₀ goes to F r₀.

    :param strain: (6,), Voigt, fractions.
    :param measure: ``'green-lagrange'``: the strain is (FᵀF − 1)/2; ``'small'``: 1 + ε is the stretch √(FᵀF).
    :param orientation: a strain leaves open how the sample is turned. ``'symmetric'``: not at all, F = Fᵀ.
        ``'restricted'``: F is upper triangular, so that a cell in LAMMPS' orientation (rows lower triangular) stays in
        it and the stress that LAMMPS gives is in the axes of the cell as it was.
    :returns: (3, 3).
    :raises ValueError: not six finite numbers, a name that is not known, or a strain that crushes the cell to nothing.
    """
    six = _six('strain', strain)
    if six.shape != (6,):
        raise ValueError(f'strain: shape {six.shape}, expected (6,): {", ".join(VOIGT)}')
    for name, value, known in (
        ('measure', measure, get_args(Measure)),
        ('orientation', orientation, get_args(Orientation)),
    ):
        if value not in known:
            raise ValueError(f'{name}: {value!r}, expected one of {", ".join(known)}')
    finite = measure == 'green-lagrange'
    values, vectors = np.linalg.eigh(np.eye(3) + (2 if finite else 1) * strain_from_voigt(six))
    if values.min() <= 0:
        raise ValueError(f'strain: {six.tolist()} crushes the cell or turns it inside out; expected a smaller one')
    stretch = (vectors * (np.sqrt(values) if finite else values)) @ vectors.T
    return np.asarray(np.linalg.cholesky(stretch @ stretch).T if orientation == 'restricted' else stretch)


def deform(
    positions: npt.NDArray[np.floating[Any]], cell: npt.NDArray[np.floating[Any]], gradient: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Positions and cell after a homogeneous deformation, atoms moved along with the cell.

    :param positions: (…, 3), Å.
    :param cell: (3, 3), Å, rows are the cell vectors.
    :param gradient: (3, 3), F.
    :raises ValueError: F turns the cell inside out.
    """
    f = np.asarray(gradient, dtype=np.float64)
    if f.shape != (3, 3) or not np.linalg.det(f) > 0:
        raise ValueError(f'gradient: {f.tolist()}, expected a (3, 3) deformation with a positive determinant')
    return np.asarray(positions @ f.T), np.asarray(cell @ f.T)


def gradient_between(cell: npt.NDArray[np.floating[Any]], deformed: npt.NDArray[np.floating[Any]]) -> FloatArray:
    """Deformation gradient F that takes one cell to another, vector by vector.

    :param cell: (3, 3), Å, rows are the cell vectors.
    :param deformed: (…, 3, 3), Å, the same vectors: a cell that was flipped meanwhile gives nonsense.
    :raises ValueError: the cell has no volume.
    """
    box = np.asarray(cell, dtype=np.float64)
    if box.shape != (3, 3) or abs(np.linalg.det(box)) < 1e-6:
        raise ValueError(f'cell: {box.tolist()}, expected three vectors as rows that span a volume')
    return np.asarray(np.swapaxes(np.linalg.inv(box) @ np.asarray(deformed, dtype=np.float64), -1, -2))


def restricted_cell(cell: npt.NDArray[np.floating[Any]]) -> tuple[FloatArray, FloatArray]:
    """A cell turned to LAMMPS' orientation: first vector along x, second in the xy plane; lengths and angles stay.

    :param cell: (3, 3), Å, right-handed.
    :returns: the turned cell (3, 3), lower triangular, and the rotation Q (3, 3) by which every row vector is to be
        multiplied: ``positions @ Q``. A stress tensor is turned by QᵀσQ.
    :raises ValueError: no volume, or left-handed.
    """
    box = np.asarray(cell, dtype=np.float64)
    if box.shape != (3, 3) or np.linalg.det(box) < 1e-6:
        raise ValueError(f'cell: {box.tolist()}, expected three right-handed vectors as rows that span a volume')
    q, r = np.linalg.qr(box.T)
    signs = np.where(np.diag(r) < 0, -1.0, 1.0)
    rotation = q * signs
    return np.tril(box @ rotation), rotation


def second_piola_kirchhoff(stress: npt.ArrayLike, gradient: npt.ArrayLike) -> FloatArray:
    """Stress conjugate to the Green–Lagrange strain, det(F) F⁻¹ σ F⁻ᵀ: it does not depend on how the sample is turned.

    :param stress: (…, 6), Cauchy stress (force over present area) in the axes in which F is given, GPa.
    :param gradient: (…, 3, 3), F.
    :returns: (…, 6), GPa.
    :raises ValueError: shapes do not fit.
    """
    f = np.asarray(gradient, dtype=np.float64)
    inverse = np.linalg.inv(f)
    tensor = inverse @ stress_from_voigt(stress) @ np.swapaxes(inverse, -1, -2)
    return stress_to_voigt(np.linalg.det(f)[..., None, None] * tensor)


def _six(name: str, values: npt.ArrayLike) -> FloatArray:
    six = np.asarray(values, dtype=np.float64)
    if six.ndim < 1 or six.shape[-1] != 6:
        raise ValueError(f'{name}: shape {six.shape}, expected (…, 6)')
    if not np.isfinite(six).all():
        raise ValueError(f'{name}: not finite (NaN or infinity)')
    return six

"""Degree of disorder along an axis: how evenly the atoms of each slab scatter within its plane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.space.images import check_periodic, heights

FloatArray = npt.NDArray[np.float64]

_FEWEST = 8
"""A slab that holds less than so many atoms has no degree of disorder."""


@dataclass(frozen=True, eq=False)
class Disorder:
    """Degree of disorder slab by slab.

    :param edges: (n_slabs + 1,), Å, along the normal of the slabs, from the origin of the cell.
    :param ratio: (n_slabs,), mean over largest intensity, between 0 and 1; NaN where a slab is (almost) empty.
    :param degree: (n_slabs,), ``ratio`` over its value for an ideal gas: about 1 without order, near 0 for a crystal;
        NaN as ``ratio``.
    :param atoms: (n_slabs,), number of atoms in each slab, by the weight of their Gaussians.
    :param n_wave_vectors: number of wave vectors in the plane, k and −k counted once.
    """

    edges: FloatArray
    ratio: FloatArray
    degree: FloatArray
    atoms: FloatArray
    n_wave_vectors: int

    @property
    def centres(self) -> FloatArray:
        """(n_slabs,), Å."""
        return (self.edges[1:] + self.edges[:-1]) / 2


def degree_of_disorder(
    positions: npt.NDArray[np.floating[Any]],
    cell: npt.NDArray[np.floating[Any]],
    axis: int = 2,
    thickness: float = 5.0,
    sigma: float = 0.5,
    k_min: float = 0.5,
    k_max: float = 4.0,
    n_slabs: int | None = None,
) -> Disorder:
    """Degree of disorder F along an axis, from the two-dimensional Fourier transform of each slab's projected density.

    Every atom is a Gaussian of width σ; the density of a slab is projected along its normal and transformed, and
    F = ΣI/(n I_max), with I = |ρ(k)|² on the n wave vectors of the plane (AAU thesis, eq. 5.1: F = ΣI/ΣI_max per slab,
    the maximum not defined there). Choices: the mean intensity is divided by the largest of the slab, zero frequency
    excluded; the Gaussians' factor exp(−k²σ²), known and the same for any arrangement, is divided out, so that within
    the plane σ does not matter (along the axis it softens the edges of the slabs); wave vectors from k_min to k_max
    count, each pair ±k once. Intensities of an ideal gas are exponentially distributed, so the largest of n is
    H_n = 1 + 1/2 + … + 1/n times the mean: ``degree`` = F·H_n makes it 1. A crystal of N unit cells in the plane of a
    slab has about ln(n)/N of it where the slab's stacking is seen along a zone axis. A glass is not an ideal gas: the
    ring of its first sharp diffraction peak exceeds the mean. Found: 0.8 in a random packing of spheres, 0.9 in a
    sodium silicate glass.

    Slabs are parallel to the other two cell vectors, which must be periodic, as must the axis.

    :param positions: (n_atoms, 3), Å, wrapped or not; of all atoms, or of one sublattice.
    :param cell: (3, 3), Å, rows are the cell vectors; any shape.
    :param axis: 0, 1 or 2.
    :param thickness: wanted thickness of a slab, Å; a whole number of slabs fills the cell.
    :param sigma: width of the Gaussians, Å.
    :param k_min: Å⁻¹.
    :param k_max: Å⁻¹.
    :param n_slabs: so many slabs, whatever ``thickness`` says.
    :raises ValueError: as :func:`.check_periodic`, no such axis, a length that is not positive, k_min ≥ k_max, or a
        cell too small to hold four wave vectors in this range.
    """
    r, box = check_periodic(positions, cell)
    if axis not in (0, 1, 2) or (n_slabs is not None and n_slabs < 1):
        raise ValueError(f'axis, n_slabs: {axis} and {n_slabs}, expected 0, 1 or 2 and at least one slab')
    if not (0 < thickness < np.inf and 0 < sigma < np.inf):
        raise ValueError(f'thickness, sigma: {thickness} and {sigma}, expected positive lengths in Å')
    if not 0 <= k_min < k_max < np.inf:
        raise ValueError(f'k_min, k_max: {k_min} and {k_max}, expected 0 ≤ k_min < k_max')
    height = float(heights(box)[axis])
    n_slabs = max(1, round(height / thickness)) if n_slabs is None else n_slabs
    plane, normal = _plane(box, axis)
    along = (r @ np.linalg.inv(box))[:, axis]
    inside = r - np.floor(along)[:, None] * box[axis]
    weights, shifts = _weights(along - np.floor(along), n_slabs, sigma / height)

    orders, k = _wave_vectors(plane, k_min, k_max)
    if len(k) < 4:
        raise ValueError(f'k_min, k_max: {len(k)} wave vectors between {k_min} and {k_max} Å⁻¹, at least 4 are needed')
    in_plane, step = inside @ normal, box[axis] @ normal
    amplitudes = np.zeros((n_slabs, len(k)), dtype=np.complex128)
    for weight, shift in zip(weights, shifts, strict=True):
        fractions = (in_plane + shift * step) @ np.linalg.inv(plane)
        _sum_phases(fractions, weight, orders, amplitudes)
    intensities = np.abs(amplitudes) ** 2
    atoms = weights.sum(axis=(0, 1))
    largest = intensities.max(axis=1)
    full = (atoms >= _FEWEST) & (largest > 0)
    ratio = np.where(full, intensities.mean(axis=1) / np.where(full, largest, 1), np.nan)
    harmonic = float((1 / np.arange(1, len(k) + 1)).sum())
    return Disorder(np.linspace(0, height, n_slabs + 1), ratio, ratio * harmonic, atoms, len(k))


def _plane(cell: FloatArray, axis: int) -> tuple[FloatArray, FloatArray]:
    """The two other cell vectors in a frame of their plane (2, 2), and the frame (3, 2), columns of unit length."""
    a, b = cell[(axis + 1) % 3], cell[(axis + 2) % 3]
    x = a / np.linalg.norm(a)
    y = b - (b @ x) * x
    frame = np.stack([x, y / np.linalg.norm(y)], axis=1)
    return np.stack([a, b]) @ frame, frame


def _weights(fractions: FloatArray, n_slabs: int, width: float) -> tuple[FloatArray, list[int]]:
    """Share of each atom's Gaussian in each slab (n_images, n_atoms, n_slabs), and by how many cells images are moved.

    The shares of an atom sum to 1 but for what lies beyond one cell.
    """
    from scipy.special import erf

    n = int(np.ceil(6 * width))
    shifts = list(range(-n, n + 1))
    edges = np.linspace(0, 1, n_slabs + 1)
    moved = fractions[None, :, None] + np.array(shifts)[:, None, None]
    share = np.diff(erf((edges - moved) / (np.sqrt(2) * width)), axis=2) / 2
    return share, shifts


def _wave_vectors(plane: FloatArray, k_min: float, k_max: float) -> tuple[npt.NDArray[np.int64], FloatArray]:
    """Orders (n, 2) and lengths (n,), Å⁻¹, of the wave vectors of a plane's lattice in a range, each pair ±k once."""
    most = np.floor(k_max * np.linalg.norm(plane, axis=1) / (2 * np.pi)).astype(int)
    m = np.stack(np.meshgrid(*[np.arange(-n, n + 1) for n in most], indexing='ij'), axis=-1).reshape(-1, 2)
    k = 2 * np.pi * np.linalg.norm(m @ np.linalg.inv(plane).T, axis=1)
    half = (m[:, 0] > 0) | ((m[:, 0] == 0) & (m[:, 1] > 0))
    wanted = half & (k >= k_min) & (k <= k_max)
    return m[wanted].astype(np.int64), k[wanted]


@numba.njit(cache=True, nogil=True)
def _sum_phases(
    fractions: FloatArray,
    weights: FloatArray,
    orders: npt.NDArray[np.int64],
    amplitudes: npt.NDArray[np.complex128],
) -> None:
    """Add Σ_j w_j exp(2πi m·f_j) to the amplitudes (n_slabs, n_k); atoms without weight in a slab are left out."""
    most = 0
    for order in orders.ravel():
        most = max(most, abs(order))
    powers = np.empty((2, 2 * most + 1), dtype=np.complex128)
    for atom in range(len(fractions)):
        if weights[atom].max() < 1e-9:
            continue
        for axis in range(2):
            turn = np.exp(2j * np.pi * fractions[atom, axis])
            powers[axis, most] = 1.0
            for m in range(1, most + 1):
                powers[axis, most + m] = powers[axis, most + m - 1] * turn
                powers[axis, most - m] = np.conj(powers[axis, most + m])
        for slab in range(amplitudes.shape[0]):
            weight = weights[atom, slab]
            if weight < 1e-9:
                continue
            for n in range(len(orders)):
                amplitudes[slab, n] += weight * powers[0, most + orders[n, 0]] * powers[1, most + orders[n, 1]]

"""Has the glass crystallised? Bragg peaks in the structure factor of one sublattice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.structure.neighbours import check_configuration, check_types

FloatArray = npt.NDArray[np.float64]

_SHELL_WIDTH = 0.1
"""Width of the shells of |k| over which S(k) is averaged, Å⁻¹: narrower than a glass's first sharp peak."""


@dataclass(frozen=True)
class Crystallinity:
    """How unevenly one sublattice scatters into the directions of k.

    :param contrast: ΣS²/ΣS̄² − 1, with S̄ the mean of S(k) over the directions of k at equal length; 1 for a glass,
        of the order of the number of unit cells for a crystal.
    :param threshold: contrast above which the sublattice counts as crystallised.
    :param bragg_peak: largest S(k)/N in the range of k, 1 for a perfect lattice with one atom per cell.
    :param bragg_k: length of k at that peak, Å⁻¹.
    :param n_wave_vectors: number of wave vectors behind the contrast, k and −k counted once.
    :param judged: False where the cell is too small to tell; then ``crystallised`` is False too.
    """

    contrast: float
    threshold: float
    bragg_peak: float
    bragg_k: float
    n_wave_vectors: int
    judged: bool

    @property
    def crystallised(self) -> bool:
        """Whether Bragg peaks stand out."""
        return self.judged and self.contrast > self.threshold

    def summary(self) -> dict[str, Any]:
        """JSON-ready: all fields (``bragg_k`` in Å⁻¹) and ``crystallised``."""
        return {**asdict(self), 'crystallised': self.crystallised}


def crystallinity(
    positions: npt.NDArray[np.floating[Any]],
    cell: npt.NDArray[np.floating[Any]],
    k_min: float = 0.8,
    k_max: float = 3.5,
    threshold: float = 3.0,
    min_wave_vectors: int = 100,
) -> Crystallinity:
    """Look for Bragg peaks in S(k) = |Σ_j exp(i k·r_j)|²/N of one sublattice on all wave vectors of the periodic cell.

    Without long-range order the amplitude at a wave vector is a sum of many uncorrelated parts, so S(k) scatters around
    its mean S̄(|k|) as an exponential variable does (speckle): ⟨S²⟩ = 2 S̄² and the contrast ΣS²/ΣS̄² − 1 is 1, whatever
    the shape of S̄. A crystal concentrates the same intensity in few wave vectors: the contrast is of the order of the
    number of unit cells in the box; thermal motion takes away a Debye-Waller factor, and a crystallite of volume
    fraction x leaves about x³ of it. The default threshold of 3 lies far above what was found for glasses, melts and
    random packings (0.7 to 1.4), and below α-quartz of 27 cells that vibrates by 0.3 Å along each axis (5.6). A small
    glass repeated to a larger one is periodic, and is called a crystal.

    Atoms are put on a grid (cloud in cell, its form factor divided out) and transformed by FFT: every wave vector is
    seen, at a cost linear in the volume. Wave vectors below ``k_min`` see pores and phase separation, not order.

    :param positions: (n_atoms, 3), Å, of one element: network formers or anions. Unwrapped or not.
    :param cell: (3, 3), Å, rows are the cell vectors; any shape.
    :param k_min: Å⁻¹.
    :param k_max: Å⁻¹.
    :param threshold: contrast above which the sublattice counts as crystallised.
    :param min_wave_vectors: fewer than these cannot be judged.
    :raises ValueError: a shape does not fit, a number is not finite, the cell has no volume, no atom, or k_min ≥ k_max.
    """
    r, box = check_configuration(positions, cell)
    if len(r) == 0:
        raise ValueError('positions: no atom')
    if not 0 < k_min < k_max:
        raise ValueError(f'k_min, k_max: {k_min} and {k_max}, expected 0 < k_min < k_max')
    if abs(np.linalg.det(box)) < 1e-6:
        raise ValueError('cell: no volume')
    k, s = intensities(r, box, k_max)
    chosen = (k >= k_min) & (k <= k_max)
    k, s = k[chosen], s[chosen]
    if len(k) == 0:
        return Crystallinity(0.0, threshold, 0.0, 0.0, 0, False)

    shell = ((k - k_min) / _SHELL_WIDTH).astype(np.int64)
    sizes = np.bincount(shell)
    means = np.bincount(shell, s) / np.maximum(sizes, 1)
    full = sizes[shell] >= 4
    expected = float((means[shell[full]] ** 2).sum())
    contrast = float((s[full] ** 2).sum()) / expected - 1 if expected > 0 else 0.0
    peak = int(np.argmax(s))
    return Crystallinity(
        contrast,
        threshold,
        float(s[peak] / len(r)),
        float(k[peak]),
        int(full.sum()),
        bool(full.sum() >= min_wave_vectors),
    )


def crystallinity_by_element(
    positions: npt.NDArray[np.floating[Any]],
    cell: npt.NDArray[np.floating[Any]],
    types: npt.NDArray[np.integer[Any]],
    elements: Sequence[str],
    **settings: Any,
) -> dict[str, Crystallinity]:
    """:func:`crystallinity` of each element's sublattice.

    :param types: (n_atoms,), index into ``elements``.
    :param elements: element of each type; those without atoms are left out.
    :param settings: as for :func:`crystallinity`.
    """
    checked = check_types(types, len(positions), len(elements))
    return {
        element: crystallinity(positions[checked == kind], cell, **settings)
        for kind, element in enumerate(elements)
        if (checked == kind).any()
    }


def intensities(
    positions: npt.NDArray[np.floating[Any]], cell: npt.NDArray[np.floating[Any]], k_max: float
) -> tuple[FloatArray, FloatArray]:
    """S(k) = |Σ_j exp(i k·r_j)|²/N at the wave vectors 0 < |k| ≤ k_max of a periodic cell, each pair ±k once.

    :param positions: (n_atoms, 3), Å.
    :param cell: (3, 3), Å, rows are the cell vectors.
    :param k_max: Å⁻¹.
    :returns: |k| (n,), Å⁻¹, and S (n,), with the grid's error: a few per cent, largest near k_max.
    """
    from scipy import fft

    # |m_i| = |k·a_i|/2π ≤ k_max |a_i|/2π; twice as many points as the sampling theorem asks keep images of k away
    orders = np.floor(k_max * np.linalg.norm(cell, axis=1) / (2 * np.pi)).astype(int)
    shape = [fft.next_fast_len(int(4 * order + 4), real=True) for order in orders]
    density = np.zeros(shape)
    _share_among_grid_points(positions @ np.linalg.inv(cell), density)
    amplitude = fft.rfftn(density)

    axes = [np.round(np.fft.fftfreq(shape[i]) * shape[i]) for i in (0, 1)] + [np.arange(amplitude.shape[2])]
    near = [np.abs(axis) <= order for axis, order in zip(axes, orders, strict=True)]
    amplitude = amplitude[np.ix_(*near)]
    m = np.stack(np.meshgrid(*(axis[keep] for axis, keep in zip(axes, near, strict=True)), indexing='ij'), axis=-1)
    k = 2 * np.pi * np.linalg.norm(m @ np.linalg.inv(cell).T, axis=-1)
    m0, m1, m2 = m[..., 0], m[..., 1], m[..., 2]
    half = (m2 > 0) | ((m2 == 0) & ((m1 > 0) | ((m1 == 0) & (m0 > 0))))
    wanted = half & (k <= k_max)
    form = np.prod(np.sinc(m[wanted] / np.array(shape)) ** 2, axis=-1)
    s = np.abs(amplitude[wanted] / form) ** 2 / len(positions)
    return k[wanted], s


@numba.njit(cache=True, nogil=True)
def _share_among_grid_points(fractional: FloatArray, density: FloatArray) -> None:
    """Share each atom among the eight grid points around it, by linear weights (cloud in cell)."""
    shape = density.shape
    for atom in range(len(fractional)):
        x = (fractional[atom, 0] % 1.0) * shape[0]
        y = (fractional[atom, 1] % 1.0) * shape[1]
        z = (fractional[atom, 2] % 1.0) * shape[2]
        i, j, k = int(x), int(y), int(z)
        for a in range(2):
            wx = x - i if a else 1.0 - x + i
            for b in range(2):
                wxy = wx * (y - j if b else 1.0 - y + j)
                for c in range(2):
                    w = wxy * (z - k if c else 1.0 - z + k)
                    density[(i + a) % shape[0], (j + b) % shape[1], (k + c) % shape[2]] += w

"""How far the values of one MSD curve err, and err together: the covariance of averages over overlapping origins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

DoubleArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class MsdCovariance:
    """Covariance of the MSD at some lags, in closed form, for any line MSD(k) = intercept + slope k.

    Displacements of one ion in one direction are taken as Gaussian with stationary increments. The squares of two of
    them then covary by 2 g², with g = ½[M(k+n) + M(p−k) − M(k) − M(k+n−p)] for lags n and p that begin k frames apart;
    summed over all pairs of origins this is exact (Qian et al., Biophys. J. 60, 910 (1991), and Michalet, Phys. Rev. E
    82, 041914 (2010), for the walk with an error of localisation, which for ions is the rattling in their cages).

    :param lags: (n_lags,), frames, ascending, from 1.
    :param n_frames: length of the trajectory.
    :raises ValueError: lags out of order or beyond the trajectory.
    """

    lags: IntArray
    n_frames: int

    def __post_init__(self) -> None:
        lags = np.asarray(self.lags)
        if lags.ndim != 1 or not len(lags) or lags[0] < 1 or lags[-1] >= self.n_frames or (np.diff(lags) <= 0).any():
            raise ValueError(f'lags: expected ascending frames between 1 and {self.n_frames - 1}')

    @cached_property
    def _sums(self) -> tuple[DoubleArray, DoubleArray, DoubleArray]:
        """Of g² = (a o + c d)² over all pairs of origins: the sums of o², 2 o d and d², (n_lags, n_lags) each.

        With e the frames by which the shorter lag n reaches out of the longer one, p, at either end, their overlap is
        o = n − e, and N_p − e pairs of origins have it (N_p = n_frames − p); inside, o = n and N_p pairs.
        """
        lags = np.asarray(self.lags, dtype=np.float64)
        n, p = np.minimum(lags[:, None], lags), np.maximum(lags[:, None], lags)
        n_p = self.n_frames - p
        e = np.minimum(n, n_p) - 1
        e1, e2, e3 = e * (e + 1) / 2, e * (e + 1) * (2 * e + 1) / 6, (e * (e + 1) / 2) ** 2
        outside = n_p * n**2 * e - (2 * n * n_p + n**2) * e1 + (n_p + 2 * n) * e2 - e3
        norm = 2.0 / (n_p * (self.n_frames - n))
        same = np.where(n == p, 1.0, 0.5)
        walk = norm * (n_p * n**2 * (p - n + 1) + 2 * outside)
        mixed = norm * 2.0 * n_p * n
        rattle = norm * (same * n_p + 0.5 * np.maximum(n_p - n, 0.0))
        return walk, mixed, rattle

    def of_line(self, slopes: Sequence[float], intercepts: Sequence[float], n_walkers: int) -> DoubleArray:
        """Covariance matrix, (n_lags, n_lags), in the square of the unit of the MSD.

        :param slopes: of the MSD in each direction, per frame; directions are independent of each other.
        :param intercepts: of the MSD in each direction.
        :param n_walkers: independent ions over which the MSD is the mean.
        """
        walk, mixed, rattle = self._sums
        total = np.zeros_like(walk)
        for slope, intercept in zip(slopes, intercepts, strict=True):
            a, c = max(slope, 0.0), max(intercept, 0.0)
            total += a * a * walk + a * c * mixed + c * c * rattle
        return total / n_walkers

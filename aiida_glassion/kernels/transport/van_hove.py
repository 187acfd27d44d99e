"""How far ions go in a time: moments of their displacements and the van Hove function, in one pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.transport._compiled import add_all_origins, add_displacements, count_pairs

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Displacements:
    """What is known of the displacements over each lag.

    :param lags: (n_lags,), frames.
    :param n_origins: (n_lags,), frames from which each lag was counted.
    :param squared: (n_lags, n_ions), mean r² of each ion over the origins, Å².
    :param fourth: (n_lags, n_ions), mean r⁴, Å⁴.
    :param counts: (n_lags, n_groups, n_bins + 1), displacements of each group by r; the last bin is all beyond.
    :param groups: (n_ions,), group of each ion, from 0.
    :param bin_width: Å.
    """

    lags: IntArray
    n_origins: IntArray
    squared: FloatArray
    fourth: FloatArray
    counts: IntArray
    groups: IntArray
    bin_width: float

    @property
    def radii(self) -> FloatArray:
        """(n_bins,), middle of each bin, Å."""
        radii: FloatArray = (np.arange(self.counts.shape[2] - 1) + 0.5) * self.bin_width
        return radii

    def self_van_hove(self, groups: Sequence[int] | None = None) -> FloatArray:
        """4πr²G_s(r, t) of some groups together, (n_lags, n_bins), Å⁻¹; integrates to 1 with :meth:`beyond`.

        :param groups: None: all ions.
        :raises ValueError: the groups have no ion.
        """
        return self._shares(groups)[:, :-1] / self.bin_width

    def beyond(self, groups: Sequence[int] | None = None) -> FloatArray:
        """(n_lags,), share of the displacements that are longer than the range of r."""
        return self._shares(groups)[:, -1]

    def farther(self, distance: float, groups: Sequence[int] | None = None) -> FloatArray:
        """(n_lags,), share of the displacements longer than a distance (Å), bins in part by their share.

        :raises ValueError: the distance is not within the range of r.
        """
        bins = distance / self.bin_width
        n_bins = self.counts.shape[2] - 1
        if not 0 <= bins <= n_bins:
            raise ValueError(f'distance: {distance} Å, expected 0 to {n_bins * self.bin_width:g} Å')
        shares = self._shares(groups)
        whole = min(int(bins), n_bins - 1)
        return np.asarray(shares[:, whole + 1 :].sum(axis=1) + shares[:, whole] * (whole + 1 - bins), dtype=np.float64)

    def _shares(self, groups: Sequence[int] | None) -> FloatArray:
        counts = self.counts.sum(axis=1) if groups is None else self.counts[:, list(groups)].sum(axis=1)
        total = counts.sum(axis=1, keepdims=True)
        if not total.all():
            raise ValueError(f'groups: {groups} have no ion')
        shares: FloatArray = counts / total
        return shares


class DisplacementSums:
    """Sums of :class:`Displacements`, pair of frames by pair of frames, in memory for as many lags as there are.

    :param groups: (n_ions,), from 0; an element, a region, a block of ions: what is to be told apart in G_s.
    :param bin_width: Å.
    :param r_max: end of the histogram, Å; what is beyond is counted, and in the moments.
    :raises ValueError: no ion, a group is negative, or the range holds no bin.
    """

    def __init__(self, groups: npt.ArrayLike, bin_width: float = 0.1, r_max: float = 15.0) -> None:
        self.groups = np.asarray(groups, dtype=np.int64)
        if self.groups.ndim != 1 or not len(self.groups) or self.groups.min() < 0:
            raise ValueError(f'groups: shape {self.groups.shape}, expected (n_ions,), at least one, numbers from 0')
        if not (np.isfinite([bin_width, r_max]).all() and 0 < bin_width < r_max):
            raise ValueError(f'bin_width: {bin_width} Å, expected more than 0 and less than r_max, {r_max} Å')
        self.n_bins = int(np.ceil(r_max / bin_width - 1e-9))
        self.bin_width = float(bin_width)
        self.n_groups = int(self.groups.max()) + 1
        self._rows = (self.groups * (self.n_bins + 1)).astype(np.int32)
        self._cells = np.empty(len(self.groups), dtype=np.int32)
        self._lags: list[int] = []
        self._origins: list[int] = []
        self._squared: list[FloatArray] = []
        self._fourth: list[FloatArray] = []
        self._counts: list[IntArray] = []

    def add(self, place: int, lag: int, now: FloatArray, then: FloatArray) -> None:
        """Add the displacements between two frames.

        :param place: of the lag among the lags; a new one is the next.
        :param lag: frames.
        :param now: (3, n_ions), contiguous, Å, unwrapped and without drift.
        :param then: likewise, ``lag`` frames before.
        """
        if place == len(self._lags):
            self._lags.append(lag)
            self._origins.append(0)
            self._squared.append(np.zeros(len(self.groups)))
            self._fourth.append(np.zeros(len(self.groups)))
            self._counts.append(np.zeros((self.n_groups, self.n_bins + 1), dtype=np.int64))
        self._origins[place] += 1
        add_displacements(
            now, then, self._rows, 1 / self.bin_width,
            self._squared[place], self._fourth[place], self._counts[place], self._cells,
        )  # fmt: skip

    def displacements(self, longest: int | None = None) -> Displacements:
        """What was found.

        :param longest: lags beyond are left out.
        :raises ValueError: there is no lag.
        """
        kept = [k for k, lag in enumerate(self._lags) if longest is None or lag <= longest]
        if not kept:
            raise ValueError('no two frames that lie a lag apart; more frames are needed')
        origins = np.array([self._origins[k] for k in kept], dtype=np.int64)
        return Displacements(
            np.array([self._lags[k] for k in kept], dtype=np.int64),
            origins,
            np.array([self._squared[k] for k in kept]) / origins[:, None],
            np.array([self._fourth[k] for k in kept]) / origins[:, None],
            np.array([self._counts[k] for k in kept]),
            self.groups,
            self.bin_width,
        )


def displacements(
    positions: npt.NDArray[np.floating[Any]],
    lags: npt.ArrayLike,
    groups: npt.ArrayLike | None = None,
    bin_width: float = 0.1,
    r_max: float = 15.0,
    every: int = 1,
) -> Displacements:
    """Moments and histogram of the displacements over each lag, from all origins.

    :param positions: (n_frames, n_ions, 3), Å, unwrapped and without drift.
    :param lags: (n_lags,), frames, each from 1 to n_frames − 1.
    :param groups: (n_ions,), from 0: what is to be told apart in G_s; None: one group.
    :param bin_width: Å.
    :param r_max: end of the histogram, Å.
    :param every: take every n-th frame as origin.
    :raises ValueError: a shape does not fit, a number is not finite, or a lag is not within the trajectory.
    """
    r = check_trajectory(positions)
    wanted = np.atleast_1d(np.asarray(lags, dtype=np.int64))
    if wanted.ndim != 1 or not len(wanted) or wanted.min() < 1 or wanted.max() >= len(r):
        raise ValueError(f'lags: expected numbers of frames from 1 to {len(r) - 1}, given {wanted.tolist()[:10]}')
    if every < 1:
        raise ValueError(f'every: {every}, expected at least 1')
    sums = DisplacementSums(np.zeros(r.shape[1], dtype=np.int64) if groups is None else groups, bin_width, r_max)
    if len(sums.groups) != r.shape[1]:
        raise ValueError(f'groups: {len(sums.groups)} of them for {r.shape[1]} ions')
    squared, fourth = np.zeros((2, len(wanted), r.shape[1]))
    counts = np.zeros((4, len(wanted), sums.n_groups, sums.n_bins + 1), dtype=np.int64)
    add_all_origins(r, wanted, every, sums.groups, 1 / sums.bin_width, squared, fourth, counts)
    origins = -((wanted - len(r)) // every)
    return Displacements(
        wanted,
        origins,
        squared / origins[:, None],
        fourth / origins[:, None],
        counts.sum(axis=0),
        sums.groups,
        sums.bin_width,
    )


def check_trajectory(positions: npt.NDArray[np.floating[Any]], n_least: int = 2) -> FloatArray:
    """Positions (n_frames, n_ions, 3), Å, in double precision.

    :raises ValueError: the shape does not fit, there are too few frames or no ion, or a number is not finite.
    """
    r = np.asarray(positions, dtype=np.float64)
    if r.ndim != 3 or r.shape[2] != 3 or len(r) < n_least or not r.shape[1]:
        raise ValueError(f'positions: shape {r.shape}, expected (n_frames ≥ {n_least}, n_ions ≥ 1, 3)')
    if not np.isfinite(r).all():
        raise ValueError('positions: not finite (NaN or infinity)')
    return r


def distinct_counts(
    now: FloatArray,
    then: FloatArray,
    cell: FloatArray,
    n_bins: int,
    r_max: float,
    now_of: IntArray | None = None,
    then_of: IntArray | None = None,
) -> IntArray:
    """How many ions are at each distance from where others were, one's own place left out; all images counted.

    :param now: (n, 3), Å, wrapped or not.
    :param then: (m, 3), Å, at the earlier time.
    :param cell: (3, 3), Å, rows are the cell vectors; any shape, periodic, may be narrower than ``r_max``.
    :param now_of: (n,), which ion each is; None: numbers from 0.
    :param then_of: (m,), likewise.
    :returns: (n_bins,).
    :raises ValueError: the cell has no volume.
    """
    if abs(np.linalg.det(cell)) < 1e-6:
        raise ValueError('cell: no volume')
    inverse = np.linalg.inv(cell)
    height = 1 / np.linalg.norm(inverse, axis=0)
    n = [int(max(1, min(np.floor(2 * h / r_max), 64))) for h in height]
    reach = [int(np.ceil(r_max * n[k] / height[k] - 1e-9)) for k in range(3)]
    counts = np.zeros(n_bins, dtype=np.int64)
    count_pairs(
        np.asarray(now @ inverse), np.asarray(then @ inverse),
        np.arange(len(now)) if now_of is None else np.asarray(now_of, dtype=np.int64),
        np.arange(len(then)) if then_of is None else np.asarray(then_of, dtype=np.int64),
        np.ascontiguousarray(cell, dtype=np.float64), (n[0], n[1], n[2]), (reach[0], reach[1], reach[2]), r_max, counts,
    )  # fmt: skip
    return counts


def distinct_van_hove(
    positions: npt.NDArray[np.floating[Any]],
    cell: npt.NDArray[np.floating[Any]],
    lags: npt.ArrayLike,
    first: BoolArray | None = None,
    second: BoolArray | None = None,
    bin_width: float = 0.1,
    r_max: float = 10.0,
    every: int = 1,
) -> tuple[FloatArray, FloatArray]:
    """Distinct van Hove function over the density: how likely another ion is found at r from where one was t before.

    g_d(r, t) = V / (N₁ N₂) Σ_i Σ_{j≠i} ⟨δ(r − r_ij(t))⟩ / 4πr², with r_ij(t) the distance from where i was to
    where j is: the g(r) of the two kinds at t = 0 and 1 where nothing is remembered (1 − 1/N for like ions). A peak
    that grows at r = 0 is ions that go where others were. An ion's own images are not counted.

    :param positions: (n_frames, n_ions, 3), Å.
    :param cell: (3, 3), Å; the mean one where it changes.
    :param lags: (n_lags,), frames, from 0.
    :param first: (n_ions,), whose earlier places are looked from; None: all.
    :param second: (n_ions,), which ions are looked for; None: all.
    :param every: take every n-th frame as origin.
    :returns: r (n_bins,), Å, and g_d (n_lags, n_bins).
    :raises ValueError: a shape does not fit, no ion, or a lag is not within the trajectory.
    """
    r = check_trajectory(positions, 1)
    wanted = np.atleast_1d(np.asarray(lags, dtype=np.int64))
    if not len(wanted) or wanted.min() < 0 or wanted.max() >= len(r):
        raise ValueError(f'lags: expected numbers of frames from 0 to {len(r) - 1}, given {wanted.tolist()[:10]}')
    from_, to = (np.arange(r.shape[1]) if mask is None else np.flatnonzero(mask) for mask in (first, second))
    if not len(from_) or not len(to):
        raise ValueError(f'first and second: {len(from_)} and {len(to)} ions, expected at least one of each')
    n_bins = int(np.ceil(r_max / bin_width - 1e-9))
    box = np.asarray(cell, dtype=np.float64)
    found = np.zeros((len(wanted), n_bins))
    for k, lag in enumerate(wanted):
        origins = range(0, len(r) - lag, every)
        for origin in origins:
            pairs = distinct_counts(r[origin + lag, to], r[origin, from_], box, n_bins, n_bins * bin_width, to, from_)
            found[k] += pairs / len(origins)
    even = expected_pairs(len(from_), len(to), box, n_bins, bin_width)
    return distinct_radii(n_bins, bin_width), np.asarray(found / even, dtype=np.float64)


def distinct_radii(n_bins: int, bin_width: float) -> FloatArray:
    """(n_bins,), middle of each bin, Å."""
    return np.asarray((np.arange(n_bins) + 0.5) * bin_width, dtype=np.float64)


def expected_pairs(n_first: int, n_second: int, cell: FloatArray, n_bins: int, bin_width: float) -> FloatArray:
    """(n_bins,), pairs in each shell if the second kind were spread evenly, with the exact volume of the shells."""
    edges = np.arange(n_bins + 1) * bin_width
    shells: FloatArray = 4 / 3 * np.pi * np.diff(edges**3)
    return n_first * n_second / float(abs(np.linalg.det(cell))) * shells

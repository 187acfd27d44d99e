"""Hops of ions between sites: how long they stay, how far they go, how often they return."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.transport._compiled import nearest_sites

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

NOWHERE = -1
"""Between sites."""
_MOST_BOXES = 24


def density_sites(density: FloatArray, cell: FloatArray, level: float, separation: float) -> FloatArray:
    """Sites: the places of the highest density, the densest first, none nearer to one before it than a separation.

    :param density: (n_a, n_b, n_c), Å⁻³, smoothed.
    :param cell: (3, 3), Å, rows are the vectors.
    :param level: Å⁻³, no site has less.
    :param separation: Å, no two sites are nearer.
    :returns: (n_sites, 3), fractional coordinates in [0, 1), on the grid.
    :raises ValueError: the separation is not positive.
    """
    from scipy.ndimage import maximum_filter

    if not (np.isfinite(separation) and separation > 0):
        raise ValueError(f'separation: {separation} Å, expected a positive number')
    top = (density == maximum_filter(density, 3, mode='wrap')) & (density >= max(level, 1e-300))
    candidates = np.argwhere(top)
    order = np.argsort(-density[top], kind='stable')
    points = candidates[order] / np.array(density.shape)
    kept: list[int] = []
    for i in range(len(points)):
        if not kept or nearest_images(points[kept] - points[i], cell).min() >= separation:
            kept.append(i)
    found: FloatArray = points[kept].reshape(-1, 3)
    return found


def nearest_images(fractional: FloatArray, cell: FloatArray) -> FloatArray:
    """Lengths of vectors to the nearest of their images, (n,), Å.

    :param fractional: (n, 3), along the cell vectors.
    :param cell: (3, 3), Å.
    """
    folded = fractional - np.rint(fractional)
    shifts = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3, indexing='ij'), -1).reshape(-1, 3)
    lengths: FloatArray = np.linalg.norm((folded[:, None] + shifts) @ cell, axis=-1).min(axis=1)
    return lengths


def assign_sites(
    fractional: npt.NDArray[np.floating[Any]], sites: FloatArray, cell: FloatArray, radius: float
) -> npt.NDArray[np.int32]:
    """The nearest site of each ion, where it is within its radius.

    :param fractional: (n_frames, n_ions, 3), folded into the cell or not.
    :param sites: (n_sites, 3), fractional.
    :param cell: (3, 3), Å.
    :param radius: of a site, Å, less than half the least distance between opposite faces of the cell.
    :returns: (n_frames, n_ions), index of the site, or :data:`NOWHERE`.
    :raises ValueError: a shape does not fit, no site, or a radius that is too large.
    """
    r = np.asarray(fractional, dtype=np.float64)
    centres = np.asarray(sites, dtype=np.float64)
    box = np.ascontiguousarray(cell, dtype=np.float64)
    if r.ndim != 3 or r.shape[2] != 3:
        raise ValueError(f'fractional: shape {r.shape}, expected (n_frames, n_ions, 3)')
    if centres.ndim != 2 or centres.shape[1] != 3 or not len(centres):
        raise ValueError(f'sites: shape {centres.shape}, expected (n_sites, 3), at least one')
    heights = 1 / np.linalg.norm(np.linalg.inv(box), axis=0)
    if not 0 < radius < heights.min() / 2:
        half = heights.min() / 2
        raise ValueError(f'radius: {radius} Å, expected more than 0 and less than half the cell, {half:.3f} Å')
    n_a, n_b, n_c = (int(min(h / radius, _MOST_BOXES)) for h in heights)
    found = np.empty(r.shape[:2], dtype=np.int32)
    nearest_sites(r.reshape(-1, 3), centres, box, (n_a, n_b, n_c), float(radius), found.reshape(-1))
    return found


@dataclass(frozen=True, eq=False)
class Hops:
    """Hops from one site to another.

    :param frames: (n_hops,), the first frame on the new site, ascending.
    :param ions: (n_hops,).
    :param origins: (n_hops,), site that was left.
    :param targets: (n_hops,), site that was reached.
    :param stays: (n_hops,), frames since the ion had come to the site that it leaves; those of the first hop of an ion
        began before the trajectory did, and are shorter than they were.
    :param first: (n_hops,), whether a hop is the first of its ion.
    :param n_frames: of the trajectory.
    :param n_ions: in it.
    :param occupied: (n_sites,), mean number of ions on each site.
    :param seen: ion-frames from an ion's first site on: the time in which a hop would have been seen.
    """

    frames: IntArray
    ions: IntArray
    origins: IntArray
    targets: IntArray
    stays: IntArray
    first: npt.NDArray[np.bool_]
    n_frames: int
    n_ions: int
    occupied: FloatArray
    seen: int

    def __len__(self) -> int:
        return len(self.frames)


def find_hops(assigned: npt.NDArray[np.integer[Any]], n_sites: int, least: int = 1) -> Hops:
    """Hops in a series of sites: an ion belongs to its last site until it has been on another for some frames.

    So an ion that leaves its site and returns, or only passes by another one, has not hopped.

    :param assigned: (n_frames, n_ions), site of each ion in each frame, or :data:`NOWHERE`.
    :param n_sites: number of sites.
    :param least: frames in a row on the new site that make a hop.
    :raises ValueError: the shape does not fit, a site is not among them, or ``least`` is below 1.
    """
    at = np.asarray(assigned)
    if at.ndim != 2 or not at.size:
        raise ValueError(f'assigned: shape {at.shape}, expected (n_frames, n_ions), at least one of each')
    if at.min() < NOWHERE or at.max() >= n_sites:
        raise ValueError(f'assigned: site {at.max()} or {at.min()}, expected {NOWHERE} to {n_sites - 1}')
    if least < 1:
        raise ValueError(f'least: {least} frames, expected at least 1')
    n_frames, n_ions = at.shape
    home = np.full(n_ions, NOWHERE, dtype=np.int64)
    since = np.zeros(n_ions, dtype=np.int64)
    hopped = np.zeros(n_ions, dtype=bool)
    trial, run = home.copy(), np.zeros(n_ions, dtype=np.int64)
    settled = np.full(n_ions, n_frames, dtype=np.int64)
    occupied = np.zeros(n_sites)
    parts: list[tuple[IntArray, ...]] = []
    for frame in range(n_frames):
        now = at[frame].astype(np.int64)
        somewhere = now != NOWHERE
        run = np.where(somewhere & (now == trial), run + 1, somewhere.astype(np.int64))
        trial = now
        enough = somewhere & (now != home) & (run >= least)
        new = np.flatnonzero(enough & (home == NOWHERE))
        gone = np.flatnonzero(enough & (home != NOWHERE))
        arrived = frame - least + 1
        if len(gone):
            parts.append((
                np.full(len(gone), arrived), gone, home[gone], now[gone], arrived - since[gone], (~hopped[gone]) * 1
            ))  # fmt: skip
            hopped[gone] = True
        settled[new] = arrived
        home[enough], since[enough] = now[enough], arrived
        occupied += np.bincount(home[home != NOWHERE], minlength=n_sites)
    seen = int((n_frames - settled).sum())
    return collect_hops(parts, n_frames, n_ions, np.asarray(occupied / n_frames, dtype=np.float64), seen)


def collect_hops(
    parts: list[tuple[IntArray, ...]], n_frames: int, n_ions: int, occupied: FloatArray, seen: int
) -> Hops:
    """Hops from pieces of the columns frames, ions, origins, targets, stays and first."""
    frames, ions, origins, targets, stays, first = (
        np.concatenate([np.zeros(0, dtype=np.int64), *(part[k] for part in parts)]) for k in range(6)
    )
    return Hops(frames, ions, origins, targets, stays, first.astype(bool), n_frames, n_ions, occupied, seen)


@dataclass(frozen=True, eq=False)
class HopStatistics:
    """Numbers about hops; times in the unit of the frame time.

    :param n_hops: number of hops.
    :param rate: hops of an ion per time: number of hops over the time in which one would have been seen.
    :param rate_error: of a Poisson process, rate/√n_hops; too small where hops come in bursts.
    :param residence_time: 1/rate, which counts the stays that had not ended too (mean of completed ones is too short).
    :param median_stay: of the stays whose beginning and end were both seen; None without any.
    :param return_share: share of the hops of an ion after its first that lead back to the site it came from before.
    :param distance: mean length of a hop, Å; None without sites' positions or without a hop.
    :param never: share of the ions that never hopped.
    :param sites_used: number of sites with at least one visit.
    """

    n_hops: int
    rate: float | None
    rate_error: float | None
    residence_time: float | None
    median_stay: float | None
    return_share: float | None
    distance: float | None
    never: float
    sites_used: int


def hop_statistics(
    hops: Hops, frame_time: float, sites: FloatArray | None = None, cell: FloatArray | None = None
) -> HopStatistics:
    """Statistics of hops.

    :param frame_time: time between two frames, ps.
    :param sites: (n_sites, 3), fractional.
    :param cell: (3, 3), Å.
    :raises ValueError: the time is not positive.
    """
    if not (np.isfinite(frame_time) and frame_time > 0):
        raise ValueError(f'frame_time: {frame_time} ps, expected a positive number')
    n = len(hops)
    rate = n / (hops.seen * frame_time) if hops.seen else None
    whole = hops.stays[~hops.first]
    order = np.lexsort((hops.frames, hops.ions))
    ions, origins, targets = hops.ions[order], hops.origins[order], hops.targets[order]
    again = ions[1:] == ions[:-1]
    back = again & (targets[1:] == origins[:-1])
    lengths = None
    if sites is not None and cell is not None and n:
        lengths = nearest_images(sites[hops.targets] - sites[hops.origins], cell)
    return HopStatistics(
        n,
        rate,
        rate / np.sqrt(n) if rate and n else None,
        1 / rate if rate else None,
        float(np.median(whole)) * frame_time if len(whole) else None,
        float(back.sum() / again.sum()) if again.any() and len(hops.occupied) > 1 else None,
        None if lengths is None else float(lengths.mean()),
        1 - len(np.unique(hops.ions)) / hops.n_ions,
        int((hops.occupied > 0).sum()),
    )


def stay_survival(hops: Hops, longest: int | None = None) -> FloatArray:
    """Share of the stays that last longer than n frames, n = 0, 1, …; stays that are still going on are accounted for.

    The estimator of Kaplan and Meier (J. Am. Stat. Assoc. 53, 457 (1958)) over stays whose beginning was seen; those
    cut off by the end of the trajectory count as long as they were seen. Exponential where ions hop at a constant rate.

    :param longest: frames; None: the longest that was seen.
    :returns: (longest + 1,); ends where no stay is left.
    """
    order = np.lexsort((hops.frames, hops.ions))
    ions, frames = hops.ions[order], hops.frames[order]
    last = np.append(ions[1:] != ions[:-1], True) if len(ions) else np.zeros(0, dtype=bool)
    ended, open_ = hops.stays[~hops.first], hops.n_frames - frames[last]
    most = int(max([0, *ended.tolist(), *open_.tolist()])) if longest is None else longest
    ends = np.bincount(np.minimum(ended, most + 1), minlength=most + 2)[: most + 1].astype(float)
    cut = np.bincount(np.minimum(open_, most + 1), minlength=most + 2)[: most + 1].astype(float)
    at_risk = len(ended) + len(open_) - np.concatenate([[0.0], np.cumsum(ends + cut)[:-1]])
    alive = at_risk > 0
    survival: FloatArray = np.cumprod(1 - ends[alive] / at_risk[alive])
    return survival

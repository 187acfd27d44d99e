"""Two lengths in one shell: short V=O and long V–O, told apart at the minimum between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.structure.neighbours import NeighbourList

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]

MOST_BONDS = 12
"""Atoms with more bonds of one kind are counted with those that have so many."""
_WIDTH = 0.03
"""Standard deviation of the Gaussian that smooths the lengths before maxima are looked for, Å."""
_LEAST_DIP = 0.1
"""The minimum must lie below the lower of its two maxima by this share of it, at the least …"""
_LEAST_SIGNAL = 4.0
"""… and by so many standard deviations of the number of bonds counted there."""
_LEAST_SHARE = 0.05
"""Each side holds this share of the bonds at the least (choice): a few defects do not make a second length."""


@dataclass(frozen=True)
class LengthSplit:
    """Where the lengths of one kind of bond part.

    :param length: Å, the minimum.
    :param short: Å, the maximum below.
    :param long: Å, the maximum above.
    :param depth: density of neighbours in the minimum over that in the lower of the two maxima; 0: apart.
    """

    length: float
    short: float
    long: float
    depth: float


def split_lengths(edges: FloatArray, counts: IntArray) -> LengthSplit | None:
    """Find the two maxima of g(r) within a first shell and the minimum between them.

    :param edges: (n_bins + 1,), Å, evenly spaced, up to the cut-off of the bond.
    :param counts: (n_bins,), bonds by length, of all frames.
    :returns: None where the shell has one maximum, one side holds hardly any bonds, or the dip may be chance.
    :raises ValueError: the shapes do not fit.
    """
    from scipy.ndimage import gaussian_filter1d

    edges, counts = np.asarray(edges, dtype=np.float64), np.asarray(counts, dtype=np.float64)
    if edges.ndim != 1 or counts.shape != (len(edges) - 1,) or not len(counts):
        raise ValueError(f'edges and counts: shapes {edges.shape} and {counts.shape}, expected (n + 1,) and (n,)')
    bin_width = edges[1] - edges[0]
    centres = (edges[1:] + edges[:-1]) / 2
    # the shape of g(r): its scale does not matter here
    density = gaussian_filter1d(counts, _WIDTH / bin_width, mode='constant') / centres**2
    inner = density[1:-1]
    peaks = 1 + np.flatnonzero((inner > density[:-2]) & (inner >= density[2:]))
    best: LengthSplit | None = None
    deepest = 0.0
    # within one resolution, counts add up: the error of a smoothed value is that of about √(4π) widths
    resolution = np.sqrt(4 * np.pi) * _WIDTH / bin_width
    for m in range(len(peaks)):
        for low, high in ((low, peaks[m]) for low in peaks[:m]):
            at = low + int(np.argmin(density[low : high + 1]))
            lower = min(density[low], density[high])
            dip = lower - density[at]
            noise = np.sqrt(density[at] * centres[at] ** 2 * resolution + 1.0) / (centres[at] ** 2 * resolution)
            share = counts[:at].sum() / counts.sum()
            enough = _LEAST_SHARE <= share <= 1 - _LEAST_SHARE
            if enough and dip > deepest and dip > _LEAST_DIP * lower and dip > _LEAST_SIGNAL * noise:
                deepest = dip
                flat = np.flatnonzero(density[low : high + 1] <= density[at] + 0.02 * dip) + low
                middle = (centres[flat[0]] + centres[flat[-1]]) / 2
                best = LengthSplit(float(middle), float(centres[low]), float(centres[high]), float(density[at] / lower))
    return best


def bonds_by_length(
    bonds: NeighbourList, types: IntArray, centre: int, neighbour: int, edges: FloatArray
) -> npt.NDArray[np.int64]:
    """Number of centres with k bonds shorter than each edge, of l in all: (n_bins + 1, MOST_BONDS + 1, MOST_BONDS + 1).

    This holds, for any place where one may split the lengths, how the centres share into k short and l − k long bonds.

    :param bonds: neighbour list within the cut-offs.
    :param types: (n_atoms,), from 0.
    :param centre: type of the atoms counted.
    :param neighbour: type of their neighbours.
    :param edges: (n_bins + 1,), Å, ascending; the last one is the cut-off.
    :returns: counts; the first index is the edge, the second k, the third l.
    """
    types = np.asarray(types)
    centres = np.flatnonzero(types == centre)
    number = np.full(len(types), -1)
    number[centres] = np.arange(len(centres))
    chosen = (types[bonds.first] == centre) & (types[bonds.second] == neighbour)
    who = number[bonds.first[chosen]]
    n_edges = len(edges)
    # a bond of exactly the length of an edge is not shorter than it
    bins = np.minimum(np.searchsorted(edges, bonds.distances[chosen], side='right'), n_edges - 1)
    shorter = np.zeros((len(centres), n_edges), dtype=np.int64)
    np.add.at(shorter, (who, bins), 1)
    shorter = np.minimum(np.cumsum(shorter, axis=1), MOST_BONDS)
    in_all = shorter[:, -1:]
    side = MOST_BONDS + 1
    flat = (np.arange(n_edges) * side + shorter) * side + in_all
    return np.bincount(flat.ravel(), minlength=n_edges * side * side).reshape(n_edges, side, side)


def short_and_long(counts: IntArray) -> dict[str, Any]:
    """What the centres have at one edge of :func:`bonds_by_length`.

    :param counts: (MOST_BONDS + 1, MOST_BONDS + 1), centres by number of short bonds and of all.
    :returns: ``short``, ``long``: mean numbers per centre; ``distribution``: share of the centres by ``1+4`` (one
        short, four long), only what occurs.
    """
    total = counts.sum()
    if not total:
        return {'short': 0.0, 'long': 0.0, 'distribution': {}}
    k, n = np.nonzero(counts)
    weights = counts[k, n] / total
    return {
        'short': float((weights * k).sum()),
        'long': float((weights * (n - k)).sum()),
        'distribution': {
            f'{int(a)}+{int(b - a)}': float(w)
            for a, b, w in sorted(zip(k, n, weights, strict=True), key=lambda e: -e[2])
        },
    }

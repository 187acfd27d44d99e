"""Bond angles: how the units of a glass are shaped (O–Si–O) and how they are joined (Si–O–Si)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.structure.neighbours import NeighbourList, check_types

FloatArray = npt.NDArray[np.float64]

_BATCH = 1024
"""Angles that are worked out together."""
_DEGREES = 180.0 / np.pi
_ARC_SINE = (
    0.1666666666666665,
    0.07500000000020764,
    0.044642857103423646,
    0.03038194736709848,
    0.02237204763174451,
    0.017355259955786323,
    0.013929652902326633,
    0.011875494382636922,
    0.0078029494773533175,
    0.01603551434914882,
    -0.010749050339697808,
    0.028169218060881414,
)
"""Polynomial P of z = s² with arcsin(s) = s + s z P(z) for s ≤ 1/2: interpolated at Chebyshev's points of 0 ≤ z ≤ 1/4,
to 10⁻¹⁶."""


@dataclass(frozen=True, eq=False)
class AngleDistribution:
    """Distribution of one kind of angle; those of several frames or replicas add up with ``+``.

    :param edges: (n_bins + 1,), degrees, from 0 to 180.
    :param counts: (n_bins,), number of angles per bin.
    :param total: sum of the angles, degrees.
    :param total_squared: sum of the squared angles, degrees².
    """

    edges: FloatArray
    counts: npt.NDArray[np.int64]
    total: float
    total_squared: float

    @property
    def n_angles(self) -> int:
        """Number of angles, each counted once."""
        return int(self.counts.sum())

    @property
    def centres(self) -> FloatArray:
        """(n_bins,), degrees."""
        return (self.edges[1:] + self.edges[:-1]) / 2

    @property
    def mean(self) -> float | None:
        """Mean angle from the angles themselves, not the bins, degrees; None without angles."""
        return self.total / self.n_angles if self.n_angles else None

    @property
    def std(self) -> float | None:
        """Standard deviation of the distribution (its width, not an error), degrees; None without angles."""
        if not self.n_angles:
            return None
        return float(np.sqrt(max(0.0, self.total_squared / self.n_angles - (self.total / self.n_angles) ** 2)))

    @property
    def density(self) -> FloatArray:
        """(n_bins,), per degree, ∫ P(θ) dθ = 1; zero without angles."""
        return self.counts / (max(1, self.n_angles) * np.diff(self.edges))

    @property
    def density_per_solid_angle(self) -> FloatArray:
        """(n_bins,), P(θ)/sin θ, dimensionless: 1 everywhere for directions without correlation.

        Divided by the solid angle of each bin, so that a peak near 180° is not suppressed by the vanishing sin θ.
        """
        isotropic = -np.diff(np.cos(np.radians(self.edges))) / 2
        return self.counts / (max(1, self.n_angles) * isotropic)

    def __add__(self, other: AngleDistribution) -> AngleDistribution:
        if not np.array_equal(self.edges, other.edges):
            raise ValueError('angle distributions of different bins cannot be added')
        return AngleDistribution(
            self.edges,
            self.counts + other.counts,
            self.total + other.total,
            self.total_squared + other.total_squared,
        )


def bond_angles(
    bonds: NeighbourList,
    types: npt.NDArray[np.integer[Any]],
    first: int,
    centre: int,
    second: int,
    n_bins: int = 180,
) -> AngleDistribution:
    """Distribution of the angles first–centre–second between bonds that share the centre, each angle counted once.

    :param bonds: neighbour list whose cut-offs by pair of types are the bond lengths (first minimum of g(r)).
    :param types: (n_atoms,), from 0.
    :param first: type at one end.
    :param centre: type in the middle.
    :param second: type at the other end; may equal ``first``.
    :param n_bins: equal bins from 0° to 180°.
    :raises ValueError: types do not fit the list, or no bin.
    """
    return angle_distributions(bonds, types, [(first, centre, second)], n_bins)[0]


def angle_distributions(
    bonds: NeighbourList,
    types: npt.NDArray[np.integer[Any]],
    triples: Sequence[tuple[int, int, int]],
    n_bins: int = 180,
) -> list[AngleDistribution]:
    """Distributions of several kinds of angle from one walk over the bonds: as many calls of :func:`bond_angles`.

    :param bonds: neighbour list, see :func:`bond_angles`.
    :param types: (n_atoms,), from 0.
    :param triples: (first, centre, second) of each kind; the ends in either order, no kind twice.
    :param n_bins: equal bins from 0° to 180°.
    :returns: in the order of the triples.
    :raises ValueError: types do not fit the list, no bin, or a kind of angle is there twice.
    """
    if n_bins < 1:
        raise ValueError(f'n_bins: {n_bins}, at least one is needed')
    largest = max(int(np.max(types, initial=0)), max((max(triple) for triple in triples), default=0))
    checked = check_types(types, bonds.n_atoms, largest + 1)
    kinds = np.full((largest + 1, largest + 1, largest + 1), -1, dtype=np.int64)
    for number, (first, centre, second) in enumerate(triples):
        if kinds[centre, first, second] >= 0:
            raise ValueError(f'triples: {(first, centre, second)} is there twice')
        kinds[centre, first, second] = kinds[centre, second, first] = number
    counts, sums = np.zeros((len(triples), n_bins), dtype=np.int64), np.zeros((len(triples), 2))
    _histograms(bonds.offsets, bonds.second, bonds.vectors, bonds.distances, checked, kinds, counts, sums)
    edges = np.linspace(0, 180, n_bins + 1)
    return [
        AngleDistribution(edges, counts[number], float(sums[number, 0]), float(sums[number, 1]))
        for number in range(len(triples))
    ]


@numba.njit(cache=True, nogil=True)
def _histograms(
    offsets: npt.NDArray[np.int64],
    neighbours: npt.NDArray[np.int32],
    vectors: FloatArray,
    distances: FloatArray,
    types: npt.NDArray[np.int32],
    kinds: npt.NDArray[np.int64],
    counts: npt.NDArray[np.int64],
    sums: FloatArray,
) -> None:
    """Fill the histograms, and the sums of the angles and of their squares, degrees, by kind of angle."""
    n_types = len(kinds)
    most = 0
    for atom in range(len(offsets) - 1):
        most = max(most, offsets[atom + 1] - offsets[atom])
    x, y, z = np.empty(most), np.empty(most), np.empty(most)
    ends = np.empty(most, dtype=np.int64)
    room = _BATCH + most * most
    cosines, of_kind = np.empty(room), np.empty(room, dtype=np.int64)
    wanted = np.zeros(n_types, dtype=np.bool_)
    for centre in range(n_types):
        wanted[centre] = kinds[centre].max() >= 0
    found = 0
    for atom in range(len(offsets) - 1):
        centre = types[atom]
        if not wanted[centre]:
            continue
        start, number = offsets[atom], offsets[atom + 1] - offsets[atom]
        for i in range(number):
            inverse = 1 / distances[start + i]
            x[i] = vectors[start + i, 0] * inverse
            y[i] = vectors[start + i, 1] * inverse
            z[i] = vectors[start + i, 2] * inverse
            ends[i] = types[neighbours[start + i]]
        for i in range(1, number):
            for j in range(i):
                # what is not wanted is overwritten by the next: no branch
                kind = kinds[centre, ends[i], ends[j]]
                cosines[found] = x[i] * x[j] + y[i] * y[j] + z[i] * z[j]
                of_kind[found] = kind
                found += kind >= 0
        if found >= _BATCH:
            _count(cosines[:found], of_kind, counts, sums)
            found = 0
    _count(cosines[:found], of_kind, counts, sums)


@numba.njit(cache=True, nogil=True)
def _count(
    cosines: FloatArray, of_kind: npt.NDArray[np.int64], counts: npt.NDArray[np.int64], sums: FloatArray
) -> None:
    """Turn cosines into angles, in place, and count them."""
    _to_degrees(cosines)
    n_bins = counts.shape[1]
    per_degree = n_bins / 180.0
    for i in range(len(cosines)):
        angle, kind = cosines[i], of_kind[i]
        counts[kind, min(n_bins - 1, int(angle * per_degree))] += 1
        sums[kind, 0] += angle
        sums[kind, 1] += angle * angle


@numba.njit(cache=True, nogil=True, fastmath={'contract', 'nnan', 'nsz'})
def _to_degrees(cosines: FloatArray) -> None:
    """Arc cosines, degrees, in place: without a branch or a call, so that several are worked out at once."""
    for i in range(len(cosines)):
        cosine = cosines[i]
        size = min(1.0, abs(cosine))
        steep = size > 0.5
        # arccos(x) = 2 arcsin(√((1 − x)/2)) where x is near 1
        square = 0.5 - 0.5 * size if steep else size * size
        p = _ARC_SINE[11]
        for k in range(10, -1, -1):
            p = p * square + _ARC_SINE[k]
        sine = np.sqrt(square)
        arc = (sine + sine * (square * p)) * _DEGREES
        acute = 2 * arc if steep else 90.0 - arc
        cosines[i] = acute if cosine >= 0 else 180.0 - acute

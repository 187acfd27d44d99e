"""Partial structure factors straight from positions, on the wave vectors of the periodic cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.structure.neighbours import check_configuration, check_types

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]

_ROWS = 256
"""Wave-vector rows by one matrix product."""

_ATOMS = 2048
"""Atoms by one matrix product: bounds memory, and the length of sums in single precision."""


@dataclass(frozen=True, eq=False)
class ShellSums:
    """Sums over the wave vectors in each shell of |q|; they add up over frames, whatever the cells.

    :param products: (n_types, n_types, n_bins), Σ Re(ρ_i ρ_j*)/N.
    :param q: (n_bins,), Σ |q|, Å⁻¹.
    :param counts: (n_bins,), number of wave vectors, q and −q counted once.
    """

    products: FloatArray
    q: FloatArray
    counts: IntArray


def shell_sums(
    positions: FloatArray,
    cell: FloatArray,
    types: IntArray,
    n_types: int,
    q_max: float,
    n_bins: int,
    max_vectors: int | None = None,
    seed: int | tuple[int, ...] = 0,
) -> ShellSums:
    """Σ Re(ρ_i(q) ρ_j(q)*)/N over the wave vectors 0 < |q| ≤ ``q_max`` of one cell of any shape, by shells of |q|.

    ρ_i(q) = Σ exp(iq·r) over the atoms of a type. With q·r = 2π Σ m_k s_k in fractional coordinates the phase is a
    product of three, so the sum over atoms is a matrix product: phases of (m_1, m_2) times phases of m_3. cos and sin
    of m_3 serve m_3 and −m_3, hence two real multiplications by wave vector and atom. Single precision, summed in
    double over blocks of 2048 atoms: ρ is wrong by about 1e-6 √N.

    Memory: 24 bytes by atom and by wave vector along an axis, besides a fixed amount.

    :param positions: (n_atoms, 3), Å, wrapped or not.
    :param cell: (3, 3), Å, rows are the cell vectors; periodic along all.
    :param types: (n_atoms,), from 0.
    :param q_max: Å⁻¹; shells are ``n_bins`` equal ones from 0 to it.
    :param max_vectors: about so many wave vectors at most: then all with small |q| are taken, for half of the number,
        and of the others a random choice of lines along one axis, each with equal probability.
    :param seed: of that choice.
    :raises ValueError: a shape does not fit, a number is not finite, the cell has no volume, no atom, or a limit is not
        positive.
    """
    r, box = check_configuration(positions, cell)
    kinds = check_types(types, len(r), n_types)
    if len(r) == 0:
        raise ValueError('positions: no atom')
    if not (np.isfinite(q_max) and q_max > 0 and n_bins > 0):
        raise ValueError(f'q_max ({q_max}) and the number of shells ({n_bins}) must be positive')
    if max_vectors is not None and max_vectors < 1:
        raise ValueError(f'max_vectors: {max_vectors}, at least 1 is needed')
    volume = abs(float(np.linalg.det(box)))
    if not volume > 1e-6:
        raise ValueError('cell: no volume')
    longest = int(np.argmax(np.linalg.norm(box, axis=1)))
    box = np.roll(box, 2 - longest, axis=0)  # the longest vector last: long rows make good matrix products
    reciprocal = 2 * np.pi * np.linalg.inv(box).T
    order = np.argsort(kinds, kind='stable')
    fractions = (r @ np.linalg.inv(box))[order]
    fractions -= np.floor(fractions)
    bounds = np.concatenate([[0], np.cumsum(np.bincount(kinds, minlength=n_types))])

    sums = ShellSums(np.zeros((n_types, n_types, n_bins)), np.zeros(n_bins), np.zeros(n_bins, dtype=np.int64))
    expected = volume * q_max**3 / (12 * np.pi**2)
    orders = np.floor(q_max * np.linalg.norm(box, axis=1) / (2 * np.pi) * (1 + 1e-12)).astype(int)
    phases = [_phases(fractions[:, axis], orders[axis]) for axis in range(3)]
    if max_vectors is None or expected <= max_vectors:
        _add_rows(sums, phases, bounds, reciprocal, _rows(reciprocal, orders, q_max), 0.0, q_max, q_max)
    else:
        middle = q_max * (0.5 * max_vectors / expected) ** (1 / 3)
        _add_rows(sums, phases, bounds, reciprocal, _rows(reciprocal, orders, middle), 0.0, middle, q_max)
        rows = _rows(reciprocal, orders, q_max)
        share = 0.5 * max_vectors / (expected - 0.5 * max_vectors)
        chosen = np.random.default_rng(seed).random(len(rows)) < share
        _add_rows(sums, phases, bounds, reciprocal, rows[chosen], middle, q_max, q_max)
    lower = np.tril_indices(n_types, -1)
    sums.products[lower] = sums.products.transpose(1, 0, 2)[lower]
    sums.products[:] /= len(r)
    return sums


def _phases(fraction: FloatArray, order: int) -> tuple[FloatArray, FloatArray]:
    """Cosine and sine of 2π m s for m = 0 … order, both (order + 1, n_atoms), single precision."""
    cosine = np.empty((order + 1, len(fraction)), dtype=np.float32)
    sine = np.empty_like(cosine)
    for m in range(order + 1):
        angle = 2 * np.pi * m * fraction
        cosine[m], sine[m] = np.cos(angle), np.sin(angle)
    return cosine, sine


def _rows(reciprocal: FloatArray, orders: IntArray, q_max: float) -> IntArray:
    """Pairs (m_1, m_2) of half of the plane whose line meets the sphere, and the largest |m_3| in it, sorted by that.

    :returns: (n_rows, 3).
    """
    first, second = np.meshgrid(np.arange(orders[0] + 1), np.arange(-orders[1], orders[1] + 1), indexing='ij')
    pairs = np.stack([first.ravel(), second.ravel()], axis=1)
    pairs = pairs[(pairs[:, 0] > 0) | (pairs[:, 1] >= 0)]
    base = pairs @ reciprocal[:2]
    along = reciprocal[2]
    length = float(along @ along)
    middle = -(base @ along) / length
    room = q_max**2 * (1 + 1e-12) - (base**2).sum(axis=1) + length * middle**2
    inside = room >= 0
    reach = np.sqrt(np.maximum(room, 0.0) / length)
    farthest = np.floor(np.maximum(np.abs(middle + reach), np.abs(middle - reach)) + 1e-9).astype(int)
    rows = np.column_stack([pairs, np.minimum(farthest, orders[2])])[inside]
    sorted_rows: IntArray = rows[np.argsort(-rows[:, 2], kind='stable')]
    return sorted_rows


def _add_rows(
    sums: ShellSums,
    phases: list[tuple[FloatArray, FloatArray]],
    bounds: IntArray,
    reciprocal: FloatArray,
    rows: IntArray,
    q_low: float,
    q_high: float,
    q_max: float,
) -> None:
    """Add all wave vectors of some rows with q_low < |q| ≤ q_high."""
    n_types = len(bounds) - 1
    widest = max((bounds[kind + 1] - bounds[kind] for kind in range(n_types)), default=0)
    product = np.empty((2 * _ROWS, min(_ATOMS, int(widest))), dtype=np.float32)
    for start in range(0, len(rows), _ROWS):
        some = np.ascontiguousarray(rows[start : start + _ROWS])
        n_columns = int(some[:, 2].max()) + 1
        amplitudes = np.zeros((n_types, 2 * len(some), 2 * n_columns))
        for kind in range(n_types):
            for low in range(bounds[kind], bounds[kind + 1], _ATOMS):
                high = min(low + _ATOMS, int(bounds[kind + 1]))
                left = product[: 2 * len(some), : high - low]
                _multiply_phases(some, *phases[0], *phases[1], low, high, left)
                for part, table in enumerate(phases[2]):
                    columns = slice(part * n_columns, (part + 1) * n_columns)
                    amplitudes[kind, :, columns] += left @ table[:n_columns, low:high].T
        _add_products(amplitudes, some, n_columns, reciprocal, q_low, q_high, q_max, sums.products, sums.q, sums.counts)


@numba.njit(cache=True, nogil=True, fastmath=True)
def _multiply_phases(
    rows: IntArray,
    cos_a: FloatArray,
    sin_a: FloatArray,
    cos_b: FloatArray,
    sin_b: FloatArray,
    low: int,
    high: int,
    product: FloatArray,
) -> None:
    """Real parts of exp(2πi(m_1 s_1 + m_2 s_2)) in the first half of ``product``, imaginary ones in the second."""
    n_rows = len(rows)
    for row in range(n_rows):
        m, n = rows[row, 0], abs(rows[row, 1])
        sign = np.float32(-1.0 if rows[row, 1] < 0 else 1.0)
        ca, sa, cb, sb = cos_a[m, low:high], sin_a[m, low:high], cos_b[n, low:high], sin_b[n, low:high]
        real, imaginary = product[row], product[n_rows + row]
        for j in range(high - low):
            s = sign * sb[j]
            real[j] = ca[j] * cb[j] - sa[j] * s
            imaginary[j] = ca[j] * s + sa[j] * cb[j]


@numba.njit(cache=True, nogil=True)
def _add_products(
    amplitudes: FloatArray,
    rows: IntArray,
    n_columns: int,
    reciprocal: FloatArray,
    q_low: float,
    q_high: float,
    q_max: float,
    products: FloatArray,
    q_sum: FloatArray,
    counts: IntArray,
) -> None:
    """Sort Re(ρ_i ρ_j*) of the upper triangle of types into shells."""
    n_types, n_rows, n_bins = len(amplitudes), len(rows), len(counts)
    real, imaginary = np.empty(n_types), np.empty(n_types)
    for row in range(n_rows):
        m, n, reach = rows[row]
        for k in range(reach + 1):
            for sign in (1, -1):
                if sign < 0 and (k == 0 or (m == 0 and n == 0)):
                    continue
                square = 0.0
                for axis in range(3):
                    along = m * reciprocal[0, axis] + n * reciprocal[1, axis] + sign * k * reciprocal[2, axis]
                    square += along * along
                length = np.sqrt(square)
                if length <= q_low or length > q_high or square == 0.0:
                    continue
                shell = min(int(length / q_max * n_bins), n_bins - 1)
                for kind in range(n_types):
                    with_cosine, with_sine = amplitudes[kind, row, k], amplitudes[kind, row, n_columns + k]
                    other_cosine = amplitudes[kind, n_rows + row, k]
                    other_sine = amplitudes[kind, n_rows + row, n_columns + k]
                    real[kind] = with_cosine - sign * other_sine
                    imaginary[kind] = sign * with_sine + other_cosine
                for i in range(n_types):
                    for j in range(i, n_types):
                        products[i, j, shell] += real[i] * real[j] + imaginary[i] * imaginary[j]
                q_sum[shell] += length
                counts[shell] += 1

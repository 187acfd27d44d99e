"""Mean squared displacements over all time origins, by FFT in double precision."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating[Any]]
DoubleArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Displacements = FloatArray | Sequence[FloatArray]

_BLOCK_NUMBERS = 1_000_000
"""Numbers in the work array of one block of ions: few enough for the processor's cache, enough for long transforms."""


@dataclass(frozen=True, eq=False)
class Msd:
    """Mean squared displacement by lag.

    :param lags: (n_lags,), frames.
    :param by_direction: (n_lags, n_directions), Å².
    :param n_frames: length of the trajectory.
    :param n_ions: over which it is the mean.
    """

    lags: IntArray
    by_direction: DoubleArray
    n_frames: int
    n_ions: int

    @property
    def total(self) -> DoubleArray:
        """Sum over the directions, (n_lags,), Å²."""
        total: DoubleArray = self.by_direction.sum(axis=1)
        return total


def mean_squared_displacement(displacements: Displacements, last: int | None = None) -> Msd:
    """MSD averaged over ions and over all time origins, for each direction.

    ⟨(x(t+τ) − x(t))²⟩ = mean of x² at both ends − 2 × autocorrelation; the latter from the power spectrum of the padded
    series (Calandrini et al., Collection SFN 12, 201 (2011)), summed over ions before it is turned back. Each series is
    centred first: what cancels is then of the size of the displacements, not of the distance from the origin.

    :param displacements: (n_frames, n_ions, n_directions), Å, unwrapped; or consecutive pieces of it.
    :param last: longest lag, frames; None: n_frames − 1.
    :raises ValueError: fewer than two frames, no ion, or a lag that is not within the trajectory.
    """
    from scipy.fft import irfft, next_fast_len, rfft

    n_frames, n_ions, n_directions = shape_of(displacements)
    last = n_frames - 1 if last is None else last
    if not 1 <= last < n_frames:
        raise ValueError(f'last: {last}, expected a lag between 1 and {n_frames - 1} frames')
    length = next_fast_len(n_frames + last, real=True)
    power = np.zeros((n_directions, length // 2 + 1))
    squares = np.zeros((n_directions, n_frames))
    for x in _series(displacements, max(1, _BLOCK_NUMBERS // (length * n_directions))):
        squares += np.einsum('idt,idt->dt', x, x)
        parts = rfft(x, length, axis=-1).view(np.float64)
        power += np.einsum('idk,idk->dk', parts, parts).reshape(n_directions, -1, 2).sum(axis=-1)
    return Msd(np.arange(last + 1), _from_sums(irfft(power, length), squares, last) / n_ions, n_frames, n_ions)


def _from_sums(correlation: DoubleArray, squares: DoubleArray, last: int) -> DoubleArray:
    """MSD, (last + 1, ...), of a correlation (..., n) and the squares (..., n_frames) that belong to it."""
    n_frames = squares.shape[-1]
    lags = np.arange(last + 1)
    until = np.concatenate([np.zeros((*squares.shape[:-1], 1)), np.cumsum(squares, axis=-1)], axis=-1)
    ends = until[..., n_frames - lags] + until[..., -1:] - until[..., lags]
    msd: DoubleArray = np.maximum((ends - 2 * correlation[..., : last + 1]) / (n_frames - lags), 0.0)
    msd[..., 0] = 0.0
    return np.moveaxis(msd, -1, 0)


def msd_per_ion(displacements: Displacements, lags: npt.ArrayLike) -> DoubleArray:
    """MSD of each ion over all time origins, at some lags, by direct differences.

    :param displacements: (n_frames, n_ions, n_directions), Å; or consecutive pieces of it.
    :param lags: (n_lags,), frames.
    :returns: (n_lags, n_ions), Å².
    :raises ValueError: a lag that is not within the trajectory.
    """
    n_frames, n_ions, n_directions = shape_of(displacements)
    chosen = np.atleast_1d(np.asarray(lags, dtype=np.int64))
    if len(chosen) and not (chosen.min() >= 0 and chosen.max() < n_frames):
        raise ValueError(f'lags: {chosen.min()} to {chosen.max()}, expected between 0 and {n_frames - 1} frames')
    found = np.zeros((len(chosen), n_ions))
    first = 0
    for x in _series(displacements, max(1, _BLOCK_NUMBERS // (n_frames * n_directions))):
        for row, lag in enumerate(chosen.tolist()):
            steps = x[..., lag:] - x[..., : n_frames - lag]
            found[row, first : first + len(x)] = np.einsum('idt,idt->i', steps, steps) / (n_frames - lag)
        first += len(x)
    return found


def single_origin_msd(displacements: Displacements) -> Msd:
    """MSD from the first frame only: noisy, but each time counts once (the convention of some programs).

    :param displacements: (n_frames, n_ions, n_directions), Å; or consecutive pieces of it.
    """
    n_frames, n_ions, n_directions = shape_of(displacements)
    squares = np.zeros((n_directions, n_frames))
    for x in _series(displacements, 64, centred=False):
        moved = x - x[..., :1]
        squares += np.einsum('idt,idt->dt', moved, moved)
    return Msd(np.arange(n_frames), squares.T / n_ions, n_frames, n_ions)


def shape_of(displacements: Displacements) -> tuple[int, int, int]:
    """Numbers of frames, ions and directions.

    :raises ValueError: not (n_frames, n_ions, n_directions), fewer than two frames, no ion, or not finite.
    """
    pieces = [displacements] if isinstance(displacements, np.ndarray) else list(displacements)
    shapes = {np.shape(piece)[1:] for piece in pieces}
    if len(shapes) != 1 or len(next(iter(shapes))) != 2:
        raise ValueError(f'displacements: shapes {shapes}, expected (n_frames, n_ions, n_directions) in every piece')
    n_ions, n_directions = next(iter(shapes))
    n_frames = sum(len(piece) for piece in pieces)
    if n_frames < 2 or not n_ions or not n_directions:
        raise ValueError(f'displacements: {n_frames} frames of {n_ions} ions, expected at least two frames and one ion')
    return n_frames, n_ions, n_directions


def _series(displacements: Displacements, size: int, centred: bool = True) -> Iterator[DoubleArray]:
    """Blocks of ions, (n_block, n_directions, n_frames), contiguous, in double precision, without their mean."""
    pieces = [displacements] if isinstance(displacements, np.ndarray) else list(displacements)
    n_frames, n_ions, n_directions = shape_of(displacements)
    for first in range(0, n_ions, size):
        last = min(first + size, n_ions)
        block = np.empty((last - first, n_directions, n_frames))
        at = 0
        for piece in pieces:
            block[..., at : at + len(piece)] = np.moveaxis(np.asarray(piece)[:, first:last], 0, -1)
            at += len(piece)
        if not np.isfinite(block).all():
            raise ValueError('displacements: not finite (NaN or infinity)')
        if centred:
            block -= block.mean(axis=-1, keepdims=True)
        yield block

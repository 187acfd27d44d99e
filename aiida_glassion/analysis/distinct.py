"""The distinct part of the van Hove function over a trajectory: few lags, few origins, for it is the dear part."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.analysis.result import Curve
from aiida_glassion.kernels.block_sums import BlockSums
from aiida_glassion.kernels.transport.van_hove import distinct_counts, distinct_radii, expected_pairs

FloatArray = npt.NDArray[np.float64]


class DistinctSums:
    """Sums of pairs of ions by distance, for lags 0, 1, 4, 16, … frames.

    :param pairs: of elements, ``Li-Li``: whose earlier places, and who is looked for.
    :param elements: (n_ions,), of the ions.
    :param every: at least so many frames between two origins, and at least one lag.
    :raises ValueError: a pair is not of elements among the ions.
    """

    def __init__(
        self, pairs: list[str], elements: npt.NDArray[np.str_], bin_width: float, r_max: float, every: int
    ) -> None:
        self.members: dict[str, tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]] = {}
        for pair in pairs:
            names = pair.split('-')
            if len(names) != 2 or not set(names) <= set(elements.tolist()):
                raise ValueError(f'distinct: {pair!r}, expected a pair of {", ".join(sorted(set(elements.tolist())))}')
            self.members[pair] = np.flatnonzero(elements == names[0]), np.flatnonzero(elements == names[1])
        self.n_bins, self.bin_width = int(np.ceil(r_max / bin_width - 1e-9)), bin_width
        self.every = every
        self._sums: dict[tuple[str, int], BlockSums] = {}
        self._frame = -1

    def add(self, lag: int, now: FloatArray, then: FloatArray, cell: FloatArray) -> None:
        """Count the pairs between two frames, if their lag and their time are taken; lag 0 begins a frame.

        :param now: (3, n_ions), Å.
        :param then: (3, n_ions), ``lag`` frames before.
        :param cell: (3, 3), Å.
        """
        if lag == 0:
            self._frame += 1
        elif lag & (lag - 1) or (lag.bit_length() - 1) % 2:
            return
        if (self._frame - lag) % max(lag, self.every):
            return
        for pair, (first, second) in self.members.items():
            counts = distinct_counts(
                now[:, second].T, then[:, first].T, cell, self.n_bins, self.n_bins * self.bin_width, second, first
            )
            ratio = counts / expected_pairs(len(first), len(second), cell, self.n_bins, self.bin_width)
            self._sums.setdefault((pair, lag), BlockSums()).add(ratio)

    def curves(self, frame_time: float, longest: int, about: dict[str, Any]) -> dict[str, Curve]:
        """g_d(r) of each pair and lag, errors from blocks of origins."""
        radii = distinct_radii(self.n_bins, self.bin_width)
        return {
            f'van_hove_distinct_{pair.replace("-", "_")}_{lag}': Curve(
                radii, sums.mean(), 'r', 'Å', 'G_d/ρ', '', sums.error(), '1 where nothing is remembered',
                {**about, 'lag': lag * frame_time, 'lag_unit': 'ps', 'origins': sums.n, 'errors': 'blocks of origins'},
            )
            for (pair, lag), sums in self._sums.items()
            if lag <= longest
        }  # fmt: skip

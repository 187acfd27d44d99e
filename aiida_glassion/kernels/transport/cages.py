"""Hops of ions out of their cage of anions, where there are no fixed sites."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from aiida_glassion.kernels.transport._compiled import remaining_neighbours
from aiida_glassion.kernels.transport.hops import Hops, collect_hops

IntArray = npt.NDArray[np.int64]


class CageHops:
    """Hops out of a cage: an ion has hopped where it has kept less than a share of the anions around it.

    The cage is that of the ion's last hop (at first: of the first frame in which it has one). A hop counts when it has
    lasted some frames; the cage is then renewed. No sites are needed, so it serves where the framework moves.

    :param n_ions: how many.
    :param share: of the cage; an ion that keeps at least that is still there.
    :param least: frames in a row without it that make a hop.
    :raises ValueError: a setting is out of range.
    """

    def __init__(self, n_ions: int, share: float = 0.5, least: int = 1) -> None:
        if not 0 < share <= 1 or least < 1:
            raise ValueError(f'share: {share}, least: {least}; expected a share from 0 to 1 and at least one frame')
        self.share, self.least = share, least
        self._offsets = np.zeros(n_ions + 1, dtype=np.int64)
        self._members = np.zeros(0, dtype=np.int64)
        self._since = np.zeros(n_ions, dtype=np.int64)
        self._out = np.zeros(n_ions, dtype=np.int64)
        self._settled = np.full(n_ions, -1, dtype=np.int64)
        self._hopped = np.zeros(n_ions, dtype=bool)
        self._parts: list[tuple[IntArray, ...]] = []
        self.n_frames = 0

    def add(self, first: npt.NDArray[np.integer[Any]], second: npt.NDArray[np.integer[Any]]) -> None:
        """Take the neighbours of the ions in the next frame.

        :param first: (n_bonds,), index of the ion, ascending.
        :param second: (n_bonds,), which anion it is bonded to.
        """
        n_ions, frame = len(self._since), self.n_frames
        counts = np.bincount(first, minlength=n_ions)
        offsets = np.concatenate([[0], np.cumsum(counts)])
        second = np.asarray(second, dtype=np.int64)
        kept = remaining_neighbours(self._offsets, self._members, offsets, second)
        before = np.diff(self._offsets)
        left = (before > 0) & (kept < self.share * before)
        self._out = np.where(left, self._out + 1, 0)
        hop = (self._out >= self.least) & (counts > 0)
        new = (self._settled < 0) & (counts > 0)
        arrived = frame - self.least + 1
        gone = np.flatnonzero(hop)
        if len(gone):
            none = np.zeros(len(gone), dtype=np.int64)
            stays = arrived - self._since[gone]
            self._parts.append((np.full(len(gone), arrived), gone, none, none, stays, (~self._hopped[gone]) * 1))
            self._since[gone], self._out[gone], self._hopped[gone] = arrived, 0, True
        self._settled[new] = self._since[new] = frame
        renewed = hop | new
        if renewed.any():
            pieces = [
                second[offsets[i] : offsets[i + 1]]
                if renewed[i]
                else self._members[self._offsets[i] : self._offsets[i + 1]]
                for i in range(n_ions)
            ]
            self._members = np.concatenate(pieces)
            self._offsets = np.concatenate([[0], np.cumsum([len(piece) for piece in pieces])]).astype(np.int64)
        self.n_frames += 1

    def hops(self) -> Hops:
        """The hops so far; origins and targets are all 0, for a cage has no place."""
        seen = int((self.n_frames - self._settled[self._settled >= 0]).sum())
        return collect_hops(self._parts, self.n_frames, len(self._since), np.zeros(1), seen)

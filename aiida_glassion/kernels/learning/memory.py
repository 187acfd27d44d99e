"""What is remembered of known frames: enough to see that a frame is one of them, or how far from them it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.dataset.fingerprint import fingerprints
from aiida_glassion.kernels.structure.descriptor import describe, n_columns

_BYTES = 32


@dataclass(frozen=True, eq=False)
class Memory:
    """What is known of frames: rows that belong together.

    :param fingerprints: SHA-256 (:mod:`~..dataset.fingerprint`), (n, 32), uint8.
    :param descriptors: (:func:`~..structure.descriptor.describe`), (n, d), float32.
    """

    fingerprints: npt.NDArray[np.uint8]
    descriptors: npt.NDArray[np.float32]

    @classmethod
    def of(cls, parts: Iterable[Frames], elements: Sequence[str]) -> Memory:
        """Remember frames, set by set.

        :param elements: layout of the descriptors.
        """
        prints: list[bytes] = []
        rows = [np.zeros((0, n_columns(len(elements))), dtype=np.float32)]
        for frames in parts:
            prints += [bytes.fromhex(text) for text in fingerprints(frames)]
            rows.append(describe(frames, elements))
        return cls(to_table(prints), np.concatenate(rows))

    @classmethod
    def joined(cls, parts: Sequence[Memory]) -> Memory:
        """Several memories of one layout (at least one) as one."""
        prints = np.concatenate([part.fingerprints for part in parts])
        return cls(prints, np.concatenate([part.descriptors for part in parts]))


def to_table(prints: Sequence[bytes]) -> npt.NDArray[np.uint8]:
    """Fingerprints of 32 bytes as an array, (n, 32)."""
    return np.frombuffer(b''.join(prints), dtype=np.uint8).reshape(-1, _BYTES)

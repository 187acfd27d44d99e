"""LAMMPS' groups of the atoms that stay where they are, and of those that move."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

FROZEN, MOBILE = 'frozen', 'mobile'
MOBILE_TEMPERATURE = 'mobile_temperature'
_WORDS_PER_LINE = 40


def groups(frozen: Sequence[int]) -> Iterator[str]:
    """Groups of the atoms that stay where they are and of the others, and the temperature of these."""
    if not frozen:
        raise ValueError('frozen: a stage of the schedule keeps atoms where they are, but none are given')
    ids = np.unique(np.asarray(frozen, dtype=np.int64)) + 1
    ends = np.flatnonzero(np.diff(ids) > 1)
    ranges = zip(ids[np.r_[0, ends + 1]], ids[np.r_[ends, len(ids) - 1]], strict=True)
    words = [f'{first}:{last}' if last > first else f'{first}' for first, last in ranges]
    for start in range(0, len(words), _WORDS_PER_LINE):
        yield f'group {FROZEN} id {" ".join(words[start : start + _WORDS_PER_LINE])}'
    yield f'group {MOBILE} subtract all {FROZEN}'
    yield f'compute {MOBILE_TEMPERATURE} {MOBILE} temp'

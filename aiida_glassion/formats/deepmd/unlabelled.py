"""Configurations without labels as a deepmd/npy system, for models to be evaluated on."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from aiida_glassion.frames import Frames

_PER_SET = 1000


def write_unlabelled(folder: Path, frames: Frames) -> None:
    """Write one system; atoms and frames keep their order.

    :param folder: made here.
    :param frames: periodic in all directions or in none.
    :raises ValueError: no frames, or periodic in some directions only.
    """
    if not frames.n_frames:
        raise ValueError('no frames given')
    if any(frames.pbc) and not all(frames.pbc):
        raise ValueError(f'periodic in {frames.pbc}; DeePMD-kit knows all directions or none')
    folder.mkdir(parents=True)
    (folder / 'type_map.raw').write_text('\n'.join(frames.elements) + '\n')
    (folder / 'type.raw').write_text('\n'.join(str(kind) for kind in frames.types) + '\n')
    if not any(frames.pbc):
        (folder / 'nopbc').touch()
    for number, start in enumerate(range(0, frames.n_frames, _PER_SET)):
        part = frames[start : start + _PER_SET]
        path = folder / f'set.{number:03d}'
        path.mkdir()
        for name, values in (('coord', part.positions), ('box', part.cells)):
            flat = np.ascontiguousarray(values, dtype=np.float64).reshape(part.n_frames, -1)
            np.save(path / f'{name}.npy', flat, allow_pickle=False)

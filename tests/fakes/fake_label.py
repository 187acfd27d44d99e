"""Stands in for a Python with ASE that runs ``label_ase.py``: labels of a soft pair repulsion (see README.md).

E = Σ ε (1 - r/r₀)² over pairs nearer than r₀ (nearest images), so forces and virial are its exact derivatives.
"""

from __future__ import annotations

import json
import os
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from steering import chance, die_once, number, take_time

_DEPTH, _RANGE = 4.0, 3.0


def labels_of(positions: Any, cell: Any) -> tuple[float, Any, Any]:
    """Energy (eV), forces (eV/Å) and virial (eV, Σ r f over pairs) of one configuration."""
    vectors = positions[:, None] - positions[None, :]
    vectors -= np.round(vectors @ np.linalg.inv(cell)) @ cell
    distances = np.linalg.norm(vectors, axis=2)
    near = (distances < _RANGE) & (distances > 0)
    overlap = np.where(near, 1 - distances / _RANGE, 0.0)
    energy = 0.5 * _DEPTH * float((overlap**2).sum())
    slope = np.where(near, 2 * _DEPTH * overlap / _RANGE / np.where(near, distances, 1.0), 0.0)
    pairs = slope[:, :, None] * vectors
    return energy - 5.0 * len(positions), pairs.sum(axis=1), 0.5 * np.einsum('ijx,ijy->xy', vectors, pairs)


def is_refused(positions: Any) -> bool:
    """Whether a frame is among the first so many that were seen; ``FAKE_LABEL_REFUSE_FIRST`` is ``FILE:NUMBER``."""
    file, _, most = os.environ.get('FAKE_LABEL_REFUSE_FIRST', '').rpartition(':')
    if not file:
        return False
    known = Path(file).read_text().split() if Path(file).exists() else []
    frame = str(zlib.crc32(positions.tobytes()))
    if frame not in known and len(known) < int(most):
        known.append(frame)
        Path(file).write_text(' '.join(known))
    return frame in known


def main() -> int:
    """Label every frame, but for those that it was told to refuse."""
    with np.load('frames.npz', allow_pickle=False) as arrays:
        positions, cells = arrays['positions'], arrays['cells']
    if chance('FAKE_LABEL_FAIL', positions.sum()) < number('FAKE_LABEL_FAIL', 0.0):
        print('RuntimeError: the fake was told to fail')
        return 1
    with Path('labels.jsonl').open('w') as handle:

        def write(content: dict[str, Any]) -> None:
            handle.write(json.dumps(content) + '\n')
            handle.flush()

        write({'python': sys.version.split()[0], 'ase': 'fake', 'module': '', 'frames': len(positions)})
        for index, (at, cell) in enumerate(zip(positions, cells, strict=True)):
            take_time('FAKE_LABEL_SECONDS', len(positions))
            if index == len(positions) // 2:
                die_once('FAKE_LABEL_DIE_ONCE')
            if chance('FAKE_LABEL_REFUSE', at.sum()) < number('FAKE_LABEL_REFUSE', 0.0) or is_refused(at):
                write({'index': index, 'error': 'RuntimeError: the fake was told to refuse this frame'})
                continue
            energy, forces, virial = labels_of(at, cell)
            if chance('FAKE_LABEL_NAN', at.sum()) < number('FAKE_LABEL_NAN', 0.0):
                energy = float('nan')
            write({'index': index, 'energy': energy, 'forces': forces.tolist(), 'virial': virial.tolist()})
        write({'done': True})
    return 0


if __name__ == '__main__':
    sys.exit(main())

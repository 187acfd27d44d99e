"""Details that ``dp test -d`` writes: label and prediction of every energy, force and virial, system by system."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt

PREFIX = 'detail'
DETAILS = {'energies': f'{PREFIX}.e.out', 'forces': f'{PREFIX}.f.out', 'virials': f'{PREFIX}.v.out'}
"""Quantity -> file. Energies eV a cell, forces eV/Å a row for each atom, virials eV a cell."""
_WIDTH = {'energies': 1, 'forces': 3, 'virials': 9}


def read_detail(text: str, quantity: str) -> dict[str, tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]:
    """Read one file; a last line that was cut is left out.

    :param text: content of the file: ``# <system>: data_e pred_e`` and a row for each value, again and again.
    :param quantity: key of :data:`DETAILS`.
    :returns: system -> labels and predictions, each (n, width).
    :raises ValueError: a line that is none of numbers.
    """
    width = _WIDTH[quantity]
    found: dict[str, tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]] = {}
    text = text[: text.rfind('\n') + 1]
    for block in text.split('#')[1:]:
        head, _, body = block.partition('\n')
        system = head.rpartition(': ')[0].strip()
        if not body.strip():
            continue
        table = np.loadtxt(io.StringIO(body), ndmin=2)
        if table.shape[1] != 2 * width:
            raise ValueError(f'{DETAILS[quantity]}: {table.shape[1]} columns, expected {2 * width}')
        found[system] = (table[:, :width], table[:, width:])
    return found

"""Details that ``dp test -d`` writes: label and prediction of every energy, force and virial."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

PREFIX = 'detail'
DETAILS = {'energies': f'{PREFIX}.e.out', 'forces': f'{PREFIX}.f.out', 'virials': f'{PREFIX}.v.out'}
"""Quantity -> file. Energies eV a cell, forces eV/Å a row for each atom, virials eV a cell."""
_WIDTH = {'energies': 1, 'forces': 3, 'virials': 9}


def read_detail(text: str, quantity: str) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Read one file; a last line that was cut is left out.

    The systems follow each other in the order in which they were tested; DeePMD-kit 3.2 names only the first of them,
    and systems without such a label are passed over.

    :param text: content of the file: a row for each value, label first, then prediction.
    :param quantity: key of :data:`DETAILS`.
    :returns: labels and predictions, each (n, width).
    :raises ValueError: a line that is none of numbers, or another number of columns.
    """
    width = _WIDTH[quantity]
    lines = [line for line in text[: text.rfind('\n') + 1].splitlines() if line.strip() and not line.startswith('#')]
    if not lines:
        return np.zeros((0, width)), np.zeros((0, width))
    try:
        table = np.loadtxt(lines, ndmin=2)
    except ValueError as error:
        raise ValueError(f'{DETAILS[quantity]}: {error}') from error
    if table.shape[1] != 2 * width:
        raise ValueError(f'{DETAILS[quantity]}: {table.shape[1]} columns, expected {2 * width}')
    return table[:, :width], table[:, width:]

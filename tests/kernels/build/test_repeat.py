"""Cells repeated along their vectors."""

from __future__ import annotations

import numpy as np
import pytest
from ase.build import bulk

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.build.repeat import repeat_cell, repeat_labels


def test_as_ase_repeats():
    atoms = bulk('NaCl', 'rocksalt', 5.6) * (1, 2, 1)
    found = repeat_cell(Frames.from_ase(atoms), (3, 1, 2))
    expected = atoms * (3, 1, 2)
    assert list(found.symbols) == expected.get_chemical_symbols()
    np.testing.assert_allclose(found.positions[0], expected.positions)
    np.testing.assert_allclose(found.cells[0], expected.cell.array)
    labels = repeat_labels(np.array([0, 1, 2, 0], dtype=np.int8), (3, 1, 2))
    assert labels.tolist() == [0, 1, 2, 0] * 6
    assert labels.dtype == np.int8


@pytest.mark.parametrize('size', [(0, 1, 1), (1, 1), (1, 2.5, 1), (True, 1, 1)])
def test_no_size(size):
    with pytest.raises(ValueError, match='expected three whole numbers'):
        repeat_cell(Frames.from_ase(bulk('Cu')), size)

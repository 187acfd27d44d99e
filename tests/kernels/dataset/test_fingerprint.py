"""The fingerprint of a geometry: what changes it and what does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from ase import Atoms

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.dataset.fingerprint import fingerprints

FRAME = Frames.from_ase(Atoms('SiO2', [[0, 0, 0], [1.6, 0, 0.1], [-1.6, 0.2, 0]], cell=[8, 9, 10], pbc=True))


def of(frames):
    (found,) = fingerprints(frames)
    return found


def test_labels_velocities_and_order_of_elements_do_not_matter():
    ordered = FRAME.sorted_by_element()
    assert ordered.symbols == ('O', 'O', 'Si')
    assert of(ordered) == of(FRAME)
    more = replace(FRAME, energies=np.ones(1), velocities=np.ones((1, 3, 3)), forces=np.ones((1, 3, 3)))
    assert of(more) == of(FRAME)


def test_rounding_of_files_and_negative_zero_do_not_matter():
    text = np.array([[[float(f'{x:.7f}') for x in row] for row in FRAME.positions[0] + 1 / 3]])
    assert of(replace(FRAME, positions=text)) == of(replace(FRAME, positions=FRAME.positions + 1 / 3))
    zero = FRAME.positions.copy()
    zero[0, 0] = -0.0
    assert of(replace(FRAME, positions=zero)) == of(FRAME)


def test_whatever_changes_a_label_changes_it():
    moved, cells = FRAME.positions.copy(), FRAME.cells.copy()
    moved[0, 1, 2] += 1e-4
    cells[0, 0, 0] += 1e-4
    others = [
        replace(FRAME, positions=moved),
        replace(FRAME, cells=cells),
        replace(FRAME, symbols=('Ge', 'O', 'O')),
        replace(FRAME, pbc=(True, True, False)),
        replace(FRAME, pbc=(False, False, False)),
    ]
    assert len({of(frame) for frame in [FRAME, *others]}) == 6


def test_the_cell_of_a_molecule_does_not_count():
    molecule = replace(FRAME, pbc=(False, False, False))
    assert of(replace(molecule, cells=np.zeros((1, 3, 3)))) == of(molecule)
    assert len(list(fingerprints(Frames.concatenate([FRAME] * 3)))) == 3

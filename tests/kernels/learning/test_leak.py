"""Test frames that were learned are found out."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.learning.leak import frames_to_compare, nearest_training_frame

CELL = np.array([[6.0, 0, 0], [1.0, 7.0, 0], [0.5, -0.4, 8.0]])


def make(n: int, seed: int = 1, symbols=('Si', 'O', 'O', 'Si', 'O', 'O')) -> Frames:
    fractions = np.random.default_rng(seed).random((n, len(symbols), 3))
    return Frames(symbols, fractions @ CELL, np.repeat(CELL[None], n, axis=0))


def test_against_a_loop_over_images():
    test, training = make(3), make(5, seed=2)
    wanted = []
    for i in range(3):
        found = []
        for j in range(5):
            squares = 0.0
            for atom in range(6):
                images = [
                    training.positions[j, atom] - test.positions[i, atom] + np.array(n) @ CELL
                    for n in np.ndindex(5, 5, 5)
                    for n in [np.array(n) - 2]
                ]
                fraction = np.linalg.solve(CELL.T, images[0])
                squares += np.sum(((fraction - np.rint(fraction)) @ CELL) ** 2)
            found.append(np.sqrt(squares / 6))
        wanted.append(min(found))
    assert nearest_training_frame([test], [training[:2], training[2:]]) == pytest.approx(wanted)


def test_a_shifted_copy_in_another_image_and_order():
    training = make(4)
    moved = training.positions[[2]] + 0.03 * np.array([1.0, 0, 0]) + CELL[0] - 2 * CELL[2]
    order = [1, 0, 2, 4, 3, 5]
    test = Frames(tuple(training.symbols[i] for i in order), moved[:, order], training.cells[[2]])
    assert nearest_training_frame([test], [training]) == pytest.approx([0.03])
    assert nearest_training_frame([training], [training]) == pytest.approx(np.zeros(4), abs=1e-7)


def test_another_composition_is_infinitely_far():
    assert np.isinf(nearest_training_frame([make(2)], [make(3, symbols=('Si', 'O', 'O'))])).all()
    assert nearest_training_frame([], [make(3)]).shape == (0,)


def test_molecules_are_compared_about_their_centre():
    free = Frames(('O', 'O'), np.array([[[0, 0, 0], [1.2, 0, 0]]]), np.zeros((1, 3, 3)), pbc=(False, False, False))
    far = Frames(('O', 'O'), free.positions + 5.0, free.cells, pbc=(False, False, False))
    assert nearest_training_frame([free], [far]) == pytest.approx([0.0], abs=1e-12)


def test_of_many_some_are_compared():
    found = nearest_training_frame([make(3), make(7, seed=3)], [make(3)], most=4)
    assert len(found) == 4
    assert found[0] == pytest.approx(0.0, abs=1e-7)
    assert [frames_to_compare(n) for n in (1, 10_000, 20_000, 10**7)] == [200, 200, 100, 20]

"""Duplicates: translated, wrapped and reordered copies are one geometry; others are not. Brute force agrees."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.dataset.duplicates import find_duplicates, same_geometry

TRICLINIC = np.array([[7.0, 0, 0], [2.0, 6.5, 0], [-1.0, 1.5, 6.0]])
SYMBOLS = ('Si', 'O', 'O', 'Na', 'O')


def melt(n, seed, symbols=SYMBOLS, cell=TRICLINIC):
    rng = np.random.default_rng(seed)
    cells = np.tile(cell, (n, 1, 1))
    positions = np.einsum('fni,fij->fnj', rng.random((n, len(symbols), 3)), cells)
    return Frames(symbols, positions, cells, energies=np.zeros(n))


def disguised(frames, seed, noise=0.0):
    """Translated, images chosen at random, atoms of one element reordered."""
    rng = np.random.default_rng(seed)
    positions = frames.positions.copy()
    for i in range(frames.n_frames):
        positions[i] += rng.random(3) * 20
        positions[i] += rng.integers(-2, 3, (frames.n_atoms, 3)) @ frames.cells[i]
        positions[i] += rng.uniform(-noise, noise, positions[i].shape)
        for element in frames.elements:
            block = np.flatnonzero([symbol == element for symbol in frames.symbols])
            positions[i][block] = positions[i][rng.permutation(block)]
    return Frames(frames.symbols, positions, frames.cells, frames.pbc, energies=frames.energies)


def brute_force(first, second, tolerance):
    """Every permutation of atoms of one element, every image of every displacement."""
    a, b = first.sorted_by_element(), second.sorted_by_element()
    if a.symbols != b.symbols or np.abs(a.cells - b.cells).max() > tolerance:
        return False
    inverse = np.linalg.inv(a.cells[0])
    for order in permutations(range(a.n_atoms)):
        if any(a.symbols[i] != a.symbols[j] for i, j in enumerate(order)):
            continue
        displacement = b.positions[0][list(order)] - a.positions[0]
        displacement -= displacement[0]
        displacement -= np.round(displacement @ inverse) @ a.cells[0]
        displacement -= displacement.mean(axis=0)
        if (np.linalg.norm(displacement, axis=1) <= tolerance).all():
            return True
    return False


@pytest.mark.parametrize('seed', range(20))
def test_disguised_copies_are_the_same_and_brute_force_agrees(seed):
    frame = melt(1, seed)
    copy = disguised(frame, seed + 100, noise=2e-4)
    assert same_geometry(frame, copy)
    assert brute_force(frame, copy, 1e-3)
    moved = copy.positions.copy()
    moved[0, seed % 5, seed % 3] += 0.01
    other = Frames(copy.symbols, moved, copy.cells)
    assert not same_geometry(frame, other)
    assert not brute_force(frame, other, 1e-3)
    assert same_geometry(frame, other, 0.02)


def test_what_is_not_the_same():
    frame = melt(1, 1)
    mirrored = Frames(frame.symbols, -frame.positions, frame.cells)
    assert not same_geometry(frame, mirrored)
    strained = Frames(frame.symbols, frame.positions * 1.01, frame.cells * 1.01)
    assert not same_geometry(frame, strained)
    exchanged = Frames(('O', 'Si', 'O', 'Na', 'O'), frame.positions, frame.cells)
    assert not same_geometry(frame, exchanged)
    assert not same_geometry(frame, Frames(frame.symbols, frame.positions, frame.cells, (False, False, False)))


def test_found_among_many_in_the_order_of_coming():
    many = melt(300, 5)
    parts = [many[:200], disguised(many[[3, 50, 3]], 6, 2e-4), many[200:], melt(4, 7, ('O', 'Si')), many[[250]]]
    assert find_duplicates(lambda: iter(parts)) == [(200, 3), (201, 50), (202, 3), (307, 253)]


@pytest.mark.parametrize('seed', range(5))
def test_search_agrees_with_all_pairs(seed):
    rng = np.random.default_rng(seed)
    base = melt(6, seed)
    frames = Frames.concatenate([disguised(base[[int(i)]], k, 1e-4) for k, i in enumerate(rng.integers(0, 6, 15))])
    expected, originals = [], []
    for i in range(15):
        twin = next((o for o in originals if brute_force(frames[o], frames[i], 1e-3)), None)
        if twin is None:
            originals.append(i)
        else:
            expected.append((i, twin))
    assert find_duplicates(lambda: [frames]) == expected


def test_copies_of_a_perfect_crystal():
    from ase.build import bulk

    crystal = Frames.from_ase(bulk('NaCl', 'rocksalt', a=5.64, cubic=True).repeat(2))
    shaken = crystal.positions + np.random.default_rng(0).normal(scale=0.01, size=(5, 64, 3))
    frames = Frames.concatenate([crystal, crystal, Frames(crystal.symbols, shaken, np.tile(crystal.cells, (5, 1, 1)))])
    copy = disguised(crystal, 4)
    assert find_duplicates(lambda: [frames, copy, frames[4]]) == [(1, 0), (7, 0), (8, 4)]


def test_molecules_without_a_cell():
    rng = np.random.default_rng(2)
    positions = rng.random((3, 4, 3)) * 4
    positions[2] = positions[0][[0, 2, 1, 3]] + 11.0
    frames = Frames(('O', 'H', 'H', 'C'), positions, np.zeros((3, 3, 3)), (False, False, False))
    assert find_duplicates(lambda: [frames]) == [(2, 0)]


def test_tolerance_must_be_positive():
    with pytest.raises(ValueError, match='tolerance: 0 Å is not positive'):
        find_duplicates(list, 0)

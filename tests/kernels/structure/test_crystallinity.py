from __future__ import annotations

import json

import numpy as np
import pytest
from ase.build import bulk
from ase.spacegroup import crystal

from aiida_glassion.kernels.structure.crystallinity import (
    crystallinity,
    crystallinity_by_element,
    intensities,
)
from aiida_glassion.kernels.structure.neighbours import neighbour_list

TRICLINIC = np.array([[17.0, 0, 0], [5.0, 16.0, 0], [-4.0, 3.0, 18.0]])


def quartz(repeat):
    return (
        crystal(
            ['Si', 'O'],
            [(0.4697, 0, 1 / 3), (0.4135, 0.2669, 0.2144)],
            spacegroup=152,
            cellpar=[4.913, 4.913, 5.405, 90, 90, 120],
        )
        * repeat
    )


def random_packing(rng, n, cell, diameter):
    """Soft spheres pushed apart until none overlap: dense, short-range order only."""
    positions = rng.random((n, 3)) @ cell
    for _ in range(500):
        pairs = neighbour_list(positions, cell, diameter)
        if len(pairs) == 0:
            return positions
        push = (0.3 * (diameter - pairs.distances) + 1e-3) / pairs.distances
        for axis in range(3):
            positions[:, axis] -= np.bincount(pairs.first, push * pairs.vectors[:, axis], minlength=n)
    raise AssertionError('the packing did not relax')


def test_structure_factor_against_the_sum():
    rng = np.random.default_rng(0)
    positions = rng.random((60, 3)) @ TRICLINIC + rng.integers(-2, 3, (60, 3)) @ TRICLINIC
    k, s = intensities(positions, TRICLINIC, 3.0)
    m = np.stack(np.meshgrid(*[np.arange(-12, 13)] * 3, indexing='ij'), -1).reshape(-1, 3)
    vectors = 2 * np.pi * m @ np.linalg.inv(TRICLINIC).T
    length = np.linalg.norm(vectors, axis=1)
    inside = (length > 0) & (length <= 3.0)
    exact = np.abs(np.exp(1j * vectors[inside] @ positions.T).sum(axis=1)) ** 2 / 60
    assert 2 * len(k) == inside.sum()
    both = np.lexsort((np.repeat(s, 2), np.round(np.repeat(k, 2), 9)))
    order = np.lexsort((exact, np.round(length[inside], 9)))
    np.testing.assert_allclose(np.repeat(k, 2)[both], length[inside][order])
    error = np.repeat(s, 2)[both] - exact[order]
    assert np.sqrt(np.mean(error**2)) < 0.08
    assert np.abs(error[np.repeat(k, 2)[both] < 1.5]).max() < 0.1


def test_a_perfect_lattice_scatters_into_one_peak():
    atoms = bulk('Cu', 'fcc', a=3.6, cubic=True) * (5, 5, 5)
    found = crystallinity(atoms.positions, atoms.cell.array, k_max=4.0)
    assert found.crystallised
    assert found.bragg_peak == pytest.approx(1, abs=0.02)
    assert json.loads(json.dumps(found.summary()))['crystallised'] is True
    assert found.bragg_k in (pytest.approx(2 * np.pi / 3.6 * np.sqrt(3)), pytest.approx(2 * np.pi / 3.6 * 2))


@pytest.mark.parametrize('displacement', [0.0, 0.1, 0.2, 0.3])
@pytest.mark.parametrize('repeat', [(3, 3, 3), (4, 4, 4)])
def test_quartz_is_a_crystal(displacement, repeat):
    atoms = quartz(repeat)
    rng = np.random.default_rng(1)
    positions = atoms.positions + rng.normal(size=atoms.positions.shape) * displacement
    elements = ('O', 'Si')
    types = np.array([elements.index(symbol) for symbol in atoms.get_chemical_symbols()])
    found = crystallinity_by_element(positions, atoms.cell.array, types, elements)
    assert found['Si'].crystallised
    assert found['O'].crystallised


def test_a_sheared_cell_of_a_crystal():
    """The same lattice described by a strongly triclinic cell scatters the same."""
    atoms = bulk('Cu', 'fcc', a=4.6, cubic=True) * (4, 4, 4)
    cell = atoms.cell.array.copy()
    sheared = cell.copy()
    sheared[1] += cell[0]
    sheared[2] += cell[1]
    straight, skew = crystallinity(atoms.positions, cell), crystallinity(atoms.positions, sheared)
    assert skew.crystallised
    assert skew.n_wave_vectors == straight.n_wave_vectors
    assert skew.bragg_peak == pytest.approx(straight.bragg_peak, rel=0.1)


@pytest.mark.parametrize('n', [80, 160, 1000])
def test_an_ideal_gas_is_no_crystal(n):
    rng = np.random.default_rng(n)
    cell = TRICLINIC * (n / 80) ** (1 / 3)
    found = [crystallinity(rng.random((n, 3)) @ cell, cell) for _ in range(10)]
    assert all(result.judged and not result.crystallised for result in found)
    assert np.mean([result.contrast for result in found]) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize('n', [80, 400])
def test_a_random_packing_is_no_crystal(n):
    rng = np.random.default_rng(n)
    cell = TRICLINIC * (n / 80) ** (1 / 3)
    for _ in range(3):
        positions = random_packing(rng, n, cell, 3.0)
        assert neighbour_list(positions, cell, 2.99).first.size == 0
        found = crystallinity(positions, cell)
        assert found.judged
        assert not found.crystallised
        assert found.contrast < 1.8


def test_a_phase_separated_or_porous_glass_is_no_crystal():
    rng = np.random.default_rng(5)
    cell = 30.0 * np.eye(3)
    positions = rng.random((3000, 3)) @ cell
    positions = positions[np.linalg.norm(positions - 15, axis=1) > 9]
    assert not crystallinity(positions, cell).crystallised


def test_a_crystallite_in_a_glass_is_seen():
    """A third of the volume crystalline, in a random matrix."""
    atoms = bulk('Si', 'diamond', a=7.16, cubic=True) * (5, 5, 5)
    rng = np.random.default_rng(6)
    positions = atoms.positions + rng.normal(size=atoms.positions.shape) * 0.1
    matrix = positions[:, 2] > 0.4 * atoms.cell.array[2, 2]
    positions[matrix] = positions[matrix] + rng.normal(size=(matrix.sum(), 3)) * 1.5
    assert crystallinity(positions, atoms.cell.array).crystallised


def test_a_tiny_cell_is_not_judged():
    found = crystallinity(np.random.default_rng(7).random((5, 3)) * 4, 4 * np.eye(3))
    assert not found.judged
    assert not found.crystallised
    assert not crystallinity(np.zeros((1, 3)), 0.5 * np.eye(3)).judged


@pytest.mark.parametrize(
    ('positions', 'cell', 'settings', 'match'),
    [
        (np.zeros((0, 3)), np.eye(3), {}, 'no atom'),
        (np.zeros((2, 2)), np.eye(3), {}, 'shape'),
        (np.zeros((2, 3)), np.zeros((3, 3)), {}, 'volume'),
        (np.zeros((2, 3)), np.eye(3), {'k_min': 4.0}, 'k_min'),
        (np.full((2, 3), np.nan), np.eye(3), {}, 'finite'),
    ],
)
def test_refuses(positions, cell, settings, match):
    with pytest.raises(ValueError, match=match):
        crystallinity(positions, cell, **settings)

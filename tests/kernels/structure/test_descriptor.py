"""The descriptor of a whole frame: against a loop over images, and what must and must not change it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import trapezoid
from scipy.interpolate import BSpline

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.structure.descriptor import (
    CUTOFF,
    N_SHELLS,
    describe,
    n_columns,
    rearrange,
    shell_centres,
)

ELEMENTS = ['Na', 'O', 'Si']
HEIGHT = CUTOFF / (N_SHELLS + 3)


def random_frame(seed, n_atoms=14, skew=2.0, elements=ELEMENTS):
    rng = np.random.default_rng(seed)
    cell = np.diag(rng.uniform(5, 8, 3)) + np.tril(rng.uniform(-skew, skew, (3, 3)), -1)
    symbols = tuple(elements[i] for i in rng.integers(0, len(elements), n_atoms))
    return Frames(symbols, (rng.uniform(-1, 2, (n_atoms, 3)) @ cell)[None], cell[None])


def shell_weights(distance):
    """Cubic B-splines from scipy, whose centre is where the shell counts most."""
    knots = HEIGHT * np.arange(-2, 3)
    spline = BSpline.basis_element(knots, extrapolate=False)
    return np.nan_to_num(np.array([spline(distance - centre) for centre in shell_centres()]))


def brute_force(frames, elements, reach=3):
    """Counts of every atom by element and shell, over many images; then mean and spread over atoms of one element."""
    steps = np.arange(-reach, reach + 1)
    shifts = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3) @ frames.cells[0]
    n = len(elements)
    types = np.array([elements.index(s) for s in frames.symbols])
    counts = np.zeros((frames.n_atoms, n, N_SHELLS))
    for i, first in enumerate(frames.positions[0]):
        for j, second in enumerate(frames.positions[0]):
            distances = np.linalg.norm(second - first + shifts, axis=1)
            if i == j:
                distances = distances[distances > 1e-9]
            for distance in distances[distances < CUTOFF]:
                counts[i, types[j]] += shell_weights(distance)
    mean, spread = np.zeros((2, n, n, N_SHELLS))
    for a in range(n):
        if (types == a).any():
            weight = np.sqrt(np.mean(types == a))
            mean[a], spread[a] = weight * counts[types == a].mean(0), weight * counts[types == a].std(0)
    r = np.linspace(0, CUTOFF, 4001)[1:]
    splines = shell_weights(r).T
    fluctuation = np.sqrt(0.075 * trapezoid(4 * np.pi * r[:, None] ** 2 * splines**2, r, axis=0))
    fractions = np.bincount(types, minlength=n) / frames.n_atoms
    density = frames.n_atoms / abs(np.linalg.det(frames.cells[0])) / 0.075
    return np.concatenate([(mean / fluctuation).ravel(), (spread / fluctuation).ravel(), fractions, [density]])


@pytest.mark.parametrize('seed', range(3))
def test_against_a_loop_over_images(seed):
    frames = random_frame(seed, n_atoms=9)
    found = describe(frames, ELEMENTS)
    assert found.shape == (1, n_columns(3))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[0], brute_force(frames, ELEMENTS), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('seed', range(5))
def test_rotation_reflection_translation_and_order_do_not_matter(seed):
    frames = random_frame(seed)
    rng = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    order = rng.permutation(frames.n_atoms)
    others = {
        'turned': replace(frames, positions=frames.positions @ turn, cells=frames.cells @ turn),
        'mirrored': replace(frames, positions=-frames.positions, cells=-frames.cells),
        'moved': replace(frames, positions=frames.positions + rng.uniform(-9, 9, 3)),
        'wrapped': replace(frames, positions=frames.positions + rng.integers(-2, 3, (14, 3)) @ frames.cells[0]),
        'reordered': replace(
            frames, positions=frames.positions[:, order], symbols=tuple(frames.symbols[i] for i in order)
        ),
        'other cell': replace(frames, cells=np.array([[1, 0, 0], [1, 1, 0], [-1, 2, 1]]) @ frames.cells),
    }
    reference = describe(frames, ELEMENTS)
    for name, other in others.items():
        np.testing.assert_allclose(describe(other, ELEMENTS), reference, rtol=1e-5, atol=1e-5, err_msg=name)


@pytest.mark.parametrize('copies', [(2, 1, 1), (1, 3, 2), (2, 2, 2)])
def test_a_supercell_has_the_row_of_its_cell(copies):
    frames = random_frame(7)
    atoms = frames.to_ase(0).repeat(copies)
    large = describe(Frames.from_ase(atoms), ELEMENTS)
    np.testing.assert_allclose(large, describe(frames, ELEMENTS), rtol=1e-5, atol=1e-5)


def test_changes_are_continuous_also_across_the_cutoff():
    """Along a path on which atoms cross the cutoff and the boundary no step is larger than the steps beside it."""
    frames = random_frame(3)
    direction = np.random.default_rng(3).normal(size=(14, 3))
    steps = np.linspace(0, 1.5, 1501)[:, None, None]
    cells = np.repeat(frames.cells, len(steps), axis=0) * (1 + 0.1 * steps)
    rows = describe(Frames(frames.symbols, frames.positions + steps * direction, cells), ELEMENTS).astype(float)
    jumps = np.linalg.norm(np.diff(rows, axis=0), axis=1)
    assert jumps.max() < 0.03
    finer = np.linspace(0.7, 0.701, 101)[:, None, None]
    cells = np.repeat(frames.cells, len(finer), axis=0) * (1 + 0.1 * finer)
    rows = describe(Frames(frames.symbols, frames.positions + finer * direction, cells), ELEMENTS).astype(float)
    assert np.linalg.norm(np.diff(rows, axis=0), axis=1).max() < 0.03 / 50


def test_distance_grows_with_disorder():
    rng = np.random.default_rng(0)
    frames = random_frame(1, n_atoms=20)
    reference = describe(frames, ELEMENTS)
    distances = [
        np.mean(
            [
                np.linalg.norm(
                    describe(replace(frames, positions=frames.positions + rng.normal(0, size, (20, 3))), ELEMENTS)
                    - reference
                )
                for _ in range(5)
            ]
        )
        for size in (0.01, 0.05, 0.2)
    ]
    assert distances == sorted(distances)
    assert distances[0] * 3 < distances[1]


def test_layout_of_more_elements():
    frames = random_frame(2, elements=['Na', 'Si'])
    small = describe(frames, ['Na', 'Si'])
    large = describe(frames, ['P', 'Si', 'Na', 'O'])
    np.testing.assert_array_equal(rearrange(small, ['Na', 'Si'], ['P', 'Si', 'Na', 'O']), large)
    assert rearrange(small, ['Na', 'Si'], ['Na', 'Si']) is small
    assert np.linalg.norm(large) == pytest.approx(np.linalg.norm(small))
    with pytest.raises(ValueError, match='but rows have Na too'):
        rearrange(small, ['Na', 'Si'], ['Si', 'O'])
    with pytest.raises(ValueError, match='expected \\(n_frames, 238\\)'):
        rearrange(small, ELEMENTS, ELEMENTS)


def test_what_has_no_place_is_refused():
    with pytest.raises(ValueError, match='expected distinct ones with Na, O, Si'):
        describe(random_frame(0), ['Na', 'O'])
    with pytest.raises(ValueError, match='distinct'):
        describe(random_frame(0), ['Na', 'O', 'Si', 'O'])


def test_molecule_and_single_atom():
    molecule = Frames(('O', 'O'), np.array([[[0, 0, 0], [1.2, 0, 0]]]), np.zeros((1, 3, 3)), (False, False, False))
    row = describe(molecule, ['O'])[0]
    assert row[-1] == 0
    assert row[:N_SHELLS].argmax() == np.abs(shell_centres() - 1.2).argmin()
    np.testing.assert_allclose(row[N_SHELLS : 2 * N_SHELLS], 0, atol=1e-6)
    alone = describe(Frames(('O',), np.zeros((1, 1, 3)), np.eye(3)[None] * 20), ['O'])[0]
    assert (alone[:-2] == 0).all()
    assert alone[-2] == 1

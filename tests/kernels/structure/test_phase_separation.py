from __future__ import annotations

import json

import numpy as np
import pytest

from aiida_glassion.kernels.structure.phase_separation import (
    LARGEST_Q,
    composition_fluctuation,
    density_fluctuation,
    phase_separation,
    smallest_wave_vectors,
)

TRICLINIC = np.array([[20.0, 0, 0], [4.0, 19.0, 0], [-3.0, 2.0, 21.0]])
ELEMENTS = ('Na', 'O', 'Si')
TYPES = np.repeat([0, 1, 2], [100, 300, 150])


def test_smallest_wave_vectors():
    q, orders = smallest_wave_vectors(20 * np.eye(3))
    assert len(q) == 9
    assert q[:3] == pytest.approx(2 * np.pi / 20)
    assert q[3:] == pytest.approx(2 * np.pi / 20 * np.sqrt(2))
    both = {tuple(m) for m in orders} | {tuple(-m) for m in orders}
    assert len(both) == 18
    q, orders = smallest_wave_vectors(TRICLINIC)
    every = np.stack(np.meshgrid(*[np.arange(-4, 5)] * 3, indexing='ij'), -1).reshape(-1, 3)
    lengths = np.sort(2 * np.pi * np.linalg.norm(every @ np.linalg.inv(TRICLINIC).T, axis=1))[1::2]
    np.testing.assert_allclose(q, lengths[: len(q)])
    assert (smallest_wave_vectors(8 * np.eye(3))[0] <= LARGEST_Q).all()
    assert len(smallest_wave_vectors(5 * np.eye(3))[0]) == 0


def test_false_alarms_are_as_frequent_as_promised():
    """At a limit of 20 %, 400 ideal gases: 80 ± 8 alarms expected of each kind."""
    rng = np.random.default_rng(0)
    n, limit = 400, 0.2
    alarms = np.zeros(2)
    for seed in range(n):
        positions = rng.random((120, 3)) @ TRICLINIC
        alarms += [
            density_fluctuation(positions, TRICLINIC, limit).separated,
            composition_fluctuation(positions, TRICLINIC, np.arange(120) < 40, limit, 99, seed).separated,
        ]
    assert (np.abs(alarms - n * limit) < 4 * np.sqrt(n * limit * (1 - limit))).all()


def test_values_by_hand():
    positions = np.random.default_rng(1).random((60, 3)) @ TRICLINIC
    q, orders = smallest_wave_vectors(TRICLINIC)
    k = 2 * np.pi * orders @ np.linalg.inv(TRICLINIC).T
    assert np.linalg.norm(k, axis=1) == pytest.approx(q)
    waves = np.exp(1j * positions @ k.T)
    found = density_fluctuation(positions, TRICLINIC)
    assert found.value == pytest.approx((np.abs(waves.sum(axis=0)) ** 2 / 60).mean())
    x = (np.arange(60) % 3 == 0) - 1 / 3
    mixed = composition_fluctuation(positions, TRICLINIC, x > 0)
    assert mixed.value == pytest.approx((np.abs(x @ waves) ** 2 / (60 * 2 / 9)).mean())
    assert mixed.threshold > mixed.value or mixed.p <= 1e-3


def test_a_pore_and_a_bubble_are_uneven():
    rng = np.random.default_rng(2)
    cell = 25.0 * np.eye(3)
    positions = rng.random((1200, 3)) @ cell
    holed = positions[np.linalg.norm(positions - 12.5, axis=1) > 7]
    found = density_fluctuation(holed, cell)
    assert found.separated
    assert found.value > 5
    assert not density_fluctuation(np.indices((6, 6, 6)).reshape(3, -1).T * (25 / 6) + 0.3, cell).separated


def test_gathered_cations_are_separated_and_mixed_ones_are_not():
    rng = np.random.default_rng(3)
    fractions = rng.random((550, 3))
    positions = fractions @ TRICLINIC
    mixed = phase_separation(positions, TRICLINIC, TYPES, ELEMENTS)
    assert list(mixed) == ['density', 'Na']
    assert not any(found.separated for found in mixed.values())
    assert mixed['Na'].limit == pytest.approx(5e-4)
    cations = np.flatnonzero(TYPES != 1)
    gathered = TYPES.copy()
    by_place = cations[np.argsort(np.abs(fractions[cations, 0] - 0.5))]
    gathered[by_place[:100]], gathered[by_place[100:]] = 0, 2
    found = phase_separation(positions, TRICLINIC, gathered, ELEMENTS)
    assert found['Na'].separated
    assert found['Na'].value > found['Na'].threshold
    assert not found['density'].separated
    assert json.loads(json.dumps(found['Na'].summary()))['separated'] is True


def test_anions_are_mixed_with_anions():
    rng = np.random.default_rng(4)
    types = np.repeat([0, 1, 2, 3], [90, 60, 30, 120])
    found = phase_separation(rng.random((300, 3)) @ TRICLINIC, TRICLINIC, types, ('Na', 'O', 'P', 'S'))
    assert list(found) == ['density', 'O', 'P']


def test_too_small_to_tell():
    rng = np.random.default_rng(5)
    small = density_fluctuation(rng.random((60, 3)) * 6, 6 * np.eye(3))
    assert not small.judged
    assert not small.separated
    few = composition_fluctuation(rng.random((60, 3)) @ TRICLINIC, TRICLINIC, np.arange(60) < 5)
    assert not few.judged


@pytest.mark.parametrize(
    ('arguments', 'match'),
    [
        ((np.zeros((0, 3)), TRICLINIC, np.zeros(0, bool)), 'no atom'),
        ((np.zeros((30, 3)), np.zeros((3, 3)), np.zeros(30, bool)), 'volume'),
        ((np.zeros((30, 3)), TRICLINIC, np.zeros(3, bool)), 'chosen'),
        ((np.zeros((30, 3)), TRICLINIC, np.zeros(30, bool), 0.0), 'limit'),
        ((np.zeros((30, 3)), TRICLINIC, np.zeros(30, bool), 1e-3, 10), 'n_shuffles'),
    ],
)
def test_refuses(arguments, match):
    with pytest.raises(ValueError, match=match):
        composition_fluctuation(*arguments)

from __future__ import annotations

import numpy as np
import pytest

from aiida_glassion.kernels.space.profiles import axis_profile, radial_profile
from aiida_glassion.units import AMU_PER_ANGSTROM3_TO_G_PER_CM3

TRICLINIC = np.array([[20.0, 0, 0], [6.0, 17.5, 0], [-5.0, 4.0, 19.0]])


@pytest.mark.parametrize('axis', [0, 1, 2])
def test_sums_equal_the_totals_wherever_the_atoms_are(axis):
    rng = np.random.default_rng(axis)
    positions = rng.random((300, 3)) @ TRICLINIC + rng.integers(-3, 4, (300, 3)) @ TRICLINIC
    types = rng.integers(0, 3, 300)
    found = axis_profile(positions, TRICLINIC, types, 4, axis, 13)
    assert found.counts.sum(axis=1).tolist() == [*np.bincount(types, minlength=3).tolist(), 0]
    assert found.volumes.sum() == pytest.approx(abs(np.linalg.det(TRICLINIC)))
    other = np.delete(TRICLINIC, axis, axis=0)
    area = np.linalg.norm(np.cross(*other))
    assert found.edges[-1] * area == pytest.approx(found.volumes.sum())
    masses = np.array([1.0, 2.0, 3.0, 4.0])
    mass = (found.mass_density(masses) * found.volumes).sum() / AMU_PER_ANGSTROM3_TO_G_PER_CM3
    assert mass == pytest.approx(masses[types].sum())
    full = found.counts.sum(axis=0) > 0
    np.testing.assert_allclose(found.composition.sum(axis=0)[full], 1)


def test_two_layers_are_seen_where_they_are():
    cell = np.diag([10.0, 10.0, 20.0])
    positions = np.array([[1.0, 1, 2.0], [3.0, 4, 2.9], [5.0, 5, 12.5], [5.0, 5, 20.0]])
    found = axis_profile(positions, cell, np.array([0, 0, 1, 1]), 2, 2, 20)
    assert np.flatnonzero(found.counts[0]).tolist() == [2]
    assert np.flatnonzero(found.counts[1]).tolist() == [0, 12]
    assert found.number_density[0, 2] == pytest.approx(2 / 100)
    np.testing.assert_allclose(found.centres, np.arange(20) + 0.5)


def radial_brute_force(positions, cell, types, centre, edges):
    shifts = np.stack(np.meshgrid(*[np.arange(-7, 8)] * 3, indexing='ij'), -1).reshape(-1, 3) @ cell
    distance = np.linalg.norm((positions - centre)[:, None] + shifts, axis=2)
    return np.array([np.histogram(distance[types == t][distance[types == t] < edges[-1]], edges)[0] for t in range(2)])


@pytest.mark.parametrize('r_max', [4.0, 9.0, 25.0])
@pytest.mark.parametrize('centre', [(0.0, 0.0, 0.0), (11.0, -7.0, 33.0)])
def test_shells_against_brute_force(r_max, centre):
    rng = np.random.default_rng(1)
    positions = rng.random((40, 3)) @ TRICLINIC + rng.integers(-2, 3, (40, 3)) @ TRICLINIC
    types = rng.integers(0, 2, 40)
    found = radial_profile(positions, TRICLINIC, types, 2, centre, r_max, 10)
    inside = positions @ np.linalg.inv(TRICLINIC)
    wrapped = (inside - np.floor(inside)) @ TRICLINIC
    middle = np.array(centre) @ np.linalg.inv(TRICLINIC)
    expected = radial_brute_force(wrapped, TRICLINIC, types, (middle - np.floor(middle)) @ TRICLINIC, found.edges)
    np.testing.assert_array_equal(found.counts, expected)
    assert found.volumes.sum() == pytest.approx(4 / 3 * np.pi * r_max**3)


def test_an_ideal_gas_has_its_density_everywhere():
    rng = np.random.default_rng(2)
    n = 20_000
    positions, types = rng.random((n, 3)) @ TRICLINIC, np.zeros(n, int)
    density = n / abs(np.linalg.det(TRICLINIC))
    shells = radial_profile(positions, TRICLINIC, types, 1, [3.0, 4.0, 5.0], 20.0, 10)
    error = 5 * density / np.sqrt(shells.volumes * density)
    assert (np.abs(shells.number_density[0] - density) < error).all()


def test_an_atom_at_the_centre_and_one_on_the_rim():
    found = radial_profile(np.array([[1.0, 1, 1], [4.0, 1, 1]]), 30 * np.eye(3), np.array([0, 0]), 1, [1, 1, 1], 3.0, 3)
    assert found.counts.tolist() == [[1, 0, 0]]


@pytest.mark.parametrize(
    ('arguments', 'match'),
    [
        ((np.zeros((1, 3)), TRICLINIC, np.array([0]), 1, 3, 5), 'axis'),
        ((np.zeros((1, 3)), TRICLINIC, np.array([0]), 1, 0, 0), 'n_bins'),
        ((np.zeros((1, 3)), TRICLINIC, np.array([2]), 1, 0, 5), 'types'),
        ((np.zeros((0, 3)), TRICLINIC, np.zeros(0, int), 1, 0, 5), 'no atom'),
    ],
)
def test_axis_refuses(arguments, match):
    with pytest.raises(ValueError, match=match):
        axis_profile(*arguments)


@pytest.mark.parametrize(('centre', 'r_max', 'match'), [([0, 0], 3.0, 'centre'), ([0, 0, 0], -1.0, 'r_max')])
def test_radial_refuses(centre, r_max, match):
    with pytest.raises(ValueError, match=match):
        radial_profile(np.zeros((1, 3)), TRICLINIC, np.array([0]), 1, centre, r_max, 5)

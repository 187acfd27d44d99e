from __future__ import annotations

import numpy as np
import pytest
from ase.build import bulk

from aiida_glassion.kernels.space import voids
from aiida_glassion.kernels.space.cavities import find_cavities
from aiida_glassion.kernels.space.distance_field import distances_at, grid_shape, surface_distances
from aiida_glassion.kernels.space.voids import accessible_surface, find_voids, pore_radii, van_der_waals_radius

TRICLINIC = np.array([[9.0, 0, 0], [3.0, 8.0, 0], [-2.0, 2.5, 10.0]])


def brute_force(positions, cell, radii, shape, reach=2):
    points = np.stack(np.meshgrid(*[np.arange(n) / n for n in shape], indexing='ij'), -1) @ cell
    shifts = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * 3, indexing='ij'), -1).reshape(-1, 3) @ cell
    wrapped = (positions @ np.linalg.inv(cell) % 1) @ cell
    nearest = np.full(shape, np.inf)
    for position, radius in zip(wrapped, radii, strict=True):
        for shift in shifts:
            nearest = np.minimum(nearest, np.linalg.norm(points - position - shift, axis=-1) - radius)
    return nearest


@pytest.mark.parametrize('n', [1, 12])
def test_distances_against_brute_force_in_a_slanted_cell(n):
    rng = np.random.default_rng(n)
    positions = rng.random((n, 3)) @ TRICLINIC + rng.integers(-2, 3, (n, 3)) @ TRICLINIC
    radii = rng.choice([0.8, 1.7], n)
    field = surface_distances(positions, TRICLINIC, radii, 0.7)
    assert field.shape == grid_shape(TRICLINIC, 0.7) == (13, 13, 15)
    np.testing.assert_allclose(field, brute_force(positions, TRICLINIC, radii, field.shape), atol=2e-6)


def test_distances_in_a_cell_smaller_than_the_atoms():
    cell = np.array([[2.0, 0, 0], [0.5, 1.8, 0], [0, 0.3, 2.2]])
    positions, radii = np.array([[0.3, 0.2, 0.1]]), np.array([3.0])
    field = surface_distances(positions, cell, radii, 0.4)
    np.testing.assert_allclose(field, brute_force(positions, cell, radii, field.shape, 3), atol=2e-6)
    points = np.array([[0.1, 0.1, 0.1], [0.3, 0.2, 0.1]])
    assert distances_at(points, positions, cell, radii)[1] == pytest.approx(-3)


@pytest.mark.parametrize('centre', [(5.0, 5.0, 5.0), (0.0, 0.0, 0.0), (9.99, 5.0, 0.0)])
def test_one_sphere_in_a_box(centre):
    """Free: all but 4/3 π R³; the largest sphere sits at the corner farthest away, √3/2 a − R."""
    a, radius = 10.0, 3.0
    found = find_voids(np.array([centre]), a * np.eye(3), np.array([radius]), 0.0, 0.2)
    assert found.free_fraction == pytest.approx(1 - 4 / 3 * np.pi * radius**3 / a**3, abs=2e-3)
    assert found.largest_radius == pytest.approx(np.sqrt(3) / 2 * a - radius, abs=2e-3)
    opposite = (np.array(centre) + a / 2) % a
    np.testing.assert_allclose((found.largest_centre - opposite + a / 2) % a - a / 2, 0, atol=0.05)
    assert found.axes == (True, True, True)
    assert found.cavities.dimensions.tolist() == [3]
    assert found.percolating_fraction == found.free_fraction


def test_two_overlapping_spheres():
    """The volume of the lens of two equal spheres at distance d: π(4R + d)(2R − d)²/12."""
    radius, d, a = 2.0, 2.5, 12.0
    positions = np.array([[5.0, 6.0, 6.0], [5.0 + d, 6.0, 6.0]])
    found = find_voids(positions, a * np.eye(3), np.full(2, radius), 0.0, 0.15)
    lens = np.pi * (4 * radius + d) * (2 * radius - d) ** 2 / 12
    union = 2 * 4 / 3 * np.pi * radius**3 - lens
    assert (1 - found.free_fraction) * a**3 == pytest.approx(union, rel=5e-3)
    # the surface of two spheres less two caps of height R − d/2
    bare = accessible_surface(positions, a * np.eye(3), np.full(2, radius), 0.0, 2000)
    expected = 4 * np.pi * radius**2 - 2 * np.pi * radius * (radius - d / 2)
    np.testing.assert_allclose(bare, expected, rtol=5e-3)
    rolled = accessible_surface(positions, a * np.eye(3), np.full(2, radius - 0.5), 0.5, 2000)
    np.testing.assert_allclose(rolled, bare)


def test_octahedral_hole_of_fcc():
    """Between touching spheres of radius a/√8 the largest hole is a/2 − a/√8."""
    atoms = bulk('Cu', 'fcc', a=4.0, cubic=True) * 2
    atoms.positions += [0.05, 0.11, 0.02]
    found = find_voids(atoms.positions, atoms.cell.array, np.full(len(atoms), 4 / np.sqrt(8)), 0.0, 0.17)
    assert found.largest_radius == pytest.approx(2 - 4 / np.sqrt(8), abs=1e-3)
    assert found.free_fraction == pytest.approx(1 - np.pi / np.sqrt(18), abs=0.01)


def dense_with_hole(hole, cells=6):
    atoms = bulk('Cu', 'sc', a=2.0) * cells
    positions, length = atoms.positions, 2.0 * cells
    keep = ~hole(positions - length / 2)
    return positions[keep], length * np.eye(3)


def test_a_spherical_hole_in_a_crystal():
    positions, cell = dense_with_hole(lambda r: np.linalg.norm(r, axis=1) < 3.5)
    # the atoms overlap so far that only the hole is empty
    found = find_voids(positions, cell, np.full(len(positions), 1.75), 0.3, 0.2)
    assert len(found.cavities) == 1
    assert found.axes == (False, False, False)
    assert found.cavities.dimensions.tolist() == [0]
    assert found.percolating_fraction == 0
    nearest = np.linalg.norm(positions - 6.0, axis=1).min()
    assert found.largest_radius == pytest.approx(nearest - 1.75, abs=1e-3)
    assert found.cavity_radii[0] == pytest.approx(found.largest_radius, abs=0.15)
    too_wide = find_voids(positions, cell, np.full(len(positions), 1.75), found.largest_radius + 0.1, 0.2)
    assert len(too_wide.cavities) == 0
    assert too_wide.centre_fraction == 0
    assert too_wide.axes == (False, False, False)


@pytest.mark.parametrize(
    ('hole', 'axes', 'dimension'),
    [
        (lambda r: np.linalg.norm(r[:, :2], axis=1) < 2.5, (False, False, True), 1),
        (lambda r: np.abs(r[:, 1]) < 2.5, (True, False, True), 2),
        (lambda r: (np.abs(r[:, 0]) < 2.5) & (np.abs(r[:, 2]) < 5), (False, True, False), 1),
    ],
)
def test_what_leads_through_the_cell(hole, axes, dimension):
    positions, cell = dense_with_hole(hole)
    found = find_voids(positions, cell, np.full(len(positions), 1.75), 0.3, 0.3)
    assert found.axes == axes
    assert found.cavities.dimensions.max() == dimension
    assert found.percolating_fraction == pytest.approx(found.cavities.sizes[0] / found.field.size)


def test_cavities_across_faces_are_one_and_do_not_lead_through():
    free = np.zeros((6, 6, 6), dtype=bool)
    free[[0, 5], 2, 2] = True
    free[3, 3, 3] = True
    found = find_cavities(free)
    assert found.sizes.tolist() == [2, 1]
    assert not found.percolating.any()
    assert found.labels[0, 2, 2] == found.labels[5, 2, 2] == 0
    assert (found.labels[~free] == -1).all()


def test_a_way_that_winds_leads_through():
    """A staircase leaves through one face two cells along and returns one cell higher: it leads along a + b."""
    n = 5
    free = np.zeros((n, n, 3), dtype=bool)
    for i in range(n):
        free[i, i, 1] = free[i, (i + 1) % n, 1] = True
    found = find_cavities(free)
    assert len(found) == 1
    assert found.axes[0].tolist() == [True, True, False]
    assert found.dimensions.tolist() == [1]
    everything = find_cavities(np.ones((3, 1, 2), dtype=bool))
    assert everything.dimensions.tolist() == [3]
    assert len(find_cavities(np.zeros((2, 2, 2), dtype=bool))) == 0


def test_pore_radii_of_two_spherical_pores():
    """Grid points inside a pore of radius R belong to a sphere of radius R, whatever their own distance to the wall."""
    n, length = 60, 15.0
    axes = np.stack(np.meshgrid(*[np.arange(n) / n * length] * 3, indexing='ij'), -1)
    field = np.maximum(
        3.0 - np.linalg.norm(axes - [4.0, 4.0, 4.0], axis=-1), 2.0 - np.linalg.norm(axes - [11.0, 11.0, 11.0], axis=-1)
    ).astype(np.float32)
    covered = pore_radii(field, length * np.eye(3))
    volume = (length / n) ** 3
    assert (covered > 2.5).sum() * volume == pytest.approx(4 / 3 * np.pi * 27, rel=0.03)
    assert ((covered > 0) & (covered < 2.5)).sum() * volume == pytest.approx(4 / 3 * np.pi * 8, rel=0.05)
    assert (covered >= field - 1e-6)[field > 0].all()
    only_large = pore_radii(field, length * np.eye(3), probe=2.5)
    assert set(np.unique(only_large)) <= {0.0, *np.unique(covered[covered > 2.4])}
    assert (only_large > 0).sum() == pytest.approx((covered > 2.5).sum(), rel=0.02)


def test_pore_radii_against_all_spheres(monkeypatch):
    rng = np.random.default_rng(8)
    positions = rng.random((8, 3)) @ TRICLINIC
    field = surface_distances(positions, TRICLINIC, np.full(8, 1.2), 1.1)
    covered = pore_radii(field, TRICLINIC)
    shape = field.shape
    points = np.stack(np.meshgrid(*[np.arange(n) / n for n in shape], indexing='ij'), -1).reshape(-1, 3)
    shifts = np.stack(np.meshgrid(*[np.arange(-1, 2)] * 3, indexing='ij'), -1).reshape(-1, 3)
    flat, expected = field.reshape(-1), np.zeros(field.size)
    for centre in np.flatnonzero(flat > 0):
        away = np.linalg.norm((points[:, None] - points[centre] + shifts) @ TRICLINIC, axis=2).min(axis=1)
        inside = away <= flat[centre]
        expected[inside] = np.maximum(expected[inside], flat[centre])
    assert np.mean(np.abs(covered.reshape(-1) - expected) > 1e-5) < 0.05
    monkeypatch.setattr(voids, '_SKIP', 0.0)
    exact = pore_radii(field, TRICLINIC).reshape(-1)
    # a point on the rim of a sphere may fall on either side of it
    assert np.mean(np.abs(exact - expected) > 1e-5) < 0.003


def test_an_alone_atom_is_bare_and_a_buried_one_is_not():
    lone = accessible_surface(np.zeros((1, 3)), 20 * np.eye(3), np.array([1.5]), 0.5)
    assert lone[0] == pytest.approx(4 * np.pi * 4)
    atoms = bulk('Cu', 'fcc', a=4.0, cubic=True)
    assert accessible_surface(atoms.positions, atoms.cell.array, np.full(4, 2.1), 0.0).sum() == 0


def test_van_der_waals_radii():
    assert van_der_waals_radius('O') == 1.50
    assert van_der_waals_radius('S') == 1.89
    with pytest.raises(ValueError, match='Xx'):
        van_der_waals_radius('Xx')


@pytest.mark.parametrize(
    ('change', 'match'),
    [
        ({'positions': np.zeros((0, 3)), 'radii': np.zeros(0)}, 'no atom'),
        ({'cell': np.zeros((3, 3))}, 'volume'),
        ({'radii': np.ones(2)}, 'radii'),
        ({'radii': np.array([-1.0])}, 'radii'),
        ({'probe': -1.0}, 'probe'),
        ({'spacing': 0.0}, 'spacing'),
        ({'spacing': 1e-4}, 'spacing'),
    ],
)
def test_refuses(change, match):
    arguments = {'positions': np.zeros((1, 3)), 'cell': 5 * np.eye(3), 'radii': np.ones(1), **change}
    with pytest.raises(ValueError, match=match):
        find_voids(**arguments)

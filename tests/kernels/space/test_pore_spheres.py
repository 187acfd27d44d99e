"""The largest sphere in a pore, and when a pore counts as closed."""

from __future__ import annotations

import json

import numpy as np
import pytest

from aiida_glassion.kernels.build.pores import Slit, Sphere
from aiida_glassion.kernels.space.pore_spheres import judge_closed, largest_in_regions

CELL = np.eye(3) * 12.0


def lattice():
    return np.stack(np.meshgrid(*[np.arange(0, 12, 1.0)] * 3, indexing='ij'), axis=-1).reshape(-1, 3)


def without(positions, *shapes):
    keep = np.all([~shape.inside(positions, CELL) for shape in shapes], axis=0)
    return positions[keep]


def test_the_sphere_touches_the_nearest_atoms():
    pore = Sphere((0.5, 0.5, 0.5), 6.2)
    atoms = without(lattice(), pore)
    nearest = np.linalg.norm(atoms - 6.0, axis=1).min()
    radii = np.full(len(atoms), 0.3)
    (found,) = largest_in_regions(atoms, CELL, radii, [pore], CELL, spacing=0.4)
    assert found == pytest.approx(2 * (nearest - 0.3), abs=0.02)


def test_each_pore_has_its_own_sphere_across_the_boundary_too():
    pores = [Sphere((0.0, 0.0, 0.0), 6.2), Sphere((0.5, 0.5, 0.5), 4.2)]
    atoms = without(lattice(), *pores)
    found = largest_in_regions(atoms, CELL, np.full(len(atoms), 0.3), pores, CELL)
    each = [np.linalg.norm((atoms - place + 6) % 12 - 6, axis=1).min() for place in (0.0, 6.0)]
    np.testing.assert_allclose(found, 2 * (np.array(each) - 0.3), atol=0.02)
    assert found[0] > found[1] + 1


def test_the_cell_takes_the_pore_along():
    pore = Sphere((0.25, 0.5, 0.5), 6.2)
    atoms = without(lattice(), pore)
    radii = np.full(len(atoms), 0.3)
    (before,) = largest_in_regions(atoms, CELL, radii, [pore], CELL)
    (after,) = largest_in_regions(0.9 * atoms, 0.9 * CELL, radii, [pore], CELL)
    assert after == pytest.approx(0.9 * (before + 0.6) - 0.6, abs=0.02)


def test_a_region_without_a_point_of_the_grid_has_no_sphere():
    atoms = lattice()
    thin = Slit('c', (0.5, 0.5, 0.526), 0.01)
    assert largest_in_regions(atoms, CELL, np.full(len(atoms), 0.3), [thin], CELL, spacing=0.5).tolist() == [0.0]


def test_open_closed_and_cut_too_narrow():
    def judged(carved, relaxed):
        found = judge_closed(2.0, np.array(carved), np.array(relaxed), 0.25)
        assert json.loads(json.dumps(found)) == found
        return found

    one = judged([10.0], [4.0])
    assert not one['closed']
    assert one['pores'][0]['kept'] == pytest.approx(0.25)
    assert one['reason'].startswith('open: the largest sphere went from 10.00 to 4.00 Å')
    shut = judged([10.0], [3.9])
    assert shut['closed']
    assert 'the pore closed: the largest sphere fell from 10.00 to 3.90 Å, 24 %' in shut['reason']
    several = judged([10.0, 10.0, 1.5], [9.0, 1.0, 1.5])
    assert not several['closed']
    assert several['n_closed'] == 2
    assert [pore['closed'] for pore in several['pores']] == [False, True, True]
    assert several['reason'].startswith('1 of 3 pores closed: the largest sphere fell from 10.00 to 1.00 Å, 0 %')
    assert several['reason'].endswith('hole of the glass itself (2.00 Å): take a larger diameter')
    assert '; 1 of 3 pores was cut no wider than the widest' in several['reason']
    narrow = judged([2.0, 1.0], [5.0, 1.0])
    assert narrow['closed']
    assert narrow['reason'].startswith('all 2 pores were cut no wider')
    assert judged([10.0, 9.0], [9.0, 8.9])['reason'].startswith('all 2 open: the largest sphere in the one that shrank')

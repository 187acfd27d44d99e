"""Slabs that fit a cell: known supercells are found, with the strain that was put in."""

from __future__ import annotations

from math import gcd

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from aiida_glassion.kernels.build.glass_ceramic_slab import match_layer, plane_basis, slab
from aiida_glassion.kernels.structure.neighbours import neighbour_list

HEXAGONAL = np.array([[4.916, 0.0], [-2.458, 4.2574]])


def turned(vectors, degrees):
    angle = np.radians(degrees)
    return vectors @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


@settings(max_examples=80, deadline=None)
@given(st.tuples(*(st.integers(-5, 5),) * 3))
def test_basis_of_a_plane(miller):
    assume(any(miller))
    basis, normal = plane_basis(miller), np.array(miller) // gcd(*miller)
    assert round(np.linalg.det(basis)) == 1
    np.testing.assert_array_equal(basis @ normal, [0, 0, 1])


@pytest.mark.parametrize('miller', [(0, 0, 0), (1, 0), (0.5, 0, 1)])
def test_planes_that_are_none(miller):
    with pytest.raises(ValueError, match=r'miller: .* given, expected three whole numbers'):
        plane_basis(miller)


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 7), st.integers(-3, 3), st.integers(-3, 3), st.integers(2, 7), st.floats(-180, 180))
def test_a_supercell_that_fits_exactly_is_found(a, b, c, d, angle):
    supercell = np.array([[a, b], [c, d]])
    assume(a * d - b * c > 3)
    cell = turned(supercell @ HEXAGONAL, angle)
    found = match_layer(HEXAGONAL, cell, 0.05)
    assert found.strain < 1e-6
    np.testing.assert_allclose(found.supercell @ HEXAGONAL @ found.deformation, cell, atol=1e-9)
    assert round(np.linalg.det(found.supercell)) == a * d - b * c


def test_the_strain_is_the_one_that_was_put_in():
    stretch = turned(turned(np.eye(2), 30) * [1.004, 0.993], -30)
    cell = turned(np.array([[3, 0], [0, 3]]) @ HEXAGONAL @ stretch, 20)
    found = match_layer(HEXAGONAL, cell, 0.02)
    assert found.strain < 0.0071
    deformation = np.linalg.inv(found.supercell @ HEXAGONAL) @ cell
    np.testing.assert_allclose(found.deformation, deformation)
    np.testing.assert_allclose(np.array(found.strains) + 1, np.sort(np.linalg.svd(deformation)[1]))


def test_more_strain_than_allowed_is_told():
    cell = np.diag([7.4, 7.4])
    with pytest.raises(
        ValueError, match=r'max_strain: no supercell of the crystal fits the cell within 0\.01; the best'
    ):
        match_layer(np.diag([7.0, 7.0]), cell, 0.01)
    assert match_layer(np.diag([7.0, 7.0]), cell, 0.06).strain == pytest.approx(0.4 / 7)
    with pytest.raises(ValueError, match=r'max_strain: no supercell of the crystal fits'):
        match_layer(np.diag([50.0, 50.0]), cell, 0.3)


def test_aligned_supercells_are_not_turned():
    cell = np.diag([40.0, 41.0])
    free, aligned = match_layer(HEXAGONAL, cell, 0.3), match_layer(HEXAGONAL, cell, 0.3, aligned=True)
    assert free.strain <= aligned.strain
    assert aligned.supercell[0, 1] == aligned.supercell[1, 0] == 0


@pytest.mark.parametrize('axis', ['a', 'b', 'c'])
@pytest.mark.parametrize('mirror', [False, True])
def test_a_slab_as_high_as_the_crystal_repeats_it(axis, mirror):
    """Simple cubic, laid in any of the three directions of a cell that it fits: six neighbours, five at the faces."""
    crystal, cell = 3.0 * np.eye(3), np.diag([15.0, 18.0, 21.0])
    if mirror:
        crystal = crystal[[1, 0, 2]]
        cell = np.diag([15.0, 18.0, -21.0])
    fractions = np.array([[0.2, 0.7, 0.4]])
    positions, atoms, thickness, match = slab(fractions, crystal, cell, axis, 9.4, (0, 0, 1), 0.01)
    assert match.strain < 1e-9
    assert thickness == pytest.approx(9.0)
    across = np.abs(np.diag(cell))['abc'.index(axis)]
    assert len(positions) == len(atoms) == 3 * 15 * 18 * 21 / across / 9
    bonds = np.bincount(neighbour_list(positions, cell, 3.1).first)
    assert np.bincount(bonds)[[5, 6]].tolist() == [len(positions) * 2 // 3, len(positions) // 3]
    level = positions @ np.linalg.inv(cell)[:, 'abc'.index(axis)] * across
    np.testing.assert_allclose(np.unique(level.round(6)), [1.5, 4.5, 7.5])


def test_a_slab_as_high_as_the_cell_is_refused():
    with pytest.raises(ValueError, match=r'fraction: 7 repeats of 3\.00 Å are as high as the cell \(21\.00 Å\)'):
        slab(np.zeros((1, 3)), 3.0 * np.eye(3), np.diag([15.0, 18.0, 21.0]), 'c', 20.0, (0, 0, 1), 0.01)


def test_the_cut_is_where_the_planes_are_farthest_apart():
    """Planes at 0.1, 0.3 and 0.9 of the repeat: the widest gap is from 0.3 to 0.9."""
    fractions = np.array([[0.0, 0.0, 0.1], [0.5, 0.5, 0.3], [0.0, 0.0, 0.9]])
    positions, atoms, thickness, _ = slab(
        fractions, np.diag([5.0, 5.0, 10.0]), np.diag([15.0, 15.0, 60.0]), 'c', 20.0, (0, 0, 1), 0.01
    )
    assert thickness == pytest.approx(20)
    for atom, levels in enumerate([(5, 15), (7, 17), (3, 13)]):
        np.testing.assert_allclose(np.unique(positions[atoms == atom, 2].round(6)), levels)

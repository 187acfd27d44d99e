from __future__ import annotations

import numpy as np
import pytest
from ase.build import bulk

from aiida_glassion.kernels.space.images import heights, with_images
from aiida_glassion.kernels.space.voronoi import voronoi_cells

TRICLINIC = np.array([[8.0, 0, 0], [6.0, 7.5, 0], [-5.0, 2.0, 9.0]])


def lattice(name, repeat=2):
    atoms = bulk({'sc': 'Po', 'fcc': 'Cu', 'bcc': 'Fe', 'diamond': 'Si'}[name], name, a=4.0, cubic=True) * repeat
    return atoms.positions, atoms.cell.array


@pytest.mark.parametrize(
    ('name', 'faces', 'sphericity'), [('sc', 6, np.pi / 6), ('fcc', 12, 0.74048), ('bcc', 14, 0.75337)]
)
def test_cells_of_lattices(name, faces, sphericity):
    positions, cell = lattice(name)
    found = voronoi_cells(positions + 0.7, cell)
    np.testing.assert_allclose(found.volumes, abs(np.linalg.det(cell)) / len(positions), rtol=1e-9)
    assert (found.coordination() == faces).all()
    np.testing.assert_allclose(found.sphericity(), sphericity, rtol=1e-5)
    if name != 'bcc':
        np.testing.assert_allclose(found.effective_coordination(), faces, rtol=1e-9)


def test_bcc_has_two_kinds_of_faces():
    """The truncated octahedron: hexagons of area 3√3/16 a² towards 8 neighbours, squares of a²/8 towards 6."""
    found = voronoi_cells(*lattice('bcc'))
    near = found.distances < 3.7
    np.testing.assert_allclose(found.face_areas[near & (found.face_areas > 0.1)], 3 * np.sqrt(3) / 16 * 16, rtol=1e-9)
    far = ~near & (found.face_areas > 0.1)
    np.testing.assert_allclose(found.face_areas[far], 2.0, rtol=1e-9)
    assert far.sum() == 6 * 16
    assert (found.coordination(0.15) == 0).all()


@pytest.mark.parametrize('n', [1, 2, 5, 60])
def test_volumes_fill_a_slanted_cell(n):
    rng = np.random.default_rng(n)
    positions = rng.random((n, 3)) @ TRICLINIC + rng.integers(-3, 4, (n, 3)) @ TRICLINIC
    found = voronoi_cells(positions, TRICLINIC)
    assert found.volumes.sum() == pytest.approx(abs(np.linalg.det(TRICLINIC)), rel=1e-9)
    # a face is shared by two atoms
    both = np.sort(np.stack([found.first, found.second]), axis=0)
    assert np.bincount(both[0], found.face_areas).sum() == pytest.approx(found.areas.sum())
    assert found.areas.sum() == pytest.approx(np.bincount(found.second, found.face_areas).sum(), rel=1e-9)


def test_volumes_against_random_points():
    rng = np.random.default_rng(3)
    positions = rng.random((12, 3)) @ TRICLINIC
    found = voronoi_cells(positions, TRICLINIC)
    around, atoms = with_images(positions, TRICLINIC, 12.0)
    points = rng.random((20_000, 3)) @ TRICLINIC
    nearest = np.empty(len(points), dtype=int)
    for start in range(0, len(points), 2000):
        some = points[start : start + 2000]
        nearest[start : start + 2000] = atoms[((some[:, None] - around) ** 2).sum(axis=2).argmin(axis=1)]
    share = np.bincount(nearest, minlength=12) / len(points)
    expected = found.volumes / found.volumes.sum()
    assert (np.abs(share - expected) < 4.5 * np.sqrt(expected / len(points))).all()


def test_a_slab_beside_a_vacuum_and_an_atom_on_the_boundary():
    rng = np.random.default_rng(4)
    positions = np.vstack([rng.random((60, 3)) * [12, 12, 6], [[0.0, 0.0, 0.0]], [[12.0, 6.0, 3.0]]])
    found = voronoi_cells(positions, np.diag([12.0, 12.0, 30.0]))
    assert found.volumes.sum() == pytest.approx(12 * 12 * 30, rel=1e-9)
    moved = voronoi_cells(positions + np.array([5.0, -40.0, 17.0]), np.diag([12.0, 12.0, 30.0]))
    np.testing.assert_allclose(moved.volumes, found.volumes, rtol=1e-9)


def test_images_are_all_there_and_once():
    rng = np.random.default_rng(5)
    positions = rng.random((7, 3)) @ TRICLINIC
    margin = 13.0
    around, atoms = with_images(positions, TRICLINIC, margin)
    np.testing.assert_allclose(around[:7], positions, atol=1e-12)
    cells = (around - positions[atoms]) @ np.linalg.inv(TRICLINIC)
    np.testing.assert_allclose(cells, np.round(cells), atol=1e-9)
    shifts = np.stack(np.meshgrid(*[np.arange(-8, 9)] * 3, indexing='ij'), -1).reshape(-1, 3)
    beyond = margin / heights(TRICLINIC)
    fractions = (positions @ np.linalg.inv(TRICLINIC))[None] + shifts[:, None]
    assert ((fractions >= -beyond) & (fractions <= 1 + beyond)).all(axis=2).sum() == len(around)
    assert len(np.unique(np.round(around, 8), axis=0)) == len(around)


@pytest.mark.parametrize(
    ('positions', 'cell', 'match'),
    [
        (np.zeros((0, 3)), np.eye(3), 'no atom'),
        (np.zeros((2, 3)), 5 * np.eye(3), 'same place'),
        (np.array([[0.0, 0, 0], [5.0, 0, 0], [1.0, 2.0, 3.0]]), 5 * np.eye(3), 'same place'),
        (np.ones((2, 3)), np.zeros((3, 3)), 'volume'),
        (np.full((1, 3), np.nan), np.eye(3), 'finite'),
    ],
)
def test_refuses(positions, cell, match):
    with pytest.raises(ValueError, match=match):
        voronoi_cells(positions, cell)


def test_refuses_a_wrong_share():
    with pytest.raises(ValueError, match='share'):
        voronoi_cells(np.zeros((1, 3)), np.eye(3)).coordination(1.0)

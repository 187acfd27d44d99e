"""Crystals in glass: whole numbers, no overlaps, the crystal still a crystal, labels by place."""

from __future__ import annotations

import json
from functools import lru_cache
from itertools import product

import numpy as np
import pytest
from ase.spacegroup import crystal as ase_crystal
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.build.glass_ceramic import Grains, build_glass_ceramic, grain_shapes
from aiida_glassion.kernels.build.glass_ceramic_orientation import (
    Orientation,
    random_rotation,
    rotation_about,
    rotation_onto,
)
from aiida_glassion.kernels.build.packing import minimum_distances
from aiida_glassion.kernels.structure.neighbours import neighbour_list

QUARTZ = Frames.from_ase(
    ase_crystal(
        ['Si', 'O'], [(0.4697, 0, 2 / 3), (0.4135, 0.2669, 0.7858)], spacegroup=154,
        cellpar=[4.916, 4.916, 5.4054, 90, 90, 120],
    )
)  # fmt: skip
LENGTH = 34.0
SHEAR = np.array([[34.0, 0, 0], [6, 33, 0], [-5, 4, 35]])


def rng(seed=1):
    return np.random.default_rng(seed)


@lru_cache
def silica(n=900, seed=0):
    """Si and O anywhere, at the density of the glass."""
    return Frames(('Si',) * n + ('O',) * (2 * n), (rng(seed).uniform(0, 1, (3 * n, 3)) @ SHEAR)[None], SHEAR[None])


@lru_cache
def sodium_silicate(n=90, seed=0):
    """Na2Si3O7, the same."""
    symbols = ('Na',) * (2 * n) + ('Si',) * (3 * n) + ('O',) * (7 * n)
    return Frames(symbols, (rng(seed).uniform(0, 1, (12 * n, 3)) @ (0.75 * SHEAR))[None], 0.75 * SHEAR[None])


CASES = {
    'sphere': Grains(0.2),
    'three spheres': Grains(0.2, n=3, orientation=Orientation(random=True)),
    'box': Grains(0.25, shape='box', centre=(0.1, 0.9, 0.3), orientation=Orientation(euler=(10, 50, 20))),
    'slab': Grains(0.3, shape='slab'),
    'slab of another face': Grains(0.3, shape='slab', axis='a', miller=(1, 0, 1), centre=(0.95, 0.5, 0.5)),
}


@pytest.fixture(scope='module', params=CASES)
def made(request):
    return CASES[request.param], build_glass_ceramic(silica(), QUARTZ, CASES[request.param], 5)


def test_stoichiometry_is_exact(made):
    _, built = made
    counts = built.frames.counts
    assert counts['O'] == 2 * counts['Si']
    assert built.report['counts'] == counts
    crystal = built.report['counts_crystal']
    assert crystal['O'] == 2 * crystal['Si'] == 2 * (built.grain >= 0).sum() / 3
    assert built.report['exact'] == 'formula'
    assert built.report['composition_change'] == pytest.approx(0, abs=1e-15)


def test_no_atom_of_the_glass_is_too_near_to_the_crystal(made):
    _, built = made
    positions, symbols, cell = built.frames.positions[0], np.array(built.frames.symbols), built.frames.cells[0]
    own = built.grain >= 0
    least = minimum_distances(['O', 'Si'])
    assert built.report['minimum_distances'] == least
    for first in ('O', 'Si'):
        for second in ('O', 'Si'):
            a, b = positions[~own & (symbols == first)], positions[own & (symbols == second)]
            tree = cKDTree(a)
            nearest = min(tree.query(b + np.array(shift) @ cell)[0].min() for shift in product((-1, 0, 1), repeat=3))
            assert nearest >= least['-'.join(sorted((first, second)))]
    assert built.report['n_overlapping'] > 0


def test_the_crystal_is_still_quartz(made):
    grains, built = made
    symbols = np.array(built.frames.symbols)
    deep = (built.labels == 2) & (symbols == 'Si')
    assert deep.sum() > 20
    own = np.flatnonzero(built.grain >= 0)
    bonds = neighbour_list(built.frames.positions[0][own], built.frames.cells[0], 2.0)
    neighbours = np.zeros(len(symbols), dtype=int)
    neighbours[own] = np.bincount(bonds.first, minlength=len(own))
    assert set(neighbours[deep]) == {4}
    assert set(symbols[own][bonds.second[np.isin(own[bonds.first], np.flatnonzero(deep))]]) == {'O'}
    spread = 0.0 if grains.shape != 'slab' else built.report['match']['strain']
    np.testing.assert_allclose(bonds.distances, 1.61, atol=0.01 + 1.7 * spread)


def test_fraction_and_labels(made):
    grains, built = made
    report = built.report
    volume = abs(np.linalg.det(SHEAR))
    assert report['fraction'] == pytest.approx(grains.fraction, abs=0.05 if grains.shape == 'slab' else 0.01)
    share = sum(region.volume(SHEAR) for region in built.regions) / volume
    assert report['fraction'] == pytest.approx(share, abs=0.01)
    assert report['atom_fraction'] == pytest.approx((built.grain >= 0).mean())
    distance = np.min([region.distances(built.frames.positions[0], SHEAR) for region in built.regions], axis=0)
    expected = np.where(distance < -3, 2, np.where(distance <= 3, 1, 0))
    np.testing.assert_array_equal(built.labels, expected)
    assert report['regions'] == {
        name: int((expected == i).sum()) for i, name in enumerate(['glass', 'interface', 'crystal'])
    }
    assert (built.grain[built.labels == 2] >= 0).all()
    assert (built.grain[built.labels == 0] == -1).all()


def test_the_glass_left_is_where_it_was(made):
    _, built = made
    glass, kept = silica(), built.from_glass
    away = built.frames.positions[0][: len(kept)] - glass.positions[0][kept]
    whole = away @ np.linalg.inv(SHEAR)
    np.testing.assert_allclose(whole, np.round(whole), atol=1e-9)
    assert built.frames.symbols[: len(kept)] == tuple(glass.symbols[i] for i in kept)
    assert (built.grain[: len(kept)] == -1).all()
    assert (built.grain[len(kept) :] >= 0).all()
    assert not set(built.also_removed) & set(kept)
    outside = np.min([region.distances(glass.positions[0][kept], SHEAR) for region in built.regions], axis=0)
    assert (outside >= 0).all()


def test_report_goes_through_json_and_follows_from_the_seed(made):
    grains, built = made
    assert json.loads(json.dumps(built.report)) == built.report
    again = build_glass_ceramic(silica(), QUARTZ, grains, 5)
    np.testing.assert_array_equal(again.frames.positions, built.frames.positions)


def test_grains_have_their_numbers_and_orientations():
    built = build_glass_ceramic(silica(), QUARTZ, CASES['three spheres'], 5)
    assert set(built.grain) == {-1, 0, 1, 2}
    rotations = [np.array(grain['rotation']) for grain in built.report['grains']]
    assert len(rotations) == 3
    assert all(np.abs(first - second).max() > 0.1 for first in rotations for second in rotations if first is not second)
    for number, region in enumerate(built.regions):
        own = built.frames.positions[0][built.grain == number]
        assert region.distances(own, SHEAR).max() < 2.0
        assert len(own) == built.report['grains'][number]['n_atoms']


def test_a_crystal_of_another_composition_leaves_the_glass_neutral():
    charges = {'Na': 0.6, 'Si': 2.4, 'O': -1.2}
    for given in (None, charges):
        built = build_glass_ceramic(sodium_silicate(), QUARTZ, Grains(0.2), 2, given)
        counts = built.frames.counts
        assert counts['Na'] + 4 * counts['Si'] - 2 * counts['O'] == 0
        left = built.report['counts_glass']
        assert left['Na'] + 4 * left['Si'] - 2 * left['O'] == 0
        total = sum(left.values())
        assert built.report['composition_change'] == pytest.approx(
            max(abs(left['Na'] / total - 2 / 12), abs(left['Si'] / total - 3 / 12), abs(left['O'] / total - 7 / 12))
        )
        assert built.report['composition_change'] < 2 / total
        assert built.report['exact'] == 'neutral'
        assert built.report['charge'] == (None if given is None else 0)


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        ({'fraction': 0.8}, r'fraction: 0\.8 given, but spheres fill at most 0\.74 of the space'),
        ({'fraction': 0.7}, r'fraction: 0\.7 in 1 sphere cannot be \(diameter: a sphere of .* reaches its own image'),
        ({'fraction': 0.7, 'n': 6}, r'fraction: 0\.7 in 6 spheres cannot be \(n: no places were found'),
        ({'fraction': 0.0}, r'fraction: 0\.0 given, expected a share'),
        ({'fraction': 1.0, 'shape': 'slab'}, r'fraction: 1\.0 given'),
        ({'fraction': 1e-5}, r'fraction: \d+ atoms of the crystal lie within a grain, less than a formula unit of 3'),
        ({'shape': 'needle'}, r"shape: 'needle' given, expected one of sphere, slab, box"),
        ({'shape': 'slab', 'n': 2}, r'n: 2 grains given, but only spheres can be several'),
        ({'n': 0}, r'n: 0 given'),
        ({'axis': 'x'}, r"axis: 'x' given"),
        (
            {'shape': 'slab', 'max_strain': 0.001},
            r'max_strain: no supercell of the crystal fits the cell within 0\.001',
        ),
        ({'shape': 'slab', 'max_strain': 0.0}, r'max_strain: 0\.0 given'),
        ({'shape': 'slab', 'miller': (0, 0, 0)}, r'miller: \[0, 0, 0\] given'),
        ({'interface': -1.0}, r'interface: -1\.0 given'),
        ({'overlap': 0.0}, r'overlap: 0\.0 given'),
        ({'exact': 'nearly'}, r"exact: 'nearly' given"),
        ({'distances': {'Si-Xx': 1.0}}, r"pair 'Si-Xx' is not one of"),
        ({'most_changed': 0.001}, r'most_changed: \d+ atoms of the glass make room'),
    ],
)
def test_what_cannot_be(settings, message):
    with pytest.raises(ValueError, match=message):
        build_glass_ceramic(silica(), QUARTZ, Grains(**{'fraction': 0.2, **settings}), 1)


def test_compositions_and_charges_that_do_not_fit():
    glass = sodium_silicate()
    with pytest.raises(ValueError, match=r"exact: 'formula' given, but the glass \(Na 0\.167.*use exact='neutral'"):
        build_glass_ceramic(glass, QUARTZ, Grains(0.2, exact='formula'), 1)
    with pytest.raises(ValueError, match=r'charges: none given for Na'):
        build_glass_ceramic(glass, QUARTZ, Grains(0.2), 1, {'Si': 2.4, 'O': -1.2})
    with pytest.raises(
        ValueError, match=r'charges: the glass carries \+\d+.* give charges with which both are neutral'
    ):
        build_glass_ceramic(glass, QUARTZ, Grains(0.2), 1, {'Na': 1.0, 'Si': 2.4, 'O': -1.2})
    slab = Frames(QUARTZ.symbols, QUARTZ.positions, QUARTZ.cells, pbc=(True, True, False))
    with pytest.raises(ValueError, match=r'crystal: periodic in \(True, True, False\)'):
        build_glass_ceramic(glass, slab, Grains(0.2), 1)


def test_size_of_the_grains():
    cell = 40 * np.eye(3)
    for n in (1, 4):
        spheres = grain_shapes(cell, Grains(0.2, n=n), 1)
        assert sum(sphere.volume(cell) for sphere in spheres) == pytest.approx(0.2 * 64_000)
    assert grain_shapes(cell, Grains(0.2, shape='box'), 1)[0].volume(cell) == pytest.approx(0.2 * 64_000)


def test_euler_angles_are_turns_about_z_x_and_z():
    found = Orientation(euler=(20, 40, -70)).matrix(np.eye(3), np.eye(3), rng())
    np.testing.assert_allclose(found, Rotation.from_euler('ZXZ', (20, 40, -70), degrees=True).as_matrix(), atol=1e-12)


@pytest.mark.parametrize('direction', [(0, 0, 1), (1, 1, 0), (-2, 1, 3)])
@pytest.mark.parametrize('along', ['a', 'b', 'c'])
def test_a_direction_of_the_crystal_along_a_cell_vector(direction, along):
    crystal = QUARTZ.cells[0]
    turned = [Orientation(direction=direction, along=along, twist=t).matrix(crystal, SHEAR, rng()) for t in (0, 25)]
    start, end = np.array(direction) @ crystal, SHEAR['abc'.index(along)]
    for rotation in turned:
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(rotation) == pytest.approx(1)
        np.testing.assert_allclose(rotation @ start / np.linalg.norm(start), end / np.linalg.norm(end), atol=1e-12)
    between = turned[1] @ turned[0].T
    assert np.degrees(np.arccos((np.trace(between) - 1) / 2)) == pytest.approx(25)


def test_opposite_directions_and_rotations_about_an_axis():
    for start in np.eye(3):
        np.testing.assert_allclose(rotation_onto(start, -start) @ start, -start, atol=1e-12)
    np.testing.assert_allclose(rotation_about(np.array([0, 0, 2.0]), np.pi / 2) @ [1, 0, 0], [0, 1, 0], atol=1e-12)


def test_random_orientations_prefer_none():
    generator = rng()
    vectors = np.array([random_rotation(generator) @ [0, 0, 1] for _ in range(4000)])
    np.testing.assert_allclose(vectors.mean(axis=0), 0, atol=4 / np.sqrt(3 * 4000))
    np.testing.assert_allclose((vectors**2).mean(axis=0), 1 / 3, atol=0.02)


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        ({'euler': (1, 2)}, r'euler: \(1, 2\) given, expected three numbers'),
        ({'direction': (0, 0, 0)}, r'direction: \[0, 0, 0\] given'),
        ({'euler': (1, 2, 3), 'random': True}, r'orientation: give one of euler, direction and random'),
        ({'along': 'd'}, r"along: 'd' given"),
        ({'twist': float('nan')}, r'twist: nan given'),
    ],
)
def test_orientations_that_cannot_be(settings, message):
    with pytest.raises(ValueError, match=message):
        Orientation(**settings)

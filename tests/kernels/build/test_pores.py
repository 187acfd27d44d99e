"""Shapes in periodic cells against counting, brute force over images and their own geometry."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_glassion.kernels.build.pores import Box, Cylinder, Slit, Sphere, shape_as_dict, shape_from_dict
from aiida_glassion.kernels.build.pores_distance import (
    distance_to_line,
    distance_to_point,
    shortest_vector,
    to_nearest_image,
)
from aiida_glassion.kernels.build.pores_place import place_spheres, spheres_for_porosity
from aiida_glassion.kernels.build.pores_together import distance_to_regions, volume_fraction
from aiida_glassion.kernels.space.images import heights

CELLS = {
    'cubic': 30 * np.eye(3),
    'triclinic': np.array([[30.0, 0, 0], [11, 28, 0], [-7, 9, 31]]),
    'left-handed and turned': np.array([[0.0, 0, 25], [33, 1, -3], [-4, 29, 6]])[[1, 0, 2]],
}
SHAPES = [
    Sphere((0.1, 0.9, 0.3), 18.0),
    Cylinder('a', (0.3, 0.0, 0.95), 15.0),
    Cylinder('b', (0.1, 0.2, 0.5), 15.0),
    Cylinder('c', (0.6, 0.9, 0.0), 15.0),
    Slit('a', (0.9, 0.0, 0.0), 8.0),
    Slit('b', (0.0, 0.5, 0.0), 12.0),
    Slit('c', (0.0, 0.0, 0.05), 20.0),
    Box((0.0, 0.9, 0.4), (0.3, 0.6, 0.9)),
]


def rng(seed=1):
    return np.random.default_rng(seed)


def brute_distance(points, cell, centre, reach=4):
    """Shortest distance by trying every image up to so many cells away."""
    steps = np.arange(-reach, reach + 1)
    shifts = np.stack(np.meshgrid(steps, steps, steps, indexing='ij'), axis=-1).reshape(-1, 3) @ cell
    return np.array([np.linalg.norm(point - centre + shifts, axis=1).min() for point in points])


def cells_of_any_shape():
    """Lower triangular, so that it has a volume, with tilts up to more than a cell length."""
    lengths = st.tuples(*(st.floats(4, 12),) * 3)
    tilts = st.tuples(*(st.floats(-1.2, 1.2),) * 3)
    return st.builds(
        lambda size, tilt: np.array(
            [[size[0], 0, 0], [tilt[0] * size[0], size[1], 0], [tilt[1] * size[0], tilt[2] * size[1], size[2]]]
        ),
        lengths,
        tilts,
    )


@settings(max_examples=40, deadline=None)
@given(cells_of_any_shape(), st.integers(0, 10_000))
def test_nearest_image_is_that_of_a_search(cell, seed):
    points = rng(seed).uniform(-20, 20, (20, 3))
    found = to_nearest_image(points, cell)
    np.testing.assert_allclose(
        np.linalg.norm(found, axis=1), brute_distance(points @ np.linalg.inv(cell) % 1 @ cell, cell, 0.0), atol=1e-9
    )
    whole = (found - points) @ np.linalg.inv(cell)
    np.testing.assert_allclose(whole, np.round(whole), atol=1e-9)


@settings(max_examples=30, deadline=None)
@given(cells_of_any_shape())
def test_shortest_vector_is_that_of_a_search(cell):
    steps = np.arange(-5, 6)
    points = np.stack(np.meshgrid(steps, steps, steps, indexing='ij'), axis=-1).reshape(-1, 3)
    lengths = np.linalg.norm(points[points.any(axis=1)] @ cell, axis=1)
    assert shortest_vector(cell) == pytest.approx(lengths.min())


@settings(max_examples=30, deadline=None)
@given(cells_of_any_shape(), st.integers(0, 2), st.integers(0, 10_000))
def test_distance_to_a_line_is_that_of_a_search(cell, axis, seed):
    points, centre = rng(seed).uniform(-10, 10, (10, 3)), rng(seed + 1).uniform(-10, 10, 3)
    steps = np.arange(-8, 9)
    shifts = np.stack(np.meshgrid(steps, steps, steps, indexing='ij'), axis=-1).reshape(-1, 3) @ cell
    away = (points - centre)[:, None] + shifts
    expected = np.linalg.norm(np.cross(away, cell[axis] / np.linalg.norm(cell[axis])), axis=2).min(axis=1)
    np.testing.assert_allclose(distance_to_line(points, cell, centre, axis), expected, atol=1e-9)


@pytest.mark.parametrize('name', CELLS)
@pytest.mark.parametrize('shape', SHAPES, ids=lambda shape: f'{type(shape).__name__} {getattr(shape, "axis", "")}')
def test_share_of_random_points_inside_is_the_volume(shape, name):
    cell, n = CELLS[name], 200_000
    points = rng().uniform(-1, 2, (n, 3)) @ cell
    share = shape.volume(cell) / abs(np.linalg.det(cell))
    error = np.sqrt(share * (1 - share) / n)
    assert shape.inside(points, cell).mean() == pytest.approx(share, abs=4 * error)


def test_sphere_fills_four_thirds_pi_r_cubed():
    cell = CELLS['triclinic']
    assert Sphere(diameter=14.0).volume(cell) == pytest.approx(4 / 3 * np.pi * 7**3)
    points = rng(5).uniform(0, 1, (500_000, 3)) @ cell
    share = 4 / 3 * np.pi * 7**3 / np.linalg.det(cell)
    found = Sphere(diameter=14.0).inside(points, cell).mean()
    assert abs(found - share) < 3.5 * np.sqrt(share * (1 - share) / len(points))


@pytest.mark.parametrize('shape', SHAPES, ids=lambda shape: type(shape).__name__)
def test_distances_do_not_know_the_boundary(shape):
    cell = CELLS['triclinic']
    points = rng(2).uniform(0, 1, (300, 3)) @ cell
    moved = points + rng(3).integers(-3, 4, (300, 3)) @ cell
    np.testing.assert_allclose(shape.distances(moved, cell), shape.distances(points, cell), atol=1e-9)


@pytest.mark.parametrize('shape', SHAPES, ids=lambda shape: type(shape).__name__)
def test_distances_change_by_no_more_than_the_way(shape):
    """|d(x) − d(y)| ≤ |x − y|, and somewhere a step of 0.1 Å changes it by 0.1 Å: lengths are Å, not fractions."""
    cell = CELLS['triclinic']
    points = rng(2).uniform(0, 1, (5000, 3)) @ cell
    steps = rng(3).standard_normal((5000, 3))
    steps *= 0.1 / np.linalg.norm(steps, axis=1, keepdims=True)
    change = np.abs(shape.distances(points + steps, cell) - shape.distances(points, cell))
    assert change.max() <= 0.1 + 1e-9
    assert change.max() > 0.0999


def test_an_atom_on_the_surface_is_not_inside():
    cell = CELLS['cubic']
    points = np.array([[15.0 + 7, 15, 15], [15.0 + 6.999, 15, 15], [15.0, 15, 15]])
    assert Sphere(diameter=14.0).inside(points, cell).tolist() == [False, True, True]
    np.testing.assert_allclose(Sphere(diameter=14.0).distances(points, cell), [0, -0.001, -7])


@pytest.mark.parametrize(
    ('shape', 'message'),
    [
        (Sphere(diameter=30.0), r'diameter: a sphere of 30 Å reaches its own image, which is 30\.00 Å away'),
        (Cylinder('c', diameter=31.0), r'diameter: a cylinder of 31 Å along c reaches its own image.*less than 30\.00'),
        (Slit('b', width=30.0), r'width: a slit of 30 Å across b leaves nothing of this cell, which is 30\.00 Å high'),
    ],
)
def test_shapes_that_do_not_fit_the_cell(shape, message):
    with pytest.raises(ValueError, match=message):
        shape.volume(CELLS['cubic'])
    with pytest.raises(ValueError, match=message):
        shape.inside(np.zeros((1, 3)), CELLS['cubic'])


def test_a_sphere_as_wide_as_the_edges_reaches_itself_in_an_oblique_cell():
    cell = np.array([[20.0, 0, 0], [15, 20, 0], [0, 0, 20]])
    assert heights(cell).min() > 15
    with pytest.raises(ValueError, match='reaches its own image'):
        Sphere(diameter=20.1).volume(cell)


@pytest.mark.parametrize(
    ('make', 'message'),
    [
        (lambda: Sphere(diameter=0.0), r'diameter: 0\.0 given, expected a length above 0 Å'),
        (lambda: Sphere(diameter='wide'), r"diameter: 'wide' given"),
        (lambda: Sphere((0.5, 0.5), 3.0), r'centre: \(0\.5, 0\.5\) given, expected three fractions'),
        (lambda: Sphere((0.5, 0.5, float('nan')), 3.0), 'centre'),
        (lambda: Cylinder('x'), r"axis: 'x' given, expected a cell vector: a, b or c"),
        (lambda: Slit(width=-1.0), r'width: -1\.0 given'),
        (lambda: Box(lengths=(0.5, 1.0, 0.5)), r'lengths: .*above 0, below 1'),
        (lambda: shape_from_dict({'shape': 'cube'}), r"shape: 'cube' given, expected one of sphere, cylinder, slit"),
        (
            lambda: shape_from_dict({'shape': 'slit', 'diameter': 4}),
            r'diameter: not a setting of a slit, which has axis',
        ),
    ],
)
def test_settings_that_cannot_be(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize('shape', SHAPES, ids=lambda shape: type(shape).__name__)
def test_shapes_go_through_json(shape):
    assert shape_from_dict(json.loads(json.dumps(shape_as_dict(shape)))) == shape


def test_several_regions_are_their_union():
    cell, points = CELLS['triclinic'], rng().uniform(0, 1, (2000, 3)) @ CELLS['triclinic']
    inside = distance_to_regions(SHAPES[:3], points, cell) < 0
    np.testing.assert_array_equal(inside, np.any([shape.inside(points, cell) for shape in SHAPES[:3]], axis=0))
    with pytest.raises(ValueError, match='regions: none given'):
        distance_to_regions([], points, cell)


def test_volume_of_what_overlaps_is_counted_once():
    cell = CELLS['cubic']
    apart = [Sphere((0.2, 0.2, 0.2), 10.0), Sphere((0.7, 0.7, 0.7), 8.0)]
    exact = np.pi / 6 * (1000 + 512) / 27_000
    assert volume_fraction(apart, cell) == pytest.approx(exact, abs=1e-12)
    assert volume_fraction([apart[0], apart[0]], cell) == pytest.approx(np.pi / 6 * 1000 / 27_000, abs=1e-3)
    crossed = [Slit('a', width=6.0), Slit('b', width=3.0)]
    assert volume_fraction(crossed, cell) == pytest.approx(0.2 + 0.1 - 0.02, abs=1e-3)


def closest_centres(spheres, cell):
    centres = np.array([sphere.centre for sphere in spheres]) @ cell
    return min(
        (distance_to_point(np.delete(centres, i, axis=0), cell, centres[i]).min() for i in range(len(centres))),
        default=np.inf,
    )


@pytest.mark.parametrize('name', CELLS)
@pytest.mark.parametrize(('porosity', 'gap'), [(0.05, 3.0), (0.3, 0.0), (0.5, 0.0)])
def test_spheres_do_not_overlap(name, porosity, gap):
    spheres = spheres_for_porosity(CELLS[name], porosity, 8.0, seed=4, gap=gap)
    assert closest_centres(spheres, CELLS[name]) >= 8.0 + gap
    one = np.pi / 6 * 512 / abs(np.linalg.det(CELLS[name]))
    assert volume_fraction(spheres, CELLS[name]) == pytest.approx(porosity, abs=one / 2 + 1e-12)
    assert all(0 <= part < 1 for sphere in spheres for part in sphere.centre)


def test_porosity_is_exact_where_the_diameter_may_change():
    spheres = spheres_for_porosity(CELLS['triclinic'], 0.123, 8.0, seed=4, fit_diameter=True)
    assert volume_fraction(spheres, CELLS['triclinic']) == pytest.approx(0.123, abs=1e-12)
    assert spheres[0].diameter == pytest.approx(8.0, rel=0.05)


def test_places_follow_from_the_seed_and_are_spread_evenly():
    cell = CELLS['triclinic']
    assert place_spheres(cell, 6.0, 5, seed=1) == place_spheres(cell, 6.0, 5, seed=1)
    assert place_spheres(cell, 6.0, 5, seed=1) != place_spheres(cell, 6.0, 5, seed=2)
    centres = np.array([place_spheres(cell, 6.0, 1, seed=seed)[0].centre for seed in range(600)])
    np.testing.assert_allclose(centres.mean(axis=0), 0.5, atol=4 * np.sqrt(1 / 12 / 600))


@pytest.mark.parametrize(
    ('settings_', 'message'),
    [
        ({'n': 0}, r'n: 0 given, expected a whole number of spheres'),
        ({'n': 1.5}, r'n: 1\.5 given'),
        ({'gap': -1.0}, r'gap: -1\.0 given'),
        ({'diameter': 31.0}, r'diameter: a sphere of 31 Å reaches its own image'),
        ({'diameter': 28.0, 'gap': 3.0}, r'gap: a sphere of 28 Å is 2\.00 Å from its own image.*less than the gap'),
        ({'n': 100}, r'n: no places were found for 100 spheres of 10 Å, which would fill 1\.94 of the cell'),
        ({'n': 37}, r'n: no places were found for 37 spheres.*fill 0\.72 of the cell'),
    ],
)
def test_spheres_that_cannot_be_placed(settings_, message):
    with pytest.raises(ValueError, match=message):
        place_spheres(**{'cell': CELLS['cubic'], 'diameter': 10.0, 'n': 2, 'seed': 1, **settings_})


@pytest.mark.parametrize(
    ('porosity', 'message'),
    [
        (0.0, r'porosity: 0\.0 given, expected a share of the cell above 0 and below 0\.74'),
        (0.75, r'porosity: 0\.75 given.*densest packing of equal spheres'),
        (0.005, r'porosity: 0\.005 given, but one sphere of 10 Å makes 0\.019 of this cell already.*at most 6\.3'),
    ],
)
def test_porosity_out_of_reach(porosity, message):
    with pytest.raises(ValueError, match=message):
        spheres_for_porosity(CELLS['cubic'], porosity, 10.0, seed=1)

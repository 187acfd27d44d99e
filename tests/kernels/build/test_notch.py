"""Notches against counting, and the distance from an ellipse against a search along it."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_glassion.kernels.build.carve import carve
from aiida_glassion.kernels.build.notch import Notch, open_faces

BRICK = np.diag([60.0, 40.0, 50.0])
OBLIQUE = np.array([[30.0, 0, 0], [11, 28, 0], [-7, 9, 31]])


def rng(seed=1):
    return np.random.default_rng(seed)


@pytest.mark.parametrize('place', ['middle', 'edge'])
@pytest.mark.parametrize(('load', 'length'), [('c', 'a'), ('a', 'c'), ('b', 'a'), ('b', 'c')])
@pytest.mark.parametrize('cell', [BRICK, OBLIQUE], ids=['brick', 'oblique'])
def test_share_of_random_points_inside_is_the_volume(cell, load, length, place):
    if place == 'edge' and cell is OBLIQUE:
        # the face of an oblique cell is not across the notch: only the whole ellipse has its volume
        cell = np.diag(np.diag(OBLIQUE))
    notch, n = Notch(12.0, 7.0, load, length, place), 100_000
    points = rng().uniform(-1, 2, (n, 3)) @ cell
    share = notch.volume(cell) / np.linalg.det(cell)
    error = np.sqrt(share * (1 - share) / n)
    assert notch.inside(points, cell).mean() == pytest.approx(share, abs=4 * error)


@pytest.mark.parametrize('place', ['middle', 'edge'])
@pytest.mark.parametrize(('length', 'opening'), [(20.0, 4.0), (8.0, 12.0), (10.0, 10.0)])
def test_distance_from_the_surface_is_that_of_a_search(length, opening, place):
    notch = Notch(length, opening, place=place)
    semi = np.array([length if place == 'edge' else length / 2, opening / 2])
    centre = np.array([0.0 if place == 'edge' else 30.0, 25.0])
    turn = np.linspace(0, 2 * np.pi, 60_001)
    ellipse = np.column_stack([np.cos(turn), np.sin(turn)]) * semi
    local = rng(3).uniform(-0.9, 0.9, (150, 2)) * np.array([25, 20])
    local[:40, 1] = 0
    local[40:80, 0] = 0
    local[80] = 0
    if place == 'edge':
        local[:, 0] = np.abs(local[:, 0])
    expected = np.array([np.linalg.norm(ellipse - point, axis=1).min() for point in local])
    expected[((local / semi) ** 2).sum(axis=1) < 1] *= -1
    points = np.column_stack([local[:, 0] + centre[0], rng(4).uniform(0, 40, 150), local[:, 1] + centre[1]])
    np.testing.assert_allclose(notch.distances(points, BRICK), expected, atol=1e-4)


def test_an_edge_notch_begins_at_the_low_face_and_nowhere_else():
    notch = Notch(15.0, 6.0, place='edge')
    points = np.array([[x, 3.0, 25.0] for x in (0.1, 14.9, 15.1, 45.1, 59.9)])
    assert notch.inside(points, BRICK).tolist() == [True, True, False, False, False]
    assert Notch(30.0, 6.0, centre=(0.0, 0.5)).inside(points, BRICK).tolist() == [True, True, False, True, True]


def test_areas_for_the_fracture_energy():
    notch = Notch(20.0, 5.0, load_axis='c', length_axis='a')
    assert notch.through_axis == 'b'
    assert notch.crack_area(BRICK) == pytest.approx(20 * 40)
    assert notch.cross_section(BRICK) == pytest.approx(60 * 40)
    assert notch.volume(BRICK) == pytest.approx(np.pi / 4 * 20 * 5 * 40)
    assert Notch(20.0, 5.0, place='edge').crack_area(BRICK) == pytest.approx(20 * 40)


def test_free_faces():
    points = rng().uniform(-60, 120, (50, 3))
    positions, cell = open_faces(points, BRICK, 'a', 30.0)
    np.testing.assert_allclose(np.diag(cell), [90, 40, 50])
    assert (positions[:, 0] >= 0).all()
    assert (positions[:, 0] < 60).all()
    np.testing.assert_allclose((positions - points)[:, 1:], 0, atol=1e-9)
    _, oblique = open_faces(points, OBLIQUE, 'c', 10.0)
    np.testing.assert_allclose(
        np.cross(oblique[0], oblique[1]) @ oblique[2] / np.linalg.norm(np.cross(*oblique[:2])), 41
    )


def test_a_notched_sample_keeps_its_stoichiometry():
    n = 2000
    positions = rng().uniform(0, 1, (3 * n, 3)) @ BRICK
    symbols = ['Si'] * n + ['O'] * (2 * n)
    for place in ('middle', 'edge'):
        notch = Notch(20.0, 6.0, place=place)
        made = carve(positions, BRICK, symbols, [notch], charges={'Si': 2.4, 'O': -1.2})
        assert made.report['counts_after']['O'] == 2 * made.report['counts_after']['Si']
        assert made.report['charge'] == 0
        gone = len(made.removed) / (3 * n)
        assert gone == pytest.approx(notch.volume(BRICK) / np.linalg.det(BRICK), rel=0.2)


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        ({'length': 60.0}, r'length: a notch of 60 Å along a cuts through this cell, which is 60\.00 Å wide.*20\.0 Å'),
        ({'opening': 51.0}, r'opening: a notch of 51 Å along c cuts through this cell, which is 50\.00 Å wide'),
        ({'opening': 0.0}, r'opening: 0\.0 given, expected a length above 0 Å'),
        ({'load_axis': 'z'}, r"load_axis: 'z' given, expected a cell vector"),
        ({'length_axis': 'c'}, r"length_axis: 'c' is the load axis too"),
        ({'place': 'corner'}, r"place: 'corner' given, expected one of middle, edge"),
        ({'centre': (0.5, 0.5, 0.5)}, r'centre: .*expected two fractions'),
    ],
)
def test_notches_that_cannot_be(settings, message):
    with pytest.raises(ValueError, match=message):
        Notch(**{'length': 20.0, 'opening': 6.0, **settings}).inside(np.zeros((1, 3)), BRICK)
    with pytest.raises(ValueError, match='vacuum: 0 given'):
        open_faces(np.zeros((1, 3)), BRICK, 'a', 0)

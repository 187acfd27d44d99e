"""What became of a grain: kept, distorted, melted, drifted away; its profiles; the crystal as a potential has it."""

from __future__ import annotations

import re
from functools import lru_cache

import numpy as np
import pytest
from ase.spacegroup import crystal as ase_crystal
from scipy.spatial.transform import Rotation

from aiida_glassion.analysis.glass_ceramic import Built, measure, reason_of_loss
from aiida_glassion.frames import Frames
from aiida_glassion.kernels.build.glass_ceramic import Grains, build_glass_ceramic
from aiida_glassion.kernels.build.glass_ceramic_crystal import mean_unit_cell, supercell, supercell_size
from aiida_glassion.kernels.build.glass_ceramic_profiles import bin_edges, even_points, shell_edges, surface_profile
from aiida_glassion.kernels.build.glass_ceramic_settings import Measure, read_settings
from aiida_glassion.kernels.build.pores import Sphere
from aiida_glassion.workchains import protocols

QUARTZ = Frames.from_ase(
    ase_crystal(
        ['Si', 'O'], [(0.4697, 0, 2 / 3), (0.4135, 0.2669, 0.7858)], spacegroup=154,
        cellpar=[4.916, 4.916, 5.4054, 90, 90, 120],
    )
)  # fmt: skip
LENGTH = 25.0


@lru_cache
def built(shape='sphere', fraction=0.3, **more):
    n = 340
    generator = np.random.default_rng(0)
    glass = Frames(
        ('Si',) * n + ('O',) * (2 * n), generator.uniform(0, LENGTH, (1, 3 * n, 3)), np.eye(3)[None] * LENGTH
    )
    made = build_glass_ceramic(glass, QUARTZ, Grains(fraction, shape=shape, **more), 1)
    return Built(made.frames, made.labels, made.grain, made.report)


def sample(start, melted=None, noise=0.1, shift=(0, 0, 0), stretch=1.0, n_frames=8):
    """Frames in which all atoms vibrate, those that are melted go anywhere, and the cell is stretched."""
    generator = np.random.default_rng(5)
    mean = (start.frames.positions[0] + np.array(shift)) * stretch
    if melted is not None:
        mean = np.where(melted[:, None], mean + generator.normal(0, 1.5, mean.shape), mean)
    positions = mean + generator.normal(0, noise, (n_frames, *mean.shape))
    return Frames(start.frames.symbols, positions, np.repeat(start.frames.cells * stretch, n_frames, 0))


@pytest.mark.parametrize('shape', ['sphere', 'slab', 'box'])
def test_a_grain_that_vibrates_is_kept(shape):
    more = {'max_strain': 0.1} if shape == 'slab' else {}
    start = built(shape, **more)
    found = measure(start, sample(start, shift=(0.7, 0, -0.4), stretch=1.01), Measure())
    (grain,) = found.numbers['grains']
    assert (grain['lost'], found.numbers['lost'], reason_of_loss(found.numbers)) == (False, [], '')
    assert grain['kept'] == pytest.approx(1.0, abs=0.1)
    assert grain['in_place'] == 1.0
    assert grain['drift'] == pytest.approx(np.hypot(0.7, 0.4) * 1.01, abs=0.05)
    fraction = found.numbers['fraction']
    assert fraction['built'] == start.report['fraction']
    assert fraction['healed'] == pytest.approx(fraction['built'], rel=0.1)
    x, y = found.curves['disorder'].x, found.curves['disorder'].y
    assert y[x < 0].mean() < 0.4 < 0.6 < y[x > 3].mean()
    assert found.numbers['interface']['disorder']['position'] == pytest.approx(0, abs=2.5)
    assert ('disorder_normal' in found.curves) is (shape == 'slab')
    labels = found.per_atom['labels']
    assert (labels == 2).sum() > 50
    assert (found.per_atom['distance'][labels == 2] < 3).all()
    assert 'share_Si' not in found.numbers['interface'], 'the same composition on both sides'


def test_one_grain_of_two_melts():
    start = built(n=2)
    found = measure(start, sample(start, melted=start.grain == 1), Measure())
    assert [grain['lost'] for grain in found.numbers['grains']] == [False, True]
    assert found.numbers['lost'] == [1]
    assert found.numbers['grains'][1]['kept'] < 0.15
    words = reason_of_loss(found.numbers)
    assert words.startswith('grain 1 (')
    assert 'at least 25 % wanted' in words
    assert 0.3 < found.numbers['order_kept'] < 0.7


def test_a_cell_too_narrow_to_judge_goes_by_places():
    start = built()
    found = measure(start, sample(start, melted=start.grain == 0), Measure(reach=26.0))
    assert found.numbers['order_kept'] is None
    assert found.numbers['fraction']['healed'] is None
    (grain,) = found.numbers['grains']
    assert (grain['judged_by'], grain['lost']) == ('in_place', True)
    assert 'within 1 Å of their places' in reason_of_loss(found.numbers)
    assert any('narrower than the reach' in words for words in found.warnings)


def test_not_healed_is_described_as_built():
    found = measure(built(), None, Measure())
    assert found.numbers['healed'] is False
    assert found.numbers['fraction']['healed'] is None
    assert found.curves['mass_density'].about['n_frames'] == 1


def test_profiles_count_every_atom_once():
    cell = np.array([[20.0, 0, 0], [4, 19, 0], [-3, 2, 21]])
    shape = Sphere((0.4, 0.5, 0.6), 11.0)
    positions = np.random.default_rng(2).uniform(0, 1, (5000, 3)) @ cell
    distance = shape.distances(positions, cell)
    edges = bin_edges(distance, 1.0)
    points = even_points([shape], cell)
    volumes = points.volumes(edges)
    assert points.volumes(np.array([-20.0, 0.0]))[0] == pytest.approx(np.pi / 6 * 11**3, rel=0.01)
    profile = surface_profile(distance, np.arange(5000) % 2, 2, edges, volumes)
    assert profile.counts.sum() == 5000
    density = profile.number_density.sum(axis=0)[volumes > 200]
    np.testing.assert_allclose(density, 5000 / abs(np.linalg.det(cell)), rtol=0.2)
    shells = shell_edges(distance, 1.0, 60)
    numbers = np.histogram(distance, shells)[0]
    assert numbers.sum() == 5000
    assert numbers.min() >= 60
    assert 0.0 in shells


def test_the_crystal_as_the_potential_has_it():
    """The unit cell behind a turned, stretched, vibrating supercell, in the orientation of the one given."""
    assert supercell_size(QUARTZ.cells[-1], 9.0) == (3, 3, 2)
    whole = supercell(QUARTZ, 9.0)
    stretch = np.diag([1.02, 1.02, 0.97])
    turned = stretch @ Rotation.from_euler('xyz', [20, -30, 70], degrees=True).as_matrix()
    generator = np.random.default_rng(1)
    noise = generator.normal(0, 0.05, (60, whole.n_atoms, 3))
    run = Frames(whole.symbols, whole.positions @ turned + noise, np.repeat(whole.cells @ turned, 60, 0))
    found = mean_unit_cell(QUARTZ, 9.0, run)
    np.testing.assert_allclose(found.frames.cells[0], QUARTZ.cells[0] @ stretch, atol=1e-6)
    away = (found.frames.positions[0] - QUARTZ.positions[0] @ stretch) @ np.linalg.inv(found.frames.cells[0])
    away -= np.rint(away.mean(axis=0))
    assert np.abs(away - np.rint(away)).max() < 0.02
    assert found.spread < 0.1
    assert found.report['used'][0] == pytest.approx(4.916 * 1.02, rel=1e-3)
    molten = Frames(whole.symbols, run.positions[:1] + generator.normal(0, 1.0, whole.positions.shape), run.cells[:1])
    with pytest.raises(ValueError, match='not stable with this potential'):
        mean_unit_cell(QUARTZ, 9.0, molten)


@pytest.mark.parametrize('name', sorted(protocols.available('glass_ceramic')))
def test_protocols_are_complete(name):
    settings = read_settings(protocols.load('glass_ceramic', name))
    healing = settings.healing()
    assert healing is not None
    assert all(stage.frozen for stage in healing.stages)
    assert healing.plan()[-1].frames == 0
    free = settings.relaxation()
    assert not any(stage.frozen for stage in free.stages)
    assert free.stages[-1].name == 'sample'
    slab = read_settings(protocols.load('glass_ceramic', name, {'grains': {'shape': 'slab'}}))
    assert slab.relaxation().stages[-1].coupling == 'aniso'
    alone = settings.crystal_run()
    assert alone is not None
    assert alone.stages[-1].coupling == 'tri'


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'grains': {'fraction': 0.8}}, 'grains.fraction: 0.8 given, but spheres fill at most 0.74'),
        ({'grains': {'fraction': -0.1}}, 'grains.fraction: -0.1 given'),
        ({'grains': {'n': 2, 'shape': 'box'}}, 'grains.n: 2 grains given, but only spheres can be several'),
        ({'grains': {'shape': 'cube'}}, "grains.shape: 'cube' given, expected one of sphere, slab, box"),
        ({'grains': {'axis': 'q'}}, "grains.axis: 'q' given"),
        ({'grains': {'centre': [0, 0]}}, 'grains.centre: [0, 0] given, expected three numbers'),
        ({'grains': {'orientation': {'random': True, 'euler': [1, 2, 3]}}}, 'give one of euler, direction and random'),
        ({'heal': {'hot': [{'kind': 'deform'}]}}, "heal: a stage of kind 'deform' given"),
        ({'heal': {'free': [{'kind': 'hold', 'temperature': 'warm'}]}}, "expected a number in K, 'hot' or 'room'"),
        ({'heal': {'free': [{'kind': 'minimise', 'frozen': True}]}}, 'heal.free: a stage with frozen atoms'),
        ({'heal': {'cool': [{'kind': 'hold', 'temperature': 300, 'ensemble': 'npt', 'duration': 1}]}}, 'frozen'),
        ({'hot_temperature': 100}, 'hot_temperature: 100 K given, expected at least room_temperature'),
        ({'sample': {'duration': 0.1}}, 'longer than the hold'),
        ({'measure': {'threshold': 2}}, 'measure.threshold'),
    ],
)
def test_settings_that_make_no_sense(changes, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        read_settings(protocols.load('glass_ceramic', 'fast', changes))

"""Flexibility over a trajectory: tetrahedra that rattle by known amounts and jump when told; ions that follow them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from aiida_glassion.analysis.request import read_request
from aiida_glassion.analysis.run import analyse
from aiida_glassion.analysis.sources import of_frames
from aiida_glassion.analysis.store import as_dict, curve_arrays
from aiida_glassion.frames import Frames

LENGTH, SOFT, STIFF = 24.0, 0.12, 0.04


def glass(n_frames=400, follow=True, drift=0.05, seed=0):
    """27 PS4 on a lattice: those with x below the middle rattle stiffly, the others softly; a Li beside each.

    A Li's displacement from window to window follows the softness of its P, or nothing.
    """
    rng = np.random.default_rng(seed)
    centres = np.stack(np.meshgrid(*[np.arange(3)] * 3, indexing='ij'), -1).reshape(-1, 3) * 8.0 + 4.0
    width = np.where(centres[:, 0] < 10, STIFF, SOFT)
    shape = (n_frames, 27, 3)
    p = centres + rng.normal(0, 1, shape) * width[:, None]
    p[200:, 4] += [0.0, 0.0, 2.0]
    corners = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) * 1.18
    s = (p[:, :, None] + corners).reshape(n_frames, -1, 3)
    step = np.where(width == SOFT, 0.15, 0.03) if follow else np.full(27, 0.08)
    li = centres + np.array([3.0, 0.0, 0.0]) + (rng.normal(0, 1, shape) * step[:, None]).cumsum(axis=0)
    r = np.concatenate([li, p, s], axis=1) + drift * np.arange(n_frames)[:, None, None]
    return Frames(
        ('Li',) * 27 + ('P',) * 27 + ('S',) * 108, r % LENGTH, np.eye(3)[None].repeat(n_frames, 0) * LENGTH,
        times=0.1 * np.arange(n_frames),
    )  # fmt: skip


def flexibility(frames, chunk_bytes=10**8, **settings):
    request = read_request(
        {'analyses': {'flexibility': {'window': 2.0, **settings}}, 'cutoffs': {'P-S': 2.6, 'Li-S': 2.0}}
    )
    return analyse(request, of_frames(frames, 'glass'), chunk_bytes=chunk_bytes)


@pytest.fixture(scope='module')
def result():
    stiff = np.stack(np.meshgrid(*[np.arange(3)] * 3, indexing='ij'), -1).reshape(-1, 3)[:, 0] < 1
    labels = [1] * 27 + np.where(stiff, 0, 1).tolist() + [0] * 108
    outcome = flexibility(glass(), labels=labels, label_names=['stiff', 'soft'])
    assert not outcome.failed
    json.dumps(as_dict(outcome), allow_nan=False)
    return outcome.results['flexibility']


def test_spread_of_positions_by_region(result):
    """In the frame of a framework of 27 units, whose mean rattles too."""
    regions = result.numbers['formers']['P']['regions']
    mean = (9 * STIFF**2 + 18 * SOFT**2) / 27**2
    stiff, soft = (np.sqrt(3 * (1 - 1 / 20) * (w**2 * (1 - 2 / 27) + mean)) for w in (STIFF, SOFT))
    assert regions['stiff']['spread']['mean'] == pytest.approx(stiff, rel=0.02)
    # one of the 18 jumps, in one window of nineteen
    assert regions['soft']['spread']['mean'] == pytest.approx(soft, rel=0.03)
    assert regions['soft']['unit_spread']['mean'] == pytest.approx(soft, rel=0.03)
    curve = result.curves['spread_P']
    assert curve.y.sum() * 0.02 == pytest.approx(1)
    assert np.isnan(result.per_atom['spread'][:27]).all()


def test_the_one_jump_is_found(result):
    found = result.numbers['formers']['P']
    assert found['n_jumps'] == 1
    assert found['jump_length'] == pytest.approx(2.0, rel=0.15)
    assert found['share_that_jumped'] == pytest.approx(1 / 27)
    assert result.per_atom['jumps'].nonzero()[0].tolist() == [27 + 4]
    assert found['jump_rate']['mean'] == pytest.approx(1 / (27 * 0.1 * (400 - 40 + 5)))


def test_msd_in_the_frame_of_the_framework(result):
    """Twice the variance of the wells at all lags; the drift of 0.087 Å a frame is gone."""
    expected = 6 * (9 * STIFF**2 + 18 * SOFT**2) / 27
    assert result.curves['msd_P'].y[0] == pytest.approx(expected, rel=0.08)
    assert result.numbers['drift_removed'] == ['P', 'S']


def test_ions_that_follow_are_told_from_those_that_do_not(result):
    follow = result.numbers['ions']['Li']['correlation']
    assert follow['mean'] > 0.4
    assert follow['mean'] > 6 * follow['standard_error']
    alone = flexibility(glass(follow=False)).results['flexibility'].numbers['ions']['Li']['correlation']
    assert abs(alone['mean']) < 4 * alone['standard_error']


def test_numbers_do_not_depend_on_the_chunks():
    frames = glass(80)
    whole, pieces = flexibility(frames), flexibility(frames, chunk_bytes=1)
    assert not whole.failed
    a, b = curve_arrays(whole.results), curve_arrays(pieces.results)
    assert all(np.array_equal(a[name], b[name]) for name in a | b)
    assert whole.results['flexibility'].numbers == pieces.results['flexibility'].numbers


def test_a_framework_without_ions():
    frames = glass(80)
    alone = Frames(frames.symbols[27:], frames.positions[:, 27:], frames.cells, times=frames.times)
    request = read_request({'analyses': {'flexibility': {'window': 2.0}}, 'cutoffs': {'P-S': 2.6}})
    found = analyse(request, of_frames(alone)).results['flexibility']
    assert found.numbers['ions'] == {}
    assert found.numbers['drift_removed'] == ['P', 'S']


def test_what_cannot_be_done_is_said():
    assert 'window: 0.2 ps holds 2.0 frames' in flexibility(glass(30), window=0.2).failed['flexibility']
    assert 'longer than the run' in flexibility(glass(30)).failed['flexibility']
    assert "'Si' is not among" in flexibility(glass(30), formers=['Si']).failed['flexibility']
    salt = Frames(('Na', 'Cl'), np.random.default_rng(0).random((5, 2, 3)), np.eye(3)[None].repeat(5, 0) * 9)
    said = analyse(read_request({'analyses': ['flexibility']}), of_frames(salt)).failed['flexibility']
    assert 'name what is watched' in said

"""Motion of ions over a trajectory: walkers and rattlers in a drifting, breathing framework; what does not fit."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import maxwell

from aiida_glassion.analysis.request import read_request
from aiida_glassion.analysis.run import analyse
from aiida_glassion.analysis.sources import of_frames
from aiida_glassion.analysis.store import as_dict, curve_arrays, curve_csv
from aiida_glassion.frames import Frames

LENGTH, N_LI, N_NA, STEP = 14.0, 40, 20, 0.25


def glass(n_frames=300, wrapped=False, times=True, seed=0):
    """Li: half walk, half rattle; Na all walk; Si and O rattle; all drift, and the cell breathes by 1 %."""
    rng = np.random.default_rng(seed)
    symbols = ('Li',) * N_LI + ('Na',) * N_NA + ('O',) * 40 + ('Si',) * 20
    moved = rng.normal(0, 0.1, (n_frames, len(symbols), 3))
    walkers = [*range(N_LI // 2), *range(N_LI, N_LI + N_NA)]
    moved[:, walkers] = rng.normal(0, STEP, (n_frames, len(walkers), 3)).cumsum(axis=0)
    r = rng.random((len(symbols), 3)) * LENGTH + moved
    scale = 1 + 0.003 * np.sin(np.arange(n_frames))
    r = (r + 0.05 * np.arange(n_frames)[:, None, None]) * scale[:, None, None]
    cells = np.eye(3) * LENGTH * scale[:, None, None]
    if wrapped:
        r = r % np.diagonal(cells, axis1=1, axis2=2)[:, None]
    return Frames(symbols, r, cells, times=0.5 * np.arange(n_frames) if times else None)


def dynamics(frames, unwrapped=None, chunk_bytes=10**8, **settings):
    request = read_request({'analyses': {'dynamics': settings}, 'cutoffs': {'Si-O': 2.0}})
    return analyse(request, of_frames(frames, 'glass', unwrapped), chunk_bytes=chunk_bytes)


@pytest.fixture(scope='module')
def result():
    outcome = dynamics(glass(), labels=[0] * 20 + [1] * 100, label_names=['inside', 'outside'], longest=0.2)
    assert not outcome.failed
    json.dumps(as_dict(outcome), allow_nan=False)
    return outcome.results['dynamics']


def test_walkers_in_a_framework_that_drifts_and_breathes(result):
    """The drift of 0.087 Å a frame and the breathing are gone: MSD = 3 STEP² n; α₂ of one population is 0."""
    curve = result.curves['msd_Na']
    frames = curve.x / 0.5
    short = frames <= 8
    np.testing.assert_allclose(curve.y[short], 3 * STEP**2 * frames[short], rtol=0.05)
    alpha = result.curves['alpha2_Na']
    np.testing.assert_allclose(alpha.y[short], 0, atol=0.06)
    assert (alpha.error[short] < 0.03).all()
    assert curve.about['drift_removed'] == ['O', 'Si']
    assert result.numbers['length'] == 299 * 0.5


def test_two_populations_are_seen(result):
    li = result.numbers['ions']['Li']
    assert li['mobility']['mobile_fraction']['mean'] == 0.5
    assert li['mobility']['two_populations']['found']
    assert li['mobility']['two_populations']['mobile_fraction']['mean'] == pytest.approx(0.5)
    np.testing.assert_array_equal(result.per_atom['mobile'][:40], np.arange(40) < 20)
    assert (result.per_atom['mobile'][60:] == -1).all()
    assert np.isnan(result.per_atom['squared'][60:]).all()
    # half of the ions walk, the others rattle: 1 + α₂ tends to 2
    assert result.curves['alpha2_Li'].y[-1] == pytest.approx(1.0, abs=0.35)
    assert result.curves['mobile_Li'].y[0] == 0


def test_regions_are_told_apart(result):
    regions = result.numbers['ions']['Li']['regions']
    assert regions['inside']['mobility']['mobile_fraction']['mean'] == 1
    assert regions['outside']['mobility']['mobile_fraction']['mean'] == 0
    whole = result.curves['msd_Li'].y
    parts = result.curves['msd_Li_inside'].y, result.curves['msd_Li_outside'].y
    np.testing.assert_allclose(whole, (parts[0] + parts[1]) / 2)
    assert set(result.numbers['ions']['Na']['regions']) == {'outside'}


def test_van_hove_functions(result):
    curve = result.curves['van_hove_self_Na_4']
    assert curve.about['lag'] == 2.0
    assert (np.abs(curve.y - maxwell.pdf(curve.x, scale=2 * STEP)) < 5 * curve.error + 0.02).all()
    assert curve.error.max() < 0.15
    assert curve.y.sum() * 0.1 + curve.about['beyond'] == pytest.approx(1)
    distinct = result.curves['van_hove_distinct_Na_Na_4']
    np.testing.assert_allclose(distinct.y[40:].mean(), 1 - 1 / N_NA, atol=0.1)
    assert 'van_hove_distinct_Li_Li_0' in result.curves


def test_numbers_do_not_depend_on_the_chunks():
    frames = glass(60)
    whole, pieces = dynamics(frames), dynamics(frames, chunk_bytes=1)
    a, b = curve_arrays(whole.results), curve_arrays(pieces.results)
    assert all(np.array_equal(a[name], b[name]) for name in a | b)
    assert whole.results['dynamics'].numbers == pieces.results['dynamics'].numbers


def test_wrapped_trajectories():
    frames = glass(60, wrapped=True)
    assert 'dump xu yu zu' in dynamics(frames, unwrapped=False).failed['dynamics']
    assert 'positions are wrapped' in dynamics(frames).failed['dynamics']
    undone = dynamics(frames, unwrap='minimum_image').results['dynamics']
    straight = dynamics(glass(60)).results['dynamics']
    np.testing.assert_allclose(undone.curves['msd_Li'].y, straight.curves['msd_Li'].y, rtol=1e-9)


def test_times():
    assert 'frame_time' in dynamics(glass(60, times=False)).failed['dynamics']
    given = dynamics(glass(60, times=False), frame_time=0.5).results['dynamics']
    assert given.numbers == dynamics(glass(60)).results['dynamics'].numbers


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        ({'ions': ['K']}, "'K' is not among Li, Na, O, Si"),
        ({'labels': [0, 1]}, 'one number from 0 for each of 120 atoms'),
        ({'labels': [0] * 119 + [1], 'label_names': ['a']}, 'expected 2 names'),
        ({'distinct': ['Li-Si']}, 'expected a pair of Li, Na'),
        ({'distance': 20.0}, 'beyond r_max'),
        ({'mobility_lag': 1e4}, 'the lags there are'),
    ],
)
def test_what_cannot_be_done_is_said(settings, message):
    assert message in dynamics(glass(30), **settings).failed['dynamics']


def test_too_short():
    assert 'too few for dynamics' in dynamics(glass(10)).failed['dynamics']
    silica = Frames(('O', 'O', 'Si'), np.random.default_rng(0).random((5, 3, 3)) * 9, np.eye(3)[None].repeat(5, 0) * 9)
    assert 'name what moves' in dynamics(silica).failed['dynamics']


def test_a_file_says_what_its_errors_are_over(result):
    assert '# error: standard error over blocks of ions' in curve_csv(result.curves['alpha2_Li'])
    assert '# error: standard error over ions, each counted as one draw' in curve_csv(result.curves['mobile_Li'])

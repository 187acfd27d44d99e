"""Channels over a trajectory: ions that hop along a row of sites in cages of oxygen, in a drifting framework."""

from __future__ import annotations

import json

import numpy as np
import pytest

from aiida_glassion.analysis.position_record import PositionRecord
from aiida_glassion.analysis.request import read_request
from aiida_glassion.analysis.run import analyse
from aiida_glassion.analysis.sources import of_frames
from aiida_glassion.analysis.store import as_dict, curve_arrays
from aiida_glassion.frames import Frames

SITES, APART, RATE = 6, 3.0, 0.05


def glass(n_frames=400, axes=1, seed=0, wrapped=True):
    """Two rows of sites, along a (and along b); each site has four O of its own; ions jump to the next site at once."""
    rng = np.random.default_rng(seed)
    length = SITES * APART
    centres = [(APART * (i + 0.5), length / 4, 5.0) for i in range(SITES)]
    oxygen = [np.add(c, d) for c in centres for d in ((0, 1.5, 0), (0, -1.5, 0), (0, 0, 1.5), (0, 0, -1.5))]
    oxygen = np.array(oxygen)
    silicon = oxygen[::4] + np.array([0.0, 1.0, 1.0])
    # 0: along a; with two axes half of the ions cross over into a row along b
    steps = np.where(rng.random((n_frames, 4)) < RATE, rng.choice([-1, 1], (n_frames, 4)), 0)
    place = steps.cumsum(axis=0) + np.arange(4)
    ions = np.zeros((n_frames, 4, 3)) + np.array([0.0, length / 4, 5.0])
    ions[..., 0] = APART * (place + 0.5)
    if axes == 2:
        ions[:, 2:, 1] = length / 4 + APART * (place[:, 2:] - 2)
        ions[:, 2:, 0] = APART * 0.5
    ions += rng.normal(0, 0.15, ions.shape)
    framework = np.concatenate([oxygen, silicon]) + rng.normal(0, 0.02, (n_frames, len(oxygen) + len(silicon), 3))
    r = np.concatenate([ions, framework], axis=1) + 0.03 * np.arange(n_frames)[:, None, None]
    symbols = ('Li',) * 4 + ('O',) * len(oxygen) + ('Si',) * len(silicon)
    frames = Frames(symbols, r % length if wrapped else r, np.eye(3)[None] * np.full((n_frames, 1, 1), length))
    return Frames(frames.symbols, frames.positions, frames.cells, times=0.1 * np.arange(n_frames)), int(
        (steps[1:] != 0).sum()
    )


def channels(frames, chunk_bytes=10**8, **settings):
    settings = {'smoothing': 0.6, 'spacing': 0.5, 'least_stay': 0.0, **settings}
    request = read_request({'analyses': {'channels': settings}, 'cutoffs': {'Si-O': 1.8, 'Li-O': 2.1}})
    return analyse(request, of_frames(frames, 'glass'), chunk_bytes=chunk_bytes)


def test_a_row_of_sites():
    frames, _ = glass(1500)
    outcome = channels(frames, share=1.0)
    assert not outcome.failed
    json.dumps(as_dict(outcome), allow_nan=False)
    found = outcome.results['channels']
    li = found.numbers['ions']['Li']
    assert li['thresholds_along']['a'] == li['thresholds']['1'] > 0
    assert li['thresholds']['2'] is None or li['thresholds']['2'] < 1e-6 * li['thresholds']['1']
    assert li['density'] == pytest.approx(4 / (SITES * APART) ** 3)
    assert found.per_atom['density_Li'].sum() * (SITES * APART) ** 3 / found.per_atom['density_Li'].size == (
        pytest.approx(4, rel=1e-4)
    )
    assert found.per_atom['paths_Li'].shape[0] == 4


def test_hops_along_the_row():
    frames, n_hops = glass(1500)
    for sites in (
        {'share': 0.9},
        {'sites': 'given', 'site_positions': [((i + 0.5) / SITES, 0.25, 5 / 18) for i in range(SITES)]},
    ):
        hops = channels(frames, site_radius=1.4, **sites).results['channels'].numbers['ions']['Li']['hops']
        assert hops['n_sites'] == SITES
        assert hops['n_hops'] == pytest.approx(n_hops, abs=2)
        assert hops['rate']['mean'] == pytest.approx(n_hops / (4 * 150), rel=0.02)
        assert hops['distance'] == pytest.approx(APART, abs=0.3)
        assert hops['return_share'] == pytest.approx(0.5, abs=0.12)
        assert hops['on_sites'] > 0.99


def test_hops_out_of_cages_are_the_same():
    frames, n_hops = glass(800)
    result = channels(frames, sites='cages').results['channels']
    hops = result.numbers['ions']['Li']['hops']
    assert hops['n_hops'] == n_hops
    assert hops['return_share'] is None
    curve = result.curves['stays_Li']
    assert curve.y[10] == pytest.approx((1 - RATE) ** 10, abs=0.1)


def test_sites_along_two_axes_lead_in_two_dimensions():
    found = channels(glass(1500, axes=2)[0], share=1.0).results['channels'].numbers['ions']['Li']
    assert found['thresholds']['2'] > 1e-3 * found['thresholds']['1']
    assert found['thresholds_along']['b'] > 1e-3 * found['thresholds_along']['a']


def test_ions_that_stay_lead_nowhere():
    frames, _ = glass(60)
    positions = frames.positions.copy()
    positions[:, :4] = positions[:, 4:8] + [0.0, -1.5, 0.0]
    still = Frames(frames.symbols, positions, frames.cells, times=frames.times)
    result = channels(still, smoothing=0.2).results['channels']
    li = result.numbers['ions']['Li']
    assert (li['dimension'], li['thresholds'], li['visits_at_threshold']) == (
        0,
        {'1': None, '2': None, '3': None},
        None,
    )
    assert any('do not lead through' in text for text in result.warnings)
    assert any('0 hops only' in text for text in result.warnings)


def test_few_visits_are_said():
    frames, _ = glass(25)
    positions = frames.positions.copy()
    positions[:, 0] = [[0.75 * i, 4.5, 5.0] for i in range(25)]
    moving = Frames(frames.symbols, positions + 0.0, frames.cells, times=frames.times)
    result = channels(moving, sites='none', reference=[], smoothing=0.3).results['channels']
    assert any('the threshold is noise' in text for text in result.warnings)
    assert any('no drift was removed' in text for text in result.warnings)
    assert 'hops' not in result.numbers['ions']['Li']


@pytest.mark.parametrize('sites', ['density', 'cages'])
def test_numbers_do_not_depend_on_the_chunks(sites):
    frames = glass(60)[0]
    whole, pieces = (channels(frames, size, sites=sites, least_stay=0.2) for size in (10**8, 1))
    a, b = curve_arrays(whole.results), curve_arrays(pieces.results)
    assert all(np.array_equal(a[name], b[name]) for name in a | b)
    assert whole.results['channels'].numbers == pieces.results['channels'].numbers


def test_the_record_thins_itself():
    record = PositionRecord(2, 2 * 6 * 10)
    for number in range(25):
        record.add(np.full((2, 3), number / 100 - 3))
    (kept,) = record.blocks()
    assert record.every == 4
    np.testing.assert_allclose(kept[:, 0, 0], np.arange(0, 25, 4) / 100, atol=1e-5)


def test_what_cannot_be_done_is_said():
    frames = glass(25)[0]
    assert 'they go with sites: given' in channels(frames, sites='given').failed['channels']
    assert 'they go with sites' in channels(frames, site_positions=[(0, 0, 0)]).failed['channels']
    assert 'half the cell' in channels(frames, site_radius=12.0).failed['channels']
    assert 'not among' in channels(frames, ions=['Na']).failed['channels']
    metal = Frames(('Li',) * 4 + ('Si',) * 30, frames.positions, frames.cells, times=frames.times)
    request = read_request({'analyses': {'channels': {'sites': 'cages'}}})
    assert 'no bonds of Li' in analyse(request, of_frames(metal)).failed['channels']

"""A walk in a glass from its frames to a conductivity: known D, drift, wrapping, a breathing cell, chunks, refusals."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from aiida_glassion.analysis.request import read_request
from aiida_glassion.analysis.run import analyse
from aiida_glassion.analysis.sources import join_sources, of_frames, open_source
from aiida_glassion.formats.array_folder import write_array_folder
from aiida_glassion.frames import Frames
from aiida_glassion.kernels.transport.conductivity import per_diffusion

LENGTH, TIME, D = 20.0, 0.5, 2e-6  # Å, ps, cm²/s
SYMBOLS = ('Na',) * 40 + ('O',) * 60 + ('Si',) * 20


@pytest.fixture(scope='module')
def frames():
    """40 Na that walk, and a framework that rattles and drifts."""
    random = np.random.default_rng(0)
    n = 800
    x = random.uniform(0, LENGTH, (120, 3)) + random.normal(0, 0.2, (n, 120, 3))
    x[:, :40] += random.normal(0, np.sqrt(2 * D * 1e4 * TIME), (n, 40, 3)).cumsum(axis=0)
    x += np.linspace(0, 15, n)[:, None, None]
    return Frames(SYMBOLS, x, np.tile(LENGTH * np.eye(3), (n, 1, 1)), times=np.arange(n) * TIME)


def outcome(source, chunk_bytes=64_000_000, **settings):
    request = read_request({'analyses': {'diffusion': settings}})
    return analyse(request, of_frames(source) if isinstance(source, Frames) else source, chunk_bytes=chunk_bytes)


def result(source, **settings):
    found = outcome(source, **settings)
    assert not found.failed
    return found.results['diffusion']


@pytest.fixture(scope='module')
def found(frames):
    return result(frames, temperature=800)


def test_known_d(found):
    sodium = found.numbers['ions']['Na']
    assert abs(sodium['D']['mean'] - D) < 3 * sodium['D']['standard_error']
    assert sodium['D']['low'] < D < sodium['D']['high']
    assert sodium['D']['standard_error'] < 0.06 * D
    assert sodium['diffusive']
    assert found.numbers['not_diffusive'] == []
    assert found.numbers['drift_removed'] == ['O', 'Si']
    assert sodium['intercept']['mean'] == pytest.approx(6 * 0.04, abs=4 * sodium['intercept']['standard_error'])
    assert sodium['widened_by_blocks'] == 1
    assert found.warnings == []
    json.dumps(found.numbers)


def test_conductivity_of_independent_ions(found):
    sigma = found.numbers['conductivity']
    factor = per_diffusion(40, LENGTH**3, 800)
    assert sigma['nernst_einstein']['mean'] == pytest.approx(factor * found.numbers['ions']['Na']['D']['mean'])
    assert sigma['collective']['low'] < factor * D < sigma['collective']['high']
    assert sigma['D_sigma']['mean'] == pytest.approx(sigma['collective']['mean'] / factor)
    assert sigma['haven_ratio']['low'] < 1 < sigma['haven_ratio']['high']
    assert 'mobile ions' in sigma['charges_of']
    assert 'Yeh and Hummer' in sigma['finite_size']


def test_curves_have_errors_and_say_how_they_were_made(found):
    msd = found.curves['msd_Na']
    assert (msd.x[0], msd.x[-1]) == (TIME, 799 * TIME)
    line = 6 * D * 1e4 * msd.x + 6 * 0.04
    assert (np.abs(msd.y - line) < 4 * msd.error)[msd.x > 1].all()
    np.testing.assert_allclose(sum(found.curves[f'msd_Na_{axis}'].y for axis in 'xyz'), msd.y)
    assert msd.about['drift_removed'] == ['O', 'Si']
    assert msd.about['origins'] == 'all'
    exponent = found.curves['exponent_Na']
    late = exponent.x > 50
    assert (np.abs(exponent.y - 1) < 4 * exponent.error)[late].all()
    assert found.curves['mscd'].y_unit == 'e²Å²'
    own = found.per_atom['own_msd']
    assert np.isfinite(own[:40]).all()
    assert np.isnan(own[40:]).all()


@pytest.mark.parametrize('chunk_bytes', [1, 400 * 120 * 7])
def test_chunks_change_nothing(frames, found, chunk_bytes):
    again = outcome(frames, chunk_bytes, temperature=800).results['diffusion']
    assert again.numbers == found.numbers
    np.testing.assert_array_equal(again.curves['msd_Na'].y, found.curves['msd_Na'].y)


def test_wrapped_positions_are_an_error_or_are_undone(frames, found):
    wrapped = replace(frames, positions=np.mod(frames.positions, LENGTH))
    assert 'positions are wrapped' in outcome(wrapped).failed['diffusion']
    known = of_frames(wrapped, 'glass.dump', unwrapped=False)
    assert 'dump xu yu zu' in outcome(known).failed['diffusion']
    for source in (wrapped, known):
        undone = result(source, unwrap='minimum_image', temperature=800)
        assert undone.numbers['ions']['Na']['D']['mean'] == pytest.approx(
            found.numbers['ions']['Na']['D']['mean'], rel=1e-4
        )


def test_a_breathing_cell_adds_nothing(frames, found):
    scales = 1 + 0.01 * np.sin(np.arange(800) / 7)
    breathing = replace(
        frames, positions=frames.positions * scales[:, None, None], cells=frames.cells * scales[:, None, None]
    )
    sodium = result(breathing).numbers['ions']['Na']
    assert sodium['D']['mean'] == pytest.approx(found.numbers['ions']['Na']['D']['mean'], rel=2e-3)


def test_charges_of_all_atoms_need_no_frame(frames):
    """With a neutral cell the drift does not matter, whether it is removed or not."""
    charges = {'Na': 1.5, 'O': -2.0, 'Si': 3.0}
    rest, drifting = (result(frames, temperature=800, charges=charges, reference=r) for r in (None, []))
    assert rest.numbers['conductivity']['collective']['mean'] > 0
    np.testing.assert_allclose(rest.curves['mscd'].y, drifting.curves['mscd'].y, rtol=1e-6)
    assert 'no drift was removed: no framework was named' in drifting.warnings
    assert not drifting.numbers['ions']['Na']['diffusive'], 'a drift is ballistic'


def test_directions(frames):
    flat = replace(frames, positions=frames.positions * [1, 1, 0] + [0, 0, 1.0] * (frames.positions[:1] * [0, 0, 1]))
    two, three = (result(flat, directions=axes).numbers['ions']['Na'] for axes in ('xy', 'xyz'))
    assert abs(two['D']['mean'] - D) < 3 * two['D']['standard_error']
    assert three['D']['mean'] == pytest.approx(2 / 3 * two['D']['mean'], rel=1e-6)
    assert three['D_by_direction']['z']['mean'] == 0
    assert list(two['D_by_direction']) == ['x', 'y']


def test_window_and_method_are_inputs(frames):
    found = result(frames, window=(20, 100), method='window').numbers['ions']['Na']
    assert found['window'] == {'first': 20, 'last': 100}
    assert found['method'] == 'window'
    assert found['D']['mean'] != found['D_gls']['mean']


def test_too_short_is_not_diffusive(frames):
    short = result(frames[:60])
    assert short.numbers['not_diffusive'] == ['Na']
    assert any('Na is not diffusive: MSD grows as t^' in text for text in short.warnings)


def test_a_crystal_at_rest(frames):
    still = result(replace(frames, positions=np.repeat(frames.positions[:1], 800, axis=0)), temperature=800)
    sodium = still.numbers['ions']['Na']
    assert sodium['D']['mean'] == 0
    assert sodium['exponent'] is None
    assert sodium['reason'] == 'the ions do not move'
    assert still.numbers['conductivity']['haven_ratio'] is None
    json.dumps(still.numbers, allow_nan=False)


def test_ions_that_slow_down_are_noticed(frames):
    x = frames.positions.copy()
    x[400:, :40] = x[399, :40] + 0.3 * (x[400:, :40] - x[399, :40])
    assert any('was not at equilibrium' in text for text in result(replace(frames, positions=x)).warnings)


def test_times(frames, found):
    bare = replace(frames, times=None)
    assert 'frame_time: the trajectory has no times' in outcome(bare).failed['diffusion']
    given = result(bare, frame_time=2 * TIME).numbers['ions']['Na']['D']['mean']
    assert given == pytest.approx(found.numbers['ions']['Na']['D']['mean'] / 2)
    times = frames.times.copy()
    times[300:] += 0.2
    uneven = replace(frames, times=times)
    assert 'frame 300: 0.7 ps after the one before it, expected 0.5' in outcome(uneven).failed['diffusion']
    steps = np.arange(800) * 100
    steps[500:] += 300
    counted = replace(bare, steps=steps)
    assert 'frame 500: 400 steps after' in outcome(counted, frame_time=TIME).failed['diffusion']


def test_times_of_a_folder_of_arrays(frames, found, tmp_path):
    write_array_folder(tmp_path / 'walk', frames)
    source = open_source(tmp_path / 'walk')
    assert result(source, temperature=800).numbers == found.numbers


def test_a_frame_that_ends_one_file_and_begins_the_next_counts_once(frames, found):
    both = join_sources([of_frames(frames[:401], 'a'), of_frames(frames[400:], 'b')])
    again = result(both, temperature=800)
    assert again.numbers['ions'] == found.numbers['ions']
    assert again.warnings == ['1 frames stand twice, at the same time; each was taken once']


def test_every_second_frame(frames):
    request = read_request({'analyses': {'diffusion': {}}, 'every': 2})
    sodium = analyse(request, of_frames(frames)).results['diffusion'].numbers
    assert sodium['frame_time'] == 2 * TIME
    assert abs(sodium['ions']['Na']['D']['mean'] - D) < 3 * sodium['ions']['Na']['D']['standard_error']


@pytest.mark.parametrize(
    ('settings', 'words'),
    [
        ({'ions': ['Li']}, "ions: 'Li' is not among Na, O, Si"),
        ({'reference': ['B']}, "reference: 'B' is not among Na, O, Si"),
        ({'charges': {'Na': 1, 'O': -2, 'Si': 3}, 'temperature': 800}, 'make .* e in the cell, expected zero'),
        ({'reference': [], 'temperature': 800}, 'need a framework at rest'),
        ({'window': (50, 4000)}, 'window: 50 to 4000 ps, expected within 0.5 ps'),
    ],
)
def test_refuses(frames, settings, words):
    assert re.search(words, outcome(frames, **settings).failed['diffusion'])


@pytest.mark.parametrize(
    'settings', [{'directions': ''}, {'directions': 'zx'}, {'window': (5, 2)}, {'temperature': -1}]
)
def test_refuses_settings(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        read_request({'analyses': {'diffusion': settings}})


def test_without_modifiers(frames):
    silica = Frames(('O', 'Si'), frames.positions[:30, :2], frames.cells[:30], times=frames.times[:30])
    assert 'ions: none of O, Si is a network modifier' in outcome(silica).failed['diffusion']
    few = outcome(frames[:10]).failed['diffusion']
    assert '10 frames are too few' in few

"""Calcfunctions of diffusion sweeps: the summary as nodes, the mean cell, thinned segments."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from aiida import orm

from aiida_glassion.data.frames import FramesData
from aiida_glassion.frames import Frames
from aiida_glassion.functions.transport import at_mean_cell, report_point, summarise_sweep, thin_segments

sys.path.insert(0, str(Path(__file__).parent.parent / 'support'))
from sweeps import numbers_of, sweep_nodes, sweep_pieces

pytestmark = pytest.mark.usefixtures('aiida_profile_clean')


def test_summary_of_two_compositions():
    found = sweep_nodes()
    results = found['results'].get_dict()
    json.dumps(results, allow_nan=False)
    assert sorted(results['compositions']) == ['Na2Si2O5', 'Na2Si4O9']
    poor = results['compositions']['Na2Si4O9']
    assert poor['arrhenius']['D_Na']['used'] == [800.0, 1000.0, 1200.0]
    (out,) = poor['arrhenius']['D_Na']['excluded']
    assert out['temperature'] == 600.0
    assert 'none of 4 runs is diffusive' in out['reason']
    low, high = (poor['arrhenius']['D_Na']['activation_energy'][key] for key in ('low', 'high'))
    assert low < 0.6 < high
    about = found['curves'].base.attributes.get('curves')
    assert about['0__D_Na'] == {'composition': 'Na2Si2O5', 'quantity': 'D_Na', 'unit': 'cm²/s', 'T': 'K', 'level': 0.95}
    arrays = found['curves'].arrays
    for name in about:
        T, value, low, high = (arrays[f'{name}__{part}'] for part in ('T', 'value', 'low', 'high'))
        assert (T[0], T[-1], len(T)) == (pytest.approx(1200.0), pytest.approx(290.0), 100)
        np.testing.assert_allclose(np.diff(1 / T), np.diff(1 / T)[0])
        assert ((low < value) & (value < high)).all()


def test_a_sweep_of_which_nothing_came():
    plan, _ = sweep_pieces(replicas=1)
    for about in plan['runs'].values():
        about['reason'] = 'LAMMPS said no'
    found = summarise_sweep(orm.Dict(plan))
    assert sorted(found) == ['results']
    composition = found['results']['compositions']['Na2Si4O9']
    assert composition['temperatures']['T0800']['conductivity']['excluded'] == 'no run gave a result: LAMMPS said no'
    assert 'Na2Si4O9: no run gave a result' in found['results']['warnings']


def frames(n_frames, first, velocity, cell):
    """One atom that goes on at a constant velocity, one that rests, folded into the cell at the beginning."""
    times = np.arange(n_frames) * 0.5
    positions = np.zeros((n_frames, 2, 3))
    positions[:, 0, 0] = (first % cell) + velocity * times
    return Frames(('Na', 'O'), positions, np.tile(np.eye(3) * cell, (n_frames, 1, 1)), times=times + 7.0)


def test_thinned_segments_go_on_across_boundaries():
    segments = {
        'segment_00': FramesData(frames=frames(5, 0.0, 6.0, 10.0)),
        'segment_01': FramesData(frames=frames(9, 12.0, 6.0, 10.0)),
    }
    found = thin_segments(orm.Int(3), orm.List([0.0, 2.0]), **segments).frames
    np.testing.assert_allclose(found.times, [0.0, 1.5, 3.0, 4.5, 6.0])
    np.testing.assert_allclose(found.positions[:, 0, 0], 6.0 * found.times, atol=1e-5)
    assert found.positions.dtype == np.float32


def test_mean_cell_keeps_fractions_and_velocities():
    cells = np.array([[9.0, 0, 0], [1.0, 9.0, 0], [0, 0, 9.0]])
    start = Frames(
        ('Na', 'O'), np.array([[[4.5, 0.0, 0.0], [0.5, 4.5, 4.5]]]), cells[None], velocities=np.ones((1, 2, 3))
    )
    names = {'lx': (0, 0), 'ly': (1, 1), 'lz': (2, 2), 'xy': (1, 0), 'xz': (2, 0), 'yz': (2, 1)}
    course = np.array([100.0, 50.0, 0.98, 1.02])[:, None, None] * cells
    thermo = orm.ArrayData({'step': np.arange(4)} | {f'cell_{n}': course[:, i, j] for n, (i, j) in names.items()})
    found = at_mean_cell(FramesData(frames=start), thermo).frames
    np.testing.assert_allclose(found.cells[0], cells)
    np.testing.assert_allclose(found.positions, start.positions, atol=1e-12)
    np.testing.assert_allclose(found.velocities, start.velocities)
    thermo = orm.ArrayData(
        {'step': np.arange(2)} | {f'cell_{n}': 1.1 * course[2:, i, j] for n, (i, j) in names.items()}
    )
    found = at_mean_cell(FramesData(frames=start), thermo).frames
    np.testing.assert_allclose(found.positions, start.positions * 1.1 * 1.02, atol=1e-12)


@pytest.mark.parametrize(
    ('relative', 'diffusive', 'status'),
    [(0.05, True, 'converged'), (0.2, True, 'budget'), (0.05, False, 'not_diffusive')],
)
def test_how_a_run_ended(relative, diffusive, status):
    counts = {'Na': 20, 'Si': 40, 'O': 90}
    first = orm.Dict(numbers_of(counts, 900.0, 1e-6, 5e-7, diffusive=False))
    last = orm.Dict(numbers_of(counts, 900.0, 1e-6, relative * 1e-6, diffusive=diffusive))
    about = {'temperature': 900.0, 'seed': 5, 'relative_error': 0.1, 'lengths': [50.0, 100.0], 'stopped': None}
    found = report_point(orm.Dict(about), progress_00=first, progress_01=last, whole=last)
    assert found['results']['status'] == status
    assert found['results']['relative_error'] == {'Na': pytest.approx(relative)}
    assert found['results']['density'] == pytest.approx(2.54, abs=0.05)
    segments = found['history']['segments']
    assert [entry['length'] for entry in segments.values()] == [50.0, 100.0]
    assert [entry['diffusive']['Na'] for entry in segments.values()] == [False, diffusive]
    assert segments['segment_01']['reached'] is (status == 'converged')

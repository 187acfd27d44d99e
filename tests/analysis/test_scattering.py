"""The scattering analysis on small glasses and crystals."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_glassion.analysis.scattering import ScatteringAnalysis, ScatteringSettings
from aiida_glassion.analysis.system import Chunk, System
from aiida_glassion.frames import Frames

LENGTH = 16.0
MEASURED = {'radiation': 'neutron', 'quantity': 'S', 'x': (1, 2, 3), 'y': (1, 1, 1)}


def some_frames(n_frames=4, seed=0, scale=1.0, symbols=('Si', 'O', 'O'), pbc=(True, True, True)):
    """Atoms near the points of a grid, every frame another choice."""
    rng = np.random.default_rng(seed)
    grid = np.array(list(np.ndindex(6, 6, 6))) * LENGTH / 6
    positions = grid + rng.normal(0, 0.35, (n_frames, 216, 3))
    return Frames(
        tuple(symbols) * (216 // len(symbols)),
        scale * positions,
        scale * LENGTH * np.eye(3)[None].repeat(n_frames, 0),
        pbc,
    )


def system_of(frames, width=LENGTH):
    return System(
        symbols=frames.symbols,
        elements=frames.elements,
        types=frames.types,
        pbc=frames.pbc,
        roles={},
        cutoffs={},
        bond_lengths={},
        shortest_width=width,
        n_surveyed=1,
    )


def analysed(frames, *parts, **settings):
    system = system_of(frames)
    analysis = ScatteringAnalysis(ScatteringSettings(**{'q_max': 12.0, 'q_step': 0.05, **settings}), system)
    first = 0
    for part in parts or (frames,):
        analysis.add(Chunk(system, part, first))
        first += part.n_frames
    return analysis.result()


def test_curves_and_what_travels_with_them():
    result = analysed(some_frames())
    names = {'S_O_O', 'S_O_Si', 'S_Si_Si', 'S_neutron', 'S_xray', 'D_neutron', 'T_neutron', 'D_xray', 'T_xray'}
    assert set(result.curves) == names | {'T_neutron_unbroadened'}
    curve = result.curves['S_xray']
    assert curve.about['join'] == 0.5
    assert (curve.about['window_r'], curve.about['r_max']) == ('none', LENGTH / 2)
    assert 'Waasmaier' in curve.about['table']
    assert (curve.convention, curve.x_unit, curve.y_unit) == ('faber-ziman', 'Å⁻¹', '1')
    assert curve.error is not None
    assert np.isfinite(curve.error[curve.x > 0.5]).all()
    assert curve.x[-1] == pytest.approx(12.0)
    assert result.numbers['density'] == pytest.approx(216 / LENGTH**3)
    assert 'broadened' in result.warnings[0]


def test_totals_are_the_weighted_partials():
    result = analysed(some_frames())
    b = {'O': 5.8037, 'Si': 4.15071}
    c = {'O': 2 / 3, 'Si': 1 / 3}
    mean = sum(c[e] * b[e] for e in b)
    total = sum(
        c[i] * b[i] * c[j] * b[j] / mean**2 * result.curves['S_' + '_'.join(sorted((i, j)))].y for i in b for j in b
    )
    np.testing.assert_allclose(result.curves['S_neutron'].y, total, rtol=1e-6)


def test_chunks_do_not_matter():
    frames = some_frames(5)
    whole, parts = analysed(frames), analysed(frames, frames[:2], frames[2:4], frames[4:])
    for name, curve in whole.curves.items():
        np.testing.assert_allclose(parts.curves[name].y, curve.y, rtol=1e-12)


def test_one_frame_has_no_error():
    result = analysed(some_frames(1))
    assert all(curve.error is None for curve in result.curves.values())


def test_changing_cells_in_the_direct_method():
    small, large = some_frames(2), some_frames(2, 1, 1.05)
    result = analysed(small, small, large, method='direct', q_max=3.0, q_step=0.005)
    assert result.curves['S_neutron'].x[0] == pytest.approx(2 * np.pi / LENGTH / 1.05)
    assert result.numbers['least_q'] == pytest.approx(2 * np.pi / LENGTH / 1.05)
    assert 'T_neutron_unbroadened' not in result.curves
    assert not result.warnings


def test_ashcroft_langreth_partials_and_mean_square_totals():
    frames = some_frames(2)
    plain = analysed(frames)
    other = analysed(frames, convention='ashcroft-langreth', normalisation='mean-square')
    expected = 1 + 2 / 3 * (plain.curves['S_O_O'].y - 1)
    np.testing.assert_allclose(other.curves['S_O_O'].y, expected, rtol=1e-9)
    assert other.curves['S_O_O'].convention == 'ashcroft-langreth'
    ratio = (other.curves['S_xray'].y - 1) / (plain.curves['S_xray'].y - 1)
    assert 0.7 < np.median(ratio) < 0.99
    assert {'D_xray', 'T_xray'} <= set(plain.curves)
    assert 'D_xray' in other.curves
    assert 'T_xray' not in other.curves, 'D + 4πρr is no density there'


def test_first_peak_with_error():
    """Planes of the grid, 16/6 Å apart: the first peak lies at 2π/2.667."""
    result = analysed(some_frames(6), method='direct', q_max=6.0, radiations=('neutron',))
    peak = result.numbers['first_sharp_peak']['neutron']
    assert peak['position']['mean'] == pytest.approx(2 * np.pi / (LENGTH / 6), abs=0.05)
    assert peak['height']['mean'] > 2
    assert 0 < peak['position']['standard_error'] < 0.05
    assert peak['position']['n'] == 6


def test_real_space_integrates_to_the_neighbours():
    """T(r) of silicon alone: ∫ r T dr over the first shell of a sharp grid is the 6 neighbours."""
    rng = np.random.default_rng(0)
    grid = np.array(list(np.ndindex(6, 6, 6))) * LENGTH / 6
    positions = grid + rng.normal(0, 0.08, (3, 216, 3))
    frames = Frames(('Si',) * 216, positions, LENGTH * np.eye(3)[None].repeat(3, 0))
    result = analysed(frames, q_max=40.0, real_space_window='none', real_space_r_max=7.0)
    for name in ('T_neutron', 'T_neutron_unbroadened', 'T_xray'):
        curve = result.curves[name]
        shell = (curve.x > 2.0) & (curve.x < 3.2)
        assert np.trapezoid(curve.x[shell] * curve.y[shell], curve.x[shell]) == pytest.approx(6.0, abs=0.25)


def test_experiment_of_the_simulation_itself():
    """S(Q) of a run, given back as measured, agrees; so does T(r) cut and windowed alike."""
    frames = some_frames(2)
    first = analysed(frames)
    curve, t = first.curves['S_neutron'], first.curves['T_xray']
    measured = {'name': 'sls', 'radiation': 'neutron', 'quantity': 'S', 'x': tuple(curve.x), 'y': tuple(curve.y)}
    real = {'name': 'aps', 'radiation': 'xray', 'quantity': 'T', 'x': tuple(t.x), 'y': tuple(t.y)}
    real |= {'window': 'lorch', 'q_max': 12.0}
    result = analysed(frames, experiments=(measured, real))
    assert result.numbers['experiments']['sls']['r_chi'] < 1e-6
    assert result.numbers['experiments']['aps']['r_chi'] < 1e-6
    assert {'experiment_sls', 'simulation_sls', 'experiment_aps', 'simulation_aps'} < set(result.curves)
    assert result.curves['simulation_sls'].about['r_max'] == LENGTH / 2


def test_experiment_without_overlap_loses_nothing():
    measured = {'name': 'far', 'radiation': 'neutron', 'quantity': 'S', 'x': (0.1, 0.2, 0.3), 'y': (1, 1, 1)}
    result = analysed(some_frames(1), experiments=(measured,))
    assert 'S_neutron' in result.curves
    assert any('no comparison: far: 0 measured points' in warning for warning in result.warnings)


def test_q_max_follows_the_experiment():
    frames = some_frames(1)
    x = np.linspace(1, 31.0, 50)
    measured = {'radiation': 'neutron', 'quantity': 'S', 'x': tuple(x), 'y': tuple(np.ones(50))}
    result = analysed(frames, q_max=None, experiments=(measured,))
    assert result.curves['S_neutron'].x[-1] == pytest.approx(31.0, abs=0.05)
    assert result.numbers['experiments']['experiment']['high'] > 30


def test_cell_without_small_wave_vectors():
    frames = Frames(('Si', 'O'), np.array([[[0.0, 0, 0], [2.0, 2, 2]]]), 5 * np.eye(3)[None])
    result = analysed(frames, r_max=2.4)
    assert result.curves['S_neutron'].x[0] >= 2 * np.pi / 5 - 0.05
    assert any('none lies below the join' in warning for warning in result.warnings)


def test_null_scatterer_is_warned_of():
    """b of 7Li and of 11B cancel to ⟨b⟩ ≈ 0 at one mixture: Ti and Zr do so at 68:32."""
    frames = some_frames(1, symbols=('Ti', 'Ti', 'Zr'))
    result = analysed(frames)
    assert any('mean-square' in warning for warning in result.warnings)


def test_isotopes_change_the_neutron_total_only():
    frames = some_frames(1, symbols=('B', 'O', 'O'))
    natural, enriched = analysed(frames), analysed(frames, isotopes={'B': 11})
    np.testing.assert_array_equal(natural.curves['S_xray'].y, enriched.curves['S_xray'].y)
    assert np.abs(natural.curves['S_neutron'].y - enriched.curves['S_neutron'].y).max() > 1e-3
    assert enriched.curves['S_neutron'].about['scattering_lengths']['B'] == pytest.approx(6.65)


@pytest.mark.parametrize(
    ('settings', 'words'),
    [
        ({'real_space_q_max': 20.0}, 'real_space_q_max'),
        ({'first_peak_range': (2, 1)}, 'first_peak_range'),
        ({'q_max': 80.0}, r'75\.4'),
        ({'isotopes': {'Li': 7}}, 'Li is not among'),
        ({'experiments': ({**MEASURED, 'x': (20, 21, 22)},)}, 'begins at 20'),
        ({'experiments': ({**MEASURED, 'quantity': 'T', 'q_max': 30},)}, 'was cut at 30'),
        ({'experiments': (MEASURED, MEASURED)}, 'names must differ'),
        ({'q_step': 11.0}, 'q_step'),
        (
            {
                'radiations': ('xray',),
                'experiments': ({'radiation': 'neutron', 'quantity': 'S', 'x': (1, 2, 3), 'y': (1, 1, 1)},),
            },
            'radiations: neutron is needed',
        ),
    ],
)
def test_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        analysed(some_frames(1), **settings)


def test_unknown_elements_and_open_boundaries():
    with pytest.raises(ValueError, match='Gd: its neutron scattering length depends on the energy'):
        analysed(some_frames(1, symbols=('Gd', 'O', 'O')))
    with pytest.raises(ValueError, match='periodic along all'):
        analysed(some_frames(1, pbc=(True, True, False)))
    with pytest.raises(ValueError, match='hann'):
        ScatteringSettings(window='hann')

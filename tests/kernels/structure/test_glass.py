"""The report on a glass, on crystals whose every number is known."""

from __future__ import annotations

import json

import numpy as np
import pytest

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.structure.glass import average_reports, report_cooling, report_sampling, report_structure


def alpha_quartz():
    """α-quartz (Levien, Prewitt & Weidner, Am. Mineral. 65, 920 (1980)), P3₂21, 4 × 4 × 4 cells, triclinic."""
    a, c = 4.916, 5.4054
    cell = np.array([[a, 0, 0], [-a / 2, a * np.sqrt(3) / 2, 0], [0, 0, c]])
    u, (x, y, z) = 0.4697, (0.4135, 0.2669, 0.1191)
    silicon = [(u, 0, 2 / 3), (0, u, 1 / 3), (-u, -u, 0)]
    oxygen = [
        (x, y, z + 2 / 3), (-y, x - y, z + 1 / 3), (y - x, -x, z),
        (y, x, -z + 1 / 3), (-x, y - x, -z), (x - y, -y, -z + 2 / 3),
    ]  # fmt: skip
    return ['Si'] * 3 + ['O'] * 6, np.array(silicon + oxygen) % 1, cell, (4, 4, 4)


def beta_cristobalite():
    """Ideal β-cristobalite: silicon on the sites of diamond, oxygen half-way between neighbours."""
    fcc = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    bonds = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / 8
    oxygen = (fcc[:, None] + bonds[None]).reshape(-1, 3)
    return ['Si'] * 8 + ['O'] * 16, np.concatenate([fcc, fcc + 0.25, oxygen]) % 1, np.eye(3) * 7.16, (3, 3, 3)


def vibrating(crystal, n_frames=4, amplitude=0.05):
    """Frames of a supercell whose atoms vibrate, as no peak of g(r) is a spike."""
    symbols, fractional, cell, repeats = crystal()
    shifts = np.stack(np.meshgrid(*[np.arange(n) for n in repeats], indexing='ij'), axis=-1).reshape(-1, 3)
    positions = ((shifts[:, None] + fractional[None]) @ cell).reshape(-1, 3)
    noise = np.random.default_rng(1).normal(size=(n_frames, *positions.shape)) * amplitude
    cells = np.tile(cell * np.array(repeats)[:, None], (n_frames, 1, 1))
    return Frames(tuple(symbols) * len(shifts), positions + noise, cells)


@pytest.fixture(scope='module', params=[(alpha_quartz, 1.61, 143.7), (beta_cristobalite, 1.55, None)])
def crystal(request):
    """Report, Si–O length and Si–O–Si angle: of quartz measured by X-rays, of cristobalite √3 a/8 and 180°."""
    build, length, angle = request.param
    return report_structure(vibrating(build)), length, angle


def test_every_silicon_has_four_oxygen_and_every_oxygen_bridges(crystal):
    numbers = crystal[0].numbers
    assert numbers['coordination']['Si-O']['mean'] == 4
    assert numbers['coordination']['Si-O']['distribution']['4'] == 1
    assert numbers['network']['qn']['Si']['Q4'] == 1
    assert numbers['network']['anions']['O']['bridging'] == 1
    assert numbers['network']['mean_connectivity'] == 4
    assert not any('coordinat' in warning for warning in numbers['warnings'])


def test_lengths_and_angles(crystal):
    report, length, angle = crystal
    assert report.numbers['bond_lengths']['Si-O'] == pytest.approx(length, abs=0.03)
    assert length < report.numbers['cutoffs']['Si-O'] < 3.1, 'between first and second shell'
    assert report.numbers['angles']['O-Si-O']['mean'] == pytest.approx(109.5, abs=1.0)
    if angle is not None:
        assert report.numbers['angles']['Si-O-Si']['mean'] == pytest.approx(angle, abs=2.5)


def test_a_crystal_is_called_one(crystal):
    assert any('crystallised' in warning for warning in crystal[0].numbers['warnings'])


def test_numbers_can_be_kept_as_json_and_curves_share_r(crystal):
    report = crystal[0]
    assert json.loads(json.dumps(report.numbers))['n_frames'] == 4
    assert all(np.isfinite(curve).all() for curve in report.curves.values())
    assert report.curves['r'].shape == (500,)


def test_a_given_cutoff_is_used_in_either_order():
    frames = vibrating(alpha_quartz, 1)
    for name in ('Si-O', 'O-Si'):
        assert report_structure(frames, cutoffs={name: 1.2}).numbers['coordination']['Si-O']['mean'] == 0


def test_a_cutoff_for_a_pair_that_is_not_there_is_an_error():
    for pair in ('Na-O', 'Si-Si'):
        with pytest.raises(ValueError, match=pair):
            report_structure(vibrating(alpha_quartz, 1), cutoffs={pair: 2.5})


def test_no_frames_are_an_error():
    with pytest.raises(ValueError, match='no frame'):
        report_structure(vibrating(alpha_quartz, 1)[np.zeros(0, dtype=int)])


def test_sampling_takes_the_rows_of_its_stage():
    rng = np.random.default_rng(0)
    stage = np.repeat([0, 1], 500)
    columns = {name: np.where(stage == 1, 2.0, 9.0) + 0.1 * rng.normal(size=1000)
               for name in ('density', 'temperature', 'pressure', 'potential_energy')}  # fmt: skip
    numbers = report_sampling({'stage': stage, **columns}, 1)
    assert numbers['density'] == pytest.approx(2.0, abs=0.02)
    assert numbers['density_error'] == pytest.approx(0.1 / np.sqrt(500), rel=0.5)


@pytest.mark.parametrize('fixed', [True, False])
def test_the_glass_transition_is_the_break_of_volume_or_at_fixed_volume_of_energy(fixed):
    rng = np.random.default_rng(0)
    temperature = np.linspace(3000, 300, 4000)
    broken = np.where(temperature > 1200, 3e-4, 1e-4) * (temperature - 1200)
    atoms = 100
    thermo = {
        'stage': np.zeros(4000, dtype=int),
        'temperature': temperature,
        'volume': np.full(4000, 1500.0) if fixed else atoms * (15 + 5 * broken) + rng.normal(size=4000) * 0.2,
        'total_energy': atoms * (broken - 5) + rng.normal(size=4000) * 0.02,
    }
    numbers = report_cooling(thermo, 0, atoms).numbers
    assert numbers['from'].startswith('total energy' if fixed else 'volume')
    assert numbers['converged'], numbers['reason']
    assert numbers['temperature'] == pytest.approx(1200, abs=100)


def test_replicas_are_averaged_with_the_standard_error_of_the_mean():
    def report(density, transition, warnings):
        return {
            'density': density, 'density_error': 0.01, 'glass_transition': {'temperature': transition},
            'units': {}, 'warnings': warnings,
        }  # fmt: skip

    mean = average_reports({'b': report(2.5, 900, []), 'a': report(2.3, None, ['odd']), 'c': report(2.4, 1000, [])})
    assert mean['density'] == {
        'mean': pytest.approx(2.4), 'standard_error': pytest.approx(0.1 / np.sqrt(3)), 'n': 3,
    }  # fmt: skip
    assert 'density_error' not in mean
    assert mean['glass_transition']['temperature']['n'] == 2
    assert mean['glass_transition']['temperature']['mean'] == 950
    assert mean['warnings'] == {'a': ['odd']}
    assert mean['replicas'] == 3


def test_coordination_fractions_sum_to_one_over_frames_and_replicas():
    """Also where a high coordination occurs in some frames or replicas only."""
    rng = np.random.default_rng(3)
    reports = {}
    for label in ('replica_00', 'replica_01'):
        positions = rng.random((3, 90, 3)) * 10.0
        frames = Frames(('O',) * 60 + ('Na',) * 30, positions, np.repeat(10.0 * np.eye(3)[None], 3, axis=0))
        reports[label] = report_structure(frames, r_max=5.0, n_bins=50, cutoffs={'Na-O': 3.5}).numbers
    if not all('Na-O' in report['coordination'] for report in reports.values()):
        pytest.fail('the random atoms gave no Na-O shell: nothing was tested')
    averaged = average_reports(reports)['coordination']['Na-O']
    for report in reports.values():
        distribution = report['coordination']['Na-O']['distribution']
        assert sum(distribution.values()) == pytest.approx(1)
        mean = sum(int(n) * share for n, share in distribution.items())
        assert mean == pytest.approx(report['coordination']['Na-O']['mean'])
    assert sum(share['mean'] for share in averaged['distribution'].values()) == pytest.approx(1)

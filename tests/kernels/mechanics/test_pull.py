"""Pulls: settings, what each job does, the curve made of its output, and what that says."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from aiida_glassion import units
from aiida_glassion.kernels.mechanics import pull_plan
from aiida_glassion.kernels.mechanics.pull_curve import is_broken, pull_curve
from aiida_glassion.kernels.mechanics.pull_plan import plan_pulls
from aiida_glassion.kernels.mechanics.pull_settings import read_fracture, read_pull
from aiida_glassion.kernels.mechanics.pull_summary import report_pull
from aiida_glassion.workchains import protocols

LENGTHS = (20.0, 30.0, 50.0)
YOUNG, POISSON = 70.0, 0.2


def fracture(protocol='default', **changes):
    return protocols.load('fracture', protocol, changes)


def pull(kind='tension', protocol='default', **changes):
    many = read_fracture(fracture(protocol, **changes))
    return read_pull(many.pull(kind, many.rates[0] if many.rates else None))


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'rates': [0.0]}, r'rates\.0: .*greater than 0'),
        ({'rates': []}, 'rates: empty'),
        ({'rates': [0.01, 0.01]}, r'rates: 0\.01 is given twice'),
        ({'axes': ['w']}, r'axes\.0: expected x, y or z'),
        ({'axes': ['x', 'x']}, 'axes: x is given twice'),
        ({'axes': []}, 'axes: empty'),
        ({'kinds': ['torsion']}, r'kinds\.0: expected tension or notched'),
        ({'sizes': [0]}, r'sizes: \[0, 0, 0\] given'),
        ({'sizes': [[2, 2]]}, r'sizes\.0'),
        ({'sizes': [2, [2, 2, 2]]}, 'sizes: 2x2x2 is given twice'),
        ({'mode': 'steps'}, 'rates: .*steps have no rate'),
        ({'notch': {'length': 1.2}}, r'notch\.length: a notch as long as the cell'),
        ({'notch': {'opening': -1}}, r'notch\.opening: .*greater than 0'),
        ({'notch': {'along': 'q'}}, r'notch\.along'),
        ({'temperature': -5}, 'temperature: .*greater than 0'),
        ({'max_strain': 0}, 'max_strain: .*greater than 0'),
        ({'piece': 0.025, 'snapshots_every': 0.01}, r'piece: 0\.025 is no whole multiple of snapshots_every'),
        ({'bin': 0.05}, 'bin: .*wider than slope_to'),
        ({'lateral': 'loose'}, 'lateral: expected free or fixed'),
        ({'broken_part': 1.5}, 'broken_part: .*less than 1'),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(changes, words):
    with pytest.raises(ValueError, match=words):
        read_fracture(fracture(**changes))


def test_an_unknown_setting_is_named_with_what_was_meant():
    with pytest.raises(ValueError, match="latral is not a setting; did you mean 'lateral'"):
        fracture(latral='free')
    with pytest.raises(ValueError, match="max_strian: no such setting; did you mean 'max_strain'"):
        read_fracture({**fracture(), 'max_strian': 1})


@pytest.mark.parametrize('protocol', list(protocols.available('fracture')))
def test_protocols_make_schedules(protocol):
    settings = read_fracture(fracture(protocol))
    for kind in settings.kinds:
        one = read_pull(settings.pull(kind, settings.rates[0] if settings.rates else None))
        assert pull_plan.equilibration(one).duration == one.equilibrate.duration
        for number in (0, one.n_pieces - 1):
            assert pull_plan.piece(one, 'z', number).duration > 0


def test_pulls_have_labels_and_seeds_of_their_own():
    settings = read_fracture(fracture(rates=[0.001, 0.01], sizes=[2, 1], axes=['x', 'z']))
    plan = plan_pulls(settings, ['b', 'a'], 5)
    assert len(plan) == len({p.label for p in plan}) == len({p.seed for p in plan}) == 2 * 2 * 2 * 2 * 2
    assert [p.label for p in plan[:3]] == [
        'a_tension_x_1x1x1_r0p01',
        'a_notched_x_1x1x1_r0p01',
        'a_tension_z_1x1x1_r0p01',
    ]
    fewer = plan_pulls(read_fracture(fracture(rates=[0.001])), ['a'], 5)
    seeds = {p.label: p.seed for p in plan}
    assert [seeds[p.label] for p in fewer] == [p.seed for p in fewer], 'a seed depends on its own pull alone'


def test_a_continuous_pull_strains_by_the_length_at_the_start():
    settings = pull(rates=[0.002], piece=0.1, max_strain=0.25)
    assert settings.n_pieces == 3
    stages = [pull_plan.piece(settings, 'y', number).stages[0] for number in range(3)]
    assert np.prod([1 + stage.strain for stage in stages]) == pytest.approx(1.25)
    assert [stage.duration for stage in stages] == pytest.approx([50, 50, 25])
    assert {(stage.mode, stage.ensemble, stage.coupling) for stage in stages} == {('y', 'npt', 'aniso')}
    assert pull_plan.piece(pull(lateral='fixed'), 'y', 0).stages[0].ensemble == 'nvt'


def test_steps_strain_minimise_hold_and_measure():
    settings = pull(kind='notched', protocol='aau_notch', max_strain=0.15)
    first, second = (pull_plan.piece(settings, 'z', number) for number in range(2))
    assert [stage.name for stage in first.stages[:7]] == [
        'minimise_000', 'hold_000', 'measure_000', 'strain_001', 'minimise_001', 'hold_001', 'measure_001',
    ]  # fmt: skip
    assert [stage.name for stage in second.stages] == [
        f'{kind}_{k:03d}' for k in range(11, 16) for kind in ('strain', 'minimise', 'hold', 'measure')
    ]
    strains = [stage.strain for stage in (*first.stages, *second.stages) if stage.kind == 'strain']
    assert np.cumprod([1 + strain for strain in strains]) == pytest.approx(1 + 0.01 * np.arange(1, 16))
    assert {stage.ensemble for stage in first.stages if stage.kind == 'hold'} == {'nvt'}
    assert {stage.method for stage in first.stages if stage.kind == 'minimise'} == {'fire'}
    free = pull_plan.piece(pull('notched', 'aau_notch', lateral='free'), 'y', 0)
    assert {stage.coupling for stage in free.stages if stage.kind == 'hold'} == {'xz'}


def test_a_cell_that_leans_is_refused():
    assert pull_plan.cell_lengths(np.diag(LENGTHS)) == LENGTHS
    with pytest.raises(ValueError, match='right angles'):
        pull_plan.cell_lengths([[10, 0, 0], [1, 10, 0], [0, 0, 10]])


def table(strain, free=True, noise=0.0, stage=0):
    """Output of a job as LAMMPS gives it, of a sample pulled along z."""
    n = len(strain)
    generator = np.random.default_rng(3)
    held = np.where(strain < 0.1, strain, 0.0)
    thin = 1 - POISSON * held if free else np.ones(n)
    stiff = YOUNG if free else YOUNG * (1 - POISSON) / ((1 + POISSON) * (1 - 2 * POISSON))
    across = 0.0 if free else stiff * POISSON / (1 - POISSON)
    zeros = np.zeros(n)
    rough = noise * generator.normal(size=(3, n))
    return {
        'step': np.arange(n),
        'stage': np.full(n, stage),
        'iteration': np.zeros(n, dtype=int),
        'time': np.arange(n) * 0.1,
        'temperature': np.full(n, 300.0),
        'pressure_xx': -across * held + rough[0],
        'pressure_yy': -across * held + rough[1],
        'pressure_zz': -stiff * held + rough[2],
        'pressure_xy': zeros,
        'pressure_xz': zeros,
        'pressure_yz': zeros,
        'cell_lx': LENGTHS[0] * thin,
        'cell_ly': LENGTHS[1] * thin,
        'cell_lz': LENGTHS[2] * (1 + strain),
    }


def pulled(settings, noise=0.0, until=0.3):
    """Curve of a sample pulled in pieces of 0.1."""
    free = settings.lateral == 'free'
    edges = np.arange(0, until + 0.01, 0.1)
    tables = [table(np.linspace(low, high, 1001), free, noise) for low, high in itertools.pairwise(edges)]
    return pull_curve(tables, settings, 'z', LENGTHS[2])


@pytest.mark.parametrize('lateral', ['free', 'fixed'])
def test_modulus_and_ratio_of_an_elastic_body(lateral):
    settings = pull(lateral=lateral)
    curve = pulled(settings)
    about = {'axis': 'z', 'n_atoms': 100, 'lengths': LENGTHS, 'crack_area': 0.0, 'energies': {}, 'stopped': None}
    results = report_pull(about, curve, settings)
    assert results['young']['value'] == pytest.approx(YOUNG, rel=1e-3)
    assert results['poisson']['value'] == pytest.approx(POISSON, rel=1e-3)
    slope = YOUNG if lateral == 'free' else YOUNG * (1 - POISSON) / ((1 + POISSON) * (1 - 2 * POISSON))
    assert results['tension']['young'] == pytest.approx(slope, rel=1e-3)
    assert results['broken'] is True
    assert results['fracture'] is None


def test_noise_is_averaged_and_errors_tell_of_it():
    settings = pull(lateral='fixed')
    curve = pulled(settings, noise=0.3)
    about = {'axis': 'z', 'n_atoms': 100, 'lengths': LENGTHS, 'crack_area': 0.0, 'energies': {}, 'stopped': None}
    results = report_pull(about, curve, settings)
    for name, right in (('young', YOUNG), ('poisson', POISSON)):
        found = results[name]
        assert 0 < found['error'] < 0.3 * right
        assert abs(found['value'] - right) < 4 * found['error'], name


def test_pieces_join_without_a_doubled_point():
    settings = pull()
    curve = pulled(settings)
    assert curve.n_averaged.sum() == 3001
    assert (np.diff(curve.strain) > 0).all()
    assert curve.time[-1] == pytest.approx(300, abs=1)
    assert curve.areas[0] == pytest.approx(600, rel=1e-3)
    np.testing.assert_allclose(curve.lengths, LENGTHS[2] * (1 + curve.strain))
    assert set(curve.arrays()) >= {'strain', 'stress', 'lengths', 'areas', 'stresses', 'cells'}


def test_work_of_a_notched_sample_is_put_on_its_ligament():
    settings = pull('notched')
    curve = pulled(settings)
    about = {
        'axis': 'z', 'n_atoms': 1000, 'lengths': LENGTHS, 'crack_area': 200.0, 'separated': True, 'stopped': None,
        'energies': {'whole': -100.0, 'broken': -90.0},
    }  # fmt: skip
    results = report_pull(about, curve, settings)
    shrunk = 0.5 * YOUNG * 0.1**2 * LENGTHS[2] * units.GPA_ANGSTROM_TO_J_PER_M2
    fracture_ = results['fracture']
    assert fracture_['complete'] is True
    assert fracture_['ligament'] == pytest.approx(2 / 3)
    assert fracture_['energy'] == pytest.approx(1.5 * shrunk, rel=0.05)
    assert results['surface_energy'] == pytest.approx(10 / (2 * 400) * units.EV_PER_ANGSTROM2_TO_J_PER_M2)
    assert any('depends on its size' in words for words in results['warnings'])


def test_a_pull_that_did_not_break_has_a_lower_bound():
    settings = pull('notched')
    curve = pulled(settings, until=0.1)
    about = {'axis': 'z', 'n_atoms': 1000, 'lengths': LENGTHS, 'crack_area': 200.0, 'energies': {}, 'stopped': None}
    results = report_pull(about, curve, settings)
    assert (results['broken'], results['fracture']['complete']) == (False, False)
    assert results['reason'].startswith('not broken at a strain of 0.09')
    assert not is_broken(curve, settings)
    assert any('lower bounds' in words for words in results['warnings'])


def test_nothing_measured_is_said():
    settings = pull('notched')
    about = {'axis': 'z', 'n_atoms': 10, 'lengths': LENGTHS, 'crack_area': 2.0, 'energies': {}, 'stopped': 'killed'}
    results = report_pull(about, None, settings)
    assert results['tension'] is results['fracture'] is results['end'] is None
    assert results['reason'] == 'killed; nothing was measured'


def stepwise(settings):
    """Output of three steps: two rows of minimising, ten of holding, two of minimising again, of stress 1, 2 and 3."""
    rows = []
    for k in range(3):
        for stage, stresses in ((4 * k + 1, [9, 9]), (4 * k + 2, [5] * 5 + [2] * 5), (4 * k + 3, [7, 3])):
            for stress in stresses:
                minimising = stage % 4 != 2
                time = 10 * k + (2 * len([r for r in rows if r['stage'] == stage]) if not minimising else 0)
                rows.append({'stage': stage, 'stress': stress + k, 'strain': 0.01 * k, 'time': time})
    strain = np.array([row['strain'] for row in rows])
    found = table(strain)
    found |= {name: np.array([row[name] for row in rows]) for name in ('stage', 'time')}
    found['pressure_zz'] = -np.array([row['stress'] for row in rows], dtype=float)
    return pull_curve([found], settings, 'z', LENGTHS[2])


def test_stress_of_a_step_is_that_of_its_end():
    minimised = pull('notched', 'aau_notch')
    curve = stepwise(minimised)
    np.testing.assert_allclose(curve.strain, [0, 0.01, 0.02], atol=1e-12)
    np.testing.assert_allclose(curve.stress, [3, 4, 5])


def test_of_a_small_sample_that_fell_apart_noise_is_no_stress():
    settings = pull('notched', lateral='fixed', window=0)
    curve = pulled(settings, noise=1.0, until=0.2)
    assert not is_broken(curve, settings)
    assert is_broken(curve, settings, separated=True)
    assert not is_broken(pulled(settings, until=0.1), settings, separated=True), 'at its strength'
    about = {'axis': 'z', 'n_atoms': 10, 'lengths': LENGTHS, 'crack_area': 2.0, 'energies': {}, 'stopped': None}
    results = report_pull({**about, 'separated': True}, curve, settings)
    assert (results['broken'], results['fracture']['complete']) == (True, True)
    held = report_pull({**about, 'separated': False}, curve, settings)
    assert held['broken'] is False

"""All pulls of a study together, from reports whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_glassion.kernels.mechanics.fracture import release_rate
from aiida_glassion.kernels.mechanics.fracture_summary import group_curves, summarise

ENERGY = release_rate(0.75, 72.0, 0.17)


def report(kind='tension', young=72.0, poisson=0.17, rate=0.001, axis='z', energy=ENERGY, **more):
    return {
        'kind': kind, 'axis': axis, 'rate': rate, 'n_atoms': 1000, 'broken': True, 'reason': 'broken',
        'young': None if young is None else {'value': young, 'error': 2.0},
        'poisson': None if poisson is None else {'value': poisson, 'error': 0.01},
        'tension': {'strength': 10.0, 'strength_strain': 0.2, 'failure_strain': 0.3, 'work': 8.0, 'toughness': 1e9},
        'fracture': {'energy': energy, 'complete': True} if kind == 'notched' else None,
        'surface_energy': 1.0 if kind == 'notched' else None, 'warnings': [], 'units': {}, **more,
    }  # fmt: skip


def plan(*labels, **more):
    return {label: {'sample': label.split('_')[0], 'size': [1, 1, 1], **more.get(label, {})} for label in labels}


def test_toughness_takes_the_modulus_of_the_tension_of_the_same_sample():
    reports = {
        'a_tension': report(young=72.0),
        'b_tension': report(young=50.0),
        'a_notched': report('notched', young=40.0, poisson=0.3),
    }
    results = summarise(plan(*reports), reports)
    notched = results['samples']['a_notched']
    assert notched['K_Ic']['value'] == pytest.approx(0.75)
    assert notched['K_Ic']['error'] == pytest.approx(
        0.75 / 2 * np.hypot(2 / 72, 2 * 0.17 * 0.01 / (1 - 0.17**2)), rel=1e-6
    )
    assert notched['elastic']['source'] == 'tension of the same sample, axis and rate'
    assert notched['brittleness']['value'] == pytest.approx(2 / ENERGY)
    assert results['warnings'] == []


def test_where_the_modulus_comes_from_is_said():
    other = {'a_tension': report(axis='x', young=60.0), 'a_notched': report('notched')}
    assert summarise(plan(*other), other)['samples']['a_notched']['elastic']['source'] == 'tensions of the same sample'
    foreign = {'b_tension': report(), 'a_notched': report('notched')}
    assert summarise(plan(*foreign), foreign)['samples']['a_notched']['elastic']['source'] == 'tensions of all samples'
    alone = {'a_notched': report('notched', young=40.0)}
    results = summarise(plan(*alone), alone)
    assert any('softer: K_Ic is too small' in words for words in results['warnings'])
    given = summarise(plan(*alone), alone, 72.0, 0.17)
    assert given['samples']['a_notched']['K_Ic']['value'] == pytest.approx(0.75)
    assert given['samples']['a_notched']['elastic']['source'] == 'given'
    flat = {'a_notched': report('notched', poisson=0.7)}
    results = summarise(plan(*flat), flat, 72.0)
    assert results['samples']['a_notched']['elastic']['poisson']['value'] == 0.2
    assert any('was assumed' in words for words in results['warnings'])


def test_plane_stress_needs_no_ratio():
    alone = {'a_notched': report('notched')}
    results = summarise(plan(*alone), alone, 72.0, 0.17, 'stress')
    assert results['samples']['a_notched']['K_Ic']['value'] == pytest.approx(0.75 * np.sqrt(1 - 0.17**2))


def test_groups_are_pooled_with_errors_and_failures_are_told():
    reports = {f'{name}_tension': report(young=value) for name, value in (('a', 70.0), ('b', 74.0))}
    reports['a_fast'] = report(young=80.0, rate=0.01)
    told = plan(*reports, 'c_tension', c_tension={'reason': 'lost atoms'})
    results = summarise(told, reports)
    fast, slow = results['pooled']
    assert (fast['rate'], fast['n'], slow['n'], slow['n_broken']) == (0.01, 1, 2, 2)
    assert slow['young'] == {'mean': 72.0, 'standard_error': pytest.approx(2.0), 'n': 2}
    assert fast['young']['standard_error'] is None
    assert slow['G_c'] is None
    assert results['warnings'] == ['c_tension: failed: lost atoms']


def test_no_modulus_is_no_toughness():
    alone = {'a_notched': report('notched', young=None, poisson=None)}
    results = summarise(plan(*alone), alone)
    assert results['samples']['a_notched']['K_Ic'] is None
    assert results['samples']['a_notched']['G_c']['value'] == pytest.approx(ENERGY)
    soft = {'a_notched': report('notched', young=-3.0)}
    assert any('no modulus' in words for words in summarise(plan(*soft), soft)['warnings'])


def test_one_warning_for_all_of_a_kind():
    reports = {f'{name}_notched': report('notched', warnings=['small']) for name in 'ab'}
    reports['a_tension'] = report()
    said = summarise(plan(*reports), reports)['warnings']
    assert said == ['all notched: small']


def test_mean_curves_go_on_at_zero_where_samples_broke():
    reports = {f'{name}_tension': report() for name in 'ab'}
    results = summarise(plan(*reports), reports)
    strain = np.linspace(0, 0.5, 501)
    curves = {
        'a_tension': {'strain': strain, 'stress': np.where(strain < 0.2, 70 * strain, 0.0)},
        'b_tension': {'strain': strain[:301], 'stress': np.where(strain[:301] < 0.2, 74 * strain[:301], 0.0)},
    }
    arrays, told = group_curves(results, curves, 0.01)
    assert told['0']['samples'] == ['a_tension', 'b_tension']
    at = int(np.argmin(np.abs(arrays['0__strain'] - 0.1)))
    assert arrays['0__stress'][at] == pytest.approx(7.2, rel=1e-3)
    assert arrays['0__error'][at] == pytest.approx(0.2, rel=0.02)
    assert arrays['0__strain'][-1] == pytest.approx(0.5)
    assert arrays['0__stress'][-1] == 0

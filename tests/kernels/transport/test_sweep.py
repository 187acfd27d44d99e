"""What runs say together: pooling, temperatures left out with their reason, limits, lines and series."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import chi2

from aiida_glassion.kernels.transport.replicas import pool_replicas
from aiida_glassion.kernels.transport.sweep import (
    IonOfRun,
    Run,
    conducts,
    formula_of,
    pool,
    pool_conductivity,
    pool_ion,
    read_run,
    temperature_label,
    upper_limit,
)
from aiida_glassion.kernels.transport.sweep_summary import n_usable, summarise

sys.path.insert(0, str(Path(__file__).parent.parent.parent / 'support'))
from sweeps import DISILICATE, SILICATE, arrhenius_D, numbers_of, results_of, sweep_pieces


def run(D=1e-6, error=1e-7, diffusive=True, *, glass='a', number=0, temperature=900.0, counts=SILICATE, **choices):
    numbers = numbers_of(counts, temperature, D, error, diffusive=diffusive, **choices)
    about = {'temperature': temperature, 'glass': glass, 'seed': number + 1, 'counts': counts}
    return read_run(f'T0900_{glass}_{number:02d}', about, results_of(numbers, temperature, number + 1), numbers)


def of_sweep(**choices):
    plan, pieces = sweep_pieces(**choices)
    return [
        read_run(label, about, pieces.get(f'results_{label}'), pieces.get(f'numbers_{label}'))
        for label, about in plan['runs'].items()
    ]


@pytest.mark.parametrize(('value', 'label'), [(900, 'T0900'), (333.15, 'T0333p15'), (12000.0, 'T12000'), (77, 'T0077')])
def test_labels(value, label):
    assert temperature_label(value) == label


@pytest.mark.parametrize(
    ('counts', 'formula'),
    [
        ({'O': 90, 'Si': 40, 'Na': 20}, 'Na2Si4O9'),
        ({'S': 3, 'O': 1, 'P': 1, 'Na': 3}, 'Na3POS3'),
        ({'Na': 33, 'Si': 134, 'O': 285}, 'Na33Si134O285'),
        ({'O': 6, 'B': 2, 'Li': 4, 'Na': 2}, 'Li2NaBO3'),
    ],
)
def test_formulas(counts, formula):
    assert formula_of(counts) == formula


def test_runs_of_one_glass_are_its_replicas():
    found = pool_ion([run(1.0e-6, 1e-7, number=i) for i in range(4)], 'Na')
    assert found['excluded'] is None
    assert found['D']['mean'] == pytest.approx(1e-6)
    assert found['D']['standard_error'] == pytest.approx(0.5e-7)
    assert (found['D']['n'], found['D']['n_glasses']) == (4, 1)


def test_glasses_that_differ_are_not_made_up_for_by_more_runs():
    """Two glasses, 1 and 3: ten runs of each know the two well, their mean no better than two glasses tell it."""
    runs = [run(D, 0.01 * D, glass=g, number=i) for g, D in (('a', 1e-6), ('b', 3e-6)) for i in range(10)]
    number = pool_ion(runs, 'Na')['D']
    assert number['mean'] == pytest.approx(2e-6)
    assert number['standard_error'] == pytest.approx(1e-6, rel=0.01)
    plain = pool_replicas([one.ions['Na'].D for one in runs], [one.ions['Na'].error for one in runs])
    assert plain.error < 0.3e-6
    assert number['high'] > 5e-6, "Student's t of two glasses"


def test_nothing_diffuses():
    found = pool_ion([run(1e-9, 1e-10, False, number=i) for i in range(3)], 'Na')
    assert found['D'] is None
    assert found['excluded'].startswith('none of 3 runs is diffusive (MSD grows as t^0.42')
    assert '97.5 % limit of the largest MSD over 6t' in found['excluded']
    msd = 1.5 + 6 * 100 * 1e-9 * 1e4
    assert found['upper_limit'] == pytest.approx(msd / 600 * 1e-4 * 60 / chi2.ppf(0.025, 60))


def test_the_limit_is_above_what_walkers_do():
    """The D of free walkers is below their limit in 97.5 % of draws, within two errors of 500 of them."""
    random, above = np.random.default_rng(1), 0
    for _ in range(500):
        steps = random.normal(0, np.sqrt(2 * 0.1 * 50), (20, 3))
        above += upper_limit(float((steps**2).sum(axis=1).mean()), 50.0, 20) > 0.1e-4
    assert above / 500 == pytest.approx(0.975, abs=0.014)


def test_fewer_than_half():
    runs = [run(number=0), run(1e-7, 1e-8, False, number=1), run(1e-7, 1e-8, False, number=2)]
    found = pool_ion(runs, 'Na')
    assert found['D'] is None
    assert found['excluded'].startswith('only 1 of 3 runs is diffusive')
    kept = pool_ion([run(number=0), run(1e-7, 1e-8, False, number=1)], 'Na')
    assert kept['excluded'] is None, 'half of them are enough'
    assert kept['D']['n'] == 1


def test_faster_than_diffusion_has_no_limit():
    numbers = numbers_of(SILICATE, 900.0, 1e-5, 1e-6, diffusive=False)
    numbers['analyses']['diffusion']['numbers']['ions']['Na']['exponent']['mean'] = 1.6
    about = {'temperature': 900.0, 'glass': 'a', 'seed': 1, 'counts': SILICATE}
    found = pool_ion([read_run('x', about, results_of(numbers, 900.0, 1), numbers)], 'Na')
    assert (found['D'], found['upper_limit']) == (None, None)
    assert 'D is below' not in found['excluded']


def test_a_slow_ion_does_not_stop_the_conductivity():
    fast, slow = IonOfRun(1e-5, 1e-6, True, '', None), IonOfRun(1e-9, 1e-10, False, 'slower than diffusion', 2e-8)
    counts = {'Na': 20, 'Ca': 10, 'Si': 40, 'O': 100}
    about = {'temperature': 900.0, 'glass': 'a', 'seed': 1, 'counts': counts}
    one = Run(
        'x', **about, length=100.0, volume=2000.0, ions={'Na': fast, 'Ca': slow}, charges={'Na': 1.0, 'Ca': 2.0},
        nernst_einstein=(0.2, 0.02), collective=(0.3, 0.1),
    )  # fmt: skip
    assert conducts(one) is None
    slow = replace(slow, limit=5e-6)
    said = conducts(replace(one, ions={'Na': fast, 'Ca': slow}))
    assert said == 'Ca: slower than diffusion'
    assert conducts(replace(one, ions={'Na': fast, 'Ca': replace(slow, limit=None)})) is not None


def test_haven_ratio_and_its_error():
    runs = [run(number=i, collective=2.0) for i in range(4)]
    found = pool_conductivity(runs)
    assert found['haven_ratio']['mean'] == pytest.approx(0.5)
    relative = np.hypot(0.1 / 2, 0.3 / 2)
    assert found['haven_ratio']['standard_error'] == pytest.approx(0.5 * relative)
    assert found['haven_ratio']['low'] < 0.5 < found['haven_ratio']['high']


def test_a_collective_conductivity_below_zero_counts():
    """One run came out negative by chance: to leave it out would make the mean too large."""
    found = pool([('a', 1.0, 1.0, 10.0), ('a', -0.5, 1.0, 10.0), ('a', 0.7, 1.0, 10.0)], by_length=True)
    assert found['mean'] == pytest.approx(0.4)
    assert found['standard_error'] == pytest.approx(1 / np.sqrt(3))


def test_energies_of_two_compositions():
    results, lines = summarise(of_sweep(temperatures=[700.0, 800.0, 900.0, 1000.0, 1200.0], replicas=2, too_cold=750.0))
    json.dumps(results, allow_nan=False)
    assert results['ions'] == ['Na']
    assert [entry['formula'] for entry in results['series']] == ['Na2Si4O9', 'Na2Si2O5']
    for formula, energy in (('Na2Si4O9', 0.6), ('Na2Si2O5', 0.5)):
        fits = results['compositions'][formula]['arrhenius']
        for name in ('D_Na', 'sigma_T'):
            number = fits[name]['activation_energy']
            assert number['low'] < energy < number['high'], name
            assert fits[name]['used'] == [800.0, 900.0, 1000.0, 1200.0]
        room = fits['D_Na']['at_300']
        assert room['low'] < arrhenius_D(300.0, energy) < room['high']
        assert room['extrapolated']
        assert fits['sigma_T']['at_300']['mean'] == pytest.approx(lines[formula]['sigma_T'].at(300).value / 300)
        assert 'Yeh and Hummer' in fits['D_Na']['finite_size_note']
    series = results['series'][0]
    assert series['sigma']['T0700'] is None
    assert series['sigma']['T0800']['mean'] > 0
    assert series['sigma']['300']['low'] < series['sigma']['300']['mean'] < series['sigma']['300']['high']
    assert n_usable(results) == 4
    assert any(words.startswith('Na2Si2O5: Na at 700 K is left out: none of 2') for words in results['warnings'])


def test_one_temperature_left():
    results, lines = summarise(of_sweep(temperatures=[600.0, 800.0], glasses={'a': SILICATE}))
    assert n_usable(results) == 1
    assert lines == {'Na2Si4O9': {}}
    assert 'needs at least two' in results['compositions']['Na2Si4O9']['arrhenius']['D_Na']['excluded']
    assert results['series'][0]['activation_energy'] is None
    assert results['series'][0]['sigma']['300'] is None


def test_a_kink_is_told():
    """Another barrier above 1000 K, as of a melt."""
    runs = [
        run(arrhenius_D(T, 0.6 if T <= 1000 else 0.8, 2e-3 if T <= 1000 else 0.05), 1e-8, temperature=T)
        for T in (800.0, 900.0, 1000.0, 1200.0, 1400.0)
    ]
    runs = [replace(one, ions={'Na': replace(one.ions['Na'], error=0.02 * one.ions['Na'].D)}) for one in runs]
    results, _ = summarise(runs)
    assert any('not on one line' in words for words in results['warnings'])
    straight = [replace(one, ions={'Na': replace(one.ions['Na'], D=arrhenius_D(one.temperature))}) for one in runs]
    assert not any('D_Na: the temperatures are not' in words for words in summarise(straight)[0]['warnings'])


def test_a_framework_that_moves_is_told_once():
    runs = [run(number=i) for i in range(2)]
    results, _ = summarise(runs, {one.label: 'Si goes 9.0 Å' for one in runs})
    assert results['warnings'].count('900 K: Si goes 9.0 Å') == 1


def test_failed_runs_stay_in_the_books():
    about = {'temperature': 900.0, 'glass': 'b', 'seed': 4, 'counts': SILICATE, 'reason': 'lost atoms'}
    results, _ = summarise([run(), read_run('T0900_b_00', about, None, None)])
    entry = results['compositions']['Na2Si4O9']['temperatures']['T0900']
    assert entry['replicas']['T0900_b_00'] == {
        'status': 'failed', 'reason': 'lost atoms', 'length': 0.0, 'seed': 4, 'glass': 'b', 'ions': {},
        'conductivity': {'nernst_einstein': None, 'collective': None},
    }  # fmt: skip
    assert entry['ions']['Na']['excluded'] is None, 'it says nothing against diffusion'


def test_two_compositions_of_one_formula_in_two_sizes():
    double = {element: 2 * number for element, number in SILICATE.items()}
    results, _ = summarise([run(), run(glass='b', counts=double), run(glass='c', counts=DISILICATE)])
    assert results['compositions']['Na2Si4O9']['n_atoms'] == [150, 300]
    assert len(results['compositions']) == 2

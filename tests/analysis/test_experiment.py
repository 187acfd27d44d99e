"""R_χ by hand on small tables, conversions of what was measured, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from aiida_glassion.analysis.experiment import Experiment, composition_of, match
from aiida_glassion.analysis.result import Curve
from aiida_glassion.kernels.scattering.tables import form_factors
from aiida_glassion.kernels.scattering.transform import correlation_function

COMPOSITION = {'O': 2 / 3, 'Si': 1 / 3}
LENGTHS = {'O': 5.8037, 'Si': 4.1507}
MEAN_SQUARED = ((2 * 5.8037 + 4.1507) / 3) ** 2
DENSITY = 0.066


def simulated(q, s, radiation='neutron', normalisation='faber-ziman', **about):
    about = {'density': DENSITY, 'composition': COMPOSITION, 'normalisation': normalisation, **about}
    if radiation == 'neutron':
        about['scattering_lengths'] = LENGTHS
    curve = Curve(np.asarray(q, float), np.asarray(s, float), 'Q', 'Å⁻¹', 'S(Q)', '1', None, normalisation, about)
    return {f'S_{radiation}': curve}


def smooth(q):
    return 1 + 0.8 * np.sin(1.6 * q) / (1.6 * q) * np.exp(-0.01 * q**2)


def experiment(**given):
    return Experiment(**{'radiation': 'neutron', 'quantity': 'S', 'x': (1, 2, 3, 4), 'y': (1, 1, 1, 1), **given})


def test_r_chi_by_hand():
    """S = 0.5, 1.5, 1.1 against 0.4, 1.6, 1.2: √(0.03/(0.16 + 2.56 + 1.44)) = 8.49 %."""
    comparison = match(experiment(x=(1, 2, 3), y=(0.4, 1.6, 1.2)), simulated([1, 2, 3], [0.5, 1.5, 1.1]))
    assert comparison.numbers['r_chi'] == pytest.approx(100 * np.sqrt(0.03 / 4.16))
    assert comparison.numbers | {'n_points': 3, 'low': 1, 'high': 3, 'quantity': 'S'} == comparison.numbers
    assert not comparison.warnings


def test_the_same_difference_weighs_more_in_s_minus_one():
    """S − 1: the same numerator over 0.36 + 0.36 + 0.04; R_χ grows by √(4.16/0.76)."""
    curves = simulated([1, 2, 3], [0.5, 1.5, 1.1])
    of_s = match(experiment(x=(1, 2, 3), y=(0.4, 1.6, 1.2)), curves).numbers['r_chi']
    less_one = match(experiment(x=(1, 2, 3), y=(-0.6, 0.6, 0.2), quantity='S-1'), curves).numbers['r_chi']
    assert less_one == pytest.approx(100 * np.sqrt(0.03 / 0.76))
    assert less_one / of_s == pytest.approx(np.sqrt(4.16 / 0.76))


def test_interpolation_range_and_points_left_out():
    curves = simulated([1, 2, 3, 4], [1, 2, 3, 4])
    found = match(experiment(x=(0.5, 1.5, 2.5, 3.5, 5.0), y=(9, 1.5, 2.5, 3.5, 9)), curves)
    assert found.numbers['r_chi'] == pytest.approx(0, abs=1e-9)
    assert found.numbers['n_points'] == 3
    assert '2 measured points outside 1 to 4 Å⁻¹' in found.warnings[0]
    found = match(experiment(x=(0.5, 1.5, 2.5, 3.5, 3.9), y=(9, 1.5, 2.5, 3.5, 9), range=(1, 3.6)), curves)
    assert (found.numbers['low'], found.numbers['high'], found.warnings) == (1.5, 3.5, [])
    assert found.curves['simulation_experiment'].y.tolist() == [1.5, 2.5, 3.5]
    with pytest.raises(ValueError, match='1 measured points from 1 to 2'):
        match(experiment(x=(0.5, 1.5, 2.5), y=(1, 1, 1), range=(0, 2)), curves)


def test_scale():
    curves = simulated([1, 2, 3], [1, 2, 4])
    found = match(experiment(x=(1, 2, 3), y=(2, 4, 8), scale=True), curves)
    assert found.numbers['scale'] == pytest.approx(2)
    assert found.numbers['r_chi'] == pytest.approx(0, abs=1e-9)
    assert found.curves['simulation_experiment'].y.tolist() == [2, 4, 8]
    found = match(experiment(x=(1, 2, 3), y=(2, 4, 8)), curves)
    assert found.numbers['scale'] == 1
    assert found.numbers['r_chi'] == pytest.approx(50)


Q = np.linspace(0.1, 30, 1500)


@pytest.mark.parametrize(
    ('quantity', 'unit', 'factor'),
    [
        ('S-1', None, lambda q: 1.0),
        ('F', None, lambda q: MEAN_SQUARED / 100),
        ('i', None, lambda q: MEAN_SQUARED / 100),
        ('Q(S-1)', None, lambda q: q),
        ('F', '1/angstrom', lambda q: q),
        ('i', '1', lambda q: 1.0),
    ],
)
def test_quantities_in_q(quantity, unit, factor):
    x = Q[100:1400:7]
    y = (smooth(x) - 1) * factor(x)
    found = match(experiment(quantity=quantity, unit=unit, x=tuple(x), y=tuple(y)), simulated(Q, smooth(Q)))
    assert found.numbers['r_chi'] < 1e-6


def test_xray_in_electrons_and_normalisations():
    f = form_factors(list(COMPOSITION), Q)
    c = np.array([2 / 3, 1 / 3])
    mean, square = (c @ f) ** 2, c @ f**2
    curves = simulated(Q, smooth(Q), 'xray')
    common = {'radiation': 'xray', 'x': tuple(Q)}
    found = match(experiment(quantity='i', y=tuple(mean * (smooth(Q) - 1)), **common), curves)
    assert found.numbers | {'unit': 'electron^2/atom'} == found.numbers
    assert found.numbers['r_chi'] < 1e-6
    y = tuple(1 + mean / square * (smooth(Q) - 1))
    assert match(experiment(y=y, normalisation='mean-square', **common), curves).numbers['r_chi'] < 1e-6
    assert match(experiment(y=y, **common), curves).numbers['r_chi'] > 0.5
    other = simulated(Q, y, 'xray', 'mean-square')
    assert match(experiment(y=tuple(smooth(Q)), **common), other).numbers['r_chi'] < 1e-6


def test_real_space_cut_and_windowed_as_measured():
    r = np.linspace(0.5, 8, 200)
    slope = 4 * np.pi * DENSITY * r
    curves = simulated(Q, smooth(Q), r_max=10.0)
    common = {'x': tuple(r), 'q_max': 20.0, 'window': 'lorch'}
    d = correlation_function(Q, smooth(Q), r, 20.0, 'lorch')
    expected = {
        ('D', None): d,
        ('G', None): d,
        ('T', None): d + slope,
        ('T', 'barn/angstrom^2'): (d + slope) * MEAN_SQUARED / 100,
        ('g', None): 1 + d / slope,
    }
    for (quantity, unit), y in expected.items():
        found = match(experiment(quantity=quantity, unit=unit, y=tuple(y), **common), curves)
        assert found.numbers['r_chi'] < 1e-6
        assert found.numbers | {'window': 'lorch', 'q_max': 20.0} == found.numbers
    other = match(experiment(quantity='D', y=tuple(d), **(common | {'window': 'none'})), curves)
    assert other.numbers['r_chi'] > 1
    in_nm = experiment(quantity='D', y=tuple(d), **(common | {'x': tuple(r / 10), 'x_unit': 'nm'}))
    assert match(in_nm, curves).numbers['r_chi'] < 1e-6
    with pytest.raises(ValueError, match='raise q_max of the analysis'):
        match(experiment(quantity='D', y=tuple(d), x=tuple(r), q_max=40.0), curves)


def test_wave_numbers_in_nm():
    found = match(experiment(x=tuple(10 * Q[5:90]), y=tuple(smooth(Q[5:90])), x_unit='nm'), simulated(Q, smooth(Q)))
    assert found.numbers['r_chi'] < 1e-6
    assert found.numbers['high'] == pytest.approx(Q[89])


def test_resolution_is_given_to_the_simulation():
    sharp = 1 + np.exp(-((Q - 5) ** 2) / (2 * 0.1**2)) / Q
    blunt = 1 + 0.1 / np.hypot(0.1, 0.2) * np.exp(-((Q - 5) ** 2) / (2 * (0.1**2 + 0.2**2))) / Q
    found = match(experiment(x=tuple(Q), y=tuple(blunt), quantity='S', resolution=0.2), simulated(Q, sharp))
    assert found.numbers['r_chi'] < 0.02


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        ({'x': (1, 2), 'y': (1, 2)}, 'at least 3'),
        ({'x': (1, 2, 3)}, 'one length'),
        ({'x': (1, 3, 2, 4)}, 'goes from 3 to 2'),
        ({'y': (1, np.nan, 1, 1)}, 'finite'),
        ({'error': (1, 1, 1, -1)}, 'error'),
        ({'unit': 'barn/sr/atom'}, 'expected one of 1'),
        ({'quantity': 'i', 'unit': 'electron^2/atom'}, 'not one of neutron'),
        ({'quantity': 'i', 'unit': 'barn/sr/atom', 'radiation': 'xray'}, 'not one of xray'),
        ({'quantity': 'H'}, 'quantity'),
        ({'quantity': 'T', 'normalisation': 'mean-square'}, 'faber-ziman only'),
        ({'window': 'lorch'}, 'belong to quantities in r'),
        ({'range': (3, 1)}, 'low < high'),
        ({'name': 'a.b'}, 'name'),
        ({'colour': 'red'}, 'colour'),
    ],
)
def test_refused(change, words):
    with pytest.raises(ValidationError, match=words):
        experiment(**change)


def test_nothing_to_compare_with():
    with pytest.raises(ValueError, match='no curve S_xray'):
        match(experiment(radiation='xray'), simulated([1, 2, 3], [1, 1, 1]))
    bare = Curve(Q, Q, 'Q', 'Å⁻¹', 'S(Q)', '1')
    with pytest.raises(ValueError, match='composition'):
        composition_of(bare)

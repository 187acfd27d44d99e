"""Exact lines, scatter of known size, what is left out and why."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_glassion import units
from aiida_glassion.kernels.transport.arrhenius import ArrheniusPoint, arrhenius_fit

TEMPERATURES = (600.0, 700.0, 800.0, 1000.0)


def points(temperatures=TEMPERATURES, energy=0.6, prefactor=1e-3, relative=0.05, random=None):
    values = prefactor * np.exp(-energy / (units.KB_EV_PER_K * np.array(temperatures)))
    sizes = np.broadcast_to(relative, len(values))
    given = values if random is None else values * np.exp(random.normal(0, sizes))
    return [
        ArrheniusPoint(t, float(value), float(value * size))
        for t, value, size in zip(temperatures, given, sizes, strict=True)
    ]


def test_an_exact_line():
    fit = arrhenius_fit(points())
    assert fit.activation_energy == pytest.approx(0.6, rel=1e-12)
    assert fit.prefactor == pytest.approx(1e-3, rel=1e-10)
    assert fit.at(300).value == pytest.approx(1e-3 * np.exp(-0.6 / (units.KB_EV_PER_K * 300)), rel=1e-9)
    assert (fit.degrees_of_freedom, fit.widened) == (2, 1)
    assert fit.at(300).extrapolated
    assert not fit.at(750).extrapolated


def test_errors_against_weighted_least_squares():
    """The covariance of numpy's polyfit with the same weights, in other variables."""
    given = points(relative=[0.2, 0.1, 0.05, 0.02], random=np.random.default_rng(0))
    fit = arrhenius_fit(given)
    x = np.array([-1 / (units.KB_EV_PER_K * point.temperature) for point in given])
    y = np.log([point.value for point in given])
    weights = [point.value / point.error for point in given]
    (slope, height), covariance = np.polyfit(x, y, 1, w=weights, cov='unscaled')
    assert fit.activation_energy == pytest.approx(slope, rel=1e-9)
    assert fit.prefactor == pytest.approx(np.exp(height), rel=1e-8)
    np.testing.assert_allclose(fit.covariance[::-1, ::-1] / fit.widened**2, covariance, rtol=1e-7)


def test_intervals_hold_in_500_sweeps():
    """Errors known: Student's t makes them safer than asked, as errors of D are estimates themselves."""
    random, energies, values, normal = np.random.default_rng(1), [], [], []
    for _ in range(500):
        fit = arrhenius_fit(points(random=random))
        low, high = fit.activation_interval()
        energies.append(low <= 0.6 <= high)
        there = fit.at(300)
        values.append(there.low <= 1e-3 * np.exp(-0.6 / (units.KB_EV_PER_K * 300)) <= there.high)
        normal.append(abs(fit.activation_energy - 0.6) < fit.activation_error / fit.widened)
    assert 0.95 < np.mean(energies) <= 1
    assert 0.95 < np.mean(values) <= 1
    assert np.mean(normal) == pytest.approx(0.6827, abs=3 * 0.021)


def test_intervals_from_scatter_alone_hold_in_500_sweeps():
    random, held = np.random.default_rng(2), []
    for _ in range(500):
        bare = [ArrheniusPoint(p.temperature, p.value) for p in points(random=random)]
        low, high = arrhenius_fit(bare).activation_interval()
        held.append(low <= 0.6 <= high)
    assert np.mean(held) == pytest.approx(0.95, abs=3 * 0.01)


def test_the_band_is_narrowest_among_the_points_and_wide_at_room_temperature():
    fit = arrhenius_fit(points())
    widths = {t: np.log(fit.at(t).high / fit.at(t).low) for t in (300, 400, 750, 1500)}
    assert widths[300] > widths[400] > widths[750] < widths[1500]
    # what the errors of both coefficients by themselves would make of it
    alone = fit.ln_prefactor_error + fit.activation_error / (units.KB_EV_PER_K * 750)
    assert widths[750] < alone


def test_few_points_have_wide_intervals():
    few = [point for point in points() if point.temperature < 900]
    three, four = arrhenius_fit(few), arrhenius_fit(points())
    assert three.activation_interval()[1] - 0.6 > 12 * three.activation_error  # t of one degree of freedom: 12.7
    assert four.activation_interval()[1] - 0.6 == pytest.approx(4.303 * four.activation_error, rel=1e-3)
    two = arrhenius_fit(points((600.0, 800.0)))
    assert two.degrees_of_freedom == 0
    assert two.chi2 is None
    assert two.activation_interval()[1] - 0.6 == pytest.approx(1.96 * two.activation_error, rel=1e-3)


def test_two_points_without_errors_tell_no_interval():
    fit = arrhenius_fit([ArrheniusPoint(p.temperature, p.value) for p in points((600.0, 800.0))])
    assert fit.activation_energy == pytest.approx(0.6)
    assert fit.activation_error is None
    with pytest.raises(ValueError, match='no interval'):
        fit.at(300)


def test_scatter_beyond_the_errors_widens_them():
    given = points(relative=0.01)
    off = [
        ArrheniusPoint(p.temperature, p.value * f, p.error) for p, f in zip(given, (1.2, 0.8, 1.2, 0.8), strict=True)
    ]
    fit = arrhenius_fit(off)
    assert fit.widened > 10
    assert fit.widened == pytest.approx(np.sqrt(fit.chi2))
    assert fit.activation_error == pytest.approx(arrhenius_fit(given).activation_error * fit.widened, rel=0.3)


def test_slope_of_sigma_t_is_that_of_d_and_that_of_sigma_is_not():
    given = points()
    factor = 2.0  # n z² e²/(V k_B)
    sigma_t = [ArrheniusPoint(p.temperature, factor * p.value, factor * p.error) for p in given]
    sigma = [
        ArrheniusPoint(p.temperature, q.value / p.temperature, q.error / p.temperature)
        for p, q in zip(given, sigma_t, strict=True)
    ]
    assert arrhenius_fit(sigma_t, 'sigma_T').activation_energy == pytest.approx(0.6)
    lower = 0.6 - arrhenius_fit(sigma).activation_energy
    assert lower == pytest.approx(units.KB_EV_PER_K * np.mean(TEMPERATURES), rel=0.1)


def test_what_is_left_out_is_kept_with_its_reason():
    given = [
        ArrheniusPoint(500.0, 1e-3, 1e-4, excluded='not diffusive'),
        ArrheniusPoint(550.0, 1e-3, 1e-4, upper_limit=True),
        *points(),
    ]
    fit = arrhenius_fit(given)
    assert fit.activation_energy == pytest.approx(0.6)
    assert [(p.temperature, p.excluded) for p in fit.excluded] == [(500, 'not diffusive'), (550, 'an upper limit only')]
    assert [p.temperature for p in fit.used] == list(TEMPERATURES)


ONE = ArrheniusPoint(600.0, 1e-7, 1e-8)


@pytest.mark.parametrize(
    ('given', 'words'),
    [
        ([], 'no temperature is left'),
        ([ArrheniusPoint(600.0, 1e-7, 1e-8, 'not diffusive')], 'no temperature is left to fit .600 K: not diffusive'),
        ([ONE], 'one temperature .600 K.: an energy of activation needs at least two'),
        ([ONE, ArrheniusPoint(600.001, 2e-7, 1e-8)], '2 points at the same temperature'),
        ([ONE, ArrheniusPoint(700.0, 1e-6, upper_limit=True)], 'one temperature .600 K; 1 excluded'),
        ([ONE, ArrheniusPoint(700.0, 2e-7)], 'error: none at 700 K'),
        ([ONE, ArrheniusPoint(700.0, -2e-7, 1e-8)], 'value at 700 K: -2e-07'),
        ([ONE, ArrheniusPoint(700.0, 2e-7, 0.0)], 'error at 700 K: 0.0'),
        ([ONE, ArrheniusPoint(-3.0, 2e-7, 1e-8)], 'temperature: -3.0'),
    ],
)
def test_refuses(given, words):
    with pytest.raises(ValueError, match=words):
        arrhenius_fit(given)


def test_refuses_temperatures_and_levels_of_predictions():
    fit = arrhenius_fit(points())
    with pytest.raises(ValueError, match='temperature: 0'):
        fit.at(0)
    with pytest.raises(ValueError, match='level: 95'):
        fit.at(300, 95)

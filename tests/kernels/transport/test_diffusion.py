"""Random walks of known D: the intervals hold as often as they say; what is no diffusion is told."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_glassion.kernels.transport.diffusion import (
    block_values,
    diffusion_coefficient,
    fit_diffusion,
    normal_interval,
    positive_interval,
    widened_by_blocks,
)
from aiida_glassion.kernels.transport.line import fit_lags, msd_errors
from aiida_glassion.kernels.transport.msd import mean_squared_displacement
from aiida_glassion.kernels.transport.regime import log_log_slope

D = 1e-4  # cm²/s: 1 Å²/ps


def walk(random, n_frames=200, n_ions=10, n_directions=3, rattle=0.0):
    steps = random.normal(0, np.sqrt(2), (n_frames, n_ions, n_directions))
    return steps.cumsum(axis=0) + random.normal(0, rattle, steps.shape) if rattle else steps.cumsum(axis=0)


@pytest.fixture(scope='module')
def trials():
    """500 runs of ten ions."""
    random = np.random.default_rng(11)
    found = []
    for _ in range(500):
        x = walk(random)
        fit, msd = diffusion_coefficient(x, 1.0)
        found.append((fit, fit_diffusion(msd, 1.0, 'window')))
    return found


@pytest.mark.parametrize('level', [0.6827, 0.95])
@pytest.mark.parametrize('method', [0, 1])
def test_intervals_hold_as_often_as_they_say(trials, level, method):
    """Within three standard errors of a share of 500; the window's model error may only make it safer."""
    held = [low <= D <= high for low, high in (pair[method].interval(level) for pair in trials)]
    margin = 3 * np.sqrt(level * (1 - level) / len(held))
    assert np.mean(held) > level - margin
    assert np.mean(held) < level + margin + (0.03 if method else 0)


def test_the_mean_is_right_and_the_error_is_the_scatter(trials):
    values = np.array([fit.D for fit, _ in trials])
    errors = np.array([fit.error for fit, _ in trials])
    assert values.mean() == pytest.approx(D, abs=4 * values.std() / np.sqrt(500))
    assert errors.mean() == pytest.approx(values.std(), rel=0.1)
    # the line and its covariance account for all of the scatter about it
    assert np.mean([fit.chi2 for fit, _ in trials]) == pytest.approx(1, abs=0.05)
    # the long lags of the window hold a hundredth of the information
    assert np.std([fit.D for _, fit in trials]) > 8 * values.std()
    assert np.mean([fit.regime.diffusive for fit, _ in trials]) > 0.95
    assert not any(fit.regime.diffusive for _, fit in trials), 'ten ions cannot tell the exponent of the window to 0.1'


@pytest.mark.parametrize('n_directions', [1, 2, 3])
def test_dimensions(n_directions):
    fit, _ = diffusion_coefficient(walk(np.random.default_rng(5), 2000, 20, n_directions), 1.0)
    assert abs(fit.D - D) < 4 * fit.error
    assert fit.error < 0.02 * D
    assert len(fit.D_by_direction) == n_directions
    np.testing.assert_allclose(fit.D, fit.D_by_direction.mean(), rtol=0.01)


def test_directions_that_differ():
    x = walk(np.random.default_rng(6), 2000, 20) * np.sqrt([3.0, 1.0, 0.1])
    fit, _ = diffusion_coefficient(x, 2.0)
    np.testing.assert_allclose(fit.D_by_direction / D, [1.5, 0.5, 0.05], atol=4 * fit.errors_by_direction.max() / D)
    # nearly one direction's information: larger than that of three equal ones
    assert fit.error / fit.D > 1.3 * fit.errors_by_direction[0] / fit.D_by_direction[0] / np.sqrt(3)


def test_units():
    """Twice the time between frames is half the D; ten times the length is a hundredfold."""
    x = walk(np.random.default_rng(7))
    one, _ = diffusion_coefficient(x, 1.0)
    other, _ = diffusion_coefficient(10 * x, 2.0)
    np.testing.assert_allclose(other.D, 50 * one.D, rtol=1e-6)
    assert other.error == pytest.approx(50 * one.error, rel=1e-6)
    assert other.window[0] == 2 * one.window[0]


def test_rattling_in_cages_is_an_intercept():
    """Frames are dense: the fit begins where the walk shows above the cage, and knows what the cage adds."""
    random = np.random.default_rng(8)
    x = 0.1 * walk(random, 4000, 40) + random.normal(0, 0.5, (4000, 40, 3))
    fit, _ = diffusion_coefficient(x, 1.0)
    assert abs(fit.D - 0.01 * D) < 3 * fit.error
    assert fit.intercept == pytest.approx(6 * 0.25, abs=4 * fit.intercept_error)
    assert fit.window[0] > 50
    assert fit.regime.diffusive


def test_ions_that_differ_widen_the_error():
    """Half of them do not move: the error is that of drawing so few of either kind."""
    x = walk(np.random.default_rng(9), 1000, 100)
    equal, _ = diffusion_coefficient(x, 1.0)
    x[:, 50:] *= 0.01
    mixed, _ = diffusion_coefficient(x, 1.0)
    assert equal.spread == 0
    assert mixed.spread == pytest.approx(1, rel=0.1)
    # binomial: half of 100 draws of 0 or 1, D 0.5 ± 0.05
    assert mixed.error == pytest.approx(0.05 * D, rel=0.2)


def test_ions_that_share_their_pace_scatter_between_blocks():
    """All ions fast, then all slow, by turns: equal walkers on the whole, and yet fewer than they seem."""
    random = np.random.default_rng(15)
    paces = random.choice([0.2, 1.8], size=40).repeat(50)
    steps = random.normal(0, np.sqrt(2), (2000, 50, 3))
    shared, alone = (steps * np.sqrt(pace)[:, None, None] for pace in (paces, np.ones(2000)))
    fit, _ = diffusion_coefficient(shared.cumsum(axis=0), 1.0)
    widened = widened_by_blocks(fit, block_values(shared.cumsum(axis=0), 1.0, 1))
    # 40 draws of 1 ± 0.8
    assert widened.error == pytest.approx(0.8 / np.sqrt(40) * D, rel=0.6)
    assert widened.error > 4 * fit.error
    equal, _ = diffusion_coefficient(alone.cumsum(axis=0), 1.0)
    blocks = block_values([alone.cumsum(axis=0)[:77], alone.cumsum(axis=0)[77:]], 1.0, 1)
    assert widened_by_blocks(equal, blocks) is equal
    assert len(blocks) == 8
    assert block_values(alone[:300], 1.0, 1) is None


@pytest.mark.parametrize(
    ('motion', 'words'),
    [
        (lambda r: r.normal(size=(2000, 20, 3)), 'slower than diffusion'),
        (lambda r: np.arange(2000.0)[:, None, None] * r.normal(size=(1, 20, 3)), 'faster than diffusion'),
        (lambda r: np.zeros((2000, 20, 3)), 'do not move'),
        (lambda r: r.normal(size=(30, 2, 3)).cumsum(axis=0), 'too uncertain'),
    ],
)
def test_what_is_not_diffusion_says_so(motion, words):
    fit, _ = diffusion_coefficient(motion(np.random.default_rng(1)), 1.0)
    assert not fit.regime.diffusive
    assert words in fit.regime.reason


def test_a_walk_in_a_box_is_found_out():
    """Reflected at the walls: diffusion at first, a plateau in the end."""
    x = 0.3 * walk(np.random.default_rng(2), 4000, 50)
    folded = np.abs(np.mod(x + 5, 20) - 10)
    fit, _ = diffusion_coefficient(folded, 1.0, window=(1, 2000))
    assert not fit.regime.diffusive
    assert fit.regime.late < 0.5


def test_exponents_of_power_laws():
    walked = mean_squared_displacement(walk(np.random.default_rng(3), 3000, 100))
    exponent, error = log_log_slope(walked, 1, 500)
    assert exponent == pytest.approx(1, abs=4 * error)
    assert error < 0.01
    shot = mean_squared_displacement(np.arange(300.0)[:, None, None] * np.ones((1, 1, 3)))
    assert log_log_slope(shot, 1, 100)[0] == pytest.approx(2, abs=1e-6)


def test_errors_of_the_msd_are_its_scatter():
    random, lags = np.random.default_rng(12), np.array([1, 10, 60])
    curves = [mean_squared_displacement(walk(random)) for _ in range(300)]
    errors = np.mean([msd_errors(curve, lags, (1, 100)) for curve in curves], axis=0)
    np.testing.assert_allclose(errors, np.std([curve.total[lags] for curve in curves], axis=0), rtol=0.15)


def test_intervals():
    np.testing.assert_allclose(positive_interval(1.0, 1e-3, 0.6827), [0.999, 1.001], atol=2e-6)
    low, high = positive_interval(1.0, 0.3)
    assert 1 - low < high - 1
    assert positive_interval(0.1, 1.0) == normal_interval(0.1, 1.0)
    assert normal_interval(0.1, 1.0)[0] == 0
    with pytest.raises(ValueError, match='level'):
        positive_interval(1.0, 0.1, 95)


def test_lags_of_a_fit():
    assert fit_lags(1, 3).tolist() == [1, 2, 3]
    lags = fit_lags(7, 10_000)
    assert (lags[0], lags[-1], len(lags)) == (7, 10_000, 60)
    with pytest.raises(ValueError, match='1 ≤ first'):
        fit_lags(0, 3)


@pytest.mark.parametrize('window', [(0, 50), (50, 50), (50, 51), (50, 300)])
def test_refuses_windows(window):
    with pytest.raises(ValueError, match='window'):
        fit_diffusion(mean_squared_displacement(walk(np.random.default_rng(0))), 1.0, window=window)


def test_refuses_times():
    with pytest.raises(ValueError, match='frame_time: 0'):
        diffusion_coefficient(walk(np.random.default_rng(0)), 0)


@pytest.mark.parametrize(('rate', 'alike'), [(0.004, True), (0.02, False)])
def test_intervals_hold_for_ions_that_hop(rate, alike):
    """3 Å along an axis out of a cage of 0.3 Å: four hops per ion; or rates that spread by as much as their mean."""
    random, held = np.random.default_rng(14), []
    true = rate * 9 / 6 * 1e-4
    for _ in range(60):
        rates = np.full(30, rate) if alike else rate * random.exponential(size=30)
        axis = random.integers(0, 3, (1000, 30, 1)) == np.arange(3)
        hops = axis * (random.random((1000, 30)) < rates)[..., None] * random.choice([-3.0, 3.0], (1000, 30, 1))
        fit, _ = diffusion_coefficient(hops.cumsum(axis=0) + random.normal(0, 0.3, hops.shape), 1.0)
        low, high = fit.interval(0.95)
        held.append(low <= true <= high)
    assert np.mean(held) == pytest.approx(0.95, abs=3 * 0.028)


def caged_walk(random, n_frames, n_ions, slope, plateau, rate):
    """Walkers of D in critically damped cages, MSD = slope·t + plateau·(1 − e^{-rate t}(1 + rate t)), t in frames.

    The oscillator in its bath is sampled exactly: position and velocity after a frame are Gaussian about where their
    map takes them, with what the stationary covariance leaves over.
    """
    variance = plateau / 6
    decay = np.exp(-rate)
    step = decay * np.array([[1 + rate, 1.0], [-(rate**2), 1 - rate]])
    stationary = np.diag([variance, variance * rate**2])
    root = np.linalg.cholesky(stationary - step @ stationary @ step.T)
    state = np.sqrt(np.diag(stationary))[:, None, None] * random.normal(size=(2, n_ions, 3))
    cage = np.empty((n_frames, n_ions, 3))
    for frame in range(n_frames):
        state = np.tensordot(step, state, 1) + np.tensordot(root, random.normal(size=state.shape), 1)
        cage[frame] = state[0]
    return cage + random.normal(0, np.sqrt(slope / 3), cage.shape).cumsum(axis=0)


def test_a_caged_walk_has_the_displacement_it_should():
    x = caged_walk(np.random.default_rng(4), 4000, 200, 0.5, 5.0, 0.8)
    msd, lags = mean_squared_displacement(x, 40).total, np.arange(1, 41)
    wanted = 0.5 * lags + 5.0 * (1 - np.exp(-0.8 * lags) * (1 + 0.8 * lags))
    np.testing.assert_allclose(msd[1:], wanted, rtol=0.03)


@pytest.mark.parametrize('seed', range(12))
def test_the_line_does_not_begin_on_the_way_into_the_cage(seed):
    """As sodium in a hot silicate, a frame every 0.1 ps: from ballistic to caged the exponent passes 1 at 0.1 ps."""
    x = caged_walk(np.random.default_rng(seed), 201, 97, 1.1, 4.9, 0.8)
    fit, msd = diffusion_coefficient(x, 1.0)
    wanted = 1.1 / 6 * D
    early = fit_diffusion(msd, 1.0, window=(1, 100))
    assert wanted + 5 * early.error < early.D, 'a line from the first lag on is wrong, and sure of it'
    assert not early.regime.diffusive
    assert abs(fit.D - wanted) < 3.5 * fit.error
    assert fit.window[0] >= 4
    assert fit.chi2 < 2


def test_what_no_line_describes_is_no_diffusion():
    """A crossover within the window whose exponents all pass: χ² tells."""
    x = caged_walk(np.random.default_rng(5), 2001, 400, 6.0, 12.0, 0.3)
    fit = fit_diffusion(mean_squared_displacement(x), 1.0, window=(2, 400))
    assert 0.9 < fit.regime.exponent < 1.1
    assert not fit.regime.diffusive
    assert 'no straight line' in fit.regime.reason

"""An ab initio run with published numbers, walkers that move alone, together or not at all, and charges."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aiida_glassion.kernels.transport.conductivity import (
    Conductivity,
    check_charges,
    einstein_helfand,
    haven_ratio,
    nernst_einstein,
    per_diffusion,
)
from aiida_glassion.kernels.transport.diffusion import diffusion_coefficient
from aiida_glassion.kernels.transport.msd import mean_squared_displacement, single_origin_msd
from aiida_glassion.kernels.transport.unwrap import remove_drift

LGPS = Path(__file__).parents[2] / 'fixtures' / 'lgps' / 'displacements.npz'
LAGS = np.arange(50, 666, 3)
FRAME = 0.02  # ps


@pytest.fixture(scope='module')
def lgps():
    """Displacements of Li in the frame of the others, (1000, 20, 3), Å, and the volume, Å³."""
    with np.load(LGPS) as arrays:
        displacements = np.cumsum(arrays['steps'].astype(np.int64), axis=-1).transpose(2, 1, 0) * 1e-8
        lithium = arrays['symbols'] == 'Li'
        return remove_drift(displacements, ~lithium)[:, lithium], float(arrays['volume'])


def weighted_d(msd):
    """Least squares with weights 1/Δt, as behind the published numbers; cm²/s."""
    return np.polyfit(LAGS * FRAME, msd.total[LAGS], 1, w=1 / np.sqrt(LAGS))[0] / 6 * 1e-4


def test_lgps_tracer(lgps):
    x, volume = lgps
    d = weighted_d(mean_squared_displacement(x))
    assert d == pytest.approx(1.161293064e-6, rel=1e-9)
    sigma = nernst_einstein({'Li': (d, 0.1 * d)}, {'Li': 20}, {'Li': 1}, volume, 600)
    assert sigma.value * 1e3 == pytest.approx(74.165368, abs=1e-6)
    assert sigma.error == pytest.approx(0.1 * sigma.value)
    assert per_diffusion(20, volume, 600) * 1e3 == pytest.approx(63864471.55, abs=0.01)


def test_lgps_collective(lgps):
    x, volume = lgps
    mscd = mean_squared_displacement(x.sum(axis=1, keepdims=True))
    np.testing.assert_allclose(mscd.total[LAGS[:4]] / 20, [0.69131064, 0.71794072, 0.74315283, 0.76703961], atol=5e-9)
    d = weighted_d(mscd) / 20
    assert d == pytest.approx(3.645655782e-6, rel=1e-9)
    assert per_diffusion(20, volume, 600) * d * 1e3 == pytest.approx(232.827880, abs=1e-6)
    assert weighted_d(mean_squared_displacement(x)) / d == pytest.approx(0.3185416105, abs=1e-9)


def test_lgps_from_the_first_frame(lgps):
    x, volume = lgps
    msd = single_origin_msd(x)
    d = np.polyfit(msd.lags * FRAME, msd.total, 1)[0] / 6 * 1e-4
    assert d == pytest.approx(4.25976905e-7, rel=1e-8)
    assert per_diffusion(20, volume, 600) * d * 1e3 == pytest.approx(27.2047900, abs=1e-6)


def test_lgps_is_too_short_and_says_so(lgps):
    """The published numbers come without a word on that."""
    fit, _ = diffusion_coefficient(lgps[0], FRAME)
    assert not fit.regime.diffusive
    assert 'slower than diffusion' in fit.regime.reason


def test_several_species_add_up():
    sigma = nernst_einstein(
        {'Na': (2e-6, 3e-7), 'Ca': (1e-7, 4e-8)},
        {'Na': 50, 'Ca': 20, 'O': 100},
        {'Na': 1, 'Ca': 2, 'O': -0.9},
        4000,
        700,
    )
    one, two = per_diffusion(50, 4000, 700), per_diffusion(20, 4000, 700, 2)
    assert sigma.value == pytest.approx(one * 2e-6 + two * 1e-7)
    assert sigma.error == pytest.approx(np.hypot(one * 3e-7, two * 4e-8))
    # n e²/(V k_B T) in SI
    si = 50 * 1.602176634e-19**2 / (4000e-30 * 1.380649e-23 * 700) * 1e-4 / 100
    assert one == pytest.approx(si)


def test_independent_ions_have_a_haven_ratio_of_one_as_often_as_told():
    """Coverage of the collective conductivity, of one walker, in 300 runs."""
    random, held, haven = np.random.default_rng(21), [], []
    expected = per_diffusion(8, 1000, 500) * 1e-4
    for _ in range(300):
        x = random.normal(0, np.sqrt(2), (300, 8, 3)).cumsum(axis=0)
        found = einstein_helfand(x.sum(axis=1), 1.0, 1000, 500, window=(1, 150)).conductivity
        low, high = found.interval(0.6827)
        held.append(low <= expected <= high)
        fit, _ = diffusion_coefficient(x, 1.0, window=(1, 150))
        tracer = nernst_einstein({'Na': (fit.D, fit.error)}, {'Na': 8}, {'Na': 1}, 1000, 500)
        ratio = haven_ratio(tracer, found)
        haven.append(ratio.low <= 1 <= ratio.high)
    assert np.mean(held) == pytest.approx(0.6827, abs=3 * 0.027)
    assert np.mean(haven) == pytest.approx(0.95, abs=3 * 0.0126)


def test_ions_that_all_move_together():
    """n ions as one: the collective displacement is n times that of each, the Haven ratio 1/n."""
    x = np.random.default_rng(3).normal(0, np.sqrt(2), (3000, 1, 3)).cumsum(axis=0)
    together = np.repeat(x, 4, axis=1)
    found = einstein_helfand(together.sum(axis=1), 1.0, 1000, 500, window=(1, 1500)).conductivity
    fit, _ = diffusion_coefficient(together, 1.0, window=(1, 1500))
    tracer = nernst_einstein({'Li': (fit.D, fit.error)}, {'Li': 4}, {'Li': 1}, 1000, 500)
    assert haven_ratio(tracer, found).value == pytest.approx(0.25, rel=1e-6)


def test_a_pair_of_opposite_charges_conducts_nothing():
    x = np.random.default_rng(4).normal(0, 1, (2000, 1, 3)).cumsum(axis=0)
    rattle = np.random.default_rng(5).normal(0, 0.1, (2000, 3))
    found = einstein_helfand((x - x)[:, 0] + rattle, 1.0, 1000, 500, window=(10, 500))
    free = per_diffusion(2, 1000, 500) * 0.5e-4
    assert abs(found.conductivity.value) < 1e-3 * free
    assert not found.fit.regime.diffusive


def test_haven_ratio_of_what_is_hardly_known():
    wide = haven_ratio(Conductivity(1.0, 0.01), Conductivity(2.0, 1.5))
    assert wide.value == 0.5
    assert wide.low < 0.5 < wide.high
    assert np.isinf(wide.high)
    with pytest.raises(ValueError, match='collective'):
        haven_ratio(Conductivity(1.0, 0.1), Conductivity(-0.1, 0.1))


SILICATE = {'Na': 40, 'O': 180, 'Si': 80}


def test_charges_of_all_or_of_the_ions():
    assert check_charges(SILICATE, {'Na': 0.6, 'O': -1.2, 'Si': 2.4}, ['Na'])
    assert not check_charges(SILICATE, {'Na': 1}, ['Na'])
    # a molten salt has no framework: charges of its ions are those of all
    assert check_charges({'Na': 10, 'Cl': 10}, {'Na': 1, 'Cl': -1}, ['Na', 'Cl'])


@pytest.mark.parametrize(
    ('charges', 'words'),
    [
        ({'Na': 1, 'O': -1.2, 'Si': 2.4}, r'\+1×40 \(Na\) -1.2×180 \(O\) \+2.4×80 \(Si\) make \+16 e'),
        ({'Na': 1, 'O': -2}, 'none for Si; give those of all elements, or of the mobile ones alone'),
        ({'O': -2, 'Si': 4}, 'none for Na, which is to diffuse'),
        ({'Na': 1, 'K': 1}, 'there is no K among Na, O, Si'),
    ],
)
def test_refuses_charges(charges, words):
    with pytest.raises(ValueError, match=words):
        check_charges(SILICATE, charges, ['Na'])


def test_a_net_charge_passes_when_told():
    assert check_charges(SILICATE, {'Na': 1, 'O': -1.2, 'Si': 2.4}, ['Na'], allow_net=True)


def test_refuses_volumes_temperatures_and_gaps():
    with pytest.raises(ValueError, match='volume: 0'):
        per_diffusion(1, 0, 300)
    with pytest.raises(ValueError, match='temperature: -5'):
        per_diffusion(1, 10, -5)
    with pytest.raises(ValueError, match='charges: none for Na'):
        nernst_einstein({'Na': (1e-6, 1e-7)}, {'Na': 4}, {}, 100, 300)

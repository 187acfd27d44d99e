"""Calibrated levels: a known relation of error and deviation is found again, and what is not known is said."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_glassion.kernels.learning.calibration import (
    HeldOut,
    conformal_ratio,
    find_levels,
    rank_correlation,
)
from aiida_glassion.kernels.learning.errors import committee_errors
from aiida_glassion.kernels.learning.levels import RELATIVE, LevelSettings, relative_to_force
from aiida_glassion.kernels.learning.parity import Parity, force_deviations, mean_prediction

Z_90 = 1.2815515655446004
"""Below it lie 90 % of normally distributed numbers."""
MEASURED = LevelSettings(accept_error=0.3, reject_error=1.5, relative=None)
ABSOLUTE = LevelSettings(relative=None)


def known_relation(n, seed, ratio=2.0, scatter=0.3, typical=0.1):
    """Frames whose error is below ratio × deviation in exactly 90 % of all cases."""
    rng = np.random.default_rng(seed)
    deviations = typical * np.exp(rng.normal(0, 0.8, n))
    return deviations, ratio * deviations * np.exp(scatter * (rng.normal(size=n) - Z_90))


def held_out(n, seed, **more):
    numbers = {key: more.pop(key) for key in ('ratio', 'scatter', 'typical') if key in more}
    deviations, errors = known_relation(n, seed, **numbers)
    return HeldOut(deviations, errors, reference_rms=1.2, **more)


@pytest.mark.parametrize(('n', 'ratio', 'scatter'), [(60, 2.0, 0.3), (200, 0.7, 0.5), (400, 8.0, 0.2)])
def test_a_known_ratio_is_found_within_its_error_in_many_trials(n, ratio, scatter):
    found = [find_levels(MEASURED, held_out(n, seed, ratio=ratio, scatter=scatter)) for seed in range(100)]
    k = np.array([levels['ratio'] for levels in found])
    errors = np.array([levels['ratio_error'] for levels in found])
    assert np.mean(np.abs(k - ratio) < 2 * errors) >= 0.85
    assert errors.mean() == pytest.approx(k.std(), rel=0.35)
    assert k.mean() == pytest.approx(ratio, rel=0.06)


@pytest.mark.parametrize('n', [20, 50, 150])
def test_new_frames_keep_what_the_ratio_promises(n):
    """Split conformal: of new frames on average ⌈(n + 1) q⌉ / (n + 1) are below the bound, never less than q."""
    kept = []
    for seed in range(400):
        ratio = conformal_ratio(*known_relation(n, seed), 0.9)
        deviations, errors = known_relation(500, 10_000 + seed)
        kept.append(np.mean(errors <= ratio * deviations))
    promised = np.ceil((n + 1) * 0.9 - 1e-9) / (n + 1)
    assert np.mean(kept) == pytest.approx(promised, abs=4 * np.std(kept) / 20)


def test_conformal_ratio_by_hand():
    errors = np.arange(1.0, 20.0)
    assert conformal_ratio(np.ones(19), errors, 0.9) == 18
    assert conformal_ratio(np.ones(19), errors, 0.95) == 19
    assert conformal_ratio(np.ones(19), errors, 0.99) == 19
    assert conformal_ratio(2 * np.ones(19), errors, 0.5) == 5


def test_levels_where_the_error_reaches_what_is_accepted():
    levels = find_levels(MEASURED, held_out(300, 1, typical=0.02))
    assert levels['lower_from'] == 'error'
    assert levels['lower'] * levels['ratio'] == pytest.approx(0.3)
    assert levels['upper'] * levels['ratio'] == pytest.approx(1.5)
    assert levels['lower_error'] == pytest.approx(levels['lower'] * levels['ratio_error'] / levels['ratio'])
    assert '90 % of 300 held-out frames err by less than' in levels['reason']
    assert 'extrapolated' in levels['reason']
    assert levels['warnings'] == []
    assert sum(levels['shares'].values()) == pytest.approx(1)
    of_rms = find_levels(ABSOLUTE, held_out(300, 1, typical=0.02))
    assert of_rms['accept_error'] == pytest.approx(0.25 * 1.2)
    assert of_rms['reject_error'] == pytest.approx(1.2)


def test_a_net_that_cannot_do_better_keeps_its_own_frames_accurate():
    frames = held_out(200, 2, typical=1.0, test_over_training=1.05)
    levels = find_levels(MEASURED, frames)
    assert levels['lower_from'] == 'floor'
    assert levels['lower'] == pytest.approx(1.2 * np.quantile(frames.deviations, 0.95))
    assert levels['upper'] >= 3 * levels['lower']
    assert levels['shares']['accurate'] > 0.95
    assert 'Frames called accurate may err by' in levels['warnings'][0]
    assert 'the held-out force error is 1.05 times that on the training data' in levels['reason']
    unknown = find_levels(MEASURED, held_out(200, 2, typical=1.0))
    assert unknown['lower'] == levels['lower']


def test_a_net_that_lacks_data_asks_for_more_of_the_same():
    levels = [
        find_levels(MEASURED, held_out(200, 2, typical=1.0, test_over_training=ratio))
        for ratio in (1.0, 1.2, 1.3, 1.4, 1.5, 1.6, 3.0)
    ]
    lower = [report['lower'] for report in levels]
    assert [report['lower_from'] for report in levels] == ['floor'] * 2 + ['between'] * 3 + ['error'] * 2
    assert lower[0] == lower[1] > lower[2] > lower[3] > lower[4] > lower[5] == lower[6]
    assert lower[3] == pytest.approx(np.sqrt(lower[0] * lower[6]))
    assert lower[6] * levels[6]['ratio'] == pytest.approx(0.3)
    assert 'so more of them help' in levels[6]['reason']
    assert 'help somewhat' in levels[3]['reason']


def test_no_trust_beyond_what_was_seen():
    frames = held_out(100, 3, typical=0.001)
    levels = find_levels(MEASURED, frames)
    assert levels['lower_from'] == 'largest'
    assert levels['lower'] == pytest.approx(2 * frames.deviations.max())
    assert levels['by_error'] > levels['lower']
    assert 'so far out no error is known' in levels['reason']


def test_too_few_frames_and_none_at_all():
    frames = held_out(12, 4, typical=0.2)
    levels = find_levels(ABSOLUTE, frames)
    assert levels['ratio'] is None
    assert levels['lower'] == pytest.approx(np.median(frames.deviations))
    assert levels['upper'] == pytest.approx(3 * levels['lower'])
    assert levels['lower_from'] == 'median'
    assert levels['reason'].startswith('Only 12 held-out frames, 20 are needed')
    assert '12 held-out frames' in levels['warnings'][0]
    quiet = find_levels(ABSOLUTE, held_out(12, 4, typical=1e-4))
    assert (quiet['lower'], quiet['upper']) == pytest.approx((0.05, 0.15))
    none = find_levels(ABSOLUTE, HeldOut(np.full(30, 0.1), np.full(30, np.nan), 1.0))
    assert (none['lower'], none['upper'], none['n_frames'], none['shares']) == (0.05, 0.15, 0, None)
    assert 'could not be calibrated' in none['warnings'][0]


def test_fixed_levels_still_say_what_they_are_worth():
    fixed = find_levels(LevelSettings(kind='fixed', lower=0.15, upper=0.35), held_out(100, 1))
    assert (fixed['lower'], fixed['upper'], fixed['lower_from'], fixed['ratio']) == (0.15, 0.35, 'given', None)
    assert fixed['shares']['accurate'] == pytest.approx(np.mean(held_out(100, 1).deviations < 0.15))
    assert fixed['rank_correlation'] > 0.8


def test_a_deviation_that_says_nothing():
    rng = np.random.default_rng(0)
    frames = HeldOut(rng.uniform(0.1, 0.5, 200), rng.uniform(0.1, 0.5, 200), 1.0)
    levels = find_levels(ABSOLUTE, frames)
    assert abs(levels['rank_correlation']) < 0.2
    assert 'hardly better than random' in ' '.join(levels['warnings'])
    assert rank_correlation(np.ones(10), np.arange(10.0)) is None


def test_same_seed_same_levels_and_the_seed_moves_only_error_bars():
    frames = held_out(80, 5)
    first, second, other = (find_levels(MEASURED, frames, seed) for seed in (1, 1, 2))
    assert first == second
    assert first['ratio_error'] != other['ratio_error']
    assert (first['lower'], first['upper'], first['ratio']) == (other['lower'], other['upper'], other['ratio'])


def test_perfect_predictions_give_finite_levels():
    levels = find_levels(MEASURED, HeldOut(np.linspace(0.01, 0.1, 50), np.zeros(50), 1.0))
    assert np.isfinite([levels['lower'], levels['upper']]).all()
    assert levels['lower'] == pytest.approx(0.2)


def committee(shared, n_members=4, n_frames=60, n_atoms=40, seed=0):
    """Members that err independently, by another measure in each frame, and together by ``shared`` times that."""
    rng = np.random.default_rng(seed)
    forces = rng.normal(size=(n_frames * n_atoms, 3))
    size = np.repeat(0.05 * np.exp(rng.normal(0, 0.5, n_frames)), n_atoms)[:, None]
    common = shared * size * rng.normal(size=forces.shape)
    return {
        f'member_{i}': Parity(
            formulas=('O40',) * n_frames,
            n_atoms=np.full(n_frames, n_atoms),
            elements=('O',),
            atom_elements=np.zeros(len(forces), dtype=int),
            energies=np.zeros(n_frames),
            predicted_energies=np.zeros(n_frames),
            forces=forces,
            predicted_forces=forces + common + size * rng.normal(size=forces.shape),
        )
        for i in range(n_members)
    }


@pytest.mark.parametrize(('shared', 'together'), [(0.0, False), (3.0, True)])
def test_members_that_err_together_are_found_out(shared, together):
    members = committee(shared)
    parities = list(members.values())
    mean = mean_prediction(parities)
    arrays = mean.arrays() | {
        'max_force_deviation': force_deviations(parities),
        'max_force_error': mean.max_force_errors,
    }
    known = HeldOut.of(committee_errors(members), arrays)
    assert known.n_members == 4
    assert known.reference_rms == pytest.approx(np.sqrt(np.mean(mean.forces**2)))
    np.testing.assert_allclose(
        known.forces, np.sqrt(np.mean(np.sum(mean.forces.reshape(60, 40, 3) ** 2, axis=2), axis=1))
    )
    # mean of 4 with spread s: error s/√4 beside the shared one, deviation s √(3/4)
    assert known.error_over_deviation == pytest.approx(np.sqrt((0.25 + shared**2) / 0.75), rel=0.05)
    levels = find_levels(ABSOLUTE, known)
    said = [text for text in levels['warnings'] if 'err together' in text]
    assert bool(said) is together
    assert 0 < levels['lower'] < levels['upper']
    if together:
        assert '0.58 if they erred independently' in said[0]
        assert levels['ratio'] > 2


def test_relative_levels_need_forces_and_use_them():
    frames = held_out(200, 6, typical=0.05)
    with pytest.raises(ValueError, match='need the forces of the held-out frames'):
        find_levels(LevelSettings(relative=1.0), frames)
    relative = find_levels(
        LevelSettings(relative=1.0, accept_error=0.3, reject_error=1.5),
        held_out(200, 6, typical=0.05, forces=np.full(200, 1.0)),
    )
    plain = find_levels(MEASURED, frames)
    assert relative['ratio'] == pytest.approx(plain['ratio'])
    assert relative['relative'] == 1.0
    assert relative['floor'] == pytest.approx(plain['floor'] / 2)


def test_a_glass_among_hot_frames_counts_by_its_own_forces():
    """Errors of a third of the forces pass in the glass, unseen beside those of the melt, if levels are absolute."""
    random = np.random.default_rng(3)
    hot, cold = np.full(100, 5.0), np.full(100, 1.0)
    forces = np.concatenate([hot, cold])
    deviations = 0.1 * forces * random.uniform(0.8, 1.2, 200)
    known = HeldOut(deviations, 2 * deviations, reference_rms=float(np.sqrt(np.mean(forces**2) / 3)), forces=forces)
    of_glass = 0.33
    absolute, relative = find_levels(ABSOLUTE, known), find_levels(LevelSettings(), known)
    assert absolute['lower'] > of_glass
    assert relative_to_force(np.array([of_glass]), np.array([1.0]), RELATIVE)[0] > relative['lower']
    assert relative['relative'] == RELATIVE
    assert relative['accept_error'] == pytest.approx(0.25 * RELATIVE)
    assert '(0.25 of F + w)' in relative['reason']
    assert 'count times w/(F + w): w = 0.5 eV/Å' in relative['reason']
    assert relative['largest_force'] == 5.0


@pytest.mark.parametrize(('kind', 'given', 'w'), [
    ('calibrated', 'auto', RELATIVE), ('fixed', 'auto', None), ('calibrated', None, None), ('fixed', 0.8, 0.8),
])  # fmt: skip
def test_levels_are_relative_where_nobody_gave_numbers(kind, given, w):
    assert LevelSettings(kind=kind, relative=given).force_level == w


def test_relative_levels_without_a_held_out_frame():
    assert find_levels(LevelSettings(), HeldOut(np.zeros(0), np.zeros(0), 0.0))['lower'] == 0.05

"""Scripted courses of active learning: each ends as it should, and says why in numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_glassion.kernels.learning.convergence import decide
from aiida_glassion.kernels.learning.convergence_settings import Convergence, iteration_to_compare, read_convergence

LIMITS = Convergence()
STAGE = {'name': 'melt', 'gate': False, 'min_frames': 200, 'max_labels': 50}


def errors(mean: float = 100.0, standard_error: float = 1.0, n_frames: int = 50, reference: float = 1000.0) -> dict:
    rmse = {'mean': mean, 'standard_error': standard_error, 'spread': 1.0, 'n': 4}
    return {'n_frames': n_frames, 'force': {'rmse': rmse, 'reference_rms': reference}}


def make(candidate: int, failed: int = 0, visited: int = 1000, **more) -> dict:
    return {
        'levels': {'lower': 0.3, 'upper': 0.6},
        'selection': {'visited': visited, 'candidate': candidate, 'failed': failed, 'chosen': min(50, candidate)},
        'exploration': {'runs': 10, 'finished': 10, 'left_trusted_region': 0, 'exploded': 0, 'failed': 0},
        'errors': errors(),
        'labels': {'labelled': min(50, candidate), 'refused': 0},
        'gate': None,
        **more,
    }


def course(rounds, stage=None, limits: Convergence = LIMITS, n_stages: int = 1, keep: int | None = None) -> list[dict]:
    """Play rounds until the stage is left; only as many earlier records are given as a decision asks for."""
    stage = {**STAGE, **(stage or {})}
    records: list[dict] = []
    for number, content in enumerate(rounds, 1):
        record = {'number': number, 'stage_index': 0, 'stage_round': number, **content}
        gate, record['gate'] = record['gate'], None
        earlier = records[-(keep or limits.records_needed) :]
        record['decision'] = decide(limits, stage, n_stages, record, earlier)
        if record['decision']['action'] == 'gate' and gate is not None:
            record['gate'] = gate
            record['decision'] = decide(limits, stage, n_stages, record, earlier)
        records.append(record)
        if record['decision']['action'] in ('advance', 'converged', 'stuck', 'gate'):
            break
    return records


def actions(records) -> list[str]:
    return [record['decision']['action'] for record in records]


def unmet(record) -> list[str]:
    return [criterion['name'] for criterion in record['decision']['criteria'] if not criterion['met']]


def test_it_converges_at_once_but_never_on_one_check():
    records = course([make(0)] * 5)
    assert actions(records) == ['repeat', 'converged']
    assert unmet(records[0]) == ['checks', 'held_out_error']
    reason = records[1]['decision']['reason']
    assert '0 of 1000 visited frames were candidates (levels 0.3 and 0.6 eV/Å): 0 %, limit 1 %' in reason
    assert 'as large as 0.38 % (95 %)' in reason
    assert 'fell by 0.0 ± 1.6 % since iteration 1 (100 to 100 meV/Å, 50 frames held out then and 50 now)' in reason
    assert actions(course([make(0)] * 5, n_stages=2)) == ['repeat', 'advance']
    assert actions(course([make(0)] * 5, {'checks': 4})) == ['repeat', 'repeat', 'repeat', 'converged']


def test_slow_convergence_is_given_its_time():
    fractions = 0.4 * 0.8 ** np.arange(30)
    rounds = [make(round(1000 * f), errors=errors(60 + 100 * f)) for f in fractions]
    records = course(rounds, limits=Convergence(max_rounds=None))
    assert actions(records)[-1] == 'converged'
    assert set(actions(records)[:-1]) == {'repeat'}
    first = next(i for i, f in enumerate(fractions) if round(1000 * f) < 10)
    assert len(records) >= first + 2
    assert all('held_out_error' in unmet(record) for record in records[2:7])
    assert 'still falling' in records[5]['decision']['reason']


def test_what_never_gets_better_is_stuck_with_numbers_and_advice():
    records = course([make(150)] * 30)
    assert actions(records) == ['repeat'] * 4 + ['stuck']
    reason = records[-1]['decision']['reason']
    assert (
        'Over the last 5 rounds the frames beyond the lower level did not get fewer (15 % at first, 15 % now' in reason
    )
    assert 'The held-out force error did not fall either (100 meV/Å at first, 100 now' in reason
    assert 'more labels in a round (max_labels 50 was used up)' in reason
    assert 'a larger net' in reason
    assert 'other levels' not in reason
    strict = course([make(150, levels={'lower': 0.1, 'upper': 0.2})] * 30)
    assert 'other levels (the lower one, 0.1 eV/Å' in strict[-1]['decision']['reason']
    soft = course([make(5, failed=150)] * 30)
    assert 'a softer stage' in soft[-1]['decision']['reason']


def test_an_error_that_still_falls_is_not_stuck():
    rounds = [make(150, errors=errors(100 * 0.9**i)) for i in range(30)]
    records = course(rounds, {'max_rounds': 12})
    assert actions(records) == ['repeat'] * 11 + ['stuck']
    assert 'has had its 12 rounds (max_rounds)' in records[-1]['decision']['reason']


def test_it_oscillates_about_the_limit():
    """Two checks running are never met; noise about the limit is no reason to give up before the last round."""
    records = course([make(7 if i % 2 else 14) for i in range(40)])
    assert actions(records) == ['repeat'] * 19 + ['stuck']
    counts = [record['decision']['counts']['checks'] for record in records]
    assert set(counts) == {0, 1}
    assert 'has had its 20 rounds' in records[-1]['decision']['reason']
    assert records[-1]['stage_round'] == LIMITS.max_rounds


def test_two_checks_must_follow_each_other_and_be_of_this_stage():
    rounds = [make(5), make(20), make(5), make(5)]
    assert actions(course(rounds)) == ['repeat', 'repeat', 'repeat', 'converged']
    before = course([make(0), make(0)], n_stages=2)[-1]
    fresh = {'number': 3, 'stage_index': 1, 'stage_round': 1, **make(0)}
    decision = decide(LIMITS, STAGE, 2, fresh, [before])
    assert decision['action'] == 'repeat'
    assert decision['counts'] == {'checks': 1, 'gate_failures': 0}


def test_the_gate_is_asked_when_all_else_is_met():
    stage = {'gate': True}
    records = course([make(0)] * 5, stage)
    assert actions(records) == ['repeat', 'gate']
    assert unmet(records[-1]) == ['structure']
    passed = {'passed': True, 'reason': 'g(r) agree.', 'criteria': [], 'flags': []}
    assert actions(course([make(0, gate=passed)] * 5, stage)) == ['repeat', 'converged']
    failed = {**passed, 'passed': False, 'reason': 'R_χ 18 %, limit 10 %.'}
    records = course([make(5, gate=failed)] * 9, stage)
    assert actions(records) == ['repeat'] * 3 + ['stuck']
    assert (
        'The structure gate failed 3 times, the last time: R_χ 18 %, limit 10 %.' in records[-1]['decision']['reason']
    )
    assert actions(course([make(0, gate=failed)] * 9)) == ['repeat', 'converged']
    again = course([make(5, gate=failed), make(5, gate=failed), make(5, gate=passed)], stage)
    assert actions(again) == ['repeat', 'repeat', 'converged']


def test_too_few_frames_and_nothing_to_label():
    records = course([make(0, visited=50)] * 9)
    assert actions(records) == ['repeat', 'repeat', 'stuck']
    assert unmet(records[-1]) == ['visited', 'checks']
    reason = records[-1]['decision']['reason']
    assert 'No frame was labelled in the last 3 rounds' in reason
    assert '50 frames were visited; a check needs 200.' in reason
    assert 'more or longer runs' in reason
    none = make(30, labels={'labelled': 0, 'refused': 0})
    none['selection'] |= {'chosen': 0, 'discarded': {'close contact': 21, 'known': 9}}
    reason = course([none] * 9)[-1]['decision']['reason']
    assert 'Frames were left out: close contact 63, known 27.' in reason


def test_errors_that_are_not_known_never_pass():
    records = course([make(0, errors={}, labels={'labelled': 1})] * 9, {'max_rounds': 4})
    assert actions(records) == ['repeat'] * 3 + ['stuck']
    assert {'held_out_error', 'relative_error'} <= set(unmet(records[0]))
    assert 'The held-out force error: not known.' in records[0]['decision']['reason']


def test_a_committee_that_agrees_but_knows_nothing_is_not_done():
    records = course([make(0, errors=errors(800.0), labels={'labelled': 1})] * 9, {'max_rounds': 4})
    assert unmet(records[-1]) == ['relative_error']
    assert '80 % of the forces themselves, limit 50 %' in records[-1]['decision']['reason']


def test_an_exploration_that_failed_altogether():
    empty = {'runs': 4, 'finished': 0, 'left_trusted_region': 0, 'exploded': 0, 'failed': 4}
    records = course([make(0, visited=0, exploration=empty)] * 9)
    assert actions(records) == ['repeat', 'repeat', 'stuck']
    assert {'visited', 'candidates', 'failed'} <= set(unmet(records[0]))
    nothing = course([{key: {} for key in make(0)} | {'gate': None}] * 9)
    assert actions(nothing)[-1] == 'stuck'


def test_runs_that_break_off_count():
    broken = {'runs': 10, 'finished': 7, 'left_trusted_region': 2, 'exploded': 1, 'failed': 0}
    records = course([make(0, exploration=broken)] * 2)
    assert unmet(records[-1]) == ['broken_runs', 'checks']
    assert '3 of 10 runs exploded or left the trusted region, at most 20 % may.' in records[-1]['decision']['reason']
    assert actions(course([make(0, exploration=broken)] * 2, limits=Convergence(broken_runs=None)))[-1] == 'converged'


def test_harder_frames_do_not_hide_that_the_model_learns():
    """The error stays, the forces of the held-out frames grow: against them it fell, so it is not settled."""
    rounds = [make(0, errors=errors(100.0, reference=1000 * 1.2**i), labels={'labelled': 1}) for i in range(4)]
    records = course(rounds)
    assert 'held_out_error' in unmet(records[1])
    assert '% of the forces' in records[1]['decision']['reason']


def test_a_change_within_its_error_is_none():
    rounds = [make(0, errors=errors(100.0 * 0.85**i, standard_error=9.0)) for i in range(4)]
    records = course(rounds)
    assert actions(records) == ['repeat', 'converged']
    assert 'settled, since the change is within its error' in records[-1]['decision']['reason']


def test_levels_that_moved_are_named():
    records = course([make(30), make(5, levels={'lower': 0.5, 'upper': 0.9})])
    words = next(c['words'] for c in records[-1]['decision']['criteria'] if c['name'] == 'candidates')
    assert '(levels 0.5 and 0.9 eV/Å, the lower one 0.3 a round before)' in words


def test_a_decision_needs_the_last_records_only():
    rng = np.random.default_rng(5)
    rounds = [make(int(rng.integers(5, 30)), errors=errors(100 - i)) for i in range(40)]
    stage = {'max_rounds': 40}
    assert actions(course(rounds, stage)) == actions(course(rounds, stage, keep=1000))


def test_which_iteration_is_compared_with():
    assert iteration_to_compare(LIMITS, 1, []) is None
    assert iteration_to_compare(LIMITS, 2, [1]) == 1
    assert iteration_to_compare(LIMITS, 9, [3, 6, 8, 9]) == 6
    assert iteration_to_compare(LIMITS, 9, [7, 8]) == 7


def test_settings_that_make_no_sense_are_named():
    with pytest.raises(
        ValueError, match=r"convergence\.candidate_fractions is not a setting; did you mean 'candidate_f"
    ):
        read_convergence({'candidate_fractions': 0.1})
    with pytest.raises(ValueError, match=r'convergence\.checks: .*given: 0'):
        read_convergence({'checks': 0})
    assert LIMITS.for_stage({'checks': 3, 'max_rounds': None, 'name': 'x'}).checks == 3
    assert LIMITS.for_stage({'checks': None, 'min_frames': 7}).min_frames == 7


counts = st.integers(0, 400)
rounds_of_any_kind = st.lists(
    st.builds(
        make,
        candidate=counts,
        failed=st.integers(0, 30),
        visited=st.sampled_from([0, 50, 430, 3000]),
        errors=st.one_of(
            st.just({}), st.builds(errors, st.floats(1, 900), st.floats(0, 200), st.integers(1, 99), st.floats(1, 5000))
        ),
        gate=st.sampled_from([None, {'passed': True, 'reason': ''}, {'passed': False, 'reason': 'x'}]),
        labels=st.builds(lambda n: {'labelled': n, 'refused': 0}, st.sampled_from([0, 0, 20])),
        exploration=st.builds(lambda n, k: {'runs': n, 'exploded': min(n, k)}, st.integers(0, 5), st.integers(0, 2)),
    ),
    min_size=1,
    max_size=25,
)


@settings(max_examples=200, deadline=None)
@given(rounds_of_any_kind, st.booleans(), st.sampled_from([1, 2, 3]), st.sampled_from([None, 6]))
def test_no_stage_is_left_with_a_criterion_unmet(rounds, gate, checks, most):
    stage = {**STAGE, 'gate': gate, 'checks': checks, 'max_rounds': most}
    records = course(rounds, stage)
    for record in records:
        decision = record['decision']
        missing = unmet(record)
        assert decision['reason']
        assert all(set(c) == {'name', 'value', 'limit', 'met', 'words'} and c['words'] for c in decision['criteria'])
        if decision['action'] == 'converged':
            assert missing == []
            last = records[-checks:]
            assert len(last) == checks
            assert all(r['selection']['candidate'] < 0.01 * r['selection']['visited'] for r in last)
            assert all(r['selection']['failed'] < 0.01 * r['selection']['visited'] for r in last)
        elif decision['action'] == 'gate':
            assert missing == ['structure']
        else:
            assert missing
        if most and record['stage_round'] >= most:
            assert decision['action'] != 'repeat'

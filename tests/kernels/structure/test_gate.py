"""The gate as a whole: agreement, reference, artefacts and failed members in one report."""

from __future__ import annotations

import json

import pytest

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.structure.gate import _some, judge_glasses

UNLIMITED = {'artefacts': {'crystallised': 1e6, 'shared_sites': 1.0}}


def by_name(judgement):
    return {criterion['name']: criterion for criterion in judgement.report['criteria']}


def renamed(frames, old, new):
    return Frames(tuple(new if s == old else s for s in frames.symbols), frames.positions, frames.cells)


def test_alike_glasses_pass(network):
    glasses = {'silica': {'seed_1': network(1), 'seed_2': network(2)}}
    judgement = judge_glasses(glasses, {}, settings=UNLIMITED)
    report = judgement.report
    assert report['passed']
    assert report['reason'] == f'all {len(report["criteria"])} criteria of 2 glasses of 1 starts are met'
    assert report['flags'] == []
    assert report['by_glass']['silica']['seed_1']['coordination'] == {'Si': 4}
    assert set(judgement.curves) == {'silica_seed_1', 'silica_seed_2'}
    assert {'r', 'g_O_Si', 'T_O_Si', 'T_O_Si_error', 'T_total'} <= set(judgement.curves['silica_seed_1'])
    json.dumps(report, allow_nan=False)


def test_a_member_that_makes_another_glass_fails_the_gate(network):
    glasses = {'silica': {'seed_1': network(1), 'seed_2': network(2), 'seed_3': network(3, opened=0.25)}}
    report = judge_glasses(glasses, {}, settings=UNLIMITED).report
    assert not report['passed']
    assert 'seed_3' in report['reason']
    assert 'criteria are not met' in report['reason']


def test_a_failed_member_fails_the_gate_with_its_reason(network):
    failures = {'silica': {'seed_3': '[411] The run explodes'}}
    judgement = judge_glasses({'silica': {'seed_1': network(1), 'seed_2': network(2)}}, failures, settings=UNLIMITED)
    assert not judgement.report['passed']
    made = by_name(judgement)['silica:made']
    assert (made['met'], made['value'], made['limit']) == (False, 1, 0)
    assert 'seed_3: [411] The run explodes' in judgement.report['reason']
    assert by_name(judgement)['silica:rdf_total']['met'], 'the others are judged nevertheless'


def test_nothing_made_is_not_passed():
    report = judge_glasses({}, {'silica': {'a': 'exploded', 'b': 'exploded'}}).report
    assert not report['passed']
    assert 'no glass was made' in report['reason']
    assert not judge_glasses({}, {}).report['passed']


def test_a_reference_belongs_to_starts_of_its_composition(network):
    glasses = {'silica': {'a': network(1, opened=0.2), 'b': network(2, opened=0.2)}}
    reference = {'dft': network(3, repeats=2), 'other': renamed(network(4), 'Si', 'Ge')}
    judgement = judge_glasses(glasses, {}, reference, UNLIMITED)
    found = by_name(judgement)
    assert found['silica:coordination_Si']['met']
    assert not found['silica:dft:coordination_Si']['met']
    assert 'the reference dft' in found['silica:dft:coordination_Si']['words']
    assert judgement.report['warnings'][0] == 'reference other: no start has its composition, not used'
    assert not any('other' in name for name in found)


def test_one_member_is_judged_by_the_reference(network):
    judgement = judge_glasses({'silica': {'a': network(1)}}, {}, {'dft': network(2)}, UNLIMITED)
    assert judgement.report['passed']
    assert 'silica:dft:rdf_total' in by_name(judgement)
    assert 'silica:rdf_total' not in by_name(judgement)


def test_artefacts_close_the_gate_only_if_they_are_to(network):
    glasses = {'silica': {'a': network(1), 'b': network(2)}}
    told = judge_glasses(glasses, {})
    assert told.report['passed']
    assert any(flag.startswith('silica, a: Bragg peaks') for flag in told.report['flags'])
    assert any('did not forget its start' in flag for flag in told.report['flags'])
    closed = judge_glasses(glasses, {}, settings={'fail_on': ['crystallised', 'shared_sites']})
    assert not closed.report['passed']
    assert not by_name(closed)['silica:crystallised']['met']
    assert not by_name(closed)['silica:shared_sites']['met']


def test_what_the_reference_shows_is_no_artefact(network):
    glasses = {'silica': {'a': network(1), 'b': network(2)}}
    report = judge_glasses(glasses, {}, {'crystal': network(3, disorder=0.1)}, {'fail_on': ['crystallised']}).report
    assert not any('Bragg' in flag for flag in report['flags'])


def test_small_cells_are_said_to_decide_nothing(network):
    glasses = {'silica': {'a': network(1, repeats=1, disorder=0.4), 'b': network(2, repeats=1, disorder=0.4)}}
    report = judge_glasses(glasses, {}).report
    assert 'larger cells' in report['warnings'][-1]


def test_of_many_frames_some_are_looked_at(network):
    """The last among them: crystal, void and detached atoms are looked for there."""
    frames = network(1, repeats=1, n_frames=450)
    some = _some(frames)
    assert some.n_frames == 200
    assert (some.positions[[0, -1]] == frames.positions[[0, -1]]).all()
    assert _some(frames[:3]).n_frames == 3


@pytest.mark.parametrize('n_frames', [1, 2])
def test_few_frames(network, n_frames):
    glasses = {'silica': {'a': network(1, n_frames=n_frames), 'b': network(2, n_frames=n_frames)}}
    assert judge_glasses(glasses, {}, settings=UNLIMITED).report['passed']


def test_an_element_of_one_atom(network):
    """Its g(r) has no error, and nothing stops."""

    def doped(seed):
        frames = network(seed, repeats=2)
        symbols = ('Na', *frames.symbols[1:])
        return Frames(symbols, frames.positions, frames.cells)

    report = judge_glasses({'silica': {'a': doped(1), 'b': doped(2)}}, {}, settings=UNLIMITED).report
    json.dumps(report, allow_nan=False)
    assert any('Na-Na' in criterion['name'] for criterion in report['criteria'])

"""What a sweep is to do: settings, temperatures, segments, seeds, and when a run may end."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from aiida_glassion.kernels.transport.sweep_plan import (
    check_elements,
    check_temperatures,
    ions_in,
    plan_runs,
    read_settings,
)
from aiida_glassion.kernels.transport.sweep_point import judge_run, mean_cell, moved_framework

sys.path.insert(0, str(Path(__file__).parent.parent.parent / 'support'))
from sweeps import SILICATE, numbers_of

RIGHT = {
    'equilibrate': {'duration': 5.0},
    'segment': 10.0,
    'budget': 50.0,
    'relative_error': 0.1,
    'frames_every': 0.1,
}


def lengths(settings, temperature=900.0):
    found, total = [], 0.0
    while (piece := settings.next_segment(total, temperature)) > 0:
        found.append(round(piece, 9))
        total += piece
    return found


def test_segments_double_and_the_budget_cuts():
    assert lengths(read_settings(RIGHT)) == [10.0, 10.0, 20.0, 10.0]
    assert lengths(read_settings({**RIGHT, 'budget': 80.0})) == [10.0, 10.0, 20.0, 40.0]
    assert lengths(read_settings({**RIGHT, 'budget': 80.0}))[:3] == lengths(read_settings(RIGHT))[:3]


def test_segments_are_whole_frames():
    """Frames of 0.07 ps with steps of 2 fs; a budget that is no multiple of them."""
    settings = read_settings({**RIGHT, 'frames_every': 0.07, 'timestep': 2.0, 'budget': 33.3})
    found = lengths(settings)
    np.testing.assert_allclose(np.array(found) / 0.07, np.round(np.array(found) / 0.07), atol=1e-6)
    assert 33.3 - 0.07 < sum(found) <= 33.3
    for duration in found:
        plan = settings.production(900.0, duration).plan()[0]
        assert plan.last % plan.frames == 0, 'the last frame is at the end'


def test_budgets_by_temperature():
    settings = read_settings({**RIGHT, 'budget': [{'above': 0.0, 'budget': 50.0}, {'above': 390.0, 'budget': 20.0}]})
    assert [settings.budget_at(T) for T in (333.0, 390.0, 393.0)] == [50.0, 50.0, 20.0]
    settings = read_settings({**RIGHT, 'budget': [{'above': 390.0, 'budget': 20.0}]})
    with pytest.raises(ValueError, match='none for 333 K; the lowest range begins above 390 K'):
        settings.budget_at(333.0)


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'budget': 5.0}, 'budget: 5 ps is shorter than the first segment, 10 ps'),
        ({'budget': [{'above': 0, 'budget': 50}, {'above': 0, 'budget': 20}]}, 'each with an `above` of its own'),
        ({'budget': []}, 'budget'),
        ({'segment': 1.0}, 'at least 2 ps'),
        ({'relative_error': 1.5}, r'relative_error: .*less than 1 \(given: 1.5\)'),
        ({'segmnt': 1.0}, "segmnt: no such setting; did you mean 'segment'"),
        ({'method': 'magic'}, 'method: .*gls'),
        ({'equilibrate': {'ensemble': 'npt'}}, 'equilibrate.duration: missing; get complete settings'),
    ],
)
def test_settings_that_make_no_sense(changes, words):
    with pytest.raises(ValueError, match=words):
        read_settings({**RIGHT, **changes})


@pytest.mark.parametrize(
    ('values', 'words'),
    [
        ([], 'none given, expected at least two'),
        ([900], 'only 900 K given; an energy of activation needs at least two'),
        ([900, 800, 900.0], '900 K is given twice'),
        ([900, -3], '-3 given, expected a temperature above 0'),
        ([900, 30000], '30000 given'),
        ([900, 'hot'], "'hot' given"),
        ([900, True], 'True given'),
        ([900, float('nan')], 'nan given'),
    ],
)
def test_temperatures_that_make_no_sweep(values, words):
    said = check_temperatures(values)
    assert said.startswith('temperatures: ')
    assert words in said


def test_runs_and_their_seeds():
    plan = plan_runs([800, 900.5], ['b', 'a'], 2, 7)
    assert [run.label for run in plan] == [
        'T0900p5_a_00', 'T0900p5_a_01', 'T0900p5_b_00', 'T0900p5_b_01',
        'T0800_a_00', 'T0800_a_01', 'T0800_b_00', 'T0800_b_01',
    ]  # fmt: skip
    seeds = {run.label: run.seed for run in plan}
    assert len(set(seeds.values())) == 8
    assert all(0 < seed < 2**31 for seed in seeds.values())
    more = {run.label: run.seed for run in plan_runs([700, 800, 900.5], ['a', 'b', 'c'], 3, 7)}
    assert {label: more[label] for label in seeds} == seeds, 'a wider sweep takes up the same runs'
    assert seeds != {run.label: run.seed for run in plan_runs([800, 900.5], ['b', 'a'], 2, 8)}


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'ions': ['Li']}, 'ions: there is no Li in the glasses, which hold Na, O, Si'),
        ({'reference': ['P']}, 'reference: there is no P'),
        ({'charges': {'K': 1.0}}, 'charges: there is no K'),
        ({'charges': {'Na': 0.6, 'Si': 2.4, 'O': -1.0}}, r'make \+18 e in the cell, expected zero.*\(glass a\)'),
        ({'charges': {'Na': 0.6, 'Si': 2.4}}, 'charges: none for O'),
        ({'ions': ['Na'], 'reference': ['Na', 'O']}, 'reference: Na is among the ions'),
    ],
)
def test_elements_that_are_not_there(changes, words):
    with pytest.raises(ValueError, match=words):
        check_elements(read_settings({**RIGHT, **changes}), {'a': SILICATE})


def test_an_element_of_one_composition_of_a_series():
    settings = read_settings({**RIGHT, 'charges': {'Na': 1.0, 'P': 5.0, 'S': -2.0, 'O': -2.0}})
    glasses = {'x0': {'Na': 6, 'P': 2, 'S': 8}, 'x1': {'Na': 6, 'P': 2, 'S': 7, 'O': 1}}
    check_elements(settings, glasses)
    with pytest.raises(ValueError, match='none of O, Si is a network modifier'):
        ions_in(settings, ['O', 'Si'])


def test_when_a_run_may_end():
    good = judge_run(numbers_of(SILICATE, 900.0, 1e-6, 5e-8), 0.1)
    assert (good.reached, good.relative_error) == (True, {'Na': pytest.approx(0.05)})
    vague = judge_run(numbers_of(SILICATE, 900.0, 1e-6, 2e-7), 0.1)
    assert (vague.reached, vague.reason) == (False, 'Na: relative error of D 20 %, wanted 10 %')
    slow = judge_run(numbers_of(SILICATE, 900.0, 1e-6, 5e-8, diffusive=False), 0.1)
    assert not slow.reached
    assert slow.reason.startswith('Na is not diffusive: MSD grows as t^0.42')
    still = numbers_of(SILICATE, 900.0, 1e-6, 5e-8)
    still['analyses']['diffusion']['numbers']['ions']['Na']['D'] |= {'mean': 0.0, 'standard_error': 0.0}
    assert judge_run(still, 0.1).relative_error == {'Na': None}
    assert not judge_run(still, 0.1).reached
    none = judge_run({'analyses': {}, 'failed': {'diffusion': '12 frames are too few'}}, 0.1)
    assert (none.reached, none.reason) == (False, '12 frames are too few')


def test_mean_cell():
    cells = np.eye(3) * np.array([1.0, 5.0, 9.0, 11.0])[:, None, None]
    np.testing.assert_allclose(mean_cell(cells), 10 * np.eye(3))
    with pytest.raises(ValueError, match='none, expected'):
        mean_cell(cells[:0])


def test_a_framework_that_moves():
    numbers = numbers_of(SILICATE, 900.0, 1e-6, 5e-8)
    assert moved_framework({'flexibility__msd_Si__y': np.array([0.1, 0.5])}, numbers) is None
    said = moved_framework({'flexibility__msd_Si__y': np.array([0.1, 9.0])}, numbers)
    assert said.startswith('Si goes 3.0 Å, further than its bond of 1.6 Å')
    assert moved_framework({}, numbers) is None

"""Curricula: what is wrong is named, what is right gives valid runs, and every combination has its turn."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise

import pytest
import yaml

from aiida_glassion.formats.lammps.deviation import interval_in_steps
from aiida_glassion.kernels.build.curriculum import expand, matching, read_curriculum, read_stage
from aiida_glassion.schedule import Deform, Hold, Ramp

HOLD = {'kind': 'hold', 'temperatures': [300, 1200.5], 'pressures': [None, 5], 'duration': 2}
SETS = {'quartz': 3, 'glass_1': 1, 'glass_2': 5}


def stage(*programs, **more):
    return read_stage({'name': 'try', 'programs': list(programs or (HOLD,)), **more})


def messages(**content):
    with pytest.raises(ValueError, match='curriculum') as caught:
        read_curriculum([{'name': 'try', 'programs': [HOLD], **content}])
    return str(caught.value)


def test_defaults_are_filled_in_and_travel():
    (read,) = read_curriculum([{'name': 'try', 'programs': [HOLD]}])
    content = read.model_dump()
    assert content['starts'] == ['*']
    assert content['programs'][0]['pressures'] == [None, 5.0]
    assert read_stage(yaml.safe_load(yaml.safe_dump(content))) == read


@pytest.mark.parametrize(
    ('content', 'words'),
    [
        ({'tmestep': 2}, ('stages.0.tmestep', "did you mean 'timestep'", 'given: 2')),
        ({'timestep': 30}, ('stages.0.timestep', 'less than or equal to 20', 'given: 30')),
        ({'timestep': 3}, ('stages.0', 'every: 0.1 ps', 'timesteps of 3 fs')),
        ({'seeds': 0}, ('stages.0.seeds', 'greater than or equal to 1')),
        ({'candidate_fraction': 1.5}, ('candidate_fraction', 'less than 1', '1.5')),
        ({'name': 'a stage'}, ('stages.0.name', "'a stage'")),
        ({'programs': []}, ('stages.0.programs', 'at least 1')),
        ({'programs': [{**HOLD, 'kind': 'cole'}]}, ('programs.0', 'hold, heat, cool', "did you mean 'cool'", "'cole'")),
        ({'programs': [{'temperatures': [3]}]}, ('programs.0', 'kind must be one of')),
        ({'programs': [{**HOLD, 'duraton': 1}]}, ('programs.0.duraton', "did you mean 'duration'")),
        ({'programs': [{**HOLD, 'temperatures': [300, -5]}]}, ('programs.0.temperatures.1', 'greater than 0', '-5')),
        ({'programs': [{**HOLD, 'duration': 0.01}]}, ('hold 300K', '0.01 ps are over before the first 0.1 ps')),
        ({'programs': [{**HOLD, 'temperatures': [300, 300]}]}, ('hold: 300K is asked for twice',)),
        (
            {'programs': [{'kind': 'heat', 'temperature': 900, 'temperature_end': 10, 'duration': 1}]},
            ('programs.0', 'from 900 to 10 K', "kind 'cool'"),
        ),
        (
            {'programs': [{'kind': 'deform', 'modes': ['yx'], 'strains': [0.1], 'temperatures': [9], 'duration': 1}]},
            ('programs.0.modes.0', "'xy'", "given: 'yx'"),
        ),
        (
            {'programs': [{'kind': 'deform', 'modes': ['x'], 'strains': [0], 'temperatures': [9], 'duration': 1}]},
            ('deform x_0_9K', 'deforms nothing'),
        ),
        (
            {'programs': [{'kind': 'melt_quench', 'melt': 200, 'hold': 1, 'rate': 100, 'relax': 1}]},
            ('from 200 to 300 K', 'hotter than room'),
        ),
    ],
)
def test_what_is_wrong_is_named(content, words):
    said = messages(**content)
    assert [word for word in words if word not in said] == [], said


def test_every_problem_has_its_line():
    said = messages(seeds=0, programs=[{**HOLD, 'temperatures': []}, {**HOLD, 'duration': None}])
    assert len(said.splitlines()) == 3


def test_curriculum_as_a_whole():
    with pytest.raises(ValueError, match="two stages have the name 'a'"):
        read_curriculum([{'name': 'a', 'programs': [HOLD]}] * 2)
    with pytest.raises(ValueError, match='stages: List should have at least 1 item'):
        read_curriculum([])
    with pytest.raises(ValueError, match=r"stages: .* list \(given: 'napso'\)"):
        read_curriculum('napso')


def test_sets_that_fit():
    assert matching(stage(starts=['glass_*', 'quartz']), SETS) == ['glass_1', 'glass_2', 'quartz']
    with pytest.raises(ValueError, match=r"fits none of the sets \(glass_1, glass_2, quartz\); did you mean 'quartz'"):
        matching(stage(starts=['quarz']), SETS)
    with pytest.raises(ValueError, match='set empty holds no configuration'):
        matching(stage(), {'empty': 0})


def test_all_combinations_and_names_of_their_own():
    runs = expand(stage(seeds=2, n_starts=2), SETS, 7, 1)
    assert len(runs) == (2 + 1 + 2) * 4 * 2
    assert Counter(run.set for run in runs) == {'quartz': 16, 'glass_1': 8, 'glass_2': 16}
    labels = [run.label for run in runs]
    assert len(set(labels)) == len({run.seed for run in runs}) == len(runs)
    assert all(re.fullmatch(r'[A-Za-z0-9]+(_[A-Za-z0-9]+)*', label) for label in labels)
    assert 'glass_1_0_hold_1200p5K_5GPa_seed_2' in labels
    assert all(run.index < SETS[run.set] and 1 <= run.seed < 2**31 for run in runs)


def test_two_programs_of_one_kind():
    labels = [run.label for run in expand(stage(HOLD, {**HOLD, 'duration': 4}), {'a': 1}, 1, 1)]
    assert 'a_0_hold_300K' in labels
    assert 'a_0_hold_2_300K' in labels


def test_the_seed_decides_and_nothing_else():
    programs = (HOLD, {'kind': 'cool', 'temperature': 900, 'temperature_end': 10, 'duration': 1})
    few = stage(*programs, max_runs=5)
    assert expand(few, SETS, 3, 2) == expand(few, dict(reversed(SETS.items())), 3, 2)
    first = {(run.label, run.seed) for run in expand(few, SETS, 3, 2)}
    assert first != {(run.label, run.seed) for run in expand(few, SETS, 4, 2)}
    again = {run.label: run.seed for run in expand(stage(*programs), {'glass_1': 1}, 3, 1)}
    later = {run.label: run.seed for run in expand(stage(*programs), {'glass_1': 1}, 3, 2)}
    assert again.keys() == later.keys()
    assert not set(again.values()) & set(later.values())


@pytest.mark.parametrize(('max_runs', 'rounds'), [(4, 9), (5, 8), (35, 2)])
def test_every_combination_has_its_turn(max_runs, rounds):
    """36 combinations of one configuration each; what one round ran the next does not."""
    deform = {'kind': 'deform', 'modes': ['x', 'xy'], 'strains': [0.1, -0.1], 'temperatures': [300, 900], 'duration': 1}
    sets = {'a': 1, 'b': 1, 'c': 1}
    few = stage(HOLD, deform, max_runs=max_runs)
    drawn = [[run.label for run in expand(few, sets, 5, number)] for number in range(1, rounds + 1)]
    assert all(len(labels) == len(set(labels)) == max_runs for labels in drawn)
    assert len(set().union(*drawn)) == 36
    if max_runs < 18:
        assert all(not set(one) & set(next_one) for one, next_one in pairwise(drawn))
    shares = [sum('deform' in label for label in labels) / max_runs for labels in drawn]
    assert max(abs(share - 2 / 3) for share in shares) <= 1.01 / max_runs, 'each program has its share in every round'


def test_every_configuration_has_its_turn():
    drawn = [{run.index for run in expand(stage(n_starts=2), {'a': 7}, 5, number)} for number in range(4)]
    assert set().union(*drawn) == set(range(7))
    assert not drawn[0] & drawn[1]


PROGRAMS = {
    'hold': {**HOLD, 'coupling': 'tri'},
    'heat': {'kind': 'heat', 'temperature': 10, 'temperature_end': 2000, 'pressures': [None, 2], 'duration': 20},
    'cool': {'kind': 'cool', 'temperature': 2000, 'temperature_end': 10, 'duration': 20},
    'compress': {'kind': 'compress', 'temperatures': [300], 'pressure': 0, 'pressure_end': 5, 'duration': 3},
    'deform': {
        'kind': 'deform',
        'modes': ['volume', 'x', 'y', 'z', 'xy', 'xz', 'yz'],
        'strains': [0.5, -0.2],
        'temperatures': [10, 2000],
        'duration': 20,
    },
    'melt_quench': {
        'kind': 'melt_quench', 'melt': 3000, 'hold': 2, 'rate': 100, 'relax': 1, 'pressures': [None, 0],
    },
}  # fmt: skip


@pytest.mark.parametrize(('timestep', 'every'), [(1.0, 0.1), (2.0, 0.05), (0.5, 0.0125)])
@pytest.mark.parametrize('kind', PROGRAMS)
def test_schedules_have_a_record_for_every_frame(kind, timestep, every):
    """Also where the timestep is halved twice, as it is of a run that explodes."""
    runs = expand(stage(PROGRAMS[kind], timestep=timestep, every=every), {'a': 1}, 1, 1)
    for run in runs:
        plan = run.schedule.plan()
        assert {part.frames for part in plan} == {round(every / timestep * 1000)}
        assert interval_in_steps(run.schedule, every) == plan[0].frames
        assert interval_in_steps(run.schedule.remaining(0, 0, 0.25), every) == 4 * plan[0].frames
        assert 0 < plan[0].restart * timestep / 1000 <= max(run.schedule.duration / 10, 0.2)


def test_what_programs_do():
    def one(kind, number=0):
        return expand(stage(PROGRAMS[kind]), {'a': 1}, 1, 1)[number]

    held = one('hold', 3)
    assert (held.temperature, held.pressure, held.schedule.duration) == (1200.5, 5.0, 2.0)
    expected = Hold(temperature=1200.5, duration=2, ensemble='npt', pressure=5, coupling='tri')
    assert held.schedule.stages == [expected]
    assert one('hold').pressure is None
    assert one('hold').schedule.stages[0].ensemble == 'nvt'
    heated = one('heat', 1).schedule.stages[0]
    assert isinstance(heated, Ramp)
    assert (heated.temperature, heated.temperature_end, heated.ensemble) == (10, 2000, 'npt')
    assert one('cool').temperature == 2000
    assert one('cool').schedule.stages[0].ensemble == 'nvt'
    squeezed = one('compress')
    assert squeezed.pressure == 5
    assert (squeezed.schedule.stages[0].pressure, squeezed.schedule.stages[0].pressure_end) == (0, 5)
    pulled = expand(stage(PROGRAMS['deform']), {'a': 1}, 1, 1)
    assert len(pulled) == 28
    (shear,) = (run for run in pulled if run.label == 'a_0_deform_yz_m0p2_2000K')
    assert shear.schedule.stages == [Deform(temperature=2000, mode='yz', strain=-0.2, duration=20)]
    glass = one('melt_quench', 1).schedule
    assert [part.name for part in glass.stages] == ['melt', 'quench', 'relax']
    assert [part.ensemble for part in glass.stages] == ['nvt', 'nvt', 'npt']
    assert glass.duration == pytest.approx(2 + 27 + 1)

"""Every visited frame has one fate; what is chosen is new, physical, apart from the rest and the same for one seed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from aiida_glassion.formats.deepmd.systems import read_system
from aiida_glassion.frames import Frames
from aiida_glassion.kernels.dataset.fingerprint import fingerprints
from aiida_glassion.kernels.learning.memory import Memory
from aiida_glassion.kernels.learning.selection import CODES, Visited, select_frames
from aiida_glassion.kernels.learning.selection_report import HISTOGRAM_EDGES, report_selection
from aiida_glassion.kernels.learning.selection_settings import SelectionSettings
from aiida_glassion.kernels.learning.settings import read_settings
from aiida_glassion.kernels.structure.descriptor import describe

SILICA = Path(__file__).parents[2] / 'fixtures' / 'deepmd' / 'silica' / 'O16Si8'
ELEMENTS = ['O', 'Si']
LEVELS = {'lower': 0.1, 'upper': 0.5, 'relative': None}


@pytest.fixture(scope='module')
def silica():
    return Frames.concatenate(list(read_system(SILICA)))


def run_of(frames, deviations, index=None, **more):
    rows = np.arange(len(deviations)) if index is None else np.asarray(index)
    table = {'frame': rows, 'max_force_deviation': np.asarray(deviations, dtype=float), **more}
    return Visited(lambda: frames, table)


def select(visited, memory=(), levels=LEVELS, seed=1, elements=ELEMENTS, **settings):
    chosen = read_settings(SelectionSettings, settings, 'selection')
    selection = select_frames(visited, list(memory), levels, chosen, elements, seed)
    return selection, report_selection(selection, chosen, levels)


def fates(selection, run):
    names = {code: name for name, code in CODES.items()}
    return [names[int(code)] for code in selection.runs[run].code]


def test_every_frame_is_counted_once(silica):
    rng = np.random.default_rng(0)
    visited = {
        'first': run_of(silica[:50], 10 ** rng.uniform(-2, 1, 50)),
        'second': run_of(silica[50:], 10 ** rng.uniform(-2, 0, 40)),
    }
    memory = Memory.of([silica[10:20]], ELEMENTS)
    selection, report = select(visited, [memory], max_labels=8)
    assert report['visited'] == 90
    assert report['accurate'] + report['candidate'] + report['failed'] + report['set_aside'] == 90
    assert sum(report['fractions'].values()) == pytest.approx(1)
    assert report['chosen'] == 8 == sum(len(rows) for rows in selection.chosen.values())
    values = np.concatenate([run.deviations['max_force_deviation'] for run in visited.values()])
    assert report['accurate'] == np.sum(values < 0.1)
    assert report['failed'] == np.sum(values >= 0.5)
    assert report['max_deviation'] == values.max()
    for kind in ('visited', 'accurate', 'candidate', 'failed', 'set_aside', 'chosen'):
        for table in ('by_run', 'by_formula'):
            assert sum(part[kind] for part in report[table].values()) == report[kind]
    assert report['by_run']['first']['formula'] == 'O16Si8'
    assert report['histogram']['counts'] == np.histogram(values, HISTOGRAM_EDGES)[0].tolist()
    ratio = HISTOGRAM_EDGES[1:] / HISTOGRAM_EDGES[:-1]
    np.testing.assert_allclose(ratio, ratio[0])
    chosen = [i for i, fate in enumerate(fates(selection, 'first')) if fate == 'candidate_chosen']
    assert selection.chosen.get('first', []) == chosen
    assert all(0.1 <= values[i] < 0.5 for i in chosen)


def test_the_data_are_never_chosen_nor_a_frame_twice(silica):
    visited = {'a': run_of(silica[:30], np.full(30, 0.2)), 'b': run_of(silica[20:40], np.full(20, 0.2))}
    selection, report = select(visited, [Memory.of([silica[:5]], ELEMENTS)], max_labels=100, exclude_similar=0.0)
    assert fates(selection, 'a') == ['known'] * 5 + ['candidate_chosen'] * 25
    assert fates(selection, 'b') == ['known'] * 10 + ['candidate_chosen'] * 10
    assert (report['set_aside'], report['candidate'], report['chosen']) == (15, 35, 35)
    marks = [bytes(row) for row in selection.memory.fingerprints]
    assert len(set(marks)) == 35
    # rows of the memory belong to the chosen frames, in whatever order
    rows = {
        bytes.fromhex(mark): row for mark, row in zip(fingerprints(silica), describe(silica, ELEMENTS), strict=True)
    }
    for mark, row in zip(marks, selection.memory.descriptors, strict=True):
        np.testing.assert_array_equal(row, rows[mark])
    whys = {example['why'] for example in report['examples'] if example['fate'] == 'known'}
    assert whys == {'it is in the data or was chosen before'}
    again, _ = select(visited, [Memory.of([silica[:5]], ELEMENTS), selection.memory], max_labels=100)
    assert again.chosen == {}
    assert again.memory is None


def test_farthest_moves_away_from_the_data(silica):
    """Half of the frames are shaken copies of the data: the others are taken first."""
    rng = np.random.default_rng(3)
    known, fresh = silica[:20], silica[60:80]
    shaken = replace(known, positions=known.positions + rng.normal(scale=0.02, size=known.positions.shape))
    visited = {'fresh': run_of(fresh, np.full(20, 0.2)), 'shaken': run_of(shaken, np.full(20, 0.4))}
    memory = [Memory.of([known], ELEMENTS)]
    selection, report = select(visited, memory, max_labels=15, exclude_similar=0.0)
    assert {name: len(rows) for name, rows in selection.chosen.items()} == {'fresh': 15}
    assert report['distances']['first'] >= report['distances']['last'] > 0.2
    largest, _ = select(visited, memory, max_labels=15, method='largest', exclude_similar=0.0)
    assert list(largest.chosen) == ['shaken']
    drawn, _ = select(visited, memory, max_labels=15, method='random', exclude_similar=0.0)
    assert set(drawn.chosen) == {'fresh', 'shaken'}


def test_farthest_is_the_brute_force_choice(silica):
    memory = Memory.of([silica[:30]], ELEMENTS)
    selection, _ = select({'run': run_of(silica[30:], np.full(60, 0.2))}, [memory], max_labels=10)
    points, near = describe(silica[30:], ELEMENTS).astype(float), memory.descriptors.astype(float)
    expected = []
    for _ in range(10):
        expected.append(int(cdist(points, np.concatenate([near, points[expected]])).min(axis=1).argmax()))
    assert selection.chosen['run'] == sorted(expected)


@pytest.mark.parametrize('method', ['farthest', 'random', 'largest'])
def test_similar_frames_are_passed_over_by_every_method(silica, method):
    rng = np.random.default_rng(5)
    twins = Frames.concatenate([silica[:6]] * 5)
    twins = replace(twins, positions=twins.positions + rng.normal(scale=0.001, size=twins.positions.shape))
    deviations = rng.uniform(0.11, 0.4, 30)
    selection, report = select({'run': run_of(twins, deviations)}, max_labels=20, method=method)
    assert report['chosen'] == 6
    assert report['discarded']['similar'] == 24
    assert report['candidate'] == 30
    assert len({i % 6 for i in selection.chosen['run']}) == 6
    assert 'the 24 other candidates compared are within 0.1' in ' '.join(report['warnings'])
    if method == 'largest':
        assert selection.chosen['run'] == sorted(int(i + 6 * deviations[i::6].argmax()) for i in range(6))


def test_the_seed_decides_the_draw_and_nothing_else(silica):
    visited = {'run': run_of(silica, np.full(90, 0.2))}
    chosen = [select(visited, max_labels=9, method='random', seed=s)[0].chosen['run'] for s in (1, 1, 2)]
    assert chosen[0] == chosen[1] != chosen[2]
    farthest = [select(visited, max_labels=9, seed=s)[0].chosen['run'] for s in (1, 1)]
    assert farthest[0] == farthest[1]
    memory = [Memory.of([silica[:9]], ELEMENTS)]
    fixed = [select(visited, memory, max_labels=9, seed=s)[0].chosen['run'] for s in (1, 2)]
    assert fixed[0] == fixed[1]


def test_unphysical_frames_are_set_aside_with_the_reason(silica):
    positions, cells = silica[:6].positions.copy(), silica[:6].cells.copy()
    positions[1, 0] = positions[1, 1] + 0.3
    positions[2] *= 2
    cells[2] *= 2
    cells[3, 2] *= 4
    positions[3, :, 2] %= cells[0, 2, 2]
    positions[3, 4, 2] = 2.5 * cells[0, 2, 2]
    frames = replace(silica[:6], positions=positions, cells=cells, forces=None, energies=None, virials=None)
    selection, report = select({'run': run_of(frames, np.full(6, 0.2))}, density_change=6.0, exclude_similar=0.0)
    assert fates(selection, 'run') == [
        'candidate_chosen', 'close_contact', 'density', 'detached', 'candidate_chosen', 'candidate_chosen',
    ]  # fmt: skip
    assert report['discarded'] == {'close_contact': 1, 'density': 1, 'detached': 1, 'known': 0, 'similar': 0}
    assert (report['candidate'], report['set_aside']) == (3, 3)
    told = {example['fate']: example for example in report['examples']}
    assert told['close_contact']['frame'] == 1
    assert 'Å apart' in told['close_contact']['why']
    assert 'nearest' in told['chosen']['why'] or 'deviation' in told['chosen']['why']
    _, report = select({'run': run_of(frames[1:4], np.full(3, 0.2))}, density_change=6.0)
    assert 'unphysical (1 close_contact, 1 density, 1 detached)' in ' '.join(report['warnings'])


def test_a_share_of_labels_for_frames_just_above_the_upper_level(silica):
    deviations = np.concatenate([np.full(40, 0.2), np.linspace(0.5, 2.5, 50)])
    visited = {'run': run_of(silica, deviations)}
    _, none = select(visited, max_labels=20)
    assert (none['chosen'], none['chosen_failed']) == (20, 0)
    selection, report = select(visited, max_labels=20, failed_fraction_labelled=0.25)
    assert (report['chosen'], report['chosen_failed'], report['failed']) == (20, 5, 50)
    taken = [deviations[i] for i in selection.chosen['run'] if deviations[i] >= 0.5]
    assert len(taken) == 5
    assert max(taken) < 1.0
    other, _ = select(visited, max_labels=20, failed_fraction_labelled=0.25, seed=2)
    assert other.chosen != selection.chosen
    only, report = select({'run': run_of(silica, np.full(90, 0.6))}, max_labels=20, failed_fraction_labelled=0.25)
    assert report['chosen'] == report['chosen_failed'] == 5
    assert len(only.memory.fingerprints) == 5


def test_candidates_keep_away_from_the_failed_frames_that_were_chosen(silica):
    twins = replace(silica[:4], positions=silica[:4].positions + 1e-3 * np.sin(np.arange(24 * 3).reshape(24, 3)))
    visited = {'above': run_of(silica[:4], np.full(4, 0.6)), 'between': run_of(twins, np.full(4, 0.2))}
    selection, report = select(visited, max_labels=4, failed_fraction_labelled=0.5)
    assert (report['chosen'], report['chosen_failed'], report['discarded']['similar']) == (4, 2, 2)
    assert not set(selection.chosen['above']) & set(selection.chosen['between'])


def test_virial_levels_beside_those_of_the_forces(silica):
    force = np.array([0.01, 0.01, 0.01, 0.2, 0.2, 0.9])
    virial = np.array([0.001, 0.02, 0.2, 0.001, 0.2, 0.001])
    visited = {'run': run_of(silica[:6], force, max_virial_deviation=virial)}
    selection, _ = select(visited, virial_lower=0.01, virial_upper=0.1)
    expected = ['accurate', 'candidate_chosen', 'failed', 'candidate_chosen', 'failed', 'failed']
    assert fates(selection, 'run') == expected
    with pytest.raises(ValueError, match=r'deviations\.run: virial levels are set, but there is no max_virial'):
        select({'run': run_of(silica[:6], force)}, virial_lower=0.01, virial_upper=0.1)


def test_relative_deviations_use_the_force_of_the_frame(silica):
    forces = np.zeros((4, 24, 3))
    forces[:, :, 0] = np.array([0.0, 1.0, 3.0, 9.0])[:, None]
    frames = replace(silica[:4], forces=forces)
    selection, _ = select({'run': run_of(frames, np.full(4, 0.8))}, levels={**LEVELS, 'relative': 1.0})
    np.testing.assert_allclose(selection.runs['run'].deviation, [0.8, 0.4, 0.2, 0.08])
    assert fates(selection, 'run') == ['failed', 'candidate_chosen', 'candidate_chosen', 'accurate']
    with pytest.raises(ValueError, match=r'trajectories\.run: relative levels need the forces'):
        select({'run': run_of(replace(frames, forces=None), np.ones(4))}, levels={**LEVELS, 'relative': 1.0})


def test_rows_without_a_frame_are_left_aside_and_wrong_rows_refused(silica):
    run = run_of(silica[:5], [0.2, 0.9, 0.2, 0.2, np.nan], index=[0, -1, 3, -1, 4])
    selection, report = select({'run': run})
    assert selection.runs['run'].index.tolist() == [0, 3, 4]
    assert (report['visited'], report['failed']) == (3, 1)
    assert '2 records have no stored frame' in ' '.join(report['warnings'])
    assert '1 frames have a deviation that is no number' in ' '.join(report['warnings'])
    assert report['max_deviation'] == 0.2
    with pytest.raises(ValueError, match=r'deviations\.run: frame 5, but the trajectory has 5 frames'):
        select({'run': run_of(silica[:5], [0.2], index=[5])})


def test_of_very_many_candidates_a_draw_is_compared(silica):
    _, report = select({'run': run_of(silica, np.full(90, 0.2))}, max_labels=5, max_considered=30)
    assert (report['candidate'], report['chosen']) == (90, 5)
    assert 'Of 90 candidates 30, drawn by the seed, were compared' in report['warnings'][0]


def test_runs_of_several_compositions(silica):
    keep = np.flatnonzero(np.array(silica.symbols) == 'Si')
    silicon = Frames(('Si',) * 8, silica.positions[:, keep], silica.cells)
    visited = {'oxide': run_of(silica[:20], np.full(20, 0.2)), 'element': run_of(silicon[:20], np.full(20, 0.3))}
    selection, report = select(visited, max_labels=10, elements=['Na', 'O', 'Si'], detached_factor=None)
    assert set(report['by_formula']) == {'O16Si8', 'Si8'}
    assert set(selection.chosen) == {'oxide', 'element'}
    assert sum(part['chosen'] for part in report['by_formula'].values()) == 10


def test_nothing_visited(silica):
    _, report = select({'run': run_of(silica[:3], [0.1], index=[-1])})
    assert report['visited'] == 0
    assert report['fractions'] == {'accurate': None, 'candidate': None, 'failed': None, 'set_aside': None}
    _, report = select({})
    assert report['warnings'] == ['No visited frame has a deviation and a stored configuration.']


@pytest.mark.parametrize(
    ('content', 'words'),
    [
        ({'methd': 'random'}, r"selection\.methd: unknown key; did you mean 'method'\?"),
        ({'method': 'best'}, r"'farthest', 'random' or 'largest'"),
        ({'virial_lower': 0.1}, 'belong together'),
        ({'virial_lower': 0.1, 'virial_upper': 0.1}, r'virial_upper \(0\.1\) must be above virial_lower'),
        ({'density_change': 0.5}, r'selection\.density_change: .*greater than 1'),
        ({'max_labels': -1}, r'selection\.max_labels'),
    ],
)
def test_settings_that_cannot_be(content, words):
    with pytest.raises(ValueError, match=words):
        read_settings(SelectionSettings, content, 'selection')

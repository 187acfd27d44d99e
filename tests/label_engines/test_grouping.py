"""Which frames go into which job."""

from __future__ import annotations

import numpy as np
from ase.build import bulk

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.dataset.fingerprint import fingerprints
from aiida_glassion.kernels.dataset.gate import Limits
from aiida_glassion.label_engines.grouping import gather, plan_groups, retries


def frames_of(element, n_frames, size=1, seed=0):
    rng = np.random.default_rng(seed)
    images = []
    for _ in range(n_frames):
        atoms = bulk(element, cubic=True) * (size, 1, 1)
        atoms.positions += rng.normal(0, 0.05, atoms.positions.shape)
        images.append(atoms)
    return Frames.from_ase(images)


def test_frames_of_one_composition_share_jobs_across_nodes():
    sources = {'a': frames_of('Si', 3), 'b': frames_of('Ge', 2), 'c': frames_of('Si', 4, seed=1)}
    plan = plan_groups(sources.items(), set(), 5, Limits())
    assert {label: len(members) for label, members in plan.groups.items()} == {
        'Si8_0000': 5,
        'Si8_0001': 2,
        'Ge8_0000': 2,
    }
    assert plan.groups['Si8_0000'] == [('a', 0), ('a', 1), ('a', 2), ('c', 0), ('c', 1)]
    together = gather(plan.groups['Si8_0000'], sources.__getitem__)
    np.testing.assert_array_equal(together.positions[3:], sources['c'].positions[:2])
    assert plan.n_asked == 9


def test_more_frames_leave_the_full_groups_as_they_are():
    few, many = frames_of('Si', 7), frames_of('Si', 12)
    np.testing.assert_array_equal(few.positions, many.positions[:7])
    first = plan_groups([('a', few)], set(), 3, Limits()).groups
    second = plan_groups([('a', many)], set(), 3, Limits()).groups
    assert [first[label] == second[label] for label in sorted(first)] == [True, True, False]


def test_known_given_twice_and_too_close():
    frames = frames_of('Si', 4)
    frames.positions[2, 1] = frames.positions[2, 0] + 0.1
    known = {list(fingerprints(frames))[1]}
    plan = plan_groups([('a', frames), ('b', frames[[0, 3]])], known, 100, Limits())
    assert plan.groups == {'Si8_0000': [('a', 0), ('a', 3)]}
    assert plan.known == [('a', 1)]
    assert plan.twice == [('b', 0), ('b', 1)]
    assert [(entry['index'], entry['kind']) for entry in plan.refused] == [(2, 'too_close')]


def test_periodic_and_not_are_different_atoms():
    periodic = frames_of('Si', 1)
    isolated = Frames(periodic.symbols, periodic.positions, periodic.cells, (False, False, False))
    plan = plan_groups([('a', periodic), ('b', isolated)], set(), 100, Limits())
    assert list(plan.groups) == ['Si8_0000', 'Si8_0001']


def test_what_a_failed_group_left_is_tried_in_smaller_groups_at_last_alone():
    groups = retries('Si8_0000', list(range(150, 200)), 200)
    assert [len(group) for group in groups.values()] == [20, 20, 10]
    assert next(iter(groups)) == 'Si8_0000_retry_000'
    assert [len(group) for group in retries('x', [3, 4, 5], 20).values()] == [2, 1]
    assert [len(group) for group in retries('x', [0, 1], 2).values()] == [1, 1]
    assert retries('x', [0], 1) == {}
    assert retries('x', [], 7) == {}


def test_a_frame_whose_job_was_interrupted_is_tried_once_more():
    again = retries('x_retry_000', [0], 1, interrupted=True)
    assert again == {'x_retry_000_again': [0]}
    assert retries('x_retry_000_again', [0], 1, interrupted=True) == {}
    assert retries('x_retry_000', [], 1, interrupted=True) == {}

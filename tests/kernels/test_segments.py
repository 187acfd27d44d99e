from __future__ import annotations

import numpy as np
import pytest

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.segments import Segment, frame_of_step, join_deviations, join_frames, join_thermo


def frames(first, last, every=10, stage=0):
    steps = np.arange(first, last + 1, every)
    n = len(steps)
    return Frames(
        ('Ar',),
        positions=steps[:, None, None] * np.ones((1, 1, 3)),
        cells=np.repeat(np.eye(3)[None], n, axis=0),
        steps=steps,
        times=steps * 0.001,
        stages=np.full(n, stage),
    )


def test_a_run_in_pieces_is_the_run_in_one():
    """Killed after step 75 with a restart at 50: the frames at 60 and 70 come from the second piece."""
    first, second = frames(0, 70), frames(60, 120)
    pieces = [Segment(0, 0.0, (0,), until=50), Segment(0, 0.0, (0,), until=None)]
    joined, whole = join_frames([first, second], pieces), frames(0, 120)
    for name in ('steps', 'times', 'stages', 'positions'):
        np.testing.assert_array_equal(getattr(joined, name), getattr(whole, name))


def test_a_second_piece_that_counts_from_zero_is_shifted():
    fresh = frames(0, 40)
    joined = join_frames([frames(0, 50), fresh], [Segment(0, 0.0, (0, 1), 50), Segment(50, 0.05, (1,), None)])
    np.testing.assert_array_equal(joined.steps, np.arange(0, 91, 10))
    np.testing.assert_allclose(joined.times, joined.steps * 0.001)
    np.testing.assert_array_equal(joined.stages, [0] * 6 + [1] * 4)


def test_a_piece_without_anything_new_is_left_out():
    joined = join_frames(
        [frames(0, 50), frames(0, 50), frames(60, 80)],
        [Segment(0, 0, (0,), 50), Segment(0, 0, (0,), 50), Segment(0, 0, (0,), None)],
    )
    np.testing.assert_array_equal(joined.steps, np.arange(0, 81, 10))


def test_thermo_keeps_the_rows_of_minimisations():
    def thermo(steps, iterations):
        steps = np.array(steps)
        return {
            'step': steps,
            'time': steps * 0.001,
            'stage': np.zeros(len(steps), dtype=int),
            'iteration': np.array(iterations),
            'temperature': steps * 1.0,
        }

    joined = join_thermo(
        [thermo([0, 0, 0, 10, 20], [0, 10, 20, 0, 0]), thermo([20, 30, 40], [0, 0, 0])],
        [Segment(0, 0, (0,), 20), Segment(0, 0, (0,), None)],
    )
    np.testing.assert_array_equal(joined['step'], [0, 0, 0, 10, 20, 30, 40])
    np.testing.assert_array_equal(joined['iteration'], [0, 10, 20, 0, 0, 0, 0])


def test_pieces_need_steps():
    bare = Frames(('Ar',), np.zeros((1, 1, 3)), np.eye(3)[None])
    with pytest.raises(ValueError, match='needs steps'):
        join_frames([bare], [Segment(0, 0, (0,), None)])


def deviations(first, last, every=5, stage=0):
    steps = np.arange(first, last + 1, every)
    return {
        'step': steps,
        'time': steps * 0.001,
        'stage': np.full(len(steps), stage),
        'frame': np.full(len(steps), 99),
        'max_force_deviation': steps * 1.0,
    }


def test_records_of_pieces_name_the_frames_of_the_whole():
    """Killed after step 75 with a restart file of step 50, at which the second piece leaves a record too."""
    pieces = [Segment(0, 0.0, (0,), until=50), Segment(0, 0.0, (0,), until=None)]
    joined = join_deviations([deviations(0, 75), deviations(50, 120)], pieces, frame_steps=np.arange(0, 121, 10))
    np.testing.assert_array_equal(joined['step'], np.arange(0, 121, 5))
    np.testing.assert_array_equal(joined['max_force_deviation'], joined['step'])
    np.testing.assert_array_equal(joined['frame'], np.where(joined['step'] % 10 == 0, joined['step'] // 10, -1))


def test_records_of_a_piece_that_counts_from_zero_are_shifted():
    parts = [deviations(0, 60), deviations(0, 40)]
    joined = join_deviations(parts, [Segment(0, 0.0, (0, 1), 50), Segment(50, 0.05, (1,), None)], frame_steps=[])
    np.testing.assert_array_equal(joined['step'], np.arange(0, 91, 5))
    np.testing.assert_allclose(joined['time'], joined['step'] * 0.001)
    np.testing.assert_array_equal(joined['stage'], np.where(joined['step'] <= 50, 0, 1))
    assert set(joined['frame']) == {-1}


def test_frame_of_step():
    np.testing.assert_array_equal(frame_of_step(np.array([0, 5, 10, 20, 99]), [0, 10, 20]), [0, -1, 1, 2, -1])
    assert frame_of_step(np.array([3]), []).tolist() == [-1]

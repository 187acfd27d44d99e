"""Trust levels: what they call a frame."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_glassion.frames import Frames
from aiida_glassion.kernels.learning.levels import (
    ACCURATE,
    CANDIDATE,
    FAILED,
    LevelSettings,
    at_force,
    classify,
    relative_to_force,
    rms_forces,
    worse_of,
)
from aiida_glassion.kernels.learning.settings import read_settings


def test_the_levels_themselves_belong_to_what_is_above():
    deviations = np.array([0.0, 0.0999, 0.1, 0.2, 0.2999, 0.3, 5.0, np.nan, np.inf])
    expected = [ACCURATE] * 2 + [CANDIDATE] * 3 + [FAILED] * 4
    assert classify(deviations, 0.1, 0.3).tolist() == expected
    assert classify(np.zeros(0), 0.1, 0.3).shape == (0,)


@pytest.mark.parametrize('levels', [(0.3, 0.1), (0.0, 0.1), (0.2, 0.2), (float('nan'), 0.1)])
def test_levels_in_disorder_are_refused(levels):
    with pytest.raises(ValueError, match='expected 0 < lower < upper'):
        classify(np.ones(2), *levels)


def test_of_two_opinions_the_worse_counts():
    force = np.array([ACCURATE, ACCURATE, CANDIDATE, CANDIDATE, FAILED], dtype=np.int8)
    virial = np.array([ACCURATE, CANDIDATE, ACCURATE, FAILED, ACCURATE], dtype=np.int8)
    assert worse_of(force, virial).tolist() == [ACCURATE, CANDIDATE, CANDIDATE, FAILED, FAILED]
    assert worse_of(force).tolist() == force.tolist()


def test_relative_to_the_force_of_the_frame():
    forces = np.array([[[3.0, 0, 0], [0, 4.0, 0]], [[0.0, 0, 0], [0, 0, 0]]])
    frames = Frames(('O', 'O'), np.zeros((2, 2, 3)), np.eye(3)[None].repeat(2, 0) * 9, forces=forces)
    np.testing.assert_allclose(rms_forces(frames), [np.sqrt(12.5), 0.0])
    # without force the deviation itself; w times DP-GEN's d/(|F| + w) where all forces are alike
    np.testing.assert_allclose(relative_to_force(np.array([0.3, 0.3]), np.array([0.0, 2.0]), 1.0), [0.3, 0.3 / 3.0])
    with pytest.raises(ValueError, match='need the forces of every frame'):
        rms_forces(Frames(('O',), np.zeros((1, 1, 3)), np.eye(3)[None]))


@pytest.mark.parametrize(
    ('content', 'words'),
    [
        ({'lowr': 0.1}, r"levels\.lowr: unknown key; did you mean 'lower'\?"),
        ({'kind': 'adaptive'}, r"levels\.kind: .*'fixed' or 'calibrated'.*given: 'adaptive'"),
        ({'lower': 0.2, 'upper': 0.1}, r'upper \(0\.1\) must be above lower \(0\.2\)'),
        ({'quantile': 1.0}, r'levels\.quantile: .*less than 1.*given: 1\.0'),
        ({'accept_error': 0.5, 'reject_error': 0.4}, r'reject_error \(0\.4\) must be above accept_error \(0\.5\)'),
        ({'reject_over_rms': 0.1}, r'reject_over_rms \(0\.1\) must be above 0\.25'),
        ({'floor_none': 1.1}, r'floor_none \(1\.1\) must be above floor_full \(1\.2\)'),
        ({'upper': float('inf')}, r'levels\.upper: .*finite'),
    ],
)
def test_settings_that_cannot_be(content, words):
    with pytest.raises(ValueError, match=words):
        read_settings(LevelSettings, content, 'levels')


def test_a_level_at_a_force_is_the_deviation_that_just_reaches_it():
    assert at_force(0.3, 5.0, None) == 0.3
    assert relative_to_force(np.array([at_force(0.3, 5.0, 0.5)]), np.array([5.0]), 0.5)[0] == pytest.approx(0.3)

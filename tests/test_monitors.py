"""When a run is worth being stopped."""

from __future__ import annotations

from pathlib import Path

import pytest

from aiida_glassion.formats.lammps.log import read_log
from aiida_glassion.monitors import seconds_left
from aiida_glassion.schedule import read_schedule

LOG = (Path(__file__).parent / 'fixtures' / 'deepmd' / 'md' / 'log.lammps').read_bytes()
HOLD = {'kind': 'hold', 'temperature': 1500, 'ensemble': 'nve'}


def schedule(last):
    """That of the recorded run, with a last stage of its own length, ps."""
    minimise = {'kind': 'minimise', 'max_steps': 23}
    return read_schedule({'stages': [minimise, {**HOLD, 'duration': 0.033}, minimise, {**HOLD, 'duration': last}]})


def test_a_run_that_is_over_is_let_be():
    assert seconds_left(read_log(LOG), schedule(0.03)) == 0


def test_the_rest_takes_as_long_as_the_fastest_pace_says():
    cut = LOG[: LOG.index(b'\n        55  ')] + b'\n'
    log = read_log(cut)
    paces = [speed for block in log.blocks for speed in block.columns['S/CPU'] if speed > 0]
    assert len(paces) > 3
    assert seconds_left(log, schedule(0.03)) == pytest.approx((63 - 50) / max(paces[1:]))
    assert seconds_left(log, schedule(50.0)) == pytest.approx((50033 - 50) / max(paces[1:]))


def test_a_run_whose_pace_is_not_known_yet_is_let_be():
    assert seconds_left(read_log(LOG[: LOG.index(b'GLASSION stage 1')]), schedule(50.0)) == 0

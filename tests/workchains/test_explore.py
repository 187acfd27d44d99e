"""The course of an exploration with a stand-in for LAMMPS: what fails is told from what is found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node

from aiida_glassion.data.frames import FramesData
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.formats.deepmd.systems import read_system
from aiida_glassion.workchains.explore import ExploreWorkChain

pytestmark = pytest.mark.usefixtures('aiida_profile_clean')

FIXTURES = Path(__file__).parent.parent / 'fixtures' / 'deepmd'
MELT = next(iter(read_system(FIXTURES / 'silica' / 'O16Si8')))


def explore(code, n_runs, programs=None, settings=None, **more):
    """So many short runs from one configuration."""
    hold = {'kind': 'hold', 'temperatures': [300], 'duration': 0.4}
    builder = ExploreWorkChain.get_builder_from_protocol(
        code,
        {'melt': FramesData.from_frames(MELT[0])},
        {f'seed_{i}': PotentialData.from_deepmd(FIXTURES / f'silica_{i}.pb') for i in (1, 2)},
        {'name': 'short', 'every': 0.1, 'programs': programs or [hold], 'seeds': n_runs},
        {'lower': 0.05, 'upper': 0.15},
        overrides={'run': {'stop_factor': None, **(settings or {})}},
        seed=11,
        **more,
    )
    return run_get_node(builder)


def jobs(pk):
    """Exit status of every job of a run, in their order."""
    called = sorted(orm.load_node(pk).called, key=lambda node: node.pk)
    return [node.exit_status for node in called if isinstance(node, orm.CalcJobNode)]


def test_when_too_many_fail_the_rest_is_not_begun(fake_code):
    code = fake_code('lmp', FAKE_LMP_FAIL=1)
    outputs, node = explore(code, 4, max_concurrent=1, tolerated_failures=0.3)
    assert node.exit_status == 500
    report = outputs['report'].get_dict()
    assert report['counts'] == {'finished': 0, 'left_trusted_region': 0, 'exploded': 0, 'failed': 4}
    reasons = [run['reason'] for run in report['runs'].values()]
    assert [reason.startswith('not begun: too many') for reason in reasons] == [False, False, True, True]
    assert all(run['pk'] is None for run in report['runs'].values() if run['reason'].startswith('not begun'))
    assert reasons[0] in node.exit_message
    assert len([child for child in node.called if isinstance(child, orm.WorkChainNode)]) == 2


def test_an_explosion_that_softer_steps_mend(fake_code):
    outputs, node = explore(fake_code('lmp', FAKE_LMP_EXPLODE=1, FAKE_LMP_SOFT=0.5), 2, max_concurrent=2)
    assert node.is_finished_ok, node.exit_message
    for label, run in outputs['report']['runs'].items():
        assert jobs(run['pk']) == [320, 0]
        assert (run['state'], run['softer'], run['reason']) == ('finished', 1, '')
        arrays, frames = outputs['deviations'][label].arrays, outputs['trajectories'][label].frames
        assert run['n_frames'] == frames.n_frames
        np.testing.assert_array_equal(frames.steps[arrays['frame']], arrays['step'])
        assert run['reached_ps'] == run['wanted_ps'] == 0.4


def test_what_explodes_in_every_attempt_keeps_the_frames_before(fake_code):
    """From the start, from a restart file, and from the start again: the attempt that came furthest comes out."""
    melt_quench = {'kind': 'melt_quench', 'melt': 2000, 'hold': 2, 'rate': 2000, 'relax': 0.4}
    outputs, node = explore(fake_code('lmp', FAKE_LMP_EXPLODE=1), 1, programs=[melt_quench])
    assert node.is_finished_ok, node.exit_message
    ((label, run),) = outputs['report']['runs'].items()
    assert outputs['report']['counts']['exploded'] == 1
    assert jobs(run['pk']) == [320, 320, 320]
    assert (run['state'], run['exit_status'], run['softer']) == ('exploded', 411, 2)
    arrays, frames = outputs['deviations'][label].arrays, outputs['trajectories'][label].frames
    assert frames.times[0] == 0
    assert frames.times[-1] > 2.85, 'the melt and its quench went well'
    assert (np.diff(frames.steps) > 0).all()
    np.testing.assert_array_equal(frames.steps[arrays['frame']], arrays['step'])
    assert len(arrays['step']) == frames.n_frames == run['n_frames']

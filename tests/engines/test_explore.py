"""Exploration with two tiny models of silica on the real LAMMPS of DeePMD-kit: every way in which a run may end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import run_get_node

from aiida_glassion.data.frames import FramesData
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.formats.deepmd.systems import find_systems, read_system
from aiida_glassion.functions.selection import select_candidates
from aiida_glassion.kernels.learning.selection_settings import SelectionSettings
from aiida_glassion.workchains.explore import ExploreWorkChain

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures('aiida_profile_clean')]

FIXTURES = Path(__file__).parent.parent / 'fixtures' / 'deepmd'
LEVELS = {'lower': 0.3, 'upper': 0.6}
FAILS_AT = 77


@pytest.fixture
def code(lmp_deepmd_code, aiida_code_installed, tmp_path):
    """The real LAMMPS, but an error in its own words for any run at 77 K."""
    program = tmp_path / 'lmp-moon'
    real = lmp_deepmd_code.filepath_executable
    error = 'ERROR: Cannot open the moon for reading (src/moon.cpp:1)'
    program.write_text(
        f'#!/bin/bash\nif grep -q "temp {FAILS_AT} " "$2"; then echo "{error}" > "$4"; exit 1; fi\nexec {real} "$@"\n'
    )
    program.chmod(0o755)
    return aiida_code_installed(
        label='lmp-moon',
        default_calc_job_plugin='glassion.md',
        computer=lmp_deepmd_code.computer,
        filepath_executable=str(program),
        prepend_text=lmp_deepmd_code.prepend_text,
    )


def explore(code, temperatures, **run):
    """Two hundredths of a picosecond between frames; at 10 fs a step a bond of silica is torn in five steps."""
    (folder,) = find_systems(FIXTURES / 'silica')
    melt = next(iter(read_system(folder)))
    stage = {
        'name': 'hot',
        'timestep': 10.0,
        'every': 0.02,
        'programs': [{'kind': 'hold', 'temperatures': temperatures, 'duration': 0.2}],
    }
    models = {f'seed_{i}': PotentialData.from_deepmd(FIXTURES / f'silica_{i}.pb') for i in (1, 2)}
    builder = ExploreWorkChain.get_builder_from_protocol(
        code,
        {'melt': FramesData.from_frames(melt[:10])},
        models,
        stage,
        LEVELS,
        overrides={'run': {'stop_factor': 1.5, 'stop_after': 3, **run}},
        seed=3,
        max_concurrent=3,
        tolerated_failures=0.4,
    )
    return run_get_node(builder)


def check_records(outputs, label):
    """Frames and records belong together; the atoms are those of the start."""
    arrays, frames = outputs['deviations'][label].arrays, outputs['trajectories'][label].frames
    np.testing.assert_array_equal(frames.steps[arrays['frame']], arrays['step'])
    assert frames.n_atoms == 24
    assert frames.velocities is None
    return arrays['max_force_deviation'], frames


def test_every_end_of_a_run(code):
    outputs, node = explore(code, [300, 20000, FAILS_AT], max_softer=1)
    assert node.is_finished_ok, node.exit_message
    report = outputs['report'].get_dict()
    assert (report['stage'], report['round']) == ('hot', 1)
    assert report['counts'] == {'finished': 1, 'left_trusted_region': 1, 'exploded': 0, 'failed': 1}
    cold, hot, broken = report['runs'].values()
    assert cold['index'] == hot['index'] == broken['index']
    label, hot_label, _ = report['runs']
    assert label == f'melt_{cold["index"]}_hold_300K'
    assert sorted(outputs['trajectories']) == sorted(outputs['deviations']) == sorted([label, hot_label])

    assert (cold['state'], cold['softer'], cold['exit_status']) == ('finished', 1, 0), 'exploded, then went well'
    deviation, frames = check_records(outputs, label)
    assert len(deviation) == cold['n_frames'] == frames.n_frames > 10
    assert cold['reached_ps'] == cold['wanted_ps'] == pytest.approx(0.2)

    assert (hot['state'], hot['exit_status'], hot['softer']) == ('left_trusted_region', 413, 0)
    deviation, frames = check_records(outputs, hot_label)
    assert (deviation[-3:] > 0.9).all()
    assert hot['n_frames'] == frames.n_frames < 11
    assert hot['reached_ps'] == pytest.approx(frames.times[-1])
    assert hot['reached_ps'] < hot['wanted_ps']

    assert (broken['state'], broken['n_frames'], broken['exit_status']) == ('failed', 0, 412)
    assert 'Cannot open the moon' in broken['reason']

    links = node.base.links.get_outgoing(link_type=LinkType.CALL_WORK).all()
    assert sorted(link.link_label for link in links) == sorted(report['runs'])
    (start,) = node.base.links.get_outgoing(link_type=LinkType.CALL_CALC).all()
    assert start.link_label == f'start_melt_{cold["index"]}', 'one frame for three runs'
    for link in links:
        md = link.node.inputs.md
        assert md.configuration.uuid == start.node.outputs.result.uuid
        assert md.seed.value == report['runs'][link.link_label]['seed']
        assert md.deviation.get_dict() == {'every': 0.02, 'stop_after': 3, 'stop_above': pytest.approx(0.9)}
    remote = orm.load_node(cold['pk']).outputs.remote_folder
    assert remote.is_empty, 'the folders of the jobs are not kept'


def test_a_run_that_explodes_for_good_keeps_the_frames_before(code):
    outputs, node = explore(code, [300], max_softer=0)
    assert node.is_finished_ok, node.exit_message
    assert outputs['report']['counts'] == {'finished': 0, 'left_trusted_region': 0, 'exploded': 1, 'failed': 0}
    ((label, run),) = outputs['report']['runs'].items()
    assert (run['state'], run['exit_status'], run['softer']) == ('exploded', 411, 0)
    assert 'temperature' in run['reason']
    _, frames = check_records(outputs, label)
    assert 1 <= run['n_frames'] == frames.n_frames < 5
    thermo = orm.load_node(run['pk']).outputs.thermo.arrays
    before = thermo['step'] <= frames.steps[-1]
    assert (thermo['temperature'][before] < 3300).all(), 'only frames from before the explosion'
    assert (thermo['temperature'][~before] > 3300).any()


def test_relative_levels_see_the_forces_of_every_frame(lmp_deepmd_code):
    """The forces come home with the frames, and the selection scales each deviation by those of its frame."""
    melt = next(iter(read_system(find_systems(FIXTURES / 'silica')[0])))
    models = {f'seed_{i}': PotentialData.from_deepmd(FIXTURES / f'silica_{i}.pb') for i in (1, 2)}
    program = {'kind': 'hold', 'temperatures': [300], 'duration': 0.1}
    stage = {'name': 'cold', 'every': 0.02, 'programs': [program]}
    starts = {'melt': FramesData.from_frames(melt[:1])}
    builder = ExploreWorkChain.get_builder_from_protocol(
        lmp_deepmd_code,
        starts,
        models,
        stage,
        {'lower': 0.01, 'upper': 9.0, 'relative': 1.0, 'largest_force': 3.0},
        overrides={'run': {'stop_factor': 2.0}},
    )
    outputs, node = run_get_node(builder)
    assert node.is_finished_ok, node.exit_message
    (md,) = (process for process in node.called if process.process_label == 'MdWorkChain')
    assert md.inputs.md.deviation['stop_above'] == pytest.approx(2.0 * 9.0 * (3.0 + 1.0) / 1.0), 'at the largest force'
    ((label, trajectory),) = outputs['trajectories'].items()
    deviations = outputs['deviations'][label]
    settings = orm.Dict(SelectionSettings().model_dump())
    runs = {'trajectories': {label: trajectory}, 'deviations': {label: deviations}}
    selected = select_candidates(settings, builder.levels, orm.List(['O', 'Si']), orm.Int(1), **runs)
    rms = np.sqrt((trajectory.frames.forces.astype(float) ** 2).sum(axis=2).mean(axis=1))
    assert rms.min() > 0.1
    scaled = deviations.get_array('max_force_deviation') / (rms + 1.0)
    np.testing.assert_allclose(selected['classes'].get_array(f'{label}__deviation'), scaled, rtol=1e-4)

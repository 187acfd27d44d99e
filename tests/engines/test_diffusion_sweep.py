"""Diffusion sweeps of a small, hot sodium silicate by the real LAMMPS: every way in which a run may end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import run_get_node
from aiida.manage.caching import enable_caching
from aiida.plugins import WorkflowFactory
from ase.io import read

from aiida_glassion.data.frames import FramesData
from aiida_glassion.data.potential import PotentialData

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures('aiida_profile_clean')]

MELT = Path(__file__).parent.parent / 'fixtures' / 'silicate' / 'melt.extxyz'
SMALL = {
    'replicas': 1,
    'timestep': 2.0,
    'equilibrate': {'duration': 0.4},
    'segment': 1.0,
    'budget': 1.0,
    'relative_error': 0.5,
    'frames_every': 0.04,
    'copy_every': 5,
    'thermo_every': 0.02,
    'restart_every': 0.2,
    'analyses': {'channels': None, 'flexibility': {'window': 0.2}},
}
FAILS_AT = 77


@pytest.fixture
def code(lmp_code, aiida_code_installed, tmp_path):
    """The real LAMMPS, but an error in its own words at 77 K and for runs of 60 steps; one of 500 is killed once."""
    program = tmp_path / 'lmp-moon'
    real = lmp_code.filepath_executable
    program.write_text(f"""#!/bin/bash
if grep -q "temp {FAILS_AT}.* " "$2" || grep -q "^run 60 " "$2"; then
  echo "ERROR: Cannot open the moon for reading (src/moon.cpp:1)" > "$4"; exit 1
fi
if grep -q "^run 500 " "$2" && mkdir {tmp_path}/killed 2> /dev/null; then
  {real} "$@" & pid=$!
  for i in $(seq 3000); do
    if [ -e stage_00_a.restart ] && [ -e stage_00_b.restart ] || ! kill -0 $pid; then break; fi
    sleep 0.01
  done
  kill -9 $pid; wait $pid; exit 137
fi
exec {real} "$@"
""")
    program.chmod(0o755)
    return aiida_code_installed(
        label='lmp-moon',
        default_calc_job_plugin='glassion.md',
        computer=lmp_code.computer,
        filepath_executable=str(program),
        prepend_text=lmp_code.prepend_text,
    )


def potential():
    return PotentialData.from_library('pmmcs', elements=['Na', 'O', 'Si'], coulomb='dsf')


def glass():
    return FramesData.from_ase(read(MELT))


def sweep(code, temperatures, **settings):
    builder = WorkflowFactory('glassion.diffusion_sweep').get_builder_from_protocol(
        code, potential(), {'melt': glass()}, temperatures, protocol='fast', overrides={**SMALL, **settings}, seed=5
    )
    return run_get_node(builder)


def called(node, kind=LinkType.CALL_WORK):
    return {link.link_label: link.node for link in node.base.links.get_outgoing(link_type=kind).all()}


def jobs(node, label):
    """The LAMMPS jobs of one part of a run."""
    return [child for child in called(node)[label].called if isinstance(child, orm.CalcJobNode)]


def test_too_short_then_longer(code):
    """A budget in which nothing diffuses; then a larger one, and a temperature that fails: nothing is run twice."""
    outputs, node = sweep(code, [2500, 3000])
    assert node.exit_status == 440, node.exit_message
    assert '0 of 2 temperatures' in node.exit_message
    results = outputs['results'].get_dict()
    (composition,) = results['compositions'].values()
    assert composition['formula'] == 'Na2Si4O9'
    for label in ('T2500', 'T3000'):
        entry = composition['temperatures'][label]
        assert entry['ions']['Na']['D'] is None
        assert 'the run is not diffusive (MSD grows as t^' in entry['ions']['Na']['excluded']
        assert entry['conductivity']['nernst_einstein'] is None
        assert entry['replicas'][f'{label}_melt_00']['status'] == 'not_diffusive'
        assert entry['replicas'][f'{label}_melt_00']['ions']['Na']['D']['mean'] > 0
        assert 2.0 < entry['density']['mean'] < 2.5
    assert 'no temperature is left to fit' in composition['arrhenius']['D_Na']['excluded']
    first = called(node)
    assert list(first) == ['T3000_melt_00', 'T2500_melt_00'], 'the hottest first'
    assert [point.exit_status for point in first.values()] == [430, 430]
    pieces = [len(jobs(point, 'segment_00')) for point in first.values()]
    assert sorted(pieces) == [1, 2], 'one was killed, and went on'
    for namespace in ('numbers', 'curves_of_points', 'maps', 'trajectories', 'histories'):
        assert sorted(outputs[namespace]) == sorted(first), namespace
    assert 'ledger' not in outputs

    with enable_caching(identifier='*'):
        outputs, node = sweep(code, [2500, 3000, FAILS_AT], budget=2.0)
    assert node.is_finished_ok, node.exit_message
    second = called(node)
    for label, point in second.items():
        if label in first:
            assert point.is_finished_ok, point.exit_message
            for part in ('equilibrate', 'segment_00'):
                assert all(job.base.caching.is_created_from_cache for job in jobs(point, part)), (label, part)
            assert not jobs(point, 'segment_01')[0].base.caching.is_created_from_cache
            assert point.outputs.results['n_segments'] == 2
            assert point.outputs.results['length'] == pytest.approx(2.0)
            history = point.outputs.history['segments']
            assert [history[name]['diffusive']['Na'] for name in sorted(history)] == [False, True]
    failed = outputs['ledger'].get_dict()
    assert list(failed) == ['T0077_melt_00']
    assert failed['T0077_melt_00']['exit_status'] == 330
    assert 'Cannot open the moon' in failed['T0077_melt_00']['reason']

    results = outputs['results'].get_dict()
    (composition,) = results['compositions'].values()
    fit = composition['arrhenius']['D_Na']
    assert fit['used'] == [2500.0, 3000.0]
    (out,) = fit['excluded']
    assert (out['temperature'], 'Cannot open the moon' in out['reason']) == (77.0, True)
    assert 1e-4 < composition['temperatures']['T3000']['ions']['Na']['D']['mean'] < 2e-3, 'cm²/s, of a hot melt'
    assert fit['at_300']['extrapolated'] is True
    assert any('two temperatures make a line' in words for words in results['warnings'])
    assert any('fails' in words or 'moon' in words for words in results['warnings'])
    assert outputs['curves'].get_array('0__D_Na__T')[0] == pytest.approx(3000.0)
    frames = outputs['trajectories']['T3000_melt_00'].frames
    np.testing.assert_allclose(np.diff(frames.times), 0.2, rtol=1e-6)
    assert np.abs(np.diff(frames.positions[:, :, :], axis=0)).max() < 5.2, 'no jump at a boundary'


def inputs_of_point(code, analysis_code=None, **settings):
    """Inputs of one run at 3000 K."""
    sweeps = WorkflowFactory('glassion.diffusion_sweep')
    builder = sweeps.get_builder_from_protocol(
        code,
        potential(),
        {'melt': glass()},
        [3000, 2500],
        protocol='fast',
        overrides={**SMALL, **settings},
        analysis_code=analysis_code,
    )
    taken = {key: value for key, value in builder._inputs(prune=True).items() if key in ('md', 'settings', 'analysis')}
    return {**taken, 'configuration': glass(), 'temperature': 3000.0, 'seed': 11}


def test_production_that_breaks(code):
    """LAMMPS fails in the second segment: the first is analysed and given all the same."""
    settings = {
        'equilibrate': {'duration': 0.2},
        'segment': 0.8,
        'budget': 0.94,
        'analyses': {'channels': None, 'flexibility': None},
    }
    inputs = inputs_of_point(code, **settings)
    outputs, node = run_get_node(WorkflowFactory('glassion.diffusion_point'), **inputs)
    assert node.exit_status == 331, node.exit_message
    assert 'Cannot open the moon' in node.exit_message
    results = outputs['results'].get_dict()
    assert (results['n_segments'], results['status']) == (1, 'not_diffusive')
    assert results['length'] == pytest.approx(0.8)
    assert 'production ended early' in results['reason']
    assert outputs['numbers']['analyses']['diffusion']['numbers']['length'] == pytest.approx(0.8)
    assert sorted(outputs['numbers']['analyses']) == ['diffusion', 'dynamics']
    assert outputs['trajectory'].n_frames == 5
    assert list(outputs['history']['segments']) == ['segment_00']


def test_home_and_remote_say_the_same(lmp_code, python_code):
    """One run with a goal out of reach: the budget is spent, D is given with its error; frames come home or stay."""
    found = {}
    for route in ('home', 'remote'):
        settings = {'segment': 0.8, 'budget': 2.0, 'relative_error': 0.01}
        inputs = inputs_of_point(lmp_code, python_code if route == 'remote' else None, **settings)
        outputs, node = run_get_node(WorkflowFactory('glassion.diffusion_point'), **inputs)
        assert node.exit_status == 431, node.exit_message
        assert 'wanted 1 %' in node.exit_message
        results = outputs['results'].get_dict()
        assert (results['status'], results['n_segments']) == ('budget', 3)
        assert results['length'] == pytest.approx(2.0)
        at_home = 'trajectory' in called(node)['segment_00'].outputs
        assert at_home is (route == 'home')
        assert outputs['numbers']['failed'] == {}
        assert sorted(outputs['numbers']['analyses']) == ['diffusion', 'dynamics', 'flexibility']
        found[route] = outputs
    home, remote = (found[route]['numbers']['analyses'] for route in ('home', 'remote'))
    for kind, entry in (('diffusion', 'D'), ('dynamics', 'msd_longest')):
        one, two = (analyses[kind]['numbers']['ions']['Na'][entry] for analyses in (home, remote))
        assert one['mean'] == pytest.approx(two['mean'], rel=1e-4)
    assert found['home']['results']['density'] == pytest.approx(found['remote']['results']['density'], rel=1e-6)
    frames = [found[route]['trajectory'].frames for route in ('home', 'remote')]
    np.testing.assert_allclose(frames[0].times, frames[1].times)
    steps = [np.diff(one.positions, axis=0) for one in frames]
    np.testing.assert_allclose(steps[0], steps[1], atol=1e-3)

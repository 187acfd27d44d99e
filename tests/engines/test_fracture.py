"""A small silica glass pulled apart by the real LAMMPS: every way in which a pull may end."""

from __future__ import annotations

from pathlib import Path

import ase.io
import numpy as np
import pytest
from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import run_get_node
from aiida.plugins import WorkflowFactory

from aiida_glassion.data.frames import FramesData
from aiida_glassion.data.potential import PotentialData

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures('aiida_profile_clean')]

GLASS = Path(__file__).parents[1] / 'fixtures' / 'silica' / 'glass.extxyz'
QUICK = {
    'timestep': 2.0,
    'equilibrate': {'duration': 0.2},
    'rates': [0.2],
    'piece': 0.8,
    'max_strain': 1.6,
    'snapshots_every': 0.2,
    'bin': 0.005,
    'slope_to': 0.03,
    'broken_part': 0.2,
    'lasting': 0.15,
    'window': 0.1,
    'notch': {'opening': 5.0, 'length': 0.4},
    'minimise': {'max_steps': 50},
}
"""At such a rate, and so small, it breaks within thousands of steps, and noise needs wide averages."""


@pytest.fixture
def code(lmp_code, aiida_code_installed, tmp_path):
    """The real LAMMPS, but an error in its own words where it strains along x; in the third step it is killed once."""
    program = tmp_path / 'lmp-moon'
    real = lmp_code.filepath_executable
    program.write_text(f"""#!/bin/bash
if grep -q "deform 1 x" "$2"; then
  echo "ERROR: Cannot open the moon for reading (src/moon.cpp:1)" > "$4"; exit 1
fi
if grep -q "hold_003" "$2" && mkdir {tmp_path}/killed 2> /dev/null; then
  {real} "$@" & pid=$!
  for i in $(seq 6000); do
    if grep -q "GLASSION stage 9 " log.lammps || ! kill -0 $pid; then break; fi
    sleep 0.01
  done 2> /dev/null
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


def glass():
    return FramesData.from_ase(ase.io.read(GLASS))


def builder_of(code, **settings):
    potential = PotentialData.from_library('pmmcs', elements=['O', 'Si'], coulomb='dsf')
    return WorkflowFactory('glassion.fracture').get_builder_from_protocol(
        code, potential, {'silica': glass()}, protocol='fast', overrides={**QUICK, **settings}, seed=5
    )


def pulled(code, kind, **settings):
    """Outputs and node of one pull along z."""
    given = builder_of(code, **settings)._inputs(prune=True)
    many = ('kinds', 'axes', 'rates', 'sizes')
    one = {name: value for name, value in given['settings'].get_dict().items() if name not in many}
    one |= {'kind': kind, 'rate': None if settings.get('mode') == 'steps' else QUICK['rates'][0]}
    inputs = {'md': given['md'], 'settings': one, 'axis': 'z', 'seed': 11, 'configuration': glass()}
    return run_get_node(WorkflowFactory('glassion.fracture_pull'), **inputs)


def called(node):
    links = node.base.links.get_outgoing(link_type=(LinkType.CALL_WORK, LinkType.CALL_CALC)).all()
    return {link.link_label: link.node for link in links}


def test_with_a_notch_until_it_is_broken(code):
    outputs, node = pulled(code, 'notched')
    assert node.is_finished_ok, node.exit_message
    results, notch = outputs['results'].get_dict(), outputs['notch'].get_dict()
    counts = outputs['reference'].frames.counts
    assert counts['O'] == 2 * counts['Si'] == 2 * (64 - notch['n_removed'] // 3)
    assert results['n_atoms'] == outputs['final'].n_atoms == 192 - notch['n_removed']
    assert (results['broken'], results['separated']) == (True, True)
    assert results['reason'].startswith('broken: ended at a strain of')
    assert results['fracture']['ligament'] == pytest.approx(0.6)
    assert 1 < results['fracture']['energy'] < 40, 'J/m², a small sample at an enormous rate'
    assert 0.2 < results['surface_energy'] < 4, 'J/m²'
    assert results['energies']['broken'] > results['energies']['whole']
    curve = outputs['curves'].arrays
    assert (np.diff(curve['strain']) > 0).all()
    assert 4 < curve['stress'].max() < 25, 'GPa, tension is positive'
    assert curve['areas'][-1] < curve['areas'][0], 'free sides come in'
    snapshots = outputs['snapshots'].frames
    strains = snapshots.cells[:, 2, 2] / snapshots.cells[0, 2, 2] - 1
    np.testing.assert_allclose(strains, 0.2 * np.arange(len(strains)), atol=1e-6)
    assert snapshots.positions.dtype == np.float32
    steps = np.diff(np.linalg.solve(snapshots.cells.transpose(0, 2, 1), snapshots.positions.transpose(0, 2, 1)), axis=0)
    assert np.abs(steps).max() < 0.5, 'no jump over a boundary of the cell'
    assert sorted(outputs['analysis']) == ['curves', 'maps', 'numbers']
    labels = [label for label in called(node) if not label.startswith('piece_')]
    assert labels == [
        'cut_notch', 'equilibrate', 'mean_cell', 'relax_whole', 'relax_broken', 'summarise', 'gather_snapshots',
        'analyse',
    ]  # fmt: skip


def test_steps_go_on_where_they_were_killed_and_what_holds_is_no_failure(code):
    steps = {'mode': 'steps', 'rates': [], 'step': 0.02, 'piece': 0.08, 'max_strain': 0.08, 'hold': 0.1}
    settings = {**steps, 'snapshots_every': 0.04, 'lateral': 'fixed', 'measure': 'minimised', 'analyse': False}
    outputs, node = pulled(code, 'tension', **settings)
    assert node.exit_status == 460, node.exit_message
    assert 'not broken at a strain of 0.08' in node.exit_message
    jobs = [job for job in called(node)['piece_000'].called if isinstance(job, orm.CalcJobNode)]
    assert len(jobs) == 2, 'killed once'
    point = jobs[1].inputs.restart.point.get_dict()
    assert point['stage'] >= 7, 'of the four stages of a step, those of the third are the most that are done again'
    curve = outputs['curves'].arrays
    np.testing.assert_allclose(curve['strain'], 0.02 * np.arange(5), atol=1e-6)
    assert (np.diff(curve['stress']) > 0).all(), 'elastic'
    np.testing.assert_allclose(curve['areas'], curve['areas'][0], rtol=1e-6)
    results = outputs['results'].get_dict()
    assert results['poisson'] is not None
    assert results['tension']['failed'] is False
    assert 40 < results['young']['value'] < 120, 'GPa'
    assert set(outputs) == {'results', 'curves', 'snapshots', 'reference', 'final'}
    assert outputs['snapshots'].n_frames == 3


def test_a_pull_that_fails_is_written_down_and_the_others_go_on(code):
    builder = builder_of(
        code, kinds=['tension'], axes=['x', 'z'], sizes=[[1, 1, 2]], max_strain=0.08, piece=0.08, snapshots_every=0.04
    )
    labels = (np.arange(192) % 3).astype(np.int8)
    builder.regions = {'silica': orm.ArrayData({'labels': labels})}
    outputs, node = run_get_node(builder)
    assert node.is_finished_ok, node.exit_message
    fails, holds = 'silica_tension_x_1x1x2_r0p2', 'silica_tension_z_1x1x2_r0p2'
    ledger = outputs['ledger'].get_dict()
    assert list(ledger) == [fails]
    assert (ledger[fails]['exit_status'], 'Cannot open the moon' in ledger[fails]['reason']) == (341, True)
    results = outputs['results'].get_dict()
    assert results['samples'][fails]['tension'] is None
    assert results['samples'][fails]['reason'].startswith('Molecular dynamics failed')
    assert results['samples'][holds]['n_atoms'] == 384
    (group,) = results['pooled']
    assert (group['kind'], group['n'], group['n_broken'], group['young']['n']) == ('tension', 2, 0, 1)
    assert any('moon' in words for words in results['warnings'])
    assert any('lower bounds' in words for words in results['warnings'])
    np.testing.assert_array_equal(outputs['regions_of_pulls'][holds].get_array('labels'), np.tile(labels, 2))
    assert sorted(outputs['reference']) == [fails, holds], 'also of the one that failed'
    assert sorted(outputs['maps']) == [holds]
    told = outputs['curves'].base.attributes.get('curves')['0']
    assert told['samples'] == [holds]
    assert {'0__strain', '0__stress'} <= set(outputs['curves'].get_arraynames())

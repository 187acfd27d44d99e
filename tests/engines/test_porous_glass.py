"""Porous glasses by the real LAMMPS: one that stays open, one that closes, one that cannot be cut or relaxed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from aiida.common.links import LinkType
from aiida.engine import run_get_node
from aiida.plugins import WorkflowFactory
from ase.io import read

from aiida_glassion.data.frames import FramesData
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.kernels.build.pores import shape_from_dict

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures('aiida_profile_clean')]

MELT = Path(__file__).parent.parent / 'fixtures' / 'silicate' / 'melt.extxyz'
OPEN = [{'shape': 'sphere', 'diameter': 8.0}]
SHORT = {
    'relax': [
        {'kind': 'minimise', 'name': 'minimise', 'max_steps': 50},
        {'kind': 'hold', 'name': 'relax', 'duration': 0.05},
        {'kind': 'hold', 'name': 'sample', 'duration': 0.2},
    ],
    'timestep': 1.0,
    'thermo_every': 0.01,
    'voids': {'spacing': 0.4},
}


def potential():
    return PotentialData.from_library('pmmcs', elements=['Na', 'O', 'Si'], coulomb='dsf')


def glass():
    return FramesData.from_ase(read(MELT))


def porous(code, pores, seed=3, **settings):
    builder = WorkflowFactory('glassion.porous_glass').get_builder_from_protocol(
        code, potential(), glass(), protocol='fast', overrides={**SHORT, 'pores': pores, **settings}, seed=seed
    )
    return run_get_node(builder)


def called(node):
    kinds = (LinkType.CALL_WORK, LinkType.CALL_CALC)
    return {link.link_label: link.node for link in node.base.links.get_outgoing(link_type=kinds).all()}


@pytest.fixture
def no_lmp(lmp_code, aiida_code_installed, tmp_path):
    """A LAMMPS that ends with an error in its own words."""
    program = tmp_path / 'lmp-moon'
    program.write_text('#!/bin/bash\necho "ERROR: Cannot open the moon for reading (src/moon.cpp:1)" > "$4"; exit 1\n')
    program.chmod(0o755)
    return aiida_code_installed(
        label='lmp-moon',
        default_calc_job_plugin='glassion.md',
        computer=lmp_code.computer,
        filepath_executable=str(program),
    )


def counts(node):
    return node.frames.counts


def test_a_pore_that_stays_open(lmp_code):
    """Composition exact, every output there, and each number that of the frames."""
    outputs, node = porous(lmp_code, OPEN)
    assert node.exit_status == 0, node.exit_message
    assert set(called(node)) == {'carve', 'relax', 'describe'}
    before, carved, relaxed = counts(glass()), counts(outputs['carved']), counts(outputs['glass'])
    assert carved == relaxed == {element: 4 * n // 5 for element, n in before.items()}
    results = outputs['results'].get_dict()
    pore = shape_from_dict(results['pores'][0])
    assert (pore.diameter, results['porosity']) == (8.0, pytest.approx(np.pi / 6 * 512 / glass().frames.volumes[0]))
    chosen = outputs['chosen'].arrays
    assert len(chosen['removed']) == results['carving']['n_removed'] == 15
    np.testing.assert_array_equal(outputs['carved'].frames.positions[0], glass().frames.positions[0][chosen['kept']])
    states = results['states']
    for name, one in (('dense', glass()), ('carved', outputs['carved']), ('relaxed', outputs['glass'])):
        assert states[name]['density'] == pytest.approx(one.frames.densities[-1])
        assert states[name]['n_atoms'] == one.frames.n_atoms
    assert states['dense']['largest_sphere_diameter'] < states['carved']['largest_sphere_diameter']
    assert results['porosity_from_density']['carved'] == pytest.approx(0.2)
    thermo = called(node)['relax'].outputs.thermo.arrays
    last = thermo['density'][(thermo['stage'] == 2) & (thermo['iteration'] == 0)]
    assert results['density']['mean'] == pytest.approx(last.mean())
    assert results['density']['standard_error'] >= 0
    assert not results['closed']['closed']
    curves = outputs['curves'].arrays
    assert {f'{name}__pore_sizes__{axis}' for name in states for axis in 'xy'} <= set(curves)
    np.testing.assert_array_equal(curves['course__density__y'], thermo['density'][thermo['iteration'] == 0])
    md = called(node)['relax'].inputs.md
    assert 'trajectory' not in called(node)['relax'].outputs
    assert md.configuration.uuid == outputs['carved'].uuid
    assert outputs['glass'].frames.velocities is not None  # the next run may go on with them


def test_a_pore_that_closes_is_said_and_everything_is_handed_out(lmp_code):
    """A melt under pressure fills a small pore at once."""
    squeeze = [{'kind': 'hold', 'name': 'squeeze', 'ensemble': 'npt', 'duration': 1.5, 'pressure_damping': 0.1}]
    outputs, node = porous(lmp_code, OPEN, relax=squeeze, temperature=2500, pressure=15.0)
    assert node.exit_status == 450
    assert 'the pore closed: the largest sphere fell from' in node.exit_message
    assert set(outputs) == {'glass', 'carved', 'chosen', 'results', 'curves'}
    results = outputs['results'].get_dict()
    assert results['closed']['closed']
    assert results['closed']['pores'][0]['kept'] < 0.25
    assert results['states']['relaxed']['density'] > results['states']['carved']['density']


def test_a_relaxation_that_fails_leaves_what_was_cut(no_lmp):
    outputs, node = porous(no_lmp, OPEN)
    assert node.exit_status == 331
    assert 'Cannot open the moon' in node.exit_message
    assert set(outputs) == {'carved', 'chosen', 'results', 'curves'}
    results = outputs['results'].get_dict()
    assert set(results['states']) == {'dense', 'carved'}
    assert results['closed'] is None


def test_what_cannot_be_cut_ends_before_anything_is_run(lmp_code):
    outputs, node = porous(lmp_code, {'diameter': 5.0, 'n': 2})
    assert node.exit_status == 230
    assert 'more than most_changed (0.5) of them; take a larger pore' in node.exit_message
    assert (outputs, set(called(node))) == ({}, {'carve'})


def test_where_only_neutrality_is_exact_it_is_that_of_the_potential(no_lmp):
    outputs, node = porous(no_lmp, OPEN, exact='neutral')
    charges = potential().potential.charges
    assert called(node)['carve'].inputs.charges.get_dict() == charges
    assert sum(charges[e] * n for e, n in counts(outputs['carved']).items()) == pytest.approx(0, abs=1e-9)
    assert outputs['results']['carving']['charge'] == 0

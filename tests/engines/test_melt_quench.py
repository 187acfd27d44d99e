"""The whole way from a composition to a glass on real engines."""

from __future__ import annotations

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.plugins import WorkflowFactory

from aiida_glassion.data.potential import PotentialData

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures('aiida_profile_clean')]

TINY = {
    'n_atoms': 150,
    'replicas': 2,
    'melt': [
        {'kind': 'minimise', 'max_steps': 200},
        {'kind': 'hold', 'name': 'melt', 'temperature': 'melt', 'duration': 4.0, 'frames_every': 0.2},
    ],
    'melt_test': {'energy_tolerance': 0.2, 'max_memory': 0.9},
    'rates': [1000],
    'relax': [
        {'kind': 'hold', 'name': 'sample', 'ensemble': 'npt', 'temperature': 'room', 'duration': 1, 'frames_every': 0.1}
    ],
    'analysis': {'r_max': 6.0, 'n_bins': 200},
}


def builder(lmp_code, packmol_code, overrides=None, **more):
    arguments = {'composition': '20Na2O-80SiO2', 'protocol': 'fast', 'overrides': {**TINY, **(overrides or {})}}
    return WorkflowFactory('glassion.melt_quench').get_builder_from_protocol(
        lmp_code,
        packmol_code,
        PotentialData.from_library('pmmcs', elements=['Na', 'O', 'Si'], coulomb='dsf'),
        **arguments | more,
    )


def test_a_glass_from_a_composition(lmp_code, packmol_code):
    outputs, node = run_get_node(builder(lmp_code, packmol_code, seed=5))
    assert node.is_finished_ok, node.exit_message
    report = outputs['composition_report'].get_dict()
    assert report['counts'] == {'Na': 20, 'O': 90, 'Si': 40}
    structure = outputs['structure']['rate_1000'].get_dict()
    assert structure['replicas'] == 2
    assert structure['density']['n'] == 2
    assert structure['density']['standard_error'] > 0
    assert 1.8 < structure['density']['mean'] < 3.0
    assert structure['bond_lengths']['Si-O']['mean'] == pytest.approx(1.61, abs=0.05)
    assert structure['coordination']['Si-O']['mean']['mean'] == pytest.approx(4.0, abs=0.4)
    glasses = outputs['glass']
    assert set(glasses) == {'replica_00_rate_1000', 'replica_01_rate_1000'}
    first, second = (glasses[name].frames.positions for name in sorted(glasses))
    assert np.abs(first - second).max() > 1, 'replicas must differ'
    curves = outputs['curves']['rate_1000'].arrays
    assert curves['g_O_Si'].max() > 5
    assert 'g_O_Si_error' in curves


def test_a_melt_that_is_none_is_held_longer_then_refused(lmp_code, packmol_code):
    overrides = {'replicas': 1, 'melt_temperature': 400, 'melt_test': {'max_longer': 1}}
    _, node = run_get_node(builder(lmp_code, packmol_code, overrides))
    assert node.exit_status == 500
    replica = next(child for child in node.called if isinstance(child, orm.WorkChainNode))
    assert replica.exit_status == 420, replica.exit_message
    assert replica.outputs.melt['tests']['displacement']['passed'] is False
    assert replica.outputs.melt['tests']['displacement']['value'] < 1.6
    labels = [link.link_label for link in replica.base.links.get_outgoing().all()]
    assert 'melt_longer_1' in labels
    assert 'melt_longer_2' not in labels

"""The calcfunction of the structure gate, on recorded frames of molten silica."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from aiida.common.links import LinkType
from aiida.plugins import CalculationFactory

from aiida_glassion.data.frames import FramesData
from aiida_glassion.formats.deepmd.systems import find_systems, read_system

pytestmark = pytest.mark.usefixtures('aiida_profile_clean')

SILICA = Path(__file__).parent.parent / 'fixtures' / 'deepmd' / 'silica'
SETTINGS = {'analysis': {'r_max': 6.0, 'n_bins': 60}}


@pytest.fixture(scope='module')
def silica():
    (folder,) = find_systems(SILICA)
    return next(iter(read_system(folder)))


@pytest.fixture
def judge():
    def _judge(glasses, failures=None, settings=None, **more):
        function = CalculationFactory('glassion.judge_structures')
        return function.run_get_node(
            orm.Dict(SETTINGS | (settings or {})), orm.Dict(failures or {}), glasses=glasses, **more
        )

    return _judge


def test_report_curves_and_provenance(judge, silica):
    glasses = {'melt': {'a': FramesData(frames=silica[:10]), 'b': FramesData(frames=silica[10:20])}}
    outputs, node = judge(glasses, reference={'teacher': FramesData(frames=silica[20:30])})
    assert node.is_finished_ok, node.exit_message
    report = outputs['report'].get_dict()
    assert set(report) == {'passed', 'reason', 'criteria', 'flags', 'warnings', 'by_glass'}
    assert all({'name', 'value', 'limit', 'met', 'words'} <= set(criterion) for criterion in report['criteria'])
    assert {'melt:rdf_total', 'melt:teacher:rdf_total'} <= {criterion['name'] for criterion in report['criteria']}
    curves = outputs['curves']['melt_a']
    assert curves.base.attributes.get('units')['r'] == 'Å'
    assert curves.get_array('r').shape == curves.get_array('g_O_Si').shape == (60,)
    links = {link.link_label for link in node.base.links.get_incoming(link_type=LinkType.INPUT_CALC).all()}
    assert links == {'settings', 'failures', 'glasses__melt__a', 'glasses__melt__b', 'reference__teacher'}


def test_only_the_last_stage_is_judged(judge, silica):
    """Frames before it, with half the atoms elsewhere, do not count."""
    sampled = silica[:6]
    wild = replace(sampled, positions=np.random.default_rng(1).random(sampled.positions.shape) * 7.1)
    both = type(sampled).concatenate([wild, sampled])
    both = replace(both, stages=np.repeat([1, 4], 6))
    b = FramesData(frames=silica[10:16])
    alone, _ = judge({'melt': {'a': FramesData(frames=sampled), 'b': b}})
    mixed, _ = judge({'melt': {'a': FramesData(frames=both), 'b': b}})
    assert mixed['report'].get_dict() == alone['report'].get_dict()


def test_a_failure_is_told(judge, silica):
    glasses = {'melt': {'a': FramesData(frames=silica[:4])}}
    outputs, _ = judge(glasses, {'melt': {'b': '[411] The run explodes'}})
    assert not outputs['report']['passed']
    assert 'The run explodes' in outputs['report']['reason']


def test_without_any_glass(judge):
    outputs, node = judge({}, {'melt': {'a': 'lost', 'b': 'lost'}})
    assert node.is_finished_ok
    assert 'curves' not in outputs
    assert 'no glass was made' in outputs['report']['reason']


def test_the_same_inputs_give_the_same_report(judge, silica):
    glasses = {'melt': {'a': FramesData(frames=silica[:5]), 'b': FramesData(frames=silica[50:55])}}
    first, second = (judge(glasses)[0]['report'].get_dict() for _ in range(2))
    assert first == second

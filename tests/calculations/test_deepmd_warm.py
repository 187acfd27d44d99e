"""Models that a training may begin with, and those that it may not."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiida import orm
from aiida.common.links import LinkType

from aiida_glassion.calculations.deepmd_warm import learned_by, why_cold
from aiida_glassion.data.dataset import DatasetData
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.formats.deepmd.systems import read_system
from aiida_glassion.potentials.deepmd import deepmd_potential
from aiida_glassion.workchains import protocols

MODEL = Path(__file__).parent.parent / 'fixtures' / 'deepmd' / 'silica_1.pb'
PARAMETERS = protocols.load('train', 'tiny')['parameters']
"""Those of the model but for its precision, which the weights are read into."""


@pytest.fixture
def model(aiida_profile_clean):
    """A model of O and Si that takes in 40 and 24 neighbours."""
    return PotentialData.from_potential(deepmd_potential(MODEL.read_bytes(), ['O', 'Si'], 4.0))


def changed(**sections) -> dict:
    return protocols.merge(PARAMETERS, {'model': sections}, 'parameters.')


def test_what_fits_and_what_does_not(model):
    assert why_cold(model, PARAMETERS, ['O', 'Si']) is None
    assert why_cold(model, PARAMETERS, ['Si']) is None
    assert why_cold(model, PARAMETERS, ['O', 'Si'], ['O', 'Si'], {'O': 40, 'Si': 24}) is None
    cases = {
        'the data have Na, P, the model knows O, Si only': {'elements': ['Na', 'O', 'P', 'Si']},
        'the model counts its elements as O, Si, the training as Si, O': {'type_map': ['Si', 'O']},
        'more neighbours than the model takes in: 41 of O (40)': {'neighbours': {'O': 41, 'Si': 24}},
        'descriptor.rcut is 4.0 in the model, 5.0 is wanted': {'parameters': changed(descriptor={'rcut': 5.0})},
        'fitting_net.neuron is [20, 20] in the model': {'parameters': changed(fitting_net={'neuron': [30, 30]})},
        'takes in [40, 24] neighbours of O, Si, descriptor.sel wants [50, 24]': {
            'parameters': changed(descriptor={'sel': [50, 24]})
        },
    }
    for words, more in cases.items():
        given = {'parameters': PARAMETERS, 'elements': ['O', 'Si'], **more}
        assert words in (why_cold(model, **given) or ''), words


def test_what_a_model_has_learned(model, localhost):
    """Only datasets that a model has not seen are counted again."""
    assert learned_by(model) == set()
    frames = next(iter(read_system(MODEL.parent / 'silica' / 'O16Si8')))
    data = {
        name: DatasetData.from_frames(frames[:2]).store() for name in ('training__a', 'training__b', 'validation__c')
    }
    job = orm.CalcJobNode(computer=localhost, process_type='aiida.calculations:glassion.deepmd.train')
    for label, node in data.items():
        job.base.links.add_incoming(node, LinkType.INPUT_CALC, label)
    job.store()
    model.base.links.add_incoming(job, LinkType.CREATE, 'frozen')
    model.store()
    assert learned_by(model) == {data['training__a'].uuid, data['training__b'].uuid}

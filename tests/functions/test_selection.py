"""Calcfunctions of the selection: levels, memory and the fate of every visited frame, as nodes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from aiida import orm

from aiida_glassion.data.dataset import DatasetData
from aiida_glassion.data.frames import FramesData
from aiida_glassion.formats.deepmd.systems import read_system
from aiida_glassion.frames import Frames
from aiida_glassion.functions.selection import remember_frames, select_candidates, set_levels
from aiida_glassion.kernels.learning.levels import LevelSettings
from aiida_glassion.kernels.learning.selection import CODES
from aiida_glassion.kernels.learning.selection_settings import SelectionSettings
from aiida_glassion.kernels.learning.settings import read_settings
from aiida_glassion.workchains import protocols

pytestmark = pytest.mark.usefixtures('aiida_profile_clean')
SILICA = Path(__file__).parent.parent / 'fixtures' / 'deepmd' / 'silica' / 'O16Si8'
ELEMENTS = ['Na', 'O', 'Si']


@pytest.fixture(scope='module')
def silica():
    return Frames.concatenate(list(read_system(SILICA)))


def deviations_of(values, frames=None):
    index = np.arange(len(values)) if frames is None else np.asarray(frames)
    return orm.ArrayData({'frame': index, 'max_force_deviation': np.asarray(values, dtype=float)})


def parity_of(n_frames, seed, ratio=2.0):
    rng = np.random.default_rng(seed)
    deviation = np.exp(rng.normal(-2.0, 0.4, n_frames))
    return orm.ArrayData(
        {
            'max_force_deviation': deviation,
            'max_force_error': deviation * ratio * rng.uniform(0.5, 1.0, n_frames),
            'forces': rng.normal(size=(4 * n_frames, 3)),
            'n_atoms': np.full(n_frames, 4),
        }
    )


def test_levels_are_set_from_the_outputs_of_a_training():
    errors = orm.Dict({'members': ['a', 'b'], 'deviation': {'error_over_deviation': 3.1}})
    levels = set_levels(orm.Dict({'kind': 'calibrated'}), errors, parity_of(200, 1), orm.Int(3)).get_dict()
    assert levels['kind'] == 'calibrated'
    assert levels['ratio'] == pytest.approx(1.9, abs=0.05)
    assert 0 < levels['lower'] < levels['upper']
    assert levels['n_frames'] == 200
    assert 'err together' in ' '.join(levels['warnings'])
    again = set_levels(orm.Dict({'kind': 'calibrated'}), errors, parity_of(200, 1), orm.Int(3)).get_dict()
    assert again == levels
    fixed = set_levels(orm.Dict({'kind': 'fixed', 'lower': 0.1, 'upper': 0.3}), errors, parity_of(5, 1)).get_dict()
    assert (fixed['lower'], fixed['upper'], fixed['ratio']) == (0.1, 0.3, None)
    with pytest.raises(ValueError, match=r"levels\.uper: unknown key; did you mean 'upper'\?"):
        set_levels(orm.Dict({'uper': 1.0}), errors, parity_of(5, 1))


def test_every_frame_has_a_fate_and_the_data_are_never_chosen(silica):
    dataset = DatasetData.from_frames(silica[:30], {'engine': 'test'})
    memory = remember_frames(orm.List(ELEMENTS), initial=dataset)
    assert memory.get_array('fingerprints').shape == (30, 32)
    assert memory.get_array('fingerprints').dtype == np.uint8
    assert memory.get_array('descriptors').dtype == np.float32
    assert memory.base.attributes.get('elements') == ELEMENTS

    first, second = silica[20:60], silica[60:90]
    values = {'hot': np.full(40, 0.2), 'cold': np.linspace(0.01, 0.9, 30)}
    nodes = {
        'trajectories': {'hot': FramesData(frames=first), 'cold': FramesData(frames=second)},
        'deviations': {name: deviations_of(array) for name, array in values.items()},
        'memory': {'initial': memory},
    }
    levels = orm.Dict({'lower': 0.1, 'upper': 0.5, 'kind': 'fixed', 'relative': None})
    outputs = select_candidates(orm.Dict({'max_labels': 12}), levels, orm.List(ELEMENTS), orm.Int(5), **nodes)
    report = outputs['report'].get_dict()
    assert report['visited'] == 70
    assert report['discarded']['known'] == 10
    assert report['accurate'] == int(np.sum(values['cold'] < 0.1))
    assert report['failed'] == int(np.sum(values['cold'] >= 0.5))
    assert report['candidate'] == 70 - 10 - report['accurate'] - report['failed']
    assert report['chosen'] == 12
    assert sum(report['histogram']['counts']) == 70
    assert report['by_formula']['O16Si8']['chosen'] == 12
    classes = outputs['classes']
    assert classes.base.attributes.get('codes') == CODES
    for name, size in (('hot', 40), ('cold', 30)):
        codes = classes.get_array(f'{name}__class')
        assert codes.shape == (size,)
        assert codes.dtype == np.int8
        taken = np.flatnonzero(codes == CODES['candidate_chosen'])
        if name in outputs['frames']:
            source = first if name == 'hot' else second
            np.testing.assert_array_equal(outputs['frames'][name].frames.positions, source.positions[taken])
            assert outputs['frames'][name].frames.forces is None
    assert (classes.get_array('hot__class')[:10] == CODES['known']).all()
    assert sum(node.n_frames for node in outputs['frames'].values()) == 12
    assert outputs['memory'].get_array('fingerprints').shape == (12, 32)

    # what was chosen is remembered: the next round takes others, also from a memory of fewer elements
    small = remember_frames(orm.List(['O', 'Si']), initial=dataset)
    nodes['memory'] = {'initial': small, 'iteration_01': outputs['memory']}
    later = select_candidates(orm.Dict({'max_labels': 100}), levels, orm.List(ELEMENTS), orm.Int(5), **nodes)
    assert later['report']['discarded']['known'] == 22
    before = {bytes(row) for row in outputs['memory'].get_array('fingerprints')}
    assert not before & {bytes(row) for row in later['memory'].get_array('fingerprints')}


def test_nothing_to_choose_gives_no_frames(silica):
    nodes = {
        'trajectories': {'run': FramesData(frames=silica[:5])},
        'deviations': {'run': deviations_of([0.6, 0.7, 0.8, float('nan'), 0.01])},
    }
    levels = orm.Dict({'lower': 0.1, 'upper': 0.5})
    outputs = select_candidates(orm.Dict({}), levels, orm.List(ELEMENTS), orm.Int(0), **nodes)
    assert set(outputs) == {'report', 'classes'}
    report = outputs['report'].get_dict()
    assert (report['failed'], report['accurate'], report['chosen']) == (4, 1, 0)
    assert report['warnings'][0].startswith('Nothing can be chosen: of 5 frames 4 are above the upper level')
    assert 'no number' in report['warnings'][1]


def test_a_memory_that_cannot_be_compared_is_refused(silica):
    memory = remember_frames(orm.List(['Na', 'O', 'P', 'Si']), a=DatasetData.from_frames(silica[:2], {}))
    nodes = {
        'trajectories': {'run': FramesData(frames=silica[:5])},
        'deviations': {'run': deviations_of(np.full(5, 0.2))},
        'memory': {'a': memory},
    }
    levels = orm.Dict({'lower': 0.1, 'upper': 0.5})
    with pytest.raises(ValueError, match='but rows have P too'):
        select_candidates(orm.Dict({}), levels, orm.List(ELEMENTS), orm.Int(0), **nodes)


@pytest.mark.parametrize(('section', 'kind'), [('levels', LevelSettings), ('selection', SelectionSettings)])
@pytest.mark.parametrize('protocol', protocols.available('active_learning'))
def test_protocols_name_every_setting_and_are_valid(section, kind, protocol):
    content = protocols.load('active_learning', protocol)[section]
    assert set(content) == set(kind.model_fields)
    assert read_settings(kind, content, section).model_dump() == content

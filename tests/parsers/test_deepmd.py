"""The parsers of DeePMD jobs on what they really left, cut at any byte or damaged: always an exit code, never more."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from aiida.common import LinkType
from aiida.plugins import ParserFactory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aiida_glassion.data.dataset import DatasetData
from aiida_glassion.data.frames import FramesData
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.formats.deepmd.systems import read_system
from aiida_glassion.workchains import protocols

FIXTURES = Path(__file__).parents[1] / 'fixtures' / 'deepmd'
LOGS = FIXTURES / 'logs'
SILICA = next(read_system(FIXTURES / 'silica' / 'O16Si8'))
CHECKPOINT = b'model_checkpoint_path: "model.ckpt-200"\n'
WHOLE = {
    'train.log': (LOGS / 'whole.log').read_bytes(),
    'lcurve.out': (LOGS / 'whole.lcurve').read_bytes(),
    'checkpoint': CHECKPOINT,
    'compression_check.out': (LOGS / 'model_devi.out').read_bytes(),
}
INPUT = b'{"model": {"descriptor": {"rcut": 4.0}}, "training": {"numb_steps": 200}}'
MODELS = {name: (FIXTURES / 'silica_1.pb').read_bytes() for name in ('frozen.pb', 'compressed.pb')}


@pytest.fixture(scope='module')
def parse(aiida_profile, tmp_path_factory):
    """Parse files as if they had been retrieved; returns outputs by name and the exit code."""
    computer = orm.Computer(
        label='parsing-deepmd', hostname='localhost', transport_type='core.local', scheduler_type='core.direct'
    ).store()
    data = DatasetData.from_frames(SILICA[:3]).store()
    model = PotentialData.from_deepmd(FIXTURES / 'silica_1.pb').store()
    frames = FramesData(frames=SILICA[:2]).store()
    content = protocols.load('train', 'tiny', {'parameters': {'training': {'numb_steps': 200}}})['parameters']
    inputs = {
        'train': {
            'training__a': data,
            'parameters': orm.Dict(content).store(),
            'seed': orm.Int(1).store(),
            'backend': orm.Str('tensorflow').store(),
            'compress': orm.Bool(True).store(),
        },
        'test': {'datasets__a': data, 'potential': model},
        'deviation': {
            'potentials__a': model,
            'potentials__b': model,
            'frames__a': frames,
        },
    }

    def _parse(which: str, files: dict[str, bytes], temporary: dict[str, bytes] | None = None):
        node = orm.CalcJobNode(computer=computer, process_type=f'aiida.calculations:glassion.deepmd.{which}')
        for name, value in inputs[which].items():
            node.base.links.add_incoming(value, LinkType.INPUT_CALC, link_label=name)
        node.base.repository.put_object_from_bytes(INPUT, 'input.json')
        node.store()
        retrieved = orm.FolderData()
        for name, text in files.items():
            retrieved.base.repository.put_object_from_bytes(text, name)
        retrieved.base.links.add_incoming(node, LinkType.CREATE, link_label='retrieved')
        retrieved.store()
        folder = tmp_path_factory.mktemp('temporary')
        for name, text in (temporary or {}).items():
            (folder / name).write_bytes(text)
        outputs, call = ParserFactory(f'glassion.deepmd.{which}').parse_from_node(
            node, store_provenance=False, retrieved_temporary_folder=str(folder)
        )
        return outputs, call

    return _parse


def test_a_whole_training(parse):
    outputs, call = parse('train', WHOLE, MODELS)
    assert call.exit_status == 0, call.exit_message
    assert {'potential', 'frozen', 'learning_curve', 'results'} == set(outputs)
    assert outputs['results']['checkpoint_step'] == 200
    assert outputs['results']['last_errors']['rmse_f_trn'] == pytest.approx(2.0, abs=0.3)


def test_nothing_at_all(parse):
    outputs, call = parse('train', {})
    assert (call.exit_status, outputs['results']['finished']) == (301, False)
    assert parse('test', {})[1].exit_status == 301
    assert parse('deviation', {})[1].exit_status == 301


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(min_value=1, max_value=10072), st.integers(min_value=0, max_value=968), st.booleans())
def test_a_training_cut_at_any_byte(parse, log, curve, checkpoint):
    files = {'train.log': WHOLE['train.log'][:log], 'lcurve.out': WHOLE['lcurve.out'][:curve]}
    outputs, call = parse('train', files | ({'checkpoint': CHECKPOINT} if checkpoint else {}))
    assert call.exit_status in (302, 303)
    assert outputs['results']['checkpoint_step'] == (200 if checkpoint else None)
    assert 'potential' not in outputs


def test_a_model_that_was_cut(parse):
    """Not one byte of it may reach a potential unread."""
    for length in (0, 5000, 100000):
        outputs, call = parse('train', WHOLE, {**MODELS, 'compressed.pb': MODELS['compressed.pb'][:length]})
        assert call.exit_status == 305
        assert 'the file is no whole frozen model' in call.exit_message
        assert 'frozen' not in outputs
        assert outputs['potential'].base.attributes.get('type_map') == ['O', 'Si']
    outputs, call = parse('train', WHOLE, {**MODELS, 'frozen.pb': MODELS['frozen.pb'][:5000]})
    assert call.exit_status == 304
    assert 'potential' not in outputs
    _, call = parse('train', WHOLE)
    assert call.exit_status == 303
    assert 'killed before the model was frozen' in call.exit_message


def detail(rows: int, width: int, value: str = '1.0') -> bytes:
    return b'# data/a/O16Si8: data pred\n' + (' '.join([value] * 2 * width) + '\n').encode() * rows


DETAILS = {'detail.e.out': detail(3, 1), 'detail.f.out': detail(72, 3), 'detail.v.out': detail(3, 9)}


def test_parity(parse):
    outputs, call = parse('test', {'test.log': b'x'}, DETAILS)
    assert call.exit_status == 0, call.exit_message
    assert outputs['parity'].get_array('forces').shape == (72, 3)
    assert outputs['results']['force']['by_element']['O']['rmse'] == 0


@pytest.mark.parametrize('name', DETAILS)
def test_parity_that_was_cut(name, parse):
    _, call = parse('test', {'test.log': b'x'}, {**DETAILS, name: DETAILS[name][:-4]})
    assert call.exit_status == 303
    assert name in call.exit_message
    _, call = parse('test', {'test.log': b'x'}, {**DETAILS, name: DETAILS[name].replace(b'1.0', b'x')})
    assert call.exit_status == 303


def test_predictions_that_are_no_numbers(parse):
    _, call = parse('test', {'test.log': b'x'}, {**DETAILS, 'detail.f.out': detail(72, 3).replace(b'1.0\n', b'nan\n')})
    assert call.exit_status == 321


@pytest.mark.parametrize(('log', 'status'), [('no_backend', 306), ('out_of_memory', 320), ('wrong_element', 310)])
def test_reasons_of_a_test_or_a_deviation_that_failed(log, status, parse):
    text = (LOGS / f'{log}.log').read_bytes()
    assert parse('test', {'test.log': text})[1].exit_status == status
    assert parse('deviation', {'deviation.log': text})[1].exit_status == status


def test_deviations(parse):
    text = (LOGS / 'model_devi.out').read_text().replace('data/O16Si8', 'frames/a')
    two = ''.join(text.splitlines(keepends=True)[:4])
    outputs, call = parse('deviation', {'deviation.log': b'x'}, {'model_devi.out': two.encode()})
    assert call.exit_status == 0, call.exit_message
    np.testing.assert_array_equal(outputs['deviations'].get_array('frame'), [0, 1])
    outputs, call = parse('deviation', {'deviation.log': b'x'}, {'model_devi.out': two[:-2].encode()})
    assert (call.exit_status, len(outputs['deviations'].get_array('frame'))) == (303, 1)
    _, call = parse(
        'deviation', {'deviation.log': b'x'}, {'model_devi.out': two.replace('2.560084e-05', 'nan').encode()}
    )
    assert call.exit_status == 321

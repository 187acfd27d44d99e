"""What the WorkChain around a training does when it fails, with a `dp` that replays recorded outputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.plugins import CalculationFactory, WorkflowFactory

from aiida_glassion.data.dataset import DatasetData
from aiida_glassion.formats.deepmd.deviation_output import read_deviations
from aiida_glassion.formats.deepmd.remedy import other_seed
from aiida_glassion.formats.deepmd.systems import read_system
from aiida_glassion.workchains import protocols

FIXTURES = Path(__file__).parents[1] / 'fixtures' / 'deepmd'
LOGS = FIXTURES / 'logs'
CHECKPOINT = (
    'echo \'model_checkpoint_path: "model.ckpt-{step}"\' > checkpoint; touch model.ckpt-{step}.index model.ckpt.index'
)
WHOLE = f'cat {LOGS}/whole.log; cp {LOGS}/whole.lcurve lcurve.out; {CHECKPOINT.format(step=200)}'
CUT = f'head -c 7000 {LOGS}/whole.log; head -7 {LOGS}/whole.lcurve > lcurve.out; '
FROZEN = f'cp {FIXTURES}/silica_1.pb frozen.pb'
COMPRESSED = f'cp {FIXTURES}/silica_1.pb compressed.pb'
CHECKED = f'cp {LOGS}/model_devi.out compression_check.out'


@pytest.fixture
def dp(aiida_profile_clean, aiida_code_installed, aiida_computer_local, tmp_path):
    """Maker of a `dp` that does what it is told for each command."""

    def _dp(train=WHOLE, freeze=FROZEN, compress=COMPRESSED, check=CHECKED):
        path = tmp_path / 'dp'
        cases = {'train': train, 'freeze': freeze, 'compress': compress, 'model-devi': check}
        body = '\n'.join(f'{name}) {commands} ;;' for name, commands in cases.items())
        path.write_text(f'#!/bin/bash\necho "$@" >> calls\ncase "$2" in\n{body}\nesac\n')
        path.chmod(0o755)
        return aiida_code_installed(
            label='dp',
            default_calc_job_plugin='glassion.deepmd.train',
            computer=aiida_computer_local(label='localhost-replay'),
            filepath_executable=str(path),
            with_mpi=False,
        )

    return _dp


def inputs(code, **changes):
    frames = next(read_system(FIXTURES / 'silica' / 'O16Si8'))[:3]
    content = protocols.load('train', 'tiny', {'parameters': {'training': {'numb_steps': 200}}})['parameters']
    given = {
        'code': code,
        'training': {'silica': DatasetData.from_frames(frames)},
        'parameters': orm.Dict(content),
        'seed': orm.Int(1),
    }
    return given | changes


def run(code, max_calmer=2, **changes):
    process = WorkflowFactory('glassion.train.member')
    outputs, node = run_get_node(process, train=inputs(code, **changes), max_calmer=orm.Int(max_calmer))
    return outputs, node, [child for child in node.called if isinstance(child, orm.CalcJobNode)]


def test_a_training_that_goes_well(dp):
    outputs, node, (call,) = run(dp())
    assert node.is_finished_ok, node.exit_message
    assert call.exit_status == 0
    assert {'potential', 'frozen', 'learning_curve', 'results'} <= set(outputs)
    largest = read_deviations((LOGS / 'model_devi.out').read_text())['data/O16Si8']['max_force_deviation'].max()
    assert outputs['results']['compression_error'] == pytest.approx(2 * largest)
    said = call.outputs.remote_folder
    assert 'calls' in said.listdir()


def test_without_enough_memory_batches_are_halved_and_the_training_goes_on(dp):
    train = (
        f'if grep -q \'"batch_size": 2\' input.json; then cat {LOGS}/out_of_memory.log; '
        f'head -7 {LOGS}/whole.lcurve > lcurve.out; {CHECKPOINT.format(step=60)}; exit 1; else {WHOLE}; fi'
    )
    outputs, node, (first, second) = run(dp(train))
    assert node.is_finished_ok, node.exit_message
    assert first.exit_status == 320
    assert second.inputs.parameters['training']['training_data']['batch_size'] == 1
    assert second.inputs.restart.folder.uuid == first.outputs.remote_folder.uuid
    assert '--restart model.ckpt' in Path(second.get_remote_workdir(), 'calls').read_text()
    assert 'model.ckpt-60.index' in second.outputs.remote_folder.listdir()
    assert outputs['results']['pieces'] == 2


def test_when_even_one_frame_is_too_much(dp):
    _, node, calls = run(dp(f'cat {LOGS}/out_of_memory.log; exit 1'))
    assert (node.exit_status, len(calls)) == (413, 2)
    assert 'MemoryError' in node.exit_message


def test_a_model_that_cannot_be_compressed_is_kept_as_it_is(dp):
    outputs, node, (call,) = run(dp(compress='echo "RuntimeError: cannot tabulate"; exit 1'))
    assert node.is_finished_ok, node.exit_message
    assert (call.exit_status, call.exit_message) == (
        305, 'The model is kept uncompressed: RuntimeError: cannot tabulate',
    )  # fmt: skip
    assert outputs['results']['compressed'] is False
    assert 'not compressed' in outputs['potential'].base.attributes.get('notes')
    assert 'frozen' not in outputs


def test_a_compressed_model_with_other_forces_is_not_taken(dp):
    wrong = "sed 's/e-0[4-6]/e-01/g' " + f'{LOGS}/model_devi.out > compression_check.out'
    outputs, node, (call,) = run(dp(check=wrong))
    assert node.is_finished_ok, node.exit_message
    assert call.exit_status == 305
    assert 'a force differs by' in call.exit_message
    assert outputs['results']['compression_error'] > 0.1
    assert 'not compressed' in outputs['potential'].base.attributes.get('notes')


def test_a_loss_that_exploded_is_tried_again_with_other_weights_and_a_lower_rate(dp):
    train = f'if grep -q \'"start_lr": 0.005\' input.json; then cat {LOGS}/not_a_number.log; exit 1; else {WHOLE}; fi'
    outputs, node, (first, second) = run(dp(train))
    assert node.is_finished_ok, node.exit_message
    assert first.exit_status == 321
    assert second.inputs.parameters['learning_rate']['start_lr'] == pytest.approx(5e-4)
    assert second.inputs.seed.value == other_seed(1, 1)
    assert 'restart' not in second.inputs
    assert 'pieces' not in outputs['results']


def test_a_loss_that_explodes_whatever_is_done(dp):
    _, node, calls = run(dp(f'cat {LOGS}/not_a_number.log; exit 1'), max_calmer=1)
    assert (node.exit_status, len(calls)) == (411, 2)
    assert (
        'also with a learning rate of 0.0005: The loss is not a number: NaN detected at batch 20' in node.exit_message
    )


def test_a_training_that_never_gets_on_is_given_up(dp):
    outputs, node, calls = run(dp(f'{CUT} kill -9 $$'))
    assert node.exit_status == 410
    assert [call.exit_status for call in calls] == [303] * 3
    assert 'which comes every 20 steps (training.save_freq)' in node.exit_message
    assert 'killed or cut at step 80 of 200' in node.exit_message
    np.testing.assert_array_equal(outputs['learning_curve'].get_array('step'), np.arange(0, 81, 20))


@pytest.mark.parametrize(
    ('log', 'status', 'words'),
    [('wrong_element', 311, "Elements ['X'] are not present"), ('no_backend', 306, "No module named 'torch'")],
)
def test_what_will_not_change_is_not_tried_again(log, status, words, dp):
    _, node, (call,) = run(dp(f'cat {LOGS}/{log}.log; exit 1'))
    assert (node.exit_status, call.exit_status) == (412, status)
    assert words in node.exit_message


def test_a_model_that_was_not_frozen(dp):
    _, node, (call,) = run(dp(freeze=f'cat {LOGS}/freeze_failed.log; exit 1'))
    assert (node.exit_status, call.exit_status) == (412, 304)
    assert "no attribute 'model_checkpoint_path'" in call.exit_message


def test_the_monitor_ends_a_training_that_exploded(dp):
    forces = {0: 3.0, 10: 900.0, 20: 900.0, 30: 900.0}
    rows = ''.join(f'{step} 9e9 1.0 {force} 1e-3\\n' for step, force in forces.items())
    curve = f"printf '# step rmse_trn rmse_e_trn rmse_f_trn lr\\n{rows}' > lcurve.out"
    code = dp(f'{curve}; head -c 7000 {LOGS}/whole.log; sleep 600')
    monitors = {'loss': orm.Dict({'entry_point': 'glassion.deepmd.train', 'minimum_poll_interval': 1})}
    outputs, node = run_get_node(CalculationFactory('glassion.deepmd.train'), **inputs(code, monitors=monitors))
    assert node.exit_status == 322
    assert 'the error grew from 3 to 900 eV/Å at step 30' in node.exit_message
    assert 'potential' not in outputs
    assert (node.mtime - node.ctime).total_seconds() < 500

"""Training, testing and deviation with the real DeePMD-kit."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.plugins import CalculationFactory, WorkflowFactory

from aiida_glassion.data.dataset import DatasetData
from aiida_glassion.data.frames import FramesData
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.formats.deepmd.frozen import read_frozen
from aiida_glassion.formats.deepmd.lcurve import read_lcurve
from aiida_glassion.formats.deepmd.systems import read_system
from aiida_glassion.frames import Frames
from aiida_glassion.functions.committee import read_parity
from aiida_glassion.kernels.learning.deviation import force_deviation, virial_deviation
from aiida_glassion.workchains import protocols

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures('aiida_profile_clean')]

FIXTURES = Path(__file__).parent.parent / 'fixtures' / 'deepmd'
SILICA = FIXTURES / 'silica' / 'O16Si8'
METHOD = {'engine': 'lammps', 'potential': 'pmmcs'}


def silica() -> Frames:
    return Frames.concatenate(list(read_system(SILICA)))


def dataset(frames: Frames | None = None, method=METHOD) -> DatasetData:
    return DatasetData.from_frames(frames if frames is not None else silica(), method=method)


def parameters(**training):
    return protocols.load('train', 'tiny', {'parameters': {'training': training}})['parameters']


def train_inputs(code, **more):
    inputs = {'code': code, 'training': {'silica': dataset()}, 'parameters': orm.Dict(parameters()), 'seed': orm.Int(7)}
    return inputs | more


class Killer(threading.Thread):
    """Kill -9 the program of the next job below a folder once its learning curve shows that it passed a step."""

    def __init__(self, folder: Path, after_step: int):
        super().__init__(daemon=True)
        self.folder, self.after_step, self.killed = folder, after_step, []
        self.old = set(folder.rglob('lcurve.out'))

    def run(self) -> None:
        deadline = time.time() + 120
        while not self.killed and time.time() < deadline:
            for path in set(self.folder.rglob('lcurve.out')) - self.old:
                curve = read_lcurve(path.read_text(errors='ignore'))
                if curve and curve['step'][-1] >= self.after_step:
                    self.kill(path.parent.resolve())
            time.sleep(0.02)

    def kill(self, workdir: Path) -> None:
        for process in Path('/proc').iterdir():
            try:
                here = process.name.isdigit() and (process / 'cwd').resolve() == workdir
                if here and b'train\0' in (process / 'cmdline').read_bytes():
                    os.kill(int(process.name), signal.SIGKILL)
                    self.killed.append(process.name)
            except OSError:
                continue


def test_killed_in_the_middle_goes_on_from_its_checkpoint(dp_code):
    more = {'parameters': orm.Dict(parameters(numb_steps=800, disp_freq=20, save_freq=100)), 'compress': False}
    killer = Killer(Path(dp_code.computer.get_workdir()), after_step=240)
    killer.start()
    outputs, node = run_get_node(
        WorkflowFactory('glassion.train.member'), train=train_inputs(dp_code, **more), metadata={}
    )
    assert killer.killed, 'nothing was killed: the test tested nothing'
    assert node.is_finished_ok, node.exit_message
    first, second = (child for child in node.called if isinstance(child, orm.CalcJobNode))
    assert first.exit_status == 303
    assert first.outputs.results['checkpoint_step'] >= 200
    assert 'potential' not in first.outputs
    assert second.outputs.results['first_step'] == first.outputs.results['checkpoint_step']
    np.testing.assert_array_equal(outputs['learning_curve'].get_array('step'), np.arange(0, 801, 20))
    assert outputs['results']['first_step'] == 0
    assert outputs['results']['pieces'] == 2
    assert outputs['potential'].base.attributes.get('type_map') == ['O', 'Si']


def test_a_learning_rate_beyond_measure_is_recognised(dp_code):
    wild = parameters(numb_steps=60)
    wild['learning_rate'] |= {'start_lr': 1e9, 'stop_lr': 1e-5}
    inputs = train_inputs(dp_code, parameters=orm.Dict(wild))
    outputs, node = run_get_node(CalculationFactory('glassion.deepmd.train'), **inputs)
    assert node.exit_status == 321
    assert node.exit_message == 'The loss is not a number: NaN detected at batch 10'
    assert outputs['learning_curve'].get_array('step').tolist() == [0]
    assert 'freeze.log' not in outputs['retrieved'].list_object_names()


def model(number: int) -> PotentialData:
    return PotentialData.from_deepmd(FIXTURES / f'silica_{number}.pb')


def strip(frames: Frames, *labels: str) -> Frames:
    return replace(frames, **dict.fromkeys(labels))


def test_trains_freezes_and_compresses(dp_code):
    validation = {'melt': dataset(silica()[60:])}
    inputs = train_inputs(dp_code, training={'silica': dataset(silica()[:60])}, validation=validation)
    outputs, node = run_get_node(CalculationFactory('glassion.deepmd.train'), **inputs)
    assert node.is_finished_ok, node.exit_message
    results = outputs['results'].get_dict()
    assert (results['finished'], results['last_step'], results['checkpoint_step']) == (True, 100, 100)
    assert results['compressed'] is True
    assert 0 < results['compression_error'] < 2e-3
    assert results['sel'] == [20, 12]
    assert results['deepmd_version'].startswith('3.')
    assert 0 < results['seconds_per_batch'] < 1
    assert results['problems'] == []
    curve = outputs['learning_curve']
    np.testing.assert_array_equal(curve.get_array('step'), np.arange(0, 101, 10))
    assert {'rmse_e_val', 'rmse_f_trn', 'rmse_v_trn', 'lr'} <= set(curve.get_arraynames())
    assert curve.base.attributes.get('units')['rmse_f_val'] == 'eV/Å'
    forces = curve.get_array('rmse_f_trn')
    assert forces[-3:].mean() < forces[0]
    compressed, frozen = (read_frozen(outputs[name].potential.files['graph.pb']) for name in ('potential', 'frozen'))
    assert (compressed.compressed, frozen.compressed) == (True, False)
    assert compressed.type_map == ('O', 'Si')
    assert outputs['potential'].base.attributes.get('cutoff') == 4.0
    assert 'seed 7' in outputs['potential'].base.attributes.get('notes')
    names = outputs['retrieved'].base.repository.list_object_names()
    assert not [name for name in names if name.endswith('.pb')]
    assert outputs['retrieved'].get_object_content('_scheduler-stdout.txt') == ''
    content = json.loads(node.base.repository.get_object_content('input.json'))
    assert content['training']['training_data']['systems'] == ['data/silica/O16Si8']
    assert node.base.repository.list_object_names() == ['.aiida', '_aiidasubmit.sh', 'input.json']


def test_begins_with_the_weights_of_another_model_and_without_virials(dp_code):
    content = parameters(numb_steps=20, disp_freq=5)
    content['loss'] |= {'start_pref_v': 0, 'limit_pref_v': 0}
    content['model']['descriptor'] |= {'precision': 'default'}
    content['model']['fitting_net'] |= {'precision': 'default'}
    content['learning_rate'] |= {'start_lr': 1e-5, 'stop_lr': 1e-6}
    inputs = train_inputs(
        dp_code,
        parameters=orm.Dict(content),
        training={'silica': dataset(strip(silica(), 'virials'))},
        warm_start=model(1),
        compress=False,
    )
    outputs, node = run_get_node(CalculationFactory('glassion.deepmd.train'), **inputs)
    assert node.is_finished_ok, node.exit_message
    assert outputs['results']['sel'] == [40, 24]  # that of the model; counted in these data it would be [20, 12]
    assert outputs['learning_curve'].get_array('rmse_f_trn')[0] < 1.0  # weights drawn anew begin with 3 eV/Å
    assert outputs['results']['labelled_frames'] == {'energies': 90, 'forces': 90, 'virials': 0}
    assert 'frozen' not in outputs


def test_parity_and_deviation_of_two_models(dp_code):
    frames = silica()
    datasets = {'hot': dataset(frames[60:70]), 'cold': dataset(strip(frames[:5], 'virials'))}
    parities = []
    for number in (1, 2):
        inputs = {'code': dp_code, 'potential': model(number), 'datasets': datasets}
        outputs, node = run_get_node(CalculationFactory('glassion.deepmd.test'), **inputs)
        assert node.is_finished_ok, node.exit_message
        parities.append(read_parity(outputs['parity']))
    parity, results = parities[1], outputs['results'].get_dict()
    np.testing.assert_allclose(parity.energies, np.concatenate([frames.energies[:5], frames.energies[60:70]]))
    np.testing.assert_allclose(parity.forces[: 5 * 24].reshape(5, 24, 3), frames.sorted_by_element().forces[:5])
    assert np.isnan(parity.virials[:5]).all()
    np.testing.assert_allclose(parity.virials[5:], frames.virials[60:70])
    assert np.corrcoef(parity.predicted_virials[5:].ravel(), parity.virials[5:].ravel())[0, 1] > 0.9
    errors = (parity.predicted_energies - parity.energies) / 24
    assert results['energy']['rmse'] == pytest.approx(1e3 * np.sqrt(np.mean(errors**2)))
    silicon = parity.atom_elements == 1
    wrong = parity.predicted_forces[silicon] - parity.forces[silicon]
    assert results['force']['by_element']['Si']['mae'] == pytest.approx(1e3 * np.abs(wrong).mean())
    assert results['virial']['n_frames'] == 10

    shuffled = np.random.default_rng(1).permutation(24)
    symbols = tuple(frames.symbols[i] for i in shuffled)
    mixed = Frames(symbols, frames.positions[60:70][:, shuffled], frames.cells[60:70])
    inputs = {
        'code': dp_code,
        'potentials': {'one': model(1), 'two': model(2)},
        'frames': {'hot': FramesData(frames=mixed), 'cold': FramesData(frames=frames[:5])},
    }
    outputs, node = run_get_node(CalculationFactory('glassion.deepmd.deviation'), **inputs)
    assert node.is_finished_ok, node.exit_message
    deviations = outputs['deviations']
    assert deviations.base.attributes.get('sources') == ['cold', 'hot']
    np.testing.assert_array_equal(deviations.get_array('source'), [0] * 5 + [1] * 10)
    np.testing.assert_array_equal(deviations.get_array('frame'), [*range(5), *range(10)])
    forces = np.stack([p.predicted_forces.reshape(15, 24, 3) for p in parities])
    virials = np.stack([p.predicted_virials[5:] for p in parities])
    for name, values in force_deviation(forces).items():
        np.testing.assert_allclose(deviations.get_array(name), values, rtol=2e-5, atol=1e-6, err_msg=name)
    for name, values in virial_deviation(virials, 24).items():
        np.testing.assert_allclose(deviations.get_array(name)[5:], values, rtol=2e-5, atol=1e-6, err_msg=name)
    assert outputs['results']['frames']['hot']['max'] == pytest.approx(
        force_deviation(forces)['max_force_deviation'][5:].max(), rel=1e-4
    )


def test_a_backend_that_is_not_installed_is_named(dp_code):
    _, node = run_get_node(CalculationFactory('glassion.deepmd.train'), **train_inputs(dp_code, backend='pytorch'))
    assert node.exit_status == 306
    assert "No module named 'torch'" in node.exit_message

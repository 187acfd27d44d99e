"""Training, testing and deviation with the real DeePMD-kit."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.plugins import CalculationFactory, WorkflowFactory

from aiida_glassion.data.dataset import DatasetData
from aiida_glassion.formats.deepmd.lcurve import read_lcurve
from aiida_glassion.formats.deepmd.systems import read_system
from aiida_glassion.frames import Frames
from aiida_glassion.workchains import protocols

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures('aiida_profile_clean')]

SILICA = Path(__file__).parent.parent / 'fixtures' / 'deepmd' / 'silica' / 'O16Si8'
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
    more = {'parameters': orm.Dict(parameters(numb_steps=1500, disp_freq=20, save_freq=100)), 'compress': False}
    killer = Killer(Path(dp_code.computer.get_workdir()), after_step=340)
    killer.start()
    outputs, node = run_get_node(
        WorkflowFactory('glassion.train.member'), train=train_inputs(dp_code, **more), metadata={}
    )
    assert killer.killed, 'nothing was killed: the test tested nothing'
    assert node.is_finished_ok, node.exit_message
    first, second = (child for child in node.called if isinstance(child, orm.CalcJobNode))
    assert first.exit_status == 303
    assert first.outputs.results['checkpoint_step'] >= 300
    assert 'potential' not in first.outputs
    assert second.outputs.results['first_step'] == first.outputs.results['checkpoint_step']
    np.testing.assert_array_equal(outputs['learning_curve'].get_array('step'), np.arange(0, 1501, 20))
    assert outputs['results']['first_step'] == 0
    assert outputs['results']['pieces'] == 2
    assert outputs['potential'].base.attributes.get('type_map') == ['O', 'Si']


def test_explodes_and_learns_with_a_lower_rate(dp_code):
    wild = parameters(numb_steps=60)
    wild['learning_rate'] |= {'start_lr': 1e9, 'stop_lr': 1e-5}
    _, node = run_get_node(
        WorkflowFactory('glassion.train.member'),
        train=train_inputs(dp_code, parameters=orm.Dict(wild), compress=False),
        max_calmer=1,
    )
    assert node.exit_status == 411, node.exit_message
    assert 'also with a learning rate of 1e+08' in node.exit_message
    calls = [child for child in node.called if isinstance(child, orm.CalcJobNode)]
    assert [call.exit_status for call in calls] == [321, 321]
    assert calls[0].inputs.seed != calls[1].inputs.seed


def test_trains_freezes_and_compresses(dp_code):
    outputs, node = run_get_node(CalculationFactory('glassion.deepmd.train'), **train_inputs(dp_code))
    for log in (
        'train.log',
        'freeze.log',
        'compress.log',
        'check.log',
        '_scheduler-stderr.txt',
        '_scheduler-stdout.txt',
    ):
        print(log, node.outputs.retrieved.get_object_content(log)[-1500:] if log != 'train.log' else '')
    print(node.outputs.results.get_dict())
    assert node.is_finished_ok, node.exit_message

"""Training, testing and deviation with the real DeePMD-kit."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.plugins import CalculationFactory

from aiida_glassion.data.dataset import DatasetData
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

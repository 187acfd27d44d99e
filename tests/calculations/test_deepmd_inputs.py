"""What is said of inputs of DeePMD calculations that make no sense, before anything is submitted."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from aiida.common import LinkType
from aiida.engine.utils import instantiate_process
from aiida.manage import get_manager
from aiida.plugins import CalculationFactory

from aiida_glassion.data.dataset import DatasetData
from aiida_glassion.data.frames import FramesData
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.formats.deepmd.systems import read_system
from aiida_glassion.frames import Frames
from aiida_glassion.potentials.deepmd import deepmd_potential
from aiida_glassion.workchains import protocols
from aiida_glassion.workchains.train_member import TrainMemberWorkChain

pytestmark = pytest.mark.usefixtures('aiida_profile_clean')

FIXTURES = Path(__file__).parents[1] / 'fixtures' / 'deepmd'
FRAMES = next(read_system(FIXTURES / 'silica' / 'O16Si8'))[:3]
METHOD = {'engine': 'lammps'}


def dataset(frames: Frames = FRAMES, **method) -> DatasetData:
    return DatasetData.from_frames(frames, method=METHOD | method)


def model(name='silica_1') -> PotentialData:
    return PotentialData.from_deepmd(FIXTURES / f'{name}.pb')


def parameters(**overrides):
    return protocols.load('train', 'tiny', {'parameters': overrides})['parameters']


@pytest.fixture
def code(aiida_code_installed, aiida_computer_local):
    return aiida_code_installed(
        default_calc_job_plugin='glassion.deepmd.train',
        computer=aiida_computer_local(label='localhost-inputs'),
        filepath_executable='/bin/true',
    )


def make(which, inputs):
    """Make the process, as `run` and `submit` do first of all."""
    instantiate_process(get_manager().get_runner(), CalculationFactory(f'glassion.deepmd.{which}'), **inputs)


@pytest.fixture
def train(code):
    def _train(**changes):
        inputs = {'code': code, 'training': {'a': dataset()}, 'parameters': orm.Dict(parameters()), 'seed': orm.Int(1)}
        make('train', {key: value for key, value in (inputs | changes).items() if value is not None})

    return _train


def without(*labels: str) -> DatasetData:
    return dataset(replace(FRAMES, **dict.fromkeys(labels)))


def other_elements() -> DatasetData:
    return dataset(replace(FRAMES, symbols=tuple('Na' if s == 'Si' else s for s in FRAMES.symbols)))


def pytorch_model() -> PotentialData:
    return PotentialData.from_potential(deepmd_potential(b'PK', ['O', 'Si'], 4.0, file='graph.pth'))


NO_VIRIALS = {'loss': {'start_pref_v': 0, 'limit_pref_v': 0}}
CHANGES = {
    'no data': (lambda: {'training': {}}, 'training: no dataset given, expected at least one'),
    'no seed of that size': (lambda: {'seed': orm.Int(-1)}, 'seed: -1 is not between 0 and 2147483647'),
    'misspelt keyword': (
        lambda: {'parameters': orm.Dict(parameters(model={'descriptor': {'rcut_smoth': 1.0}}))},
        r'parameters: \[at location `model/descriptor`\] undefined key `rcut_smoth` is not allowed in strict mode. '
        'Did you mean: rcut_smth',
    ),
    'seed in the parameters': (
        lambda: {'parameters': orm.Dict(parameters(training={'seed': 1}))},
        "parameters: training.seed is set by the input 'seed'; leave it out",
    ),
    'missing element': (
        lambda: {'type_map': orm.List(['O'])},
        r"type_map: Si of dataset a is missing in \['O'\]; expected all of O, Si",
    ),
    'element twice': (lambda: {'type_map': orm.List(['O', 'Si', 'O'])}, 'expected each element once'),
    'element of validation': (
        lambda: {'validation': {'b': other_elements()}, 'type_map': orm.List(['O', 'Si'])},
        'type_map: Na of dataset validation b is missing',
    ),
    'other method': (
        lambda: {'training': {'a': dataset(), 'b': dataset(functional='PBE')}},
        "a and b were labelled differently .functional: None and 'PBE'.",
    ),
    'no virials': (
        lambda: {'training': {'a': without('virials')}},
        r'the loss weighs virials \(start_pref_v, limit_pref_v up to 1\), but no frame of the training data has any; '
        'set both to 0, or give a dataset with virials',
    ),
    'no forces': (
        lambda: {'training': {'a': without('forces', 'virials')}, 'parameters': orm.Dict(parameters(**NO_VIRIALS))},
        'the loss weighs forces',
    ),
    'unknown backend': (lambda: {'backend': orm.Str('jax')}, 'backend: backend .jax. is not supported: its models'),
    'not compressible': (
        lambda: {
            'parameters': orm.Dict(
                parameters()
                | {
                    'model': {
                        'descriptor': {
                            'type': 'dpa2',
                            'repinit': {'rcut': 4.0, 'rcut_smth': 1.0, 'nsel': 30},
                            'repformer': {'rcut': 3.0, 'rcut_smth': 1.0, 'nsel': 10},
                        }
                    }
                }
            )
        },
        'compress: a model with the descriptor dpa2 cannot be compressed; set compress to False',
    ),
    'published potential': (
        lambda: {'warm_start': PotentialData.from_library('pmmcs', elements=['O', 'Si'])},
        "warm_start: a potential of kind 'published' given, expected one of kind deepmd",
    ),
    'model of another backend': (
        lambda: {'warm_start': pytorch_model()},
        'warm_start: graph.pth is of another backend; expected a frozen .pb of tensorflow',
    ),
    'other order of types': (
        lambda: {'warm_start': model(), 'type_map': orm.List(['Si', 'O'])},
        r"warm_start: the model counts its types as \['O', 'Si'\], the training as \['Si', 'O'\]",
    ),
    'two starts': (
        lambda: {'warm_start': model(), 'finetune': model()},
        'warm_start and finetune: a training begins from one of them only',
    ),
    'finetune what cannot be': (
        lambda: {'finetune': model()},
        'finetune: the backend tensorflow finetunes se_atten, se_atten_v2, dpa1 only, not se_e2_a',
    ),
    'finetune a frozen model with pytorch': (
        lambda: {'finetune': pytorch_model(), 'backend': orm.Str('pytorch')},
        'finetune: graph.pth given, but the backend pytorch finetunes .pt files',
    ),
    'mpi': (lambda: {'metadata': {'options': {'withmpi': True}}}, 'metadata.options.withmpi: True, but dp runs as one'),
    'no code': (lambda: {'code': None}, 'code: missing, expected the dp of DeePMD-kit'),
}


@pytest.mark.parametrize('case', CHANGES)
def test_a_training_is_refused_with_what_would_be_right(case, train):
    change, words = CHANGES[case]
    with pytest.raises(ValueError, match=words):
        train(**change())


def test_right_inputs_pass(train):
    train()
    train(type_map=orm.List(['Na', 'O', 'Si']), validation={'b': dataset()})
    train(training={'a': without('virials'), 'b': dataset()})
    train(training={'a': without('virials')}, parameters=orm.Dict(parameters(**NO_VIRIALS)))
    train(warm_start=model('silica_si_o'))
    checkpoint = orm.SinglefileData(io.BytesIO(b'x'), filename='dpa2.pt')
    train(finetune=checkpoint, backend=orm.Str('pytorch'), compress=orm.Bool(False))


def test_checkpoints_on_another_computer(train, code, aiida_computer_local):
    other = aiida_computer_local(label='elsewhere')
    train(restart={'folder': orm.RemoteData(computer=code.computer, remote_path='/scratch')})
    with pytest.raises(ValueError, match=r'restart\.folder: its files are on elsewhere, but the code runs on loc'):
        train(restart={'folder': orm.RemoteData(computer=other, remote_path='/scratch')})


def test_an_interrupted_training_is_taken_from_the_cache_only_with_a_newer_checkpoint():
    calculation = CalculationFactory('glassion.deepmd.train')
    for first, checkpoint, valid in ((0, 200, True), (0, None, False), (200, 200, False)):
        node = orm.CalcJobNode(process_type='aiida.calculations:glassion.deepmd.train')
        node.set_exit_status(303)
        node.set_process_state('finished')
        node.store()
        results = orm.Dict({'first_step': first, 'checkpoint_step': checkpoint})
        results.base.links.add_incoming(node, LinkType.CREATE, link_label='results')
        results.store()
        assert calculation.is_valid_cache(node) is valid, (first, checkpoint)


def test_an_empty_dataset_is_refused_by_name(train):
    empty = dataset()
    empty.base.attributes.set('n_frames', 0)
    with pytest.raises(ValueError, match=r'training\.a: the dataset is empty'):
        train(training={'a': empty})


def test_compressed_model_is_no_start(train, monkeypatch):
    compressed = model()
    from aiida_glassion.formats.deepmd.frozen import FrozenModel

    said = FrozenModel(('O', 'Si'), 4.0, compressed=True)
    monkeypatch.setattr('aiida_glassion.calculations.deepmd_inputs.read_frozen', lambda content: said)
    with pytest.raises(
        ValueError, match='warm_start: a compressed model cannot be trained on; give the output `frozen`'
    ):
        train(warm_start=compressed)


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        (lambda: {'datasets': {}}, 'datasets: no dataset given'),
        (lambda: {'datasets': {'a': other_elements()}}, r'datasets\.a: Na is unknown to the potential, .* knows O, Si'),
        (
            lambda: {'potential': PotentialData.from_library('pmmcs', elements=['O', 'Si'])},
            'expected one of kind deepmd',
        ),
    ],
)
def test_a_test_is_refused(change, words, code):
    inputs = {'code': code, 'potential': model(), 'datasets': {'a': dataset()}}
    make('test', inputs)
    with pytest.raises(ValueError, match=words):
        make('test', inputs | change())


def slab() -> FramesData:
    return FramesData(frames=Frames(('O',), np.zeros((1, 1, 3)), 9 * np.eye(3)[None], (True, True, False)))


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        (lambda: {'frames': {}}, 'frames: none given'),
        (lambda: {'potentials': {'one': model()}}, 'potentials: 1 given; one model alone cannot disagree'),
        (
            lambda: {'potentials': {'one': model(), 'two': model('silica_si_o')}},
            r"potentials.two: type map \['Si', 'O'\], but that of one is \['O', 'Si'\]",
        ),
        (lambda: {'potentials': {'one': model(), 'two': pytorch_model()}}, 'potentials.two: a model of pytorch'),
        (lambda: {'frames': {'slab': slab()}}, r'frames\.slab: periodic in \(True, True, False\)'),
        (
            lambda: {'frames': {'salt': FramesData(frames=Frames(('Na',), np.zeros((1, 1, 3)), 9 * np.eye(3)[None]))}},
            r'frames\.salt: Na is unknown to the potentials, which know O, Si',
        ),
    ],
)
def test_a_deviation_is_refused(change, words, code):
    inputs = {
        'code': code,
        'potentials': {'one': model('silica_1'), 'two': model('silica_2')},
        'frames': {'a': FramesData(frames=FRAMES)},
    }
    make('deviation', inputs)
    with pytest.raises(ValueError, match=words):
        make('deviation', inputs | change())


def test_builder_of_a_protocol(code):
    builder = TrainMemberWorkChain.get_builder_from_protocol(
        code, {'a': dataset()}, seed=3, protocol='tiny', overrides={'parameters': {'training': {'numb_steps': 7}}}
    )
    assert builder.train.parameters['training']['numb_steps'] == 7
    assert builder.train.parameters['model']['descriptor']['neuron'] == [6, 12]
    assert builder.train.compress.value is True
    with pytest.raises(ValueError, match=re.escape("protocol 'tinny' is not known; did you mean 'tiny'?")):
        TrainMemberWorkChain.get_builder_from_protocol(code, {'a': dataset()}, seed=3, protocol='tinny')

"""The course of a committee's training with a stand-in for ``dp`` that replays recorded runs."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import run_get_node

from aiida_glassion.data.dataset import DatasetData
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.formats.deepmd.input import derive_seeds
from aiida_glassion.formats.deepmd.systems import read_system
from aiida_glassion.frames import Frames
from aiida_glassion.potentials.deepmd import deepmd_potential
from aiida_glassion.workchains.train import TrainWorkChain
from aiida_glassion.workchains.train_inputs import member_seed

FIXTURES = Path(__file__).parent.parent / 'fixtures' / 'deepmd'
CHANGES = {'compress': False, 'split': {'test_fraction': 0.4}}


@pytest.fixture
def fake_dp(aiida_code_installed, localhost, tmp_path):
    """A code that is the stand-in; environment variables as arguments."""

    def make(label: str, **environment: str):
        program = tmp_path / label
        program.write_text(f'#!/bin/sh\nexec {sys.executable} {FIXTURES / "fake_dp.py"} "$@"\n')
        program.chmod(0o755)
        return aiida_code_installed(
            label=label,
            default_calc_job_plugin='glassion.deepmd.train',
            computer=localhost,
            filepath_executable=str(program),
            prepend_text='\n'.join(f'export {name}={value}' for name, value in environment.items()),
            with_mpi=False,
        )

    return make


def silica(part=slice(None)) -> DatasetData:
    frames = Frames.concatenate(list(read_system(FIXTURES / 'silica' / 'O16Si8')))
    return DatasetData.from_frames(frames[part], method={'engine': 'lammps'})


def training_seed(seed: int, number: int, attempt: int = 0) -> int:
    """The seed that a member's input.json names."""
    return derive_seeds(member_seed(seed, number, attempt), 1)[0]


def calls_of(node: orm.ProcessNode) -> dict[str, orm.ProcessNode]:
    links = node.base.links.get_outgoing(link_type=LinkType.CALL_WORK).all()
    return {link.link_label: link.node for link in links}


def model_of(number: int):
    return deepmd_potential((FIXTURES / f'silica_{number}.pb').read_bytes(), ['O', 'Si'], 4.0)


def test_a_failed_member_is_trained_again_and_a_lost_one_is_borne(aiida_profile_clean, fake_dp):
    """Of three members the second fails once and the third twice; the test set is given and partly learned."""
    failing = [training_seed(9, 2), training_seed(9, 3), training_seed(9, 3, 1)]
    code = fake_dp('dp-fails', FAKE_DP_FAIL=','.join(str(seed) for seed in failing))
    changes = {'compress': False, 'split': {'validation_fraction': 0}}
    builder = TrainWorkChain.get_builder_from_protocol(
        code, {'silica': silica()}, 'tiny', changes, seed=9, committee=3, max_concurrent=3,
        test={'cold': silica(slice(0, 10))},
    )  # fmt: skip
    outputs, node = run_get_node(builder)
    assert node.is_finished_ok, node.exit_message
    assert sorted(outputs['potentials']) == ['seed_1', 'seed_2']
    assert outputs['frozen']['seed_1'].uuid == outputs['potentials']['seed_1'].uuid
    ledger = outputs['ledger'].get_dict()
    assert sorted(ledger) == ['train_seed_2', 'train_seed_3', 'train_seed_3_again_1']
    assert ledger['train_seed_2']['seed'] == member_seed(9, 2)
    assert ledger['train_seed_2']['exit_status'] == 412
    assert [ledger[label]['then'] for label in sorted(ledger)] == [
        'again with another seed', 'again with another seed', 'left out',
    ]  # fmt: skip
    again = calls_of(node)['train_seed_2_again_1']
    assert again.inputs.train.seed.value == member_seed(9, 2, 1)
    assert again.outputs.potential.uuid == outputs['potentials']['seed_2'].uuid
    assert 'validation' not in again.inputs.train

    assert 'test_set' not in outputs
    assert not any(child.process_label == 'split_dataset' for child in node.called)
    errors = outputs['errors'].get_dict()
    assert errors['members'] == ['seed_1', 'seed_2']
    assert errors['n_frames'] == 10
    # the stand-in's noise: 0.1 eV/Å, 0.1 eV in a cell of 24 atoms
    assert errors['force']['rmse']['mean'] == pytest.approx(100, rel=0.05)
    assert errors['energy']['rmse']['mean'] == pytest.approx(100 / 24, rel=0.5)
    assert errors['verdict']['leak']['n_same'] == 10
    assert any('10 are the same' in warning for warning in errors['verdict']['warnings'])


def test_what_fails_for_all_is_not_tried_again(aiida_profile_clean, fake_dp):
    code = fake_dp('dp-always-fails', FAKE_DP_FAIL='all')
    builder = TrainWorkChain.get_builder_from_protocol(code, {'silica': silica()}, 'tiny', CHANGES)
    outputs, node = run_get_node(builder)
    assert node.exit_status == 500
    assert node.exit_message.startswith('0 of 2 models were trained, 2 needed: train_seed_1: Training failed: ')
    assert sorted(outputs['ledger'].get_dict()) == ['train_seed_1', 'train_seed_2']
    assert {entry['then'] for entry in outputs['ledger'].get_dict().values()} == {'left out'}
    assert 'potentials' not in outputs


def test_models_that_nobody_could_test(aiida_profile_clean, fake_dp):
    code = fake_dp('dp-without-test', FAKE_DP_FAIL_TEST='yes')
    builder = TrainWorkChain.get_builder_from_protocol(
        code, {'silica': silica()}, 'tiny', {**CHANGES, 'fewest': 1}, committee=1
    )
    outputs, node = run_get_node(builder)
    assert node.exit_status == 501
    assert 'test_seed_1: ' in node.exit_message
    assert 'no such op' in node.exit_message
    assert sorted(outputs['potentials']) == ['seed_1']
    assert 'errors' not in outputs


def test_a_formula_is_held_out_and_members_begin_with_given_models(aiida_profile_clean, fake_dp):
    small = Frames(
        ('O', 'O', 'Si'),
        np.random.default_rng(1).random((6, 3, 3)) * 5,
        np.repeat(5 * np.eye(3)[None], 6, axis=0),
        energies=np.zeros(6),
        forces=np.zeros((6, 3, 3)),
        virials=np.zeros((6, 3, 3)),
    )
    data = {'melt': silica(), 'small': DatasetData.from_frames(small, method={'engine': 'lammps'})}
    code = fake_dp('dp-held-out')
    changes = {
        'compress': False,
        'split': {'test_formulas': ['O2Si1']},
        'warm': {'parameters': {'training': {'numb_steps': 50}, 'learning_rate': {'start_lr': 1e-3}}},
    }
    models = {f'seed_{i}': PotentialData.from_potential(model_of(i)) for i in (1, 2)}
    builder = TrainWorkChain.get_builder_from_protocol(code, data, 'tiny', changes, warm_start=models)
    outputs, node = run_get_node(builder)
    assert node.is_finished_ok, node.exit_message
    assert list(outputs['test_set']) == ['small']
    assert outputs['test_set']['small'].uuid == data['small'].uuid
    assert outputs['errors']['formulas'] == {'O2Si1': 6}
    leak = outputs['errors']['verdict']['leak']
    assert leak['n_other_atoms'] == 6
    assert leak['median_distance'] is None
    for number in (1, 2):
        begun = calls_of(node)[f'train_seed_{number}'].inputs.train
        assert begun.warm_start.uuid == models[f'seed_{number}'].uuid
        assert begun.parameters['training']['numb_steps'] == 50
        assert begun.parameters['learning_rate'] == {
            'type': 'exp', 'start_lr': 1e-3, 'stop_lr': 1e-5, 'decay_steps': 5,
        }  # fmt: skip
        assert {name: part.n_frames for name, part in begun.training.items()} == {'melt': 81}
        assert {name: part.n_frames for name, part in begun.validation.items()} == {'melt': 9}


def scaled(part: Frames, factor: float) -> DatasetData:
    """The frames of a cell that was squeezed."""
    squeezed = replace(part, positions=part.positions * factor, cells=part.cells * factor)
    return DatasetData.from_frames(squeezed, method={'engine': 'lammps'})


def test_models_that_do_not_fit_the_data_are_left_aside(aiida_profile_clean, fake_dp):
    """Atoms with more neighbours than the models take in: a cold start with its own parameters, said in the ledger."""
    melt = silica()
    models = {f'seed_{i}': PotentialData.from_potential(model_of(i)) for i in (1, 2)}
    changes = {**CHANGES, 'warm': {'parameters': {'training': {'numb_steps': 50}}}}
    data = {'melt': melt, 'dense': scaled(next(iter(melt.iter_frames()))[:8], 0.6)}
    builder = TrainWorkChain.get_builder_from_protocol(fake_dp('dp-cold'), data, 'tiny', changes, warm_start=models)
    outputs, node = run_get_node(builder)
    assert node.is_finished_ok, node.exit_message
    used = calls_of(node)['train_seed_2'].inputs.train
    assert 'warm_start' not in used
    assert used.parameters['training']['numb_steps'] == 100
    ledger = outputs['ledger'].get_dict()
    assert sorted(ledger) == ['warm_start_seed_1', 'warm_start_seed_2']
    assert 'an atom of the data has more neighbours than the model takes in: ' in ledger['warm_start_seed_2']['reason']
    assert ledger['warm_start_seed_2']['then'] == 'trained from nothing'


def test_a_warm_start_that_fails_is_begun_from_nothing(aiida_profile_clean, fake_dp):
    """Of no use is a model that dp refuses: also where every member met the same."""
    code = fake_dp('dp-warm-fails', FAKE_DP_FAIL=','.join(str(training_seed(5, number)) for number in (1, 2)))
    models = {f'seed_{i}': PotentialData.from_potential(model_of(i)) for i in (1, 2)}
    builder = TrainWorkChain.get_builder_from_protocol(
        code, {'silica': silica()}, 'tiny', CHANGES, seed=5, warm_start=models
    )
    outputs, node = run_get_node(builder)
    assert node.is_finished_ok, node.exit_message
    calls = calls_of(node)
    assert 'warm_start' in calls['train_seed_1'].inputs.train
    assert 'warm_start' not in calls['train_seed_1_again_1'].inputs.train
    assert sorted(outputs['ledger'].get_dict()) == ['train_seed_1', 'train_seed_2']

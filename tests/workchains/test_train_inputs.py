"""Seeds, division of the data and refusals of a committee's training, before anything is run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from aiida import orm

from aiida_glassion.data.dataset import DatasetData
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.frames import Frames
from aiida_glassion.potentials.deepmd import deepmd_potential
from aiida_glassion.workchains import protocols
from aiida_glassion.workchains.train import TrainWorkChain
from aiida_glassion.workchains.train_inputs import BOTH, TEST, TRAINING, assign_parts, count_split, member_seed

SPLIT = {'test_fraction': 0.1, 'test_formulas': [], 'validation_fraction': 0.1}


def systems(**formulas: int) -> list[dict]:
    return [{'name': name, 'formula': name, 'n_frames': number} for name, number in formulas.items()]


def frames(n: int = 30, symbols=('O', 'O', 'Si'), virials: bool = True, seed: int = 1) -> Frames:
    generator = np.random.default_rng(seed)
    return Frames(
        symbols,
        generator.random((n, len(symbols), 3)) * 6,
        np.repeat(6 * np.eye(3)[None], n, axis=0),
        energies=generator.normal(size=n),
        forces=generator.normal(size=(n, len(symbols), 3)),
        virials=generator.normal(size=(n, 3, 3)) if virials else None,
    )


def dataset(*parts: Frames, method=None, **more) -> DatasetData:
    return DatasetData.from_frames(parts or [frames(**more)], method=method or {'engine': 'test'})


def test_seeds_do_not_change_when_the_committee_grows():
    seeds = [member_seed(5, number, attempt) for number in range(1, 9) for attempt in range(3)]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert member_seed(5, 3) == seeds[6]
    assert member_seed(6, 3) != member_seed(5, 3)


def test_parts_by_fraction_and_by_formula():
    data = {'a': systems(O2Si1=10, O4Si2=1), 'b': systems(O2Si1=1), 'c': systems(O4Si2=5)}
    assert assign_parts(data, SPLIT) == {'a': BOTH, 'b': TRAINING, 'c': BOTH}
    by_formula = {**SPLIT, 'test_formulas': ['O4Si2']}
    assert assign_parts(data, by_formula) == {'a': BOTH, 'b': TRAINING, 'c': TEST}
    assert count_split(data, by_formula, 1, False) == {'training': 10, 'validation': 1, 'test': 6}
    assert count_split(data, SPLIT, 1, False) == {'training': 13, 'validation': 2, 'test': 2}
    assert count_split(data, SPLIT, 1, True) == {'training': 15, 'validation': 2, 'test': 0}


@pytest.mark.parametrize(
    ('data', 'changes', 'words'),
    [
        (systems(O2Si1=1, O4Si2=1), {}, r'2 frame\(s\), none of the same composition'),
        (systems(O2Si1=9), {'test_fraction': 0}, 'expected a fraction between 0 and 1'),
        (systems(O2Si1=9), {'test_formulas': ['O2Si']}, "no frames of O2Si; did you mean 'O2Si1'"),
        (systems(O2Si1=9), {'test_formulas': ['O2Si1']}, 'nothing would be left to learn from'),
    ],
)
def test_data_that_cannot_be_divided(data, changes, words):
    with pytest.raises(ValueError, match=words):
        assign_parts({'a': data}, {**SPLIT, **changes})


def refusal(code, data=None, **more) -> str:
    changes = more.pop('settings', {})
    try:
        builder = TrainWorkChain.get_builder_from_protocol(code, data or {'a': dataset()}, 'tiny', **more)
        builder.settings = orm.Dict({**builder.settings.get_dict(), **changes})
    except ValueError as error:
        return str(error)
    ports = TrainWorkChain.spec().inputs
    problem = ports.validate(ports.pre_process(builder._inputs(prune=True)))
    return '' if problem is None else problem.message


def test_a_builder_of_every_protocol_is_valid(aiida_profile_clean, dp_code):
    for name in protocols.available('train'):
        builder = TrainWorkChain.get_builder_from_protocol(dp_code, {'a': dataset()}, name, seed=4, committee=3)
        ports = TrainWorkChain.spec().inputs
        assert ports.validate(ports.pre_process(builder._inputs(prune=True))) is None, name
        assert builder.settings['committee'] == 3
        assert builder.settings['protocol'] == name


def test_what_makes_no_sense_is_refused(aiida_profile_clean, dp_code):
    assert refusal(dp_code) == ''
    assert 'none of the same composition' in refusal(dp_code, {'a': dataset(n=1)})
    assert 'virials' in refusal(dp_code, {'a': dataset(virials=False)})
    other = {'a': dataset(), 'b': dataset(method={'engine': 'other'})}
    assert 'datasets.a and datasets.b were labelled differently' in refusal(dp_code, other)
    assert 'test.t: Na is not in the datasets to learn from' in refusal(
        dp_code, test={'t': dataset(symbols=('O', 'Na', 'Si'))}
    )
    assert 'expected 0 to 2147483647' in refusal(dp_code, seed=2**31)
    assert 'max_concurrent: 0 given' in refusal(dp_code, max_concurrent=0)
    assert 'settings.committee: 0 given, expected a whole number, 1 to 100' in refusal(dp_code, committee=0)
    assert "did you mean 'retries'" in refusal(dp_code, settings={'retires': 2})
    assert 'settings.parameters' in refusal(
        dp_code, settings={'parameters': {**protocols.load('train', 'tiny')['parameters'], 'learning_rat': {}}}
    )
    assert 'settings.backend' in refusal(dp_code, settings={'backend': 'tensorflw'})
    models = {'seed_1': PotentialData.from_library('pmmcs', elements=['O', 'Si'])}
    assert '1 model(s) for a committee of 2' in refusal(dp_code, warm_start=models)
    silica = (Path(__file__).parent.parent / 'fixtures' / 'deepmd' / 'silica_1.pb').read_bytes()
    model = PotentialData.from_potential(deepmd_potential(silica, ['O', 'Si'], 4.0))
    sodium = {'a': dataset(symbols=('O', 'Na', 'Si'))}
    assert refusal(dp_code, sodium, warm_start={'seed_1': model, 'seed_2': model}) == ''  # a cold start, see why_cold
    with pytest.raises(ValueError, match="protocol 'tinny' is not known; did you mean 'tiny'"):
        TrainWorkChain.get_builder_from_protocol(dp_code, {'a': dataset()}, 'tinny')


def test_the_split_of_a_committee_is_the_one_counted(aiida_profile_clean):
    from aiida_glassion.functions.dataset import split_dataset

    node = dataset(frames(20), frames(7, symbols=('O', 'O', 'O', 'O', 'Si', 'Si')))
    parts = split_dataset(node, orm.Dict({'fraction': 0.1, 'seed': 3}))
    watched = split_dataset(parts['train'], orm.Dict({'fraction': 0.1, 'seed': 3}))
    counted = count_split({'a': node.systems}, SPLIT, 3, False)
    found = {
        'training': watched['train'].n_frames,
        'validation': watched['test'].n_frames,
        'test': parts['test'].n_frames,
    }
    assert counted == found

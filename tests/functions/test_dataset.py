"""Calcfunctions on datasets: what goes in comes out, with its method and shifts, and the reason for what does not."""

from __future__ import annotations

import numpy as np
import pytest
from aiida import orm

from aiida_glassion.data.dataset import DatasetData
from aiida_glassion.data.frames import FramesData
from aiida_glassion.frames import Frames
from aiida_glassion.functions.dataset import (
    dataset_from_frames,
    frames_of_dataset,
    merge_datasets,
    report_dataset,
    select_frames,
    shift_energies,
    split_dataset,
)

pytestmark = pytest.mark.usefixtures('aiida_profile_clean')
PBE = {'engine': 'vasp', 'functional': 'PBE'}
ATOMS = {'Na': -1.0, 'O': -430.0, 'Si': -107.0}


def labelled(symbols, n_frames, seed):
    rng = np.random.default_rng(seed)
    shape = (n_frames, len(symbols), 3)
    return Frames(
        symbols,
        rng.random(shape) * 9,
        np.eye(3) * 9 + rng.normal(scale=0.1, size=(n_frames, 3, 3)),
        energies=sum(ATOMS[s] for s in symbols) + rng.normal(size=n_frames),
        forces=rng.normal(size=shape),
        virials=rng.normal(size=(n_frames, 3, 3)),
    )


SILICA, SODA = labelled(('Si', 'O', 'O'), 40, 1), labelled(('Na', 'Na', 'O'), 20, 2)
PEROXIDE = labelled(('Na', 'O'), 5, 3)


def energies_of(node):
    return np.sort(np.concatenate([part.energies for part in node.iter_frames()]))


def test_from_frames_and_merged():
    first = dataset_from_frames(orm.Dict(PBE), a=FramesData(frames=SILICA), b=FramesData(frames=SODA[:5]))
    second = dataset_from_frames(orm.Dict(PBE), a=FramesData(frames=SODA[5:]))
    merged = merge_datasets(a=first, b=second)
    assert merged.is_stored
    assert merged.formulas == {'Na2O1': 20, 'O2Si1': 40}
    assert merged.method == PBE
    np.testing.assert_array_equal(energies_of(merged), np.sort(np.concatenate([SILICA.energies, SODA.energies])))
    assert merged.content_hash == DatasetData.from_frames([SILICA, SODA]).content_hash
    other = DatasetData.from_frames(SODA, {**PBE, 'functional': 'LDA'})
    with pytest.raises(ValueError, match=r"a and b were labelled differently \(functional: 'PBE' and 'LDA'\)"):
        merge_datasets(a=first, b=other)


def test_split_by_seed():
    dataset = DatasetData.from_frames([SILICA, SODA], PBE, {'O': -1.0})
    parts = split_dataset(dataset, orm.Dict({'fraction': 0.1, 'seed': 3}))
    train, test = parts['train'], parts['test']
    assert test.formulas == {'Na2O1': 2, 'O2Si1': 4}
    assert train.n_frames == 54
    joined = np.sort(np.concatenate([energies_of(train), energies_of(test)]))
    np.testing.assert_array_equal(joined, energies_of(dataset))
    assert test.method == PBE
    assert test.energy_shifts == {'O': -1.0}
    again = split_dataset(dataset, orm.Dict({'fraction': 0.1, 'seed': 3}))['test']
    other = split_dataset(dataset, orm.Dict({'fraction': 0.1, 'seed': 4}))['test']
    assert again.content_hash == test.content_hash != other.content_hash


def test_split_by_formula():
    dataset = DatasetData.from_frames([SILICA, SODA], PBE)
    parts = split_dataset(dataset, orm.Dict({'held_out': ['Na2O1']}))
    assert parts['test'].formulas == {'Na2O1': 20}
    assert parts['train'].formulas == {'O2Si1': 40}
    with pytest.raises(ValueError, match='expected fraction and seed'):
        split_dataset(dataset, orm.Dict({'fraction': 0.1}))


def test_energies_are_shifted_and_come_back():
    dataset = DatasetData.from_frames([SILICA, SODA, PEROXIDE], PBE)
    fitted = shift_energies(dataset, orm.Dict({'kind': 'least_squares'}))
    assert fitted['report']['rank'] == 3
    assert fitted['dataset'].energy_shifts == pytest.approx(ATOMS, abs=2.0)
    assert np.abs(energies_of(fitted['dataset'])).max() < 5
    given = shift_energies(fitted['dataset'], orm.Dict({'kind': 'given', 'shifts': ATOMS}))['dataset']
    assert given.energy_shifts == ATOMS
    offset = sum(ATOMS[s] for s in SILICA.symbols)
    [silica] = list(given.iter_frames('O2Si1'))
    np.testing.assert_allclose(silica.energies, SILICA.energies - offset, atol=1e-9)
    back = shift_energies(given, orm.Dict({'kind': 'none'}))['dataset']
    assert back.energy_shifts == {}
    np.testing.assert_allclose(energies_of(back), energies_of(dataset), atol=1e-9)
    with pytest.raises(ValueError, match='no energy shift is given for Na, Si'):
        shift_energies(dataset, orm.Dict({'kind': 'given', 'shifts': {'O': 1.0}}))
    with pytest.raises(ValueError, match="kind: 'mean' is none of least_squares, isolated_atoms, given, none"):
        shift_energies(dataset, orm.Dict({'kind': 'mean'}))


def test_shifted_and_unshifted_do_not_merge():
    plain = DatasetData.from_frames(SILICA, PBE)
    shifted = shift_energies(plain, orm.Dict({'kind': 'given', 'shifts': ATOMS}))['dataset']
    with pytest.raises(ValueError, match='different energy shifts of O, Si'):
        merge_datasets(a=plain, b=shifted)


def test_what_stands_out_is_reported_and_left_out_with_its_reason():
    silica = Frames.concatenate([SILICA, SILICA[[5]]])
    silica.forces[3, 1] = [0, 80.0, 0]
    dataset = DatasetData.from_frames([silica, SODA], PBE)
    report = report_dataset(dataset, orm.Dict({})).get_dict()
    assert report['n_frames'] == 61
    assert [entry['frame'] for entry in report['outliers']] == [23]
    assert report['duplicates'] == [{'frame': 60, 'of': 25}]
    selected = select_frames(dataset, orm.Dict({'largest_force': 60.0}))
    assert selected['dataset'].formulas == {'Na2O1': 20, 'O2Si1': 39}
    ledger = selected['ledger'].get_dict()
    assert ledger['refused'] == [
        {'frame': 23, 'system': 'O2Si1', 'in_system': 3, 'reason': 'a force of 80.0 eV/Å; the limit is 60'},
        {'frame': 60, 'system': 'O2Si1', 'in_system': 40, 'reason': 'the same geometry as frame 25 of the dataset'},
    ]
    assert (ledger['n_frames'], ledger['n_refused']) == (61, 2)
    kept = select_frames(dataset, orm.Dict({'outliers': False}))['dataset']
    assert kept.n_frames == 60


def test_configurations_come_out_without_their_labels():
    many = labelled(('Si', 'O', 'O'), 1100, 4)
    configurations = frames_of_dataset(DatasetData.from_frames([many, SODA], PBE))
    assert {name: node.n_frames for name, node in configurations.items()} == {'Na2O1': 20, 'O2Si1': 1100}
    found = configurations['O2Si1'].frames
    np.testing.assert_array_equal(found.positions, many.sorted_by_element().positions)
    np.testing.assert_array_equal(found.cells, many.cells)
    assert found.symbols == ('O', 'O', 'Si')
    assert set(found.arrays()) <= {'positions', 'cells', 'steps'}
